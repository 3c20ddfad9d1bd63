/* SPDX-License-Identifier: MIT */
/* Pictures from NumPy's arrays: every shape of uint8 and of floats, which dimension is that of channels, several pictures
 * in one file, Fortran's order, and what is refused. Floats go into a network as they are, to the bit. */
#include "support.h"
#include <fovea/array.h>
#include <fovea/fovea.h>
#include <math.h>
#include <unistd.h>

enum { H = 5, W = 6, C = 3, N = 4 };

static const char *save(void **state, fov_context *context, fov_dtype dtype, fov_shape shape, const void *data)
{
    const char *path = path_in(state, "array.npy");
    assert_int_equal(fov_array_save_npy(context, path, dtype, &shape, data), FOV_OK);
    return path;
}

/* The same uint8 numbers as pixels, whatever the order of dimensions. */
static void test_pixels(void **state)
{
    uint8_t last[H * W * C], first[H * W * C];
    for (int i = 0; i < H * W * C; i++) {
        last[i] = (uint8_t)(3 * i + 1);
        first[i % C * H * W + i / C] = last[i];
    }
    fov_context *context = make_context(1);
    const struct {
        fov_shape shape;
        const uint8_t *data;
        int height, width, channels;
    } cases[] = {{FOV_SHAPE(H, W, C), last, H, W, C},     {FOV_SHAPE(C, H, W), first, H, W, C},
                 {FOV_SHAPE(1, H, W, C), last, H, W, C},  {FOV_SHAPE(1, C, H, W), first, H, W, C},
                 {FOV_SHAPE(H, W * C), last, H, W * C, 1}, {FOV_SHAPE(1, H, W * C), last, H, W * C, 1},
                 {FOV_SHAPE(3, H * W, 1), last, 3, H * W, 1} /* both could be channels: the last is */};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = save(state, context, FOV_U8, cases[i].shape, cases[i].data);
        for (int way = 0; way < 2; way++) {
            fov_image image;
            assert_int_equal(way == 0 ? fov_image_load(context, path, 0, &image)
                                      : fov_image_load_input(context, path, 0, &image),
                             FOV_OK);
            assert_int_equal(image.height, cases[i].height);
            assert_int_equal(image.width, cases[i].width);
            assert_int_equal(image.channels, cases[i].channels);
            assert_null(image.values);
            assert_memory_equal(image.pixels, last, sizeof last);
            fov_image_free(&image);
        }
    }
    fov_image grey;
    assert_int_equal(
        fov_image_load(context, save(state, context, FOV_U8, (fov_shape)FOV_SHAPE(H, W, C), last), 1, &grey), FOV_OK);
    assert_int_equal(grey.channels, 1);
    assert_int_equal(grey.pixels[0], (299 * 1 + 587 * 4 + 114 * 7 + 500) / 1000);
    fov_image_free(&grey);
    int ends[2]; /* a pipe is read once, to its end */
    uint8_t *bytes, block[500];
    size_t size;
    bytes = get_file(path_in(state, "array.npy"), &size);
    assert_true(size < sizeof block && pipe(ends) == 0 && write(ends[1], bytes, size) == (ssize_t)size);
    close(ends[1]);
    char name[40];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_int_equal(fov_image_load_input(context, name, 0, &grey), FOV_OK);
    assert_memory_equal(grey.pixels, last, sizeof last);
    fov_image_free(&grey);
    close(ends[0]);
    free(bytes);
    fov_context_free(context);
}

/* Several pictures: each by its number, and no further one. */
static void test_several(void **state)
{
    float numbers[N * C * H * W];
    for (int i = 0; i < N * C * H * W; i++) {
        numbers[i] = (float)i / 7 - 10;
    }
    fov_context *context = make_context(1);
    const char *path = save(state, context, FOV_F32, (fov_shape)FOV_SHAPE(N, C, H, W), numbers);
    assert_int_equal(fov_image_count(context, path), N);
    for (int n = 0; n < N; n++) {
        fov_image image;
        assert_int_equal(fov_image_load_input(context, path, n, &image), FOV_OK);
        assert_memory_equal(image.values, numbers + n * C * H * W, C * H * W * sizeof *numbers);
        assert_int_equal(image.pixels[0], 0); /* from the least number to the greatest */
        assert_int_equal(image.pixels[C * H * W - 1], 255);
        fov_image_free(&image);
    }
    const int64_t beyond[] = {-1, N, INT64_MAX};
    for (int i = 0; i < 3; i++) {
        fov_image image;
        assert_int_equal(fov_image_load_input(context, path, beyond[i], &image), FOV_E_USAGE);
        assert_null(image.pixels);
        fov_error_clear(context);
    }
    fov_image one;
    assert_int_equal(fov_image_load(context, path, 0, &one), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "holds 4 pictures, where one is read"));
    fov_error_clear(context);
    path = path_in(state, "p.png");
    uint8_t pixel = 7;
    assert_int_equal(fov_image_save_png(context, path, 1, 1, 1, &pixel), FOV_OK);
    assert_int_equal(fov_image_count(context, path), 1);
    assert_int_equal(fov_image_load_input(context, path, 0, &one), FOV_OK);
    assert_int_equal(one.pixels[0], 7);
    fov_image_free(&one);
    assert_int_equal(fov_image_load_input(context, path, 1, &one), FOV_E_USAGE);
    fov_error_clear(context);
    assert_int_equal(fov_image_count(context, path_in(state, "absent.npy")), 1);
    assert_int_equal(fov_image_load_input(context, path_in(state, "absent.npy"), 0, &one), FOV_E_IO);
    fov_context_free(context);
}

