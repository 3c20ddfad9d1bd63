/* SPDX-License-Identifier: MIT */
/* Learning-rate schedules: the rate is a pure function of the progress of training, so that a resumed run continues
 * with the same rates. A schedule is one file in src/train/schedule/, registered by its line `const struct schedule
 * schedule_NAME = {`; its options follow its name ("one-cycle:rise=0.25:div=10"). A schedule that depends on the
 * validation figure (plateau) keeps a state, which the checkpoint saves. Read next: schedule/step.c, the smallest one
 * with an option. */
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

/** The progress of training, and the base rate. */
struct schedule_moment {
    double  lr;          /**< base rate: the option lr */
    double  step, steps; /**< steps finished since the beginning; steps of the whole run. In a run that ends by time:
                            the share of its time that has passed, in millionths, and a million */
    int64_t epoch;       /**< finished epochs */
    double  epochs;      /**< the same as a fraction, with the finished part of the current epoch */
    struct schedule_state state;
};

struct schedule {
    const char             *name;    /**< "cosine" */
    const char             *summary; /**< one line */
    const struct attribute *attributes; /**< NULL: none; the first may be given without its name */
    size_t                  options_size;
    double (*rate)(const void *options, const struct schedule_moment *moment);
    int (*check)(const void *options, struct error *error); /**< checks beyond the options' limits; may be NULL */
    /** Called at each epoch's end with the validation loss, or the training loss if there is no validation. NULL: the
     *  schedule depends on the progress alone. */
    void (*observe)(const void *options, double figure, struct schedule_state *state);
};
extern const struct schedule *const schedule_table[]; /* generated, sorted by name */
extern const size_t                 schedule_table_count;

/** A schedule with its options. */
struct schedule_use {
    const struct schedule *schedule;
    _Alignas(16) unsigned char options[SCHEDULE_MOST_OPTIONS];
};
/** Finds NAME and sets its defaults; E_USAGE suggests the nearest name. A rest ":OPTION=VALUE..." of `name` is ignored
 *  here. */
int schedule_find(struct schedule_use *use, const char *name, struct error *error);
/** Sets an option, if the schedule has one of that name. */
void schedule_put(struct schedule_use *use, const char *option, double value);
/** Sets the options that follow the name in "NAME:VALUE:OPTION=VALUE", and checks all options together. */
int schedule_read(struct schedule_use *use, const char *text, struct error *error);
/** Writes the name with all options, in the form that schedule_read reads. */
void schedule_text(const struct schedule_use *use, char text[SCHEDULE_TEXT_SIZE]);

/** What the rate depends on besides the schedule's own options. */
struct schedule_plan {
    double  lr;
    int64_t warmup; /**< steps over which the rate rises linearly to the schedule's */
    int64_t epochs, steps_per_epoch;
};
/** The rate of step `step` (counted over all epochs, from 0) in epoch `epoch`, warm-up included. `time`: share of the
 *  run's time that has passed, 0 to 1; negative: the run ends by epochs. */
double schedule_rate(const struct schedule_use *use, const struct schedule_plan *plan, int64_t epoch, int64_t step,
                     double time, const struct schedule_state *state);

#endif
