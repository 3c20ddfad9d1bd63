/* SPDX-License-Identifier: MIT */
/* Packs weights into kernel order. Inputs that do not change from run to run are packed once, when the plan is made.
 * Large weights of which only the packed form is used are never in memory in their plain form: they are read from their
 * file (or drawn) into a small workspace, part by part, and packed from there, so that a network's weights are in
 * memory once, not twice. Before parameters change, all of them are loaded (graph_settle), so that packing again cannot
 * fail. */
#include "base/memory.h"
#include "base/size.h"
#include "graph/packs.h"
#include "graph/plan.h"

#include <stdatomic.h>

enum {
    UNREAD_FROM = 1 << 16, /* bytes: smaller parameters are loaded at once */
    PART        = 1 << 19, /* bytes of weights in plain form at a time, if the operator packs them in parts: they
                              stay in a core's cache, and the first run waits for few new pages */
    MOST_AT_ONCE = 8,      /* at most this many threads count when a part is sized (one unit per thread) */
    CHUNK       = 1 << 18  /* bytes that one thread reads at a time */
};

char plan_unread[1];

void *plan_constant(fov_plan *plan, int id)
{
    const struct value *value = graph_value(plan->graph, id);

    if (value->kind == VALUE_PARAMETER && !value->data && !plan->graph->moves && value->bytes >= UNREAD_FROM)
        return plan_unread;
    return graph_data(plan->graph, id);
}

/* An operator packs all its inputs in one call, so a step with constant and changing inputs packs all at each run. */
bool plan_packs_once(const struct plan_step *step)
{
    for (int i = 0; i < step->in_count; i++)
        if (step->packed[i] >= 0)
            return false;
    return true;
}

static struct plan_storage *storage_of(const fov_plan *plan, int tensor)
{
    return tensor < 0 ? NULL : &plan->storages[plan->tensors[tensor].storage];
}

static bool is_unread(const fov_plan *plan, int tensor)
{
    const struct plan_storage *storage = storage_of(plan, tensor);

    return storage && storage->fixed == plan_unread;
}

static int read_now(fov_plan *plan, struct plan_storage *storage)
{
    storage->fixed = graph_data(plan->graph, storage->parameter);
    return storage->fixed ? FOV_OK : (int)plan->graph->context->error.status;
}

int plan_settle(fov_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];

        for (int i = 0; !step->skip && i < step->in_count; i++) {
            bool packed = step->compile.pack && !step->compile.reads_plain && step->compile.packed[i] &&
                          step->constant[i] && plan_packs_once(step);

            if (!packed && is_unread(plan, step->in[i]) && read_now(plan, storage_of(plan, step->in[i])))
                return (int)plan->graph->context->error.status;
        }
    }
    for (size_t i = 0; i < plan->storage_count; i++)
        if (plan->storages[i].fixed == plan_unread && plan->storages[i].output && read_now(plan, &plan->storages[i]))
            return (int)plan->graph->context->error.status;
    return FOV_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct reading {
    const fov_graph *graph;
    int              id;
    size_t           offset, count; /* bytes */
    char            *to;
    atomic_bool      failed;
};

static void read_chunk(void *context, size_t chunk, int worker)
{
    struct reading *reading = context;
    struct error    error   = {0}; /* of this thread; after a failure the caller reads again to get the message */
    size_t          at = chunk * CHUNK, rest = reading->count - at;

    (void)worker;
    if (graph_read(reading->graph, reading->id, reading->offset + at, reading->to + at, rest < CHUNK ? rest : CHUNK,
                   &error))
        atomic_store(&reading->failed, true);
}

