/* SPDX-License-Identifier: MIT */
/* fov_predict_images_seen: the same scores as fov_predict_images, and the same pictures of the network's input as
 * fov_model_see, for any preprocessing. Also notes on blank pages, and the warning about assumed preprocessing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"
#include <fovea/fovea.h>
#include <string.h>

enum { PICTURES = 3, SIDE = 9, CLASSES = 4, MOST = 20 };

/* One dense layer on pictures of SIDE x (SIDE + 1); channels_last: the layout of the input. */
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
    const fov_image    pictures[PICTURES] = {{MOST, 13, 3, bytes[0], NULL, NULL},
                                             {SIDE, SIDE + 1, 1, bytes[1], NULL, NULL},
                                             {5, MOST, 3, bytes[2], NULL, NULL}};
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

/* Pixels that need no resizing are seen with their own levels: normalisation and BGR are undone. */
static void levels_are_those_of_the_picture(void **state)
{
    (void)state;
    uint8_t            bytes[SIDE * (SIDE + 1) * 3];
    const fov_image    picture = {SIDE, SIDE + 1, 3, bytes, NULL, NULL};
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

    /* After a failure there is nothing to free. */
    seen.pixels = bytes;
    assert_int_equal(fov_predict_images_seen(model, &picture, 1, scores, CLASSES + 1, &seen), FOV_E_USAGE);
    assert_null(seen.pixels);
    fov_error_clear(context);
    assert_int_equal(fov_predict_images_seen(model, &picture, 1, scores, CLASSES, NULL), FOV_E_USAGE);
    assert_int_equal(fov_predict_images_seen(NULL, &picture, 1, scores, CLASSES, &seen), FOV_E_USAGE);
    fov_model_free(model);
    fov_context_free(context);
}

/* With preprocessing that looks for ink, a blank page is answered with a note that nothing is drawn on it. */
static void a_blank_page_is_noted(void **state)
{
    (void)state;
    static uint8_t bytes[MOST * MOST];
    const fov_image page = {MOST, MOST, 1, bytes, NULL, NULL};
    const fov_preprocessing ink = {.fit = FOV_FIT_INK, .invert = FOV_INVERT_AUTO};
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 5});
    fov_model *model = make(context, 1, false);
    fov_answer answers[2];
    memset(bytes, 255, sizeof bytes);
    assert_null(fov_model_note(model, &page));
    fov_model_set_preprocessing(model, &ink);
    assert_string_equal(fov_model_note(model, &page), "nothing is drawn on it: no ink was found");
    assert_null(fov_model_note(model, NULL));
    static uint8_t drawn[MOST * MOST];
    const fov_image pictures[2] = {page, {MOST, MOST, 1, drawn, NULL, NULL}};
    memset(drawn, 255, sizeof drawn);
    memset(drawn + 5 * MOST, 0, 3 * MOST / 2);
    assert_null(fov_model_note(model, &pictures[1]));
    fov_session *session = fov_session_create(model, NULL);
    assert_int_equal(fov_session_answers(session, pictures, 2, answers), FOV_OK);
    assert_non_null(answers[0].note);
    assert_null(answers[1].note);
    fov_answer_free(&answers[0]);
    fov_answer_free(&answers[1]);
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

static void count_assumptions(void *user, fov_log_level level, const char *message)
{
    if (level == FOV_LOG_WARNING && strstr(message, "states no preprocessing: pixels are resized to 9 x 10") != NULL) {
        ++*(int *)user;
    }
}

/* A model whose file states no preprocessing logs one warning when it first prepares pictures, through whichever
 * function. */
static void what_is_assumed_is_logged_once(void **state)
{
    (void)state;
    static const uint8_t bytes[4 * MOST * MOST];
    static const int32_t labels[] = {0, 1, 2, 3};
    const fov_image picture = {MOST, MOST, 1, (uint8_t *)(uintptr_t)bytes, NULL, NULL};
    int told = 0, wanted = 0;
    fov_context *context =
        fov_context_create(&(fov_context_options){.threads = 1, .log = count_assumptions, .log_user = &told});
    fov_model *made = make(context, 1, false);
    fov_dataset *data = fov_dataset_create(context, &(fov_dataset_program){.count = 4, .classes = 4, .height = MOST,
                                                                           .width = MOST, .channels = 1,
                                                                           .pixels = bytes, .labels = labels});
    fov_buffer file;
    made->preprocessing_assumed = true;
    assert_int_equal(fov_model_save_memory(made, 0, &file), FOV_OK);
    for (int way = 0; way < 6; way++) {
        fov_model *model = fov_model_load_memory(context, file.bytes, file.size);
        float scores[CLASSES];
        fov_image seen;
        fov_report report;
        assert_true(model != NULL && !fov_model_states_preprocessing(model));
        assert_int_equal(told, wanted);
        wanted++;
        for (int again = 0; again < 2; again++) {
            if (way == 0) {
                assert_int_equal(fov_predict_image(model, &picture, scores, CLASSES), FOV_OK);
            } else if (way == 1) {
                assert_int_equal(fov_model_see(model, &picture, &seen), FOV_OK);
                fov_image_free(&seen);
            } else if (way == 2) {
                fov_session_free(fov_session_create(model, NULL));
            } else if (way == 3) {
                assert_int_equal(fov_evaluate(model, data, 2, &report), FOV_OK);
                fov_report_free(&report);
            } else if (way == 4) {
                assert_int_equal(fov_train(model, data, .validate = data, .epochs = 1, .batch = 2), FOV_OK);
            } else {
                fov_explainer_free(fov_explainer_create(model, NULL));
            }
        }
        assert_int_equal(told, wanted);
        fov_model_free(model);
    }
    fov_buffer_free(&file);
    fov_dataset_free(data);
    fov_model_free(made);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_fov_model_see_has_it),
        cmocka_unit_test(levels_are_those_of_the_picture),
        cmocka_unit_test(a_blank_page_is_noted),
        cmocka_unit_test(what_is_assumed_is_logged_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
