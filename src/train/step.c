/* SPDX-License-Identifier: MIT */
/* Builds the training step: copy the graph, add the task's loss, gradient and updates, compile. */
#include "train/step.h"
#include "base/file.h"
#include "graph/copy.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- compiling --------------------------------------------------------------------------------------------------- */

/* The parameters that a plan for batches assigns: all (NULL), or those of the turn; with accumulation the sums only. */
static struct update_turn renewed_by(const struct training_step *step, int turn)
{
    const struct updates *u = &step->updates;
    return step->turn_count > 1 ? u->turn[turn] : (struct update_turn){u->sums, u->sum_count};
}

/* Looks up when a turn's plan completes the sums of gradients. */
static int find_final(const struct training_step *step, struct step_plan *plan, struct error *error)
{
    const struct updates *u = &step->updates;
    if (u->sums == NULL) {
        return FOV_OK;
    }
    plan->final = memory_allocate(step->context->memory, (size_t)u->sum_count, sizeof *plan->final, "sums over batches",
                                  error);
    for (int k = 0; plan->final != NULL && k < u->sum_count; k++) {
        plan->final[k] = plan_steps_to_renew(plan->plan, u->sums[k]);
    }
    return plan->final != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Looks up where a turn's plan has its inputs and results. */
static int find_places(const struct training_step *step, struct step_plan *plan, int turn, struct error *error)
{
    bool      is_first = turn == 0;
    fov_value loss = step->turns[turn].loss;
    plan->samples.pixels = fov_plan_data(plan->plan, step->input);
    plan->samples.targets = fov_plan_data(plan->plan, step->ends.targets);
    for (int i = 0; i < step->row_count; i++) {
        plan->samples.rows[i] = fov_plan_data(plan->plan, step->row_inputs[i]);
    }
    plan->places = updates_places(&step->updates, plan->plan);
    plan->loss = fov_plan_data(plan->plan, loss);
    plan->outputs = is_first ? fov_plan_data(plan->plan, step->ends.scores.logits) : NULL;
    plan->forward = plan_steps_to(plan->plan, loss);
    bool moves = plan->places.input[UPDATE_RATE] != NULL || plan->places.input[UPDATE_WEIGHT] != NULL;
    bool reads = plan->samples.pixels != NULL && plan->samples.targets != NULL && plan->outputs != NULL;
    if ((is_first && !reads) || !moves || plan->loss == NULL) {
        return error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
    }
    return find_final(step, plan, error);
}

static int compile_turn(const struct training_step *step, struct step_plan *plan, int turn, int64_t batch,
                        struct error *error)
{
    bool             is_first = turn == 0;
    fov_value        loss = step->turns[turn].loss;
    const fov_value  outputs[] = {loss, step->ends.scores.logits};
    struct update_turn renewed = renewed_by(step, turn);
    /* Prepared pixels are channels-last, which is the plain order of an NHWC input. */
    bool             is_nhwc = fov_model_layout(step->model, step->model->input) == FOV_LAYOUT_NHWC;
    fov_plan_options options = {.batch = batch,
                                .training = true,
                                .updates = true,
                                .update = renewed.renewed,
                                .update_count = renewed.count,
                                .channels_last = &step->input,
                                .channels_last_count = is_nhwc ? 0 : 1};
    plan->batch = batch;
    plan->plan = step->arena != NULL ? plan_create_within(step->arena, step->graph, outputs, is_first ? 2 : 1, &options)
                                     : fov_plan_create(step->graph, outputs, is_first ? 2 : 1, &options);
    if (plan->plan == NULL) {
        return (int)error->status;
    }
    return step->arena != NULL ? FOV_OK : find_places(step, plan, turn, error);
}

static int compile(const struct training_step *step, struct step_plan *plans, int64_t batch, struct error *error)
{
    int status = FOV_OK;
    for (int turn = 0; status == FOV_OK && turn < step->turn_count; turn++) {
        status = compile_turn(step, &plans[turn], turn, batch, error);
    }
    return status;
}

static void free_plans(const struct training_step *step, struct step_plan *plans)
{
    for (int turn = 0; turn < TASK_MOST_TURNS; turn++) {
        fov_plan_free(plans[turn].plan);
        memory_free(step->context->memory, plans[turn].final);
        plans[turn] = (struct step_plan){.plan = NULL};
    }
}

static int compile_moves(struct training_step *step, struct error *error)
{
    const struct updates *u = &step->updates;
    fov_plan_options options = {
        .batch = 1, .training = true, .updates = true, .update = u->others, .update_count = u->other_count};
    step->moves = fov_plan_create(step->graph, &u->done, 1, &options);
    if (step->moves == NULL) {
        return (int)error->status;
    }
    step->moves_places = updates_places(u, step->moves);
    return FOV_OK;
}

/* Lists the auxiliary heads: outputs with a share of the loss that score the same classes as the chosen output. */
static void add_auxiliary_heads(struct training_step *step, const fov_model *model, const int *copy)
{
    int count = 0;
    for (int i = 0; i < model->output_count && count < MOST_AUXILIARY_HEADS; i++) {
        const struct model_output *output = &model->outputs[i];
        struct model_scores scores = model_scores(model, output->value);
        bool alike = scores.count == step->ends.scores.count && !scores.is_probable && !scores.independent;
        if (output->auxiliary > 0 && output->value.id != model->output.id && alike) {
            step->ends.auxiliary[count++] =
                (struct auxiliary_head){.logits = {copy[scores.logits.id]}, .share = output->auxiliary};
        }
    }
}

/* Adds the network once more, with the same parameters, for pictures of the model's own size. */
static void add_whole_pictures(struct training_step *step)
{
    fov_shape shape = fov_value_shape(step->model->graph, step->model->input);
    step->pictures.input = fov_input(step->graph, .name = "optimizer.pictures", .shape = shape);
    step->pictures.scores = step->ends.scores;
    step->pictures.scores.logits =
        graph_apply(step->graph, step->input, step->ends.scores.logits, step->pictures.input);
}

static int build(struct training_step *step, const struct task_use *use, const struct train_settings *settings,
                 int *copy, struct error *error)
{
    const fov_model *model = use->model;
    step->graph = graph_copy(model->graph, copy);
    if (step->graph == NULL) {
        return (int)error->status;
    }
    step->input = (fov_value){copy[model->input.id]};
    step->row_count = use->row_count;
    for (int i = 0; i < use->row_count; i++) {
        step->row_inputs[i] = (fov_value){copy[use->row_inputs[i].id]};
    }
    bool fits = use->scores.logits.id != 0; /* false: no data, the step is only timed (single.c) */
    step->ends.scores = fits ? use->scores : model_scores(model, model->output);
    step->ends.scores.logits.id = copy[step->ends.scores.logits.id];
    add_auxiliary_heads(step, model, copy);
    if (model != step->model) {
        add_whole_pictures(step);
    }
    step->model_parameters = fov_parameter_count(step->graph);
    use->task->add_loss(use, step->graph, &step->ends);
    step->turn_count = step->ends.turn_count > 0 ? step->ends.turn_count : 1;
    memcpy(step->turns, step->ends.turns, sizeof step->turns);
    step->turns[0].loss = step->ends.loss;
    int status = step->graph->failed ? (int)error->status
                                     : updates_add(&step->updates, step->graph, step->turns, step->turn_count,
                                                   step->model_parameters, settings, error);
    if (status != FOV_OK) {
        return status;
    }
    int total = fov_parameter_count(step->graph);
    step->of_model = memory_allocate(step->context->memory, (size_t)total, sizeof *step->of_model, "parameters", error);
    if (step->of_model == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t v = 1; v < model->graph->value_count; v++) {
        if (graph_value(model->graph, (int)v)->kind == VALUE_PARAMETER) {
            int number = graph_value(model->graph, (int)v)->number;
            step->of_model[graph_value(step->graph, copy[v])->number] =
                model == step->model ? (int)v : fov_parameter_at(step->model->graph, number).id;
        }
    }
    return FOV_OK;
}

int step_create(struct training_step *step, fov_model *model, const struct task_use *use,
                const struct train_settings *settings, struct error *error)
{
    *step = (struct training_step){.context = model->context, .model = model};
    int *copy = memory_allocate(model->context->memory, use->model->graph->value_count, sizeof *copy,
                                "a copy of the graph", error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    int status = build(step, use, settings, copy, error);
    memory_free(model->context->memory, copy);
    return status;
}

int step_share(struct training_step *step, const struct training_step *base, struct error *error)
{
    struct memory *memory = step->context->memory;
    int count = fov_parameter_count(base->graph);
    step->base = base;
    for (int i = 0; i < count; i++) {
        int own = fov_parameter_at(base->graph, i).id, id = fov_parameter_at(step->graph, i).id;
        struct value *value = id != 0 ? graph_value(step->graph, id) : NULL;
        const struct value *from = graph_value(base->graph, own);
        if (value == NULL || strcmp(value->name, from->name) != 0 || value->bytes != from->bytes) {
            return error_set(error, FOV_E_SHAPE, "parameter \"%s\" depends on the size of the pictures", from->name);
        }
        void *data = graph_data(base->graph, own);
        if (data == NULL) {
            return (int)base->graph->context->error.status;
        }
        if (!value->borrowed) {
            memory_free(memory, value->data);
        }
        file_source_close(value->file);
        value->file = NULL;
        value->data = data;
        value->borrowed = true;
    }
    return FOV_OK;
}

/* Memory that saving the model between epochs will take: its weights, as far as the model does not hold them yet, and
 * buffers for writing. */
static size_t saving_bytes(const struct training_step *step)
{
    enum { WRITING = 2 << 20 };
    size_t bytes = WRITING;
    for (size_t v = 1; v < step->model->graph->value_count; v++) {
        const struct value *value = graph_value(step->model->graph, (int)v);
        if (value->kind == VALUE_PARAMETER && value->data == NULL) {
            bytes += value->bytes;
        }
    }
    return bytes;
}

/* Compiles the plans for the last, smaller batch. If it is a single sample and cannot be compiled, it is left out. */
static int compile_rest(struct training_step *step, const struct train_settings *settings, int64_t rest,
                        struct error *error)
{
    int status = compile(step, step->rest, rest, error);
    if (status != FOV_E_SHAPE || rest != 1 || settings->batch == 1) {
        return status;
    }
    free_plans(step, step->rest);
    step->rest_left_out = true; // if whole batches fail as well, their error is the one to report
    error_clear(error);
    return FOV_OK;
}

int step_compile(struct training_step *step, const struct train_settings *settings, int64_t count, struct error *error)
{
    /* Held while compiling, so that a plan that fills the memory limit leaves this much free. */
    struct memory *memory = step->context->memory;
    void *saving = memory_allocate_raw(memory, saving_bytes(step), 1, "room to save the model", error);
    int status = saving == NULL ? FOV_E_MEMORY : FOV_OK;
    if (status == FOV_OK && step->updates.sums != NULL && step->base == NULL) {
        status = compile_moves(step, error);
    }
    /* The larger plan last: it may use all memory that is left. */
    if (status == FOV_OK && count % settings->batch != 0 && !settings->given.drop_last) {
        status = compile_rest(step, settings, count % settings->batch, error);
    }
    if (status == FOV_OK && count >= settings->batch) {
        status = compile(step, step->whole, settings->batch, error);
    }
    memory_free(memory, saving);
    return status;
}

int step_bind(struct training_step *step, struct error *error)
{
    int status = FOV_OK;
    struct step_plan *plans[] = {step->rest, step->whole};
    for (int i = 0; step->arena != NULL && i < 2; i++) {
        for (int turn = 0; status == FOV_OK && turn < step->turn_count; turn++) {
            struct step_plan *plan = &plans[i][turn];
            status = plan->plan != NULL ? plan_bind(plan->plan) : FOV_OK;
            status = status == FOV_OK && plan->plan != NULL ? find_places(step, plan, turn, error) : status;
        }
    }
    return status;
}

void step_free(struct training_step *step)
{
    if (step->context == NULL) {
        return;
    }
    free_plans(step, step->whole);
    free_plans(step, step->rest);
    fov_plan_free(step->moves);
    updates_free(&step->updates);
    fov_graph_free(step->graph);
    memory_free(step->context->memory, step->of_model);
    *step = (struct training_step){0};
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

bool step_has_turn(const struct training_step *step, int turn, const struct update_moment *moment)
{
    int every = step->turns[turn].every;
    return every < 2 || moment->step % every == 0;
}

/* Copies the samples from the first turn's plan to the plan of a later turn, as far as that reads them. */
static void hand_on(const struct training_step *step, const struct step_plan *first, const struct step_plan *plan)
{
    const struct loader_batch *from = &first->samples, *to = &plan->samples;
    if (plan == first) {
        return;
    }
    if (to->pixels != NULL) {
        memcpy(to->pixels, from->pixels, fov_plan_bytes(plan->plan, step->input));
    }
    if (to->targets != NULL) {
        memcpy(to->targets, from->targets, fov_plan_bytes(plan->plan, step->ends.targets));
    }
    for (int i = 0; i < step->row_count; i++) {
        if (to->rows[i] != NULL && from->rows[i] != NULL) {
            memcpy(to->rows[i], from->rows[i], fov_plan_bytes(plan->plan, step->row_inputs[i]));
        }
    }
}

/* The plan that a watch looks at. */
struct watched {
    const struct step_watch *watch;
    const struct step_plan *plan;
};

static void pass(void *context, size_t steps)
{
    const struct watched *watched = context;
    watched->watch->passed(watched->watch->context, watched->plan, steps);
}

/* watch: NULL: nobody looks. */
static bool run_turn(const struct training_step *step, const struct step_plan *plan, int turn,
                     const struct update_moment *moment, const struct step_watch *watch)
{
    struct watched watched = {watch, plan};
    struct update_moment own = *moment;
    int every = step->turns[turn].every;
    own.input[UPDATE_NUMBER] = every > 1 ? floor(moment->input[UPDATE_NUMBER] / every) : moment->input[UPDATE_NUMBER];
    updates_set(&plan->places, &own);
    updates_hold(&step->updates, step->graph);
    /* A NaN loss would make every weight NaN: it is checked before the update. */
    plan_run_steps(plan->plan, (uint64_t)moment->step, 0, plan->forward);
    bool finite = isfinite(*plan->loss);
    if (finite && watch != NULL) {
        pass(&watched, plan->forward);
    }
    if (finite) {
        plan_run_watched(plan->plan, (uint64_t)moment->step, plan->forward, plan->plan->step_count,
                         watch != NULL ? pass : NULL, &watched);
    }
    updates_put_back(&step->updates, step->graph, step->turns[turn].parameters);
    return finite;
}

bool step_collect_watched(const struct training_step *step, const struct step_plan *plans,
                          const struct update_moment *moment, const struct step_watch *watch)
{
    for (int turn = 0; turn < step->turn_count; turn++) {
        if (!step_has_turn(step, turn, moment)) {
            continue;
        }
        hand_on(step, plans, &plans[turn]);
        if (!run_turn(step, &plans[turn], turn, moment, turn == step->turn_count - 1 ? watch : NULL)) {
            return false;
        }
    }
    return true;
}

bool step_collect(const struct training_step *step, const struct step_plan *plans, const struct update_moment *moment)
{
    return step_collect_watched(step, plans, moment, NULL);
}

void step_move(const struct training_step *step, const struct update_moment *moment)
{
    updates_settle(&step->updates, step->graph);
    updates_set(&step->moves_places, moment);
    fov_plan_run(step->moves, (uint64_t)moment->step);
}

bool step_run(const struct training_step *step, const struct step_plan *plans, const struct update_moment *moment)
{
    bool finite = step_collect(step, plans, moment);
    if (finite && step->moves != NULL && moment->applies) {
        step_move(step, moment);
    }
    return finite;
}

void step_replay(const struct training_step *step, const struct step_plan *plans, int64_t number,
                 struct plan_finding *finding)
{
    int bad = 0;
    while (bad + 1 < step->turn_count && isfinite(*plans[bad].loss)) {
        bad++;
    }
    /* if memory is short, the finding stays empty */
    (void)plan_replay(plans[bad].plan, (uint64_t)number, plans[bad].forward, finding);
}

const char *step_bad_parameter(const struct training_step *step)
{
    for (size_t v = 1; v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        if (value->kind != VALUE_PARAMETER || value->dtype != FOV_F32 || value->data == NULL) {
            continue;
        }
        const float *data = value->data;
        for (size_t i = 0; i < value->bytes / sizeof *data; i++) {
            if (!isfinite(data[i])) {
                return value->name;
            }
        }
    }
    return NULL;
}

static int publish(const struct training_step *step)
{
    for (size_t v = 1; v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        if (value->kind != VALUE_PARAMETER || step->of_model[value->number] == 0) {
            continue;
        }
        const void *data = graph_data(step->graph, (int)v);
        fov_value target = {step->of_model[value->number]};
        int status = data != NULL ? fov_parameter_set(step->model->graph, target, data, value->bytes)
                                  : (int)step->graph->context->error.status;
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}

int step_publish(struct training_step *step)
{
    updates_exchange(&step->updates, step->graph);
    int status = publish(step);
    updates_exchange(&step->updates, step->graph);
    return status;
}
