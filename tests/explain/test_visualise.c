/* SPDX-License-Identifier: MIT */
/* Pictures by gradient ascent: units respond more to them than to their starting pictures; a picture follows from the
 * seed and the unit alone; wrong arguments are refused; allocations may fail. */
#include "base/memory.h"
#include "device/context.h"
#include "explain/pyramid.h"
#include "graph/graph.h"
#include <fovea/fovea.h>
#include <fovea/operators.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { HEIGHT = 24, WIDTH = 20, PIXELS = 3 * HEIGHT * WIDTH };

struct bed {
    fov_context *context;
    fov_model *model;
    fov_explainer *explainer;
};

static void open_bed(struct bed *bed, const fov_context_options *options)
{
    bed->context = fov_context_create(options);
    bed->model = fov_model_create(bed->context);
    fov_graph *g = fov_model_graph(bed->model);
    fov_value input = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, 3, HEIGHT, WIDTH));
    fov_value x = fov_relu(g, fov_conv2d(g, input, .filters = 6, .kernel = 3, .pad = 1, .name = "a"));
    x = fov_max_pool2d(g, x, .kernel = 2);
    x = fov_relu(g, fov_conv2d(g, x, .filters = 8, .kernel = 3, .pad = 1, .name = "b"));
    x = fov_softmax(g, fov_dense(g, fov_flatten(g, x), .units = 5, .name = "fc"));
    assert_int_equal(fov_model_set_input_output(bed->model, input, x), FOV_OK);
    const fov_preprocessing pixels = {.mean = {0.4F, 0.5F, 0.6F}, .deviation = {0.25F, 0.2F, 0.3F}};
    fov_model_set_preprocessing(bed->model, &pixels);
}

static void close_bed(struct bed *bed)
{
    fov_explainer_free(bed->explainer);
    fov_model_free(bed->model);
    fov_context_free(bed->context);
}

static void make(struct bed *bed, const char *layer, const fov_unit *units, int count, int steps, fov_image *pictures,
                 double *answers)
{
    bed->explainer = bed->explainer != NULL ? bed->explainer : fov_explainer_create(bed->model, NULL);
    if (bed->explainer == NULL ||
        fov_visualise(bed->explainer, layer, units, count, &(fov_visualise_options){.steps = steps}, pictures,
                      answers) != FOV_OK) {
        fail_msg("%s: %s", layer, fov_error(bed->context));
    }
}

static void free_pictures(fov_image *pictures, int count)
{
    for (int i = 0; i < count; i++) {
        fov_image_free(&pictures[i]);
    }
}

/* Channels, single positions in them, and classes, whose score before the softmax is maximised. */
static void test_answers_rise(void **state)
{
    (void)state;
    static const fov_unit channels[] = {{0, -1, -1}, {3, -1, -1}, {7, 5, 4}}, classes[] = {{1, -1, -1}, {4, -1, -1}};
    struct bed bed = {.explainer = NULL};
    fov_image pictures[3];
    double before[3], after[3];
    open_bed(&bed, NULL);
    const char *output = fov_value_name(fov_model_graph(bed.model), fov_model_output(bed.model));
    make(&bed, "b", channels, 3, 1, pictures, before);
    free_pictures(pictures, 3);
    make(&bed, "b", channels, 3, 60, pictures, after);
    for (int i = 0; i < 3; i++) {
        assert_true(pictures[i].height == HEIGHT && pictures[i].width == WIDTH && pictures[i].channels == 3);
        assert_true(after[i] > before[i] + 0.2);
    }
    free_pictures(pictures, 3);
    make(&bed, output, classes, 2, 1, pictures, before);
    free_pictures(pictures, 2);
    make(&bed, output, classes, 2, 60, pictures, after);
    for (int i = 0; i < 2; i++) { /* explaining the picture, rounded to whole levels, gives the same score */
        assert_true(after[i] > before[i] + 0.2);
        assert_int_equal(fov_explainer_look(bed.explainer, &pictures[i], classes[i].channel), FOV_OK);
        assert_true(fabs(fov_explainer_state(bed.explainer).score - after[i]) < 0.1);
    }
    free_pictures(pictures, 2);
    close_bed(&bed);
}

