/* SPDX-License-Identifier: MIT */
/* Every transform of the table: the same key gives the same bits, other keys differ, lists read back as they were
 * written; picture, mask and boxes agree after any geometric transform; and single transforms against values worked out
 * by hand. */
#include "transform/magnitude.h"
#include "transform/pipeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 40, MOST = SIDE * SIDE * 3 };

static struct memory *memory;

static struct pipeline *open_list(const char *text)
{
    struct error     error    = {0};
    struct pipeline *pipeline = pipeline_create(memory, text, &error);

    if (pipeline == NULL) {
        fail_msg("\"%s\": %s", text, error.text);
    }
    return pipeline;
}

static void apply(const struct pipeline *pipeline, uint64_t sample, const struct pipeline_job *job)
{
    struct pipeline_workspace workspace = {.memory = memory};
    struct error              error     = {0};

    assert_int_equal(pipeline_apply(pipeline, &(struct pipeline_key){7, 3, sample}, job, &workspace, &error), FOV_OK);
    pipeline_workspace_free(&workspace);
}

static void apply_list(const char *text, uint64_t sample, const struct pipeline_job *job)
{
    struct pipeline *pipeline = open_list(text);

    apply(pipeline, sample, job);
    pipeline_free(pipeline);
}

/* A colour picture in which nothing repeats. */
static void paint(uint8_t *pixels)
{
    for (int i = 0; i < MOST; i++) {
        int y = i / 3 / SIDE, x = i / 3 % SIDE;

        pixels[i] = (uint8_t)(40 + (i % 3 == 0 ? y * 4 : i % 3 == 1 ? x * 4 : (x * 7 + y * 3) % 150));
    }
}

static void each_is_a_function_of_its_key(void **state)
{
    enum { SMALLER = SIDE - 8 }; /* so that cut has several places to take */
    uint8_t pixels[MOST], first[MOST] = {0}, again[MOST] = {0}, other[MOST] = {0};

    (void)state;
    paint(pixels);
    for (size_t t = 0; t < transform_table_count; t++) {
        struct pipeline    *pipeline = open_list(transform_table[t]->name);
        if (transform_table[t]->kind == TRANSFORM_MIX) { /* test_mixing.c */
            pipeline_free(pipeline);
            continue;
        }
        struct pipeline_job job = {.pixels = pixels, .height = SIDE, .width = SIDE, .channels = 3,
                                   .out_height = SMALLER, .out_width = SMALLER};
        int differ = 0;

        for (uint64_t sample = 0; sample < 12; sample++) {
            job.out = first;
            apply(pipeline, sample, &job);
            job.out = again;
            apply(pipeline, sample, &job);
            assert_memory_equal(first, again, MOST);
            job.out = other;
            apply(pipeline, sample + 100, &job);
            differ += memcmp(first, other, MOST) != 0;
        }
        if (differ == 0) {
            fail_msg("%s: all samples were changed alike", transform_table[t]->name);
        }
        pipeline_free(pipeline);
    }
}

/* Every second epoch mirrors a sample; some samples begin mirrored, others not. */
static void alternating_flips_alternate(void **state)
{
    struct pipeline *pipeline = open_list("alternating-flip");
    uint8_t pixels[4] = {1, 2, 3, 4}, out[4];
    int first_mirrored = 0;

    (void)state;
    for (uint64_t sample = 0; sample < 40; sample++) {
        bool mirrored[4];

        for (uint64_t epoch = 0; epoch < 4; epoch++) {
            struct pipeline_workspace workspace = {.memory = memory};
            struct error              error     = {0};
            struct pipeline_job       job       = {.pixels = pixels, .height = 1, .width = 4, .channels = 1,
                                                   .out_height = 1, .out_width = 4, .out = out};

            assert_int_equal(
                pipeline_apply(pipeline, &(struct pipeline_key){7, epoch, sample}, &job, &workspace, &error), FOV_OK);
            pipeline_workspace_free(&workspace);
            mirrored[epoch] = out[0] == 4;
            assert_int_equal(out[0], mirrored[epoch] ? 4 : 1);
        }
        assert_true(mirrored[0] != mirrored[1] && mirrored[0] == mirrored[2] && mirrored[1] == mirrored[3]);
        first_mirrored += mirrored[0];
    }
    assert_in_range(first_mirrored, 8, 32);
    pipeline_free(pipeline);
}

