/* SPDX-License-Identifier: MIT */
/* Reading a command line by a verb's table, and asking what it said. Nothing here prints or ends the process. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli.h"

/** Options every verb has; ended by one without name. */
extern const struct cli_option common_options[];
/** --val-split, --val-last and --val-list, of verbs that read data. */
extern const struct cli_option data_options[];

/** Fills cli->value and cli->arguments from words[count] (behind the verb). 0, or EXIT_USAGE with one sentence in
 *  problem. `arguments` has room for `count` words and must outlive cli. */
int options_parse(struct cli *cli, const struct verb *verb, int count, char **words, const char **arguments,
                  char *problem, size_t size);

/** The tables of a verb one after another; NULL where it has none there. */
enum { OPTION_TABLES = 5 };
const struct cli_option *options_table(const struct verb *verb, int index);

/** All options of a verb by their number, those of its own first; NULL behind the last. */
const struct cli_option *options_at(const struct verb *verb, int index);

/** Sets an option as if it had been typed, unless it was. `text` is kept. EXIT_USAGE after a sentence in problem: there
 *  is no such option, or the value is none of its. */
int options_preset(struct cli *cli, const char *name, const char *text, char *problem, size_t size);

/** Is there a --help or -h that is meant as one? */
bool options_want_help(int count, char **words);

/** The same of --quiet, -q and --json: remarks before options are read are not wanted. */
bool options_want_quiet(int count, char **words);

/** The option of that name, or NULL. `index` receives its place in cli->value; may be NULL. */
const struct cli_option *options_find(const struct verb *verb, const char *name, int *index);

/* What an option came to. The name must be in the verb's table or a common one: anything else is a slip in cli/. */
const struct cli_value *option(const struct cli *cli, const char *name);
bool option_given(const struct cli *cli, const char *name);
bool option_flag(const struct cli *cli, const char *name);
int64_t option_integer(const struct cli *cli, const char *name);
uint64_t option_natural(const struct cli *cli, const char *name);
double option_number(const struct cli *cli, const char *name);
const char *option_text(const struct cli *cli, const char *name);

/** Decimal digits alone, up to 18446744073709551615. */
bool options_natural(const char *text, uint64_t *value);

/** Whole numbers in [minimum, maximum] separated by `separator`: "3x32x32", "1,5,9". Answers how many (at most
 *  `limit`), or -1. */
int options_numbers(const char *text, char separator, int64_t minimum, int64_t maximum, int64_t *number, int limit);

#endif
