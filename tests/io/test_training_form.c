/* SPDX-License-Identifier: MIT */
/* Batch normalisation that a file has in ONNX's training form: a program can ask how many there are, the answers depend on
 * the batch, and the stored statistics take their place where it says so. */
#include "device/context.h"
#include "io/onnx_file.h"
#include <fovea/fovea.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { CHANNELS = 3, SAMPLES = 2, GRAPH_NODE = 1, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };

/* Scale, shift, mean and variance are 1, 2, 3 each. */
static fov_model *load(fov_context *context, int training_mode)
{
    static const char *const inputs[] = {"x", "s", "b", "m", "v"};
    struct text graph = {.memory = context->memory}, node = {.memory = context->memory};
    struct text attribute = {.memory = context->memory}, file = {.memory = context->memory};
    for (int i = 0; i < 5; i++) {
        put_string(&node, 1, inputs[i]);
        if (i > 0) {
            put_floats(&graph, inputs[i], CHANNELS);
        }
    }
    put_string(&node, 2, "y");
    put_string(&node, 3, "norm");
    put_string(&node, 4, "BatchNormalization");
    put_string(&attribute, 1, "training_mode");
    put_number(&attribute, 3, (unsigned long long)training_mode);
    put_number(&attribute, 20, 2);
    put_message(&node, 5, &attribute);
    put_message(&graph, GRAPH_NODE, &node);
    put_port(&graph, GRAPH_INPUT, "x", CHANNELS);
    put_port(&graph, GRAPH_OUTPUT, "y", CHANNELS);
    put_model(&file, &graph, 8, 15);
    fov_model *model = fov_model_load_memory(context, text_string(&file), file.length);
    if (model == NULL) {
        fail_msg("%s", fov_error(context));
    }
    text_free(&file);
    text_free(&graph);
    assert_int_equal(fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_VALUES), FOV_OK); /* no logits */
    return model;
}

static void expect(fov_model *model, bool of_batch)
{
    static const float x[SAMPLES][CHANNELS] = {{1, 5, -2}, {4, 1, 0.5F}};
    float y[SAMPLES * CHANNELS];
    assert_int_equal(fov_predict(model, &x[0][0], SAMPLES, y, CHANNELS), FOV_OK);
    for (int i = 0; i < SAMPLES * CHANNELS; i++) {
        int c = i % CHANNELS;
        double half = ((double)x[0][c] - (double)x[1][c]) / 2;
        double mean = of_batch ? (double)x[1][c] + half : c + 1, variance = of_batch ? half * half : c + 1;
        double wanted = ((double)x[i / CHANNELS][c] - mean) / sqrt(variance + 1e-5) * (c + 1) + (c + 1);
        if (!(fabs((double)y[i] - wanted) < 1e-4)) {
            fail_msg("number %d is %g, should be %g", i, (double)y[i], wanted);
        }
    }
}

static void stored_statistics_take_their_place(void **state)
{
    (void)state;
    for (int training_mode = 0; training_mode < 2; training_mode++) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
        fov_model *model = load(context, training_mode);
        assert_int_equal(fov_model_batch_statistics(model), training_mode);
        expect(model, training_mode == 1);
        fov_model_free(model); /* plans made before keep the old statistics: another model */
        model = load(context, training_mode);
        assert_int_equal(fov_model_use_running_statistics(model), training_mode);
        assert_int_equal(fov_model_batch_statistics(model), 0);
        assert_int_equal(fov_model_use_running_statistics(model), 0);
        expect(model, false);
        fov_model_free(model);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stored_statistics_take_their_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
