/* SPDX-License-Identifier: MIT */
/* What a refusal for want of memory says besides: the batch with which it would have worked. It is tried, not reckoned:
 * whatever was to be opened is opened with half the batch, a quarter and so on, and closed again. */
#ifndef GRAPH_FITTING_H
#define GRAPH_FITTING_H

#include "device/context.h"

/** Adds "; batch 16 fits" to the context's error, or "; no batch fits, not even one". `opens` opens everything with a batch
 *  and closes it, and returns a status. Does nothing for errors other than E_MEMORY, without a memory limit (then no
 *  size was to blame), for a batch of 1, and within another public call, which knows better what else is needed. */
void add_fitting_batch(struct fov_context *context, int64_t batch, int (*opens)(void *user, int64_t batch),
                       void *user);

#endif
