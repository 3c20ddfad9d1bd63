/* SPDX-License-Identifier: MIT */
/* A folder per class: names, splits, skipped files, refused layouts, and one bad picture among good ones. */
#include "data/support.h"
#include <limits.h>
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

/* The number of samples of a split, which must open. */
static int64_t count_of(const char *directory, fov_split split)
{
    fov_context *context = make_context(1);
    fov_dataset *dataset = fov_dataset_open(context, directory, split);
    assert_string_equal(fov_error(context), "");
    int64_t count = fov_dataset_describe(dataset).count;
    fov_dataset_free(dataset);
    fov_context_free(context);
    return count;
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
    assert_true(info.height == 4 && info.width == 4 && info.channels == 1); /* the median */
    assert_true(!info.same_size && info.least[1] == 3 && info.most[1] == 5);
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
    refuse(*state, FOV_TEST, FOV_E_INPUT, "has no split \"test\" or \"val\"");
    put_picture(state, "test/cat/a.png", 10);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "class \"cat\" is in");
    put_picture(state, "train/cat/a.png", 10);
    assert_int_equal(count_of(*state, FOV_TEST), 1); /* a class without test samples is allowed */
    put_file(path_in(state, "test/dog/a.tiff"), "x", 1);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "class \"dog\" holds no picture (but 1 other file)");
    assert_int_equal(unlink(path_in(state, "test/dog/a.tiff")), 0);
    assert_int_equal(count_of(*state, FOV_TEST), 1); /* an empty folder is skipped */
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

/* Splits by their usual names, in upper or lower case: FOV_VALIDATION is val's pictures, FOV_TEST is test's. */
static void test_split_names(void **state)
{
    static const char *const names[][3] = {
        {"training", "validation", "testing"}, {"Train", "Val", "Test"},          {"TRAIN", "dev", "eval"},
        {"train_set", "valid_set", "test_set"}, {"train2017", "val2017", "test1"}, {"Training Data", "VALID", "tests"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        static const int counts[] = {3, 2, 1};
        char name[100];
        for (int split = 0; split < 3; split++) {
            for (int k = 0; k < counts[split]; k++) {
                snprintf(name, sizeof name, "%zu/%s/cat/%d.png", i, names[i][split], k);
                put_picture(state, name, (uint8_t)k);
                snprintf(name, sizeof name, "%zu/%s/dog/%d.png", i, names[i][split], k);
                put_picture(state, name, (uint8_t)k);
            }
        }
        snprintf(name, sizeof name, "%zu", i);
        const char *root = path_in(state, name);
        if (i + 1 == sizeof names / sizeof *names) { /* "tests" is no split's name: FOV_TEST falls back to val */
            assert_int_equal(count_of(root, FOV_TEST), 4);
            continue;
        }
        assert_int_equal(count_of(root, FOV_TRAIN), 6);
        assert_int_equal(count_of(root, FOV_VALIDATION), 4);
        assert_int_equal(count_of(root, FOV_TEST), 2);
    }
}

/* If only one of val and test has classes, it serves as both; pictures outside class folders are not used. */
static void test_one_of_two(void **state)
{
    for (int i = 0; i < 20; i++) {
        char name[40];
        snprintf(name, sizeof name, "train/%s/%02d.png", i % 2 ? "cat" : "dog", i);
        put_picture(state, name, (uint8_t)i);
    }
    put_picture(state, "test/1.png", 1);
    assert_int_equal(count_of(*state, FOV_TRAIN), 18); /* a tenth of each class is held back */
    assert_int_equal(count_of(*state, FOV_TEST), 2);
    assert_int_equal(unlink(path_in(state, "test/1.png")), 0);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "has no split \"test\" or \"val\""); /* an empty folder is no split */
    put_picture(state, "test/1.png", 1);
    put_picture(state, "val/cat/1.png", 1);
    put_picture(state, "val/dog/1.png", 1);
    assert_int_equal(count_of(*state, FOV_TRAIN), 20);
    assert_int_equal(count_of(*state, FOV_VALIDATION), 2);
    assert_int_equal(count_of(*state, FOV_TEST), 2);
    assert_int_equal(rename(path_in(state, "test/1.png"), path_in(state, "test/unknown/1.png")), 0);
    assert_int_equal(count_of(*state, FOV_TEST), 2);
    put_picture(state, "test/cat/1.png", 1);
    refuse(*state, FOV_TEST, FOV_E_INPUT, "class \"unknown\" is in");
    assert_int_equal(unlink(path_in(state, "test/unknown/1.png")), 0);
    assert_int_equal(count_of(*state, FOV_TEST), 1);
    assert_int_equal(count_of(*state, FOV_VALIDATION), 2);
}

