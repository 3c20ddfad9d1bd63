/* SPDX-License-Identifier: MIT */
/* A folder per class: names, splits, what is skipped and what is refused, and one bad picture among good ones. */
#include "data/support.h"
#include <unistd.h>

/* A grey picture whose pixels are all `value`, 4 x (3 + value % 3). */
static void put_picture(void **state, const char *name, uint8_t value)
{
    uint8_t pixels[4 * 5];
    fov_context *context = make_context(1);
    memset(pixels, value, sizeof pixels);
    assert_int_equal(fov_image_save_png(context, path_in(state, name), 4, 3 + value % 3, 1, pixels), FOV_OK);
    fov_context_free(context);
}

static void test_splits(void **state)
{
    put_picture(state, "train/dog/a.png", 10);
    put_picture(state, "train/dog/deeper/b.PNG", 11);
    put_picture(state, "train/cat/z.png", 12);
    put_picture(state, "val/cat/1.png", 13);
    put_picture(state, "val/dog/1.png", 14);
    put_file(path_in(state, "train/.hidden/x.png"), "x", 1);
    put_file(path_in(state, "train/cat/.DS_Store"), "x", 1);
    put_file(path_in(state, "train/cat/notes.txt"), "x", 1);
    put_file(path_in(state, "train/README"), "x", 1);

    fov_context *context = make_context(1);
    fov_dataset *dataset = fov_dataset_open(context, *state, FOV_TRAIN);
    assert_string_equal(fov_error(context), "");
    assert_non_null(dataset);
    fov_dataset_info info = fov_dataset_describe(dataset);
    assert_string_equal(info.name, "folder");
    assert_int_equal(info.count, 3);
    assert_int_equal(info.classes, 2);
    assert_string_equal(fov_dataset_class(dataset, 0), "cat");
    assert_string_equal(fov_dataset_class(dataset, 1), "dog");
    assert_true(info.height == 4 && info.width == 3 && info.channels == 1);
    static const int values[] = {12, 10, 11}, labels[] = {0, 1, 1};
    for (int i = 0; i < 3; i++) {
        const uint8_t *pixels;
        int height, width, channels;
        assert_int_equal(fov_dataset_sample(dataset, i, &pixels, &height, &width, &channels), FOV_OK);
        assert_int_equal(pixels[0], values[i]);
        assert_int_equal(width, 3 + values[i] % 3);
        assert_int_equal(fov_dataset_label(dataset, i), labels[i]);
    }
    fov_dataset_free(dataset);
    dataset = fov_dataset_open(context, *state, FOV_TEST);
    assert_int_equal(fov_dataset_describe(dataset).count, 2);
    fov_dataset_free(dataset);
    fov_context_free(context);
}

/* Without splits a tenth of each class is held back: the two parts are disjoint and make up the whole. */
static void test_held_back(void **state)
{
    for (int i = 0; i < 40; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s/%02d.png", i < 25 ? "one" : "two", i);
        put_picture(state, name, (uint8_t)i);
    }
    bool seen[40] = {false};
    int tested = 0;
    for (int split = 0; split < 2; split++) {
        fov_context *context = make_context(1);
        fov_dataset *dataset = fov_dataset_open(context, *state, (fov_split)split);
        assert_non_null(dataset);
        for (int64_t i = 0; i < fov_dataset_describe(dataset).count; i++) {
            const uint8_t *pixels;
            int height, width, channels;
            assert_int_equal(fov_dataset_sample(dataset, i, &pixels, &height, &width, &channels), FOV_OK);
            assert_true(pixels[0] < 40 && !seen[pixels[0]]);
            seen[pixels[0]] = true;
            assert_int_equal(fov_dataset_label(dataset, i), pixels[0] >= 25);
            tested += split;
        }
        fov_dataset_free(dataset);
        fov_context_free(context);
    }
    assert_int_equal(tested, 2 + 1);
    for (int i = 0; i < 40; i++) {
        assert_true(seen[i]);
    }
}

static void test_refused(void **state)
{
    put_picture(state, "train/dog/a.png", 10);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "has no folder \"test\" or \"val\"");
    put_picture(state, "test/cat/a.png", 10);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "class \"cat\" is in");
    put_picture(state, "train/cat/a.png", 10);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "class \"dog\" is in");
    put_file(path_in(state, "test/dog/a.tiff"), "x", 1);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "class \"dog\" holds no picture (but 1 other file)");
    assert_int_equal(unlink(path_in(state, "test/dog/a.tiff")), 0);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "class \"dog\" is empty");
    put_file(path_in(state, "test/dog/a.png"), "no picture", 10);
    assert_int_equal(symlink(*state, path_in(state, "train/dog/loop")), 0);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "nested more than");
    assert_int_equal(unlink(path_in(state, "train/dog/loop")), 0);

    // a bad picture is named when it is met
    fov_context *context = make_context(1);
    fov_dataset *dataset = fov_dataset_open(context, *state, FOV_TEST);
    assert_non_null(dataset);
    const uint8_t *pixels;
    int height, width, channels;
    assert_int_equal(fov_dataset_sample(dataset, 1, &pixels, &height, &width, &channels), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "test/dog/a.png: not a PNG, JPEG, WebP, GIF or BMP"));
    fov_dataset_free(dataset);
    fov_context_free(context);
}

int main(void)
{
#ifndef FOVEA_HAVE_PNG
    printf("SKIPPED: built without PNG\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_splits, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_held_back, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_refused, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
