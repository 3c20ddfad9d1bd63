/* SPDX-License-Identifier: MIT */
/* NumPy's .npy: one array in one file (NEP 1; versions 1.0, 2.0 and 3.0). Magic, version, header length, a header that
 * is the text of a Python dict, then the elements. Reading is strict, evaluates no Python, loads no pickles, and copies
 * nothing until asked to. Writing goes through base/file.h, so that the old file survives any failure. */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "base/file.h"
#include "tensor/shape.h"

enum {
    NPY_MAX_HEADER = 10000, /**< bytes, NumPy's own limit (max_header_size of numpy.load) */
    NPY_ALIGNMENT = 64      /**< files we write start their elements at a multiple of this, as NumPy's do */
};

struct npy {
    fov_dtype      dtype;
    fov_shape      shape;
    bool           fortran_order; /**< the first dimension is the contiguous one */
    bool           swapped;       /**< elements are big-endian */
    const uint8_t *data;          /**< as stored, inside the bytes that were parsed; not aligned */
    size_t         count, bytes;  /**< elements; bytes of data */
};

/** Reads the header and checks that exactly its elements follow. `name` is for messages; `npy` points into `bytes`. */
int npy_parse(struct npy *npy, const char *name, const uint8_t *bytes, size_t size, struct error *error);
/** Copies the elements out: dense, plain order (last dimension contiguous), this machine's byte order, bools 0 or 1.
 *  `data` must have room for npy->bytes bytes. */
void npy_copy(const struct npy *npy, void *data);
/** Writes an array of a known shape; `data` is dense and in plain order. `system` NULL: the real file system. */
int npy_write(const char *path, fov_dtype dtype, const fov_shape *shape, const void *data,
              const struct file_system *system, struct error *error);

#endif