/* Folders are classes only where pictures lie in them. */
static void test_levels(void **state)
{
    put_picture(state, "a/fold1/cat/1.png", 1);
    put_picture(state, "a/fold1/dog/1.png", 1);
    put_picture(state, "a/fold2/cat/1.png", 1);
    put_picture(state, "a/fold2/dog/1.png", 1);
    refuse(path_in(state, "a"), FOV_TRAIN, FOV_E_INPUT, "hold no pictures but only folders (\"cat\"");
    for (int i = 0; i < 4; i++) { /* class/images/..., and an archive's own folder around it */
        char name[60];
        snprintf(name, sizeof name, "b/archive/pets/%s/images/%d.png", i % 2 ? "cat" : "dog", i);
        put_picture(state, name, (uint8_t)i);
    }
    put_file(path_in(state, "b/__MACOSX/pets/._1.png"), "x", 1);
    put_file(path_in(state, "b/archive/.DS_Store"), "x", 1);
    assert_int_equal(count_of(path_in(state, "b"), FOV_TRAIN), 2);
    /* A class may be named like a split: trains among cars. */
    for (int i = 0; i < 4; i++) {
        char name[60];
        snprintf(name, sizeof name, "c/%s/%d.png", i % 2 ? "car" : "train", i);
        put_picture(state, name, (uint8_t)i);
    }
    assert_int_equal(count_of(path_in(state, "c"), FOV_TRAIN), 2);
    put_picture(state, "d/train/1.png", 1);
    put_picture(state, "d/test/1.png", 1);
    put_picture(state, "d/test/2.png", 1);
    put_picture(state, "d/beside.png", 1);
    assert_int_equal(count_of(path_in(state, "d"), FOV_TRAIN), 1); /* no classes, but splits */
    assert_int_equal(count_of(path_in(state, "d"), FOV_TEST), 2);
    for (int i = 0; i < 20; i++) {
        char name[60];
        snprintf(name, sizeof name, "e/%d.png", i);
        put_picture(state, name, (uint8_t)i);
    }
    put_file(path_in(state, "e/readme.txt"), "x", 1);
    assert_int_equal(count_of(path_in(state, "e"), FOV_TRAIN), 18); /* no classes, no splits: a tenth held back */
    assert_int_equal(count_of(path_in(state, "e"), FOV_TEST), 2);
    put_file(path_in(state, "f/readme.txt"), "x", 1);
    put_file(path_in(state, "f/test/readme.txt"), "x", 1);
    refuse(path_in(state, "f"), FOV_TRAIN, FOV_E_INPUT, "no class folders: 0 pictures");
    for (int i = 0; i < 4; i++) { /* a level more, and flat folders beside those with classes */
        char name[60];
        snprintf(name, sizeof name, "g/train/train/%s/%d.png", i % 2 ? "car" : "van", i);
        put_picture(state, name, (uint8_t)i);
        snprintf(name, sizeof name, "g/Test/test/%s/%d.png", i % 2 ? "car" : "van", i);
        put_picture(state, name, (uint8_t)i);
        snprintf(name, sizeof name, "h/%s/%d.png", i % 2 ? "val" : i ? "valid" : "van", i);
        put_picture(state, name, (uint8_t)i);
        snprintf(name, sizeof name, "h/%s/1%d.png", i % 2 ? "val" : i ? "valid" : "van", i);
        put_picture(state, name, (uint8_t)i);
    }
    put_picture(state, "g/testing/1.png", 1);
    put_picture(state, "g/Train1/1.png", 1);
    assert_int_equal(count_of(path_in(state, "g"), FOV_TRAIN), 4);
    assert_int_equal(count_of(path_in(state, "g"), FOV_TEST), 4);
    assert_int_equal(count_of(path_in(state, "h"), FOV_TRAIN), 5); /* three classes, whatever they are called */
    put_picture(state, "f/train/cat/1.png", 1);
    put_picture(state, "f/Training/cat/1.png", 1);
    refuse(path_in(state, "f"), FOV_TRAIN, FOV_E_INPUT, "look like the training split");
}

