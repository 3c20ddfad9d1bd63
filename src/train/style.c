/* SPDX-License-Identifier: MIT */
/* Style transfer with two plans. The first computes the Gram matrices of the style picture, once; the second computes,
 * at each step, the losses of the picture being optimised and their gradient with respect to its pixels. */
#include "base/arithmetic.h"
#include "data/pictures.h"
#include "task/perceptual.h"
#include "train/lbfgs.h"
#include <fovea/operators.h>
#include <fovea/style.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 300, SIZE = 512, HISTORY = 10, CHANNELS = PERCEPTUAL_CHANNELS, LEAST_SIDE = 16, TRIALS = 32 };
enum loss { CONTENT, STYLE, VARIATION, LOSSES };

struct style_search {
    fov_context *context;
    struct error *error;
    fov_model *network;
    fov_style_options options;
    struct perceptual_layers layers;
    int height, width;    /* of the result */
    float *pixels;        /* [3, height, width] of 0..1 */
    fov_graph *graph;     /* losses of the picture being optimised */
    fov_value picture, losses[LOSSES], gradient;
    struct target { /* parameters of the graph, set once before the search */
        fov_value map, weight;
    } content, grams[PERCEPTUAL_MOST];
    fov_plan *plan;
    struct parts { /* weighted parts of the loss, and their sum */
        double loss[LOSSES], sum;
    } trials[TRIALS]; /* of the point that the step began at, and of those evaluated since */
    int trial_count;
    fov_image shown; /* the picture as passed to on_step, and the result */
    struct arithmetic *host; /* the caller's floating-point mode, restored while its callback runs */
};

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Converts planes of 0..1 to .shown; values outside 0..1 are clipped. */
static void show_picture(struct style_search *s, const double *planes)
{
    size_t pixels = (size_t)s->height * (size_t)s->width;
    for (size_t i = 0; i < pixels * CHANNELS; i++) {
        double value = planes[i % CHANNELS * pixels + i / CHANNELS];
        s->shown.pixels[i] = (uint8_t)lround(255.0 * fmin(fmax(value, 0.0), 1.0));
    }
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

/* Adds the parameters that hold what a map is compared with, and the weight of the difference. */
static struct target add_target(fov_graph *graph, const char *name, fov_value like)
{
    char weight[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    return (struct target){
        fov_parameter(graph, .name = name, .shape = fov_value_shape(graph, like), .frozen = true),
        fov_parameter(graph, .name = weight, .initial = FOV_INITIAL_ONES, .frozen = true)};
}

static fov_value add_difference(fov_graph *graph, fov_value map, const struct target *target)
{
    return fov_mul(graph, fov_mse(graph, map, target->map), target->weight);
}

/* Sets a target to the value `made` of a plan; differences are divided by its mean square. */
static int set_target(struct style_search *s, const struct target *target, fov_plan *plan, fov_value made,
                      double weight)
{
    float factor;
    int status = perceptual_weight(plan, made, weight, &factor, s->error);
    if (status == FOV_OK) {
        status = fov_parameter_set(s->graph, target->map, fov_plan_data(plan, made), fov_plan_bytes(plan, made));
    }
    return status == FOV_OK ? fov_parameter_set(s->graph, target->weight, &factor, sizeof factor) : status;
}

/* Sets the Gram matrices of the style picture as targets of the search. */
static int measure_style(struct style_search *s, const fov_image *style)
{
    int height, width;
    struct perceptual_view view = {.graph = NULL};
    float *planes = perceptual_planes(s->context->memory, style, "picture of the style", s->options.size, &height,
                                      &width, s->error);
    int status = planes != NULL ? perceptual_look(&view, s->network, &s->layers, planes, height, width, s->error)
                                : (int)s->error->status;
    for (int i = 0; status == FOV_OK && i < s->layers.style_count; i++) {
        status =
            set_target(s, &s->grams[i], view.plan, view.grams[i], s->options.style_weight / s->layers.style_count);
    }
    perceptual_close(&view);
    memory_free(s->context->memory, planes);
    return status;
}

/* Sets the content's target to the maps of the initial picture, computed with another plan of the same graph. */
static int measure_content(struct style_search *s, fov_value map)
{
    int status = FOV_OK;
    fov_plan *plan = fov_plan_create(s->graph, &map, 1, &(fov_plan_options){.batch = 1});
    if (plan != NULL) {
        memcpy(fov_plan_data(plan, s->picture), s->pixels, fov_plan_bytes(plan, s->picture));
        fov_plan_run(plan, 0);
        status = set_target(s, &s->content, plan, map, s->options.content_weight);
    }
    fov_plan_free(plan);
    return plan != NULL ? status : (int)s->error->status;
}

static int build(struct style_search *s, struct perceptual_maps *maps)
{
    fov_graph *g = s->graph = fov_graph_create(s->context);
    if (g == NULL) {
        return (int)s->error->status;
    }
    s->picture = fov_input(g, .name = "picture", .shape = {4, {1, CHANNELS, s->height, s->width}});
    *maps = perceptual_add(g, s->network, &s->layers, s->picture, "network.");
    s->content = add_target(g, "content", maps->content);
    s->losses[CONTENT] = add_difference(g, maps->content, &s->content);
    for (int i = 0; i < s->layers.style_count; i++) {
        char name[32];
        fov_value gram = perceptual_gram(g, maps->style[i]);
        snprintf(name, sizeof name, "gram.%d", i);
        s->grams[i] = add_target(g, name, gram);
        fov_value loss = add_difference(g, gram, &s->grams[i]);
        s->losses[STYLE] = i == 0 ? loss : fov_add(g, s->losses[STYLE], loss);
    }
    const float variation = (float)s->options.variation_weight;
    s->losses[VARIATION] =
        fov_mul(g, perceptual_variation(g, s->picture), fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &variation));
    fov_value sum = fov_add(g, fov_add(g, s->losses[CONTENT], s->losses[STYLE]), s->losses[VARIATION]);
    if (g->failed || fov_gradient(g, sum, &s->picture, 1, &s->gradient) != FOV_OK) {
        return (int)s->error->status;
    }
    const fov_value outputs[] = {s->losses[CONTENT], s->losses[STYLE], s->losses[VARIATION], s->gradient};
    s->plan = fov_plan_create(g, outputs, LOSSES + 1, &(fov_plan_options){.batch = 1});
    return s->plan != NULL ? FOV_OK : (int)s->error->status;
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

/* The function for L-BFGS: the sum of the losses for the pixels `x`, and its gradient. */
static int evaluate(void *user, const double *x, double *value, double *gradient)
{
    struct style_search *s = user;
    size_t count = (size_t)s->height * (size_t)s->width * CHANNELS;
    float *input = fov_plan_data(s->plan, s->picture);
    for (size_t i = 0; i < count; i++) {
        input[i] = (float)x[i];
    }
    fov_plan_run(s->plan, 0);
    struct parts *parts = &s->trials[s->trial_count < TRIALS - 1 ? s->trial_count++ : TRIALS - 1];
    *value = 0.0;
    for (int i = 0; i < LOSSES; i++) {
        parts->loss[i] = (double)*(const float *)fov_plan_data(s->plan, s->losses[i]);
        *value += parts->loss[i];
    }
    parts->sum = *value;
    const float *slope = fov_plan_data(s->plan, s->gradient);
    for (size_t i = 0; i < count; i++) {
        gradient[i] = (double)slope[i];
    }
    return isfinite(*value) ? FOV_OK : error_set(s->error, FOV_E_NUMERIC, "the loss is no longer finite");
}

/* The parts of the loss at the point that the last step has taken, found by its sum among the evaluated points. */
static const struct parts *parts_at(const struct style_search *s, double value)
{
    int at = s->trial_count - 1;
    while (at > 0 && s->trials[at].sum != value) {
        at--;
    }
    return &s->trials[at];
}

/* Reports a step to the caller. True: the caller asks to stop. */
static bool look(struct style_search *s, const double *x, int step, double value)
{
    const struct parts *parts = parts_at(s, value);
    s->trials[0] = *parts; /* a step that evaluates nothing stays there */
    parts = &s->trials[0];
    fov_style_progress at = {.step = step, .steps = s->options.steps, .loss = value, .content = parts->loss[CONTENT],
                             .style = parts->loss[STYLE], .variation = parts->loss[VARIATION], .picture = s->shown};
    s->trial_count = 1;
    if (s->options.on_step == NULL) {
        return false;
    }
    show_picture(s, x);
    arithmetic_leave(*s->host);
    bool stops = s->options.on_step(&at, s->options.user) != 0;
    *s->host = arithmetic_enter(DENORMALS_KEPT);
    return stops;
}

/* Reports the initial picture as step 0. True: the search must not begin. */
static bool look_first(struct style_search *s, const double *x, double *gradient, int *status)
{
    double value = 0.0;
    *status = evaluate(s, x, &value, gradient);
    return *status != FOV_OK || look(s, x, 0, value);
}

static int run_search(struct style_search *s)
{
    struct memory *memory = s->context->memory;
    size_t count = (size_t)s->height * (size_t)s->width * CHANNELS;
    const struct lbfgs_options options = {.history = HISTORY};
    double *x = memory_allocate(memory, count, 2 * sizeof *x, "a picture", s->error);
    struct lbfgs *search = x != NULL ? lbfgs_create(memory, count, &options, s->error) : NULL;
    int status = search != NULL ? FOV_OK : (int)s->error->status;
    enum lbfgs_state state = LBFGS_GOES_ON;
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        x[i] = (double)s->pixels[i];
    }
    bool stops = status != FOV_OK || look_first(s, x, x + count, &status);
    for (int step = 1; !stops && step <= s->options.steps && state == LBFGS_GOES_ON; step++) {
        status = lbfgs_iterate(search, evaluate, s, x, &state);
        stops = status != FOV_OK || look(s, x, step, lbfgs_value(search));
    }
    if (status == FOV_OK) {
        show_picture(s, x);
    }
    lbfgs_free(search);
    memory_free(memory, x);
    return status;
}

static int prepare(struct style_search *s, const fov_image *content, const fov_image *style)
{
    struct perceptual_maps maps;
    int status = perceptual_choose(s->network, s->options.content_layer, s->options.style_layers, PERCEPTUAL_DEEP,
                                   &s->layers, s->error);
    if (status != FOV_OK) {
        return status;
    }
    s->pixels = perceptual_planes(s->context->memory, content, "picture", s->options.size, &s->height, &s->width,
                                  s->error);
    if (s->pixels == NULL) {
        return (int)s->error->status;
    }
    s->shown = (fov_image){s->height, s->width, CHANNELS, NULL, s->context->memory, NULL};
    s->shown.pixels =
        memory_allocate_raw(s->context->memory, (size_t)s->height * (size_t)s->width, CHANNELS, "a picture", s->error);
    status = s->shown.pixels != NULL ? build(s, &maps) : FOV_E_MEMORY;
    status = status == FOV_OK ? measure_content(s, maps.content) : status;
    return status == FOV_OK ? measure_style(s, style) : status;
}

static fov_style_options resolve(const fov_style_options *options)
{
    fov_style_options o = options != NULL ? *options : (fov_style_options){0};
    o.steps = o.steps != 0 ? o.steps : STEPS;
    o.size = o.size != 0 ? o.size : SIZE;
    o.content_weight = o.content_weight != 0.0 ? o.content_weight : 1.0;
    o.style_weight = o.style_weight != 0.0 ? o.style_weight : 100.0;
    return o;
}

int fov_style_opt(fov_model *network, const fov_image *content, const fov_image *style,
                  const fov_style_options *options, fov_image *result)
{
    if (network == NULL || content == NULL || style == NULL || result == NULL) {
        return call_refuse(network != NULL ? network->context : NULL,
                           "fov_style_opt: network, content, style or result is NULL");
    }
    struct call call = call_begin(network->context);
    struct style_search s = {.context = network->context, .error = &network->context->error, .network = network,
                             .options = resolve(options), .host = &call.mode};
    *result = (fov_image){.height = 0};
    int status = (int)s.error->status;
    if (status == FOV_OK && (s.options.steps < 1 || s.options.size < LEAST_SIDE)) {
        status = error_set(s.error, FOV_E_USAGE, "%d steps for %d pixels (at least 1, and %d)", s.options.steps,
                           s.options.size, LEAST_SIDE);
    }
    status = status == FOV_OK ? pictures_check(content, s.error) : status;
    status = status == FOV_OK ? pictures_check(style, s.error) : status;
    status = status == FOV_OK ? prepare(&s, content, style) : status;
    status = status == FOV_OK ? run_search(&s) : status;
    if (status == FOV_OK) {
        *result = s.shown;
        s.shown.pixels = NULL;
    }
    fov_image_free(&s.shown);
    fov_plan_free(s.plan);
    fov_graph_free(s.graph);
    memory_free(s.context->memory, s.pixels);
    call_end(&call);
    return status;
}
