/* SPDX-License-Identifier: MIT */
/* Sums of floats depend on their order, so a rank must not add up its own batches before those of earlier ranks: it
 * keeps the gradients of each batch apart until the sum so far arrives. Rank 0 has the first batches and sums them
 * directly.
 *
 * All ranks send in the order in which backward passes complete gradients. That order follows from the graph alone, not
 * from a rank's plan, which may depend on its memory and processor; the plan only tells how long to wait. */
#include "train/rank_group.h"
#include "base/arithmetic.h"
#include "base/memory.h"
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

static size_t elements_of(const struct rank_group *group, int sum)
{
    return graph_value(group->step->graph, group->step->updates.sums[sum].id)->bytes / sizeof(float);
}

static float *data_of(const struct rank_group *group, int sum)
{
    return graph_value(group->step->graph, group->step->updates.sums[sum].id)->data;
}

/* The last node that computes an input of the node that adds to a sum. */
static int node_before(const struct training_step *step, fov_value sum)
{
    const struct value *next = graph_value(step->graph, graph_value(step->graph, sum.id)->assigned);
    const struct node *node = &step->graph->nodes[next->node];
    int last = -1;
    for (int i = 0; i < node->in_count; i++) {
        int before = graph_value(step->graph, node->in[i])->node;
        last = before > last ? before : last;
    }
    return last;
}

/* Nodes run in the order in which they were created, so this sorts the sums by the time at which they are complete. */
static void sort_sums(struct rank_group *group)
{
    const struct updates *u = &group->step->updates;
    for (int k = 0; k < u->sum_count; k++) {
        int at = k, node = node_before(group->step, u->sums[k]);
        for (; at > 0 && node_before(group->step, u->sums[group->order[at - 1]]) > node; at--) {
            group->order[at] = group->order[at - 1];
        }
        group->order[at] = k;
        group->elements += elements_of(group, k);
    }
}

int rank_group_open(struct rank_group *group, const fov_ranks *ranks, const struct training_step *step, int64_t batches,
                    struct error *error)
{
    int64_t most = (batches + ranks->count - 1) / ranks->count; /* a smaller group may be more for this rank */
    *group = (struct rank_group){.ranks = ranks, .memory = step->context->memory, .step = step};
    pthread_mutex_init(&group->sending.mutex, NULL);
    pthread_cond_init(&group->sending.more, NULL);
    group->order = memory_allocate(group->memory, (size_t)step->updates.sum_count, sizeof *group->order,
                                   "sums over ranks", error);
    if (group->order == NULL) {
        return FOV_E_MEMORY;
    }
    sort_sums(group);
    size_t own = 0;
    if (ranks->rank > 0 && !size_multiply((size_t)(most - 1), group->elements, &own)) {
        return error_set(error, FOV_E_MEMORY, "the gradients of %" PRId64 " batches do not fit memory", batches);
    }
    group->total = memory_allocate_raw(group->memory, group->elements, sizeof(float), "sums over ranks", error);
    group->own = memory_allocate_raw(group->memory, own, sizeof(float), "gradients of a rank's batches", error);
    return group->total != NULL && group->own != NULL ? FOV_OK : FOV_E_MEMORY;
}

void rank_group_close(struct rank_group *group)
{
    if (group->memory != NULL) {
        memory_free(group->memory, group->order);
        memory_free(group->memory, group->total);
        memory_free(group->memory, group->own);
        pthread_cond_destroy(&group->sending.more);
        pthread_mutex_destroy(&group->sending.mutex);
    }
    *group = (struct rank_group){0};
}

int rank_group_begin(const struct rank_group *group, const struct training_step *step, struct error *error)
{
    int status = FOV_OK;
    for (size_t v = 1; status == FOV_OK && v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        void *data = value->kind == VALUE_PARAMETER ? graph_data(step->graph, (int)v) : NULL;
        if (value->kind == VALUE_PARAMETER) {
            status = data != NULL ? ranks_spread(group->ranks, data, value->bytes, error) : (int)error->status;
        }
    }
    step->graph->version++; /* plans hold packed weights, to be packed again */
    return status;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static void take_sums(const struct rank_group *group, float *to)
{
    for (int k = 0; k < group->step->updates.sum_count; k++) {
        size_t count = elements_of(group, group->order[k]);
        memcpy(to, data_of(group, group->order[k]), count * sizeof *to);
        to += count;
    }
}

static void give_sums(const struct rank_group *group, const float *from)
{
    for (int k = 0; k < group->step->updates.sum_count; k++) {
        size_t count = elements_of(group, group->order[k]);
        memcpy(data_of(group, group->order[k]), from, count * sizeof *from);
        from += count;
    }
}

/* Sets the sums to -0, to which any number can be added without change: +0 would turn -0 into +0. */
static void clear_sums(const struct rank_group *group)
{
    for (int k = 0; k < group->step->updates.sum_count; k++) {
        float *sum = data_of(group, k);
        for (size_t i = 0, count = elements_of(group, k); i < count; i++) {
            sum[i] = -0.0f;
        }
    }
}

static void add(float *sum, const float *more, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += more[i];
    }
}

