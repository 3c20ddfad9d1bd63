/* SPDX-License-Identifier: MIT */
/* Blocks with a header in front, counted atomically. This is not an allocator of its own: the bytes come from the
 * source (malloc, or the allocator that the library's user gave), large blocks as pages from the system, huge pages if
 * available. Plans do their own placement inside one such block. */
#include "base/memory.h"
#include "base/text.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct memory {
    struct memory_source source;
    bool                 own_pages; /* large blocks come straight from the system, not from `source` */
    atomic_size_t        limit, in_use, peak;
    _Atomic uint64_t     requests;
    _Atomic uint64_t     fail_in; /* n: the n-th request from now fails; 0 = none */
    atomic_bool          fail_sticky;
};

/* Lies directly in front of the user's block. */
struct block_header {
    void  *start; /* address that the source returned */
    size_t size;  /* bytes of the user's part */
    size_t total; /* bytes counted: all of it */
    size_t pages; /* bytes of the mapping at `start`; 0: `start` is from the source */
};

/* Header, room to align, and the readable bytes that vector loads may touch behind the end. */
enum { BLOCK_TAIL = 64, BLOCK_OVERHEAD = (int)sizeof(struct block_header) + MEMORY_ALIGNMENT - 1 + BLOCK_TAIL };

/* From this size on a block is a mapping of its own: new pages are zero already, and huge ones (2 MiB on most machines)
 * cost a third of the time to make. A plan's activations and packed weights are read from end to end in every run, and
 * with pages of 4 KiB a core reads memory at 12 GB/s where it could at 19 (measured, Sapphire Rapids). */
enum { HUGE_PAGE = 2 << 20, OWN_PAGES_FROM = 2 * HUGE_PAGE };

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define MEMORY_WATCHED 1
#endif
#endif
#ifndef MEMORY_WATCHED
#define MEMORY_WATCHED 0 /* 1: every block comes from malloc, so that a sanitizer checks its bounds */
#endif

