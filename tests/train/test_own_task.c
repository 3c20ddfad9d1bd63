/* SPDX-License-Identifier: MIT */
/* A task that a program registers itself: what share of a picture is lit, computed from the picture alone. It trains,
 * is validated, is saved and loaded with the model, and answers. */
#include "train/helpers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 12, SAMPLES = 64 };

static uint8_t pixels[SAMPLES][SIDE * SIDE];

static int write_share(void *user, const fov_sample *sample, float *target, int numbers)
{
    int lit = 0, count = sample->height * sample->width;
    (void)user;
    for (int p = 0; p < count; p++) {
        lit += sample->pixels[p] > 120;
    }
    for (int k = 0; k < numbers; k++) {
        target[k] = (float)lit / (float)count;
    }
    return FOV_OK;
}

static fov_value squared(void *user, fov_graph *graph, fov_value output, fov_value target)
{
    (void)user;
    return fov_mse(graph, output, target);
}

static double distances(void *user, const float *output, int output_numbers, const float *target, int numbers,
                        double *values)
{
    double apart = (double)output[0] - (double)target[0];
    (void)user;
    assert_true(output_numbers == 1 && numbers == 1);
    values[0] = fabs(apart);
    values[1] = fabs(apart) < 0.1;
    return apart * apart;
}

static const fov_task_mean counts[] = {{"distance", "mean distance", "apart", true, false},
                                        {"close", "share within 0.1", NULL, false, true}};
static const fov_task lit = {.name = "lit",
                             .summary = "how much of a picture is lit",
                             .counts = counts,
                             .count_count = 2,
                             .write = write_share,
                             .loss = squared,
                             .count = distances};

static fov_dataset *pictures(fov_context *context)
{
    for (int i = 0; i < SAMPLES; i++) {
        for (int p = 0; p < SIDE * SIDE; p++) {
            pixels[i][p] = (uint8_t)((p * 37 + i * 11) % SAMPLES < i ? 220 : 10);
        }
    }
    return fov_dataset_create(context, &(fov_dataset_program){.count = SAMPLES,
                                                              .target = FOV_TARGET_NONE,
                                                              .height = SIDE,
                                                              .width = SIDE,
                                                              .channels = 1,
                                                              .pixels = pixels[0]});
}

static fov_model *network(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 1, SIDE, SIDE));
    fov_value y = fov_dense(graph, fov_flatten(graph, x), .units = 1);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

static void it_learns_and_comes_back(void **state)
{
    (void)state;
    fov_context *context = test_context(2, 3);
    fov_report report;
    fov_buffer file;
    assert_fine(context, fov_task_register(context, &lit) == FOV_OK);
    fov_dataset *data = pictures(context);
    fov_model *model = network(context);
    assert_fine(context, data != NULL);
    assert_fine(context, fov_train(model, data, .task = "lit", .validate = data, .epochs = 60, .batch = 8,
                                   .optimizer = "adam", .lr = 0.01F) == FOV_OK);
    assert_string_equal(fov_model_task(model), "lit");
    assert_fine(context, fov_evaluate_opt(model, data, &(fov_evaluate_options){.task = "lit"}, &report) == FOV_OK);
    assert_int_equal(report.figure_count, 2);
    assert_string_equal(report.figures[0].name, "distance");
    assert_true(report.figures[0].value < 0.06 && report.figures[1].value > 0.8);
    fov_report_free(&report);
    /* The file names the model's task; with that task registered a loaded model has it again. */
    assert_fine(context, fov_model_save_memory(model, 0, &file) == FOV_OK);
    fov_model *loaded = fov_model_load_memory(context, file.bytes, file.size);
    assert_fine(context, loaded != NULL);
    assert_string_equal(fov_model_task(loaded), "lit");
    fov_session *session = fov_session_create(loaded, NULL);
    assert_fine(context, session != NULL);
    assert_string_equal(fov_session_task(session), "lit");
    fov_answer answer;
    fov_image picture = {SIDE, SIDE, 1, pixels[SAMPLES / 2], NULL, NULL};
    assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_OK);
    assert_true(answer.count == 1 && fabs(answer.items[0].value - 0.5) < 0.15);
    fov_answer_free(&answer);
    fov_session_free(session);
    fov_buffer_free(&file);
    fov_model_free(loaded);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_task odd[6];
    for (int i = 0; i < 6; i++) {
        odd[i] = lit;
    }
    odd[0].name = "classify"; /* a built-in task's name */
    odd[1].name = "a:b";
    odd[2].loss = NULL;
    odd[3].count_count = 0;
    odd[4].numbers = -1;
    odd[5].write = NULL;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(fov_task_register(context, &odd[i]), FOV_E_USAGE);
        assert_true(strlen(fov_error(context)) > 0);
    }
    assert_int_equal(fov_task_register(NULL, &lit), FOV_E_USAGE);
    assert_int_equal(fov_task_register(context, NULL), FOV_E_USAGE);
    assert_int_equal(fov_task_register(context, &lit), FOV_OK);
    assert_int_equal(fov_task_register(context, &lit), FOV_E_USAGE);
    /* Another context does not know the task. */
    fov_context *other = test_context(1, 3);
    fov_dataset *data = pictures(other);
    fov_model *model = network(other);
    assert_int_equal(fov_train(model, data, .task = "lit", .epochs = 1), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(other), "there is no task \"lit\""));
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(other);
    fov_context_free(context);
}

