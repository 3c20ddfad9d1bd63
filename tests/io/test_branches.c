/* SPDX-License-Identifier: MIT */
/* Graphs inside nodes: an If becomes the nodes of both branches, or of one branch if its condition follows from
 * constants or shapes; names used in several graphs; refused files, and the reasons. Also versions of domains, and
 * files with 16-bit floats, which are converted to float32 when they are read. */
#include "base/text.h"
#include "io/onnx/onnx.h"
#include "io/onnx_file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { GRAPH_NODE = 1, GRAPH_TENSOR = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, CHANNELS = 3 };

struct fixture {
    fov_context *context;
    struct text  graph, yes, no; /**< being built: the model's graph, and the branches of its If */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->context = fov_context_create(&(fov_context_options){.threads = 1});
    fixture->graph.memory = fixture->yes.memory = fixture->no.memory = fixture->context->memory;
    *state = fixture;
    return fixture->context == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    text_free(&fixture->graph);
    text_free(&fixture->yes);
    text_free(&fixture->no);
    fov_context_free(fixture->context);
    free(fixture);
    return 0;
}

/** A node with one integer attribute. */
static void put_with_integer(struct text *graph, const char *type, const char *in, const char *out, const char *name,
                             long long value)
{
    struct text node = {.memory = graph->memory}, attribute = {.memory = graph->memory};
    put_string(&attribute, 1, name);
    put_number(&attribute, 3, (unsigned long long)value);
    put_number(&attribute, 20, 2);
    if (in[0] != '\0') {
        put_string(&node, 1, in);
    }
    put_string(&node, 2, out);
    put_string(&node, 4, type);
    put_message(&node, 5, &attribute);
    put_message(graph, GRAPH_NODE, &node);
}

static void put_branch(struct text *node, const char *name, struct text *branch)
{
    struct text attribute = {.memory = node->memory};
    put_string(&attribute, 1, name);
    put_message(&attribute, 6, branch);
    put_number(&attribute, 20, 5);
    put_message(node, 5, &attribute);
}

/** If(condition) -> out; empties the branches. */
static void put_if(struct text *graph, const char *condition, const char *out, struct text *yes, struct text *no)
{
    struct text node = {.memory = graph->memory};
    put_string(&node, 1, condition);
    put_string(&node, 2, out);
    put_string(&node, 3, "choice");
    put_string(&node, 4, "If");
    put_branch(&node, "then_branch", yes);
    put_branch(&node, "else_branch", no);
    put_message(graph, GRAPH_NODE, &node);
}

/** x [N, 3] in, y out. */
static void put_ends(struct fixture *fixture)
{
    put_port(&fixture->graph, GRAPH_INPUT, "x", CHANNELS);
    put_port(&fixture->graph, GRAPH_OUTPUT, "y", CHANNELS);
}

/** "positive": whether the sum of x is. */
static void put_condition(struct text *graph)
{
    put_with_integer(graph, "ReduceSum", "x", "sum", "keepdims", 0);
    put_with_integer(graph, "Constant", "", "zero", "value_int", 0);
    put_with_integer(graph, "Cast", "zero", "nothing", "to", 1);
    put_node(graph, "Greater", "", "sum,nothing", "positive");
}

static int read_graph(struct fixture *fixture, fov_graph **graph, struct onnx_imported *imported)
{
    struct text model = {.memory = fixture->context->memory};
    put_model(&model, &fixture->graph, 8, 17);
    fov_error_clear(fixture->context);
    *graph = fov_graph_create(fixture->context);
    int status =
        onnx_import(*graph, "m.onnx", NULL, (const uint8_t *)text_string(&model), model.length, imported);
    text_free(&model);
    if (status) {
        fov_graph_free(*graph);
        *graph = NULL;
    }
    return status;
}

static void refuse(struct fixture *fixture, const char *expected)
{
    fov_graph           *graph;
    struct onnx_imported imported;
    assert_int_not_equal(read_graph(fixture, &graph, &imported), FOV_OK);
    if (strstr(fov_error(fixture->context), expected) == NULL) {
        fail_msg("expected \"%s\", got \"%s\"", expected, fov_error(fixture->context));
    }
}

static void accept(struct fixture *fixture, fov_graph **graph, struct onnx_imported *imported)
{
    if (read_graph(fixture, graph, imported)) {
        fail_msg("%s", fov_error(fixture->context));
    }
}

