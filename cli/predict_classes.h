/* SPDX-License-Identifier: MIT */
/* Showing a classifier's answer to a picture, or the numbers of an output without classes: on the terminal beside the
 * picture that the network saw, as a JSON object, or as a row of CSV. Answers of other tasks: predict_answer.h. */
#ifndef CLI_PREDICT_CLASSES_H
#define CLI_PREDICT_CLASSES_H

#include "cli.h"

/** How rows of scores are shown. */
struct class_view {
    struct cli *cli;
    fov_model *model;
    const fov_dataset *data; /**< NULL: files */
    fov_class_match match; /**< of the data's classes to the model's; unset for values */
    bool values;    /**< these three as in answer_form */
    bool alone;
    bool single;
    bool csv;
    int count, top; /**< numbers per picture; how many of them are shown */
    int *order;     /**< [count], filled by answer_rank */
    int printed;
};

/** One picture. `seen`: the picture that the network saw (fov_model_see), to be drawn. */
struct class_row {
    const char *file;
    const float *scores; /**< [count] */
    int64_t index;       /**< of a dataset's sample, with its label */
    int label;
    const fov_image *seen;
    const char *note; /**< fov_model_note; NULL: none */
};
void class_view_print(struct class_view *view, const struct class_row *row);

#endif
