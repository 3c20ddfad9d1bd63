/* SPDX-License-Identifier: MIT */
/* The optimisers of ai.onnx.preview.training: see optimiser.h. */
#include "op/optimiser.h"

int optimiser_infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, OPTIMISER_PARAMETER, "parameter");
    status = status != FOV_OK ? status
                              : op_check_same_shape(infer, OPTIMISER_GRADIENT, "gradient", OPTIMISER_PARAMETER, "parameter");
    for (int i = OPTIMISER_STATE; status == FOV_OK && i < infer->in_count; i++) {
        status = op_check_same_shape(infer, i, "state", OPTIMISER_PARAMETER, "parameter");
    }
    for (int i = 0; i < infer->out_count; i++) {
        infer->out[i].shape = infer->in[OPTIMISER_PARAMETER].shape;
        infer->out[i].dtype = infer->in[OPTIMISER_PARAMETER].dtype;
    }
    return status;
}

int optimiser_import(struct op_import *node, const char *name, int states, const void *options)
{
    int kinds = 2 + states, tensors = (node->in_count - 2) / kinds;
    if (node->in_count < 2 + kinds || (node->in_count - 2) % kinds != 0 || node->out_count > tensors * (1 + states)) {
        return node->fail(node->reader, FOV_E_INPUT, "%d inputs and %d outputs are no lists of %d tensors each",
                          node->in_count, node->out_count, kinds);
    }
    for (int i = 0; i < tensors; i++) {
        fov_value in[8] = {node->in[0], node->in[1]};
        for (int k = 0; k < kinds; k++) {
            in[2 + k] = node->in[2 + k * tensors + i];
        }
        fov_value x = node->emitter->node(node->emitter->graph, name, in, 2 + kinds, options,
                                          i == 0 ? node->node_name : NULL);
        for (int k = 0; k <= states; k++) {
            if (k * tensors + i < node->out_count) {
                node->result(node->reader, k * tensors + i, k == 0 ? x : op_emit_output(node->emitter, x, k));
            }
        }
    }
    return FOV_OK;
}
