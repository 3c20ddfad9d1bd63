/* SPDX-License-Identifier: MIT */
/* Reading ONNX: the graphs of good files, the error sentence for each bad one (RELIABILITY 3.1), and that no prefix, no
 * flipped byte and no failing allocation crashes, leaks, or loads half a model. */
#include "base/text.h"
#include "io/onnx/onnx.h"
#include "io/onnx_file.h"
#include "support/temporary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    fov_context *context;
    struct text  graph, model; /**< GraphProto and ModelProto under construction */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->context = fov_context_create(&(fov_context_options){.threads = 1});
    fixture->graph.memory = fixture->model.memory = fixture->context->memory;
    *state = fixture;
    return fixture->context == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    text_free(&fixture->graph);
    text_free(&fixture->model);
    fov_context_free(fixture->context);
    free(fixture);
    return 0;
}

/** Imports bytes from a heap block of exactly their size, so that ASan sees a read one byte too far. */
static int try_import(struct fixture *fixture, const void *bytes, size_t size, fov_graph **graph,
                      struct onnx_imported *imported)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    fov_error_clear(fixture->context);
    *graph = fov_graph_create(fixture->context);
    int status = *graph != NULL ? onnx_import(*graph, "m.onnx", NULL, copy, size, imported) : FOV_E_MEMORY;
    free(copy); /* nothing may point into it from here on */
    if (status) {
        fov_graph_free(*graph);
        *graph = NULL;
    }
    return status;
}

static void expect_refusal(struct fixture *fixture, const void *bytes, size_t size, fov_status status,
                           const char *expected)
{
    fov_graph           *graph;
    struct onnx_imported imported = {0};
    size_t               before = fov_context_memory(fixture->context).bytes;
    int                  got = try_import(fixture, bytes, size, &graph, &imported);
    const char          *text = fov_error(fixture->context);
    if (got != (int)status || strstr(text, expected) == NULL || strncmp(text, "m.onnx: ", 8) != 0) {
        fail_msg("expected %d \"%s\", got %d \"%s\"", (int)status, expected, got, text);
    }
    assert_null(imported.arena);
    assert_int_equal(fov_context_memory(fixture->context).bytes, before);
}

/** Wraps the graph under construction as a model and expects it to be refused. */
static void refuse_graph(struct fixture *fixture, fov_status status, const char *expected)
{
    text_free(&fixture->model);
    put_model(&fixture->model, &fixture->graph, 8, 17);
    expect_refusal(fixture, text_string(&fixture->model), fixture->model.length, status, expected);
}

static void accept_graph(struct fixture *fixture, fov_graph **graph, struct onnx_imported *imported, int ir, int opset)
{
    text_free(&fixture->model);
    put_model(&fixture->model, &fixture->graph, ir, opset);
    if (try_import(fixture, text_string(&fixture->model), fixture->model.length, graph, imported)) {
        fail_msg("%s", fov_error(fixture->context));
    }
}

/** x [N, 4] -> relu -> + b -> y. */
static void put_small(struct fixture *fixture)
{
    struct text *graph = &fixture->graph;
    text_free(graph);
    put_node(graph, "Relu", "r", "x", "h");
    put_node(graph, "Add", "a", "h,b", "y");
    put_floats(graph, "b", 4);
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
}

/* ---- good files -------------------------------------------------------------------------------------------------- */

static void test_small(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_small(fixture);
    accept_graph(fixture, &graph, &imported, 8, 17);
    assert_int_equal(imported.input_count, 1);
    assert_int_equal(imported.output_count, 1);
    assert_int_equal(imported.opset, 17);
    assert_string_equal(fov_value_name(graph, imported.inputs[0]), "x");
    assert_string_equal(fov_value_name(graph, imported.outputs[0]), "y");
    assert_int_equal(fov_value_shape(graph, imported.outputs[0]).dim[0], FOV_BATCH);
    assert_string_equal(graph->nodes[0].name, "r");
    assert_string_equal(graph->nodes[1].name, "a");
    assert_int_equal(fov_parameter_count(graph), 1);
    fov_value b = fov_find(graph, "b");
    float     data[4];
    assert_int_equal(fov_parameter_get(graph, b, data, sizeof data), 0);
    assert_true(data[0] == 1 && data[3] == 4);
    onnx_imported_free(&imported);
    onnx_imported_free(&imported);
    fov_graph_free(graph);
}

