/* SPDX-License-Identifier: MIT */
/* Multi-label classification: any number of classes for each picture, each an independent binary decision. The loss is
 * the binary cross-entropy or focal loss of each score. A class is predicted where its probability reaches the
 * threshold. */
#include "data/dataset.h"
#include "metric/figures.h"
#include "metric/ranking.h"
#include "task/class_tally.h"
#include "task/kept.h"
#include "task/task.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { LOSS_BCE, LOSS_FOCAL };
static const char *const loss_names[] = {"bce", "focal", NULL};

struct options {
    int    loss;
    double threshold;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, loss), .kind = ATTRIBUTE_CHOICE, .choices = loss_names,
     .doc = "binary cross-entropy, or focal, which counts little what is right already"},
    {ATTRIBUTE(struct options, threshold), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .minimum = 1e-6,
     .maximum = 0.999999, .doc = "probability from which on a class is a yes"},
    {.name = NULL},
};

static const double focal_alpha = 0.25, focal_gamma = 2; /* Lin et al. 2017, section 4.1 */
static const double least_logarithm = -100;              /* PyTorch's */

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    status = status == FOV_OK ? fit_scores(use, error) : status;
    if (status == FOV_OK && use->scores.meaning == FOV_MEANING_SOFTMAX) {
        return error_set(error, FOV_E_SHAPE,
                         "output \"%s\" is a softmax, whose probabilities add up to 1; several classes at once need a "
                         "sigmoid for each, or logits",
                         fov_value_name(use->model->graph, use->model->output));
    }
    status = status == FOV_OK ? fit_classes(use, use->scores.count, error) : status;
    use->scores.independent = true;
    use->prepare.target = PREPARE_PICTURE;
    use->dtype = FOV_F32;
    use->target = (fov_shape){2, {FOV_BATCH, use->scores.count}};
    return status;
}

static int finish(const struct task_use *use, fov_model *model, struct error *error)
{
    (void)use;
    (void)error;
    if (fov_model_meaning(model, model->output) == FOV_MEANING_SIGMOID) {
        return FOV_OK;
    }
    int status = model_end_plainly(model);
    return status == FOV_OK ? model_replace_output(model, fov_sigmoid(model->graph, model->output)) : status;
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    bool is_focal = options_of(use)->loss == LOSS_FOCAL;
    fov_shape rows = {2, {FOV_BATCH, ends->scores.count}};
    ends->targets = task_add_targets(use, graph);
    fov_value x = fov_reshape(graph, ends->scores.logits, rows);
    if (ends->scores.is_probable && is_focal) { /* back to logits; clipped, so that they stay finite */
        fov_value p = fov_clip(graph, x, 1e-7F, 1),
                  one = fov_constant(graph, "optimizer.one", FOV_F32, (fov_shape){0}, (float[]){1});
        x = fov_sub(graph, fov_log(graph, p), fov_log(graph, fov_clip(graph, fov_sub(graph, one, x), 1e-7F, 1)));
        ends->scores.is_probable = false;
    }
    ends->scores.logits = x;
    ends->loss = is_focal                   ? fov_focal(graph, x, ends->targets)
                 : ends->scores.is_probable ? fov_bce(graph, x, ends->targets)
                                            : fov_bce_logits(graph, x, ends->targets);
}

static int write_labels(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                        struct error *error)
{
    float *row = (float *)targets + place * (size_t)use->scores.count, smoothing = use->label_smoothing;
    (void)error;
    for (int c = 0; c < use->scores.count; c++) {
        row[c] = smoothing / 2;
    }
    for (int c = 0; c < use->match.data_classes; c++) {
        double yes = 0;
        for (int i = 0; i < prepared->part_count; i++) {
            yes += prepared->part[i].share * (double)prepared->part[i].numbers[c];
        }
        row[use->match.model_class[c]] = (float)yes * (1 - smoothing) + smoothing / 2;
    }
    return FOV_OK;
}

/* The probability that a score stands for. */
static double probability(const struct model_scores *scores, float score)
{
    double x = (double)score;
    return scores->is_probable ? x : class_sigmoid(x);
}

/* True positives, false positives and false negatives. */
struct label_counts {
    double hits, alarms, misses;
};

