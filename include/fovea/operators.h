/* SPDX-License-Identifier: MIT */
/* The operators. Each call adds a node to the graph and returns its result. Shapes are checked at once; the error
 * sentence of a mismatch has the node's name and the shapes. Calls without options are plain functions (fov_relu), the
 * others take designated initialisers: fov_conv2d(g, x, .filters = 64, .kernel = 3, .pad = 1).
 * A zero field means the default named beside it. `fovea ops` prints all operators with formulas; those without a
 * function here are built with fov_node (node.h). */
#ifndef FOVEA_OPERATORS_H
#define FOVEA_OPERATORS_H

#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- convolution and dense ------------------------------------------------------------------------------------- */

typedef struct fov_conv2d_options {
    int         filters;        /**< required: output channels */
    int         kernel;         /**< required (or both of kernel_size): window side, pixels */
    int         kernel_size[2]; /**< height, width, where they differ */
    int         stride;         /**< 1 pixel */
    int         stride_size[2]; /**< down, across, where they differ */
    int         pad;            /**< 0: zeros on each side, pixels */
    int         pads[4];        /**< top, left, bottom, right, where they differ */
    int         dilation;       /**< 1: distance of neighbouring taps, pixels */
    int         dilation_size[2];
    int         groups;  /**< 1; as many as channels: depthwise */
    bool        no_bias; /**< false */
    const char *name;    /**< "conv2d_1", ... */
} fov_conv2d_options;
/** 2-D convolution (cross-correlation).
 *  x        [N, C, H, W]
 *  result   [N, filters, H', W'],  H' = floor((H + pads - dilation (kernel - 1) - 1) / stride) + 1
 *  learns   NAME.weight [filters, C / groups, kernel, kernel], NAME.bias [filters] unless .no_bias; both drawn from
 *           U(-b, b), b = 1 / sqrt(C / groups * kernel * kernel), as PyTorch does
 *  fails    shape: x is not rank 4; groups does not divide C or filters; the kernel exceeds the padded input */
FOV_API fov_value fov_conv2d_opt(fov_graph *graph, fov_value x, const fov_conv2d_options *options);

typedef struct fov_conv_options {
    int         filters;  /**< required: output channels */
    int         kernel;   /**< required: window side, samples or voxels; the same along all axes */
    int         stride;   /**< 1 */
    int         pad;      /**< 0: zeros at both ends of each axis */
    int         dilation; /**< 1 */
    int         groups;   /**< 1 */
    bool        no_bias;  /**< false */
    const char *name;     /**< "conv1d_1", ... */
} fov_conv_options;
/** 1-D convolution: x [N, C, L] -> [N, filters, L']. Sizes, parameters and failures as for fov_conv2d. */
FOV_API fov_value fov_conv1d_opt(fov_graph *graph, fov_value x, const fov_conv_options *options);
/** 3-D convolution: x [N, C, D, H, W] -> [N, filters, D', H', W']. */
FOV_API fov_value fov_conv3d_opt(fov_graph *graph, fov_value x, const fov_conv_options *options);

typedef struct fov_dynamic_conv2d_options {
    int         stride;   /**< 1 */
    int         pad;      /**< 0 */
    int         pads[4];  /**< top, left, bottom, right, where they differ */
    int         dilation; /**< 1 */
    int         groups;   /**< 1 */
    const char *name;
} fov_dynamic_conv2d_options;
/** Convolution in which every sample has weights of its own (De Brabandere et al. 2016).
 *  x [N, C, H, W], weight [N, filters, C / groups, kernel, kernel] -> [N, filters, H', W']. Add a bias by fov_add. */
FOV_API fov_value fov_dynamic_conv2d_opt(fov_graph *graph, fov_value x, fov_value weight,
                                         const fov_dynamic_conv2d_options *options);

typedef struct fov_conv_transpose2d_options {
    int         filters;        /**< required: output channels */
    int         kernel;         /**< required (or both of kernel_size): window side, pixels */
    int         kernel_size[2]; /**< height, width, where they differ */
    int         stride;         /**< 1: output pixels between the windows of neighbouring input pixels */
    int         stride_size[2];
    int         pad;            /**< 0: pixels cut off on each side of the result */
    int         pads[4];        /**< top, left, bottom, right, where they differ */
    int         output_padding; /**< 0: pixels added at the bottom and right of the result */
    int         output_padding_size[2];
    int         dilation; /**< 1: distance of neighbouring taps, pixels */
    int         dilation_size[2];
    int         groups;  /**< 1 */
    bool        no_bias; /**< false */
    const char *name;    /**< "conv_transpose2d_1", ... */
} fov_conv_transpose2d_options;
/** 2-D transposed convolution (also called deconvolution; Dumoulin & Visin 2016, section 4).
 *  x        [N, C, H, W]
 *  result   [N, filters, H', W'],  H' = (H - 1) stride + dilation (kernel - 1) + 1 + output_padding - pads
 *  learns   NAME.weight [C, filters / groups, kernel, kernel], NAME.bias [filters] unless .no_bias; both U(-b, b),
 *           b = 1 / sqrt(filters / groups * kernel * kernel)
 *  fails    shape: x is not rank 4; groups does not divide C or filters; the pads leave nothing */
