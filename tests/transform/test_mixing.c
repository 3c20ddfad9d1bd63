/* SPDX-License-Identifier: MIT */
/* Mixing several samples into one: pixels, mask, boxes and shares agree, whatever transforms come before and after; a
 * partner is transformed as in its own place of the epoch; and wrong lists are refused. */
#include "transform/mixing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 40, AREA = SIDE * SIDE, SAMPLES = 12, MOST_READ = 16 };

static struct memory *memory;

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Sample k: a rectangle of value 201 + 2 k on black, of class 1 + k in the mask, in a box of label k. */
static void place_of(uint64_t k, int at[4])
{
    at[0] = 6 + (int)(k * 5 % 11);
    at[1] = 4 + (int)(k * 7 % 13);
    at[2] = at[0] + 9 + (int)(k % 5);
    at[3] = at[1] + 12;
}

struct painted {
    uint8_t pixels[AREA], mask[AREA];
    struct pipeline_box box;
};

static void paint(struct painted *painted, uint64_t k)
{
    int at[4];
    place_of(k, at);
    for (int i = 0; i < AREA; i++) {
        bool in = i % SIDE >= at[0] && i % SIDE < at[2] && i / SIDE >= at[1] && i / SIDE < at[3];
        painted->mask[i] = in ? (uint8_t)(1 + k) : 0;
        painted->pixels[i] = in ? (uint8_t)(201 + 2 * k) : 0;
    }
    painted->box = (struct pipeline_box){.at = {(float)at[0], (float)at[1], (float)at[2], (float)at[3]}, .label = (int)k};
}

/* Gives samples, and records which ones were read. */
struct source {
    struct painted now;
    uint64_t read[MOST_READ];
    int count;
    bool plain; /* pictures of one value, 20 (k + 1), without mask and boxes */
};

static void give(struct source *source, uint64_t k, struct pipeline_job *job)
{
    source->read[source->count++] = k;
    paint(&source->now, k);
    job->pixels = source->now.pixels;
    job->height = job->width = SIDE;
    job->channels = 1;
    if (source->plain) {
        memset(source->now.pixels, (int)(20 * (k + 1)), AREA);
    } else {
        job->mask = source->now.mask;
        job->boxes = &source->now.box;
        job->box_count = 1;
    }
}

static int read_partner(void *user, uint64_t sample, int part, struct pipeline_job *job, struct error *error)
{
    struct source *source = user;
    (void)error;
    assert_in_range(sample, 0, SAMPLES - 1);
    assert_int_equal(part, source->count);
    give(source, sample, job);
    return FOV_OK;
}

/* The result of one sample through a list of transforms, with copies of its boxes. */
struct made {
    uint8_t out[AREA], mask[AREA];
    struct mixed mixed;
    struct pipeline_box boxes[MOST_READ];
    struct source source;
};

