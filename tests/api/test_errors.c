/* SPDX-License-Identifier: MIT */
/* Error state: a call clears the error of an earlier one, so that no call fails because of it and each sentence is that
 * of the last failure; a graph keeps its first failure, whatever happens elsewhere; a context whose options were
 * invalid fails every call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <string.h>

/* Leaves an error on the context. */
static void fail_once(fov_context *context)
{
    assert_null(fov_model_load(context, "/nowhere/at/all.onnx"));
    assert_non_null(strstr(fov_error(context), "/nowhere/at/all.onnx"));
}

static void no_call_minds_an_old_error(void **state)
{
    (void)state;
    static const uint8_t pixels[2 * 28 * 28];
    static const int32_t labels[2] = {0, 1};
    const fov_dataset_program program = {.count = 2,
                                         .target = FOV_TARGET_CLASS,
                                         .classes = 10,
                                         .height = 28,
                                         .width = 28,
                                         .channels = 1,
                                         .pixels = pixels,
                                         .labels = labels};
    static float input[32 * 32], scores[10];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fail_once(context);
    fov_graph *graph = fov_graph_create(context);
    assert_non_null(graph);
    fail_once(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3));
    fail_once(context);
    fov_value y = fov_relu(graph, x);
    fail_once(context);
    fov_value w = fov_parameter(graph, .name = "w", .shape = FOV_SHAPE(3));
    fail_once(context);
    fov_value loss = fov_reduce_mean_opt(graph, fov_mul(graph, y, w), NULL), gradient;
    fail_once(context);
    assert_int_equal(fov_gradient(graph, fov_reshape(graph, loss, (fov_shape){0}), &w, 1, &gradient), FOV_OK);
    fail_once(context);
    fov_plan *plan = fov_plan_create(graph, &gradient, 1, NULL);
    assert_non_null(plan);
    fail_once(context);
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    assert_non_null(model);
    fail_once(context);
    fov_dataset *data = fov_dataset_create(context, &program);
    assert_non_null(data);
    fail_once(context);
    fov_session *session = fov_session_create(model, NULL);
    assert_non_null(session);
    fail_once(context);
    assert_int_equal(fov_predict(model, input, 1, scores, 10), FOV_OK);
    assert_string_equal(fov_error(context), "");
    fail_once(context);
    assert_int_equal(fov_train(model, data, .epochs = 1, .batch = 2), FOV_OK);
    fail_once(context);
    fov_report report;
    assert_int_equal(fov_evaluate(model, data, 2, &report), FOV_OK);
    fov_report_free(&report);
    fail_once(context);
    fov_buffer buffer;
    assert_int_equal(fov_model_save_memory(model, 0, &buffer), FOV_OK);
    fail_once(context);
    fov_model *again = fov_model_load_memory(context, buffer.bytes, buffer.size);
    assert_non_null(again);
    fail_once(context);
    /* The sentence is always that of the last failure. */
    assert_null(fov_model_network(context, "lenet55", NULL));
    assert_non_null(strstr(fov_error(context), "lenet55"));
    assert_null(fov_dataset_open(context, "/no/such/data", FOV_TRAIN));
    assert_non_null(strstr(fov_error(context), "/no/such/data"));
    assert_int_equal(fov_predict(model, input, 1, scores, 9), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "9 scores"));
    assert_int_equal(fov_model_load_weights(model, "/no.safetensors"), FOV_E_IO);
    assert_non_null(strstr(fov_error(context), "/no.safetensors"));
    fov_buffer_free(&buffer);
    fov_model_free(again);
    fov_session_free(session);
    fov_dataset_free(data);
    fov_model_free(model);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void a_graph_keeps_its_first_failure(void **state)
{
    (void)state;
    char first[400];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *graph = fov_graph_create(context), *other = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3)), gradient;
    assert_int_equal(fov_conv2d(graph, x, .filters = 2, .kernel = 3, .name = "c1").id, 0);
    strncpy(first, fov_error(context), sizeof first - 1);
    first[sizeof first - 1] = '\0';
    assert_non_null(strstr(first, "c1"));
    fail_once(context);
    assert_int_equal(fov_relu(graph, x).id, 0);
    fov_value fine = fov_relu(other, fov_input(other, .shape = FOV_SHAPE(2)));
    assert_int_not_equal(fine.id, 0);
    assert_null(fov_plan_create(graph, &x, 1, NULL));
    assert_string_equal(fov_error(context), first);
    fail_once(context);
    assert_int_not_equal(fov_gradient(graph, x, &x, 1, &gradient), FOV_OK);
    assert_string_equal(fov_error(context), first);
    fov_error_clear(context);
    assert_null(fov_plan_create(graph, &x, 1, NULL));
    assert_string_equal(fov_error(context), first);
    fov_plan *plan = fov_plan_create(other, &fine, 1, NULL);
    assert_non_null(plan);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_graph_free(other);
    fov_context_free(context);
}

static void a_context_that_is_unfit_says_so(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.isa = "abacus"});
    assert_non_null(context);
    assert_non_null(strstr(fov_error(context), "abacus"));
    assert_null(fov_graph_create(context));
    assert_null(fov_model_network(context, "lenet5", NULL));
    assert_non_null(strstr(fov_error(context), "abacus"));
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_minds_an_old_error),
        cmocka_unit_test(a_graph_keeps_its_first_failure),
        cmocka_unit_test(a_context_that_is_unfit_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
