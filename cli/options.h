/* SPDX-License-Identifier: MIT */
/* Parsing a command line by a verb's table, and the values of its options. Nothing here prints or ends the process,
 * except that option() ends it for a name that is in no table. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli.h"

/** Options every verb has; ended by one without name. */
extern const struct cli_option common_options[];
/** --val-split, --val-last and --val-list, of verbs that read data. */
extern const struct cli_option data_options[];

/** Fills cli->value and cli->arguments from words[count], the words after the verb. 0, or EXIT_USAGE with one sentence
 *  in problem. `arguments` has room for `count` words and must outlive cli. */
int options_parse(struct cli *cli, const struct verb *verb, int count, char **words, const char **arguments,
                  char *problem, size_t size);

/** The tables of a verb, `index` 0 .. OPTION_TABLES - 1; NULL where the verb has no such table. */
enum { OPTION_TABLES = 5 };
const struct cli_option *options_table(const struct verb *verb, int index);

/** All options of a verb by number, its own first; NULL beyond the last. */
const struct cli_option *options_at(const struct verb *verb, int index);

/** Sets an option as if it had been typed, unless it was typed. `text` is kept, not copied. EXIT_USAGE and a sentence
 *  in problem: there is no such option, or it cannot have this value. */
int options_preset(struct cli *cli, const char *name, const char *text, char *problem, size_t size);

/** Whether there is a --help or -h before a "--". */
bool options_want_help(int count, char **words);

/** Whether there is a --quiet, -q or --json before a "--": then remarks made before options are parsed are omitted. */
bool options_want_quiet(int count, char **words);

/** The option of that name, or NULL. `index` receives its place in cli->value; may be NULL. */
const struct cli_option *options_find(const struct verb *verb, const char *name, int *index);

/* The value of an option. The name must be in one of the verb's tables: anything else is a bug in cli/ and ends the
 * process. */
const struct cli_value *option(const struct cli *cli, const char *name);
bool option_given(const struct cli *cli, const char *name);
bool option_flag(const struct cli *cli, const char *name);
int64_t option_integer(const struct cli *cli, const char *name);
uint64_t option_natural(const struct cli *cli, const char *name);
double option_number(const struct cli *cli, const char *name);
const char *option_text(const struct cli *cli, const char *name);

/** Parses an unsigned number: decimal digits only, up to 18446744073709551615. False: it is none. */
bool options_natural(const char *text, uint64_t *value);

/** Parses integers in [minimum, maximum] separated by `separator`: "3x32x32", "1,5,9". Returns how many (at most
 *  `limit`), or -1. */
int options_numbers(const char *text, char separator, int64_t minimum, int64_t maximum, int64_t *number, int limit);

#endif
