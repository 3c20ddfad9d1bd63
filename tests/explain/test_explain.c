/* SPDX-License-Identifier: MIT */
/* Explanations against PyTorch's figures for one small network (tests/fixtures/make_explanations.py); that integrated
 * gradients add up; one number of a layer taken apart; the receptive field; networks without feature maps, with one
 * score, and with a map of classes; what is refused, and what happens without memory. */
#include "base/memory.h"
#include "device/context.h"
#include "io/safetensors.h"
#include <fovea/fovea.h>
#include <fovea/operators.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { HEIGHT = 12, WIDTH = 16, AREA = HEIGHT * WIDTH, CHANNELS = 3, CLASS = 2 };

struct bed {
    fov_context *context;
    struct safetensors file;
    fov_model *model;
    fov_explainer *explainer;
    uint8_t pixels[AREA * CHANNELS];
    fov_image picture;
};

static void load(struct bed *bed, const char *name)
{
    fov_graph *graph = fov_model_graph(bed->model);
    fov_value parameter = fov_find(graph, name);
    const struct safetensors_tensor *tensor = safetensors_find(&bed->file, name);
    assert_true(parameter.id != 0 && tensor != NULL);
    assert_int_equal(fov_parameter_set(graph, parameter, tensor->data, tensor->bytes), FOV_OK);
}

static void open_bed(struct bed *bed, const fov_context_options *options)
{
    struct error error = {0};
    *bed = (struct bed){.context = fov_context_create(options)};
    assert_int_equal(
        safetensors_open(&bed->file, "tests/fixtures/explanations.safetensors", bed->context->memory, &error), FOV_OK);
    bed->model = fov_model_create(bed->context);
    fov_graph *g = fov_model_graph(bed->model);
    fov_value x = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, CHANNELS, HEIGHT, WIDTH)), input = x;
    x = fov_relu(g, fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .name = "a"));
    x = fov_max_pool2d(g, x, .kernel = 2);
    x = fov_relu(g, fov_conv2d(g, x, .filters = 8, .kernel = 3, .pad = 1, .name = "b"));
    x = fov_dense(g, fov_flatten(g, x), .units = 5, .name = "fc");
    assert_int_equal(fov_model_set_input_output(bed->model, input, x), FOV_OK);
    static const char *const names[] = {"a.weight", "a.bias", "b.weight", "b.bias", "fc.weight", "fc.bias"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        load(bed, names[i]);
    }
    const fov_preprocessing pixels = {.mean = {0.4F, 0.4F, 0.4F}, .deviation = {0.25F, 0.25F, 0.25F}};
    fov_model_set_preprocessing(bed->model, &pixels);
    memcpy(bed->pixels, safetensors_find(&bed->file, "picture")->data, sizeof bed->pixels);
    bed->picture = (fov_image){HEIGHT, WIDTH, CHANNELS, bed->pixels, NULL};
}

static void look(struct bed *bed, int answer)
{
    bed->explainer = fov_explainer_create(bed->model, NULL);
    if (bed->explainer == NULL || fov_explainer_look(bed->explainer, &bed->picture, answer) != FOV_OK) {
        fail_msg("%s", fov_error(bed->context));
    }
}

static void close_bed(struct bed *bed)
{
    fov_explainer_free(bed->explainer);
    fov_model_free(bed->model);
    safetensors_close(&bed->file);
    fov_context_free(bed->context);
}

/* Within 1e-4 of the figure's largest number. */
static void compare(const struct bed *bed, const char *name, const float *values, size_t count)
{
    const struct safetensors_tensor *tensor = safetensors_find(&bed->file, name);
    assert_non_null(tensor);
    assert_int_equal(tensor->bytes, count * sizeof(double));
    double *wanted = malloc(tensor->bytes), scale = 0.0;
    assert_non_null(wanted);
    memcpy(wanted, tensor->data, tensor->bytes);
    for (size_t i = 0; i < count; i++) {
        scale = fmax(scale, fabs(wanted[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)values[i] - wanted[i]) <= 1e-4 * scale)) {
            fail_msg("%s: number %zu is %.9g, should be %.9g", name, i, (double)values[i], wanted[i]);
        }
    }
    free(wanted);
}

static void test_pytorch(void **state)
{
    (void)state;
    static const fov_explain_options how = {.window = 4, .stride = 3, .steps = 64};
    static const char *const methods[] = {"gradcam", "scorecam", "occlusion", "integrated_gradients"};
    struct bed bed;
    open_bed(&bed, NULL);
    look(&bed, CLASS);
    fov_explained seen = fov_explainer_state(bed.explainer);
    compare(&bed, "logits", seen.scores, 5);
    assert_memory_equal(seen.seen.pixels, bed.pixels, sizeof bed.pixels); /* normalisation is taken back exactly */
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        fov_explanation map;
        if (fov_explain(bed.explainer, methods[i], &how, &map) != FOV_OK) {
            fail_msg("%s: %s", methods[i], fov_error(bed.context));
        }
        assert_true(map.height == HEIGHT && map.width == WIDTH);
        compare(&bed, methods[i], map.values, (size_t)map.channels * AREA);
        fov_explanation_free(&map);
    }
    close_bed(&bed);
}

