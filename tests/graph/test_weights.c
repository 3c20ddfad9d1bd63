/* SPDX-License-Identifier: MIT */
/* Weights that stay in their file until a plan packs them: they are in memory once, give the same bits as weights in
 * memory, and can still be read and set later; a file that changes meanwhile and allocations that fail are reported and
 * do no harm. */
#include "graph/graph.h"
#include "graph/plan.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { FEATURES = 1100, UNITS = 2603, CLASSES = 40, WEIGHTS = FEATURES * UNITS }; /* 11 MB: packed in parts */

struct fixture {
    fov_context *context;
    char         path[TEMPORARY_PATH];
    float        input[3 * FEATURES], expected[3 * CLASSES];
};

static void check(const struct fixture *fixture, bool good)
{
    if (!good)
        fail_msg("%s", fov_error(fixture->context));
}

static fov_plan *plan_for(const struct fixture *fixture, fov_model *model, int64_t batch)
{
    fov_value output = fov_model_output(model);
    fov_plan *plan   = fov_plan_create(fov_model_graph(model), &output, 1, &(fov_plan_options){.batch = batch});

    if (plan)
        memcpy(fov_plan_data(plan, fov_model_input(model)), fixture->input, sizeof(float) * FEATURES * (size_t)batch);
    return plan;
}

static void expect_result(const struct fixture *fixture, fov_plan *plan, fov_model *model, int64_t batch)
{
    check(fixture, plan != NULL);
    fov_plan_run(plan, 0);
    assert_memory_equal(fov_plan_data(plan, fov_model_output(model)), fixture->expected,
                        sizeof(float) * CLASSES * (size_t)batch);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fov_model      *model;
    fov_graph      *g;
    fov_plan       *plan;
    fov_value       x, y;

    fixture->context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 11});
    temporary_file(fixture->path, ".onnx");
    for (int i = 0; i < 3 * FEATURES; i++)
        fixture->input[i] = (float)(i % 37 - 18) / 16.0F;
    model = fov_model_create(fixture->context);
    g     = fov_model_graph(model);
    x     = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, FEATURES));
    y     = fov_relu(g, fov_dense(g, x, .units = UNITS, .name = "wide"));
    y     = fov_dense(g, y, .units = CLASSES, .name = "head");
    check(fixture, !fov_model_set_input_output(model, x, y) && !fov_model_save(model, fixture->path));
    assert_non_null(graph_value(g, fov_find(g, "wide.weight").id)->data); /* saving has brought it into memory */
    plan = plan_for(fixture, model, 3);
    check(fixture, plan != NULL);
    fov_plan_run(plan, 0);
    memcpy(fixture->expected, fov_plan_data(plan, y), sizeof fixture->expected);
    fov_plan_free(plan);
    fov_model_free(model);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->path);
    fov_context_free(fixture->context);
    free(fixture);
    return 0;
}

static fov_model *load(const struct fixture *fixture)
{
    fov_model *model = fov_model_load(fixture->context, fixture->path);

    check(fixture, model != NULL);
    return model;
}

static struct value *weight_of(fov_model *model)
{
    fov_graph *graph = fov_model_graph(model);

    return graph_value(graph, fov_find(graph, "wide.weight").id);
}

/* ---- in memory once ---------------------------------------------------------------------------------------------- */

static void weights_are_in_memory_once(void **state)
{
    const struct fixture *fixture = *state;
    size_t                before  = fov_context_memory(fixture->context).bytes;
    fov_model            *model   = load(fixture);
    fov_plan             *plan    = plan_for(fixture, model, 1);

    expect_result(fixture, plan, model, 1);
    assert_null(weight_of(model)->data);
    assert_true(fov_context_memory(fixture->context).bytes - before < WEIGHTS * sizeof(float) * 12 / 10);
    assert_true(fov_plan_memory_use(plan).parameters < 1 << 20);
    fov_plan_free(plan);
    fov_model_free(model);
    assert_int_equal(fov_context_memory(fixture->context).bytes, before);
}

static void another_plan_finds_them_again(void **state)
{
    const struct fixture *fixture = *state;
    fov_model            *model   = load(fixture);
    fov_plan             *one = plan_for(fixture, model, 1), *three = plan_for(fixture, model, 3);

    expect_result(fixture, three, model, 3);
    fov_plan_free(three);
    expect_result(fixture, one, model, 1);
    fov_plan_free(one);
    fov_model_free(model);
}

