/* SPDX-License-Identifier: MIT */
/* The last batch of an epoch: a single sample, which batch norm cannot normalise, is left out with a warning;
 * .drop_last leaves out every smaller batch; otherwise a smaller batch is used. Counts of steps, history and weights
 * follow. */
#include "train/helpers.h"
#include <stdio.h>
#include <string.h>

/* Batch norm over single pixels: alone, a sample has no variance. */
static fov_model *build(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = {4, {FOV_BATCH, 1, 28, 28}});
    fov_value y = fov_conv2d(g, x, .filters = 4, .kernel = 7, .stride = 7);
    y = fov_relu(g, fov_batch_norm(g, fov_global_avg_pool(g, y)));
    y = fov_dense(g, fov_flatten(g, y), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

struct counted {
    int64_t steps, per_epoch;
    int warnings;
};

static int count_step(const fov_progress *progress, void *user)
{
    struct counted *counted = user;
    counted->steps = progress->total_step;
    counted->per_epoch = progress->steps;
    return 0;
}

static void count_warning(void *user, fov_log_level level, const char *message)
{
    struct counted *counted = user;
    counted->warnings += level == FOV_LOG_WARNING && strstr(message, "is left out") != NULL;
}

static int run(const char *data, int batch, bool drop_last, struct counted *counted, char sentence[300])
{
    *counted = (struct counted){0};
    fov_context *context =
        fov_context_create(&(fov_context_options){.threads = 1, .log = count_warning, .log_user = counted});
    fov_dataset *digits = fov_dataset_open(context, data, FOV_TRAIN);
    fov_model *model = build(context);
    int status = fov_train(model, digits, .epochs = 2, .batch = batch, .drop_last = drop_last, .on_step = count_step,
                           .user = counted);
    snprintf(sentence, 300, "%s", fov_error(context));
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
    return status;
}

static void steps(void **state)
{
    (void)state;
    struct counted counted;
    char said[300];
    assert_int_equal(run("digits:9", 8, false, &counted, said), FOV_OK);
    assert_int_equal(counted.per_epoch, 1);
    assert_int_equal(counted.steps, 2);
    assert_int_equal(counted.warnings, 1);
    assert_int_equal(run("digits:10", 8, false, &counted, said), FOV_OK); /* two samples have a variance */
    assert_true(counted.per_epoch == 2 && counted.steps == 4 && counted.warnings == 0);
    assert_int_equal(run("digits:10", 8, true, &counted, said), FOV_OK);
    assert_true(counted.per_epoch == 1 && counted.steps == 2 && counted.warnings == 0);
    assert_int_equal(run("digits:9", 8, true, &counted, said), FOV_OK);
    assert_true(counted.per_epoch == 1 && counted.warnings == 0);
    assert_int_equal(run("digits:9", 20, true, &counted, said), FOV_OK); /* the only batch of an epoch is kept */
    assert_true(counted.per_epoch == 1 && counted.steps == 2);
    assert_int_equal(run("digits:9", 1, false, &counted, said), FOV_E_SHAPE);
    assert_non_null(strstr(said, "use a larger batch"));
    assert_int_equal(run("digits:1", 8, false, &counted, said), FOV_E_SHAPE);
}

static int stop_in_the_second_epoch(const fov_progress *progress, void *user)
{
    (void)user;
    return progress->total_step == 6;
}

/* With a sample left out: the same bits for any number of threads, and after resuming a run that was stopped. */
static void same_bits(void **state)
{
    (void)state;
    char whole[256], parts[256], first[65], second[65];
    test_folder(whole);
    test_folder(parts);
    struct test_run one = {
        .build = build,
        .data = "digits:33",
        .threads = 1,
        .seed = 3,
        .validate = true,
        .options = {.epochs = 3, .batch = 8, .momentum = 0.9f, .schedule = "cosine", .directory = whole}};
    assert_int_equal(test_train(&one, first), FOV_OK);
    struct test_run two = one;
    two.threads = 3;
    two.options.directory = parts;
    two.options.epochs = 3;
    assert_int_equal(test_train(&two, second), FOV_OK);
    assert_string_equal(first, second);
    test_same_run(whole, parts);
    test_folder_remove(parts);
    test_folder(parts);
    two.options.checkpoint_steps = 2;
    two.options.on_step = stop_in_the_second_epoch;
    assert_int_equal(test_train(&two, second), FOV_E_INTERRUPTED);
    assert_string_not_equal(first, second);
    two.options.on_step = NULL;
    two.options.resume = true;
    assert_int_equal(test_train(&two, second), FOV_OK);
    assert_string_equal(first, second);
    test_same_run(whole, parts);
    test_folder_remove(whole);
    test_folder_remove(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps), cmocka_unit_test(same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
