/* SPDX-License-Identifier: MIT */
/* The generator of digits: the same bits always and everywhere, every class, digits within the picture, and different
 * pictures for different seeds, splits and indices. Whether a network can learn them: the tests of training. */
#include "data/support.h"
#include "base/hash.h"
#include "data/digits.h"

enum { SIZE = DIGITS_SIDE * DIGITS_SIDE };

/* A new hash means that everybody's results on digits change: that belongs in the change log. */
static const char digits_sha256[] = "96599b6701b1afe8a277fcc965a3aa597ab6096d6ce7b93c108ef742698ae248";

static void test_frozen(void **state)
{
    (void)state;
    struct hash_state hash = {{0}};
    char hex[HASH_HEX_SIZE];
    hash_begin(&hash);
    for (uint64_t i = 0; i < 500; i++) {
        uint8_t pixels[SIZE], label = (uint8_t)digits_label(3, FOV_TEST, i);
        digits_draw(3, FOV_TEST, i, pixels);
        hash_add(&hash, &label, 1);
        hash_add(&hash, pixels, sizeof pixels);
    }
    hash_end(&hash, hex);
    assert_string_equal(hex, digits_sha256);
}

static void test_pictures(void **state)
{
    (void)state;
    int labels[10] = {0};
    for (uint64_t i = 0; i < 2000; i++) {
        uint8_t pixels[SIZE];
        double sum = 0.0, x = 0.0, y = 0.0;
        digits_draw(0, FOV_TRAIN, i, pixels);
        labels[digits_label(0, FOV_TRAIN, i)]++;
        for (int p = 0; p < SIZE; p++) {
            sum += pixels[p];
            x += pixels[p] * (p % DIGITS_SIDE + 0.5);
            y += pixels[p] * (p / DIGITS_SIDE + 0.5);
            bool edge = p / DIGITS_SIDE == 0 || p / DIGITS_SIDE == DIGITS_SIDE - 1;
            edge = edge || p % DIGITS_SIDE == 0 || p % DIGITS_SIDE == DIGITS_SIDE - 1;
            assert_true(!edge || pixels[p] < 255); // no full ink in the first and the last row and column
        }
        // ink: MNIST's pictures have a mean of 33 of 255; centre of mass in the middle
        assert_true(sum / SIZE > 6.0 && sum / SIZE < 110.0);
        assert_true(x / sum > 12.0 && x / sum < 16.0 && y / sum > 12.0 && y / sum < 16.0);
    }
    for (int i = 0; i < 10; i++) {
        assert_true(labels[i] > 140 && labels[i] < 260); // 200 each, 4 standard deviations
    }
}

/* A sample depends on seed, split and index alone: not on threads, other samples, or the number of samples. */
static void test_source(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads += 2) {
        fov_context *context = make_context(threads);
        fov_dataset *dataset = fov_dataset_open(context, "digits:900:3", FOV_TEST);
        assert_non_null(dataset);
        fov_dataset_info info = fov_dataset_describe(dataset);
        assert_int_equal(info.count, 150);
        assert_int_equal(info.classes, 10);
        assert_string_equal(info.source, "drawn by fovea");
        for (int64_t i = 149; i >= 0; i--) {
            const uint8_t *pixels;
            uint8_t expected[SIZE];
            int height, width, channels;
            assert_int_equal(fov_dataset_sample(dataset, i, &pixels, &height, &width, &channels), FOV_OK);
            digits_draw(3, FOV_TEST, (uint64_t)i, expected);
            assert_memory_equal(pixels, expected, SIZE);
            assert_int_equal(fov_dataset_label(dataset, i), digits_label(3, FOV_TEST, (uint64_t)i));
        }
        fov_dataset_free(dataset);
        fov_context_free(context);
    }
}

static void test_differences(void **state)
{
    (void)state;
    uint8_t a[SIZE], b[SIZE];
    digits_draw(0, FOV_TRAIN, 5, a);
    digits_draw(0, FOV_TEST, 5, b);
    assert_memory_not_equal(a, b, SIZE);
    digits_draw(1, FOV_TRAIN, 5, b);
    assert_memory_not_equal(a, b, SIZE);
    digits_draw(0, FOV_TRAIN, 6, b);
    assert_memory_not_equal(a, b, SIZE);
}

static void test_arguments(void **state)
{
    (void)state;
    refuse("digits:0", FOV_TRAIN, FOV_E_USAGE, "1 to");
    refuse("digits:many", FOV_TRAIN, FOV_E_USAGE, "1 to");
    refuse("digits:10:x", FOV_TRAIN, FOV_E_USAGE, "seed");
    refuse("digits:99999999999999999999999999", FOV_TRAIN, FOV_E_USAGE, "1 to");
    refuse("digit", FOV_TRAIN, FOV_E_USAGE, "digits");
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    // contexts with growing memory limits: each shortage is an error, never a leak or a crash
    bool opened = false;
    for (size_t limit = 20000; !opened; limit += 2000) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .max_memory = limit});
        if (context == NULL || fov_error_status(context) != FOV_OK) {
            fov_context_free(context);
            continue;
        }
        size_t before = fov_context_memory(context).bytes;
        fov_dataset *dataset = fov_dataset_open(context, "digits:100", FOV_TRAIN);
        opened = dataset != NULL;
        assert_int_equal(fov_error_status(context), opened ? FOV_OK : FOV_E_MEMORY);
        fov_dataset_free(dataset);
        assert_int_equal(fov_context_memory(context).bytes, before);
        fov_context_free(context);
        assert_true(limit < 10000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen),    cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_source),    cmocka_unit_test(test_differences),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
