/* SPDX-License-Identifier: MIT */
/* The only way to allocate memory: every block is 64-byte aligned, counted and checked against a limit, and a test can
 * make the n-th request fail. All sizes come as count x size so that the product is checked here and nowhere else. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/error.h"
#include "base/size.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_ALIGNMENT = 64 };

/** `bytes`, rounded up such that what follows in the same block is aligned, too. */
static inline size_t memory_aligned(size_t bytes)
{
    return size_round_up(bytes, MEMORY_ALIGNMENT);
}

/** The underlying allocator; `user` is passed to both functions. allocate returns `bytes` bytes aligned to 16, or
 *  NULL. */
struct memory_source {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *block);
    void *user;
};

/** Counters are atomic: worker threads may allocate (image decoding does). */
struct memory;

/** `source` NULL: malloc and free, and huge pages from the system for blocks of 4 MiB and more. `limit` in bytes; 0:
 *  none. NULL if the struct itself cannot be allocated. */
struct memory *memory_create(const struct memory_source *source, size_t limit);
/** Frees the bookkeeping only; blocks that the caller has not freed leak (leak checkers see them). */
void memory_destroy(struct memory *memory);

/** Zeroed block of count x size bytes (at least 1), 64-byte aligned and followed by 64 readable bytes.
 *  NULL and an error (E_MEMORY, naming `what`, the need and the limit) on failure. */
void *memory_allocate(struct memory *memory, size_t count, size_t size, const char *what, struct error *error);
/** The same without zeroing: for arenas that are written before they are read. (A large block's pages are new and zero
 *  anyway: there memory_allocate costs nothing more.) */
void *memory_allocate_raw(struct memory *memory, size_t count, size_t size, const char *what, struct error *error);
/** Grows or shrinks; new bytes are zero. On failure the old block stays as it was. */
void *memory_resize(struct memory *memory, void *block, size_t count, size_t size, const char *what,
                    struct error *error);
void  memory_free(struct memory *memory, void *block); /**< accepts NULL */
char *memory_copy_text(struct memory *memory, const char *text, struct error *error);

/** Counts `bytes` that other code (a decoder, the system) allocates for us, without allocating anything: they count
 *  against the limit until memory_release. E_MEMORY as above. `memory` NULL: does nothing. */
int  memory_hold(struct memory *memory, size_t bytes, const char *what, struct error *error);
void memory_release(struct memory *memory, size_t bytes);

/** Makes room for one more element in a growing array: doubles `*capacity` when `count` reaches it. */
int memory_grow(struct memory *memory, void **block, size_t *capacity, size_t count, size_t size, const char *what,
                struct error *error);

size_t   memory_in_use(const struct memory *memory);    /**< bytes */
size_t   memory_peak(const struct memory *memory);      /**< bytes */
uint64_t memory_requests(const struct memory *memory);  /**< allocations so far: unchanged while a plan runs */
size_t   memory_limit(const struct memory *memory);     /**< bytes, 0 = none */
void     memory_set_limit(struct memory *memory, size_t limit);
/** For tests: the `n`-th request from now fails (1 = the next), and all after it when `sticky`. 0 switches off. */
void memory_fail_at(struct memory *memory, uint64_t n, bool sticky);

#endif
