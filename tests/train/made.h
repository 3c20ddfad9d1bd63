/* SPDX-License-Identifier: MIT */
/* Data made for the tests of tasks, with a target of any kind, and small networks that can learn it. A picture is 16 x 16
 * pixels, grey; each of its quarters is lit or dark, and all targets follow from that. */
#ifndef TESTS_TRAIN_MADE_H
#define TESTS_TRAIN_MADE_H

#include "train/helpers.h"
#include "data/dataset.h"

enum { MADE_SIDE = 16, MADE_TRAIN = 96, MADE_TEST = 40 };

/** `target`: by its name, "mask". Classes: dark and lit (of a mask, and by the first quarter); of several at once: a
 *  quarter each. Values: 5000 + 20 x the mean of all pixels; a thousandth of that of the left half. The other picture is
 *  the negative. */
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
    const char *figure; /**< of a validation */
    double      least;  /**< what it reaches in .epochs */
    int         epochs;
};
extern const struct made_case made_cases[]; /**< ended by one without task */

/** Network and task for a case, ready to train. */
fov_model *made_model(fov_context *context, const struct made_case *of, const fov_dataset *data);

#endif
