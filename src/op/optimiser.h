/* SPDX-License-Identifier: MIT */
/* What the optimisers of ai.onnx.preview.training share: ports (rate, step, parameter, gradient, states), their shape rule,
 * and ONNX's nodes that renew many tensors at once, of which each becomes a node here. fovea's own training uses sgd/ and
 * adam/, which are PyTorch's. */
#ifndef OP_OPTIMISER_H
#define OP_OPTIMISER_H

#include "op/common.h"
#include "op/onnx.h"

enum { OPTIMISER_RATE, OPTIMISER_STEP, OPTIMISER_PARAMETER, OPTIMISER_GRADIENT, OPTIMISER_STATE };

int optimiser_infer(const struct op_infer *infer);
/** Node (R, T, X1 .. Xn, G1 .. Gn, states...) to n nodes of operator `name` with `states` state tensors each. */
int optimiser_import(struct op_import *node, const char *name, int states, const void *options);

#endif