FOV_API fov_value fov_conv_transpose2d_opt(fov_graph *graph, fov_value x, const fov_conv_transpose2d_options *options);

typedef struct fov_dense_options {
    int         units;   /**< required: output features */
    bool        no_bias; /**< false */
    const char *name;    /**< "dense_1", ... */
} fov_dense_options;
/** Fully connected layer, y = x W^T + b.
 *  x        [N, features]
 *  result   [N, units]
 *  learns   NAME.weight [units, features], NAME.bias [units]; both U(-b, b), b = 1 / sqrt(features)
 *  fails    shape: x is not rank 2 (flatten first) */
FOV_API fov_value fov_dense_opt(fov_graph *graph, fov_value x, const fov_dense_options *options);

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

typedef struct fov_pool2d_options {
    int         kernel; /**< required (or kernel_size): window side, pixels */
    int         kernel_size[2];
    int         stride; /**< the kernel (windows that do not overlap) */
    int         stride_size[2];
    int         pad; /**< 0; at most half the kernel. Max pooling pads with minus infinity, average with zeros */
    int         pads[4];
    bool        count_include_pad; /**< average only; false: divides by the pixels inside the image */
    bool        ceil_mode;         /**< false: round the output size down */
    const char *name;
} fov_pool2d_options;
/** Largest value of each window. x [N, C, H, W] -> [N, C, H', W'], sizes as for fov_conv2d. */
FOV_API fov_value fov_max_pool2d_opt(fov_graph *graph, fov_value x, const fov_pool2d_options *options);
/** Mean of each window. Same shapes. */
FOV_API fov_value fov_avg_pool2d_opt(fov_graph *graph, fov_value x, const fov_pool2d_options *options);
/** Largest value over all pixels. x [N, C, ...] -> [N, C, 1, ...]. */
FOV_API fov_value fov_global_max_pool(fov_graph *graph, fov_value x);
typedef struct fov_lp_pool2d_options {
    int         kernel; /**< required: window side, pixels */
    int         stride; /**< the kernel */
    int         pad;    /**< 0 */
    float       p;      /**< 2: exponent of the norm, at least 1 */
    const char *name;
} fov_lp_pool2d_options;
/** p-norm of each window. x [N, C, H, W] -> [N, C, H', W'], sizes as for fov_conv2d. */
FOV_API fov_value fov_lp_pool2d_opt(fov_graph *graph, fov_value x, const fov_lp_pool2d_options *options);
typedef struct fov_max_unpool2d_options {
    int         kernel;        /**< required: the pooling's window side, pixels */
    int         stride;        /**< the kernel */
    int         pad;           /**< 0 */
    int         height, width; /**< of the result, pixels; 0: (H - 1) stride + kernel - 2 pad */
    const char *name;
} fov_max_unpool2d_options;
/** Puts values back where a max pooling took them from; all other places become 0. x [N, C, H, W], index of the same
 *  shape: each value's position in the flattened result. */
FOV_API fov_value fov_max_unpool2d_opt(fov_graph *graph, fov_value x, fov_value index,
                                       const fov_max_unpool2d_options *options);
/** Average pooling to height x width pixels, whatever the input's size: window i of an axis is floor(i in / out) to
 *  ceil((i + 1) in / out), as in PyTorch. Ordinary pooling where the sizes divide. x [N, C, H, W] -> [N, C, height,
 *  width] */
FOV_API fov_value fov_adaptive_avg_pool2d(fov_graph *graph, fov_value x, int height, int width);
/** Max pooling over the same windows. */
FOV_API fov_value fov_adaptive_max_pool2d(fov_graph *graph, fov_value x, int height, int width);
/** Mean over all pixels (Lin et al. 2013). x [N, C, H, W] -> [N, C, 1, 1] */
FOV_API fov_value fov_global_avg_pool(fov_graph *graph, fov_value x);

