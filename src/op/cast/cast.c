/* SPDX-License-Identifier: MIT */
/* Conversion to another element type. To an integer, fractions are cut off; to bool, everything but zero is true. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include "op/open_batch.h"
#include "tensor/convert.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

/* In the order of fov_dtype. */
static const char *const types[] = {"f32", "f64", "f16", "i64", "i32", "i16", "i8",
                                    "u64", "u32", "u16", "u8",  "bool", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct cast_options, to), .kind = OP_CHOICE, .choices = types, .doc = "the element type"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[0].shape;
    infer->out[0].dtype = (fov_dtype)((const struct cast_options *)infer->options)->to;
    return FOV_OK;
}

/* ---- integers to integers: the lowest bits stay, as in C ------------------------------------------------------- */

static bool keeps_bits(fov_dtype from, fov_dtype to)
{
    return op_is_integer(from) && op_is_integer(to);
}

/* One loop per type, since the type cannot be an argument of a function in C. */
#define READ(TYPE)                                                                                                     \
    for (size_t i = 0; i < count; i++) {                                                                               \
        bits[i] = (uint64_t)((const TYPE *)from)[i];                                                                   \
    }                                                                                                                  \
    break
#define WRITE(TYPE)                                                                                                    \
    for (size_t i = 0; i < count; i++) {                                                                               \
        ((TYPE *)to)[i] = (TYPE)bits[i];                                                                               \
    }                                                                                                                  \
    break

/** Reads integers as two's complement, sign-extended to 64 bits. */
static void read_bits(fov_dtype dtype, const void *from, uint64_t *bits, size_t count)
{
    switch ((int)dtype) {
    case FOV_I64:
        READ(int64_t);
    case FOV_I32:
        READ(int32_t);
    case FOV_I16:
        READ(int16_t);
    case FOV_I8:
        READ(int8_t);
    case FOV_U64:
        READ(uint64_t);
    case FOV_U32:
        READ(uint32_t);
    case FOV_U16:
        READ(uint16_t);
    case FOV_U8:
        READ(uint8_t);
    }
}

/** Writes the lowest bits of each integer: as many as its type has, signed or not. */
static void write_bits(fov_dtype dtype, const uint64_t *bits, void *to, size_t count)
{
    switch (fov_dtype_size(dtype)) {
    case 8:
        WRITE(uint64_t);
    case 4:
        WRITE(uint32_t);
    case 2:
        WRITE(uint16_t);
    case 1:
        WRITE(uint8_t);
    }
}

/** The same for a number in double, in which the greatest 64-bit integers are 2^63 and 2^64. */
static double cut(fov_dtype from, fov_dtype to, double x)
{
    uint64_t bits = !op_is_signed(from) ? (x >= 0x1p64 ? UINT64_MAX : (uint64_t)x)
                    : x >= 0x1p63       ? (uint64_t)INT64_MAX
                                        : (uint64_t)(int64_t)x;
    unsigned char bytes[sizeof bits];
    write_bits(to, &bits, bytes, 1);
    convert_to_double(to, bytes, &x, 1);
    return x;
}

/* Rounds to the new type, so that values computed before a run are those that a run would compute; a batch size that is
 * not known yet stays as it is in every type of integers. */
static void textbook(const struct op_textbook *textbook)
{
    fov_dtype from = textbook->in[0].dtype, to = textbook->out[0].dtype;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        double x = textbook->in[0].data[i];
        unsigned char bytes[sizeof(double)];
        bool keeps = to == FOV_F32 || to == FOV_F64 || (op_is_integer(to) && op_is_open_batch(x));
        if (!keeps && keeps_bits(from, to)) {
            x = cut(from, to, x);
        } else if (!keeps) { /* from floating types, values out of range saturate */
            convert_from_double(to, &x, bytes, 1);
            convert_to_double(to, bytes, &x, 1);
        }
        textbook->out[0].data[i] = x;
    }
}

/* Between floating types the gradient is cast back; the graph never asks for a gradient of an integer input. */
static void gradient(struct op_gradient *gradient)
{
    struct cast_options back = {(int)gradient->in_tensor[0].dtype};
    if (op_is_float(gradient->out_tensor[0].dtype)) {
        gradient->in_gradient[0] = op_emit1(gradient->emitter, "cast", gradient->out_gradient[0], &back);
    }
}

/* ---- on the CPU: in chunks, by way of double or, between integers, of 64 bits --------------------------------- */

enum { CAST_CHUNK = 4096 };

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const struct op_tensor *x = &run->in[0], *y = &run->out[0];
    size_t begin = op_chunk_begin(chunk, CAST_CHUNK), length = op_chunk_length(chunk, CAST_CHUNK, op_count(&x->shape));
    const void *from = (const char *)x->data + begin * fov_dtype_size(x->dtype);
    void *to = (char *)y->data + begin * fov_dtype_size(y->dtype);
    if (keeps_bits(x->dtype, y->dtype)) {
        uint64_t *bits = op_worker_scratch(run, worker);
        read_bits(x->dtype, from, bits, length);
        write_bits(y->dtype, bits, to, length);
    } else {
        double *values = op_worker_scratch(run, worker);
        convert_between(x->dtype, from, y->dtype, to, values, length);
    }
}

