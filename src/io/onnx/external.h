/* SPDX-License-Identifier: MIT */
/* Weights in a file beside the model (external data). Only files in these folders are opened: the model's folder; where
 * the model is a symbolic link, the folder of the file that it leads to; and the folder that the user allows. */
#ifndef IO_ONNX_EXTERNAL_H
#define IO_ONNX_EXTERNAL_H

#include "io/onnx/message.h"

/** The folders in which external data may lie. */
struct onnx_places {
    const char *directory; /**< of the model; NULL: a model in memory has none, and nothing may be opened */
    const char *allowed;   /**< a further folder, with all that lies below it; NULL: none */
};

/** A copy of `tensor` whose raw data point into the file of external data, which stays open until onnx_external_close.
 *  NULL and an error when opening it is not allowed or not possible. */
const struct onnx_tensor *onnx_external(struct onnx_model *model, const struct onnx_tensor *tensor,
                                        const struct onnx_places *places, struct error *error);
/** Closes all files that onnx_external has opened; the tensors' raw data become invalid. */
void onnx_external_close(struct onnx_model *model);

#endif