typedef enum fov_resize_mode { FOV_RESIZE_NEAREST = 0, FOV_RESIZE_LINEAR, FOV_RESIZE_CUBIC } fov_resize_mode;
typedef struct fov_resize2d_options {
    int             height, width; /**< of the result, pixels; in their place .scale or .size */
    float           scale;         /**< factor for both sides; H' = floor(H scale) */
    fov_value       size;          /**< height and width as an i64 [2] value known before the run; id 0: none */
    fov_resize_mode mode;          /**< nearest */
    /** false: the outer edges of the two pixel grids coincide; true: the centres of their corner pixels do */
    bool            align_corners;
    bool            antialias;     /**< false; true: when shrinking, average over all pixels that one pixel covers */
    const char     *name;
} fov_resize2d_options;
/** Interpolation, as PyTorch's functional.interpolate. x [N, C, H, W] -> [N, C, H', W'] */
FOV_API fov_value fov_resize2d_opt(fov_graph *graph, fov_value x, const fov_resize2d_options *options);

/* ---- normalisation and regularisation --------------------------------------------------------------------------- */

typedef struct fov_batch_norm_options {
    float       epsilon;  /**< 1e-5 */
    float       momentum; /**< 0.1: running = (1 - momentum) running + momentum batch, as PyTorch counts it */
    const char *name;
} fov_batch_norm_options;
/** Batch normalisation (Ioffe & Szegedy 2015), over all dimensions but the channels.
 *  x        [N, C, ...]
 *  result   the same shape: (x - mean) / sqrt(var + epsilon) * weight + bias; mean and var of the batch in a training
 *           plan, the running ones otherwise
 *  learns   NAME.weight [C] (ones), NAME.bias [C] (zeros); keeps NAME.running_mean, NAME.running_var [C] */
FOV_API fov_value fov_batch_norm_opt(fov_graph *graph, fov_value x, const fov_batch_norm_options *options);

typedef struct fov_dropout_options {
    float       rate; /**< 0.5: probability that an element becomes 0 in a training plan; others times 1 / (1 - rate) */
    const char *name;
} fov_dropout_options;
/** Dropout (Srivastava et al. 2014), inverted form; does nothing outside training plans. */
FOV_API fov_value fov_dropout_opt(fov_graph *graph, fov_value x, const fov_dropout_options *options);
FOV_API fov_value fov_dropout(fov_graph *graph, fov_value x, float rate); /**< as given: 0 drops nothing */

typedef struct fov_layer_norm_options {
    int         dimensions; /**< 1: how many of the last dimensions are normalised together */
    float       epsilon;    /**< 1e-5 */
    const char *name;
} fov_layer_norm_options;
/** Layer normalisation (Ba et al. 2016) over the last dimensions.
 *  learns   NAME.weight (ones), NAME.bias (zeros), both of the shape of these dimensions */
FOV_API fov_value fov_layer_norm_opt(fov_graph *graph, fov_value x, const fov_layer_norm_options *options);
typedef struct fov_group_norm_options {
    int         groups;  /**< required: parts of the channels, each normalised by itself */
    float       epsilon; /**< 1e-5 */
    const char *name;
} fov_group_norm_options;
/** Group normalisation (Wu & He 2018). x [N, C, ...]; learns NAME.weight [C] (ones), NAME.bias [C] (zeros) */
FOV_API fov_value fov_group_norm_opt(fov_graph *graph, fov_value x, const fov_group_norm_options *options);
typedef struct fov_instance_norm_options {
    float       epsilon; /**< 1e-5 */
    const char *name;
} fov_instance_norm_options;
/** Instance normalisation (Ulyanov et al. 2016): each channel of each sample by itself. Shapes and parameters as for
 *  fov_group_norm. */
FOV_API fov_value fov_instance_norm_opt(fov_graph *graph, fov_value x, const fov_instance_norm_options *options);
typedef struct fov_lrn_options {
    int         size;              /**< 5 channels */
    float       alpha, beta, bias; /**< 1e-4, 0.75, 1 */
    const char *name;
} fov_lrn_options;
/** Local response normalisation (Krizhevsky et al. 2012): y = x / (bias + alpha / size * sum of neighbours^2)^beta */
FOV_API fov_value fov_lrn_opt(fov_graph *graph, fov_value x, const fov_lrn_options *options);

/** Stochastic depth (Huang et al. 2016): in training plans, each whole sample becomes 0 with probability `rate`; the
 *  others are scaled by 1 / (1 - rate). Does nothing in other plans. Put it at the end of a residual branch. */
FOV_API fov_value fov_drop_path(fov_graph *graph, fov_value x, float rate);

/* ---- activations: element by element, any shape ------------------------------------------------------------------ */

