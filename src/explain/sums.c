/* SPDX-License-Identifier: MIT */
/* Inside a network with one picture: a layer's feature maps, a convolution's filters, and one number of its result
 * taken apart into patch, kernel and bias, beside what the engine gave. */
#include "base/arithmetic.h"
#include "explain/explain.h"
#include "graph/plan.h"
#include <string.h>

/* Compiles a plan for these values and runs it on the picture. NULL and an error. */
static fov_plan *run_to(fov_explainer *e, const fov_value *values, int count, struct error *error)
{
    if (!e->has_picture) {
        error_set(error, FOV_E_USAGE, "no picture was looked at yet");
        return NULL;
    }
    const fov_plan_options options = {.batch = e->fixed_batch > 0 ? e->fixed_batch : 1};
    fov_plan *plan = fov_plan_create(e->model->graph, values, count, &options);
    if (plan != NULL && fov_plan_data(plan, e->model->input) == NULL) {
        error_set(error, FOV_E_USAGE, "the layer does not depend on the picture");
        fov_plan_free(plan);
        plan = NULL;
    }
    if (plan == NULL) {
        return NULL;
    }
    for (int row = 0; row < explain_rows(e, plan); row++) {
        memcpy(explain_input(e, plan, row), e->input, e->pixels * sizeof(float));
    }
    model_fill_own(e->model, plan);
    fov_plan_run(plan, 0);
    return plan;
}

/* ---- a layer ----------------------------------------------------------------------------------------------------- */

static int take_layer(fov_explainer *e, const char *layer, fov_activation *out, struct error *error)
{
    fov_graph *graph = e->model->graph;
    struct memory *memory = e->model->context->memory;
    fov_value value = explain_find(e, layer, error);
    bool is_input = value.id == e->model->input.id;
    if (value.id != 0 && fov_value_dtype(graph, value) != FOV_F32) {
        return error_set(error, FOV_E_UNSUPPORTED, "layer \"%.100s\" holds %s, not float32", layer,
                         fov_dtype_name(fov_value_dtype(graph, value)));
    }
    fov_plan *plan = value.id != 0 && !is_input ? run_to(e, &value, 1, error) : NULL;
    if (value.id == 0 || (plan == NULL && !is_input)) {
        return (int)error->status;
    }
    if (!e->has_picture) {
        return error_set(error, FOV_E_USAGE, "no picture was looked at yet");
    }
    fov_shape shape = is_input ? (fov_shape){4, {1, e->picture.channels, e->picture.height, e->picture.width}}
                               : fov_plan_shape(plan, value);
    size_t count = shape_span(&shape, 1, shape.rank);
    int made_by = graph_value(graph, value.id)->node;
    *out = (fov_activation){.name = fov_value_name(graph, value),
                            .type = made_by >= 0 ? graph->nodes[made_by].op->name : "input",
                            .channels = shape.rank == 4 || shape.rank == 2 ? (int)shape.dim[1] : 1,
                            .height = shape.rank == 4   ? (int)shape.dim[2]
                                      : shape.rank == 3 ? (int)shape.dim[1]
                                                        : 1,
                            .width = shape.rank == 4   ? (int)shape.dim[3]
                                     : shape.rank == 3 ? (int)shape.dim[2]
                                                       : 1,
                            .owner = memory};
    int status = FOV_OK;
    if (shape.rank < 2 || shape.rank > 4 || count == 0) {
        status = error_set(error, FOV_E_SHAPE, "layer \"%.100s\" is neither feature maps nor a row of numbers", layer);
    } else {
        out->values = memory_allocate(memory, count, sizeof(float), "feature maps", error);
        status = (int)error->status;
    }
    if (status == FOV_OK) {
        memcpy(out->values, is_input ? e->plain : explain_row(plan, value, 0), count * sizeof(float));
    }
    fov_plan_free(plan);
    return status;
}

int fov_explain_layer(fov_explainer *e, const char *layer, fov_activation *activation)
{
    if (e == NULL || layer == NULL || activation == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explain_layer: e, layer or activation is NULL");
    }
    struct error *error = &e->model->context->error;
    struct call call = call_begin(e->model->context);
    *activation = (fov_activation){.name = NULL};
    int status = error->status == FOV_OK ? take_layer(e, layer, activation, error) : (int)error->status;
    if (status != FOV_OK) {
        fov_activation_free(activation);
    }
    call_end(&call);
    return status;
}

