/* SPDX-License-Identifier: MIT */
/* The calls of fovea/filter.h as a program makes them: the list of filters is complete and every example in it works, a
 * kernel of one's own is the sum that the header states, the patch of a pixel is what that sum reads, results become
 * pixels, and a sheet of all filters is drawn. SciPy's figures: test_filters.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/temporary.h"
#include <fovea/dataset.h>
#include <fovea/filter.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { H = 5, W = 6, C = 3, ROWS = 3, COLUMNS = 5 };

static void fill(float picture[H * W * C])
{
    for (int i = 0; i < H * W * C; i++) {
        picture[i] = (float)(i * i % 251);
    }
}

static void every_filter_has_an_example(void **state)
{
    (void)state;
    float picture[H * W * C], result[H * W * C];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fill(picture);
    assert_true(fov_filter_count() >= 20);
    for (int i = 0; i < fov_filter_count(); i++) {
        const char *name = fov_filter_name(i), *example = fov_filter_example(i);
        assert_true(*name != '\0' && *fov_filter_summary(i) != '\0');
        assert_int_equal(strncmp(example, name, strlen(name)), 0);
        assert_true((strlen(example) > strlen(name)) == (*fov_filter_size(i) != '\0'));
        if (fov_filter(context, example, picture, H, W, C, FOV_BORDER_REFLECT, result) != FOV_OK) {
            fail_msg("%s: %s", example, fov_error(context));
        }
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(fov_filter_name(k), name);
        }
    }
    fov_context_free(context);
}

/* For each border and each pixel: the result is the patch times the kernel, and the patch has the picture's numbers. */
static void kernels_of_a_program(void **state)
{
    (void)state;
    static const fov_border borders[] = {FOV_BORDER_REFLECT, FOV_BORDER_MIRROR, FOV_BORDER_EDGE, FOV_BORDER_ZERO};
    static const float left_of_row[][2] = {
        {0, 1}, {1, 2}, {0, 0}, {-1, -1}}; /* columns -1 and -2 by border; -1: zero */
    float picture[H * W * C], result[H * W * C], kernel[ROWS * COLUMNS], patch[ROWS * COLUMNS];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fill(picture);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        kernel[i] = (float)(i * 5 % 7) - 3;
    }
    for (int b = 0; b < 4; b++) {
        assert_int_equal(fov_filter_convolve(context, kernel, ROWS, COLUMNS, picture, H, W, C, borders[b], result),
                         FOV_OK);
        for (int i = 0; i < H * W * C; i++) {
            int y = i / C / W, x = i / C % W;
            double sum = 0;
            fov_filter_patch(picture, H, W, C, y, x, i % C, ROWS, COLUMNS, borders[b], patch);
            for (int k = 0; k < ROWS * COLUMNS; k++) {
                sum += (double)kernel[k] * (double)patch[k];
            }
            assert_true(fabs(sum - (double)result[i]) < 1e-2);
            assert_true(patch[COLUMNS + COLUMNS / 2] == picture[i]); /* the middle */
        }
        fov_filter_patch(picture, H, W, C, 2, 0, 1, ROWS, COLUMNS, borders[b], patch);
        for (int k = 0; k < 2; k++) { /* the two numbers to the left of the picture, in the pixel's own row */
            int column = (int)left_of_row[b][k];
            float wanted = column < 0 ? 0 : picture[(2 * W + column) * C + 1];
            assert_true(patch[COLUMNS + 1 - k] == wanted);
        }
    }
    assert_int_equal(fov_filter_convolve(context, kernel, 2, COLUMNS, picture, H, W, C, FOV_BORDER_ZERO, result),
                     FOV_E_USAGE);
    fov_context_free(context);
}

static void results_become_pixels(void **state)
{
    (void)state;
    static const float result[] = {-300, -1.25F, 0.5F, 2.4F, 2.6F, 254.7F, 300};
    static const uint8_t clipped[] = {0, 0, 0, 2, 3, 255, 255}, absolute[] = {255, 1, 0, 2, 3, 255, 255};
    uint8_t pixels[7];
    fov_context *context = fov_context_create(NULL);
    for (int way = 0; way < 2; way++) {
        assert_int_equal(fov_filter_pixels(context, way == 0 ? "gauss-sigma1" : "sobel-x", result, 7, pixels), FOV_OK);
        for (int i = 0; i < 7; i++) {
            int wanted = (way == 0 ? clipped : absolute)[i];
            assert_true(pixels[i] == wanted || (i == 2 && pixels[i] == 1)); /* a half may go either way */
        }
    }
    assert_int_equal(fov_filter_pixels(context, "sobel-q", result, 7, pixels), FOV_E_USAGE);
    fov_context_free(context);
}

static void sheet_of_all(void **state)
{
    (void)state;
    uint8_t pixels[24 * 32 * 3];
    char path[TEMPORARY_PATH];
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 7);
    }
    fov_context *context = fov_context_create(NULL);
    int status = fov_filter_sheet(context, pixels, 24, 32, 3, FOV_BORDER_EDGE, temporary_file(path, ".png"));
    if (status != FOV_E_UNSUPPORTED) { /* built without cairo */
        fov_image image;
        assert_int_equal(status, FOV_OK);
        assert_int_equal(fov_image_load(context, path, 3, &image), FOV_OK);
        assert_true(image.height * image.width > fov_filter_count() * 24 * 32);
        fov_image_free(&image);
        fov_error_clear(context);
        assert_int_equal(fov_filter_sheet(context, pixels, 24, 0, 3, FOV_BORDER_EDGE, path), FOV_E_USAGE);
    }
    remove(path);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_has_an_example),
        cmocka_unit_test(kernels_of_a_program),
        cmocka_unit_test(results_become_pixels),
        cmocka_unit_test(sheet_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