FOV_API fov_value fov_step(fov_graph *graph, fov_value x);     /**< 1 where x > 0, else 0; its gradient is zero */
FOV_API fov_value fov_sigmoid(fov_graph *graph, fov_value x);  /**< 1 / (1 + exp(-x)) */
FOV_API fov_value fov_tanh(fov_graph *graph, fov_value x);     /**< tanh x */
FOV_API fov_value fov_relu(fov_graph *graph, fov_value x);     /**< max(x, 0); gradient 0 at 0 */
FOV_API fov_value fov_softplus(fov_graph *graph, fov_value x); /**< log(1 + exp x) */
typedef struct fov_leaky_relu_options {
    float       alpha; /**< 0.01: slope below zero */
    const char *name;
} fov_leaky_relu_options;
FOV_API fov_value fov_leaky_relu_opt(fov_graph *graph, fov_value x, const fov_leaky_relu_options *options);
FOV_API fov_value fov_leaky_relu(fov_graph *graph, fov_value x, float alpha); /**< as given: with 0 it is relu */
typedef struct fov_softmax_options {
    int         axis; /**< 0 means the default: the last (-1). Counted from the end when negative */
    const char *name;
} fov_softmax_options;
/** exp(x) / sum exp(x) along an axis; the largest x is subtracted first, so the result never overflows. */
FOV_API fov_value fov_softmax_opt(fov_graph *graph, fov_value x, const fov_softmax_options *options);

/** log(softmax(x)), without rounding small probabilities to 0 first. */
FOV_API fov_value fov_log_softmax_opt(fov_graph *graph, fov_value x, const fov_softmax_options *options);
FOV_API fov_value fov_elu(fov_graph *graph, fov_value x, float alpha); /**< x, or alpha (exp(x) - 1) below zero */
FOV_API fov_value fov_selu(fov_graph *graph, fov_value x); /**< ELU that keeps mean 0 and variance 1 (Klambauer 2017) */
FOV_API fov_value fov_gelu(fov_graph *graph, fov_value x); /**< x (1 + erf(x / sqrt 2)) / 2 */
FOV_API fov_value fov_swish(fov_graph *graph, fov_value x); /**< x sigmoid(x): SiLU */
FOV_API fov_value fov_mish(fov_graph *graph, fov_value x);  /**< x tanh(softplus(x)) */
FOV_API fov_value fov_softsign(fov_graph *graph, fov_value x); /**< x / (1 + |x|) */
/** min(max(alpha x + beta, 0), 1). PyTorch's alpha and beta are 1/6 and 1/2, ONNX's and Keras' 0.2 and 0.5. */
FOV_API fov_value fov_hard_sigmoid(fov_graph *graph, fov_value x, float alpha, float beta);
FOV_API fov_value fov_hard_swish(fov_graph *graph, fov_value x); /**< x min(max(x / 6 + 1/2, 0), 1) */
FOV_API fov_value fov_clip(fov_graph *graph, fov_value x, float min, float max); /**< ReLU6 is fov_clip(g, x, 0, 6) */
typedef struct fov_prelu_options {
    bool        per_channel; /**< false: one slope for all */
    const char *name;
} fov_prelu_options;
/** x above zero, a learned slope times x below (He et al. 2015).
 *  learns   NAME.slope [] or, per channel, [C, 1, ...]; initially 1/4 */
FOV_API fov_value fov_prelu_opt(fov_graph *graph, fov_value x, const fov_prelu_options *options);

/* ---- functions: element by element, any shape -------------------------------------------------------------------- */

FOV_API fov_value fov_abs(fov_graph *graph, fov_value x);
FOV_API fov_value fov_neg(fov_graph *graph, fov_value x);
FOV_API fov_value fov_exp(fov_graph *graph, fov_value x);
FOV_API fov_value fov_log(fov_graph *graph, fov_value x);  /**< natural; NaN below zero */
FOV_API fov_value fov_sqrt(fov_graph *graph, fov_value x); /**< NaN below zero */
/** Converts to another element type: to integers by cutting towards zero; to bool, true where x is not 0. */
FOV_API fov_value fov_cast(fov_graph *graph, fov_value x, fov_dtype dtype);

/* ---- elementwise, with ONNX (numpy) broadcasting ----------------------------------------------------------------- */

FOV_API fov_value fov_add(fov_graph *graph, fov_value a, fov_value b);
FOV_API fov_value fov_sub(fov_graph *graph, fov_value a, fov_value b);
FOV_API fov_value fov_mul(fov_graph *graph, fov_value a, fov_value b);
FOV_API fov_value fov_div(fov_graph *graph, fov_value a, fov_value b); /**< of integers: towards zero */
FOV_API fov_value fov_pow(fov_graph *graph, fov_value a, fov_value b); /**< a^b */
FOV_API fov_value fov_max(fov_graph *graph, fov_value a, fov_value b); /**< NaN if a or b is NaN */
FOV_API fov_value fov_min(fov_graph *graph, fov_value a, fov_value b);
/** a where condition (bool) is true, else b. */
FOV_API fov_value fov_where(fov_graph *graph, fov_value condition, fov_value a, fov_value b);

