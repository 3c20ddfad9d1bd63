/* SPDX-License-Identifier: MIT */
/* The explainer: one picture, the score that is explained, and the plans by which changed pictures are scored. The
 * score is the sum of the logits times a seed, an input like the logits: one 1 for a class, a share for each pixel of
 * a region, two for a box (an object, its class). So one graph serves all answers, and its gradient is that of the
 * chosen one (subject.c). */
#include "explain/explain.h"
#include "base/arithmetic.h"
#include "base/text.h"
#include "data/loader.h"
#include "graph/plan.h"
#include "task/detect.h"
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is added to the graph ---------------------------------------------------------------------------------- */

enum { NAME = 64 };

fov_value explain_seed(fov_graph *graph, fov_value scores)
{
    char name[NAME];
    snprintf(name, sizeof name, "explain.seed.%d", scores.id);
    fov_value seed = fov_find(graph, name);
    return seed.id != 0
               ? seed
               : fov_input_opt(graph, &(fov_input_options){.name = name, .shape = fov_value_shape(graph, scores)});
}

/* Names a value, unless a call that ran out of memory has given the name away. */
static int keep_name(fov_graph *graph, fov_value value, const char *name)
{
    return value.id == 0 || fov_find(graph, name).id != 0 ? FOV_OK : graph_rename(graph, value.id, name);
}

/* Adds the score and its gradients. */
static int add_score(fov_explainer *e, fov_value scores, fov_value seed, fov_value layer, fov_value *score,
                     struct explain_gradients *gradients, struct error *error)
{
    fov_graph *graph = e->model->graph;
    fov_value targets[2] = {e->model->input, layer}, found[2] = {{0}, {0}};
    *score = fov_reduce_sum(graph, fov_mul(graph, scores, seed), .axis_count = 0);
    if (score->id == 0 || fov_gradient(graph, *score, targets, layer.id != 0 ? 2 : 1, found) != FOV_OK) {
        return (int)error->status;
    }
    *gradients = (struct explain_gradients){found[0], found[1]};
    return FOV_OK;
}

int explain_gradients_of(fov_explainer *e, fov_value scores, fov_value seed, fov_value layer,
                         struct explain_gradients *gradients, struct error *error)
{
    fov_graph *graph = e->model->graph;
    char done[NAME], of_input[NAME], of_layer[NAME];
    snprintf(done, sizeof done, "explain.score.%d.%d", scores.id, layer.id);
    snprintf(of_input, sizeof of_input, "explain.slope.%d.%d.input", scores.id, layer.id);
    snprintf(of_layer, sizeof of_layer, "explain.slope.%d.%d.layer", scores.id, layer.id);
    *gradients = (struct explain_gradients){fov_find(graph, of_input), fov_find(graph, of_layer)};
    int status = FOV_OK;
    if (fov_find(graph, done).id == 0) {
        fov_value score = {0};
        status = add_score(e, scores, seed, layer, &score, gradients, error);
        bool is_input = gradients->of_layer.id == gradients->of_input.id; /* one value, so one name */
        status = status == FOV_OK ? keep_name(graph, gradients->of_input, of_input) : status;
        status = status == FOV_OK && !is_input ? keep_name(graph, gradients->of_layer, of_layer) : status;
        status = status == FOV_OK ? keep_name(graph, score, done) : status;
    }
    if (layer.id == e->model->input.id) {
        gradients->of_layer = gradients->of_input;
    }
    if (status == FOV_OK && gradients->of_input.id == 0) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "no gradient reaches the input from \"%s\": all ways lead through steps",
                         fov_value_name(graph, scores));
    }
    return status;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static int check_model(fov_explainer *e, struct error *error)
{
    fov_model *model = e->model;
    if (model->input.id == 0 || model->output.id == 0) {
        return error_set(error, FOV_E_USAGE, "the model has no input and output yet");
    }
    if (!model_picture(model, &e->picture) || fov_value_dtype(model->graph, model->input) != FOV_F32) {
        char text[SHAPE_TEXT_SIZE];
        fov_shape shape = fov_value_shape(model->graph, model->input);
        return error_set(error, FOV_E_SHAPE, "explanations are of pictures, and the model's input %s is none",
                         shape_text(&shape, text));
    }
    e->scores = model_scores(model, model->output);
    if (explain_subject_open(e, error) != FOV_OK) {
        return (int)error->status;
    }
    fov_shape in = fov_value_shape(model->graph, model->input);
    fov_shape out = fov_value_shape(model->graph, e->scores.logits);
    e->fixed_batch = in.dim[0] == FOV_BATCH ? 0 : in.dim[0];
    if (out.rank < 1 || fov_value_dtype(model->graph, e->scores.logits) != FOV_F32) {
        return error_set(error, FOV_E_SHAPE, "output \"%s\" holds no scores of each picture",
                         fov_value_name(model->graph, model->output));
    }
    in = shape_with_batch(&in, 1);
    out = shape_with_batch(&out, 1);
    out.dim[0] = 1;
    in.dim[0] = 1;
    if (!shape_count(&in, &e->pixels) || !shape_count(&out, &e->score_count) || e->score_count == 0) {
        return error_set(error, FOV_E_SHAPE, "output \"%s\" has no size of its own",
                         fov_value_name(model->graph, model->output));
    }
    return model_check_single_input(model, e->scores.logits, true, "an explanation", error);
}

