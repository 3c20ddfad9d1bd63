/* SPDX-License-Identifier: MIT */
/* Shared by the classification losses: scores [N, classes, ...] against labels [N, ...], a weight per class, labels
 * that are ignored, and the reduction of the samples' losses to one number. Next: softmax_cross_entropy/, nll_loss/. */
#ifndef OP_CLASS_LOSS_H
#define OP_CLASS_LOSS_H

#include "op/common.h"

enum class_reduction {
    CLASS_MEAN, /**< sum of the losses / sum of their labels' weights: NaN if all labels are ignored, as in ONNX */
    CLASS_NONE, /**< no reduction: one loss per sample */
    CLASS_SUM
};
extern const char *const class_reductions[];

/** Checks dtypes and shapes of scores, labels and (if present) class weights; the arguments are input indices. */
int class_loss_check(const struct op_infer *infer, int scores, int labels, int weight);
/** Shape of the loss. */
fov_shape class_loss_shape(int reduction, const fov_shape *labels);

/** Whether a sample with this label counts: labels outside 0 .. classes - 1 and the label `ignore` do not. */
static inline bool class_counts(double label, size_t classes, int64_t ignore)
{
    return label >= 0 && label < (double)classes && label != (double)ignore;
}

#endif
