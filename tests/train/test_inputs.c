/* SPDX-License-Identifier: MIT */
/* Inputs besides that of the pictures: a network whose scores are scaled by a number of each sample learns the same
 * from rows of the dataset as the same network that reads the number from its pictures. Rows stay with their samples
 * for any number of threads and loader threads; what does not fit is refused with a sentence. */
#include "device/context.h"
#include "train/helpers.h"
#include <math.h>
#include <string.h>

enum { COUNT = 23, SIDE = 4, CLASSES = 3, WEIGHTS = 2 * SIDE * SIDE * CLASSES + CLASSES };

/* A network [N, 3, SIDE, SIDE] -> [N, CLASSES] that is linear in the first two channels, times a number: "k" [N, 1], or
 * the third channel, which is the same everywhere. */
static fov_model *make_model(fov_context *context, bool has_input, fov_dtype dtype, int64_t batch)
{
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .name = "x", .shape = {4, {FOV_BATCH, 3, SIDE, SIDE}}), inputs[2] = {x};
    fov_value k = fov_flatten(graph, fov_global_max_pool(graph, fov_slice(graph, x, 1, 2, 1, 1)));
    if (has_input) {
        k = inputs[1] = fov_input(graph, .name = "k", .dtype = dtype, .shape = {2, {batch, 1}});
        k = dtype == FOV_F32 ? k : fov_node(graph, "cast", &k, 1, "to", "f32");
    }
    fov_value z = fov_dense(graph, fov_flatten(graph, fov_slice(graph, x, 1, 0, 2, 1)), .units = CLASSES, .name = "z");
    fov_value y = fov_mul(graph, z, k);
    assert_fine(context, fov_model_set_inputs_outputs(model, inputs, has_input ? 2 : 1, &y, 1) == FOV_OK);
    return model;
}

static uint8_t number_of(int sample)
{
    return (uint8_t)(sample * 37 % 256);
}

/* COUNT random pictures, whose third channel is number_of them; NULL on failure. */
static fov_dataset *make_data_or_null(fov_context *context)
{
    static uint8_t pixels[COUNT][SIDE * SIDE][3];
    static int32_t labels[COUNT];
    uint32_t random = 1;
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i * 7 % CLASSES;
        for (int p = 0; p < SIDE * SIDE; p++) {
            for (int c = 0; c < 3; c++) {
                random = random * 1664525 + 1013904223;
                pixels[i][p][c] = c == 2 ? number_of(i) : (uint8_t)(random >> 24);
            }
        }
    }
    return fov_dataset_create(context, &(fov_dataset_program){.count = COUNT,
                                                              .classes = CLASSES,
                                                              .height = SIDE,
                                                              .width = SIDE,
                                                              .channels = 3,
                                                              .pixels = &pixels[0][0][0],
                                                              .labels = labels});
}

static fov_dataset *make_data(fov_context *context)
{
    fov_dataset *data = make_data_or_null(context);
    assert_fine(context, data != NULL);
    return data;
}

/* Gives every sample its number, of 0 to 1, or for integers of 0 to 255. */
static int set_rows(fov_dataset *data, fov_dtype dtype)
{
    float floats[COUNT];
    double doubles[COUNT];
    int64_t integers[COUNT];
    for (int i = 0; i < COUNT; i++) {
        floats[i] = (float)number_of(i) / 255;
        doubles[i] = (double)floats[i];
        integers[i] = number_of(i);
    }
    return fov_dataset_set_input(data, &(fov_tensor){.name = "k",
                                                     .dtype = dtype,
                                                     .shape = {2, {COUNT, 1}},
                                                     .data = dtype == FOV_F32   ? (const void *)floats
                                                             : dtype == FOV_F64 ? (const void *)doubles
                                                                                : (const void *)integers});
}

static const fov_train_options two_epochs = {
    .epochs = 2, .batch = 5, .lr = 0.5F, .optimizer = "sgd", .schedule = "constant"};

