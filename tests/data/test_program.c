/* SPDX-License-Identifier: MIT */
/* Datasets that a program makes: from a function on any thread, from arrays; and what a function may get wrong. */
#include "data/dataset.h"
#include "data/loader.h"
#include "data/support.h"
#include <math.h>
#include <stdatomic.h>

/* What the function below does, and what became of it. */
struct maker {
    fov_target target;
    int wrong; /* 0: all is right */
    atomic_int given, taken;
    int released;
};

static const float numbers[] = {1, 0, 1};
static const fov_box boxes[] = {{.label = 2, .x1 = 0, .y1 = 1, .x2 = 3, .y2 = 4}};

static int make(void *user, int64_t index, fov_sample *sample)
{
    struct maker *maker = user;
    if (maker->wrong == 1) {
        return FOV_E_IO;
    }
    uint8_t *pixels = malloc(24);
    memset(pixels, (int)index, 24);
    sample->height = maker->wrong == 2 ? 0 : 4;
    sample->width = 6;
    sample->channels = maker->wrong == 3 ? 2 : 1;
    sample->pixels = pixels;
    sample->label = maker->wrong == 4 ? 3 : (int)(index % 3);
    if (maker->target == FOV_TARGET_CLASSES || maker->target == FOV_TARGET_VALUES) {
        static const float bad[] = {0, NAN, 0};
        sample->numbers = maker->wrong == 5 ? bad : maker->wrong == 6 ? NULL : numbers;
    } else if (maker->target == FOV_TARGET_BOXES) {
        static const fov_box bad = {.label = 0, .x1 = 2, .y1 = 1, .x2 = 1, .y2 = 4};
        sample->boxes = maker->wrong == 7 ? &bad : boxes;
        sample->box_count = 1;
    } else if (maker->target == FOV_TARGET_MASK) {
        static const uint8_t mask[24] = {0, 1, 2, 255}, bad[24] = {3};
        sample->mask = maker->wrong == 8 ? bad : mask;
    } else if (maker->target == FOV_TARGET_PICTURE) {
        sample->other = maker->wrong == 9 ? NULL : pixels;
        sample->other_height = 2;
        sample->other_width = 4;
        sample->other_channels = 3;
    }
    maker->given++;
    return FOV_OK;
}

static void done(void *user, fov_sample *sample)
{
    struct maker *maker = user;
    maker->taken++;
    free((void *)(uintptr_t)sample->pixels);
}

static void release(void *user)
{
    ((struct maker *)user)->released++;
}

static fov_dataset_program program_of(struct maker *maker)
{
    return (fov_dataset_program){.count = 30,
                                 .target = maker->target,
                                 .classes = 3,
                                 .values = 3,
                                 .read = make,
                                 .done = done,
                                 .release = release,
                                 .user = maker};
}

static void test_targets(void **state)
{
    (void)state;
    for (int target = FOV_TARGET_NONE; target <= FOV_TARGET_PICTURE; target++) {
        struct maker maker = {.target = (fov_target)target};
        fov_context *context = make_context(2);
        fov_dataset_program program = program_of(&maker);
        fov_dataset *data = fov_dataset_create(context, &program);
        assert_string_equal(fov_error(context), "");
        fov_dataset_info info = fov_dataset_describe(data);
        assert_true(info.count == 30 && (int)info.target == target && info.height == 4 && info.width == 6);
        for (int64_t i = 0; i < 30; i++) {
            fov_sample sample;
            assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
            assert_int_equal(sample.pixels[23], i);
            assert_true(target != FOV_TARGET_CLASS || (sample.label == i % 3 && fov_dataset_label(data, i) == i % 3));
            assert_true(target != FOV_TARGET_VALUES || sample.numbers[2] == 1.0F);
            assert_true(target != FOV_TARGET_MASK || (sample.mask[2] == 2 && sample.mask[3] == 255));
            assert_true(target != FOV_TARGET_BOXES || (sample.box_count == 1 && sample.boxes[0].label == 2));
            assert_true(target != FOV_TARGET_PICTURE || (sample.other[0] == i && sample.other_channels == 3));
        }
        fov_dataset_free(data);
        assert_int_equal(maker.given, maker.taken);
        assert_int_equal(maker.released, 1);
        fov_context_free(context);
    }
}

