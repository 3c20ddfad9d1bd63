/* SPDX-License-Identifier: MIT */
/* Weights that lie in a file beside the model. The rule: nothing is opened outside the model's folder, the folder of the
 * file that the model's name leads to where that is a link, and the folder that the user allows. */
#ifndef IO_ONNX_EXTERNAL_H
#define IO_ONNX_EXTERNAL_H

#include "io/onnx/message.h"

/** Where such files may lie. */
struct onnx_places {
    const char *directory; /**< of the model; NULL: it has none, nothing may be opened */
    const char *allowed;   /**< and what lies below; NULL: nothing else */
};

/** The same tensor with its bytes in the file beside, which stays open until onnx_external_close; NULL and an error
 *  when that is not allowed or not possible. */
const struct onnx_tensor *onnx_external(struct onnx_model *model, const struct onnx_tensor *tensor,
                                        const struct onnx_places *places, struct error *error);
/** Closes what the above has opened; the tensors' bytes are gone then. */
void onnx_external_close(struct onnx_model *model);

#endif
