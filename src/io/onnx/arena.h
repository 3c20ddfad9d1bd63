/* SPDX-License-Identifier: MIT */
/* Many small pieces of memory that are freed together: what a reader makes of a file. */
#ifndef IO_ONNX_ARENA_H
#define IO_ONNX_ARENA_H

#include "base/memory.h"

struct arena_block;

struct arena {
    struct memory      *memory;
    struct error       *error;
    struct arena_block *block; /**< the block being filled; each block links to the one before */
};

/** Allocates count x size bytes, zeroed, aligned to 16 bytes. NULL and an error when memory is short. */
void *arena_take(struct arena *arena, size_t count, size_t size);
/** A terminated copy. */
const char *arena_text(struct arena *arena, const void *text, size_t length);
/** Makes room for one more element in an array that has `count`, and that only this function has grown: the capacity
 *  follows from `count` and doubles at powers of two. Returns the array, perhaps moved, or NULL. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t size);
/** The same for `more` elements at once; the caller keeps the capacity. */
void *arena_reserve(struct arena *arena, void *array, size_t *capacity, size_t count, size_t more, size_t size);
void  arena_free(struct arena *arena);

/** A hash table from names to numbers, for at most as many names as arena_table_make was told. */
struct arena_table {
    const char **names;
    size_t      *numbers;
    size_t       mask;
};
int    arena_table_make(struct arena *arena, struct arena_table *table, size_t count);
bool   arena_table_add(struct arena_table *table, const char *name, size_t number); /**< false: name already present */
size_t arena_table_find(const struct arena_table *table, const char *name);         /**< SIZE_MAX: name not present */

#endif
