/* SPDX-License-Identifier: MIT */
/* Threads: a pool that runs chunks. Callers cut work into chunks by shape alone; the pool only decides who computes a
 * chunk, so results cannot depend on the number of threads. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/error.h"
#include "base/memory.h"
#include <stddef.h>

struct pool;

/** `threads` 0: as many as this process may use (affinity and cgroup quota). Fewer threads than asked for, when the
 *  system refuses some, is not an error. Tasks run in DENORMALS_FLUSHED mode, in every thread. */
struct pool *pool_create(struct memory *memory, int threads, struct error *error);
void         pool_destroy(struct pool *pool);
int          pool_threads(const struct pool *pool); /**< at least 1; NULL pool: 1 */

typedef void pool_task(void *context, size_t chunk, int worker); /**< worker in 0 .. threads - 1: for scratch memory */

/** Runs task(context, 0 .. chunks - 1), in any order, on all threads; returns when all are done. Never allocates.
 *  With a NULL pool, one chunk, one thread, or while the pool works for another caller, the caller runs them alone, in
 *  order. Not re-entrant. */
void pool_run(struct pool *pool, pool_task *task, void *context, size_t chunks);

/** Announces a series of jobs, until pool_end: workers then stay awake longer between two jobs. */
void pool_begin(struct pool *pool);
void pool_end(struct pool *pool);

#endif
