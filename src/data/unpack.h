/* SPDX-License-Identifier: MIT */
/* gzip, unpacked piece by piece, so that a reader can refuse before a bomb has filled the memory. Told by content. */
#ifndef DATA_UNPACK_H
#define DATA_UNPACK_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Deflate cannot do better than this: an upper bound on what `size` packed bytes may hold. */
enum { UNPACK_MAX_RATIO = 1032 };

bool unpack_is_gzip(const uint8_t *bytes, size_t size);

/** Takes the next unpacked bytes; not 0 stops (with the error it set). */
typedef int unpack_sink(void *user, const uint8_t *bytes, size_t count, struct error *error);

/** Unpacks all members of a gzip file into the sink. E_INPUT: truncated, damaged (CRC), bytes after the end. */
int unpack_gzip(const uint8_t *bytes, size_t size, struct memory *memory, unpack_sink *sink, void *user,
                struct error *error);

#endif
