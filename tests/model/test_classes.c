/* SPDX-License-Identifier: MIT */
/* Matching a model's classes with a dataset's: equal, reordered, fewer, renamed or by position; which pairs are
 * refused, and which names the sentence lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <stdio.h>
#include <string.h>

/* The drawn digits have classes "0" to "9". */
static fov_model *make_model(fov_context *context, int classes, const char *const *names)
{
    fov_model *model = fov_model_network(context, "mlp", &(fov_network_options){.classes = classes});
    assert_non_null(model);
    if (names != NULL) {
        assert_int_equal(fov_model_set_classes(model, names, classes), FOV_OK);
    }
    return model;
}

struct expected {
    int classes;
    const char *const *names;
    bool by_position;
    fov_class_relation relation;
    const char *said; /* a part of the expected sentence; "": no sentence */
    int first;        /* the model's number of class "0" */
};

static void check(const struct expected *expected)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_dataset *digits = fov_dataset_open(context, "digits:20", FOV_TEST);
    fov_model *model = make_model(context, expected->classes, expected->names);
    fov_class_match match;
    assert_int_equal(fov_classes_match(model, digits, expected->by_position, &match), FOV_OK);
    assert_int_equal(match.relation, expected->relation);
    assert_int_equal(match.data_classes, 10);
    assert_int_equal(match.model_classes, expected->classes);
    assert_int_equal(match.model_class[0], expected->first);
    if (*expected->said == '\0') {
        assert_string_equal(match.text, "");
    } else if (strstr(match.text, expected->said) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected->said, match.text);
    }
    fov_report report;
    int status =
        fov_evaluate_opt(model, digits, &(fov_evaluate_options){.classes_by_position = expected->by_position}, &report);
    assert_int_equal(status, expected->relation == FOV_CLASSES_DIFFERENT ? FOV_E_SHAPE : FOV_OK);
    if (status == FOV_OK) {
        assert_int_equal(report.data_classes, 10);
        for (int i = 0; i < 10; i++) {
            assert_true(report.in_data[match.model_class[i]]);
        }
    }
    fov_report_free(&report);
    fov_class_match_free(&match);
    fov_class_match_free(&match);
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

