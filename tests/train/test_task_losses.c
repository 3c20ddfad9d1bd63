/* SPDX-License-Identifier: MIT */
/* The losses of maps and their gradients against the definitions of docs/tasks.md in double; balanced weights; and that
 * an evaluation reports the loss that training minimises. */
#include "device/context.h"
#include "model/model.h"
#include "task/map_loss.h"
#include "task/task.h"
#include "train/made.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, CLASSES = 3, H = 4, W = 5, PIXELS = H * W, NUMBERS = N * CLASSES * PIXELS };

static const float weights_of[] = {0.5F, 1.0F, 3.0F};

static double noise(int i)
{
    return sin(12.9898 * i + 1.0) * 2.0;
}

/* The label of a pixel; -1: ignored. */
static int label_of(int pixel, int classes)
{
    return pixel % 7 == 3 ? -1 : (pixel * 5 + pixel / 3) % classes;
}

/* ---- the definitions --------------------------------------------------------------------------------------------- */

struct definition {
    enum map_loss_kind kind;
    int                channels; /* 1: two classes */
    bool               weighted;
    bool               apart; /* channels are sigmoids */
    double             smoothing;
};

static void shares(const double *x, const struct definition *d, int n, int p, double *share)
{
    double total = 0.0;
    if (d->channels == 1) {
        share[1] = 1.0 / (1.0 + exp(-x[n * PIXELS + p]));
        share[0] = 1.0 - share[1];
        return;
    }
    for (int c = 0; c < d->channels; c++) {
        share[c] = exp(x[(n * d->channels + c) * PIXELS + p]);
        share[c] = d->apart ? share[c] / (1.0 + share[c]) : share[c];
        total += d->apart ? 0.0 : share[c];
    }
    total = d->apart ? 1.0 : total;
    for (int c = 0; c < d->channels; c++) {
        share[c] /= total;
    }
}

static double define(const double *x, const struct definition *d)
{
    int classes = d->channels == 1 ? 2 : d->channels;
    double sum = 0.0, weight = 0.0, dice = 0.0;
    for (int n = 0; n < N; n++) {
        double both[CLASSES] = {0}, size[CLASSES] = {0}, share[CLASSES];
        for (int p = 0; p < PIXELS; p++) {
            int label = label_of(n * PIXELS + p, classes);
            if (label < 0) {
                continue;
            }
            shares(x, d, n, p, share);
            double w = d->weighted ? (double)weights_of[label] : 1.0, own = -log(share[label]), all = 0.0;
            for (int c = 0; c < classes; c++) {
                all -= log(share[c]) / classes;
                both[c] += c == label ? share[c] : 0.0;
                size[c] += share[c] + (c == label);
            }
            if (d->apart) { /* a binary loss per channel, labels smoothed towards 1/2 */
                double s = d->smoothing, each = 0.0;
                for (int c = 0; c < classes; c++) {
                    double t = (c == label) * (1.0 - s) + s / 2.0, q = c == label ? share[c] : 1.0 - share[c];
                    each += d->kind == MAP_FOCAL ? -(1.0 - q) * (1.0 - q) * log(q)
                                                 : -t * log(share[c]) - (1.0 - t) * log(1.0 - share[c]);
                }
                sum += w * each / classes;
                weight += w;
                continue;
            }
            own = d->kind == MAP_FOCAL ? own * (1.0 - share[label]) * (1.0 - share[label])
                                       : own * (1.0 - d->smoothing) + d->smoothing * all;
            sum += w * own;
            weight += w;
        }
        for (int c = d->channels == 1; c < classes; c++) {
            dice += (1.0 - (2.0 * both[c] + 1.0) / (size[c] + 1.0)) / (d->channels == 1 ? 1 : classes) / N;
        }
    }
    double mean = sum / weight;
    return d->kind == MAP_DICE ? dice : d->kind == MAP_CROSS_ENTROPY_AND_DICE ? mean + dice : mean;
}

