/* SPDX-License-Identifier: MIT */
/* Metrics against numbers worked out by hand. Larger sets, with scikit-learn's figures: test_answers.py. */
#include "tests.h"

#include <fovea/fovea.h>
#include <math.h>

static void close_to(const fov_metrics *metrics, const char *name, double wanted)
{
    double got = fov_metrics_number(metrics, name);

    if (isnan(wanted) ? !isnan(got) : !(fabs(got - wanted) <= 1e-12)) {
        fail_msg("%s is %.17g, should be %.17g", name, got, wanted);
    }
}

static void list_is(const fov_metrics *metrics, const char *name, const double *wanted, int count)
{
    for (int i = 0; i < fov_metrics_count(metrics); i++) {
        fov_figure figure = fov_metrics_at(metrics, i);

        if (strcmp(figure.name, name) == 0) {
            assert_int_equal(figure.rows * figure.columns, count);
            for (int k = 0; k < count; k++) {
                if (isnan(wanted[k]) ? !isnan(figure.values[k]) : !(fabs(figure.values[k] - wanted[k]) <= 1e-12)) {
                    fail_msg("%s[%d] is %.17g, should be %.17g", name, k, figure.values[k], wanted[k]);
                }
            }
            return;
        }
    }
    fail_msg("there is no figure %s", name);
}

/* Class 0 twice (predicted 0, 1), class 1 once (predicted 1), class 2 never. */
static void classes_by_hand(void **state)
{
    static const int32_t truth[]  = {0, 0, 1};
    static const double  scores[] = {0.5, 0.25, 0.25, /**/ 0.25, 0.5, 0.25, /**/ 0.125, 0.75, 0.125};
    fov_context         *context = fov_context_create(NULL);
    fov_metrics         *m = fov_metrics_classes(context, 3, 3, truth, scores, NULL);

    (void)state;
    assert_non_null(m);
    close_to(m, "accuracy", 2.0 / 3.0);
    close_to(m, "balanced_accuracy", 0.75);
    list_is(m, "confusion", (double[]){1, 1, 0, 0, 1, 0, 0, 0, 0}, 9);
    list_is(m, "per_class.precision", (double[]){1, 0.5, 0}, 3);
    list_is(m, "per_class.recall", (double[]){0.5, 1, 0}, 3);
    close_to(m, "macro.recall", 0.5);
    close_to(m, "macro_over_present.recall", 0.75);
    close_to(m, "weighted.precision", (2 * 1.0 + 0.5) / 3);
    close_to(m, "micro.f1", 2.0 / 3.0);
    /* Chance agreement: class 0 is true in 2/3 and predicted in 1/3, class 1 the other way round: 4/9. */
    close_to(m, "cohen_kappa", (2.0 / 3 - 4.0 / 9) / (1 - 4.0 / 9));
    close_to(m, "log_loss", -(log(0.5) + log(0.25) + log(0.75)) / 3);
    /* Class 0 against the rest: 0.5 and 0.25 above 0.125. Class 1: 0.75 above both. Class 2: no sample. */
    list_is(m, "roc_auc_per_class", (double[]){1, 1, (double)NAN}, 3);
    close_to(m, "roc_auc_ovr_macro", (double)NAN);
    close_to(m, "roc_auc_ovr_macro_defined", 1);
    /* Two answers at 0.5 (one right), one at 0.75 (right): |1 - 1| + |1 - 0.75|, over three samples. */
    close_to(m, "ece_15", 0.25 / 3);
    close_to(m, "top_k.3", 1);
    fov_metrics_free(m);
    fov_context_free(context);
}

/* Equal scores: of two classes the lower one is predicted, and the top-1 accuracy that ranks lower classes first equals
 * the accuracy. */
static void ties_go_to_the_lower_class(void **state)
{
    static const int32_t truth[]  = {0, 1};
    static const double  scores[] = {0.5, 0.5, 0.5, 0.5};
    fov_context         *context = fov_context_create(NULL);
    fov_metrics         *m = fov_metrics_classes(context, 2, 2, truth, scores, NULL);

    (void)state;
    assert_non_null(m);
    close_to(m, "accuracy", 0.5);
    close_to(m, "top_k_lower_index_first.1", 0.5);
    close_to(m, "top_k.1", 0.5);
    close_to(m, "roc_auc_binary", 0.5);
    close_to(m, "average_precision_binary", 0.5);
    list_is(m, "per_class.support", (double[]){1, 1}, 2);
    fov_metrics_free(m);
    fov_context_free(context);
}

static void answers_without_scores(void **state)
{
    static const int32_t truth[] = {0, 1, 1}, answers[] = {0, 0, 1};
    fov_context         *context = fov_context_create(NULL);
    fov_metrics         *m = fov_metrics_classes(context, 3, 2, truth, NULL, answers);

    (void)state;
    assert_non_null(m);
    close_to(m, "accuracy", 2.0 / 3.0);
    close_to(m, "log_loss", (double)NAN); /* needs scores */
    fov_metrics_free(m);
    fov_context_free(context);
}

