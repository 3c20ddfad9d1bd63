/* SPDX-License-Identifier: MIT */
/* A model's inputs and outputs through the library's functions: set, named, chosen, given a meaning, saved, loaded,
 * with a new head. Meanings of the outputs of files: test_outputs.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "model/model.h"
#include "model/range.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLASSES = 3, SIDE = 4 };

static fov_context *make_context(void)
{
    return fov_context_create(&(fov_context_options){.seed = 5, .threads = 1});
}

/* Two inputs, the first of which is no picture and does not reach the first output; a map as the third output. */
static fov_model *build(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value scale = fov_input(g, .name = "scale", .shape = FOV_SHAPE(FOV_BATCH, CLASSES));
    fov_value x = fov_input(g, .name = "picture", .shape = FOV_SHAPE(FOV_BATCH, 3, SIDE, SIDE));
    fov_value c = fov_relu(g, fov_conv2d(g, x, .filters = 2, .kernel = 3, .pad = 1, .name = "c"));
    fov_value z = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, c)), .units = CLASSES, .name = "logits");
    fov_value outputs[] = {z, fov_mul(g, z, scale), c}, inputs[] = {scale, x};
    assert_int_equal(fov_model_set_inputs_outputs(model, inputs, 2, outputs, 3), FOV_OK);
    return model;
}

static void says(fov_context *context, int status, int expected, const char *text)
{
    assert_int_equal(status, expected);
    if (strstr(fov_error(context), text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fov_error(context), text);
    }
    fov_error_clear(context);
}

static void test_names_and_choice(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_model *model = build(context);
    float pixels[3 * SIDE * SIDE] = {0}, scores[CLASSES];
    assert_int_equal(fov_model_input_count(model), 2);
    assert_int_equal(fov_model_output_count(model), 3);
    assert_int_equal(fov_model_input_named(model, "picture").id, fov_model_input_at(model, 1).id);
    assert_int_equal(fov_model_input_named(model, "pictures").id, 0);
    for (int i = 0; i < 3; i++) {
        fov_value output = fov_model_output_at(model, i);
        const char *name = fov_value_name(fov_model_graph(model), output);
        assert_int_equal(fov_model_output_named(model, name).id, output.id);
    }
    assert_int_equal(fov_model_output_named(model, "picture").id, 0); /* an input */
    assert_int_equal(fov_model_output_named(model, NULL).id, 0);
    assert_int_equal(fov_model_input_named(model, NULL).id, 0);
    assert_int_equal(fov_model_output_at(model, 3).id, 0);
    assert_int_equal(fov_model_output_at(model, -1).id, 0);
    /* By default the input for pictures and the first output are chosen. */
    assert_int_equal(fov_model_input(model).id, fov_model_input_at(model, 1).id);
    assert_int_equal(fov_model_output(model).id, fov_model_output_at(model, 0).id);
    assert_int_equal(fov_predict(model, pixels, 1, scores, CLASSES), FOV_OK);
    const char *second = fov_value_name(fov_model_graph(model), fov_model_output_at(model, 1));
    assert_int_equal(fov_model_choose_output(model, second), FOV_OK);
    says(context, fov_predict(model, pixels, 1, scores, CLASSES), FOV_E_UNSUPPORTED, "\"scale\" [N, 3]");
    says(context, fov_model_choose_output(model, "nothing"), FOV_E_USAGE, "\"logits\"");
    says(context, fov_model_choose_input(model, "nothing"), FOV_E_USAGE, "\"scale\", \"picture\"");
    assert_int_equal(fov_model_choose_output(model, "logits"), FOV_OK);
    assert_int_equal(fov_predict(model, pixels, 1, scores, CLASSES), FOV_OK);
    fov_model_free(model);
    fov_context_free(context);
}