static void compare(const struct definition *d)
{
    fov_context *context = test_context(2, 1);
    fov_graph *graph = fov_graph_create(context);
    float start[NUMBERS];
    double x[NUMBERS];
    int numbers = N * d->channels * PIXELS, classes = d->channels == 1 ? 2 : d->channels;
    for (int i = 0; i < numbers; i++) {
        start[i] = (float)noise(i);
        x[i] = (double)start[i];
    }
    fov_value map = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, d->channels, H, W)), slope;
    struct model_scores scores = {.meaning = FOV_MEANING_MAP, .logits = map, .count = d->channels, .classes = classes,
                                  .independent = d->channels == 1 || d->apart};
    struct map_loss_options options = {.kind = d->kind, .label_smoothing = (float)d->smoothing,
                                       .weights = d->weighted ? weights_of : NULL};
    struct map_loss loss = map_loss_add(graph, &scores, &options);
    assert_fine(context, fov_gradient(graph, loss.loss, &map, 1, &slope) == FOV_OK);
    const fov_value out[] = {loss.loss, slope};
    fov_plan *plan = fov_plan_create(graph, out, 2, &(fov_plan_options){.batch = N});
    assert_fine(context, plan != NULL);
    int32_t *labels = fov_plan_data(plan, loss.labels);
    for (int p = 0; p < N * PIXELS; p++) {
        labels[p] = label_of(p, classes);
    }
    memcpy(fov_plan_data(plan, map), start, (size_t)numbers * sizeof(float));
    fov_plan_run(plan, 0);
    double wanted = define(x, d), got = (double)*(const float *)fov_plan_data(plan, loss.loss);
    if (!(fabs(got - wanted) < 2e-6 * fmax(1.0, fabs(wanted)))) {
        fail_msg("loss %d of %d channels is %.9g, by definition %.9g", (int)d->kind, d->channels, got, wanted);
    }
    const float *slopes = fov_plan_data(plan, slope);
    for (int i = 0; i < numbers; i++) {
        const double step = 1e-5, at = x[i];
        x[i] = at + step;
        double above = define(x, d);
        x[i] = at - step;
        double by_definition = (above - define(x, d)) / (2.0 * step);
        x[i] = at;
        if (!(fabs((double)slopes[i] - by_definition) < 2e-6)) {
            fail_msg("loss %d of %d channels: slope %d is %.9g, by definition %.9g", (int)d->kind, d->channels, i,
                     (double)slopes[i], by_definition);
        }
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void losses_are_their_definitions(void **state)
{
    (void)state;
    for (int kind = MAP_CROSS_ENTROPY; kind <= MAP_FOCAL; kind++) {
        for (int form = 0; form < 6; form++) {
            compare(&(struct definition){.kind = (enum map_loss_kind)kind,
                                         .channels = form % 3 == 1 ? 1 : CLASSES,
                                         .weighted = form >= 3,
                                         .apart = form % 3 == 2,
                                         .smoothing = form >= 3 && kind == MAP_CROSS_ENTROPY ? 0.1 : 0.0});
        }
    }
}

/* ---- losses of classes ------------------------------------------------------------------------------------------- */

enum { ROWS = 5 };
static const int32_t label_rows[ROWS] = {2, 0, 1, 2, 2};

/* A classifier's loss, and its gradient in slopes; the targets are label_rows or, unless NULL, `rows` [ROWS, count]. */
static double class_loss_of(const struct class_loss_options *options, int count, const float *rows,
                            float slopes[ROWS * CLASSES])
{
    fov_context *context = test_context(1, 1);
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, count)), slope;
    struct model_scores scores = {
        .logits = x, .count = count, .classes = count > 1 ? count : 2, .independent = count == 1};
    struct class_loss loss = class_loss_add(graph, &scores, options);
    assert_fine(context, fov_gradient(graph, loss.loss, &x, 1, &slope) == FOV_OK);
    const fov_value out[] = {loss.loss, slope};
    fov_plan *plan = fov_plan_create(graph, out, 2, &(fov_plan_options){.batch = ROWS});
    assert_fine(context, plan != NULL);
    float *in = fov_plan_data(plan, x);
    for (int i = 0; i < ROWS * count; i++) {
        in[i] = (float)noise(i);
    }
    if (rows != NULL) {
        memcpy(fov_plan_data(plan, loss.labels), rows, (size_t)(ROWS * count) * sizeof *rows);
    } else {
        int32_t *labels = fov_plan_data(plan, loss.labels);
        for (int n = 0; n < ROWS; n++) {
            labels[n] = count > 1 ? label_rows[n] : label_rows[n] > 0;
        }
    }
    fov_plan_run(plan, 0);
    double value = (double)*(const float *)fov_plan_data(plan, loss.loss);
    memcpy(slopes, fov_plan_data(plan, slope), (size_t)(ROWS * count) * sizeof *slopes);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
    return value;
}

