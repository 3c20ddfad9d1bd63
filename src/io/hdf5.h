/* SPDX-License-Identifier: MIT */
/* Reads all numeric datasets of an HDF5 file at once through libhdf5, which the first call loads (base/library.h).
 * libhdf5 parses the file; this reader checks its answers: sizes and counts against limits, and it follows no link that
 * leads out of the file. keras_file.c knows what the datasets mean. */
#ifndef IO_HDF5_H
#define IO_HDF5_H

#include "base/memory.h"
#include "tensor/shape.h"

enum {
    HDF5_MOST_DATASETS = 100000,
    HDF5_MOST_DEPTH = 32,
    HDF5_MOST_PATH = 1000,     /**< bytes */
    HDF5_MOST_TEXT = 64 << 20, /**< bytes of a string attribute */
    HDF5_ALIGNMENT = 64
};

struct hdf5_dataset {
    char *path;       /**< from the root, without a slash in front: "layers/conv2d/vars/0" */
    char *label;      /**< the attribute "name" of the group that contains it; NULL: that group has none */
    const char *type; /**< element type by its safetensors name: "F32" */
    fov_shape shape;
    const uint8_t *data; /**< dense, plain order, little-endian */
    size_t bytes;
};

struct hdf5_content {
    struct hdf5_dataset *datasets; /**< sorted by path */
    size_t count, capacity;
    uint8_t *block; /**< the elements of all datasets: their `data` points into it */
    struct memory *memory;
};

bool hdf5_begins(const uint8_t *bytes, size_t size); /**< whether the bytes begin with HDF5's signature */

/** Reads all datasets except those below the root's groups named in `left_out` (a list ending with NULL). `name` is
 *  for messages. E_UNSUPPORTED: libhdf5 is not installed, or the file uses a feature that is not read; E_INPUT: the
 *  file is damaged. The caller frees *content, after failures too. */
int hdf5_read(struct hdf5_content *content, const char *name, const uint8_t *bytes, size_t size,
              const char *const *left_out, struct memory *memory, struct error *error);
void hdf5_free(struct hdf5_content *content); /**< accepts zeroed content */

#endif