void fov_activation_free(fov_activation *activation)
{
    if (activation != NULL && activation->owner != NULL) {
        memory_free(activation->owner, activation->values);
        *activation = (fov_activation){.name = NULL};
    }
}

/* ---- filters ----------------------------------------------------------------------------------------------------- */

/* The current numbers of a convolution's weight or bias. NULL and an error. */
static const float *weights_of(const fov_explainer *e, const struct node *node, int port, struct error *error)
{
    fov_graph *graph = e->model->graph;
    const struct value *value = graph_value(graph, node->in[port]);
    if ((value->kind != VALUE_PARAMETER && value->kind != VALUE_CONSTANT) || value->dtype != FOV_F32) {
        error_set(error, FOV_E_UNSUPPORTED, "the weights of layer \"%.100s\" are computed, not stored", node->name);
        return NULL;
    }
    return graph_data(graph, node->in[port]);
}

static int take_filters(fov_explainer *e, const char *layer, fov_filters *out, struct error *error)
{
    struct memory *memory = e->model->context->memory;
    const struct node *node = explain_convolution(e, layer, error);
    const float *weights = node != NULL ? weights_of(e, node, 1, error) : NULL;
    if (weights == NULL) {
        return (int)error->status;
    }
    const fov_shape *shape = &graph_value(e->model->graph, node->in[1])->shape;
    size_t count = shape_span(shape, 0, shape->rank);
    *out = (fov_filters){(int)shape->dim[0], (int)shape->dim[1], (int)shape->dim[2], (int)shape->dim[3], NULL, memory};
    out->values = memory_allocate(memory, count, sizeof(float), "filters", error);
    if (out->values == NULL) {
        return FOV_E_MEMORY;
    }
    memcpy(out->values, weights, count * sizeof(float));
    return FOV_OK;
}

int fov_explain_filters(fov_explainer *e, const char *layer, fov_filters *filters)
{
    if (e == NULL || layer == NULL || filters == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explain_filters: e, layer or filters is NULL");
    }
    struct error *error = &e->model->context->error;
    struct call call = call_begin(e->model->context);
    *filters = (fov_filters){.filters = 0};
    int status = error->status == FOV_OK ? take_filters(e, layer, filters, error) : (int)error->status;
    call_end(&call);
    return status;
}

void fov_filters_free(fov_filters *filters)
{
    if (filters != NULL && filters->owner != NULL) {
        memory_free(filters->owner, filters->values);
        *filters = (fov_filters){.filters = 0};
    }
}

/* ---- one number -------------------------------------------------------------------------------------------------- */

/* Copies the pixels of the layer's input under the window; 0 in the padding. `in`: that input, [channels, height,
 * width]. */
static void take_patch(const struct window *window, const float *in, fov_pixel_sum *out)
{
    float *patch = out->patch;
    for (int c = 0; c < out->channels; c++) {
        const float *map = in + (size_t)(out->first_channel + c) * (size_t)(window->in[1] * window->in[2]);
        for (int ky = 0; ky < out->height; ky++) {
            for (int kx = 0; kx < out->width; kx++) {
                int64_t y = window_meets(window, 1, out->row, ky), x = window_meets(window, 2, out->column, kx);
                bool inside = y >= 0 && y < window->in[1] && x >= 0 && x < window->in[2];
                *patch++ = inside ? map[y * window->in[2] + x] : 0.0F;
            }
        }
    }
}

static int check_place(const struct node *node, const fov_shape *shape, const fov_pixel_sum *at, struct error *error)
{
    if (at->filter < 0 || at->row < 0 || at->column < 0 || at->filter >= shape->dim[1] || at->row >= shape->dim[2] ||
        at->column >= shape->dim[3]) {
        return error_set(error, FOV_E_USAGE,
                         "layer \"%.100s\" has %lld filters of %lld x %lld places; asked for filter %d, row %d, "
                         "column %d",
                         node->name, (long long)shape->dim[1], (long long)shape->dim[2], (long long)shape->dim[3],
                         at->filter, at->row, at->column);
    }
    return FOV_OK;
}

