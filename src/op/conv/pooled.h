/* SPDX-License-Identifier: MIT */
/* A convolution whose 2 x 2 blocks are max-pooled, as one operator with two gradients, for the small networks where
 * the image between the two is most of the traffic. Plans put them in place of the separate operators
 * (pooled_place.c); nobody builds them by hand. pooled.c says what they mean, images.c how they are fast. Private to
 * the folder. */
#ifndef OP_CONV_POOLED_H
#define OP_CONV_POOLED_H

#include "op/conv/conv.h"

/** Of all three; a conv's own options come first, so that a conv's options are the beginning of these. */
struct pooled_options {
    struct conv_options conv;
    bool                rectify; /**< relu between the two: max(0, the greatest) */
};

struct pooled_geometry {
    struct conv_geometry conv;
    int64_t              height, width; /**< of the pooled image, pixels; a last odd line or column is dropped */
};

/** Rank 4, one group, at least 2 x 2 pixels to pool. */
int pooled_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *x,
                    const fov_shape *weight, struct error *error);
/** The same from what the gradients have: x and the weight's size in options; dy and weight. */
int pooled_weight_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *x,
                           const fov_shape *dy, fov_shape *weight, struct error *error);
int pooled_input_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *dy,
                          const fov_shape *weight, fov_shape *x, struct error *error);
fov_shape pooled_shape(const struct pooled_geometry *geometry);
extern const struct op_attribute pooled_attributes[];

/* pooled_place.c: op.take_place of the three. */
bool pooled_take_place(struct op_takeover *node);
bool pooled_weight_take_place(struct op_takeover *node);
bool pooled_input_take_place(struct op_takeover *node);

/* images.c: images of the batch as lanes of a register. */
bool images_can(const struct pooled_geometry *geometry);
/** The input gradient too: pixels one apart only, as windows further apart reach each pixel through few taps. */
bool images_can_flow_back(const struct pooled_geometry *geometry);
/** Whether it beats one step for each operator. */
bool images_pay(const struct kernel_table *kernel, const struct pooled_geometry *geometry);
int  images_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
/* images_gradient.c */
int images_weight_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
int images_input_compile(struct op_compile *compile, const struct pooled_geometry *geometry);

#endif
