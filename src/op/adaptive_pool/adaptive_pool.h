/* SPDX-License-Identifier: MIT */
/* Pooling to a size that is asked for, as PyTorch cuts it: output pixel o of an axis stands for input pixels
 * floor(o in / out) .. ceil((o + 1) in / out) - 1. Bins overlap where the sizes do not divide; where they do, the
 * builders use plain pooling instead. Next: average.c, max.c. */
#ifndef OP_ADAPTIVE_POOL_H
#define OP_ADAPTIVE_POOL_H

#include "op/common.h"
#include "op/window.h"

#include <fovea/operators.h>

struct adaptive_options {
    struct op_list output; /**< pixels per axis */
    struct op_list size;   /**< gradient only: spatial size of x */
};
extern const struct op_attribute adaptive_attributes[];

/** Up to three axes, the missing ones of size 1, as in op/window.h. */
struct adaptive {
    size_t in[WINDOW_AXES], out[WINDOW_AXES];
    size_t in_pixels, out_pixels;
};
/** The pixels of x that an output pixel stands for, per axis: first .. end - 1. */
struct adaptive_bin {
    size_t first[WINDOW_AXES], end[WINDOW_AXES], count;
};

struct adaptive     adaptive_of(const fov_shape *x, const fov_shape *y);
struct adaptive_bin adaptive_bin(const struct adaptive *adaptive, size_t out_pixel);
/** Index of a pixel in x's image. */
static inline size_t adaptive_pixel(const struct adaptive *adaptive, size_t z, size_t y, size_t x)
{
    return (z * adaptive->in[1] + y) * adaptive->in[2] + x;
}

/** y's shape from x's. */
int adaptive_infer(const struct op_infer *infer, const fov_shape *x, fov_shape *y);
/** x's shape from dy's and options->size; dy must be what x pools to. */
int  adaptive_infer_gradient(const struct op_infer *infer);
void adaptive_cost(struct op_cost *cost);
/** The node, or plain pooling (`plain`) where the sizes divide. */
fov_value adaptive_build2d(fov_graph *graph, fov_value x, int height, int width, const char *op,
                           fov_value (*plain)(fov_graph *graph, fov_value x, const fov_pool2d_options *options));

#endif