static int add_numbers(fov_explainer *e, const struct node *node, const struct window *window, const float *in,
                       fov_pixel_sum *out, struct error *error)
{
    struct memory *memory = e->model->context->memory;
    const float *weights = weights_of(e, node, 1, error);
    const float *bias = node->in_count > 2 && node->in[2] != 0 ? weights_of(e, node, 2, error) : NULL;
    size_t taps = (size_t)out->channels * (size_t)out->height * (size_t)out->width;
    out->patch = memory_allocate(memory, taps, 2 * sizeof(float), "a patch", error);
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    out->kernel = out->patch + taps;
    memcpy(out->kernel, weights + (size_t)out->filter * taps, taps * sizeof(float));
    take_patch(window, in, out);
    out->bias = bias != NULL ? bias[out->filter] : 0.0F;
    out->sum = (double)out->bias;
    for (size_t i = 0; i < taps; i++) {
        out->sum += (double)out->patch[i] * (double)out->kernel[i];
    }
    return FOV_OK;
}

static int take_sum(fov_explainer *e, const char *layer, fov_pixel_sum *out, struct error *error)
{
    fov_graph *graph = e->model->graph;
    struct window window;
    const struct node *node = explain_convolution(e, layer, error);
    if (node == NULL) {
        return (int)error->status;
    }
    fov_value result = {node->out[0]}, in = {node->in[0]};
    fov_shape shape = fov_value_shape(graph, result), weight = graph_value(graph, node->in[1])->shape;
    fov_shape from = fov_value_shape(graph, in);
    if (!explain_window(e, node, &window) || fov_value_dtype(graph, in) != FOV_F32) {
        return error_set(error, FOV_E_UNSUPPORTED, "the window of layer \"%.100s\" is not known", node->name);
    }
    int status = check_place(node, &shape, out, error);
    if (status != FOV_OK) {
        return status;
    }
    int64_t groups = from.dim[1] / weight.dim[1];
    out->layer = node->name;
    out->channels = (int)weight.dim[1];
    out->height = (int)weight.dim[2];
    out->width = (int)weight.dim[3];
    out->first_channel = (int)(out->filter / (weight.dim[0] / groups) * weight.dim[1]);
    out->top = (int)window_meets(&window, 1, out->row, 0);
    out->left = (int)window_meets(&window, 2, out->column, 0);
    out->dilation[0] = (int)window.dilation[1];
    out->dilation[1] = (int)window.dilation[2];
    fov_value ends[2] = {result, in};
    bool from_input = in.id == e->model->input.id;
    fov_plan *plan = run_to(e, ends, from_input ? 1 : 2, error);
    if (plan == NULL) {
        return (int)error->status;
    }
    size_t at = ((size_t)out->filter * (size_t)shape.dim[2] + (size_t)out->row) * (size_t)shape.dim[3];
    out->result = explain_row(plan, result, 0)[at + (size_t)out->column];
    status = add_numbers(e, node, &window, from_input ? e->plain : explain_row(plan, in, 0), out, error);
    fov_plan_free(plan);
    return status == FOV_OK ? explain_field(e, result, out->row, out->column, out->field, error) : status;
}

int fov_explain_sum(fov_explainer *e, const char *layer, int filter, int row, int column, fov_pixel_sum *sum)
{
    if (e == NULL || layer == NULL || sum == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explain_sum: e, layer or sum is NULL");
    }
    struct error *error = &e->model->context->error;
    struct call call = call_begin(e->model->context);
    *sum = (fov_pixel_sum){.filter = filter, .row = row, .column = column, .owner = e->model->context->memory};
    int status = error->status == FOV_OK ? take_sum(e, layer, sum, error) : (int)error->status;
    if (status != FOV_OK) {
        fov_pixel_sum_free(sum);
    }
    call_end(&call);
    return status;
}

void fov_pixel_sum_free(fov_pixel_sum *sum)
{
    if (sum != NULL && sum->owner != NULL) {
        memory_free(sum->owner, sum->patch);
        *sum = (fov_pixel_sum){.layer = NULL};
    }
}
