/* SPDX-License-Identifier: MIT */
/* Datasets that a program provides: through a callback on any thread, or as arrays; and wrong samples and arguments. */
#include "data/dataset.h"
#include "data/loader.h"
#include "data/support.h"
#include <math.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* How the callback make() behaves, and counts of its calls. */
struct maker {
    fov_target target;
    int wrong; /* the mistake that make() makes, 1 to 9; 0: none */
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
    sample->label = maker->wrong == 4 ? 3 : maker->target != FOV_TARGET_NONE ? (int)(index % 3) : 0;
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
                                 .classes = maker->target != FOV_TARGET_NONE ? 3 : 0,
                                 .values = maker->target != FOV_TARGET_NONE ? 3 : 0,
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
        if (wrong == 4) { // labels are read when the dataset is created
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

/* Labels are copied: the program's own may be gone by the time samples are read. */
static void test_labels_are_copied(void **state)
{
    static const uint8_t pixels[3] = {1, 2, 3};
    static const int32_t labels[3] = {2, 0, 1};
    (void)state;
    int32_t *own = mmap(NULL, sizeof labels, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(own != MAP_FAILED);
    memcpy(own, labels, sizeof labels);
    fov_context *context = make_context(1);
    fov_dataset *data = fov_dataset_create(context, &(fov_dataset_program){.count = 3,
                                                                           .classes = 3,
                                                                           .height = 1,
                                                                           .width = 1,
                                                                           .channels = 1,
                                                                           .pixels = pixels,
                                                                           .labels = own});
    assert_int_equal(munmap(own, sizeof labels), 0); // reading it from now on ends the test
    for (int i = 0; i < 3; i++) {
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        assert_int_equal(sample.label, labels[i]);
    }
    fov_dataset_free(data);
    fov_context_free(context);
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
                                           {.count = 1, .target = (fov_target)12, .read = make},
                                           {.count = 1, .height = -1, .read = make},
                                           {.count = 1, .channels = 2, .read = make},
                                           {.count = INT64_MAX, .read = make}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_null(fov_dataset_create(context, &refused[i]));
        assert_int_equal(fov_error_status(context), FOV_E_USAGE);
        fov_error_clear(context);
    }
    assert_null(fov_dataset_create(context, NULL));
    fov_context_free(context);
}

/* A callback whose sample is a copy of *user. */
static int hand_over(void *user, int64_t index, fov_sample *sample)
{
    (void)index;
    *sample = *(const fov_sample *)user;
    return FOV_OK;
}

/* A sample that differs from what the dataset states is refused, by a sentence with the sample and the numbers. */
static void test_what_is_stated(void **state)
{
    (void)state;
    static const uint8_t pixels[64], mask[64] = {[13] = 7};
    static const float some[] = {0, 2, 1}, values[] = {0, 1, INFINITY};
    static const fov_box wide[] = {{.x2 = 1, .y2 = 1}, {.x1 = 2, .x2 = 9, .y2 = 4}},
                         alien[] = {{.label = 5, .x2 = 1, .y2 = 1}};
    const fov_sample good = {.height = 4, .width = 6, .channels = 1, .pixels = pixels, .label = 0};
    const fov_dataset_program plain = {.count = 1, .height = 4, .width = 6, .channels = 1, .read = hand_over};
    struct {
        fov_dataset_program program;
        fov_sample sample;
        const char *says;
    } cases[16];
    for (size_t i = 0; i < 16; i++) {
        cases[i].program = plain;
        cases[i].sample = good;
        cases[i].says = "sample 0 of program: ";
    }
    cases[0].sample.height = 5;
    cases[0].says = "its picture is 5 x 6 (height x width) with 1 channel, but the dataset states 4 x 6 with 1";
    cases[1].sample.width = 7;
    cases[2].sample.channels = 3;
    cases[3].sample.pixels = NULL;
    cases[4].sample.height = 1 << 30;
    cases[5].program.target = FOV_TARGET_CLASS; /* refused when it is made */
    cases[5].program.classes = 3;
    cases[5].sample.label = -1;
    cases[5].says = "its class is -1, and there are 3: 0 to 2";
    cases[6].program.target = FOV_TARGET_CLASSES;
    cases[6].program.classes = 3;
    cases[6].sample.numbers = some;
    cases[6].says = "number 1 is 2: a class is 0 or 1";
    cases[7].program.target = FOV_TARGET_VALUES;
    cases[7].program.values = 3;
    cases[7].sample.numbers = values;
    cases[7].says = "value 2 is inf";
    cases[8].program.target = FOV_TARGET_MASK;
    cases[8].program.classes = 3;
    cases[8].sample.mask = mask;
    cases[8].says = "its mask has class 7 in row 2, column 1, and there are 3: 0 to 2, or 255: none";
    cases[9].program.target = FOV_TARGET_BOXES;
    cases[9].program.classes = 3;
    cases[9].sample.boxes = wide;
    cases[9].sample.box_count = 2;
    cases[9].says = "box 1, x 2 to 9, y 0 to 4, sticks out of its picture of 4 x 6 (height x width)";
    cases[10] = cases[9];
    cases[10].sample.boxes = alien;
    cases[10].sample.box_count = 1;
    cases[10].says = "box 0 is of class 5, and there are 3: 0 to 2";
    cases[11] = cases[9];
    cases[11].sample.box_count = -1;
    cases[11].says = "it has -1 boxes";
    cases[12].program.target = FOV_TARGET_PICTURE;
    cases[12].sample.other = pixels;
    cases[12].says = "its second picture is 0 x 0 (height x width) with 0 channels";
    cases[13].sample.label = 2;
    cases[13].says = "it has a class, but the dataset's .target is FOV_TARGET_NONE";
    cases[14].sample.mask = mask;
    cases[14].says = "it has a mask, but";
    cases[15].sample.box_count = 1;
    cases[15].says = "it has boxes, but";
    for (size_t i = 0; i < 16; i++) {
        fov_context *context = make_context(1);
        cases[i].program.user = &cases[i].sample;
        fov_dataset *data = fov_dataset_create(context, &cases[i].program);
        fov_sample read;
        assert_true(data == NULL || fov_dataset_read(data, 0, &read) == FOV_E_INPUT);
        assert_int_equal(fov_error_status(context), FOV_E_INPUT);
        assert_non_null(strstr(fov_error(context), "sample 0 of program"));
        if (strstr(fov_error(context), cases[i].says) == NULL) {
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, fov_error(context), cases[i].says);
        }
        fov_dataset_free(data);
        fov_context_free(context);
    }
    /* A size that is not stated is taken from the first sample, and other samples may differ. */
    struct maker maker = {.target = FOV_TARGET_NONE};
    fov_context *context = make_context(1);
    fov_dataset *data =
        fov_dataset_create(context, &(fov_dataset_program){.count = 9, .read = make, .done = done, .user = &maker});
    assert_true(data != NULL && fov_dataset_describe(data).height == 4 && !fov_dataset_describe(data).same_size);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* A callback's class must be that of .labels or, without them, the one that it gave at first. */
static void test_known_labels(void **state)
{
    (void)state;
    static const uint8_t pixels[24];
    static const int32_t labels[] = {2, 1};
    fov_sample sample = {.height = 4, .width = 6, .channels = 1, .pixels = pixels}, read;
    fov_context *context = make_context(1);
    fov_dataset_program program = {.count = 2, .classes = 3, .labels = labels, .read = hand_over, .user = &sample};
    fov_dataset *data = fov_dataset_create(context, &program); /* without .target: .labels implies FOV_TARGET_CLASS */
    assert_string_equal(fov_error(context), "");
    assert_true(fov_dataset_describe(data).target == FOV_TARGET_CLASS);
    assert_true(fov_dataset_read(data, 0, &read) == FOV_OK && read.label == 2);
    sample.label = 1;
    assert_int_equal(fov_dataset_read(data, 0, &read), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "sample 0 of program: its class is 1, but .labels has 2"));
    assert_true(fov_dataset_read(data, 1, &read) == FOV_OK && read.label == 1);
    fov_dataset_free(data);
    program.labels = NULL;
    program.target = FOV_TARGET_CLASS;
    data = fov_dataset_create(context, &program);
    assert_true(data != NULL && fov_dataset_label(data, 1) == 1);
    sample.label = 2;
    assert_int_equal(fov_dataset_read(data, 1, &read), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "its class is 2 now and was 1 before"));
    fov_dataset_free(data);
    fov_context_free(context);
}

