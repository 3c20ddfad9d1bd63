/* SPDX-License-Identifier: MIT */
/* Eigenvectors of symmetric matrices; a whitening first layer: its outputs for the data's patches are uncorrelated and
 * have variance 1, and its filters stay so while the rest learns. Also rates that hold in some epochs, and averaged
 * views. */
#include "train/eigen.h"
#include "train/helpers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 12, SIDE = 28, KERNEL = 2, PATCH = KERNEL * KERNEL };

static void eigenvectors_rebuild_the_matrix(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        double matrix[N * N], kept[N * N], vectors[N * N];
        for (int i = 0; i < N * N; i++) {
            int r = i / N, c = i % N;
            /* a Hilbert matrix, whose eigenvalues reach from 1.8 to 1e-16; equal eigenvalues; one already diagonal */
            kept[i] = kind == 0 ? 1.0 / (r + c + 1) : kind == 1 ? 1.0 + (r == c) : r == c ? (double)(r % 5) : 0;
        }
        memcpy(matrix, kept, sizeof matrix);
        eigen_symmetric(matrix, N, vectors);
        for (int i = 0; i < N; i++) {
            assert_true(i == 0 || matrix[i * N + i] <= matrix[(i - 1) * N + i - 1]);
            for (int k = 0; k < N; k++) {
                double dot = 0, rebuilt = 0;
                for (int j = 0; j < N; j++) {
                    dot += vectors[i * N + j] * vectors[k * N + j];
                    rebuilt += matrix[j * N + j] * vectors[j * N + i] * vectors[j * N + k];
                }
                assert_true(fabs(dot - (i == k)) < 1e-13);
                assert_true(fabs(rebuilt - kept[i * N + k]) < 1e-13);
            }
        }
    }
    double plain[4] = {2, 1, 1, 2}, vectors[4]; /* 3 and 1, along (1, 1) and (1, -1) */
    eigen_symmetric(plain, 2, vectors);
    assert_true(fabs(plain[0] - 3) < 1e-15 && fabs(plain[3] - 1) < 1e-15);
    assert_true(fabs(vectors[0] - sqrt(0.5)) < 1e-15 && fabs(vectors[1] - sqrt(0.5)) < 1e-15);
    assert_true(fabs(fabs(vectors[2]) - sqrt(0.5)) < 1e-15 && fabs(vectors[2] + vectors[3]) < 1e-15);
}

