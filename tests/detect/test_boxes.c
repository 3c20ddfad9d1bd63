/* SPDX-License-Identifier: MIT */
/* Overlap, suppression and letterbox: cases worked out by hand, and files beside the checkout with other programs'
 * results. */
#include "tests.h"

#include <fovea/fovea.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 4096 };

static json_t *load(const char *name)
{
    const char *shared = getenv("FOVEA_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/detection/%s", shared ? shared : "../shared", name);
    json_t *root = json_load_file(path, 0, NULL);
    if (root == NULL) {
        printf("skipped  %s is not there\n", path);
        skip();
    }
    return root;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void read_numbers(const json_t *array, double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = json_number_value(json_array_get(array, i));
    }
}

/* ---- overlap ----------------------------------------------------------------------------------------------------- */

static void overlaps_by_hand(void **state)
{
    (void)state;
    const double a[4] = {0, 0, 4, 4}, b[4] = {2, 0, 6, 4}, far[4] = {8, 0, 10, 2}, point[4] = {1, 1, 1, 1};
    assert_true(fov_box_overlap(FOV_OVERLAP_IOU, a, b) == 8.0 / 24.0);
    assert_true(fov_box_overlap(FOV_OVERLAP_GIOU, a, b) == 8.0 / 24.0); // the enclosing box is the union
    assert_true(fabs(fov_box_overlap(FOV_OVERLAP_DIOU, a, b) - (8.0 / 24.0 - 4.0 / 52.0)) < 1e-15);
    assert_true(fabs(fov_box_overlap(FOV_OVERLAP_GIOU, a, far) - (0.0 - 20.0 / 40.0)) < 1e-15);
    assert_true(fov_box_overlap(FOV_OVERLAP_CIOU, a, b) == fov_box_overlap(FOV_OVERLAP_DIOU, a, b)); // equal shapes
    for (int kind = FOV_OVERLAP_IOU; kind <= FOV_OVERLAP_CIOU; kind++) {
        assert_true(fov_box_overlap((fov_overlap)kind, point, point) == 0.0);
    }
}

static void overlaps_of_the_file(void **state)
{
    (void)state;
    static const char *const names[] = {"iou", "giou", "diou", "ciou"};
    json_t *root = load("box-iou.json"), *pairs = json_object_get(root, "pairs");
    assert_true(json_array_size(pairs) >= 200);
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);
        double a[4], b[4];
        read_numbers(json_object_get(pair, "a"), a, 4);
        read_numbers(json_object_get(pair, "b"), b, 4);
        for (int kind = 0; kind < 4; kind++) {
            double right = number(pair, names[kind]);
            assert_true(fabs(fov_box_overlap((fov_overlap)kind, a, b) - right) <= 1e-12 * (1 + fabs(right)));
            assert_true(fabs(fov_box_overlap((fov_overlap)kind, b, a) - right) <= 1e-12 * (1 + fabs(right)));
        }
    }
    json_decref(root);
}

/* ---- suppression ------------------------------------------------------------------------------------------------- */

struct boxes {
    int64_t count;
    double box[MOST][4], score[MOST];
    int32_t class[MOST];
};

static void same_places(const json_t *wanted, const int64_t *kept, int64_t count)
{
    assert_int_equal(json_array_size(wanted), count);
    for (int64_t i = 0; i < count; i++) {
        assert_int_equal(json_integer_value(json_array_get(wanted, (size_t)i)), kept[i]);
    }
}

static void check_hard(fov_context *context, const struct boxes *of, const json_t *wanted)
{
    int64_t kept[MOST];
    for (int agnostic = 0; agnostic < 2; agnostic++) {
        const fov_suppress_options how = {.overlap = number(wanted, "threshold"), .agnostic = agnostic != 0};
        int64_t count = fov_boxes_suppress(context, of->count, of->box[0], of->score, of->class, &how, kept, NULL);
        same_places(json_object_get(wanted, agnostic ? "agnostic" : "classwise"), kept, count);
    }
}

static void check_soft(fov_context *context, const struct boxes *of, const json_t *wanted)
{
    int64_t kept[MOST];
    double scores[MOST];
    bool linear = strcmp(json_string_value(json_object_get(wanted, "kind")), "linear") == 0;
    for (int agnostic = 0; agnostic < 2; agnostic++) {
        const fov_suppress_options how = {.kind = linear ? FOV_SUPPRESS_LINEAR : FOV_SUPPRESS_GAUSSIAN,
                                          .overlap = number(wanted, "iou_from"),
                                          .sigma = number(wanted, "sigma"),
                                          .least = number(wanted, "drop_below"),
                                          .agnostic = agnostic != 0};
        int64_t count = fov_boxes_suppress(context, of->count, of->box[0], of->score, of->class, &how, kept, scores);
        const json_t *right = json_object_get(wanted, agnostic ? "agnostic" : "classwise");
        same_places(json_object_get(right, "index"), kept, count);
        for (int64_t i = 0; i < count; i++) {
            double score = json_number_value(json_array_get(json_object_get(right, "score"), (size_t)i));
            assert_true(fabs(score - scores[i]) <= 1e-12);
        }
    }
}

