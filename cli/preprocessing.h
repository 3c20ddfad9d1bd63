/* SPDX-License-Identifier: MIT */
/* Options that predict, eval, train, convert and others share: the preprocessing of pixels, class names, the input's
 * layout, and which statistics normalisations use. */
#ifndef CLI_PREPROCESSING_H
#define CLI_PREPROCESSING_H

#include "cli.h"
#include <fovea/model.h>

/** --preset, --mean, --std, --scale, --bgr, --resize, --crop, --letterbox, --fit, --invert, --names, --layout,
 *  --running-statistics; ended by one without name. */
extern const struct cli_option preprocessing_options[];

/* The words of these options, each list ended by NULL: indexed by fov_letterbox_kind; by fov_fit - 1; by fov_invert -
 * 1; by fov_layout. */
extern const char *const preprocessing_letterboxes[], *const preprocessing_fits[], *const preprocessing_inversions[],
    *const preprocessing_layouts[];

/** Whether one of the options about pixels is given. */
bool preprocessing_given(const struct cli *cli);
/** Applies the options to the model. `is_used`: the model will compute predictions; then a remark names normalisations
 *  in training form. Where neither the file nor an option states the preprocessing, the library logs what it assumes.
 *  `learned`: the training data, for --mean data and --std data; NULL: the model is not trained. 0, or an exit code
 *  after a sentence. */
int preprocessing_apply(struct cli *cli, fov_model *model, bool is_used, const fov_dataset *learned);

#endif