static void test_wrong(void **state)
{
    static const fov_target targets[] = {[1] = FOV_TARGET_VALUES, [2] = FOV_TARGET_VALUES, [3] = FOV_TARGET_MASK,
                                         [4] = FOV_TARGET_CLASS,  [5] = FOV_TARGET_VALUES, [6] = FOV_TARGET_CLASSES,
                                         [7] = FOV_TARGET_BOXES,  [8] = FOV_TARGET_MASK,   [9] = FOV_TARGET_PICTURE};
    (void)state;
    for (int wrong = 1; wrong < 10; wrong++) {
        struct maker maker = {.target = targets[wrong], .wrong = wrong};
        fov_context *context = make_context(1);
        fov_dataset_program program = program_of(&maker);
        program.height = 4;
        program.width = 6;
        program.channels = 1;
        fov_dataset *data = fov_dataset_create(context, &program);
        fov_sample sample;
        if (wrong == 4) { // classes are asked for when the dataset is made
            assert_null(data);
        } else {
            assert_non_null(data);
            assert_int_equal(fov_dataset_read(data, 7, &sample), wrong == 1 ? FOV_E_IO : FOV_E_INPUT);
            assert_non_null(strstr(fov_error(context), "sample 7 of program"));
        }
        fov_dataset_free(data);
        assert_int_equal(maker.given, maker.taken);
        assert_int_equal(maker.released, wrong != 4);
        fov_context_free(context);
    }
}

static void test_arrays(void **state)
{
    static uint8_t pixels[5][2][3];
    static const int32_t labels[] = {0, 1, 0, 1, 1}, bad[] = {0, 1, 2, 0, 0};
    static const char *const names[] = {"left", "right"};
    (void)state;
    pixels[4][1][2] = 77;
    fov_context *context = make_context(1);
    fov_dataset_program program = {.name = "arrows",
                                   .count = 5,
                                   .target = FOV_TARGET_CLASS,
                                   .classes = 2,
                                   .class_names = names,
                                   .height = 2,
                                   .width = 3,
                                   .channels = 1,
                                   .pixels = &pixels[0][0][0],
                                   .labels = labels};
    fov_dataset *data = fov_dataset_create(context, &program);
    assert_string_equal(fov_error(context), "");
    fov_sample sample;
    assert_int_equal(fov_dataset_read(data, 4, &sample), FOV_OK);
    assert_true(sample.pixels == &pixels[4][0][0] && sample.label == 1);
    assert_string_equal(fov_dataset_class(data, 1), "right");
    assert_string_equal(fov_dataset_describe(data).name, "arrows");
    fov_dataset_free(data);
    program.labels = bad;
    assert_null(fov_dataset_create(context, &program));
    assert_non_null(strstr(fov_error(context), "sample 2 of arrows"));
    fov_error_clear(context);
    const fov_dataset_program refused[] = {{.count = 0, .read = make},
                                           {.count = 1},
                                           {.count = 1, .target = FOV_TARGET_CLASS, .read = make},
                                           {.count = 1, .target = FOV_TARGET_MASK, .classes = 256, .read = make},
                                           {.count = 1, .target = FOV_TARGET_VALUES, .read = make},
                                           {.count = 1, .pixels = &pixels[0][0][0]},
                                           {.count = 1, .target = (fov_target)12, .read = make}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_null(fov_dataset_create(context, &refused[i]));
        assert_int_equal(fov_error_status(context), FOV_E_USAGE);
        fov_error_clear(context);
    }
    assert_null(fov_dataset_create(context, NULL));
    fov_context_free(context);
}

/* Batches are made on several threads at once. */
static void test_batches(void **state)
{
    (void)state;
    struct maker maker = {.target = FOV_TARGET_NONE};
    fov_context *context = make_context(4);
    fov_dataset_program program = program_of(&maker);
    fov_dataset *data = fov_dataset_create(context, &program);
    assert_non_null(data);
    struct loader_options options = {.prepare = {.size = {1, 4, 6}}};
    struct error error = {.status = FOV_OK};
    struct loader *loader = loader_create(context, data, &options, &error);
    assert_non_null(loader);
    uint32_t indices[30];
    float values[30 * 24];
    for (uint32_t i = 0; i < 30; i++) {
        indices[i] = 29 - i;
    }
    assert_int_equal(loader_fill(loader, indices, 30, values, NULL, &error), FOV_OK);
    for (int i = 0; i < 30; i++) {
        assert_true(fabsf(values[i * 24] * 255 - (float)(29 - i)) < 1e-3F);
    }
    loader_free(loader);
    fov_dataset_free(data);
    assert_int_equal(maker.given, maker.taken);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