/* ---- reductions -------------------------------------------------------------------------------------------------- */

typedef struct fov_reduce_options {
    int         axes[FOV_MAX_RANK]; /**< the axes to reduce; counted from the end if < 0 */
    int         axis_count;         /**< 0: all axes */
    bool        keep_dims;          /**< false: reduced dimensions are dropped; true: they stay, with size 1 */
    const char *name;
} fov_reduce_options;
/** Sum along axes: fov_reduce_sum(g, x, .axes = {2, 3}, .axis_count = 2) sums over pixels. */
FOV_API fov_value fov_reduce_sum_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options);
FOV_API fov_value fov_reduce_mean_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options);
/** Largest value along axes. The gradient is shared equally among all elements that are the largest. */
FOV_API fov_value fov_reduce_max_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options);
FOV_API fov_value fov_reduce_min_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options);

/* ---- shape ------------------------------------------------------------------------------------------------------- */

/** [N, a, b, ...] -> [N, a b ...] */
FOV_API fov_value fov_flatten(fov_graph *graph, fov_value x);
/** Same elements, another shape. One dimension may be -1 (FOV_BATCH): it follows from the others. 0 copies the input's
 *  dimension at that place. */
FOV_API fov_value fov_reshape(fov_graph *graph, fov_value x, fov_shape shape);
/** Joins tensors along `axis` (1 = channels); all other dimensions must be equal. */
FOV_API fov_value fov_concat(fov_graph *graph, const fov_value *values, int count, int axis);
/** The dimensions in another order: dimension i of the result is dimension perm[i] of x. rank 0: the order is
 *  reversed. */
FOV_API fov_value fov_transpose(fov_graph *graph, fov_value x, const int *perm, int rank);
/** Drops the dimensions in `axes`, which must be 1; count 0: drops all dimensions of size 1. */
FOV_API fov_value fov_squeeze(fov_graph *graph, fov_value x, const int *axes, int count);
/** Inserts dimensions of size 1; `axes` are their places in the result. */
FOV_API fov_value fov_unsqueeze(fov_graph *graph, fov_value x, const int *axes, int count);
/** x[..., begin + i step, ...] for i < length along one axis. step 0 means 1; a negative step runs backwards. length
 *  -1: up to the end of the axis (backwards: to its first element). */
FOV_API fov_value fov_slice(fov_graph *graph, fov_value x, int axis, int64_t begin, int64_t length, int64_t step);
/** Cuts x along `axis` into `count` parts of the given sizes or, `sizes` NULL, of equal size, of which the last may be
 *  smaller. Fills parts[count]. */
FOV_API int fov_split_into(fov_graph *graph, fov_value x, int axis, const int64_t *sizes, int count, fov_value *parts);

typedef enum fov_pad_mode {
    FOV_PAD_CONSTANT, /**< .value */
    FOV_PAD_REFLECT,  /**< 3 2 1 | 0 1 2 3 | 2 1 0 */
    FOV_PAD_EDGE,     /**< 0 0 0 | 0 1 2 3 | 3 3 3 */
    FOV_PAD_WRAP      /**< 1 2 3 | 0 1 2 3 | 0 1 2 */
} fov_pad_mode;
typedef struct fov_pad_options {
    int64_t      before[FOV_MAX_RANK]; /**< elements added in front of each dimension; < 0: cut off there */
    int64_t      behind[FOV_MAX_RANK]; /**< the same at each dimension's end */
    fov_pad_mode mode;  /**< constant */
    double       value; /**< 0 */
    const char  *name;
} fov_pad_options;
/** Adds elements around a tensor. */
FOV_API fov_value fov_pad_opt(fov_graph *graph, fov_value x, const fov_pad_options *options);
/** Repeats the tensor repeats[i] times along dimension i. */
FOV_API fov_value fov_tile(fov_graph *graph, fov_value x, const int64_t *repeats, int rank);
/** Broadcasts x to `shape`: repeats dimensions of size 1; a 1 in `shape` keeps x's dimension. */
FOV_API fov_value fov_expand(fov_graph *graph, fov_value x, fov_shape shape);
/** Picks entries of x along `axis` by `indices` (i32 or i64 of any shape, which replaces that axis in the result). A
 *  negative index counts from the end; an index out of range picks zeros. An embedding:
 *  fov_gather(g, table, words, 0). */
