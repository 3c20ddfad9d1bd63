/* SPDX-License-Identifier: MIT */
/* Writes the help of a verb with groff's man macros, in the usual sections of a man page. */
#include "man_page.h"
#include "help.h"
#include "options.h"
#include "output.h"
#include <ctype.h>
#include <string.h>

static const struct {
    int code;
    const char *meaning;
} exits[] = {
    {EXIT_OK, "all went well"},
    {EXIT_INTERNAL, "fovea is at fault"},
    {EXIT_USAGE, "the command line is not understood, names what is unknown, or asks for what does not go together"},
    {EXIT_INPUT, "a file, folder or dataset was opened, and is damaged, does not fit, or is of an unknown kind"},
    {EXIT_IO, "nothing is there, or the system refused to read or write; a folder where only a file can be meant, or a file where "
              "only a folder"},
    {EXIT_MEMORY, "memory is short"},
    {EXIT_NUMERIC, "a number that decides is not finite"},
    {EXIT_SLOWER, "bench: slower than what it was compared with"},
    {EXIT_NOT_YET, "learn: a check is not passed yet"},
    {EXIT_INTERRUPTED, "stopped by a signal, with a checkpoint where there is a run"},
};

/* Escapes what roff interprets: backslashes, hyphens, and dots and quotes at the beginning of a line. */
static void print_text(FILE *out, const char *text)
{
    bool begins = true;
    for (; *text != '\0'; text++) {
        if (begins && (*text == '.' || *text == '\'')) {
            fputs("\\&", out);
        }
        fputs(*text == '\\' ? "\\e" : *text == '-' ? "\\-" : (char[]){*text, '\0'}, out);
        begins = *text == '\n';
    }
}

static void print_title(FILE *out, const char *name)
{
    char upper[64];
    snprintf(upper, sizeof upper, "%s", name);
    for (char *c = upper; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    fprintf(out, ".TH %s 1 \"\" \"fovea %s\" \"User Commands\"\n.SH NAME\n", upper, fov_version());
}

static void print_options(FILE *out, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o != NULL && o->name != NULL; o++) {
        fputs(".TP\n.B ", out);
        if (o->letter != '\0') {
            fprintf(out, "\\-%c, ", o->letter);
        }
        fputs("\\-\\-", out);
        print_text(out, o->name);
        if (o->kind != OPTION_FLAG) {
            fputs(" \\fI", out);
            print_text(out, o->argument != NULL ? o->argument : "VALUE");
            fputs("\\fR", out);
        }
        fputc('\n', out);
        print_text(out, o->doc);
        for (int c = 0; o->kind == OPTION_CHOICE && o->choices[c] != NULL; c++) {
            fputs(c == 0 ? ": " : ", ", out);
            print_text(out, o->choices[c]);
        }
        if (o->otherwise != NULL || o->standard != NULL) {
            fputs(" [", out);
            print_text(out, o->otherwise != NULL ? o->otherwise : o->standard);
            fputc(']', out);
        }
        fputc('\n', out);
    }
}

static void print_examples(FILE *out, const char *examples)
{
    fputs(".SH EXAMPLES\n.nf\n", out);
    print_text(out, examples);
    fputs(".fi\n", out);
}

static void print_exits(FILE *out)
{
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        fprintf(out, ".TP\n.B %d\n", exits[i].code);
        print_text(out, exits[i].meaning);
        fputc('\n', out);
    }
}

static void print_verb(FILE *out, const struct verb *verb)
{
    char name[64];
    snprintf(name, sizeof name, "fovea-%s", verb->name);
    print_title(out, name);
    print_text(out, name);
    fputs(" \\- ", out);
    print_text(out, verb->summary);
    fprintf(out, "\n.SH SYNOPSIS\n.B fovea %s\n", verb->name);
    if (*verb->arguments != '\0') {
        fputs(".I ", out);
        print_text(out, verb->arguments);
        fputc('\n', out);
    }
    fputs("[options]\n.SH DESCRIPTION\n", out);
    print_text(out, verb->help);
    fputs("\n.SH OPTIONS\nIn brackets: what holds when they are not given.\n", out);
    for (int table = 0; table < OPTION_TABLES - 1; table++) {
        print_options(out, options_table(verb, table));
    }
    fputs(".SH \"OPTIONS OF EVERY VERB\"\n", out);
    print_options(out, common_options);
    print_exits(out);
    print_examples(out, verb->examples);
    fputs(".SH \"SEE ALSO\"\n.BR fovea (1)\n", out);
}

static void print_overview(FILE *out)
{
    print_title(out, "fovea");
    fputs("fovea \\- convolutional networks in C\n.SH SYNOPSIS\n.B fovea\n.I VERB\n[arguments] [options]\n"
          ".SH DESCRIPTION\nTrains, measures, explains and uses convolutional networks on the processor.\n.SH VERBS\n",
          out);
    for (size_t i = 0; i < verb_table_count; i++) {
        fprintf(out, ".TP\n.BR fovea\\-%s (1)\n", verb_table[i]->name);
        print_text(out, verb_table[i]->summary);
        fputc('\n', out);
    }
    print_exits(out);
    fputs(".SH ENVIRONMENT\n"
          ".TP\n.B FOVEA_DATA\nwhere datasets lie and are fetched to\n"
          ".TP\n.B FOVEA_ISA\nthe kernels to use in place of the widest that the machine has\n"
          ".TP\n.B FOVEA_MIRROR\na URL from which datasets are fetched first\n"
          ".TP\n.B NO_COLOR\nset to anything: no colours\n"
          ".TP\n.B COLUMNS\nhow wide tables may be where standard output is no terminal\n",
          out);
}

int man_page(struct cli *cli, const char *name)
{
    const char *suggestion = NULL;
    const struct verb *verb = name != NULL ? help_find(name, &suggestion) : NULL;
    if (name != NULL && verb == NULL) {
        return fail(cli, EXIT_USAGE, "there is no verb \"%.40s\"; \"fovea help\" lists them", name);
    }
    if (verb != NULL) {
        print_verb(cli->out, verb);
    } else {
        print_overview(cli->out);
    }
    return EXIT_OK;
}
