/* SPDX-License-Identifier: MIT */
/* The life of a plan: compile (lower.c), place (arena.c), allocate once, bind every pointer, then run an array of
 * steps. After fov_plan_create nothing is allocated, looked up or decided. */
#include "graph/plan.h"
#include "base/memory.h"
#include "graph/fitting.h"

#include "base/arithmetic.h"
#include "base/clock.h"
#include "base/pool.h"
#include "graph/constant_fold.h"

#include <math.h>
#include <string.h>

/* ---- the arrays that lowering fills ------------------------------------------------------------------------------ */

int plan_new_tensor(fov_plan *plan, struct plan_tensor tensor)
{
    if (memory_grow(plan->graph->context->memory, (void **)&plan->tensors, &plan->tensor_capacity, plan->tensor_count,
                    sizeof *plan->tensors, "plan", &plan->graph->context->error))
        return -1;
    plan->tensors[plan->tensor_count] = tensor;
    return (int)plan->tensor_count++;
}

int plan_new_storage(fov_plan *plan, size_t bytes)
{
    if (memory_grow(plan->graph->context->memory, (void **)&plan->storages, &plan->storage_capacity,
                    plan->storage_count, sizeof *plan->storages, "plan", &plan->graph->context->error))
        return -1;
    plan->storages[plan->storage_count] = (struct plan_storage){.bytes = bytes ? bytes : 1, .first = -1, .last = -1};
    return (int)plan->storage_count++;
}

int plan_new_step(fov_plan *plan, const struct op *op, int node, int in_count, int out_count)
{
    struct memory    *memory = plan->graph->context->memory;
    struct error     *error  = &plan->graph->context->error;
    struct plan_step *step;
    size_t            in = (size_t)in_count, out = (size_t)out_count;

    if (memory_grow(memory, (void **)&plan->steps, &plan->step_capacity, plan->step_count, sizeof *plan->steps, "plan",
                    error))
        return -1;
    step = &plan->steps[plan->step_count++];
    *step = (struct plan_step){.op = op, .node = node, .in_count = in_count, .out_count = out_count, .name = "",
                                .observer = -1, .shown_by = -1, .producer = -1, .taker = -1};
    step->in               = memory_allocate(memory, in, sizeof *step->in, "plan", error);
    step->out              = memory_allocate(memory, out, sizeof *step->out, "plan", error);
    step->constant         = memory_allocate(memory, in, sizeof *step->constant, "plan", error);
    step->values           = memory_allocate(memory, in, sizeof *step->values, "plan", error);
    step->row_producer     = memory_allocate(memory, in, sizeof *step->row_producer, "plan", error);
    step->in_rows          = memory_allocate(memory, in, sizeof *step->in_rows, "plan", error);
    step->row_producer_run = memory_allocate(memory, in, sizeof(struct op_run *), "plan", error);
    step->packed           = memory_allocate(memory, in, sizeof *step->packed, "plan", error);
    step->packed_data      = memory_allocate(memory, in, sizeof *step->packed_data, "plan", error);
    step->tensors          = memory_allocate(memory, in + out, sizeof *step->tensors, "plan", error);
    if (!step->in || !step->out || !step->constant || !step->values || !step->row_producer || !step->in_rows ||
        !step->row_producer_run || !step->packed || !step->packed_data || !step->tensors)
        return -1;
    for (size_t i = 0; i < in; i++)
        step->packed[i] = step->row_producer[i] = step->in[i] = -1;
    for (size_t i = 0; i < out; i++)
        step->out[i] = -1;
    for (size_t i = 0; i < in + out; i++)
        step->tensors[i].shape.rank = -1;
    return (int)plan->step_count - 1;
}

/* ---- binding ----------------------------------------------------------------------------------------------------- */

static void *address(const fov_plan *plan, int storage)
{
    const struct plan_storage *found = &plan->storages[storage];

    if (found->fixed == plan_unread)
        return NULL; /* only packing reads it, from the file (pack.c) */
    return found->fixed ? found->fixed : plan->arena + found->offset;
}

static void *tensor_address(const fov_plan *plan, int tensor)
{
    unsigned char *storage = address(plan, plan->tensors[tensor].storage);

    return storage ? storage + plan->tensors[tensor].begin : NULL;
}