static int read_part(fov_plan *plan, int id, size_t offset, size_t count, void *to)
{
    struct fov_context *context = plan->graph->context;
    struct reading      reading = {plan->graph, id, offset, count, to, false};

    pool_run(context->pool, read_chunk, &reading, size_divide_up(count, CHUNK));
    if (!atomic_load(&reading.failed))
        return FOV_OK;
    return graph_read(plan->graph, id, offset, to, count, &context->error);
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

/* Rows of the weight (input 1) in one part, a multiple of the operator's unit (compile.pack_rows); 0: all at once. All
 * threads get equally many units: most of the time goes into touching new memory, and one thread touches half as much
 * as two. */
static int64_t part_rows(const fov_plan *plan, const struct plan_step *step)
{
    const struct plan_tensor *weight =
        step->in_count > 1 && is_unread(plan, step->in[1]) ? &plan->tensors[step->in[1]] : NULL;
    int64_t                   threads = step->compile.workers < MOST_AT_ONCE ? step->compile.workers : MOST_AT_ONCE;
    int64_t                   unit   = (int64_t)step->compile.pack_rows * threads, rows;

    if (!weight || !unit || weight->shape.rank < 1 || weight->bytes <= PART)
        return 0;
    rows = PART / ((int64_t)weight->bytes / weight->shape.dim[0]) / unit * unit;
    rows = rows < unit ? unit : rows;
    return rows < weight->shape.dim[0] ? rows : 0;
}

/* Bytes of workspace for the inputs of a step that are not in memory. */
static size_t workspace(const fov_plan *plan, const struct plan_step *step)
{
    int64_t rows  = part_rows(plan, step);
    size_t  bytes = 0;

    for (int i = 0; i < step->in_count; i++) {
        const struct plan_tensor *tensor = is_unread(plan, step->in[i]) ? &plan->tensors[step->in[i]] : NULL;

        if (tensor)
            bytes +=
                memory_aligned(i == 1 && rows ? tensor->bytes / (size_t)tensor->shape.dim[0] * (size_t)rows
                                              : tensor->bytes);
    }
    return bytes;
}

/* Calls the operator's pack for each part of the weight; other unread inputs are read whole before that. */
static int pack_from_file(fov_plan *plan, struct plan_step *step, char *space)
{
    int64_t rows = part_rows(plan, step), all = rows ? plan->tensors[step->in[1]].shape.dim[0] : 1;
    char   *weight = NULL;
    int     status = FOV_OK;

    for (int i = 0; i < step->in_count && !status; i++) {
        const struct plan_tensor *tensor = is_unread(plan, step->in[i]) ? &plan->tensors[step->in[i]] : NULL;

        if (!tensor)
            continue;
        step->tensors[i].data = space;
        if (i == 1 && rows) {
            weight = space;
            space += memory_aligned(tensor->bytes / (size_t)all * (size_t)rows);
            continue;
        }
        status = read_part(plan, storage_of(plan, step->in[i])->parameter, 0, tensor->bytes, space);
        space += memory_aligned(tensor->bytes);
    }
    for (int64_t row = 0; row < all && !status; row += rows ? rows : 1) {
        if (rows) {
            size_t row_bytes = plan->tensors[step->in[1]].bytes / (size_t)all;

            step->run.pack_first = (size_t)row;
            step->run.pack_count = (size_t)(all - row < rows ? all - row : rows);
            status = read_part(plan, storage_of(plan, step->in[1])->parameter, (size_t)row * row_bytes,
                               step->run.pack_count * row_bytes, weight);
        }
        if (!status)
            step->compile.pack(&step->run);
    }
    step->run.pack_first = step->run.pack_count = 0;
    for (int i = 0; i < step->in_count; i++)
        if (is_unread(plan, step->in[i]))
            step->tensors[i].data = NULL;
    return status;
}

static bool packs_now(const struct plan_step *step)
{
    return !step->skip && step->compile.pack && plan_packs_once(step);
}

bool plan_shares_packed(const fov_plan *plan, const struct plan_step *step)
{
    return plan->graph->packs && packs_now(step);
}

/* Whether the packed form of input i is shared with other plans. */
static bool shares_input(const fov_plan *plan, const struct plan_step *step, int i)
{
    return step->compile.packed[i] && step->constant[i] && plan_shares_packed(plan, step);
}

void plan_give_packed(fov_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++)
        for (int i = 0; plan->steps[s].packed_data && i < plan_op_inputs(&plan->steps[s]); i++)
            if (shares_input(plan, &plan->steps[s], i))
                packs_give(plan->graph->packs, plan->steps[s].packed_data[i]);
}

