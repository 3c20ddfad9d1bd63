/* SPDX-License-Identifier: MIT */
/* Sharing a graph among threads. All that making a plan writes (parameters read from files, known values, the error,
 * packed weights) belongs to the copy and is written under its lock; a run only reads what no longer changes. */
#include "graph/shared.h"
#include "graph/copy.h"

static void free_all(struct shared_graph *shared)
{
    struct memory *memory = shared->context.memory;
    fov_graph_free(shared->graph);
    packs_close(&shared->packs);
    pthread_mutex_destroy(&shared->context.lock);
    pthread_mutex_destroy(&shared->lock);
    memory_free(memory, shared->ids);
    memory_free(memory, shared);
}

/* The same memory, threads, kernels, seed and settings, with an error and a depth of calls of its own. Copied member by
 * member: another thread may be writing the original's error under its lock. */
static struct fov_context context_like(const struct fov_context *original)
{
    return (struct fov_context){.memory = original->memory,
                                .pool = original->pool,
                                .kernel = original->kernel,
                                .seed = original->seed,
                                .exact_conv = original->exact_conv,
                                .strict = original->strict,
                                .external = original->external,
                                .verifies = original->verifies,
                                .rates = original->rates,
                                .extensions = original->extensions,
                                .log = original->log,
                                .log_user = original->log_user};
}

struct shared_graph *shared_graph_create(const fov_graph *original, struct error *error)
{
    struct memory *memory = original->context->memory;
    struct shared_graph *shared = memory_allocate(memory, 1, sizeof *shared, "a shared graph", error);
    if (shared == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&shared->lock, NULL) != 0) {
        memory_free(memory, shared);
        error_set(error, FOV_E_MEMORY, "out of memory: a lock");
        return NULL;
    }
    atomic_init(&shared->owners, 1);
    shared->context = context_like(original->context);
    if (pthread_mutex_init(&shared->context.lock, NULL) != 0) {
        pthread_mutex_destroy(&shared->lock);
        memory_free(memory, shared);
        error_set(error, FOV_E_MEMORY, "out of memory: a lock");
        return NULL;
    }
    atomic_init(&shared->context.depth, 0);
    shared->packs.memory = memory;
    shared->count = original->value_count;
    shared->version = original->version;
    shared->ids = memory_allocate(memory, shared->count, sizeof *shared->ids, "a shared graph", error);
    shared->graph = shared->ids != NULL ? graph_borrow(original, &shared->context, shared->ids) : NULL;
    if (shared->graph == NULL) {
        error_set(error, shared->context.error.status, "%s", shared->context.error.text);
        free_all(shared);
        return NULL;
    }
    shared->graph->packs = &shared->packs;
    return shared;
}

void shared_graph_keep(struct shared_graph *shared)
{
    atomic_fetch_add(&shared->owners, 1);
}

void shared_graph_drop(struct shared_graph *shared)
{
    if (shared != NULL && atomic_fetch_sub(&shared->owners, 1) == 1) {
        free_all(shared);
    }
}

fov_value shared_graph_value(const struct shared_graph *shared, fov_value of)
{
    return (fov_value){of.id > 0 && (size_t)of.id < shared->count ? shared->ids[of.id] : 0};
}

bool shared_graph_is_current(const struct shared_graph *shared, const fov_graph *original)
{
    return shared->version == original->version;
}

fov_plan *shared_graph_plan(struct shared_graph *shared, const fov_value *outputs, int count, int64_t batch,
                            struct error *error)
{
    const fov_plan_options options = {.batch = batch};
    struct error *own = &shared->context.error;
    pthread_mutex_lock(&shared->lock);
    fov_plan *plan = fov_plan_create(shared->graph, outputs, count, &options);
    if (plan == NULL) {
        error_set(error, own->status, "%s", own->text);
        error_clear(own);
    }
    pthread_mutex_unlock(&shared->lock);
    return plan;
}

void shared_graph_plan_free(struct shared_graph *shared, fov_plan *plan)
{
    if (plan != NULL) {
        pthread_mutex_lock(&shared->lock);
        fov_plan_free(plan);
        pthread_mutex_unlock(&shared->lock);
    }
}

const char *shared_graph_finding(struct shared_graph *shared, fov_plan *plan, char out[FINDING_TEXT_SIZE])
{
    struct plan_finding finding = {.nan = {NULL, NULL}};
    pthread_mutex_lock(&shared->lock);
    (void)plan_replay(plan, 0, plan->step_count, &finding); /* without memory: nothing */
    error_clear(&shared->context.error);
    pthread_mutex_unlock(&shared->lock);
    return plan_finding_text(&finding, out);
}
