/* SPDX-License-Identifier: MIT */
/* Plans of one shared graph for several numbers of samples, kept so that a count that comes again finds its plan made.
 * One thread at a time uses them. Over it: predict.c, task/session.c. */
#ifndef MODEL_BATCH_PLANS_H
#define MODEL_BATCH_PLANS_H

#include "graph/shared.h"

struct batch_plans;

/** NULL and an error. `share` gets one owner more. */
struct batch_plans *batch_plans_open(struct shared_graph *share, struct error *error);
void                batch_plans_close(struct batch_plans *plans); /**< accepts NULL */
struct shared_graph *batch_plans_share(const struct batch_plans *plans);

/** The plan for so many samples and these values (of the shared graph), made where it is not there; the one that was not
 *  used for longest makes room. It stays until a later call. NULL and an error. */
fov_plan *batch_plans_for(struct batch_plans *plans, const fov_value *outputs, int count, int64_t batch,
                          struct error *error);

/** How many of `left` pictures to take next: a power of two up to `most`, so that any count is made of few plans and no
 *  sample is computed for nothing. */
int64_t batch_plans_next(int64_t left, int64_t most);

#endif
