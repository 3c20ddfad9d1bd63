/* SPDX-License-Identifier: MIT */
/* The public functions for arrays as files: io/npy.c with errors reported on a context. */
#include "device/context.h"
#include "io/npy.h"
#include <fovea/array.h>

int fov_array_save_npy(fov_context *context, const char *path, fov_dtype dtype, const fov_shape *shape,
                       const void *data)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (path == NULL || shape == NULL || data == NULL) {
        return call_refuse(context, "fov_array_save_npy: path, shape or data is NULL");
    }
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (shape->rank < 0 || shape->rank > FOV_MAX_RANK) {
        return error_set(error, FOV_E_USAGE, "fov_array_save_npy: a shape of rank %d (0 to %d)", shape->rank,
                         FOV_MAX_RANK);
    }
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) {
            return error_set(error, FOV_E_USAGE, "fov_array_save_npy: dimension %d is %lld", i,
                             (long long)shape->dim[i]);
        }
    }
    return npy_write(path, dtype, shape, data, NULL, error);
}
