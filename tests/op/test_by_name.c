/* SPDX-License-Identifier: MIT */
/* Every operator by its name: each case of each descriptor is built a second time through fov_node_opt, with its
 * options written as texts from the table of attributes, and must give the same node: the same option bytes, the same
 * outputs. Errors name what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include "harness.h"
#include <fovea/fovea.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PAIRS = 32, TEXT = 400 };

static void built_by_name(const struct op *op, const struct op_case *test)
{
    static char texts[MOST_PAIRS][TEXT];
    const char *pairs[2 * MOST_PAIRS + 1];
    int count = 0;
    struct harness harness;
    harness_open(&harness, op, test, "reference", HARNESS_REAL, 7);
    const struct node *first = &harness.graph->nodes[0];
    for (const struct op_attribute *at = op->attributes; at != NULL && at->name != NULL; at++) {
        if (at->kind == OP_LIST &&
            ((const struct op_list *)(const void *)((char *)first->options + at->offset))->count == 0) {
            continue; /* an empty list is the default */
        }
        assert_true(count < MOST_PAIRS);
        assert_true(harness_option_text(at, first->options, texts[count], TEXT) < TEXT);
        pairs[2 * count] = at->name;
        pairs[2 * count + 1] = texts[count];
        count++;
    }
    pairs[2 * count] = NULL;
    fov_value made = fov_node_opt(harness.graph, op->name, harness.in, harness.in_count, pairs);
    if (made.id == 0) {
        fail_msg("%s/%s: %s", op->name, test->name, fov_error(harness.context));
    }
    first = &harness.graph->nodes[0];
    const struct node *second = &harness.graph->nodes[graph_value(harness.graph, made.id)->node];
    assert_ptr_equal(second->op, op);
    assert_int_equal(second->out_count, first->out_count);
    assert_int_equal(fov_output_count(harness.graph, made), first->out_count);
    /* Constants of a recurrent cell's activations are not in the table: only ONNX files set them (recurrent.h). */
    if (op->options_size > 0 && op->family != OP_RECURRENT &&
        memcmp(first->options, second->options, op->options_size) != 0) {
        fail_msg("%s/%s: some option is not in the table", op->name, test->name);
    }
    for (int i = 0; i < first->out_count; i++) {
        const struct value *a = graph_value(harness.graph, first->out[i]),
                           *b = graph_value(harness.graph, second->out[i]);
        assert_int_equal(a->dtype, b->dtype);
        assert_true(shape_equal(&a->shape, &b->shape));
        assert_int_equal(fov_output(harness.graph, made, i).id, b->shape.rank >= 0 ? second->out[i] : 0);
    }
    harness_close(&harness);
}

static void every_operator_is_there_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op_case *test = op_table[i]->cases;
        for (int k = 0; test != NULL && test->name != NULL; test++, k++) {
            built_by_name(op_table[i], test);
        }
    }
}

/* An option that does not exist is refused with its name and the operator's. */
static void every_name_that_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
        fov_graph *graph = fov_graph_create(context);
        fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3));
        assert_int_equal(fov_node(graph, op->name, &x, 1, "no-such-option", "1").id, 0);
        assert_int_equal(fov_error_status(context), FOV_E_USAGE);
        assert_non_null(strstr(fov_error(context), "no-such-option"));
        assert_non_null(strstr(fov_error(context), op->name));
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

static const char *refusal(const char *name, const char *const *options)
{
    static char text[400];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3, 8, 8));
    assert_int_equal(fov_node_opt(graph, name, &x, 1, options).id, 0);
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    snprintf(text, sizeof text, "%s", fov_error(context));
    fov_graph_free(graph);
    fov_context_free(context);
    return text;
}

