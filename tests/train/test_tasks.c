/* SPDX-License-Identifier: MIT */
/* Each task trains a small network on synthetic data (made.h) to a known figure, gives the same bits for any number of
 * threads and when resumed at any step, and reports figures that equal its metrics. */
#include "train/made.h"
#include "device/context.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The step that a run is stopped after; 0: never. */
struct stop {
    int64_t after;
};

static int stop_after(const fov_progress *progress, void *user)
{
    const struct stop *stop = user;
    return stop->after > 0 && progress->total_step >= stop->after;
}

/* Trains a case; writes the weights' hash and the case's figure on the validation data. Returns fov_train_opt's
 * status. */
static int train(const struct made_case *of, int threads, int epochs, const char *folder, int64_t stop_at, bool resume,
                 char hash[65], double *figure)
{
    fov_context *context = test_context(threads, 3);
    fov_dataset *data = made_data(context, of->target, FOV_TRAIN), *test = made_data(context, of->target, FOV_TEST);
    fov_model *model = made_model(context, of, data);
    struct stop stop = {stop_at};
    fov_train_options options = {.task = of->task, .epochs = epochs, .batch = 8, .optimizer = "adam", .lr = 0.02F,
                                 .validate = test, .directory = folder, .resume = resume, .augment = "vertical-flip",
                                 .on_step = stop_after, .user = &stop};
    if (strcmp(of->target, "class") == 0 || strcmp(of->target, "classes") == 0) {
        options.augment = NULL; /* a flip would change which quarter is lit */
    }
    int status = fov_train_opt(model, data, &options);
    if (status != FOV_OK && status != FOV_E_INTERRUPTED) {
        fail_msg("%s: %s", of->task, fov_error(context));
    }
    fov_error_clear(context);
    assert_fine(context, fov_model_hash(model, hash) == FOV_OK);
    fov_report report;
    fov_evaluate_options how = {.batch = 7, .metrics = true};
    assert_fine(context, fov_evaluate_opt(model, test, &how, &report) == FOV_OK);
    assert_int_equal(strncmp(report.task, of->task, strlen(report.task)), 0); /* the model knows its task */
    for (int i = 0; figure != NULL && i < report.figure_count; i++) {
        const fov_task_figure *f = &report.figures[i];
        *figure = strcmp(f->name, of->figure) != 0 ? *figure : f->lower_is_better ? -f->value : f->value;
    }
    assert_non_null(report.metrics);
    assert_true(isfinite(report.loss));
    fov_report_free(&report);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_dataset_free(test);
    fov_context_free(context);
    return status;
}

static void reaches_its_figure(void **state)
{
    (void)state;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        char hash[65];
        double figure = (double)NAN;
        assert_int_equal(train(of, 2, of->epochs, NULL, 0, false, hash, &figure), FOV_OK);
        if (!(figure >= of->least)) {
            fail_msg("%s: %s is %g, not %g", of->task, of->figure, figure, of->least);
        }
    }
}

static void same_bits(void **state)
{
    (void)state;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        char first[65], hash[65];
        assert_int_equal(train(of, 1, 2, NULL, 0, false, first, NULL), FOV_OK);
        for (int threads = 2; threads <= 3; threads++) {
            assert_int_equal(train(of, threads, 2, NULL, 0, false, hash, NULL), FOV_OK);
            assert_string_equal(hash, first);
        }
        for (int64_t step = 1; step <= 21; step += 5) { /* in both epochs */
            char folder[256];
            test_folder(folder);
            assert_int_equal(train(of, 1, 2, folder, step, false, hash, NULL), FOV_E_INTERRUPTED);
            assert_int_equal(train(of, 2, 2, folder, 0, true, hash, NULL), FOV_OK);
            assert_string_equal(hash, first);
            test_folder_remove(folder);
        }
    }
}

