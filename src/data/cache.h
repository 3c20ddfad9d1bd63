/* SPDX-License-Identifier: MIT */
/* Decoded samples kept in memory between epochs, up to a limit. What is kept is a sample as its source gave it, so that
 * nothing that comes after can differ. Samples are never dropped again: an epoch visits each once, and whatever was
 * dropped would be the next one needed. Safe for any number of threads. */
#ifndef DATA_CACHE_H
#define DATA_CACHE_H

#include "data/sample.h"

struct cache;

/** For samples 0 .. count - 1. NULL and an error without memory. */
struct cache *cache_create(struct memory *memory, size_t count, size_t limit, struct error *error);
void          cache_free(struct cache *cache); /**< accepts NULL */

/** Whether sample `index` is kept; then `sample` shows it, without owning it. */
bool cache_show(const struct cache *cache, size_t index, struct sample *sample);
/** Keeps a copy where there is room for it. */
void cache_keep(struct cache *cache, size_t index, const struct sample *sample);

size_t cache_bytes(const struct cache *cache);

#endif