static void make(const char *list, uint64_t sample, uint64_t epoch, bool plain, struct made *made)
{
    struct error error = {0};
    struct pipeline *pipeline = pipeline_create(memory, list, &error);
    struct pipeline_workspace workspace = {.memory = memory};
    struct pipeline_job job = {.out_height = SIDE, .out_width = SIDE, .out = made->out, .out_mask = made->mask};
    const struct mixing_partners partners = {SAMPLES, read_partner, &made->source};
    const struct pipeline_key key = {7, epoch, sample};
    if (pipeline == NULL) {
        fail_msg("%s: %s", list, error.text);
    }
    made->source = (struct source){.plain = plain};
    give(&made->source, sample, &job);
    assert_int_equal(pipeline_mix(pipeline, &key, &job, &partners, &workspace, &made->mixed, &error), FOV_OK);
    assert_in_range(made->mixed.box_count, 0, MOST_READ);
    for (int i = 0; i < made->mixed.box_count; i++) {
        made->boxes[i] = made->mixed.boxes[i];
    }
    assert_int_equal(made->mixed.part_count, made->source.count);
    pipeline_workspace_free(&workspace);
    pipeline_free(pipeline);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void stretch(double to[4], const double from[4])
{
    for (int side = 0; side < 4; side++) {
        to[side] = side < 2 ? fmin(to[side], from[side]) : fmax(to[side], from[side]);
    }
}

/* Whether the four neighbours have the same class; at edges values are mixtures. */
static bool is_inner(const uint8_t *mask, int i)
{
    int x = i % SIDE, y = i / SIDE;
    return x > 0 && y > 0 && x + 1 < SIDE && y + 1 < SIDE && mask[i - 1] == mask[i] && mask[i + 1] == mask[i] &&
           mask[i - SIDE] == mask[i] && mask[i + SIDE] == mask[i];
}

/* For each class, the mask agrees with the pixels, and the boxes with the mask's edges. */
static void picture_mask_and_boxes_agree(void **state)
{
    static const char *const lists[] = {"cutmix",
                                        "mosaic",
                                        "mosaic:from=0.5",
                                        "mosaic, flip, scale:0.3",
                                        "flip, rotate:20, mosaic",
                                        "mosaic, random-resized-crop:0.3:largest=0.8",
                                        "flip, cutmix, vertical-flip"};
    (void)state;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        int seen = 0;
        for (uint64_t sample = 0; sample < SAMPLES; sample++) {
            struct made made;
            make(lists[k], sample, 3, false, &made);
            int wrong = 0;
            for (int i = 0; i < AREA; i++) {
                int class = made.mask[i] == 255 ? 0 : made.mask[i], value = class > 0 ? 199 + 2 * class : 0;
                bool pure = made.out[i] == 0 || made.out[i] > 200;
                wrong += pure && is_inner(made.mask, i) && made.mask[i] != 255 && made.out[i] != value;
            }
            /* After resampling twice, a corner may take its neighbour's value. */
            if (wrong > (strstr(lists[k], "rotate") != NULL ? 20 : 0)) {
                fail_msg("%s, sample %d: %d pixels of picture and mask differ", lists[k], (int)sample, wrong);
            }
            for (int label = 0; label < SAMPLES; label++) {
                double is[4] = {SIDE, SIDE, 0, 0}, should[4] = {SIDE, SIDE, 0, 0};
                for (int i = 0; i < AREA; i++) {
                    if (made.mask[i] == 1 + label) {
                        stretch(should, (double[4]){i % SIDE, (double)(i / SIDE), i % SIDE + 1, (double)(i / SIDE) + 1});
                    }
                }
                for (int b = 0; b < made.mixed.box_count; b++) {
                    const float *at = made.boxes[b].at;
                    if (made.boxes[b].label == label) {
                        stretch(is, (double[4]){(double)at[0], (double)at[1], (double)at[2], (double)at[3]});
                    }
                }
                seen += should[2] > 0;
                for (int side = 0; side < 4 && should[2] > 0; side++) {
                    /* A rotated box encloses the whole rectangle, of which the mosaic then cuts a part off. */
                    double slack = strstr(lists[k], "rotate") != NULL ? 7 : 1.6;
                    if (fabs(is[side] - should[side]) > slack) {
                        fail_msg("%s, sample %d, label %d: side %d of the boxes is %g, of the mask %g", lists[k],
                                 (int)sample, label, side, is[side], should[side]);
                    }
                }
            }
        }
        assert_true(seen > SAMPLES); /* partners were mixed in */
    }
}

/* Each picture has one value, so that the share of each picture in the result can be counted. */
static void shares_are_what_is_seen(void **state)
{
    static const char *const lists[] = {"cutmix", "cutmix:0.3, cutmix", "mosaic:fill=0"};
    (void)state;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        for (uint64_t sample = 0; sample < SAMPLES; sample++) {
            struct made made;
            double seen[SAMPLES] = {0}, told[SAMPLES] = {0}, all = 0, total = 0;
            make(lists[k], sample, 1, true, &made);
            for (int i = 0; i < AREA; i++) {
                if (made.out[i] > 0 && made.out[i] % 20 == 0) {
                    seen[made.out[i] / 20 - 1]++;
                    all++;
                }
            }
            for (int part = 0; part < made.mixed.part_count; part++) {
                told[made.source.read[part]] += made.mixed.share[part];
                total += made.mixed.share[part];
            }
            assert_true(fabs(total - 1) < 1e-12);
            for (int i = 0; i < SAMPLES; i++) {
                /* A mosaic is scaled by a half, so its seams are mixtures. After two mixes the shares are only
                 * estimates. */
                double slack = k == 0 ? 1e-12 : k == 1 ? 0.25 : 0.05;
                if (fabs(seen[i] / all - told[i]) > slack) {
                    fail_msg("%s, sample %d: %g of %d is seen, %g told", lists[k], (int)sample, seen[i] / all, i, told[i]);
                }
            }
        }
    }
}

