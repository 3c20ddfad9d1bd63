/* SPDX-License-Identifier: MIT */
/* Finds where an infinity or a NaN comes from. Runs the plan's steps once more, one by one, with the same inputs and
 * step number, so that every bit is the same, and examines the parameters that each step reads and the results that it
 * writes. Called only when a result is known to be bad: an ordinary run examines nothing. Read plan.c first. */
#include "base/text.h"
#include "graph/plan.h"
#include "tensor/convert.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1024 }; /* elements converted at a time */

/* Whether numbers of any floating type hold an infinity, and whether they hold a NaN. */
struct found {
    bool infinite, nan;
};

static void look(fov_dtype dtype, const void *data, size_t count, struct found *found)
{
    double numbers[CHUNK];

    for (size_t at = 0; at < count && !found->nan; at += CHUNK) {
        size_t some = count - at < CHUNK ? count - at : CHUNK;

        convert_to_double(dtype, (const unsigned char *)data + at * fov_dtype_size(dtype), numbers, some);
        for (size_t i = 0; i < some; i++) {
            found->nan      = found->nan || isnan(numbers[i]);
            found->infinite = found->infinite || isinf(numbers[i]);
        }
    }
}

static bool is_float(fov_dtype dtype)
{
    return dtype == FOV_F32 || dtype == FOV_F64 || dtype == FOV_F16;
}

/* Examines a tensor in the plan's memory: dense, or some channels of a wider one. */
static struct found look_at_tensor(const struct op_tensor *tensor)
{
    struct found found = {false, false};
    size_t       count = shape_span(&tensor->shape, 0, tensor->shape.rank);

    if (!tensor->data || !is_float(tensor->dtype) || tensor->shape.rank < 0)
        return found;
    if (tensor->layout != OP_CHANNELS_LAST || op_pixel_stride(tensor) == (size_t)tensor->shape.dim[1]) {
        look(tensor->dtype, tensor->data, count, &found);
        return found;
    }
    for (size_t pixel = 0, channels = (size_t)tensor->shape.dim[1]; pixel * channels < count; pixel++)
        look(tensor->dtype, (const float *)tensor->data + pixel * op_pixel_stride(tensor), channels, &found);
    return found;
}

/* Examines a parameter, in memory or in its file. What cannot be read counts as finite. */
static struct found look_at_parameter(const fov_graph *graph, int id)
{
    const struct value *value = graph_value(graph, id);
    struct found        found = {false, false};
    struct error        error = {0};
    double              chunk[CHUNK];
    size_t              width = fov_dtype_size(value->dtype), most = CHUNK;

    for (size_t at = 0, bytes; is_float(value->dtype) && at < value->bytes; at += bytes) {
        bytes = value->bytes - at < most * width ? value->bytes - at : most * width;
        if ((!value->data && !value->file) || graph_read(graph, id, at, chunk, bytes, &error))
            break;
        look(value->dtype, chunk, bytes / width, &found);
    }
    return found;
}

/* Notes the first infinity and the first NaN. False: a NaN is known, so the search is over. */
static bool note(struct plan_finding *finding, struct found found, const char *name, const char *operation)
{
    struct plan_place place = {name, operation};

    if (found.infinite && !finding->infinite.name)
        finding->infinite = place;
    if (found.nan && !finding->nan.name)
        finding->nan = place;
    return !finding->nan.name;
}

/* Whether the run that is replayed has renewed a parameter, so that its elements are no longer those that were read:
 * running statistics, which a training step renews without reading them for its results. A frozen norm, an affine
 * function of its input, reads them and renews nothing. */
static bool is_renewed(const fov_plan *plan, const struct plan_step *step, const struct value *value)
{
    struct op_tensor in[OP_MAX_PORTS];

    if (!plan->options.updates || !plan->options.training || !value->follows)
        return false;
    for (int i = 0; i < step->in_count && i < OP_MAX_PORTS; i++) {
        in[i]      = step->tensors[i];
        in[i].data = NULL; /* so that only the question is answered */
    }
    return !step->op->as_affine ||
           !step->op->as_affine(step->compile.options, in, step->in_count, plan->options.training, NULL, NULL);
}

/* Examines the parameters and constants of nodes that are folded into a step's weights, such as a norm's statistics. */
static bool note_folded(const fov_plan *plan, const struct plan_step *step, bool *seen, struct plan_finding *finding)
{
    for (int f = 0; f < step->fold_count; f++) {
        const struct node *node = plan_node(plan, step->fold[f]);

        for (int i = 0; i < node->in_count; i++) {
            const struct value *value = graph_value(plan->graph, node->in[i]);

            if (!node->in[i] || (value->kind != VALUE_PARAMETER && value->kind != VALUE_CONSTANT) || seen[node->in[i]])
                continue;
            seen[node->in[i]] = true;
            if (!note(finding, look_at_parameter(plan->graph, node->in[i]), value->name,
                      value->kind == VALUE_PARAMETER ? "parameter" : "constant"))
                return false;
        }
    }
    return true;
}

