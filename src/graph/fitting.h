/* SPDX-License-Identifier: MIT */
/* Adds to an out-of-memory error the batch that would fit. It is found by trying, not by estimating: the operation is
 * repeated with half the batch, a quarter and so on, and undone again. */
#ifndef GRAPH_FITTING_H
#define GRAPH_FITTING_H

#include "device/context.h"

/** Adds "; batch 16 fits" to the context's error, or "; no batch fits, not even one" (for a batch of 1 at once).
 *  `opens` opens everything with the given batch, closes it and returns a status. Does nothing for errors other than
 *  E_MEMORY, without a memory limit (then the batch was not to blame), and within another public call, which knows
 *  better what else is needed. */
void add_fitting_batch(struct fov_context *context, int64_t batch, int (*opens)(void *user, int64_t batch),
                       void *user);

#endif
