/* SPDX-License-Identifier: MIT */
/* One class of several for each picture. The loss follows from what the output means (model/meaning.c): softmax
 * cross-entropy, or a binary one for each score on its own (class_loss.c). Counting is class_tally.c's. */
#include "task/class_loss.h"
#include "task/class_tally.h"
#include "task/task.h"

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    status = status == FOV_OK ? fit_scores(use, error) : status;
    status = status == FOV_OK ? fit_classes(use, use->scores.classes, error) : status;
    use->prepare.target = PREPARE_PICTURE;
    use->dtype = FOV_I32;
    use->target = (fov_shape){1, {FOV_BATCH}};
    return status;
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct class_loss_options options = {.label_smoothing = use->label_smoothing,
                                               .auxiliary = ends->auxiliary};
    struct class_loss loss = class_loss_add(graph, &ends->scores, &options);
    ends->targets = loss.labels;
    ends->loss = loss.loss;
}

static int write_label(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    int32_t *labels = targets;
    (void)error;
    labels[place] = use->match.model_class[prepared->sample->label];
    return FOV_OK;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    const int32_t *labels = targets;
    (void)use;
    for (size_t i = 0; i < count; i++) {
        sums[0] += class_predicted(scores, outputs + i * (size_t)scores->count) == labels[i];
    }
    sums[1] += (double)count;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static int tally_open(struct task_tally *tally, struct error *error)
{
    struct class_tally *counts = memory_allocate(tally->memory, 1, sizeof *counts, "counts", error);
    tally->state = counts;
    return counts != NULL ? class_tally_create(counts, &tally->scores, tally->memory, error) : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    if (tally->state != NULL) {
        class_tally_free(tally->state, tally->memory);
        memory_free(tally->memory, tally->state);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    class_tally_reset(tally->state);
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct class_tally *counts = tally->state;
    size_t good = class_tally_add(counts, outputs, targets, count);
    tally->count = counts->count;
    tally->loss = counts->loss;
    return good;
}

static void judge(const struct task_tally *tally, const float *outputs, const void *targets, fov_sample_result *result)
{
    const struct model_scores *scores = &tally->scores;
    result->truth = *(const int32_t *)targets;
    result->answer = class_predicted(scores, outputs);
    result->probability = class_probability(scores, outputs, result->answer);
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const struct class_tally *counts = tally->state;
    values[0] = (double)counts->correct / (double)counts->count;
    values[1] = (double)counts->correct5 / (double)counts->count;
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    struct class_tally *counts = tally->state;
    report->accuracy = (double)counts->correct / (double)counts->count;
    report->top5 = (double)counts->correct5 / (double)counts->count;
    return class_report_fill(report, &counts->confusion, counts->classes, &tally->use->match, tally->memory, error);
}

static const struct task_figure figures[] = {
    {.name = "accuracy", .column = "accuracy_top1", .is_share = true, .while_training = true,
     .doc = "share of samples whose highest score is that of their class"},
    {.name = "top5", .column = "accuracy_top5", .is_share = true,
     .doc = "share of samples whose class is among the five highest scores"},
    {.name = NULL},
};

const struct task task_classify = {
    .name = "classify",
    .summary = "one class of several for each picture",
    .target = FOV_TARGET_CLASS,
    .targets = 1U << FOV_TARGET_CLASS,
    .augment = "",
    .figures = figures,
    .fit = fit,
    .add_loss = add_loss,
    .write = write_label,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .judge = judge,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
};
