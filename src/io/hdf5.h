/* SPDX-License-Identifier: MIT */
/* Everything that an HDF5 file holds as numbers, read at once through libhdf5, which the first call opens
 * (base/library.h). libhdf5 parses; here is checked what it says: sizes and counts against limits, and nothing is
 * followed that leads out of the file. What the numbers mean is not known here: keras_file.c. */
#ifndef IO_HDF5_H
#define IO_HDF5_H

#include "base/memory.h"
#include "tensor/shape.h"

enum {
    HDF5_MOST_DATASETS = 100000,
    HDF5_MOST_DEPTH = 32,
    HDF5_MOST_PATH = 1000,     /**< bytes */
    HDF5_MOST_TEXT = 64 << 20, /**< bytes of an attribute */
    HDF5_ALIGNMENT = 64
};

struct hdf5_dataset {
    char *path;       /**< from the root, without a slash in front: "layers/conv2d/vars/0" */
    char *label;      /**< the attribute "name" of the group around it; NULL: it has none */
    const char *type; /**< safetensors' name: "F32" */
    fov_shape shape;
    const uint8_t *data; /**< dense, plain order, little-endian */
    size_t bytes;
};

struct hdf5_content {
    struct hdf5_dataset *datasets; /**< by path */
    size_t count, capacity;
    uint8_t *block; /**< what `data` points into */
    struct memory *memory;
};

bool hdf5_begins(const uint8_t *bytes, size_t size); /**< whether the bytes begin like such a file */

/** Reads all datasets but those below the groups of the root that are `left_out` (a list ending with NULL). `name`
 *  is for messages. E_UNSUPPORTED: libhdf5 is not here, or the file asks for what is not read; E_INPUT: it is damaged.
 *  *content is to be freed after failures, too. */
int hdf5_read(struct hdf5_content *content, const char *name, const uint8_t *bytes, size_t size,
              const char *const *left_out, struct memory *memory, struct error *error);
void hdf5_free(struct hdf5_content *content); /**< accepts a zeroed one */

#endif
