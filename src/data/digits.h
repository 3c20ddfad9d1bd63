/* SPDX-License-Identifier: MIT */
/* Internals of the digits generator: glyphs as strokes of a pen, and each sample a pure function of (seed, split,
 * index). Not MNIST and no substitute for it, but something to train on where nothing can be downloaded. Next:
 * digits_glyphs.c (the shapes), digits_draw.c (warps and ink), digits.c (the dataset). */
#ifndef DATA_DIGITS_H
#define DATA_DIGITS_H

#include <fovea/dataset.h>

enum {
    DIGITS_CLASSES = 10,
    DIGITS_SIDE = 28,       /**< pixels, as MNIST's */
    DIGITS_MAX_POINTS = 14, /**< of a stroke */
    DIGITS_MAX_STROKES = 2  /**< of a glyph */
};

/** One way of writing a digit: strokes are smooth curves through their points. */
struct digits_glyph {
    int label;
    int share; /**< relative frequency among the glyphs of its label */
    struct {
        int count;                               /**< 0: no more strokes */
        unsigned corners;                        /**< bit i: point i ends one smooth piece and begins the next */
        signed char point[DIGITS_MAX_POINTS][2]; /**< x, y in a box of 100 x 100, y downwards */
    } stroke[DIGITS_MAX_STROKES];
};
extern const struct digits_glyph digits_glyphs[];
extern const size_t digits_glyph_count;

/** The label of sample `index`, 0 to 9. */
int digits_label(uint64_t seed, fov_split split, uint64_t index);
/** Draws sample `index`: white (255) on black, [28, 28]. */
void digits_draw(uint64_t seed, fov_split split, uint64_t index, uint8_t pixels[DIGITS_SIDE * DIGITS_SIDE]);

#endif
