/* SPDX-License-Identifier: MIT */
/* Many small pieces of memory that die together: what a reader makes of a file. */
#ifndef IO_ONNX_ARENA_H
#define IO_ONNX_ARENA_H

#include "base/memory.h"

struct arena_block;

struct arena {
    struct memory      *memory;
    struct error       *error;
    struct arena_block *block; /**< the newest; each knows the one before */
};

/** Zeroed, aligned to 16 bytes. NULL and an error when it cannot be had. */
void *arena_take(struct arena *arena, size_t count, size_t size);
/** A terminated copy. */
const char *arena_text(struct arena *arena, const void *text, size_t length);
/** Room for element `count` of an array that has grown by this function only: doubles at powers of two. Returns the
 *  array, perhaps moved, or NULL. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t size);
/** The same for arrays that grow by many elements at once and keep their capacity. */
void *arena_reserve(struct arena *arena, void *array, size_t *capacity, size_t count, size_t more, size_t size);
void  arena_free(struct arena *arena);

/** Names to numbers, of a size that is known beforehand. */
struct arena_table {
    const char **names;
    size_t      *numbers;
    size_t       mask;
};
int    arena_table_make(struct arena *arena, struct arena_table *table, size_t count);
bool   arena_table_add(struct arena_table *table, const char *name, size_t number); /**< false: it is there already */
size_t arena_table_find(const struct arena_table *table, const char *name);         /**< SIZE_MAX: not there */

#endif
