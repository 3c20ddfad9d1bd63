/* SPDX-License-Identifier: MIT */
/* Checks that a finished plan computes its graph, as far as memory is concerned. Walks the plan in the order in which
 * it runs and tracks which tensors are intact in memory. Refuses a step that reads a tensor which was never written, or
 * part of which has been overwritten since; a parameter that has been renewed already; or a form packed once of such a
 * parameter - whether the step reads it for itself or on behalf of a neighbour. This file does not use lifetimes:
 * arena.c and order.c decide, this only looks at addresses, at the graph, and at what operators declare
 * (op_compile.overwrites, op_cpu.rows_done_with). */
#include "graph/verify.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- error messages ---------------------------------------------------------------------------------------------- */

static const char *step_name(const struct verifier *v, int step)
{
    return v->plan->steps[step].name;
}

static const char *value_name(const struct verifier *v, int tensor)
{
    const char *name = graph_value(v->plan->graph, v->plan->tensors[tensor].value)->name;

    return name ? name : "";
}

/* "step N "NAME" (for step `other`) DOES "WHAT", WHY (step `by`)". `by`: the step that the reason names, -1: none. */
static int refuse(struct verifier *v, int step, int other, const char *does, const char *what, const char *why, int by)
{
    char behalf[96] = "";

    if (other != step)
        snprintf(behalf, sizeof behalf, " for step %d \"%.60s\"", other + 1, step_name(v, other));
    if (by >= 0)
        return error_set(v->error, FOV_E_INTERNAL, "the plan is wrong: step %d \"%s\"%s %s \"%s\", %s step %d \"%s\"",
                         step + 1, step_name(v, step), behalf, does, what, why, by + 1, step_name(v, by));
    return error_set(v->error, FOV_E_INTERNAL, "the plan is wrong: step %d \"%s\"%s %s \"%s\", %s", step + 1,
                     step_name(v, step), behalf, does, what, why);
}

static int check_tensor(struct verifier *v, int step, int other, const char *does, int tensor)
{
    int                        thing   = v->twin[tensor];
    const struct plan_storage *storage = &v->plan->storages[v->plan->tensors[tensor].storage];

    if (v->state[thing] == HELD)
        return FOV_OK;
    if (v->state[thing] == NEVER)
        return refuse(v, step, other, does, value_name(v, tensor), "which nothing has been written into", -1);
    return refuse(v, step, other, does, value_name(v, tensor),
                  storage->fixed ? "which has been renewed by" : "which has been overwritten by", v->lost_to[thing]);
}

/* ---- what steps read --------------------------------------------------------------------------------------------- */

static bool is_packed(const struct plan_step *step, int i)
{
    return step->compile.pack && i < plan_op_inputs(step) && step->compile.packed[i];
}

/* Checks the packed form of input i of step `other`: packed in this run, or once from data that no run changes. */
static int check_packed(struct verifier *v, int step, int other, int i)
{
    const struct plan_step *of = &v->plan->steps[other];
    int                     storage = of->in[i] < 0 ? -1 : v->plan->tensors[of->in[i]].storage;
    int                     thing = of->packed[i] >= 0 ? verify_storage_thing(v, of->packed[i]) : -1;

    if (thing >= 0 && v->state[thing] == NEVER)
        return refuse(v, step, other, "reads the packed form of", value_name(v, of->in[i]), "which was not made", -1);
    if (thing >= 0 && v->state[thing] == LOST)
        return refuse(v, step, other, "reads the packed form of", value_name(v, of->in[i]),
                      "which has been overwritten by", v->lost_to[thing]);
    if (thing < 0 && storage >= 0 && plan_packs_once(of) && v->renewed_by[storage] >= 0)
        return refuse(v, step, other, "reads a form packed once of", value_name(v, of->in[i]),
                      "which each run renews in", v->renewed_by[storage]);
    return FOV_OK;
}

static int read_rows(struct verifier *v, int step, int producer);

