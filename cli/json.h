/* SPDX-License-Identifier: MIT */
/* Writing and reading JSON. Values passed to json_set and json_add are owned by the object from then on. Lack of memory
 * ends the process with a sentence. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli.h"
#include <jansson.h>

void json_set(json_t *object, const char *key, json_t *value); /**< owns `value` from here on */
/** Text that may not be UTF-8 (a file name): other bytes become U+FFFD. */
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_integer(json_t *object, const char *key, int64_t number);
void json_set_number(json_t *object, const char *key, double number); /**< null when it is not finite */
void json_set_flag(json_t *object, const char *key, bool flag);
json_t *json_from_text(const char *text);
json_t *json_from_number(double number);
/** [height][width], and [channels][height][width]. */
json_t *json_from_plane(const float *values, int height, int width);
json_t *json_from_planes(const float *values, int channels, int height, int width);
json_t *json_from_shape(const fov_shape *shape); /**< the open batch is "N" */
void json_add(json_t *array, json_t *value);     /**< owns `value` from here on */

/** Reads a regular file as JSON with jansson's `flags`; duplicate keys are refused. NULL: a sentence in `problem`, and
 *  EXIT_IO or EXIT_INPUT in *code. Never blocks: a FIFO or a device is refused. `text` (or NULL) receives the file's
 *  bytes with a terminating 0, which the caller frees; it is not set after a failure. */
json_t *json_read(const char *path, size_t flags, char **text, int *code, char *problem, size_t size);

/** Prints one object on one line of cli->out and frees it. */
void json_print(struct cli *cli, json_t *object);
/** The same with all 17 digits of its doubles. */
void json_print_exactly(struct cli *cli, json_t *object);
/** Writes an object, indented, over `path` atomically and frees it. 0, or -1 with errno. */
int json_save(const char *path, json_t *object);

#endif
