/* SPDX-License-Identifier: MIT */
/* The filters of a convolution, as a program asks for them: they are the layer's weights, whatever layout plans use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/fovea.h>
#include <string.h>

enum { FILTERS = 4, CHANNELS = 3, KERNEL = 3, SIDE = 8 };

static void filters_are_the_weights(void **state)
{
    (void)state;
    float weights[FILTERS * CHANNELS * KERNEL * KERNEL];
    fov_filters filters;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 9});
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, CHANNELS, SIDE, SIDE));
    fov_value y = fov_relu(g, fov_conv2d(g, x, .filters = FILTERS, .kernel = KERNEL, .pad = 1, .name = "c"));
    y = fov_dense(g, fov_flatten(g, y), .units = 5, .name = "fc");
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    assert_int_equal(fov_parameter_get(g, fov_find(g, "c.weight"), weights, sizeof weights), FOV_OK);
    fov_explainer *explainer = fov_explainer_create(model, NULL);
    assert_non_null(explainer);
    assert_int_equal(fov_explain_filters(explainer, "c", &filters), FOV_OK);
    assert_true(filters.filters == FILTERS && filters.channels == CHANNELS);
    assert_true(filters.height == KERNEL && filters.width == KERNEL);
    assert_memory_equal(filters.values, weights, sizeof weights);
    fov_filters_free(&filters);
    fov_filters_free(&filters); /* a zeroed one */
    assert_int_equal(fov_explain_filters(explainer, "fc", &filters), FOV_E_USAGE);
    fov_error_clear(context);
    assert_int_equal(fov_explain_filters(explainer, "d", &filters), FOV_E_USAGE);
    fov_explainer_free(explainer);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filters_are_the_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
