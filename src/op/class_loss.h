/* SPDX-License-Identifier: MIT */
/* What the losses of classification share: scores [N, classes, ...] against labels [N, ...], a weight per class,
 * labels that
 * do not count, and how the losses of the samples become one number. Next: softmax_cross_entropy/, nll_loss/. */
#ifndef OP_CLASS_LOSS_H
#define OP_CLASS_LOSS_H

#include "op/common.h"

enum class_reduction {
    CLASS_MEAN, /**< sum of the losses / sum of the weights of their labels: NaN where no label counts, as in ONNX */
    CLASS_NONE, /**< a loss per sample */
    CLASS_SUM
};
extern const char *const class_reductions[];

/** Checks scores, labels and (where there are) class weights. */
int class_loss_check(const struct op_infer *infer, int scores, int labels, int weight);
/** Shape of the loss. */
fov_shape class_loss_shape(int reduction, const fov_shape *labels);

/** Does a sample of this label count? `ignore`: the label that does not. */
static inline bool class_counts(double label, size_t classes, int64_t ignore)
{
    return label >= 0 && label < (double)classes && label != (double)ignore;
}

#endif
