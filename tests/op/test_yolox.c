/* SPDX-License-Identifier: MIT */
/* SimOTA and YOLOX's loss: small cases worked out by hand, and random ones against the published definition, with whole
 * tables of costs and overlaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "op/yolox_loss/yolox.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 84, CLASSES = 3, NUMBERS = 5 + CLASSES, MOST = 12 };
static const struct yolox_options size = {64, 64};

struct made {
    double rows[ROWS * NUMBERS], objects[MOST * YOLOX_COLUMNS], object[ROWS], overlap[ROWS];
    struct yolox_sample sample;
};

static void begin(struct made *made, size_t objects)
{
    memset(made, 0, sizeof *made);
    made->sample = (struct yolox_sample){.options = &size,
                                         .row_count = ROWS,
                                         .classes = CLASSES,
                                         .object_count = objects,
                                         .rows = made->rows,
                                         .objects = made->objects};
}

static void put_object(struct made *made, size_t i, int class, double x1, double y1, double x2, double y2)
{
    const double line[YOLOX_COLUMNS] = {class, x1, y1, x2, y2, 0};
    memcpy(made->objects + i * YOLOX_COLUMNS, line, sizeof line);
}

/* Makes a row predict exactly this box. */
static void aim(struct made *made, size_t row, double x1, double y1, double x2, double y2)
{
    struct yolox_place place = yolox_place_of(&size, row);
    double *at = made->rows + row * NUMBERS;
    at[0] = (x1 + x2) / 2 / place.stride - place.x;
    at[1] = (y1 + y2) / 2 / place.stride - place.y;
    at[2] = log((x2 - x1) / place.stride);
    at[3] = log((y2 - y1) / place.stride);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

static void places_of_rows(void **state)
{
    (void)state;
    assert_int_equal(yolox_row_count(64, 64), 64 + 16 + 4);
    assert_int_equal(yolox_row_count(416, 416), 3549);
    assert_int_equal(yolox_row_count(640, 640), 8400);
    struct yolox_place first = yolox_place_of(&size, 9), middle = yolox_place_of(&size, 64 + 5),
                       last = yolox_place_of(&size, 83);
    assert_true(first.x == 1 && first.y == 1 && first.stride == 8);
    assert_true(middle.x == 1 && middle.y == 1 && middle.stride == 16);
    assert_true(last.x == 1 && last.y == 1 && last.stride == 32);
}

/* One object, which one row predicts exactly and the others miss: it is assigned that row alone. */
static void one_row_takes_all(void **state)
{
    struct made made;
    (void)state;
    begin(&made, 1);
    for (size_t row = 0; row < ROWS; row++) {
        aim(&made, row, 200, 200, 201, 201);
    }
    put_object(&made, 0, 1, 16, 16, 40, 40);
    aim(&made, 27, 16, 16, 40, 40); /* the cell in column 3, line 3 of stride 8: its centre is 28, 28 */
    yolox_assign(&made.sample, made.object, made.overlap);
    for (size_t row = 0; row < ROWS; row++) {
        assert_true(made.object[row] == (row == 27 ? 0 : -1));
    }
    assert_true(fabs(made.overlap[27] - 1) < 1e-12);
    /* Four rows with overlap 1 and one with a half: the sum is 4.5, so the object is assigned four rows. */
    aim(&made, 20, 16, 16, 28, 40);
    aim(&made, 26, 16, 16, 40, 40);
    aim(&made, 19, 16, 16, 40, 40);
    aim(&made, 28, 16, 16, 40, 40);
    yolox_assign(&made.sample, made.object, made.overlap);
    for (size_t row = 0; row < ROWS; row++) {
        bool taken = row == 27 || row == 26 || row == 19 || row == 28;
        assert_true(made.object[row] == (taken ? 0 : -1));
    }
}

/* Two objects match one row: it goes to the one with the lower cost. A crowd is assigned no row. */
static void a_row_goes_to_the_cheaper(void **state)
{
    struct made made;
    (void)state;
    begin(&made, 3);
    for (size_t row = 0; row < ROWS; row++) {
        aim(&made, row, 200, 200, 201, 201);
    }
    put_object(&made, 0, 0, 16, 16, 40, 40);
    put_object(&made, 1, 0, 16, 16, 40, 44);
    put_object(&made, 2, 0, 16, 16, 40, 48);
    made.objects[2 * YOLOX_COLUMNS + YOLOX_MARKS] = YOLOX_CROWD;
    aim(&made, 27, 16, 16, 40, 48);
    yolox_assign(&made.sample, made.object, made.overlap);
    assert_true(made.object[27] == 1); /* IoU 28 / 32, against 24 / 32 */
    assert_true(fabs(made.overlap[27] - 28.0 / 32) < 1e-12);
}

static void nothing_to_find(void **state)
{
    struct made made;
    (void)state;
    begin(&made, 0);
    yolox_assign(&made.sample, made.object, made.overlap);
    for (size_t row = 0; row < ROWS; row++) {
        assert_true(made.object[row] == -1 && made.overlap[row] == 0);
    }
    /* the predicted probability of an object is 1/2 in every row */
    assert_true(fabs(yolox_sample_loss(&made.sample, made.object, made.overlap, NULL) - ROWS * log(2)) < 1e-9);
}

/* One row with an object and overlap 1/2, squared 1/4: the loss is 5 (1 - 1/4) plus the losses of the logits. */
static void loss_by_hand(void **state)
{
    struct made made;
    (void)state;
    begin(&made, 1);
    put_object(&made, 0, 2, 16, 16, 40, 40);
    aim(&made, 27, 16, 16, 40, 64);
    for (size_t row = 0; row < ROWS; row++) {
        made.object[row] = row == 27 ? 0 : -1;
    }
    made.overlap[27] = 0.25;
    double right = 5 * (1 - 0.25) + (ROWS + CLASSES) * log(2); /* logits of 0 cost log 2 whatever the target */
    assert_true(fabs(yolox_sample_loss(&made.sample, made.object, made.overlap, NULL) - right) < 1e-9);
    made.sample.l1 = true; /* the centre is off by 12 pixels, the logarithm of the height by log 2 */
    right += 12.0 / 8 + log(2);
    assert_true(fabs(yolox_sample_loss(&made.sample, made.object, made.overlap, NULL) - right) < 1e-6);
}

/* ---- as published ------------------------------------------------------------------------------------------------ */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double iou_of(const double a[4], const double b[4])
{
    double width = fmin(a[2], b[2]) - fmax(a[0], b[0]), height = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double both = width > 0 && height > 0 ? width * height : 0;
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Tables of costs and overlaps, [object][row]; the rows that each object matches; a row that several match goes to the
 * one with the lowest cost. */
static void define(const struct made *made, double *object, double *overlap)
{
    static double cost[MOST][ROWS], iou[MOST][ROWS], sorted[ROWS];
    static bool asked[ROWS], matched[MOST][ROWS];
    size_t objects = made->sample.object_count;
    memset(matched, 0, sizeof matched);
    for (size_t row = 0; row < ROWS; row++) {
        struct yolox_place place = yolox_place_of(&size, row);
        const double *at = made->rows + row * NUMBERS;
        double x = (at[0] + place.x) * place.stride, y = (at[1] + place.y) * place.stride;
        double w = exp(at[2]) * place.stride, h = exp(at[3]) * place.stride;
        double cx = (place.x + 0.5) * place.stride, cy = (place.y + 0.5) * place.stride;
        asked[row] = false;
        for (size_t i = 0; i < objects; i++) {
            const double *line = made->objects + i * YOLOX_COLUMNS, *g = line + YOLOX_BOX;
            double gx = (g[0] + g[2]) / 2, gy = (g[1] + g[3]) / 2, reach = 2.5 * place.stride, classes = 0;
            bool in_box = cx > g[0] && cx < g[2] && cy > g[1] && cy < g[3];
            bool in_centre = fabs(cx - gx) < reach && fabs(cy - gy) < reach;
            asked[row] = asked[row] || in_box || in_centre;
            iou[i][row] = iou_of((double[]){x - w / 2, y - h / 2, x + w / 2, y + h / 2}, g);
            for (int c = 0; c < CLASSES; c++) {
                double p = sqrt(sigmoid(at[5 + c]) * sigmoid(at[4]));
                classes -= c == (int)line[YOLOX_CLASS] ? log(p) : log(1 - p);
            }
            cost[i][row] = classes - 3 * log(iou[i][row] + 1e-8) + (in_box && in_centre ? 0 : 1e5);
        }
    }
    for (size_t i = 0; i < objects; i++) {
        size_t count = 0;
        double sum = 0;
        for (size_t row = 0; row < ROWS; row++) {
            if (asked[row]) {
                sorted[count++] = -iou[i][row];
            }
        }
        qsort(sorted, count, sizeof *sorted, rising);
        for (size_t k = 0; k < count && k < 10; k++) {
            sum -= sorted[k];
        }
        size_t take = (int)sum > 1 ? (size_t)sum : 1, filled = 0;
        for (size_t row = 0; row < ROWS; row++) {
            if (asked[row]) {
                sorted[filled++] = cost[i][row];
            }
        }
        qsort(sorted, count, sizeof *sorted, rising);
        for (size_t row = 0; row < ROWS && count > 0; row++) {
            matched[i][row] = asked[row] && cost[i][row] <= sorted[(take < count ? take : count) - 1];
        }
    }
    for (size_t row = 0; row < ROWS; row++) {
        int wanted = 0, best = -1, only = -1;
        for (size_t i = 0; i < objects; i++) {
            wanted += matched[i][row];
            only = matched[i][row] ? (int)i : only;
            best = best < 0 || cost[i][row] < cost[best][row] ? (int)i : best;
        }
        object[row] = wanted == 0 ? -1 : wanted == 1 ? only : best;
        overlap[row] = object[row] >= 0 ? iou[(int)object[row]][row] : 0;
    }
}

static void random_cases(void **state)
{
    static struct made made;
    static double object[ROWS], overlap[ROWS], workspace[ROWS * (YOLOX_CACHED + CLASSES)], kept[2][ROWS];
    int shared = 0;
    (void)state;
    for (int trial = 0; trial < 200; trial++) {
        const struct random_key key = {7, 100, (uint64_t)trial};
        size_t objects = (size_t)(1 + 11 * random_uniform(key, 0));
        begin(&made, objects);
        for (size_t i = 0; i < ROWS * NUMBERS; i++) {
            made.rows[i] = 3 * random_uniform(key, 1000 + i) - 1.5;
        }
        for (size_t i = 0; i < objects; i++) {
            double u[5];
            for (size_t k = 0; k < 5; k++) {
                u[k] = random_uniform(key, 10 + 5 * i + k);
            }
            put_object(&made, i, (int)(CLASSES * u[4]), 50 * u[0], 50 * u[1], 50 * u[0] + 4 + 40 * u[2],
                       50 * u[1] + 4 + 40 * u[3]);
        }
        yolox_assign(&made.sample, made.object, made.overlap);
        define(&made, object, overlap);
        for (size_t row = 0; row < ROWS; row++) {
            assert_true(made.object[row] == object[row]);
            assert_true(fabs(made.overlap[row] - overlap[row]) < 1e-12);
            shared += object[row] >= 0;
        }
        memcpy(kept[0], made.object, sizeof kept[0]);
        memcpy(kept[1], made.overlap, sizeof kept[1]);
        made.sample.workspace = workspace; /* with memory for intermediate results: the same bits */
        yolox_assign(&made.sample, made.object, made.overlap);
        assert_memory_equal(kept[0], made.object, sizeof kept[0]);
        assert_memory_equal(kept[1], made.overlap, sizeof kept[1]);
    }
    assert_true(shared > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_of_rows),
        cmocka_unit_test(one_row_takes_all),
        cmocka_unit_test(a_row_goes_to_the_cheaper),
        cmocka_unit_test(nothing_to_find),
        cmocka_unit_test(loss_by_hand),
        cmocka_unit_test(random_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
