/* SPDX-License-Identifier: MIT */
/* Training on pictures of several sizes. A graph holds the size of its input, so each size has a graph of its own, with
 * the parameters of the run's own one, and plans that compute in one arena, since only one runs at a time. Which size a
 * batch has follows from (seed, epoch, batch). Next: scales.c; training.h says who calls what. */
#ifndef TRAIN_SCALES_H
#define TRAIN_SCALES_H

#include "train/step.h"

enum { SCALES_MOST = 64 };

/** A size beside the run's own. */
struct scale {
    int height, width;
    fov_model *model; /**< at that size, with weights that lie elsewhere */
    struct task_use use;
    struct training_step step;
};

struct scales {
    struct scale *list; /**< by size; NULL: all batches have the run's own */
    int count, smaller; /**< smaller: how many of them are smaller than that */
    int64_t every;      /**< batches of the same size */
    struct plan_room room;
    const struct training_step *last; /**< by which weights were moved last */
    uint8_t *forms; /**< of the epoch's batches, as the loader wants them: 0 is the own size, i + 1 list[i] */
};

/** How a batch of some size is computed. */
struct sized {
    const struct task_use *use;
    const struct training_step *step;
};

#endif