static void bind_step(fov_plan *plan, struct plan_step *step)
{
    struct fov_context *context = plan->graph->context;
    size_t              packed  = step->packed_offset;
    struct op_compile  *compile = &step->compile;
    unsigned char      *fold    = plan->kept + step->fold_offset;
    size_t              fold_channels = plan_fold_bytes(step) / (4 * sizeof(float));
    uint32_t            node = (uint32_t)(step->node < 0 ? 0 : step->node);

    for (int i = 0; i < step->in_count + step->out_count; i++) {
        int tensor = i < step->in_count ? step->in[i] : step->out[i - step->in_count];

        if (tensor >= 0 && !plan_is_passed_on(step, i))
            step->tensors[i].data = tensor_address(plan, tensor);
    }
    for (int i = 0; i < step->in_count; i++)
        step->row_producer_run[i] = step->row_producer[i] >= 0 ? &plan->steps[step->row_producer[i]].run : NULL;
    if (step->producer >= 0)
        compile->producer = &plan->steps[step->producer].compile;
    for (int i = 0; i < plan_op_inputs(step); i++) {
        if (step->packed[i] >= 0)
            step->packed_data[i] = address(plan, step->packed[i]);
        if (!compile->packed[i] || !step->constant[i] || plan_shares_packed(plan, step))
            continue;
        step->packed_data[i] = plan->kept + packed;
        packed += memory_aligned(compile->packed[i]);
    }
    step->run = (struct op_run){
        .op                   = step->op,
        .kernel               = context->kernel,
        .pool                 = context->pool,
        .options              = compile->options,
        .in                   = step->tensors,
        .out                  = step->tensors + step->in_count,
        .in_count             = plan_op_inputs(step),
        .out_count            = step->out_count,
        .state                = plan->kept + step->state_offset,
        .scratch              = step->scratch.shared >= 0 ? address(plan, step->scratch.shared) : NULL,
        .worker_scratch       = step->scratch.workers >= 0 ? address(plan, step->scratch.workers) : NULL,
        .worker_scratch_bytes = compile->scratch_per_worker,
        .packed               = step->packed_data,
        .training             = plan->options.training,
        .activation           = compile->activation,
        .alpha                = compile->alpha,
        .beta                 = compile->beta,
        .residual             = compile->residual,
        .saved_activation     = compile->saved_activation,
        .row_producer         = step->row_producer_run,
        .before               = compile->merges ? &step[-1].run : NULL,
        .observer             = step->observer >= 0 ? &plan->steps[step->observer].run : NULL,
        .producer             = step->producer >= 0 ? &plan->steps[step->producer].run : NULL,
        .make                 = compile->make,
        .fold_factor          = compile->folds ? (const float *)(const void *)fold : NULL,
        .fold_bias            = compile->folds ? (const float *)(const void *)fold + fold_channels : NULL,
        .random               = {context->seed, RANDOM_DROPOUT + (node << 8), 0}};
}

