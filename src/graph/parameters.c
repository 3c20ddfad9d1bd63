/* SPDX-License-Identifier: MIT */
/* The elements of parameters and constants. A parameter's initial values are drawn on first access, so that asking a
 * large network for its shapes costs no memory; they are a function of (seed, parameter, element) alone. */
#include "base/arithmetic.h"
#include "base/file.h"
#include "base/random.h"
#include "graph/graph.h"

#include <string.h>

/* A number from [0, 1) spread over the parameter's range, -scale to scale. */
static float centred(const struct value *value, float uniform)
{
    return (2.0F * uniform - 1.0F) * value->scale;
}

/* Element `index` of a weight [filters, C, spatial...]: 1 in the middle of channel i of filter i, else 0. Filters
 * beyond C are drawn uniformly. */
static float dirac(const struct value *value, struct random_key key, size_t index)
{
    size_t area = 1, middle = 0, channels = value->shape.rank > 1 ? (size_t)value->shape.dim[1] : 1;

    for (int axis = 2; axis < value->shape.rank; axis++) {
        area *= (size_t)value->shape.dim[axis];
        middle = middle * (size_t)value->shape.dim[axis] + (size_t)value->shape.dim[axis] / 2;
    }
    size_t filter = index / (channels * area), channel = index / area % channels;

    if (filter >= channels)
        return centred(value, random_uniform(key, index));
    return filter == channel && index % area == middle ? 1.0F : 0.0F;
}

/* Draws elements `first` to first + count - 1. Each is independent of threads, of how many are drawn at once, and of
 * later parameters. */
static void draw(const struct value *value, uint64_t seed, size_t first, float *data, size_t count)
{
    struct random_key key = {seed, RANDOM_INITIAL, (uint64_t)value->number};

    if (value->initial == FOV_INITIAL_UNIFORM)
        random_uniforms(key, first, data, count);
    for (size_t i = 0; i < count; i++)
        switch (value->initial) {
        case FOV_INITIAL_ZEROS: data[i] = 0.0F; break;
        case FOV_INITIAL_ONES: data[i] = 1.0F; break;
        case FOV_INITIAL_UNIFORM: data[i] = centred(value, data[i]); break;
        case FOV_INITIAL_DIRAC: data[i] = dirac(value, key, first + i); break;
        case FOV_INITIAL_CONSTANT: data[i] = value->scale; break;
        case FOV_INITIAL_NORMAL: data[i] = (float)random_normal(key, first + i) * value->scale; break;
        }
}

int graph_read(const fov_graph *graph, int id, size_t offset, void *bytes, size_t count, struct error *error)
{
    const struct value *value = graph_value(graph, id);

    if (value->data)
        memcpy(bytes, (const char *)value->data + offset, count);
    else if (value->file) {
        if (file_source_read(value->file, value->file_offset + offset, bytes, count, error)) {
            error_prefix(error, "parameter \"%s\"", value->name);
            return FOV_E_IO;
        }
    } else if (value->dtype == FOV_F32) {
        struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);

        draw(value, graph->context->seed, offset / sizeof(float), bytes, count / sizeof(float));
        arithmetic_leave(mode);
    } else
        memset(bytes, 0, count); /* parameters that are not f32 (counters) start at zero */
    return FOV_OK;
}

/* Memory for a parameter's data, not written yet. */
static void *new_data(const fov_graph *graph, const struct value *value)
{
    return memory_allocate_raw(graph->context->memory, value->bytes ? value->bytes : 1, 1, value->name,
                               &graph->context->error);
}

/* Sets the parameter's data and closes its file. */
static void *keep_data(struct value *value, void *data)
{
    file_source_close(value->file);
    value->file = NULL;
    return value->data = data;
}

void *graph_data(fov_graph *graph, int id)
{
    struct value *value = graph_value(graph, id);
    void         *data;

    if (value->kind != VALUE_PARAMETER || value->data)
        return value->data;
    data = new_data(graph, value);
    if (data && graph_read(graph, id, 0, data, value->bytes, &graph->context->error)) {
        memory_free(graph->context->memory, data);
        data = NULL;
    }
    return data ? keep_data(value, data) : NULL;
}