/* Target rows with a single 1 give the loss of labels; mixed rows, without class weights, the cross-entropy. */
static void rows_are_weighted_labels(void **state)
{
    (void)state;
    for (int form = 0; form < 6; form++) {
        int count = form < 4 ? CLASSES : 1;
        struct class_loss_options options = {.label_smoothing = form % 2 == 1 ? 0.1F : 0.0F,
                                             .weights = form / 2 == 1 ? weights_of : NULL};
        float ones[ROWS * CLASSES] = {0}, slopes[ROWS * CLASSES], same[ROWS * CLASSES];
        for (int n = 0; n < ROWS; n++) {
            ones[n * count + (count > 1 ? label_rows[n] : 0)] = count > 1 || label_rows[n] > 0 ? 1.0F : 0.0F;
        }
        double wanted = class_loss_of(&options, count, NULL, slopes);
        options.rows = true;
        double got = class_loss_of(&options, count, ones, same);
        assert_true(fabs(got - wanted) < 1e-6);
        for (int i = 0; i < ROWS * count; i++) {
            assert_true(fabsf(same[i] - slopes[i]) < 1e-6F);
        }
    }
    /* -sum_c y_c ln p_c, in double */
    float rows[ROWS * CLASSES], slopes[ROWS * CLASSES];
    double wanted = 0;
    for (int n = 0; n < ROWS; n++) {
        double all = 0;
        for (int c = 0; c < CLASSES; c++) {
            rows[n * CLASSES + c] = c == 0 ? 0.25F : c == n % 2 + 1 ? 0.75F : 0.0F;
            all += exp((double)(float)noise(n * CLASSES + c));
        }
        for (int c = 0; c < CLASSES; c++) {
            wanted -= (double)rows[n * CLASSES + c] * ((double)(float)noise(n * CLASSES + c) - log(all)) / ROWS;
        }
    }
    double got = class_loss_of(&(struct class_loss_options){.rows = true}, CLASSES, rows, slopes);
    assert_true(fabs(got - wanted) < 1e-6);
}

static void nothing_counts(void **state)
{
    (void)state;
    for (int kind = MAP_CROSS_ENTROPY; kind <= MAP_FOCAL; kind++) {
        fov_context *context = test_context(1, 1);
        fov_graph *graph = fov_graph_create(context);
        fov_value map = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, CLASSES, H, W)), slope;
        struct model_scores scores = {.meaning = FOV_MEANING_MAP, .logits = map, .count = CLASSES, .classes = CLASSES};
        struct map_loss loss =
            map_loss_add(graph, &scores, &(struct map_loss_options){.kind = (enum map_loss_kind)kind});
        assert_fine(context, fov_gradient(graph, loss.loss, &map, 1, &slope) == FOV_OK);
        const fov_value out[] = {loss.loss, slope};
        fov_plan *plan = fov_plan_create(graph, out, 2, &(fov_plan_options){.batch = 1});
        int32_t *labels = fov_plan_data(plan, loss.labels);
        float *in = fov_plan_data(plan, map);
        for (int p = 0; p < PIXELS; p++) {
            labels[p] = -1;
            in[p] = in[p + PIXELS] = in[p + 2 * PIXELS] = (float)noise(p);
        }
        fov_plan_run(plan, 0);
        assert_true(*(const float *)fov_plan_data(plan, loss.loss) == 0.0F);
        for (int i = 0; i < CLASSES * PIXELS; i++) {
            assert_true(((const float *)fov_plan_data(plan, slope))[i] == 0.0F);
        }
        fov_plan_free(plan);
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

