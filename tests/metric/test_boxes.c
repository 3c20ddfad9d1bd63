/* SPDX-License-Identifier: MIT */
/* Detections of a program's own, measured against boxes: cases worked out by hand. COCO's and VOC's own programs:
 * test_answers.py. */
#include "tests.h"

#include <fovea/fovea.h>
#include <math.h>

/* Two pictures, each with one object of 20 x 20 of category 7; another category is not asked for. */
static const fov_object objects[] = {
    {.image = 1, .category = 7, .x = 10, .y = 10, .width = 20, .height = 20, .area = 400},
    {.image = 2, .category = 7, .x = 40, .y = 40, .width = 20, .height = 20, .area = 400},
    {.image = 2, .category = 9, .x = 0, .y = 0, .width = 5, .height = 5, .area = 25},
};
static const int64_t category[] = {7};

static double number(fov_context *context, int64_t count, const fov_detection *detections, const char *name)
{
    fov_metrics *metrics = fov_metrics_boxes(context, 1, category, 3, objects, count, detections);
    if (metrics == NULL) {
        fail_msg("%s", fov_error(context));
    }
    double value = fov_metrics_number(metrics, name);
    fov_metrics_free(metrics);
    return value;
}

static void found_half_and_missed(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_detection both[] = {{.image = 1, .category = 7, .x = 10, .y = 10, .width = 20, .height = 20, .score = 0.9},
                            {.image = 2, .category = 7, .x = 40, .y = 40, .width = 20, .height = 20, .score = 0.8},
                            {.image = 1, .category = 9, .x = 10, .y = 10, .width = 20, .height = 20, .score = 1}};
    assert_true(fabs(number(context, 3, both, "map") - 1) < 1e-12); /* the third is of another category */
    assert_true(fabs(number(context, 3, both, "map50") - 1) < 1e-12);
    /* one of two: precision 1 up to a recall of a half, which 51 of COCO's 101 recalls reach */
    assert_true(fabs(number(context, 1, both, "map50") - 51.0 / 101) < 1e-12);
    both[1].x += 10; /* IoU 10 / 30: below 0.5 */
    assert_true(fabs(number(context, 2, both, "map50") - 51.0 / 101) < 1e-12);
    both[1].x -= 6; /* IoU 16 / 24: found at 0.5, not at 0.75 */
    assert_true(fabs(number(context, 2, both, "map50") - 1) < 1e-12);
    assert_true(fabs(number(context, 2, both, "map75") - 51.0 / 101) < 1e-12);
    assert_true(number(context, 0, both, "map50") == 0);
    fov_context_free(context);
}

static void numbers_that_are_none(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_detection one = {.image = 1, .category = 7, .x = 10, .y = 10, .width = 20, .height = 20, .score = NAN};
    assert_null(fov_metrics_boxes(context, 1, category, 3, objects, 1, &one));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    one.score = 0.5;
    one.width = INFINITY;
    assert_null(fov_metrics_boxes(context, 1, category, 3, objects, 1, &one));
    assert_null(fov_metrics_boxes(context, 2, (const int64_t[]){7, 7}, 3, objects, 0, NULL)); /* each once */
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_half_and_missed),
        cmocka_unit_test(numbers_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
