/* SPDX-License-Identifier: MIT */
/* Networks are often exported for a fixed number of pictures, one or eight; fovea runs and trains them with any number.
 * Most nodes work with any number as they are. An exception is the Reshape in front of the classifier, to [1, 2048]: it
 * means [samples, 2048]. The caller (model/load.c) checks whether the whole network then works with any number. */
#include "io/onnx/import.h"
#include <string.h>

/** Elements of one sample (all dimensions but the first); 0: not known. */
static int64_t sample_elements(const fov_shape *shape)
{
    int64_t count = 1;
    for (int i = 1; i < shape->rank; i++) {
        if (shape->dim[i] <= 0 || count > INT64_MAX / shape->dim[i]) {
            return 0;
        }
        count *= shape->dim[i];
    }
    return count;
}

/** Whether a Reshape's target means `opened` samples of `elements` elements each. In it, 0 copies x's dimension and -1
 *  stands for the rest. */
static bool is_same_sample(const int64_t *target, size_t count, const fov_shape *x, int64_t opened, int64_t elements)
{
    int64_t product = 1;
    bool    has_rest = false;
    if (count < 1 || target[0] != opened) {
        return false;
    }
    for (size_t i = 1; i < count; i++) {
        int64_t dim = target[i];
        if (dim == 0 && (int64_t)i < x->rank) {
            dim = x->dim[i];
        }
        if (dim == -1 && !has_rest) {
            has_rest = true;
        } else if (dim <= 0 || product > INT64_MAX / dim) {
            return false;
        } else {
            product *= dim;
        }
    }
    return has_rest ? elements % product == 0 : elements == product;
}

void importer_open_reshape(struct importer *importer)
{
    const struct onnx_node *node = importer->node;
    int64_t                 dims[FOV_MAX_RANK];
    size_t                  count;
    if (importer->opened == 0 || strcmp(node->type, "Reshape") != 0 || importer->in_count != 2) {
        return; /* opset 1 has the shape as an attribute: that form is left unchanged */
    }
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, "allowzero") == 0 && node->attributes[i].integer != 0) {
            return; /* with allowzero, 0 means a dimension of size 0 */
        }
    }
    const struct onnx_slot *slot = importer_slot(importer, importer->in[1]);
    fov_shape x = importer->in[0].id > 0 ? fov_value_shape(importer->graph, importer->in[0]) : (fov_shape){0};
    if (slot == NULL || slot->dtype != FOV_I64 || slot->shape.rank != 1 || !shape_count(&slot->shape, &count) ||
        count > FOV_MAX_RANK || x.rank < 1 || x.dim[0] != FOV_BATCH) {
        return;
    }
    if (onnx_tensor_read(importer->model, slot->tensor, FOV_I64, count, dims, importer->error) != 0) {
        importer->failed = true;
        return;
    }
    int64_t elements = sample_elements(&x);
    if (elements > 0 && is_same_sample(dims, count, &x, importer->opened, elements)) {
        dims[0] = 0; /* copies x's number of samples */
        importer->in[1] = importer->emitter.constant(importer->emitter.graph, FOV_I64, slot->shape, dims);
    }
}
