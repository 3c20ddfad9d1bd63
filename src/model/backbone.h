/* SPDX-License-Identifier: MIT */
/* A model's file as what another network stands on. */
#ifndef MODEL_BACKBONE_H
#define MODEL_BACKBONE_H

#include "model/model.h"
#include "zoo/zoo.h"

/** The ends of a model's stages: its last maps of stride 2, 4, 8, 16 and 32 through which all of it passes; 0: there is
 *  none of that stride. E_UNSUPPORTED: there is none at all. */
int backbone_find(const fov_model *model, int stage[ZOO_STAGES], struct error *error);

/** Opens files for zoo_backbone, and keeps how the last one's pictures are prepared. */
struct backbone_files {
    struct zoo_files files; /**< first: what the zoo calls */
    fov_preprocessing preprocessing;
    bool is_used;
};
struct backbone_files backbone_files(void);

#endif
