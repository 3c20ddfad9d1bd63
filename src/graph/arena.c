/* SPDX-License-Identifier: MIT */
/* Assigns an address to every storage. A storage is alive from the step that writes it to the last step that reads it;
 * two storages may share addresses if their lifetimes do not overlap. Finding the smallest arena is NP-hard; placing
 * the largest first at the lowest free address works well (Pisarchyk & Lee, "Efficient memory management for deep
 * neural net inference", 2020: greedy by size). If that leaves holes, other orders are tried, and the best is taken. */
#include "base/memory.h"
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

static struct plan_storage *storage_of(const fov_plan *plan, int tensor)
{
    return &plan->storages[plan->tensors[tensor].storage];
}

static void touch(struct plan_storage *storage, int step)
{
    if (storage->first < 0 || step < storage->first)
        storage->first = step;
    if (step > storage->last)
        storage->last = step;
}

/* Extends a storage's lifetime to step s, and to the steps that run together with it: the step within which s runs, and
 * the partner of s, with which it alternates (a pair) or is merged. */
static void touch_step(const fov_plan *plan, struct plan_storage *storage, size_t s)
{
    touch(storage, (int)s);
    for (int taker = plan->steps[s].taker; taker >= 0; taker = plan->steps[taker].taker)
        touch(storage, taker);
    if (plan->steps[s].pair_rows || plan->steps[s].merged)
        touch(storage, (int)s + 1);
    if (plan->steps[s].paired)
        touch(storage, (int)s - 1);
}

/* A step that takes sums over an input as it is written (shown_by) needs its other inputs at that time already. */
static void touch_seen(const fov_plan *plan, struct plan_storage *storage, size_t s)
{
    touch_step(plan, storage, s);
    if (plan->steps[s].shown_by >= 0)
        touch_step(plan, storage, (size_t)plan->steps[s].shown_by);
}

/* Whether input k of a deferred step is still read when its rows are computed, while some other step reads them. */
static bool rows_read(const struct plan_step *producer, int k)
{
    return producer->in[k] >= 0 &&
           !(k < plan_op_inputs(producer) && k < 32 && (producer->op->cpu->rows_done_with >> k & 1U));
}

static void touch_row_producers(const fov_plan *plan, const struct plan_step *step, size_t s)
{
    for (int i = 0; i < step->in_count; i++) {
        const struct plan_step *producer = plan_row_producer(plan, step, i);

        for (int k = 0; producer && k < producer->in_count; k++)
            if (rows_read(producer, k))
                touch_step(plan, storage_of(plan, producer->in[k]), s);
    }
}

static bool makes_from(const fov_plan *plan, const struct plan_step *step, const struct plan_storage *storage)
{
    for (int i = 0; i < step->in_count; i++) {
        const struct plan_step *producer = plan_row_producer(plan, step, i);

        for (int k = 0; producer && k < producer->in_count; k++)
            if (rows_read(producer, k) && storage_of(plan, producer->in[k]) == storage)
                return true;
    }
    return false;
}

static void find_lifetimes(fov_plan *plan)
{
    int end = (int)plan->step_count;

    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];

        for (int i = 0; i < step->in_count; i++)
            if (step->in[i] >= 0 && !plan_is_passed_on(step, i))
                touch_seen(plan, storage_of(plan, step->in[i]), s);
        touch_row_producers(plan, step, s);
        for (int i = 0; i < step->out_count; i++)
            if (step->out[i] >= 0 && !plan_is_passed_on(step, step->in_count + i))
                touch_step(plan, storage_of(plan, step->out[i]), s);
    }
    for (size_t i = 0; i < plan->storage_count; i++) {
        struct plan_storage *storage = &plan->storages[i];

        if (storage->keep && !storage->fixed) { /* inputs: filled before the run, and still there for the next */
            storage->first = 0;
            storage->last  = end;
        }
        if (storage->output) {
            storage->first = storage->first < 0 ? 0 : storage->first;
            storage->last  = end;
        }
    }
}

/* Whether the operator, in the form that it chose, lets output 0 overwrite input i. */
static bool allows_overwriting(const struct plan_step *step, int i)
{
    if (i >= plan_op_inputs(step))
        return step->residual && i == plan_op_inputs(step) ? step->compile.overwrites_residual
                                                           : step->compile.overwrites_saved_activation;
    return i < 32 && (step->compile.overwrites >> i & 1U);
}

