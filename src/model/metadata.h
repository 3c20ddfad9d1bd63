/* SPDX-License-Identifier: MIT */
/* What a model file says beside the graph: the keys of ONNX's metadata_props, to and from a model. */
#ifndef MODEL_METADATA_H
#define MODEL_METADATA_H

#include "base/text.h"
#include "io/onnx/onnx.h"
#include "model/model.h"

/** The entries of a model to be saved, with the texts they point to. */
struct metadata {
    struct memory    *memory;
    struct onnx_text *entries;
    int               count;
    struct text       preprocessing, outputs, names, auxiliary; /**< JSON */
};

int  metadata_make(const fov_model *model, struct metadata *metadata, struct error *error);
void metadata_free(struct metadata *metadata);

/** Takes over what a file says: network, preprocessing, outputs, class names (a JSON list or object, or Ultralytics'
 *  Python dict). Entries of other programs are kept as notes, to be saved again; damaged ones of ours are E_INPUT. */
int metadata_take(fov_model *model, const char *file, const struct onnx_text *entries, int count);

/** The part of it that takes over class names. `ours`: this program wrote them, so they have to fit. *taken: the model has
 *  them now. */
int metadata_take_names(fov_model *model, const char *file, const char *text, bool ours, bool *taken);

#endif