/* Checks input i of step `other`, read while `step` runs. */
static int read_input(struct verifier *v, int step, int other, int i)
{
    const struct plan_step *of = &v->plan->steps[other];
    bool                    packed = is_packed(of, i);
    int                     status = FOV_OK;

    if (of->row_producer[i] >= 0)
        return read_rows(v, step, of->row_producer[i]);
    if (packed)
        status = check_packed(v, step, other, i);
    if (of->again && i < 32 && (of->compile.renewed_or_not >> i & 1U))
        return status;
    if (!status && of->in[i] >= 0 && (!packed || of->compile.reads_plain))
        status = check_tensor(v, step, other, "reads", of->in[i]);
    return status;
}

static int read_inputs(struct verifier *v, int step, int other)
{
    const struct plan_step *of = &v->plan->steps[other];
    int                     status = FOV_OK;

    for (int i = of->producer >= 0 ? 1 : 0; i < of->in_count && !status; i++)
        status = read_input(v, step, other, i);
    return status;
}

static bool rows_read(const struct plan_step *producer, int i)
{
    return i >= plan_op_inputs(producer) || i >= 32 || !(producer->op->cpu->rows_done_with >> i & 1U);
}

static int read_rows(struct verifier *v, int step, int producer)
{
    const struct plan_step *of = &v->plan->steps[producer];
    int                     status = FOV_OK;

    if (!of->deferred || !of->op->cpu->rows || !v->ran[producer])
        return refuse(v, step, producer, "reads rows of", of->name, "whose step has not run", -1);
    for (int i = 0; i < of->in_count && !status; i++)
        if (rows_read(of, i))
            status = read_input(v, step, producer, i);
    return status;
}

/* ---- what steps write, and what it must not overlap -------------------------------------------------------------- */

enum { MOST_READ = 16 * OP_MAX_PORTS, MOST_WRITTEN = 2 * OP_MAX_PORTS };

/* All things that are read and written while one step runs. */
struct touched {
    int reads[MOST_READ]; /* things */
    int own[MOST_READ];   /* 1 + index of the step's own input; 0: read on behalf of another step */
    int writes[MOST_WRITTEN];
    int read_count, write_count;
};

static void add_read(struct touched *touched, int thing, int own)
{
    if (touched->read_count < MOST_READ) {
        touched->reads[touched->read_count] = thing;
        touched->own[touched->read_count++] = own;
    }
}

static void add_write(struct touched *touched, int thing)
{
    if (touched->write_count < MOST_WRITTEN)
        touched->writes[touched->write_count++] = thing;
}

/* Adds what step `other` reads; `rows`: only the inputs from which its rows are computed. */
static void collect_reads(const struct verifier *v, struct touched *touched, int other, bool rows, bool own)
{
    const struct plan_step *of = &v->plan->steps[other];

    for (int i = of->producer >= 0 ? 1 : 0; i < of->in_count; i++) {
        if (rows && !rows_read(of, i))
            continue;
        if (of->row_producer[i] >= 0) {
            collect_reads(v, touched, of->row_producer[i], true, false);
            continue;
        }
        if (is_packed(of, i) && of->packed[i] >= 0)
            add_read(touched, verify_storage_thing(v, of->packed[i]), 0);
        if (of->in[i] >= 0 && (!is_packed(of, i) || of->compile.reads_plain))
            add_read(touched, v->twin[of->in[i]], own ? 1 + i : 0);
    }
    if (!rows && of->producer >= 0)
        collect_reads(v, touched, of->producer, false, false);
}

static void collect_writes(const struct verifier *v, struct touched *touched, int other)
{
    const struct plan_step *of = &v->plan->steps[other];

    for (int o = 0; o < of->out_count; o++)
        if (of->out[o] >= 0 && !(o == 0 && of->taker >= 0))
            add_write(touched, v->twin[of->out[o]]);
    for (int s = other; s >= 0; s = v->plan->steps[s].producer) {
        if (v->plan->steps[s].scratch.shared >= 0)
            add_write(touched, verify_storage_thing(v, v->plan->steps[s].scratch.shared));
        if (v->plan->steps[s].scratch.workers >= 0)
            add_write(touched, verify_storage_thing(v, v->plan->steps[s].scratch.workers));
    }
}

