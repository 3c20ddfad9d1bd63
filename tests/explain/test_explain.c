/* SPDX-License-Identifier: MIT */
/* Explanations against PyTorch's figures for small networks (tests/fixtures/make_explanations.py): of a class, a region
 * of a map, a box; integrated gradients add up to the score's gain; one number of a layer as a sum of products, and its
 * receptive field; networks without feature maps, with one score, and with a map of classes; wrong arguments; failing
 * allocations. */
#include "base/memory.h"
#include "device/context.h"
#include "io/safetensors.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <fovea/operators.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { HEIGHT = 12, WIDTH = 16, AREA = HEIGHT * WIDTH, CHANNELS = 3, CLASS = 2, SIDE = 32, ROWS = 21 };

struct bed {
    fov_context *context;
    struct safetensors file;
    fov_model *model;
    fov_explainer *explainer;
    uint8_t pixels[SIDE * SIDE * CHANNELS];
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
    memcpy(bed->pixels, safetensors_find(&bed->file, "picture")->data, AREA * CHANNELS);
    bed->picture = (fov_image){HEIGHT, WIDTH, CHANNELS, bed->pixels, NULL, NULL};
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

/* Asserts that `values` equal the fixture's array of that name, which is not all zero, within 1e-4 of its largest
   number. */
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
    assert_true(scale > 0);
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
    assert_memory_equal(seen.seen.pixels, bed.pixels, AREA * CHANNELS); /* undoing normalisation is exact */
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

static double fixture_number(const struct bed *bed, const char *name, size_t index)
{
    const struct safetensors_tensor *tensor = safetensors_find(&bed->file, name);
    double value;
    assert_true(tensor != NULL && (index + 1) * sizeof value <= tensor->bytes);
    memcpy(&value, (const char *)tensor->data + index * sizeof value, sizeof value);
    return value;
}

/* Compares three methods' maps with PyTorch's, which the fixture names "PREFIX.METHOD". */
static void compare_maps(struct bed *bed, const char *prefix)
{
    static const fov_explain_options how = {.window = 4, .stride = 3, .steps = 64};
    static const char *const methods[] = {"gradcam", "occlusion", "integrated_gradients"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        fov_explanation map;
        char name[64];
        if (fov_explain(bed->explainer, methods[i], &how, &map) != FOV_OK) {
            fail_msg("%s: %s", methods[i], fov_error(bed->context));
        }
        snprintf(name, sizeof name, "%s.%s", prefix, methods[i]);
        compare(bed, name, map.values, (size_t)map.channels * (size_t)map.height * (size_t)map.width);
        fov_explanation_free(&map);
    }
}

/* Replaces the bed's model by an empty one with an input; returns its graph. */
static fov_graph *renew(struct bed *bed, int height, int width, fov_value *input)
{
    fov_model_free(bed->model);
    bed->model = fov_model_create(bed->context);
    fov_graph *g = fov_model_graph(bed->model);
    *input = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, CHANNELS, height, width));
    return g;
}

static void finish(struct bed *bed, fov_value input, fov_value output)
{
    const fov_preprocessing pixels = {.mean = {0.4F, 0.4F, 0.4F}, .deviation = {0.25F, 0.25F, 0.25F}};
    assert_int_equal(fov_model_set_input_output(bed->model, input, output), FOV_OK);
    fov_model_set_preprocessing(bed->model, &pixels);
    for (int i = 0; i < fov_parameter_count(fov_model_graph(bed->model)); i++) {
        fov_graph *g = fov_model_graph(bed->model);
        load(bed, fov_value_name(g, fov_parameter_at(g, i)));
    }
}

