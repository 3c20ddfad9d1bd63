/* SPDX-License-Identifier: MIT */
/* Keras' weight files, as tests/data/keras/make.py wrote them: every layout gives the same tensors; known networks get
 * fovea's names, order of dimensions and folded statistics; links that leave the file or form a circle are refused; and
 * cut or changed files and failing allocations do no harm. */
#include "io/keras_file.h"
#include "base/memory.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct opened {
    struct memory *memory;
    struct error error;
    uint8_t *bytes;
    size_t size;
    struct safetensors file;
};

static void read_bytes(struct opened *o, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/keras/%s", FOVEA_SOURCE_DIR, name);
    *o = (struct opened){.memory = memory_create(NULL, 0)};
    assert_int_equal(file_read(path, 1 << 20, o->memory, &o->bytes, &o->size, &o->error), FOV_OK);
}

static void skip_without_library(const struct opened *o)
{
    if (o->error.status == FOV_E_UNSUPPORTED &&
        (strstr(o->error.text, "leaves out") != NULL || strstr(o->error.text, "cannot be opened") != NULL)) {
        skip();
    }
}

static void end(struct opened *o)
{
    safetensors_close(&o->file);
    memory_free(o->memory, o->bytes);
    assert_int_equal(memory_in_use(o->memory), 0);
    memory_destroy(o->memory);
}

/* Opens a file of tests/data/keras; `renamed`: with fovea's names of tensors. Skips the test without libhdf5. */
static int open_file(struct opened *o, const char *name, bool renamed)
{
    read_bytes(o, name);
    int status = keras_parse(&o->file, name, o->bytes, o->size, o->memory, &o->error);
    skip_without_library(o);
    return status == FOV_OK && renamed ? keras_rename(&o->file, &o->error) : status;
}

static void good(struct opened *o, const char *name, bool renamed)
{
    if (open_file(o, name, renamed) != FOV_OK) {
        fail_msg("%s", o->error.text);
    }
}

/* Asserts that a float32 tensor has this shape (0 ends it) and returns its numbers. */
static const float *numbers(const struct opened *o, const char *name, int64_t a, int64_t b, int64_t c, int64_t d)
{
    const struct safetensors_tensor *tensor = safetensors_find(&o->file, name);
    if (tensor == NULL) {
        fail_msg("no tensor \"%s\"", name);
        return NULL;
    }
    const int64_t wanted[] = {a, b, c, d};
    int rank = d > 0 ? 4 : c > 0 ? 3 : b > 0 ? 2 : 1;
    assert_int_equal(tensor->shape.rank, rank);
    for (int i = 0; i < rank; i++) {
        assert_int_equal(tensor->shape.dim[i], wanted[i]);
    }
    assert_string_equal(tensor->type, "F32");
    return (const float *)(const void *)tensor->data;
}

/* ---- names and numbers ----------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    struct opened o;
    (void)state;
    good(&o, "small.h5", true);
    assert_int_equal(o.file.count, 8);
    const float *kernel = numbers(&o, "first/kernel", 2, 2, 1, 2), *gamma = numbers(&o, "second/gamma", 2, 0, 0, 0);
    for (int i = 0; i < 8; i++) {
        assert_true(kernel[i] == (float)i / 8);
    }
    assert_true(gamma[1] == 11.0F / 8);
    numbers(&o, "second/moving_variance", 2, 0, 0, 0);
    numbers(&o, "third/bias", 3, 0, 0, 0);
    end(&o);
    good(&o, "small.weights.h5", false);
    assert_int_equal(o.file.count, 8); /* the numbers of the optimiser and of dropout are left out */
    numbers(&o, "conv2d/kernel", 2, 2, 1, 2);
    numbers(&o, "batch_normalization/moving_mean", 2, 0, 0, 0);
    numbers(&o, "dense/kernel", 2, 3, 0, 0);
    end(&o);
    good(&o, "double.h5", false);
    assert_string_equal(safetensors_find(&o.file, "first/kernel")->type, "F64");
    end(&o);
}

