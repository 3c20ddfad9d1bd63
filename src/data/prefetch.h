/* SPDX-License-Identifier: MIT */
/* Batches ahead of time: threads of its own prepare the next ones while the caller computes. What a batch holds depends
 * on nothing but its samples, so ahead or not, and with any number of threads, it is the same. Memory is bounded: two
 * batches wait at most. With no threads of its own each batch is prepared when it is asked for, on the context's pool.
 * Next: prefetch.c. */
#ifndef DATA_PREFETCH_H
#define DATA_PREFETCH_H

#include "data/loader.h"

struct prefetch;

struct prefetch_options {
    struct loader_options loader; /**< .threads: of its own; 0: none */
    size_t batch;                 /**< samples of the largest batch */
    size_t target_bytes;          /**< of one sample in form 0 */
};

struct prefetch *prefetch_create(struct fov_context *context, const fov_dataset *dataset,
                                 const struct prefetch_options *options, struct error *error);
void prefetch_free(struct prefetch *prefetch); /**< accepts NULL */

/** What comes. */
struct prefetch_epoch {
    int64_t         epoch;
    const uint32_t *order;        /**< [count] samples */
    size_t          count, batch; /**< in batches of `batch`, the last of which may be smaller */
    size_t          first;        /**< of the order: where to begin, at a whole number of batches */
    const uint8_t  *forms;        /**< of each batch of the order (loader.h); NULL: all 0 */
};
/** Says what comes; what was said before is dropped. Arrays must stay until the next call, or until prefetch_free. */
void prefetch_begin(struct prefetch *prefetch, const struct prefetch_epoch *epoch);
/** The next batch of those, of `count` samples. The error is that of its first bad sample. */
int prefetch_next(struct prefetch *prefetch, size_t count, float *pixels, void *targets, struct error *error);

/** Seconds that prefetch_next has taken so far: time in which nothing was computed. */
double prefetch_waited(const struct prefetch *prefetch);
/** As loader_say_bad_files. */
size_t prefetch_say_bad_files(struct prefetch *prefetch);

#endif
