/* SPDX-License-Identifier: MIT */
/* Windows that slide over images: the index arithmetic shared by convolution and pooling. Sizes, padding, and which
 * input pixel an output pixel reads; no values. One to three spatial axes are always stored as three (depth, height,
 * width), the missing ones of size 1, so that one loop serves all ranks. Next: op/conv/conv.h and
 * op/max_pool/max_pool.c. */
#ifndef OP_WINDOW_H
#define OP_WINDOW_H

#include "op/op.h"

enum window_auto_pad { WINDOW_PAD_GIVEN, WINDOW_SAME_UPPER, WINDOW_SAME_LOWER, WINDOW_VALID };
/** Names of enum window_auto_pad as in ONNX; for attribute tables. */
extern const char *const window_auto_pad_choices[];

enum { WINDOW_AXES = 3, WINDOW_SIZE_LIMIT = 1 << 24 /**< of a kernel, stride, pad or dilation, pixels */ };
/** Of an image or a kernel along an axis: times a stride or a dilation, it still fits in an int64_t. */
#define WINDOW_MOST_PIXELS (INT64_C(1) << 36)

/** The options of a window. Lists have one number per spatial axis; pad has two: all beginnings, then all ends, as in
 *  ONNX. */
struct window_request {
    const struct op_list *kernel; /**< required */
    const struct op_list *stride, *pad, *dilation; /**< count 0: 1, 0, 1 */
    int  auto_pad;  /**< enum window_auto_pad; other than GIVEN it replaces `pad` */
    bool ceil_mode; /**< round output sizes up, as long as a window begins inside the image or its left pad */
};

/** A window over an image of known size. Output pixel o reads input pixel o * stride + tap * dilation - begin, for each
 *  tap of the kernel. */
struct window {
    int     rank; /**< spatial axes that exist: 1 .. 3, the last ones of the arrays */
    int64_t in[WINDOW_AXES], out[WINDOW_AXES];                                 /**< pixels */
    int64_t kernel[WINDOW_AXES], stride[WINDOW_AXES], dilation[WINDOW_AXES];   /**< taps, pixels, pixels */
    int64_t begin[WINDOW_AXES], end[WINDOW_AXES];                              /**< pad, pixels */
};

/** Fills the window for x [N, C, spatial...], of which only the spatial dimensions are read; they must be known.
 *  E_SHAPE or E_USAGE. */
int window_resolve(struct window *window, const fov_shape *x, const struct window_request *request,
                   struct error *error);
/** The same for pooling: E_SHAPE if a pad is as large as the window, which could then contain padding alone. */
int window_resolve_pool(struct window *window, const fov_shape *x, const struct window_request *request,
                        struct error *error);
/** E_SHAPE unless the list `name` is empty or has `expected` numbers. */
int window_check_list(const char *name, const struct op_list *list, int expected, struct error *error);
/** [batch, channels, output sizes...] */
fov_shape window_out_shape(const struct window *window, int64_t batch, int64_t channels);
int64_t window_taps(const struct window *window);
int64_t window_in_pixels(const struct window *window);
int64_t window_out_pixels(const struct window *window);
/** The spatial dimensions of a shape, for options in which gradients keep an input's size. */
struct op_list window_spatial(const fov_shape *shape);
void window_cost(const struct window *window, struct op_cost *cost); /**< receptive field only */

/** The input pixel that output pixel `out` reads through `tap`; may lie outside the image. */
static inline int64_t window_meets(const struct window *window, int axis, int64_t out, int64_t tap)
{
    return out * window->stride[axis] + tap * window->dilation[axis] - window->begin[axis];
}
/** The output pixel that reads input pixel `in` through `tap`, or -1. */
static inline int64_t window_met_by(const struct window *window, int axis, int64_t in, int64_t tap)
{
    int64_t distance = in + window->begin[axis] - tap * window->dilation[axis];
    if (distance < 0 || distance % window->stride[axis] != 0) {
        return -1;
    }
    int64_t out = distance / window->stride[axis];
    return out < window->out[axis] ? out : -1;
}

/** Index of (z, y, x) in an image of `size` pixels; -1 when it lies outside. */
int64_t window_pixel(const int64_t size[WINDOW_AXES], int64_t z, int64_t y, int64_t x);

/* ---- rows, for the kernels that compute one line of channels-last pixels ----------------------------------------- */

/** The arguments of a row kernel for one output line; kernel depth and height are flattened to kernel rows (kz, ky). */
struct kernel_window window_row(const struct window *window, size_t channels);
size_t window_rows_count(const struct window *window); /**< kernel depth x kernel height */
/** rows[kz * kernel height + ky] = the input line that output line (z, y) reads through that kernel row, or NULL.
 *  `line`: bytes per line. */
void window_rows(const struct window *window, int64_t z, int64_t y, const void *image, size_t line, const void **rows);
/** The inverse, for gradients: the output line that reads input line (z, y) through that kernel row, or NULL; `image`
 *  has the output's size. */
void window_met_rows(const struct window *window, int64_t z, int64_t y, const void *image, size_t line,
                     const void **rows);

/** Lines per chunk if each costs `work` elements: depends on the shape alone, enough to be worth waking a thread. */
size_t window_lines_per_chunk(size_t work);

/* ---- plans ------------------------------------------------------------------------------------------------------- */

/** For op.absorb: if input 0 is an image padded with zeros by a pad node that only this node reads, reads the image
 *  instead and adds that frame to the window's own padding. `pad`: the operator's option, in node->options. False:
 *  nothing was changed. */
bool window_take_pad(const struct op_substitution *node, int auto_pad, struct op_list *pad);

/* ---- parts of public builders ------------------------------------------------------------------------------------ */

/** A 2-D list from builder options: per axis sides[], else `side` (both axes), else `fallback`; 0: not given. */
struct op_list window_list2(int side, const int sides[2], int fallback);
/** Pads top, left, bottom, right: sides[] if any is not 0, else `side` for all four. */
struct op_list window_pads2(int side, const int sides[4]);

/** The part of fov_pool2d_options that max and average pooling read in the same way. */
struct window_pool2d {
    struct op_list kernel, stride, pad;
};
struct fov_pool2d_options;
/** Checks x and options and fills `pool`; returns the node's name, NULL after a failure. `options` must not be NULL, as
 *  the kernel has no default. */
const char *window_pool2d(fov_graph *graph, fov_value x, const struct fov_pool2d_options *options, const char *kind,
                          struct window_pool2d *pool);

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

/** Converts an ONNX name to enum window_auto_pad; -1: unknown. */
int window_auto_pad_read(const char *text);

#endif
