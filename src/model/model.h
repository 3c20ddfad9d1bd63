/* SPDX-License-Identifier: MIT */
/* A model from inside. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "graph/graph.h"
#include <fovea/model.h>
#include <fovea/plan.h>

struct fov_model {
    fov_context      *context;
    fov_graph        *graph;
    fov_value         input, output;
    char              name[64];
    fov_preprocessing preprocessing;
    char            **class_names; /**< one block of memory; NULL: numbers */
    int               class_count;
    fov_plan         *predict_plan; /**< kept between calls of fov_predict; its batch is predict_batch */
    fov_value         probabilities; /**< softmax of output, added when first needed */
    int               predict_batch;
    fov_layer        *layers; /**< of the last fov_model_summary */
    int               layer_capacity;
    char             *class_numbers; /**< "0", "1", ... in steps of 12 bytes, for classes without names */
    int               number_count;
};

/** The values before a final softmax, if the output is one; else the output. Losses start from these. */
fov_value model_logits(const fov_model *model);

/** Warns of weights that are NaN or infinite, and of tensors with many denormal ones, naming them; with the context's
 *  `strict` that is an error. A batch norm's variance below zero always is one. */
int model_check_finite(fov_model *model, const char *path);

/** A rebuilt graph (graph/copy.h) takes the place of the model's, and takes over the data that did not change. */
struct graph_change;
int model_take_graph(fov_model *model, fov_graph *rebuilt, const int *copy, const struct graph_change *changes,
                     int count);

/** Model-level metadata in ONNX metadata_props, and what a checkpoint's header repeats. Writers and readers are in
 *  model/metadata.c; keys: "fovea.version", "fovea.network", "fovea.preprocessing" (JSON), "names" (JSON list). */

#endif
