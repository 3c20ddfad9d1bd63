/* SPDX-License-Identifier: MIT */
/* Fitting users' pictures to a network's size: crop of the middle, removal of transparency, and ink scaled and centred
 * as in MNIST. Plain resizing is resize.h; a model's choice among these is in fov_preprocessing. Next: fit.c. */
#ifndef IMAGE_FIT_H
#define IMAGE_FIT_H

#include "image/resize.h"
#include <fovea/dataset.h>

/** The ink on the background (`ground`) of a grey picture. */
struct ink {
    int  ground;  /**< grey level of the background: the median of the outermost pixels */
    int  noise;   /**< differences to `ground` up to this are background: 90 % of the outermost pixels */
    int  deepest; /**< largest difference of a pixel to `ground`; below INK_LEAST there is no ink */
    bool is_dark; /**< the ink is darker than the ground */
    int  top, left, height, width; /**< the box around the ink */
};
enum { INK_LEAST = 24 /* grey levels */ };

/** Finds the ink of a grey picture. `forced`: FOV_INVERT_YES: ink is dark; FOV_INVERT_NO: ink is light; else it is
 *  whichever side of the background has more of the picture's contrast. */
void ink_find(const uint8_t *grey, int height, int width, fov_invert forced, struct ink *ink);

/** Length of the longer side of a digit's box for an input of this size: 20/28 of the input's shorter side. */
int ink_side(int height, int width);

/** Scales the ink to ink_side, puts its centre of mass into the middle, and draws it light on black, 255 at its
 *  strongest: out [out_height, out_width]. `workspace`: height x width + out_height x out_width bytes. */
int ink_fit(const uint8_t *grey, int height, int width, const struct ink *ink, uint8_t *workspace, uint8_t *out,
            int out_height, int out_width, struct resize_scratch *scratch, struct error *error);

/** The largest piece with the aspect ratio of out_height x out_width in the middle: top, left, height, width. */
void fit_piece(int height, int width, int out_height, int out_width, int piece[4]);
/** Blends RGBA pixels [count, 4] to RGB [count, 3]: over white if the visible part is dark on average, else over black,
 *  so that it stays visible. */
void fit_flatten(const uint8_t *rgba, uint8_t *rgb, size_t count);

#endif
