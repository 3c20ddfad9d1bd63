/* SPDX-License-Identifier: MIT */
/* Training options with every default filled in and every number checked, and the same options as text: for people in
 * config.json, and in the checkpoint, so that a resumed run can be compared with it. */
#ifndef TRAIN_OPTIONS_H
#define TRAIN_OPTIONS_H

#include "task/task.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "transform/pipeline.h"
#include <fovea/train.h>

enum { BY_TIME = 1000000 /**< value of .epochs in a run that ends by time: no limit */ };

struct train_settings {
    fov_train_options given; /**< with defaults in place of zeros */
    struct optimizer optimizer;
    char optimizer_text[OPTIMIZER_TEXT_SIZE]; /**< with all its options */
    struct schedule_use schedule;
    char schedule_text[SCHEDULE_TEXT_SIZE]; /**< with all its options */
    bool schedule_by_fields; /**< the schedule was given by name only, its options by fields of their own */
    struct schedule_plan rate;
    int64_t batch, steps; /**< samples per step; steps per epoch */
    const struct pipeline *augment; /**< owned by the training run; NULL: none */
    char task_text[TASK_TEXT_SIZE]; /**< with all its options; set by the training run */
    const char *task_name; /**< the task's name, if all its options have their defaults; else NULL */
};

/** E_USAGE naming the option. `count`: samples in the data. */
int settings_resolve(struct train_settings *settings, const fov_train_options *options, int64_t count,
                     struct error *error);

/** Drops the last, smaller batch of each epoch: one step fewer. */
void settings_drop_rest(struct train_settings *settings);

/** One option as text. */
struct setting {
    const char *key, *value; /**< value points to a text of the settings, or to .number */
    char number[40];
    char absent[40]; /**< value assumed for a checkpoint that lacks the option: the default */
    bool decides, quoted; /**< decides: it influences the weights, so a resumed run must have the same; quoted: text */
    const char *older;  /**< spelling of the same value in older checkpoints; NULL: no other */
};
enum { SETTINGS_MAX = 64 };
/** Fills list; returns how many. */
int settings_list(const struct train_settings *settings, struct setting list[SETTINGS_MAX]);

#endif
