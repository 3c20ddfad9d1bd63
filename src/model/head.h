/* SPDX-License-Identifier: MIT */
/* What replacing a head is about: the layers that make the classes, found on the way back from the output. A row of
 * scores has one such layer (head.c), a detector one for each of its maps (head_boxes.c). */
#ifndef MODEL_HEAD_H
#define MODEL_HEAD_H

#include "graph/copy.h"
#include "model/model.h"

enum { HEAD_CHANGES = 8 };

/** What is to change, gathered on the way from the output back to the layers. */
struct head {
    fov_model *model;
    int classes, outputs; /**< wanted, and now */
    struct graph_change changes[HEAD_CHANGES];
    int count;
    int layer;   /**< weight of the (first) layer that makes the classes; 0: not found yet */
    bool rarely; /**< new classes begin as improbable, as a detector's do */
    struct {
        int64_t *at, was;
    } lengths[HEAD_CHANGES]; /**< where nodes state how long a row is, and how they did */
    int length_count;
};

/** E_UNSUPPORTED: the head cannot be replaced, since the node ... */
int head_give_up(const struct head *head, const struct node *node, const char *why);
/** A layer whose weight [.., outputs, ..] makes the classes: both ends are drawn as a new layer's are. */
int head_change_layer(struct head *head, const struct node *node, int axis);
/** Where the node is a reshape or a slice which states that a row has `was` numbers, it states `becomes` from now on. */
int head_change_length(struct head *head, const struct node *node, int was, int becomes);

/** The layers of a detector in YOLOX's form. */
int head_find_boxes(struct head *head);
/** Classes of such an output of `graph`; 0: it has another form. */
int head_box_classes(const fov_model *model, const fov_graph *graph, int output);
#endif