static void count_label(struct label_counts *counts, bool said, bool is)
{
    counts->hits += said && is;
    counts->alarms += said && !is;
    counts->misses += !said && is;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    const float *truth = targets;
    struct label_counts counts = {0};
    for (size_t i = 0; i < count * (size_t)scores->count; i++) {
        bool said = probability(scores, outputs[i]) >= options_of(use)->threshold;
        count_label(&counts, said, truth[i] > 0.5F);
    }
    sums[0] += 2.0 * counts.hits;
    sums[1] += 2.0 * counts.hits + counts.alarms + counts.misses;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

struct label_tally {
    struct label_counts *counts; /* [labels] */
    struct kept          kept;
    struct ranked       *items; /* [samples]: workspace for sorting; NULL where answers are not kept */
};

static int tally_open(struct task_tally *tally, struct error *error)
{
    struct memory *memory = tally->memory;
    int64_t samples = (int64_t)tally->use->data->count;
    struct label_tally *labels = tally->state = memory_allocate(memory, 1, sizeof *labels, "counts", error);
    if (labels == NULL) {
        return FOV_E_MEMORY;
    }
    *labels = (struct label_tally){.items = NULL};
    labels->counts = memory_allocate(memory, (size_t)tally->scores.count, sizeof *labels->counts, "counts", error);
    int status = labels->counts == NULL
                     ? FOV_E_MEMORY
                     : kept_open_values(&labels->kept, samples, tally->scores.count, memory, error);
    if (status == FOV_OK && labels->kept.scores != NULL) {
        labels->items = memory_allocate(memory, (size_t)samples, sizeof *labels->items, "scores in order", error);
        status = labels->items != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    return status;
}

static void tally_close(struct task_tally *tally)
{
    struct label_tally *labels = tally->state;
    if (labels != NULL) {
        kept_close(&labels->kept, tally->memory);
        memory_free(tally->memory, labels->counts);
        memory_free(tally->memory, labels->items);
        memory_free(tally->memory, labels);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    struct label_tally *labels = tally->state;
    memset(labels->counts, 0, (size_t)tally->scores.count * sizeof *labels->counts);
    labels->kept.count = 0;
}

/* The loss of one score, without label smoothing. */
static double score_loss(const struct model_scores *scores, bool is_focal, float score, bool is)
{
    double x = (double)score, p = probability(scores, score), loss;
    if (scores->is_probable) {
        loss = -fmax(is ? log(x) : log1p(-x), least_logarithm);
    } else {
        x = is ? -x : x; /* log(1 + exp(x)) in a form that cannot overflow */
        loss = fmax(x, 0.0) + log1p(exp(-fabs(x)));
    }
    double missed = is ? 1.0 - p : p;
    return is_focal ? (is ? focal_alpha : 1.0 - focal_alpha) * pow(missed, focal_gamma) * loss : loss;
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct label_tally *labels = tally->state;
    const struct options *o = options_of(tally->use);
    const float *truth = targets;
    size_t row = (size_t)tally->scores.count;
    for (size_t i = 0; i < count; i++, outputs += row, truth += row) {
        double loss = 0.0;
        for (size_t c = 0; c < row; c++) {
            loss += score_loss(&tally->scores, o->loss == LOSS_FOCAL, outputs[c], truth[c] > 0.5F);
        }
        if (!isfinite(loss)) {
            return i;
        }
        tally->count++;
        tally->loss += loss / (double)row;
        for (size_t c = 0; c < row; c++) {
            double p = probability(&tally->scores, outputs[c]);
            count_label(&labels->counts[c], p >= o->threshold, truth[c] > 0.5F);
            if (labels->kept.scores != NULL) {
                labels->kept.scores[(size_t)labels->kept.count * row + c] = p;
                labels->kept.truth[(size_t)labels->kept.count * row + c] = truth[c] > 0.5F;
            }
        }
        labels->kept.count++;
    }
    return count;
}

static double f1_of(const struct label_counts *counts)
{
    return ratio_or_zero(2.0 * counts->hits, 2.0 * counts->hits + counts->alarms + counts->misses);
}

static double average_precision(const struct label_tally *labels, size_t label, size_t row)
{
    for (int64_t i = 0; i < labels->kept.count; i++) {
        size_t at = (size_t)i * row + label;
        labels->items[i] = (struct ranked){labels->kept.scores[at], labels->kept.truth[at] > 0.5};
    }
    ranking_sort(labels->items, labels->kept.count);
    return ranking_average_precision(labels->items, labels->kept.count);
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const struct label_tally *labels = tally->state;
    struct label_counts all = {0};
    double f1 = 0.0, precision = 0.0, defined = 0.0;
    size_t row = (size_t)tally->scores.count;
    for (size_t c = 0; c < row; c++) {
        const struct label_counts *of = &labels->counts[c];
        f1 += f1_of(of) / (double)row;
        all.hits += of->hits;
        all.alarms += of->alarms;
        all.misses += of->misses;
        double average = labels->items != NULL ? average_precision(labels, c, row) : (double)NAN;
        precision += isnan(average) ? 0.0 : average;
        defined += isnan(average) ? 0.0 : 1.0;
    }
    values[0] = f1;
    values[1] = f1_of(&all);
    values[2] = ratio_or_undefined(precision, defined);
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    const struct label_tally *labels = tally->state;
    size_t cells = (size_t)labels->kept.count * (size_t)tally->scores.count;
    if (!tally->keeps_answers || labels->kept.scores == NULL) {
        return FOV_OK;
    }
    int32_t *truth = memory_allocate(tally->memory, cells, sizeof *truth, "answers", error);
    if (truth == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < cells; i++) {
        truth[i] = labels->kept.truth[i] > 0.5;
    }
    report->metrics = fov_metrics_labels(tally->use->model->context, labels->kept.count, tally->scores.count, truth,
                                         labels->kept.scores, options_of(tally->use)->threshold);
    memory_free(tally->memory, truth);
    return report->metrics != NULL ? FOV_OK : (int)error->status;
}

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    int status = answer_reserve(answer, use->model, use->scores.count, error);
    status = status == FOV_OK ? answer_probabilities(use, output, true, answer, error) : status;
    answer->measure = "probability";
    answer->has_yes = true;
    for (int c = 0; status == FOV_OK && c < answer->count; c++) {
        answer->items[c].yes = answer->items[c].value >= options_of(use)->threshold;
    }
    return status;
}

static const struct task_figure figures[] = {
    {.name = "macro_f1", .column = "macro_f1", .heading = "F1", .is_share = true,
     .doc = "2 p r / (p + r) of each class, in the mean"},
    {.name = "micro_f1", .column = "micro_f1", .heading = "F1 all", .is_share = true, .while_training = true,
     .doc = "the same of all classes' yeses and noes together"},
    {.name = "map", .column = "map", .heading = "mAP", .is_share = true,
     .doc = "average precision of each class that is there, in the mean"},
    {.name = NULL},
};

const struct task task_multilabel = {
    .name = "multilabel",
    .summary = "any number of classes for each picture",
    .target = FOV_TARGET_CLASSES,
    .targets = 1U << FOV_TARGET_CLASSES,
    .augment = "",
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .fit = fit,
    .finish = finish,
    .add_loss = add_loss,
    .write = write_labels,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .answer = answer,
};