static int allocate_and_bind(fov_plan *plan)
{
    struct fov_context *context = plan->graph->context;

    plan->arena = plan->shared_arena ? plan->shared_arena->bytes
                                     : memory_allocate_raw(context->memory, plan->arena_bytes, 1,
                                                           "room for the plan's activations", &context->error);
    if (!plan->arena)
        return FOV_E_MEMORY;
    plan->kept = memory_allocate(context->memory, plan->kept_bytes, 1, "room for the plan's packed weights",
                                 &context->error);
    if (!plan->kept)
        return FOV_E_MEMORY;
    for (size_t i = 0; i < plan->storage_count; i++) /* inputs that nobody fills are zeros, not leftovers */
        if (plan->storages[i].keep && !plan->storages[i].fixed)
            memset(plan->arena + plan->storages[i].offset, 0, plan->storages[i].bytes);
    for (size_t s = 0; s < plan->step_count; s++) {
        struct plan_step *step = &plan->steps[s];

        if (step->skip)
            continue;
        bind_step(plan, step);
        if (step->compile.prepare && step->compile.prepare(&step->compile, step->run.state)) {
            error_set(&context->error, FOV_E_INTERNAL, "\"%s\" could not be prepared", step->name);
            return (int)context->error.status;
        }
    }
    return plan_pack(plan);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* Known values are used only while a plan is made; a running step reads them as constants. */
static void drop_known(fov_plan *plan)
{
    constant_fold_free(plan->graph, plan->known, plan->value_count);
    plan->known = NULL;
    for (size_t s = 0; s < plan->step_count; s++)
        plan->steps[s].compile.in_values = NULL;
}

static int compile(fov_plan *plan, const fov_value *outputs, int count, bool placed)
{
    struct fov_context *context = plan->graph->context;
    struct memory      *memory  = context->memory;

    plan->value_count = plan->graph->value_count;
    plan->node_count  = plan->graph->node_count;
    plan->tensor_of   = memory_allocate(memory, plan->value_count, sizeof *plan->tensor_of, "plan", &context->error);
    plan->outputs     = memory_allocate(memory, (size_t)count, sizeof *plan->outputs, "plan", &context->error);
    plan->rewritten   = memory_allocate(memory, plan->node_count + 1, sizeof(struct node *), "plan", &context->error);
    plan->known       = memory_allocate(memory, plan->value_count, sizeof *plan->known, "plan", &context->error);
    if (!plan->known || !plan->rewritten || !plan->tensor_of || !plan->outputs)
        return FOV_E_MEMORY;
    memset(plan->tensor_of, -1, plan->value_count * sizeof *plan->tensor_of);
    for (int i = 0; i < count; i++) {
        if (outputs[i].id <= 0 || (size_t)outputs[i].id >= plan->value_count)
            return (int)error_set(&context->error, FOV_E_USAGE, "plan: output %d is no value of this graph", i);
        plan->outputs[i] = outputs[i].id;
    }
    plan->output_count = count;
    for (int i = 0; plan->options.updates && plan->options.update && i < plan->options.update_count; i++) {
        int id = plan->options.update[i].id;

        if (id <= 0 || (size_t)id >= plan->value_count || !graph_value(plan->graph, id)->assigned)
            return (int)error_set(&context->error, FOV_E_USAGE,
                                  "plan: update %d is no parameter that anything renews (fov_update, fov_assign)", i);
    }
    if (plan->options.updates && graph_settle(plan->graph))
        return (int)context->error.status;
    plan->graph->moves = plan->graph->moves || plan->options.updates;
    if (plan_lower(plan))
        return (int)context->error.status;
    plan_find_pairs(plan);
    return placed ? plan_place(plan) : FOV_OK;
}

fov_plan *plan_draft(fov_graph *graph, const fov_value *outputs, int count, const fov_plan_options *options,
                     const struct plan_program *program, bool placed)
{
    struct fov_context *context = graph->context;
    fov_plan           *plan    = memory_allocate(context->memory, 1, sizeof *plan, "plan", &context->error);

    if (!plan)
        return NULL;
    plan->graph   = graph;
    plan->program = program;
    if (options)
        plan->options = *options;
    if (plan->options.batch == 0)
        plan->options.batch = 1;
    if (plan->options.batch < 0)
        error_set(&context->error, FOV_E_USAGE, "a plan's batch is %lld (1 or more)", (long long)plan->options.batch);
    if (context->error.status || compile(plan, outputs, count, placed)) {
        fov_plan_free(plan);
        return NULL;
    }
    plan->program = NULL; /* belongs to the caller */
    return plan;
}

/* Whether the arena and plan->kept fit the memory limit beside all that is allocated already. */
static bool fits(const fov_plan *plan)
{
    const struct memory *memory = plan->graph->context->memory;
    size_t               limit = memory_limit(memory), need;

    return limit == 0 || (size_add(plan->arena_bytes, plan->kept_bytes, &need) && size_add(need, PLAN_HEADERS, &need) &&
                          size_add(need, memory_in_use(memory), &need) && need <= limit);
}

/* Makes a plan without its two blocks of memory: compiled, placed, checked. */
static fov_plan *lay_out(fov_graph *graph, const fov_value *outputs, int count, const fov_plan_options *options)
{
    struct fov_context *context = graph->context;
    fov_plan           *plan;

    if (graph->failed || context->error.status) {
        graph_refuse(graph);
        return NULL;
    }
    if (count < 1) {
        error_set(&context->error, FOV_E_USAGE, "a plan needs at least one output");
        return NULL;
    }
    plan = plan_draft(graph, outputs, count, options, NULL, true);
    if (plan && plan->options.training && !fits(plan))
        plan = plan_recompute(plan, outputs, count);
    if (!plan)
        return NULL;
    if ((context->verifies && plan_verify(plan)) || plan_settle(plan)) {
        fov_plan_free(plan);
        return NULL;
    }
    plan->options.update = plan->options.channels_last = NULL; /* the caller's arrays need not live on */
    plan->options.channels_last_count = 0;
    return plan;
}

int plan_bind(fov_plan *plan)
{
    int status = allocate_and_bind(plan);

    if (!status)
        status = plan_find_labels(plan);
    if (!status) {
        plan_describe(plan);
        drop_known(plan);
    }
    return status;
}

static fov_plan *create(fov_graph *graph, const fov_value *outputs, int count, const fov_plan_options *options)
{
    fov_plan *plan = lay_out(graph, outputs, count, options);

    if (plan && plan_bind(plan)) {
        fov_plan_free(plan);
        return NULL;
    }
    return plan;
}

fov_plan *plan_create_within(struct plan_arena *arena, fov_graph *graph, const fov_value *outputs, int count,
                             const fov_plan_options *options)
{
    fov_plan *plan = lay_out(graph, outputs, count, options);

    if (plan) {
        plan->shared_arena = arena;
        arena->size = plan->arena_bytes > arena->size ? plan->arena_bytes : arena->size;
    }
    return plan;
}

int plan_arena_open(struct plan_arena *arena, struct error *error)
{
    arena->bytes = memory_allocate_raw(arena->memory, arena->size, 1, "room for the plans' activations", error);
    return arena->bytes ? FOV_OK : FOV_E_MEMORY;
}

void plan_arena_close(struct plan_arena *arena)
{
    if (arena->memory)
        memory_free(arena->memory, arena->bytes);
    *arena = (struct plan_arena){0};
}

struct wanted {
    fov_graph              *graph;
    const fov_value        *outputs;
    int                     count;
    const fov_plan_options *options;
};

static int create_with(void *user, int64_t batch)
{
    const struct wanted *wanted  = user;
    fov_plan_options     options = *wanted->options;

    options.batch  = batch;
    fov_plan *plan = create(wanted->graph, wanted->outputs, wanted->count, &options);
    fov_plan_free(plan);
    return plan ? FOV_OK : (int)wanted->graph->context->error.status;
}

fov_plan *fov_plan_create(fov_graph *graph, const fov_value *outputs, int count, const fov_plan_options *options)
{
    if (!graph)
        return NULL;
    if (!outputs) {
        call_refuse(graph->context, "fov_plan_create: outputs is NULL");
        return NULL;
    }
    struct call call = call_begin(graph->context);
    fov_plan *made = create(graph, outputs, count, options);

    if (!made && options)
        add_fitting_batch(graph->context, options->batch, create_with,
                          &(struct wanted){graph, outputs, count, options});
    call_end(&call);
    return made;
}

void fov_plan_free(fov_plan *plan)
{
    struct memory *memory;

    if (!plan)
        return;
    memory = plan->graph->context->memory;
    plan_give_packed(plan);
    for (size_t s = 0; s < plan->step_count; s++) {
        memory_free(memory, plan->steps[s].in);
        memory_free(memory, plan->steps[s].out);
        memory_free(memory, plan->steps[s].constant);
        memory_free(memory, plan->steps[s].values);
        memory_free(memory, plan->steps[s].row_producer);
        memory_free(memory, plan->steps[s].in_rows);
        memory_free(memory, plan->steps[s].row_producer_run);
        memory_free(memory, plan->steps[s].packed);
        memory_free(memory, plan->steps[s].packed_data);
        memory_free(memory, plan->steps[s].tensors);
    }
    for (size_t i = 0; i < plan->storage_count; i++)
        memory_free(memory, plan->storages[i].owned);
    drop_known(plan);
    plan_drop_rewritten(plan);
    memory_free(memory, plan->steps);
    memory_free(memory, plan->storages);
    memory_free(memory, plan->tensors);
    memory_free(memory, plan->tensor_of);
    memory_free(memory, plan->outputs);
    memory_free(memory, plan->shared_arena ? NULL : plan->arena);
    memory_free(memory, plan->kept);
    memory_free(memory, plan->labels);
    memory_free(memory, plan);
}

int plan_tensor_in(const fov_plan *plan, int tensor, enum op_layout layout)
{
    while (tensor >= 0 && plan->tensors[tensor].layout != layout)
        tensor = plan->tensors[tensor].other;
    return tensor;
}

/* The tensor through which the caller sees a value: an input in its chosen layout, an output in plain order; -1: the
 * value is neither. */
static int visible_tensor(const fov_plan *plan, fov_value value)
{
    int first;

    if (value.id <= 0 || (size_t)value.id >= plan->value_count)
        return -1;
    first = plan->tensor_of[value.id];
    if (graph_value(plan->graph, value.id)->kind == VALUE_INPUT)
        return first;
    for (int i = 0; i < plan->output_count; i++)
        if (plan->outputs[i] == value.id) {
            int plain = plan_tensor_in(plan, first, OP_PLAIN);

            return plain >= 0 ? plain : first;
        }
    return -1;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void run_step(struct plan_step *step, uint64_t number)
{
    if (step->skip || step->once || step->paired)
        return;
    step->run.random.position = number;
    if (step->compile.pack && !plan_packs_once(step))
        step->compile.pack(&step->run);
    if (step->merged)
        return;
    if (step->pair_rows)
        plan_run_pair(step, step + 1);
    else if (step->taker < 0)
        step->compile.run(&step->run);
}

/* Plans that share an arena overwrite each other's results of run-once steps; those are computed again when another
 * plan ran in between. */
static void begin(fov_plan *plan)
{
    bool was_away = plan->shared_arena && plan->shared_arena->last != plan;

    if (was_away)
        plan->shared_arena->last = plan;
    if (was_away || plan->version != plan->graph->version)
        plan_pack_again(plan);
}

/* This plan changes no parameter that it has packed once, so only other plans have to pack again. */
static void renewed(fov_plan *plan)
{
    if (plan->options.updates)
        plan->version = ++plan->graph->version;
}

void plan_run_watched(fov_plan *plan, uint64_t number, size_t first, size_t end, plan_passed *passed, void *context)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_FLUSHED);

    pool_begin(plan->graph->context->pool);
    if (first == 0)
        begin(plan);
    for (size_t s = first; s < end; s++) {
        run_step(&plan->steps[s], number);
        if (passed)
            passed(context, s + 1);
    }
    if (end == plan->step_count)
        renewed(plan);
    pool_end(plan->graph->context->pool);
    arithmetic_leave(mode);
}

