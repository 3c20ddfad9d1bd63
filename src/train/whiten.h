/* SPDX-License-Identifier: MIT */
/* A first layer whose filters follow from the pictures: what comes out of them is not correlated, and of one size
 * (Page, "How to train your ResNet", 2019; Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024). */
#ifndef TRAIN_WHITEN_H
#define TRAIN_WHITEN_H

#include "task/task.h"

/** Fills the weight [filters, C, kh, kw] of that name, of a convolution that reads the model's pictures, and freezes
 *  it: v / sqrt(l + 5e-4) for each eigenvector v and eigenvalue l of the patches' second moments, the largest first,
 *  then their negatives; further filters stay as they are. Patches are those of up to 5000 training pictures, evenly
 *  spread, without augmentation. `frozen_only`: the values come from elsewhere. E_USAGE where there is no such
 *  convolution. */
int whiten(fov_model *model, const struct task_use *use, const char *name, bool frozen_only, struct error *error);

#endif
