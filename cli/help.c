/* SPDX-License-Identifier: MIT */
/* Help, made from the verbs' tables: an option added to a table appears in the help without further code. */
#include "help.h"
#include "json.h"
#include "nearest.h"
#include "options.h"
#include "output.h"
#include <stdlib.h>
#include <string.h>

enum { LEFT = 160, RIGHT = 2000 }; /* bytes of an option's two columns */

const struct verb *help_find(const char *name, const char **suggestion)
{
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < verb_table_count; i++) {
        if (strcmp(verb_table[i]->name, name) == 0) {
            return verb_table[i];
        }
        nearest_offer(&nearest, verb_table[i]->name);
    }
    *suggestion = nearest.best;
    return NULL;
}

static int help_width(const struct cli *cli)
{
    return cli->width < 110 ? cli->width : 110;
}

void help_overview(struct cli *cli)
{
    const char *bold = style_bold(cli), *off = style_off(cli);
    int longest = 0;
    for (size_t i = 0; i < verb_table_count; i++) {
        int length = (int)strlen(verb_table[i]->name);
        longest = length > longest ? length : longest;
    }
    fprintf(cli->out, "%sfovea%s %s: convolutional networks in C\n\n", bold, off, fov_version());
    fprintf(cli->out, "usage: fovea VERB [arguments] [options]\n\n");
    for (size_t i = 0; i < verb_table_count; i++) {
        fprintf(cli->out, "  %s%-*s%s  ", bold, longest, verb_table[i]->name, off);
        print_wrapped(cli->out, verb_table[i]->summary, longest + 4, longest + 4, help_width(cli));
    }
    fprintf(cli->out, "\n  fovea VERB --help   options of a verb and examples\n"
                      "  fovea --version     version, machine, build\n\n");
    print_wrapped(cli->out,
                  "Begin with \"fovea train\": it trains lenet5 on MNIST (or, with --data digits, on digits that fovea draws "
                  "itself) and leaves all it learned in runs/train.",
                  0, 0, help_width(cli));
}

static void option_left(char out[LEFT], const struct cli_option *o)
{
    size_t n = o->letter != '\0' ? append_text(out, LEFT, 0, "-%c, --%s", o->letter, o->name)
                                 : append_text(out, LEFT, 0, "--%s", o->name);
    if (o->kind != OPTION_FLAG) {
        append_text(out, LEFT, n, " %s", o->argument != NULL ? o->argument : "VALUE");
    }
}

static void option_right(char out[RIGHT], const struct cli_option *o)
{
    size_t n = append_text(out, RIGHT, 0, "%s", o->doc);
    for (int i = 0; o->kind == OPTION_CHOICE && o->choices[i] != NULL; i++) {
        n = append_text(out, RIGHT, n, "%s%s", i == 0 ? ": " : ", ", o->choices[i]);
    }
    const char *standard = o->otherwise != NULL ? o->otherwise : o->standard;
    if (standard != NULL) {
        append_text(out, RIGHT, n, " [%s]", standard);
    }
}

static void print_options(struct cli *cli, const struct cli_option *options)
{
    char left[LEFT], right[RIGHT];
    for (const struct cli_option *o = options; o != NULL && o->name != NULL; o++) {
        option_left(left, o);
        option_right(right, o);
        fprintf(cli->out, "  %s%-24s%s ", style_bold(cli), left, style_off(cli));
        int column = strlen(left) > 24 ? (int)strlen(left) + 3 : 27;
        if (column > 27) {
            fprintf(cli->out, "\n%27s", "");
        }
        print_wrapped(cli->out, right, 27, 27, help_width(cli));
    }
}

