/* SPDX-License-Identifier: MIT */
/* What a person sees of a training: a heading, a line that moves, a row per epoch, and where everything is. */
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
    bool heading;        /**< the table's head is printed */
    int best_epoch;
    fov_task_info info;  /**< of the run's task, once the head is printed */
    double minutes;      /**< the run ends by time; 0: by epochs */
    int64_t log_every;   /**< a line each so many steps, as courses print them; 0: none */
    double logged;       /**< losses since the last such line */
    char memory[MEMORY_TEXT], recomputed[MEMORY_TEXT];
    json_t *plan;        /**< the same, for --json */
    struct watch *watch; /**< the page beside it; NULL: none */
    char title[SHOWN_SIZE], settings[SHOWN_SIZE]; /**< printed once training has really begun */
};

struct run_words;
/** `asked`: the words of the run. `check`: the samples that choose the best epoch. */
void train_view_begin(struct train_view *view, struct cli *cli, const struct run_words *asked, fov_model *model,
                      const fov_dataset *data, const fov_dataset *check, const fov_train_options *options);
void train_view_free(struct train_view *view);
/** Callbacks of the trainer; user is the view. Nonzero once a signal asked to stop. */
void train_view_plan(const fov_plan *plan, void *user);
int train_view_step(const fov_progress *at, void *user);
int train_view_epoch(const fov_progress *at, void *user);
/** Seconds in training steps over all epochs of the run in that folder: what its page calls training time. Validation,
 *  checkpoints and pages are beside it. */
double train_view_time(const struct train_view *view, const char *directory);
/** After the end: the best model's worth on the samples that chose it and, not NULL, on those for testing; the files,
 *  what to try next. With --quiet one line of it, the last measured. */
void train_view_end(struct train_view *view, const fov_report *check, const fov_report *test, const char *directory,
                    const char *data);

#endif
