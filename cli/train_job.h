/* SPDX-License-Identifier: MIT */
/* A run of fovea train on its way from words to a trained model: verb_train.c, and train_model.c, which opens the model. */
#ifndef CLI_TRAIN_JOB_H
#define CLI_TRAIN_JOB_H

#include "json.h"
#include "options.h"
#include "ranks.h"
#include "run_directory.h"
#include "train_options.h"
#include <fovea/fovea.h>

struct train_job {
    struct cli *cli;
    struct run_directory folder;
    bool resume, by_position;
    json_t *config, *words; /* of the run that goes on; NULL for a new one */
    struct run_words asked; /* typed, or those of the run that goes on */
    uint64_t seed; /* of the run that goes on */
    fov_model *model;
    fov_dataset *data, *check; /* to learn from, and to choose the best epoch with */
    fov_train_options options;
    const char *task; /* as typed, or as the run that goes on has it; NULL: it follows from the data */
    struct train_texts texts;
    char *preset; /* the lines that options came from */
    struct cli_ranks ranks;
    bool together; /* no rank waits for this one */
};

/** Makes or reads the model that job->asked names, for job->data: its last layer, its preprocessing, what is frozen. 0 or
 *  an exit code after a sentence. */
int train_open_model(struct train_job *job);

#endif
