/* SPDX-License-Identifier: MIT */
/* Answers for any task through one call: what each holds, that scores agree with fov_predict_image, that a mask has the
 * picture's size and lies in the right place, and that any allocation may fail. */
#include "device/context.h"
#include "train/made.h"
#include <math.h>
#include <string.h>

enum { HEIGHT = 24, WIDTH = 40 };

static uint8_t pixels[HEIGHT * WIDTH];

/* Bright on the left, dark on the right. */
static fov_image picture(void)
{
    for (int p = 0; p < HEIGHT * WIDTH; p++) {
        pixels[p] = p % WIDTH < WIDTH / 2 ? 210 : 20;
    }
    return (fov_image){HEIGHT, WIDTH, 1, pixels, NULL, NULL};
}

static void answers_agree_with_predictions(void **state)
{
    (void)state;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        fov_context *context = test_context(1, 6);
        fov_dataset *data = made_data(context, of->target, FOV_TRAIN);
        fov_model *model = made_model(context, of, data);
        fov_session *session = fov_session_create(model, NULL); /* NULL: the task that the model was finished for */
        fov_answer answer;
        fov_image image = picture();
        assert_fine(context, session != NULL);
        assert_int_equal(strncmp(of->task, fov_session_task(session), strlen(fov_session_task(session))), 0);
        assert_fine(context, fov_session_answer(session, &image, &answer) == FOV_OK);
        float scores[8];
        int count = fov_model_scores(model);
        if (count > 0) {
            assert_int_equal(answer.count, count);
            assert_fine(context, fov_predict_image(model, &image, scores, count) == FOV_OK);
            for (int i = 0; i < count; i++) {
                assert_true(fabs(answer.items[i].value - (double)scores[i]) < 1e-6 * fmax(1.0, fabs((double)scores[i])));
                assert_string_equal(answer.items[i].name, fov_model_class(model, i));
            }
        } else if (answer.mask.pixels != NULL) {
            double shares = 0.0;
            assert_true(answer.mask.height == HEIGHT && answer.mask.width == WIDTH);
            for (int i = 0; i < answer.count; i++) {
                shares += answer.items[i].value;
            }
            assert_true(fabs(shares - 1.0) < 1e-12);
        } else {
            int times = strstr(of->task, "small") != NULL ? 2 : 1;
            assert_true(answer.picture.height == times * HEIGHT && answer.picture.width == times * WIDTH);
        }
        fov_answer_free(&answer);
        fov_session_free(session);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

/* The model is x - 0.5, a map of two classes: the mask is a picture's bright half, drawn in the classes' colours. */
static void a_mask_lies_on_its_picture(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) { /* a map of the input's size, and one of a quarter of its sides */
        fov_context *context = test_context(1, 1);
        fov_model *model = fov_model_create(context);
        fov_graph *graph = fov_model_graph(model);
        const fov_shape one = {1, {1}};
        const float half = 0.5F;
        fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 1, 16, 32)), y = x;
        if (form == 1) {
            y = fov_avg_pool2d(graph, y, .kernel = 4, .stride = 4);
        }
        y = fov_sub(graph, y, fov_constant(graph, NULL, FOV_F32, one, &half));
        assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
        assert_int_equal(fov_model_set_meaning(model, y, FOV_MEANING_MAP), FOV_OK);
        fov_session *session = fov_session_create(model, NULL);
        assert_fine(context, session != NULL);
        fov_image image = picture(), drawn;
        fov_answer answer;
        assert_fine(context, fov_session_answer(session, &image, &answer) == FOV_OK);
        assert_string_equal(answer.task, "segment");
        assert_true(answer.count == 2 && fabs(answer.items[1].value - 0.5) < 0.03);
        for (int p = 0; p < HEIGHT * WIDTH; p++) {
            int across = p % WIDTH;
            if (across < WIDTH / 2 - 2 || across > WIDTH / 2 + 2) { /* resizing blurs the edge */
                assert_int_equal(answer.mask.pixels[p], across < WIDTH / 2);
            }
        }
        uint8_t colour[3];
        fov_class_colour(1, colour);
        assert_fine(context, fov_answer_draw(context, &answer, NULL, &drawn) == FOV_OK);
        assert_memory_equal(drawn.pixels, colour, 3);
        fov_image_free(&drawn);
        assert_fine(context, fov_answer_draw(context, &answer, &image, &drawn) == FOV_OK);
        assert_int_equal(drawn.pixels[0], (colour[0] + 210 + 1) / 2);
        fov_image_free(&drawn);
        fov_answer_free(&answer);
        fov_session_free(session);
        fov_model_free(model);
        fov_context_free(context);
    }
}

