/* SPDX-License-Identifier: MIT */
/* A run that was stopped, or killed with SIGKILL at any moment, and then resumed equals an uninterrupted run: the same
 * weights, the same files, the same history except for times. And resuming with other options or data is refused. */
#include "base/random.h"
#include "device/context.h"
#include "io/safetensors.h"
#include "train/helpers.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct test_run standard = {
    .network = "course-cnn",
    .data = "digits:300",
    .threads = 1,
    .seed = 5,
    .validate = true,
    .options = {.epochs = 3, .batch = 32, .optimizer = "adam", .schedule = "cosine", .checkpoint_steps = 4},
};

struct stopper {
    int64_t at, calls;
};

static int stop_at(const fov_progress *p, void *user)
{
    (void)p;
    struct stopper *stopper = user;
    return ++stopper->calls == stopper->at;
}

/* Runs to the end in pieces of random length. */
static void run_in_pieces(const struct test_run *plain, const char *folder, uint64_t seed, char hash[65])
{
    struct test_run run = *plain;
    int status = FOV_E_INTERRUPTED;
    run.options.directory = folder;
    for (uint64_t piece = 0; status == FOV_E_INTERRUPTED; piece++) {
        struct random_key key = {seed, RANDOM_TEST, piece};
        struct stopper stopper = {.at = 1 + (int64_t)random_below(key, 0, 14)};
        assert_true(piece < 100);
        run.options.resume = piece > 0;
        run.options.on_step = stop_at;
        run.options.user = &stopper;
        status = test_train(&run, hash);
    }
    assert_int_equal(status, FOV_OK);
}

static void compare_pieces(const struct test_run *plain, uint64_t seed)
{
    char whole[256], pieces[256], first[65], second[65];
    struct test_run run = *plain;
    test_folder(whole);
    test_folder(pieces);
    run.options.directory = whole;
    assert_int_equal(test_train(&run, first), FOV_OK);
    run_in_pieces(plain, pieces, seed, second);
    assert_string_equal(first, second);
    test_same_run(whole, pieces);
    test_folder_remove(whole);
    test_folder_remove(pieces);
}

static void stopped_runs(void **state)
{
    (void)state;
    struct test_run run = standard;
    compare_pieces(&run, 1);
    run.options = (fov_train_options){.epochs = 3,
                                      .batch = 32,
                                      .momentum = 0.9f,
                                      .nesterov = true,
                                      .schedule = "step",
                                      .step_epochs = 1,
                                      .warmup = 7};
    run.validate = false;
    run.threads = 2;
    compare_pieces(&run, 2);
    run.network = "mlp";
    run.options.momentum = 0.0f; /* no optimiser state at all */
    run.options.nesterov = false;
    compare_pieces(&run, 3);
}

static fov_model *build_normalised(fov_context *context);

/* Accumulated gradients, Lookahead's slow weights, averaged weights and plateau's memory are state, too. */
static void runs_with_more_state(void **state)
{
    (void)state;
    struct test_run run = standard;
    run.build = build_normalised;
    run.options = (fov_train_options){.epochs = 4,
                                      .batch = 16,
                                      .optimizer = "adam",
                                      .schedule = "plateau:0:gamma=0.5:threshold=0.3",
                                      .accumulate = 4,
                                      .clip_norm = 1.0f,
                                      .lookahead = 3,
                                      .ema = 0.9f};
    compare_pieces(&run, 5);
}