/* Common size and channels are those of all pictures, not of the first one. */
static void test_in_common(void **state)
{
    uint8_t pixels[9 * 7 * 3] = {200, 10, 10};
    fov_context *context = make_context(2);
    for (int i = 0; i < 4; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s/%d.png", i % 2 ? "b" : "a", i);
        assert_int_equal(fov_image_save_png(context, path_in(state, name), 9, 7, 1, pixels), FOV_OK);
    }
    fov_dataset *dataset = fov_dataset_open(context, *state, FOV_TRAIN);
    fov_dataset_info info = fov_dataset_describe(dataset);
    assert_true(info.channels == 1 && info.same_size && info.height == 9 && info.width == 7);
    fov_dataset_free(dataset);
    assert_int_equal(fov_image_save_png(context, path_in(state, "b/9.png"), 9, 7, 3, pixels), FOV_OK);
    for (int split = 0; split < 2; split++) { /* also for the split without the colour picture */
        dataset = fov_dataset_open(context, *state, (fov_split)split);
        info = fov_dataset_describe(dataset);
        assert_true(info.channels == 3 && info.same_size);
        fov_dataset_free(dataset);
    }
    fov_context_free(context);
}

static const fov_finding *find(const fov_check *check, const char *kind, const char *file)
{
    for (int64_t i = 0; i < check->count; i++) {
        if (strcmp(check->findings[i].kind, kind) == 0 && strstr(check->findings[i].file, file) != NULL) {
            return &check->findings[i];
        }
    }
    fail_msg("no finding \"%s\" of %s", kind, file);
    return NULL;
}