static void relations(void **state)
{
    (void)state;
    static const char *const same[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    static const char *const turned[] = {"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"};
    static const char *const spelled[] = {"0 ", "1", "2", "3", "4", "5", "6", "7", "8", "_9"};
    static const char *const more[] = {"x", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "y"};
    static const char *const spare[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "spare 10"};
    static const char *const other[] = {"0", "1", "2", "3", "4", "5", "6", "7", "eight", "nine"};
    static const char *const twice[] = {"0", "0", "2", "3", "4", "5", "6", "7", "8", "9", "1"};
    static const char *const less[] = {"0", "1", "2"};
    const struct expected cases[] = {
        {10, same, false, FOV_CLASSES_SAME, "", 0},
        {10, turned, false, FOV_CLASSES_REORDERED, "\"0\" is 0 there and 9 in the model, \"1\" 1 and 8", 9},
        {10, spelled, false, FOV_CLASSES_SAME, "\"0\" is taken for \"0 \", \"9\" is taken for \"_9\"", 0},
        {12, more, false, FOV_CLASSES_FEWER,
         "10 of the model's 12 classes, matched by name; not in the data: \"x\", \"y\"", 1},
        {11, spare, false, FOV_CLASSES_FEWER, "not in the data: \"spare 10\"", 0},
        {10, other, false, FOV_CLASSES_DIFFERENT, "unknown to the model (\"8\", \"9\"), 2 of the model's 10", 0},
        {10, other, false, FOV_CLASSES_DIFFERENT, "not in the data (\"eight\", \"nine\")", 0},
        {11, twice, false, FOV_CLASSES_DIFFERENT, "1 of its 10 is unknown to the model (\"0\")", -1},
        {11, twice, false, FOV_CLASSES_DIFFERENT, "a name that stands twice on one side is not matched", -1},
        {3, less, false, FOV_CLASSES_DIFFERENT, "(\"3\", \"4\", \"5\", \"6\" and 3 more)", 0},
        {10, other, true, FOV_CLASSES_BY_POSITION,
         "by position, as asked: 2 of 10 have other names in the model (\"8\" is taken for output 8, \"eight\", \"9\" is "
         "taken for output 9, \"nine\")", 0},
        {12, more, true, FOV_CLASSES_BY_POSITION,
         "10 of 10 have other names in the model (\"0\" is taken for output 0, \"x\"", 0},
        {12, more, true, FOV_CLASSES_BY_POSITION, "and 6 more); 2 more of the model's outputs stand for nothing", 0},
        {10, same, true, FOV_CLASSES_BY_POSITION, "as asked: all 10 names are the same", 0},
        {3, less, true, FOV_CLASSES_DIFFERENT, "mlp has 3 outputs, but digits has 10 classes", 0},
        {10, NULL, false, FOV_CLASSES_BY_POSITION, 
         "the model has no class names: its outputs 0 to 9 are taken, by position, for \"0\", \"1\", \"2\", \"3\" and 6 more", 0},
        {12, NULL, false, FOV_CLASSES_DIFFERENT, "mlp has 12 outputs, but digits has 10 classes", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&cases[i]);
    }
}

/* If an output holds no scores, the sentence says what it holds instead of "0 outputs". */
static void values(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_dataset *digits = fov_dataset_open(context, "digits:30", FOV_TEST);
    fov_model *model = make_model(context, 10, NULL);
    fov_report report;
    assert_int_equal(fov_model_set_meaning(model, fov_model_output(model), FOV_MEANING_VALUES), FOV_OK);
    assert_int_not_equal(fov_evaluate(model, digits, 0, &report), FOV_OK);
    assert_non_null(strstr(fov_error(context), "holds values, not scores of classes"));
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

/* A model whose class names are in another order than the data's: labels are mapped by name, in training, in validation
   and afterwards. */
static void training(void **state)
{
    (void)state;
    static const char *const turned[] = {"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"};
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_dataset *digits = fov_dataset_open(context, "digits:600", FOV_TRAIN);
    fov_dataset *test = fov_dataset_open(context, "digits:600", FOV_TEST);
    fov_model *model = make_model(context, 10, turned);
    assert_int_equal(fov_train(model, digits, .epochs = 4, .lr = 0.1f, .momentum = 0.9f, .validate = test), FOV_OK);
    assert_string_equal(fov_model_class(model, 0), "9");
    fov_report report;
    assert_int_equal(fov_evaluate(model, test, 0, &report), FOV_OK);
    assert_true(report.accuracy > 0.6);
    int64_t right = 0;
    float scores[10];
    for (int64_t i = 0; i < report.count; i++) {
        fov_image image = {.channels = 0};
        const uint8_t *pixels;
        assert_int_equal(fov_dataset_sample(test, i, &pixels, &image.height, &image.width, &image.channels), FOV_OK);
        image.pixels = (uint8_t *)(uintptr_t)pixels;
        assert_int_equal(fov_predict_image(model, &image, scores, 10), FOV_OK);
        int best = 0;
        for (int c = 1; c < 10; c++) {
            best = scores[c] > scores[best] ? c : best;
        }
        right += strcmp(fov_model_class(model, best), fov_dataset_class(test, fov_dataset_label(test, i))) == 0;
    }
    assert_int_equal(right, (int64_t)(report.accuracy * (double)report.count + 0.5));
    fov_report_free(&report);
    assert_int_equal(fov_evaluate_opt(model, test, &(fov_evaluate_options){.classes_by_position = true}, &report),
                     FOV_OK);
    assert_true(report.accuracy < 0.3);
    fov_report_free(&report);
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_dataset_free(test);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(relations), cmocka_unit_test(values),
                                       cmocka_unit_test(training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
