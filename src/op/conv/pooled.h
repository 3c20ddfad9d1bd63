/* SPDX-License-Identifier: MIT */
/* A convolution followed by a 2 x 2 max pooling, as one operator with two gradients, for small networks, where the
 * image between convolution and pooling is most of the memory traffic. Only plans use these operators, in place of the
 * separate ones (pooled_substitute.c). pooled.c defines what they mean, images.c makes them fast. Private to the
 * folder. */
#ifndef OP_CONV_POOLED_H
#define OP_CONV_POOLED_H

#include "op/conv/conv.h"

/** The options of all three operators. They begin with those of the convolution, so that they can be read as such. */
struct pooled_options {
    struct conv_options conv;
    bool                rectify; /**< relu between convolution and pooling, that is max(0, the block's maximum) */
};

struct pooled_geometry {
    struct conv_geometry conv;
    int64_t              height, width; /**< of the pooled image, pixels; a last odd line or column is dropped */
};

/** Checks that x is of rank 4, that there is one group, and that there are at least 2 x 2 pixels to pool. */
int pooled_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *x,
                    const fov_shape *weight, struct error *error);
/** The same from the inputs of the gradients: from x, dy and the kernel in options; from dy, weight and the size in
 *  options. They also set the shape of the gradient. */
int pooled_weight_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *x,
                           const fov_shape *dy, fov_shape *weight, struct error *error);
int pooled_input_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *dy,
                          const fov_shape *weight, fov_shape *x, struct error *error);
fov_shape pooled_shape(const struct pooled_geometry *geometry);
extern const struct op_attribute pooled_attributes[];

/* pooled_substitute.c: op.substitute of the three operators. */
bool pooled_substitute(struct op_substitution *node);
bool pooled_weight_substitute(struct op_substitution *node);
bool pooled_input_substitute(struct op_substitution *node);

/* images.c: the fast form, with images of the batch as lanes of a register. */
/** Whether it takes these sizes: no dilation, a batch of at least one. */
bool images_can(const struct pooled_geometry *geometry);
/** Whether it also takes the input gradient: only at stride 1, since at larger strides few taps reach each pixel. */
bool images_can_flow_back(const struct pooled_geometry *geometry);
/** Whether it takes these sizes and beats separate steps for convolution and pooling. */
bool images_pay(const struct kernel_table *kernel, const struct pooled_geometry *geometry);
int  images_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
/* images_gradient.c */
int images_weight_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
int images_input_compile(struct op_compile *compile, const struct pooled_geometry *geometry);

#endif
