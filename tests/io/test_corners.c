/* SPDX-License-Identifier: MIT */
/* Corner cases of ONNX's standard, one node each, with the values that its text prescribes: unusual constants, numbers
 * that are not finite, ignored labels, limits of integer types, reductions over empty axes. Each case is written as a
 * folder in the format of ONNX's own cases and run by the conformance runner. A case that was once wrong becomes a line
 * here. */
#include "base/file.h"
#include "device/context.h"
#include "io/onnx_file.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { F32 = 1, U8 = 2, I8 = 3, I32 = 6, I64 = 7, BOOLS = 9 }; /* TensorProto's codes */
enum { MOST = 16 };

/** A tensor as a few numbers, which are stored as its type. */
struct tensor {
    int type, rank; /**< type 0: no tensor */
    int dim[4];
    double at[MOST];
};

struct attribute {
    const char *name; /**< NULL ends the list */
    char kind;        /**< 'f' number, 'i' integer, 's' text, 'l' list of integers */
    double number;
    const char *text;
    int count;
    int list[4];
};

struct corner {
    const char *name, *type;
    int opset;
    struct attribute attribute[4];
    struct tensor in[5], out[2];
};

#define NUMBER(its_name, value)                        \
    {                                                  \
        .name = its_name, .kind = 'f', .number = value \
    }
#define WHOLE(its_name, value)                         \
    {                                                  \
        .name = its_name, .kind = 'i', .number = value \
    }
#define VECTOR(type, n, ...) \
    {                        \
        type, 1, {n},        \
        {                    \
            __VA_ARGS__      \
        }                    \
    }
#define MATRIX(type, rows, columns, ...) \
    {                                    \
        type, 2, {rows, columns},        \
        {                                \
            __VA_ARGS__                  \
        }                                \
    }
#define SCALAR(type, value) \
    {                       \
        type, 0, {0},       \
        {                   \
            value           \
        }                   \
    }

