/* SPDX-License-Identifier: MIT */
/* Shared by average pooling and its gradient. Private to the folder. */
#ifndef OP_AVG_POOL_AVG_POOL_H
#define OP_AVG_POOL_AVG_POOL_H

#include "op/common.h"
#include "op/window.h"

struct avg_pool_options {
    struct op_list kernel, stride, pad, dilation; /**< pixels */
    struct op_list size;                          /**< gradient only: spatial size of x */
    int            auto_pad;
    bool           ceil_mode;
    bool           count_include_pad; /**< padded pixels count as zeros; those that ceil mode adds never count */
};

extern const struct op_attribute avg_pool_attributes[];

int avg_pool_window(struct window *window, const struct avg_pool_options *options, const fov_shape *x,
                    struct error *error);
/** The divisor of the sum of output pixel (z, y, x): number of taps inside the image, or inside image and pad. */
double avg_pool_divisor(const struct window *window, bool include_pad, int64_t z, int64_t y, int64_t x);

/** The state of both operators; in memory the divisors, [output pixels], follow it. */
struct avg_pool_plan {
    struct window window;
    size_t        batch, channels, lines_per_chunk;
};
size_t avg_pool_state_bytes(const struct window *window);
float *avg_pool_divisors(void *state);
/** Fills the state: plan and divisors. */
void avg_pool_fill(void *state, const struct window *window, const fov_shape *x, bool include_pad);

#endif
