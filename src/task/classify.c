/* SPDX-License-Identifier: MIT */
/* Classification: one class of several for each picture. The meaning of the output (model/meaning.c) decides the loss:
 * softmax cross-entropy, or a binary cross-entropy of each score (class_loss.c). class_tally.c counts the figures. */
#include "data/dataset.h"
#include "task/class_loss.h"
#include "task/class_tally.h"
#include "task/kept.h"
#include "task/task.h"

enum { WEIGHTS_NONE, WEIGHTS_BALANCED };
static const char *const weights_names[] = {"none", "balanced", NULL};

struct options {
    int weights;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, weights), .kind = ATTRIBUTE_CHOICE, .choices = weights_names,
     .doc = "balanced: samples of rare classes count more; for softmax"},
    {.name = NULL},
};

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    status = status == FOV_OK ? fit_scores(use, error) : status;
    status = status == FOV_OK ? fit_classes(use, use->scores.classes, error) : status;
    use->prepare.target = PREPARE_PICTURE;
    use->dtype = use->mixes ? FOV_F32 : FOV_I32;
    use->target = use->mixes ? (fov_shape){2, {FOV_BATCH, use->scores.count}} : (fov_shape){1, {FOV_BATCH}};
    return status;
}

/* Computes the class weights, which use->state holds. */
static int learn(struct task_use *use, struct error *error)
{
    const struct options *o = (const struct options *)(const void *)use->options;
    struct memory *memory = use->model->context->memory;
    size_t classes = (size_t)use->scores.classes;
    if (o->weights == WEIGHTS_NONE) {
        return FOV_OK;
    }
    if (use->scores.independent) {
        return error_set(error, FOV_E_USAGE, "weights=balanced is for a softmax over classes; output \"%s\" has a "
                         "sigmoid for each", fov_value_name(use->model->graph, use->model->output));
    }
    use->state = memory_allocate(memory, classes, sizeof(float), "class weights", error);
    double *counts = memory_allocate(memory, classes, sizeof *counts, "class weights", error);
    bool is_there = use->state != NULL && counts != NULL;
    for (size_t i = 0; is_there && i < use->data->count; i++) {
        counts[use->match.model_class[use->data->labels[i]]] += 1.0;
    }
    if (is_there) {
        fit_balanced(counts, (int)classes, use->state);
    }
    memory_free(memory, counts);
    return is_there ? FOV_OK : FOV_E_MEMORY;
}

static void close_use(struct task_use *use)
{
    if (use->state != NULL) {
        memory_free(use->model->context->memory, use->state);
        use->state = NULL;
    }
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct class_loss_options options = {.rows = use->mixes,
                                               .label_smoothing = use->label_smoothing,
                                               .weights = use->state,
                                               .auxiliary = ends->auxiliary};
    struct class_loss loss = class_loss_add(graph, &ends->scores, &options);
    ends->targets = loss.labels;
    ends->loss = loss.loss;
}

/* Writes the label; for mixed pictures, a weight for each score (for a single score: the weight of the second
 * class). */
static int write_label(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    const int *match = use->match.model_class;
    (void)error;
    if (!use->mixes) {
        ((int32_t *)targets)[place] = match[prepared->sample->label];
        return FOV_OK;
    }
    float *row = (float *)targets + place * (size_t)use->scores.count;
    for (int c = 0; c < use->scores.count; c++) {
        double weight = 0;
        for (int i = 0; i < prepared->part_count; i++) {
            int class = match[prepared->part[i].label];
            weight += class == (use->scores.count > 1 ? c : 1) ? prepared->part[i].share : 0;
        }
        row[c] = (float)weight;
    }
    return FOV_OK;
}

/* The class with the largest weight in a row. */
static int heaviest(const float *row, int count)
{
    int best = 0;
    for (int c = 1; c < count; c++) {
        best = row[c] > row[best] ? c : best;
    }
    return count > 1 ? best : row[0] > 0.5F;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    const size_t row = (size_t)scores->count;
    for (size_t i = 0; i < count; i++) {
        int truth =
            use->mixes ? heaviest((const float *)targets + i * row, scores->count) : ((const int32_t *)targets)[i];
        sums[0] += class_predicted(scores, outputs + i * row) == truth;
    }
    sums[1] += (double)count;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

struct classify_tally {
    struct class_tally counts;
    struct kept        kept;
};

static int tally_open(struct task_tally *tally, struct error *error)
{
    struct memory *memory = tally->memory;
    struct classify_tally *state = tally->state = memory_allocate(memory, 1, sizeof *state, "counts", error);
    if (state == NULL) {
        return FOV_E_MEMORY;
    }
    *state = (struct classify_tally){.kept = {.count = 0}};
    int status = class_tally_create(&state->counts, &tally->scores, tally->reports, memory, error);
    return status == FOV_OK && tally->keeps_answers
               ? kept_open_classes(&state->kept, (int64_t)tally->use->data->count, tally->scores.classes, memory, error)
               : status;
}

static void tally_close(struct task_tally *tally)
{
    struct classify_tally *state = tally->state;
    if (state != NULL) {
        class_tally_free(&state->counts, tally->memory);
        kept_close(&state->kept, tally->memory);
        memory_free(tally->memory, state);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    struct classify_tally *state = tally->state;
    class_tally_reset(&state->counts);
    state->kept.count = 0;
}

static void keep(struct kept *kept, const struct model_scores *scores, const float *outputs, const int32_t *labels,
                 size_t count)
{
    for (size_t i = 0; kept->labels != NULL && i < count; i++, outputs += scores->count, kept->count++) {
        kept->labels[kept->count] = labels[i];
        kept->answers[kept->count] = class_predicted(scores, outputs);
        if (kept->scores != NULL) {
            class_probabilities(scores, outputs, kept->scores + kept->count * kept->width);
        }
    }
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct classify_tally *state = tally->state;
    size_t good = class_tally_add(&state->counts, outputs, targets, count);
    keep(&state->kept, &tally->scores, outputs, targets, good);
    tally->count = state->counts.count;
    tally->loss = state->counts.loss;
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
    const struct class_tally *counts = &((const struct classify_tally *)tally->state)->counts;
    values[0] = (double)counts->correct / (double)counts->count;
    values[1] = (double)counts->correct5 / (double)counts->count;
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    struct classify_tally *state = tally->state;
    struct class_tally *counts = &state->counts;
    const struct kept *kept = &state->kept;
    if (kept->labels != NULL) {
        report->metrics = fov_metrics_classes(tally->use->model->context, kept->count, counts->classes, kept->labels,
                                              kept->scores, kept->answers);
        if (report->metrics == NULL) {
            return (int)error->status;
        }
    }
    report->accuracy = (double)counts->correct / (double)counts->count;
    report->top5 = (double)counts->correct5 / (double)counts->count;
    return class_report_fill(report, &counts->confusion, counts->classes, &tally->use->match, tally->memory, error);
}

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    int status = answer_reserve(answer, use->model, use->scores.classes, error);
    answer->measure = "probability";
    answer->ranked = true;
    return status == FOV_OK ? answer_probabilities(use, output, false, answer, error) : status;
}

static const struct task_figure figures[] = {
    {.name = "accuracy", .column = "accuracy_top1", .heading = "acc", .is_share = true, .while_training = true,
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
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .fit = fit,
    .learn = learn,
    .close = close_use,
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
    .answer = answer,
};
