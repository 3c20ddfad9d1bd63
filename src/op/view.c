/* SPDX-License-Identifier: MIT */
/* What the operators of view.h share. */
#include "op/view.h"

#include "op/common.h"

void view_textbook(const struct op_textbook *textbook)
{
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = textbook->in[0].data[i];
    }
}

void view_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] =
        op_emit_reshape(gradient->emitter, gradient->out_gradient[0], &gradient->in_tensor[0].shape);
}

const struct op_cpu view_cpu = {
    .layout = OP_WANTS_PLAIN, .supports = op_any_dtype, .compile = op_compile_identity, .in_place = 1u << 0,
    .may_alias = true};
