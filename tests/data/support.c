/* SPDX-License-Identifier: MIT */
/* Helpers of the data tests; see support.h. */
#include "data/support.h"
#include "support/temporary.h"
#include <sys/stat.h>
#include <unistd.h>

int folder_make(void **state)
{
    char path[TEMPORARY_PATH];
    *state = strdup(temporary_folder(path));
    return *state ? 0 : -1;
}

int folder_remove(void **state)
{
    temporary_remove(*state);
    free(*state);
    return 0;
}

const char *path_in(void **state, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    for (char *slash = path + strlen(*state) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    return path;
}

void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

uint8_t *get_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    assert_true(end >= 0);
    rewind(file);
    uint8_t *bytes = malloc((size_t)end + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)end, file), (size_t)end);
    fclose(file);
    *size = (size_t)end;
    return bytes;
}

const char *shared_path(const char *name)
{
    static char path[1024];
    const char *shared = getenv("FOVEA_SHARED");
    snprintf(path, sizeof path, "%s/%s", shared && *shared ? shared : "../shared", name);
    if (access(path, R_OK) != 0) {
        print_message("SKIPPED: %s is not there\n", path);
        skip();
    }
    return path;
}

void put_idx(const char *path, int rank, const uint32_t *dim, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    uint8_t head[16] = {0, 0, 8, (uint8_t)rank};
    assert_non_null(file);
    for (int i = 0; i < rank; i++) {
        for (int b = 0; b < 4; b++) {
            head[4 + 4 * i + b] = (uint8_t)(dim[i] >> (24 - 8 * b));
        }
    }
    assert_int_equal(fwrite(head, 1, 4 + 4 * (size_t)rank, file), 4 + 4 * (size_t)rank);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void put_mnist(void **state, uint32_t count)
{
    size_t size = (size_t)count * 784;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (int split = 0; split < 2; split++) {
        char name[64];
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(i * 31 + i / 784 * 7 + (size_t)split);
        }
        snprintf(name, sizeof name, "%s-images-idx3-ubyte", split ? "t10k" : "train");
        put_idx(path_in(state, name), 3, (const uint32_t[]){count, 28, 28}, bytes, size);
        for (size_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)(i % 10);
        }
        snprintf(name, sizeof name, "%s-labels-idx1-ubyte", split ? "t10k" : "train");
        put_idx(path_in(state, name), 1, &count, bytes, count);
    }
    free(bytes);
}

fov_context *make_context(int threads)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads});
    assert_non_null(context);
    assert_string_equal(fov_error(context), "");
    return context;
}

void refuse(const char *source, fov_split split, fov_status status, const char *part)
{
    fov_context *context = make_context(1);
    fov_dataset *dataset = fov_dataset_open(context, source, split);
    assert_null(dataset);
    if (strstr(fov_error(context), part) == NULL) {
        print_message("expected \"%s\" in: %s\n", part, fov_error(context));
    }
    assert_non_null(strstr(fov_error(context), part));
    assert_int_equal(fov_error_status(context), status);
    fov_context_free(context);
}
