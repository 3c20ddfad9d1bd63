/* SPDX-License-Identifier: MIT */
/* Segmentation: a class for each pixel. The model's output is a map [N, classes, H, W] of scores, or [N, 1, H, W] for
 * two classes. A map as large as the picture is compared with the mask pixel by pixel; a smaller map with every s-th
 * pixel where the picture is s times as large, else with the centre of the mask (U-Net's valid convolutions). Pixels of
 * class 255, and of classes that the model does not have, are ignored. */
#include "data/dataset.h"
#include "metric/figures.h"
#include "task/class_loss.h"
#include "task/class_tally.h"
#include "task/map_loss.h"
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { MOST_LOOKED_AT = 256 /* masks from which balanced weights are estimated */ };

struct options {
    int     loss, weights;
    int64_t ignore;
};
static const char *const weights_names[] = {"none", "balanced", NULL};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, loss), .kind = ATTRIBUTE_CHOICE, .choices = map_loss_names,
     .doc = "what training makes small"},
    {ATTRIBUTE(struct options, weights), .kind = ATTRIBUTE_CHOICE, .choices = weights_names,
     .doc = "balanced: a pixel of a rare class counts more (not for dice)"},
    {ATTRIBUTE(struct options, ignore), .kind = ATTRIBUTE_INTEGER, .standard = 255, .minimum = 0, .maximum = 255,
     .doc = "class of the data whose pixels do not count; 255 never does"},
    {.name = NULL},
};

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

/* Which pixels of the mask correspond to those of the map: pixel (y, x) to (top + y step, left + x step). */
struct segment_state {
    struct memory *memory;
    int height, width, top, left, step;
    float *weights; /* [classes of the model]; NULL: 1 each */
};

static int find_pixels(struct task_use *use, struct segment_state *state, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    const struct picture_size *size = &use->prepare.size;
    fov_shape out = fov_value_shape(use->model->graph, use->scores.logits);
    if (out.rank != 4 || out.dim[0] != FOV_BATCH || out.dim[2] > size->height || out.dim[3] > size->width ||
        model_map_is_channels_last(use->model, use->model->output)) {
        return error_set(error, FOV_E_SHAPE,
                         "output \"%s\" %s is no map [N, classes, H, W] of pictures %d x %d",
                         fov_value_name(use->model->graph, use->model->output), shape_text(&out, text), size->height,
                         size->width);
    }
    state->height = (int)out.dim[2];
    state->width = (int)out.dim[3];
    bool is_strided = size->height % state->height == 0 && size->width % state->width == 0 &&
                      size->height / state->height == size->width / state->width;
    state->step = is_strided ? size->height / state->height : 1;
    state->top = is_strided ? state->step / 2 : (size->height - state->height) / 2;
    state->left = is_strided ? state->step / 2 : (size->width - state->width) / 2;
    return FOV_OK;
}

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    if (status == FOV_OK && use->scores.meaning != FOV_MEANING_MAP) {
        char text[SHAPE_TEXT_SIZE];
        fov_shape out = fov_value_shape(use->model->graph, use->model->output);
        status = error_set(error, FOV_E_SHAPE, "output \"%s\" %s is no map: segmentation needs scores for each pixel",
                           fov_value_name(use->model->graph, use->model->output), shape_text(&out, text));
    }
    if (status == FOV_OK && use->scores.classes < 2) {
        status = error_set(error, FOV_E_SHAPE,
                           "output \"%s\" is a map of one channel whose numbers are neither logits nor probabilities "
                           "of a second class: segmentation needs scores (where it is a picture, name the task: image)",
                           fov_value_name(use->model->graph, use->model->output));
    }
    status = status == FOV_OK ? fit_classes(use, use->scores.classes, error) : status;
    struct segment_state *state = NULL;
    if (status == FOV_OK) {
        struct memory *memory = use->model->context->memory;
        state = use->state = memory_allocate(memory, 1, sizeof *state, "a task", error);
        status = state != NULL ? find_pixels(use, state, error) : FOV_E_MEMORY;
    }
    if (status == FOV_OK) {
        state->memory = use->model->context->memory;
        use->prepare.target = PREPARE_MASK;
        use->dtype = FOV_I32;
        use->target = (fov_shape){3, {FOV_BATCH, state->height, state->width}};
    }
    return status;
}

