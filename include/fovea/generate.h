/* SPDX-License-Identifier: MIT */
/* Pictures that a network generates from noise alone: a generator that fovea trained (`dcgan`, task generate), or any
 * one in an ONNX file with an input [N, numbers] or [N, numbers, 1, 1] and an output [N, 1 or 3, height, width]. */
#ifndef FOVEA_GENERATE_H
#define FOVEA_GENERATE_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_generate_options {
    int      count; /**< 64: pictures */
    uint64_t seed;  /**< 0: seed of the noise; picture i of a seed does not depend on count or threads */
    int      walk;  /**< 0: independent noise for each picture; else how many pictures lead from one noise vector to the
                         next, on the arc between them, the last ones back to the first */
} fov_generate_options;

/** Makes pictures[count]; free each with fov_image_free. Outputs that can be negative (a tanh at the end) are taken as
 *  -1 (black) to 1, others as 0 to 1. E_USAGE: a count outside 1 .. 100,000, or one that .walk does not divide.
 *  E_SHAPE: no input of noise, or no output of pictures that depends on it alone. E_NUMERIC: a number is not finite. On
 *  failure nothing is left to free. `options` may be NULL. */
FOV_API FOV_MUST_CHECK int fov_generate_opt(fov_model *model, const fov_generate_options *options,
                                            fov_image *pictures);
#ifndef __cplusplus
#define fov_generate(model, pictures, ...) \
    fov_generate_opt((model), &(fov_generate_options){__VA_ARGS__}, (pictures))
#endif

/** Writes pictures of one size as one PNG, `across` per row (0: as many as make a square), with two white pixels
 *  between them. */
FOV_API FOV_MUST_CHECK int fov_pictures_save_png(fov_context *context, const fov_image *pictures, int count,
                                                 int across, const char *path);

/** Writes pictures of one size, grey or RGB, as an endless GIF that shows each for `milliseconds` (0: 100); each pixel
 *  becomes a square of `zoom` x `zoom` pixels (0: 1). All pictures share one palette of 256 colours. E_UNSUPPORTED in a
 *  build without GIF. */
FOV_API FOV_MUST_CHECK int fov_pictures_save_gif(fov_context *context, const fov_image *pictures, int count,
                                                 int milliseconds, int zoom, const char *path);

#ifdef __cplusplus
}
#endif
#endif