/** Computes y for one sample and compares. */
static void expect(struct fixture *fixture, fov_graph *graph, const struct onnx_imported *imported,
                   const double x[CHANNELS], const double y[CHANNELS])
{
    struct evaluation result;
    const double    **given = calloc(graph->value_count, sizeof *given);
    int               output = imported->outputs[0].id;
    given[imported->inputs[0].id] = x;
    assert_string_equal(graph_value(graph, output)->name, "y");
    if (graph_evaluate(graph, &output, 1, 1, false, 0, given, &result)) {
        fail_msg("%s", fov_error(fixture->context));
    }
    for (int i = 0; i < CHANNELS; i++) {
        assert_true(result.data[output][i] == y[i]);
    }
    graph_evaluate_free(graph, &result);
    free(given);
}

static void close_graph(fov_graph *graph, struct onnx_imported *imported)
{
    onnx_imported_free(imported);
    fov_graph_free(graph);
}

/* ---- branches ---------------------------------------------------------------------------------------------------- */

/* Both branches name their result "r"; the second one reads a value of the enclosing graph. */
static void test_data_decides(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_condition(&fixture->graph);
    put_node(&fixture->graph, "Abs", "", "x", "size");
    put_node(&fixture->yes, "Relu", "", "x", "r");
    put_string(&fixture->yes, 2, "then");
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->no, "Mul", "", "size,k", "r");
    put_floats(&fixture->no, "k", CHANNELS);
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "positive", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    accept(fixture, &graph, &imported);
    expect(fixture, graph, &imported, (double[]){5, -2, 1}, (double[]){5, 0, 1});
    expect(fixture, graph, &imported, (double[]){-5, -2, 1}, (double[]){5, 4, 3});
    close_graph(graph, &imported);
}

/* A NaN computed in the branch that is not taken does not reach the output. */
static void test_untaken_nan(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_condition(&fixture->graph);
    put_node(&fixture->yes, "Identity", "", "x", "r");
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->no, "Sqrt", "", "x", "s");
    put_port(&fixture->no, GRAPH_OUTPUT, "s", CHANNELS);
    put_if(&fixture->graph, "positive", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    accept(fixture, &graph, &imported);
    expect(fixture, graph, &imported, (double[]){5, -2, 1}, (double[]){5, -2, 1});
    close_graph(graph, &imported);
}

/* The shape of x decides the condition: the other branch, with an unknown operator, is not read. */
static void test_shape_decides(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_node(&fixture->graph, "Shape", "", "x", "shape");
    put_with_integer(&fixture->graph, "Constant", "", "one", "value_int", 1);
    put_with_integer(&fixture->graph, "Constant", "", "three", "value_int", CHANNELS);
    put_node(&fixture->graph, "Gather", "", "shape,one", "channels");
    put_node(&fixture->graph, "Equal", "", "channels,three", "condition");
    put_node(&fixture->yes, "Neg", "", "x", "r");
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->no, "Frobnicate", "", "x", "f");
    put_port(&fixture->no, GRAPH_OUTPUT, "f", CHANNELS);
    put_if(&fixture->graph, "condition", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    accept(fixture, &graph, &imported);
    expect(fixture, graph, &imported, (double[]){5, -2, 1}, (double[]){-5, 2, -1});
    for (size_t n = 0; n < graph->node_count; n++) {
        assert_string_not_equal(graph->nodes[n].op->name, "where");
    }
    close_graph(graph, &imported);
}

/* The batch size is unknown while a file is read: a condition on it is computed at each run, not decided at reading. */
static void test_batch_decides(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    put_node(&fixture->graph, "Shape", "", "x", "shape");
    put_with_integer(&fixture->graph, "Constant", "", "first", "value_int", 0);
    put_with_integer(&fixture->graph, "Constant", "", "one", "value_int", 1);
    put_node(&fixture->graph, "Gather", "", "shape,first", "samples");
    put_node(&fixture->graph, "Equal", "", "samples,one", "condition");
    put_node(&fixture->yes, "Neg", "", "x", "r");
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->no, "Abs", "", "x", "r");
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "condition", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    accept(fixture, &graph, &imported);
    expect(fixture, graph, &imported, (double[]){5, -2, 1}, (double[]){-5, 2, -1});
    close_graph(graph, &imported);
}

