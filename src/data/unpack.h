/* SPDX-License-Identifier: MIT */
/* gzip, decompressed piece by piece, so that a reader can stop before a decompression bomb fills the memory. */
#ifndef DATA_UNPACK_H
#define DATA_UNPACK_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Deflate's greatest compression ratio: `size` packed bytes unpack to at most UNPACK_MAX_RATIO * size bytes. */
enum { UNPACK_MAX_RATIO = 1032 };

bool unpack_is_gzip(const uint8_t *bytes, size_t size);

/** Receives the next unpacked bytes; a nonzero result stops unpacking, with the error that the sink set. */
typedef int unpack_sink(void *user, const uint8_t *bytes, size_t count, struct error *error);

/** Unpacks all members of a gzip file into the sink. E_INPUT: truncated, damaged (CRC), bytes after the end. */
int unpack_gzip(const uint8_t *bytes, size_t size, struct memory *memory, unpack_sink *sink, void *user,
                struct error *error);

#endif