static int allocate_buffers(fov_explainer *e, struct error *error)
{
    struct memory *memory = e->model->context->memory;
    const struct model_picture *p = &e->picture;
    size_t bytes = (size_t)p->height * (size_t)p->width * (p->channels == 1 ? 1 : 3);
    e->input = memory_allocate(memory, e->pixels, 3 * sizeof(float), "an explanation", error);
    e->seeds = memory_allocate(memory, e->score_count, 2 * sizeof(float), "an explanation", error);
    e->seen = (fov_image){p->height, p->width, p->channels == 1 ? 1 : 3, NULL, memory, NULL};
    e->seen.pixels = memory_allocate(memory, bytes, 1, "an explanation", error);
    e->region = memory_allocate(memory, e->score_count, 1, "an explanation", error);
    if (e->input == NULL || e->seeds == NULL || e->seen.pixels == NULL || e->region == NULL) {
        return FOV_E_MEMORY;
    }
    e->black = e->input + e->pixels;
    e->plain = e->black + e->pixels;
    e->logits = e->seeds + e->score_count;
    return FOV_OK;
}

static int preprocess(const fov_explainer *e, const fov_image *picture, float *out, struct error *error)
{
    struct prepare_options options;
    int status = model_prepare_options(e->model, &options, error);
    return status == FOV_OK ? loader_preprocess(e->model->context, picture, &options, out, NULL, error) : status;
}

static int look_at_black(fov_explainer *e, struct error *error)
{
    uint8_t pixels[8 * 8] = {0};
    const fov_image black = {8, 8, 1, pixels, NULL, NULL};
    return preprocess(e, &black, e->black, error);
}

static fov_explainer *create(fov_model *model, const char *layer)
{
    struct error *error = &model->context->error;
    fov_explainer *e =
        error->status == FOV_OK ? memory_allocate(model->context->memory, 1, sizeof *e, "an explainer", error) : NULL;
    if (e == NULL) {
        return NULL;
    }
    model_keep(model);
    e->model = model;
    int status = check_model(e, error);
    if (status == FOV_OK) {
        e->seed = explain_seed(model->graph, e->scores.logits);
        status = e->seed.id != 0 ? FOV_OK : (int)error->status;
    }
    status = status == FOV_OK ? allocate_buffers(e, error) : status;
    if (status == FOV_OK) {
        model_tell_assumed(model);
        status = look_at_black(e, error);
    }
    if (status == FOV_OK) {
        e->layer_is_given = layer != NULL;
        e->layer = layer == NULL ? explain_choose_layer(e) : explain_find(e, layer, error);
        status = (int)error->status;
    }
    if (status == FOV_OK && e->layer.id != 0 && fov_value_shape(model->graph, e->layer).rank != 4) {
        char text[SHAPE_TEXT_SIZE];
        fov_shape shape = fov_value_shape(model->graph, e->layer);
        status = error_set(error, FOV_E_SHAPE, "layer \"%s\" %s has no feature maps", layer != NULL ? layer : "",
                           shape_text(&shape, text));
    }
    if (status != FOV_OK) {
        fov_explainer_free(e);
        return NULL;
    }
    return e;
}

fov_explainer *fov_explainer_create(fov_model *model, const char *layer)
{
    if (model == NULL) {
        return NULL;
    }
    struct call call = call_begin(model->context);
    fov_explainer *made = create(model, layer);
    call_end(&call);
    return made;
}

static void forget_plans(fov_explainer *e)
{
    for (int i = 0; i < EXPLAIN_PLANS; i++) {
        fov_plan_free(e->plans[i].plan);
        e->plans[i] = (struct explain_plan){.plan = NULL};
    }
}

void fov_explainer_free(fov_explainer *e)
{
    if (e == NULL) {
        return;
    }
    fov_model *model = e->model;
    struct memory *memory = model->context->memory;
    forget_plans(e);
    memory_free(memory, e->input);
    memory_free(memory, e->seeds);
    memory_free(memory, e->seen.pixels);
    memory_free(memory, e->region);
    explain_subject_close(e);
    memory_free(memory, e);
    fov_model_free(model);
}

