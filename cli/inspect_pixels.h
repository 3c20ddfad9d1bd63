/* SPDX-License-Identifier: MIT */
/* A model's preprocessing of pictures, as JSON and as text. */
#ifndef CLI_INSPECT_PIXELS_H
#define CLI_INSPECT_PIXELS_H

#include "json.h"

/** Every step as a value of the option of that name: {"mean": [...], "resize": 256, "fit": "crop" ...}. */
json_t *inspect_pixels_json(const fov_model *model);
/** Prints what a model states of pictures in one line; nothing where it states nothing or reads none. */
void inspect_pixels_line(struct cli *cli, const fov_model *model);
/** Prints the lines "pictures", "pixels" and "class names" of `fovea inspect`. */
void inspect_pixels_print(struct cli *cli, const fov_model *model);

#endif