/* Examines inputs of a step that no step computes: parameters, constants and the plan's inputs. */
static bool note_inputs(const fov_plan *plan, const struct plan_step *step, bool *seen, struct plan_finding *finding)
{
    for (int i = 0; i < step->in_count; i++) {
        int                        id = step->in[i] >= 0 ? plan->tensors[step->in[i]].value : 0;
        const struct value        *value = graph_value(plan->graph, id);
        struct found               found;

        if (id == 0 || value->node >= 0 || seen[id] || is_renewed(plan, step, value))
            continue;
        seen[id] = true;
        found = value->kind == VALUE_PARAMETER ? look_at_parameter(plan->graph, id)
                                               : look_at_tensor(&step->tensors[i]);
        if (!note(finding, found, value->name, value->kind == VALUE_PARAMETER  ? "parameter"
                                               : value->kind == VALUE_CONSTANT ? "constant"
                                                                               : "input"))
            return false;
    }
    return note_folded(plan, step, seen, finding);
}

static bool note_outputs(const struct plan_step *step, struct plan_finding *finding)
{
    struct found all = {false, false};

    for (int i = step->compile.deferred || step->taker >= 0 || step->pair_rows ? 1 : 0; i < step->out_count; i++) {
        struct found found = look_at_tensor(&step->tensors[step->in_count + i]);

        all.infinite = all.infinite || found.infinite;
        all.nan      = all.nan || found.nan;
    }
    return note(finding, all, step->name, step->operation);
}

int plan_replay(fov_plan *plan, uint64_t number, size_t end, struct plan_finding *finding)
{
    struct memory *memory = plan->graph->context->memory;
    struct error   error  = {0}; /* dropped: the caller reports the bad result itself */
    bool          *seen   = memory_allocate(memory, plan->graph->value_count, sizeof *seen, "a replay", &error);
    bool           more   = true;

    *finding = (struct plan_finding){0};
    if (!seen)
        return FOV_E_MEMORY;
    for (size_t s = 0; more && s < end; s++) {
        struct plan_step *step = &plan->steps[s];

        more = step->skip || note_inputs(plan, step, seen, finding);
        plan_run_steps(plan, number, s, s + 1); /* of step 0 even if it is skipped: that begins the run */
        if (step->skip)
            continue;
        if (more && step->compile.merges && s > 0) /* the results of the step before are written only now */
            more = note_outputs(&plan->steps[s - 1], finding);
        if (more && !step->merged && !step->paired)
            more = note_outputs(step, finding);
    }
    memory_free(memory, seen);
    return FOV_OK;
}

const char *plan_finding_text(const struct plan_finding *finding, char out[FINDING_TEXT_SIZE])
{
    const struct plan_place *places[] = {&finding->infinite, &finding->nan};
    const char              *kinds[]  = {"infinite", "NaN"};
    size_t                   used     = 0;
    char                     name[160];

    out[0] = '\0';
    for (int i = 0; i < 2; i++)
        if (places[i]->name)
            used = text_append(out, FINDING_TEXT_SIZE, used, "%s %s first in \"%s\" (%s)", used > 0 ? "," : ";",
                               kinds[i], text_escape(name, sizeof name, places[i]->name), places[i]->operation);
    return out;
}

/* A step whose work is done along with the next one's has run when that one has. */
static size_t with_partners(const fov_plan *plan, size_t end)
{
    while (end > 0 && end < plan->step_count && (plan->steps[end - 1].merged || plan->steps[end].paired))
        end++;
    return end;
}

size_t plan_steps_to(const fov_plan *plan, fov_value value)
{
    size_t end = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        for (int i = 0; i < plan->steps[s].out_count; i++)
            if (plan->steps[s].out[i] >= 0 && plan->tensors[plan->steps[s].out[i]].value == value.id)
                end = s + 1;
    return with_partners(plan, end);
}

size_t plan_steps_to_renew(const fov_plan *plan, fov_value parameter)
{
    size_t end = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        for (int i = 0; !plan->steps[s].skip && i < plan->steps[s].out_count; i++) {
            int out = plan->steps[s].out[i];

            if (out >= 0 && plan->storages[plan->tensors[out].storage].parameter == parameter.id)
                end = s + 1;
        }
    return parameter.id ? with_partners(plan, end) : 0;
}
