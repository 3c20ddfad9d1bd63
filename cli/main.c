/* SPDX-License-Identifier: MIT */
/* The command: finds the verb, reads its options, runs it, and returns its exit code. Everything else is in one file
 * per verb. */
#include "foreign.h"
#include "help.h"
#include "options.h"
#include "output.h"
#include "overwrite.h"
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int version(struct cli *cli, bool json)
{
    cli->context = fov_context_create(NULL);
    if (cli->context == NULL || fov_error_status(cli->context) != FOV_OK) {
        return fail_library(cli);
    }
    help_version(cli, json);
    return EXIT_OK;
}

static int unknown_verb(struct cli *cli, const char *name, const char *suggestion)
{
    char clean[64];
    show_clean(clean, sizeof clean, name);
    if (suggestion != NULL) {
        return fail(cli, EXIT_USAGE, "unknown verb \"%s\": did you mean \"fovea %s\"?", clean, suggestion);
    }
    return fail(cli, EXIT_USAGE, "unknown verb \"%s\"; \"fovea help\" lists them", clean);
}

/* fovea help [VERB] */
static int help(struct cli *cli, const char *name)
{
    const char *suggestion = NULL;
    if (name == NULL || strcmp(name, "help") == 0) {
        help_overview(cli);
        return EXIT_OK;
    }
    const struct verb *verb = help_find(name, &suggestion);
    if (verb == NULL) {
        return unknown_verb(cli, name, suggestion);
    }
    help_verb(cli, verb);
    return EXIT_OK;
}

static int run_verb(struct cli *cli, const struct verb *verb, int count, char **words)
{
    char problem[512];
    if (options_want_help(count, words)) {
        help_verb(cli, verb);
        return EXIT_OK;
    }
    struct foreign foreign = {.count = 0};
    const char **arguments = take_memory((size_t)count + 1, sizeof *arguments);
    cli->verb = verb;
    int code = foreign_rewrite(verb, count, words, &foreign, problem, sizeof problem);
    if (code == EXIT_OK) {
        code = options_parse(cli, verb, foreign.count, foreign.words, arguments, problem, sizeof problem);
    }
    if (code == EXIT_OK && foreign.note[0] != '\0') {
        remark(cli, "%s", foreign.note);
    }
    if (code != EXIT_OK) {
        fail(cli, code, "%s", problem);
    } else {
        code = overwrite_check(cli);
        code = code == EXIT_OK ? verb->run(cli) : code;
    }
    free(arguments);
    foreign_free(&foreign);
    return code;
}

static int dispatch(struct cli *cli, int count, char **words)
{
    const char *word = count > 0 ? words[0] : "help", *suggestion = NULL;
    char form[4096];
    if (foreign_form(cli->program, count, words, form, sizeof form)) {
        return fail(cli, EXIT_USAGE, "%s", form);
    }
    const struct verb *verb = help_find(word, &suggestion);
    if (verb == NULL && foreign_verb(word) != NULL) {
        verb = help_find(foreign_verb(word), &suggestion);
        if (verb != NULL && !options_want_quiet(count - 1, words + 1)) {
            remark(cli, "\"%s\" is \"fovea %s\" here", word, verb->name);
        }
    }
    if (verb != NULL) {
        return run_verb(cli, verb, count - 1, words + 1);
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return help(cli, count > 1 ? words[1] : NULL);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
        return version(cli, count > 1 && strcmp(words[1], "--json") == 0);
    }
    if (word[0] == '-') {
        char clean[64];
        return fail(cli, EXIT_USAGE, "a verb comes first, not %s; \"fovea help\" lists them",
                    show_clean(clean, sizeof clean, word));
    }
    return unknown_verb(cli, word, suggestion);
}

int main(int count, char **words)
{
    struct cli cli = {.program = count > 0 && words[0][0] != '\0' ? words[0] : "fovea"};
    setlocale(LC_CTYPE, ""); /* the character encoding only: numbers keep their decimal point */
    /* A closed pipe and a file beyond the size limit shall make write() fail, not kill the process. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (output_open(&cli) != EXIT_OK) {
        fputs("fovea: out of memory\n", stderr);
        return EXIT_MEMORY;
    }
    int code = dispatch(&cli, count - 1, words + 1);
    if (code == EXIT_OK) {
        code = output_commit(&cli);
    }
    code = code == EXIT_OK ? cli.output_code : code;
    fov_context_free(cli.context);
    output_close(&cli);
    return code;
}