/* Fortran's order and big-endian numbers are those of the same array. */
static void test_orders(void **state)
{
    static const char header[] = "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 1, 2, 3), }";
    uint8_t file[10 + 118 + 12 * 8] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0};
    memset(file + 10, ' ', 117);
    file[127] = '\n';
    memcpy(file + 10, header, sizeof header - 1);
    for (int i = 0; i < 12; i++) { /* element (n, 0, y, x) lies at n + 2 (y + 2 x) and is 100 n + 10 y + x */
        int n = i % 2, y = i / 2 % 2, x = i / 4;
        double number = 100 * n + 10 * y + x;
        uint8_t bytes[8];
        memcpy(bytes, &number, 8);
        for (int b = 0; b < 8; b++) {
            file[128 + 8 * i + b] = bytes[7 - b];
        }
    }
    put_file(path_in(state, "f.npy"), file, sizeof file);
    fov_context *context = make_context(1);
    for (int n = 0; n < 2; n++) {
        fov_image image;
        assert_int_equal(fov_image_load_input(context, path_in(state, "f.npy"), n, &image), FOV_OK);
        assert_int_equal(image.height, 2);
        assert_int_equal(image.width, 3);
        for (int i = 0; i < 6; i++) {
            assert_true(image.values[i] == (float)(100 * n + 10 * (i / 3) + i % 3));
        }
        fov_image_free(&image);
    }
    fov_context_free(context);
}

static void test_refused(void **state)
{
    static const int32_t zeros[64] = {0};
    static const struct {
        fov_dtype dtype;
        fov_shape shape;
        const char *part;
    } cases[] = {
        {FOV_I64, FOV_SHAPE(4, 4), "an array of i64"},
        {FOV_BOOL, FOV_SHAPE(4, 4), "an array of bool"},
        {FOV_F32, FOV_SHAPE(16), "is no picture"},
        {FOV_U8, FOV_SHAPE(2, 4, 5), "is no picture"},
        {FOV_F32, FOV_SHAPE(1, 1, 3, 2, 2), "is no picture"},
        {FOV_F32, FOV_SHAPE(0, 3, 2, 2), "holds no pixels"},
        {FOV_U8, FOV_SHAPE(3, 0, 2), "holds no pixels"},
    };
    fov_context *context = make_context(1);
    fov_image image;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = save(state, context, cases[i].dtype, cases[i].shape, zeros);
        assert_int_equal(fov_image_load_input(context, path, 0, &image), FOV_E_INPUT);
        if (strstr(fov_error(context), cases[i].part) == NULL || strstr(fov_error(context), "array.npy") == NULL) {
            fail_msg("\"%s\" has no \"%s\"", fov_error(context), cases[i].part);
        }
        fov_error_clear(context);
    }
    const char *path = save(state, context, FOV_F32, (fov_shape)FOV_SHAPE(3, 2, 2), zeros);
    assert_int_equal(fov_image_load(context, path, 0, &image), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "an array of f32 is a network's input"));
    fov_error_clear(context);
    size_t size;
    uint8_t *bytes = get_file(path, &size);
    for (size_t cut = 6; cut < size; cut++) {
        put_file(path_in(state, "cut.npy"), bytes, cut);
        assert_int_equal(fov_image_count(context, path_in(state, "cut.npy")), 0);
        assert_int_equal(fov_image_load_input(context, path_in(state, "cut.npy"), 0, &image), FOV_E_INPUT);
        assert_null(image.pixels);
        fov_error_clear(context);
    }
    free(bytes);
    fov_context_free(context);
}