/* If the input that was filled with data is chosen for pictures, the other input needs data instead. */
static void test_a_filled_input_is_chosen(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_model *model = build(context);
    const char *second = fov_value_name(fov_model_graph(model), fov_model_output_at(model, 1));
    const float ones[CLASSES] = {1, 1, 1}, twos[2 * CLASSES] = {2, 2, 2, 4, 4, 4}, picture[3 * SIDE * SIDE] = {1, 2, 3};
    float made[2 * CLASSES];
    assert_int_equal(fov_model_choose_output(model, second), FOV_OK);
    assert_int_equal(fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_VALUES), FOV_OK);
    assert_int_equal(fov_model_fill_input(model, "scale", ones, sizeof ones), FOV_OK);
    assert_int_equal(fov_model_choose_input(model, "scale"), FOV_OK);
    says(context, fov_predict(model, twos, 2, made, CLASSES), FOV_E_UNSUPPORTED, "\"picture\"");
    assert_int_equal(fov_model_fill_input(model, "picture", picture, sizeof picture), FOV_OK);
    assert_int_equal(fov_predict(model, twos, 2, made, CLASSES), FOV_OK);
    for (int i = 0; i < CLASSES; i++) {
        assert_true(made[i] != 0 && made[CLASSES + i] == 2 * made[i]);
    }
    fov_model_free(model);
    fov_context_free(context);
}

/* The head of a map with channels last can be replaced, too. */
static void test_another_head_of_channels_last(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, 16, 16));
    fov_value y = fov_conv2d(g, x, .filters = 5, .kernel = 1, .name = "head");
    y = fov_transpose(g, y, (const int[]){0, 2, 3, 1}, 4);
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    assert_int_equal(fov_model_classes(model), 5);
    if (fov_model_replace_head(model, 7, NULL) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    assert_int_equal(fov_model_classes(model), 7);
    assert_int_equal(fov_value_shape(fov_model_graph(model), fov_model_output(model)).dim[3], 7);
    fov_model_free(model);
    fov_context_free(context);
}

/* Two class names make an output of a single number a logit; a meaning that is set afterwards is kept in a copy. */
static void test_two_names_in_a_file(void **state)
{
    (void)state;
    char path[TEMPORARY_PATH];
    FILE *file = fopen(temporary_file(path, ".txt"), "w");
    assert_true(file != NULL && fputs("no\nyes\n", file) >= 0 && fclose(file) == 0);
    fov_context *context = make_context();
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, SIDE, SIDE));
    fov_value y = fov_dense(g, fov_flatten(g, x), .units = 1);
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    if (fov_model_read_classes(model, path) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    assert_int_equal(fov_model_classes(model), 2);
    assert_string_equal(fov_model_class(model, 1), "yes");
    assert_int_equal(fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_VALUES), FOV_OK);
    fov_model *copy = model_copy(model);
    assert_non_null(copy);
    assert_int_equal(fov_model_meaning(copy, fov_model_output(copy)), FOV_MEANING_VALUES);
    fov_model_free(copy);
    fov_model_free(model);
    fov_context_free(context);
    unlink(path);
}

static void test_what_cannot_be_stated(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_model *model = build(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_model_input(model), y = fov_model_output(model), far = {100000}, none = {0};
    says(context, fov_model_set_inputs_outputs(model, &x, 1, &y, 0), FOV_E_USAGE, "at least");
    says(context, fov_model_set_input_output(model, y, y), FOV_E_USAGE, "fov_input");
    says(context, fov_model_set_input_output(model, x, x), FOV_E_USAGE, "result of an operator");
    says(context, fov_model_set_input_output(model, x, far), FOV_E_USAGE, "its own graph");
    says(context, fov_model_set_input_output(model, x, none), FOV_E_USAGE, "must be values");
    says(context, fov_model_set_meaning(model, x, FOV_MEANING_VALUES), FOV_E_USAGE, "outputs");
    says(context, fov_model_set_meaning(model, y, (fov_meaning)7), FOV_E_USAGE, "one of six");
    says(context, fov_model_set_meaning(model, y, FOV_MEANING_MAP), FOV_E_SHAPE, "no map");
    fov_value map = fov_model_output_at(model, 2);
    says(context, fov_model_set_meaning(model, map, FOV_MEANING_LOGITS), FOV_E_SHAPE, "not a row of scores");
    says(context, fov_model_set_meaning(model, map, FOV_MEANING_SOFTMAX), FOV_E_SHAPE, "not a row of scores");
    says(context, fov_model_set_meaning(model, map, FOV_MEANING_SIGMOID), FOV_E_SHAPE, "not a row of scores");
    assert_int_equal(fov_model_output_count(model), 3); /* unchanged */
    assert_string_equal(fov_value_name(g, fov_model_output(model)), "logits");
    fov_model_free(model);
    fov_context_free(context);
}

/* If an output is declared to hold probabilities and does not, prediction fails and writes no scores. */
static void test_probabilities_that_are_none(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_model *model = build(context);
    float pixels[3 * SIDE * SIDE], scores[CLASSES] = {-7, -7, -7};
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        pixels[i] = (float)(i % 7) * 9;
    }
    assert_int_equal(fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_SOFTMAX), FOV_OK);
    says(context, fov_predict(model, pixels, 1, scores, CLASSES), FOV_E_INPUT, "said to hold probabilities");
    assert_true(scores[0] == -7 && scores[1] == -7 && scores[2] == -7);
    fov_model_free(model);
    fov_context_free(context);
}

