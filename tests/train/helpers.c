/* SPDX-License-Identifier: MIT */
/* Folders, files and runs for the tests of training. */
#include "train/helpers.h"
#include "support/temporary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef FOVEA_SOURCE_DIR
#define FOVEA_SOURCE_DIR "." /* tests run in the source root */
#endif

fov_context *test_context(int threads, uint64_t seed)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .seed = seed});
    assert_non_null(context);
    assert_string_equal(fov_error(context), "");
    return context;
}

void test_folder(char out[256])
{
    temporary_folder(out);
}

void test_folder_remove(const char *folder)
{
    temporary_remove(folder);
}

const char *test_path(char out[512], const char *folder, const char *name)
{
    snprintf(out, 512, "%s/%s", folder, name);
    return out;
}

char *test_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    size_t used = 0, room = 1 << 16;
    char *text = malloc(room + 1);
    if (file == NULL) {
        fail_msg("%s is not there", path);
    }
    for (size_t more; text != NULL && (more = fread(text + used, 1, room - used, file)) > 0;) {
        used += more;
        if (used == room) {
            room *= 2;
            text = realloc(text, room + 1);
        }
    }
    assert_non_null(text);
    fclose(file);
    text[used] = '\0';
    if (size != NULL) {
        *size = used;
    }
    return text;
}

char *test_history(const char *folder)
{
    char path[512], *text = test_read(test_path(path, folder, "history.csv"), NULL), *to = text;
    int column = 0;
    for (const char *from = text; *from != '\0'; from++) {
        column = *from == '\n' ? 0 : column + (*from == ',');
        if (column != 1) {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

void test_same_run(const char *a, const char *b)
{
    static const char *const files[] = {"last.onnx", "best.onnx"};
    char path[512], *left = test_history(a), *right = test_history(b);
    assert_string_equal(left, right);
    free(left);
    free(right);
    for (int i = 0; i < 2; i++) {
        size_t left_size, right_size;
        left = test_read(test_path(path, a, files[i]), &left_size);
        right = test_read(test_path(path, b, files[i]), &right_size);
        assert_int_equal(left_size, right_size);
        assert_memory_equal(left, right, left_size);
        free(left);
        free(right);
    }
}

int test_train(const struct test_run *run, char hash[65])
{
    fov_context *context = test_context(run->threads, run->seed);
    fov_dataset *train = fov_dataset_open(context, run->data, FOV_TRAIN);
    fov_dataset *test = run->validate ? fov_dataset_open(context, run->data, FOV_TEST) : NULL;
    fov_model *model = run->build != NULL ? run->build(context) : fov_model_network(context, run->network, NULL);
    assert_fine(context, train != NULL && model != NULL && (test != NULL || !run->validate));
    fov_train_options options = run->options;
    options.validate = test;
    int status = fov_train_opt(model, train, &options);
    if (status != FOV_OK && status != FOV_E_INTERRUPTED) {
        fail_msg("training: %s", fov_error(context));
    }
    fov_error_clear(context);
    if (hash != NULL) {
        assert_fine(context, fov_model_hash(model, hash) == FOV_OK);
    }
    fov_model_free(model);
    fov_dataset_free(test);
    fov_dataset_free(train);
    assert_int_equal(fov_context_memory(context).bytes > 0, 1);
    fov_context_free(context);
    return status;
}

const char *test_shared(char out[512], const char *path)
{
    const char *shared = getenv("FOVEA_SHARED");
    struct stat found;
    snprintf(out, 512, "%.250s/%.200s", shared != NULL ? shared : FOVEA_SOURCE_DIR "/../shared", path);
    return stat(out, &found) == 0 ? out : NULL;
}