/* A new network that is only run: its random weights are drawn straight into the plan's packed form, too. */
static void drawn_weights_need_not_be_kept(void **state)
{
    const struct fixture *fixture = *state;
    fov_graph            *g       = fov_graph_create(fixture->context);
    fov_value             x       = fov_input(g, .shape = FOV_SHAPE(1, FEATURES));
    fov_value             y       = fov_dense(g, x, .units = UNITS, .name = "drawn");
    struct value         *weight  = graph_value(g, fov_find(g, "drawn.weight").id);
    float                *kept    = malloc(UNITS * sizeof *kept);
    fov_plan             *plan    = fov_plan_create(g, &y, 1, NULL), *again;

    check(fixture, plan != NULL);
    assert_null(weight->data);
    memcpy(fov_plan_data(plan, x), fixture->input, FEATURES * sizeof(float));
    fov_plan_run(plan, 0);
    memcpy(kept, fov_plan_data(plan, y), UNITS * sizeof *kept);
    assert_non_null(graph_data(g, fov_find(g, "drawn.weight").id));
    again = fov_plan_create(g, &y, 1, NULL);
    memcpy(fov_plan_data(again, x), fixture->input, FEATURES * sizeof(float));
    fov_plan_run(again, 0);
    assert_memory_equal(fov_plan_data(again, y), kept, UNITS * sizeof *kept);
    fov_plan_free(plan);
    fov_plan_free(again);
    fov_graph_free(g);
    free(kept);
}

/* A convolution gives the same bits whether its weight is drawn and packed in parts or is in memory as a whole. */
static void convolve_twice(const struct fixture *fixture, int channels, int filters, int kernel)
{
    fov_graph *g = fov_graph_create(fixture->context);
    fov_value  x = fov_input(g, .name = "x", .shape = FOV_SHAPE(1, channels, 7, 7));
    fov_value  y = fov_conv2d(g, x, .filters = filters, .kernel = kernel, .stride = 2, .name = "drawn");
    fov_plan  *plan = fov_plan_create(g, &y, 1, NULL), *again;

    check(fixture, plan != NULL);
    assert_null(graph_value(g, fov_find(g, "drawn.weight").id)->data);
    for (int i = 0; i < channels * 49; i++)
        ((float *)fov_plan_data(plan, x))[i] = (float)(i % 41 - 20) / 16.0F;
    fov_plan_run(plan, 0);
    assert_non_null(graph_data(g, fov_find(g, "drawn.weight").id));
    again = fov_plan_create(g, &y, 1, NULL);
    check(fixture, again != NULL);
    memcpy(fov_plan_data(again, x), fov_plan_data(plan, x), sizeof(float) * (size_t)channels * 49);
    fov_plan_run(again, 0);
    assert_memory_equal(fov_plan_data(again, y), fov_plan_data(plan, y), fov_plan_bytes(plan, y));
    fov_plan_free(plan);
    fov_plan_free(again);
    fov_graph_free(g);
}

static void convolutions_are_packed_in_parts(void **state)
{
    convolve_twice(*state, 1100, 301, 1);
    convolve_twice(*state, 96, 221, 5);
}

/* ---- change ------------------------------------------------------------------------------------------------------ */

/* Both plans have packed the weight from its file; both use its new values after it is set. */
static void plans_see_new_values(void **state)
{
    const struct fixture *fixture = *state;
    fov_model            *model   = load(fixture);
    fov_graph            *g       = fov_model_graph(model);
    fov_value             bias    = fov_find(g, "head.bias"), wide = fov_find(g, "wide.weight");
    fov_plan             *one = plan_for(fixture, model, 1), *three = plan_for(fixture, model, 3), *fresh;
    float                *weight = malloc(WEIGHTS * sizeof *weight), other[CLASSES] = {3.0F};
    float                 before = fixture->expected[0], here;
    uint64_t              requests;

    check(fixture, one && three && !fov_parameter_get(g, bias, &other, sizeof other));
    other[0] += 1.0F;
    check(fixture, !fov_parameter_set(g, bias, other, sizeof other));
    requests = fov_context_memory(fixture->context).requests;
    fov_plan_run(one, 0); /* packs all weights again, from memory: allocates nothing */
    assert_int_equal(fov_context_memory(fixture->context).requests, requests);
    here = *(float *)fov_plan_data(one, fov_model_output(model));
    assert_float_equal(here, before + 1.0F, 1e-4F);
    check(fixture, !fov_parameter_get(g, wide, weight, WEIGHTS * sizeof *weight));
    for (int i = 0; i < WEIGHTS; i++)
        weight[i] *= 0.5F;
    check(fixture, !fov_parameter_set(g, wide, weight, WEIGHTS * sizeof *weight));
    fov_plan_run(one, 0);
    fov_plan_run(three, 0);
    fresh = plan_for(fixture, model, 3);
    check(fixture, fresh != NULL);
    fov_plan_run(fresh, 0);
    assert_memory_equal(fov_plan_data(fresh, fov_model_output(model)), fov_plan_data(three, fov_model_output(model)),
                        sizeof fixture->expected);
    assert_memory_equal(fov_plan_data(fresh, fov_model_output(model)), fov_plan_data(one, fov_model_output(model)),
                        CLASSES * sizeof(float));
    assert_true(*(float *)fov_plan_data(one, fov_model_output(model)) != here);
    fov_plan_free(one);
    fov_plan_free(three);
    fov_plan_free(fresh);
    fov_model_free(model);
    free(weight);
}