FOV_API fov_value fov_gather(fov_graph *graph, fov_value x, fov_value indices, int axis);
/** [N, C b b, H, W] -> [N, C, H b, W b]: each group of b b channels becomes a square of pixels (Shi et al. 2016). */
FOV_API fov_value fov_depth_to_space(fov_graph *graph, fov_value x, int block);
/** [N, C, H b, W b] -> [N, C b b, H, W] */
FOV_API fov_value fov_space_to_depth(fov_graph *graph, fov_value x, int block);
/** Interleaves the channels of the groups, so that the next grouped convolution mixes them (Zhang et al. 2017). */
FOV_API fov_value fov_channel_shuffle(fov_graph *graph, fov_value x, int groups);
/** The `k` largest (or smallest) entries along an axis, sorted, and their positions. */
typedef struct fov_top_k_options {
    int         k;        /**< required */
    int         axis;     /**< 0 means the default: the last (-1). Counted from the end when negative */
    bool        smallest; /**< false */
    const char *name;
} fov_top_k_options;
/** Returns the values; *indices (may be NULL) becomes their positions along the axis, i64. Of equal values the one with
 *  the lower position comes first. */
FOV_API fov_value fov_top_k_opt(fov_graph *graph, fov_value x, const fov_top_k_options *options, fov_value *indices);

/* ---- products ---------------------------------------------------------------------------------------------------- */

/** Matrix product over the last two dimensions; the dimensions before them broadcast.
 *  [..., m, k] x [..., k, n] -> [..., m, n]. */
FOV_API fov_value fov_matmul(fov_graph *graph, fov_value a, fov_value b);

/* ---- losses ------------------------------------------------------------------------------------------------------ */

typedef struct fov_cross_entropy_options {
    float       label_smoothing; /**< 0: share of the target spread over all classes (Szegedy et al. 2016) */
    fov_value   weights; /**< none; [classes]: weight of a sample of each class, in the sum and in the divisor */
    const char *name;
} fov_cross_entropy_options;
/** Mean of -log softmax(logits)[label] over the batch. logits f32 [N, classes, ...], labels i32 [N, ...] -> scalar.
 *  A label of -1 is ignored. Other labels outside 0 .. classes - 1 are refused: by fov_plan_run where labels are an
 *  input, by fov_plan_create where they are a constant. */
FOV_API fov_value fov_softmax_cross_entropy_opt(fov_graph *graph, fov_value logits, fov_value labels,
                                                const fov_cross_entropy_options *options);
/** Mean of -log_probabilities[label]. log_probabilities [N, classes, ...], labels i32 or i64 [N, ...] -> scalar. Labels
 *  are checked as by fov_softmax_cross_entropy_opt. */
FOV_API fov_value fov_nll_loss(fov_graph *graph, fov_value log_probabilities, fov_value labels);
/** Mean over all elements of (prediction - target)^2 -> scalar. */
FOV_API fov_value fov_mse(fov_graph *graph, fov_value prediction, fov_value target);

/** How a loss is reduced over elements (or samples). */
typedef enum fov_reduction { FOV_REDUCTION_MEAN = 0, FOV_REDUCTION_SUM, FOV_REDUCTION_NONE } fov_reduction;
typedef struct fov_loss_options {
    fov_reduction reduction; /**< mean */
    const char   *name;
} fov_loss_options;
/* The losses below take a prediction and a target of one shape and one floating type, and fail otherwise. They are
 * composed of other operators, so gradients flow to both prediction and target, and second derivatives exist. */

/** Absolute error: |prediction - target|. */
FOV_API fov_value fov_mae_opt(fov_graph *graph, fov_value prediction, fov_value target,
                              const fov_loss_options *options);
typedef struct fov_huber_options {
    float         delta; /**< 1: up to this error the loss is quadratic */
    fov_reduction reduction;
    const char   *name;
} fov_huber_options;
/** Huber's loss (1964): e^2 / 2 up to delta, delta (|e| - delta / 2) beyond. */
FOV_API fov_value fov_huber_opt(fov_graph *graph, fov_value prediction, fov_value target,
                                const fov_huber_options *options);
FOV_API fov_value fov_huber(fov_graph *graph, fov_value prediction, fov_value target, float delta); /**< delta > 0 */
typedef struct fov_smooth_l1_options {
    float         beta; /**< 1: up to this error the loss is quadratic */
    fov_reduction reduction;
    const char   *name;
} fov_smooth_l1_options;
/** Huber's loss divided by beta: the slope is 1 for errors beyond beta (Girshick 2015). */
FOV_API fov_value fov_smooth_l1_opt(fov_graph *graph, fov_value prediction, fov_value target,
                                    const fov_smooth_l1_options *options);
FOV_API fov_value fov_smooth_l1(fov_graph *graph, fov_value prediction, fov_value target, float beta); /**< beta > 0 */
/** Binary cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)); logarithms are at least -100, as in
 *  PyTorch. */
