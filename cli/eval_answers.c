/* SPDX-License-Identifier: MIT */
/* Answers in a JSON file: "y_true" with "scores" or "y_pred" (two pictures: "a" and "b"). Their kind follows from keys
 * and depth of nesting, tried in the order of `kinds`; a key "kind" states it where that is not enough. Each kind
 * flattens its arrays, checks their sizes against each other, and passes them to the library (fovea/metrics.h). */
#include "eval_answers.h"
#include "eval_boxes.h"
#include "options.h"
#include "output.h"
#include "table.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 8, SENTENCE = 400, NONE = -1 /* a label that is ignored: no label is it */ };

/* A JSON array of numbers, of any depth, in order. */
struct numbers {
    int depth; /* of nesting; 0: the key is missing */
    size_t size[MOST_DEPTH];
    size_t count, filled;
    double *at;
    bool whole; /* all are integers within INT32_MAX */
};

struct answers {
    struct cli *cli;
    const char *file;
    json_t *root;
    char problem[SENTENCE];
};

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

static bool refuse(struct answers *a, const char *key, const char *what)
{
    if (a->problem[0] == '\0') {
        snprintf(a->problem, sizeof a->problem, "\"%s\" %s", key, what);
    }
    return false;
}

static bool fill(struct answers *a, const char *key, json_t *value, int depth, struct numbers *n)
{
    if (depth == n->depth) {
        if (!json_is_number(value) && !json_is_boolean(value)) {
            return refuse(a, key, "holds something that is no number, or arrays of unequal depth");
        }
        double number = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
        n->whole = n->whole && number == floor(number) && fabs(number) <= INT32_MAX;
        n->at[n->filled++] = number;
        return true;
    }
    if (!json_is_array(value) || json_array_size(value) != n->size[depth]) {
        return refuse(a, key, "has rows of unequal length");
    }
    for (size_t i = 0; i < n->size[depth]; i++) {
        if (!fill(a, key, json_array_get(value, i), depth + 1, n)) {
            return false;
        }
    }
    return true;
}

/* Reads the array of a key; a missing one gets depth 0 and is no error here, since it may be optional. */
static bool read_numbers(struct answers *a, const char *key, struct numbers *n)
{
    json_t *value = json_object_get(a->root, key), *inner = value;
    *n = (struct numbers){.count = 1, .whole = true};
    for (; json_is_array(inner); inner = json_array_get(inner, 0)) {
        if (n->depth == MOST_DEPTH) {
            return refuse(a, key, "is nested too deeply");
        }
        n->size[n->depth] = json_array_size(inner);
        if (n->size[n->depth] == 0) {
            return refuse(a, key, "is empty");
        }
        n->count *= n->size[n->depth++]; /* fill() checks that all rows have the length of the first */
        if (n->count > (size_t)1 << 32) {
            return refuse(a, key, "holds more than four thousand million numbers");
        }
    }
    if (value == NULL) {
        return true;
    }
    if (n->depth == 0) {
        return refuse(a, key, "is no array");
    }
    n->at = take_memory(n->count, sizeof *n->at);
    return fill(a, key, value, 0, n);
}

static int32_t *as_integers(const struct numbers *n)
{
    int32_t *integers = n->depth > 0 ? take_memory(n->count, sizeof *integers) : NULL;
    for (size_t i = 0; integers != NULL && i < n->count; i++) {
        integers[i] = (int32_t)n->at[i];
    }
    return integers;
}

static bool read_integers(struct answers *a, const char *key, struct numbers *n)
{
    return read_numbers(a, key, n) && (n->whole || refuse(a, key, "has to hold whole numbers"));
}

/* An integer of `least` or more; `otherwise` where the key is missing. */
static int read_integer(struct answers *a, const char *key, int least, int otherwise)
{
    json_t *value = json_object_get(a->root, key);
    if (value != NULL && !(json_is_integer(value) && json_integer_value(value) >= least &&
                           json_integer_value(value) <= INT_MAX)) {
        refuse(a, key, "has to be a whole number");
        return otherwise;
    }
    return value != NULL ? (int)json_integer_value(value) : otherwise;
}

static double read_number(struct answers *a, const char *key, double otherwise)
{
    json_t *value = json_object_get(a->root, key);
    if (value != NULL && !json_is_number(value)) {
        refuse(a, key, "has to be a number");
        return otherwise;
    }
    return value != NULL ? json_number_value(value) : otherwise;
}