/* All layouts of the same weights; make.py numbers the elements of all tensors consecutively, in eighths. */
static void test_resnet(void **state)
{
    static const char *const files[] = {"resnet.h5", "resnet_whole.h5", "resnet_keras1.h5", "resnet.weights.h5",
                                        "resnet.keras"};
    (void)state;
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        struct opened o;
        good(&o, files[f], true);
        assert_int_equal(o.file.count, 17);
        assert_string_equal(safetensors_metadata(&o.file, KERAS_NETWORK), "resnet50@v1");
        assert_string_equal(safetensors_metadata(&o.file, KERAS_PRESET), "caffe");
        const float *conv = numbers(&o, "conv1.weight", 3, 2, 1, 2);
        for (int out = 0; out < 3; out++) {
            for (int in = 0; in < 2; in++) {
                for (int x = 0; x < 2; x++) {
                    assert_true(conv[(out * 2 + in) * 2 + x] == (float)((x * 2 + in) * 3 + out) / 8);
                }
            }
        }
        const float *gamma = numbers(&o, "bn1.weight", 3, 0, 0, 0), *beta = numbers(&o, "bn1.bias", 3, 0, 0, 0);
        const float *mean = numbers(&o, "bn1.running_mean", 3, 0, 0, 0);
        const float *variance = numbers(&o, "bn1.running_var", 3, 0, 0, 0);
        for (int i = 0; i < 3; i++) {
            assert_true(gamma[i] == (float)(15 + i) / 8 && beta[i] == (float)(18 + i) / 8);
            assert_true(mean[i] == 9.0F / 8); /* the convolution's bias is subtracted */
            assert_true(variance[i] == (float)((24 + i) / 8.0 + (1.001e-5 - 1e-5)));
        }
        const float *shortcut = numbers(&o, "layer1.0.downsample.0.weight", 2, 3, 1, 1);
        assert_true(shortcut[0] == 27.0F / 8 && shortcut[1] == 29.0F / 8 && shortcut[3] == 28.0F / 8);
        assert_true(numbers(&o, "layer1.0.downsample.1.running_mean", 2, 0, 0, 0)[1] == 6.0F / 8);
        assert_true(numbers(&o, "layer1.0.conv3.weight", 2, 3, 1, 1)[5] == 48.0F / 8);
        assert_true(numbers(&o, "layer1.0.bn3.running_mean", 2, 0, 0, 0)[0] == 6.0F / 8);
        const float *dense = numbers(&o, "fc.weight", 3, 2, 0, 0);
        assert_true(dense[0] == 59.0F / 8 && dense[1] == 62.0F / 8 && dense[2] == 60.0F / 8);
        assert_true(numbers(&o, "fc.bias", 3, 0, 0, 0)[2] == 67.0F / 8);
        end(&o);
    }
}

/* An integer tensor that is not part of the network (such as the count of samples that a Normalization layer has seen)
 * stays as it is. */
static void test_other_types(void **state)
{
    struct opened o;
    (void)state;
    good(&o, "resnet.h5", false);
    for (size_t i = 0; i < o.file.count; i++) {
        struct safetensors_tensor *tensor = &o.file.tensors[i];
        if (strcmp(tensor->name, "predictions/bias") == 0) {
            tensor->name = "predictions/count"; /* the order by name does not change */
            tensor->type = "I32";
            tensor->dtype = FOV_I32;
        }
    }
    if (keras_rename(&o.file, &o.error) != FOV_OK) {
        fail_msg("%s", o.error.text);
    }
    const struct safetensors_tensor *count = safetensors_find(&o.file, "predictions/count");
    const float last = 67.0F / 8;
    assert_non_null(count);
    assert_string_equal(count->type, "I32");
    assert_true(count->dtype == FOV_I32 && count->bytes == 12 && memcmp(count->data + 8, &last, sizeof last) == 0);
    assert_true(numbers(&o, "fc.weight", 3, 2, 0, 0)[1] == 62.0F / 8);
    end(&o);
}

/* The first dense layer reads a map, which Keras flattens channels-last: its columns are reordered. This file is also
 * compressed. */
