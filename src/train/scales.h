/* SPDX-License-Identifier: MIT */
/* Multi-scale training: pictures of several sizes. A graph fixes the size of its input, so each further size has its
 * own graph, which shares the parameters of the run's graph. All plans share one arena, since only one runs at a time.
 * The size of a batch follows from (seed, epoch, batch). Read next: scales.c; its functions are declared in
 * training.h. */
#ifndef TRAIN_SCALES_H
#define TRAIN_SCALES_H

#include "train/step.h"

enum { SCALES_MOST = 64 };

/** A size besides the run's own. */
struct scale {
    int height, width;
    fov_model *model; /**< the model resized to it, with borrowed weights */
    struct task_use use;
    struct training_step step;
};

struct scales {
    struct scale *list; /**< the further sizes, ascending; NULL: all batches have the run's own size */
    int count, smaller; /**< how many; how many of these are smaller than the run's own size */
    int64_t every;      /**< consecutive batches of the same size */
    struct plan_arena arena; /**< shared by all plans */
    const struct training_step *last; /**< the step that has updated the weights last */
    uint8_t *forms; /**< size of each batch of the epoch, for the loader: 0 is the own size, i + 1 is list[i] */
};

/** The task and the training step for a batch of some size. */
struct sized {
    const struct task_use *use;
    const struct training_step *step;
};

#endif