static void sentences(void **state)
{
    (void)state;
    assert_string_equal(refusal("grid_sampel", NULL),
                        "there is no operator \"grid_sampel\"; did you mean \"grid_sample\"?");
    assert_string_equal(refusal("GridSample", NULL),
                        "there is no operator \"GridSample\"; ONNX's GridSample is \"grid_sample\" here");
    assert_non_null(strstr(refusal(NULL, NULL), "operator_name is NULL"));
    assert_non_null(
        strstr(refusal("max_pool", (const char *const[]){"kernle", "2", NULL}), "did you mean \"kernel\"?"));
    assert_non_null(strstr(refusal("max_pool", (const char *const[]){"kernel", "two", NULL}), "kernel is \"two\""));
    assert_non_null(strstr(refusal("max_pool", (const char *const[]){"kernel", NULL}), "has no value"));
    assert_non_null(strstr(refusal("grid_sample", (const char *const[]){"mode", "linaer", NULL}), "one of "));
    assert_non_null(strstr(refusal("relu", (const char *const[]){"alpha", "1", NULL}), "has no options"));
    assert_non_null(strstr(refusal("grid_sample", NULL), "input grid is missing"));
    assert_non_null(strstr(refusal("activation_gradient", (const char *const[]){"function", "relu", NULL}),
                           "the derivative of relu needs the tensor saved"));
}

static void a_named_node_computes(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(1, 1, 2, 2));
    fov_value y = fov_node(graph, "max_pool", &x, 1, "kernel", "2,2", "name", "pool");
    fov_value split = fov_node(graph, "split", &x, 1, "axis", "3", "outputs", "2");
    if (split.id == 0) {
        fail_msg("%s", fov_error(context));
    }
    assert_string_equal(fov_value_name(graph, y), "pool");
    fov_value parts[] = {y, fov_output(graph, split, 1)};
    assert_int_equal(fov_output(graph, split, 2).id, 0);
    assert_int_equal(fov_output(graph, x, 0).id, 0);
    fov_plan *plan = fov_plan_create(graph, parts, 2, NULL);
    assert_non_null(plan);
    memcpy(fov_plan_data(plan, x), (const float[]){1, 2, 3, 4}, 4 * sizeof(float));
    fov_plan_run(plan, 0);
    assert_true(*(const float *)fov_plan_data(plan, y) == 4.0F);
    assert_true(((const float *)fov_plan_data(plan, parts[1]))[1] == 4.0F);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* ---- functions of operators.h ------------------------------------------------------------------------------------ */

/* The inputs that the functions below have a choice of. */
struct given {
    fov_value x, row, places; /* [2, 3, 4, 5], [1, 5], i32 [2] */
};

static fov_value expand(fov_graph *g, const struct given *given)
{
    return fov_expand(g, given->row, (fov_shape)FOV_SHAPE(3, 5));
}

static fov_value selu(fov_graph *g, const struct given *given)
{
    return fov_selu(g, given->x);
}

static fov_value softsign(fov_graph *g, const struct given *given)
{
    return fov_softsign(g, given->x);
}

static fov_value mish(fov_graph *g, const struct given *given)
{
    return fov_mish(g, given->x);
}

static fov_value gather(fov_graph *g, const struct given *given)
{
    return fov_gather(g, given->x, given->places, 2);
}

static fov_value global_max_pool(fov_graph *g, const struct given *given)
{
    return fov_global_max_pool(g, given->x);
}

static fov_value stop_gradient(fov_graph *g, const struct given *given)
{
    return fov_stop_gradient(g, given->x);
}

static fov_value reduce_min(fov_graph *g, const struct given *given)
{
    return fov_reduce_min(g, given->x, .axes = {1, -1}, .axis_count = 2);
}

static fov_value reduce_all(fov_graph *g, const struct given *given)
{
    return fov_reduce_min_opt(g, given->x, &(fov_reduce_options){.keep_dims = true});
}

static fov_value largest(fov_graph *g, const struct given *given)
{
    return fov_top_k(g, given->x, NULL, .k = 2);
}

static fov_value smallest_at(fov_graph *g, const struct given *given)
{
    fov_value at = {0};
    fov_top_k_opt(g, given->x, &(fov_top_k_options){.k = 3, .axis = 2, .smallest = true}, &at);
    return at;
}

