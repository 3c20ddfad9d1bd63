/* SPDX-License-Identifier: MIT */
/* What a step may do together with another one: run it within itself (its producer), take sums over an input as that is
 * written, do the work of the step before it. Operators decide when they compile; this file finds the steps that are
 * offered to them. Read lower.c first. */
#include "base/text.h"
#include "device/cpu/cpu.h"
#include "graph/lower.h"

#include <stdio.h>
#include <string.h>

/* A producer is the step that computes input 0, of which `step` is the only reader, and can do so within `step`. In
 * plans that recompute results there are none: each step runs by itself. */
int lower_find_producer(const struct lowering *l, const struct plan_step *step)
{
    const fov_plan           *plan = l->plan;
    const struct plan_tensor *tensor;

    if (plan->options.no_fusion || plan->program || step->once || step->saved_activation || step->in_count < 1 ||
        step->in[0] < 0)
        return -1;
    tensor = &plan->tensors[step->in[0]];
    if (tensor->layout != OP_CHANNELS_LAST || tensor->pixel_stride || tensor->begin || l->readers[tensor->value] != 1 ||
        l->concat_places[tensor->value].concat >= 0)
        return -1;
    for (size_t s = plan->step_count - 1; s-- > 0;) {
        const struct plan_step *producer = &plan->steps[s];

        if (producer->out_count > 0 && producer->out[0] == step->in[0])
            return producer->compile.make && !producer->skip && !producer->once && !producer->compile.deferred ? (int)s
                                                                                                               : -1;
    }
    return -1;
}

/* The producer runs within its reader from now on; its multiply-adds count there. */
void lower_take_producer(fov_plan *plan, struct plan_step *step, int producer)
{
    struct plan_step *made = &plan->steps[producer];

    step->producer       = producer;
    made->taker          = (int)(step - plan->steps);
    step->multiply_adds += made->multiply_adds;
    made->multiply_adds  = 0;
    text_append(made->compile.detail, sizeof made->compile.detail, strlen(made->compile.detail),
                ", within the step that reads it");
}

/* The step whose first result is this tensor; -1: there is none. */
static int made_by(const fov_plan *plan, int tensor)
{
    int s = (int)plan->step_count;

    while (--s >= 0 && (tensor < 0 || plan->steps[s].skip || plan->steps[s].out_count < 1 ||
                        plan->steps[s].out[0] != tensor))
        ;
    return s;
}

/* Whether step `by` or a later one writes a tensor's memory, so that the tensor is not complete while `by` runs. */
static bool is_written_from(const fov_plan *plan, int tensor, int by)
{
    for (size_t s = (size_t)by; s < plan->step_count; s++)
        for (int o = 0; !plan->steps[s].skip && o < plan->steps[s].out_count; o++)
            if (plan->steps[s].out[o] >= 0 &&
                plan->tensors[plan->steps[s].out[o]].storage == plan->tensors[tensor].storage)
                return true;
    return false;
}

/* An input over which this step sums may be shown to it as it is written, if its other inputs are complete by then.
 * Returns the step that shows it; -1: none. */
int lower_find_shown(const struct lowering *l, const struct node *node, struct plan_step *step)
{
    const fov_plan  *plan = l->plan;
    struct op_tensor in[OP_MAX_PORTS];
    int              seen = step->op->cpu ? step->op->cpu->sees - 1 : -1, by;

    if (seen < 0 || seen >= step->in_count || plan->options.no_fusion)
        return -1;
    lower_describe(l, node, in);
    if (!cpu_supports(node->op, node->options, in, node->in_count))
        return -1;
    by = made_by(plan, step->in[seen]);
    if (by < 0 || !plan->steps[by].compile.shown_rows)
        return -1;
    step->compile.part_rows = plan->steps[by].compile.shown_rows;
    if (!plan->steps[by].compile.shows || plan->steps[by].once || plan->steps[by].observer >= 0 ||
        plan->tensors[step->in[seen]].layout != OP_CHANNELS_LAST)
        return -1;
    for (int i = 0; i < step->in_count; i++)
        if (i != seen && (step->row_producer[i] >= 0 || (step->in[i] >= 0 && is_written_from(plan, step->in[i], by))))
            return -1;
    step->compile.seen = true;
    return by;
}

struct plan_step *lower_find_before(const struct lowering *l, struct plan_step *step)
{
    struct plan_step *before = step > l->plan->steps ? step - 1 : NULL;

    if (!before || l->plan->options.no_fusion || before->node < 0 || before->skip || before->once || before->deferred ||
        before->compile.merges || before->again || step->again || step->once || before->out_count != 1 ||
        before->out[0] < 0)
        return NULL;
    for (int i = 0; i < step->in_count; i++)
        if (step->in[i] >= 0 && l->plan->tensors[step->in[i]].storage == l->plan->tensors[before->out[0]].storage)
            return NULL;
    return before;
}