static const struct corner corners[] = {
    {"alpha below zero",
     "Elu",
     6,
     {NUMBER("alpha", -1)},
     {VECTOR(F32, 3, -1, 0, 2)},
     {VECTOR(F32, 3, 0.632120559, 0, 2)}},
    {"alpha 0", "Elu", 6, {NUMBER("alpha", 0)}, {VECTOR(F32, 3, -1, 0, 2)}, {VECTOR(F32, 3, 0, 0, 2)}},
    {"large alpha", "Elu", 6, {NUMBER("alpha", 1e20)}, {VECTOR(F32, 2, -1, 2)}, {VECTOR(F32, 2, -6.32120559e19, 2)}},
    {"gamma below zero",
     "Selu",
     6,
     {NUMBER("alpha", 2), NUMBER("gamma", -1)},
     {VECTOR(F32, 2, -1, 2)},
     {VECTOR(F32, 2, 1.26424112, -2)}},
    {"alpha below zero", "Celu", 12, {NUMBER("alpha", -2)}, {VECTOR(F32, 2, -1, 3)}, {VECTOR(F32, 2, -1.29744254, 3)}},
    {"tiny alpha", "Celu", 12, {NUMBER("alpha", 1e-20)}, {VECTOR(F32, 2, -1, 3)}, {VECTOR(F32, 2, -1e-20, 3)}},
    {"lambd below zero",
     "Shrink",
     9,
     {NUMBER("lambd", -1), NUMBER("bias", 0.5)},
     {VECTOR(F32, 3, -2, 0, 2)},
     {VECTOR(F32, 3, -1.5, 0.5, 1.5)}},
    {"large alpha", "LeakyRelu", 6, {NUMBER("alpha", 1e20)}, {VECTOR(F32, 2, -1, 3)}, {VECTOR(F32, 2, -1e20, 3)}},
    {"limits crossed",
     "Clip",
     6,
     {NUMBER("min", 2), NUMBER("max", -2)},
     {VECTOR(F32, 2, 0, 3)},
     {VECTOR(F32, 2, -2, -2)}},
    {"least i8", "Abs", 13, {{.name = NULL}}, {VECTOR(I8, 2, -128, -3)}, {VECTOR(I8, 2, -128, 3)}},
    {"least i32", "Neg", 13, {{.name = NULL}}, {VECTOR(I32, 2, -2147483648.0, 3)}, {VECTOR(I32, 2, -2147483648.0, -3)}},
    {"lowest bits", "Cast", 13, {WHOLE("to", U8)}, {VECTOR(I32, 3, 300, -1, 7)}, {VECTOR(U8, 3, 44, 255, 7)}},
    {"lowest bits with a sign", "Cast", 13, {WHOLE("to", I8)}, {VECTOR(I32, 2, 200, -129)}, {VECTOR(I8, 2, -56, 127)}},
    {"nearest of a float", "Cast", 13, {WHOLE("to", I8)}, {VECTOR(F32, 3, 1.9, -1.9, 5)}, {VECTOR(I8, 3, 1, -1, 5)}},
    {"greatest i64",
     "Max",
     13,
     {{.name = NULL}},
     {VECTOR(I64, 2, 0x1p63, 1), VECTOR(I64, 2, 2, 2)},
     {VECTOR(I64, 2, 0x1p63, 2)}},
    {"zeros",
     "LpNormalization",
     1,
     {WHOLE("p", 2)},
     {MATRIX(F32, 2, 2, 0, 0, 3, 4)},
     {MATRIX(F32, 2, 2, 0, 0, 0.6, 0.8)}},
    {"an infinite row",
     "LogSoftmax",
     13,
     {{.name = NULL}},
     {MATRIX(F32, 1, 3, 1, INFINITY, 2)},
     {MATRIX(F32, 1, 3, NAN, NAN, NAN)}},
    {"no axes",
     "ReduceSumSquare",
     18,
     {WHOLE("noop_with_empty_axes", 1)},
     {VECTOR(F32, 3, -2, 0, 3)},
     {VECTOR(F32, 3, 4, 0, 9)}},
    {"no axes", "ReduceL2", 18, {WHOLE("noop_with_empty_axes", 1)}, {VECTOR(F32, 2, -2, 3)}, {VECTOR(F32, 2, 2, 3)}},
    {"no axes", "ReduceL1", 18, {WHOLE("noop_with_empty_axes", 1)}, {VECTOR(I32, 2, -2, 3)}, {VECTOR(I32, 2, 2, 3)}},
    {"no axes",
     "ReduceLogSum",
     18,
     {WHOLE("noop_with_empty_axes", 1)},
     {VECTOR(F32, 2, 1, 2)},
     {VECTOR(F32, 2, 0, 0.693147181)}},
    {"unsigned zeros", "ReduceLogSumExp", 18, {WHOLE("keepdims", 1)}, {VECTOR(U8, 7, 0)}, {VECTOR(U8, 1, 1)}}, /* log 7 */
    {"no axes", "ReduceMax", 18, {WHOLE("noop_with_empty_axes", 1)}, {VECTOR(F32, 2, 1, 2)}, {VECTOR(F32, 2, 1, 2)}},
    {"nothing",
     "ReduceMax",
     13,
     {{.name = "axes", .kind = 'l', .count = 1, .list = {1}}},
     {MATRIX(U8, 2, 0, 0)},
     {MATRIX(U8, 2, 1, 0, 0)}},
    {"nothing",
     "ReduceMin",
     13,
     {{.name = "axes", .kind = 'l', .count = 1, .list = {1}}},
     {MATRIX(I8, 1, 0, 0)},
     {MATRIX(I8, 1, 1, 127)}},
    {"nothing",
     "ReduceProd",
     13,
     {{.name = "axes", .kind = 'l', .count = 1, .list = {1}}},
     {MATRIX(F32, 1, 0, 0)},
     {MATRIX(F32, 1, 1, 1)}},
    {"nothing",
     "ReduceMean",
     13,
     {{.name = "axes", .kind = 'l', .count = 1, .list = {1}}},
     {MATRIX(F32, 1, 0, 0)},
     {MATRIX(F32, 1, 1, NAN)}},
    {"no label counts",
     "NegativeLogLikelihoodLoss",
     13,
     {WHOLE("ignore_index", 1)},
     {MATRIX(F32, 2, 2, -1, -2, -3, -4), VECTOR(I64, 2, 1, 1)},
     {SCALAR(F32, NAN)}},
    {"weights below zero",
     "NegativeLogLikelihoodLoss",
     13,
     {{.name = NULL}},
     {MATRIX(F32, 2, 2, -1, -2, -3, -4), VECTOR(I64, 2, 0, 1), VECTOR(F32, 2, -2, 1)},
     {SCALAR(F32, -2)}},
    {"no label counts",
     "SoftmaxCrossEntropyLoss",
     13,
     {WHOLE("ignore_index", 1)},
     {MATRIX(F32, 2, 2, -1, -2, -3, -4), VECTOR(I64, 2, 1, 1)},
     {SCALAR(F32, NAN)}},
    {"no label counts, summed",
     "SoftmaxCrossEntropyLoss",
     13,
     {WHOLE("ignore_index", 1), {.name = "reduction", .kind = 's', .text = "sum"}},
     {MATRIX(F32, 2, 2, -1, -2, -3, -4), VECTOR(I64, 2, 1, 1)},
     {SCALAR(F32, 0)}},
    {"weights below zero",
     "SoftmaxCrossEntropyLoss",
     13,
     {{.name = NULL}},
     {MATRIX(F32, 2, 2, 0, 0, 0, 0), VECTOR(I64, 2, 0, 1), VECTOR(F32, 2, -2, 1)},
     {SCALAR(F32, 0.693147181)}},
    {"a vector",
     "BatchNormalization",
     9,
     {NUMBER("epsilon", 0)},
     {VECTOR(F32, 2, 1, 3), VECTOR(F32, 1, 2), VECTOR(F32, 1, 1), VECTOR(F32, 1, 1), VECTOR(F32, 1, 4)},
     {VECTOR(F32, 2, 1, 3)}},
    {"of elements",
     "BatchNormalization",
     7,
     {NUMBER("epsilon", 0), WHOLE("spatial", 0)},
     {{F32, 3, {1, 1, 2}, {1, 3}},
      MATRIX(F32, 1, 2, 2, 1),
      MATRIX(F32, 1, 2, 0, 0),
      MATRIX(F32, 1, 2, 1, 1),
      MATRIX(F32, 1, 2, 1, 4)},
     {{F32, 3, {1, 1, 2}, {0, 1}}}},
    {"statistics of the batch",
     "BatchNormalization",
     9,
     {NUMBER("epsilon", 0), NUMBER("momentum", 0.5)},
     {MATRIX(F32, 2, 1, 1, 3), VECTOR(F32, 1, 2), VECTOR(F32, 1, 1), VECTOR(F32, 1, 4), VECTOR(F32, 1, 3)},
     {MATRIX(F32, 2, 1, -1, 3), VECTOR(F32, 1, 3)}},
    {"a weight per row",
     "LayerNormalization",
     17,
     {NUMBER("epsilon", 0)},
     {MATRIX(F32, 2, 2, 1, 3, 5, 9), MATRIX(F32, 2, 1, 1, 2), SCALAR(F32, 3)},
     {MATRIX(F32, 2, 2, 2, 4, 1, 5)}},
    {"one scale, scalar zero point",
     "DequantizeLinear",
     13,
     {{.name = NULL}},
     {VECTOR(U8, 2, 1, 5), VECTOR(F32, 1, 0.5), SCALAR(U8, 3)},
     {VECTOR(F32, 2, -1, 1)}},
    {"scalar scale, one zero point",
     "QuantizeLinear",
     13,
     {{.name = NULL}},
     {VECTOR(F32, 2, -1, 1000), SCALAR(F32, 0.5), VECTOR(U8, 1, 3)},
     {VECTOR(U8, 2, 1, 255)}},
};

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t count_of(const struct tensor *tensor)
{
    size_t count = 1;
    for (int d = 0; d < tensor->rank; d++) {
        count *= (size_t)tensor->dim[d];
    }
    return count;
}