static void lists_read_back(void **state)
{
    const char *name;

    (void)state;
    for (size_t t = 0; t < transform_table_count; t++) {
        struct pipeline *one = open_list(transform_table[t]->name), *two = open_list(pipeline_text(one));

        assert_string_equal(pipeline_text(one), pipeline_text(two));
        pipeline_free(one);
        pipeline_free(two);
    }
    for (size_t i = 0; pipeline_preset(i, &name) != NULL; i++) {
        struct pipeline *one = open_list(name), *two = open_list(pipeline_text(one));

        assert_string_equal(pipeline_text(one), pipeline_text(two));
        pipeline_free(one);
        pipeline_free(two);
    }
    struct pipeline *typed = open_list(" crop:6:border=edge , vertical_flip:0.25,");
    assert_string_equal(pipeline_text(typed), "crop:padding=6:border=edge, vertical-flip:p=0.25");
    pipeline_free(typed);
    /* the most transforms that a list may have, each with options of many digits: the text is not cut, and reads
     * back */
    char list[8192] = "";
    for (int i = 0; i < 32; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), "%srandom-resized-crop:0.123456789012345%02d:"
                 "largest=0.912345678901234%02d:ratio=1.23456789012345%02d", i > 0 ? ", " : "", i, i, i);
    }
    struct pipeline *many = open_list(list), *again = open_list(pipeline_text(many));
    assert_true(pipeline_count(many) == 32 && pipeline_count(again) == 32);
    assert_string_equal(pipeline_text(many), pipeline_text(again));
    assert_true(strlen(pipeline_text(many)) > 2048);
    pipeline_free(many);
    pipeline_free(again);
}

static void slips_are_said(void **state)
{
    static const struct {
        const char *text, *part;
    } slips[] = {{"filp", "did you mean flip?"},
                 {"crop:four", "crop: padding is \"four\"; it is a whole number"},
                 {"crop:-1", "crop: padding is -1; it lies in 0 .. 4096"},
                 {"crop:4:border=round", "border is \"round\"; it is one of zero, reflect, edge"},
                 {"flip:q=1", "flip has no option \"q\"; its first is p"},
                 {"flip:0.5:0.5", "needs a name"},
                 {"trivial-augment:3", "has no options"}};

    (void)state;
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        struct error error = {0};

        assert_null(pipeline_create(memory, slips[i].text, &error));
        assert_int_equal(error.status, FOV_E_USAGE);
        if (strstr(error.text, slips[i].part) == NULL) {
            fail_msg("\"%s\": %s", slips[i].text, error.text);
        }
    }
}

/* ---- geometry ---------------------------------------------------------------------------------------------------- */

/* A white rectangle on black, a mask of class 1 with the same pixels, and its box: all are transformed alike. */
static void picture_mask_and_box_agree(void **state)
{
    static const char *const lists[] = {"flip:1",  "vertical-flip:1",  "crop:6",     "random-resized-crop:0.5",
                                        "rotate:40", "shear:20",       "scale:0.3",  "translate:0.2",
                                        "perspective:0.4:p=1", "elastic:60:sigma=6",
                                        "flip, rotate:30, scale:0.2, crop:3, shear:10, perspective:0.2"};
    uint8_t pixels[SIDE * SIDE], mask[SIDE * SIDE], out[SIDE * SIDE], out_mask[SIDE * SIDE];

    (void)state;
    for (int i = 0; i < SIDE * SIDE; i++) {
        mask[i]   = i / SIDE >= 12 && i / SIDE < 26 && i % SIDE >= 15 && i % SIDE < 25;
        pixels[i] = mask[i] ? 255 : 0;
    }
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        for (uint64_t sample = 0; sample < 20; sample++) {
            struct pipeline_box box = {.at = {15, 12, 25, 26}};
            struct pipeline_job job = {.pixels = pixels, .mask = mask, .height = SIDE, .width = SIDE, .channels = 1,
                                       .out_height = SIDE, .out_width = SIDE, .out = out, .out_mask = out_mask,
                                       .boxes = &box, .box_count = 1};
            int wrong = 0, low[2] = {SIDE, SIDE}, high[2] = {0, 0};

            apply_list(lists[k], sample, &job);
            for (int i = 0; i < SIDE * SIDE; i++) {
                bool edge = out[i] > 40 && out[i] < 215; /* between the two */

                wrong += !edge && (out[i] > 127) != (out_mask[i] == 1);
                for (int axis = 0; out_mask[i] == 1 && axis < 2; axis++) {
                    int at = axis == 0 ? i % SIDE : i / SIDE;

                    low[axis]  = at < low[axis] ? at : low[axis];
                    high[axis] = at + 1 > high[axis] ? at + 1 : high[axis];
                }
            }
            if (wrong > 0) {
                fail_msg("%s, sample %d: %d pixels of picture and mask differ", lists[k], (int)sample, wrong);
            }
            for (int side = 0; side < 4 && low[0] < high[0]; side++) {
                double is = (double)box.at[side], should = side < 2 ? low[side] : high[side - 2];

                if (box.gone || fabs(is - should) > 1.6) {
                    fail_msg("%s, sample %d: side %d of the box is %g, of the mask %g", lists[k], (int)sample, side, is,
                             should);
                }
            }
        }
    }
}

