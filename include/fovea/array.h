/* SPDX-License-Identifier: MIT */
/* Arrays as NumPy files (.npy), to hand numbers to other programs. */
#ifndef FOVEA_ARRAY_H
#define FOVEA_ARRAY_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Writes an array (dense, last dimension contiguous) as .npy. On failure an existing file at `path` is left as it was.
 *  E_USAGE: an argument is NULL, or a dimension is open (FOV_BATCH); E_IO. */
FOV_API FOV_MUST_CHECK int fov_array_save_npy(fov_context *context, const char *path, fov_dtype dtype,
                                              const fov_shape *shape, const void *data);

#ifdef __cplusplus
}
#endif
#endif
