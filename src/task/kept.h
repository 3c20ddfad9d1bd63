/* SPDX-License-Identifier: MIT */
/* Answers kept while a dataset is gone through, for figures that need them all at once (areas under curves,
 * calibration), up to a bound, so that a large dataset costs no memory that nobody expects. */
#ifndef TASK_KEPT_H
#define TASK_KEPT_H

#include "base/memory.h"
#include <stdint.h>

enum { KEPT_MOST_NUMBERS = 16 << 20 /**< scores, or values: 128 MiB */ };

/** Zero it. */
struct kept {
    int64_t  count, capacity; /**< samples */
    int      width;           /**< numbers of a sample's answer */
    int32_t *labels;          /**< [capacity]: truth, of one class of several; NULL: not kept */
    int32_t *answers;         /**< [capacity]: what was answered */
    double  *scores;          /**< [capacity, width]; NULL: beyond the bound, or not wanted */
    double  *truth;           /**< [capacity, width] of values, and of labels 0 and 1; NULL as scores are */
};

/** Room for one class and `width` scores of each sample; scores only within the bound. */
int  kept_open_classes(struct kept *kept, int64_t samples, int width, struct memory *memory, struct error *error);
/** Room for `width` values of truth and answer of each sample, within the bound. */
int  kept_open_values(struct kept *kept, int64_t samples, int width, struct memory *memory, struct error *error);
void kept_close(struct kept *kept, struct memory *memory);

#endif
