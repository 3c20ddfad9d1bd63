/* SPDX-License-Identifier: MIT */
/* What the families of networks are made of: convolution with norm and activation, attention, separable and dynamic
 * convolutions, inverted residuals. A function adds nodes to the graph under the scopes that are open, with the names
 * that torchvision gives such parts. Read next: blocks.c, attention.c. */
#ifndef ZOO_BLOCKS_H
#define ZOO_BLOCKS_H

#include "zoo/zoo.h"

enum zoo_activation {
    ZOO_LINEAR = 0, /**< none */
    ZOO_RELU,
    ZOO_RELU6,
    ZOO_SWISH,
    ZOO_HARD_SWISH,
    ZOO_TANH,
    ZOO_LEAKY_RELU /**< slope 0.1 below zero, as Darknet's */
};
fov_value zoo_activate(struct zoo_build *b, fov_value x, enum zoo_activation activation);

/** Opens a scope whose name is made as by printf: zoo_push(b, "layer%d.%d", stage, block). */
void zoo_push(struct zoo_build *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void zoo_pop(struct zoo_build *b);

/** The network's own options: the struct that its attributes fill. */
static inline const void *zoo_options(const struct zoo_build *b)
{
    return b->options;
}

/** Channels of a map. */
int zoo_channels(const struct zoo_build *b, fov_value x);

/** Draws a weight from U(-b, b), b = sqrt(6 / fan in) (He et al., "Delving deep into rectifiers", ICCV 2015, equation
 *  10), as half the variance is lost in the ReLU behind it. The builders' own b = 1 / sqrt(fan in) is 2.4 times
 *  smaller: course-cnn then ends its ten epochs on MNIST with a training loss 12 % higher. */
void zoo_start_for_relu(fov_graph *graph, int parameter);

/** fov_conv2d for a layer that a ReLU follows, with the initial weights above. */
fov_value zoo_conv2d_for_relu_opt(fov_graph *graph, fov_value x, const fov_conv2d_options *options);
#define zoo_conv2d_for_relu(graph, x, ...) zoo_conv2d_for_relu_opt((graph), (x), &(fov_conv2d_options){__VA_ARGS__})

/** A parameter of a layer that the zoo builds of several nodes: LAYER.NAME, or LAYER (name NULL), under the open
 *  scopes. */
fov_value zoo_parameter(fov_graph *graph, const char *layer, const char *name, fov_shape shape, fov_initial initial,
                        float scale);

/** A convolution, a batch norm, an activation. */
struct zoo_conv {
    int filters, kernel;
    int kernel_size[2];      /**< height, width, where they differ */
    int stride;              /**< 1 */
    int dilation;            /**< 1 */
    int groups;              /**< 1 */
    int pads[4];             /**< top, left, bottom, right: read where .valid is true */
    bool valid;              /**< false: padded so that stride 1 keeps the size; true: by .pads alone */
    bool bias;               /**< false, as the norm has one */
    bool no_norm;            /**< false */
    bool fixed;              /**< false; true: a plain convolution whatever b->common.convolution says */
    float epsilon, momentum; /**< of the norm: 1e-5, 0.1 */
    enum zoo_activation activation;
    const char *name, *norm; /**< of the convolution and its norm: "conv", "bn" */
};
fov_value zoo_conv_opt(struct zoo_build *b, fov_value x, const struct zoo_conv *conv);
#define zoo_conv(b, x, ...) zoo_conv_opt((b), (x), &(struct zoo_conv){__VA_ARGS__})

/** The same as a scope of torchvision's Conv2dNormActivation: NAME.0 is the convolution, NAME.1 the norm. */
fov_value zoo_conv_block_opt(struct zoo_build *b, fov_value x, const char *scope, const struct zoo_conv *conv);
#define zoo_conv_block(b, x, scope, ...) zoo_conv_block_opt((b), (x), (scope), &(struct zoo_conv){__VA_ARGS__})

/** A branch of an Inception module: convolutions without bias one behind the other, each with batch norm (epsilon 1e-3)
 *  and ReLU. PREFIX0, PREFIX1, ... counted from `first`, are their scopes, with conv and bn in each; ZOO_ALONE: the
 *  prefix is the whole name of the only one. Ended by a link without filters. */
struct zoo_link {
    int filters, height, width; /**< height and width of the kernel */
    int stride;
    bool valid; /**< false: padded so that stride 1 keeps the size */
};
static inline struct zoo_link zoo_square(int filters, int kernel)
{
    return (struct zoo_link){.filters = filters, .height = kernel, .width = kernel, .stride = 1};
}
static inline struct zoo_link zoo_rectangle(int filters, int height, int width)
{
    return (struct zoo_link){.filters = filters, .height = height, .width = width, .stride = 1};
}
/** Without padding. */
static inline struct zoo_link zoo_inside(int filters, int kernel, int stride)
{
    return (struct zoo_link){.filters = filters, .height = kernel, .width = kernel, .stride = stride, .valid = true};
}
enum { ZOO_ALONE = -1 };
fov_value zoo_chain_of(struct zoo_build *b, fov_value x, const char *prefix, int first, const struct zoo_link *links);
#define zoo_chain(b, x, prefix, first, ...) \
    zoo_chain_of((b), (x), (prefix), (first), (const struct zoo_link[]){__VA_ARGS__, {0}})

/** Squeeze and excitation (Hu et al. 2018): x times a gate per channel, computed from the channels' means through
 *  `squeeze` units. `hard`: the gate is a hard sigmoid. Names are fc1 and fc2, as torchvision's, under `scope`. */
fov_value zoo_squeeze_excite(struct zoo_build *b, fov_value x, const char *scope, int squeeze,
                             enum zoo_activation activation, bool hard);
/** x with the attention that b->common asks for: none, SE, CBAM (Woo et al. 2018) or ECA (Wang et al. 2020). */
fov_value zoo_attend(struct zoo_build *b, fov_value x);

/** MobileNet's and EfficientNet's block: 1 x 1 to `expanded` channels, depthwise, SE, 1 x 1 to `filters`; with a
 *  shortcut where stride is 1 and channels stay as many. torchvision's numbering: SCOPE.block.0, .1, ... */
struct zoo_inverted {
    int expanded, filters, kernel, stride, dilation; /**< dilation 0: 1 */
    int squeeze;                                     /**< units of its SE; 0: none */
    bool hard;   /**< SE's gate is a hard sigmoid, and its squeezed units pass a ReLU */
    double drop; /**< chance that the branch is dropped in training (stochastic depth) */
    float epsilon, momentum;
    enum zoo_activation activation;
};
fov_value zoo_inverted_residual(struct zoo_build *b, fov_value x, const struct zoo_inverted *block);

/** [N, C, H, W] -> means [N, C] -> dropout -> logits. */
fov_value zoo_pooled_logits(struct zoo_build *b, fov_value x, const char *name);
/** Dropout at the rate that b->common asks for, or x where that is 0. The head of every classifier with features has it
 *  before its last layers. */
fov_value zoo_dropout(struct zoo_build *b, fov_value x);

/** The nearest multiple of `divisor` that is not 0 and at least 90 % of `channels`: how widths are scaled since
 *  MobileNet v2. */
int zoo_round_channels(double channels, int divisor);

#endif
