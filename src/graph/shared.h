/* SPDX-License-Identifier: MIT */
/* A graph of which plans are made in any number of threads: a copy that borrows the weights of its original, has an
 * error of its own and keeps what plans pack once for all of them. Making and freeing plans is done under its lock;
 * running them needs none. It stands still: nothing is added to it once others know of it. Used by model/share.c. */
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
    int               *ids;     /**< of each value of the original, here */
    size_t             count;
    uint64_t           version; /**< of the original's data when it was copied */
    struct packs       packs;
};

/** One owner, who calls shared_graph_drop. The original must live as long as plans run, and its data stay as they are.
 *  NULL and an error. */
struct shared_graph *shared_graph_create(const fov_graph *original, struct error *error);
void                 shared_graph_keep(struct shared_graph *shared); /**< one owner more */
void                 shared_graph_drop(struct shared_graph *shared); /**< accepts NULL */
/** What a value of the original is here; 0 where it was added since. */
fov_value shared_graph_value(const struct shared_graph *shared, fov_value of);
/** Whether the original's data are still those that were borrowed. */
bool shared_graph_is_current(const struct shared_graph *shared, const fov_graph *original);

/** A plan for inference, of values here. */
fov_plan *shared_graph_plan(struct shared_graph *shared, const fov_value *outputs, int count, int64_t batch,
                            struct error *error);
void      shared_graph_plan_free(struct shared_graph *shared, fov_plan *plan); /**< accepts NULL */
/** Where numbers that are not finite came from, in the words of plan_finding_text. */
const char *shared_graph_finding(struct shared_graph *shared, fov_plan *plan, char out[FINDING_TEXT_SIZE]);

#endif