/* The same for conditions that depend on the batch size through a remainder or a minimum. */
static void test_remainder_of_batch_decides(void **state)
{
    static const struct {
        const char *op;
        int64_t by, wanted; /* op(samples, by) == wanted holds for very many samples, and not for one */
    } cases[] = {{"Mod", 2, 0}, {"Min", 5, 5}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fov_graph *graph;
        struct onnx_imported imported;
        fixture->graph = (struct text){.memory = fixture->context->memory};
        put_node(&fixture->graph, "Shape", "", "x", "shape");
        put_with_integer(&fixture->graph, "Constant", "", "first", "value_int", 0);
        put_with_integer(&fixture->graph, "Constant", "", "by", "value_int", cases[i].by);
        put_with_integer(&fixture->graph, "Constant", "", "wanted", "value_int", cases[i].wanted);
        put_node(&fixture->graph, "Gather", "", "shape,first", "samples");
        put_node(&fixture->graph, cases[i].op, "", "samples,by", "computed");
        put_node(&fixture->graph, "Equal", "", "computed,wanted", "condition");
        put_node(&fixture->yes, "Neg", "", "x", "r");
        put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
        put_node(&fixture->no, "Abs", "", "x", "r");
        put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
        put_if(&fixture->graph, "condition", "y", &fixture->yes, &fixture->no);
        put_ends(fixture);
        accept(fixture, &graph, &imported);
        expect(fixture, graph, &imported, (double[]){5, -2, 1}, (double[]){5, 2, 1});
        close_graph(graph, &imported);
        text_free(&fixture->graph);
    }
    fixture->graph = (struct text){.memory = fixture->context->memory};
}

/* An If in a branch: names of the inner branches hide those of the outer one. */
static void test_nested(void **state)
{
    struct fixture      *fixture = *state;
    fov_graph           *graph;
    struct onnx_imported imported;
    struct text          yes = {.memory = fixture->context->memory}, no = {.memory = fixture->context->memory};
    put_condition(&fixture->graph);
    put_node(&fixture->graph, "Not", "", "positive", "negative");
    put_node(&yes, "Neg", "", "x", "r");
    put_port(&yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&no, "Abs", "", "twice", "r");
    put_port(&no, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->yes, "Add", "", "x,x", "twice");
    put_if(&fixture->yes, "negative", "r", &yes, &no);
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->no, "Identity", "", "x", "r");
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "positive", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    accept(fixture, &graph, &imported);
    expect(fixture, graph, &imported, (double[]){5, -2, 1}, (double[]){10, 4, 2});
    expect(fixture, graph, &imported, (double[]){-5, -2, 1}, (double[]){-5, -2, 1});
    close_graph(graph, &imported);
}

static void test_refused(void **state)
{
    struct fixture *fixture = *state;
    put_condition(&fixture->graph); /* branches of two shapes */
    put_node(&fixture->yes, "Relu", "", "x", "r");
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_with_integer(&fixture->no, "ReduceSum", "x", "r", "keepdims", 0);
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "positive", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    refuse(fixture, "\"choice\" (If): its branches give f32 [N, 3] and f32 [] for output 0");
    put_condition(&fixture->graph); /* an unknown operator that may have to run */
    put_node(&fixture->yes, "Frobnicate", "f", "x", "r");
    put_port(&fixture->yes, GRAPH_OUTPUT, "r", CHANNELS);
    put_node(&fixture->no, "Relu", "", "x", "r");
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "positive", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    refuse(fixture, "\"f\" (Frobnicate): no operator here reads it");
    put_condition(&fixture->graph); /* a branch's names are its own */
    put_node(&fixture->yes, "Relu", "", "x", "inner");
    put_port(&fixture->yes, GRAPH_OUTPUT, "inner", CHANNELS);
    put_node(&fixture->no, "Relu", "", "x", "r");
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "positive", "t", &fixture->yes, &fixture->no);
    put_node(&fixture->graph, "Add", "n", "t,inner", "y");
    put_ends(fixture);
    refuse(fixture, "\"n\" (Add): made by nobody that it can see: \"inner\"");
    put_condition(&fixture->graph); /* a branch's output without a name */
    put_node(&fixture->yes, "Relu", "", "x", "r");
    put_port(&fixture->yes, GRAPH_OUTPUT, "", CHANNELS);
    put_node(&fixture->no, "Relu", "", "x", "r");
    put_port(&fixture->no, GRAPH_OUTPUT, "r", CHANNELS);
    put_if(&fixture->graph, "positive", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    refuse(fixture, "\"choice\" (If): a branch's output is made by nobody: \"\"");
    put_node(&fixture->graph, "Loop", "l", "x", "y");
    put_ends(fixture);
    refuse(fixture, "Loop (opset 17) at \"l\" (loops are not computed here");
}

