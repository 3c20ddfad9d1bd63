/* SPDX-License-Identifier: MIT */
/* Arrays as files of NumPy: numbers on their way to other programs. */
#ifndef FOVEA_ARRAY_H
#define FOVEA_ARRAY_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Writes an array (dense, last dimension contiguous) as .npy. An old file survives any failure. E_USAGE: a NULL, or a
 *  dimension that is open; E_IO. */
FOV_API FOV_MUST_CHECK int fov_array_save_npy(fov_context *context, const char *path, fov_dtype dtype,
                                              const fov_shape *shape, const void *data);

#ifdef __cplusplus
}
#endif
#endif