/** Habits of other writers: unsorted nodes, an initializer that is also an input, unused nodes, one name for a node and
 *  a value. */
static void test_habits(void **state)
{
    struct fixture      *fixture = *state;
    struct text         *graph_text = &fixture->graph;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_node(graph_text, "Add", "h", "h,b", "y"); /* the node's name is another node's result */
    put_node(graph_text, "NoSuchOperator", "dead", "x", "unused");
    put_node(graph_text, "Relu", "y", "x2", "h");
    put_node(graph_text, "Identity", "", "x", "x2");
    put_floats(graph_text, "b", 4);
    put_port(graph_text, 11, "x", 4);
    put_port(graph_text, 11, "b", 4);
    put_port(graph_text, 12, "y", 4);
    accept_graph(fixture, &graph, &imported, 3, 7);
    assert_int_equal(imported.input_count, 1);
    assert_string_equal(fov_value_name(graph, imported.outputs[0]), "y");
    assert_int_equal(fov_parameter_count(graph), 1);
    assert_int_equal(graph->node_count, 3);
    onnx_imported_free(&imported);
    fov_graph_free(graph);
}

/** An initializer with a single element becomes a constant, not a weight. */
static void test_scalars_are_constants(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_node(&fixture->graph, "Mul", "m", "x,half", "y");
    put_floats(&fixture->graph, "half", 1);
    put_port(&fixture->graph, 11, "x", 4);
    put_port(&fixture->graph, 12, "y", 4);
    accept_graph(fixture, &graph, &imported, 8, 17);
    assert_int_equal(fov_parameter_count(graph), 0);
    assert_int_equal(graph_value(graph, fov_find(graph, "half").id)->kind, VALUE_CONSTANT);
    onnx_imported_free(&imported);
    fov_graph_free(graph);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void test_not_onnx(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *bytes;
        size_t      size;
        const char *expected;
    } rows[] = {
        {"", 0, "the file is empty"},
        {"\x1f\x8b\x08\x00\x00\x00", 6, "looks like gzip"},
        {"PK\x03\x04\x14\x00\x00", 7, "zip archive"},
        {"\x80\x02}q\x00", 5, "pickle"},
        {"\x10\x00\x00\x00\x00\x00\x00\x00{}              ", 24, "safetensors"},
        {"<!DOCTYPE html><html>", 21, "looks like text"},
        {"\x89HDF\r\n\x1a\n", 8, "HDF5"},
        {"\x08", 1, "byte 1: ModelProto: truncated or damaged"},
        {"\x08\x08", 2, "graph: missing"},
        {"\x00\x01", 2, "not valid protobuf (zero tag)"},
        {"\x0b\x08", 2, "not valid protobuf"},                                    /* group: wire type 3 */
        {"\x0f\x08", 2, "not valid protobuf"},                                    /* wire type 7 */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "not valid protobuf (varint overflow)"},
        {"\x0d\x08\x00\x00\x00", 5, "not valid protobuf (wrong wire type)"},     /* ir_version as 32 bits */
        {"\x3a\x7f\x0a", 3, "truncated or damaged"},                             /* graph longer than the file */
        {"\x10\x05", 2, "ModelProto.producer_name: wrong wire type"},            /* a text as a number */
        {"\x38\x05", 2, "GraphProto: wrong wire type"},                          /* a message as a number */
        {"\x3a\x00\x3a\x00", 4, "ModelProto.graph: appears twice"},
        {"\x12\x03" "a\x00" "b", 5, "a text with a zero byte"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_refusal(fixture, rows[i].bytes, rows[i].size, FOV_E_INPUT, rows[i].expected);
    }
}

static void test_versions(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        int         ir, opset;
        fov_status  status;
        const char *expected;
    } rows[] = {
        {2, 17, FOV_E_INPUT, "ir_version: not supported (got 2"},
        {99, 17, FOV_E_UNSUPPORTED, "ir_version: not supported (got 99"},
        {8, 0, FOV_E_INPUT, "version not supported (got 0"},
        {8, 99, FOV_E_UNSUPPORTED, "version not supported (got 99, newest known 28)"},
        {8, 5, FOV_E_UNSUPPORTED, "2 nodes cannot be read here: Relu (opset 5) at \"r\"; Add (opset 5) at \"a\""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_small(fixture);
        text_free(&fixture->model);
        put_model(&fixture->model, &fixture->graph, rows[i].ir, rows[i].opset);
        expect_refusal(fixture, text_string(&fixture->model), fixture->model.length, rows[i].status, rows[i].expected);
    }
}

