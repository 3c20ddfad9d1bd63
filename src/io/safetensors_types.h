/* SPDX-License-Identifier: MIT */
/* The element types of safetensors, shared by its reader and writer and by the readers of PyTorch's and Keras'
 * files. */
#ifndef IO_SAFETENSORS_TYPES_H
#define IO_SAFETENSORS_TYPES_H

#include <fovea/types.h>

struct safetensors_type {
    const char *name;
    fov_dtype   dtype; /**< FOV_DTYPE_COUNT: none */
    size_t      bits;  /**< per element */
};

const struct safetensors_type *safetensors_type_named(const char *name); /**< NULL: no such type */
const struct safetensors_type *safetensors_type_of(fov_dtype dtype);     /**< NULL: none */

#define SAFETENSORS_SEAL "fovea.sha256"

#endif
