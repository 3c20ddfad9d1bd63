/* SPDX-License-Identifier: MIT */
/* A program trains into folders and writes their pages: one of a run, measured anew or not, and one of two runs. What the
 * pages hold: test_report.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/temporary.h"
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void train(fov_context *context, const char *folder, const char *optimizer)
{
    fov_dataset *data = fov_dataset_open(context, "digits:60", FOV_TRAIN);
    fov_dataset *test = fov_dataset_open(context, "digits:60", FOV_VALIDATION);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    const fov_train_options options = {.epochs = 2, .optimizer = optimizer, .validate = test, .directory = folder};
    if (fov_train_opt(model, data, &options) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    fov_model_free(model);
    fov_dataset_free(test);
    fov_dataset_free(data);
}

/* The file as text; free() it. */
static char *read_text(const char *path)
{
    enum { MOST = 8 << 20 };
    char *text = calloc(1, MOST);
    FILE *file = fopen(path, "rb");
    assert_true(text != NULL && file != NULL && fread(text, 1, MOST - 1, file) > 0);
    fclose(file);
    return text;
}

static void pages_of_runs(void **state)
{
    (void)state;
    char folder[TEMPORARY_PATH], runs[2][TEMPORARY_PATH + 8], page[TEMPORARY_PATH + 16];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    temporary_folder(folder);
    snprintf(page, sizeof page, "%s/page.html", folder);
    assert_int_equal(fov_run_report(context, folder, page, NULL), FOV_E_INPUT); /* no run */
    if (strstr(fov_error(context), "jansson") != NULL) { /* a build that reads no runs */
        temporary_remove(folder);
        fov_context_free(context);
        skip();
    }
    fov_error_clear(context);
    for (int i = 0; i < 2; i++) {
        snprintf(runs[i], sizeof runs[i], "%s/%s", folder, i == 0 ? "one" : "two");
        train(context, runs[i], i == 0 ? "sgd" : "adam");
    }
    const fov_run_report_options unmeasured = {.data = "none"}, measured = {.data = "digits:60", .samples = 3};
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fov_run_report(context, runs[0], page, i == 0 ? &unmeasured : &measured), FOV_OK);
        char *text = read_text(page);
        length[i] = strlen(text);
        assert_true(strstr(text, "</html>") != NULL && strstr(text, "sgd") != NULL);
        free(text);
    }
    assert_true(length[1] > length[0]); /* with figures and pictures of mistakes */
    const char *const both[] = {runs[0], runs[1]};
    assert_int_equal(fov_run_comparison(context, both, 2, page), FOV_OK);
    char *text = read_text(page);
    assert_true(strstr(text, "</html>") != NULL && strstr(text, "sgd") != NULL && strstr(text, "adam") != NULL);
    free(text);
    assert_int_equal(fov_run_comparison(context, both, 1, page), FOV_E_USAGE);
    temporary_remove(folder);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_of_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
