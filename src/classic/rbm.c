/* SPDX-License-Identifier: MIT */
/* The restricted Boltzmann machine (Smolensky 1986: harmonium): its parameters, and the maps between its two layers,
 * made of the graph's operators. */
#include "classic/rbm.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

enum { MOST_UNITS = 1 << 20, ROWS = 500 /* samples at a time */ };

fov_rbm *fov_rbm_create(fov_context *context, int visible, int hidden, uint64_t seed)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return NULL;
    }
    if (visible < 1 || hidden < 1 || visible > MOST_UNITS || hidden > MOST_UNITS) {
        error_set(error, FOV_E_USAGE, "RBM: %d visible and %d hidden units; 1 to %d are possible", visible, hidden,
                  MOST_UNITS);
        return NULL;
    }
    fov_rbm *r = memory_allocate(context->memory, 1, sizeof *r, "an RBM", error);
    if (r == NULL) {
        return NULL;
    }
    size_t weights = (size_t)visible * (size_t)hidden;
    *r = (fov_rbm){.context = context, .visible = visible, .hidden = hidden};
    r->weight = memory_allocate(context->memory, weights, sizeof *r->weight, "an RBM's weights", error);
    r->visible_bias =
        memory_allocate(context->memory, (size_t)visible, sizeof *r->visible_bias, "an RBM's biases", error);
    r->hidden_bias = memory_allocate(context->memory, (size_t)hidden, sizeof *r->hidden_bias, "an RBM's biases", error);
    if (r->weight == NULL || r->visible_bias == NULL || r->hidden_bias == NULL) {
        fov_rbm_free(r);
        return NULL;
    }
    for (size_t i = 0; i < weights; i++) {
        r->weight[i] = (float)(0.01 * random_normal((struct random_key){seed, RANDOM_INITIAL, 0}, i));
    }
    return r;
}

void fov_rbm_free(fov_rbm *r)
{
    if (r != NULL) {
        struct memory *memory = r->context->memory;
        memory_free(memory, r->weight);
        memory_free(memory, r->visible_bias);
        memory_free(memory, r->hidden_bias);
        memory_free(memory, r);
    }
}

int64_t fov_rbm_parameters(const fov_rbm *r)
{
    if (r == NULL) {
        return 0;
    }
    return (int64_t)r->visible * r->hidden + r->visible + r->hidden;
}

float *fov_rbm_weight(fov_rbm *r)
{
    if (r == NULL) {
        return NULL;
    }
    return r->weight;
}

float *fov_rbm_visible_bias(fov_rbm *r)
{
    if (r == NULL) {
        return NULL;
    }
    return r->visible_bias;
}

float *fov_rbm_hidden_bias(fov_rbm *r)
{
    if (r == NULL) {
        return NULL;
    }
    return r->hidden_bias;
}

/* ---- as nodes ---------------------------------------------------------------------------------------------------- */

fov_value rbm_up(fov_graph *graph, fov_value visible, fov_value weight, fov_value bias)
{
    static const int turned[] = {1, 0};
    return fov_sigmoid(graph,
                       fov_add(graph, fov_matmul(graph, visible, fov_transpose(graph, weight, turned, 2)), bias));
}

fov_value rbm_down(fov_graph *graph, fov_value hidden, fov_value weight, fov_value bias)
{
    return fov_sigmoid(graph, fov_add(graph, fov_matmul(graph, hidden, weight), bias));
}

int rbm_to_graph(const struct fov_rbm *r, fov_graph *g, struct rbm_parameters *p)
{
    size_t visible = (size_t)r->visible, hidden = (size_t)r->hidden;
    p->weight = fov_parameter(g, .name = "weight", .shape = {2, {r->hidden, r->visible}});
    p->visible_bias = fov_parameter(g, .name = "visible_bias", .shape = {1, {r->visible}});
    p->hidden_bias = fov_parameter(g, .name = "hidden_bias", .shape = {1, {r->hidden}});
    int status = fov_parameter_set(g, p->weight, r->weight, visible * hidden * sizeof(float));
    status =
        status != FOV_OK ? status : fov_parameter_set(g, p->visible_bias, r->visible_bias, visible * sizeof(float));
    return status != FOV_OK ? status : fov_parameter_set(g, p->hidden_bias, r->hidden_bias, hidden * sizeof(float));
}

int rbm_from_graph(struct fov_rbm *r, fov_graph *g, const struct rbm_parameters *p)
{
    size_t visible = (size_t)r->visible, hidden = (size_t)r->hidden;
    int status = fov_parameter_get(g, p->weight, r->weight, visible * hidden * sizeof(float));
    status =
        status != FOV_OK ? status : fov_parameter_get(g, p->visible_bias, r->visible_bias, visible * sizeof(float));
    return status != FOV_OK ? status : fov_parameter_get(g, p->hidden_bias, r->hidden_bias, hidden * sizeof(float));
}

/* ---- from one layer to the other --------------------------------------------------------------------------------- */

/* Runs the plan over all samples, ROWS at a time; surplus rows of the last batch keep old data and are not copied
 * out. */
static void map_rows(fov_plan *plan, fov_value in, fov_value out, int from, int to, const float *data, int64_t count,
                     float *result)
{
    for (int64_t done = 0; done < count; done += ROWS) {
        size_t rows = (size_t)(count - done < ROWS ? count - done : ROWS);
        memcpy(fov_plan_data(plan, in), data + done * from, rows * (size_t)from * sizeof *data);
        fov_plan_run(plan, 0);
        memcpy(result + done * to, fov_plan_data(plan, out), rows * (size_t)to * sizeof *result);
    }
}

static int map_graph(fov_rbm *r, bool up, const float *data, int64_t count, float *result)
{
    fov_context *context = r->context;
    int from = up ? r->visible : r->hidden, to = up ? r->hidden : r->visible;
    struct rbm_parameters p;
    if (count < 1) {
        return error_set(&context->error, FOV_E_USAGE, "RBM: %lld samples", (long long)count);
    }
    fov_graph *g = fov_graph_create(context);
    if (g == NULL || rbm_to_graph(r, g, &p) != FOV_OK) {
        fov_graph_free(g);
        return (int)context->error.status;
    }
    fov_value in = fov_input(g, .name = "in", .shape = {2, {ROWS, from}});
    fov_value out = up ? rbm_up(g, in, p.weight, p.hidden_bias) : rbm_down(g, in, p.weight, p.visible_bias);
    fov_plan *plan = fov_plan_create(g, &out, 1, NULL);
    if (plan != NULL) {
        map_rows(plan, in, out, from, to, data, count, result);
    }
    fov_plan_free(plan);
    fov_graph_free(g);
    return (int)context->error.status;
}

static int map(fov_rbm *r, bool up, const float *data, int64_t count, float *result)
{
    struct call call = call_begin(r->context);
    int status = map_graph(r, up, data, count, result);
    call_end(&call);
    return status;
}

int fov_rbm_hidden(fov_rbm *r, const float *data, int64_t count, float *result)
{
    if (r == NULL || data == NULL || result == NULL) {
        return FOV_E_USAGE;
    }
    return map(r, true, data, count, result);
}

int fov_rbm_visible(fov_rbm *r, const float *hidden, int64_t count, float *result)
{
    if (r == NULL || hidden == NULL || result == NULL) {
        return FOV_E_USAGE;
    }
    return map(r, false, hidden, count, result);
}
