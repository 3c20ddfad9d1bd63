/* SPDX-License-Identifier: MIT */
/* A graph for which any number of threads make plans: a copy that borrows the weights of its original, has its own
 * error and keeps packed weights once for all plans. Plans are made and freed under its lock; running them needs no
 * lock. The copy is immutable: no node is added after its creation. Used by model/share.c. */
#ifndef GRAPH_SHARED_H
#define GRAPH_SHARED_H

#include "graph/packs.h"
#include "graph/plan.h"
#include <pthread.h>
#include <stdatomic.h>

struct shared_graph {
    atomic_int         owners;
    pthread_mutex_t    lock;
    struct fov_context context; /**< the original's, with an error of its own */
    fov_graph         *graph;
    int               *ids;     /**< [count] per value of the original: its id in the copy */
    size_t             count;
    uint64_t           version; /**< of the original's data when it was copied */
    struct packs       packs;
};

/** Made with a reference count of one; every owner calls shared_graph_drop. The original must outlive the plans, and
 *  its data must not change. NULL and an error on failure. */
struct shared_graph *shared_graph_create(const fov_graph *original, struct error *error);
void                 shared_graph_keep(struct shared_graph *shared); /**< adds an owner */
void                 shared_graph_drop(struct shared_graph *shared); /**< the last owner frees it; accepts NULL */
/** The copy's value for a value of the original; 0 if the original got it after the copy was made. */
fov_value shared_graph_value(const struct shared_graph *shared, fov_value of);
/** Whether no parameter of the original has changed since the copy was made. */
bool shared_graph_is_current(const struct shared_graph *shared, const fov_graph *original);

/** A plan for inference; `outputs` are values of the copy. */
fov_plan *shared_graph_plan(struct shared_graph *shared, const fov_value *outputs, int count, int64_t batch,
                            struct error *error);
void      shared_graph_plan_free(struct shared_graph *shared, fov_plan *plan); /**< accepts NULL */
/** Replays the plan's last run and says in which step an infinity or NaN arose, in the words of plan_finding_text. */
const char *shared_graph_finding(struct shared_graph *shared, fov_plan *plan, char out[FINDING_TEXT_SIZE]);

#endif