/* Arrays of every kind of target: the array that is given implies .target; and wrong combinations. */
static void test_arrays_of_targets(void **state)
{
    (void)state;
    static const uint8_t pixels[2][2][3] = {{{1}}, {{2}}}, others[2][2][3] = {{{3}}, {{4, 5}}};
    static const int32_t labels[] = {1, 0}, counts[] = {0, 2}, minus[] = {1, -1};
    static const float rows[2][3] = {{0, 1, 0}, {1, 0, 1}};
    static uint8_t masks[2][2][3] = {{{0, 2, 255}}, {{1}}};
    static const fov_box two[] = {{.label = 1, .x2 = 2, .y2 = 1}, {.label = 2, .x1 = 1, .x2 = 3, .y2 = 2}};
    const fov_dataset_program plain = {.count = 2, .height = 2, .width = 3, .channels = 1, .pixels = &pixels[0][0][0]};
    fov_context *context = make_context(1);
    for (int target = FOV_TARGET_CLASS; target <= FOV_TARGET_PICTURE; target++) {
        fov_dataset_program program = plain;
        program.classes = target == FOV_TARGET_VALUES || target == FOV_TARGET_PICTURE ? 0 : 3;
        program.values = target == FOV_TARGET_VALUES ? 3 : 0;
        program.labels = target == FOV_TARGET_CLASS ? labels : NULL;
        program.numbers = target == FOV_TARGET_CLASSES || target == FOV_TARGET_VALUES ? rows[0] : NULL;
        program.masks = target == FOV_TARGET_MASK ? masks[0][0] : NULL;
        program.boxes = target == FOV_TARGET_BOXES ? two : NULL;
        program.box_counts = target == FOV_TARGET_BOXES ? counts : NULL;
        program.others = target == FOV_TARGET_PICTURE ? others[0][0] : NULL;
        fov_dataset *data = fov_dataset_create(context, &program);
        assert_string_equal(fov_error(context), "");
        assert_int_equal(fov_dataset_describe(data).target, target);
        fov_sample first, second;
        assert_int_equal(fov_dataset_read(data, 0, &first), FOV_OK);
        assert_true(target != FOV_TARGET_BOXES || first.box_count == 0);
        assert_int_equal(fov_dataset_read(data, 1, &second), FOV_OK);
        assert_true(second.pixels == &pixels[1][0][0]);
        assert_true(target != FOV_TARGET_CLASS || second.label == 0);
        assert_true(program.numbers == NULL || (second.numbers[0] == 1.0F && second.numbers[1] == 0.0F));
        assert_true(target != FOV_TARGET_MASK || (second.mask[0] == 1 && second.mask[5] == 0));
        assert_true(target != FOV_TARGET_BOXES || (second.box_count == 2 && second.boxes[1].label == 2));
        assert_true(target != FOV_TARGET_PICTURE || (second.other[1] == 5 && second.other_width == 3));
        fov_dataset_free(data);
    }
    struct {
        fov_dataset_program program;
        fov_status status;
        const char *says;
    } cases[] = {
        {.status = FOV_E_USAGE, .says = ".labels is given, and .target is mask"},
        {.status = FOV_E_USAGE, .says = ".masks is given, and .target is class"},
        {.status = FOV_E_USAGE, .says = ".classes is given, and .target is not stated"},
        {.status = FOV_E_USAGE, .says = ".classes is 0: 1 to 100000"},
        {.status = FOV_E_USAGE, .says = ".numbers is missing"},
        {.status = FOV_E_USAGE, .says = ".masks goes with .pixels"},
        {.status = FOV_E_INPUT, .says = "sample 1 of program: its mask has class 1"},
        {.status = FOV_E_INPUT, .says = "sample 1 of program: it has -1 boxes"},
        {.status = FOV_E_INPUT, .says = "beyond the limits"},
        {.status = FOV_E_USAGE, .says = ".channels 0 (1, 3 or 4)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i].program = plain;
        cases[i].program.classes = 3;
    }
    cases[0].program.labels = labels;
    cases[0].program.target = FOV_TARGET_MASK;
    cases[1].program.labels = labels;
    cases[1].program.masks = masks[0][0];
    cases[3].program.labels = labels;
    cases[3].program.classes = 0;
    cases[4].program.target = FOV_TARGET_CLASSES;
    cases[5].program.pixels = NULL;
    cases[5].program.read = make;
    cases[5].program.target = FOV_TARGET_MASK;
    cases[5].program.masks = masks[0][0];
    cases[6].program.masks = masks[1][0];
    cases[6].program.count = 1;
    cases[6].program.classes = 1;
    cases[6].says = "sample 0 of program: its mask has class 1 in row 0, column 0";
    cases[7].program.boxes = two;
    cases[7].program.box_counts = minus;
    cases[8].program.labels = labels;
    cases[8].program.height = INT32_MAX;
    cases[9].program.labels = labels;
    cases[9].program.channels = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fov_dataset_create(context, &cases[i].program));
        assert_int_equal(fov_error_status(context), cases[i].status);
        if (strstr(fov_error(context), cases[i].says) == NULL) {
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, fov_error(context), cases[i].says);
        }
    }
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
    assert_int_equal(loader_fill(loader, indices, 30, &(struct loader_batch){.pixels = values}, &error), FOV_OK);
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
        cmocka_unit_test(test_targets),      cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_labels_are_copied),
        cmocka_unit_test(test_arrays),       cmocka_unit_test(test_what_is_stated),
        cmocka_unit_test(test_known_labels), cmocka_unit_test(test_arrays_of_targets),
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