static int write_refuses(void *user, const fov_sample *sample, float *target, int numbers)
{
    (void)sample;
    for (int k = 0; k < numbers; k++) {
        target[k] = 0;
    }
    return *(const int *)user;
}

static fov_value no_scalar(void *user, fov_graph *graph, fov_value output, fov_value target)
{
    (void)user;
    return fov_sub(graph, output, target);
}

static fov_value no_value(void *user, fov_graph *graph, fov_value output, fov_value target)
{
    (void)user;
    (void)graph;
    (void)output;
    (void)target;
    return (fov_value){0};
}

/* An error from a task's functions ends training, also with data from files: a picture that the program's function
 * refuses is not replaced by another one. */
static void functions_that_fail_end_training(void **state)
{
    (void)state;
    char folder[256], path[512];
    const int answers[] = {FOV_E_INPUT, FOV_E_IO, 77, FOV_E_INTERRUPTED};
    test_folder(folder);
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, i % 2 ? "b%d.png" : "a%d.png", i);
        fov_context *context = test_context(1, 3);
        test_path(path, folder, name);
        assert_fine(context, fov_image_save_png(context, path, SIDE, SIDE, 1, pixels[i]) == FOV_OK);
        fov_context_free(context);
    }
    test_path(path, folder, "list.csv");
    FILE *list = fopen(path, "w");
    assert_non_null(list);
    fputs("file,value\n", list);
    for (int i = 0; i < 8; i++) {
        fprintf(list, i % 2 ? "b%d.png,%d\n" : "a%d.png,%d\n", i, i);
    }
    fclose(list);
    for (int i = 0; i < 6; i++) {
        int answer = i < 4 ? answers[i] : FOV_OK;
        fov_context *context = test_context(2, 3);
        fov_task task = lit;
        task.write = write_refuses;
        task.user = &answer;
        task.loss = i == 4 ? no_scalar : i == 5 ? no_value : squared;
        assert_fine(context, fov_task_register(context, &task) == FOV_OK);
        fov_dataset *data = fov_dataset_open(context, path, FOV_TRAIN);
        assert_fine(context, data != NULL);
        fov_model *model = network(context);
        int status = fov_train(model, data, .task = "lit", .epochs = 1, .batch = 2);
        if (i < 4) {
            assert_int_equal(status, answer == FOV_E_INTERRUPTED ? FOV_E_INTERRUPTED : FOV_E_USAGE);
            assert_non_null(strstr(fov_error(context), "task lit could not make a target of sample"));
        } else {
            assert_int_equal(status, i == 4 ? FOV_E_SHAPE : FOV_E_USAGE);
            assert_non_null(strstr(fov_error(context), i == 4 ? "must be one number" : "task lit made no loss"));
        }
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_and_comes_back),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(functions_that_fail_end_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
