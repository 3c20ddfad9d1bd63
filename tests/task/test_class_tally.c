/* SPDX-License-Identifier: MIT */
/* Precision, recall, F1 and counts of classes against numbers worked out by hand. */
#include "train/helpers.h"
#include "task/class_tally.h"
#include <math.h>

static void close_to(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12)) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

static void classes_by_hand(void **state)
{
    (void)state;
    /* Rows are true classes, columns predictions. Class 0: 5 of 6 found, 9 predicted. Class 1: 3 of 5 found, 4
     * predicted. Class 2: no sample, not predicted: 0 / 0. Class 3: two samples, not predicted. */
    static const int64_t confusion[16] = {5, 1, 0, 0, /**/ 2, 3, 0, 0, /**/ 0, 0, 0, 0, /**/ 2, 0, 0, 0};
    struct class_metrics m = class_metrics_of(confusion, 4, 0);
    close_to(m.precision, 5.0 / 9.0);
    close_to(m.recall, 5.0 / 6.0);
    close_to(m.f1, 2.0 * (5.0 / 9.0) * (5.0 / 6.0) / (5.0 / 9.0 + 5.0 / 6.0));
    assert_int_equal(m.support, 6);
    m = class_metrics_of(confusion, 4, 1);
    close_to(m.precision, 0.75);
    close_to(m.recall, 0.6);
    close_to(m.f1, 2.0 / 3.0);
    assert_int_equal(m.support, 5);
    for (int c = 2; c < 4; c++) {
        m = class_metrics_of(confusion, 4, c);
        assert_true(m.precision == 0.0 && m.recall == 0.0 && m.f1 == 0.0);
        assert_int_equal(m.support, c == 3 ? 2 : 0);
    }
}

static void counting(void **state)
{
    (void)state;
    /* Seven classes, so that top-5 can be missed. */
    static const float logits[4][7] = {{0, 0, 0, 0, 0, 0, 0},       /* all equal: class 0 is predicted */
                                       {7, 6, 5, 4, 3, 2, 1},       /* the label, 5, is sixth */
                                       {7, 6, 5, 4, 3, 2, 1},       /* the label, 4, is fifth */
                                       {-900, 900, 0, 0, 0, 0, 0}}; /* exp(900) has no double */
    static const int32_t labels[4] = {6, 5, 4, 1};
    struct memory *memory = memory_create(NULL, 0);
    struct class_tally tally;
    struct error error = {0};
    const struct model_scores scores = {.count = 7, .classes = 7};
    assert_int_equal(class_tally_create(&tally, &scores, true, memory, &error), FOV_OK);
    class_tally_add(&tally, &logits[0][0], labels, 1);
    close_to(tally.loss, log(7.0));
    class_tally_add(&tally, &logits[1][0], labels + 1, 3);
    assert_int_equal(tally.count, 4);
    assert_int_equal(tally.correct, 1);  /* only the last */
    assert_int_equal(tally.correct5, 2); /* and the third; a tie's last class is seventh */
    assert_int_equal(tally.confusion[6 * 7 + 0], 1);
    assert_int_equal(tally.confusion[5 * 7 + 0], 1);
    assert_int_equal(tally.confusion[1 * 7 + 1], 1);
    double sum = 0.0;
    for (int c = 1; c <= 7; c++) {
        sum += exp((double)c);
    }
    close_to(tally.loss, log(7.0) + (log(sum) - 2.0) + (log(sum) - 3.0) + 0.0);
    class_tally_reset(&tally);
    assert_int_equal(tally.count, 0);
    assert_int_equal(tally.confusion[1 * 7 + 1], 0);
    class_tally_free(&tally, memory);
    /* Without a report there is no confusion matrix, which would not fit memory for 100,000 classes. */
    static float row[100000] = {[7] = 1};
    const struct model_scores many = {.count = 100000, .classes = 100000};
    assert_int_equal(class_tally_create(&tally, &many, false, memory, &error), FOV_OK);
    class_tally_reset(&tally);
    assert_int_equal(class_tally_add(&tally, row, (const int32_t[]){7}, 1), 1);
    assert_true(tally.correct == 1 && tally.confusion == NULL);
    class_tally_free(&tally, memory);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(classes_by_hand), cmocka_unit_test(counting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
