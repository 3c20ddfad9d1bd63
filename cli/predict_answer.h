/* SPDX-License-Identifier: MIT */
/* Showing answers that are not one class of several: labels, values, a mask, boxes, a picture. What is shown depends on
 * the members of the answer, not on the task's name. */
#ifndef CLI_PREDICT_ANSWER_H
#define CLI_PREDICT_ANSWER_H

#include "cli.h"
#include "picture_list.h"

struct answering {
    struct cli  *cli;
    fov_session *session;
    const char  *draw, *out; /**< folder of --draw, and file of --out for a single picture; NULL: none */
    const char  *texts;           /**< folder of --save-txt for boxes as YOLO's texts; NULL: none */
    bool         scores_in_texts;
    struct picture_list *inputs; /**< the input pictures, which must not be overwritten; NULL: samples of a dataset */
    int          printed;
    char       **stems; /**< stems of output files, one per picture so far, all different; the last is the current */
    size_t       stem_count, stem_capacity;
};

/** Reads the options. Opens .session where the model's answers are shown by this file: by --task, by the task that the
 *  model was trained for, or because its output is a map or boxes; else .session stays NULL. 0 or an exit code. */
int answering_begin(struct answering *answering, struct cli *cli, fov_model *model);
void answering_end(struct answering *answering);
/** Saves the picture that a classifier's network saw in the files of --draw and --out. */
int answering_save(struct answering *answering, const char *file, const fov_image *seen);
/** Prints a note about a picture (fov_model_note) as a remark; nothing for NULL, or with --json, whose objects have
 *  it. */
void answering_say_note(const struct cli *cli, const char *file, const char *note);
/** Predicts one picture, draws and prints the answer. 0 or an exit code. */
int answering_predict(struct answering *answering, const char *file, const fov_image *picture);

#endif
