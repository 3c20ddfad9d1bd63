/* SPDX-License-Identifier: MIT */
/* A class for each pixel. The model's output is a map [N, classes, H, W] of scores, or [N, 1, H, W] for two classes. A
 * map as large as the picture is compared pixel by pixel; a smaller one with the middle of the mask (U-Net's valid
 * convolutions), or with every s-th pixel where the picture is s times as large. Pixels of class 255, and classes that
 * the model does not have, do not count. */
#include "metric/figures.h"
#include "task/class_loss.h"
#include "task/class_tally.h"
#include "task/task.h"
#include <math.h>
#include <string.h>

/* Which pixels of the mask the map answers. */
struct segment_state {
    struct memory *memory;
    int height, width, top, left, step;
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
        memory_free(use->model->context->memory, state);
        use->state = NULL;
    }
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct class_loss_options options = {.label_smoothing = use->label_smoothing,
                                               .per_pixel = true,
                                               .auxiliary = ends->auxiliary};
    struct class_loss loss = class_loss_add(graph, &ends->scores, &options);
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
            int label = row[state->left + x * state->step];
            *labels++ = label < use->match.data_classes ? use->match.model_class[label] : -1;
        }
    }
    return FOV_OK;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* What the map says of a pixel, `stride` numbers between its scores. */
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

/* -log of the probability that a pixel's class was given, in double; NaN where a score is none. */
static double pixel_loss(const struct model_scores *scores, const float *at, size_t stride, int label)
{
    double largest = (double)*at, total = 0.0;
    if (scores->is_probable) {
        double p = scores->count > 1 ? (double)at[(size_t)label * stride] : label == 1 ? (double)*at : 1.0 - (double)*at;
        return isnan(p) ? p : -log(p > 1e-7 ? p : 1e-7);
    }
    if (scores->count == 1) {
        double x = label == 1 ? -largest : largest;
        return isnan(x) ? x : fmax(x, 0.0) + log1p(exp(-fabs(x)));
    }
    for (int c = 0; c < scores->count; c++) {
        if (isnan(at[(size_t)c * stride])) {
            return (double)NAN;
        }
        largest = fmax(largest, (double)at[(size_t)c * stride]);
    }
    for (int c = 0; c < scores->count; c++) {
        total += exp((double)at[(size_t)c * stride] - largest);
    }
    return log(total) - ((double)at[(size_t)label * stride] - largest);
}

static int tally_open(struct task_tally *tally, struct error *error)
{
    size_t cells;
    size_t classes = (size_t)tally->scores.classes;
    if (!size_multiply(classes, classes, &cells)) {
        return error_set(error, FOV_E_MEMORY, "a confusion matrix of %zu classes does not fit memory", classes);
    }
    tally->state = memory_allocate(tally->memory, cells, sizeof(int64_t), "a confusion matrix", error);
    return tally->state != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    memory_free(tally->memory, tally->state);
    tally->state = NULL;
}

static void tally_reset(struct task_tally *tally)
{
    size_t classes = (size_t)tally->scores.classes;
    memset(tally->state, 0, classes * classes * sizeof(int64_t));
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    const int32_t *labels = targets;
    const struct model_scores *scores = &tally->scores;
    int64_t *confusion = tally->state;
    size_t pixels = task_target_bytes(tally->use) / sizeof *labels;
    for (size_t i = 0; i < count; i++, outputs += pixels * (size_t)scores->count, labels += pixels) {
        double loss = 0.0, counted = 0.0;
        for (size_t p = 0; p < pixels; p++) {
            if (labels[p] >= 0) {
                int answer = predicted(scores, outputs + p, pixels);
                confusion[(size_t)labels[p] * (size_t)scores->classes + (size_t)answer]++;
                loss += pixel_loss(scores, outputs + p, pixels, labels[p]);
                counted += 1.0;
            }
        }
        if (!isfinite(loss)) {
            return i;
        }
        tally->count++;
        tally->loss += counted > 0.0 ? loss / counted : 0.0;
    }
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const int64_t *confusion = tally->state;
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
    int64_t *confusion = tally->state;
    int classes = tally->scores.classes;
    if (tally->keeps_answers) {
        report->metrics = figures_of_masks(tally->use->model->context, classes, confusion);
        if (report->metrics == NULL) {
            return (int)error->status;
        }
    }
    report->accuracy = report->figures[1].value;
    int status = class_report_fill(report, &confusion, classes, &tally->use->match, tally->memory, error);
    tally->state = confusion; /* taken over */
    return status;
}

static const struct task_figure figures[] = {
    {.name = "mean_iou", .column = "mean_iou", .is_share = true,
     .doc = "overlap over union of each class that is there or answered, in the mean"},
    {.name = "pixel_accuracy", .column = "pixel_accuracy", .is_share = true, .while_training = true,
     .doc = "share of pixels that got their class"},
    {.name = "mean_dice", .column = "mean_dice", .is_share = true,
     .doc = "twice the overlap over both areas, in the mean over classes"},
    {.name = NULL},
};

const struct task task_segment = {
    .name = "segment",
    .summary = "a class for each pixel",
    .target = FOV_TARGET_MASK,
    .targets = 1U << FOV_TARGET_MASK,
    .augment = "segment",
    .figures = figures,
    .fit = fit,
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
};
