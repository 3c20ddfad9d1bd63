/* SPDX-License-Identifier: MIT */
/* What pixels become before they are a model's input, what its classes are called and whose statistics its
 * normalisations take, where the command line says so: options that predict, eval, train and convert share. */
#ifndef CLI_PREPROCESSING_H
#define CLI_PREPROCESSING_H

#include "cli.h"
#include <fovea/model.h>

/** --preset, --mean, --std, --scale, --bgr, --resize, --crop, --names, --layout,
 *  --running-statistics; ended by one without name. */
extern const struct cli_option preprocessing_options[];

/* The words of these options, each list ended by NULL: by fov_letterbox_kind; by fov_fit and fov_invert, from 1; by
 * fov_layout. */
extern const char *const preprocessing_letterboxes[], *const preprocessing_fits[], *const preprocessing_inversions[],
    *const preprocessing_layouts[];

/** Does any of them speak of pixels? */
bool preprocessing_given(const struct cli *cli);
/** Does to the model what they say. `is_used`: pixels will go through it; then a remark names normalisations in
 *  training form. What is assumed of pixels where neither the file nor an option says anything is logged by the
 *  library. `learned`: what the model is to learn from, for --mean data and --std data; NULL: it is not trained. 0, or an exit code and the sentence was said. */
int preprocessing_apply(struct cli *cli, fov_model *model, bool is_used, const fov_dataset *learned);

#endif
