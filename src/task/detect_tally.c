/* SPDX-License-Identifier: MIT */
/* Figures of a detector: keeps the true and the detected boxes of all pictures, in pixels of the original pictures, and
 * measures them together (metric/boxes.c). The loss is that of training, for each picture alone. */
#include "data/dataset.h"
#include "metric/figures.h"
#include "op/yolox_loss/yolox.h"
#include "task/detect.h"
#include <math.h>
#include <string.h>

static const double least_score = 0.001; /* lower scores hardly change the area under the precision-recall curve */

struct detect_tally {
    fov_object *objects;
    fov_detection *detections;
    size_t object_count, object_capacity, detection_count, detection_capacity;
    double *rows, *lines, *object, *overlap, *workspace; /* of one picture, for its loss */
    struct detect_found *found;              /* [DETECT_MOST_FOUND] */
    bool failed;                             /* out of memory: all figures are undefined */
};

/* Number of lines of a sample's targets. */
static size_t line_count(const struct task_use *use)
{
    return (size_t)use->target.dim[1];
}

int detect_tally_open(struct task_tally *tally, struct error *error)
{
    const struct detect_state *state = tally->use->state;
    struct memory *memory = tally->memory;
    struct detect_tally *counts = tally->state = memory_allocate(memory, 1, sizeof *counts, "counts", error);
    if (counts == NULL) {
        return FOV_E_MEMORY;
    }
    size_t numbers = (size_t)state->of.numbers;
    counts->rows = memory_allocate(memory, state->of.rows, numbers * sizeof(double), "a picture's rows", error);
    counts->lines = memory_allocate(memory, line_count(tally->use), YOLOX_COLUMNS * sizeof(double), "objects", error);
    counts->object = memory_allocate(memory, state->of.rows, sizeof(double), "a picture's rows", error);
    counts->overlap = memory_allocate(memory, state->of.rows, sizeof(double), "a picture's rows", error);
    counts->workspace =
        memory_allocate(memory, state->of.rows, (YOLOX_CACHED + numbers) * sizeof(double), "a picture's rows", error);
    counts->found = memory_allocate(memory, DETECT_MOST_FOUND, sizeof *counts->found, "boxes", error);
    return (int)error->status;
}

void detect_tally_close(struct task_tally *tally)
{
    struct detect_tally *counts = tally->state;
    if (counts != NULL) {
        memory_free(tally->memory, counts->found);
        memory_free(tally->memory, counts->workspace);
        memory_free(tally->memory, counts->overlap);
        memory_free(tally->memory, counts->object);
        memory_free(tally->memory, counts->lines);
        memory_free(tally->memory, counts->rows);
        memory_free(tally->memory, counts->detections);
        memory_free(tally->memory, counts->objects);
        memory_free(tally->memory, counts);
        tally->state = NULL;
    }
}

void detect_tally_reset(struct task_tally *tally)
{
    struct detect_tally *counts = tally->state;
    counts->object_count = counts->detection_count = 0;
    counts->failed = false;
}

static void to_doubles(const float *from, double *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (double)from[i];
    }
}

/* The loss that training would have with this picture alone. */
static double loss_of(const struct task_tally *tally, const float *rows, const float *lines)
{
    struct detect_tally *counts = tally->state;
    const struct detect_state *state = tally->use->state;
    const struct yolox_options size = {state->of.height, state->of.width};
    size_t numbers = (size_t)state->of.numbers, with_object = 0;
    to_doubles(rows, counts->rows, state->of.rows * numbers);
    to_doubles(lines, counts->lines, line_count(tally->use) * YOLOX_COLUMNS);
    for (size_t row = 0; row < state->of.rows && tally->scores.is_probable; row++) {
        for (size_t k = 4; k < numbers; k++) { /* the sigmoid's inverse */
            double p = fmin(fmax(counts->rows[row * numbers + k], 1e-7), 1 - 1e-7);
            counts->rows[row * numbers + k] = log(p / (1 - p));
        }
    }
    struct yolox_sample sample = {.options = &size,
                                  .row_count = state->of.rows,
                                  .classes = (size_t)state->of.classes,
                                  .object_count = (size_t)lines[YOLOX_COUNT],
                                  .rows = counts->rows,
                                  .objects = counts->lines + YOLOX_COLUMNS,
                                  .l1 = lines[YOLOX_L1] > 0,
                                  .workspace = counts->workspace};
    yolox_assign(&sample, counts->object, counts->overlap);
    for (size_t row = 0; row < state->of.rows; row++) {
        with_object += counts->object[row] >= 0;
    }
    return yolox_sample_loss(&sample, counts->object, counts->overlap, NULL) /
           (with_object > 0 ? (double)with_object : 1);
}

static struct detect_frame frame_of(const float *line)
{
    return (struct detect_frame){{(double)line[DETECT_SCALE], (double)line[DETECT_SCALE + 1]},
                                 {(double)line[DETECT_CORNER], (double)line[DETECT_CORNER + 1]}};
}