/* Adds elements `begin` to `end` of the sums, which hold the last batch, to `sum`; on rank 0 they hold all its batches
 * and are copied. */
static void add_sums(const struct rank_group *group, float *sum, size_t begin, size_t end)
{
    size_t first = 0; /* element of the k-th sum */
    for (int k = 0; k < group->step->updates.sum_count && first < end; k++) {
        size_t count = elements_of(group, group->order[k]);
        size_t from = first > begin ? first : begin, to = first + count < end ? first + count : end;
        const float *data = data_of(group, group->order[k]);
        if (from < to && group->ranks->rank == 0) {
            memcpy(sum + (from - begin), data + (from - first), (to - from) * sizeof *sum);
        } else if (from < to) {
            add(sum + (from - begin), data + (from - first), to - from);
        }
        first += count;
    }
}

static void wait_for(struct rank_sending *sending, size_t elements)
{
    pthread_mutex_lock(&sending->mutex);
    while (sending->elements < elements) {
        pthread_cond_wait(&sending->more, &sending->mutex);
    }
    pthread_mutex_unlock(&sending->mutex);
}

static void add_own(void *context, void *so_far, size_t offset, size_t bytes)
{
    struct rank_group *group = context;
    size_t begin = offset / sizeof(float), count = bytes / sizeof(float);
    if (group->batches == 0) {
        return;
    }
    wait_for(&group->sending, begin + count);
    struct arithmetic mode = arithmetic_enter(DENORMALS_FLUSHED); /* as a plan adds */
    for (int64_t batch = 0; group->ranks->rank > 0 && batch + 1 < group->batches; batch++) {
        add(so_far, group->own + (size_t)batch * group->elements + begin, count);
    }
    add_sums(group, so_far, begin, begin + count);
    arithmetic_leave(mode);
}

/* ---- the exchange ------------------------------------------------------------------------------------------------ */

static int exchange(struct rank_group *group, int status, struct error *error)
{
    status = ranks_agree(group->ranks, status, error);
    return status == FOV_OK
               ? ranks_add(group->ranks, group->total, group->elements * sizeof(float), add_own, group, error)
               : status;
}

static void *send_complete(void *context)
{
    struct rank_group *group = context;
    group->sending.status = exchange(group, FOV_OK, &group->sending.error);
    return NULL;
}

/* Starts the thread with all signals blocked: they are left to the program's own threads. */
static void start_sending(struct rank_group *group)
{
    struct rank_sending *sending = &group->sending;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    sending->error = (struct error){.status = FOV_OK};
    sending->started = pthread_create(&sending->thread, NULL, send_complete, group) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* `steps` steps of the last batch's plan have run. Without a thread the exchange waits until the plan has ended. */
static void note_passed(void *context, const struct step_plan *plan, size_t steps)
{
    struct rank_group *group = context;
    struct rank_sending *sending = &group->sending;
    size_t elements = sending->elements; /* only this thread changes it */
    if (!sending->started) {
        start_sending(group);
    }
    for (; sending->sums < group->step->updates.sum_count; sending->sums++) {
        int sum = group->order[sending->sums];
        if (plan->final[sum] > steps) {
            break;
        }
        elements += elements_of(group, sum);
    }
    if (elements > sending->elements) {
        pthread_mutex_lock(&sending->mutex);
        sending->elements = elements;
        pthread_cond_signal(&sending->more);
        pthread_mutex_unlock(&sending->mutex);
    }
}

void rank_group_start(struct rank_group *group, int64_t batches)
{
    group->batches = batches;
    group->collected = 0;
    group->sending.sums = 0;
    group->sending.elements = 0;
}

bool rank_group_collect(struct rank_group *group, const struct training_step *step, const struct step_plan *plan,
                        const struct update_moment *moment)
{
    const struct step_watch watch = {note_passed, group};
    struct update_moment own = *moment;
    bool is_first_rank = group->ranks->rank == 0, is_last = group->collected + 1 == group->batches;
    if (!is_first_rank) {
        own.input[UPDATE_KEEP] = 1.0;
        clear_sums(group);
    }
    bool finite = step_collect_watched(step, plan, &own, is_last && !group->ranks->one_thread ? &watch : NULL);
    if (finite && !is_first_rank && !is_last) {
        take_sums(group, group->own + (size_t)group->collected * group->elements);
    }
    group->collected += finite;
    return finite;
}

int rank_group_add(struct rank_group *group, int status, struct error *error)
{
    struct rank_sending *sending = &group->sending;
    if (sending->started) {
        (void)pthread_join(sending->thread, NULL);
        sending->started = false;
        status = sending->status == FOV_OK ? status
                                           : error_set(error, (fov_status)sending->status, "%s", sending->error.text);
    } else {
        sending->elements = group->elements;
        status = exchange(group, status, error);
    }
    if (status == FOV_OK) {
        give_sums(group, group->total);
        group->step->graph->version++; /* the update's plan holds what it computed once from the last group's sums */
    }
    return status;
}
