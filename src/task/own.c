/* SPDX-License-Identifier: MIT */
/* Tasks that a program defines: a descriptor (task.h) made from the public one (fovea/extend.h), whose functions pass
 * each sample to the program's functions. The output is treated as plain numbers, whatever they mean to the program. */
#include "base/text.h"
#include "data/dataset.h"
#include "task/task.h"
#include <ctype.h>
#include <fovea/extend.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 128, NAME_SIZE = 32 };

/* A registered task, in one block of memory that the context owns. */
struct own_task {
    struct context_extension link; /* has to be first: the context frees the block through this member */
    struct task task;
    struct task_figure figures[FOV_TASK_FIGURES + 1];
    fov_task definition;
    char name[NAME_SIZE], summary[TEXT], figure[FOV_TASK_FIGURES][TEXT], doc[FOV_TASK_FIGURES][TEXT],
        heading[FOV_TASK_FIGURES][16];
};

static const struct own_task *own_of(const struct task *task)
{
    const char *at = (const char *)task - offsetof(struct own_task, task);
    return (const struct own_task *)(const void *)at;
}

static int numbers_of(const struct task_use *use)
{
    return (int)use->target.dim[1];
}

static int fit(struct task_use *use, struct error *error)
{
    const fov_task *definition = &own_of(use->task)->definition;
    int status = fit_pictures(use, error);
    int count = status == FOV_OK ? model_count_values(use->model, use->model->output) : 0;
    if (status == FOV_OK && count < 1) {
        status = error_set(error, FOV_E_SHAPE, "task %s: the model's output is not numbers for each picture",
                           use->task->name);
    }
    use->scores = (struct model_scores){.meaning = FOV_MEANING_VALUES, .logits = use->model->output, .count = count};
    use->prepare.target = PREPARE_PICTURE;
    use->dtype = FOV_F32;
    use->target = (fov_shape){2, {FOV_BATCH, definition->numbers > 0 ? definition->numbers : count}};
    return status;
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const fov_task *definition = &own_of(use->task)->definition;
    ends->targets = task_add_targets(use, graph);
    ends->loss = definition->loss(definition->user, graph, ends->scores.logits, ends->targets);
    if (ends->loss.id == 0) {
        fov_graph_fail(graph, NULL, FOV_E_USAGE, "task %s made no loss", use->task->name);
    }
}

static int write(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                 struct error *error)
{
    const fov_task *definition = &own_of(use->task)->definition;
    const fov_sample sample = sample_view(prepared->sample);
    int numbers = numbers_of(use);
    int status = definition->write(definition->user, &sample, (float *)targets + place * (size_t)numbers, numbers);
    if (status == FOV_OK) {
        return FOV_OK;
    }
    /* Statuses of damaged files are replaced: for those the loader may take another sample, but this error has to end
     * training. */
    bool is_passed_on = status == FOV_E_MEMORY || status == FOV_E_NUMERIC || status == FOV_E_INTERRUPTED;
    return error_set(error, is_passed_on ? (fov_status)status : FOV_E_USAGE,
                     "task %s could not make a target of sample %zu: its function answered %d", use->task->name,
                     prepared->index, status);
}

/* Adds up the counts and losses of `count` samples; returns how many of them come before the first one whose loss is
 * not finite. */
static size_t add(const struct task_use *use, const float *outputs, const void *targets, size_t count, double *sums,
                  double *loss)
{
    const fov_task *definition = &own_of(use->task)->definition;
    int made = use->scores.count, numbers = numbers_of(use);
    for (size_t i = 0; i < count; i++) {
        double values[FOV_TASK_FIGURES] = {0};
        double own = definition->count(definition->user, outputs + i * (size_t)made, made,
                                       (const float *)targets + i * (size_t)numbers, numbers, values);
        if (!isfinite(own)) {
            return i;
        }
        *loss += own;
        for (int k = 0; k < definition->count_count; k++) {
            sums[2 * k] += values[k];
            sums[2 * k + 1] += 1.0;
        }
    }
    return count;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    double loss = 0;
    (void)scores;
    add(use, outputs, targets, count, sums, &loss);
}

static int tally_open(struct task_tally *tally, struct error *error)
{
    tally->state = memory_allocate(tally->memory, 2 * FOV_TASK_FIGURES, sizeof(double), "sums", error);
    return tally->state != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    memory_free(tally->memory, tally->state);
}

static void tally_reset(struct task_tally *tally)
{
    memset(tally->state, 0, 2 * FOV_TASK_FIGURES * sizeof(double));
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    size_t counted = add(tally->use, outputs, targets, count, tally->state, &tally->loss);
    tally->count += (int64_t)counted;
    return counted;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const double *sums = tally->state;
    for (int k = 0; k < own_of(tally->use->task)->definition.count_count; k++) {
        values[k] = sums[2 * k] / sums[2 * k + 1];
    }
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    (void)tally;
    (void)report;
    (void)error;
    return FOV_OK;
}