/* cut copies a piece at a random place; of a picture smaller than the output it keeps all, at a random place. */
static void cut_takes_a_piece(void **state)
{
    enum { PIECE = 24, LARGER = 50 };
    uint8_t pixels[MOST], out[LARGER * LARGER * 3];
    int     places = 0, last = -1;

    (void)state;
    paint(pixels);
    for (uint64_t sample = 0; sample < 8; sample++) {
        struct pipeline_job job = {.pixels = pixels, .height = SIDE, .width = SIDE, .channels = 3, .out_height = PIECE,
                                   .out_width = PIECE, .out = out};
        int at = -1;

        apply_list("cut", sample, &job);
        for (int place = 0; place < (SIDE - PIECE + 1) * (SIDE - PIECE + 1) && at < 0; place++) {
            int  top = place / (SIDE - PIECE + 1), left = place % (SIDE - PIECE + 1);
            bool same = true;

            for (int i = 0; i < PIECE * PIECE * 3 && same; i++) {
                same = out[i] == pixels[((top + i / 3 / PIECE) * SIDE + left + i / 3 % PIECE) * 3 + i % 3];
            }
            at = same ? place : -1;
        }
        assert_true(at >= 0);
        places += at != last;
        last = at;
        job.out_height = job.out_width = LARGER;
        apply_list("cut", sample, &job);
        int seen = 0;
        for (int i = 0; i < LARGER * LARGER * 3; i++) {
            seen += out[i] > 0;
        }
        assert_int_equal(seen, MOST); /* nothing painted is 0 */
    }
    assert_true(places > 4);
}

/* Shifts by whole pixels and mirroring copy pixels unchanged. */
static void crop_and_flip_copy(void **state)
{
    uint8_t pixels[MOST], out[MOST];

    (void)state;
    paint(pixels);
    for (uint64_t sample = 0; sample < 10; sample++) {
        struct pipeline_job job = {.pixels = pixels, .height = SIDE, .width = SIDE, .channels = 3, .out_height = SIDE,
                                   .out_width = SIDE, .out = out};
        bool found = false;

        apply_list("crop:2, flip", sample, &job);
        for (int move = 0; move < 50 && !found; move++) {
            int  dx = move % 5 - 2, dy = move / 5 % 5 - 2, mirrored = move / 25;
            bool same = true;

            for (int i = 0; i < MOST && same; i++) {
                int column = i / 3 % SIDE, y = i / 3 / SIDE + dy, x = (mirrored ? SIDE - 1 - column : column) + dx;
                int from = x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : pixels[(y * SIDE + x) * 3 + i % 3];

                same = out[i] == from;
            }
            found = same;
        }
        assert_true(found);
    }
}

