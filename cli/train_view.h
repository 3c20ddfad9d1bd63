/* SPDX-License-Identifier: MIT */
/* The output of a training run: a heading, a progress line, a row per epoch, and the list of files at the end. */
#ifndef CLI_TRAIN_VIEW_H
#define CLI_TRAIN_VIEW_H

#include "json.h"
#include "memory_text.h"
#include "output.h"
#include "progress.h"
#include "watch.h"

struct train_view {
    struct cli *cli;
    struct progress progress;
    double begun;        /**< seconds on progress_clock */
    double trained;      /**< seconds in training steps, of this session */
    json_t *history;     /**< an object per epoch of this session, for --json */
    bool heading;        /**< whether the table's head has been printed */
    int best_epoch;
    fov_task_info info;  /**< of the run's task; set when the head is printed */
    double minutes;      /**< limit of a run by time; 0: the run ends by epochs */
    int64_t log_every;   /**< print the loss once per this many steps; 0: never */
    double logged;       /**< sum of losses since it was last printed */
    char memory[MEMORY_TEXT], recomputed[MEMORY_TEXT];
    json_t *plan;        /**< the same facts about memory, for --json */
    struct watch *watch; /**< the live page of --serve; NULL: none */
    char title[SHOWN_SIZE], settings[SHOWN_SIZE]; /**< printed with the table's head */
};

struct run_words;
/** `asked`: the words of the run. `check`: the validation samples, which choose the best epoch. */
void train_view_begin(struct train_view *view, struct cli *cli, const struct run_words *asked, fov_model *model,
                      const fov_dataset *data, const fov_dataset *check, const fov_train_options *options);
void train_view_free(struct train_view *view);
/** Callbacks of fov_train; user is the view. They return nonzero once a signal asked to stop. */
void train_view_plan(const fov_plan *plan, void *user);
int train_view_step(const fov_progress *at, void *user);
int train_view_epoch(const fov_progress *at, void *user);
/** Seconds in training steps over all epochs of the run in that folder, called training time on its page; without
 *  validation, checkpoints and pages. */
double train_view_time(const struct train_view *view, const char *directory);
/** Prints the end of the run: the best model's figures on the validation samples and, where `test` is not NULL, on the
 *  test samples; the files; commands to try next. With --quiet only the line of figures, of `test` where there is
 *  one. */
void train_view_end(struct train_view *view, const fov_report *check, const fov_report *test, const char *directory,
                    const char *data);

#endif
