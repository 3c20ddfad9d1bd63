/* SPDX-License-Identifier: MIT */
/* The library's table of training options as options of the command; and fov_train_options from what was typed, or from
 * a run's config.json. */
#ifndef CLI_TRAIN_OPTIONS_H
#define CLI_TRAIN_OPTIONS_H

#include "cli.h"
#include "json.h"

enum { PART_TEXT = 1024 };

/** Buffers for the texts that fov_train_options points to. */
struct train_texts {
    char optimizer[PART_TEXT], schedule[PART_TEXT];
};

/** The command's training options, ended by one without name. */
const struct cli_option *train_options(void);
/** Fills in all options of the table: what was typed, else the value in `config` (config.json of a resumed run; NULL: a
 *  new run), else the task's, else the default. `options` points into `texts`, `config` and the command line. */
void train_options_fill(const struct cli *cli, const json_t *config, const fov_task_info *task,
                        struct train_texts *texts, fov_train_options *options);

#endif