static void borders_by_hand(void **state)
{
    static const uint8_t row[4] = {1, 2, 3, 4};
    static const struct {
        enum image_border border;
        uint8_t           wanted[10];
    } cases[] = {{IMAGE_BORDER_ZERO, {0, 0, 0, 1, 2, 3, 4, 0, 0, 0}},
                 {IMAGE_BORDER_REFLECT, {4, 3, 2, 1, 2, 3, 4, 3, 2, 1}},
                 {IMAGE_BORDER_EDGE, {1, 1, 1, 1, 2, 3, 4, 4, 4, 4}}};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        uint8_t           out[10];
        struct image_warp warp = {.in = row, .height = 1, .width = 4, .channels = 1, .out_height = 1, .out_width = 10,
                                  .map = {{1, 0, -3, 0, 1, 0, 0, 0, 1}}, .border = cases[k].border};

        image_warp(&warp, out);
        assert_memory_equal(out, cases[k].wanted, 10);
    }
}

/* A quarter turn is exact between pixels, and half a pixel is the mean of two. */
static void warps_by_hand(void **state)
{
    static const uint8_t square[4] = {10, 20, 30, 40}, row[4] = {0, 10, 20, 30};
    uint8_t           out[4];
    struct image_warp turn = {.in = square, .height = 2, .width = 2, .channels = 1, .out_height = 2, .out_width = 2,
                              .map = {{0, 1, 0, -1, 0, 2, 0, 0, 1}}}; /* (x, y) from (y, 2 - x) */
    struct image_warp half = {.in = row, .height = 1, .width = 4, .channels = 1, .out_height = 1, .out_width = 3,
                              .map = {{1, 0, 0.5, 0, 1, 0, 0, 0, 1}}};
    struct image_warp shrink = {.in = row, .height = 1, .width = 4, .channels = 1, .out_height = 1, .out_width = 2,
                                .map = {{2, 0, 0, 0, 1, 0, 0, 0, 1}}, .border = IMAGE_BORDER_EDGE};

    (void)state;
    image_warp(&turn, out);
    assert_memory_equal(out, ((uint8_t[]){30, 10, 40, 20}), 4);
    image_warp(&half, out);
    assert_memory_equal(out, ((uint8_t[]){5, 15, 25}), 3);
    image_warp(&shrink, out); /* sampled at 1/4 and 3/4 of two pixels: near their mean */
    assert_in_range(out[0], 4, 7);
    assert_in_range(out[1], 24, 27);
}

/* random-resized-crop resizes its crop with image_resize(), as prediction does. */
static void resized_crops_are_resized(void **state)
{
    uint8_t pixels[MOST], out[20 * 20 * 3];
    int     found = 0;

    (void)state;
    paint(pixels);
    for (uint64_t sample = 0; sample < 4; sample++) {
        struct pipeline_job job = {.pixels = pixels, .height = SIDE, .width = SIDE, .channels = 3, .out_height = 20,
                                   .out_width = 20, .out = out};

        apply_list("random-resized-crop:0.4", sample, &job);
        for (int box = 0; box < SIDE * SIDE * SIDE * SIDE / 16 && found <= (int)sample; box++) {
            int height = 20 + box % 20, width = 20 + box / 20 % 20, top = box / 400 % 20, left = box / 8000;
            struct resize_scratch scratch = {.memory = memory};
            struct error          error   = {0};
            uint8_t               cut[MOST], wanted[20 * 20 * 3];

            if (top + height > SIDE || left + width > SIDE) {
                continue;
            }
            for (int r = 0; r < height; r++) {
                memcpy(cut + r * width * 3, pixels + ((top + r) * SIDE + left) * 3, (size_t)width * 3);
            }
            assert_int_equal(image_resize(cut, height, width, 3, wanted, 20, 20, &scratch, &error), FOV_OK);
            resize_free(&scratch);
            found += memcmp(wanted, out, sizeof out) == 0;
        }
    }
    assert_int_equal(found, 4);
}

/* ---- colours ----------------------------------------------------------------------------------------------------- */