static void weights_of(fov_model *model, float weights[WEIGHTS])
{
    fov_graph *graph = fov_model_graph(model);
    size_t at = 0;
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        fov_value parameter = fov_parameter_at(graph, i);
        size_t bytes = (i == 0 ? WEIGHTS - CLASSES : CLASSES) * sizeof *weights;
        assert_int_equal(fov_parameter_get(graph, parameter, weights + at, bytes), FOV_OK);
        at += bytes / sizeof *weights;
    }
    assert_int_equal(at, WEIGHTS);
}

/* Trains on `loader_threads` and evaluates; the loss is written to *loss. */
static void train(fov_context *context, fov_model *model, fov_dataset *data, int loader_threads, float weights[WEIGHTS],
                  double *loss)
{
    fov_train_options options = two_epochs;
    fov_report report;
    options.loader_threads = loader_threads;
    options.validate = data;
    assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
    assert_fine(context, fov_evaluate(model, data, 6, &report) == FOV_OK);
    weights_of(model, weights);
    *loss = report.loss;
    fov_report_free(&report);
}

static void rows_are_learned_from(void **state)
{
    (void)state;
    static const struct {
        int threads, loader_threads;
        fov_dtype rows;
    } ways[] = {{1, -1, FOV_F32}, {2, -1, FOV_F32}, {3, 1, FOV_F64}, {2, 3, FOV_F32}};
    float wanted[WEIGHTS], first[WEIGHTS], weights[WEIGHTS];
    double wanted_loss, loss;
    fov_context *context = test_context(1, 3);
    fov_model *model = make_model(context, false, FOV_F32, FOV_BATCH);
    fov_dataset *data = make_data(context);
    train(context, model, data, -1, wanted, &wanted_loss);
    fov_dataset_free(data);
    fov_model_free(model);
    fov_context_free(context);
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        context = test_context(ways[w].threads, 3);
        model = make_model(context, true, FOV_F32, FOV_BATCH);
        data = make_data(context);
        assert_fine(context, set_rows(data, ways[w].rows) == FOV_OK);
        assert_int_equal(fov_dataset_inputs(data), 1);
        train(context, model, data, ways[w].loader_threads, weights, &loss);
        if (w == 0) {
            memcpy(first, weights, sizeof first);
        }
        assert_memory_equal(weights, first, sizeof first);
        assert_true(fabs(loss - wanted_loss) < 1e-6 * wanted_loss);
        for (int i = 0; i < WEIGHTS; i++) {
            if (!(fabs((double)(weights[i] - wanted[i])) < 1e-5)) {
                fail_msg("weight %d is %g, from pictures it is %g", i, (double)weights[i], (double)wanted[i]);
            }
        }
        fov_dataset_free(data);
        fov_model_free(model);
        fov_context_free(context);
    }
}

/* Rows of 64-bit integers for an input of integers, and for one of floats; what fov_model_fill_from makes of them. */
static void types_are_converted(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_dataset *data = make_data(context);
    fov_model *integers = make_model(context, true, FOV_I32, FOV_BATCH),
              *floats = make_model(context, true, FOV_F32, FOV_BATCH);
    fov_report report[2];
    assert_fine(context, set_rows(data, FOV_I64) == FOV_OK);
    assert_fine(context, fov_evaluate(integers, data, 4, &report[0]) == FOV_OK);
    assert_fine(context, fov_evaluate(floats, data, 4, &report[1]) == FOV_OK);
    assert_true(report[0].loss == report[1].loss && report[0].loss > 1.1); /* all scores zero: log 3 */
    float x[3 * SIDE * SIDE], scores[2][CLASSES];
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        x[i] = (float)i / 50 - 0.5F;
    }
    assert_fine(context, fov_model_fill_from(integers, data, 5) == FOV_OK);
    assert_fine(context, fov_model_fill_inputs(floats, "k=185") == FOV_OK); /* 5 x 37 */
    assert_fine(context, fov_predict(integers, x, 1, scores[0], CLASSES) == FOV_OK);
    assert_fine(context, fov_predict(floats, x, 1, scores[1], CLASSES) == FOV_OK);
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    assert_int_equal(fov_model_fill_from(floats, data, COUNT), FOV_E_USAGE);
    fov_error_clear(context);
    fov_report_free(&report[0]);
    fov_report_free(&report[1]);
    fov_model_free(integers);
    fov_model_free(floats);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* One row for all samples: from the dataset, from the model, and for an input that a whole batch shares. */