const char *fov_explainer_layer(const fov_explainer *e)
{
    if (e == NULL) {
        return "";
    }
    return e->layer.id != 0 ? fov_value_name(e->model->graph, e->layer) : "";
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

/* Adds the gradients of the score, where they are not there yet. */
static int add_gradients(fov_explainer *e, struct error *error)
{
    struct explain_gradients gradients;
    if (e->input_gradient.id != 0) {
        return FOV_OK;
    }
    int status = explain_gradients_of(e, e->scores.logits, e->seed, e->layer, &gradients, error);
    if (status == FOV_OK) {
        e->input_gradient = gradients.of_input;
        e->layer_gradient = gradients.of_layer;
    }
    return status;
}

/* Changes the layer whose feature maps are weighted; plans for the old one are dropped. */
static void change_layer(fov_explainer *e, fov_value layer)
{
    if (layer.id == e->layer.id) {
        return;
    }
    forget_plans(e);
    e->layer = layer;
    e->input_gradient = e->layer_gradient = (fov_value){0};
}

static fov_plan *make_plan(fov_explainer *e, struct explain_plan *made, struct error *error)
{
    if (made->backward && add_gradients(e, error) != FOV_OK) {
        return NULL;
    }
    fov_value outputs[5] = {e->scores.logits};
    int count = 1;
    if (e->rows.id != 0) {
        outputs[count++] = e->rows;
    }
    if (e->layer.id != 0) {
        outputs[count++] = e->layer;
    }
    if (made->backward) {
        outputs[count++] = e->input_gradient;
    }
    if (made->backward && e->layer_gradient.id != 0) {
        outputs[count++] = e->layer_gradient;
    }
    const fov_plan_options options = {.batch = made->batch};
    made->plan = fov_plan_create(e->model->graph, outputs, count, &options);
    if (made->plan != NULL && fov_plan_data(made->plan, e->model->input) == NULL) {
        error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
        fov_plan_free(made->plan);
        made->plan = NULL;
    }
    return made->plan;
}

fov_plan *explain_plan(fov_explainer *e, bool backward, int rows)
{
    int64_t batch = e->fixed_batch > 0 ? e->fixed_batch : rows > 1 ? EXPLAIN_BATCH : 1;
    struct explain_plan *free_place = NULL;
    for (int i = 0; i < EXPLAIN_PLANS; i++) {
        struct explain_plan *at = &e->plans[i];
        if (at->plan != NULL && at->batch == batch && at->backward == backward) {
            return at->plan;
        }
        free_place = at->plan == NULL && free_place == NULL ? at : free_place;
    }
    *free_place = (struct explain_plan){.batch = batch, .backward = backward};
    return make_plan(e, free_place, &e->model->context->error);
}

int explain_rows(const fov_explainer *e, const fov_plan *plan)
{
    return (int)fov_plan_shape(plan, e->model->input).dim[0];
}

float *explain_input(const fov_explainer *e, fov_plan *plan, int row)
{
    return (float *)fov_plan_data(plan, e->model->input) + (size_t)row * e->pixels;
}

const float *explain_row(const fov_plan *plan, fov_value value, int row)
{
    fov_shape shape = fov_plan_shape(plan, value);
    size_t floats = fov_plan_bytes(plan, value) / sizeof(float) / (size_t)shape.dim[0];
    return (const float *)fov_plan_data((fov_plan *)plan, value) + (size_t)row * floats;
}

double explain_score(const fov_explainer *e, fov_plan *plan, int row)
{
    const float *logits = explain_row(plan, e->scores.logits, row);
    double sum = 0.0;
    for (size_t i = 0; i < e->score_count; i++) {
        sum += (double)logits[i] * (double)e->seeds[i];
    }
    return sum;
}

int explain_run(const fov_explainer *e, fov_plan *plan, int rows, struct error *error)
{
    float *seed = fov_plan_data(plan, e->seed);
    for (int row = 0; seed != NULL && row < explain_rows(e, plan); row++) {
        memcpy(seed + (size_t)row * e->score_count, e->seeds, e->score_count * sizeof *seed);
    }
    model_fill_own(e->model, plan);
    fov_plan_run(plan, 0);
    for (int row = 0; row < rows; row++) {
        const float *logits = explain_row(plan, e->scores.logits, row);
        for (size_t i = 0; i < e->score_count; i++) {
            if (!isfinite(logits[i])) {
                return error_set(error, FOV_E_NUMERIC, "the scores are not finite");
            }
        }
    }
    return FOV_OK;
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

void explain_to_plain(const fov_explainer *e, const float *from, float *plain)
{
    const struct model_picture *p = &e->picture;
    for (int c = 0; c < p->channels; c++) {
        for (int y = 0; y < p->height; y++) {
            for (int x = 0; x < p->width; x++) {
                *plain++ = from[explain_place(e, c, y, x)];
            }
        }
    }
}

/* Takes the normalisation back: .seen becomes the network's input as 8-bit pixels. */
static void show_input(fov_explainer *e)
{
    const struct model_picture *p = &e->picture;
    const fov_preprocessing *way = &e->model->preprocessing;
    double scale = way->scale != 0.0F ? (double)way->scale : 1.0 / 255.0;
    uint8_t *out = e->seen.pixels;
    for (int y = 0; y < p->height; y++) {
        for (int x = 0; x < p->width; x++) {
            for (int c = 0; c < e->seen.channels; c++) { /* two channels are red and green here, and no blue */
                int from = way->bgr && p->channels == 3 ? 2 - c : c;
                if (from >= p->channels) {
                    *out++ = 0;
                    continue;
                }
                double deviation = way->deviation[from] != 0.0F ? (double)way->deviation[from] : 1.0;
                double value = (double)e->input[explain_place(e, from, y, x)] * deviation + (double)way->mean[from];
                *out++ = (uint8_t)lround(fmin(fmax(value / scale, 0.0), 255.0));
            }
        }
    }
}

/* A detector's boxes come from maps of several sizes: chooses the layer for Grad-CAM from which this box comes. */
static void choose_layer_of_box(fov_explainer *e)
{
    size_t places[2];
    const struct detect_found *found = &e->found[e->box];
    int count = detect_scores_of(e->detector.state, found->row, found->label, places);
    change_layer(e, explain_layer_behind(e, places, count));
}

static int look(fov_explainer *e, const fov_image *picture, const struct explain_wish *wish)
{
    struct error *error = &e->model->context->error;
    e->has_picture = false;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    int status = preprocess(e, picture, e->input, error);
    fov_plan *plan = status == FOV_OK ? explain_plan(e, false, 1) : NULL;
    if (plan == NULL) {
        return (int)error->status;
    }
    for (int row = 0; row < explain_rows(e, plan); row++) {
        memcpy(explain_input(e, plan, row), e->input, e->pixels * sizeof(float));
    }
    status = explain_run(e, plan, 1, error);
    if (status != FOV_OK) {
        return status;
    }
    memcpy(e->logits, explain_row(plan, e->scores.logits, 0), e->score_count * sizeof(float));
    status = explain_choose(e, plan, picture, wish, error);
    if (status == FOV_OK) {
        explain_to_plain(e, e->input, e->plain);
        show_input(e);
        e->score = explain_score(e, plan, 0);
        if (e->rows.id != 0 && !e->layer_is_given) {
            choose_layer_of_box(e);
        }
        e->has_picture = error->status == FOV_OK;
    }
    return (int)error->status;
}

int fov_explainer_look(fov_explainer *e, const fov_image *picture, int answer)
{
    if (e == NULL || picture == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explainer_look: e or picture is NULL");
    }
    struct call call = call_begin(e->model->context);
    int status = look(e, picture, &(struct explain_wish){.answer = answer});
    call_end(&call);
    return status;
}

int fov_explainer_look_at(fov_explainer *e, const fov_image *picture, int row, int column)
{
    if (e == NULL || picture == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explainer_look_at: e or picture is NULL");
    }
    struct call call = call_begin(e->model->context);
    int status = look(e, picture, &(struct explain_wish){.answer = -1, .by_place = true, .pixel = {row, column}});
    call_end(&call);
    return status;
}

/* Fills in the boxes, and the frame of the explained one in pixels of the input. */
static void copy_box(const fov_explainer *e, fov_explained *state)
{
    state->box_count = e->box_count;
    state->boxes = e->boxes;
    state->box = e->box;
    memcpy(state->frame, e->found[e->box].box, sizeof state->frame);
}

fov_explained fov_explainer_state(const fov_explainer *e)
{
    if (e == NULL) {
        return (fov_explained){.channels = 0};
    }
    if (!e->has_picture) {
        return (fov_explained){.channels = 0};
    }
    fov_explained state = {.channels = e->picture.channels,
                           .height = e->picture.height,
                           .width = e->picture.width,
                           .input = e->plain,
                           .seen = e->seen,
                           .answer = e->answer,
                           .name = fov_model_class(e->model, e->answer),
                           .score = e->score,
                           .score_count = (int)e->score_count,
                           .scores = e->logits,
                           .region = e->region_width > 0 ? e->region : NULL,
                           .region_height = e->region_height,
                           .region_width = e->region_width};
    if (e->rows.id != 0) {
        copy_box(e, &state);
    }
    return state;
}