static void colours_by_hand(void **state)
{
    static const struct {
        const char *list;
        uint8_t     in[6], wanted[6];
    } cases[] = {{"invert:1", {0, 1, 2, 253, 254, 255}, {255, 254, 253, 2, 1, 0}},
                 {"posterize:2:p=1", {0, 63, 64, 128, 200, 255}, {0, 0, 64, 128, 192, 192}},
                 {"solarize:128:p=1", {0, 127, 128, 200, 254, 255}, {0, 127, 127, 55, 1, 0}},
                 {"autocontrast:1", {50, 60, 70, 150, 160, 170}, {0, 0, 0, 255, 255, 255}},
                 {"grey:1", {255, 0, 0, 0, 0, 255}, {76, 76, 76, 29, 29, 29}},
                 {"brightness:0", {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}},
                 {"hue:0", {200, 100, 50, 10, 250, 30}, {200, 100, 50, 10, 250, 30}},
                 {"noise:0", {0, 1, 2, 253, 254, 255}, {0, 1, 2, 253, 254, 255}},
                 {"cutout:9", {1, 2, 3, 4, 5, 6}, {0, 0, 0, 0, 0, 0}}};

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint8_t             out[6];
        struct pipeline_job job = {.pixels = cases[k].in, .height = 1, .width = 2, .channels = 3, .out_height = 1,
                                   .out_width = 2, .out = out};

        apply_list(cases[k].list, 1, &job);
        for (int i = 0; i < 6; i++) {
            if (out[i] != cases[k].wanted[i]) {
                fail_msg("%s: value %d is %d, should be %d", cases[k].list, i, out[i], cases[k].wanted[i]);
            }
        }
    }
}

/* Pillow 9.4's results of ImageEnhance.Sharpness for the same numbers. */
static void sharpness_is_pillows(void **state)
{
    enum { HEIGHT = 5, WIDTH = 6 };
    static const uint8_t in[HEIGHT * WIDTH] = {10, 20, 30, 40, 50, 60, 15, 80, 20, 90, 35, 70, 200, 10, 120,
                                               60, 250, 5, 33, 44, 55, 66, 77, 88, 1,  2,  3,  4,  5,   6};
    static const struct {
        double  factor;
        uint8_t wanted[HEIGHT * WIDTH];
    } cases[] = {{1.5, {10, 20, 30, 40, 50, 60, 15, 88, 9,  94, 21, 70, 200, 0, 140,
                        51, 255, 5, 33, 41, 60, 64, 82, 88, 1,  2,  3,   4, 5,  6}},
                 {0.25, {10, 20, 30, 40, 50, 60, 15, 67, 36, 83, 55, 70, 200, 37, 89,
                         73, 163, 5, 33, 48, 47, 69, 69, 88, 1,  2,  3,   4,  5,  6}},
                 {1, {10, 20, 30, 40, 50, 60, 15, 80, 20, 90, 35, 70, 200, 10, 120,
                      60, 250, 5, 33, 44, 55, 66, 77, 88, 1,  2,  3,  4,  5,   6}}};

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint8_t        pixels[HEIGHT * WIDTH], room[HEIGHT * WIDTH];
        struct colours colours = {pixels, HEIGHT, WIDTH, 1, room};

        memcpy(pixels, in, sizeof in);
        colours_sharpen(&colours, cases[k].factor);
        for (int i = 0; i < HEIGHT * WIDTH; i++) {
            if (abs(pixels[i] - cases[k].wanted[i]) > 1) { /* Pillow rounds the smoothed picture, too */
                fail_msg("factor %g: value %d is %d, should be %d", cases[k].factor, i, pixels[i], cases[k].wanted[i]);
            }
        }
    }
}

/* What "equalize" makes of the values 30 to 129 of a picture, -1 for those that it lacks: Pillow 9.4's
 * ImageOps.equalize. */
