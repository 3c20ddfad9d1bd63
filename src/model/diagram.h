/* SPDX-License-Identifier: MIT */
/* A network as a diagram: each main layer is a box whose label includes the norm and activation that follow it; boxes
 * are grouped into blocks by the scopes in their names; identical consecutive blocks are folded into one. Coordinates
 * are assigned in draw.c. */
#ifndef MODEL_DIAGRAM_H
#define MODEL_DIAGRAM_H

#include "model/model.h"

enum { DIAGRAM_LABEL = 64, DIAGRAM_NAME = 96, DIAGRAM_MOST_INPUTS = 16 };

/** A layer that is drawn. */
struct diagram_box {
    char label[DIAGRAM_LABEL]; /**< "3x3 conv 64 /2" */
    char behind[DIAGRAM_LABEL]; /**< small layers that follow and have no box: "bn relu" */
    int  block;                 /**< its index before blocks are folded */
    int  level, column;         /**< position in its block; a box of level 0 reads only values from outside the block */
    int  inputs[DIAGRAM_MOST_INPUTS], input_count; /**< indices of boxes; -1: the network's input */
    fov_layer layer;            /**< with the parameters of .behind; shape and receptive field are the last one's */
};

/** Consecutive boxes of one scope. */
struct diagram_block {
    char    name[DIAGRAM_NAME], last_name[DIAGRAM_NAME]; /**< of the first and the last of the folded blocks */
    int     first, count;  /**< its boxes: index of the first, how many */
    int     levels, columns;
    int     times;         /**< how many identical consecutive blocks this one stands for */
    int64_t parameters, multiply_adds; /**< of one of them */
    fov_shape shape;                   /**< of the block's result */
    int64_t receptive_field[2];        /**< of the last of the folded blocks */
    bool    singles;                   /**< its boxes are each alone in a scope */
    int     page_column;               /**< set by draw.c */
};

struct diagram {
    struct memory        *memory;
    struct diagram_box   *boxes;
    struct diagram_block *blocks;
    int                   box_count, block_count;
    fov_summary           summary;
};

/** `input` as in fov_model_summary. The caller calls diagram_close, after a failure too. */
int  diagram_open(struct diagram *diagram, fov_model *model, const fov_shape *input, struct error *error);
void diagram_close(struct diagram *diagram);

#endif
