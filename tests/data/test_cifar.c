/* SPDX-License-Identifier: MIT */
/* CIFAR's binary files: planes become interleaved channels; every wrong size, label and missing file gets its
 * sentence. */
#include "data/support.h"
#include "data/cifar.h"
#include <unistd.h>

static uint8_t *make_batch(size_t count, unsigned first)
{
    uint8_t *bytes = malloc(count * CIFAR_RECORD);
    assert_non_null(bytes);
    for (size_t i = 0; i < count * CIFAR_RECORD; i++) {
        bytes[i] = (uint8_t)(i * 17 + i / 251 + first);
    }
    for (size_t i = 0; i < count; i++) {
        bytes[i * CIFAR_RECORD] = (uint8_t)((first + i) % 10);
    }
    return bytes;
}

static void put_cifar(void **state)
{
    for (unsigned b = 0; b < 6; b++) {
        char name[40];
        uint8_t *bytes = make_batch(3, b);
        snprintf(name, sizeof name, b < 5 ? "data_batch_%u.bin" : "test_batch.bin", b + 1);
        put_file(path_in(state, name), bytes, 3 * CIFAR_RECORD);
        free(bytes);
    }
}

static void test_open(void **state)
{
    put_cifar(state);
    fov_context *context = make_context(1);
    fov_dataset *dataset = fov_dataset_open(context, *state, FOV_TRAIN);
    assert_non_null(dataset);
    fov_dataset_info info = fov_dataset_describe(dataset);
    assert_string_equal(info.name, "cifar10");
    assert_int_equal(info.count, 15);
    assert_true(info.channels == 3 && info.height == 32 && info.width == 32 && info.classes == 10);
    assert_string_equal(fov_dataset_class(dataset, 3), "cat");
    uint8_t *batch = make_batch(3, 4); // sample 13 is the second of the fifth file
    assert_int_equal(fov_dataset_label(dataset, 13), batch[CIFAR_RECORD]);
    const uint8_t *pixels;
    int height, width, channels;
    assert_int_equal(fov_dataset_sample(dataset, 13, &pixels, &height, &width, &channels), FOV_OK);
    for (size_t p = 0; p < CIFAR_PIXELS; p++) {
        for (size_t c = 0; c < 3; c++) {
            assert_int_equal(pixels[3 * p + c], batch[CIFAR_RECORD + 1 + c * CIFAR_PIXELS + p]);
        }
    }
    free(batch);
    fov_dataset_free(dataset);
    dataset = fov_dataset_open(context, *state, FOV_TEST);
    assert_int_equal(fov_dataset_describe(dataset).count, 3);
    fov_dataset_free(dataset);
    fov_context_free(context);
}

/* CIFAR-100's records have two labels; the source's name says which one is used. */
static void test_hundred(void **state)
{
    uint8_t record[2 * (CIFAR_RECORD + 1)] = {0};
    record[0] = 14; // people
    record[1] = 2;  // baby
    record[CIFAR_RECORD + 1] = 19;
    record[CIFAR_RECORD + 2] = 89; // tractor
    record[2 + 5] = 7;
    put_file(path_in(state, "train.bin"), record, sizeof record);
    put_file(path_in(state, "test.bin"), record, CIFAR_RECORD + 1);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "no data recognised");
    put_file(path_in(state, "fine_label_names.txt"), "apple\n", 6);
    char coarse[600];
    snprintf(coarse, sizeof coarse, "cifar100-coarse:%s", (const char *)*state);
    static const char *const names[2][2] = {{"baby", "tractor"}, {"people", "vehicles_2"}};
    for (int k = 0; k < 2; k++) {
        fov_context *context = make_context(1);
        fov_dataset *dataset = fov_dataset_open(context, k ? coarse : *state, FOV_TRAIN);
        assert_string_equal(fov_error(context), "");
        fov_dataset_info info = fov_dataset_describe(dataset);
        assert_string_equal(info.name, k ? "cifar100-coarse" : "cifar100");
        assert_true(info.count == 2 && info.classes == (k ? 20 : 100) && info.channels == 3);
        for (int i = 0; i < 2; i++) {
            assert_string_equal(fov_dataset_class(dataset, fov_dataset_label(dataset, i)), names[k][i]);
        }
        const uint8_t *pixels;
        int height, width, channels;
        assert_int_equal(fov_dataset_sample(dataset, 0, &pixels, &height, &width, &channels), FOV_OK);
        assert_int_equal(pixels[3 * 5], 7);
        fov_dataset_free(dataset);
        fov_context_free(context);
    }
    record[1] = 100;
    put_file(path_in(state, "train.bin"), record, sizeof record);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "label 100 of sample 0 is beyond the 100 classes");
    record[0] = 20;
    record[1] = 2;
    put_file(path_in(state, "train.bin"), record, sizeof record);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "coarse label 20 of sample 0 is beyond the 20 groups");
}

