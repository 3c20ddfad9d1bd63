/* SPDX-License-Identifier: MIT */
/* A cache of plans of one shared graph, one for each batch size (and set of outputs) that was asked for. Not
 * thread-safe: one thread at a time. Users: predict.c, task/session.c. */
#ifndef MODEL_BATCH_PLANS_H
#define MODEL_BATCH_PLANS_H

#include "graph/shared.h"

struct batch_plans;

/** The cache takes a reference to `share`. On failure NULL and an error. */
struct batch_plans *batch_plans_open(struct shared_graph *share, struct error *error);
void                batch_plans_close(struct batch_plans *plans); /**< accepts NULL */
struct shared_graph *batch_plans_share(const struct batch_plans *plans);

/** The plan that computes `outputs` (values of the shared graph) for `batch` samples; compiled if the cache does not
 *  hold it, in which case the least recently used plan may be freed. Valid until the next call. On failure NULL and an
 *  error. */
fov_plan *batch_plans_for(struct batch_plans *plans, const fov_value *outputs, int count, int64_t batch,
                          struct error *error);

/** Batch size for the next run when `left` pictures remain: the largest power of two up to both `left` and `most`. Any
 *  count is thus covered by a few plans, and no batch is padded. */
int64_t batch_plans_next(int64_t left, int64_t most);

#endif
