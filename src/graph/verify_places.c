/* SPDX-License-Identifier: MIT */
/* The verifier's memory: places, and which of a plan's tensors are held where. verify.c walks a plan over it. */
#include "graph/verify.h"

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
    } else if (place.end > end && tensor->begin == 0) { /* of a pair: some rows at a time */
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

/* A and nothing but bytes of B. */
bool verify_lies_within(const struct place *a, const struct place *b)
{
    if (a->space != b->space || a->begin < b->begin || a->end > b->end)
        return false;
    return !b->period ||
           (a->period == b->period && a->origin == b->origin && a->first >= b->first && a->last <= b->last);
}

/* ---- the memory of names ----------------------------------------------------------------------------------------- */

int verify_storage_thing(const struct verifier *v, int storage)
{
    return (int)v->plan->tensor_count + storage;
}

void verify_drop(struct verifier *v, int thing, int by)
{
    int last = v->held[--v->held_count], at = v->held_at[thing];

    v->held[at] = last;
    v->held_at[last] = at;
    v->state[thing] = LOST;
    v->lost_to[thing] = by;
}

void verify_hold(struct verifier *v, int thing)
{
    if (v->state[thing] != HELD) {
        v->held_at[thing] = v->held_count;
        v->held[v->held_count++] = thing;
    }
    v->state[thing] = HELD;
}

/* Whatever else lies there is gone. */
void verify_write(struct verifier *v, int thing, int step)
{
    for (int i = v->held_count; i-- > 0;)
        if (v->held[i] != thing && verify_overlap(&v->place[v->held[i]], &v->place[thing]))
            verify_drop(v, v->held[i], step);
    verify_hold(v, thing);
}
