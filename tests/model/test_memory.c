/* SPDX-License-Identifier: MIT */
/* Models, weights and pictures in memory: a buffer holds the bytes that a file would; damage is an error; a buffer may
 * be freed as soon as it was read; and a pipe is read to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include "device/context.h"
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_fine(context, ok)                        \
    do {                                                \
        if (!(ok)) {                                    \
            fail_msg("%s: %s", #ok, fov_error(context)); \
        }                                               \
    } while (0)

static const char *file_in(char path[512], const char *name)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, 512, "%s/fovea-memory-%ld-%s", folder != NULL ? folder : "/tmp", (long)getpid(), name);
    return path;
}

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 22);
    *size = fread(bytes, 1, 1 << 22, file);
    fclose(file);
    return bytes;
}

static void models_and_weights(void **state)
{
    (void)state;
    char path[512], hex[65], again[65];
    size_t size;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    fov_buffer buffer, weights;
    assert_fine(context, fov_model_hash(model, hex) == FOV_OK);
    assert_fine(context, fov_model_save_memory(model, 0, &buffer) == FOV_OK);
    assert_fine(context, fov_model_save(model, file_in(path, "model.onnx")) == FOV_OK);
    void *file = read_file(path, &size);
    assert_int_equal(size, buffer.size);
    assert_memory_equal(file, buffer.bytes, size);
    free(file);

    /* The buffer is overwritten before the model is used. */
    fov_model *loaded = fov_model_load_memory(context, buffer.bytes, buffer.size);
    assert_fine(context, loaded != NULL);
    assert_null(fov_model_load_memory(context, buffer.bytes, buffer.size / 2));
    assert_int_equal(fov_error_status(context), FOV_E_INPUT);
    fov_error_clear(context);
    memset(buffer.bytes, 0, buffer.size);
    fov_buffer_free(&buffer);
    fov_buffer_free(&buffer);
    assert_fine(context, fov_model_hash(loaded, again) == FOV_OK);
    assert_string_equal(hex, again);

    assert_fine(context, fov_model_save_weights_memory(model, &weights) == FOV_OK);
    assert_fine(context, fov_model_save_weights(model, path) == FOV_OK);
    file = read_file(path, &size);
    assert_int_equal(size, weights.size);
    assert_memory_equal(file, weights.bytes, size);
    free(file);
    fov_context *other_context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 4});
    fov_model *other = fov_model_network(other_context, "lenet5", NULL);
    assert_fine(other_context, fov_model_load_weights_memory(other, weights.bytes, weights.size) == FOV_OK);
    assert_fine(other_context, fov_model_hash(other, again) == FOV_OK);
    assert_string_equal(hex, again);
    assert_int_equal(fov_model_load_weights_memory(other, weights.bytes, weights.size - 1), FOV_E_INPUT);
    fov_model_free(other);
    fov_context_free(other_context);

    /* NULL and empty arguments. */
    assert_int_equal(fov_model_save_memory(NULL, 0, &buffer), FOV_E_USAGE);
    assert_int_equal(fov_model_save_memory(model, 0, NULL), FOV_E_USAGE);
    assert_null(fov_model_load_memory(NULL, "", 0));
    fov_error_clear(context);
    assert_null(fov_model_load_memory(context, NULL, 0));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_error_clear(context);
    assert_null(fov_model_load_memory(context, "", 0));
    assert_int_equal(fov_error_status(context), FOV_E_INPUT);
    fov_buffer_free(&weights);
    fov_buffer_free(NULL);
    fov_model_free(loaded);
    fov_model_free(model);
    fov_context_free(context);
    unlink(path);
}

/* Single allocations fail in turn: a failure leaves an empty buffer and an error sentence. */
static void memory_may_run_out(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    bool done = false;
    for (uint64_t n = 1; !done && n < 10000; n += 1 + n / 8) {
        fov_buffer buffer = {.size = 7};
        memory_fail_at(context->memory, n, false);
        int status = fov_model_save_memory(model, 0, &buffer);
        memory_fail_at(context->memory, 0, false);
        done = status == FOV_OK;
        assert_true(done || (status == FOV_E_MEMORY && buffer.bytes == NULL && *fov_error(context) != '\0'));
        fov_buffer_free(&buffer);
        fov_error_clear(context);
    }
    assert_true(done);
    fov_model_free(model);
    fov_context_free(context);
}

static void pictures(void **state)
{
    (void)state;
    char path[512];
    uint8_t pixels[5 * 4 * 3];
    size_t size;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 4);
    }
    int saved = fov_image_save_png(context, file_in(path, "picture.png"), 5, 4, 3, pixels);
    if (saved == FOV_E_UNSUPPORTED) {
        fov_context_free(context);
        skip();
    }
    void *file = read_file(path, &size);
    fov_image image;
    assert_fine(context, fov_image_decode(context, file, size, 0, &image) == FOV_OK);
    assert_true(image.height == 5 && image.width == 4 && image.channels == 3);
    assert_memory_equal(image.pixels, pixels, sizeof pixels);
    fov_image_free(&image);
    assert_int_equal(fov_image_decode(context, file, size / 2, 0, &image), FOV_E_INPUT);
    fov_error_clear(context);
    assert_int_equal(fov_image_decode(context, file, 0, 0, &image), FOV_E_INPUT);
    assert_int_equal(fov_image_decode(context, NULL, 0, 0, &image), FOV_E_USAGE);
    assert_int_equal(fov_image_decode(NULL, file, size, 0, &image), FOV_E_USAGE);
    free(file);
    unlink(path);
    fov_context_free(context);
}

/* A pipe under its name in /dev/fd, as shells pass it. */
static void pipes(void **state)
{
    (void)state;
    char path[64];
    int ends[2];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    fov_model *model = fov_model_network(context, "course-cnn-8490", NULL);
    fov_buffer buffer;
    assert_fine(context, fov_model_save_memory(model, 0, &buffer) == FOV_OK);
    assert_true(buffer.size < 60000); /* fits into a pipe without a reader */
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], buffer.bytes, buffer.size), buffer.size);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    fov_model *loaded = fov_model_load(context, path);
    assert_fine(context, loaded != NULL);
    fov_model_free(loaded);
    assert_null(fov_model_load(context, path)); /* the pipe is empty now */
    close(ends[0]);
    fov_error_clear(context);
    assert_null(fov_model_load(context, "/dev/fd/98765"));
    assert_int_equal(fov_error_status(context), FOV_E_IO);
    fov_buffer_free(&buffer);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_and_weights),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(pictures),
        cmocka_unit_test(pipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
