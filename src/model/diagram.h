/* SPDX-License-Identifier: MIT */
/* A network as people draw it: the layers that do something as boxes with those behind them (norm, activation) in their
 * label, boxes in blocks by their names, blocks that are alike drawn once. No coordinates yet: draw.c. */
#ifndef MODEL_DIAGRAM_H
#define MODEL_DIAGRAM_H

#include "model/model.h"

enum { DIAGRAM_LABEL = 64, DIAGRAM_NAME = 96, DIAGRAM_MOST_INPUTS = 16 };

/** A layer. */
struct diagram_box {
    char label[DIAGRAM_LABEL]; /**< "3x3 conv 64 /2" */
    char behind[DIAGRAM_LABEL]; /**< "bn relu" */
    int  block;
    int  level, column;         /**< in its block: level 0 reads what comes from outside alone */
    int  inputs[DIAGRAM_MOST_INPUTS], input_count; /**< other boxes; -1: the network's input */
    fov_layer layer;            /**< sums over it and what is behind; the shape is the last one's */
};

/** Consecutive boxes of one scope. */
struct diagram_block {
    char    name[DIAGRAM_NAME], last_name[DIAGRAM_NAME]; /**< of the first and the last of those that are alike */
    int     first, count;  /**< boxes */
    int     levels, columns;
    int     times;         /**< so many follow each other that are alike */
    int64_t parameters, multiply_adds; /**< of one */
    fov_shape shape;                   /**< of its result */
    int64_t receptive_field[2];        /**< of the last of those that are alike */
    bool    singles;                   /**< scopes of one layer each */
    int     page_column;               /**< for who draws */
};

struct diagram {
    struct memory        *memory;
    struct diagram_box   *boxes;
    struct diagram_block *blocks;
    int                   box_count, block_count;
    fov_summary           summary;
};

/** `input` as in fov_model_summary. The caller closes, after failures too. */
int  diagram_open(struct diagram *diagram, fov_model *model, const fov_shape *input, struct error *error);
void diagram_close(struct diagram *diagram);

#endif