void plan_run_steps(fov_plan *plan, uint64_t number, size_t first, size_t end)
{
    plan_run_watched(plan, number, first, end, NULL, NULL);
}

/* Fills the outputs of a refused run with NaN, so that a caller who ignores the status cannot mistake old numbers for a
 * result. */
static void spoil_outputs(fov_plan *plan)
{
    for (int i = 0; i < plan->output_count; i++) {
        int                        tensor = visible_tensor(plan, (fov_value){plan->outputs[i]});
        const struct plan_storage *storage = tensor >= 0 ? &plan->storages[plan->tensors[tensor].storage] : NULL;

        if (!storage || storage->fixed || storage->keep || storage->once || plan->tensors[tensor].dtype != FOV_F32)
            continue;
        float *numbers = tensor_address(plan, tensor);
        for (size_t k = 0; k < plan->tensors[tensor].bytes / sizeof *numbers; k++)
            numbers[k] = NAN;
    }
}

/* Looks at the inputs of a run, and refuses it. */
static int check_run(fov_plan *plan, struct error *error)
{
    int status = plan_check_labels(plan, error);

    if (status)
        spoil_outputs(plan);
    return status;
}

int plan_run(fov_plan *plan, uint64_t number, struct error *error)
{
    int status = check_run(plan, error);

    if (!status)
        plan_run_steps(plan, number, 0, plan->step_count);
    return status;
}

