/* SPDX-License-Identifier: MIT */
/* How much memory a JSON text becomes, before a parser that nobody can limit is let loose on it. */
#ifndef IO_JSON_SIZE_H
#define IO_JSON_SIZE_H

#include <stddef.h>

/** Bytes that jansson takes for `json` at most, whatever it says: an object or a list of 3 characters is more than 200
 *  bytes. To be held against a limit (memory_hold) while the parsed text lives. */
size_t json_size(const char *json, size_t length);

#endif