/* lambda a + (1 - lambda) b, where lambda is the first share; with p=0 nothing is mixed. */
static void mixup_is_a_weighted_mean(void **state)
{
    double least = 1, most = 0, sum = 0;
    (void)state;
    for (uint64_t epoch = 0; epoch < 200; epoch++) {
        struct made made;
        make("mixup:1", 0, epoch, true, &made);
        assert_int_equal(made.mixed.part_count, 2);
        double share = made.mixed.share[0], other = 20.0 * (double)(made.source.read[1] + 1);
        double wanted = share * 20 + (1 - share) * other;
        for (int i = 0; i < AREA; i++) {
            assert_true(fabs(made.out[i] - wanted) <= 0.5 + 1e-9);
        }
        least = fmin(least, share);
        most = fmax(most, share);
        sum += share;
        make("mixup:p=0", 0, epoch, true, &made);
        assert_int_equal(made.mixed.part_count, 1);
        assert_int_equal(made.out[0], 20);
    }
    /* Beta(1, 1) is uniform: a mean of 200 has a deviation of 0.02. */
    assert_true(least < 0.05 && most > 0.95 && fabs(sum / 200 - 0.5) < 0.08);
}

/* Mean and variance of Beta(a, a): 1/2 and 1 / (4 (2 a + 1)). */
static void beta_has_its_variance(void **state)
{
    static const double alphas[] = {0.2, 0.5, 1, 8};
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        double mean = 0, square = 0;
        enum { DRAWS = 4000 };
        for (uint64_t i = 0; i < DRAWS; i++) {
            struct transform_draw draw = {{3, RANDOM_AUGMENT, 0}, i << 24};
            double x = draw_beta(&draw, alphas[k]) - 0.5;
            assert_true(x >= -0.5 && x <= 0.5);
            mean += x / DRAWS;
            square += x * x / DRAWS;
        }
        assert_true(fabs(mean) < 0.03);
        assert_true(fabs(square * 4 * (2 * alphas[k] + 1) - 1) < 0.1);
    }
}

/* The same key gives the same bits; and a partner's patch equals that part of the partner's own sample in that
 * epoch. */
static void partners_are_what_they_are_alone(void **state)
{
    int pieces = 0;
    (void)state;
    for (uint64_t sample = 0; sample < SAMPLES; sample++) {
        struct made made, again, alone;
        make("flip, noise:0.2, cutmix", sample, 5, false, &made);
        make("flip, noise:0.2, cutmix", sample, 5, false, &again);
        assert_memory_equal(made.out, again.out, AREA);
        assert_memory_equal(made.mask, again.mask, AREA);
        uint64_t partner = made.source.read[1];
        make("flip, noise:0.2, cutmix", sample, 6, false, &again);
        make("flip, noise:0.2, cutmix:p=0", sample, 5, false, &alone);
        int own = 0, others = 0;
        for (int i = 0; i < AREA; i++) {
            own += made.out[i] == alone.out[i];
        }
        make("flip, noise:0.2, cutmix:p=0", partner, 5, false, &alone);
        for (int i = 0; i < AREA; i++) {
            others += made.out[i] == alone.out[i];
        }
        assert_true(own + others >= AREA);
        pieces += partner != sample && made.mixed.share[1] > 0.05;
        assert_true(memcmp(made.out, again.out, AREA) != 0);
    }
    assert_true(pieces > 3);
}

static void what_cannot_be_is_said(void **state)
{
    struct error error = {0};
    uint8_t pixel = 3, out;
    struct pipeline_workspace workspace = {.memory = memory};
    const struct pipeline_job job = {.pixels = &pixel, .height = 1, .width = 1, .channels = 1, .out_height = 1,
                                     .out_width = 1, .out = &out};
    (void)state;
    assert_null(pipeline_create(memory, "mosaic, mosaic, mixup", &error));
    assert_int_equal(error.status, FOV_E_USAGE);
    assert_non_null(strstr(error.text, "up to mixup a sample would be made of 32; at most 16"));
    error_clear(&error);
    struct pipeline *pipeline = pipeline_create(memory, "flip, mixup", &error);
    assert_non_null(pipeline);
    assert_true(pipeline_mixes(pipeline));
    assert_string_equal(pipeline_blends(pipeline), "mixup");
    assert_int_equal(pipeline_apply(pipeline, &(struct pipeline_key){1, 2, 3}, &job, &workspace, &error),
                     FOV_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "makes one sample of several"));
    pipeline_free(pipeline);
}

static int begin(void **state)
{
    (void)state;
    memory = memory_create(NULL, 0);
    return memory == NULL;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_mask_and_boxes_agree),     cmocka_unit_test(shares_are_what_is_seen),
        cmocka_unit_test(mixup_is_a_weighted_mean),         cmocka_unit_test(beta_has_its_variance),
        cmocka_unit_test(partners_are_what_they_are_alone), cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