static void labels_by_hand(void **state)
{
    static const int32_t truth[]  = {1, 0, /**/ 1, 1, /**/ 0, 0};
    static const double  scores[] = {0.5, 0.75, /**/ 0.25, 1, /**/ 0, 0.25};
    fov_context         *context = fov_context_create(NULL);
    fov_metrics         *m = fov_metrics_labels(context, 3, 2, truth, scores, 0.5);

    (void)state;
    assert_non_null(m);
    /* Predicted: {yes yes}, {no yes}, {no no}. */
    close_to(m, "subset_accuracy", 1.0 / 3);
    close_to(m, "hamming_loss", 2.0 / 6);
    list_is(m, "counts.tp", (double[]){1, 1}, 2);
    list_is(m, "counts.fp", (double[]){0, 1}, 2);
    list_is(m, "counts.fn", (double[]){1, 0}, 2);
    close_to(m, "micro.jaccard", 2.0 / 4);
    close_to(m, "samples.recall", (1.0 + 0.5 + 0) / 3); /* the third, without any label, scores 0 */
    close_to(m, "macro.f1", (2.0 / 3 + 2.0 / 3) / 2);
    list_is(m, "roc_auc_per_label", (double[]){1, 1}, 2);
    fov_metrics_free(m);
    fov_context_free(context);
}

static void values_by_hand(void **state)
{
    static const double truth[] = {1, 10, /**/ 2, 10, /**/ 3, 10}, answers[] = {1, 10, /**/ 2, 11, /**/ 5, 10};
    fov_context        *context = fov_context_create(NULL);
    fov_metrics        *m = fov_metrics_values(context, 3, 2, truth, answers);

    (void)state;
    assert_non_null(m);
    close_to(m, "mse", (4.0 / 3 + 1.0 / 3) / 2);
    close_to(m, "mae", (2.0 / 3 + 1.0 / 3) / 2);
    close_to(m, "rmse", sqrt(5.0 / 6));
    close_to(m, "max_error", 2);
    list_is(m, "per_output.r2", (double[]){1 - 4.0 / 2, 0}, 2); /* output 1: constant truth, one wrong answer */
    close_to(m, "r2_variance_weighted", -1);
    fov_metrics_free(m);
    m = fov_metrics_values(context, 1, 1, truth, answers);
    close_to(m, "r2", (double)NAN);
    fov_metrics_free(m);
    fov_context_free(context);
}

static void masks_by_hand(void **state)
{
    static const int32_t truth[] = {0, 0, 1, 255, 1}, answers[] = {0, 1, 1, 7, 1};
    fov_context         *context = fov_context_create(NULL);
    fov_metrics         *m = fov_metrics_masks(context, 5, 3, truth, answers, 255);

    (void)state;
    assert_non_null(m);
    list_is(m, "iou_per_class", (double[]){0.5, 2.0 / 3, (double)NAN}, 3);
    list_is(m, "dice_per_class", (double[]){2.0 / 3, 0.8, (double)NAN}, 3);
    close_to(m, "mean_iou", (0.5 + 2.0 / 3) / 2);
    close_to(m, "pixel_accuracy", 0.75);
    close_to(m, "mean_class_accuracy", 0.75);
    close_to(m, "pixels", 4);
    fov_metrics_free(m);
    assert_null(fov_metrics_masks(context, 5, 3, truth, answers, -1)); /* nothing is ignored: 255 is no class */
    assert_string_equal(fov_error(context), "metrics: the truth of pixel 3 is class 255, there are 3");
    fov_context_free(context);
}

/* Constant pictures: similarity is that of their means alone. */
static void pictures_by_hand(void **state)
{
    enum { SIDE = 12 };
    double       a[SIDE * SIDE], b[SIDE * SIDE], c1 = 2.55 * 2.55;
    fov_context *context = fov_context_create(NULL);
    fov_metrics *m;

    (void)state;
    for (int i = 0; i < SIDE * SIDE; i++) {
        a[i] = 100;
        b[i] = 110;
    }
    m = fov_metrics_pictures(context, SIDE, SIDE, 1, a, b, 255);
    assert_non_null(m);
    close_to(m, "mse", 100);
    close_to(m, "psnr", 10 * log10(255.0 * 255.0 / 100));
    assert_true(fabs(fov_metrics_number(m, "ssim") - (2 * 11000 + c1) / (10000 + 12100 + c1)) < 1e-9);
    fov_metrics_free(m);
    m = fov_metrics_pictures(context, 5, 5, 1, a, a, 255);
    assert_true(isinf(fov_metrics_number(m, "psnr")));
    close_to(m, "ssim", (double)NAN); /* smaller than SSIM's window */
    fov_metrics_free(m);
    fov_context_free(context);
}

static void slips_are_said(void **state)
{
    static const int32_t truth[] = {0, 2};
    static const double  scores[] = {1, 0, (double)NAN, 1};
    fov_context         *context = fov_context_create(NULL);

    (void)state;
    assert_null(fov_metrics_classes(context, 2, 2, truth, scores, NULL));
    assert_string_equal(fov_error(context), "metrics: sample 1 has class 2, there are 2");
    fov_context_free(context);
    context = fov_context_create(NULL);
    assert_null(fov_metrics_classes(context, 2, 2, truth + 0, NULL, NULL));
    fov_context_free(context);
    context = fov_context_create(NULL);
    assert_null(fov_metrics_values(context, 2, 1, scores + 1, scores + 1));
    assert_string_equal(fov_error(context), "metrics: the truth of sample 1 is not finite");
    fov_context_free(context);
    fov_metrics_free(NULL);
    assert_true(isnan(fov_metrics_number(NULL, "accuracy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_by_hand),  cmocka_unit_test(ties_go_to_the_lower_class),
        cmocka_unit_test(answers_without_scores), cmocka_unit_test(labels_by_hand),
        cmocka_unit_test(values_by_hand),   cmocka_unit_test(masks_by_hand),
        cmocka_unit_test(pictures_by_hand), cmocka_unit_test(slips_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
