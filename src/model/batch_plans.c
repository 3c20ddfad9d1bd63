/* SPDX-License-Identifier: MIT */
/* A short list of plans in order of use, the most recently used first. */
#include "model/batch_plans.h"
#include <string.h>

/* Batches of 1, 2, 4 ... 64, and some for outputs that were asked for by name. */
enum { MOST_PLANS = 12 };

struct batch_plan {
    fov_plan  *plan;
    int64_t    batch;
    fov_value *outputs;
    int        output_count;
};

struct batch_plans {
    struct shared_graph *share;
    struct batch_plan    list[MOST_PLANS];
    int                  count;
};

static void drop(const struct batch_plans *plans, struct batch_plan *entry)
{
    shared_graph_plan_free(plans->share, entry->plan);
    memory_free(plans->share->context.memory, entry->outputs);
    *entry = (struct batch_plan){.plan = NULL};
}

struct batch_plans *batch_plans_open(struct shared_graph *share, struct error *error)
{
    struct batch_plans *plans = memory_allocate(share->context.memory, 1, sizeof *plans, "plans", error);
    if (plans != NULL) {
        plans->share = share;
        shared_graph_keep(share);
    }
    return plans;
}

void batch_plans_close(struct batch_plans *plans)
{
    if (plans == NULL) {
        return;
    }
    struct shared_graph *share = plans->share;
    for (int i = 0; i < plans->count; i++) {
        drop(plans, &plans->list[i]);
    }
    memory_free(share->context.memory, plans);
    shared_graph_drop(share);
}

struct shared_graph *batch_plans_share(const struct batch_plans *plans)
{
    return plans->share;
}

static bool is_for(const struct batch_plan *entry, const fov_value *outputs, int count, int64_t batch)
{
    return entry->batch == batch && entry->output_count == count &&
           memcmp(entry->outputs, outputs, (size_t)count * sizeof *outputs) == 0;
}

static int make(struct batch_plans *plans, struct batch_plan *made, const fov_value *outputs, int count, int64_t batch,
                struct error *error)
{
    *made = (struct batch_plan){.batch = batch, .output_count = count};
    made->outputs =
        memory_allocate(plans->share->context.memory, (size_t)count, sizeof *outputs, "a plan's outputs", error);
    if (made->outputs == NULL) {
        return FOV_E_MEMORY;
    }
    memcpy(made->outputs, outputs, (size_t)count * sizeof *outputs);
    made->plan = shared_graph_plan(plans->share, outputs, count, batch, error);
    if (made->plan == NULL) {
        drop(plans, made);
        return (int)error->status;
    }
    return FOV_OK;
}

fov_plan *batch_plans_for(struct batch_plans *plans, const fov_value *outputs, int count, int64_t batch,
                          struct error *error)
{
    int at = 0;
    while (at < plans->count && !is_for(&plans->list[at], outputs, count, batch)) {
        at++;
    }
    bool makes = at == plans->count;
    struct batch_plan entry;
    if (makes && make(plans, &entry, outputs, count, batch, error) != FOV_OK) {
        return NULL;
    }
    if (makes && plans->count == MOST_PLANS) {
        drop(plans, &plans->list[--plans->count]);
        at--;
    }
    plans->count += makes;
    entry = makes ? entry : plans->list[at];
    memmove(&plans->list[1], &plans->list[0], (size_t)at * sizeof entry);
    plans->list[0] = entry;
    return entry.plan;
}

int64_t batch_plans_next(int64_t left, int64_t most)
{
    int64_t take = 1;
    while (2 * take <= left && 2 * take <= most) {
        take *= 2;
    }
    return take;
}
