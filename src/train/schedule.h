/* SPDX-License-Identifier: MIT */
/* Learning-rate schedules: the rate as a pure function of how far training has come, so that a resumed run goes on as
 * if nothing had happened. A schedule is one file in src/train/schedule/, a line `const struct schedule schedule_NAME =
 * {` registers it; its options follow its name ("one-cycle:rise=0.25:div=10"). One that looks at the validation figure
 * (plateau) remembers in a state that the checkpoint keeps. Next: schedule/step.c, the smallest one with an option. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "base/attribute.h"
#include <stddef.h>
#include <stdint.h>

enum { SCHEDULE_MOST_OPTIONS = 192, SCHEDULE_TEXT_SIZE = 640, SCHEDULE_NUMBERS = 5 };

/** What a schedule remembers from one epoch to the next; zeros at first. */
struct schedule_state {
    double number[SCHEDULE_NUMBERS];
};

/** How far training has come, and the rate that was asked for. */
struct schedule_moment {
    double  lr;
    double  step, steps; /**< finished steps since the beginning; those of the whole run. Of a run that ends by time:
                            its share of the time in millionths, and a million */
    int64_t epoch;       /**< finished epochs */
    double  epochs;      /**< the same with the finished part of the running one */
    struct schedule_state state;
};

struct schedule {
    const char             *name;    /**< "cosine" */
    const char             *summary; /**< one line */
    const struct attribute *attributes; /**< NULL: none; the first may be given without its name */
    size_t                  options_size;
    double (*rate)(const void *options, const struct schedule_moment *moment);
    int (*check)(const void *options, struct error *error); /**< of what limits do not say; NULL: nothing more */
    /** NULL: looks at nothing. Called at each epoch's end with a figure of which less is better: the validation loss,
     *  else the training loss. */
    void (*observe)(const void *options, double figure, struct schedule_state *state);
};
extern const struct schedule *const schedule_table[]; /* generated, sorted by name */
extern const size_t                 schedule_table_count;

/** A schedule with its options. */
struct schedule_use {
    const struct schedule *schedule;
    _Alignas(16) unsigned char options[SCHEDULE_MOST_OPTIONS];
};
/** NAME with its defaults; E_USAGE naming the nearest one. `name` may go on with ":OPTION=VALUE...", which is not read
 *  yet. */
int schedule_find(struct schedule_use *use, const char *name, struct error *error);
/** Sets an option, where the schedule has one of that name. */
void schedule_put(struct schedule_use *use, const char *option, double value);
/** Sets what stands behind the name in "NAME:VALUE:OPTION=VALUE", and checks all options together. */
int schedule_read(struct schedule_use *use, const char *text, struct error *error);
/** The name with all options, as the above reads it. */
void schedule_text(const struct schedule_use *use, char text[SCHEDULE_TEXT_SIZE]);

/** What the rate depends on beside the schedule's own options. */
struct schedule_plan {
    double  lr;
    int64_t warmup; /**< steps over which the rate rises, whatever the schedule */
    int64_t epochs, steps_per_epoch;
};
/** The rate of step `step` (counted over all epochs, from 0) in epoch `epoch`, warm-up included. `time`: the share of
 *  its time that the run has taken, 0 to 1; negative: the run ends by epochs. */
double schedule_rate(const struct schedule_use *use, const struct schedule_plan *plan, int64_t epoch, int64_t step,
                     double time, const struct schedule_state *state);

#endif