/* Maps zeroed pages, aligned to a huge page; NULL on failure. */
static void *memory_map(size_t bytes, size_t *mapped)
{
#ifdef MAP_ANONYMOUS
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    const size_t   page = 65536, kept = size_round_up(bytes, page); /* a multiple of any common page */
    unsigned char *start = mmap(NULL, kept + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    size_t before = (HUGE_PAGE - (size_t)((uintptr_t)start % HUGE_PAGE)) % HUGE_PAGE;
    if (before > 0) {
        munmap(start, before);
    }
    munmap(start + before + kept, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(start + before, kept, MADV_HUGEPAGE); /* only a hint: without it, ordinary pages do */
#endif
    *mapped = kept;
    return start + before;
#else
    (void)bytes, (void)mapped;
    return NULL;
#endif
}

static void *memory_malloc(void *user, size_t bytes)
{
    (void)user;
    return malloc(bytes);
}

static void memory_malloc_free(void *user, void *block)
{
    (void)user;
    free(block);
}

struct memory *memory_create(const struct memory_source *source, size_t limit)
{
    struct memory_source from = {memory_malloc, memory_malloc_free, NULL};
    if (source != NULL) {
        from = *source;
    }
    struct memory *memory = from.allocate(from.user, sizeof *memory);
    if (memory == NULL) {
        return NULL;
    }
    memory->source = from;
    memory->own_pages = source == NULL && !MEMORY_WATCHED;
    atomic_init(&memory->limit, limit);
    atomic_init(&memory->in_use, 0);
    atomic_init(&memory->peak, 0);
    atomic_init(&memory->requests, 0);
    atomic_init(&memory->fail_in, 0);
    atomic_init(&memory->fail_sticky, false);
    return memory;
}

void memory_destroy(struct memory *memory)
{
    if (memory != NULL) {
        struct memory_source source = memory->source;
        source.release(source.user, memory);
    }
}

/* Whether memory_fail_at makes this request fail. */
static bool memory_must_fail(struct memory *memory)
{
    uint64_t n = atomic_load_explicit(&memory->fail_in, memory_order_relaxed);
    while (n > 0) {
        bool     fails = n == 1;
        uint64_t next = fails && atomic_load(&memory->fail_sticky) ? 1 : n - 1;
        if (atomic_compare_exchange_weak(&memory->fail_in, &n, next)) {
            return fails;
        }
    }
    return false;
}

/* Adds `total` bytes to the bytes in use; false, and nothing added, if that exceeds the limit. */
static bool memory_charge(struct memory *memory, size_t total)
{
    size_t limit = atomic_load_explicit(&memory->limit, memory_order_relaxed);
    size_t used = atomic_load_explicit(&memory->in_use, memory_order_relaxed), next;
    do {
        if (!size_add(used, total, &next) || (limit != 0 && next > limit)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&memory->in_use, &used, next));
    size_t peak = atomic_load_explicit(&memory->peak, memory_order_relaxed);
    while (next > peak && !atomic_compare_exchange_weak(&memory->peak, &peak, next)) {
    }
    return true;
}

static struct block_header *block_of(void *block)
{
    return (struct block_header *)block - 1;
}

static void memory_report(struct memory *memory, size_t need, const char *what, struct error *error)
{
    char   needed[32], used[32], most[32];
    size_t limit = memory_limit(memory);
    text_bytes(needed, sizeof needed, need);
    text_bytes(used, sizeof used, memory_in_use(memory));
    if (limit != 0) {
        error_set(error, FOV_E_MEMORY, "out of memory: %s needs %s, %s of the limit of %s are in use", what, needed,
                  used, text_bytes(most, sizeof most, limit));
    } else {
        error_set(error, FOV_E_MEMORY, "out of memory: %s needs %s, %s are in use", what, needed, used);
    }
}

void *memory_allocate_raw(struct memory *memory, size_t count, size_t size, const char *what, struct error *error)
{
    atomic_fetch_add_explicit(&memory->requests, 1, memory_order_relaxed);
    size_t bytes, total;
    if (!size_multiply(count, size, &bytes) || !size_add(bytes, BLOCK_OVERHEAD + 1, &total)) {
        error_set(error, FOV_E_MEMORY, "out of memory: %s needs %zu x %zu bytes, more than can be addressed", what,
                  count, size);
        return NULL;
    }
    if (bytes == 0) {
        bytes = 1;
    }
    total = bytes + BLOCK_OVERHEAD;
    if (memory_must_fail(memory) || !memory_charge(memory, total)) {
        memory_report(memory, bytes, what, error);
        return NULL;
    }
    size_t         pages = 0;
    unsigned char *start = memory->own_pages && total >= OWN_PAGES_FROM ? memory_map(total, &pages) : NULL;
    if (start == NULL) {
        start = memory->source.allocate(memory->source.user, total);
    }
    if (start == NULL) {
        atomic_fetch_sub(&memory->in_use, total);
        memory_report(memory, bytes, what, error);
        return NULL;
    }
    size_t         misfit = (size_t)((uintptr_t)(start + sizeof(struct block_header)) % MEMORY_ALIGNMENT);
    unsigned char *block =
        start + sizeof(struct block_header) + (misfit == 0 ? 0 : (size_t)MEMORY_ALIGNMENT - misfit);
    *block_of(block) = (struct block_header){.start = start, .size = bytes, .total = total, .pages = pages};
    if (pages == 0) {
        memset(block + bytes, 0, BLOCK_TAIL);
    }
    return block;
}

void *memory_allocate(struct memory *memory, size_t count, size_t size, const char *what, struct error *error)
{
    void *block = memory_allocate_raw(memory, count, size, what, error);
    if (block != NULL && block_of(block)->pages == 0) {
        memset(block, 0, block_of(block)->size);
    }
    return block;
}

void *memory_resize(struct memory *memory, void *block, size_t count, size_t size, const char *what,
                    struct error *error)
{
    unsigned char *bigger = memory_allocate_raw(memory, count, size, what, error);
    if (bigger == NULL) {
        return NULL;
    }
    size_t now = block_of(bigger)->size, old = block != NULL ? block_of(block)->size : 0;
    size_t kept = old < now ? old : now;
    if (kept > 0) {
        memcpy(bigger, block, kept);
    }
    if (block_of(bigger)->pages == 0) {
        memset(bigger + kept, 0, now - kept);
    }
    memory_free(memory, block);
    return bigger;
}

void memory_free(struct memory *memory, void *block)
{
    if (block != NULL) {
        struct block_header header = *block_of(block);
        atomic_fetch_sub(&memory->in_use, header.total);
        if (header.pages != 0) {
            munmap(header.start, header.pages);
        } else {
            memory->source.release(memory->source.user, header.start);
        }
    }
}

int memory_hold(struct memory *memory, size_t bytes, const char *what, struct error *error)
{
    if (memory == NULL) {
        return FOV_OK;
    }
    atomic_fetch_add_explicit(&memory->requests, 1, memory_order_relaxed);
    if (memory_must_fail(memory) || !memory_charge(memory, bytes)) {
        memory_report(memory, bytes, what, error);
        return FOV_E_MEMORY;
    }
    return FOV_OK;
}

void memory_release(struct memory *memory, size_t bytes)
{
    if (memory != NULL) {
        atomic_fetch_sub(&memory->in_use, bytes);
    }
}

char *memory_copy_text(struct memory *memory, const char *text, struct error *error)
{
    size_t length = strlen(text) + 1;
    char  *copy = memory_allocate_raw(memory, length, 1, "text", error);
    if (copy != NULL) {
        memcpy(copy, text, length);
    }
    return copy;
}

int memory_grow(struct memory *memory, void **block, size_t *capacity, size_t count, size_t size, const char *what,
                struct error *error)
{
    if (count < *capacity) {
        return FOV_OK;
    }
    size_t bigger;
    if (!size_multiply(count < 4 ? 4 : count, 2, &bigger)) {
        return error_set(error, FOV_E_MEMORY, "out of memory: %s has %zu elements already", what, count);
    }
    void *grown = memory_resize(memory, *block, bigger, size, what, error);
    if (grown == NULL) {
        return FOV_E_MEMORY;
    }
    *block = grown;
    *capacity = bigger;
    return FOV_OK;
}

size_t memory_in_use(const struct memory *memory)
{
    return atomic_load(&memory->in_use);
}

size_t memory_peak(const struct memory *memory)
{
    return atomic_load(&memory->peak);
}

uint64_t memory_requests(const struct memory *memory)
{
    return atomic_load(&memory->requests);
}

size_t memory_limit(const struct memory *memory)
{
    return atomic_load(&memory->limit);
}

void memory_set_limit(struct memory *memory, size_t limit)
{
    atomic_store(&memory->limit, limit);
}

void memory_fail_at(struct memory *memory, uint64_t n, bool sticky)
{
    atomic_store(&memory->fail_sticky, sticky);
    atomic_store(&memory->fail_in, n);
}