static void rare_classes_weigh_more(void **state)
{
    (void)state;
    float weights[4];
    fit_balanced((double[]){10, 30, 0, 20}, 4, weights); /* 60 / (3 x count) */
    assert_true(fabsf(weights[0] - 2.0F) < 1e-6F && fabsf(weights[1] - 2.0F / 3) < 1e-6F);
    assert_true(weights[2] == weights[0] && fabsf(weights[3] - 1.0F) < 1e-6F);
    fit_balanced((double[]){0, 0}, 2, weights);
    assert_true(weights[0] == 1.0F && weights[1] == 1.0F);
}

/* Training's loss without weights equals the evaluation's loss of the same model, for batches of one picture. */
static void evaluation_counts_the_same_loss(void **state)
{
    (void)state;
    static const char *const tasks[] = {"segment",
                                        "segment:loss=dice",
                                        "segment:loss=cross-entropy+dice",
                                        "segment:loss=focal",
                                        "multilabel",
                                        "multilabel:loss=focal",
                                        "regress:scale=none",
                                        "image:loss=huber",
                                        "segment",
                                        "segment:loss=cross-entropy+dice",
                                        "segment:loss=focal"};
    static const char *const targets[] = {"mask", "mask", "mask", "mask", "classes", "classes", "values", "picture",
                                          "mask", "mask", "mask"}; /* the last three: maps of sigmoids */
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        fov_context *context = test_context(1, 4);
        fov_dataset *data = made_data(context, targets[i], FOV_TEST);
        bool is_row = i >= 4 && i < 7;
        fov_model *model = is_row ? made_row(context, i == 6 ? 2 : 4) : made_map(context, i == 7 ? 1 : 2);
        if (i > 7) {
            fov_value each = fov_sigmoid(fov_model_graph(model), fov_model_output(model));
            assert_int_equal(model_replace_output(model, each), FOV_OK);
        }
        fov_report report;
        fov_evaluate_options how = {.task = tasks[i]};
        assert_fine(context, fov_evaluate_opt(model, data, &how, &report) == FOV_OK);
        double before = report.loss, sum = 0.0;
        fov_report_free(&report);
        /* a rate near 0: the steps' loss is the loss of the unchanged model */
        fov_train_options options = {.task = tasks[i], .epochs = 1, .batch = 1, .lr = 1e-12F, .user = &sum};
        fov_model_set_task(model, "");
        char folder[256], path[512];
        test_folder(folder);
        options.directory = folder;
        assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
        char *history = test_read(test_path(path, folder, "history.csv"), NULL);
        const char *row = strchr(history, '\n') + 1; /* epoch, time, train/loss */
        row = strchr(strchr(row, ',') + 1, ',') + 1;
        sum = strtod(row, NULL);
        if (!(fabs(sum - before) < 1e-5 * fmax(1.0, fabs(before)))) {
            fail_msg("%s: training says %.9g, the evaluation %.9g", tasks[i], sum, before);
        }
        free(history);
        test_folder_remove(folder);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_their_definitions), cmocka_unit_test(nothing_counts),
        cmocka_unit_test(rows_are_weighted_labels),
        cmocka_unit_test(rare_classes_weigh_more),      cmocka_unit_test(evaluation_counts_the_same_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
