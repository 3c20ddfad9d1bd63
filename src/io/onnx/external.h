/* SPDX-License-Identifier: MIT */
/* Weights that lie in a file beside the model. The rule: nothing outside the model's directory is ever opened. */
#ifndef IO_ONNX_EXTERNAL_H
#define IO_ONNX_EXTERNAL_H

#include "io/onnx/message.h"

/** The same tensor with its bytes in the file beside, which stays open until onnx_external_close; NULL and an error
 *  when that is not allowed or not possible. */
const struct onnx_tensor *onnx_external(struct onnx_model *model, const struct onnx_tensor *tensor,
                                        const char *directory, struct error *error);
/** Closes what the above has opened; the tensors' bytes are gone then. */
void onnx_external_close(struct onnx_model *model);

#endif