static void put_element(struct text *bytes, int type, double value)
{
    switch (type) {
    case F32:
        text_add_bytes(bytes, (const char *)&(float){(float)value}, sizeof(float));
        break;
    case I32:
        text_add_bytes(bytes, (const char *)&(int32_t){(int32_t)value}, sizeof(int32_t));
        break;
    case I64:
        text_add_bytes(bytes, (const char *)&(int64_t){value >= 0x1p63 ? INT64_MAX : (int64_t)value}, sizeof(int64_t));
        break;
    case I8:
        text_add_bytes(bytes, (const char *)&(int8_t){(int8_t)value}, 1);
        break;
    default:
        text_add_bytes(bytes, (const char *)&(uint8_t){(uint8_t)value}, 1);
    }
}

static void write_text(const char *folder, const char *name, struct text *text)
{
    char path[256];
    struct error error = {FOV_OK, ""};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write(path, text_string(text), text->length, NULL, &error), FOV_OK);
    text_free(text);
}

static void write_tensor(struct memory *memory, const char *folder, const char *name, const struct tensor *tensor)
{
    struct text proto = {.memory = memory}, bytes = {.memory = memory};
    for (int d = 0; d < tensor->rank; d++) {
        put_number(&proto, 1, (unsigned long long)tensor->dim[d]);
    }
    put_number(&proto, 2, (unsigned long long)tensor->type);
    for (size_t i = 0; i < count_of(tensor); i++) {
        put_element(&bytes, tensor->type, tensor->at[i]);
    }
    put_message(&proto, 9, &bytes);
    write_text(folder, name, &proto);
}