int fov_plan_run(fov_plan *plan, uint64_t step)
{
    if (!plan)
        return FOV_E_USAGE;
    if (plan->label_count) /* without labels nothing can fail, and other threads may be using the context */
        call_fresh(plan->graph->context);
    return plan_run(plan, step, &plan->graph->context->error);
}

int fov_plan_profile(fov_plan *plan, uint64_t step, double *seconds)
{
    if (!plan)
        return FOV_E_USAGE;
    if (!seconds)
        return call_refuse(plan->graph->context, "fov_plan_profile: seconds is NULL");
    if (plan->label_count)
        call_fresh(plan->graph->context);
    if (check_run(plan, &plan->graph->context->error)) {
        memset(seconds, 0, plan->step_count * sizeof *seconds);
        return (int)plan->graph->context->error.status;
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_FLUSHED);

    pool_begin(plan->graph->context->pool);
    begin(plan);
    for (size_t s = 0; s < plan->step_count; s++) {
        double start = clock_seconds();

        run_step(&plan->steps[s], step);
        seconds[s] = clock_seconds() - start;
    }
    renewed(plan);
    pool_end(plan->graph->context->pool);
    arithmetic_leave(mode);
    return FOV_OK;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

void *fov_plan_data(fov_plan *plan, fov_value value)
{
    if (!plan)
        return NULL;
    int tensor = visible_tensor(plan, value);

    return tensor < 0 ? NULL : tensor_address(plan, tensor);
}

size_t fov_plan_bytes(const fov_plan *plan, fov_value value)
{
    if (!plan)
        return 0;
    int tensor = visible_tensor(plan, value);

    return tensor < 0 ? 0 : plan->tensors[tensor].bytes;
}

fov_shape fov_plan_shape(const fov_plan *plan, fov_value value)
{
    if (!plan)
        return (fov_shape){0};
    int tensor = visible_tensor(plan, value);

    return tensor < 0 ? (fov_shape){0} : plan->tensors[tensor].shape;
}

fov_plan_memory fov_plan_memory_use(const fov_plan *plan)
{
    if (!plan)
        return (fov_plan_memory){0};
    fov_plan_memory use = {.activations = plan->arena_bytes,
                           .unshared    = plan->unshared_bytes,
                           .packed      = plan->kept_bytes,
                           .scratch     = plan->scratch_bytes,
                           .kept_whole  = plan->whole_bytes ? plan->whole_bytes : plan->arena_bytes};

    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];
        bool                    convolution = step->op->family == OP_CONVOLUTION;

        if (step->skip)
            continue;
        use.multiply_adds += step->multiply_adds;
        use.multiply_adds_recomputed += step->again ? step->multiply_adds : 0;
        use.computed += !step->again;
        use.recomputed += step->again;
        use.convolutions += convolution && !step->again;
        use.convolutions_recomputed += convolution && step->again;
    }

    for (size_t id = 1; id < plan->value_count; id++)
        if (plan->graph->values[id].kind == VALUE_PARAMETER && plan->graph->values[id].data)
            use.parameters += plan->graph->values[id].bytes;
    return use;
}

