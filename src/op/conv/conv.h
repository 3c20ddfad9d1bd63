/* SPDX-License-Identifier: MIT */
/* Convolution and its two gradients, which close under differentiation: each is linear in both of its inputs, and the
 * derivative of one is always another one. This header is private to the folder. Read conv.c first (what it means),
 * then product.h (how it is fast), then input_gradient.c and weight_gradient.c. */
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

/** All sizes of one convolution y = x * weight, whichever of the three is being computed. */
struct conv_geometry {
    struct window window;
    int64_t       batch; /**< FOV_BATCH while it is not known */
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
/** The geometry of the convolution whose weight gradient is compiled. in: x, dy. */
int conv_weight_geometry(struct conv_geometry *geometry, const struct op_compile *compile);
fov_shape conv_y_shape(const struct conv_geometry *geometry);
/** E_SHAPE when dy is not what x and weight make. */
int     conv_check_dy(const struct conv_geometry *geometry, const fov_shape *dy, struct error *error);
int64_t conv_multiply_adds(const struct conv_geometry *geometry);
/** groups = channels = filters: each channel has a filter of its own. */
bool conv_is_depthwise(const struct conv_geometry *geometry);
/** One tap, each pixel once. */
bool conv_is_pointwise(const struct window *window);
/** Whether some tap meets no pixel at all, as the corners of a 5 x 5 kernel over 2 x 2 pixels: its gradient is zero, and
 *  Winograd's sums would leave a rounding there, which optimisers that divide by a gradient's size make steps of. */
bool conv_has_idle_taps(const struct window *window);
/** Whether all forms of these sizes read images as rows that are made meanwhile (op_cpu.reads_rows). */
bool conv_reads_rows(const struct conv_geometry *geometry);

/** The three sums of a convolution visit the same pairs; `meet` is called for each with indices into plain x, weight
 *  and y. This loop nest is the definition of convolution. */
typedef void conv_meet(void *context, size_t x, size_t weight, size_t y);
void conv_each_pair(const struct conv_geometry *geometry, conv_meet *meet, void *context);

/** Options that tell everything: kernel and size filled in. */
struct conv_options conv_complete_options(const struct conv_options *options, const fov_shape *x,
                                          const fov_shape *weight);

/* Steps that run within their reader, line by line, in chain.c */

/** How a step that has its input made while it runs cuts its own lines: each item is one thread's, made so many lines
 * at a
 *  time. No sum depends on it. */
struct conv_cut {
    size_t lines, items, block;
};
/** Whether this step should have its producer run within it. */
bool conv_chain_pays(const struct op_compile *compile, const struct conv_geometry *geometry);
/** Whether a depthwise convolution of so small an image, within which a producer that can runs, makes some channels of
 *  the whole image at a time: then each weight is read once, and no line made twice. */
bool conv_chain_by_channels(const struct op_compile *depthwise);
struct conv_cut conv_chain_cut(const struct op_compile *compile, const struct conv_geometry *geometry);

/** What follows sums where a residual comes between them and the activation: it is added to `pixels` pixels of output 0
 *  from `pixel` on, `channels` channels from `channel` on, while they are near. */
void conv_add_residual(const struct op_run *run, size_t pixel, size_t pixels, size_t channel, size_t channels);

/** Fills compile where the groups are many and small, in grouped.c; false: they are not. */
bool conv_grouped_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/* Depthwise forms, in depthwise.c and depthwise_gradient.c */
int conv_depthwise_compile(struct op_compile *compile, const struct conv_geometry *geometry);
int conv_depthwise_input_compile(struct op_compile *compile, const struct conv_geometry *geometry);
int conv_depthwise_weight_compile(struct op_compile *compile, const struct conv_geometry *geometry);

/** Fills compile for dx from in[0] = dy and in[1] = weight, whichever form is best; in input_gradient.c. The options
 * are struct conv_options. */
int conv_input_compile(struct op_compile *compile);

/** Results that have just been written, back through run->activation: times its derivative, by what `gate` saved. */
void conv_pass_gate(const struct op_run *run, size_t count, const float *gate, float *out);

/** The input gradient by patches, in patches.c: whether it beats product.h's form for these sizes, and its compile. */
bool conv_patches_pay(const struct kernel_table *kernel, const struct conv_geometry *geometry);
int  conv_patches_compile(struct op_compile *compile, const struct conv_geometry *geometry);

#endif