FOV_API fov_value fov_bce_opt(fov_graph *graph, fov_value probability, fov_value target,
                              const fov_loss_options *options);
typedef struct fov_bce_logits_options {
    float         positive_weight; /**< 1: factor of the term t log p */
    fov_reduction reduction;
    const char   *name;
} fov_bce_logits_options;
/** Binary cross-entropy of sigmoid(logits), computed from the logits, without the precision that a sigmoid loses. */
FOV_API fov_value fov_bce_logits_opt(fov_graph *graph, fov_value logits, fov_value target,
                                     const fov_bce_logits_options *options);
typedef struct fov_kl_divergence_options {
    bool          log_target; /**< false: target holds probabilities; true: their logarithms */
    fov_reduction reduction;  /**< mean: the mean of each sample's sum (PyTorch's "batchmean"); none: per element */
    const char   *name;
} fov_kl_divergence_options;
/** Kullback-Leibler divergence: t (log t - log_probability), both [N, classes, ...]; 0 where t is 0. */
FOV_API fov_value fov_kl_divergence_opt(fov_graph *graph, fov_value log_probabilities, fov_value target,
                                        const fov_kl_divergence_options *options);
typedef struct fov_focal_options {
    float         alpha; /**< 0.25: weight of positives, 1 - alpha that of negatives; below 0: no weights */
    float         gamma; /**< 2: exponent of 1 - p, p being the probability of the true target; below 0: 0 */
    fov_reduction reduction;
    const char   *name;
} fov_focal_options;
/** Focal loss (Lin et al. 2017, eq. 5) of logits against targets 0 and 1: well classified elements get little
 *  weight. */
FOV_API fov_value fov_focal_opt(fov_graph *graph, fov_value logits, fov_value target, const fov_focal_options *options);
typedef struct fov_dice_options {
    float         smooth;  /**< 1: added to numerator and denominator, so that two empty masks agree */
    bool          squared; /**< false; true: sums of squares in the denominator (Milletari et al. 2016) */
    fov_reduction reduction; /**< mean; FOV_REDUCTION_NONE gives [N, C] */
    const char   *name;
} fov_dice_options;
/** Dice loss of masks [N, C, ...]: 1 - (2 sum p t + smooth) / (sum p + sum t + smooth), per sample and channel. */
FOV_API fov_value fov_dice_opt(fov_graph *graph, fov_value probability, fov_value target,
                               const fov_dice_options *options);
typedef enum fov_box_iou {
    FOV_BOX_IOU = 0, /**< 1 - IoU, IoU = intersection / union */
    FOV_BOX_GIOU,    /**< 1 - IoU + share of the box around both that neither covers (Rezatofighi et al. 2019) */
    FOV_BOX_DIOU,    /**< 1 - IoU + (distance of centres / diagonal of the box around both)^2 (Zheng et al. 2020) */
    FOV_BOX_CIOU     /**< DIoU's + weighted difference of aspect ratios; no gradient flows through the weight */
} fov_box_iou;
typedef struct fov_box_iou_options {
    fov_box_iou   kind;    /**< IoU */
    float         epsilon; /**< 1e-7: added to divisors */
    fov_reduction reduction; /**< mean; FOV_REDUCTION_NONE gives [...], one loss per box */
    const char   *name;
} fov_box_iou_options;
/** Overlap losses of boxes [..., 4]: left, top, right, bottom. */
FOV_API fov_value fov_box_iou_loss_opt(fov_graph *graph, fov_value prediction, fov_value target,
                                       const fov_box_iou_options *options);
/** x itself, treated as a constant in differentiation: no gradient flows back through it. */
FOV_API fov_value fov_stop_gradient(fov_graph *graph, fov_value x);

#ifndef __cplusplus
#define fov_conv2d(graph, x, ...) fov_conv2d_opt((graph), (x), &(fov_conv2d_options){__VA_ARGS__})
#define fov_conv1d(graph, x, ...) fov_conv1d_opt((graph), (x), &(fov_conv_options){__VA_ARGS__})
#define fov_conv3d(graph, x, ...) fov_conv3d_opt((graph), (x), &(fov_conv_options){__VA_ARGS__})
#define fov_dynamic_conv2d(graph, x, weight, ...)                                                                      \
    fov_dynamic_conv2d_opt((graph), (x), (weight), &(fov_dynamic_conv2d_options){__VA_ARGS__})
#define fov_conv_transpose2d(graph, x, ...)                                                                            \
    fov_conv_transpose2d_opt((graph), (x), &(fov_conv_transpose2d_options){__VA_ARGS__})