int fov_plan_step_count(const fov_plan *plan)
{
    if (!plan)
        return 0;
    return (int)plan->step_count;
}

fov_plan_step fov_plan_step_at(const fov_plan *plan, int index)
{
    if (!plan || index < 0 || (size_t)index >= plan->step_count)
        return (fov_plan_step){0};
    const struct plan_step *step   = &plan->steps[index];
    const struct plan_tensor *out  = step->out_count && step->out[0] >= 0 ? &plan->tensors[step->out[0]] : NULL;
    fov_plan_step           result = {.name          = step->name,
                                      .operation     = step->operation,
                                      .detail        = step->op->view       ? "view: nothing to do"
                                                       : step->skip         ? "identity: nothing to do"
                                                       : step->once         ? "constant: computed once"
                                                           : step->merged       ? "together with the next step"
                                                                            : step->compile.detail,
                                      .layout        = "",
                                      .in_place      = step->in_place,
                                      .again         = step->again,
                                      .multiply_adds = step->multiply_adds};

    for (int i = 0; i < step->out_count && step->taker < 0; i++)
        if (step->out[i] >= 0)
            result.bytes += plan->tensors[step->out[i]].bytes;
    for (int i = 0; i < step->in_count && !step->skip; i++)
        if (step->in[i] >= 0 && !plan_is_passed_on(step, i))
            result.reads += plan->tensors[step->in[i]].bytes;
    for (int i = 0; i < step->in_count; i++)
        for (int k = 0; plan_row_producer(plan, step, i) && k < plan_row_producer(plan, step, i)->in_count; k++)
            if (plan_row_producer(plan, step, i)->in[k] >= 0)
                result.reads += plan->tensors[plan_row_producer(plan, step, i)->in[k]].bytes;
    if (step->deferred) { /* not stored, so `out` is NULL; its shape is known all the same */
        result.shape  = step->tensors[step->in_count].shape;
        result.layout = op_layout_name(OP_CHANNELS_LAST);
    }
    if (!out)
        return result;
    result.shape  = out->shape;
    result.layout = op_layout_name(out->layout);
    result.offset = plan->storages[out->storage].offset + out->begin;
    return result;
}