static void test_graph_refusals(void **state)
{
    struct fixture *fixture = *state;
    struct text    *graph = &fixture->graph;

    put_node(graph, "Relu", "r", "x", "y");
    put_port(graph, 11, "x", 4);
    refuse_graph(fixture, FOV_E_INPUT, "the graph has no output");

    put_node(graph, "Relu", "r", "x", "h");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_INPUT, "output \"y\" is made by nobody");

    put_node(graph, "Relu", "r", "nothing", "y");
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_INPUT, "node \"r\": input 0: \"nothing\" is made by nobody");

    put_node(graph, "Add", "a", "x,c", "b");
    put_node(graph, "Relu", "r", "b", "c");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "c", 4);
    refuse_graph(fixture, FOV_E_INPUT, "cycle");

    put_node(graph, "Relu", "r", "y", "y"); /* its own input */
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_INPUT, "cycle");

    put_node(graph, "Relu", "r", "x", "y");
    put_node(graph, "Relu", "q", "x", "y");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_INPUT, "the name \"y\" is given twice");

    put_small(fixture);
    put_floats(graph, "b", 4);
    refuse_graph(fixture, FOV_E_INPUT, "the name \"b\" is given twice");

    put_node(graph, "Relu", "r", "x,x", "y");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_INPUT, "node \"r\" (Relu)");

    put_node(graph, "Relu", "r", "-", "y"); /* an empty name where an input is needed */
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_INPUT, "node \"r\" (Relu)");

    put_node(graph, "Relu", "r", "x", "y,z"); /* a second output, which Relu does not have, is used */
    put_node(graph, "Add", "a", "y,z", "w");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "w", 4);
    refuse_graph(fixture, FOV_E_UNSUPPORTED, "output 1 is used");

    put_node(graph, "Foo\x1b[2J", "f", "x", "h");
    put_node(graph, "Bar", "g", "h", "i");
    put_node(graph, "Foo\x1b[2J", "k", "i", "y");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_UNSUPPORTED,
                 "3 nodes cannot be read here: Foo\\x1b[2J (opset 17) at \"f\", \"k\"; Bar (opset 17) at \"g\"");

    put_node(graph, "Add", "a", "x,b", "y"); /* 4 against 3 channels */
    put_floats(graph, "b", 3);
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, FOV_E_SHAPE, "node \"a\" (Add)");
}

/** An initializer with fields of the test's choice, used by an Add. */
static void refuse_tensor(struct fixture *fixture, struct text *tensor, fov_status status, const char *expected)
{
    struct text *graph = &fixture->graph;
    put_string(tensor, 8, "b");
    put_message(graph, 5, tensor);
    put_node(graph, "Add", "a", "x,b", "y");
    put_port(graph, 11, "x", 4);
    put_port(graph, 12, "y", 4);
    refuse_graph(fixture, status, expected);
}