/* A figure equals the metric of the same name, and does not depend on the batch size. */
static void figures_are_metrics(void **state)
{
    (void)state;
    static const struct {
        const char *figure, *metric;
    } same[] = {{"accuracy", "accuracy"},   {"macro_f1", "macro.f1"}, {"micro_f1", "micro.f1"},
                {"map", "average_precision_macro_defined"}, {"r2", "r2"}, {"mae", "mae"}, {"rmse", "rmse"},
                {"mean_iou", "mean_iou"},   {"pixel_accuracy", "pixel_accuracy"}, {"mean_dice", "mean_dice"},
                {"psnr", "psnr"},           {"ssim", "ssim"}, {"perceptual", "perceptual"}, {"content", "content"},
                {"style", "style"},         {"variation", "variation"}};
    int compared = 0;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        fov_context *context = test_context(1, 5);
        fov_dataset *data = made_data(context, of->target, FOV_TEST);
        fov_model *model = made_model(context, of, data);
        fov_report report[2];
        for (int i = 0; i < 2; i++) {
            fov_evaluate_options how = {.task = of->task, .batch = i == 0 ? 1 : 16, .metrics = true};
            assert_fine(context, fov_evaluate_opt(model, data, &how, &report[i]) == FOV_OK);
        }
        assert_true(report[0].loss == report[1].loss);
        for (int i = 0; i < report[0].figure_count; i++) {
            const fov_task_figure *f = &report[0].figures[i];
            assert_memory_equal(&f->value, &report[1].figures[i].value, sizeof f->value);
            for (size_t k = 0; k < sizeof same / sizeof same[0]; k++) {
                if (strcmp(f->name, same[k].figure) == 0) {
                    double metric = fov_metrics_number(report[0].metrics, same[k].metric);
                    if (!(fabs(metric - f->value) <= 1e-9 * fmax(1.0, fabs(metric)))) {
                        fail_msg("%s: %s is %.17g, its metric %.17g", of->task, f->name, f->value, metric);
                    }
                    compared++;
                }
            }
        }
        fov_report_free(&report[0]);
        fov_report_free(&report[1]);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
    assert_true(compared > 25);
}

static void slips_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *task, *target;
        fov_model *(*network)(fov_context *context, int outputs);
        int         outputs;
        fov_status  status;
        const char *part;
    } slips[] = {
        {"segment", "class", made_map, 2, FOV_E_USAGE, "that is for task classify"},
        {"regres", "values", made_row, 2, FOV_E_USAGE, "did you mean \"regress\"?"},
        {"regress", "values", made_row, 3, FOV_E_SHAPE, "does not hold 2 values"},
        {"regress", "values", made_map, 2, FOV_E_SHAPE, "does not hold 2 values"},
        {"multilabel", "classes", made_map, 4, FOV_E_SHAPE, "is a map"},
        {"multilabel:threshold=2", "classes", made_row, 4, FOV_E_USAGE, "threshold"},
        {"segment", "mask", made_row, 2, FOV_E_SHAPE, "is no map"},
        {"segment:loss=dise", "mask", made_map, 2, FOV_E_USAGE, "dice"},
        {"image", "class", made_map, 1, FOV_E_USAGE, "image:from=noise"},
        {"image:from=noise", "class", made_map, 2, FOV_E_SHAPE, "no picture"},
        {"style", "none", made_map, 3, FOV_E_USAGE, "needs the file of a picture"},
        {"style:painting.png", "none", made_map, 3, FOV_E_USAGE, "needs the file of a trained network"},
        {"style:painting.png:network=absent.onnx", "none", made_map, 3, FOV_E_IO, "absent.onnx"},
        {"style:painting.png:network=absent.onnx", "none", made_map, 1, FOV_E_SHAPE, "repainted at its own size"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        fov_context *context = test_context(1, 1);
        fov_dataset *data = made_data(context, slips[i].target, FOV_TRAIN);
        fov_model *model = slips[i].network(context, slips[i].outputs);
        fov_train_options options = {.task = slips[i].task, .epochs = 1};
        assert_int_equal(fov_train_opt(model, data, &options), slips[i].status);
        if (strstr(fov_error(context), slips[i].part) == NULL) {
            fail_msg("\"%s\" is not in: %s", slips[i].part, fov_error(context));
        }
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

/* Lets the n-th request fail, for n = 1, 2, ... until training and a measured evaluation get through. */
static void memory_runs_out(void **state)
{
    (void)state;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        bool through = false;
        for (uint64_t n = 1; !through; n += n < 150 ? 1 : 13) {
            fov_context *context = test_context(1, 1);
            fov_dataset *data = made_data(context, of->target, FOV_TEST);
            fov_model *model = made_model(context, of, data);
            fov_report report = {.count = 0};
            fov_evaluate_options how = {.metrics = true};
            fov_train_options options = {.task = of->task, .epochs = 1, .batch = 40, .validate = data};
            memory_fail_at(context->memory, n, false);
            int status = fov_train_opt(model, data, &options);
            status = status == FOV_OK ? fov_evaluate_opt(model, data, &how, &report) : status;
            memory_fail_at(context->memory, 0, false);
            through = status == FOV_OK;
            assert_true(through || status == FOV_E_MEMORY);
            fov_error_clear(context);
            fov_report_free(&report);
            fov_model_free(model);
            fov_dataset_free(data);
            assert_true(n < 100000);
            fov_context_free(context);
        }
    }
}

/* ---- the last epochs --------------------------------------------------------------------------------------------- */

/* The weights' hash after two epochs with `augment`, of which the last plain_epochs go without it. */
static void train_plainly(const struct made_case *of, const char *augment, int plain_epochs, char hash[65])
{
    fov_context *context = test_context(2, 3);
    fov_dataset *data = made_data(context, of->target, FOV_TRAIN);
    fov_model *model = made_model(context, of, data);
    fov_train_options options = {.task = of->task, .epochs = 2, .batch = 8, .augment = augment,
                                 .plain_epochs = plain_epochs};
    assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK && fov_model_hash(model, hash) == FOV_OK);
    options.minutes = 1;
    options.epochs = 0;
    options.plain_epochs = 1;
    assert_int_equal(fov_train_opt(model, data, &options), FOV_E_USAGE); /* the last epoch is not known */
    assert_non_null(strstr(fov_error(context), "plain_epochs"));
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* If all epochs are plain, the run equals one without augmentation; if one of two is, it differs from both others. */
static void last_epochs_are_plain(void **state)
{
    (void)state;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        char never[65], all[65], last[65], none[65];
        train_plainly(of, NULL, 0, never);
        train_plainly(of, "vertical-flip:p=1", 2, all);
        train_plainly(of, "vertical-flip:p=1", 1, last);
        train_plainly(of, "vertical-flip:p=1", 0, none);
        assert_string_equal(all, never);
        assert_string_not_equal(last, never);
        assert_string_not_equal(last, none);
    }
}

