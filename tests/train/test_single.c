/* SPDX-License-Identifier: MIT */
/* Single training steps (bench.h): they learn labels of pictures and of pixels; and models without a picture input and
 * classes are refused with a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/fovea.h>
#include <math.h>
#include <string.h>

static fov_training *open_step(fov_context *context, fov_model *model, int batch)
{
    fov_train_options options = {.batch = batch, .lr = 0.05f, .momentum = 0.9f};
    fov_training *training = fov_training_create(model, &options);
    if (training == NULL) {
        print_error("%s\n", fov_error(context));
        return NULL;
    }
    fov_training_data data = fov_training_ends(training);
    for (size_t i = 0; i < data.pixel_count; i++) {
        data.pixels[i] = (float)((i * 37) % 19) / 9.0f - 1.0f;
    }
    for (size_t i = 0; i < data.label_count; i++) {
        data.labels[i] = (int32_t)((int64_t)i % data.classes);
    }
    return training;
}

static void test_learns_a_batch(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    fov_training *training = open_step(context, model, 10);
    assert_non_null(training);
    fov_training_data data = fov_training_ends(training);
    assert_int_equal(data.pixel_count, 10 * 32 * 32);
    assert_int_equal(data.label_count, 10);
    assert_int_equal(data.classes, 10);
    fov_training_run(training, 1);
    float first = *data.loss;
    assert_true(fabsf(first - logf(10.0f)) < 1.0f); /* about the loss of a guess among ten classes */
    for (int64_t step = 2; step <= 60; step++) {
        fov_training_run(training, step);
    }
    assert_true(*data.loss < 0.7f * first);
    fov_training_free(training);
    fov_model_free(model);
    fov_context_free(context);
}

/* A label for each pixel: two filters of 1 x 1 over three channels. */
static void test_map_has_a_label_per_pixel(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 3, 6, 4));
    fov_value y = fov_conv2d(graph, x, .filters = 2, .kernel = 1);
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    fov_training *training = open_step(context, model, 5);
    assert_non_null(training);
    fov_training_data data = fov_training_ends(training);
    assert_int_equal(data.label_count, 5 * 6 * 4);
    assert_int_equal(data.classes, 2);
    for (size_t i = 0; i < data.label_count; i++) { /* a label that the pixels decide */
        data.labels[i] = data.pixels[3 * i + 1] > 0;
    }
    fov_training_run(training, 1);
    float first = *data.loss;
    for (int64_t step = 2; step <= 200; step++) {
        fov_training_run(training, step);
    }
    assert_true(*data.loss < 0.5f * first);
    fov_training_free(training);
    fov_model_free(model);
    fov_context_free(context);
}

static void test_refuses_other_ends(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_model *model = fov_model_create(context);
    assert_null(fov_training_create(model, NULL));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_error_clear(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3));
    assert_int_equal(fov_model_set_input_output(model, x, fov_relu(graph, x)), FOV_OK);
    assert_null(fov_training_create(model, NULL));
    assert_int_equal(fov_error_status(context), FOV_E_SHAPE);
    assert_non_null(strstr(fov_error(context), "[2, 3]"));
    fov_model_free(model);
    fov_training_free(NULL);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_a_batch),
        cmocka_unit_test(test_map_has_a_label_per_pixel),
        cmocka_unit_test(test_refuses_other_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