static void test_depth_is_limited(void **state)
{
    struct fixture *fixture = *state;
    put_node(&fixture->yes, "Relu", "", "x", "r");
    for (int depth = 0; depth < 40; depth++) {
        struct text around = {.memory = fixture->context->memory};
        put_if(&around, "x", "r", &fixture->yes, &fixture->no);
        text_add_bytes(&fixture->yes, text_string(&around), around.length);
        text_free(&around);
    }
    put_if(&fixture->graph, "x", "y", &fixture->yes, &fixture->no);
    put_ends(fixture);
    refuse(fixture, "graphs inside graphs, more than 8 deep");
}

/* ---- versions and types ------------------------------------------------------------------------------------------ */

/* If a file states several versions of the default domain (named "" or "ai.onnx"), the last one counts, as in ONNX
 * Runtime. */
static void test_domain_twice(void **state)
{
    struct fixture *fixture = *state;
    struct {
        int         first, second, expected;
        const char *name;
    } cases[] = {{17, 17, 17, ""}, {13, 15, 15, "ai.onnx"}, {18, 11, 11, ""}, {28, 27, 27, "ai.onnx"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text          model = {.memory = fixture->context->memory}, entry = {.memory = model.memory};
        struct onnx_imported imported;
        fov_graph           *graph = fov_graph_create(fixture->context);
        put_node(&fixture->graph, "Relu", "", "x", "y");
        put_ends(fixture);
        put_model(&model, &fixture->graph, 8, cases[i].first);
        put_string(&entry, 1, cases[i].name);
        put_number(&entry, 2, (unsigned long long)cases[i].second);
        put_message(&model, 8, &entry);
        int status =
            onnx_import(graph, "m.onnx", NULL, (const uint8_t *)text_string(&model), model.length, &imported);
        if (status) {
            fail_msg("%s", fov_error(fixture->context));
        }
        assert_int_equal(imported.opset, cases[i].expected);
        text_free(&model);
        close_graph(graph, &imported);
    }
}

static void put_halves(struct text *graph, const char *name, int type, const uint16_t *bits, bool raw)
{
    struct text tensor = {.memory = graph->memory};
    put_number(&tensor, 1, CHANNELS);
    put_number(&tensor, 2, (unsigned long long)type);
    for (int i = 0; !raw && i < CHANNELS; i++) {
        put_number(&tensor, 5, bits[i]);
    }
    put_string(&tensor, 8, name);
    if (raw) {
        put_bytes(&tensor, 9, bits, CHANNELS * sizeof *bits);
    }
    put_message(graph, GRAPH_TENSOR, &tensor);
}

static void test_halves(void **state)
{
    enum { FLOAT16 = 10, BFLOAT16 = 16 };
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x0001}; /* 1, -2, 2^-24 */
    static const uint16_t brains[] = {0x3f80, 0xc040, 0x7f00}; /* 1, -3, 2^127 */
    struct fixture       *fixture = *state;
    struct onnx_imported  imported;
    fov_graph            *graph;
    for (int raw = 0; raw < 2; raw++) {
        put_halves(&fixture->graph, "a", FLOAT16, halves, raw != 0);
        put_halves(&fixture->graph, "b", BFLOAT16, brains, raw != 0);
        put_with_integer(&fixture->graph, "Cast", "x", "half", "to", FLOAT16);
        put_node(&fixture->graph, "Mul", "", "half,a", "product");
        put_with_integer(&fixture->graph, "Cast", "product", "brain", "to", BFLOAT16);
        put_node(&fixture->graph, "Add", "", "brain,b", "sum");
        put_with_integer(&fixture->graph, "Cast", "sum", "y", "to", 1);
        put_ends(fixture);
        accept(fixture, &graph, &imported);
        assert_int_equal(imported.halves, 2);
        assert_int_equal(graph->node_count, 3); /* the product, the sum, and a node that gives the output its name */
        double third = 3 * 0x1p-24 + 0x1p127;
        expect(fixture, graph, &imported, (double[]){4, 5, 3}, (double[]){5, -13, third});
        for (size_t id = 1; id < graph->value_count; id++) {
            const struct value *value = graph_value(graph, (int)id);
            assert_int_equal(value->dtype, FOV_F32);
        }
        close_graph(graph, &imported);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_data_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_untaken_nan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shape_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batch_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remainder_of_batch_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nested, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_domain_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_halves, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
