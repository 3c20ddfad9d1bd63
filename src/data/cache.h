/* SPDX-License-Identifier: MIT */
/* Decoded samples kept in memory between epochs, up to a limit in bytes. A sample is kept as its source decoded it,
 * before any preparation, so that batches are the same with and without the cache. Samples are never evicted: an epoch
 * visits each sample once, so an evicted one would only be decoded again. Safe for any number of threads. */
#ifndef DATA_CACHE_H
#define DATA_CACHE_H

#include "data/sample.h"

struct cache;

/** A cache of at most `limit` bytes for samples 0 .. count - 1. NULL and an error if memory is short. */
struct cache *cache_create(struct memory *memory, size_t count, size_t limit, struct error *error);
void          cache_free(struct cache *cache); /**< accepts NULL */

/** Whether sample `index` is cached; if so, `sample` points to the cached data, without owning it. */
bool cache_show(const struct cache *cache, size_t index, struct sample *sample);
/** Stores a copy of the sample if the limit leaves room for it. */
void cache_keep(struct cache *cache, size_t index, const struct sample *sample);

size_t cache_bytes(const struct cache *cache);

#endif
