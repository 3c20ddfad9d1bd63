/* SPDX-License-Identifier: MIT */
/* Model metadata beside the graph: reads and writes the key/value pairs of ONNX's metadata_props. */
#ifndef MODEL_METADATA_H
#define MODEL_METADATA_H

#include "base/text.h"
#include "io/onnx/onnx.h"
#include "model/model.h"

/** The entries of a model that is being saved, and the texts that they point to. */
struct metadata {
    struct memory    *memory;
    struct onnx_text *entries;
    int               count;
    struct text       preprocessing, outputs, names, auxiliary, suppression; /**< JSON */
};

int  metadata_make(const fov_model *model, struct metadata *metadata, struct error *error);
void metadata_free(struct metadata *metadata);

/** Applies a file's entries to the model: network, preprocessing, outputs, class names (a JSON list or object, or
 *  Ultralytics' Python dict). Entries of other programs are kept as notes and saved again; a malformed entry of fovea's
 *  own is E_INPUT. */
int metadata_take(fov_model *model, const char *file, const struct onnx_text *entries, int count);

struct suppressed_options;
/** The suppression of boxes that fovea has put at the end of the file's graph; false: it states none. */
bool metadata_find_suppression(const fov_model *model, const struct onnx_text *entries, int count,
                               struct suppressed_options *options);

/** The part of metadata_take for weights without a graph: `preprocessing` is their file's entry of that name. */
int metadata_take_preprocessing(fov_model *model, const char *file, const char *preprocessing);

/** Whether an entry also belongs beside weights without a graph: version, network and preprocessing. */
bool metadata_is_of_weights(const char *key);

/** The part of metadata_take that sets class names. `ours`: fovea wrote them, so names that do not fit are E_INPUT;
 *  otherwise they are ignored with a warning. *taken: the model now has these names. */
int metadata_take_names(fov_model *model, const char *file, const char *text, bool ours, bool *taken);

#endif
