/* SPDX-License-Identifier: MIT */
/* Training options with every default filled in and every number checked, and the same as text: in config.json for
 * people, in the checkpoint so that a resumed run is the same run. */
#ifndef TRAIN_OPTIONS_H
#define TRAIN_OPTIONS_H

#include "task/task.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "transform/pipeline.h"
#include <fovea/train.h>

enum { BY_TIME = 1000000 /**< epochs of a run that ends by time: no limit */ };

struct train_settings {
    fov_train_options given; /**< with defaults in place of zeros */
    struct optimizer optimizer;
    char optimizer_text[OPTIMIZER_TEXT_SIZE]; /**< with all its options */
    struct schedule_use schedule;
    char schedule_text[SCHEDULE_TEXT_SIZE]; /**< with all its options */
    bool schedule_by_fields; /**< nothing stood behind its name */
    struct schedule_plan rate;
    int64_t batch, steps; /**< samples per step; steps per epoch */
    const struct pipeline *augment; /**< owned by who trains; NULL: none */
    char task_text[TASK_TEXT_SIZE]; /**< with all its options; set by who trains */
    const char *task_name; /**< where all of them are at their defaults: the name alone says the same; else NULL */
};

/** E_USAGE naming the option. `count`: samples in the data. */
int settings_resolve(struct train_settings *settings, const fov_train_options *options, int64_t count,
                     struct error *error);

/** The last, smaller batch of an epoch is not trained on: one step fewer. */
void settings_drop_rest(struct train_settings *settings);

/** One option as text. `decides`: another value would give other weights, so a resumed run must have the same. */
struct setting {
    const char *key, *value; /**< value: text of the settings, or number */
    char number[40];
    char absent[40]; /**< what a checkpoint had that does not name this one: the default */
    bool decides, quoted;
    const char *older;  /**< how older checkpoints write the same; NULL: just so */
};
enum { SETTINGS_MAX = 64 };
/** Fills list; returns how many. */
int settings_list(const struct train_settings *settings, struct setting list[SETTINGS_MAX]);

#endif