static void test_vgg(void **state)
{
    struct opened o;
    (void)state;
    good(&o, "vgg.h5", true);
    assert_string_equal(safetensors_metadata(&o.file, KERAS_NETWORK), "vgg16");
    numbers(&o, "features.0.weight", 2, 1, 1, 1);
    numbers(&o, "features.2.weight", 2, 2, 1, 1);
    numbers(&o, "features.5.bias", 2, 0, 0, 0);
    const float *dense = numbers(&o, "classifier.0.weight", 2, 2048, 0, 0);
    for (int out = 0; out < 2; out++) {
        for (int c = 0; c < 512; c++) {
            for (int p = 0; p < 4; p++) {
                assert_true(dense[out * 2048 + c * 4 + p] == (float)((22 + (p * 512 + c) * 2 + out) % 4096) / 8);
            }
        }
    }
    numbers(&o, "classifier.6.weight", 3, 2, 0, 0);
    end(&o);
}

/* ---- refusals and failures ------------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    static const struct {
        const char *file, *said;
    } rows[] = {
        {"small.weights.h5", "its layers have numbers instead of names"},
        {"mobilenet.h5", "weights of Keras' MobileNetV2: where it strides it pads behind only"},
        {"link.h5", "\"outside\" is a link to elsewhere"},
        {"external.h5", "\"first/kernel:0\" lies in another file"},
        {"circle.h5", "lies deeper than 32 groups"},
        {"big_endian.h5", "numbers of a type that is not read"},
        {"lzf.h5", "is packed in a way that is not read"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct opened o;
        assert_int_equal(open_file(&o, rows[i].file, true), FOV_E_UNSUPPORTED);
        if (strstr(o.error.text, rows[i].said) == NULL || strstr(o.error.text, rows[i].file) == NULL) {
            fail_msg("expected \"%s\", got \"%s\"", rows[i].said, o.error.text);
        }
        end(&o);
    }
}

static void test_cut(void **state)
{
    static const char *const files[] = {"resnet_keras1.h5", "resnet.keras"};
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        struct opened o;
        good(&o, files[f], false);
        safetensors_close(&o.file);
        for (size_t size = 8; size < o.size; size += 61) {
            uint8_t *cut = malloc(size); /* exactly this size, so that ASan sees a read past the end */
            memcpy(cut, o.bytes, size);
            o.error = (struct error){.status = FOV_OK};
            bool begins = keras_begins(cut, size);
            int status = begins ? keras_parse(&o.file, "cut", cut, size, o.memory, &o.error) : FOV_E_INPUT;
            assert_int_not_equal(status, FOV_OK);
            free(cut);
        }
        end(&o);
    }
}

/* Lengths in HDF5's global heaps that reach beyond the heap, on which libhdf5 1.10.8 aborts, or that are 0, on which it
 * loops forever: such files are refused before libhdf5 reads them, wherever in the heap the length stands. */
static void test_texts_beyond_their_heap(void **state)
{
    static const char *const names[] = {"resnet.weights.h5", "resnet_whole.h5", "small.weights.h5"};
    enum { HEAD = 16, LENGTH_AT = 8, MOST_TEXTS = 64 };
    int heaps = 0;
    (void)state;
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        struct opened o;
        read_bytes(&o, names[f]);
        for (size_t at = 0; at + HEAD + HEAD < o.size; at++) {
            if (memcmp(o.bytes + at, "GCOL\1", 5) != 0) {
                continue;
            }
            heaps++;
            size_t text = at + HEAD, size = o.bytes[at + 8] + 256U * o.bytes[at + 9];
            for (int i = 0; i < MOST_TEXTS && text + HEAD <= at + size; i++) {
                uint8_t *length = o.bytes + text + LENGTH_AT, kept[8];
                bool is_room = o.bytes[text] == 0 && o.bytes[text + 1] == 0;
                size_t own = length[0] + 256U * length[1];
                memcpy(kept, length, sizeof kept);
                for (int way = 0; way < 4; way++) {
                    static const uint8_t wrong[4][8] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
                                                        {0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                                        {0, 0x10, 0, 0, 0, 0, 0, 0},
                                                        {0}};
                    if (way == 3 && !is_room) {
                        continue; /* an object of 0 bytes is valid */
                    }
                    memcpy(length, wrong[way], sizeof kept);
                    int status = keras_parse(&o.file, "beyond", o.bytes, o.size, o.memory, &o.error);
                    skip_without_library(&o);
                    assert_int_equal(status, FOV_E_INPUT);
                    assert_non_null(strstr(o.error.text, "damaged"));
                    o.error = (struct error){.status = FOV_OK};
                    memcpy(length, kept, sizeof kept);
                }
                text += is_room ? own : HEAD + (own + 7) / 8 * 8;
            }
        }
        assert_int_equal(keras_parse(&o.file, names[f], o.bytes, o.size, o.memory, &o.error), FOV_OK);
        end(&o);
    }
    assert_true(heaps >= 2);
}