/* Whether the operator declares that output 0 may overwrite this input. */
static bool may_lie_over(const struct plan_step *step, int input)
{
    int operands = plan_op_inputs(step);

    if (input < operands)
        return input < 32 && (step->compile.overwrites >> input & 1U);
    return step->residual && input == operands ? step->compile.overwrites_residual
                                               : step->compile.overwrites_saved_activation;
}

/* Whether an input of a concat lies at its place in the result. */
static bool is_in_place(const struct verifier *v, const struct plan_step *step, int input)
{
    const struct place *whole = &v->place[step->out[0]], *part = &v->place[step->in[input]];
    size_t              begin = whole->begin;

    for (int i = 0; i < input; i++)
        begin += (size_t)v->plan->tensors[step->in[i]].shape.dim[1] * sizeof(float);
    return part->space == whole->space && part->begin == begin && verify_lies_within(part, whole);
}

/* Whether a thing is an input of a concat that lies in its place, or a part of one: the concat leaves it alone. */
static bool is_concat_in_place(const struct verifier *v, const struct plan_step *step, int thing)
{
    for (int i = 0; step->op->as_concat && i < step->in_count; i++)
        if (is_in_place(v, step, i) && verify_lies_within(&v->place[thing], &v->place[step->in[i]]))
            return true;
    return false;
}

/* Whether `thing` is an output that renews this input, and so may lie over it. */
static bool renews(const struct verifier *v, const struct plan_step *step, int thing, int input)
{
    for (int o = 0; o < step->out_count; o++)
        if (step->out[o] >= 0 && v->twin[step->out[o]] == thing && step->node >= 0 &&
            op_port_at(step->op->out, o)->updates == 1 + input)
            return true;
    return false;
}

static int check_overlaps(struct verifier *v, int s, const struct touched *touched)
{
    const struct plan_step *step  = &v->plan->steps[s];
    size_t                  count = v->plan->tensor_count;
    int                     first = step->out_count && step->out[0] >= 0 ? v->twin[step->out[0]] : -1;

    for (int w = 0; w < touched->write_count; w++) {
        int written = touched->writes[w];

        for (int k = 0; k < w; k++)
            if (touched->writes[k] != written && verify_overlap(&v->place[touched->writes[k]], &v->place[written]))
                return refuse(v, s, s, "writes two things into the memory of", (size_t)written < count
                              ? value_name(v, written) : "its workspace", "one over the other", -1);
        for (int r = 0; r < touched->read_count; r++) {
            int  read = touched->reads[r], own = touched->own[r] - 1;
            bool same = verify_same_place(&v->place[read], &v->place[written]);

            if (!verify_overlap(&v->place[read], &v->place[written]) ||
                (own >= 0 && same && written == first && may_lie_over(step, own)) ||
                (own >= 0 && same && renews(v, step, written, own)) ||
                (own >= 0 && written == first && is_concat_in_place(v, step, read)))
                continue;
            return refuse(v, s, s, "writes over what it still reads,",
                          (size_t)read < count ? value_name(v, read) : "a packed form",
                          own >= 0 ? "which it may not" : "on behalf of a neighbour", -1);
        }
    }
    return FOV_OK;
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/* Whether `value` is an identity's result of `from`. An identity is fused like any activation, but a step's fused nodes
 * do not show it. */
static bool is_handed_on(const struct verifier *v, int value, int from)
{
    const struct value *made = graph_value(v->plan->graph, value);
    const struct node  *node = made->kind == VALUE_RESULT ? plan_node(v->plan, made->node) : NULL;
    float               alpha = 0, beta = 0;

    return node && node->op->as_activation && node->in[0] == from &&
           node->op->as_activation(node->options, &alpha, &beta) == UNARY_identity;
}

/* Checks that a step's tensors belong to the values of its node. */
static int check_values(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];
    const struct node      *node = step->node < 0 ? NULL : plan_node(v->plan, step->node);
    bool                    alone = !step->fold_count && !step->residual && !step->saved_activation &&
                 step->compile.activation == UNARY_identity;

    if (!node) {
        bool renews_parameter =
            step->op == &plan_copy && v->plan->storages[v->plan->tensors[step->out[0]].storage].fixed;

        if (step->in[0] >= 0 && !renews_parameter &&
            v->plan->tensors[step->in[0]].value != v->plan->tensors[step->out[0]].value)
            return refuse(v, s, s, "brings into the tensor of another value", value_name(v, step->in[0]),
                          "which nobody would find there", -1);
        return FOV_OK;
    }
    for (int i = 0; i < node->in_count; i++)
        if (step->in[i] >= 0 && v->plan->tensors[step->in[i]].value != node->in[i])
            return refuse(v, s, s, "is given", value_name(v, step->in[i]), "which its node does not read", -1);
    for (int o = alone ? 0 : 1; o < node->out_count; o++)
        if (step->out[o] >= 0 && v->plan->tensors[step->out[o]].value != node->out[o] &&
            !(o == 0 && is_handed_on(v, v->plan->tensors[step->out[o]].value, node->out[o])))
            return refuse(v, s, s, "makes", value_name(v, step->out[o]), "which its node does not", -1);
    return FOV_OK;
}