/* Bytes that this plan asks graph->packs for. */
static size_t shared_bytes(const fov_plan *plan)
{
    size_t bytes = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        for (int i = 0; i < plan_op_inputs(&plan->steps[s]); i++)
            if (shares_input(plan, &plan->steps[s], i))
                bytes += memory_aligned(plan->steps[s].compile.packed[i]) + PACKS_TAIL;
    return bytes;
}

static int allocate_shared(fov_plan *plan, struct plan_step *step)
{
    for (int i = 0; i < plan_op_inputs(step); i++)
        if (shares_input(plan, step, i)) {
            step->packed_data[i] =
                packs_allocate(plan->graph->packs, step->compile.packed[i], &plan->graph->context->error);
            if (!step->packed_data[i])
                return FOV_E_MEMORY;
        }
    return FOV_OK;
}

/* Replaces a step's packed weights by equal ones of another plan, if there are any. */
static void share(fov_plan *plan, struct plan_step *step)
{
    for (int i = plan_op_inputs(step) - 1; i >= 0; i--) /* the last block allocated is returned first */
        if (shares_input(plan, step, i))
            step->packed_data[i] = packs_unite(plan->graph->packs, step->packed_data[i]);
}

/* Runs a run-once step, whose inputs are all packed once, before packing the steps that read its results. */
static void run_once(const struct plan_step *step)
{
    if (!step->skip && step->once)
        step->compile.run(&step->run);
}

/* Computes the folded factors by which packing multiplies weights; their parameters are in memory (lower_take_in). */
static void fold_all(const fov_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++)
        if (!plan->steps[s].skip && plan->steps[s].fold_count)
            plan_fold(plan, &plan->steps[s]);
}

int plan_pack(fov_plan *plan)
{
    struct fov_context *context = plan->graph->context;
    size_t              most    = 0;
    char               *space   = NULL;
    int                 status  = FOV_OK;

    for (size_t s = 0; s < plan->step_count; s++)
        if (packs_now(&plan->steps[s])) {
            size_t bytes = workspace(plan, &plan->steps[s]);

            most = bytes > most ? bytes : most;
        }
    if (most) {
        space = memory_allocate_raw(context->memory, most, 1, "weights on their way into the plan", &context->error);
        if (!space)
            return FOV_E_MEMORY;
        plan->graph->read_once = true;
    }
    fold_all(plan);
    if (plan->graph->packs)
        packs_begin(plan->graph->packs, shared_bytes(plan));
    for (size_t s = 0; s < plan->step_count && !status; s++) {
        if (packs_now(&plan->steps[s])) {
            status = allocate_shared(plan, &plan->steps[s]);
            if (!status && workspace(plan, &plan->steps[s]))
                status = pack_from_file(plan, &plan->steps[s], space);
            else if (!status)
                plan->steps[s].compile.pack(&plan->steps[s].run);
            if (!status)
                share(plan, &plan->steps[s]);
        }
        if (!status)
            run_once(&plan->steps[s]);
    }
    if (plan->graph->packs)
        packs_end(plan->graph->packs);
    memory_free(context->memory, space);
    plan->version = plan->graph->version;
    return status;
}

void plan_pack_again(fov_plan *plan)
{
    for (size_t i = 0; i < plan->storage_count; i++)
        if (plan->storages[i].fixed == plan_unread) /* loaded by graph_settle before anything changed */
            plan->storages[i].fixed = graph_value(plan->graph, plan->storages[i].parameter)->data;
    fold_all(plan);
    for (size_t s = 0; s < plan->step_count; s++) {
        struct plan_step *step = &plan->steps[s];

        for (int i = 0; packs_now(step) && i < step->in_count; i++) {
            const struct plan_storage *storage = storage_of(plan, step->in[i]);

            if (storage && storage->parameter)
                step->tensors[i].data = storage->fixed;
        }
        if (packs_now(step))
            step->compile.pack(&step->run);
        run_once(step);
    }
    plan->version = plan->graph->version;
}
