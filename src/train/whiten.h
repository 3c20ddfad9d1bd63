/* SPDX-License-Identifier: MIT */
/* A whitening first layer: its filters are computed from the pictures so that their results are uncorrelated and of
 * equal variance (Page, "How to train your ResNet", 2019; Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU",
 * 2024). */
#ifndef TRAIN_WHITEN_H
#define TRAIN_WHITEN_H

#include "task/task.h"

/** Fills the weight `name` [filters, C, kh, kw] of a convolution that reads the model's pictures, and freezes it. The
 *  filters are v / sqrt(l + 5e-4) for each eigenvector v and eigenvalue l of the patches' second moments, the largest
 *  first, then their negatives; further filters stay as they are. Patches are taken from up to 5000 training pictures,
 *  evenly spaced, without augmentation. `frozen_only`: only freezes the weight (a resumed run reads its values from the
 *  checkpoint). E_USAGE: there is no such convolution. */
int whiten(fov_model *model, const struct task_use *use, const char *name, bool frozen_only, struct error *error);

#endif