/* Checks a step that runs nothing: its results are other names for bytes that must be intact. */
static int run_names(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];
    int                     status = check_values(v, s);

    for (int i = 0; i < step->in_count && !status; i++)
        if (step->in[i] >= 0)
            status = check_tensor(v, s, s, "names", step->in[i]);
    if (status)
        return status;
    if (step->op->as_concat && step->in_count > 1) { /* the parts lie side by side and make up the whole result */
        size_t bytes = 0;

        for (int i = 0; i < step->in_count; i++) {
            if (!is_in_place(v, step, i))
                return refuse(v, s, s, "joins", value_name(v, step->in[i]), "which does not lie in its place", -1);
            bytes += v->plan->tensors[step->in[i]].bytes;
        }
        if (bytes != v->plan->tensors[step->out[0]].bytes)
            return refuse(v, s, s, "makes", value_name(v, step->out[0]), "whose parts are not all of it", -1);
    }
    for (int o = 0; o < step->out_count; o++) {
        if (step->out[o] < 0)
            continue;
        if (!step->op->as_concat && !verify_lies_within(&v->place[step->out[o]], &v->place[step->in[0]]))
            return refuse(v, s, s, "names", value_name(v, step->out[o]), "which does not lie in what it is part of",
                          -1);
        verify_hold(v, v->twin[step->out[o]]);
    }
    return FOV_OK;
}

static int pack(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];
    int                     status = FOV_OK;

    if (!step->compile.pack || plan_packs_once(step))
        return FOV_OK;
    for (int i = 0; i < plan_op_inputs(step) && !status; i++)
        if (step->compile.packed[i] && step->in[i] >= 0)
            status = check_tensor(v, s, s, "packs", step->in[i]);
    for (int i = 0; i < plan_op_inputs(step) && !status; i++)
        if (step->packed[i] >= 0)
            verify_write(v, verify_storage_thing(v, step->packed[i]), s);
    return status;
}

/* Step `by` shows its first result to its observer as it writes it, while `step` runs: checks that the observer's other
 * inputs are intact by then, and notes that its sums, in its workspace, are written. */
static int show(struct verifier *v, struct touched *touched, int step, int by)
{
    int                     observer = v->plan->steps[by].observer, seen, status = FOV_OK;
    const struct plan_step *of = observer < 0 ? NULL : &v->plan->steps[observer];

    if (!of)
        return FOV_OK;
    seen = of->op->cpu->sees - 1;
    if (of->shown_by != by || of->in[seen] != v->plan->steps[by].out[0])
        return refuse(v, step, observer, "shows", v->plan->steps[by].name, "which that one does not look at", -1);
    for (int i = 0; i < of->in_count && !status; i++)
        if (i != seen) {
            status = read_input(v, step, observer, i);
            if (of->in[i] >= 0)
                add_read(touched, v->twin[of->in[i]], 0);
        }
    if (of->scratch.shared >= 0)
        add_write(touched, verify_storage_thing(v, of->scratch.shared));
    v->shown[observer] = true;
    return status;
}

