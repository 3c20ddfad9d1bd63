/* SPDX-License-Identifier: MIT */
/* What the two files of the verifier share: verify_places.c knows where tensors lie and which are held there, verify.c
 * walks a finished plan. Private to these; plan.h has the question that the rest asks. */
#ifndef GRAPH_VERIFY_H
#define GRAPH_VERIFY_H

#include "graph/plan.h"

/* Where something lies: bytes of the arena, or of one piece of memory outside of it. Of pixels of a wider tensor the
 * bytes [first, last) of each `period` from `origin` on. */
struct place {
    int    space; /* 0: the arena; else 1 + a storage outside of it */
    size_t begin, end;
    size_t origin, period, first, last; /* period 0: all bytes */
};

enum state { NEVER, HELD, LOST };

struct verifier {
    const fov_plan *plan;
    struct error   *error;
    size_t          things;  /* tensors, then storages: workspace and packed forms */
    struct place   *place;   /* per thing */
    enum state     *state;   /* per thing */
    int            *lost_to; /* per thing: the step that wrote over it */
    int            *twin;    /* per tensor: the first of those that are the same bytes under two layouts */
    int            *sorted, *rank; /* things by space and beginning, and where each stands among them */
    size_t         *ends;  /* [2 * leaves]: a tree over that order: the last end of what is held in each part */
    size_t          leaves; /* a power of two */
    int            *newest;  /* per storage outside the arena: the value that a step has written into it; 0: none */
    int            *renewed_by; /* per storage: the last step of the plan that writes into it; -1: none */
    bool           *ran, *shown; /* per step, in this run */
    const struct plan_step **order; /* [steps] working room */
};

struct place verify_place_of_storage(const fov_plan *plan, int storage);
struct place verify_place_of_tensor(const fov_plan *plan, int tensor);
bool verify_overlap(const struct place *a, const struct place *b);
bool verify_same_place(const struct place *a, const struct place *b);
/** Whether a is some of the bytes of b, and no others. */
bool verify_lies_within(const struct place *a, const struct place *b);

/** Sorts the things, when all places are known. */
int  verify_sort(struct verifier *v);
/** The thing that a storage is which no tensor names: workspace, a packed form. */
int verify_storage_thing(const struct verifier *v, int storage);
/** It holds what it is named for from now on; what else lies there still does, too: another name for it. */
void verify_hold(struct verifier *v, int thing);
/** What it was named for is no more: step `by` has seen to that. */
void verify_drop(struct verifier *v, int thing, int by);
/** Step `step` writes it: whatever else lies there is gone. */
void verify_write(struct verifier *v, int thing, int step);

#endif