/* Pickles and some archives are recognised, but not read: the sentence says what to fetch or unpack. */
static void test_pickles(void **state)
{
    put_file(path_in(state, "ten/data_batch_1"), "x", 1);
    refuse(path_in(state, "ten"), FOV_TRAIN, FOV_E_UNSUPPORTED, "cifar-10-binary.tar.gz");
    put_file(path_in(state, "a/cifar-10-batches-py/data_batch_1"), "x", 1);
    refuse(path_in(state, "a"), FOV_TRAIN, FOV_E_UNSUPPORTED, "cifar-10-binary.tar.gz");
    put_file(path_in(state, "hundred/meta"), "x", 1);
    put_file(path_in(state, "hundred/train"), "x", 1);
    put_file(path_in(state, "hundred/test"), "x", 1);
    refuse(path_in(state, "hundred"), FOV_TEST, FOV_E_UNSUPPORTED, "cifar-100-binary.tar.gz");
    put_file(path_in(state, "pictures.ZIP"), "PK", 2);
    refuse(path_in(state, "pictures.ZIP"), FOV_TRAIN, FOV_E_INPUT, "no zip archive");
    put_file(path_in(state, "packed/pets.7z"), "PK", 2);
    refuse(path_in(state, "packed"), FOV_TRAIN, FOV_E_INPUT, "pets.7z in it is an archive: unpack it");
}

static void test_malformed(void **state)
{
    uint8_t *bytes = make_batch(3, 0);
    put_cifar(state);
    const char *path = path_in(state, "data_batch_2.bin");
    put_file(path, bytes, 3 * CIFAR_RECORD - 1);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "size 9218 is not a multiple of 3073: truncated or wrong variant");
    put_file(path, bytes, 2 * (CIFAR_RECORD + 1));
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "CIFAR-100");
    put_file(path, bytes, 0);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "data_batch_2.bin: the file is empty");
    bytes[2 * CIFAR_RECORD] = 10;
    put_file(path, bytes, 3 * CIFAR_RECORD);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "label 10 of sample 2 is beyond the 10 classes");
    assert_int_equal(unlink(path), 0);
    refuse(*state, FOV_TRAIN, FOV_E_INPUT, "data_batch_2.bin is missing");
    free(bytes);
}

static void test_not_found(void **state)
{
    char source[600];
    setenv("FOVEA_DATA", *state, 1);
    setenv("XDG_DATA_HOME", *state, 1);
    refuse("cifar10", FOV_TRAIN, FOV_E_IO, "cifar-10-binary.tar.gz");
    snprintf(source, sizeof source, "cifar10:%s", (const char *)*state);
    refuse(source, FOV_TRAIN, FOV_E_INPUT, "no cifar10 files in");
    unsetenv("FOVEA_DATA");
    unsetenv("XDG_DATA_HOME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_hundred, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_pickles, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_malformed, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_not_found, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