/* ---- pictures of several channels -------------------------------------------------------------------------------- */

static int keep_loss(const fov_progress *progress, void *user)
{
    *(double *)user = progress->loss;
    return FOV_OK;
}

/* A network passes pictures of several channels on as they are, and these are its targets: the loss of the first step is
 * 0, in whichever order the plan stores pictures and targets, and so is that of an evaluation. */
static void pictures_meet_their_targets(void **state)
{
    enum { COUNT = 4, HIGH = 3, WIDE = 5, CHANNELS = 3 };
    static const char *const tasks[] = {"image:loss=mse", "image:loss=mae", "image:loss=huber"};
    static const float identity[CHANNELS * CHANNELS] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    uint8_t pixels[COUNT * HIGH * WIDE * CHANNELS];
    (void)state;
    for (size_t k = 0; k < sizeof pixels; k++) {
        pixels[k] = (uint8_t)(k * 101 % 256);
    }
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        fov_context *context = test_context(1, 1);
        fov_dataset *data = fov_dataset_create(
            context, &(fov_dataset_program){.count = COUNT, .target = FOV_TARGET_PICTURE, .height = HIGH, .width = WIDE,
                                            .channels = CHANNELS, .pixels = pixels, .others = pixels});
        fov_model *model = fov_model_create(context);
        fov_graph *graph = fov_model_graph(model);
        fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, CHANNELS, HIGH, WIDE));
        fov_value y = fov_conv2d(graph, x, .filters = CHANNELS, .kernel = 1, .no_bias = true);
        fov_value weight = fov_parameter_at(graph, 0);
        assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
        assert_fine(context, fov_parameter_set(graph, weight, identity, sizeof identity) == FOV_OK);
        double loss = 1;
        fov_report report;
        fov_evaluate_options how = {.task = tasks[i]};
        fov_train_options options = {.task = tasks[i], .epochs = 1, .batch = COUNT, .optimizer = "sgd", .lr = 0.01F,
                                     .on_step = keep_loss, .user = &loss};
        assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
        assert_true(loss >= 0 && loss < 1e-12);
        assert_fine(context, fov_evaluate_opt(model, data, &how, &report) == FOV_OK);
        assert_true(report.loss >= 0 && report.loss < 1e-12);
        fov_report_free(&report);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_its_figure), cmocka_unit_test(same_bits),      cmocka_unit_test(figures_are_metrics),
        cmocka_unit_test(slips_are_named),    cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(last_epochs_are_plain), cmocka_unit_test(pictures_meet_their_targets),
    };
    return cmocka_run_group_tests(tests, made_open, made_close);
}
