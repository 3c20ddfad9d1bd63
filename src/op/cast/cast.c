/* SPDX-License-Identifier: MIT */
/* Conversion to another element type. To an integer, fractions are cut off; to bool, everything but zero is true. */
#include "op/elementwise.h"

#include "op/onnx.h"
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

/** An integer converted to another integer type keeps its lowest bits (from 2^40 on, where it may be the unknown batch
 * size OP_OPEN_BATCH, it saturates instead). From floating types, values out of range saturate. */
static double narrowed(fov_dtype from, fov_dtype to, double x)
{
    return op_is_integer(from) && fabs(x) < OP_OPEN_BATCH / 0x1p10 ? op_wrap(to, x) : x;
}

/* Rounds to the new type, so that values computed before a run are those that a run would compute; the mark of an
 * unknown batch size, OP_OPEN_BATCH, stays as it is. */
static void textbook(const struct op_textbook *textbook)
{
    fov_dtype to = textbook->out[0].dtype;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        double x = narrowed(textbook->in[0].dtype, to, textbook->in[0].data[i]);
        unsigned char bytes[sizeof(double)];
        bool keeps = op_is_float(to) || (to == FOV_I64 && x == OP_OPEN_BATCH);
        textbook->out[0].data[i] = x;
        if (!keeps || to == FOV_F16) {
            convert_from_double(to, &x, bytes, 1);
            convert_to_double(to, bytes, &textbook->out[0].data[i], 1);
        }
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

/* ---- on the CPU: in chunks, by way of double ----------------------------------------------------------------- */

enum { CAST_CHUNK = 4096 };

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    const struct op_tensor *x = &run->in[0], *y = &run->out[0];
    double *values = op_worker_scratch(run, worker);
    size_t begin = op_chunk_begin(chunk, CAST_CHUNK), length = op_chunk_length(chunk, CAST_CHUNK, op_count(&x->shape));
    convert_to_double(x->dtype, (const char *)x->data + begin * fov_dtype_size(x->dtype), values, length);
    for (size_t i = 0; op_is_integer(x->dtype) && op_is_integer(y->dtype) && i < length; i++) {
        values[i] = narrowed(x->dtype, y->dtype, values[i]);
    }
    convert_from_double(y->dtype, values, (char *)y->data + begin * fov_dtype_size(y->dtype), length);
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
    compile->scratch_per_worker = CAST_CHUNK * sizeof(double);
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

static const struct cast_options to_i64 = {FOV_I64}, to_bool = {FOV_BOOL}, to_f16 = {FOV_F16}, to_u8 = {FOV_U8},
                                 to_f32 = {FOV_F32};
static const struct op_case cases[] = {
    {.name = "same", .in = {{2, {3, 17}}}, .in_count = 1},
    {.name = "to i64", .in = {{2, {3, 17}}}, .in_count = 1, .options = &to_i64, .fill = fill_halves},
    {.name = "to bool", .in = {{4, {2, 3, 2, 5}}}, .in_count = 1, .options = &to_bool, .fill = fill_halves},
    {.name = "to f16", .in = {{1, {37}}}, .in_count = 1, .options = &to_f16},
    {.name = "i32 to u8", .in = {{1, {37}}}, .in_dtype = {FOV_I32}, .integers = 200, .in_count = 1, .options = &to_u8},
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
    .formula = "y = x, rounded; cut towards zero for integers",
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
