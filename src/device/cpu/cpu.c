/* SPDX-License-Identifier: MIT */
/* Chooses between an operator's fast implementation and its textbook definition; steps without elements in their
 * outputs do nothing. Everything else is up to the operator. */
#include "device/cpu/cpu.h"

#include "device/textbook/textbook.h"

#include <stdio.h>

static bool is_empty(const struct op_tensor *tensor)
{
    return tensor->shape.rank >= 0 && shape_span(&tensor->shape, 0, tensor->shape.rank) == 0;
}

/* Whether an input has no elements: such steps run the definition, whose loops do not execute, so that fast kernels
 * need not handle this case. */
static bool reads_nothing(const struct op *op, const struct op_tensor *in, int in_count)
{
    for (int i = 0; i < in_count; i++)
        if (is_empty(&in[i]) && !op_port_at(op->in, i)->values)
            return true;
    return false;
}

static bool makes_nothing(const struct op_compile *compile)
{
    bool nothing = true;

    for (int i = 0; i < compile->out_count; i++)
        nothing = nothing && (compile->out[i].shape.rank < 0 || is_empty(&compile->out[i]));
    return nothing;
}

static void run_nothing(const struct op_run *run)
{
    (void)run;
}

bool cpu_supports(const struct op *op, const void *options, const struct op_tensor *in, int in_count)
{
    if (op->view)
        return true;
    if (!op->cpu || reads_nothing(op, in, in_count))
        return false;
    if (op->cpu->supports)
        return op->cpu->supports(options, in, in_count);
    for (int i = 0; i < in_count; i++)
        if (in[i].shape.rank >= 0 && in[i].dtype != FOV_F32 && !op_port_at(op->in, i)->plain)
            return false;
    return true;
}

enum op_layout_rule cpu_layout(const struct op *op, const void *options, const struct op_tensor *in, int in_count)
{
    if (op->view || !cpu_supports(op, options, in, in_count))
        return OP_WANTS_PLAIN;
    return op->cpu->layout_for ? op->cpu->layout_for(options, in, in_count) : op->cpu->layout;
}

int cpu_compile(const struct op *op, struct op_compile *compile)
{
    int status;

    compile->overwrites = op->cpu ? op->cpu->in_place : 0;
    if (makes_nothing(compile)) {
        compile->seen = false;
        compile->run  = run_nothing;
        snprintf(compile->detail, sizeof compile->detail, "empty: nothing to do");
        return FOV_OK;
    }
    if (!cpu_supports(op, compile->options, compile->in, compile->in_count) || !op->cpu)
        return textbook_compile(op, compile);
    status = op->cpu->compile(compile);
    /* the order of updates is derived from the descriptor: without .runs_within no step may call .make */
    if (!op->cpu->runs_within)
        compile->make = NULL;
    if (!status && compile->identity && !op->cpu->may_alias)
        status = error_set(compile->error, FOV_E_INTERNAL, "it is an identity, and its descriptor does not say so");
    return status;
}
