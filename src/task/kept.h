/* SPDX-License-Identifier: MIT */
/* Keeps the answers to all samples of a dataset, for figures that need them all at once (areas under curves,
 * calibration), up to a bound, so that a large dataset does not take an unexpected amount of memory. */
#ifndef TASK_KEPT_H
#define TASK_KEPT_H

#include "base/memory.h"
#include <stdint.h>

enum { KEPT_MOST_NUMBERS = 16 << 20 /**< scores, or values: 128 MiB */ };

/** The caller zeroes it before kept_open_classes or kept_open_values. */
struct kept {
    int64_t  count, capacity; /**< samples */
    int      width;           /**< numbers per sample */
    int32_t *labels;          /**< [capacity]: true classes; NULL: opened for values */
    int32_t *answers;         /**< [capacity]: predicted classes; NULL: opened for values */
    double  *scores;          /**< [capacity, width]; NULL: beyond the bound, or not opened */
    double  *truth;           /**< [capacity, width]: true values, or labels 0 and 1; NULL: as for scores */
};

/** Allocates true class, predicted class and `width` scores for each sample; the scores only within the bound. */
int  kept_open_classes(struct kept *kept, int64_t samples, int width, struct memory *memory, struct error *error);
/** Allocates `width` true and `width` predicted values for each sample; nothing beyond the bound. */
int  kept_open_values(struct kept *kept, int64_t samples, int width, struct memory *memory, struct error *error);
void kept_close(struct kept *kept, struct memory *memory);

#endif