static void close_use(struct task_use *use)
{
    struct segment_state *state = use->state;
    if (state != NULL) {
        memory_free(state->memory, state->weights);
        memory_free(state->memory, state);
        use->state = NULL;
    }
}

/* The model's class for a class of the data; -1: its pixels are ignored. */
static int label_of(const struct task_use *use, int class)
{
    bool counts = class < use->match.data_classes && class != options_of(use)->ignore;
    return counts ? use->match.model_class[class] : -1;
}

/* Counts the pixels of each class, in masks evenly spread over the data. */
static int count_pixels(const struct task_use *use, double *counts, struct error *error)
{
    struct sample sample;
    size_t looked_at = use->data->count < MOST_LOOKED_AT ? use->data->count : MOST_LOOKED_AT;
    int status = FOV_OK;
    sample_begin(&sample, use->model->context->memory);
    for (size_t i = 0; status == FOV_OK && i < looked_at; i++) {
        int64_t found[256] = {0};
        bool is_read;
        status = fit_look(use->data, i * use->data->count / looked_at, &sample, &is_read, error);
        size_t pixels = is_read ? (size_t)sample.mask.height * (size_t)sample.mask.width : 0;
        for (size_t p = 0; p < pixels; p++) {
            found[sample.mask.pixels[p]]++;
        }
        for (int class = 0; class < 256; class++) {
            int label = label_of(use, class);
            if (label >= 0) {
                counts[label] += (double)found[class];
            }
        }
    }
    sample_free(&sample);
    return status;
}

static int learn(struct task_use *use, struct error *error)
{
    struct segment_state *state = use->state;
    size_t classes = (size_t)use->scores.classes;
    if (options_of(use)->weights == 0) {
        return FOV_OK;
    }
    state->weights = memory_allocate(state->memory, classes, sizeof *state->weights, "class weights", error);
    double *counts = memory_allocate(state->memory, classes, sizeof *counts, "class weights", error);
    int status = state->weights != NULL && counts != NULL ? count_pixels(use, counts, error) : FOV_E_MEMORY;
    if (status == FOV_OK) {
        fit_balanced(counts, (int)classes, state->weights);
    }
    memory_free(state->memory, counts);
    return status;
}

/* Scores of whole pictures that are shaped as maps of one pixel get one label per picture, as for a classifier. */
static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct segment_state *state = use->state; /* NULL where a step is only measured */
    const struct map_loss_options options = {.kind = (enum map_loss_kind)options_of(use)->loss,
                                             .label_smoothing = use->label_smoothing,
                                             .weights = state != NULL ? state->weights : NULL,
                                             .auxiliary = ends->auxiliary};
    fov_shape shape = fov_value_shape(graph, ends->scores.logits);
    bool is_map = false;
    for (int i = 2; i < shape.rank; i++) {
        is_map = is_map || shape.dim[i] > 1;
    }
    if (!is_map) {
        struct class_loss loss = class_loss_add(graph, &ends->scores, &(struct class_loss_options){0});
        ends->targets = loss.labels;
        ends->loss = loss.loss;
        return;
    }
    struct map_loss loss = map_loss_add(graph, &ends->scores, &options);
    ends->targets = loss.labels;
    ends->loss = loss.loss;
}