/* Without noise SmoothGrad is the gradient. */
static void test_smoothgrad(void **state)
{
    (void)state;
    struct bed bed;
    fov_explanation map, again;
    open_bed(&bed, NULL);
    look(&bed, CLASS);
    assert_int_equal(
        fov_explain(bed.explainer, "smoothgrad", &(fov_explain_options){.noise = 1e-7F, .samples = 11}, &map), FOV_OK);
    assert_int_equal(map.runs, 11);
    compare(&bed, "gradient", map.values, CHANNELS * AREA);
    fov_explanation_free(&map);
    assert_int_equal(fov_explain(bed.explainer, "smoothgrad", NULL, &map), FOV_OK);
    assert_int_equal(fov_explain(bed.explainer, "smoothgrad", NULL, &again), FOV_OK);
    assert_memory_equal(map.values, again.values, CHANNELS * AREA * sizeof(float)); /* of the seed, not of the moment */
    fov_explanation_free(&map);
    fov_explanation_free(&again);
    close_bed(&bed);
}

static void test_completeness(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, NULL);
    for (int answer = 0; answer < 5; answer++) {
        for (int kind = 0; kind < 2; kind++) {
            fov_explanation map;
            double sum = 0.0;
            look(&bed, answer);
            assert_int_equal(fov_explain(bed.explainer, "integrated_gradients",
                                         &(fov_explain_options){.baseline = (fov_baseline)kind}, &map),
                             FOV_OK);
            for (int i = 0; i < CHANNELS * AREA; i++) {
                sum += (double)map.values[i];
            }
            double gain = map.score - map.baseline;
            if (!(fabs(sum - gain) <= 0.01 * fabs(gain))) {
                fail_msg("class %d: parts add up to %g, the score gained %g", answer, sum, gain);
            }
            fov_explanation_free(&map);
            fov_explainer_free(bed.explainer);
            bed.explainer = NULL;
        }
    }
    close_bed(&bed);
}

static void test_sum(void **state)
{
    (void)state;
    struct bed bed;
    fov_pixel_sum sum;
    fov_activation maps;
    open_bed(&bed, NULL);
    look(&bed, -1);
    assert_int_equal(fov_explain_sum(bed.explainer, "b", 7, 0, 7, &sum), FOV_OK);
    assert_true(sum.channels == 6 && sum.height == 3 && sum.width == 3 && sum.top == -1 && sum.left == 6);
    assert_true(sum.patch[0] == 0.0F && sum.patch[2] == 0.0F); /* padding */
    assert_true(fabs(sum.sum - (double)sum.result) <= 1e-5 * fmax(1.0, fabs(sum.sum)));
    /* rows 0 to 1 of the pooled maps, 6 to 7 (and padding) across: pixels 0 to 3, and 12 to 15, widened by conv a */
    assert_true(sum.field[0] == 0 && sum.field[2] == 5 && sum.field[1] == 11 && sum.field[3] == 5);
    assert_int_equal(fov_explain_layer(bed.explainer, "b", &maps), FOV_OK);
    assert_true(maps.channels == 8 && maps.height == 6 && maps.width == 8);
    assert_true(maps.values[(7 * 6 + 0) * 8 + 7] == sum.result);
    fov_activation_free(&maps);
    fov_pixel_sum_free(&sum);
    assert_int_equal(fov_explain_sum(bed.explainer, "a", 0, 5, 5, &sum), FOV_OK);
    assert_true(sum.field[0] == 4 && sum.field[1] == 4 && sum.field[2] == 3 && sum.field[3] == 3);
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 9; i++) { /* the patch is the picture's */
            size_t at = (size_t)((4 + i / 3) * WIDTH + 4 + i % 3) * CHANNELS + (size_t)c;
            assert_true(fabs((double)sum.patch[c * 9 + i] - (bed.pixels[at] / 255.0 - 0.4) / 0.25) < 1e-5);
        }
    }
    fov_pixel_sum_free(&sum);
    close_bed(&bed);
}

static void test_refused(void **state)
{
    (void)state;
    struct bed bed;
    fov_explanation map;
    fov_pixel_sum sum;
    open_bed(&bed, NULL);
    assert_null(fov_explainer_create(bed.model, "fcc"));
    assert_non_null(strstr(fov_error(bed.context), "no layer \"fcc\"; did you mean \"fc\"?"));
    fov_error_clear(bed.context);
    assert_null(fov_explainer_create(bed.model, "fc"));
    assert_int_equal(fov_error_status(bed.context), FOV_E_SHAPE);
    fov_error_clear(bed.context);
    bed.explainer = fov_explainer_create(bed.model, NULL);
    assert_int_equal(fov_explain(bed.explainer, "gradcam", NULL, &map), FOV_E_USAGE); /* no picture */
    fov_error_clear(bed.context);
    assert_int_equal(fov_explainer_look(bed.explainer, &bed.picture, 5), FOV_E_USAGE); /* no class 5 */
    fov_error_clear(bed.context);
    assert_int_equal(fov_explainer_look(bed.explainer, &bed.picture, 4), FOV_OK);
    assert_int_equal(fov_explain(bed.explainer, "gradcamm", NULL, &map), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(bed.context), "did you mean gradcam?"));
    fov_error_clear(bed.context);
    assert_int_equal(fov_explain_sum(bed.explainer, "b", 8, 0, 0, &sum), FOV_E_USAGE);
    fov_error_clear(bed.context);
    assert_int_equal(fov_explain_sum(bed.explainer, "fc", 0, 0, 0, &sum), FOV_E_USAGE);
    fov_error_clear(bed.context);
    close_bed(&bed);
}

