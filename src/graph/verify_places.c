/* SPDX-License-Identifier: MIT */
/* The verifier's model of memory: the bytes of every tensor and storage, and which are intact. verify.c walks a plan
 * and updates it. */
#include "graph/verify.h"

#include <stdlib.h>

/* ---- places ------------------------------------------------------------------------------------------------------ */

struct place verify_place_of_storage(const fov_plan *plan, int index)
{
    const struct plan_storage *storage = &plan->storages[index];
    size_t begin = storage->fixed ? 0 : storage->offset;

    return (struct place){storage->fixed ? 1 + index : 0, begin, begin + storage->bytes, begin, 0, 0, 0};
}

struct place verify_place_of_tensor(const fov_plan *plan, int index)
{
    const struct plan_tensor *tensor = &plan->tensors[index];
    struct place place = verify_place_of_storage(plan, tensor->storage);
    size_t end = place.end, pixel = fov_dtype_size(tensor->dtype), pixels = 1;

    place.begin += tensor->begin;
    place.end = place.begin + tensor->bytes;
    if (tensor->pixel_stride) {
        pixels = (size_t)tensor->shape.dim[0] * shape_span(&tensor->shape, 2, tensor->shape.rank);
        place.period = tensor->pixel_stride * pixel;
        place.first = tensor->begin % place.period;
        place.last = place.first + (size_t)tensor->shape.dim[1] * pixel;
        place.end = place.begin + (pixels - 1) * place.period + (size_t)tensor->shape.dim[1] * pixel;
    } else if (place.end > end && tensor->begin == 0) { /* exchanged by a pair: only some rows have memory */
        place.end = end;
    }
    return place;
}

bool verify_overlap(const struct place *a, const struct place *b)
{
    if (a->space != b->space || a->begin >= b->end || b->begin >= a->end || a->begin == a->end || b->begin == b->end)
        return false;
    return !(a->period && a->period == b->period && a->origin == b->origin &&
             (a->last <= b->first || b->last <= a->first));
}

bool verify_same_place(const struct place *a, const struct place *b)
{
    return a->space == b->space && a->begin == b->begin && a->end == b->end && a->period == b->period;
}

bool verify_lies_within(const struct place *a, const struct place *b)
{
    if (a->space != b->space || a->begin < b->begin || a->end > b->end)
        return false;
    return !b->period ||
           (a->period == b->period && a->origin == b->origin && a->first >= b->first && a->last <= b->last);
}

/* ---- which things are intact ------------------------------------------------------------------------------------- */

int verify_storage_thing(const struct verifier *v, int storage)
{
    return (int)v->plan->tensor_count + storage;
}

static int compare(const struct place *a, const struct place *b)
{
    if (a->space != b->space)
        return a->space < b->space ? -1 : 1;
    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

struct sorted {
    struct place place;
    int          thing;
};

static int by_place(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    int                  order = compare(&x->place, &y->place);

    return order ? order : x->thing - y->thing;
}

int verify_sort(struct verifier *v)
{
    struct memory *memory = v->plan->graph->context->memory;
    struct sorted *all = memory_allocate(memory, v->things + 1, sizeof *all, "plan", v->error);

    if (!all)
        return FOV_E_MEMORY;
    for (size_t i = 0; i < v->things; i++)
        all[i] = (struct sorted){v->place[i], (int)i};
    qsort(all, v->things, sizeof *all, by_place);
    for (size_t i = 0; i < v->things; i++) {
        v->sorted[i]          = all[i].thing;
        v->rank[all[i].thing] = (int)i;
    }
    memory_free(memory, all);
    return FOV_OK;
}

/* Sets the leaf of a thing (its end if it is intact, else 0) and updates the maxima above it. */
static void set_end(struct verifier *v, int thing, size_t end)
{
    size_t at = v->leaves + (size_t)v->rank[thing];

    v->ends[at] = end;
    for (at /= 2; at > 0; at /= 2)
        v->ends[at] = v->ends[2 * at] > v->ends[2 * at + 1] ? v->ends[2 * at] : v->ends[2 * at + 1];
}

void verify_drop(struct verifier *v, int thing, int by)
{
    set_end(v, thing, 0);
    v->state[thing]   = LOST;
    v->lost_to[thing] = by;
}

void verify_hold(struct verifier *v, int thing)
{
    set_end(v, thing, v->place[thing].end);
    v->state[thing] = HELD;
}

/* Index of the first of the sorted things that does not begin before `place`. */
static size_t first_from(const struct verifier *v, const struct place *place)
{
    size_t low = 0, high = v->things;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&v->place[v->sorted[middle]], place) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A write, and the range [low, high) of sorted things that begin before its end. */
struct written {
    int    thing, step;
    size_t low, high;
};

/* Drops all things that the write overlaps below `node` of the tree, which covers things [first, first + count). */
static void drop_below(struct verifier *v, const struct written *written, size_t node, size_t first, size_t count)
{
    const struct place *place = &v->place[written->thing];

    if (first >= written->high || first + count <= written->low || v->ends[node] <= place->begin)
        return;
    if (count > 1) {
        drop_below(v, written, 2 * node, first, count / 2);
        drop_below(v, written, 2 * node + 1, first + count / 2, count / 2);
    } else if (v->sorted[first] != written->thing && verify_overlap(&v->place[v->sorted[first]], place)) {
        verify_drop(v, v->sorted[first], written->step);
    }
}

void verify_write(struct verifier *v, int thing, int step)
{
    struct place   begin = {.space = v->place[thing].space}, end = begin;
    struct written written = {.thing = thing, .step = step};

    end.begin    = v->place[thing].end;
    written.low  = first_from(v, &begin);
    written.high = first_from(v, &end);
    drop_below(v, &written, 1, 0, v->leaves);
    verify_hold(v, thing);
}
