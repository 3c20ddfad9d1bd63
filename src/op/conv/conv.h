/* SPDX-License-Identifier: MIT */
/* Convolution and its two gradients. Each of the three is linear in both of its inputs, and the derivative of one is
 * always another of the three. This header is private to the folder. Read conv.c first (what convolution means), then
 * product.h (how it is fast), then input_gradient.c and weight_gradient.c. */
#ifndef OP_CONV_CONV_H
#define OP_CONV_CONV_H

#include "op/op.h"
#include "op/window.h"

struct conv_options {
    struct op_list kernel, stride, pad, dilation; /**< pixels */
    struct op_list size; /**< input gradient only: spatial size of x, which strides do not determine */
    int64_t        groups;
    int            auto_pad; /**< enum window_auto_pad */
};

extern const struct op_attribute conv_attributes[];
extern const struct op_case      conv_cases[], conv_input_gradient_cases[], conv_weight_gradient_cases[];

/** All sizes of one convolution y = x * weight, whichever of the three operators is being computed. */
struct conv_geometry {
    struct window window;
    int64_t       batch; /**< FOV_BATCH while it is unknown */
    int64_t       channels, filters, groups, group_channels, group_filters, taps;
    int64_t       in_pixels, out_pixels;
};

/** Checks x [N, C, spatial...] against weight [filters, C / groups, kernel...]. */
int conv_geometry(struct conv_geometry *geometry, const struct conv_options *options, const fov_shape *x,
                  const fov_shape *weight, struct error *error);
/** Shape of x from dy and weight, with options->size. */
int conv_x_shape(const struct conv_options *options, const fov_shape *dy, const fov_shape *weight, fov_shape *x,
                 struct error *error);
/** Shape of weight from x and dy, with options->kernel. */
int conv_weight_shape(const struct conv_options *options, const fov_shape *x, const fov_shape *dy, fov_shape *weight,
                      struct error *error);
/** The geometry of the convolution that is compiled (in: x, weight), whose input gradient is (in: dy, weight), or whose
 *  weight gradient is (in: x, dy). */
int conv_forward_geometry(struct conv_geometry *geometry, const struct op_compile *compile);
int conv_input_geometry(struct conv_geometry *geometry, const struct op_compile *compile);
int conv_weight_geometry(struct conv_geometry *geometry, const struct op_compile *compile);
fov_shape conv_y_shape(const struct conv_geometry *geometry);
/** FOV_E_SHAPE unless dy has the shape of y. */
int     conv_check_dy(const struct conv_geometry *geometry, const fov_shape *dy, struct error *error);
int64_t conv_multiply_adds(const struct conv_geometry *geometry);
/** groups = channels = filters > 1: each channel has one filter. */
bool conv_is_depthwise(const struct conv_geometry *geometry);
/** A 1 x 1 kernel with stride 1 and no padding. */
bool conv_is_pointwise(const struct window *window);
/** Whether some tap meets no pixel at all, like the corners of a 5 x 5 kernel over 2 x 2 pixels. The gradient of such a
 *  tap is exactly zero; Winograd's sums would leave rounding errors there, which optimisers that divide by a gradient's
 *  size turn into full steps. */
bool conv_has_idle_taps(const struct window *window);
/** Whether every form for these sizes can read its image as rows that are computed on demand (op_cpu.reads_rows). */
bool conv_reads_rows(const struct conv_geometry *geometry);

/** Calls `meet` for every product of a convolution, with indices into plain x, weight and y: the three operators sum
 *  over the same triples. This loop nest is the definition of convolution. */
typedef void conv_meet(void *context, size_t x, size_t weight, size_t y);
void conv_each_pair(const struct conv_geometry *geometry, conv_meet *meet, void *context);

/** The options with `kernel` and `size` filled in from the shapes. */
struct conv_options conv_complete_options(const struct conv_options *options, const fov_shape *x,
                                          const fov_shape *weight);

/* chain.c: steps that run within their reader, line by line */

/** How a step that runs its producer within itself divides its output lines: into `items` items of work, one thread
 *  each, which are computed `block` lines at a time. No sum depends on it. */
struct conv_cut {
    size_t lines, items, block;
};
/** Whether this step should run its producer (compile->producer) within itself. */
bool conv_chain_pays(const struct op_compile *compile, const struct conv_geometry *geometry);
/** Whether a depthwise convolution that runs its producer within itself should compute a part of the channels of whole
 *  images at a time, rather than lines: so for small images and producers that can make some of their channels. Then
 *  each weight is read once, and no line is made twice. */
bool conv_chain_by_channels(const struct op_compile *depthwise);
struct conv_cut conv_chain_cut(const struct op_compile *compile, const struct conv_geometry *geometry);

/** Adds the residual to `pixels` pixels of output 0 from `pixel` on, `channels` channels from `channel` on, and applies
 *  the activation: for kernels that add no residual themselves, right after they wrote the sums, which are still in
 *  cache. */
void conv_add_residual(const struct op_run *run, size_t pixel, size_t pixels, size_t channel, size_t channels);

/** grouped.c: fills compile if the row kernel `grouped`, for small groups, suits these sizes; false: it does not. */
bool conv_grouped_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** planes.c: fills compile if planes suit these sizes, which are few filters (in the gradient by x few channels) and
 *  wide lines; false: they do not. */
bool conv_planes_compile(struct op_compile *compile, const struct conv_geometry *geometry, bool gradient);
bool conv_planes_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/* Depthwise forms, in depthwise.c and depthwise_gradient.c */
int conv_depthwise_compile(struct op_compile *compile, const struct conv_geometry *geometry);
int conv_depthwise_input_compile(struct op_compile *compile, const struct conv_geometry *geometry);
int conv_depthwise_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** input_gradient.c: fills compile for dx from in[0] = dy and in[1] = weight with the best form. The options are struct
 *  conv_options. */
int conv_input_compile(struct op_compile *compile);

/** Multiplies `count` results in `out` by the derivative of run->activation. `saved` is what the activation saved, its
 *  argument or its result (unary_gradient_reads). */
void conv_activation_gradient(const struct op_run *run, size_t count, const float *saved, float *out);

/** patches.c, the input gradient by patches: whether it beats product.h's form for these sizes, and its compile. */
bool conv_patches_pay(const struct kernel_table *kernel, const struct conv_geometry *geometry);
int  conv_patches_compile(struct op_compile *compile, const struct conv_geometry *geometry);

#endif