static void put_attribute(struct text *node, const struct attribute *given)
{
    enum { FLOAT = 1, INTEGER = 2, TEXT = 3, INTEGERS = 7 };
    struct text attribute = {.memory = node->memory};
    float number = (float)given->number;
    put_string(&attribute, 1, given->name);
    if (given->kind == 'f') {
        put_varint(&attribute, 2 << 3 | 5);
        text_add_bytes(&attribute, (const char *)&number, sizeof number);
        put_number(&attribute, 20, FLOAT);
    } else if (given->kind == 'i') {
        put_number(&attribute, 3, (unsigned long long)(long long)given->number);
        put_number(&attribute, 20, INTEGER);
    } else if (given->kind == 's') {
        put_string(&attribute, 4, given->text);
        put_number(&attribute, 20, TEXT);
    } else {
        for (int i = 0; i < given->count; i++) {
            put_number(&attribute, 8, (unsigned long long)(long long)given->list[i]);
        }
        put_number(&attribute, 20, INTEGERS);
    }
    put_message(node, 5, &attribute);
}

/** ValueInfoProto: an input (field 11) or output (12) of a type and shape. */
static void put_port_of(struct text *graph, unsigned field, const char *name, const struct tensor *of)
{
    struct memory *memory = graph->memory;
    struct text port = {.memory = memory}, outer = {.memory = memory}, tensor = {.memory = memory},
                shape = {.memory = memory};
    for (int d = 0; d < of->rank; d++) {
        struct text size = {.memory = memory};
        put_number(&size, 1, (unsigned long long)of->dim[d]);
        put_message(&shape, 1, &size);
    }
    put_number(&tensor, 1, (unsigned long long)of->type);
    put_message(&tensor, 2, &shape);
    put_message(&outer, 1, &tensor);
    put_string(&port, 1, name);
    put_message(&port, 2, &outer);
    put_message(graph, field, &port);
}

static void write_corner(struct memory *memory, const char *folder, const struct corner *corner)
{
    struct text graph = {.memory = memory}, node = {.memory = memory}, model = {.memory = memory};
    char name[64];
    for (int i = 0; i < 5 && corner->in[i].type != 0; i++) {
        snprintf(name, sizeof name, "in%d", i);
        put_string(&node, 1, name);
        put_port_of(&graph, 11, name, &corner->in[i]);
        snprintf(name, sizeof name, "test_data_set_0/input_%d.pb", i);
        write_tensor(memory, folder, name, &corner->in[i]);
    }
    for (int i = 0; i < 2 && corner->out[i].type != 0; i++) {
        snprintf(name, sizeof name, "out%d", i);
        put_string(&node, 2, name);
        put_port_of(&graph, 12, name, &corner->out[i]);
        snprintf(name, sizeof name, "test_data_set_0/output_%d.pb", i);
        write_tensor(memory, folder, name, &corner->out[i]);
    }
    put_string(&node, 4, corner->type);
    for (int i = 0; i < 4 && corner->attribute[i].name != NULL; i++) {
        put_attribute(&node, &corner->attribute[i]);
    }
    put_message(&graph, 1, &node);
    put_model(&model, &graph, 8, corner->opset);
    write_text(folder, "model.onnx", &model);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void keep_reason(void *user, const fov_case *result)
{
    snprintf(user, 1200, "%s", result->reason);
}

static void test_corner(void **state)
{
    const struct corner *corner = *state;
    char folder[TEMPORARY_PATH], path[TEMPORARY_PATH + 32], reason[1200];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_conformance total;
    temporary_folder(folder);
    snprintf(path, sizeof path, "%s/test_data_set_0", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    write_corner(context->memory, folder, corner);
    assert_int_equal(
        fov_conformance_run(context, folder, &(fov_conformance_options){.seen = keep_reason, .user = reason}, &total),
        FOV_OK);
    temporary_remove(folder);
    fov_context_free(context);
    if (total.passed != 1) {
        fail_msg("%s, %s: %s", corner->type, corner->name, reason);
    }
}

int main(void)
{
    enum { COUNT = sizeof corners / sizeof *corners };
    struct CMUnitTest tests[COUNT];
    char names[COUNT][96];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%s: %s", corners[i].type, corners[i].name);
        tests[i] = (struct CMUnitTest){names[i], test_corner, NULL, NULL, (void *)&corners[i]};
    }
    return _cmocka_run_group_tests("corners", tests, COUNT, NULL, NULL);
}
