/* SPDX-License-Identifier: MIT */
/* One block of memory per sample, published by one atomic write of its pointer: readers never wait. */
#include "data/cache.h"
#include <stdatomic.h>
#include <string.h>

/* A sample in one block: this header, its numbers, its boxes, then the pixels of its pictures. */
struct kept {
    struct picture picture, mask, other; /* their pixels point into the block */
    int32_t label;
    size_t  number_count, box_count;
    size_t  boxes_at; /* offset of the boxes in bytes; the numbers follow the header directly */
};

struct cache {
    struct memory *memory;
    size_t         count, limit;
    atomic_size_t  bytes;
    _Atomic(struct kept *) kept[]; /* [count] */
};

struct cache *cache_create(struct memory *memory, size_t count, size_t limit, struct error *error)
{
    size_t bytes;
    struct cache *cache = NULL;
    if (size_multiply(count, sizeof(struct kept *), &bytes) && size_add(bytes, sizeof *cache, &bytes)) {
        cache = memory_allocate(memory, bytes, 1, "a cache of samples", error);
    } else {
        error_set(error, FOV_E_MEMORY, "a cache of %zu samples does not fit memory", count);
    }
    if (cache != NULL) {
        cache->memory = memory;
        cache->count = count;
        cache->limit = limit;
    }
    return cache;
}

void cache_free(struct cache *cache)
{
    for (size_t i = 0; cache != NULL && i < cache->count; i++) {
        memory_free(cache->memory, atomic_load_explicit(&cache->kept[i], memory_order_relaxed));
    }
    if (cache != NULL) {
        memory_free(cache->memory, cache);
    }
}

bool cache_show(const struct cache *cache, size_t index, struct sample *sample)
{
    struct kept *kept = atomic_load_explicit(&cache->kept[index], memory_order_acquire);
    if (kept == NULL) {
        return false;
    }
    char *block = (char *)kept;
    *sample = (struct sample){.picture = kept->picture,
                              .mask = kept->mask,
                              .other = kept->other,
                              .label = kept->label,
                              .numbers = kept->number_count > 0 ? (float *)(void *)(kept + 1) : NULL,
                              .number_count = kept->number_count,
                              .boxes = kept->box_count > 0 ? (fov_box *)(void *)(block + kept->boxes_at) : NULL,
                              .box_count = kept->box_count};
    return true;
}

static size_t bytes_of(const struct picture *picture)
{
    return picture->pixels == NULL ? 0
                                   : (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
}

static struct picture copy_picture(const struct picture *from, uint8_t **to)
{
    struct picture copy = {.height = from->height, .width = from->width, .channels = from->channels};
    if (from->pixels != NULL) {
        copy.pixels = memcpy(*to, from->pixels, bytes_of(from));
        *to += bytes_of(from);
    }
    return copy;
}

/* Reserves `bytes` of the limit; false if fewer are left. */
static bool take(struct cache *cache, size_t bytes)
{
    size_t used = atomic_load_explicit(&cache->bytes, memory_order_relaxed);
    do {
        if (bytes > cache->limit || used > cache->limit - bytes) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&cache->bytes, &used, used + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void cache_keep(struct cache *cache, size_t index, const struct sample *sample)
{
    size_t numbers = sample->number_count * sizeof(float), boxes = sample->box_count * sizeof(fov_box);
    size_t boxes_at = (sizeof(struct kept) + numbers + 15) / 16 * 16;
    size_t bytes = boxes_at + boxes + bytes_of(&sample->picture) + bytes_of(&sample->mask) + bytes_of(&sample->other);
    struct kept *kept, *none = NULL;
    if (!take(cache, bytes)) {
        return;
    }
    kept = memory_allocate_raw(cache->memory, bytes, 1, "a cached sample", NULL);
    if (kept == NULL) {
        atomic_fetch_sub_explicit(&cache->bytes, bytes, memory_order_relaxed);
        return; /* not cached: the sample is decoded again when it is needed */
    }
    uint8_t *pixels = (uint8_t *)kept + boxes_at + boxes;
    *kept = (struct kept){.label = sample->label,
                          .number_count = sample->number_count,
                          .box_count = sample->box_count,
                          .boxes_at = boxes_at};
    if (numbers > 0) {
        memcpy(kept + 1, sample->numbers, numbers);
    }
    if (boxes > 0) {
        memcpy((char *)kept + boxes_at, sample->boxes, boxes);
    }
    kept->picture = copy_picture(&sample->picture, &pixels);
    kept->mask = copy_picture(&sample->mask, &pixels);
    kept->other = copy_picture(&sample->other, &pixels);
    if (!atomic_compare_exchange_strong_explicit(&cache->kept[index], &none, kept, memory_order_release,
                                                 memory_order_relaxed)) {
        memory_free(cache->memory, kept); /* another thread has cached this sample first */
        atomic_fetch_sub_explicit(&cache->bytes, bytes, memory_order_relaxed);
    }
}

size_t cache_bytes(const struct cache *cache)
{
    return atomic_load_explicit(&cache->bytes, memory_order_relaxed);
}
