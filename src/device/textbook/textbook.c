/* SPDX-License-Identifier: MIT */
/* Runs an operator's textbook definition as a step of a plan: widens the inputs to double, runs the definition, rounds
 * the results. Slow, but correct and the same for every element type. */
#include "device/textbook/textbook.h"

#include "base/memory.h"
#include "tensor/convert.h"

#include <stdio.h>
#include <string.h>

static size_t elements(const struct op_tensor *tensor)
{
    return tensor->shape.rank < 0 ? 0 : shape_span(&tensor->shape, 0, tensor->shape.rank);
}

static void run(const struct op_run *run)
{
    struct op_textbook_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    unsigned char            *scratch = run->scratch;

    for (int i = 0; i < run->in_count; i++) {
        size_t count = elements(&run->in[i]);
        in[i] = (struct op_textbook_tensor){run->in[i].dtype, run->in[i].shape, NULL};
        if (run->in[i].shape.rank < 0 || !run->in[i].data)
            continue;
        in[i].data = (double *)(void *)scratch;
        scratch += memory_aligned(count * sizeof(double));
        convert_to_double(run->in[i].dtype, run->in[i].data, in[i].data, count);
    }
    for (int i = 0; i < run->out_count; i++) {
        size_t count = elements(&run->out[i]);
        out[i] = (struct op_textbook_tensor){run->out[i].dtype, run->out[i].shape, NULL};
        if (run->out[i].shape.rank < 0)
            continue;
        out[i].data = (double *)(void *)scratch;
        memset(scratch, 0, count * sizeof(double));
        scratch += memory_aligned(count * sizeof(double));
    }
    run->op->textbook(&(struct op_textbook){.op        = run->op,
                                              .options   = run->options,
                                              .in        = in,
                                              .out       = out,
                                              .in_count  = run->in_count,
                                              .out_count = run->out_count,
                                              .training  = run->training,
                                              .random    = run->random});
    for (int i = 0; i < run->out_count; i++)
        if (out[i].data && run->out[i].data)
            convert_from_double(run->out[i].dtype, out[i].data, run->out[i].data, elements(&run->out[i]));
}

static int add_scratch(struct op_compile *compile, const struct op_tensor *tensor)
{
    size_t count, bytes;

    if (tensor->shape.rank < 0)
        return FOV_OK;
    if (!shape_count(&tensor->shape, &count) || !size_multiply(count, sizeof(double), &bytes) ||
        !size_add(bytes, 63, &bytes) || !size_add(compile->scratch, bytes / 64 * 64, &compile->scratch))
        return error_set(compile->error, FOV_E_MEMORY, "the tensors are too large to be widened to double");
    return FOV_OK;
}

int textbook_compile(const struct op *op, struct op_compile *compile)
{
    if (!op->textbook)
        return error_set(compile->error, FOV_E_UNSUPPORTED, "operator %s has no definition for these types", op->name);
    for (int i = 0; i < compile->in_count; i++)
        if (add_scratch(compile, &compile->in[i]))
            return compile->error->status;
    for (int i = 0; i < compile->out_count; i++)
        if (add_scratch(compile, &compile->out[i]))
            return compile->error->status;
    compile->run = run;
    snprintf(compile->detail, sizeof compile->detail, "definition in double");
    return FOV_OK;
}
