/* SPDX-License-Identifier: MIT */
/* Max pooling and its gradient: what the two files share. Private to the folder. */
#ifndef OP_MAX_POOL_MAX_POOL_H
#define OP_MAX_POOL_MAX_POOL_H

#include "op/common.h"
#include "op/window.h"

enum max_pool_indices {
    MAX_POOL_TAPS, /**< the winning tap of each window, u8 or i32: read by the gradient */
    MAX_POOL_FLAT  /**< the winner's index in all of x, i64: as in ONNX */
};

struct max_pool_options {
    struct op_list kernel, stride, pad, dilation; /**< pixels */
    struct op_list size;                          /**< gradient only: spatial size of x */
    int            auto_pad;
    bool           ceil_mode;
    int            indices;       /**< enum max_pool_indices */
    bool           storage_order; /**< flat indices count columns first */
};

extern const struct op_attribute max_pool_attributes[];

/** x is [N, C, spatial...]. */
int max_pool_window(struct window *window, const struct max_pool_options *options, const fov_shape *x,
                    struct error *error);
/** dtype of tap indices: u8 where all taps of the window fit, else i32. */
fov_dtype max_pool_tap_dtype(const struct window *window);

/** State of a step of either operator. */
struct max_pool_plan {
    struct window window;
    size_t        batch, channels, index_bytes, lines_per_chunk;
    bool          by_axes; /**< two passes, along rows and then down columns: is_by_axes in max_pool.c */
};

#endif