/* One score tells two classes apart: what speaks for one speaks against the other. No layer has several pixels. */
static void test_single_score(void **state)
{
    (void)state;
    struct bed bed;
    fov_explanation one, other;
    open_bed(&bed, NULL);
    fov_model_free(bed.model);
    bed.model = fov_model_create(bed.context);
    fov_graph *g = fov_model_graph(bed.model);
    fov_value input = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, CHANNELS, HEIGHT, WIDTH));
    fov_value out = fov_dense(g, fov_tanh(g, fov_dense(g, fov_flatten(g, input), .units = 4)), .units = 1);
    static const char *const names[] = {"no", "yes"};
    assert_int_equal(fov_model_set_input_output(bed.model, input, out), FOV_OK);
    assert_int_equal(fov_model_set_classes(bed.model, names, 2), FOV_OK);
    look(&bed, 1);
    assert_string_equal(fov_explainer_layer(bed.explainer), "");
    assert_int_equal(fov_explain(bed.explainer, "occlusion", NULL, &one), FOV_OK);
    assert_int_equal(fov_explainer_look(bed.explainer, &bed.picture, 0), FOV_OK);
    assert_int_equal(fov_explain(bed.explainer, "occlusion", NULL, &other), FOV_OK);
    for (int i = 0; i < AREA; i++) {
        assert_true(one.values[i] == -other.values[i]);
    }
    fov_explanation_free(&one);
    fov_explanation_free(&other);
    assert_int_equal(fov_explain(bed.explainer, "gradcam", NULL, &one), FOV_E_UNSUPPORTED);
    fov_error_clear(bed.context);
    close_bed(&bed);
}

/* A map of classes: the region of the class is explained. A place whose class does not depend on a pixel far away. */
static void test_map(void **state)
{
    (void)state;
    struct bed bed;
    fov_explanation map;
    open_bed(&bed, NULL);
    fov_model_free(bed.model);
    bed.model = fov_model_create(bed.context);
    fov_graph *g = fov_model_graph(bed.model);
    fov_value input = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, CHANNELS, HEIGHT, WIDTH));
    fov_value x = fov_relu(g, fov_conv2d(g, input, .filters = 4, .kernel = 3, .pad = 1, .name = "first"));
    x = fov_conv2d(g, x, .filters = 2, .kernel = 1, .name = "classes");
    assert_int_equal(fov_model_set_input_output(bed.model, input, x), FOV_OK);
    look(&bed, -1);
    assert_string_equal(fov_explainer_layer(bed.explainer), "relu_2");
    for (int i = 0; i < fov_explain_method_count(); i++) {
        if (fov_explain(bed.explainer, fov_explain_method_at(i).name, NULL, &map) != FOV_OK) {
            fail_msg("%s: %s", fov_explain_method_at(i).name, fov_error(bed.context));
        }
        fov_explanation_free(&map);
    }
    close_bed(&bed);
}

/* The page is whole, and every failing allocation is an error and no leak. */
static void test_page_and_memory(void **state)
{
    (void)state;
    struct bed bed;
    char path[] = "/tmp/fovea-explain-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    open_bed(&bed, NULL);
    look(&bed, -1);
    assert_int_equal(fov_explain_page(bed.explainer, path, NULL), FOV_OK);
    close_bed(&bed);
    for (uint64_t n = 1;; n += n < 40 ? 1 : 23) {
        open_bed(&bed, NULL);
        uint64_t requests = memory_requests(bed.context->memory);
        memory_fail_at(bed.context->memory, n, false);
        bed.explainer = fov_explainer_create(bed.model, NULL);
        int status = bed.explainer != NULL ? fov_explainer_look(bed.explainer, &bed.picture, -1) : FOV_E_MEMORY;
        status = status == FOV_OK ? fov_explain_page(bed.explainer, path, NULL) : status;
        requests = memory_requests(bed.context->memory) - requests;
        memory_fail_at(bed.context->memory, 0, false);
        if (status != FOV_OK && status != FOV_E_MEMORY) {
            fail_msg("allocation %d failed, and the status is %d: %s", (int)n, status, fov_error(bed.context));
        }
        close_bed(&bed);
        if (n > requests) {
            break;
        }
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch), cmocka_unit_test(test_smoothgrad),      cmocka_unit_test(test_completeness),
        cmocka_unit_test(test_sum),     cmocka_unit_test(test_refused),         cmocka_unit_test(test_single_score),
        cmocka_unit_test(test_map),     cmocka_unit_test(test_page_and_memory),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