int graph_settle(fov_graph *graph)
{
    for (size_t id = 1; graph->read_once && !graph->moves && id < graph->value_count; id++)
        if (graph->values[id].kind == VALUE_PARAMETER && !graph_data(graph, (int)id))
            return (int)graph->context->error.status;
    graph->moves = graph->moves || graph->read_once;
    return FOV_OK;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

int fov_parameter_count(const fov_graph *graph)
{
    if (!graph)
        return 0;
    return graph->parameter_count;
}

fov_value fov_parameter_at(const fov_graph *graph, int index)
{
    if (!graph)
        return (fov_value){0};
    for (size_t id = 1; id < graph->value_count; id++)
        if (graph->values[id].kind == VALUE_PARAMETER && graph->values[id].number == index)
            return (fov_value){(int)id};
    return (fov_value){0};
}

static struct value *parameter(const fov_graph *graph, fov_value value)
{
    bool here = value.id > 0 && (size_t)value.id < graph->value_count;

    return here && graph_value(graph, value.id)->kind == VALUE_PARAMETER ? graph_value(graph, value.id) : NULL;
}

bool fov_parameter_frozen(const fov_graph *graph, fov_value value)
{
    if (!graph)
        return false;
    const struct value *found = parameter(graph, value);

    return found && found->frozen;
}

void fov_parameter_freeze(fov_graph *graph, fov_value value, bool frozen)
{
    if (!graph)
        return;
    struct value *found = parameter(graph, value);

    if (found)
        found->frozen = frozen;
}

/* The parameter; NULL and an error if there is no such parameter or its size is not `bytes`. */
static struct value *sized_parameter(fov_graph *graph, fov_value value, size_t bytes)
{
    struct value *found = parameter(graph, value);

    if (!found) {
        error_set(&graph->context->error, FOV_E_USAGE, "value %d is no parameter of this graph", value.id);
        return NULL;
    }
    if (found->bytes != bytes) {
        error_set(&graph->context->error, FOV_E_SHAPE, "parameter \"%s\" has %zu bytes, not %zu", found->name,
                  found->bytes, bytes);
        return NULL;
    }
    return found;
}

int fov_parameter_get(fov_graph *graph, fov_value value, void *data, size_t bytes)
{
    if (!graph)
        return FOV_E_USAGE;
    call_fresh(graph->context);
    if (!data)
        return call_refuse(graph->context, "fov_parameter_get: data is NULL");
    const struct value *found = sized_parameter(graph, value, bytes);

    if (!found)
        return (int)graph->context->error.status;
    return graph_read(graph, value.id, 0, data, bytes, &graph->context->error);
}

int fov_parameter_set(fov_graph *graph, fov_value value, const void *data, size_t bytes)
{
    if (!graph)
        return FOV_E_USAGE;
    call_fresh(graph->context);
    if (!data)
        return call_refuse(graph->context, "fov_parameter_set: data is NULL");
    struct value *found = sized_parameter(graph, value, bytes);

    if (!found || graph_settle(graph))
        return (int)graph->context->error.status;
    if (!found->data) {
        void *fresh = new_data(graph, found);

        if (!fresh)
            return FOV_E_MEMORY;
        keep_data(found, fresh);
    }
    if (bytes)
        memcpy(found->data, data, bytes);
    graph->version++;
    return FOV_OK;
}

void fov_assign(fov_graph *graph, fov_value target, fov_value value)
{
    if (!graph)
        return;
    struct value *found = parameter(graph, target);

    if (graph->failed)
        return;
    if (!found || value.id <= 0 || (size_t)value.id >= graph->value_count) {
        fov_graph_fail(graph, NULL, FOV_E_USAGE, "assign: %s",
                       found ? "the new value is none" : "the target is no parameter");
        return;
    }
    if (graph_value(graph, value.id)->dtype != found->dtype ||
        !shape_equal(&graph_value(graph, value.id)->shape, &found->shape)) {
        fov_graph_fail(graph, found->name, FOV_E_SHAPE, "assign: type or shape differs");
        return;
    }
    found->assigned = value.id;
    found->follows  = false;
}
