/* SPDX-License-Identifier: MIT */
/* How verbs speak: results to cli->out, one sentence to standard error when something fails. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "append.h"
#include "cli.h"

/** Learns what standard output is (terminal, width, colours, UTF-8) and opens the buffer. 0, or EXIT_MEMORY. */
int output_open(struct cli *cli);
/** Everything printed so far goes out now. 0, or EXIT_IO when the system refused; a reader who went away is no
 *  failure. */
int output_commit(struct cli *cli);
/** Throws away what was not committed, and ends. */
void output_close(struct cli *cli);

/** "fovea train: SENTENCE" on standard error; answers `code`, to be returned. */
int fail(const struct cli *cli, int code, const char *format, ...) CLI_PRINTF(3, 4);
/** The same with the library's sentence and the exit code of its status. */
int fail_library(const struct cli *cli);
/** A path at which there is nothing, or that the system refuses; `reason`: of errno. Every verb's sentence and exit code
 *  for it. */
int fail_path(const struct cli *cli, const char *path, int reason);
/** A remark that is no failure, on standard error; nothing with --quiet. */
void remark(const struct cli *cli, const char *format, ...) CLI_PRINTF(2, 3);
int exit_code(fov_status status);

/** Bytes that did not come from us (names of files, classes, layers) made fit for a terminal: control characters and
 *  broken UTF-8 become '?'. At most size - 1 bytes. Answers out. */
const char *show_clean(char *out, size_t size, const char *text);
enum { SHOWN_SIZE = 4352 /* bytes that hold any path whole, and a few words */ };

enum { NUMBER_SIZE = 48, SHAPE_SIZE = 192 };
const char *show_count(char out[NUMBER_SIZE], int64_t number);     /**< 1234567 -> "1,234,567" */
const char *show_bytes(char out[NUMBER_SIZE], double bytes);       /**< "241.0 KiB" */
const char *show_seconds(char out[NUMBER_SIZE], double seconds);   /**< "3.2 s", "4:05", "1:02:03" */
const char *show_shape(char out[SHAPE_SIZE], const fov_shape *shape); /**< "[N, 6, 28, 28]" */

/** Text in lines of at most `width` columns, each after the first indented; the cursor stands at `column` already. */
void print_wrapped(FILE *out, const char *text, int column, int indent, int width);

/** A field of CSV (RFC 4180): in quotes where it needs them. */
void print_csv_field(FILE *out, const char *text);

/** Escape sequences, "" without colours. */
const char *style_bold(const struct cli *cli);
const char *style_faint(const struct cli *cli);
const char *style_good(const struct cli *cli);
const char *style_bad(const struct cli *cli);
const char *style_off(const struct cli *cli);

/** A horizontal bar of `columns` cells, `share` of it filled; eighths of a cell where the terminal has UTF-8. */
void print_bar(const struct cli *cli, FILE *out, double share, int columns);

/** Memory for the command itself; ends the process with a sentence when there is none. Zeroed. */
void *take_memory(size_t count, size_t size);

#endif