/* A picture depends on seed and unit: not on threads, on other units of the call, or on earlier calls. */
static void test_same_pictures(void **state)
{
    (void)state;
    static const fov_unit units[] = {{2, -1, -1}, {5, -1, -1}, {2, -1, -1}};
    static const fov_context_options options[] = {{.threads = 1, .seed = 7}, {.threads = 3, .seed = 7}, {.seed = 8}};
    struct bed bed[3] = {{.explainer = NULL}};
    fov_image pictures[3][3], earlier[2];
    for (int k = 0; k < 3; k++) {
        open_bed(&bed[k], &options[k]);
        if (k == 1) {
            make(&bed[k], "a", units, 2, 3, earlier, NULL);
            free_pictures(earlier, 2);
        }
        make(&bed[k], "b", units, 3, 12, pictures[k], NULL);
    }
    assert_memory_equal(pictures[0][0].pixels, pictures[0][2].pixels, PIXELS);
    assert_memory_not_equal(pictures[0][0].pixels, pictures[0][1].pixels, PIXELS);
    assert_memory_not_equal(pictures[0][0].pixels, pictures[2][0].pixels, PIXELS);
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(pictures[0][i].pixels, pictures[1][i].pixels, PIXELS);
    }
    for (int k = 0; k < 3; k++) {
        free_pictures(pictures[k], 3);
        close_bed(&bed[k]);
    }
}

static void refuse(struct bed *bed, const char *layer, fov_unit unit, fov_visualise_options how, int status,
                   const char *says)
{
    fov_image picture;
    assert_int_equal(fov_visualise(bed->explainer, layer, &unit, 1, &how, &picture, NULL), status);
    if (strstr(fov_error(bed->context), says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fov_error(bed->context), says);
    }
    fov_error_clear(bed->context);
}

static void test_refused(void **state)
{
    (void)state;
    struct bed bed = {.explainer = NULL};
    const fov_visualise_options how = {.steps = 1};
    open_bed(&bed, NULL);
    bed.explainer = fov_explainer_create(bed.model, NULL);
    assert_non_null(bed.explainer);
    refuse(&bed, "fcc", (fov_unit){0, -1, -1}, how, FOV_E_USAGE, "did you mean \"fc\"?");
    refuse(&bed, "b", (fov_unit){8, -1, -1}, how, FOV_E_USAGE, "has no unit 8");
    refuse(&bed, "b", (fov_unit){-1, -1, -1}, how, FOV_E_USAGE, "has no unit -1");
    refuse(&bed, "b", (fov_unit){0, 12, 0}, how, FOV_E_USAGE, "at that row and column");
    refuse(&bed, "fc", (fov_unit){0, 0, 0}, how, FOV_E_USAGE, "at that row and column");
    refuse(&bed, "b", (fov_unit){0, -1, -1}, (fov_visualise_options){.steps = -1}, FOV_E_USAGE, "-1 steps");
    refuse(&bed, "b", (fov_unit){0, -1, -1}, (fov_visualise_options){.rate = -1}, FOV_E_USAGE, "rate -1");
    refuse(&bed, "b", (fov_unit){0, -1, -1}, (fov_visualise_options){.blur = NAN}, FOV_E_USAGE, "blur nan");
    close_bed(&bed);
}