/* Each function gives the bits of the node that its name and options stand for. */
static const struct function {
    fov_value (*build)(fov_graph *g, const struct given *given);
    const char *name, *options[7];
    enum { OF_X, OF_ROW, OF_X_AND_PLACES } inputs;
    int output;
} functions[] = {
    {expand, "broadcast_to", {NULL}, OF_ROW, 0},
    {selu, "selu", {NULL}, OF_X, 0},
    {softsign, "softsign", {NULL}, OF_X, 0},
    {mish, "mish", {NULL}, OF_X, 0},
    {gather, "gather", {"axis", "2", NULL}, OF_X_AND_PLACES, 0},
    {global_max_pool, "global_max_pool", {NULL}, OF_X, 0},
    {stop_gradient, "stop_gradient", {NULL}, OF_X, 0},
    {reduce_min, "reduce_min", {"axes", "1,3", "keep_dims", "no", NULL}, OF_X, 0},
    {reduce_all, "reduce_min", {"keep_dims", "yes", NULL}, OF_X, 0},
    {largest, "top_k", {"k", "2", NULL}, OF_X, 0},
    {smallest_at, "top_k", {"k", "3", "axis", "2", "smallest", "yes", NULL}, OF_X, 1},
};

static void check_function(const struct function *function)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *g = fov_graph_create(context);
    const int32_t places[] = {3, -1};
    const float zeros[3 * 5] = {0};
    struct given given = {fov_input(g, .name = "x", .shape = FOV_SHAPE(2, 3, 4, 5)),
                          fov_input(g, .name = "row", .shape = FOV_SHAPE(1, 5)),
                          fov_constant(g, NULL, FOV_I32, (fov_shape)FOV_SHAPE(2), places)};
    fov_value shape = fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(3, 5), zeros);
    fov_value in[] = {function->inputs == OF_ROW ? given.row : given.x,
                      function->inputs == OF_ROW ? shape : given.places};
    fov_value node = fov_node_opt(g, function->name, in, function->inputs == OF_X ? 1 : 2, function->options);
    fov_value both[] = {function->build(g, &given), fov_output(g, node, function->output)};
    fov_plan *plan = fov_plan_create(g, both, 2, NULL);
    if (plan == NULL) {
        fail_msg("%s: %s", function->name, fov_error(context));
    }
    float *x = fov_plan_data(plan, in[0]);
    for (size_t i = 0; i < fov_plan_bytes(plan, in[0]) / sizeof *x; i++) {
        x[i] = (float)((i * 37) % 121) / 16.0F - 4.0F; /* all different */
    }
    fov_plan_run(plan, 0);
    assert_int_equal(fov_value_dtype(g, both[0]), fov_value_dtype(g, both[1]));
    assert_true(fov_plan_bytes(plan, both[0]) > 0);
    assert_int_equal(fov_plan_bytes(plan, both[0]), fov_plan_bytes(plan, both[1]));
    assert_memory_equal(fov_plan_data(plan, both[0]), fov_plan_data(plan, both[1]), fov_plan_bytes(plan, both[0]));
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
}

static void functions_are_their_nodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        check_function(&functions[i]);
    }
}

/* ---- inputs left out --------------------------------------------------------------------------------------------- */

/* Runs the node on x [count] alone, in double. */
static void run_double(const char *name, const char *const *options, const double *x, double *y, int64_t count)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *graph = fov_graph_create(context);
    fov_value in = fov_input(graph, .name = "x", .shape = FOV_SHAPE(count), .dtype = FOV_F64);
    fov_value out = fov_node_opt(graph, name, &in, 1, options);
    fov_plan *plan = fov_plan_create(graph, &out, 1, NULL);
    if (plan == NULL) {
        fail_msg("%s", fov_error(context));
    }
    memcpy(fov_plan_data(plan, in), x, (size_t)count * sizeof *x);
    assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
    memcpy(y, fov_plan_data(plan, out), (size_t)count * sizeof *y);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void an_optional_input_may_be_left_out(void **state)
{
    const double x[] = {1.5, -2.5, 0.25};
    double y[3];
    (void)state;
    run_double("activation_gradient", (const char *const[]){"function", "neg", NULL}, x, y, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(y[i] == -x[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_is_there_by_name),
        cmocka_unit_test(every_name_that_is_wrong_is_named),
        cmocka_unit_test(sentences),
        cmocka_unit_test(a_named_node_computes),
        cmocka_unit_test(functions_are_their_nodes),
        cmocka_unit_test(an_optional_input_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
