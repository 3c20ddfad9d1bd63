/* SPDX-License-Identifier: MIT */
/* Pictures as people have them, brought to a network's size: the middle of them, all of them between bars, or the ink on
 * them as the digits of MNIST were made. Plain resizing is resize.h; what a model says of it is fov_preprocessing.
 * Next: fit.c. */
#ifndef IMAGE_FIT_H
#define IMAGE_FIT_H

#include "image/resize.h"
#include <fovea/dataset.h>

/** Ink on its ground, of a grey picture. */
struct ink {
    int  ground;  /**< grey level of what lies around: the median of the outermost pixels */
    int  noise;   /**< how far nine of ten of the outermost pixels are from it at most, on the side of the ink */
    int  deepest; /**< how far the strongest pixel is from it; below INK_LEAST there is no ink */
    bool is_dark; /**< the ink is darker than the ground */
    int  top, left, height, width; /**< the box around the ink */
};
enum { INK_LEAST = 24 /* grey levels */ };

/** `forced`: FOV_INVERT_YES and FOV_INVERT_NO say which side is ink; else it is the side on which most of the picture's
 *  contrast lies. */
void ink_find(const uint8_t *grey, int height, int width, fov_invert forced, struct ink *ink);

/** How long the longer side of a digit's box is for an input of this size: 20 of 28 pixels. */
int ink_side(int height, int width);

/** Scales the ink to ink_side, puts its centre of mass into the middle, and draws it light on black, 255 at its
 *  strongest: out [out_height, out_width]. `room`: bytes to work in, height x width + out_height x out_width of them. */
int ink_fit(const uint8_t *grey, int height, int width, const struct ink *ink, uint8_t *room, uint8_t *out,
            int out_height, int out_width, struct resize_scratch *scratch, struct error *error);

/** The largest piece of these proportions, out of the middle: top, left, height, width. */
void fit_piece(int height, int width, int out_height, int out_width, int piece[4]);
/** Transparent pixels [count, 4] to opaque ones [count, 3]: over white where what can be seen is dark, else over
 *  black, so that it can be seen. */
void fit_flatten(const uint8_t *rgba, uint8_t *rgb, size_t count);

#endif