/* The file changes: existing plans still run, new ones are refused with a sentence. */
static void a_changed_file_is_noticed(void **state)
{
    const struct fixture *fixture = *state;
    fov_model            *model   = load(fixture);
    fov_plan             *plan    = plan_for(fixture, model, 1);
    struct timespec       times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 12345}};

    check(fixture, plan != NULL);
    assert_int_equal(utimensat(AT_FDCWD, fixture->path, times, 0), 0);
    expect_result(fixture, plan, model, 1);
    assert_null(plan_for(fixture, model, 2));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_IO);
    assert_non_null(strstr(fov_error(fixture->context), "has changed since it was loaded"));
    fov_error_clear(fixture->context);
    assert_int_equal(truncate(fixture->path, 1000), 0); /* reading beyond the end must not raise SIGBUS */
    assert_null(plan_for(fixture, model, 2));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_IO);
    fov_error_clear(fixture->context);
    assert_int_not_equal(fov_parameter_set(fov_model_graph(model), fov_find(fov_model_graph(model), "head.bias"),
                                           fixture->expected, CLASSES * sizeof(float)), FOV_OK);
    fov_error_clear(fixture->context);
    expect_result(fixture, plan, model, 1); /* the refused value has changed nothing */
    int refused = 0;
    for (int i = 0; i < fov_parameter_count(fov_model_graph(model)); i++) { /* by definition, too */
        struct evaluation result;
        int id = fov_parameter_at(fov_model_graph(model), i).id;
        int status = graph_evaluate(fov_model_graph(model), &id, 1, 1, false, 0, NULL, &result);

        if (status == FOV_OK)
            graph_evaluate_free(fov_model_graph(model), &result);
        else
            assert_int_equal(status, FOV_E_IO);
        refused += status != FOV_OK;
        fov_error_clear(fixture->context);
    }
    assert_true(refused > 0);
    fov_plan_free(plan);
    fov_model_free(model);
}

/* A file whose name has been removed is still open, and can be read. */
static void a_removed_file_is_still_there(void **state)
{
    const struct fixture *fixture = *state;
    fov_model            *model   = load(fixture);
    fov_plan             *plan;

    unlink(fixture->path);
    plan = plan_for(fixture, model, 3);
    expect_result(fixture, plan, model, 3);
    fov_plan_free(plan);
    fov_model_free(model);
}

/* ---- harm -------------------------------------------------------------------------------------------------------- */

static void every_failed_allocation_is_survived(void **state)
{
    const struct fixture *fixture = *state;
    struct memory        *memory  = fixture->context->memory;
    size_t                before  = fov_context_memory(fixture->context).bytes;
    bool                  done    = false;

    for (uint64_t n = 2; !done; n++) { /* allocation n / 2: alone, then with all that follow it */
        fov_model *model;
        fov_plan  *plan = NULL;

        memory_fail_at(memory, n / 2, n % 2 != 0);
        model = fov_model_load(fixture->context, fixture->path);
        if (model)
            plan = plan_for(fixture, model, 2);
        if (plan && !fov_parameter_set(fov_model_graph(model), fov_find(fov_model_graph(model), "head.bias"),
                                       fixture->input, CLASSES * sizeof(float)))
            done = true;
        memory_fail_at(memory, 0, false);
        if (!done)
            assert_int_equal(fov_error_status(fixture->context), FOV_E_MEMORY);
        fov_error_clear(fixture->context);
        fov_plan_free(plan);
        fov_model_free(model);
        assert_int_equal(fov_context_memory(fixture->context).bytes, before);
    }
}

/* The memory of a plan for 512 -> 1024 filters of 3x3 on a picture of that side, on AVX2; *small: it uses Winograd's
 * F(2x2, 3x3). */
static fov_plan_memory filters_kept(int side, bool *small)
{
    fov_context    *context = fov_context_create(&(fov_context_options){.threads = 1, .isa = "avx2"});
    fov_graph      *g = fov_graph_create(context);
    fov_value       x = fov_input(g, .name = "x", .shape = FOV_SHAPE(1, 512, side, side));
    fov_value       y = fov_conv2d(g, x, .filters = 1024, .kernel = 3, .pad = 1);
    fov_plan       *plan = fov_plan_create(g, &y, 1, NULL);
    fov_plan_memory use  = {0};

    *small = false;
    for (int i = 0; plan && i < fov_plan_step_count(plan); i++)
        *small = *small || strstr(fov_plan_step_at(plan, i).detail, "F(2x2") != NULL;
    if (plan)
        use = fov_plan_memory_use(plan);
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return use;
}

/* Winograd's larger form, F(4x4, 3x3), takes four times the memory of the weights. The plan uses the smaller form where
 * the weights are large and it is nearly as fast; not where there is much to compute. */
static void large_filters_are_kept_small(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .isa = "avx2"});
    bool         there = context && !*fov_error(context), small;
    size_t       weights = sizeof(float) * 512 * 1024 * 9;

    (void)state;
    fov_context_free(context);
    if (!there)
        skip();
    assert_in_range(filters_kept(16, &small).packed, weights, 2 * weights);
    assert_true(small);
    assert_in_range(filters_kept(40, &small).packed, 4 * weights, 5 * weights);
    assert_false(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(weights_are_in_memory_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_plan_finds_them_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drawn_weights_need_not_be_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(convolutions_are_packed_in_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plans_see_new_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_file_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_file_is_still_there, set_up, tear_down),
        cmocka_unit_test(large_filters_are_kept_small),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_survived, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