/* Prints a command line that can be copied: long lines are broken with a backslash, never within quotes. */
static void print_example(struct cli *cli, const char *line, int length)
{
    int column = 2;
    fputs("  ", cli->out);
    for (int at = 0; at < length;) {
        char quote = '\0';
        int end = at;
        for (; end < length && (line[end] != ' ' || quote != '\0'); end++) {
            bool is_quote = line[end] == '"' || line[end] == '\'';
            quote = is_quote && quote == '\0' ? line[end] : is_quote && quote == line[end] ? '\0' : quote;
        }
        int rest = end < length ? (int)strlen(" \\") : 0; /* columns to keep for a backslash */
        if (at > 0 && column + 1 + end - at + rest > help_width(cli)) {
            fputs(" \\\n     ", cli->out);
            column = 5;
        }
        column += fprintf(cli->out, "%s%.*s", at > 0 ? " " : "", end - at, line + at);
        at = end < length ? end + 1 : length;
    }
    fputc('\n', cli->out);
}

void help_verb(struct cli *cli, const struct verb *verb)
{
    const char *bold = style_bold(cli), *off = style_off(cli);
    int begun = (int)(strlen("usage: fovea ") + strlen(verb->name)); /* columns */
    fprintf(cli->out, "usage: %sfovea %s%s", bold, verb->name, off);
    if (*verb->arguments != '\0') {
        char words[RIGHT];
        snprintf(words, sizeof words, "%s [options]", verb->arguments);
        fputc(' ', cli->out);
        print_wrapped(cli->out, words, begun + 1, begun + 1, help_width(cli));
    } else {
        fprintf(cli->out, " [options]\n");
    }
    fputc('\n', cli->out);
    print_wrapped(cli->out, verb->help, 0, 0, help_width(cli));
    if (verb->options != NULL && verb->options[0].name != NULL) {
        fprintf(cli->out, "\nOptions [what holds when they are not given]\n");
        print_options(cli, verb->options);
        print_options(cli, verb->more != NULL ? verb->more() : NULL);
    }
    if (verb->reads_data) {
        fprintf(cli->out, "\nSamples for validation, of data without a validation split\n");
        print_options(cli, data_options);
    }
    if (verb->shared != NULL) {
        fprintf(cli->out, "\nPixels and names\n");
        print_options(cli, verb->shared);
    }
    fprintf(cli->out, "\nOptions of every verb\n");
    print_options(cli, common_options);
    fprintf(cli->out, "\nExamples\n");
    for (const char *at = verb->examples; *at != '\0';) {
        int length = (int)strcspn(at, "\n");
        print_example(cli, at, length);
        at += length + (at[length] == '\n');
    }
}

/* ---- version -------------------------------------------------------------------------------------------------- */

static const char *compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "an unknown compiler";
#endif
}

static const char *build_flags(void)
{
    return "C11"
#if defined(__OPTIMIZE__)
           ", optimised"
#else
           ", not optimised"
#endif
#if defined(NDEBUG)
           ", release"
#endif
#if defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0
           ", fortified"
#endif
#if defined(__SANITIZE_ADDRESS__)
           ", address sanitizer"
#endif
#if defined(__SANITIZE_THREAD__)
           ", thread sanitizer"
#endif
        ;
}

extern const char help_commit[]; /* in a file that the build writes: only this changes with a commit */

void help_version(struct cli *cli, bool json)
{
    const char *machine = fov_machine(cli->context), *isa = fov_context_isa(cli->context);
    if (json) {
        json_t *object = json_object();
        json_set_text(object, "version", fov_version());
        json_set_text(object, "commit", help_commit);
        json_set_text(object, "machine", machine);
        json_set_text(object, "isa", isa);
        json_set_integer(object, "threads", fov_context_threads(cli->context));
        json_set_text(object, "compiler", compiler());
        json_set_text(object, "build", build_flags());
        json_print(cli, object);
        return;
    }
    fprintf(cli->out, "fovea %s (commit %s)\n", fov_version(), help_commit);
    fprintf(cli->out, "machine: %s\n", machine);
    fprintf(cli->out, "kernels: %s\n", isa);
    fprintf(cli->out, "build:   %s, %s\n", compiler(), build_flags());
}