static void constants_are_repeated(void **state)
{
    (void)state;
    fov_context *context = test_context(2, 3);
    double loss[3];
    for (int way = 0; way < 3; way++) {
        fov_dataset *data = make_data(context);
        fov_model *model = make_model(context, true, FOV_F32, way == 2 ? 1 : FOV_BATCH);
        const float half = 0.5F;
        fov_report report;
        if (way == 1) {
            assert_fine(context, fov_model_fill_input(model, "k", &half, sizeof half) == FOV_OK);
        } else {
            assert_fine(context, fov_dataset_set_input(
                                     data, &(fov_tensor){.name = "k", .shape = {2, {1, 1}}, .data = &half}) == FOV_OK);
        }
        assert_fine(context, fov_train(model, data, .epochs = 2, .batch = 5, .lr = 0.5F, .optimizer = "sgd") == FOV_OK);
        assert_fine(context, fov_evaluate(model, data, 6, &report) == FOV_OK);
        loss[way] = report.loss;
        fov_report_free(&report);
        fov_model_free(model);
        fov_dataset_free(data);
    }
    assert_true(loss[0] == loss[1]);
    assert_true(fabs(loss[0] - loss[2]) < 1e-6); /* k [1, 1] is broadcast: sums may be rounded differently */
    fov_context_free(context);
}

/* Changes what the model was given, in the middle of training. */
static int change_fill(const fov_progress *progress, void *user)
{
    const float other = 7;
    (void)progress;
    return fov_model_fill_input(user, "k", &other, sizeof other);
}

