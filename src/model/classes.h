/* SPDX-License-Identifier: MIT */
/* A model's classes against a dataset's, from inside: the same answer as fov_classes_match, for a model whose number of
 * outputs the caller knows. Next: classes.c. */
#ifndef MODEL_CLASSES_H
#define MODEL_CLASSES_H

#include "model/model.h"
#include <fovea/classes.h>

/** `outputs`: classes that the model tells apart. FOV_OK for every relation; E_MEMORY. */
int classes_match(const fov_model *model, const fov_dataset *data, int outputs, bool by_position,
                  fov_class_match *match, struct error *error);

#endif
