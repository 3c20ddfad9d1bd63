/* SPDX-License-Identifier: MIT */
/* Prefetching: threads of its own prepare the next batches while the caller computes. A batch depends on nothing but
 * its samples, so it is the same with and without prefetching and with any number of threads. Memory is bounded: at
 * most two finished batches wait. Without threads of its own each batch is prepared on request, on the context's pool.
 * Next: prefetch.c. */
#ifndef DATA_PREFETCH_H
#define DATA_PREFETCH_H

#include "data/loader.h"

struct prefetch;

struct prefetch_options {
    struct loader_options loader; /**< .threads: threads that prefetch; 0: no prefetching */
    size_t batch;                 /**< number of samples in the largest batch */
    size_t target_bytes;          /**< size of one sample's target in form 0 */
};

struct prefetch *prefetch_create(struct fov_context *context, const fov_dataset *dataset,
                                 const struct prefetch_options *options, struct error *error);
void prefetch_free(struct prefetch *prefetch); /**< accepts NULL */

/** The batches of an epoch. */
struct prefetch_epoch {
    int64_t         epoch;
    const uint32_t *order;        /**< [count] indices of samples */
    size_t          count, batch; /**< samples in all, and per batch; the last batch may be smaller */
    size_t          first;        /**< position in `order` to begin at, a multiple of `batch` */
    const uint8_t  *forms;        /**< the form of each batch of the order (loader.h); NULL: all 0 */
};
/** Starts an epoch and drops what is left of the previous one. The epoch's arrays must stay valid until the next call,
 *  or until prefetch_free. */
void prefetch_begin(struct prefetch *prefetch, const struct prefetch_epoch *epoch);
/** Copies out the epoch's next batch, of `count` samples. The error is that of its first bad sample. */
int prefetch_next(struct prefetch *prefetch, size_t count, const struct loader_batch *to, struct error *error);

/** Seconds spent in prefetch_next so far, waiting for or preparing batches. */
double prefetch_waited(const struct prefetch *prefetch);
/** Like loader_say_bad_files. */
size_t prefetch_say_bad_files(struct prefetch *prefetch);

#endif
