/* SPDX-License-Identifier: MIT */
/* State shared by the verifier's two files: verify_places.c knows where tensors lie and which of them are intact,
 * verify.c walks a finished plan. Private to these files; all others call plan_verify (plan.h). */
#ifndef GRAPH_VERIFY_H
#define GRAPH_VERIFY_H

#include "graph/plan.h"

/* A range of bytes in the arena, or in one storage outside of it. For some channels of a wider tensor: the bytes
 * [first, last) of every `period` bytes, counted from `origin`. */
struct place {
    int    space; /* 0: the arena; else 1 + a storage outside of it */
    size_t begin, end;
    size_t origin, period, first, last; /* period 0: all bytes */
};

enum state { NEVER, HELD, LOST }; /* never written; intact; overwritten since */

/* A "thing" is what occupies memory: every tensor, and every storage (for workspace and packed forms). */
struct verifier {
    const fov_plan *plan;
    struct error   *error;
    size_t          things;  /* tensors, then storages */
    struct place   *place;   /* per thing */
    enum state     *state;   /* per thing */
    int            *lost_to; /* per thing: the step that overwrote it */
    int            *twin;    /* per tensor: the first tensor of the same value that has exactly the same bytes */
    int            *sorted, *rank; /* things ordered by space and beginning; each thing's position in that order */
    size_t         *ends;  /* [2 * leaves]: a tree over that order: the largest end of intact things per subtree */
    size_t          leaves; /* a power of two */
    int            *newest;  /* per storage outside the arena: the value that a step has written into it; 0: none */
    int            *renewed_by; /* per storage: the last step of the plan that writes into it; -1: none */
    bool           *ran, *shown; /* per step, in this run: it ran; its sums were taken as its input was written */
    const struct plan_step **order; /* [steps] workspace */
};

struct place verify_place_of_storage(const fov_plan *plan, int storage);
struct place verify_place_of_tensor(const fov_plan *plan, int tensor);
bool verify_overlap(const struct place *a, const struct place *b);
bool verify_same_place(const struct place *a, const struct place *b);
/** Whether every byte of a is a byte of b. */
bool verify_lies_within(const struct place *a, const struct place *b);

/** Fills v->sorted and v->rank, once all places are known. */
int  verify_sort(struct verifier *v);
/** The thing of a storage: for workspace and packed forms, which have no tensor. */
int verify_storage_thing(const struct verifier *v, int storage);
/** Marks a thing as intact without a write: it is another name for bytes that are there. Things that overlap it keep
 *  their state. */
void verify_hold(struct verifier *v, int thing);
/** Marks a thing as lost, overwritten by step `by`. */
void verify_drop(struct verifier *v, int thing, int by);
/** Step `step` writes a thing: it is intact, and every other thing that overlaps it is lost. */
void verify_write(struct verifier *v, int thing, int step);

#endif