static void equalized_values_are_pillows(void **state)
{
    enum { HEIGHT = 20, WIDTH = 30, FIRST = 30 };
    static const int wanted[100] = {
        0,   11,  14,  17,  28,  31,  35,  38,  39,  41,  -1,  44,  47,  -1,  49,  57,  61,  64,  -1,  -1,
        67,  73,  77,  81,  83,  86,  90,  94,  96,  106, -1,  109, 112, -1,  -1,  123, 126, 130, -1,  -1,
        133, 140, 143, 147, 148, 152, 156, 159, 160, 162, -1,  165, 169, -1,  -1,  170, 174, 177, -1,  -1,
        190, 197, 200, 204, 205, 208, 212, 216, 217, 219, -1,  222, 226, -1,  -1,  227, 235, 239, -1,  -1,
        243, 250, 253, 255, 255, 255, 255, 255, 255, 255, -1,  255, 255, -1,  -1,  255, 255, 255, -1,  -1};
    uint8_t             in[HEIGHT * WIDTH], out[HEIGHT * WIDTH];
    struct pipeline_job job = {.pixels = in, .height = HEIGHT, .width = WIDTH, .channels = 1, .out_height = HEIGHT,
                               .out_width = WIDTH, .out = out};

    (void)state;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        in[i] = (uint8_t)(i * i / 7 % 100 + FIRST);
    }
    apply_list("equalize:p=1", 1, &job);
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        if (out[i] != wanted[in[i] - FIRST]) {
            fail_msg("%d becomes %d, should be %d", in[i], out[i], wanted[in[i] - FIRST]);
        }
    }
    apply_list("equalize:p=0", 1, &job);
    assert_memory_equal(in, out, sizeof in);
}

/* Noise in one rectangle, of a share of the area between the two that are given; all else stays. */
static void a_rectangle_is_erased(void **state)
{
    enum { AREA = SIDE * SIDE, RUNS = 60 };
    static uint8_t      in[AREA], out[AREA];
    struct pipeline_job job = {.pixels = in, .height = SIDE, .width = SIDE, .channels = 1, .out_height = SIDE,
                               .out_width = SIDE, .out = out};
    int                 erased = 0;
    double              sum = 0, squares = 0, values = 0;

    (void)state;
    for (uint64_t sample = 0; sample < RUNS; sample++) {
        int left = SIDE, top = SIDE, right = 0, bottom = 0, changed = 0;

        apply_list("erase:p=1:smallest=0.1:largest=0.2", sample, &job);
        for (int i = 0; i < AREA; i++) {
            if (out[i] != 0) {
                int x = i % SIDE, y = i / SIDE;

                left = x < left ? x : left, right = x >= right ? x + 1 : right;
                top = y < top ? y : top, bottom = y >= bottom ? y + 1 : bottom;
                sum += out[i], squares += out[i] * out[i], values++;
                changed++;
            }
        }
        int area = (right - left) * (bottom - top);
        assert_true(changed > 0 && changed <= area && changed >= area * 9 / 10); /* noise may be 0, too */
        assert_true(area >= AREA * 7 / 100 && area <= AREA * 20 / 100);          /* sides are rounded down */
        erased++;
    }
    assert_int_equal(erased, RUNS);
    double mean = sum / values, deviation = sqrt(squares / values - mean * mean);
    assert_true(fabs(mean - 128) < 3 && fabs(deviation - 73.6) < 3); /* uniform over 1 .. 255 */
    apply_list("erase:p=0", 1, &job);
    assert_memory_equal(in, out, sizeof in);
}

/* Of magnitude 0 fourteen operations of rand-augment change nothing, but for those that have no magnitude; more operations
 * change more pictures. */
static void rand_augment_applies_as_many_as_asked(void **state)
{
    static uint8_t      in[MOST], out[MOST];
    struct pipeline_job job = {.pixels = in, .height = SIDE, .width = SIDE, .channels = 3, .out_height = SIDE,
                               .out_width = SIDE, .out = out};
    static const char *const lists[] = {"rand-augment:count=1:magnitude=9", "rand-augment:count=3:magnitude=9"};
    int same[2] = {0};

    (void)state;
    paint(in);
    for (uint64_t sample = 0; sample < 280; sample++) {
        for (int k = 0; k < 2; k++) {
            apply_list(lists[k], sample, &job);
            same[k] += memcmp(in, out, MOST) == 0;
        }
    }
    /* One of fourteen is the identity, and solarising may find nothing: 20 of 280 and some; of three in turn, almost none. */
    assert_in_range(same[0], 8, 70);
    assert_in_range(same[1], 0, 8);
}