/* The region of a map's class; and the connected part of it that contains a pixel. */
static void test_region(void **state)
{
    (void)state;
    struct bed bed;
    fov_value input;
    open_bed(&bed, NULL);
    fov_graph *g = renew(&bed, HEIGHT, WIDTH, &input);
    fov_value x = fov_relu(g, fov_conv2d(g, input, .filters = 6, .kernel = 3, .pad = 1, .name = "a"));
    finish(&bed, input, fov_conv2d(g, x, .filters = 3, .kernel = 1, .name = "m"));
    look(&bed, -1);
    fov_explained seen = fov_explainer_state(bed.explainer);
    assert_int_equal(seen.answer, (int)fixture_number(&bed, "map.class", 0));
    assert_true(seen.region != NULL && seen.region_height == HEIGHT && seen.region_width == WIDTH);
    int alone = -1, pixels = 0;
    for (int i = 0; i < AREA; i++) {
        assert_int_equal(seen.region[i], (int)fixture_number(&bed, "map.region", (size_t)i));
        alone = seen.region[i] && alone < 0 ? i : alone;
        pixels += seen.region[i];
    }
    compare_maps(&bed, "map");
    assert_int_equal(fov_explainer_look_at(bed.explainer, &bed.picture, alone / WIDTH, alone % WIDTH), FOV_OK);
    fov_explained part = fov_explainer_state(bed.explainer);
    int connected = 0;
    for (int i = 0; i < AREA; i++) {
        assert_true(!part.region[i] || fixture_number(&bed, "map.region", (size_t)i) == 1.0);
        connected += part.region[i];
    }
    assert_true(part.answer == seen.answer && part.region[alone] == 1 && connected >= 1 && connected <= pixels);
    for (int i = 0; i < AREA; i++) { /* no pixel of the region next to the part is left out */
        bool beside = (i % WIDTH > 0 && part.region[i - 1]) || (i >= WIDTH && part.region[i - WIDTH]);
        assert_true(!beside || part.region[i] || fixture_number(&bed, "map.region", (size_t)i) == 0.0);
    }
    assert_int_equal(fov_explainer_look_at(bed.explainer, &bed.picture, HEIGHT, 0), FOV_E_USAGE);
    fov_error_clear(bed.context);
    assert_int_equal(fov_explainer_look(bed.explainer, &bed.picture, 3), FOV_E_USAGE);
    fov_error_clear(bed.context);
    close_bed(&bed);
}

/* Forms of a detector's last layers. */
enum ending { LOGITS_ARE_KNOWN, SIGMOID_OF_ITS_OWN, ACROSS };

static fov_value head_of_map(fov_graph *g, fov_value x, const char *name)
{
    fov_shape size = fov_value_shape(g, x);
    x = fov_conv2d(g, x, .filters = 8, .kernel = 1, .name = name);
    x = fov_reshape(g, x, (fov_shape){3, {FOV_BATCH, 8, size.dim[2] * size.dim[3]}});
    return fov_transpose(g, x, (const int[]){0, 2, 1}, 3);
}

static void build_detector(struct bed *bed, enum ending ending)
{
    static const char *const convs[] = {"d0", "d1", "d2", "d3", "d4"}, *const heads[] = {"h0", "h1", "h2"};
    static const int filters[] = {4, 6, 8, 8, 8};
    fov_value input, map[3], part[3];
    fov_graph *g = renew(bed, SIDE, SIDE, &input);
    fov_value x = input;
    for (int k = 0; k < 5; k++) {
        x = fov_conv2d(g, x, .filters = filters[k], .kernel = 3, .stride = 2, .pad = 1, .name = convs[k]);
        x = fov_relu(g, x);
        map[k >= 2 ? k - 2 : 0] = x;
    }
    for (int k = 0; k < 3; k++) {
        map[k] = head_of_map(g, map[k], heads[k]);
    }
    x = fov_concat(g, map, 3, 1);
    part[0] = fov_slice(g, x, 2, 0, 4, 1);
    part[1] = fov_sigmoid(g, fov_slice(g, x, 2, 4, 4, 1));
    if (ending != LOGITS_ARE_KNOWN) { /* objectness and classes have sigmoids of their own */
        part[2] = fov_sigmoid(g, fov_slice(g, x, 2, 5, 3, 1));
        part[1] = fov_sigmoid(g, fov_slice(g, x, 2, 4, 1, 1));
    }
    x = fov_concat(g, part, ending == LOGITS_ARE_KNOWN ? 2 : 3, 2);
    if (ending == ACROSS) { /* boxes in pixels; without objectness, whose number is one more class */
        part[0] = fov_clip(g, part[0], 4, 28);
        x = fov_concat(g, part, 3, 2);
        x = fov_transpose(g, x, (const int[]){0, 2, 1}, 3);
    }
    finish(bed, input, x);
    memcpy(bed->pixels, safetensors_find(&bed->file, "box.picture")->data, sizeof bed->pixels);
    bed->picture = (fov_image){SIDE, SIDE, CHANNELS, bed->pixels, NULL, NULL};
}