static int keep_objects(struct task_tally *tally, const float *lines, int64_t image, struct error *error)
{
    struct detect_tally *counts = tally->state;
    struct detect_frame frame = frame_of(lines);
    int status = FOV_OK;
    for (size_t i = 0; i < (size_t)lines[YOLOX_COUNT] && status == FOV_OK; i++) {
        const float *line = lines + (1 + i) * YOLOX_COLUMNS;
        double box[4], at[4];
        unsigned marks = (unsigned)line[YOLOX_MARKS];
        to_doubles(line + YOLOX_BOX, box, 4);
        detect_unmap(&frame, box, at);
        status = memory_grow(tally->memory, (void **)&counts->objects, &counts->object_capacity, counts->object_count,
                             sizeof *counts->objects, "objects", error);
        if (status == FOV_OK) {
            double width = at[2] - at[0], height = at[3] - at[1];
            counts->objects[counts->object_count++] = (fov_object){.image = image,
                                                                   .category = (int64_t)line[YOLOX_CLASS],
                                                                   .x = at[0],
                                                                   .y = at[1],
                                                                   .width = width,
                                                                   .height = height,
                                                                   .area = width * height,
                                                                   .crowd = (marks & YOLOX_CROWD) != 0,
                                                                   .difficult = (marks & YOLOX_DIFFICULT) != 0};
        }
    }
    return status;
}

static int keep_found(struct task_tally *tally, const float *rows, const float *line, int64_t image,
                      struct error *error)
{
    struct detect_tally *counts = tally->state;
    struct detect_frame frame = frame_of(line);
    int status = FOV_OK;
    int64_t found =
        detect_find(tally->use, tally->use->state, rows, !tally->scores.is_probable, least_score, counts->found, error);
    for (int64_t i = 0; i < found && status == FOV_OK; i++) {
        double at[4];
        detect_unmap(&frame, counts->found[i].box, at);
        status = memory_grow(tally->memory, (void **)&counts->detections, &counts->detection_capacity,
                             counts->detection_count, sizeof *counts->detections, "boxes", error);
        if (status == FOV_OK) {
            counts->detections[counts->detection_count++] = (fov_detection){.image = image,
                                                                            .category = counts->found[i].label,
                                                                            .x = at[0],
                                                                            .y = at[1],
                                                                            .width = at[2] - at[0],
                                                                            .height = at[3] - at[1],
                                                                            .score = counts->found[i].score};
        }
    }
    return found < 0 ? (int)error->status : status;
}

/* Whether none of the numbers is NaN, which the best of several scores would not show. */
static bool are_numbers(const float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (isnan(numbers[i])) {
            return false;
        }
    }
    return true;
}

size_t detect_tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct detect_tally *counts = tally->state;
    const struct detect_state *state = tally->use->state;
    size_t numbers = state->of.rows * (size_t)state->of.numbers, lines = line_count(tally->use) * YOLOX_COLUMNS;
    for (size_t i = 0; i < count; i++) {
        const float *rows = outputs + i * numbers, *objects = (const float *)targets + i * lines;
        double loss = detect_is_learned(state) ? loss_of(tally, rows, objects) : 0;
        if (!isfinite(loss) || !are_numbers(rows, numbers)) {
            return i;
        }
        struct error error = {.status = FOV_OK};
        int status = keep_objects(tally, objects, tally->count, &error);
        status = status == FOV_OK ? keep_found(tally, rows, objects, tally->count, &error) : status;
        if (status == FOV_E_NUMERIC) {
            return i;
        }
        if (status != FOV_OK) {
            counts->failed = true;
            context_put_error(tally->use->model->context, &error);
        }
        tally->count++;
        tally->loss += loss;
    }
    return count;
}

static fov_metrics *measure(const struct task_tally *tally)
{
    const struct detect_tally *counts = tally->state;
    const struct detect_state *state = tally->use->state;
    struct error *error = &tally->use->model->context->error;
    int64_t *categories =
        memory_allocate(tally->memory, (size_t)state->of.classes, sizeof *categories, "classes", error);
    for (int c = 0; categories != NULL && c < state->of.classes; c++) {
        categories[c] = c;
    }
    fov_metrics *metrics = categories == NULL || counts->failed
                               ? NULL
                               : fov_metrics_boxes(tally->use->model->context, state->of.classes, categories,
                                                   (int64_t)counts->object_count, counts->objects,
                                                   (int64_t)counts->detection_count, counts->detections);
    memory_free(tally->memory, categories);
    return metrics;
}

void detect_tally_figures(const struct task_tally *tally, double *values)
{
    static const char *const names[DETECT_FIGURES] = {"map", "map50", "map75"};
    fov_metrics *metrics = measure(tally);
    for (int i = 0; i < DETECT_FIGURES; i++) {
        values[i] = fov_metrics_number(metrics, names[i]);
    }
    fov_metrics_free(metrics);
}

int detect_tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    report->accuracy = report->figures[0].value;
    if (tally->keeps_answers) {
        report->metrics = measure(tally);
        return report->metrics != NULL ? FOV_OK : (int)error->status;
    }
    return FOV_OK;
}
