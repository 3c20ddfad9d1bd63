/* SPDX-License-Identifier: MIT */
/* What becomes of a picture before it is a model's input, for people and for programs. */
#ifndef CLI_INSPECT_PIXELS_H
#define CLI_INSPECT_PIXELS_H

#include "json.h"

/** Every step as a number or word that the option of its name takes: {"mean": [...], "resize": 256, "fit": "crop" ...}. */
json_t *inspect_pixels_json(const fov_model *model);
/** The lines "pixels", "input of" and "class names" of `fovea inspect`. */
void inspect_pixels_print(struct cli *cli, const fov_model *model);

#endif
