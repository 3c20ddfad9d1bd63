/* SPDX-License-Identifier: MIT */
/* A synthetic dataset for the tests of tasks, with targets of any kind, and small networks that can learn it. A picture
 * is 16 x 16 pixels, grey; each of its quarters is lit or dark, and all targets follow from that. */
#ifndef TESTS_TRAIN_MADE_H
#define TESTS_TRAIN_MADE_H

#include "train/helpers.h"
#include "data/dataset.h"

enum { MADE_SIDE = 16, MADE_TRAIN = 96, MADE_TEST = 40 };

/** `target` names the kind of target: "class" is dark (0) or lit (1), by the first quarter; "mask" holds these two
 *  classes per pixel, its first row 255 (ignored); "classes" has one class per quarter; "values" are 5000 + 20 x the
 *  mean of all pixels, and a thousandth of the left half's mean; "picture" is the negative; "none": no target. */
fov_dataset *made_data(fov_context *context, const char *target, fov_split split);
/** [N, outputs] linear in the pixels. */
fov_model *made_row(fov_context *context, int outputs);
/** [N, channels, 16, 16]: two convolutions. */
fov_model *made_map(fov_context *context, int channels);

/** Which data and network a task is tested with. */
struct made_case {
    const char *task, *target;
    fov_model *(*network)(fov_context *context, int outputs);
    int         outputs;
    const char *figure; /**< name of a validation figure */
    double      least;  /**< the figure, negative where lower is better, is at least this after .epochs */
    int         epochs;
};
extern const struct made_case made_cases[]; /**< ends with .task = NULL */

/** A test group's set-up and end, for the files that a case's task names: a picture of style and a trained network, both
 *  in a folder of their own. */
int made_open(void **state);
int made_close(void **state);
/** The bytes of that picture, MADE_SIDE x MADE_SIDE pixels of three channels. */
uint8_t made_style_byte(int index);

/** The case's network, finished for its task and data: ready to train. */
fov_model *made_model(fov_context *context, const struct made_case *of, const fov_dataset *data);

#endif