/* Checks all inputs of step `other` and of the steps that run within it, while step s runs. */
static int read_all(struct verifier *v, int s, int other)
{
    int status = FOV_OK;

    for (int p = other; p >= 0 && !status; p = v->plan->steps[p].producer)
        status = read_inputs(v, s, p);
    return status;
}

/* Checks that no parameter folded into packed weights is renewed by a run: folding happens once. */
static int check_folded(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];

    for (int k = 0; k < step->fold_count; k++) {
        const struct node *node = plan_node(v->plan, step->fold[k]);

        for (int i = 1; i < node->in_count; i++) {
            int tensor = v->plan->tensor_of[node->in[i]], storage = tensor < 0 ? 0 : v->plan->tensors[tensor].storage;

            if (node->in[i] && tensor >= 0 && v->renewed_by[storage] >= 0)
                return refuse(v, s, s, "has folded in", value_name(v, tensor), "which each run renews in",
                              v->renewed_by[storage]);
        }
    }
    return FOV_OK;
}

/* Marks as intact again what a concat leaves alone: its inputs that lie in its result, and parts of these. */
static void keep_concat_inputs(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];

    for (int i = 0; step->op->as_concat && i < step->in_count; i++) {
        if (!is_in_place(v, step, i))
            continue;
        verify_hold(v, v->twin[step->in[i]]);
        for (size_t t = 0; t < v->plan->tensor_count; t++)
            if (v->state[t] == LOST && v->lost_to[t] == s &&
                verify_lies_within(&v->place[t], &v->place[step->in[i]]))
                verify_hold(v, (int)t);
    }
}

static int run(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];
    struct touched          touched;
    int                     status = check_values(v, s), before = step->compile.merges ? s - 1 : -1;

    touched.read_count = touched.write_count = 0;
    if (!status && before >= 0 && !v->plan->steps[before].merged)
        status = refuse(v, s, before, "does the work of", step_name(v, before), "which runs by itself, too", -1);
    if (!status && step->shown_by >= 0 && !v->shown[s])
        status = refuse(v, s, step->shown_by, "has sums over the result of", step_name(v, step->shown_by),
                        "which was not shown to it", -1);
    if (!status && step->shown_by >= 0 && step->scratch.shared >= 0 &&
        v->state[verify_storage_thing(v, step->scratch.shared)] != HELD)
        status = refuse(v, s, s, "reads sums in its workspace over", step_name(v, step->shown_by),
                        "which has been overwritten by", v->lost_to[verify_storage_thing(v, step->scratch.shared)]);
    status = status ? status : check_folded(v, s);
    status = status ? status : read_all(v, s, s);
    if (!status && before >= 0)
        status = read_all(v, s, before);
    if (status)
        return status;
    collect_writes(v, &touched, s);
    collect_reads(v, &touched, s, false, true);
    if (before >= 0) {
        collect_writes(v, &touched, before);
        collect_reads(v, &touched, before, false, false);
        status = show(v, &touched, s, before);
        v->ran[before] = true;
    }
    if (!status)
        status = show(v, &touched, s, s);
    if (!status)
        status = check_overlaps(v, s, &touched);
    for (int w = 0; w < touched.write_count && !status; w++)
        verify_write(v, touched.writes[w], s);
    if (!status)
        keep_concat_inputs(v, s);
    v->ran[s] = true;
    return status;
}

/* Notes which value a step has written into a parameter's memory. */
static void note_renewed(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];

    for (int o = 0; o < step->out_count; o++) {
        int tensor = step->out[o], storage = tensor < 0 ? -1 : v->plan->tensors[tensor].storage;

        if (storage < 0 || !v->plan->storages[storage].fixed)
            continue;
        v->newest[storage] = v->plan->tensors[step->op == &plan_copy ? step->in[0] : tensor].value;
        if (step->op == &plan_copy && v->state[v->twin[tensor]] == HELD) /* the copy overwrote the old value */
            verify_drop(v, v->twin[tensor], s);
    }
}

