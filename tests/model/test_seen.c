/* SPDX-License-Identifier: MIT */
/* What a network saw, out of the prediction itself: the same scores, and the same pictures as fov_model_see makes of
 * them, whatever preprocessing lies between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <string.h>

enum { PICTURES = 3, SIDE = 9, CLASSES = 4, MOST = 20 };

/* channels_last: what the input's shape says. */
static fov_model *make(fov_context *context, int channels, bool channels_last)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value  x = channels_last ? fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, SIDE, SIDE + 1, channels))
                                 : fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, channels, SIDE, SIDE + 1));
    fov_value  y = fov_dense(g, fov_flatten(g, x), .units = CLASSES, .name = "y");
    if (fov_model_set_input_output(model, x, y) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    return model;
}

static void expect_same(int channels, bool channels_last, const fov_preprocessing *pixels)
{
    static uint8_t     bytes[PICTURES][MOST * MOST * 3];
    const fov_image    pictures[PICTURES] = {{MOST, 13, 3, bytes[0], NULL}, {SIDE, SIDE + 1, 1, bytes[1], NULL},
                                             {5, MOST, 3, bytes[2], NULL}};
    float              scores[PICTURES * CLASSES], plain[PICTURES * CLASSES];
    fov_image          seen[PICTURES], other;
    fov_context       *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 5});
    fov_model         *model = make(context, channels, channels_last);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i / sizeof bytes[0]][i % sizeof bytes[0]] = (uint8_t)(i * i / 7 + i);
    }
    fov_model_set_preprocessing(model, pixels);
    assert_int_equal(fov_predict_images(model, pictures, PICTURES, plain, CLASSES), FOV_OK);
    assert_int_equal(fov_predict_images_seen(model, pictures, PICTURES, scores, CLASSES, seen), FOV_OK);
    assert_memory_equal(scores, plain, sizeof plain);
    for (int i = 0; i < PICTURES; i++) {
        assert_int_equal(fov_model_see(model, &pictures[i], &other), FOV_OK);
        assert_int_equal(seen[i].height, SIDE);
        assert_int_equal(seen[i].width, SIDE + 1);
        assert_int_equal(seen[i].channels, channels);
        assert_memory_equal(seen[i].pixels, other.pixels, (size_t)SIDE * (SIDE + 1) * (size_t)channels);
        fov_image_free(&other);
        fov_image_free(&seen[i]);
    }
    fov_model_free(model);
    fov_context_free(context);
}

static void as_fov_model_see_has_it(void **state)
{
    (void)state;
    const fov_preprocessing plain = {.pad = 0}, turned = {.bgr = true, .mean = {0.5F, 0.4F, 0.3F},
                                                          .deviation = {0.2F, 0.3F, 0.4F}},
                            padded = {.pad = 2, .mean = {0.1F, 0.1F, 0.1F}}, negative = {.invert = FOV_INVERT_YES};
    for (int last = 0; last < 2; last++) {
        expect_same(3, last != 0, &plain);
        expect_same(3, last != 0, &turned);
        expect_same(3, last != 0, &padded);
        expect_same(1, last != 0, &negative);
    }
}

/* Pixels that need no change are seen as they are. */
static void levels_are_those_of_the_picture(void **state)
{
    (void)state;
    uint8_t            bytes[SIDE * (SIDE + 1) * 3];
    const fov_image    picture = {SIDE, SIDE + 1, 3, bytes, NULL};
    fov_preprocessing  pixels = {.bgr = true, .mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}};
    float              scores[CLASSES];
    fov_image          seen;
    fov_context       *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 5});
    fov_model         *model = make(context, 3, false);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    fov_model_set_preprocessing(model, &pixels);
    assert_int_equal(fov_predict_images_seen(model, &picture, 1, scores, CLASSES, &seen), FOV_OK);
    assert_memory_equal(seen.pixels, bytes, sizeof bytes);
    fov_image_free(&seen);

    /* Failures leave nothing to free. */
    seen.pixels = bytes;
    assert_int_equal(fov_predict_images_seen(model, &picture, 1, scores, CLASSES + 1, &seen), FOV_E_USAGE);
    assert_null(seen.pixels);
    fov_error_clear(context);
    assert_int_equal(fov_predict_images_seen(model, &picture, 1, scores, CLASSES, NULL), FOV_E_USAGE);
    assert_int_equal(fov_predict_images_seen(NULL, &picture, 1, scores, CLASSES, &seen), FOV_E_USAGE);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_fov_model_see_has_it),
        cmocka_unit_test(levels_are_those_of_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
