/* SPDX-License-Identifier: MIT */
/* How much memory a parsed JSON text takes: asked before jansson runs, whose memory cannot be limited. */
#ifndef IO_JSON_SIZE_H
#define IO_JSON_SIZE_H

#include <stddef.h>

/** The most bytes that jansson can take for `json`, whatever its content: an object or a list of 3 characters takes
 *  more than 200 bytes. Hold them against the limit (memory_hold) while the parsed text lives. */
size_t json_size(const char *json, size_t length);

#endif
