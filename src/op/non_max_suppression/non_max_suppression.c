/* SPDX-License-Identifier: MIT */
/* NonMaxSuppression: of boxes that overlap, the one with the best score stays. How many stay decides the result's
 * shape, so boxes and scores must be known when shapes are inferred; it is meant for some hundred boxes. */
#include "op/index.h"

#include <math.h>

enum { BOXES, SCORES, MOST, OVERLAP, LEAST, PORTS, BOX_LIMIT = 1024 };

struct suppression_options {
    bool center;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct suppression_options, center), .onnx = "center_point_box", .kind = OP_FLAG,
     .doc = "boxes are x, y of the center, width, height; else two opposite corners y, x, y, x"},
    {0},
};

/** All inputs, as numbers. */
struct task {
    const double *boxes, *scores;
    size_t        batch, classes, count;
    double        most, overlap, least;
    bool          center;
};

/* Edges of a box: low y, low x, high y, high x. */
static void edges(const struct task *task, const double *box, double edge[4])
{
    if (task->center) {
        edge[0] = box[1] - box[3] / 2;
        edge[1] = box[0] - box[2] / 2;
        edge[2] = box[1] + box[3] / 2;
        edge[3] = box[0] + box[2] / 2;
    } else {
        edge[0] = fmin(box[0], box[2]);
        edge[1] = fmin(box[1], box[3]);
        edge[2] = fmax(box[0], box[2]);
        edge[3] = fmax(box[1], box[3]);
    }
}

/* Intersection over union. */
static double overlap(const struct task *task, const double *first, const double *second)
{
    double a[4], b[4];
    edges(task, first, a);
    edges(task, second, b);
    double height = fmin(a[2], b[2]) - fmax(a[0], b[0]), width = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double common = height > 0 && width > 0 ? height * width : 0;
    double together = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common;
    return together > 0 ? common / together : 0;
}

/* The box that follows `last` in the order of scores (-1: the first); -1: none above the score limit. */
static int next_best(const struct task *task, const double *scores, int last)
{
    int best = -1;
    for (int i = 0; i < (int)task->count; i++) {
        bool later = last < 0 || scores[i] < scores[last] || (scores[i] == scores[last] && i > last);
        if (later && scores[i] > task->least && (best < 0 || scores[i] > scores[best])) {
            best = i;
        }
    }
    return best;
}

/* Rows [batch, class, box] into out, unless it is NULL; returns how many. */
static size_t select_boxes(const struct task *task, double *out)
{
    size_t rows = 0;
    for (size_t n = 0; n < task->batch; n++) {
        for (size_t c = 0; c < task->classes; c++) {
            const double *scores = task->scores + (n * task->classes + c) * task->count;
            const double *boxes = task->boxes + n * task->count * 4;
            int kept[BOX_LIMIT], kept_count = 0;
            for (int box = next_best(task, scores, -1); box >= 0 && kept_count < task->most;
                 box = next_best(task, scores, box)) {
                bool stays = true;
                for (int k = 0; k < kept_count && stays; k++) {
                    stays = !(overlap(task, boxes + 4 * box, boxes + 4 * kept[k]) > task->overlap);
                }
                if (!stays) {
                    continue;
                }
                kept[kept_count++] = box;
                if (out != NULL) {
                    out[3 * rows] = (double)n;
                    out[3 * rows + 1] = (double)c;
                    out[3 * rows + 2] = box;
                }
                rows++;
            }
        }
    }
    return rows;
}

static int read_task(const struct index_source *source, const void *options, const fov_shape *scores, struct task *task)
{
    struct index_values values[PORTS];
    for (int i = 0; i < PORTS; i++) {
        int status = index_values(source, i, &values[i]);
        if (status != FOV_OK) {
            return status;
        }
    }
    *task = (struct task){.boxes = values[BOXES].at,
                          .scores = values[SCORES].at,
                          .batch = (size_t)scores->dim[0],
                          .classes = (size_t)scores->dim[1],
                          .count = (size_t)scores->dim[2],
                          .most = values[MOST].count > 0 ? values[MOST].at[0] : 0,
                          .overlap = values[OVERLAP].count > 0 ? values[OVERLAP].at[0] : 0,
                          .least = values[LEAST].count > 0 ? values[LEAST].at[0] : -INFINITY,
                          .center = ((const struct suppression_options *)options)->center};
    return FOV_OK;
}

static int infer(const struct op_infer *infer)
{
    const fov_shape *boxes = &infer->in[BOXES].shape, *scores = &infer->in[SCORES].shape;
    struct task task;
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dim[2] != 4 || boxes->dim[0] != scores->dim[0] ||
        boxes->dim[1] != scores->dim[2] || boxes->dim[1] > BOX_LIMIT) {
        char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE,
                         "boxes %s must be [N, boxes, 4] and scores %s [N, classes, boxes], of at most %d boxes",
                         shape_text(boxes, a), shape_text(scores, b), BOX_LIMIT);
    }
    int status = read_task(&(struct index_source){.infer = infer}, infer->options, scores, &task);
    if (status == FOV_OK) {
        infer->out[0].dtype = FOV_I64;
        infer->out[0].shape = (fov_shape){2, {(int64_t)select_boxes(&task, NULL), 3}};
    }
    return status;
}

static void textbook(const struct op_textbook *textbook)
{
    struct task task;
    read_task(&(struct index_source){.textbook = textbook}, textbook->options, &textbook->in[SCORES].shape, &task);
    select_boxes(&task, textbook->out[0].data);
}

static const struct op_onnx onnx = {.type = "NonMaxSuppression", .since = 10};

/* Boxes of side 1 that step by 0.3, so that neighbours overlap by a half. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double low = 0.3 * (double)(i / 4), corner = i % 4 < 2 ? low : low + 1;
        data[i] = index == BOXES ? corner : index == SCORES ? random_uniform(key, i) : index == MOST ? 3 : 0.25;
    }
}

static void fill_centers(int index, double *data, size_t count, struct random_key key)
{
    fill(index, data, count, key);
    for (size_t i = 0; index == BOXES && i < count; i++) {
        data[i] = i % 4 < 2 ? 0.3 * (double)(i / 4) : 1;
    }
}

static const struct suppression_options centers = {true};
static const struct op_case cases[] = {
    {.name = "corners", .in = {{3, {2, 9, 4}}, {3, {2, 3, 9}}, {1, {1}}, {1, {1}}, {1, {1}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64}, .in_count = 5, .fill = fill},
    {.name = "centers", .in = {{3, {1, 9, 4}}, {3, {1, 1, 9}}, {1, {1}}, {1, {1}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64}, .in_count = 4, .options = &centers, .fill = fill_centers},
    {0},
};

#define NUMBER_PORT(NAME) {.name = NAME, .shape = "[1]", .optional = true, .plain = true, .values = true}
const struct op op_non_max_suppression = {
    .name = "non_max_suppression",
    .family = OP_SHAPE,
    .summary = "Of boxes that overlap, the one with the best score.",
    .formula = "in order of score, boxes whose intersection over union with all boxes kept before is at most the limit",
    .in = (const struct op_port[]){{.name = "boxes", .shape = "[N, boxes, 4]", .plain = true, .values = true},
                                   {.name = "scores", .shape = "[N, classes, boxes]", .plain = true, .values = true},
                                   NUMBER_PORT("most_per_class"),
                                   NUMBER_PORT("overlap_limit"),
                                   NUMBER_PORT("score_limit"),
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[kept, 3]: sample, class, box"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct suppression_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
