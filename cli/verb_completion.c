/* SPDX-License-Identifier: MIT */
/* fovea completion: completion scripts for shells, and man pages, made from the tables of verbs and options. The build
 * runs this verb and installs its output. */
#include "man_page.h"
#include "options.h"
#include "output.h"
#include <string.h>

/* ---- bash -------------------------------------------------------------------------------------------------------- */

static void print_bash(FILE *out)
{
    const struct cli_option *o;
    fputs("# bash completion of fovea, written by \"fovea completion bash\"\n_fovea() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"help",
          out);
    for (size_t i = 0; i < verb_table_count; i++) {
        fprintf(out, " %s", verb_table[i]->name);
    }
    fputs("\" -- \"$word\"))\n        return\n    fi\n    case $verb in\n", out);
    for (size_t i = 0; i < verb_table_count; i++) {
        fprintf(out, "    %s)\n        case $before in\n", verb_table[i]->name);
        for (int k = 0; (o = options_at(verb_table[i], k)) != NULL; k++) {
            if (o->kind == OPTION_CHOICE) {
                fprintf(out, "        --%s) words=\"", o->name);
                for (int c = 0; o->choices[c] != NULL; c++) {
                    fprintf(out, "%s%s", c > 0 ? " " : "", o->choices[c]);
                }
                fputs("\" ;;\n", out);
            }
        }
        fputs("        esac\n        [ -n \"$words\" ] || case $word in -*) words=\"--help", out);
        for (int k = 0; (o = options_at(verb_table[i], k)) != NULL; k++) {
            fprintf(out, " --%s", o->name);
        }
        fputs("\" ;; esac\n        ;;\n", out);
    }
    fputs("    esac\n    if [ -n \"$words\" ]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n    else\n"
          "        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
          "complete -o filenames -o bashdefault -F _fovea fovea\n",
          out);
}

/* ---- zsh --------------------------------------------------------------------------------------------------------- */

/* Prints text within single quotes, escaping [ ] and :, which _arguments interprets. */
static void print_zsh_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else if (strchr("[]:\\", *text) != NULL) {
            fprintf(out, "\\%c", *text);
        } else {
            fputc(*text, out);
        }
    }
}

static void print_zsh(FILE *out)
{
    const struct cli_option *o;
    fputs("#compdef fovea\n# zsh completion of fovea, written by \"fovea completion zsh\"\n_fovea() {\n"
          "    local -a verbs\n    if (( CURRENT == 2 )); then\n        verbs=(\n",
          out);
    for (size_t i = 0; i < verb_table_count; i++) {
        fprintf(out, "            '%s:", verb_table[i]->name);
        print_zsh_text(out, verb_table[i]->summary);
        fputs("'\n", out);
    }
    fputs("        )\n        _describe verb verbs\n        return\n    fi\n    local verb=$words[2]\n    shift words\n"
          "    (( CURRENT-- ))\n    case $verb in\n",
          out);
    for (size_t i = 0; i < verb_table_count; i++) {
        fprintf(out, "    %s)\n        _arguments \\\n", verb_table[i]->name);
        for (int k = 0; (o = options_at(verb_table[i], k)) != NULL; k++) {
            fprintf(out, "            '--%s%s[", o->name, o->kind == OPTION_FLAG ? "" : "=");
            print_zsh_text(out, o->doc);
            fputc(']', out);
            if (o->kind != OPTION_FLAG) {
                fputc(':', out);
                print_zsh_text(out, o->argument != NULL ? o->argument : "value");
                fputs(o->kind == OPTION_CHOICE ? ":(" : ":_files", out);
                for (int c = 0; o->kind == OPTION_CHOICE && o->choices[c] != NULL; c++) {
                    fprintf(out, "%s%s", c > 0 ? " " : "", o->choices[c]);
                }
                fputs(o->kind == OPTION_CHOICE ? ")" : "", out);
            }
            fputs("' \\\n", out);
        }
        fputs("            '*:file:_files'\n        ;;\n", out);
    }
    fputs("    esac\n}\n_fovea \"$@\"\n", out);
}

/* ---- fish -------------------------------------------------------------------------------------------------------- */

static void print_fish_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        fprintf(out, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    fputc('\'', out);
}

static void print_fish(FILE *out)
{
    const struct cli_option *o;
    fputs("# fish completion of fovea, written by \"fovea completion fish\"\n", out);
    for (size_t i = 0; i < verb_table_count; i++) {
        const struct verb *verb = verb_table[i];
        fprintf(out, "complete -c fovea -n __fish_use_subcommand -f -a %s -d ", verb->name);
        print_fish_text(out, verb->summary);
        fputc('\n', out);
        for (int k = 0; (o = options_at(verb, k)) != NULL; k++) {
            fprintf(out, "complete -c fovea -n '__fish_seen_subcommand_from %s' -l %s", verb->name, o->name);
            if (o->letter != '\0') {
                fprintf(out, " -s %c", o->letter);
            }
            fputs(o->kind == OPTION_FLAG ? "" : o->kind == OPTION_CHOICE ? " -x -a '" : " -r", out);
            for (int c = 0; o->kind == OPTION_CHOICE && o->choices[c] != NULL; c++) {
                fprintf(out, "%s%s", c > 0 ? " " : "", o->choices[c]);
            }
            fputs(o->kind == OPTION_CHOICE ? "' -d " : " -d ", out);
            print_fish_text(out, o->doc);
            fputc('\n', out);
        }
    }
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

static int run(struct cli *cli)
{
    static const struct {
        const char *name;
        void (*print)(FILE *out);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const char *name = cli->arguments[0], *verb = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    if (strcmp(name, "man") == 0) {
        return man_page(cli, verb);
    }
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(name, shells[i].name) == 0 && verb == NULL) {
            shells[i].print(cli->out);
            return EXIT_OK;
        }
    }
    return fail(cli, EXIT_USAGE, "fovea completion is for bash, zsh and fish, and \"man [VERB]\" for pages");
}

static const struct cli_option options[] = {{.name = NULL}};

const struct verb verb_completion = {
    .name = "completion",
    .summary = "what shells complete, and pages for man",
    .run = run,
    .options = options,
    .arguments = "bash | zsh | fish | man [VERB]",
    .minimum_arguments = 1,
    .maximum_arguments = 2,
    .help = "Prints what makes a shell complete fovea's verbs, options and choices, or a page for man, from the same tables "
            "that --help shows. An installed fovea has all of them in place.",
    .examples = "source <(fovea completion bash)\n"
                "fovea completion zsh > ~/.zfunc/_fovea\n"
                "fovea completion fish > ~/.config/fish/completions/fovea.fish\n"
                "fovea completion man train | man -l -\n",
};