/* A check reads every file and lists all findings, errors first. */
static void test_check(void **state)
{
    char name[40];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "train/%s/%02d.png", i % 2 ? "cat" : "dog", i);
        put_picture(state, name, (uint8_t)(3 * i));
    }
    put_picture(state, "test/cat/1.png", 99);
    put_picture(state, "test/dog/new.png", 120);
    fov_context *context = make_context(2);
    fov_check check;
    assert_int_equal(fov_dataset_check(context, *state, NULL, &check), FOV_OK);
    assert_int_equal(check.count, 0);
    assert_int_equal(check.samples, 14);
    fov_check_free(&check);

    put_picture(state, "test/cat/again.png", 3); /* train/cat/01.png */
    put_picture(state, "train/dog/03.png", 9);   /* train/cat/03.png */
    put_file(path_in(state, "train/cat/666.jpg"), "", 0);
    put_file(path_in(state, "train/cat/bad.jpg"), "\xff\xd8\xff\xd9", 4);
    put_file(path_in(state, "train/dog/page.png"), "<!DOCTYPE html>", 15);
    put_file(path_in(state, "train/dog/Thumbs.db"), "x", 1);
    put_file(path_in(state, "train/dog/._a.png"), "x", 1);
    put_file(path_in(state, "train/dog/notes.txt"), "x", 1);
    put_file(path_in(state, "train/dog/scan.TIF"), "x", 1);
    put_file(path_in(state, "train/empty/deeper/.keep"), "x", 1);
    put_picture(state, "train/cat/A1.png", 60);
    put_picture(state, "train/cat/a1.png", 63);
    assert_int_equal(rename(path_in(state, "train/cat/11.png"), path_in(state, "train/cat/11.jpeg")), 0);
    assert_int_equal(fov_dataset_check(context, *state, NULL, &check), FOV_OK);
    assert_int_equal(check.errors, 3);
    assert_int_equal(find(&check, "empty file", "666.jpg")->severity, FOV_FINDING_ERROR);
    find(&check, "damaged picture", "bad.jpg");
    find(&check, "not a picture", "page.png");
    find(&check, "in two splits", "test/cat/again.png");
    assert_non_null(strstr(find(&check, "in two classes", "train/dog/03.png")->what, "train/cat/03.png"));
    find(&check, "wrong extension", "11.jpeg");
    find(&check, "names differ in case", "train/cat/a1.png");
    find(&check, "empty folder", "train/empty");
    assert_string_equal(find(&check, "system file", "Thumbs.db")->fate, "skipped");
    find(&check, "hidden file", "._a.png");
    find(&check, "other file", "notes.txt");
    assert_int_equal(find(&check, "format not read", "scan.TIF")->severity, FOV_FINDING_WARNING);
    for (int64_t i = 1; i < check.count; i++) {
        assert_true(check.findings[i].severity <= check.findings[i - 1].severity);
    }
    fov_check_free(&check);

    /* If a dataset cannot be opened, that is a finding, and its files are checked all the same. */
    put_picture(state, "test/bird/1.png", 1);
    put_picture(state, "test/cow/1.png", 1);
    assert_int_equal(fov_dataset_check(context, *state, NULL, &check), FOV_OK);
    find(&check, "class in one split", "test");
    find(&check, "empty file", "666.jpg");
    assert_int_equal(check.samples, 0);
    fov_check_free(&check);

    /* One split alone cannot be opened, but all of it is checked. */
    put_picture(state, "alone/train/cat/1.png", 1);
    put_file(path_in(state, "alone/train/cat/2.png"), "\x89PNG\r\n\x1a\n", 8);
    put_file(path_in(state, "alone/train/cat/3.png"), "x", 1);
    assert_int_equal(fov_dataset_check(context, path_in(state, "alone"), NULL, &check), FOV_OK);
    assert_int_equal(check.samples, 1);
    find(&check, "cannot be opened", "alone");
    find(&check, "damaged picture", "2.png");
    find(&check, "not a picture", "3.png");
    fov_check_free(&check);
    assert_int_equal(fov_dataset_check(context, "no-such-dataset", NULL, &check), FOV_E_USAGE);
    fov_context_free(context);
}

/* An allocator that gives out `left` blocks, then none. */
struct scarce {
    long left, held;
};

static void *scarce_allocate(void *user, size_t bytes)
{
    struct scarce *scarce = user;
    void *block = scarce->left-- > 0 ? malloc(bytes) : NULL;
    scarce->held += block != NULL;
    return block;
}

static void scarce_release(void *user, void *block)
{
    struct scarce *scarce = user;
    scarce->held -= block != NULL;
    free(block);
}

/* Whatever allocation fails: a sentence about memory, nothing lost, nothing freed twice. */
static void test_every_allocation_may_fail(void **state)
{
    for (int i = 0; i < 6; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s/%d.png", i % 2 ? "cat" : "dog", i);
        put_picture(state, name, (uint8_t)i);
    }
    put_file(path_in(state, "cat/.hidden"), "x", 1);
    for (int checked = 0; checked < 2; checked++) {
        bool done = false;
        for (long blocks = 0; !done; blocks++) {
            struct scarce scarce = {.left = LONG_MAX};
            fov_allocator allocator = {scarce_allocate, scarce_release, &scarce};
            fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .allocator = &allocator});
            fov_check check = {.count = 0};
            scarce.left = blocks;
            fov_dataset *dataset = checked ? NULL : fov_dataset_open(context, *state, FOV_TRAIN);
            int status = checked ? fov_dataset_check(context, *state, NULL, &check) : (int)fov_error_status(context);
            done = scarce.left >= 0;
            assert_int_equal(status, done ? FOV_OK : FOV_E_MEMORY);
            assert_int_equal(dataset != NULL, done && !checked);
            fov_check_free(&check);
            fov_dataset_free(dataset);
            fov_context_free(context);
            assert_int_equal(scarce.held, 0);
        }
    }
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
        cmocka_unit_test_setup_teardown(test_split_names, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_one_of_two, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_levels, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_in_common, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_check, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
