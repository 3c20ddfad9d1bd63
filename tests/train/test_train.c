/* SPDX-License-Identifier: MIT */
/* Training as a whole: it learns, it gives the same bits for any number of threads, it allocates nothing per step, and
 * models, data and options that do not fit are refused with a sentence. Stopping and resuming: test_resume.c. */
#include "train/helpers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- it learns --------------------------------------------------------------------------------------------------- */

static void learns_digits(void **state)
{
    (void)state;
    fov_context *context = test_context(2, 1);
    fov_dataset *train = fov_dataset_open(context, "digits:3000", FOV_TRAIN);
    fov_dataset *test = fov_dataset_open(context, "digits:3000", FOV_TEST);
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    fov_report report = {0};
    assert_fine(context, train != NULL && test != NULL && model != NULL);
    assert_fine(context, fov_train(model, train, .epochs = 5, .optimizer = "adam", .schedule = "cosine") == FOV_OK);
    assert_fine(context, fov_evaluate(model, test, 64, &report) == FOV_OK);
    assert_int_equal(report.count, 500);
    if (!(report.accuracy > 0.93)) {
        fail_msg("accuracy %g on drawn digits", report.accuracy);
    }
    /* The report's figures follow from its confusion matrix. */
    int64_t total = 0, right = 0;
    double recall = 0.0;
    for (int row = 0; row < report.classes; row++) {
        int64_t support = 0;
        for (int column = 0; column < report.classes; column++) {
            support += report.confusion[row * report.classes + column];
        }
        assert_int_equal(support, report.support[row]);
        total += support;
        right += report.confusion[row * report.classes + row];
        recall += report.recall[row] / report.classes;
    }
    assert_int_equal(total, 500);
    assert_true(fabs((double)right / 500.0 - report.accuracy) < 1e-12 && fabs(recall - report.macro_recall) < 1e-12);
    assert_true(report.top5 >= report.accuracy && report.top5 <= 1.0);
    /* Another batch size gives the same figures. */
    fov_report again = {0};
    assert_fine(context, fov_evaluate(model, test, 0, &again) == FOV_OK);
    assert_true(again.accuracy == report.accuracy && fabs(again.loss - report.loss) < 1e-5);
    fov_report_free(&again);
    fov_report_free(&report);
    fov_model_free(model);
    fov_dataset_free(test);
    fov_dataset_free(train);
    fov_context_free(context);
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static void threads_do_not_matter(void **state)
{
    (void)state;
    static const char *const networks[] = {"course-cnn", "lenet5", "mlp"};
    static const char *const optimizers[] = {"sgd:momentum=0.5", "adam", "rmsprop:momentum=0.5"};
    for (int n = 0; n < 3; n++) {
        char first[65], hash[65];
        for (int threads = 1; threads <= 4; threads++) {
            struct test_run run = {.network = networks[n],
                                   .data = "digits:330",
                                   .threads = threads,
                                   .seed = 7,
                                   .options = {.epochs = 2, .batch = 32, .optimizer = optimizers[n]}};
            assert_int_equal(test_train(&run, threads == 1 ? first : hash), FOV_OK);
            if (threads > 1) {
                assert_string_equal(hash, first);
            }
        }
        struct test_run other = {.network = networks[n],
                                 .data = "digits:330",
                                 .threads = 1,
                                 .seed = 8,
                                 .options = {.epochs = 2, .batch = 32, .optimizer = optimizers[n]}};
        test_train(&other, hash);
        assert_string_not_equal(hash, first); /* the seed, unlike threads, matters */
    }
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

struct seen {
    fov_context *context;
    uint64_t requests;
    int64_t calls, steps, last_step;
    double first_loss, last_loss;
};

static int count_steps(const fov_progress *p, void *user)
{
    struct seen *seen = user;
    uint64_t requests = fov_context_memory(seen->context).requests;
    seen->first_loss = seen->calls == 0 ? p->loss : seen->first_loss;
    if (p->step == 1) { /* between epochs a row of the history may be allocated */
        seen->requests = requests;
    } else if (requests != seen->requests) {
        fail_msg("step %d made %d requests for memory", (int)p->total_step, (int)(requests - seen->requests));
    }
    seen->calls++;
    seen->steps = p->steps;
    seen->last_step = p->total_step;
    seen->last_loss = p->loss;
    return 0;
}

static void run_batches(int batch, int epochs, const char *data, int64_t steps, float lr)
{
    fov_context *context = test_context(2, 3);
    fov_dataset *train = fov_dataset_open(context, data, FOV_TRAIN);
    fov_model *model = fov_model_network(context, "course-cnn", NULL);
    struct seen seen = {.context = context};
    assert_fine(context, train != NULL && model != NULL);
    assert_fine(context, fov_train(model, train, .epochs = epochs, .batch = batch, .lr = lr, .on_step = count_steps,
                                   .user = &seen) == FOV_OK);
    assert_int_equal(seen.steps, steps);
    assert_int_equal(seen.calls, steps * epochs);
    assert_int_equal(seen.last_step, steps * epochs);
    assert_true(isfinite(seen.last_loss));
    if (batch == -1) {
        assert_true(seen.last_loss < seen.first_loss); /* full batch, small rate: the loss must fall */
    }
    fov_model_free(model);
    fov_dataset_free(train);
    fov_context_free(context);
}

static void batches_and_memory(void **state)
{
    (void)state;
    run_batches(64, 2, "digits:150", 3, 0.0f); /* batches of 64, 64 and 22 */
    run_batches(1, 1, "digits:20", 20, 0.0f);
    run_batches(-1, 5, "digits:100", 1, 0.05f);
    run_batches(500, 2, "digits:100", 1, 0.0f);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void says(fov_context *context, int status, int expected, const char *text)
{
    assert_int_equal(status, expected);
    assert_int_equal(fov_error_status(context), expected);
    if (strstr(fov_error(context), text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fov_error(context), text);
    }
    fov_error_clear(context);
}

static void bad_order(void *user, int epoch, uint32_t *order, int64_t count)
{
    (void)user, (void)epoch;
    for (int64_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i + 1;
    }
}

static void refusals(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_dataset *digits = fov_dataset_open(context, "digits:64", FOV_TRAIN);
    fov_model *seven = fov_model_network(context, "course-cnn", &(fov_network_options){.classes = 7});
    fov_model *empty = fov_model_create(context), *good = fov_model_network(context, "mlp", NULL);
    fov_report report;
    assert_fine(context, digits != NULL && seven != NULL && empty != NULL && good != NULL);
    says(context, fov_train(seven, digits, .epochs = 1), FOV_E_SHAPE,
         "course-cnn has 7 outputs, but digits has 10 classes");
    says(context, fov_evaluate(seven, digits, 0, &report), FOV_E_SHAPE, "7 outputs");
    says(context, fov_train(empty, digits, .epochs = 1), FOV_E_USAGE, "no input and output");
    says(context, fov_train(good, digits, .optimizer = "sdg"), FOV_E_USAGE, "did you mean \"sgd\"");
    says(context, fov_train(good, digits, .optimizer = "lbfgs"), FOV_E_USAGE, "take rprop with a full batch");
    says(context, fov_train(good, digits, .order = bad_order), FOV_E_USAGE, "names sample 64");
    says(context, fov_evaluate(good, digits, -4, &report), FOV_E_USAGE, "-4 samples");
    /* A model that reads rows, not pictures. */
    fov_graph *graph = fov_model_graph(empty);
    fov_value x = fov_input(graph, .name = "x", .shape = {2, {FOV_BATCH, 784}});
    assert_fine(context, fov_model_set_input_output(empty, x, fov_dense(graph, x, .units = 10)) == FOV_OK);
    says(context, fov_train(empty, digits, .epochs = 1), FOV_E_SHAPE,
         "pictures need float32 [N, channels, height, width]");
    /* Everything frozen. */
    for (int i = 0; i < fov_parameter_count(fov_model_graph(good)); i++) {
        fov_parameter_freeze(fov_model_graph(good), fov_parameter_at(fov_model_graph(good), i), true);
    }
    says(context, fov_train(good, digits, .epochs = 1), FOV_E_USAGE, "no parameter to train");
    fov_model_free(good);
    fov_model_free(empty);
    fov_model_free(seven);
    fov_dataset_free(digits);
    fov_context_free(context);
}

static void frozen_stay(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_dataset *digits = fov_dataset_open(context, "digits:64", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "course-cnn", NULL);
    assert_fine(context, digits != NULL && model != NULL);
    fov_graph *graph = fov_model_graph(model);
    fov_value frozen = fov_find(graph, "conv1.weight"), moving = fov_find(graph, "conv2.bias");
    float before[250], after[250], bias[20], moved[20];
    int count = fov_parameter_count(graph);
    fov_parameter_freeze(graph, frozen, true);
    assert_fine(context, fov_parameter_get(graph, frozen, before, sizeof before) == FOV_OK);
    assert_fine(context, fov_parameter_get(graph, moving, bias, sizeof bias) == FOV_OK);
    assert_fine(context, fov_train(model, digits, .epochs = 1, .optimizer = "adam", .weight_decay = 0.1f) == FOV_OK);
    assert_fine(context, fov_parameter_get(graph, frozen, after, sizeof after) == FOV_OK);
    assert_fine(context, fov_parameter_get(graph, moving, moved, sizeof moved) == FOV_OK);
    assert_memory_equal(before, after, sizeof before);
    assert_memory_not_equal(bias, moved, sizeof bias);
    assert_int_equal(fov_parameter_count(graph), count); /* no optimiser state is left in the model */
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

/* ---- numbers that run away --------------------------------------------------------------------------------------- */

static void stops_at_infinity(void **state)
{
    (void)state;
    char folder[256], path[512];
    fov_context *context = test_context(1, 1);
    fov_dataset *digits = fov_dataset_open(context, "digits:256", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "course-cnn", NULL);
    test_folder(folder);
    assert_fine(context, digits != NULL && model != NULL);
    assert_fine(context, fov_train(model, digits, .epochs = 1, .batch = 32, .directory = folder) == FOV_OK);
    size_t size_before, size_after;
    char *before = test_read(test_path(path, folder, "checkpoint.safetensors"), &size_before);
    char hash[65], hash_after[65];
    assert_fine(context, fov_model_hash(model, hash) == FOV_OK);
    /* Without .overwrite the folder is refused, and nothing in it changes. */
    says(context, fov_train(model, digits, .epochs = 50, .batch = 32, .lr = 1e6f, .momentum = 0.9f, .directory = folder),
         FOV_E_USAGE, folder);
    int status = fov_train(model, digits, .epochs = 50, .batch = 32, .lr = 1e6f, .momentum = 0.9f);
    says(context, status, FOV_E_NUMERIC, "no longer finite at epoch");
    /* The model keeps the weights it had before. */
    assert_fine(context, fov_model_hash(model, hash_after) == FOV_OK);
    assert_string_equal(hash, hash_after);
    char *after = test_read(path, &size_after);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_before);
    free(before);
    free(after);
    /* With a run folder: the last checkpoint, whose numbers are finite, stays. */
    status = fov_train(model, digits, .epochs = 50, .batch = 32, .lr = 1e6f, .momentum = 0.9f, .directory = folder,
                       .overwrite = true);
    says(context, status, FOV_E_NUMERIC, "the last checkpoint is kept");
    fov_model *last = fov_model_load(context, test_path(path, folder, "last.onnx"));
    assert_fine(context, last != NULL);
    float bias[10];
    assert_fine(context, fov_parameter_get(fov_model_graph(last), fov_find(fov_model_graph(last), "conv1.bias"), bias,
                                           sizeof bias) == FOV_OK);
    for (int i = 0; i < 10; i++) {
        assert_true(isfinite(bias[i]));
    }
    fov_model_free(last);
    test_folder_remove(folder);
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

/* Batch norm updates its running statistics before the loss is known; no file may hold one that is not finite. */
static void running_statistics_are_not_written_then(void **state)
{
    (void)state;
    char folder[256], path[512];
    fov_context *context = test_context(1, 1);
    fov_dataset *digits = fov_dataset_open(context, "digits:256", FOV_TRAIN);
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 1, 28, 28));
    fov_value y = fov_relu(g, fov_conv2d(g, x, .filters = 4, .kernel = 5, .stride = 3));
    y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, y, .filters = 4, .kernel = 3)));
    y = fov_dense(g, fov_flatten(g, y), .units = 10);
    assert_fine(context, digits != NULL && fov_model_set_input_output(model, x, y) == FOV_OK);
    test_folder(folder);
    int status = fov_train(model, digits, .epochs = 1, .batch = 32, .directory = folder);
    assert_fine(context, status == FOV_OK);
    for (int steps = 0; steps < 2; steps++) {
        status = fov_train(model, digits, .epochs = 50, .batch = 32, .lr = 1e6f, .momentum = 0.9f, .directory = folder,
                           .checkpoint_steps = steps, .overwrite = true);
        says(context, status, FOV_E_NUMERIC, "no longer finite"); /* the loss, or a number of the checkpoint */
    }
    fov_model *last = fov_model_load(context, test_path(path, folder, "last.onnx"));
    assert_fine(context, last != NULL);
    g = fov_model_graph(last);
    for (int i = 0; i < fov_parameter_count(g); i++) {
        float numbers[4096];
        fov_value parameter = fov_parameter_at(g, i);
        fov_shape shape = fov_value_shape(g, parameter);
        size_t count = 1;
        for (int d = 0; d < shape.rank; d++) {
            count *= (size_t)shape.dim[d];
        }
        assert_in_range(count, 1, 4096);
        assert_fine(context, fov_parameter_get(g, parameter, numbers, count * sizeof *numbers) == FOV_OK);
        for (size_t k = 0; k < count; k++) {
            assert_true(isfinite(numbers[k]));
        }
    }
    fov_model_free(last);
    test_folder_remove(folder);
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

