/* SPDX-License-Identifier: MIT */
/* Batch normalisation and its gradient: what the two files share. Private to the folder. Data is seen as a matrix
 * [rows][channels], rows being all pixels of all samples. */
#ifndef OP_BATCH_NORM_BATCH_NORM_H
#define OP_BATCH_NORM_BATCH_NORM_H

#include "op/common.h"

enum batch_norm_statistics {
    BATCH_NORM_PLAN,    /**< of the batch in a training plan, the running ones otherwise */
    BATCH_NORM_RUNNING, /**< always the running ones: a frozen layer */
    BATCH_NORM_BATCH    /**< always of the batch */
};

struct batch_norm_options {
    double epsilon, momentum;
    int    statistics;          /**< enum batch_norm_statistics */
    bool   population_variance; /**< the running variance takes the biased one, as ONNX; else unbiased, as PyTorch */
};

extern const struct op_attribute batch_norm_attributes[];
extern const char *const batch_norm_statistics_choices[];

/** The gradient's options: the layer's, and the activation behind it whose gradient is taken along. */
struct batch_norm_gradient_options {
    struct batch_norm_options norm;
    int    activation; /**< enum unary: identity, or one of straight pieces */
    double alpha, beta;
};

static inline bool batch_norm_uses_batch(const struct batch_norm_options *options, bool training)
{
    return options->statistics == BATCH_NORM_BATCH || (options->statistics == BATCH_NORM_PLAN && training);
}

/** Chunks of rows, by shape alone: each has sums of its own, combined in order. */
struct batch_norm_plan {
    size_t rows, channels, chunk_rows, chunks;
    bool   seen;     /**< sums of chunks are taken by who makes x (or dy) */
    bool   deferred; /**< floats per channel that rows() needs lie behind this in the state */
};
struct batch_norm_plan batch_norm_plan(const struct op_compile *compile);
int batch_norm_prepare(const struct op_compile *compile, void *state); /**< in[0] is x */

/** [N, C, ...] of rank 2 to 5 with known channels, and [C] vectors in inputs first .. last. */
int batch_norm_check(const struct op_infer *infer, int first, int last);

#endif