static bool reads(const fov_plan *plan, const struct plan_step *step, const struct plan_storage *storage)
{
    for (int i = 0; i < step->in_count; i++)
        if (step->in[i] >= 0 && storage_of(plan, step->in[i]) == storage)
            return true;
    return makes_from(plan, step, storage);
}

/* Whether a step that runs within this one, or whose work this one does (merges), reads the storage, at any time. */
static bool is_read_within(const fov_plan *plan, const struct plan_step *step, const struct plan_storage *storage)
{
    if (step->compile.merges && reads(plan, step - 1, storage))
        return true;
    while (step->producer >= 0) {
        step = &plan->steps[step->producer];
        if (reads(plan, step, storage))
            return true;
    }
    return false;
}

/* Whether output 0 may overwrite input i: this step is its last reader, through ports that allow it, and the storage is
 * an ordinary one of the arena. */
static bool may_overwrite(const fov_plan *plan, int number, int i)
{
    const struct plan_step    *step = &plan->steps[number];
    const struct plan_storage *in   = step->in[i] < 0 ? NULL : storage_of(plan, step->in[i]);
    const struct plan_storage *out  = storage_of(plan, step->out[0]);

    if (!in || in == out || in->keep || in->fixed || in->output || out->fixed || out->keep ||
        makes_from(plan, step, in))
        return false;
    if (in->last != number || out->first != number || is_read_within(plan, step, in) || in->bytes < out->bytes ||
        plan->tensors[step->in[i]].bytes != plan->tensors[step->out[0]].bytes)
        return false;
    if (plan->tensors[step->in[i]].begin || plan->tensors[step->in[i]].pixel_stride ||
        plan->tensors[step->out[0]].begin || plan->tensors[step->out[0]].pixel_stride ||
        out->bytes != plan->tensors[step->out[0]].bytes)
        return false; /* some channels of a wider tensor */
    for (int j = 0; j < step->in_count; j++)
        if (step->in[j] >= 0 && storage_of(plan, step->in[j]) == in && !allows_overwriting(step, j))
            return false;
    return true;
}

/* Moves the output's tensors into the input's storage; their own storage becomes unused. */
static void merge(fov_plan *plan, int kept, int gone)
{
    plan->storages[kept].last   = plan->storages[gone].last;
    plan->storages[kept].output = plan->storages[gone].output;
    plan->storages[gone]        = (struct plan_storage){.bytes = 1, .first = -1, .last = -1};
    for (size_t t = 0; t < plan->tensor_count; t++)
        if (plan->tensors[t].storage == gone)
            plan->tensors[t].storage = kept;
}

static void share_in_place(fov_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        struct plan_step *step = &plan->steps[s];

        if (step->skip || step->taker >= 0 || !step->op->cpu || step->out_count < 1 || step->out[0] < 0)
            continue;
        for (int i = 0; i < step->in_count && !step->in_place; i++)
            if (allows_overwriting(step, i) && may_overwrite(plan, (int)s, i)) {
                merge(plan, plan->tensors[step->in[i]].storage, plan->tensors[step->out[0]].storage);
                step->in_place = true;
            }
    }
}

/* Extends a storage's lifetime to every step that reads rows of the deferred step `producer`. */
static void touch_readers(const fov_plan *plan, struct plan_storage *storage, int producer)
{
    for (size_t s = (size_t)producer + 1; s < plan->step_count; s++)
        for (int i = 0; i < plan->steps[s].in_count; i++)
            if (plan->steps[s].row_producer[i] == producer)
                touch_step(plan, storage, s);
}

/* Adds storages for workspace and for forms packed at each run. They live while the step runs, and are placed like any
 * other storage. */