/* ---- the search for a learning rate ------------------------------------------------------------------------------ */

struct own {
    int orders, others;
};

static void own_order(void *user, int epoch, uint32_t *order, int64_t count)
{
    struct own *own = user;
    (void)epoch;
    own->orders++;
    for (int64_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
}

static double own_rate(const fov_progress *progress, double scheduled, void *user)
{
    (void)progress;
    (void)scheduled;
    ((struct own *)user)->others++;
    return 0.5;
}

static void own_plan(const fov_plan *plan, void *user)
{
    (void)plan;
    ((struct own *)user)->others++;
}

/* The search calls the caller's order() with the caller's pointer; it sets the rates itself and calls neither rate()
 * nor on_plan(). */
static void a_rate_is_found_beside_callbacks(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_dataset *digits = fov_dataset_open(context, "digits:96", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    assert_fine(context, digits != NULL && model != NULL);
    struct own own = {0};
    fov_rate_curve curve;
    const fov_train_options options = {.batch = 16, .order = own_order, .rate = own_rate, .on_plan = own_plan,
                                       .user = &own};
    const fov_rate_options range = {.from = 1e-4, .to = 1, .steps = 20};
    assert_fine(context, fov_find_rate(model, digits, &options, &range, &curve) == FOV_OK);
    assert_true(own.orders > 0);
    assert_int_equal(own.others, 0);
    for (int i = 1; i < curve.count; i++) {
        assert_true(curve.rate[i] > curve.rate[i - 1]);
    }
    fov_rate_curve_free(&curve);
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

/* The table of options states the library's defaults, not the command's. */
static void the_table_states_defaults(void **state)
{
    (void)state;
    int found = 0;
    for (int i = 0; i < fov_train_option_count(); i++) {
        fov_train_option_info info = fov_train_option_at(i);
        if (strcmp(info.name, "momentum") == 0) {
            assert_non_null(strstr(info.otherwise, "0 for sgd"));
            found++;
        } else if (strcmp(info.name, "schedule") == 0) {
            assert_string_equal(info.otherwise, "constant");
            found++;
        }
    }
    assert_int_equal(found, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_digits), cmocka_unit_test(threads_do_not_matter), cmocka_unit_test(batches_and_memory),
        cmocka_unit_test(refusals),      cmocka_unit_test(frozen_stay),           cmocka_unit_test(stops_at_infinity), cmocka_unit_test(running_statistics_are_not_written_then),
        cmocka_unit_test(a_rate_is_found_beside_callbacks), cmocka_unit_test(the_table_states_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