static bool same_shape(const struct numbers *x, const struct numbers *y)
{
    return x->depth == y->depth && memcmp(x->size, y->size, sizeof *x->size * (size_t)x->depth) == 0;
}

/* The number of classes, as far as labels tell; those equal to `ignored` do not count. */
static int largest_plus_one(const struct numbers *n, double ignored)
{
    double largest = 0;
    for (size_t i = 0; i < n->count && n->at != NULL; i++) {
        largest = n->at[i] > largest && n->at[i] != ignored ? n->at[i] : largest;
    }
    return (int)fmin(largest, INT_MAX - 1) + 1;
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

static fov_metrics *measure_classes(struct answers *a, fov_context *context)
{
    struct numbers truth, scores = {0}, answers = {0};
    fov_metrics *metrics = NULL;
    bool read = read_integers(a, "y_true", &truth) && read_numbers(a, "scores", &scores) &&
                read_integers(a, "y_pred", &answers);
    int known = read && scores.depth == 2 ? (int)scores.size[1]
                                          : (int)fmax(largest_plus_one(&truth, NONE), largest_plus_one(&answers, NONE));
    int classes = read_integer(a, "classes", 0, known);
    if (read && (truth.depth != 1 || (scores.depth == 0 && answers.depth == 0))) {
        read = refuse(a, "y_true", "needs \"scores\" or \"y_pred\" beside it");
    }
    if (read && scores.depth != 0 &&
        (scores.depth != 2 || scores.size[0] != truth.count || scores.size[1] != (size_t)classes)) {
        read = refuse(a, "scores", "is not [samples][classes]");
    }
    if (read && answers.depth != 0 && !same_shape(&truth, &answers)) {
        read = refuse(a, "y_pred", "has another length than \"y_true\"");
    }
    if (read && a->problem[0] == '\0') {
        int32_t *labels = as_integers(&truth), *said = as_integers(&answers);
        metrics = fov_metrics_classes(context, (int64_t)truth.count, classes, labels, scores.at, said);
        free(labels);
        free(said);
    }
    free(truth.at);
    free(scores.at);
    free(answers.at);
    return metrics;
}

static fov_metrics *measure_labels(struct answers *a, fov_context *context)
{
    struct numbers truth, scores = {0};
    fov_metrics *metrics = NULL;
    bool read = read_integers(a, "y_true", &truth) && read_numbers(a, "scores", &scores);
    double threshold = read_number(a, "threshold", 0.5);
    if (read && (truth.depth != 2 || !same_shape(&truth, &scores))) {
        read = refuse(a, "scores", "is not [samples][labels], as \"y_true\" is");
    }
    if (read && a->problem[0] == '\0') {
        int32_t *labels = as_integers(&truth);
        metrics = fov_metrics_labels(context, (int64_t)truth.size[0], (int)truth.size[1], labels, scores.at, threshold);
        free(labels);
    }
    free(truth.at);
    free(scores.at);
    return metrics;
}

static fov_metrics *measure_values(struct answers *a, fov_context *context)
{
    struct numbers truth, answers = {0};
    fov_metrics *metrics = NULL;
    bool read = read_numbers(a, "y_true", &truth) && read_numbers(a, "y_pred", &answers);
    if (read && (truth.depth < 1 || truth.depth > 2 || !same_shape(&truth, &answers))) {
        read = refuse(a, "y_pred", "is not [samples] or [samples][outputs], as \"y_true\" is");
    }
    if (read) {
        int outputs = truth.depth == 2 ? (int)truth.size[1] : 1;
        metrics = fov_metrics_values(context, (int64_t)truth.size[0], outputs, truth.at, answers.at);
    }
    free(truth.at);
    free(answers.at);
    return metrics;
}

static fov_metrics *measure_masks(struct answers *a, fov_context *context)
{
    struct numbers truth, answers = {0};
    fov_metrics *metrics = NULL;
    bool read = read_integers(a, "y_true", &truth) && read_integers(a, "y_pred", &answers);
    int ignore = read_integer(a, "ignore", -1, 255);
    int known = read ? (int)fmax(largest_plus_one(&truth, ignore), largest_plus_one(&answers, NONE)) : 1;
    int classes = read_integer(a, "classes", 0, known);
    if (read && !same_shape(&truth, &answers)) {
        read = refuse(a, "y_pred", "has another shape than \"y_true\"");
    }
    if (read && a->problem[0] == '\0') {
        int32_t *labels = as_integers(&truth), *said = as_integers(&answers);
        metrics = fov_metrics_masks(context, (int64_t)truth.count, classes, labels, said, ignore);
        free(labels);
        free(said);
    }
    free(truth.at);
    free(answers.at);
    return metrics;
}

static fov_metrics *measure_pictures(struct answers *a, fov_context *context)
{
    struct numbers first, second = {0}, shape = {0};
    fov_metrics *metrics = NULL;
    bool read = read_numbers(a, "a", &first) && read_numbers(a, "b", &second) && read_integers(a, "shape", &shape);
    double range = read_number(a, "data_range", 255.0);
    if (read && (shape.count < 2 || shape.count > 3 || shape.depth != 1)) {
        read = refuse(a, "shape", "is not [rows, columns] or [rows, columns, channels]");
    }
    if (read) {
        double channels = shape.count == 3 ? shape.at[2] : 1.0;
        double pixels = shape.at[0] * shape.at[1] * channels;
        if (shape.at[0] < 1 || shape.at[1] < 1 || channels < 1 || pixels != (double)first.count ||
            first.count != second.count) {
            refuse(a, "shape", "does not say how many values \"a\" and \"b\" have");
        } else if (a->problem[0] == '\0') {
            metrics = fov_metrics_pictures(context, (int)shape.at[0], (int)shape.at[1], (int)channels, first.at,
                                           second.at, range);
        }
    }
    free(first.at);
    free(second.at);
    free(shape.at);
    return metrics;
}

/* Depth of nesting of a key's array; 0: it is no array. */
static int depth_of(const struct answers *a, const char *key)
{
    int depth = 0;
    for (json_t *value = json_object_get(a->root, key); json_is_array(value); value = json_array_get(value, 0)) {
        depth++;
    }
    return depth;
}

static bool has(const struct answers *a, const char *key)
{
    return json_object_get(a->root, key) != NULL;
}

static bool are_pictures(const struct answers *a)
{
    return has(a, "a") && has(a, "b");
}

static bool are_masks(const struct answers *a)
{
    return depth_of(a, "y_true") >= 3 || has(a, "ignore");
}

static bool are_labels(const struct answers *a)
{
    return depth_of(a, "y_true") == 2 && has(a, "scores");
}

static bool are_classes(const struct answers *a)
{
    return depth_of(a, "y_true") == 1 && (has(a, "scores") || has(a, "classes"));
}

static bool are_values(const struct answers *a)
{
    return has(a, "y_true") && has(a, "y_pred");
}

/* Boxes, as COCO writes them: "ground_truth" and "detections". */
static fov_metrics *measure_boxes(struct answers *a, fov_context *context)
{
    json_t *truth = json_object_get(a->root, "ground_truth"), *detections = json_object_get(a->root, "detections");
    return eval_boxes(context, truth, detections, a->problem, sizeof a->problem);
}

static bool are_boxes(const struct answers *a)
{
    return has(a, "ground_truth") || has(a, "detections");
}

static const struct kind {
    const char *name; /* the task's name, which the key "kind" may state */
    bool (*fits)(const struct answers *a);
    fov_metrics *(*measure)(struct answers *a, fov_context *context);
} kinds[] = {
    {"image", are_pictures, measure_pictures}, {"segment", are_masks, measure_masks},
    {"multilabel", are_labels, measure_labels}, {"classify", are_classes, measure_classes},
    {"regress", are_values, measure_values}, {"detect", are_boxes, measure_boxes},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct kind *find_kind(struct answers *a)
{
    const char *wanted = json_string_value(json_object_get(a->root, "kind"));
    for (size_t k = 0; k < KINDS; k++) {
        if (wanted != NULL ? strcmp(kinds[k].name, wanted) == 0 : kinds[k].fits(a)) {
            return &kinds[k];
        }
    }
    if (wanted != NULL) {
        refuse(a, "kind", "is none of image, segment, multilabel, classify, regress, detect");
    } else {
        refuse(a, "y_true", "with \"scores\" or \"y_pred\" is wanted, or two pictures \"a\" and \"b\", or \"ground_truth\" and "
                            "\"detections\" of boxes");
    }
    return NULL;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static json_t *json_from_cell(const fov_figure *figure, int64_t index)
{
    double value = figure->values[index];
    if (isinf(value)) {
        return json_from_text(value > 0 ? "inf" : "-inf");
    }
    return figure->whole ? json_integer((json_int_t)value) : json_from_number(value);
}

/* One matrix, number `layer`, of a list of matrices; of a list or a matrix `layer` is 0. */
static json_t *json_from_rows(const fov_figure *figure, int64_t layer)
{
    json_t *rows = json_array();
    for (int64_t r = 0; r < figure->rows; r++) {
        json_t *row = figure->rank == 1 ? rows : json_array();
        for (int64_t c = 0; c < figure->columns; c++) {
            json_add(row, json_from_cell(figure, (layer * figure->rows + r) * figure->columns + c));
        }
        if (row != rows) {
            json_add(rows, row);
        }
    }
    return rows;
}

static json_t *json_from_figure(const fov_figure *figure)
{
    if (figure->rank < 3) {
        return figure->rank == 0 ? json_from_cell(figure, 0) : json_from_rows(figure, 0);
    }
    json_t *layers = json_array();
    for (int64_t i = 0; i < figure->layers; i++) {
        json_add(layers, json_from_rows(figure, i));
    }
    return layers;
}

/* The member object named by the first part of a dotted name, created where it is missing. */
static json_t *json_within(json_t *object, const char *name, const char *dot)
{
    char group[64];
    snprintf(group, sizeof group, "%.*s", (int)(dot - name), name);
    if (json_object_get(object, group) == NULL) {
        json_set(object, group, json_object());
    }
    return json_object_get(object, group);
}

json_t *json_from_metrics(const fov_metrics *metrics)
{
    json_t *object = json_object();
    for (int i = 0; i < fov_metrics_count(metrics); i++) {
        fov_figure figure = fov_metrics_at(metrics, i);
        const char *name = figure.name, *dot;
        json_t *within = object;
        while ((dot = strchr(name, '.')) != NULL) {
            within = json_within(within, name, dot);
            name = dot + 1;
        }
        json_set(within, name, json_from_figure(&figure));
    }
    return object;
}

/* Prints single numbers as a table; lists and matrices are printed with --json only. */
static void print_numbers(struct cli *cli, const fov_metrics *metrics)
{
    struct table *table = table_create("lr");
    table_row(table, (const char *[]){"figure", "value"});
    table_rule(table);
    for (int i = 0; i < fov_metrics_count(metrics); i++) {
        fov_figure figure = fov_metrics_at(metrics, i);
        char value[NUMBER_SIZE] = "undefined";
        if (figure.rank != 0) {
            continue;
        }
        if (!isnan(*figure.values)) {
            snprintf(value, sizeof value, figure.whole ? "%.0f" : "%.6f", *figure.values);
        }
        table_row(table, (const char *[]){figure.name, value});
    }
    table_print(table, cli);
    table_free(table);
}

/* Joins detections in a file of their own, as COCO's tools write them, with the file of --truth into one object. False,
 * after a sentence: the truth cannot be read. */
static bool join_truth(struct answers *a, int *code)
{
    char problem[1024];
    json_t *truth = json_read(option_text(a->cli, "truth"), 0, NULL, code, problem, sizeof problem);
    if (truth == NULL) {
        *code = fail(a->cli, *code, "%s", problem);
        return false;
    }
    json_t *both = json_object();
    json_set(both, "ground_truth", truth);
    json_set(both, "detections", a->root);
    a->root = both;
    return true;
}

int eval_answers(struct cli *cli)
{
    struct answers a = {.cli = cli, .file = option_text(cli, "answers")};
    fov_context *context = cli_context(cli);
    char clean[SHOWN_SIZE], problem[1024];
    int code;
    if (context == NULL) {
        return fail_library(cli);
    }
    show_clean(clean, sizeof clean, a.file);
    a.root = json_read(a.file, 0, NULL, &code, problem, sizeof problem);
    if (a.root == NULL) {
        return fail(cli, code, "%s", problem);
    }
    if (option_given(cli, "truth") && !join_truth(&a, &code)) {
        json_decref(a.root);
        return code;
    }
    const struct kind *kind = json_is_object(a.root) ? find_kind(&a) : (refuse(&a, "y_true", "is missing"), NULL);
    fov_metrics *metrics = kind != NULL ? kind->measure(&a, context) : NULL;
    code = EXIT_OK;
    if (a.problem[0] != '\0') {
        code = fail(cli, EXIT_INPUT, "%s: %s", clean, a.problem);
    } else if (metrics == NULL) {
        code = fail_library(cli);
    } else if (cli->json) {
        json_t *object = json_from_metrics(metrics);
        json_set_text(object, "task", kind->name);
        json_print_exactly(cli, object);
    } else {
        print_numbers(cli, metrics);
    }
    fov_metrics_free(metrics);
    json_decref(a.root);
    return code;
}
