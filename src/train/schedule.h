/* SPDX-License-Identifier: MIT */
/* Learning-rate schedules: the rate as a pure function of how far training has come, so that a resumed run goes on as
 * if nothing had happened. A schedule is one line in the table of schedule.c. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct schedule_options {
    double lr, lr_final, gamma;
    int step_epochs;
    int64_t warmup; /**< steps */
    int64_t epochs, steps_per_epoch;
};

struct schedule {
    const char *name;                                                                    /**< "cosine" */
    double (*rate)(const struct schedule_options *options, int64_t epoch, int64_t step); /**< both from 0 */
};
extern const struct schedule schedules[];
extern const size_t schedule_count;

const struct schedule *schedule_find(const char *name); /**< NULL when there is none */

/** The rate of step `step` (counted over all epochs, from 0) in epoch `epoch`, warm-up included. */
double schedule_rate(const struct schedule *schedule, const struct schedule_options *options, int64_t epoch,
                     int64_t step);

#endif