/* Hands out the output's numbers unchanged. */
static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer, struct error *error)
{
    int status = answer_reserve(answer, use->model, use->scores.count, error);
    answer->measure = "value";
    for (int i = 0; status == FOV_OK && i < answer->count; i++) {
        answer->items[i].value = (double)output->numbers[i];
    }
    return status;
}

/* ---- registering ------------------------------------------------------------------------------------------------- */

const struct task *task_registered(const struct fov_context *context, const char *name)
{
    for (const struct context_extension *at = context->extensions; at != NULL; at = at->next) {
        const struct task *task = at->task;
        if (task != NULL && strcmp(task->name, name) == 0) {
            return task;
        }
    }
    return NULL;
}

static int check(const struct fov_context *context, const fov_task *d, struct error *error)
{
    char shown[TEXT];
    size_t length = d->name != NULL ? strlen(d->name) : 0;
    bool is_name = length > 0 && length < NAME_SIZE;
    for (size_t i = 0; is_name && i < length; i++) {
        is_name = isalnum((unsigned char)d->name[i]) || d->name[i] == '_';
    }
    if (!is_name) {
        return error_set(error, FOV_E_USAGE, "a task's name is letters, digits and '_', up to %d, not \"%s\"",
                         NAME_SIZE - 1, text_escape(shown, sizeof shown, d->name != NULL ? d->name : ""));
    }
    for (size_t i = 0; i < task_table_count; i++) {
        if (strcmp(task_table[i]->name, d->name) == 0) {
            return error_set(error, FOV_E_USAGE, "there is a task \"%s\" already", d->name);
        }
    }
    if (task_registered(context, d->name) != NULL) {
        return error_set(error, FOV_E_USAGE, "there is a task \"%s\" already", d->name);
    }
    if (d->write == NULL || d->loss == NULL || d->count == NULL) {
        return error_set(error, FOV_E_USAGE, "task %s: write, loss or count is NULL", d->name);
    }
    if (d->counts == NULL || d->count_count < 1 || d->count_count > FOV_TASK_FIGURES || d->numbers < 0) {
        return error_set(error, FOV_E_USAGE, "task %s: %d counts (1 to %d) and %d numbers", d->name, d->count_count,
                         FOV_TASK_FIGURES, d->numbers);
    }
    for (int k = 0; k < d->count_count; k++) {
        if (d->counts[k].name == NULL || d->counts[k].name[0] == '\0') {
            return error_set(error, FOV_E_USAGE, "task %s: count %d has no name", d->name, k);
        }
    }
    return FOV_OK;
}

static void fill(struct own_task *own, const fov_task *d)
{
    own->definition = *d;
    snprintf(own->name, sizeof own->name, "%s", d->name);
    snprintf(own->summary, sizeof own->summary, "%s", d->summary != NULL ? d->summary : "a program's own");
    for (int k = 0; k < d->count_count; k++) {
        const fov_task_mean *count = &d->counts[k];
        snprintf(own->figure[k], TEXT, "%s", count->name);
        snprintf(own->doc[k], TEXT, "%s", count->doc != NULL ? count->doc : "");
        snprintf(own->heading[k], sizeof own->heading[k], "%.8s", count->heading != NULL ? count->heading : "");
        own->figures[k] = (struct task_figure){.name = own->figure[k],
                                               .column = own->figure[k],
                                               .lower_is_better = count->lower_is_better,
                                               .is_share = count->is_share,
                                               .while_training = true,
                                               .heading = count->heading != NULL ? own->heading[k] : NULL,
                                               .doc = own->doc[k]};
    }
    own->task = (struct task){.name = own->name,
                              .summary = own->summary,
                              .target = FOV_TARGET_NONE,
                              .targets = d->targets != 0 ? d->targets : ~0U,
                              .augment = "",
                              .figures = own->figures,
                              .fit = fit,
                              .add_loss = add_loss,
                              .write = write,
                              .sum = sum,
                              .tally_open = tally_open,
                              .tally_close = tally_close,
                              .tally_reset = tally_reset,
                              .tally_add = tally_add,
                              .tally_figures = tally_figures,
                              .tally_report = tally_report,
                              .answer = answer};
}

int fov_task_register(fov_context *context, const fov_task *definition)
{
    if (context == NULL || definition == NULL) {
        return call_refuse(context, "fov_task_register: context or definition is NULL");
    }
    call_fresh(context);
    if (check(context, definition, &context->error) != FOV_OK) {
        return (int)context->error.status;
    }
    struct own_task *own = memory_allocate(context->memory, 1, sizeof *own, "a task", &context->error);
    if (own == NULL) {
        return FOV_E_MEMORY;
    }
    fill(own, definition);
    own->link = (struct context_extension){.next = context->extensions, .task = &own->task};
    context->extensions = &own->link;
    return FOV_OK;
}
