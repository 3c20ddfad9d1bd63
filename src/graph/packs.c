/* SPDX-License-Identifier: MIT */
/* Blocks ("pieces") are cut one after the other from large slabs of huge pages: one allocation per weight would take
 * more time than packing. A plan packs into a piece and then looks whether one of equal bytes exists, so the piece that
 * is returned is mostly the last one cut, and is cut again for the next weight. Other returned pieces are kept for
 * requests of the same size, as when a plan is freed and made again. The lists are short (some pieces per layer) and
 * searched linearly. */
#include "graph/packs.h"
#include <string.h>

enum { SLAB = 8 << 20 /* bytes */ };

struct packed_weights {
    unsigned char *block;
    size_t         bytes, capacity; /* capacity: bytes and tail, rounded up */
    int            slab, owners; /* owners 0: free for reuse */
    bool           is_filled;    /* packed completely, so it may be compared */
};

struct packs_slab {
    unsigned char *block;
    size_t         bytes, used;
    int            live; /* pieces with owners */
};

static size_t find(const struct packs *packs, const void *block)
{
    size_t at = packs->count;
    while (at > 0 && (packs->list[at - 1].block != block || packs->list[at - 1].owners == 0)) {
        at--;
    }
    return at; /* 1 + index; 0: not found */
}

static void forget(struct packs *packs, size_t index)
{
    packs->list[index] = packs->list[--packs->count];
}

/* The index of a slab with that much room at its end, a new one if necessary; -1 and an error on failure. */
static int find_slab(struct packs *packs, size_t capacity, struct error *error)
{
    for (size_t i = 0; i < packs->slab_count; i++) {
        if (packs->slabs[i].block != NULL && packs->slabs[i].bytes - packs->slabs[i].used >= capacity) {
            return (int)i;
        }
    }
    size_t at = 0;
    while (at < packs->slab_count && packs->slabs[at].block != NULL) {
        at++;
    }
    if (at == packs->slab_count) {
        if (memory_grow(packs->memory, (void **)&packs->slabs, &packs->slab_capacity, packs->slab_count,
                        sizeof *packs->slabs, "packed weights", error) != FOV_OK) {
            return -1;
        }
        packs->slab_count++;
    }
    size_t wanted = packs->expected > capacity ? packs->expected : capacity;
    size_t bytes = wanted < SLAB ? wanted : capacity > SLAB ? capacity : SLAB;
    packs->slabs[at] = (struct packs_slab){.bytes = bytes};
    packs->slabs[at].block = memory_allocate(packs->memory, bytes, 1, "packed weights", error);
    return packs->slabs[at].block != NULL ? (int)at : -1;
}

/* Frees a slab none of whose pieces has an owner, and forgets its pieces. */
static void drop_slab(struct packs *packs, int slab)
{
    for (size_t i = packs->count; i > 0; i--) {
        if (packs->list[i - 1].slab == slab) {
            forget(packs, i - 1);
        }
    }
    memory_free(packs->memory, packs->slabs[slab].block);
    packs->slabs[slab] = (struct packs_slab){.block = NULL};
}

/* A piece of exactly that size without owners; NULL: there is none. */
static struct packed_weights *find_dead(struct packs *packs, size_t capacity)
{
    for (size_t i = 0; i < packs->count; i++) {
        if (packs->list[i].owners == 0 && packs->list[i].capacity == capacity) {
            return &packs->list[i];
        }
    }
    return NULL;
}

void packs_begin(struct packs *packs, size_t bytes)
{
    packs->expected = bytes;
    packs->is_packing = true;
}

void packs_end(struct packs *packs)
{
    packs->is_packing = false;
    for (size_t i = 0; i < packs->slab_count; i++) {
        if (packs->slabs[i].block != NULL && packs->slabs[i].live == 0) {
            drop_slab(packs, (int)i);
        }
    }
}

void *packs_allocate(struct packs *packs, size_t bytes, struct error *error)
{
    size_t capacity;
    if (!size_add(bytes, PACKS_TAIL + MEMORY_ALIGNMENT - 1, &capacity)) {
        error_set(error, FOV_E_MEMORY, "the packed weights do not fit memory");
        return NULL;
    }
    capacity = capacity / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    struct packed_weights *piece = find_dead(packs, capacity);
    if (piece != NULL) {
        memset(piece->block, 0, capacity);
    } else {
        if (memory_grow(packs->memory, (void **)&packs->list, &packs->capacity, packs->count, sizeof *packs->list,
                        "packed weights", error) != FOV_OK) {
            return NULL;
        }
        int slab = find_slab(packs, capacity, error);
        if (slab < 0) {
            return NULL;
        }
        piece = &packs->list[packs->count++];
        *piece = (struct packed_weights){
            .block = packs->slabs[slab].block + packs->slabs[slab].used, .capacity = capacity, .slab = slab};
        packs->slabs[slab].used += capacity;
    }
    piece->bytes = bytes;
    piece->owners = 1;
    piece->is_filled = false;
    packs->slabs[piece->slab].live++;
    packs->expected -= packs->expected < capacity ? packs->expected : capacity;
    return piece->block;
}

void *packs_unite(struct packs *packs, void *block)
{
    size_t at = find(packs, block) - 1, bytes = packs->list[at].bytes;
    packs->list[at].is_filled = true;
    for (size_t i = 0; i < packs->count; i++) {
        struct packed_weights *other = &packs->list[i];
        if (i != at && other->owners > 0 && other->is_filled && other->bytes == bytes &&
            memcmp(other->block, block, bytes) == 0) {
            void *shared = other->block;
            other->owners++;
            packs_give(packs, block);
            return shared;
        }
    }
    return block;
}

void packs_give(struct packs *packs, void *block)
{
    size_t at = block != NULL ? find(packs, block) : 0;
    if (at == 0 || --packs->list[at - 1].owners > 0) {
        return;
    }
    struct packed_weights piece = packs->list[at - 1];
    struct packs_slab    *slab = &packs->slabs[piece.slab];
    slab->live--;
    if (slab->live == 0 && !packs->is_packing) {
        drop_slab(packs, piece.slab);
    } else if (piece.block + piece.capacity == slab->block + slab->used) { /* cut last: back to the slab, zeroed */
        memset(piece.block, 0, piece.capacity);
        slab->used -= piece.capacity;
        forget(packs, at - 1);
    }
}

void packs_close(struct packs *packs)
{
    memory_free(packs->memory, packs->list);
    memory_free(packs->memory, packs->slabs);
    packs->list = NULL;
    packs->slabs = NULL;
}