static void colours_stay_apart(void **state)
{
    (void)state;
    for (int a = 0; a < 32; a++) {
        for (int b = 0; b < a; b++) {
            uint8_t one[3], other[3];
            int apart = 0;
            fov_class_colour(a, one);
            fov_class_colour(b, other);
            for (int c = 0; c < 3; c++) {
                apart += one[c] > other[c] ? one[c] - other[c] : other[c] - one[c];
            }
            assert_true(apart > 10);
        }
    }
}

static void numbers_cannot_be_drawn(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_model *model = made_row(context, 2);
    fov_session *session = fov_session_create(model, "regress");
    fov_image image = picture(), drawn;
    fov_answer answer;
    assert_fine(context, session != NULL && fov_session_answer(session, &image, &answer) == FOV_OK);
    assert_int_equal(fov_answer_draw(context, &answer, NULL, &drawn), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "cannot be drawn"));
    fov_error_clear(context);
    assert_null(fov_session_create(model, "segment"));
    assert_int_equal(fov_error_status(context), FOV_E_SHAPE);
    fov_answer_free(&answer);
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

static void values_have_names(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_model *model = made_row(context, 2);
    assert_fine(context, fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_VALUES) == FOV_OK);
    assert_fine(context, fov_model_set_classes(model, (const char *const[]){"age", "height"}, 2) == FOV_OK);
    assert_int_equal(fov_model_classes(model), 0);
    fov_session *session = fov_session_create(model, "regress");
    fov_image image = picture();
    fov_answer answer;
    assert_fine(context, session != NULL && fov_session_answer(session, &image, &answer) == FOV_OK);
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.items[0].name, "age");
    assert_string_equal(answer.items[1].name, "height");
    fov_answer_free(&answer);
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

static void memory_runs_out(void **state)
{
    (void)state;
    for (const struct made_case *of = made_cases; of->task != NULL; of++) {
        bool through = false;
        for (uint64_t n = 1; !through; n++) {
            fov_context *context = test_context(1, 1);
            fov_dataset *data = made_data(context, of->target, FOV_TRAIN);
            fov_model *model = of->network(context, of->outputs);
            fov_image image = picture(), drawn = {.height = 0};
            fov_answer answer = {.task = NULL};
            memory_fail_at(context->memory, n, false);
            bool finished = fov_task_finish(model, data, of->task) == FOV_OK;
            fov_session *session = finished ? fov_session_create(model, NULL) : NULL;
            int status = session != NULL ? fov_session_answer(session, &image, &answer) : (int)fov_error_status(context);
            if (status == FOV_OK && (answer.mask.pixels != NULL || answer.picture.pixels != NULL)) {
                status = fov_answer_draw(context, &answer, NULL, &drawn);
            }
            memory_fail_at(context->memory, 0, false);
            through = status == FOV_OK;
            assert_true(through || status == FOV_E_MEMORY);
            fov_image_free(&drawn);
            fov_answer_free(&answer);
            fov_session_free(session);
            fov_model_free(model);
            fov_dataset_free(data);
            fov_context_free(context);
            assert_true(n < 10000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_agree_with_predictions), cmocka_unit_test(a_mask_lies_on_its_picture),
        cmocka_unit_test(colours_stay_apart),             cmocka_unit_test(numbers_cannot_be_drawn),
        cmocka_unit_test(values_have_names),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, made_open, made_close);
}