static void test_tensor_refusals(void **state)
{
    struct fixture *fixture = *state;
    const float     four[4] = {1, 2, 3, 4};
    struct text     tensor = {.memory = fixture->context->memory};

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 1);
    put_bytes(&tensor, 9, four, 15);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "raw_data: wrong size (got 15 bytes, expected 16)");

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 1);
    put_bytes(&tensor, 9, four, 16);
    put_bytes(&tensor, 4, four, 16);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "both raw_data and typed data");

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 1);
    put_bytes(&tensor, 4, four, 7);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "do not fill whole elements");

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 1);
    put_bytes(&tensor, 4, four, 12);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "wrong number of elements (got 3, expected 4)");

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 1);
    put_bytes(&tensor, 7, "\x01\x02\x03\x04", 4); /* int64_data in a float tensor */
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "its data is of another type than FLOAT");

    put_number(&tensor, 1, (unsigned long long)-4);
    put_number(&tensor, 2, 1);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "dims: negative (got -4)");

    put_number(&tensor, 1, 1ull << 40);
    put_number(&tensor, 1, 1ull << 40);
    put_number(&tensor, 2, 1);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "size overflow in shape");

    put_number(&tensor, 1, 1ull << 40); /* a terabyte that the file does not hold */
    put_number(&tensor, 2, 1);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "wrong number of elements (got 0");

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 8);
    refuse_tensor(fixture, &tensor, FOV_E_UNSUPPORTED, "data_type: cannot be read here (got 8, STRING)");

    put_number(&tensor, 1, 4);
    refuse_tensor(fixture, &tensor, FOV_E_UNSUPPORTED, "data_type: cannot be read here (got 0");

    put_number(&tensor, 1, 4);
    put_number(&tensor, 2, 1);
    put_string(&tensor, 3, "segment");
    refuse_tensor(fixture, &tensor, FOV_E_UNSUPPORTED, "stored in segments");

    for (int i = 0; i < 9; i++) {
        put_number(&tensor, 1, 1);
    }
    put_number(&tensor, 2, 1);
    refuse_tensor(fixture, &tensor, FOV_E_INPUT, "dims: too many (got 9, limit 8)");
}

/** Unknown attributes, and attributes of the wrong type or by reference. */
static void test_attribute_refusals(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *name;
        unsigned    field, type;
        const char *expected;
    } rows[] = {{"alpha", 3, 2, "attribute \"alpha\" has the wrong type"},
                {"beta", 3, 2, "attribute \"beta\" is not known"},
                {"alpha", 21, 1, "attribute \"alpha\" has the wrong type"}};
    for (size_t i = 0; i < 3; i++) {
        struct memory *memory = fixture->context->memory;
        struct text    attribute = {.memory = memory}, node = {.memory = memory};
        put_string(&attribute, 1, rows[i].name);
        if (rows[i].field == 3) {
            put_number(&attribute, 3, 1);
        } else {
            put_string(&attribute, rows[i].field, "outer");
        }
        put_number(&attribute, 20, rows[i].type);
        put_string(&node, 1, "x");
        put_string(&node, 2, "y");
        put_string(&node, 4, "LeakyRelu");
        put_message(&node, 5, &attribute);
        put_message(&fixture->graph, 1, &node);
        put_port(&fixture->graph, 11, "x", 4);
        put_port(&fixture->graph, 12, "y", 4);
        refuse_graph(fixture, i == 1 ? FOV_E_UNSUPPORTED : FOV_E_INPUT, rows[i].expected);
    }
}

/** External data: the file that a location names must lie below the model's folder. */
static void test_external(void **state)
{
    struct fixture *fixture = *state;
    char            directory[TEMPORARY_PATH], path[TEMPORARY_PATH + 32];
    temporary_folder(directory);
    snprintf(path, sizeof path, "%s/w.bin", directory);
    const float four[4] = {5, 6, 7, 8};
    FILE       *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(four, 1, sizeof four, file), sizeof four);
    fclose(file);
    snprintf(path, sizeof path, "%s/link.bin", directory);
    assert_int_equal(symlink("w.bin", path), 0);
    snprintf(path, sizeof path, "%s/away.bin", directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    const struct {
        const char *location, *offset, *expected; /**< expected NULL: loads */
    } rows[] = {
        {"w.bin", NULL, NULL},
        {"./w.bin", NULL, NULL},
        {"/etc/passwd", NULL, "escapes"},
        {"../w.bin", NULL, "escapes"},
        {"a/../../b", NULL, "external_data"},
        {"link.bin", NULL, NULL},
        {"away.bin", NULL, "leads to /etc"},
        {"none.bin", NULL, "cannot open \"none.bin\""},
        {".", NULL, "external_data"},
        {"", NULL, "location is missing"},
        {"w.bin", "-1", "not a whole number"},
        {"w.bin", "x", "not a whole number"},
        {"w.bin", "17", "beyond the file's end"},
        {"w.bin", "4", "raw_data: wrong size (got 12 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct memory *memory = fixture->context->memory;
        struct text    tensor = {.memory = memory}, entry = {.memory = memory};
        put_number(&tensor, 1, 4);
        put_number(&tensor, 2, 1);
        put_string(&tensor, 8, "b");
        put_string(&entry, 1, "location");
        put_string(&entry, 2, rows[i].location);
        put_message(&tensor, 13, &entry);
        if (rows[i].offset != NULL) {
            put_string(&entry, 1, "offset");
            put_string(&entry, 2, rows[i].offset);
            put_message(&tensor, 13, &entry);
        }
        put_number(&tensor, 14, 1);
        put_message(&fixture->graph, 5, &tensor);
        put_node(&fixture->graph, "Add", "a", "x,b", "y");
        put_port(&fixture->graph, 11, "x", 4);
        put_port(&fixture->graph, 12, "y", 4);
        text_free(&fixture->model);
        put_model(&fixture->model, &fixture->graph, 8, 17);

        fov_error_clear(fixture->context);
        fov_graph           *graph = fov_graph_create(fixture->context);
        struct onnx_imported imported;
        int status = onnx_import(graph, "m.onnx", directory, (const uint8_t *)text_string(&fixture->model),
                                 fixture->model.length, &imported);
        if (rows[i].expected == NULL) {
            float data[4];
            assert_int_equal(status, 0);
            assert_int_equal(fov_parameter_get(graph, fov_find(graph, "b"), data, sizeof data), 0);
            assert_memory_equal(data, four, sizeof four);
            onnx_imported_free(&imported);
        } else if (status == 0 || strstr(fov_error(fixture->context), rows[i].expected) == NULL) {
            fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].location, rows[i].expected,
                     fov_error(fixture->context));
        }
        fov_graph_free(graph);
    }
    temporary_remove(directory);
}

