/* SPDX-License-Identifier: MIT */
/* The arena: a list of blocks of 64 KiB each, or of the requested size where that is large; and a hash table of names
 * with open addressing. */
#include "io/onnx/arena.h"
#include "base/size.h"
#include <string.h>

enum { BLOCK_BYTES = 65536, GRAIN = 16 };

struct arena_block {
    struct arena_block *before;
    size_t              used, size;
    _Alignas(GRAIN) unsigned char bytes[];
};

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    size_t bytes, padded;
    if (!size_multiply(count, size, &bytes) || !size_add(bytes, GRAIN, &padded) ||
        !size_add(padded, sizeof(struct arena_block) + BLOCK_BYTES, &padded)) {
        error_set(arena->error, FOV_E_MEMORY, "a list of %zu elements does not fit memory", count);
        return NULL;
    }
    bytes = bytes == 0 ? GRAIN : size_round_up(bytes, GRAIN);
    if (arena->block == NULL || arena->block->size - arena->block->used < bytes) {
        size_t              room = bytes > BLOCK_BYTES / 4 ? bytes : BLOCK_BYTES;
        struct arena_block *block =
            memory_allocate(arena->memory, 1, sizeof *block + room, "an ONNX file's structure", arena->error);
        if (block == NULL) {
            return NULL;
        }
        block->size = room;
        if (room == bytes && arena->block != NULL) {
            /* A large piece gets a block of its own, linked behind the block that is being filled. */
            block->used = bytes;
            block->before = arena->block->before;
            arena->block->before = block;
            return block->bytes;
        }
        block->before = arena->block;
        arena->block = block;
    }
    void *piece = arena->block->bytes + arena->block->used;
    arena->block->used += bytes;
    return piece;
}

const char *arena_text(struct arena *arena, const void *text, size_t length)
{
    char *copy = arena_take(arena, length + 1, 1);
    if (copy != NULL && length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t size)
{
    if (count != 0 && (count < 4 || (count & (count - 1)) != 0)) {
        return array; /* the capacity, 4 or the next power of two, is not used up */
    }
    size_t capacity = count < 4 ? 4 : 2 * count;
    void  *grown = arena_take(arena, capacity, size);
    if (grown != NULL && count > 0) {
        memcpy(grown, array, count * size);
    }
    return grown;
}

void *arena_reserve(struct arena *arena, void *array, size_t *capacity, size_t count, size_t more, size_t size)
{
    if (more <= *capacity - count && array != NULL) {
        return array;
    }
    /* The first elements get exactly the room that they need: most lists come in one piece. */
    size_t wanted = count == 0 ? more : 2 * (count + more);
    void  *grown = arena_take(arena, wanted, size);
    if (grown != NULL) {
        if (count > 0) {
            memcpy(grown, array, count * size);
        }
        *capacity = wanted;
    }
    return grown;
}

void arena_free(struct arena *arena)
{
    while (arena->block != NULL) {
        struct arena_block *before = arena->block->before;
        memory_free(arena->memory, arena->block);
        arena->block = before;
    }
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

int arena_table_make(struct arena *arena, struct arena_table *table, size_t count)
{
    size_t capacity = 16;
    while (capacity / 2 < count) {
        capacity *= 2;
    }
    table->mask = capacity - 1;
    table->names = arena_take(arena, capacity, sizeof *table->names);
    table->numbers = arena_take(arena, capacity, sizeof *table->numbers);
    return table->names == NULL || table->numbers == NULL ? FOV_E_MEMORY : 0;
}

/** The place of `name`, or the free place where it belongs (FNV-1a, linear probing). */
static size_t find_place(const struct arena_table *table, const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    }
    size_t place = (size_t)hash & table->mask;
    while (table->names[place] != NULL && strcmp(table->names[place], name) != 0) {
        place = (place + 1) & table->mask;
    }
    return place;
}

bool arena_table_add(struct arena_table *table, const char *name, size_t number)
{
    size_t place = find_place(table, name);
    if (table->names[place] != NULL) {
        return false;
    }
    table->names[place] = name;
    table->numbers[place] = number;
    return true;
}

size_t arena_table_find(const struct arena_table *table, const char *name)
{
    size_t place = find_place(table, name);
    return table->names[place] == NULL ? SIZE_MAX : table->numbers[place];
}
