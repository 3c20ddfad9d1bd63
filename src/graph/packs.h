/* SPDX-License-Identifier: MIT */
/* Packed weights of several plans, those with equal bytes once. Plans for different numbers of samples may pack a
 * weight in different ways; nothing here knows how: what comes out the same is kept once. Whoever calls holds the lock
 * of the graph that the plans are made of (shared.h). */
#ifndef GRAPH_PACKS_H
#define GRAPH_PACKS_H

#include "base/memory.h"

/** Bytes behind each block that nobody writes: vector loads may touch them while another plan packs what follows. */
enum { PACKS_TAIL = 64 };

struct packed_weights;
struct packs_slab;
struct packs {
    struct memory         *memory;
    struct packed_weights *list;
    size_t                 count, capacity;
    struct packs_slab     *slabs;
    size_t                 slab_count, slab_capacity;
    size_t                 expected; /**< bytes that are about to be asked for */
    bool                   is_packing;
};

/** Around the packing of one plan, which will ask for so many bytes in all, so that they lie together. */
void packs_begin(struct packs *packs, size_t bytes);
void packs_end(struct packs *packs);

/** A zeroed block for a plan to pack into; NULL and an error. */
void *packs_room(struct packs *packs, size_t bytes, struct error *error);
/** The block, or one of the same bytes that was there before, which then has one owner more. */
void *packs_unite(struct packs *packs, void *block);
/** One owner less; the last one frees it. Accepts NULL. */
void  packs_give(struct packs *packs, void *block);
/** Frees the lists; all blocks have been given back. */
void  packs_close(struct packs *packs);

#endif
