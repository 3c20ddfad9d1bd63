/* SPDX-License-Identifier: MIT */
/* How verbs print: results to cli->out, one sentence to standard error when something fails. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "append.h"
#include "cli.h"

/** Finds out what standard output is (terminal, width, colours, UTF-8) and opens the buffer. 0, or EXIT_MEMORY. */
int output_open(struct cli *cli);
/** Writes everything printed so far to standard output. 0, or EXIT_IO when a write failed; a closed pipe is no
 *  failure. */
int output_commit(struct cli *cli);
/** Discards what was not committed, and closes the buffer. */
void output_close(struct cli *cli);

/** Prints "fovea train: SENTENCE" on standard error and returns `code`. */
int fail(const struct cli *cli, int code, const char *format, ...) CLI_PRINTF(3, 4);
/** The same with the library's sentence and the exit code of its status. */
int fail_library(const struct cli *cli);
/** The same for a path that cannot be opened, with EXIT_IO; `reason`: errno. All verbs use this sentence. */
int fail_path(const struct cli *cli, const char *path, int reason);
/** Prints a remark, which is no failure, on standard error; nothing with --quiet. */
void remark(const struct cli *cli, const char *format, ...) CLI_PRINTF(2, 3);
int exit_code(fov_status status);

/** Makes text from outside (names of files, classes, layers) safe for a terminal: control characters and broken UTF-8
 *  become '?'. At most size - 1 bytes. Returns out. */
const char *show_clean(char *out, size_t size, const char *text);
enum { SHOWN_SIZE = 4352 /* bytes that hold any path whole, and a few words */ };

enum { NUMBER_SIZE = 48, SHAPE_SIZE = 192 };
const char *show_count(char out[NUMBER_SIZE], int64_t number);     /**< 1234567 -> "1,234,567" */
const char *show_bytes(char out[NUMBER_SIZE], double bytes);       /**< "241.0 KiB" */
const char *show_seconds(char out[NUMBER_SIZE], double seconds);   /**< "3.2 s", "4:05", "1:02:03" */
const char *show_shape(char out[SHAPE_SIZE], const fov_shape *shape); /**< "[N, 6, 28, 28]" */

/** Prints text in lines of at most `width` columns, all but the first indented; the cursor is already at `column`. */
void print_wrapped(FILE *out, const char *text, int column, int indent, int width);

/** Prints a field of CSV (RFC 4180), in quotes where it needs them. */
void print_csv_field(FILE *out, const char *text);

/** Escape sequences, "" without colours. */
const char *style_bold(const struct cli *cli);
const char *style_faint(const struct cli *cli);
const char *style_good(const struct cli *cli);
const char *style_bad(const struct cli *cli);
const char *style_off(const struct cli *cli);

/** Prints a horizontal bar of `columns` cells, the fraction `share` filled, in eighths of a cell with UTF-8. */
void print_bar(const struct cli *cli, FILE *out, double share, int columns);

/** Zeroed memory for the command itself, to be freed with free(); ends the process with a sentence when there is
 *  none. */
void *take_memory(size_t count, size_t size);

#endif
