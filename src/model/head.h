/* SPDX-License-Identifier: MIT */
/* Replacing a model's head: the layers whose output channels are the classes, found by walking back from the output. A
 * classifier has one such layer (head.c), a detector one for each of its maps (head_boxes.c). */
#ifndef MODEL_HEAD_H
#define MODEL_HEAD_H

#include "graph/copy.h"
#include "model/model.h"

enum { HEAD_CHANGES = 8 };

/** The changes to make, collected while walking from the output back to the layers. */
struct head {
    fov_model *model;
    int classes, outputs; /**< number of classes: wanted, and present */
    struct graph_change changes[HEAD_CHANGES];
    int count;
    int layer;   /**< id of the weight of the first head layer found; 0: not found yet */
    int looks;   /**< at values, so far: a graph that joins the same values again and again has too many */
    bool rarely; /**< initialise biases so that new classes start with a low probability (detectors) */
    struct {
        int64_t *at, was;
    } lengths[HEAD_CHANGES]; /**< row lengths changed in the options of nodes, with their old values, for undoing */
    int length_count;
};

/** Sets E_UNSUPPORTED: "the head cannot be replaced: \"NODE\" (OPERATOR) WHY". */
int head_give_up(const struct head *head, const struct node *node, const char *why);
/** Registers the head layer `node`: `axis` of its weight, and its bias, get the new number of classes and are
 *  initialised like a new layer's. */
int head_change_layer(struct head *head, const struct node *node, int axis);
/** If the node is a reshape or a slice whose options state the length `was`, replaces that by `becomes`. */
int head_change_length(struct head *head, const struct node *node, int was, int becomes);

/** Registers the head layers of a detector in YOLOX's form. */
int head_find_boxes(struct head *head);
/** Number of classes of a detector's output of `graph`; 0: the output is not in YOLOX's form. */
int head_box_classes(const fov_model *model, const fov_graph *graph, int output);
#endif