static fov_model *build(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, SIDE, SIDE}});
    fov_value y = fov_conv2d(g, x, .filters = 2 * PATCH + 1, .kernel = KERNEL, .name = "first");
    y = fov_global_avg_pool(g, fov_relu(g, fov_conv2d(g, fov_relu(g, y), .filters = 8, .kernel = 3, .stride = 2)));
    y = fov_dense(g, fov_flatten(g, y), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

static void read_weight(fov_model *model, const char *name, float *weight, size_t bytes)
{
    fov_graph *graph = fov_model_graph(model);
    assert_int_equal(fov_parameter_get(graph, fov_find(graph, name), weight, bytes), FOV_OK);
}

/* The second moments of the outputs of filters f and k over all patches of all samples: near 1 for f = k, else
 * near 0. */
static void filters_whiten(void **state)
{
    (void)state;
    enum { FILTERS = 2 * PATCH + 1, SAMPLES = 60 };
    fov_context *context = test_context(2, 3);
    fov_dataset *data = fov_dataset_open(context, "digits:60", FOV_TRAIN);
    fov_model *model = build(context);
    float before[FILTERS * PATCH], weight[FILTERS * PATCH];
    read_weight(model, "first.weight", before, sizeof before);
    fov_train_options options = {.epochs = 2, .batch = 20, .lr = 0.1F, .whiten = "first.weight"};
    assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
    read_weight(model, "first.weight", weight, sizeof weight);
    assert_memory_equal(weight + 2 * PATCH * PATCH, before + 2 * PATCH * PATCH, PATCH * sizeof *weight);
    double moments[PATCH][PATCH] = {{0}}, patches = 0;
    for (int s = 0; s < SAMPLES; s++) {
        const uint8_t *pixels;
        int height, width, channels;
        assert_fine(context, fov_dataset_sample(data, s, &pixels, &height, &width, &channels) == FOV_OK);
        for (int y = 0; y + KERNEL <= height; y++) {
            for (int x = 0; x + KERNEL <= width; x++) {
                double made[PATCH] = {0};
                for (int f = 0; f < PATCH; f++) {
                    for (int i = 0; i < PATCH; i++) {
                        made[f] +=
                            (double)weight[f * PATCH + i] * pixels[(y + i / KERNEL) * width + x + i % KERNEL] / 255;
                    }
                }
                for (int f = 0; f < PATCH; f++) {
                    for (int k = 0; k < PATCH; k++) {
                        moments[f][k] += made[f] * made[k];
                    }
                }
                patches++;
            }
        }
    }
    for (int f = 0; f < PATCH; f++) {
        for (int k = 0; k < PATCH; k++) {
            double is = moments[f][k] / patches;
            assert_true(f == k ? is > 0.8 && is < 1.0 + 1e-4 : fabs(is) < 1e-3);
            assert_true(weight[(PATCH + f) * PATCH + k] == -weight[f * PATCH + k]);
        }
    }
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void filters_have_to_fit_the_pictures(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_dataset *data = fov_dataset_open(context, "digits:60", FOV_TRAIN);
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, SIDE, SIDE}});
    fov_value y = fov_conv2d(g, x, .filters = 2, .kernel = SIDE + 1, .pad = SIDE / 2, .name = "first");
    y = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, y)), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    const fov_train_options options = {.epochs = 1, .batch = 20, .whiten = "first.weight"};
    assert_int_equal(fov_train_opt(model, data, &options), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(context), "29 x 29"));
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* config.json is valid JSON whatever characters a name has. */
static void texts_of_options_are_escaped(void **state)
{
    (void)state;
    char folder[256], path[512];
    size_t size;
    fov_context *context = test_context(1, 3);
    fov_dataset *data = fov_dataset_open(context, "digits:60", FOV_TRAIN);
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, SIDE, SIDE}});
    fov_value y = fov_conv2d(g, x, .filters = 4, .kernel = 2, .name = "a\"\\b");
    y = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, y)), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    test_folder(folder);
    const fov_train_options options = {.epochs = 1, .batch = 30, .whiten = "a\"\\b.weight", .directory = folder};
    assert_fine(context, fov_train_opt(model, data, &options) == FOV_OK);
    char *json = test_read(test_path(path, folder, "config.json"), &size);
    assert_non_null(strstr(json, "\"whiten\": \"a\\\"\\\\b.weight\""));
    free(json);
    test_folder_remove(folder);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

static int stop_at_five(const fov_progress *progress, void *user)
{
    (void)user;
    return progress->total_step == 5;
}

/* A resumed run takes the filters from the checkpoint, and derives epoch ranges and Lookahead's share from the step:
 * the same bits for any number of threads and pieces. */
static void whitened_runs_go_on(void **state)
{
    (void)state;
    char folder[256], whole[65], pieces[65];
    struct test_run run = {.build = build,
                           .data = "digits:120",
                           .threads = 2,
                           .seed = 4,
                           .options = {.epochs = 2, .batch = 30, .lr = 0.05F, .whiten = "first.weight",
                                       .lr_by_name = "first.bias=1x@1-1", .lookahead = 3, .lookahead_final = 0.25F}};
    assert_int_equal(test_train(&run, whole), FOV_OK);
    test_folder(folder);
    run.options.directory = folder;
    run.options.on_step = stop_at_five;
    assert_int_equal(test_train(&run, pieces), FOV_E_INTERRUPTED);
    run.options.resume = true;
    run.threads = 1;
    run.options.on_step = NULL;
    assert_int_equal(test_train(&run, pieces), FOV_OK);
    assert_string_equal(whole, pieces);
    test_folder_remove(folder);
}

