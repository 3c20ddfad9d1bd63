/* SPDX-License-Identifier: MIT */
/* A model file as the backbone of another network. */
#ifndef MODEL_BACKBONE_H
#define MODEL_BACKBONE_H

#include "model/model.h"
#include "zoo/zoo.h"

/** stage[i]: the id of the value that ends the stage of stride 2, 4, 8, 16 or 32, which is the last map of that stride
 *  that every path from input to output passes through; 0: no such map. E_UNSUPPORTED: no stage was found. */
int backbone_find(const fov_model *model, int stage[ZOO_STAGES], struct error *error);

/** The zoo's callback that loads a backbone from a model file; it remembers that file's preprocessing. */
struct backbone_files {
    struct zoo_files files; /**< must stay first: the callback casts its pointer back to backbone_files */
    fov_preprocessing preprocessing; /**< of the last file loaded */
    bool is_used;                    /**< a file was loaded */
};
struct backbone_files backbone_files(void);

#endif