/* Any byte of the header inverted: a picture, or an error and nothing to free. */
static void test_damaged(void **state)
{
    static const uint8_t zeros[2 * 3 * 4 * 5] = {0};
    fov_context *context = make_context(1);
    size_t size, before = fov_context_memory(context).bytes;
    int refused = 0;
    uint8_t *bytes = get_file(save(state, context, FOV_U8, (fov_shape)FOV_SHAPE(2, 3, 4, 5), zeros), &size);
    for (size_t i = 0; i < 128; i++) {
        for (int bit = 0; bit < 8; bit++) {
            fov_image image;
            bytes[i] ^= (uint8_t)(1 << bit);
            put_file(path_in(state, "flipped.npy"), bytes, size);
            bytes[i] ^= (uint8_t)(1 << bit);
            int64_t count = fov_image_count(context, path_in(state, "flipped.npy"));
            fov_error_clear(context);
            int status =
                fov_image_load_input(context, path_in(state, "flipped.npy"), count > 0 ? count - 1 : 0, &image);
            assert_true(status == FOV_OK ? image.pixels != NULL : image.pixels == NULL && *fov_error(context) != '\0');
            refused += status != FOV_OK;
            fov_image_free(&image);
            fov_error_clear(context);
        }
    }
    assert_true(refused > 300);
    assert_int_equal(fov_context_memory(context).bytes, before);
    free(bytes);
    fov_context_free(context);
}

/* Numbers of an array reach the network as they are, in both layouts, alone and beside pictures; of another size they are
   refused. What is seen is the picture that the preprocessing would have made of them. */
static void test_into_a_network(void **state)
{
    enum { CLASSES = 2 };
    for (int is_last = 0; is_last < 2; is_last++) {
        fov_context *context = make_context(2);
        fov_model *model = fov_model_create(context);
        fov_graph *g = fov_model_graph(model);
        fov_value x = is_last ? fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, H, W, C))
                              : fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, C, H, W));
        fov_value y = fov_dense(g, fov_flatten(g, x), .units = CLASSES, .name = "y");
        assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
        fov_model_set_preprocessing(model, &(fov_preprocessing){.mean = {0.5F, 0.25F, 0}, .deviation = {0.5F, 1, 2}});
        float numbers[C * H * W], wanted[CLASSES], got[2 * CLASSES];
        for (int i = 0; i < C * H * W; i++) {
            numbers[i] = (float)(i % 7) / 5 - 1;
        }
        numbers[4] = NAN;
        fov_image image, seen;
        assert_int_equal(fov_image_load_input(
                             context, save(state, context, FOV_F32, (fov_shape)FOV_SHAPE(C, H, W), numbers), 0, &image),
                         FOV_OK);
        assert_int_equal(fov_predict_image(model, &image, got, CLASSES), FOV_E_NUMERIC);
        fov_error_clear(context);
        assert_int_equal(fov_model_see(model, &image, &seen), FOV_OK);
        assert_int_equal(seen.pixels[4 * C], 0); /* NaN */
        assert_int_equal(seen.pixels[0], 0);     /* -1 * 0.5 + 0.5 */
        fov_image_free(&seen);
        image.values[4] = numbers[4] = 0.75F;
        assert_int_equal(fov_predict(model, numbers, 1, wanted, CLASSES), FOV_OK);
        uint8_t grey[4] = {9, 8, 7, 6};
        const fov_image both[] = {image, {.height = 2, .width = 2, .channels = 1, .pixels = grey}};
        assert_int_equal(fov_predict_image(model, &image, got, CLASSES), FOV_OK);
        assert_memory_equal(got, wanted, sizeof wanted);
        assert_int_equal(fov_predict_images(model, both, 2, got, CLASSES), FOV_OK);
        for (int i = 0; i < CLASSES; i++) {
            assert_true(fabsf(got[i] - wanted[i]) < 1e-5F);
        }
        fov_session *session = fov_session_create(model, NULL);
        float prepared[C * H * W];
        assert_int_equal(fov_session_prepare(session, &image, prepared, C * H * W), FOV_OK);
        for (int i = 0; i < C * H * W; i++) {
            assert_true(prepared[i] == numbers[is_last ? i % C * H * W + i / C : i]);
        }
        fov_session_free(session);
        image.width = H;
        image.height = W;
        assert_int_equal(fov_predict_image(model, &image, got, CLASSES), FOV_E_SHAPE);
        assert_non_null(strstr(fov_error(context), "[3, 6, 5] do not fit the input [3, 5, 6]"));
        fov_image_free(&image);
        fov_model_free(model);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pixels, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_several, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_orders, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_damaged, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_into_a_network, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
