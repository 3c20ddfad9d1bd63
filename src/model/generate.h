/* SPDX-License-Identifier: MIT */
/* The generator in a model (of a GAN, for example): its noise input, and the picture computed from it. */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "model/model.h"

struct generator {
    fov_value noise;   /**< [N, numbers] or [N, numbers, 1, 1] */
    fov_value picture; /**< [N, 1 or 3, height, width], of the noise alone */
    int       numbers, channels, height, width;
};
/** E_SHAPE: the model has no generator. */
int generator_find(const fov_model *model, struct generator *generator, struct error *error);

#endif
