/* SPDX-License-Identifier: MIT */
/* Internal form of fov_classes_match: the caller says how many classes the model has, instead of the chosen output.
 * Read next: classes.c. */
#ifndef MODEL_CLASSES_H
#define MODEL_CLASSES_H

#include "model/model.h"
#include <fovea/classes.h>

/** `outputs`: number of classes that the model distinguishes. FOV_OK whatever the relation is, FOV_CLASSES_DIFFERENT
 *  included; E_MEMORY. */
int classes_match(const fov_model *model, const fov_dataset *data, int outputs, bool by_position,
                  fov_class_match *match, struct error *error);

#endif