/* Follows run_step (plan.c) for one step. */
static int take_step(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];
    int                     status;

    if (step->skip)
        return run_names(v, s);
    if (step->once || step->paired)
        return FOV_OK;
    status = pack(v, s);
    if (status || step->merged || step->taker >= 0)
        return status;
    status = run(v, s);
    if (!status)
        note_renewed(v, s);
    if (!status && step->pair_rows) { /* they alternate: the partner writes before this step's last reads */
        status = run(v, s + 1);
        if (!status)
            note_renewed(v, s + 1);
        if (!status)
            status = read_all(v, s, s);
    }
    return status;
}

/* ---- the whole plan ---------------------------------------------------------------------------------------------- */

/* Bytes of plan->kept that belong to a step: state, folded factors, packed forms. */
static size_t kept_bytes(const fov_plan *plan, const struct plan_step *step)
{
    size_t bytes = step->packed_offset - step->state_offset;

    for (int i = 0; i < plan_op_inputs(step); i++)
        bytes += step->constant[i] && !plan_shares_packed(plan, step) ? step->compile.packed[i] : 0;
    return bytes;
}

static int by_state(const void *a, const void *b)
{
    const struct plan_step *x = *(const struct plan_step *const *)a, *y = *(const struct plan_step *const *)b;

    return x->state_offset != y->state_offset ? (x->state_offset < y->state_offset ? -1 : 1) : x < y ? -1 : x > y;
}

/* Checks that the steps' parts of plan->kept do not overlap. */
static int check_kept(struct verifier *v)
{
    const fov_plan *plan = v->plan;
    size_t          count = 0, kept = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        if (!plan->steps[s].skip)
            v->order[count++] = &plan->steps[s];
    qsort(v->order, count, sizeof *v->order, by_state);
    for (size_t s = 0; s < count; s++) {
        const struct plan_step *step = v->order[s];

        if (step->state_offset < kept || step->fold_offset < step->state_offset + step->compile.state ||
            step->packed_offset < step->fold_offset + plan_fold_bytes(step) ||
            step->state_offset + kept_bytes(plan, step) > plan->kept_bytes)
            return error_set(v->error, FOV_E_INTERNAL,
                             "the plan is wrong: what step %td \"%s\" keeps lies over what another one does",
                             step - plan->steps + 1, step->name);
        kept = step->state_offset + kept_bytes(plan, step);
    }
    return FOV_OK;
}

/* Fills places and twins; checks that tensors lie within their storages and storages within the arena. */
static int check_places(struct verifier *v)
{
    const fov_plan *plan = v->plan;

    for (size_t t = 0; t < plan->tensor_count; t++) {
        struct place storage = verify_place_of_storage(plan, plan->tensors[t].storage);

        v->place[t] = verify_place_of_tensor(plan, (int)t);
        v->twin[t]  = (int)t;
        if (plan->storages[plan->tensors[t].storage].first >= 0 && v->place[t].end > storage.end)
            return error_set(v->error, FOV_E_INTERNAL,
                             "the plan is wrong: the tensor of \"%s\" does not lie within its memory",
                             value_name(v, (int)t));
    }
    for (size_t t = 0; t < plan->tensor_count; t++) /* `other` leads from a value's first tensor to the later ones */
        for (int other = plan->tensors[t].other; other >= 0; other = plan->tensors[other].other)
            if (v->twin[other] == other && verify_same_place(&v->place[t], &v->place[other]))
                v->twin[other] = v->twin[t];
    for (size_t i = 0; i < plan->storage_count; i++) {
        v->place[plan->tensor_count + i] = verify_place_of_storage(plan, (int)i);
        if (!plan->storages[i].fixed && plan->storages[i].first >= 0 &&
            v->place[plan->tensor_count + i].end > plan->arena_bytes)
            return error_set(v->error, FOV_E_INTERNAL, "the plan is wrong: storage %zu ends behind the arena", i);
    }
    return check_kept(v);
}

/* Constants, parameters and known values are intact from the beginning. */
static void hold_fixed(struct verifier *v)
{
    for (size_t t = 0; t < v->plan->tensor_count; t++) {
        const struct plan_storage *storage = &v->plan->storages[v->plan->tensors[t].storage];
        int                        value   = v->plan->tensors[t].value;

        if (storage->fixed && v->twin[t] == (int)t && (!storage->parameter || storage->parameter == value) &&
            v->plan->tensor_of[value] >= 0 && v->twin[v->plan->tensor_of[value]] == (int)t)
            verify_hold(v, (int)t);
    }
}