#define fov_resize2d(graph, x, ...) fov_resize2d_opt((graph), (x), &(fov_resize2d_options){__VA_ARGS__})
#define fov_layer_norm(graph, x, ...) fov_layer_norm_opt((graph), (x), &(fov_layer_norm_options){__VA_ARGS__})
#define fov_group_norm(graph, x, ...) fov_group_norm_opt((graph), (x), &(fov_group_norm_options){__VA_ARGS__})
#define fov_instance_norm(graph, x, ...) fov_instance_norm_opt((graph), (x), &(fov_instance_norm_options){__VA_ARGS__})
#define fov_lrn(graph, x, ...) fov_lrn_opt((graph), (x), &(fov_lrn_options){__VA_ARGS__})
#define fov_lp_pool2d(graph, x, ...) fov_lp_pool2d_opt((graph), (x), &(fov_lp_pool2d_options){__VA_ARGS__})
#define fov_max_unpool2d(graph, x, index, ...)                                                                         \
    fov_max_unpool2d_opt((graph), (x), (index), &(fov_max_unpool2d_options){__VA_ARGS__})
#define fov_dense(graph, x, ...) fov_dense_opt((graph), (x), &(fov_dense_options){__VA_ARGS__})
#define fov_max_pool2d(graph, x, ...) fov_max_pool2d_opt((graph), (x), &(fov_pool2d_options){__VA_ARGS__})
#define fov_prelu(graph, x, ...) fov_prelu_opt((graph), (x), &(fov_prelu_options){__VA_ARGS__})
#define fov_reduce_sum(graph, x, ...) fov_reduce_sum_opt((graph), (x), &(fov_reduce_options){__VA_ARGS__})
#define fov_reduce_mean(graph, x, ...) fov_reduce_mean_opt((graph), (x), &(fov_reduce_options){__VA_ARGS__})
#define fov_reduce_max(graph, x, ...) fov_reduce_max_opt((graph), (x), &(fov_reduce_options){__VA_ARGS__})
#define fov_reduce_min(graph, x, ...) fov_reduce_min_opt((graph), (x), &(fov_reduce_options){__VA_ARGS__})
#define fov_avg_pool2d(graph, x, ...) fov_avg_pool2d_opt((graph), (x), &(fov_pool2d_options){__VA_ARGS__})
#define fov_pad(graph, x, ...) fov_pad_opt((graph), (x), &(fov_pad_options){__VA_ARGS__})
#define fov_top_k(graph, x, indices, ...) fov_top_k_opt((graph), (x), &(fov_top_k_options){__VA_ARGS__}, (indices))
#endif
/** The operators above with all options at the defaults. */
static inline fov_value fov_batch_norm(fov_graph *graph, fov_value x)
{
    return fov_batch_norm_opt(graph, x, NULL);
}
static inline fov_value fov_softmax(fov_graph *graph, fov_value x)
{
    return fov_softmax_opt(graph, x, NULL);
}
static inline fov_value fov_log_softmax(fov_graph *graph, fov_value x)
{
    return fov_log_softmax_opt(graph, x, NULL);
}
static inline fov_value fov_mae(fov_graph *graph, fov_value prediction, fov_value target)
{
    return fov_mae_opt(graph, prediction, target, NULL);
}
static inline fov_value fov_bce(fov_graph *graph, fov_value probability, fov_value target)
{
    return fov_bce_opt(graph, probability, target, NULL);
}
static inline fov_value fov_bce_logits(fov_graph *graph, fov_value logits, fov_value target)
{
    return fov_bce_logits_opt(graph, logits, target, NULL);
}
static inline fov_value fov_kl_divergence(fov_graph *graph, fov_value log_probabilities, fov_value target)
{
    return fov_kl_divergence_opt(graph, log_probabilities, target, NULL);
}
static inline fov_value fov_focal(fov_graph *graph, fov_value logits, fov_value target)
{
    return fov_focal_opt(graph, logits, target, NULL);
}
static inline fov_value fov_dice(fov_graph *graph, fov_value probability, fov_value target)
{
    return fov_dice_opt(graph, probability, target, NULL);
}
static inline fov_value fov_box_iou_loss(fov_graph *graph, fov_value prediction, fov_value target, fov_box_iou kind)
{
    fov_box_iou_options options = {kind, 0, FOV_REDUCTION_MEAN, NULL};
    return fov_box_iou_loss_opt(graph, prediction, target, &options);
}
static inline fov_value fov_softmax_cross_entropy(fov_graph *graph, fov_value logits, fov_value labels)
{
    return fov_softmax_cross_entropy_opt(graph, logits, labels, NULL);
}

#ifdef __cplusplus
}
#endif
#endif
