/* SPDX-License-Identifier: MIT */
/* The packed weights of several plans, deduplicated by content. Plans for different batch sizes may pack a weight in
 * different ways; this file does not know how, it only keeps blocks of equal bytes once. The caller holds the lock of
 * the graph that the plans are made of (shared.h). */
#ifndef GRAPH_PACKS_H
#define GRAPH_PACKS_H

#include "base/memory.h"

/** Unused bytes behind each block: vector loads may touch them while another plan packs the next block. */
enum { PACKS_TAIL = 64 };

struct packed_weights;
struct packs_slab;
struct packs {
    struct memory         *memory;
    struct packed_weights *list;
    size_t                 count, capacity;
    struct packs_slab     *slabs;
    size_t                 slab_count, slab_capacity;
    size_t                 expected; /**< bytes that the current plan is still to ask for */
    bool                   is_packing;
};

/** Called before and after one plan packs its weights, `bytes` in all, so that its blocks lie together. */
void packs_begin(struct packs *packs, size_t bytes);
void packs_end(struct packs *packs);

/** A zeroed block for a plan to pack into, with one owner; NULL and an error on failure. */
void *packs_allocate(struct packs *packs, size_t bytes, struct error *error);
/** Call when `block` is packed. If an older block has the same bytes, gives `block` back and returns the older one,
 *  with one more owner; else returns `block`. */
void *packs_unite(struct packs *packs, void *block);
/** Removes one owner; the last one frees the block. Accepts NULL. */
void  packs_give(struct packs *packs, void *block);
/** Frees the lists; all blocks must have been given back. */
void  packs_close(struct packs *packs);

#endif