static void test_meanings_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"logits", "softmax", "sigmoid", "values", "map", "boxes"};
    fov_meaning meaning;
    for (int i = 0; i < 6; i++) {
        assert_string_equal(fov_meaning_name((fov_meaning)i), names[i]);
        assert_true(fov_meaning_find(names[i], &meaning) && meaning == (fov_meaning)i);
    }
    assert_string_equal(fov_meaning_name((fov_meaning)6), "");
    assert_false(fov_meaning_find("logit", &meaning));
    assert_false(fov_meaning_find(NULL, &meaning));
}

static void test_files_state_them(void **state)
{
    (void)state;
    char path[TEMPORARY_PATH];
    temporary_file(path, ".onnx");
    fov_context *context = make_context();
    fov_model *model = build(context);
    const char *second = fov_value_name(fov_model_graph(model), fov_model_output_at(model, 1));
    assert_int_equal(fov_model_choose_output(model, second), FOV_OK);
    assert_int_equal(fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_VALUES), FOV_OK);
    assert_int_equal(fov_model_save(model, path), FOV_OK);
    fov_model *loaded = fov_model_load(context, path);
    assert_non_null(loaded);
    assert_int_equal(fov_model_input_count(loaded), 2);
    assert_int_equal(fov_model_output_count(loaded), 3);
    for (int i = 0; i < 3; i++) {
        fov_value old = fov_model_output_at(model, i), new = fov_model_output_at(loaded, i);
        assert_string_equal(fov_value_name(fov_model_graph(loaded), new),
                            fov_value_name(fov_model_graph(model), old));
        assert_int_equal(fov_model_meaning(loaded, new), fov_model_meaning(model, old));
    }
    assert_int_equal(fov_model_meaning(loaded, fov_model_output(loaded)), FOV_MEANING_VALUES);
    assert_int_equal(fov_model_output(loaded).id, fov_model_output_at(loaded, 1).id);
    assert_int_equal(fov_model_classes(loaded), 0);
    assert_int_equal(fov_model_scores(loaded), CLASSES);
    fov_model_free(loaded);
    /* If any allocation fails, loading returns NULL with an error. */
    int status = FOV_E_MEMORY;
    for (uint64_t n = 1; status == FOV_E_MEMORY; n++) {
        memory_fail_at(context->memory, n, false);
        loaded = fov_model_load(context, path);
        status = (int)fov_error_status(context);
        memory_fail_at(context->memory, 0, false);
        assert_true((loaded != NULL) == (status == FOV_OK));
        fov_model_free(loaded);
        fov_error_clear(context);
    }
    assert_int_equal(status, FOV_OK);
    fov_model_free(model);
    fov_context_free(context);
    unlink(path);
}

/* One head is replaced: names, order and meanings of the outputs stay; values computed from the old head get the new
 * size. */
