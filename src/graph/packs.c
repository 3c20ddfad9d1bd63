/* SPDX-License-Identifier: MIT */
/* A list of blocks with their owners. It is short (some per layer), so it is searched from end to end; sizes and first
 * bytes tell nearly all blocks apart before they are compared. */
#include "graph/packs.h"
#include "base/hash.h"
#include <string.h>

struct packed_weights {
    void    *block;
    size_t   bytes;
    uint64_t hash; /* of the bytes, once they are there */
    int      owners;
    bool     is_filled;
};

static size_t find(const struct packs *packs, const void *block)
{
    size_t at = packs->count;
    while (at > 0 && packs->list[at - 1]->block != block) {
        at--;
    }
    return at; /* 0: it is not there */
}

void *packs_room(struct packs *packs, size_t bytes, struct error *error)
{
    struct packed_weights *entry = NULL;
    void *block = NULL;
    if (memory_grow(packs->memory, (void **)&packs->list, &packs->capacity, packs->count,
                    sizeof(struct packed_weights *), "packed weights", error) == FOV_OK) {
        entry = memory_allocate(packs->memory, 1, sizeof *entry, "packed weights", error);
        block = entry != NULL ? memory_allocate(packs->memory, bytes, 1, "packed weights", error) : NULL;
    }
    if (block == NULL) {
        memory_free(packs->memory, entry);
        return NULL;
    }
    *entry = (struct packed_weights){.block = block, .bytes = bytes, .owners = 1};
    packs->list[packs->count++] = entry;
    return block;
}

void *packs_unite(struct packs *packs, void *block)
{
    size_t at = find(packs, block);
    struct packed_weights *made = packs->list[at - 1];
    made->hash = hash_fold(0, block, made->bytes);
    made->is_filled = true;
    for (size_t i = 0; i < packs->count; i++) {
        struct packed_weights *other = packs->list[i];
        if (other != made && other->is_filled && other->bytes == made->bytes && other->hash == made->hash &&
            memcmp(other->block, block, made->bytes) == 0) {
            packs_give(packs, block);
            other->owners++;
            return other->block;
        }
    }
    return block;
}

void packs_give(struct packs *packs, void *block)
{
    size_t at = block != NULL ? find(packs, block) : 0;
    if (at == 0) {
        return;
    }
    struct packed_weights *entry = packs->list[at - 1];
    if (--entry->owners == 0) {
        packs->list[at - 1] = packs->list[--packs->count];
        memory_free(packs->memory, entry->block);
        memory_free(packs->memory, entry);
    }
}

void packs_close(struct packs *packs)
{
    memory_free(packs->memory, packs->list);
    packs->list = NULL;
}
