/* SPDX-License-Identifier: MIT */
/* Shared by ONNX's optimisers (domain ai.onnx.preview.training). Their inputs are a rate R, an update count T, and then
 * tensors in blocks: all values, all their gradients, all their first states, perhaps all second states. An optimiser
 * of this family is one small file with its formula twice: in double, to be read, and in float over a range of
 * elements. These are ONNX's formulas; sgd/ and adam/ have PyTorch's, which fovea trains with. Read op/onnx_momentum/
 * first. */
#ifndef OP_ONNX_OPTIMISER_H
#define OP_ONNX_OPTIMISER_H

#include "op/common.h"

#define ONNX_OPTIMISER_DOMAIN "ai.onnx.preview.training"

enum { ONNX_OPTIMISER_STATES = 2 /**< at most */ };
enum { ONNX_OPTIMISER_RATE, ONNX_OPTIMISER_COUNT, ONNX_OPTIMISER_TENSORS }; /* inputs */

/** One element. */
struct onnx_optimiser_element {
    double x, gradient, state[ONNX_OPTIMISER_STATES]; /**< x and state are updated in place */
};
/** A range of elements: where they are read and written. */
struct onnx_optimiser_run {
    size_t       count;
    const float *x, *gradient, *state[ONNX_OPTIMISER_STATES];
    float       *new_x, *new_state[ONNX_OPTIMISER_STATES];
};

struct onnx_optimiser {
    const char *const *names;  /**< names of a value, its gradient and its states, for error messages */
    int                states; /**< 1 or 2 */
    /** Computes the numbers of one update that are the same for all elements, rates[4], from R and T. */
    void (*rates)(const void *options, double rate, double count, double rates[4]);
    void (*define)(const void *options, const double rates[4], struct onnx_optimiser_element *element);
    void (*step)(const void *options, const double rates[4], const struct onnx_optimiser_run *run);
};

extern const struct op_port onnx_optimiser_in[];
extern const struct op_port onnx_optimiser_out[];

/** Functions for a descriptor whose .rule is an onnx_optimiser. */
int  onnx_optimiser_infer(const struct op_infer *infer);
void onnx_optimiser_textbook(const struct op_textbook *textbook);
extern const struct op_cpu onnx_optimiser_cpu;
/** Number of outputs for in_count inputs: a value and its states for each group. */
int  onnx_optimiser_out_count(int in_count, int states);

/** Fills input `index` of a test case with one group: R is 1/16, T is `count`, the rest is random. `squares`: the state
 *  that is a sum of squares and so must not be negative, or -1. */
void onnx_optimiser_draw(int index, int squares, double count, double *data, size_t elements, struct random_key key);

#endif