/** Large external weights of a model file are not read at import, but when they are asked for: at most one copy is in
 *  memory. */
static void test_external_stays(void **state)
{
    enum { COUNT = 1 << 19, HALF = COUNT / 2 };
    struct fixture *fixture = *state;
    struct memory  *memory = fixture->context->memory;
    char            directory[TEMPORARY_PATH], path[TEMPORARY_PATH + 32];
    float          *numbers = calloc(COUNT, sizeof *numbers);
    temporary_folder(directory);
    snprintf(path, sizeof path, "%s/w.bin", directory);
    for (size_t i = 0; i < COUNT; i++) {
        numbers[i] = (float)i;
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(numbers, sizeof *numbers, COUNT, file), COUNT);
    fclose(file);
    for (int i = 0; i < 2; i++) { /* both halves, in one file */
        struct text tensor = {.memory = memory}, entry = {.memory = memory};
        char        offset[24];
        snprintf(offset, sizeof offset, "%zu", i * HALF * sizeof *numbers);
        put_number(&tensor, 1, HALF);
        put_number(&tensor, 2, 1);
        put_string(&tensor, 8, i == 0 ? "b" : "c");
        put_string(&entry, 1, "location");
        put_string(&entry, 2, "w.bin");
        put_message(&tensor, 13, &entry);
        put_string(&entry, 1, "offset");
        put_string(&entry, 2, offset);
        put_message(&tensor, 13, &entry);
        put_string(&entry, 1, "length");
        snprintf(offset, sizeof offset, "%zu", HALF * sizeof *numbers);
        put_string(&entry, 2, offset);
        put_message(&tensor, 13, &entry);
        put_number(&tensor, 14, 1);
        put_message(&fixture->graph, 5, &tensor);
    }
    put_node(&fixture->graph, "Add", "a", "x,b", "s");
    put_node(&fixture->graph, "Add", "d", "s,c", "y");
    put_port(&fixture->graph, 11, "x", HALF);
    put_port(&fixture->graph, 12, "y", HALF);
    text_free(&fixture->model);
    put_model(&fixture->model, &fixture->graph, 8, 17);

    const uint8_t  *bytes = (const uint8_t *)text_string(&fixture->model);
    struct file_map map = {.bytes = bytes, .size = fixture->model.length};
    struct onnx_imported imported;
    fov_graph           *graph = fov_graph_create(fixture->context);
    size_t               before = memory_in_use(memory);
    if (onnx_import_with(graph, "m.onnx", directory, bytes, map.size, &(struct onnx_import_options){.map = &map},
                         &imported) != 0) {
        fail_msg("%s", fov_error(fixture->context));
    }
    assert_true(memory_in_use(memory) - before < HALF);
    for (int i = 0; i < 2; i++) {
        float *data = calloc(HALF, sizeof *data);
        fov_value value = fov_find(graph, i == 0 ? "b" : "c");
        assert_non_null(graph_value(graph, value.id)->file);
        assert_int_equal(fov_parameter_get(graph, value, data, HALF * sizeof *data), 0);
        assert_memory_equal(data, numbers + i * HALF, HALF * sizeof *data);
        free(data);
    }
    onnx_imported_free(&imported);
    fov_graph_free(graph);
    free(numbers);
    temporary_remove(directory);
}

