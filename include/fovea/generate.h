/* SPDX-License-Identifier: MIT */
/* Pictures that a network makes of noise alone: a generator that fovea trained (`dcgan`, task generate), or another one
 * in an ONNX file, with an input [N, numbers] or [N, numbers, 1, 1] and an output [N, 1 or 3, height, width]. */
#ifndef FOVEA_GENERATE_H
#define FOVEA_GENERATE_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_generate_options {
    int      count; /**< 64: pictures */
    uint64_t seed;  /**< 0: of the noise; picture i of a seed is always the same one, whatever count and threads */
    int      walk;  /**< 0: noise of its own for each picture; else so many pictures lead from one noise to the next, on
                         the arc between them, and the last ones back to the first */
} fov_generate_options;

/** Makes pictures[count]; each is freed with fov_image_free. A generator that ends in a tanh makes -1 (black) to 1, any
 *  other 0 to 1. E_USAGE: a count beyond 1 to 100,000; a walk that does not divide it. E_SHAPE: no input of noise, or no
 *  output of pictures that follows from it alone. On failure nothing is left to free. `options` may be NULL. */
FOV_API FOV_MUST_CHECK int fov_generate_opt(fov_model *model, const fov_generate_options *options,
                                            fov_image *pictures);
#ifndef __cplusplus
#define fov_generate(model, pictures, ...) \
    fov_generate_opt((model), &(fov_generate_options){__VA_ARGS__}, (pictures))
#endif

/** Writes pictures of one size as one PNG, `across` in a row (0: as many as make a square), two white pixels between
 *  them. */
FOV_API FOV_MUST_CHECK int fov_pictures_save_png(fov_context *context, const fov_image *pictures, int count,
                                                 int across, const char *path);

/** Writes pictures of one size, grey or RGB, as a GIF that shows each for so many milliseconds (0: 100) and begins again
 *  at its end; each pixel becomes a square of `zoom` (0: 1). Of colours 256 are kept, the same ones for all pictures.
 *  E_UNSUPPORTED in a build without GIF. */
FOV_API FOV_MUST_CHECK int fov_pictures_save_gif(fov_context *context, const fov_image *pictures, int count,
                                                 int milliseconds, int zoom, const char *path);

#ifdef __cplusplus
}
#endif
#endif
