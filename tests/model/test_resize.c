/* SPDX-License-Identifier: MIT */
/* Resizing a model's input: it then computes what the same network built for that size computes; a model that cannot
 * take the size stays as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/fovea.h>
#include <string.h>

enum { CLASSES = 3 };

static fov_model *build(fov_context *context, int height, int width)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 2, height, width));
    fov_value y = fov_relu(g, fov_conv2d(g, x, .filters = 5, .kernel = 3, .pad = 1));
    y = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, y)), .units = CLASSES);
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    return model;
}

static void predict(fov_model *model, int height, int width, float scores[CLASSES])
{
    float pixels[2 * 12 * 10];
    assert_true(2 * height * width <= (int)(sizeof pixels / sizeof *pixels));
    for (int i = 0; i < 2 * height * width; i++) {
        pixels[i] = (float)(i * 7 % 11) - 5.0f;
    }
    assert_int_equal(fov_predict(model, pixels, 1, scores, CLASSES), FOV_OK);
}

static void test_takes_another_size(void **state)
{
    (void)state;
    float small[CLASSES], resized[CLASSES], again[CLASSES], wanted[CLASSES];
    fov_context *context = fov_context_create(&(fov_context_options){.seed = 5});
    fov_model *model = build(context, 8, 6), *other = build(context, 12, 10);
    predict(model, 8, 6, small); /* creates a plan for the old size */
    assert_int_equal(fov_model_resize(model, 12, 10), FOV_OK);
    fov_shape shape = fov_value_shape(fov_model_graph(model), fov_model_input(model));
    assert_int_equal(shape.dim[0], FOV_BATCH);
    assert_int_equal(shape.dim[2], 12);
    assert_int_equal(shape.dim[3], 10);
    predict(model, 12, 10, resized);
    predict(other, 12, 10, wanted); /* the same seed draws the same weights */
    assert_memory_equal(resized, wanted, sizeof wanted);
    assert_int_equal(fov_model_resize(model, 8, 6), FOV_OK);
    predict(model, 8, 6, again);
    assert_memory_equal(again, small, sizeof small);
    fov_model_free(other);
    fov_model_free(model);
    fov_context_free(context);
}

static void test_stays_as_it_was(void **state)
{
    (void)state;
    char before[65], after[65];
    fov_context *context = fov_context_create(NULL);
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    assert_int_equal(fov_model_hash(model, before), FOV_OK);
    assert_int_equal(fov_model_resize(model, 40, 40), FOV_E_SHAPE);
    assert_non_null(strstr(fov_error(context), "40 x 40"));
    fov_error_clear(context);
    assert_int_equal(fov_model_resize(model, 0, 40), FOV_E_USAGE);
    fov_error_clear(context);
    assert_int_equal(fov_model_hash(model, after), FOV_OK);
    assert_string_equal(before, after);
    assert_int_equal(fov_value_shape(fov_model_graph(model), fov_model_input(model)).dim[2], 32);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_another_size),
        cmocka_unit_test(test_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