static int add_scratch(fov_plan *plan)
{
    struct error *error = &plan->graph->context->error;

    for (size_t s = 0; s < plan->step_count; s++) {
        struct op_compile *compile = &plan->steps[s].compile;
        size_t             workers = 0;

        compile->scratch_per_worker = memory_aligned(compile->scratch_per_worker);
        if (!size_multiply(compile->scratch_per_worker, (size_t)compile->workers, &workers))
            return (int)error_set(error, FOV_E_MEMORY, "the workspace of \"%s\" does not fit memory",
                                  plan->steps[s].name);
        plan->steps[s].scratch = (struct plan_scratch){-1, -1};
        if (plan->steps[s].skip)
            continue;
        if (compile->scratch + workers > plan->scratch_bytes)
            plan->scratch_bytes = compile->scratch + workers;
        for (int k = 0; k < 2 + plan_op_inputs(&plan->steps[s]); k++) {
            size_t bytes = k == 0 ? compile->scratch : k == 1 ? workers : compile->packed[k - 2];
            int    index;

            if (!bytes || (k >= 2 && plan->steps[s].constant[k - 2]))
                continue;
            index = plan_new_storage(plan, bytes);
            if (index < 0)
                return (int)error->status;
            touch_step(plan, &plan->storages[index], s);
            if (k >= 2 && plan->steps[s].deferred) /* rows() may read the packed form */
                touch_readers(plan, &plan->storages[index], (int)s);
            if (k == 0 && plan->steps[s].shown_by >= 0)
                touch_step(plan, &plan->storages[index], (size_t)plan->steps[s].shown_by);
            if (k == 0)
                plan->steps[s].scratch.shared = index;
            else if (k == 1)
                plan->steps[s].scratch.workers = index;
            else
                plan->steps[s].packed[k - 2] = index;
        }
    }
    return FOV_OK;
}

/* Orders storages for placing, the larger key first. Ties are broken by size, then by creation, so that the result
 * never depends on the sort algorithm. */
static int compare(uint64_t x, uint64_t y, const struct plan_storage *a, const struct plan_storage *b)
{
    if (x != y)
        return x < y ? 1 : -1;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return a < b ? -1 : a > b;
}

static int by_size(const void *a, const void *b)
{
    const struct plan_storage *x = *(struct plan_storage *const *)a, *y = *(struct plan_storage *const *)b;

    return compare(x->bytes, y->bytes, x, y);
}

static uint64_t life(const struct plan_storage *storage)
{
    return (uint64_t)(storage->last - storage->first) + 1;
}

/* In a training step lifetimes are nested like brackets: placing the outer ones first leaves no holes between them. */
static int by_life(const void *a, const void *b)
{
    const struct plan_storage *x = *(struct plan_storage *const *)a, *y = *(struct plan_storage *const *)b;

    return compare(life(x), life(y), x, y);
}

static int by_both(const void *a, const void *b)
{
    const struct plan_storage *x = *(struct plan_storage *const *)a, *y = *(struct plan_storage *const *)b;

    return compare(life(x) * x->bytes, life(y) * y->bytes, x, y);
}

/* The lowest address at which `storage` overlaps no placed storage that is alive at the same time. `placed` is sorted
 * by address: behind the first gap that is wide enough the rest does not matter. */
static size_t lowest_free(const struct plan_storage *storage, struct plan_storage *const *placed, size_t count)
{
    size_t offset = 0, bytes = memory_aligned(storage->bytes);

    for (size_t i = 0; i < count && placed[i]->offset < offset + bytes; i++) {
        const struct plan_storage *other = placed[i];
        bool                       meets = other->first <= storage->last && storage->first <= other->last;
        size_t                     end   = other->offset + memory_aligned(other->bytes);

        offset = meets && end > offset ? end : offset;
    }
    return offset;
}

/* Moves placed[count] to its position by address among the first `count`. */
static void sort_in(struct plan_storage **placed, size_t count)
{
    struct plan_storage *last = placed[count];
    size_t               low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (placed[middle]->offset <= last->offset)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(placed + low + 1, placed + low, (count - low) * sizeof(struct plan_storage *));
    placed[low] = last;
}

/* One order in which storages are placed. */
struct manner {
    int (*first)(const void *, const void *); /* compares two storages */
    bool peak; /* storages alive at the peak step are placed before all others, and so without holes */
};

/* Gives every storage its offset; returns the size of the arena. */
static size_t place_in_order(struct plan_storage **order, size_t count, const struct manner *manner, int peak)
{
    size_t bytes = 0, early = 0;

    for (size_t i = 0; manner->peak && i < count; i++)
        if (order[i]->first <= peak && peak <= order[i]->last) {
            struct plan_storage *swapped = order[early];

            order[early++] = order[i];
            order[i]       = swapped;
        }
    qsort(order, early, sizeof *order, manner->first);
    qsort(order + early, count - early, sizeof *order, manner->peak ? by_size : manner->first);
    for (size_t i = 0; i < count; i++) {
        size_t end;

        order[i]->offset = lowest_free(order[i], order, i);
        end              = order[i]->offset + memory_aligned(order[i]->bytes);
        bytes            = end > bytes ? end : bytes;
        sort_in(order, i);
    }
    return bytes;
}