/* ---- damaged files, failing allocations -------------------------------------------------------------------------- */

static void test_prefixes_and_flips(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_small(fixture);
    put_model(&fixture->model, &fixture->graph, 8, 17);
    size_t   size = fixture->model.length;
    uint8_t *bytes = malloc(size);
    memcpy(bytes, text_string(&fixture->model), size);
    text_free(&fixture->model);
    size_t before = fov_context_memory(fixture->context).bytes;
    for (size_t length = 0; length < size; length++) {
        assert_int_not_equal(try_import(fixture, bytes, length, &graph, &imported), 0);
        assert_int_equal(fov_context_memory(fixture->context).bytes, before);
        fov_error_clear(fixture->context);
    }
    const uint8_t masks[] = {0x01, 0x08, 0x80, 0xff};
    for (size_t i = 0; i < size * 4; i++) {
        bytes[i / 4] ^= masks[i % 4];
        int status = try_import(fixture, bytes, size, &graph, &imported);
        if (status == 0) {
            assert_int_equal(imported.output_count, 1);
            assert_true(imported.outputs[0].id > 0);
            onnx_imported_free(&imported);
            fov_graph_free(graph);
        } else {
            assert_true(strlen(fov_error(fixture->context)) > 8);
        }
        assert_int_equal(fov_context_memory(fixture->context).bytes, before);
        bytes[i / 4] ^= masks[i % 4];
    }
    free(bytes);
}

static void test_every_allocation_fails(void **state)
{
    struct fixture *fixture = *state;
    put_small(fixture);
    put_model(&fixture->model, &fixture->graph, 8, 17);
    size_t before = fov_context_memory(fixture->context).bytes;
    for (int sticky = 0; sticky < 2; sticky++) {
        for (uint64_t n = 1;; n++) {
            fov_graph           *graph;
            struct onnx_imported imported;
            memory_fail_at(fixture->context->memory, n, sticky != 0);
            int status = try_import(fixture, text_string(&fixture->model), fixture->model.length, &graph, &imported);
            memory_fail_at(fixture->context->memory, 0, false);
            if (status == 0) {
                assert_true(n > 10);
                onnx_imported_free(&imported);
                fov_graph_free(graph);
                break;
            }
            assert_int_equal(status, FOV_E_MEMORY);
            assert_int_equal(fov_context_memory(fixture->context).bytes, before);
        }
    }
    assert_int_equal(fov_context_memory(fixture->context).bytes, before);
}

/** Twenty thousand nodes in one chain, in reverse order: they are sorted without recursion. */
static void test_long_chain(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 20000 };
    fov_graph           *graph;
    struct onnx_imported imported;
    put_port(&fixture->graph, 11, "v0", 4);
    for (int i = COUNT; i > 0; i--) {
        char in[16], out[16];
        snprintf(in, sizeof in, "v%d", i - 1);
        snprintf(out, sizeof out, "v%d", i);
        put_node(&fixture->graph, "Relu", "", in, out);
    }
    char last[16];
    snprintf(last, sizeof last, "v%d", COUNT);
    put_port(&fixture->graph, 12, last, 4);
    accept_graph(fixture, &graph, &imported, 8, 17);
    assert_int_equal(graph->node_count, COUNT);
    onnx_imported_free(&imported);
    fov_graph_free(graph);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_small), TEST(test_habits), TEST(test_scalars_are_constants), TEST(test_not_onnx), TEST(test_versions),
        TEST(test_graph_refusals), TEST(test_tensor_refusals), TEST(test_attribute_refusals), TEST(test_external),
        TEST(test_external_stays),
        TEST(test_prefixes_and_flips), TEST(test_every_allocation_fails), TEST(test_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
