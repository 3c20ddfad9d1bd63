/* SPDX-License-Identifier: MIT */
/* Failures around training: every allocation fails once, the disk is full, two runs share a folder. The model is then
 * as it was, or trained; never in between. */
#include "base/file.h"
#include "device/context.h"
#include "train/helpers.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Lets the n-th request fail, for n = 1, 2, ... until the run gets through. */
static void fail_each_allocation(const fov_train_options *options)
{
    uint64_t n = 1;
    bool through = false;
    for (; !through; n += n < 40 ? 1 : 7) {
        fov_context *context = test_context(1, 1);
        fov_dataset *data = fov_dataset_open(context, "digits:12", FOV_TRAIN);
        fov_model *model = fov_model_network(context, "course-cnn", NULL);
        char before[65], after[65];
        assert_fine(context, data != NULL && model != NULL && fov_model_hash(model, before) == FOV_OK);
        memory_fail_at(context->memory, n, false);
        int status = fov_train_opt(model, data, options);
        memory_fail_at(context->memory, 0, false);
        through = status == FOV_OK;
        if (!through) {
            assert_int_equal(status, FOV_E_MEMORY);
            assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
            assert_true(strlen(fov_error(context)) > 10);
            fov_error_clear(context);
            assert_fine(context, fov_model_hash(model, after) == FOV_OK);
            if (options->directory == NULL) {
                assert_string_equal(before, after);
            }
        }
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
        assert_true(n < 100000);
    }
    assert_true(n > 20); /* training did allocate */
}

static void allocations(void **state)
{
    (void)state;
    char folder[256];
    fov_train_options options = {.epochs = 1, .batch = 8, .optimizer = "adam"};
    fail_each_allocation(&options);
    options.augment = "elastic, mosaic, random-resized-crop, auto-augment, cutmix, mixup:p=0.5";
    options.loader_threads = 1; /* the step that waits for a loader thread reports that thread's failed allocation */
    fail_each_allocation(&options);
    test_folder(folder);
    options.directory = folder;
    options.overwrite = true;
    fail_each_allocation(&options);
    test_folder_remove(folder);
    assert_int_not_equal(access(folder, F_OK), 0); /* no temporary was left in it */
}

/* In a child process, because the limit on file sizes holds for a whole process. */
static void full_disk(void **state)
{
    (void)state;
    char folder[256], path[512], command[400];
    struct test_run run = {.network = "course-cnn", .data = "digits:64", .seed = 1,
                           .options = {.epochs = 1, .augment = "elastic, cutmix", .ema = 0.9F}};
    test_folder(folder);
    run.options.directory = folder;
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    size_t size_before, size_after;
    char *before = test_read(test_path(path, folder, "checkpoint.safetensors"), &size_before);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {20000, 20000};
        signal(SIGXFSZ, SIG_IGN);
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 1});
        fov_dataset *data = fov_dataset_open(context, run.data, FOV_TRAIN);
        fov_model *model = fov_model_network(context, run.network, NULL);
        run.options.resume = true;
        run.options.epochs = 2;
        if (data == NULL || model == NULL || setrlimit(RLIMIT_FSIZE, &limit) != 0) {
            _exit(99);
        }
        int status = fov_train_opt(model, data, &run.options);
        int code = status == FOV_E_IO && strstr(fov_error(context), folder) != NULL ? 0 : 10 + status;
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
        free(before);
        _exit(code);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    char *after = test_read(path, &size_after);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_before);
    free(before);
    free(after);
    /* With space on the disk again the run goes on. */
    run.options.resume = true;
    run.options.epochs = 2;
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    snprintf(command, sizeof command, "ls '%s' | grep -q tmp", folder);
    assert_int_not_equal(system(command), 0); /* no temporary file is left */
    test_folder_remove(folder);
}

/* As test_train, but the run must fail with `status` and a sentence that contains `part`. */
static void assert_refused(const struct test_run *run, fov_status status, const char *part)
{
    fov_context *context = test_context(1, run->seed);
    fov_dataset *data = fov_dataset_open(context, run->data, FOV_TRAIN);
    fov_model *model = fov_model_network(context, run->network, NULL);
    assert_int_equal(fov_train_opt(model, data, &run->options), status);
    assert_non_null(strstr(fov_error(context), part));
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* While one run holds the folder's lock, another is refused, new or resumed, and changes nothing there. */
static void one_run_per_folder(void **state)
{
    (void)state;
    char folder[256], path[512];
    struct test_run run = {.network = "course-cnn", .data = "digits:64", .seed = 1, .options = {.epochs = 1}};
    struct error error = {0};
    size_t size_before, size_after;
    int lock;
    test_folder(folder);
    run.options.directory = folder;
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    char *before = test_read(test_path(path, folder, "checkpoint.safetensors"), &size_before);
    assert_int_equal(file_lock(folder, &lock, &error), FOV_OK);
    run.seed = 2;
    assert_refused(&run, FOV_E_IO, "another run is writing to it");
    run.options.resume = true;
    assert_refused(&run, FOV_E_IO, "another run is writing to it");
    file_unlock(lock);
    char *after = test_read(path, &size_after);
    assert_int_equal(size_after, size_before);
    assert_memory_equal(after, before, size_before);
    free(after);
    /* A new run does not replace a finished one either, unless .overwrite is set. */
    run.options.resume = false;
    assert_refused(&run, FOV_E_USAGE, "holds a run already");
    after = test_read(path, &size_after);
    assert_int_equal(size_after, size_before);
    assert_memory_equal(after, before, size_before);
    free(before);
    free(after);
    /* Each file of a run alone marks the folder as used; the leftovers of a run killed at its very beginning (a history
     * without a row) do not. */
    unlink(path);
    assert_refused(&run, FOV_E_USAGE, "best.onnx");
    unlink(test_path(path, folder, "best.onnx"));
    assert_refused(&run, FOV_E_USAGE, "history.csv");
    unlink(test_path(path, folder, "history.csv"));
    unlink(test_path(path, folder, "config.json"));
    assert_refused(&run, FOV_E_USAGE, "last.onnx");
    run.options.overwrite = true;
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    run.options.overwrite = false;
    unlink(test_path(path, folder, "best.onnx"));
    unlink(test_path(path, folder, "checkpoint.safetensors"));
    char *history = test_read(test_path(path, folder, "history.csv"), NULL);
    FILE *file = fopen(path, "wb");
    assert_true(file != NULL && fwrite(history, 1, strcspn(history, "\n") + 1, file) > 0 && fclose(file) == 0);
    free(history);
    assert_int_equal(test_train(&run, NULL), FOV_OK);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(allocations), cmocka_unit_test(full_disk),
                                       cmocka_unit_test(one_run_per_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