static int find_frame(struct bed *bed, const char *name)
{
    int count = fov_explainer_state(bed->explainer).box_count;
    for (int box = 0; box < count; box++) {
        assert_int_equal(fov_explainer_look(bed->explainer, &bed->picture, box), FOV_OK);
        fov_explained state = fov_explainer_state(bed->explainer);
        double off = 0.0;
        for (size_t i = 0; i < 4; i++) {
            off = fmax(off, fabs(state.frame[i] - fixture_number(bed, name, i)));
        }
        if (off < 1e-3) {
            return box;
        }
    }
    fail_msg("none of %d boxes is %s", count, name);
    return -1;
}

/* Boxes of two maps: the score before the sigmoid, with the last layers of fovea's own detectors and with others, and
 * the layer that each box comes from. */
static void test_boxes(void **state)
{
    (void)state;
    static const char *const layers[] = {"relu_6", "relu_8"};
    for (int ending = LOGITS_ARE_KNOWN; ending <= SIGMOID_OF_ITS_OWN; ending++) {
        struct bed bed;
        open_bed(&bed, NULL);
        build_detector(&bed, (enum ending)ending);
        look(&bed, -1);
        for (int level = 0; level < 2; level++) {
            char name[32];
            snprintf(name, sizeof name, "box%d.frame", level);
            int box = find_frame(&bed, name);
            fov_explained seen = fov_explainer_state(bed.explainer);
            assert_int_equal(seen.box, box);
            assert_int_equal(seen.boxes[box].index, seen.answer);
            assert_string_equal(fov_explainer_layer(bed.explainer), layers[level]);
            snprintf(name, sizeof name, "box%d.score", level);
            assert_true(fabs(seen.score - fixture_number(&bed, name, 0)) < 1e-4);
            snprintf(name, sizeof name, "box%d", level);
            compare_maps(&bed, name);
        }
        fov_explained seen = fov_explainer_state(bed.explainer);
        assert_int_equal(fov_explainer_look(bed.explainer, &bed.picture, seen.box_count), FOV_E_USAGE);
        fov_error_clear(bed.context);
        close_bed(&bed);
    }
}

/* Explaining a pixel explains the best box around it; here with transposed rows and four classes, as YOLOv8 has
 * them. */
static void test_box_at(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, NULL);
    build_detector(&bed, ACROSS);
    look(&bed, 0);
    fov_explained seen = fov_explainer_state(bed.explainer);
    int row = (int)fmin(fmax(floor((seen.frame[1] + seen.frame[3]) / 2), 0), SIDE - 1);
    int column = (int)fmin(fmax(floor((seen.frame[0] + seen.frame[2]) / 2), 0), SIDE - 1);
    double probability = seen.boxes[0].score;
    assert_true(fabs(seen.score - log(probability / (1 - probability))) < 1e-3);
    assert_int_equal(fov_explainer_look_at(bed.explainer, &bed.picture, row, column), FOV_OK);
    assert_int_equal(fov_explainer_state(bed.explainer).box, 0);
    assert_int_equal(fov_explainer_look_at(bed.explainer, &bed.picture, -1, 0), FOV_E_USAGE);
    fov_error_clear(bed.context);
    close_bed(&bed);
}

/* Two outputs with different numbers of scores, explained in turn. */
static void test_two_outputs(void **state)
{
    (void)state;
    struct bed bed;
    fov_value input;
    fov_explanation map;
    open_bed(&bed, NULL);
    fov_graph *g = renew(&bed, HEIGHT, WIDTH, &input);
    fov_value flat = fov_flatten(g, input);
    const fov_value outputs[2] = {fov_dense(g, flat, .units = 4), fov_dense(g, flat, .units = 7)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fov_model_set_input_output(bed.model, input, outputs[i]), FOV_OK);
        look(&bed, 3 + i);
        assert_int_equal(fov_explainer_state(bed.explainer).score_count, i == 0 ? 4 : 7);
        assert_int_equal(fov_explain(bed.explainer, "smoothgrad", NULL, &map), FOV_OK);
        fov_explanation_free(&map);
        fov_explainer_free(bed.explainer);
        bed.explainer = NULL;
    }
    close_bed(&bed);
}

