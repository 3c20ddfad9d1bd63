/* SPDX-License-Identifier: MIT */
/* The library's table of training options as options of the command, and what was typed, or kept in a run's
 * config.json, as fov_train_options. */
#ifndef CLI_TRAIN_OPTIONS_H
#define CLI_TRAIN_OPTIONS_H

#include "cli.h"
#include "json.h"

enum { PART_TEXT = 1024 };

/** Room for texts that are put together. */
struct train_texts {
    char optimizer[PART_TEXT], schedule[PART_TEXT];
};

/** The options, ended by one without name. */
const struct cli_option *train_options(void);
/** Fills in all that the table has: what was typed, else what `config` (of the run that goes on; NULL: a new one) has,
 *  else what suits the task, else the default. `options` points into `texts`, `config` and the command line. */
void train_options_fill(const struct cli *cli, const json_t *config, const fov_task_info *task,
                        struct train_texts *texts, fov_train_options *options);

#endif