/* The pyramid: balancing is independent of the gradient's scale, a gradient of 0 stays 0, blurring keeps a constant. */
static void test_pyramid(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    struct memory *memory = context->memory;
    struct error error = {0};
    struct pyramid pyramid;
    float values[2 * 16 * 12] = {0}, scaled[2 * 16 * 12], work[16 * 12];
    assert_int_equal(pyramid_open(&pyramid, memory, 2, 16, 12, &error), FOV_OK);
    assert_int_equal(pyramid.levels, 1); /* 8 x 6: another would have 3 columns */
    assert_false(pyramid_balance(&pyramid, values));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        values[i] = (float)sin(0.7 * (double)(i % 12)) + 0.001F * (float)(i % 7);
        scaled[i] = 1000.0F * values[i];
    }
    assert_true(pyramid_balance(&pyramid, values) && pyramid_balance(&pyramid, scaled));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_true(fabsf(values[i] - scaled[i]) < 1e-4F);
    }
    for (size_t i = 0; i < sizeof work / sizeof work[0]; i++) {
        values[i] = 0.25F;
    }
    pyramid_blur(values, work, 16, 12, 1.5);
    for (size_t i = 0; i < sizeof work / sizeof work[0]; i++) {
        assert_true(fabsf(values[i] - 0.25F) < 1e-6F);
    }
    pyramid_close(&pyramid);
    fov_context_free(context);
}

/* What a call adds to the graph it finds there again, whichever explainer of the model made it, also after more layers
 * than one; what is refused adds nothing twice either. */
static void test_graph_does_not_grow(void **state)
{
    static const fov_unit unit = {1, -1, -1};
    struct bed bed = {.explainer = NULL};
    size_t values = 0;
    (void)state;
    open_bed(&bed, NULL);
    uint8_t pixels[PIXELS] = {9, 200, 30};
    const fov_image picture = {HEIGHT, WIDTH, 3, pixels, NULL, NULL};
    for (int round = 0; round < 3; round++) {
        static const char *const layers[] = {"a", "b", "fc"};
        for (int i = 0; i < 3; i++) {
            fov_image made;
            make(&bed, layers[i], &unit, 1, 1, &made, NULL);
            fov_image_free(&made);
            fov_explainer *other = fov_explainer_create(bed.model, i < 2 ? layers[i] : NULL);
            if (other == NULL || fov_explainer_look(other, &picture, -1) != FOV_OK) {
                fail_msg("%s", fov_error(bed.context));
            }
            fov_explanation map;
            if (fov_explain(other, "gradcam", NULL, &map) != FOV_OK) {
                fail_msg("%s", fov_error(bed.context));
            }
            fov_explanation_free(&map);
            fov_explainer_free(other);
        }
        values = round == 0 ? fov_model_graph(bed.model)->value_count : values;
        assert_int_equal(fov_model_graph(bed.model)->value_count, values);
    }
    close_bed(&bed);
}

static void test_memory(void **state)
{
    (void)state;
    static const fov_unit units[] = {{1, -1, -1}, {2, -1, -1}};
    fov_image pictures[2];
    for (uint64_t n = 1;; n += n < 40 ? 1 : 7) {
        struct bed bed = {.explainer = NULL};
        open_bed(&bed, NULL);
        bed.explainer = fov_explainer_create(bed.model, NULL);
        uint64_t requests = memory_requests(bed.context->memory);
        memory_fail_at(bed.context->memory, n, false);
        int status = fov_visualise(bed.explainer, "b", units, 2, &(fov_visualise_options){.steps = 1}, pictures, NULL);
        requests = memory_requests(bed.context->memory) - requests;
        memory_fail_at(bed.context->memory, 0, false);
        if (status != FOV_OK && status != FOV_E_MEMORY) {
            fail_msg("allocation %d failed, and the status is %d: %s", (int)n, status, fov_error(bed.context));
        }
        if (status == FOV_OK) {
            free_pictures(pictures, 2);
        }
        close_bed(&bed);
        if (n > requests) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_rise), cmocka_unit_test(test_same_pictures),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_pyramid),      cmocka_unit_test(test_graph_does_not_grow), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("visualise", tests, NULL, NULL);
}
