/* SPDX-License-Identifier: MIT */
/* Style transfer: the first loss equals one computed here from the network's activations; the loss falls; the picture
 * is the same for any number of threads; layers are found by name, and unknown ones are refused. */
#include "graph/graph.h"
#include "train/helpers.h"
#include <fovea/style.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, CHANNELS = 3, WIDTHS = 6, STEPS = 6 };

/* A network with maps of two sizes, two activations of each size. */
static fov_model *looker(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 3, 224, 224}}), y = x;
    for (int i = 0; i < 4; i++) {
        y = fov_conv2d(g, y, .filters = WIDTHS, .kernel = 3, .pad = 1);
        y = fov_relu(g, y);
        y = i == 1 ? fov_max_pool2d(g, y, .kernel = 2) : y;
    }
    y = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, y)), .units = 2, .name = "last");
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

static void draw(fov_image *image, int slant)
{
    *image = (fov_image){SIDE, SIDE, CHANNELS, malloc((size_t)SIDE * SIDE * CHANNELS), NULL, NULL};
    for (int i = 0; i < SIDE * SIDE * CHANNELS; i++) {
        int x = i / CHANNELS % SIDE, y = i / CHANNELS / SIDE, c = i % CHANNELS;
        image->pixels[i] = (uint8_t)(127 + 120 * sin(0.3 * (x * (c + 1) + slant * y)));
    }
}

struct seen {
    double loss[STEPS + 1], style;
    int    count;
};

static int remember(const fov_style_progress *at, void *user)
{
    struct seen *seen = user;
    seen->style = at->step == 0 ? at->style : seen->style;
    seen->loss[seen->count++] = at->loss;
    assert_true(at->picture.height == SIDE && at->picture.pixels != NULL);
    return 0;
}

static uint8_t *paint(int threads, const char *layers, struct seen *seen)
{
    fov_context *context = test_context(threads, 3);
    fov_model *model = looker(context);
    fov_image content, style, result;
    draw(&content, 1);
    draw(&style, -3);
    assert_fine(context, fov_style_opt(model, &content, &style,
                                       &(fov_style_options){.steps = STEPS, .style_weight = 10, .on_step = remember,
                                                            .style_layers = layers, .user = seen},
                                       &result) == FOV_OK);
    uint8_t *pixels = malloc((size_t)SIDE * SIDE * CHANNELS);
    memcpy(pixels, result.pixels, (size_t)SIDE * SIDE * CHANNELS);
    fov_image_free(&result);
    free(content.pixels);
    free(style.pixels);
    fov_model_free(model);
    fov_context_free(context);
    return pixels;
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

/* The Gram matrix [WIDTHS, WIDTHS] of the first activation at full (size 0) or half (size 1) resolution. */
static void gram_of(fov_context *context, const fov_image *image, int size, double gram[WIDTHS * WIDTHS])
{
    fov_model *model = looker(context);
    assert_fine(context, fov_model_resize(model, SIDE, SIDE) == FOV_OK);
    fov_graph *g = fov_model_graph(model);
    fov_value map = {0};
    for (size_t n = 0, found = 0; n < g->node_count; n++) {
        if (strcmp(g->nodes[n].op->name, "relu") == 0 && (int)found++ == 2 * size) {
            map.id = g->nodes[n].out[0];
        }
    }
    fov_plan *plan = fov_plan_create(g, &map, 1, &(fov_plan_options){.batch = 1});
    assert_fine(context, plan != NULL);
    float *pixels = fov_plan_data(plan, fov_model_input(model));
    for (int i = 0; i < SIDE * SIDE * CHANNELS; i++) {
        pixels[i % CHANNELS * SIDE * SIDE + i / CHANNELS] = (float)image->pixels[i] / 255;
    }
    fov_plan_run(plan, 0);
    const float *values = fov_plan_data(plan, map);
    size_t count = fov_plan_bytes(plan, map) / sizeof *values / WIDTHS;
    for (size_t i = 0; i < (size_t)WIDTHS * WIDTHS; i++) {
        gram[i] = 0;
        for (size_t k = 0; k < count; k++) {
            gram[i] += (double)values[i / WIDTHS * count + k] * (double)values[i % WIDTHS * count + k];
        }
        gram[i] /= (double)(count * WIDTHS);
    }
    fov_plan_free(plan);
    fov_model_free(model);
}

static double style_by_hand(int size)
{
    fov_context *context = test_context(1, 3);
    fov_image content, style;
    double a[WIDTHS * WIDTHS], b[WIDTHS * WIDTHS], difference = 0, square = 0;
    draw(&content, 1);
    draw(&style, -3);
    gram_of(context, &content, size, a);
    gram_of(context, &style, size, b);
    for (int i = 0; i < WIDTHS * WIDTHS; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        square += b[i] * b[i];
    }
    free(content.pixels);
    free(style.pixels);
    fov_context_free(context);
    return difference / square;
}

/* ---- what is asserted -------------------------------------------------------------------------------------------- */

static void the_loss_is_that_of_gram_matrices_and_falls(void **state)
{
    (void)state;
    struct seen seen = {.count = 0}, second = {.count = 0}, one = {.count = 0};
    uint8_t *first = paint(1, NULL, &seen), *again = paint(2, NULL, &second);
    double wanted = 10 * (style_by_hand(0) + style_by_hand(1)) / 2;
    assert_true(fabs(seen.style - wanted) <= 1e-4 * wanted && seen.loss[0] == seen.style); /* content: 0 at first */
    assert_int_equal(seen.count, STEPS + 1);
    for (int i = 0; i < STEPS; i++) {
        assert_true(seen.loss[i + 1] <= seen.loss[i]);
    }
    assert_true(seen.loss[STEPS] < 0.5 * seen.loss[0]);
    assert_memory_equal(first, again, (size_t)SIDE * SIDE * CHANNELS);
    free(first);
    free(again);
    free(paint(1, "relu_2", &one));
    assert_true(fabs(one.style - 10 * style_by_hand(0)) <= 1e-3 * one.style);
}

static void expect(fov_context *context, fov_model *model, const fov_style_options *options, fov_status status,
                   const char *word)
{
    fov_image picture, result;
    draw(&picture, 1);
    assert_int_equal(fov_style_opt(model, &picture, &picture, options, &result), status);
    assert_non_null(strstr(fov_error(context), word));
    assert_null(result.pixels);
    fov_error_clear(context);
    free(picture.pixels);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_model *model = looker(context), *grey = fov_model_network(context, "lenet5", NULL);
    expect(context, model, &(fov_style_options){.style_layers = "relu_2, relu_99"}, FOV_E_USAGE, "relu_99");
    expect(context, model, &(fov_style_options){.content_layer = "last"}, FOV_E_SHAPE, "last");
    expect(context, model, &(fov_style_options){.size = 4}, FOV_E_USAGE, "4 pixels");
    expect(context, grey, NULL, FOV_E_SHAPE, "does not read pictures");
    fov_model_free(model);
    fov_model_free(grey);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_that_of_gram_matrices_and_falls),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