/* The hue turns by up to a third: red may become green or blue; saturation and value stay. */
static void hue_turns(void **state)
{
    struct colours colours = {(uint8_t[]){255, 0, 0, 255, 255, 0}, 1, 2, 3, NULL};
    double         by = 1.0 / 3;
    bool           other = false;

    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        uint8_t              pixels[6] = {255, 0, 0, 255, 255, 0};
        struct transform_draw draw = {{1, RANDOM_AUGMENT, 0}, i};

        colours.pixels = pixels;
        transform_find("hue")->colour(&by, &draw, &colours);
        for (int k = 0; k < 2; k++) { /* saturation and value stay */
            const uint8_t *p = pixels + 3 * k;
            int low = p[0] < p[1] ? (p[0] < p[2] ? p[0] : p[2]) : (p[1] < p[2] ? p[1] : p[2]);
            int high = p[0] > p[1] ? (p[0] > p[2] ? p[0] : p[2]) : (p[1] > p[2] ? p[1] : p[2]);

            assert_int_equal(low, 0);
            assert_int_equal(high, 255);
        }
        other = other || pixels[0] < 128;
    }
    assert_true(other);
}

/* Policies fix an operation's strength; only its sign is drawn. */
static void magnitudes_are_exact(void **state)
{
    int less = 0, more = 0, left = 0, right = 0;

    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        struct transform_draw draw = {{1, RANDOM_AUGMENT, 0}, i << 24};
        uint8_t pixel = 100;
        const struct colours colours = {&pixel, 1, 1, 1, NULL};
        struct transform_use use = magnitude_use(MAGNITUDE_BRIGHTNESS, 0.5, &draw);
        struct geometry geometry = {.map = image_map_identity, .height = 33, .width = 331};

        use.transform->colour(use.options, &draw, &colours);
        less += pixel == 55;
        more += pixel == 145;
        use = magnitude_use(MAGNITUDE_TRANSLATE_X, 1.0 / 3, &draw);
        use.transform->geometry(use.options, &draw, &geometry);
        left += geometry.map.at[2] == -50;
        right += geometry.map.at[2] == 50;
        assert_true(geometry.map.at[0] == 1 && geometry.map.at[1] == 0 && geometry.map.at[5] == 0);
        use = magnitude_use(MAGNITUDE_SHEAR_Y, 1, &draw);
        geometry.map = image_map_identity;
        use.transform->geometry(use.options, &draw, &geometry);
        assert_true(fabs(fabs(geometry.map.at[3]) - 0.3) < 1e-12 && geometry.map.at[1] == 0);
        use = magnitude_use(MAGNITUDE_ROTATE, 1, &draw);
        geometry.map = image_map_identity;
        use.transform->geometry(use.options, &draw, &geometry);
        assert_true(fabs(geometry.map.at[0] - sqrt(0.75)) < 1e-12 && fabs(fabs(geometry.map.at[3]) - 0.5) < 1e-12);
        pixel = 0xff;
        use = magnitude_use(MAGNITUDE_POSTERIZE, 1, &draw);
        use.transform->colour(use.options, &draw, &colours);
        assert_int_equal(pixel, 0xf0);
        use = magnitude_use(MAGNITUDE_SOLARIZE, 0, &draw);
        use.transform->colour(use.options, &draw, &colours);
        assert_int_equal(pixel, 0xf0);
    }
    assert_int_equal(less + more, 40);
    assert_int_equal(left + right, 40);
    assert_true(less > 8 && more > 8 && left > 8 && right > 8);
}

static int make(void **state)
{
    (void)state;
    memory = memory_create(NULL, 0);
    return memory == NULL;
}

static int drop(void **state)
{
    (void)state;
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_a_function_of_its_key), cmocka_unit_test(alternating_flips_alternate),
        cmocka_unit_test(lists_read_back),
        cmocka_unit_test(slips_are_said),                cmocka_unit_test(picture_mask_and_box_agree),
        cmocka_unit_test(cut_takes_a_piece),
        cmocka_unit_test(crop_and_flip_copy),            cmocka_unit_test(borders_by_hand),
        cmocka_unit_test(warps_by_hand),                 cmocka_unit_test(resized_crops_are_resized),
        cmocka_unit_test(magnitudes_are_exact),
        cmocka_unit_test(colours_by_hand),               cmocka_unit_test(hue_turns),
        cmocka_unit_test(sharpness_is_pillows),          cmocka_unit_test(equalized_values_are_pillows),
        cmocka_unit_test(a_rectangle_is_erased),         cmocka_unit_test(rand_augment_applies_as_many_as_asked),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
