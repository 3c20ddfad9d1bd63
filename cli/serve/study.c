/* SPDX-License-Identifier: MIT */
/* Requests that take longer than a prediction, about a picture or the network: POST /api/explain (maps of what
 * mattered, and the picture as the network saw it), /api/layer (feature maps), /api/sum (the terms of one number); GET
 * /api/network (layers, their sizes and times), /api/drawing (the layers as SVG) and /api/filters. The study worker has
 * its own models, because explanations add nodes to a graph. */
#include "cli/options.h"
#include "cli/output.h"
#include "cli/serve/serve.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MAPS = 64, SHORT_DIGITS = 6 };

/* ---- the explainer ----------------------------------------------------------------------------------------------- */

static bool is_detector(const fov_model *model)
{
    return fov_model_meaning(model, fov_model_output(model)) == FOV_MEANING_BOXES;
}

/* The class that ?class= asks for by name or number; -1: the one with the highest score; -2: no such class. */
static int asked_class(struct job *job, const fov_model *model)
{
    char text[SERVE_NAME];
    uint64_t number;
    if (!guard_query(job->query, "class", text, sizeof text) || *text == '\0') {
        return -1;
    }
    for (int i = 0; i < fov_model_classes(model); i++) {
        if (strcmp(fov_model_class(model, i), text) == 0) {
            return i;
        }
    }
    uint64_t most = is_detector(model) ? (uint64_t)fov_model_classes(model) : INT32_MAX;
    return options_natural(text, &number) && number < most ? (int)number : -2;
}

/* Looks at a picture for a class: of a detector, for the best box of that class. False after setting a reply. */
static bool look_for(struct job *job, fov_explainer *explainer, const fov_model *model, const fov_image *image,
                     int class)
{
    bool boxes = is_detector(model);
    int status = fov_explainer_look(explainer, image, boxes ? -1 : class);
    fov_explained state = fov_explainer_state(explainer);
    int box = 0;
    while (status == FOV_OK && boxes && class >= 0 && box < state.box_count && state.boxes[box].index != class) {
        box++;
    }
    if (status == FOV_OK && box > 0 && box == state.box_count) {
        job_fail(job, 422, "none of the %d boxes is \"%.60s\"", box, fov_model_class(model, class));
        return false;
    }
    status = status == FOV_OK && box > 0 ? fov_explainer_look(explainer, image, box) : status;
    if (status != FOV_OK) {
        job_fail_library(job);
    }
    return status == FOV_OK;
}

/* Returns the model's explainer after fov_explainer_look at the job's picture; NULL after setting a reply. */
static fov_explainer *look(struct job *job)
{
    struct worker *worker = job->worker;
    int index;
    fov_image image;
    fov_model *model = job_model(job, &index);
    if (model == NULL || !job_picture(job, &image)) {
        return NULL;
    }
    fov_explainer **explainer = &worker->explainers[index];
    if (*explainer == NULL) {
        *explainer = fov_explainer_create(model, NULL);
    }
    int class = asked_class(job, model);
    if (class == -2) {
        fov_image_free(&image);
        job_fail(job, 400, "the model has no class of that name; GET /api/models lists its classes");
        return NULL;
    }
    if (*explainer == NULL) {
        fov_image_free(&image);
        job_fail_library(job);
        return NULL;
    }
    bool well = look_for(job, *explainer, model, &image, class);
    fov_image_free(&image);
    return well ? *explainer : NULL;
}

static void set_seen(json_t *object, const fov_explained *state)
{
    json_t *seen = json_object();
    size_t bytes = (size_t)state->seen.height * (size_t)state->seen.width * (size_t)state->seen.channels;
    json_set_integer(seen, "height", state->seen.height);
    json_set_integer(seen, "width", state->seen.width);
    json_set_integer(seen, "channels", state->seen.channels);
    json_set(seen, "pixels", json_from_bytes(state->seen.pixels, bytes));
    json_set(object, "seen", seen);
}

