/* SPDX-License-Identifier: MIT */
/* Integers with every bit inverted: -1 - x for signed types, the greatest number - x for unsigned ones. */
#include "op/bitwise.h"

#include "op/elementwise.h"
#include "op/onnx.h"

static int infer(const struct op_infer *infer)
{
    int status = bitwise_check(infer);
    return status != FOV_OK ? status : op_infer_same(infer);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = bitwise_value(y->dtype, ~bitwise_bits(x->data[i]));
    }
}

/* Works on bytes, so all 64 bits are exact. */
static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    size_t bytes = op_count(&run->in[0].shape) * fov_dtype_size(run->in[0].dtype);
    const unsigned char *x = (const unsigned char *)run->in[0].data + op_chunk_begin(chunk, OP_CHUNK);
    unsigned char *y = (unsigned char *)run->out[0].data + op_chunk_begin(chunk, OP_CHUNK);
    size_t length = op_chunk_length(chunk, OP_CHUNK, bytes);
    for (size_t i = 0; i < length; i++) {
        y[i] = (unsigned char)~x[i];
    }
}

static void run(const struct op_run *run)
{
    struct op_run copy = *run; /* the pool's context is not const */
    size_t bytes = op_count(&run->in[0].shape) * fov_dtype_size(run->in[0].dtype);
    pool_run(run->pool, run_chunk, &copy, op_chunks(bytes, OP_CHUNK));
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile, .in_place = 1u << 0};
static const struct op_onnx onnx = {.type = "BitwiseNot", .since = 18};

static const struct op_case cases[] = {
    {.name = "bytes", .in = {{2, {3, 37}}}, .in_dtype = {FOV_U8}, .in_count = 1, .integers = 256},
    {.name = "signed", .in = {{4, {2, 3, 4, 5}}}, .in_dtype = {FOV_I32}, .in_count = 1, .integers = 1000},
    {.name = "64 bits", .in = {{1, {7}}}, .in_dtype = {FOV_I64}, .in_count = 1, .integers = 1000},
    {.name = "several chunks", .in = {{2, {3, 12001}}}, .in_dtype = {FOV_I16}, .in_count = 1, .integers = 1000},
    {0},
};

const struct op op_bitwise_not = {
    .name = "bitwise_not",
    .family = OP_ELEMENTWISE,
    .summary = "Whole numbers with every bit turned round.",
    .formula = "bit k of y = not bit k of x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