static void run(const struct op_run *run)
{
    struct op_run copy = *run;
    pool_run(run->pool, run_chunk, &copy, op_chunks(op_count(&run->in[0].shape), CAST_CHUNK));
}

static int compile(struct op_compile *compile)
{
    if (compile->in[0].dtype == compile->out[0].dtype) {
        return op_compile_identity(compile);
    }
    compile->run = run;
    compile->scratch_per_worker = CAST_CHUNK * sizeof(double); /* or as many uint64_t */
    return FOV_OK;
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile, .in_place = 1u << 0, .may_alias = true};

/* ---- ONNX: `to` is a type code; CastLike takes the type of a second tensor ----------------------------------- */

static int import_cast(struct op_import *node)
{
    struct cast_options options = {FOV_F32};
    /* Only matters for float8, which fovea does not have; read so that it counts as known. */
    node->integer(node->reader, "saturate", 1);
    if (strcmp(node->type, "CastLike") == 0) {
        if (node->in_count != 2) {
            return node->fail(node->reader, FOV_E_INPUT, "CastLike takes 2 inputs, got %d", node->in_count);
        }
        options.to = (int)node->dtype(node->reader, node->in[1]);
    } else {
        int64_t code = node->integer(node->reader, "to", 0);
        options.to = (int)op_dtype_of_onnx(code);
        if (options.to == FOV_DTYPE_COUNT) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "Cast to element type %lld", (long long)code);
        }
    }
    /* A cast to the input's own type is dropped. Files with 16-bit floats, which are f32 here, are full of these. */
    bool is_same = node->in_count >= 1 && (int)node->dtype(node->reader, node->in[0]) == options.to;
    node->result(node->reader, 0,
                 is_same ? node->in[0]
                         : node->emitter->node(node->emitter->graph, "cast", node->in, 1, &options, node->node_name));
    return FOV_OK;
}

static int export_cast(struct op_export *node)
{
    node->begin(node->writer, "Cast", NULL);
    node->input(node->writer, 0);
    node->attribute_integer(node->writer, "to", op_onnx_type(node->out[0].dtype));
    node->output(node->writer, 0);
    return FOV_OK;
}

static const char *const also[] = {"CastLike", NULL};
static const struct op_onnx onnx = {
    .type = "Cast", .since = 6, .import = import_cast, .export = export_cast, .also = also};

fov_value fov_cast(fov_graph *graph, fov_value x, fov_dtype dtype)
{
    struct cast_options options = {(int)dtype};
    return op_build(graph, "cast", &x, 1, &options, NULL);
}

static void fill_halves(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = ((double)random_below(key, i, 101) - 50) / 4;
    }
}

/* Powers of two from 2^29 to 2^52 and their negatives, not the mark of an unknown batch size, plus small numbers. */
static void fill_wide(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        int power = 29 + (int)(i % 23);
        data[i] = (ldexp(1, power + (power >= 50)) + (double)random_below(key, i, 1000)) * (i % 2 == 0 ? 1 : -1);
    }
}

static void fill_wide_positive(int index, double *data, size_t count, struct random_key key)
{
    fill_wide(index, data, count, key);
    for (size_t i = 0; i < count; i++) {
        data[i] = fabs(data[i]);
    }
}

static const struct cast_options to_i64 = {FOV_I64}, to_bool = {FOV_BOOL}, to_f16 = {FOV_F16}, to_u8 = {FOV_U8},
                                 to_f32 = {FOV_F32}, to_i32 = {FOV_I32}, to_u64 = {FOV_U64};
static const struct op_case cases[] = {
    {.name = "same", .in = {{2, {3, 17}}}, .in_count = 1},
    {.name = "to i64", .in = {{2, {3, 17}}}, .in_count = 1, .options = &to_i64, .fill = fill_halves},
    {.name = "to bool", .in = {{4, {2, 3, 2, 5}}}, .in_count = 1, .options = &to_bool, .fill = fill_halves},
    {.name = "to f16", .in = {{1, {37}}}, .in_count = 1, .options = &to_f16},
    {.name = "i32 to u8", .in = {{1, {37}}}, .in_dtype = {FOV_I32}, .integers = 200, .in_count = 1, .options = &to_u8},
    {.name = "wide i64 to i32", .in = {{1, {61}}}, .in_dtype = {FOV_I64}, .in_count = 1, .options = &to_i32,
     .fill = fill_wide},
    {.name = "wide i64 to u64", .in = {{1, {61}}}, .in_dtype = {FOV_I64}, .in_count = 1, .options = &to_u64,
     .fill = fill_wide},
    {.name = "wide u64 to u8", .in = {{1, {61}}}, .in_dtype = {FOV_U64}, .in_count = 1, .options = &to_u8,
     .fill = fill_wide_positive},
    {.name = "i64 to f32", .in = {{1, {37}}}, .in_dtype = {FOV_I64}, .integers = 200, .in_count = 1,
     .options = &to_f32},
    {.name = "several chunks", .in = {{2, {3, 12001}}}, .in_dtype = {FOV_U8}, .integers = 200, .in_count = 1,
     .options = &to_f32},
    {0},
};

const struct op op_cast = {
    .name = "cast",
    .family = OP_ELEMENTWISE,
    .summary = "The same numbers as another element type.",
    .formula = "y = x, rounded; cut towards zero for integers; from integers to integers the lowest bits",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct cast_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
