/* SPDX-License-Identifier: MIT */
/* What a classifier says of a picture, or the numbers of an output that knows no classes: on the terminal beside what the
 * network saw, a JSON object, a row of CSV. Answers of other forms: predict_answer.h. */
#ifndef CLI_PREDICT_CLASSES_H
#define CLI_PREDICT_CLASSES_H

#include "cli.h"

/** How rows of scores are shown. */
struct class_view {
    struct cli *cli;
    fov_model *model;
    const fov_dataset *data; /**< NULL: files */
    fov_class_match match; /**< the data's classes to the model's; not of values */
    bool values;    /**< the output holds numbers that are no scores of classes */
    bool alone;     /**< each class has a probability of its own */
    bool single;    /**< one number tells two classes apart: the probability of the second */
    bool csv;
    int count, top; /**< numbers for a picture; how many of them are shown */
    int *order;     /**< [count], the most probable first once ranked; of values as they come */
    int printed;
};

/** One picture. `seen`: what the network saw of it (fov_model_see), to be drawn. */
struct class_row {
    const char *file;
    const float *scores; /**< [count] */
    int64_t index;       /**< of a dataset's sample, with its label */
    int label;
    const fov_image *seen;
    const char *note; /**< what there is to say of the picture; NULL: nothing */
};
void class_view_print(struct class_view *view, const struct class_row *row);

#endif