/* The most bytes alive at one step, a lower bound of the arena; *peak is that step. change: zeroed, steps + 2. */
static size_t most_alive(const fov_plan *plan, struct plan_storage *const *order, size_t count, size_t *change,
                         int *peak)
{
    size_t live = 0, most = 0;

    for (size_t i = 0; i < count; i++) { /* entries may wrap below zero; their running sum never does */
        change[order[i]->first] += memory_aligned(order[i]->bytes);
        change[order[i]->last + 1] -= memory_aligned(order[i]->bytes);
    }
    for (size_t s = 0; s <= plan->step_count; s++) {
        live += change[s];
        if (live > most) {
            most  = live;
            *peak = (int)s;
        }
    }
    return most;
}

static int place(fov_plan *plan, struct plan_storage **order, size_t *change)
{
    static const struct manner manners[] = {
        {by_size, false}, {by_life, false}, {by_life, true}, {by_size, true}, {by_both, false}};
    size_t count = 0, least = 0, best = 0, bound;
    int    peak = 0;

    for (size_t i = 0; i < plan->storage_count; i++) {
        struct plan_storage *storage = &plan->storages[i];

        if (storage->fixed || storage->first < 0)
            continue;
        if (storage->bytes > SIZE_MAX / 4 ||
            !size_add(plan->unshared_bytes, memory_aligned(storage->bytes), &plan->unshared_bytes))
            return (int)error_set(&plan->graph->context->error, FOV_E_MEMORY, "the plan's tensors do not fit memory");
        order[count++] = storage;
    }
    bound = most_alive(plan, order, count, change, &peak);
    for (size_t k = 0; k < sizeof manners / sizeof *manners && (k == 0 || least > bound); k++) {
        size_t bytes = place_in_order(order, count, &manners[k], peak);

        if (k == 0 || bytes < least) {
            least = bytes;
            best  = k;
        }
    }
    plan->arena_bytes = place_in_order(order, count, &manners[best], peak);
    return FOV_OK;
}

/* Assigns offsets in plan->kept to states, folded factors and constant packed weights, which last for the plan. */
static int place_kept(fov_plan *plan)
{
    struct error *error = &plan->graph->context->error;

    for (size_t s = 0; s < plan->step_count; s++) {
        struct plan_step *step  = &plan->steps[s];
        bool              fits  = true;
        size_t            bytes = plan->kept_bytes;

        if (step->skip)
            continue;
        step->state_offset = bytes;
        fits               = size_add(bytes, memory_aligned(step->compile.state), &bytes);
        step->fold_offset  = bytes;
        fits               = fits && size_add(bytes, memory_aligned(plan_fold_bytes(step)), &bytes);
        step->packed_offset = bytes;
        for (int i = 0; i < plan_op_inputs(step); i++)
            if (step->compile.packed[i] && step->constant[i] && !plan_shares_packed(plan, step))
                fits = fits && size_add(bytes, memory_aligned(step->compile.packed[i]), &bytes);
        if (!fits)
            return (int)error_set(error, FOV_E_MEMORY, "the packed weights do not fit memory");
        plan->kept_bytes = bytes;
    }
    return FOV_OK;
}

int plan_place(fov_plan *plan)
{
    struct memory        *memory = plan->graph->context->memory;
    struct plan_storage **order;
    size_t               *change;
    int                   status;

    find_lifetimes(plan);
    share_in_place(plan);
    status = add_scratch(plan);
    if (status)
        return status;
    order = memory_allocate(memory, plan->storage_count + 1, sizeof *order, "plan", &plan->graph->context->error);
    change = memory_allocate(memory, plan->step_count + 2, sizeof *change, "plan", &plan->graph->context->error);
    status = order && change ? place(plan, order, change) : FOV_E_MEMORY;
    memory_free(memory, order);
    memory_free(memory, change);
    return status ? status : place_kept(plan);
}