static void hold_inputs(struct verifier *v)
{
    for (size_t id = 1; id < v->plan->value_count; id++)
        if (v->plan->graph->values[id].kind == VALUE_INPUT && v->plan->tensor_of[id] >= 0)
            verify_hold(v, v->twin[v->plan->tensor_of[id]]);
}

/* Follows what runs once, when the plan is made. */
static int take_once(struct verifier *v, int s)
{
    const struct plan_step *step = &v->plan->steps[s];
    bool                    there = step->in_count > 0;

    for (int i = 0; i < step->in_count; i++)
        there = there && (step->in[i] < 0 || v->state[v->twin[step->in[i]]] == HELD);
    if (step->skip)
        return there ? run_names(v, s) : FOV_OK;
    if (!step->once)
        return FOV_OK;
    for (int i = 0; i < step->in_count; i++) {
        int storage = step->in[i] < 0 ? -1 : v->plan->tensors[step->in[i]].storage;

        if (storage >= 0 && v->renewed_by[storage] >= 0)
            return refuse(v, s, s, "runs once, and reads", value_name(v, step->in[i]), "which each run renews in",
                          v->renewed_by[storage]);
    }
    return run(v, s);
}

/* Whether the plan's options require that parameter `id` is renewed. Running statistics are not required: they are
 * renewed only if their node runs anyway. */
static bool must_be_renewed(const fov_plan *plan, int id)
{
    bool chosen = plan->options.updates && !plan->options.update;

    for (int i = 0; plan->options.updates && plan->options.update && i < plan->options.update_count; i++)
        chosen = chosen || plan->options.update[i].id == id;
    return chosen && !graph_value(plan->graph, id)->follows;
}

/* After the last step: checks what the caller reads, what the next run needs, and the new values of parameters. */
static int check_end(struct verifier *v, const bool *once)
{
    const fov_plan  *plan  = v->plan;
    const fov_graph *graph = plan->graph;

    for (int i = 0; i < plan->output_count; i++) {
        int first = plan->tensor_of[plan->outputs[i]], plain = plan_tensor_in(plan, first, OP_PLAIN);
        int tensor = plain >= 0 ? plain : first, thing = tensor < 0 ? -1 : v->twin[tensor];

        if (thing < 0 || v->state[thing] == NEVER)
            return error_set(v->error, FOV_E_INTERNAL, "the plan is wrong: no step makes the output \"%s\"",
                             graph_value(graph, plan->outputs[i])->name);
        if (v->state[thing] == LOST && !plan->storages[plan->tensors[tensor].storage].fixed)
            return error_set(v->error, FOV_E_INTERNAL,
                             "the plan is wrong: the output \"%s\" has been overwritten by step %d \"%s\"",
                             graph_value(graph, plan->outputs[i])->name, v->lost_to[thing] + 1,
                             step_name(v, v->lost_to[thing]));
    }
    for (size_t t = 0; t < plan->tensor_count; t++) {
        bool input = graph_value(graph, plan->tensors[t].value)->kind == VALUE_INPUT && v->twin[t] == (int)t &&
                     plan->tensor_of[plan->tensors[t].value] == (int)t;

        if ((input || once[t]) && v->state[t] == LOST)
            return error_set(v->error, FOV_E_INTERNAL,
                             "the plan is wrong: \"%s\", which the next run finds where it is, has been overwritten by "
                             "step %d \"%s\"",
                             value_name(v, (int)t), v->lost_to[t] + 1, step_name(v, v->lost_to[t]));
    }
    for (size_t id = 1; id < plan->value_count; id++) {
        int tensor = plan->tensor_of[id], storage = tensor < 0 ? -1 : plan->tensors[tensor].storage;
        int assigned = graph->values[id].assigned;

        if (graph->values[id].kind != VALUE_PARAMETER || !assigned)
            continue;
        if (storage >= 0 && v->newest[storage] && v->newest[storage] != assigned)
            return error_set(v->error, FOV_E_INTERNAL,
                             "the plan is wrong: parameter \"%s\" becomes \"%s\", and the graph assigns \"%s\"",
                             graph_value(graph, (int)id)->name, graph_value(graph, v->newest[storage])->name,
                             graph_value(graph, assigned)->name);
        if ((storage < 0 || !v->newest[storage]) && must_be_renewed(plan, (int)id))
            return error_set(v->error, FOV_E_INTERNAL, "the plan is wrong: no step renews the parameter \"%s\"",
                             graph_value(graph, (int)id)->name);
    }
    return FOV_OK;
}