static int write_mask(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                      struct error *error)
{
    const struct segment_state *state = use->state;
    int32_t *labels = (int32_t *)targets + place * (size_t)state->height * (size_t)state->width;
    (void)error;
    for (int y = 0; y < state->height; y++) {
        const uint8_t *row = prepared->mask + (size_t)(state->top + y * state->step) * (size_t)prepared->size.width;
        for (int x = 0; x < state->width; x++) {
            *labels++ = label_of(use, row[state->left + x * state->step]);
        }
    }
    return FOV_OK;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* The predicted class of a pixel, whose scores are `stride` numbers apart. */
static int predicted(const struct model_scores *scores, const float *at, size_t stride)
{
    int best = 0;
    if (scores->count == 1) {
        return *at >= (scores->is_probable ? 0.5F : 0.0F);
    }
    for (int c = 1; c < scores->count; c++) {
        best = at[(size_t)c * stride] > at[(size_t)best * stride] ? c : best;
    }
    return best;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    const int32_t *labels = targets;
    size_t pixels = task_target_bytes(use) / sizeof *labels;
    for (size_t i = 0; i < count; i++, outputs += pixels * (size_t)scores->count, labels += pixels) {
        for (size_t p = 0; p < pixels; p++) {
            if (labels[p] >= 0) {
                sums[0] += predicted(scores, outputs + p, pixels) == labels[p];
                sums[1] += 1.0;
            }
        }
    }
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

struct segment_tally {
    int64_t *confusion;   /* [classes (true)][classes (predicted)] */
    double  *share;       /* [classes]: probabilities of one pixel */
    double  *overlap;     /* [3][classes], for one picture: sums of p t, of p, of t (p probability, t target 0 or 1) */
};

/* The probability of each class at a pixel and, for a softmax, the logarithm of its denominator (the sum of the
 * exponentials); false where a score is NaN. */
static bool shares_of(const struct model_scores *scores, const float *at, size_t stride, double *share,
                      double *log_total)
{
    double largest = (double)*at, total = 0.0;
    if (scores->count == 1) {
        double x = (double)*at;
        share[1] = scores->is_probable ? x : class_sigmoid(x);
        share[0] = scores->is_probable ? 1.0 - x : class_sigmoid(-x);
        return !isnan(x);
    }
    for (int c = 0; c < scores->count; c++) {
        double x = (double)at[(size_t)c * stride];
        if (isnan(x)) {
            return false;
        }
        largest = fmax(largest, x);
    }
    for (int c = 0; c < scores->count; c++) {
        double x = (double)at[(size_t)c * stride];
        share[c] = scores->is_probable ? x : scores->independent ? class_sigmoid(x) : exp(x - largest);
        total += share[c];
    }
    for (int c = 0; c < scores->count && !scores->is_probable && !scores->independent; c++) {
        share[c] /= total;
    }
    *log_total = largest + log(total);
    return isfinite(total);
}

/* -log of the label's probability, computed from the scores themselves where they are logits. */
static double surprise(const struct model_scores *scores, const float *at, size_t stride, const double *share,
                       double log_total, int label)
{
    if (scores->is_probable) {
        return -log(fmax(share[label], 1e-7));
    }
    if (scores->count > 1) {
        return log_total - (double)at[(size_t)label * stride];
    }
    double x = label == 1 ? -(double)*at : (double)*at; /* log(1 + exp(x)) in a form that cannot overflow */
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

/* The mean loss of channels that are each an independent binary decision. */
static double surprise_apart(const struct model_scores *scores, const float *at, size_t stride, const double *share,
                             int label, bool is_focal)
{
    double sum = 0.0;
    for (int c = 0; c < scores->count; c++) {
        double x = (double)at[(size_t)c * stride], q = c == label ? share[c] : 1.0 - share[c];
        x = c == label ? -x : x;
        double loss = scores->is_probable ? -log(fmax(q, 1e-7)) : fmax(x, 0.0) + log1p(exp(-fabs(x)));
        sum += (is_focal ? (1.0 - q) * (1.0 - q) : 1.0) * loss;
    }
    return sum / scores->count;
}

static double sum_dice(const struct segment_tally *counts, int count, int classes)
{
    int first = count == 1 ? 1 : 0;
    double sum = 0.0;
    for (int c = first; c < classes; c++) {
        double both = counts->overlap[c], apart = counts->overlap[classes + c] + counts->overlap[2 * classes + c];
        sum += 1.0 - (2.0 * both + 1.0) / (apart + 1.0);
    }
    return sum / (classes - first);
}

static int tally_open(struct task_tally *tally, struct error *error)
{
    size_t cells, classes = (size_t)tally->scores.classes;
    struct memory *memory = tally->memory;
    if (!size_multiply(classes, classes, &cells)) {
        return error_set(error, FOV_E_MEMORY, "a confusion matrix of %zu classes does not fit memory", classes);
    }
    struct segment_tally *counts = tally->state = memory_allocate(memory, 1, sizeof *counts, "counts", error);
    if (counts == NULL) {
        return FOV_E_MEMORY;
    }
    counts->confusion = memory_allocate(memory, cells, sizeof(int64_t), "a confusion matrix", error);
    counts->share = memory_allocate(memory, 4 * classes, sizeof(double), "counts", error);
    counts->overlap = counts->share != NULL ? counts->share + classes : NULL;
    return counts->confusion != NULL && counts->share != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    struct segment_tally *counts = tally->state;
    if (counts != NULL) {
        memory_free(tally->memory, counts->confusion);
        memory_free(tally->memory, counts->share);
        memory_free(tally->memory, counts);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    struct segment_tally *counts = tally->state;
    size_t classes = (size_t)tally->scores.classes;
    memset(counts->confusion, 0, classes * classes * sizeof(int64_t));
}

/* Adds the pixels of one picture to the confusion matrix. Returns the picture's loss, without class weights and label
 * smoothing; NaN where a score is NaN. */
static double add_picture(struct segment_tally *counts, const struct model_scores *scores, enum map_loss_kind kind,
                          const float *outputs, const int32_t *labels, size_t pixels)
{
    size_t classes = (size_t)scores->classes;
    double sum = 0.0, counted = 0.0;
    memset(counts->overlap, 0, 3 * classes * sizeof(double));
    for (size_t p = 0; p < pixels; p++) {
        if (labels[p] < 0) {
            continue;
        }
        double log_total = 0.0;
        if (!shares_of(scores, outputs + p, pixels, counts->share, &log_total)) {
            return (double)NAN;
        }
        double missed = 1.0 - counts->share[labels[p]], factor = kind == MAP_FOCAL ? missed * missed : 1.0;
        sum += scores->count > 1 && scores->independent
                   ? surprise_apart(scores, outputs + p, pixels, counts->share, labels[p], kind == MAP_FOCAL)
                   : factor * surprise(scores, outputs + p, pixels, counts->share, log_total, labels[p]);
        counted += 1.0;
        counts->confusion[(size_t)labels[p] * classes + (size_t)predicted(scores, outputs + p, pixels)]++;
        counts->overlap[labels[p]] += counts->share[labels[p]];
        counts->overlap[2 * classes + (size_t)labels[p]] += 1.0;
        for (size_t c = 0; c < classes; c++) {
            counts->overlap[classes + c] += counts->share[c];
        }
    }
    double mean = counted > 0.0 ? sum / counted : 0.0, dice = sum_dice(counts, scores->count, (int)classes);
    return kind == MAP_DICE ? dice : kind == MAP_CROSS_ENTROPY_AND_DICE ? mean + dice : mean;
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    const int32_t *labels = targets;
    const struct model_scores *scores = &tally->scores;
    size_t pixels = task_target_bytes(tally->use) / sizeof *labels;
    enum map_loss_kind kind = (enum map_loss_kind)options_of(tally->use)->loss;
    for (size_t i = 0; i < count; i++, outputs += pixels * (size_t)scores->count, labels += pixels) {
        double loss = add_picture(tally->state, scores, kind, outputs, labels, pixels);
        if (!isfinite(loss)) {
            return i;
        }
        tally->count++;
        tally->loss += loss;
    }
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const int64_t *confusion = ((const struct segment_tally *)tally->state)->confusion;
    int classes = tally->scores.classes;
    double overlap = 0.0, dice = 0.0, right = 0.0, all = 0.0, defined = 0.0;
    for (int c = 0; c < classes; c++) {
        double truth = 0.0, answered = 0.0, hits = (double)confusion[(size_t)c * (size_t)classes + (size_t)c];
        for (int k = 0; k < classes; k++) {
            truth += (double)confusion[(size_t)c * (size_t)classes + (size_t)k];
            answered += (double)confusion[(size_t)k * (size_t)classes + (size_t)c];
        }
        right += hits;
        all += truth;
        if (truth + answered > 0.0) {
            overlap += hits / (truth + answered - hits);
            dice += 2.0 * hits / (truth + answered);
            defined += 1.0;
        }
    }
    values[0] = ratio_or_undefined(overlap, defined);
    values[1] = ratio_or_undefined(right, all);
    values[2] = ratio_or_undefined(dice, defined);
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    struct segment_tally *counts = tally->state;
    int classes = tally->scores.classes;
    if (tally->keeps_answers) {
        report->metrics = figures_of_masks(tally->use->model->context, classes, counts->confusion);
        if (report->metrics == NULL) {
            return (int)error->status;
        }
    }
    report->accuracy = report->figures[1].value;
    return class_report_fill(report, &counts->confusion, classes, &tally->use->match, tally->memory, error);
}

/* ---- an answer --------------------------------------------------------------------------------------------------- */

/* The index of the map pixel that covers pixel `at` of a picture, along one axis. The picture has `whole` pixels, which
 * the network's input shows as `inner` pixels after `pad` pixels of padding; the map has `size` pixels, whose centres
 * lie at `first`, `first` + `step`, ... of the input. */
static int place_on_map(int at, int whole, int inner, int pad, int first, int step, int size)
{
    int place = pad + (int)(((int64_t)2 * at + 1) * inner / ((int64_t)2 * whole)) - (first - step / 2);
    place = place < 0 ? 0 : place / step;
    return place < size ? place : size - 1;
}

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    const struct segment_state *state = use->state;
    int pad = use->model->preprocessing.pad, classes = use->scores.classes;
    size_t pixels = (size_t)state->height * (size_t)state->width;
    struct model_scores scores = use->scores;
    scores.is_probable = scores.is_probable || scores.logits.id != use->model->output.id; /* softmax or sigmoid */
    int status = answer_reserve(answer, use->model, classes, error);
    status = status == FOV_OK ? answer_picture(&answer->mask, use->model, output->height, output->width, 1, error)
                              : status;
    if (status != FOV_OK) {
        return status;
    }
    answer->measure = "share";
    for (int y = 0; y < output->height; y++) {
        size_t row = (size_t)place_on_map(y, output->height, use->prepare.size.height - 2 * pad, pad, state->top,
                                          state->step, state->height) * (size_t)state->width;
        for (int x = 0; x < output->width; x++) {
            size_t at = row + (size_t)place_on_map(x, output->width, use->prepare.size.width - 2 * pad, pad,
                                                   state->left, state->step, state->width);
            int class = predicted(&scores, output->numbers + at, pixels);
            answer->mask.pixels[(size_t)y * (size_t)output->width + (size_t)x] = (uint8_t)(class < 255 ? class : 255);
            answer->items[class].value += 1.0;
        }
    }
    for (int c = 0; c < classes; c++) {
        answer->items[c].value /= (double)output->height * (double)output->width;
    }
    return FOV_OK;
}

static const struct task_figure figures[] = {
    {.name = "mean_iou", .column = "mean_iou", .is_share = true, .heading = "IoU",
     .doc = "overlap over union of each class that is there or answered, in the mean"},
    {.name = "pixel_accuracy", .column = "pixel_accuracy", .is_share = true, .while_training = true,
     .heading = "pixels", .doc = "share of pixels that got their class"},
    {.name = "mean_dice", .column = "mean_dice", .is_share = true, .heading = "Dice",
     .doc = "twice the overlap over both areas, in the mean over classes"},
    {.name = NULL},
};

const struct task task_segment = {
    .name = "segment",
    .summary = "a class for each pixel",
    .target = FOV_TARGET_MASK,
    .targets = 1U << FOV_TARGET_MASK,
    .augment = "segment",
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .per_pixel = true,
    .fit = fit,
    .learn = learn,
    .close = close_use,
    .add_loss = add_loss,
    .write = write_mask,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .answer = answer,
};