/* With almost no noise SmoothGrad equals the gradient. */
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
    assert_memory_equal(map.values, again.values, CHANNELS * AREA * sizeof(float)); /* noise follows from the seed */
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

/* A single score with two classes: one class's map is the negative of the other's. No layer has feature maps. */
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

/* Every method explains the region of a class in a map of classes. */
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
        assert_true(map.height == HEIGHT && map.width == WIDTH && map.channels == (map.per_number ? CHANNELS : 1));
        double least = INFINITY, most = -INFINITY;
        for (int k = 0; k < map.channels * AREA; k++) {
            assert_true(isfinite(map.values[k]));
            least = fmin(least, (double)map.values[k]);
            most = fmax(most, (double)map.values[k]);
        }
        if (!(most > least) || !isfinite(map.score)) {
            fail_msg("%s: all is %g, score %g", map.method, most, map.score);
        }
        fov_explanation_free(&map);
    }
    close_bed(&bed);
}

/* A drawing is the picture where its share is 0; with share 1 the strongest place has the full colour. */
static void test_drawing(void **state)
{
    (void)state;
    struct bed bed;
    fov_explanation map;
    fov_image drawn;
    size_t strongest = 0;
    open_bed(&bed, NULL);
    look(&bed, CLASS);
    assert_int_equal(fov_explain(bed.explainer, "occlusion", NULL, &map), FOV_OK);
    assert_false(map.per_number);
    assert_int_equal(fov_explanation_draw(bed.explainer, &map, 0, &drawn), FOV_OK);
    assert_true(drawn.height == HEIGHT && drawn.width == WIDTH && drawn.channels == 3);
    assert_memory_equal(drawn.pixels, bed.pixels, AREA * CHANNELS);
    fov_image_free(&drawn);
    for (size_t i = 0; i < AREA; i++) {
        strongest = fabsf(map.values[i]) > fabsf(map.values[strongest]) ? i : strongest;
    }
    assert_true(map.values[strongest] != 0);
    assert_int_equal(fov_explanation_draw(bed.explainer, &map, 1, &drawn), FOV_OK);
    static const uint8_t against[] = {20, 180, 255}, in_favour[] = {255, 230, 20};
    assert_memory_equal(drawn.pixels + 3 * strongest, map.values[strongest] > 0 ? in_favour : against, 3);
    fov_image_free(&drawn);
    map.height--;
    assert_int_equal(fov_explanation_draw(bed.explainer, &map, 1, &drawn), FOV_E_USAGE);
    map.height++;
    fov_explanation_free(&map);
    close_bed(&bed);
}

/* Of a negative, the picture itself and black, the picture is most like the picture. */
static void test_nearest(void **state)
{
    (void)state;
    static uint8_t pixels[3][AREA * CHANNELS];
    struct bed bed;
    int64_t index[3] = {-1, -1, -1};
    double similarity[3];
    int found = 0;
    open_bed(&bed, NULL);
    look(&bed, CLASS);
    for (size_t i = 0; i < AREA * CHANNELS; i++) {
        pixels[0][i] = 255 - bed.pixels[i];
        pixels[1][i] = bed.pixels[i];
    }
    fov_dataset *data = fov_dataset_create(
        bed.context,
        &(fov_dataset_program){
            .count = 3, .height = HEIGHT, .width = WIDTH, .channels = CHANNELS, .pixels = pixels[0]});
    if (data == NULL) {
        fail_msg("%s", fov_error(bed.context));
    }
    assert_int_equal(fov_explain_nearest(bed.explainer, data, 0, 2, index, similarity, &found), FOV_OK);
    assert_int_equal(found, 2);
    assert_int_equal(index[0], 1);
    assert_true(fabs(similarity[0] - 1) < 1e-6);
    assert_true(similarity[1] < similarity[0]);
    assert_true(index[1] == 0 || index[1] == 2);
    assert_int_equal(index[2], -1);
    assert_int_equal(fov_explain_nearest(bed.explainer, data, 1, 2, index, similarity, &found), FOV_OK);
    assert_int_equal(found, 1); /* only the first sample is compared */
    assert_int_equal(index[0], 0);
    fov_dataset_free(data);
    close_bed(&bed);
}