static int verify(struct verifier *v, bool *once)
{
    const fov_plan *plan = v->plan;
    int             status = check_places(v);

    status = status ? status : verify_sort(v);
    for (size_t i = 0; i < plan->storage_count; i++)
        v->renewed_by[i] = -1;
    for (size_t s = 0; s < plan->step_count; s++)
        for (int o = 0; !plan->steps[s].skip && o < plan->steps[s].out_count; o++)
            if (plan->steps[s].out[o] >= 0 && plan->storages[plan->tensors[plan->steps[s].out[o]].storage].fixed)
                v->renewed_by[plan->tensors[plan->steps[s].out[o]].storage] = (int)s;
    hold_fixed(v);
    for (size_t s = 0; s < plan->step_count && !status; s++)
        status = take_once(v, (int)s);
    for (size_t s = 0; s < plan->step_count && !status; s++)
        for (int o = 0; plan->steps[s].once && !plan->steps[s].skip && o < plan->steps[s].out_count; o++)
            if (plan->steps[s].out[o] >= 0)
                once[v->twin[plan->steps[s].out[o]]] = true;
    hold_inputs(v);
    for (size_t s = 0; s < plan->step_count && !status; s++)
        status = take_step(v, (int)s);
    return status ? status : check_end(v, once);
}

int plan_verify(const fov_plan *plan)
{
    struct memory  *memory = plan->graph->context->memory;
    struct error   *error  = &plan->graph->context->error;
    size_t          things = plan->tensor_count + plan->storage_count;
    struct verifier v      = {.plan = plan, .error = error, .things = things};
    bool           *once   = memory_allocate(memory, things + 1, sizeof *once, "plan", error);
    int             status;

    v.place      = memory_allocate(memory, things + 1, sizeof *v.place, "plan", error);
    v.state      = memory_allocate(memory, things + 1, sizeof *v.state, "plan", error);
    v.lost_to    = memory_allocate(memory, things + 1, sizeof *v.lost_to, "plan", error);
    v.twin       = memory_allocate(memory, things + 1, sizeof *v.twin, "plan", error);
    for (v.leaves = 1; v.leaves < things; v.leaves *= 2)
        ;
    v.sorted     = memory_allocate(memory, things + 1, sizeof *v.sorted, "plan", error);
    v.rank       = memory_allocate(memory, things + 1, sizeof *v.rank, "plan", error);
    v.ends       = memory_allocate(memory, 2 * v.leaves, sizeof *v.ends, "plan", error);
    v.newest     = memory_allocate(memory, plan->storage_count + 1, sizeof *v.newest, "plan", error);
    v.renewed_by = memory_allocate(memory, plan->storage_count + 1, sizeof *v.renewed_by, "plan", error);
    v.ran        = memory_allocate(memory, plan->step_count + 1, sizeof *v.ran, "plan", error);
    v.shown      = memory_allocate(memory, plan->step_count + 1, sizeof *v.shown, "plan", error);
    v.order      = memory_allocate(memory, plan->step_count + 1, sizeof(struct plan_step *), "plan", error);
    status       = (int)error->status;
    if (!status)
        status = verify(&v, once);
    memory_free(memory, once);
    memory_free(memory, v.place);
    memory_free(memory, v.state);
    memory_free(memory, v.lost_to);
    memory_free(memory, v.twin);
    memory_free(memory, v.sorted);
    memory_free(memory, v.rank);
    memory_free(memory, v.ends);
    memory_free(memory, v.newest);
    memory_free(memory, v.renewed_by);
    memory_free(memory, v.ran);
    memory_free(memory, v.shown);
    memory_free(memory, v.order);
    return status;
}
