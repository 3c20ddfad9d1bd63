/* SPDX-License-Identifier: MIT */
/* Resizing of 8-bit pictures: bilinear with antialiasing, equal to Pillow's resize(size, BILINEAR) bit for bit, so that
 * a network trained elsewhere sees the pixels it was trained on. Not an operator: those work on floats (op/resize).
 * Next: resize.c. */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include "base/error.h"
#include "base/memory.h"
#include <stddef.h>
#include <stdint.h>

/** Buffers kept between calls; they only grow. Zero the struct, set memory, free with resize_free. */
struct resize_scratch {
    struct memory *memory;
    int32_t *weights; /**< of one axis at a time */
    size_t weight_capacity;
    int *first; /**< per output pixel: first input pixel, count */
    size_t first_capacity;
    uint8_t *rows; /**< result of the horizontal pass */
    size_t row_capacity;
};
void resize_free(struct resize_scratch *scratch);

/** Resizes in [height, width, channels] to out [out_height, out_width, channels]; all sizes at least 1, channels 1 to
 *  4, no overlap. Fails only if memory is short. */
int image_resize(const uint8_t *in, int height, int width, int channels, uint8_t *out, int out_height, int out_width,
                 struct resize_scratch *scratch, struct error *error);

#endif