/* Fails the test unless the file is a page from its first to its last tag; empties it. */
static void expect_whole_page(const char *path)
{
    static char text[1 << 22];
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    assert_true(strncmp(text, "<!doctype html>", 15) == 0 || strncmp(text, "<!DOCTYPE html>", 15) == 0);
    assert_true(size > 7 && strstr(text + size - 9, "</html>") != NULL);
    for (int i = 0; i < fov_explain_method_count(); i++) {
        if (strstr(text, fov_explain_method_at(i).title) == NULL) {
            fail_msg("%s is not on the page", fov_explain_method_at(i).title);
        }
    }
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    fclose(file);
}

/* A page is written; with a failing allocation it is written all the same or FOV_E_MEMORY is returned. */
static void test_page_and_memory(void **state)
{
    (void)state;
    struct bed bed;
    char path[TEMPORARY_PATH];
    int failed = 0;
    temporary_file(path, ".html");
    open_bed(&bed, NULL);
    look(&bed, -1);
    assert_int_equal(fov_explain_page(bed.explainer, path, NULL), FOV_OK);
    expect_whole_page(path);
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
        failed += status == FOV_E_MEMORY;
        if (status == FOV_OK) {
            expect_whole_page(path);
        }
        close_bed(&bed);
        if (n > requests) {
            assert_int_equal(status, FOV_OK);
            break;
        }
    }
    assert_true(failed > 20);
    unlink(path);
}

/* Width and height of each PNG in a page: the pictures of an input of any size are of a limited one. */
static void test_page_of_a_large_input(void **state)
{
    enum { LOW = 6, WIDE = 3000, MOST_ACROSS = 1024, LETTERS = 32 };
    static uint8_t pixels[LOW * WIDE];
    static const char begin[] = "data:image/png;base64,";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char path[TEMPORARY_PATH], *html = NULL;
    int count = 0;
    (void)state;
    temporary_file(path, ".html");
    fov_context *context = fov_context_create(NULL);
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value input = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, 1, LOW, WIDE));
    fov_value x = fov_relu(g, fov_conv2d(g, input, .filters = 2, .kernel = 3, .pad = 1, .name = "a"));
    x = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, x)), .units = 3, .name = "fc");
    assert_int_equal(fov_model_set_input_output(model, input, x), FOV_OK);
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 37 % 251);
    }
    fov_explainer *explainer = fov_explainer_create(model, NULL);
    const fov_image picture = {LOW, WIDE, 1, pixels, NULL, NULL};
    if (explainer == NULL || fov_explainer_look(explainer, &picture, -1) != FOV_OK ||
        fov_explain_page(explainer, path, &(fov_explain_page_options){.how = {.window = 300, .samples = 2}}) !=
            FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    FILE *page = fopen(path, "rb");
    assert_non_null(page);
    fseek(page, 0, SEEK_END);
    size_t size = (size_t)ftell(page);
    rewind(page);
    html = calloc(size + 1, 1);
    assert_int_equal(fread(html, 1, size, page), size);
    fclose(page);
    for (const char *at = html; (at = strstr(at, begin)) != NULL; count++) {
        unsigned char header[LETTERS / 4 * 3];
        at += strlen(begin);
        for (int i = 0; i < LETTERS / 4; i++) {
            unsigned bits = 0;
            for (int k = 0; k < 4; k++) {
                bits = bits << 6 | (unsigned)(strchr(letters, at[4 * i + k]) - letters);
            }
            header[3 * i] = (unsigned char)(bits >> 16);
            header[3 * i + 1] = (unsigned char)(bits >> 8);
            header[3 * i + 2] = (unsigned char)bits;
        }
        unsigned width = (unsigned)header[18] << 8 | header[19] | (unsigned)(header[16] | header[17]) << 16;
        if (width > MOST_ACROSS) {
            fail_msg("picture %d is %u pixels wide", count, width);
        }
    }
    free(html);
    unlink(path);
    fov_explainer_free(explainer);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch), cmocka_unit_test(test_smoothgrad),      cmocka_unit_test(test_completeness),
        cmocka_unit_test(test_sum),     cmocka_unit_test(test_refused),         cmocka_unit_test(test_single_score),
        cmocka_unit_test(test_map),     cmocka_unit_test(test_page_and_memory), cmocka_unit_test(test_region),
        cmocka_unit_test(test_boxes),   cmocka_unit_test(test_box_at),          cmocka_unit_test(test_two_outputs),
        cmocka_unit_test(test_page_of_a_large_input), cmocka_unit_test(test_drawing), cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