static void suppressions_of_the_file(void **state)
{
    static struct boxes of;
    json_t *root = load("nms.json"), *sets = json_object_get(root, "sets");
    assert_true(json_array_size(sets) >= 20);
    for (size_t s = 0; s < json_array_size(sets); s++) {
        const json_t *set = json_array_get(sets, s), *boxes = json_object_get(set, "boxes");
        of.count = (int64_t)json_array_size(boxes);
        assert_in_range(of.count, 0, MOST);
        read_numbers(json_object_get(set, "scores"), of.score, (size_t)of.count);
        for (size_t i = 0; i < (size_t)of.count; i++) {
            read_numbers(json_array_get(boxes, i), of.box[i], 4);
            of.class[i] = (int32_t)json_integer_value(json_array_get(json_object_get(set, "classes"), i));
        }
        const json_t *hard = json_object_get(set, "nms"), *soft = json_object_get(set, "soft_nms");
        for (size_t i = 0; i < json_array_size(hard); i++) {
            check_hard(*state, &of, json_array_get(hard, i));
        }
        for (size_t i = 0; i < json_array_size(soft); i++) {
            check_soft(*state, &of, json_array_get(soft, i));
        }
    }
    json_decref(root);
}

static void suppression_by_hand(void **state)
{
    /* Box 1 overlaps box 0 by exactly a half and stays at that threshold; box 2 is of another class. */
    const double box[4][4] = {{0, 0, 3, 1}, {0, 0, 6, 1}, {0, 0, 3, 1}, {0, 0, 3, 1}}, score[4] = {0.9, 0.8, 0.7, 0.9};
    const int32_t class[4] = {0, 0, 1, 0};
    int64_t kept[4];
    assert_int_equal(
        3, fov_boxes_suppress(*state, 4, box[0], score, class, &(fov_suppress_options){.overlap = 0.5}, kept, NULL));
    assert_int_equal(kept[0], 0);
    assert_int_equal(kept[1], 1);
    assert_int_equal(kept[2], 2);
    const double odd[1][4] = {{0, 0, (double)NAN, 1}};
    assert_int_equal(-1, fov_boxes_suppress(*state, 1, odd[0], score, NULL, NULL, kept, NULL));
    assert_non_null(strstr(fov_error(*state), "box 0 is not finite"));
    fov_error_clear(*state);
}

/* ---- letterbox --------------------------------------------------------------------------------------------------- */

static void letterboxes_of_the_file(void **state)
{
    (void)state;
    json_t *root = load("letterbox.json"), *maps = json_object_get(root, "maps");
    assert_true(json_array_size(maps) >= 200);
    for (size_t i = 0; i < json_array_size(maps); i++) {
        const json_t *map = json_array_get(maps, i);
        double size[2], resized[2], pads[4], point[2], right[2], mapped[2], back[2];
        int target = (int)number(map, "target");
        read_numbers(json_object_get(map, "image"), size, 2);
        read_numbers(json_object_get(map, "resized"), resized, 2);
        read_numbers(json_object_get(map, "pad_left_top_right_bottom"), pads, 4);
        read_numbers(json_object_get(map, "point"), point, 2);
        read_numbers(json_object_get(map, "mapped"), right, 2);
        bool centred = strcmp(json_string_value(json_object_get(map, "mode")), "centred") == 0;
        fov_letterbox box = fov_letterbox_of((int)size[0], (int)size[1], target, target, centred);
        assert_true(box.scale == number(map, "scale"));
        assert_true(box.width == (int)resized[0] && box.height == (int)resized[1]);
        assert_true(box.left == (int)pads[0] && box.top == (int)pads[1]);
        assert_true(box.right == (int)pads[2] && box.bottom == (int)pads[3]);
        fov_letterbox_map(&box, point, mapped);
        fov_letterbox_back(&box, mapped, back);
        assert_true(fabs(mapped[0] - right[0]) < 1e-9 && fabs(mapped[1] - right[1]) < 1e-9);
        assert_true(fabs(back[0] - point[0]) < 1e-9 && fabs(back[1] - point[1]) < 1e-9);
    }
    json_decref(root);
}

static void letterbox_of_an_oblong(void **state)
{
    (void)state;
    fov_letterbox box = fov_letterbox_of(100, 100, 64, 32, true);
    assert_true(box.width == 32 && box.height == 32 && box.left == 16 && box.right == 16 && box.top == 0);
    box = fov_letterbox_of(1, 5000, 416, 416, false); // a thin picture keeps a width of 1
    assert_true(box.width == 1 && box.height == 416 && box.right == 415);
    box = fov_letterbox_of(0, 10, 64, 64, true); // no area: every point maps back to 0
    double point[2] = {5, 5};
    fov_letterbox_back(&box, (double[]){3, 4}, point);
    assert_true(box.scale == 0 && point[0] == 0 && point[1] == 0);
}

static int open_context(void **state)
{
    *state = fov_context_create(NULL);
    return *state == NULL;
}

static int close_context(void **state)
{
    fov_context_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_by_hand),         cmocka_unit_test(overlaps_of_the_file),
        cmocka_unit_test(suppressions_of_the_file), cmocka_unit_test(suppression_by_hand),
        cmocka_unit_test(letterboxes_of_the_file),  cmocka_unit_test(letterbox_of_an_oblong),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