static bool in_list(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(list, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Adds a method's map to the object; null if the network does not support the method (it has no feature maps). False
 * after setting a reply. */
static bool set_map(struct job *job, fov_explainer *explainer, json_t *object, const char *method)
{
    fov_context *context = job->worker->cli.context;
    const fov_explain_options how = {.channels = MOST_MAPS, .steps = job_number(job, "steps", 32)};
    fov_explanation map;
    int status = fov_explain(explainer, method, &how, &map);
    if (status == FOV_E_UNSUPPORTED) {
        fov_error_clear(context);
        json_set(object, method, json_null());
        return true;
    }
    if (status != FOV_OK) {
        job_fail_library(job);
        return false;
    }
    json_set(object, method,
             map.per_number ? json_from_planes(map.values, map.channels, map.height, map.width)
                            : json_from_plane(map.values, map.height, map.width));
    fov_explanation_free(&map);
    return true;
}

void explain_work(struct job *job)
{
    char methods[160];
    fov_explainer *explainer = look(job);
    if (explainer == NULL) {
        return;
    }
    if (!guard_query(job->query, "methods", methods, sizeof methods)) {
        snprintf(methods, sizeof methods, "gradcam,occlusion,integrated_gradients");
    }
    fov_explained state = fov_explainer_state(explainer);
    json_t *object = json_object();
    json_set_integer(object, "class", state.answer);
    json_set_text(object, "name", state.name);
    json_set_number(object, "score", state.score);
    json_set_text(object, "layer", fov_explainer_layer(explainer));
    json_set_integer(object, "channels", state.channels);
    json_set_integer(object, "height", state.height);
    json_set_integer(object, "width", state.width);
    set_seen(object, &state);
    for (int i = 0; i < fov_explain_method_count(); i++) {
        const char *method = fov_explain_method_at(i).name;
        if (in_list(methods, method) && !set_map(job, explainer, object, method)) {
            json_decref(object);
            return;
        }
    }
    job_reply(job, object, SHORT_DIGITS);
}

/* The nearest of 0..255; of NaN 0. */
static unsigned char byte_of(float value)
{
    return (unsigned char)lrintf(fminf(fmaxf(value, 0.0F), 255.0F));
}

/* ---- a layer ----------------------------------------------------------------------------------------------------- */

static void asked_layer(const struct job *job, char out[SERVE_NAME])
{
    if (!guard_query(job->query, "layer", out, SERVE_NAME)) {
        out[0] = '\0';
    }
}

/* Feature maps, each scaled separately to 0..255. */
void layer_work(struct job *job)
{
    char layer[SERVE_NAME];
    fov_activation maps;
    fov_explainer *explainer = look(job);
    if (explainer == NULL) {
        return;
    }
    asked_layer(job, layer);
    if (fov_explain_layer(explainer, layer, &maps) != FOV_OK) {
        job_fail_library(job);
        return;
    }
    size_t area = (size_t)maps.height * (size_t)maps.width;
    size_t shown = maps.channels < MOST_MAPS ? (size_t)maps.channels : MOST_MAPS;
    unsigned char *bytes = take_memory(shown * area, 1);
    json_t *object = json_object(), *ranges = json_array();
    for (size_t c = 0; c < shown; c++) {
        const float *map = maps.values + c * area;
        float least = map[0], most = map[0];
        for (size_t i = 0; i < area; i++) {
            least = fminf(least, map[i]);
            most = fmaxf(most, map[i]);
        }
        float range = most > least ? most - least : 1.0F;
        for (size_t i = 0; i < area; i++) {
            bytes[c * area + i] = byte_of((map[i] - least) / range * 255.0F);
        }
        json_t *ends = json_array();
        json_add(ends, json_from_number((double)least));
        json_add(ends, json_from_number((double)most));
        json_add(ranges, ends);
    }
    json_set_text(object, "name", maps.name);
    json_set_text(object, "type", maps.type);
    json_set_integer(object, "channels", maps.channels);
    json_set_integer(object, "height", maps.height);
    json_set_integer(object, "width", maps.width);
    json_set_integer(object, "shown", (int64_t)shown);
    json_set(object, "ranges", ranges);
    json_set(object, "maps", json_from_bytes(bytes, shown * area));
    free(bytes);
    fov_activation_free(&maps);
    job_reply(job, object, SHORT_DIGITS);
}

void sum_work(struct job *job)
{
    char layer[SERVE_NAME];
    fov_pixel_sum sum;
    fov_explainer *explainer = look(job);
    if (explainer == NULL) {
        return;
    }
    asked_layer(job, layer);
    if (fov_explain_sum(explainer, layer, job_number(job, "filter", 0), job_number(job, "row", 0),
                        job_number(job, "column", 0), &sum) != FOV_OK) {
        job_fail_library(job);
        return;
    }
    json_t *object = json_object();
    json_set_text(object, "layer", sum.layer);
    json_set_integer(object, "filter", sum.filter);
    json_set_integer(object, "row", sum.row);
    json_set_integer(object, "column", sum.column);
    json_set_integer(object, "top", sum.top);
    json_set_integer(object, "left", sum.left);
    json_set_integer(object, "first_channel", sum.first_channel);
    json_set(object, "patch", json_from_planes(sum.patch, sum.channels, sum.height, sum.width));
    json_set(object, "kernel", json_from_planes(sum.kernel, sum.channels, sum.height, sum.width));
    json_set_number(object, "bias", (double)sum.bias);
    json_set_number(object, "sum", sum.sum);
    json_set_number(object, "result", (double)sum.result);
    json_set(object, "field", json_pack("[i,i,i,i]", sum.field[0], sum.field[1], sum.field[2], sum.field[3]));
    fov_pixel_sum_free(&sum);
    job_reply(job, object, 9);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* Milliseconds per node name (steps of one name are added); of three runs, each step's shortest time. */
static json_t *times_of(fov_model *model)
{
    enum { RUNS = 3 };
    fov_value output = fov_model_output(model);
    fov_plan *plan = fov_plan_create(fov_model_graph(model), &output, 1, NULL);
    json_t *times = json_object();
    int count = plan != NULL ? fov_plan_step_count(plan) : 0;
    double *seconds = take_memory((size_t)count + 1, 2 * sizeof *seconds), *least = seconds + count + 1;
    for (int run = 0; run < RUNS && plan != NULL; run++) {
        fov_plan_profile(plan, 0, seconds);
        for (int i = 0; i < count; i++) {
            least[i] = run == 0 || seconds[i] < least[i] ? seconds[i] : least[i];
        }
    }
    for (int i = 0; i < count; i++) {
        const char *name = fov_plan_step_at(plan, i).name;
        json_t *old = json_object_get(times, name);
        json_set_number(times, name, 1e3 * least[i] + (old != NULL ? json_real_value(old) : 0.0));
    }
    free(seconds);
    fov_plan_free(plan);
    return times;
}

static json_t *json_from_layer(const fov_layer *layer)
{
    json_t *one = json_object();
    json_set_text(one, "name", layer->name);
    json_set_text(one, "type", layer->type);
    json_set(one, "shape", json_from_shape(&layer->shape));
    json_set_integer(one, "parameters", layer->parameters);
    json_set_integer(one, "multiply_adds", layer->multiply_adds);
    json_set_integer(one, "bytes", (int64_t)layer->bytes);
    json_set(one, "receptive_field",
             json_pack("[I,I]", (json_int_t)layer->receptive_field[0], (json_int_t)layer->receptive_field[1]));
    return one;
}

void network_work(struct job *job)
{
    int index;
    fov_summary summary;
    fov_model *model = job_model(job, &index);
    if (model == NULL) {
        return;
    }
    if (fov_model_summary(model, NULL, &summary) != FOV_OK) {
        job_fail_library(job);
        return;
    }
    json_t *object = json_object(), *layers = json_array();
    json_set_text(object, "model", job->worker->server->names[index]);
    json_set_integer(object, "parameters", summary.parameters);
    json_set_integer(object, "multiply_adds", summary.multiply_adds);
    json_set_integer(object, "parameter_bytes", (int64_t)summary.parameter_bytes);
    json_set_integer(object, "activation_bytes", (int64_t)summary.activation_bytes);
    json_set(object, "input", json_from_shape(&summary.input));
    for (int i = 0; i < summary.layer_count; i++) {
        json_add(layers, json_from_layer(&summary.layers[i]));
    }
    json_set(object, "layers", layers);
    json_set(object, "milliseconds", times_of(model));
    fov_error_clear(job->worker->cli.context);
    job_reply(job, object, SHORT_DIGITS);
}

void drawing_work(struct job *job)
{
    int index;
    fov_buffer svg;
    fov_model *model = job_model(job, &index);
    if (model == NULL) {
        return;
    }
    if (fov_model_draw_memory(model, NULL, &svg) != FOV_OK) {
        job_fail_library(job);
        return;
    }
    char *body = take_memory(svg.size + 1, 1);
    memcpy(body, svg.bytes, svg.size);
    job->reply = (struct reply){.code = 200, .type = "image/svg+xml", .body = body, .size = svg.size};
    fov_buffer_free(&svg);
}

void filters_work(struct job *job)
{
    char layer[SERVE_NAME];
    int index;
    fov_filters filters;
    fov_model *model = job_model(job, &index);
    if (model == NULL) {
        return;
    }
    fov_explainer **explainer = &job->worker->explainers[index];
    *explainer = *explainer != NULL ? *explainer : fov_explainer_create(model, NULL);
    asked_layer(job, layer);
    if (*explainer == NULL || fov_explain_filters(*explainer, layer, &filters) != FOV_OK) {
        job_fail_library(job);
        return;
    }
    size_t shown = filters.filters < MOST_MAPS ? (size_t)filters.filters : MOST_MAPS;
    size_t taps = (size_t)filters.height * (size_t)filters.width;
    size_t planes = filters.channels == 3 ? 3 : 1, whole = (size_t)filters.channels * taps;
    float most = 1e-30F;
    unsigned char *bytes = take_memory(shown * planes * taps, 1);
    for (size_t f = 0; f < shown; f++) {
        for (size_t i = 0; i < planes * taps; i++) {
            most = fmaxf(most, fabsf(filters.values[f * whole + i]));
        }
    }
    for (size_t f = 0; f < shown; f++) {
        for (size_t i = 0; i < planes * taps; i++) {
            bytes[f * planes * taps + i] = byte_of(127.5F + 127.5F * filters.values[f * whole + i] / most);
        }
    }
    json_t *object = json_object();
    json_set_text(object, "layer", layer);
    json_set_integer(object, "filters", filters.filters);
    json_set_integer(object, "channels", filters.channels);
    json_set_integer(object, "height", filters.height);
    json_set_integer(object, "width", filters.width);
    json_set_integer(object, "shown", (int64_t)shown);
    json_set_integer(object, "planes", (int64_t)planes);
    json_set(object, "values", json_from_bytes(bytes, shown * planes * taps));
    free(bytes);
    fov_filters_free(&filters);
    job_reply(job, object, SHORT_DIGITS);
}