/* Link names that libhdf5 reads as paths: a link whose name holds "/" denotes one object in its group and another one
 * as a path, so that a dataset's size and its elements would come from two objects. */
static void test_names_that_are_paths(void **state)
{
    static const char *const names[] = {"/x", "x/", ".", "..", ""};
    static const char name[] = "/x";
    (void)state;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct opened o;
        size_t at = 0;
        read_bytes(&o, "paths.h5");
        while (memcmp(o.bytes + at, name, sizeof name) != 0) {
            at++;
            assert_true(at + sizeof name <= o.size);
        }
        memset(o.bytes + at, 0, sizeof name);
        memcpy(o.bytes + at, names[n], strlen(names[n]));
        int status = keras_parse(&o.file, "paths", o.bytes, o.size, o.memory, &o.error);
        skip_without_library(&o);
        assert_int_equal(status, FOV_E_UNSUPPORTED);
        assert_non_null(strstr(o.error.text, "is not a name that a link can have"));
        end(&o);
    }
}

/* Overlapping global heaps behind the end of a file are refused: checking each would take time quadratic in their
 * number. */
static void test_heaps_within_heaps(void **state)
{
    enum { HEAPS = 200, EACH = 32 };
    struct opened o;
    (void)state;
    read_bytes(&o, "small.h5");
    size_t whole = o.size + HEAPS * EACH;
    uint8_t *bytes = calloc(whole, 1);
    memcpy(bytes, o.bytes, o.size);
    for (size_t i = 0; i < HEAPS; i++) {
        uint8_t *heap = bytes + o.size + i * EACH;
        size_t size = whole - o.size - i * EACH;
        memcpy(heap, "GCOL\1", 5);
        heap[8] = (uint8_t)size, heap[9] = (uint8_t)(size >> 8);
        heap[16] = 1, heap[24] = i + 1 < HEAPS ? 16 : 0; /* a text of 16 bytes: the head of the next heap */
    }
    int status = keras_parse(&o.file, "heaps", bytes, whole, o.memory, &o.error);
    free(bytes);
    skip_without_library(&o);
    assert_int_equal(status, FOV_E_INPUT);
    assert_non_null(strstr(o.error.text, "damaged"));
    end(&o);
}

static void test_every_allocation_fails(void **state)
{
    struct opened o;
    (void)state;
    good(&o, "resnet.keras", true);
    safetensors_close(&o.file);
    size_t before = memory_in_use(o.memory);
    int status = FOV_E_MEMORY;
    for (uint64_t n = 1; status != FOV_OK; n++) {
        o.error = (struct error){.status = FOV_OK};
        memory_fail_at(o.memory, n, false);
        status = keras_parse(&o.file, "f", o.bytes, o.size, o.memory, &o.error);
        status = status == FOV_OK ? keras_rename(&o.file, &o.error) : status;
        memory_fail_at(o.memory, 0, false);
        safetensors_close(&o.file);
        assert_true(status == FOV_OK || o.error.status == FOV_E_MEMORY);
        assert_int_equal(memory_in_use(o.memory), before);
    }
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_resnet), cmocka_unit_test(test_other_types), cmocka_unit_test(test_vgg),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_cut),    cmocka_unit_test(test_texts_beyond_their_heap),
        cmocka_unit_test(test_names_that_are_paths), cmocka_unit_test(test_heaps_within_heaps),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
