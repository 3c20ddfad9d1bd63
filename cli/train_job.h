/* SPDX-License-Identifier: MIT */
/* The state of one `fovea train`, shared by verb_train.c and train_model.c, which opens the model. */
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
    json_t *config, *words; /* config.json and args.json of the resumed run; NULL for a new run */
    struct run_words asked; /* the words typed, or those of the resumed run */
    uint64_t seed; /* of the resumed run */
    fov_model *model;
    fov_dataset *data, *check; /* training data, and validation data for the choice of the best epoch */
    fov_train_options options;
    const char *task; /* as typed, or of the resumed run; NULL: it follows from the data */
    struct train_texts texts;
    char *preset; /* text of the preset file that options point into */
    struct cli_ranks ranks;
    bool together; /* all ranks have started, and none waits for this one */
};

/** Makes or loads the model that job->asked names, for job->data, with its last layer, its preprocessing, and its
 *  frozen parameters. 0 or an exit code after a sentence. */
int train_open_model(struct train_job *job);

#endif
