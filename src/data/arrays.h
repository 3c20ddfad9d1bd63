/* SPDX-License-Identifier: MIT */
/* Pictures from NumPy's arrays (.npy): uint8 arrays are pixels, arrays of floats are numbers that a network takes as
 * they are. One array may hold several pictures. pictures.c calls this; io/npy.h reads the file. */
#ifndef DATA_ARRAYS_H
#define DATA_ARRAYS_H

#include "base/file.h"
#include "device/context.h"
#include <fovea/dataset.h>

/** Whether a file (opened by file_map_parts) begins as .npy does. */
bool array_is(const struct file_map *map);
/** How many pictures the array holds: N of [N, C, H, W] or [N, H, W, C], else 1. `path` is for error messages. */
int array_count(const struct file_map *map, const char *path, int64_t *count, struct error *error);
/** Reads picture `index`, and no other part of the file. Of uint8: .pixels; of floats, which are refused unless `floats`:
 *  .values, and as .pixels a picture of them, black at the least number and white at the greatest. The caller frees it
 *  (fov_image_free), also after a failure. */
int array_load(struct fov_context *context, const struct file_map *map, const char *path, int64_t index, bool floats,
               fov_image *image, struct error *error);

#endif
