/* SPDX-License-Identifier: MIT */
/* What a model says of a picture that is not one class of several: labels, values, a mask, a picture. By what the answer
 * holds, whatever the task is called. */
#ifndef CLI_PREDICT_ANSWER_H
#define CLI_PREDICT_ANSWER_H

#include "cli.h"
#include "picture_list.h"

struct answering {
    struct cli  *cli;
    fov_session *session;
    const char  *draw, *out; /**< folder for drawings, and file for the one picture's; NULL: none */
    const char  *texts;           /**< folder for boxes as YOLO's texts; NULL: none */
    bool         scores_in_texts;
    struct picture_list *inputs; /**< the pictures, none of which is written over; NULL: samples of data */
    int          printed;
    char       **stems; /**< names that files of pictures so far begin with, all different; the last is the picture's */
    size_t       stem_count, stem_room;
};

/** Is this how the model's answers are to be shown? By --task, by what it was trained for, or because its output is a
 *  map. An exit code; .session stays NULL where it is not. */
int answering_begin(struct answering *answering, struct cli *cli, fov_model *model);
void answering_end(struct answering *answering);
/** What a classifier's network saw of a picture, into the files that --draw and --out ask for. */
int answering_save(struct answering *answering, const char *file, const fov_image *seen);
/** Says what there is to say of a picture (fov_model_note); NULL, or --json, which has it beside the answer: nothing. */
void answering_say_note(const struct cli *cli, const char *file, const char *note);
/** One picture: drawn into files, printed. An exit code. */
int answering_predict(struct answering *answering, const char *file, const fov_image *picture);

#endif