static void slips_are_said(void **state)
{
    (void)state;
    static const struct {
        fov_train_options options;
        const char *says;
    } rows[] = {
        {{.whiten = "second.weight"},
         "\"second.weight\" is not the weight of a 2-D convolution that reads the pictures"},
        {{.whiten = "first.weight", .lookahead_final = 0.5F}, "lookahead_final is for lookahead in runs by epochs"},
        {{.lr_by_name = "first.bias=1x@3-2"}, "with or without @FIRST-LAST"},
        {{.lr_by_name = "first.bias=1x@"}, "with or without @FIRST-LAST"},
        {{.lr_by_name = "first.bias=1x@0-2"}, "with or without @FIRST-LAST"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fov_context *context = test_context(1, 1);
        fov_dataset *data = fov_dataset_open(context, "digits:20", FOV_TRAIN);
        fov_model *model = build(context);
        assert_int_equal(fov_train_opt(model, data, &rows[i].options), FOV_E_USAGE);
        if (strstr(fov_error(context), rows[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", fov_error(context), rows[i].says);
        }
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

/* The first layer's bias after each epoch, to check rates that hold in some epochs only. */
struct seen {
    fov_model *model;
    float bias[4][2 * PATCH + 1];
    int   epochs;
};

static int look(const fov_progress *progress, void *user)
{
    struct seen *seen = user;
    (void)progress;
    read_weight(seen->model, "first.bias", seen->bias[seen->epochs++], sizeof seen->bias[0]);
    return 0;
}

static void rates_hold_in_their_epochs(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool moves[4]; /* in epoch i */
    } rows[] = {{"first.bias=1x@2-3", {false, true, true, false}},
                {"first.bias=0.5x@3-", {false, false, true, true}},
                {"*=1x, first.bias=1x@2", {false, true, false, false}}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fov_context *context = test_context(1, 1);
        fov_dataset *data = fov_dataset_open(context, "digits:40", FOV_TRAIN);
        struct seen seen = {.model = build(context)};
        float before[2 * PATCH + 1];
        read_weight(seen.model, "first.bias", before, sizeof before);
        fov_train_options options = {.epochs = 4, .batch = 20, .lr = 0.1F, .lr_by_name = rows[i].list,
                                     .on_epoch = look, .user = &seen};
        assert_fine(context, fov_train_opt(seen.model, data, &options) == FOV_OK);
        for (int epoch = 0; epoch < 4; epoch++) {
            const float *last = epoch > 0 ? seen.bias[epoch - 1] : before;
            assert_true((memcmp(last, seen.bias[epoch], sizeof before) != 0) == rows[i].moves[epoch]);
        }
        fov_model_free(seen.model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

/* The mean cross-entropy over the data of a session's answers with these views. */
static double loss_of_answers(fov_model *model, fov_dataset *data, const char *views)
{
    double loss = 0;
    int64_t count = fov_dataset_describe(data).count;
    fov_session *session = fov_session_create(model, NULL);
    assert_non_null(session);
    assert_int_equal(fov_session_set_views(session, views), FOV_OK);
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *pixels;
        fov_image image = {.height = 0};
        fov_answer answer;
        assert_int_equal(fov_dataset_sample(data, i, &pixels, &image.height, &image.width, &image.channels), FOV_OK);
        image.pixels = (uint8_t *)(uintptr_t)pixels;
        assert_int_equal(fov_session_answer(session, &image, &answer), FOV_OK);
        loss -= log(answer.items[fov_dataset_label(data, i)].value);
        fov_answer_free(&answer);
    }
    assert_int_equal(fov_session_set_views(session, "both"), FOV_E_USAGE);
    fov_session_free(session);
    return loss / (double)count;
}

/* A session's and an evaluation's answers average the same views. */
static void views_are_averaged(void **state)
{
    (void)state;
    fov_context *context = test_context(2, 3);
    fov_dataset *data = fov_dataset_open(context, "digits:60", FOV_TEST);
    fov_model *model = build(context);
    static const char *const views[] = {NULL, "none", "mirror", "shifts"};
    double loss[4];
    for (int i = 0; i < 4; i++) {
        fov_report report;
        assert_fine(context,
                    fov_evaluate_opt(model, data, &(fov_evaluate_options){.views = views[i]}, &report) == FOV_OK);
        loss[i] = report.loss;
        assert_true(fabs(loss_of_answers(model, data, views[i]) - loss[i]) < 1e-6);
        fov_report_free(&report);
    }
    assert_true(loss[0] == loss[1] && loss[2] != loss[0] && loss[3] != loss[2]);
    fov_report report;
    assert_int_equal(fov_evaluate_opt(model, data, &(fov_evaluate_options){.views = "both"}, &report), FOV_E_USAGE);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_rebuild_the_matrix), cmocka_unit_test(filters_whiten),
        cmocka_unit_test(filters_have_to_fit_the_pictures), cmocka_unit_test(texts_of_options_are_escaped),
        cmocka_unit_test(whitened_runs_go_on),             cmocka_unit_test(slips_are_said),
        cmocka_unit_test(rates_hold_in_their_epochs),      cmocka_unit_test(views_are_averaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
