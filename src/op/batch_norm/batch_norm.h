/* SPDX-License-Identifier: MIT */
/* Shared by batch normalisation and its gradient. Private to the folder. Data is treated as a matrix [rows][channels],
 * where a row is one pixel of one sample. */
#ifndef OP_BATCH_NORM_BATCH_NORM_H
#define OP_BATCH_NORM_BATCH_NORM_H

#include "op/common.h"

enum batch_norm_statistics {
    BATCH_NORM_PLAN,    /**< the batch's statistics in a training plan, the running ones otherwise */
    BATCH_NORM_RUNNING, /**< always the running statistics: a frozen layer */
    BATCH_NORM_BATCH    /**< always the batch's statistics */
};

struct batch_norm_options {
    double epsilon, momentum;
    int    statistics;          /**< enum batch_norm_statistics */
    bool   population_variance; /**< the running variance uses the batch's biased one (ONNX), else unbiased (PyTorch) */
};

extern const struct op_attribute batch_norm_attributes[];
extern const char *const batch_norm_statistics_choices[];

/** The gradient's options: the layer's, and the activation after it whose gradient is computed, too. */
struct batch_norm_gradient_options {
    struct batch_norm_options norm;
    int    activation; /**< enum unary: identity (none), relu, leaky_relu or clip */
    double alpha, beta; /**< constants of the activation */
};

static inline bool batch_norm_uses_batch(const struct batch_norm_options *options, bool training)
{
    return options->statistics == BATCH_NORM_BATCH || (options->statistics == BATCH_NORM_PLAN && training);
}

/** Chunks of rows, by shape alone: each has partial sums of its own, combined in order. */
struct batch_norm_plan {
    size_t rows, channels, chunk_rows, chunks;
    bool   seen;     /**< the producer of x (or dy) calls see() for each chunk, so run need not sum */
    bool   deferred; /**< the result is not stored; the factors per channel that rows() reads follow in the state */
};
struct batch_norm_plan batch_norm_plan(const struct op_compile *compile);
int batch_norm_prepare(const struct op_compile *compile, void *state); /**< in[0] is x */

/** E_SHAPE unless input 0 is [N, C, ...] of rank 2 to 5 with known channels and inputs first .. last are [C]. */
int batch_norm_check(const struct op_infer *infer, int first, int last);

#endif
