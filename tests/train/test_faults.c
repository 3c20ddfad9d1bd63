/* SPDX-License-Identifier: MIT */
/* Training, saving and resuming while system calls fail: each call in turn, in a new run and in a resumed one. Every
 * failure is an error with a sentence or changes nothing; no file stays open and no memory is lost; and the folder can
 * then be resumed to the bits of an undisturbed run. The same for each allocation of a resume. The functions below
 * (open, read, write, ...) replace those of the C library in this program alone. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "base/file.h"
#include "device/context.h"
#include "train/made.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- calls that fail --------------------------------------------------------------------------------------------- */

static struct {
    int calls;   /* counted since the run began */
    int fail_at; /* the call that fails; 0: none, calls are counted; -1: calls are not counted */
    int how;     /* its errno */
    const char *failed; /* name of the function that failed; NULL: none has */
} fault = {0, -1, 0, NULL};

static bool fails(const char *name)
{
    if (fault.fail_at < 0 || ++fault.calls != fault.fail_at) {
        return false;
    }
    errno = fault.how;
    fault.failed = name;
    return true;
}

/* Failures of these functions need not be reported: all data were written before. */
static bool is_harmless(const char *name)
{
    return strcmp(name, "close") == 0 || strcmp(name, "unlink") == 0;
}

/* The C library's function of that name, into a pointer to a function. */
static void find_real(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...);
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    find_real("open", &real);
    return fails("open") ? -1 : real(path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t count)
{
    ssize_t (*real)(int, void *, size_t);
    find_real("read", &real);
    return fails("read") ? -1 : real(file, bytes, count);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t);
    find_real("pread", &real);
    return fails("pread") ? -1 : real(file, bytes, count, offset);
}

/* A failing write writes half of its bytes first, as on a full disk. */
ssize_t write(int file, const void *bytes, size_t count)
{
    ssize_t (*real)(int, const void *, size_t);
    find_real("write", &real);
    if (fails("write")) {
        int how = errno;
        (void)!real(file, bytes, count / 2);
        errno = how;
        return -1;
    }
    return real(file, bytes, count);
}

/* Skips the real fsync(), for speed: these files need not survive a crash of the machine. */
int fsync(int file)
{
    (void)file;
    return fails("fsync") ? -1 : 0;
}

/* A failing close() still closes the file. */
int close(int file)
{
    int (*real)(int);
    find_real("close", &real);
    int how = fails("close") ? errno : 0, done = real(file);
    errno = how != 0 ? how : errno;
    return how != 0 ? -1 : done;
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);
    find_real("rename", &real);
    return fails("rename") ? -1 : real(from, to);
}

