/* SPDX-License-Identifier: MIT */
/* Sums of floats depend on their order, so a rank must not add up its own batches before those of earlier ranks: it
 * keeps the gradients of each batch apart until the sum so far arrives. Rank 0 has the first batches and sums them
 * directly. */
#include "train/rank_group.h"
#include "base/memory.h"
#include <inttypes.h>
#include <string.h>

int rank_group_open(struct rank_group *group, const fov_ranks *ranks, const struct training_step *step, int64_t batches,
                    struct error *error)
{
    const struct updates *u = &step->updates;
    int64_t most = (batches + ranks->count - 1) / ranks->count; /* a smaller group may be more for this rank */
    *group = (struct rank_group){.ranks = ranks, .memory = step->context->memory};
    for (int k = 0; k < u->sum_count; k++) {
        group->elements += graph_value(step->graph, u->sums[k].id)->bytes / sizeof(float);
    }
    size_t own = 0;
    if (ranks->rank > 0 && !size_multiply((size_t)most, group->elements, &own)) {
        return error_set(error, FOV_E_MEMORY, "the gradients of %" PRId64 " batches do not fit memory", batches);
    }
    group->total = memory_allocate_raw(group->memory, group->elements, sizeof(float), "sums over ranks", error);
    group->own = memory_allocate_raw(group->memory, own, sizeof(float), "gradients of a rank's batches", error);
    return group->total != NULL && group->own != NULL ? FOV_OK : FOV_E_MEMORY;
}

void rank_group_close(struct rank_group *group)
{
    if (group->memory != NULL) {
        memory_free(group->memory, group->total);
        memory_free(group->memory, group->own);
    }
    *group = (struct rank_group){0};
}

int rank_group_begin(const struct rank_group *group, const struct training_step *step, struct error *error)
{
    int status = FOV_OK;
    for (size_t v = 1; status == FOV_OK && v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        void *data = value->kind == VALUE_PARAMETER ? graph_data(step->graph, (int)v) : NULL;
        if (value->kind == VALUE_PARAMETER) {
            status = data != NULL ? ranks_spread(group->ranks, data, value->bytes, error) : (int)error->status;
        }
    }
    step->graph->version++; /* plans hold packed weights, to be packed again */
    return status;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static void take_sums(const struct training_step *step, float *to)
{
    for (int k = 0; k < step->updates.sum_count; k++) {
        size_t bytes = graph_value(step->graph, step->updates.sums[k].id)->bytes;
        memcpy(to, graph_data(step->graph, step->updates.sums[k].id), bytes);
        to += bytes / sizeof *to;
    }
}

static void give_sums(const struct training_step *step, const float *from)
{
    for (int k = 0; k < step->updates.sum_count; k++) {
        size_t bytes = graph_value(step->graph, step->updates.sums[k].id)->bytes;
        memcpy(graph_data(step->graph, step->updates.sums[k].id), from, bytes);
        from += bytes / sizeof *from;
    }
}

/* Sets the sums to -0, to which any number can be added without change: +0 would turn -0 into +0. */
static void clear_sums(const struct training_step *step)
{
    for (int k = 0; k < step->updates.sum_count; k++) {
        float *sum = graph_data(step->graph, step->updates.sums[k].id);
        size_t count = graph_value(step->graph, step->updates.sums[k].id)->bytes / sizeof *sum;
        for (size_t i = 0; i < count; i++) {
            sum[i] = -0.0f;
        }
    }
}

bool rank_group_collect(struct rank_group *group, const struct training_step *step, const struct step_plan *plan,
                        const struct update_moment *moment)
{
    if (group->ranks->rank == 0) {
        return step_collect(step, plan, moment);
    }
    struct update_moment alone = *moment;
    alone.input[UPDATE_KEEP] = 1.0;
    clear_sums(step);
    bool finite = step_collect(step, plan, &alone);
    if (finite) {
        take_sums(step, group->own + (size_t)group->collected++ * group->elements);
    }
    return finite;
}

static void add_own(void *context, void *so_far, size_t offset, size_t bytes)
{
    const struct rank_group *group = context;
    float *sum = so_far;
    const float *own = group->own + offset / sizeof *own;
    for (int64_t batch = 0; batch < group->collected; batch++) {
        for (size_t i = 0; i < bytes / sizeof *own; i++) {
            sum[i] += own[i];
        }
        own += group->elements;
    }
}

int rank_group_add(struct rank_group *group, const struct training_step *step, struct error *error)
{
    if (group->ranks->rank == 0) {
        take_sums(step, group->total);
    }
    int status = ranks_add(group->ranks, group->total, group->elements * sizeof(float), add_own, group, error);
    if (status == FOV_OK) {
        give_sums(step, group->total);
        step->graph->version++; /* the update's plan holds what it computed once from the last group's sums */
    }
    group->collected = 0;
    return status;
}
