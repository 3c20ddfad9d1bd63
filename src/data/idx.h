/* SPDX-License-Identifier: MIT */
/* IDX, MNIST's file format: bytes 0 0, a type, the rank, big-endian dimensions, elements (LeCun, Cortes and Burges,
 * "The MNIST database of handwritten digits"). Only unsigned bytes are read: nothing else is in use. Next: idx.c. */
#ifndef DATA_IDX_H
#define DATA_IDX_H

#include "base/error.h"
#include "base/memory.h"
#include <stddef.h>
#include <stdint.h>

enum { IDX_MAX_RANK = 3 };

struct idx {
    int rank;
    uint32_t dim[IDX_MAX_RANK];
    uint8_t *bytes; /**< product of dim; memory_free */
    size_t size;
};

/** Reads an IDX file of the given rank (3: pictures, 1: labels) from bytes, plain or gzipped. */
int idx_parse(struct idx *idx, const uint8_t *bytes, size_t size, int rank, struct memory *memory, struct error *error);
/** The same from a file; errors start with its path. */
int idx_read(struct idx *idx, const char *path, int rank, struct memory *memory, struct error *error);

#endif