int unlink(const char *path)
{
    int (*real)(const char *);
    find_real("unlink", &real);
    return fails("unlink") ? -1 : real(path);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

enum { EPOCHS = 2 };

static int count_open_files(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (list != NULL && readdir(list) != NULL) {
        count++;
    }
    if (list != NULL) {
        closedir(list);
    }
    return count;
}

/* A run with every option that writes files: returns its status, writes the hash of the weights it leaves. With `how`
 * above 0 system call number `fail_at` fails with that errno; with `how` 0 allocation number `fail_at` fails. */
static int train_once(const char *folder, bool resume, int fail_at, int how, char hash[65])
{
    fov_context *context = test_context(1, 1);
    fov_dataset *data = made_data(context, "class", FOV_TRAIN);
    fov_model *model = made_row(context, 2);
    assert_fine(context, data != NULL && model != NULL);
    fov_train_options options = {.epochs = EPOCHS, .batch = 48, .ema = 0.9F, .optimizer = "adam", .tensorboard = true,
                                 .augment = "elastic, cutmix", .checkpoint_steps = 1, .directory = folder,
                                 .resume = resume, .overwrite = !resume};
    int files = count_open_files();
    size_t bytes = fov_context_memory(context).bytes;
    fault.calls = 0;
    fault.how = how;
    fault.failed = NULL;
    if (how > 0) {
        fault.fail_at = fail_at;
    } else {
        memory_fail_at(context->memory, (uint64_t)fail_at, false);
    }
    int status = fov_train_opt(model, data, &options);
    fault.fail_at = -1;
    memory_fail_at(context->memory, 0, false);
    assert_int_equal(count_open_files(), files);
    assert_true(status != FOV_OK || fault.failed == NULL || is_harmless(fault.failed));
    if (status != FOV_OK) {
        assert_int_equal(status, how > 0 ? FOV_E_IO : FOV_E_MEMORY);
        assert_int_equal(fov_error_status(context), status);
        assert_true(how == 0 || strstr(fov_error(context), folder) != NULL);
        fov_error_clear(context);
    }
    assert_fine(context, fov_model_hash(model, hash) == FOV_OK);
    fov_model_free(model);
    model = made_row(context, 2);
    assert_non_null(model);
    if (status != FOV_OK) { /* memory that a trained model keeps: other tests check it */
        assert_true(fov_context_memory(context).bytes <= bytes);
    }
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
    return status;
}

static void remove_run(const char *folder)
{
    static const char *const names[] = {"best.onnx",   "last.onnx",  "checkpoint.safetensors",
                                        "history.csv", "config.json", "events.out.tfevents.fovea"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(test_path(path, folder, names[i]));
    }
    assert_int_equal(rmdir(folder), 0); /* no temporary was left in it */
}

/* Resumes the run from its checkpoint, or begins it if there is none yet; either way it ends with the hash `wanted`. */
static void expect_whole(const char *folder, const char *wanted)
{
    char path[512], hash[65];
    bool there = file_exists(test_path(path, folder, "checkpoint.safetensors"));
    assert_int_equal(train_once(folder, there, 0, EIO, hash), FOV_OK);
    assert_string_equal(hash, wanted);
}

static void put(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The hash of an undisturbed run, and a checkpoint from the middle of one that an error interrupted. */
static char *make_checkpoint(const char *folder, char wanted[65], size_t *size)
{
    char path[512], hash[65], *bytes = NULL;
    int calls;
    assert_int_equal(train_once(folder, false, 0, EIO, wanted), FOV_OK);
    calls = fault.calls;
    assert_true(calls > 100); /* the library does call the functions above */
    for (int n = calls / 2; bytes == NULL; n++) { /* in the middle of the run */
        if (train_once(folder, false, n, EIO, hash) == FOV_E_IO) {
            bytes = test_read(test_path(path, folder, "checkpoint.safetensors"), size);
        }
    }
    return bytes;
}

static void calls_of_a_run(void **state)
{
    (void)state;
    static const int hows[] = {EIO, ENOSPC};
    char folder[256], wanted[65], hash[65];
    int failed = 0;
    test_folder(folder);
    assert_int_equal(train_once(folder, false, 0, EIO, wanted), FOV_OK);
    int calls = fault.calls;
    assert_true(calls > 100);
    for (int n = 1; n <= calls; n += n < 40 ? 1 : 5) {
        if (train_once(folder, false, n, hows[n % 2], hash) == FOV_OK) {
            assert_string_equal(hash, wanted); /* the failure did no harm */
        } else {
            failed++;
            expect_whole(folder, wanted);
        }
    }
    assert_true(failed > 30);
    remove_run(folder);
}

static void calls_of_a_resume(void **state)
{
    (void)state;
    char folder[256], path[512], wanted[65], hash[65];
    size_t size;
    int failed = 0;
    test_folder(folder);
    char *checkpoint = make_checkpoint(folder, wanted, &size);
    put(test_path(path, folder, "checkpoint.safetensors"), checkpoint, size);
    assert_int_equal(train_once(folder, true, 0, EIO, hash), FOV_OK);
    assert_string_equal(hash, wanted);
    int calls = fault.calls;
    assert_true(calls > 50);
    for (int n = 1; n <= calls; n += n < 40 ? 1 : 5) {
        put(path, checkpoint, size);
        if (train_once(folder, true, n, EIO, hash) == FOV_OK) {
            assert_string_equal(hash, wanted);
        } else {
            failed++;
            expect_whole(folder, wanted);
        }
    }
    assert_true(failed > 20);
    free(checkpoint);
    remove_run(folder);
}

static void allocations_of_a_resume(void **state)
{
    (void)state;
    char folder[256], path[512], wanted[65], hash[65];
    size_t size;
    int failed = 0;
    test_folder(folder);
    char *checkpoint = make_checkpoint(folder, wanted, &size);
    test_path(path, folder, "checkpoint.safetensors");
    for (int n = 1, through = 0; !through; n += n < 40 ? 1 : 7) {
        put(path, checkpoint, size);
        through = train_once(folder, true, n, 0, hash) == FOV_OK;
        failed += !through;
        if (through || n % 5 == 0) {
            expect_whole(folder, wanted);
        }
    }
    assert_true(failed > 40);
    free(checkpoint);
    remove_run(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calls_of_a_run), cmocka_unit_test(calls_of_a_resume),
                                       cmocka_unit_test(allocations_of_a_resume)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