/* A number given to the model reaches its copy for another picture size; training keeps the number it began with. */
static void a_fill_holds_for_the_whole_training(void **state)
{
    (void)state;
    float weights[2][3 * CLASSES];
    for (int way = 0; way < 2; way++) {
        fov_context *context = test_context(1, 3);
        fov_dataset *data = make_data(context);
        fov_model *model = fov_model_create(context);
        fov_graph *graph = fov_model_graph(model);
        const float half = 0.5F;
        fov_value inputs[2] = {fov_input(graph, .name = "x", .shape = {4, {FOV_BATCH, 3, SIDE, SIDE}}),
                               fov_input(graph, .name = "k", .shape = {2, {FOV_BATCH, 1}})};
        fov_value map = fov_conv2d(graph, inputs[0], .filters = CLASSES, .kernel = 1, .name = "z");
        fov_value y = fov_mul(graph, fov_flatten(graph, fov_global_avg_pool(graph, map)), inputs[1]);
        assert_fine(context, fov_model_set_inputs_outputs(model, inputs, 2, &y, 1) == FOV_OK);
        assert_fine(context, fov_model_fill_input(model, "k", &half, sizeof half) == FOV_OK);
        fov_train_options options = two_epochs;
        options.train_size = 2 * SIDE;
        options.on_step = way == 1 ? change_fill : NULL;
        options.user = model;
        assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
        fov_value weight = fov_parameter_at(graph, 0);
        assert_fine(context, fov_parameter_get(graph, weight, weights[way], sizeof weights[way]) == FOV_OK);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
    assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
}

static void says(fov_context *context, int status, int wanted, const char *words)
{
    if (status != wanted || strstr(fov_error(context), words) == NULL) {
        fail_msg("status %d, \"%s\"; not %d, \"%s\"", status, fov_error(context), wanted, words);
    }
    fov_error_clear(context);
}

static void refuses(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_dataset *data = make_data(context);
    fov_model *model = make_model(context, true, FOV_F32, FOV_BATCH), *shared = make_model(context, true, FOV_F32, 1);
    fov_model *integers = make_model(context, true, FOV_I64, FOV_BATCH),
              *alone = make_model(context, false, FOV_F32, FOV_BATCH);
    float two[2] = {1, 2};
    fov_report report;
    says(context, fov_train_opt(model, data, &two_epochs), FOV_E_UNSUPPORTED,
         "\"k\" [N, 1]: the data have nothing for it");
    says(context, fov_evaluate(model, data, 0, &report), FOV_E_UNSUPPORTED, "--input k=FILE.npy");
    says(context, fov_dataset_set_input(data, &(fov_tensor){.name = "k", .shape = {2, {2, 1}}, .data = two}),
         FOV_E_SHAPE, "[2, 1]; their first dimension is the number of samples, 23, or 1");
    says(context, fov_dataset_set_input(data, &(fov_tensor){.name = "k", .shape = {0}, .data = two}), FOV_E_SHAPE,
         "samples, 23");
    says(context, fov_dataset_set_input(data, &(fov_tensor){.name = "k", .shape = {1, {1}}}), FOV_E_USAGE, "NULL");
    assert_fine(context, set_rows(data, FOV_F64) == FOV_OK);
    says(context, set_rows(data, FOV_F64), FOV_E_USAGE, "given twice");
    says(context, fov_evaluate(shared, data, 0, &report), FOV_E_SHAPE, "one row for a whole batch");
    says(context, fov_evaluate(integers, data, 0, &report), FOV_E_INPUT, "\"k\" is i64, which cannot hold 0.145098");
    says(context, fov_evaluate(alone, data, 0, &report), FOV_E_USAGE, "the model has no input \"k\"");
    fov_train_options mixed = two_epochs;
    mixed.augment = "mixup";
    says(context, fov_train_opt(model, data, &mixed), FOV_E_UNSUPPORTED, "mixes several samples");
    fov_dataset_free(data);
    data = make_data(context);
    assert_fine(context,
                fov_dataset_set_input(data, &(fov_tensor){.name = "k", .shape = {2, {1, 2}}, .data = two}) == FOV_OK);
    says(context, fov_evaluate(model, data, 0, &report), FOV_E_SHAPE, "takes 1 numbers for a sample, not 2");
    static const char *const texts[] = {"k", "k=", "=1", "", "k=1,"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        says(context, fov_model_fill_inputs(model, texts[i]), FOV_E_USAGE, "NUMBER");
    }
    says(context, fov_model_fill_inputs(model, "k=age"), FOV_E_IO, "age"); /* without a table a file */
    says(context, fov_model_fill_inputs(integers, "k=0.5"), FOV_E_INPUT, "cannot hold 0.5");
    says(context, fov_model_fill_inputs(model, "k=1+2"), FOV_E_SHAPE, "takes 4 bytes");
    fov_dataset_free(data);
    fov_model_free(model);
    fov_model_free(shared);
    fov_model_free(integers);
    fov_model_free(alone);
    fov_context_free(context);
}

/* Whichever allocation fails while rows are set, converted and learned from: an error, and nothing is held. */
static void survives_failed_allocations(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_train_options options = two_epochs;
    options.loader_threads = 1;
    bool is_through = false;
    for (uint64_t n = 1; !is_through; n += n < 60 ? 1 : 5) {
        size_t before = memory_in_use(context->memory);
        fov_model *model = make_model(context, true, FOV_F32, FOV_BATCH);
        memory_fail_at(context->memory, n, false);
        fov_dataset *data = make_data_or_null(context);
        int status = data != NULL ? set_rows(data, FOV_F64) : (int)fov_error_status(context);
        status = status == FOV_OK ? fov_train_opt(model, data, &options) : status;
        memory_fail_at(context->memory, 0, false);
        is_through = status == FOV_OK;
        assert_true(is_through || fov_error_status(context) == FOV_E_MEMORY);
        fov_error_clear(context);
        fov_dataset_free(data);
        fov_model_free(model);
        assert_int_equal(memory_in_use(context->memory), before);
        assert_true(n < 100000 && (!is_through || n > 30));
    }
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_learned_from),
        cmocka_unit_test(types_are_converted),
        cmocka_unit_test(constants_are_repeated),
        cmocka_unit_test(a_fill_holds_for_the_whole_training),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