/* Running statistics and dropout's masks are state too. */
static fov_model *build_normalised(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, 14, 14}}), y;
    y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 6, .kernel = 3, .stride = 2, .no_bias = true)));
    y = fov_dropout(g, fov_batch_norm(g, fov_conv2d(g, y, .filters = 8, .kernel = 3)), 0.25f);
    y = fov_dense(g, fov_flatten(g, y), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

static void normalised_runs(void **state)
{
    (void)state;
    struct test_run run = standard;
    char one[65], four[65];
    run.build = build_normalised;
    compare_pieces(&run, 4);
    run.threads = 1;
    assert_int_equal(test_train(&run, one), FOV_OK);
    run.threads = 4;
    assert_int_equal(test_train(&run, four), FOV_OK);
    assert_string_equal(one, four);
}

/* Augmentation that mixes several samples: the same bits for any number of threads and loader threads, and in
 * pieces. */
static void mixed_runs(void **state)
{
    (void)state;
    struct test_run run = standard;
    char first[65], hash[65];
    run.options.augment = "rotate:10, mosaic:p=0.5, random-resized-crop:0.4, mixup:0.4, cutmix:p=0.5";
    run.options.epochs = 2;
    run.options.label_smoothing = 0.1F;
    compare_pieces(&run, 8);
    assert_int_equal(test_train(&run, first), FOV_OK);
    for (int k = 0; k < 3; k++) {
        run.threads = k + 1;
        run.options.loader_threads = k == 0 ? 4 : k == 1 ? 1 : -1;
        assert_int_equal(test_train(&run, hash), FOV_OK);
        assert_string_equal(first, hash);
    }
}

static fov_model *build_for_any_size(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, 28, 28}}), y;
    y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 6, .kernel = 3, .stride = 2, .no_bias = true)));
    y = fov_global_avg_pool(g, fov_relu(g, fov_conv2d(g, y, .filters = 8, .kernel = 3)));
    y = fov_dense(g, fov_flatten(g, y), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

/* With train_size the training steps see crops, validation and the saved model whole pictures: evaluating the
 * saved model gives the last validation's loss. The run can be stopped and resumed; a network of one fixed size
 * is refused. */
static void runs_of_another_size(void **state)
{
    (void)state;
    struct test_run run = standard;
    char folder[256], path[512], hash[65];
    run.build = build_for_any_size;
    run.options.train_size = 20;
    run.options.augment = "cut, flip";
    run.options.ema = 0.9F;
    compare_pieces(&run, 9);
    test_folder(folder);
    run.options.directory = folder;
    assert_int_equal(test_train(&run, hash), FOV_OK);
    char *history = test_history(folder), *row = strrchr(history, '\n');
    while (row > history && (row[1] == '\0' || row[0] != '\n')) {
        row--;
    }
    double epoch, train_loss, val_loss; /* time is left out */
    assert_int_equal(sscanf(row, "%lf,%lf,%lf", &epoch, &train_loss, &val_loss), 3);
    fov_context *context = test_context(1, 1);
    fov_dataset *data = fov_dataset_open(context, run.data, FOV_TEST);
    fov_model *model = fov_model_load(context, test_path(path, folder, "last.onnx"));
    fov_report report;
    assert_fine(context, model != NULL);
    assert_int_equal(fov_value_shape(fov_model_graph(model), fov_model_input(model)).dim[2], 28);
    assert_fine(context, fov_evaluate(model, data, 0, &report) == FOV_OK);
    if (fabs(report.loss - val_loss) > 1e-5) {
        fail_msg("the validation counted %g, the evaluation %g", val_loss, report.loss);
    }
    fov_report_free(&report);
    fov_model_free(model);
    model = fov_model_network(context, "lenet5", NULL);
    assert_int_not_equal(fov_train_opt(model, data, &(fov_train_options){.train_size = 20}), FOV_OK);
    assert_non_null(strstr(fov_error(context), "training option train_size: the model cannot take pictures of 20 x 20"));
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
    free(history);
    test_folder_remove(folder);
}

/* multi_scale, which changes the pictures' size from batch to batch: the same bits for any number of threads and
 * loader threads, and in pieces, also with accumulated batches; with plain epochs alone it equals a run without
 * multi_scale. */
static void runs_of_several_sizes(void **state)
{
    (void)state;
    struct test_run run = standard;
    char first[65], hash[65], plain[65];
    run.build = build_for_any_size;
    run.options.epochs = 2;
    run.options.augment = "rotate:10, mosaic:p=0.5, mixup:0.4";
    run.options.ema = 0.9F;
    assert_int_equal(test_train(&run, plain), FOV_OK);
    run.options.multi_scale = "0.3:step=4:every=2";
    compare_pieces(&run, 12);
    assert_int_equal(test_train(&run, first), FOV_OK);
    assert_string_not_equal(first, plain);
    for (int k = 0; k < 3; k++) {
        run.threads = k + 1;
        run.options.loader_threads = k == 0 ? 4 : k == 1 ? 1 : -1;
        assert_int_equal(test_train(&run, hash), FOV_OK);
        assert_string_equal(first, hash);
    }
    run.options.accumulate = 3;
    run.options.multi_scale = "0.3:step=4:every=1";
    compare_pieces(&run, 13);
    run.options.plain_epochs = 2; /* all of them */
    assert_int_equal(test_train(&run, first), FOV_OK);
    run.options.multi_scale = "none";
    assert_int_equal(test_train(&run, hash), FOV_OK);
    assert_string_equal(first, hash);
}

/* If multi_scale never changes its size, the run equals one with train_size set to that size. */
static void one_size_is_as_if_alone(void **state)
{
    (void)state;
    static const int sides[] = {20, 24, 28, 32, 36};
    enum { SIDES = sizeof sides / sizeof *sides };
    char alone[SIDES][65], hash[65];
    bool met[SIDES] = {false};
    struct test_run run = standard;
    run.build = build_for_any_size;
    run.options.epochs = 1;
    run.options.checkpoint_steps = 0;
    int kinds = 0;
    for (run.seed = 1; run.seed <= 4; run.seed++) {
        run.options.multi_scale = "0.3:step=4:every=1000";
        assert_int_equal(test_train(&run, hash), FOV_OK);
        run.options.multi_scale = NULL;
        int found = 0;
        for (int i = 0; i < SIDES; i++) {
            run.options.train_size = sides[i];
            assert_int_equal(test_train(&run, alone[i]), FOV_OK);
            found += strcmp(alone[i], hash) == 0;
            kinds += strcmp(alone[i], hash) == 0 && !met[i];
            met[i] = met[i] || strcmp(alone[i], hash) == 0;
        }
        run.options.train_size = 0;
        assert_int_equal(found, 1);
    }
    assert_true(kinds > 1);
}

struct counter {
    fov_context *context;
    uint64_t requests;
    int sized, grown; /* numbers of steps: all, and those that allocated */
};

static int count_requests(const fov_progress *p, void *user)
{
    struct counter *counter = user;
    uint64_t requests = fov_context_memory(counter->context).requests;
    counter->grown += p->step > 1 && requests != counter->requests;
    counter->sized++;
    counter->requests = requests;
    return 0;
}

/* The plans of all sizes exist before the first step, so that no step allocates. */
static void other_sizes_allocate_nothing(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_dataset *data = fov_dataset_open(context, standard.data, FOV_TRAIN);
    fov_model *model = build_for_any_size(context);
    struct counter counter = {.context = context};
    assert_fine(context, data != NULL && model != NULL);
    assert_fine(context, fov_train(model, data, .epochs = 2, .batch = 16, .multi_scale = "0.3:step=4:every=1",
                                   .on_step = count_requests, .user = &counter) == FOV_OK);
    assert_int_equal(counter.sized, 2 * 19);
    assert_int_equal(counter.grown, 0);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void sizes_refused(void **state)
{
    (void)state;
    static const struct {
        const char *network, *sizes, *says;
    } slips[] = {
        {"lenet5", "0.3:step=4", "training option multi_scale: the model cannot take pictures of "},
        {NULL, "0.25", "sides of 28 x 28 pixels are no multiples of 32"},
        {NULL, "0.1:step=4", "1 heights around 28 are multiples of 4; 2 to "},
        {NULL, "0.9:step=0", "step"},
        {NULL, "2", "spread"},
        {NULL, "0.3:often=1", "often"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        fov_context *context = test_context(1, 1);
        fov_dataset *data = fov_dataset_open(context, standard.data, FOV_TRAIN);
        fov_model *model =
            slips[i].network != NULL ? fov_model_network(context, slips[i].network, NULL) : build_for_any_size(context);
        assert_fine(context, model != NULL && data != NULL);
        assert_int_not_equal(fov_train_opt(model, data, &(fov_train_options){.multi_scale = slips[i].sizes}), FOV_OK);
        if (strstr(fov_error(context), slips[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", fov_error(context), slips[i].says);
        }
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

/* The exit status of a child process that trains: it must not return into the test's own frames, as a failed assertion
 * would. */
static int train_in_child(const struct test_run *run)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = run->threads, .seed = run->seed});
    fov_dataset *train = fov_dataset_open(context, run->data, FOV_TRAIN);
    fov_dataset *test = fov_dataset_open(context, run->data, FOV_TEST);
    fov_model *model = run->build(context);
    fov_train_options options = run->options;
    options.validate = test;
    if (train == NULL || test == NULL || model == NULL || fov_train_opt(model, train, &options) != FOV_OK) {
        fprintf(stderr, "%s\n", fov_error(context));
        return 1;
    }
    return 0;
}

/* Kills the run at random moments and resumes it until it ends by itself; returns the number of kills, and adds that of
 * resumes from a checkpoint to *resumed. */
static int kill_run(const struct test_run *plain, uint64_t seed, int *resumed)
{
    char whole[256], killed[256], path[512];
    struct test_run run = *plain;
    test_folder(whole);
    test_folder(killed);
    run.options.directory = whole;
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    run.options.directory = killed;
    bool done = false;
    int kills = 0, resumes = 0;
    for (uint64_t attempt = 0; !done; attempt++) {
        assert_true(attempt < 200);
        run.options.resume = access(test_path(path, killed, "checkpoint.safetensors"), F_OK) == 0;
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(train_in_child(&run));
        }
        /* Kills later and later, so that an attempt finishes at last. */
        struct random_key key = {seed, RANDOM_TEST, attempt};
        usleep((useconds_t)(2000 + random_below(key, 0, 20000 + 12000 * attempt)));
        kill(child, SIGKILL);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        done = WIFEXITED(how);
        kills += WIFSIGNALED(how);
        resumes += run.options.resume;
        if (done) {
            assert_int_equal(WEXITSTATUS(how), 0);
        }
    }
    test_same_run(whole, killed);
    for (int i = 0; i < 2; i++) { /* the last checkpoint of a finished run is kept */
        assert_int_equal(access(test_path(path, i == 0 ? whole : killed, "checkpoint.safetensors"), F_OK), 0);
    }
    test_folder_remove(whole);
    test_folder_remove(killed);
    *resumed += resumes;
    return kills;
}

/* At least $FOVEA_KILLS kills, or one; with mixed samples, changing sizes, averaged weights and a loader thread. */
static void killed_runs(void **state)
{
    (void)state;
    const char *wanted = getenv("FOVEA_KILLS");
    struct test_run run = standard;
    int kills = 0, resumed = 0;
    run.build = build_for_any_size;
    run.options.augment = "rotate:10, elastic:20, cutmix:p=0.5, mosaic:p=0.5";
    run.options.multi_scale = "0.3:step=4:every=2";
    run.options.loader_threads = 1;
    run.options.ema = 0.9F;
    for (uint64_t seed = 11; kills < (wanted != NULL ? atoi(wanted) : 1) || resumed == 0; seed++) {
        kills += kill_run(&run, seed, &resumed);
    }
    if (wanted != NULL) {
        print_message("%d kills, each time resumed to the bits of the run that was left alone\n", kills);
    }
}

static void refuse(struct test_run run, const char *text)
{
    fov_context *context = test_context(1, run.seed);
    fov_dataset *train = fov_dataset_open(context, run.data, FOV_TRAIN);
    fov_model *model = fov_model_network(context, run.network, NULL);
    assert_fine(context, train != NULL && model != NULL);
    run.options.resume = true;
    assert_int_not_equal(fov_train_opt(model, train, &run.options), FOV_OK);
    if (strstr(fov_error(context), text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fov_error(context), text);
    }
    fov_model_free(model);
    fov_dataset_free(train);
    fov_context_free(context);
}

static void flip(const char *path, long offset_from_end)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, -offset_from_end, SEEK_END);
    int byte = fgetc(file);
    fseek(file, -offset_from_end, SEEK_END);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

static void other_runs_refused(void **state)
{
    (void)state;
    char folder[256], path[512];
    struct test_run run = {
        .network = "course-cnn", .data = "digits:64", .seed = 5, .options = {.epochs = 1, .momentum = 0.5f}};
    test_folder(folder);
    run.options.directory = folder;
    refuse(run, "there is no checkpoint to go on from");
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    struct test_run other = run;
    other.options.batch = 16;
    refuse(other, "another batch: it was 64, now it is 16");
    other = run;
    other.options.optimizer = "adam";
    refuse(other, "optimizer adam has no option \"momentum\"");
    other.options.momentum = 0.0f;
    refuse(other, "another optimizer: it was sgd:momentum=0.5:dampening=0:weight_decay=0:nesterov=0, now it is adam:");
    other = run;
    other.options.lr = 0.02f;
    refuse(other, "another lr");
    other = run;
    other.seed = 6;
    refuse(other, "another seed: it was 5, now it is 6");
    other = run;
    other.data = "digits:65";
    refuse(other, "another number of samples");
    other = run;
    other.data = "digits:64:1"; /* the same name and number */
    refuse(other, "cannot go on with other data: digits has the name and the size that it had");
    other = run;
    other.options.drop_last = true;
    refuse(other, "another drop_last: it was 0, now it is 1");
    other = run;
    other.network = "lenet5";
    refuse(other, "checkpoint.safetensors");
    /* A resume may ask for more epochs: the result is that of a run that had them from the start. */
    char more[65], at_once[65], second[256];
    run.options.epochs = 3;
    run.options.resume = true;
    assert_int_equal(test_train(&run, more), FOV_OK);
    test_folder(second);
    run.options.directory = second;
    run.options.resume = false;
    assert_int_equal(test_train(&run, at_once), FOV_OK);
    assert_string_equal(more, at_once);
    test_same_run(folder, second);
    /* A flipped bit among the weights at the end of the checkpoint is found. */
    flip(test_path(path, second, "checkpoint.safetensors"), 100);
    run.options.epochs = 4;
    refuse(run, "checkpoint.safetensors");
    test_folder_remove(second);
    test_folder_remove(folder);
}

/* Rewrites the checkpoint so that settings that are not given, empty or "none", have the value `as`; NULL: no entry. */
static void rewrite_absent(const char *path, const char *as)
{
    fov_context *context = fov_context_create(NULL);
    struct safetensors file;
    struct safetensors_source tensors[64];
    struct safetensors_text texts[256];
    size_t count = 0, changed = 0;
    assert_int_equal(safetensors_open(&file, path, context->memory, &context->error), FOV_OK);
    assert_true(file.count < 64 && file.metadata_count < 256);
    for (size_t i = 0; i < file.count; i++) {
        const struct safetensors_tensor *t = &file.tensors[i];
        tensors[i] = (struct safetensors_source){t->name, t->dtype, t->shape, t->data};
    }
    for (size_t i = 0; i < file.metadata_count; i++) {
        struct safetensors_text text = file.metadata[i];
        bool is_absent = strncmp(text.key, "option.", 7) == 0 && (*text.value == '\0' || strcmp(text.value, "none") == 0);
        text.value = is_absent ? as : text.value;
        changed += is_absent;
        if (text.value != NULL && strcmp(text.key, "fovea.sha256") != 0) {
            texts[count++] = text;
        }
    }
    assert_true(changed > 2 || as == NULL);
    assert_int_equal(safetensors_write(path, tensors, file.count, texts, count, true, NULL, context->memory,
                                       &context->error), FOV_OK);
    safetensors_close(&file);
    fov_context_free(context);
}

/* Versions of fovea have written a setting that is not given as "none", as an empty text and not at all. */
static void runs_of_other_versions(void **state)
{
    (void)state;
    static const char *const forms[] = {"none", "", NULL};
    char folder[256], path[512], hash[65];
    struct test_run run = {.network = "course-cnn", .data = "digits:64", .seed = 5, .options = {.epochs = 1}};
    test_folder(folder);
    run.options.directory = folder;
    assert_int_equal(test_train(&run, hash), FOV_OK);
    run.options.resume = true;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        rewrite_absent(test_path(path, folder, "checkpoint.safetensors"), forms[i]);
        run.options.epochs++;
        assert_int_equal(test_train(&run, hash), FOV_OK);
    }
    run.options.augment = "flip";
    refuse(run, "another augment: it was none, now it is flip");
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_runs),         cmocka_unit_test(normalised_runs),
        cmocka_unit_test(runs_with_more_state), cmocka_unit_test(killed_runs),
        cmocka_unit_test(other_runs_refused),   cmocka_unit_test(mixed_runs),
        cmocka_unit_test(runs_of_another_size), cmocka_unit_test(runs_of_several_sizes),
        cmocka_unit_test(one_size_is_as_if_alone), cmocka_unit_test(other_sizes_allocate_nothing),
        cmocka_unit_test(sizes_refused),          cmocka_unit_test(runs_of_other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