static void test_another_head(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, SIDE, SIDE));
    fov_value f = fov_flatten(g, fov_global_avg_pool(g, fov_conv2d(g, x, .filters = 4, .kernel = 3, .name = "c")));
    fov_value z = fov_dense(g, f, .units = CLASSES, .name = "z"), other = fov_dense(g, f, .units = 1, .name = "age");
    fov_value outputs[] = {fov_softmax(g, z), other, z};
    assert_int_equal(fov_model_set_inputs_outputs(model, &x, 1, outputs, 3), FOV_OK);
    assert_int_equal(fov_model_replace_head(model, 5, NULL), FOV_OK);
    assert_int_equal(fov_model_output_count(model), 3);
    static const fov_meaning meanings[] = {FOV_MEANING_SOFTMAX, FOV_MEANING_VALUES, FOV_MEANING_LOGITS};
    static const int64_t sizes[] = {5, 1, 5};
    for (int i = 0; i < 3; i++) {
        fov_value output = fov_model_output_at(model, i);
        assert_int_equal(fov_model_meaning(model, output), meanings[i]);
        assert_int_equal(fov_value_shape(fov_model_graph(model), output).dim[1], sizes[i]);
    }
    assert_int_equal(fov_model_choose_output(model, "age"), FOV_OK);
    assert_int_equal(fov_model_classes(model), 0);
    assert_int_equal(fov_model_set_classes(model, (const char *const[]){"young", "old"}, 2), FOV_OK);
    assert_int_equal(fov_model_meaning(model, fov_model_output(model)), FOV_MEANING_LOGITS);
    assert_int_equal(fov_model_classes(model), 2);
    assert_string_equal(fov_model_class(model, 1), "old");
    float pixels[3 * SIDE * SIDE] = {0}, scores[2];
    assert_int_equal(fov_predict(model, pixels, 1, scores, 2), FOV_OK);
    assert_true(fabsf(scores[0] + scores[1] - 1) < 1e-6F);
    fov_model_free(model);
    fov_context_free(context);
}

static void check_range(fov_graph *g, fov_value value, double low, double high)
{
    struct range range = range_of(g, value.id);
    if (range.low != low || range.high != high) {
        fail_msg("%s: %g .. %g, not %g .. %g", fov_value_name(g, value), range.low, range.high, low, high);
    }
}

static fov_value number(fov_graph *g, float value)
{
    return fov_constant(g, NULL, FOV_F32, (fov_shape){.rank = 0}, &value);
}

static void test_ranges(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_graph *g = fov_graph_create(context);
    double infinite = range_infinite;
    fov_value x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 3)), p = fov_sigmoid(g, x), q = fov_softmax(g, x);
    check_range(g, x, -infinite, infinite);
    check_range(g, fov_mul(g, fov_add(g, p, q), number(g, 0.5F)), 0, 1); /* their mean */
    check_range(g, fov_sub(g, number(g, 1), p), 0, 1);
    check_range(g, fov_tanh(g, x), -1, 1);
    check_range(g, fov_clip(g, x, 0, 6), 0, 6);
    check_range(g, fov_relu(g, x), 0, infinite);
    check_range(g, fov_div(g, number(g, 1), fov_add(g, number(g, 1), fov_exp(g, x))), 0, 1);
    check_range(g, fov_sub(g, fov_exp(g, x), fov_exp(g, x)), -infinite, infinite);
    check_range(g, fov_mul(g, number(g, 0), x), 0, 0);
    check_range(g, fov_div(g, p, x), -infinite, infinite);
    check_range(g, fov_concat(g, (fov_value[]){p, fov_tanh(g, x)}, 2, 1), -1, 1);
    /* Repeated concatenation of a value with itself gives 60^6 paths to it: the search gives up. */
    for (int i = 0; i < 6; i++) {
        fov_value again[60];
        for (int k = 0; k < 60; k++) {
            again[k] = p;
        }
        p = fov_slice(g, fov_concat(g, again, 60, 1), 1, 0, 3, 1);
    }
    check_range(g, p, -infinite, infinite);
    assert_string_equal(fov_error(context), "");
    assert_int_equal(fov_error_status(context), FOV_OK);
    fov_graph_free(g);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_choice), cmocka_unit_test(test_what_cannot_be_stated),
        cmocka_unit_test(test_probabilities_that_are_none),
        cmocka_unit_test(test_meanings_by_name), cmocka_unit_test(test_files_state_them),
        cmocka_unit_test(test_another_head),     cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_a_filled_input_is_chosen), cmocka_unit_test(test_another_head_of_channels_last),
        cmocka_unit_test(test_two_names_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
