/* SPDX-License-Identifier: MIT */
/* safetensors: good files, the error sentence for each bad one (RELIABILITY 3.2), no crash and no wrong tensor for any
 * prefix or flipped byte, and writing that survives failing allocations and a failing disk. */
#include "base/file.h"
#include "base/text.h"
#include "io/safetensors.h"
#include "support/temporary.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct memory *memory;
    struct error   error;
    char           folder[TEMPORARY_PATH], path[TEMPORARY_PATH + 32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->memory = memory_create(NULL, 0);
    temporary_folder(fixture->folder);
    snprintf(fixture->path, sizeof fixture->path, "%s/file.safetensors", fixture->folder);
    *state = fixture;
    return fixture->memory == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    size_t          held = memory_in_use(fixture->memory);
    memory_destroy(fixture->memory);
    temporary_remove(fixture->folder);
    free(fixture);
    return held == 0 ? 0 : -1; /* a leak is a failure */
}

/** The stated length, the header, data_size bytes 0, 1, 2...; in a heap block of exactly that size, so that ASan sees a
 *  read one byte too far. */
static uint8_t *make_file(uint64_t length, const char *header, size_t header_size, size_t data_size, size_t *size)
{
    *size = 8 + header_size + data_size;
    uint8_t *bytes = malloc(*size);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(length >> (8 * i));
    }
    memcpy(bytes + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++) {
        bytes[8 + header_size + i] = (uint8_t)i;
    }
    return bytes;
}

static void expect_refusal(struct fixture *fixture, const uint8_t *bytes, size_t size, const char *expected)
{
    struct safetensors file;
    error_clear(&fixture->error);
    int status = safetensors_parse(&file, "bad.safetensors", bytes, size, fixture->memory, &fixture->error);
    if (status != FOV_E_INPUT || strstr(fixture->error.text, expected) == NULL ||
        strstr(fixture->error.text, "bad.safetensors: ") != fixture->error.text) {
        fail_msg("expected \"%s\", got status %d \"%s\"", expected, status, fixture->error.text);
    }
    assert_null(file.tensors);
    assert_int_equal(memory_in_use(fixture->memory), 0);
}

#define TENSOR(name, dtype, shape, offsets)                                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

struct row {
    const char *header;
    size_t      data;
    const char *expected;
};

static const struct row bad_rows[] = {
    {" {}", 0, "must start with '{'"},
    {"[]", 0, "must start with '{'"},
    {"{} x", 0, "not valid JSON"},
    {"{\"a\":1}", 0, "tensor \"a\": expected an object"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "duplicate"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "duplicate"},
    {"{" TENSOR("a", "F32", "[1.0]", "[0,4]") "}", 4, "shape: element 0"},
    {"{" TENSOR("a", "F32", "[1e3]", "[0,4]") "}", 4, "shape: element 0"},
    {"{" TENSOR("a", "F32", "[-1]", "[0,4]") "}", 4, "shape: element 0"},
    {"{" TENSOR("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "shape: element 0"},
    {"{" TENSOR("a", "F32", "[18446744073709551616]", "[0,4]") "}", 4, "not valid JSON"},
    {"{" TENSOR("a", "F32", "4", "[0,4]") "}", 4, "shape: expected a list"},
    {"{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "at most 8 sizes (got 9)"},
    {"{" TENSOR("a", "F32", "[4194305,4194305,211106198978564]", "[0,4]") "}", 4, "size overflow"},
    {"{" TENSOR("a", "F32", "[1000000]", "[0,4]") "}", 4, "got 4 bytes, expected 4000000"},
    {"{" TENSOR("a", "F32", "[1]", "[4,0]") "}", 4, "reversed (got [4, 0])"},
    {"{" TENSOR("a", "F32", "[1]", "[-4,0]") "}", 4, "two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4,8]") "}", 4, "two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4.0]") "}", 4, "two whole numbers"},
    {"{" TENSOR("a", "F32", "[1]", "\"0,4\"") "}", 4, "two whole numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets is missing"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is missing"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype: unknown (got \"F31\""},
    {"{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype: unknown"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}}", 4, "unknown key \"x\""},
    {"{" TENSOR("a", "F4", "[3]", "[0,1]") "}", 1, "do not fill whole bytes"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: \"k\" is not a string"},
    {"{\"__metadata__\":[]}", 0, "__metadata__: expected an object"},
    {"{\"a", 0, "not valid JSON"},
    {"{\"a\\q\":{}}", 0, "not valid JSON"},
    {"{\"\\ud800\":{}}", 0, "not valid JSON"},
    {"{\"a\\u0000\":{}}", 0, "not valid JSON"},
    {"{\"\xff\":{}}", 0, "not valid JSON"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[8,12]") "}", 12, "a hole lies before it"},
    {"{" TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "a hole lies before it"},
    {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[1]", "[4,8]") "}", 8, "overlaps"},
    {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[0,8]") "}", 8, "overlaps"},
    /* an empty tensor inside another: the reference implementation accepts it, fovea does not */
    {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[0]", "[4,4]") "}", 8, "overlaps"},
    {"{" TENSOR("a", "F32", "[2]", "[0,8]") "}", 4, "truncated: tensor \"a\" needs 8 bytes"},
    {"{" TENSOR("a", "F32", "[1]", "[0,4]") "}", 9, "5 unexpected bytes after the last tensor"},
    {"{}", 1, "1 unexpected bytes"},
    {"{" TENSOR("a\\u001b[31m", "F32", "[1]", "[0,8]") "}", 8, "\\x1b[31m"},
};

static void test_bad_headers(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        size_t   size, length = strlen(bad_rows[i].header);
        uint8_t *bytes = make_file(length, bad_rows[i].header, length, bad_rows[i].data, &size);
        expect_refusal(fixture, bytes, size, bad_rows[i].expected);
        free(bytes);
    }
}

static void test_bad_lengths(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        uint64_t    length;
        const char *expected;
    } rows[] = {{0, "too short"},
                {1, "too short"},
                {3, "truncated"},
                {100000001, "limit 100000000"},
                {(uint64_t)1 << 63, "limit 100000000"},
                {UINT64_MAX, "limit 100000000"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t   size;
        uint8_t *bytes = make_file(rows[i].length, "{}", 2, 0, &size);
        expect_refusal(fixture, bytes, size, rows[i].expected);
        free(bytes);
    }
    expect_refusal(fixture, (const uint8_t *)"", 0, "truncated: need 8 bytes");
    expect_refusal(fixture, (const uint8_t *)"1234567", 7, "truncated: need 8 bytes");
    expect_refusal(fixture, (const uint8_t *)"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10, "decompress it first");
    expect_refusal(fixture, (const uint8_t *)"PK\x03\x04\x00\x00\x08\x08\x00\x00", 10, "zip archive");
}

static void test_deep_and_many(void **state)
{
    struct fixture *fixture = *state;
    size_t          count = 100000, size;
    char           *deep = malloc(count + 5);
    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', count);
    uint8_t *bytes = make_file(count + 5, deep, count + 5, 0, &size);
    expect_refusal(fixture, bytes, size, "nested too deeply");
    free(bytes);
    free(deep);

    struct text text = {.memory = fixture->memory};
    text_add(&text, "{");
    for (int i = 0; i < SAFETENSORS_MAX_TENSORS + 2; i++) {
        text_add(&text, "\"%d\":0,", i);
    }
    text_add(&text, "\"\":0}");
    assert_false(text.failed);
    bytes = make_file(text.length, text_string(&text), text.length, 0, &size);
    text_free(&text);
    expect_refusal(fixture, bytes, size, "too many tensors");
    free(bytes);
}

static const char good_header[] = "{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("b", "F32", "[2,1]", "[0,8]") ","
                                  TENSOR("a", "I64", "[]", "[8,16]") "," TENSOR("z", "U8", "[0,3]", "[8,8]") ","
                                  TENSOR("h", "BF16", "[2]", "[16,20]") "}   ";

static void test_good_file(void **state)
{
    struct fixture    *fixture = *state;
    struct safetensors file;
    size_t             size;
    uint8_t           *bytes = make_file(sizeof good_header - 1, good_header, sizeof good_header - 1, 20, &size);
    assert_int_equal(safetensors_parse(&file, "good", bytes, size, fixture->memory, &fixture->error), 0);
    assert_int_equal(file.count, 4);
    assert_string_equal(file.tensors[0].name, "b");
    assert_string_equal(file.tensors[1].name, "z"); /* empty, at the place where "a" begins */
    assert_string_equal(file.tensors[2].name, "a");
    assert_string_equal(file.tensors[3].type, "BF16");
    assert_int_equal(file.tensors[3].dtype, FOV_DTYPE_COUNT);
    assert_string_equal(safetensors_metadata(&file, "format"), "pt");
    assert_null(safetensors_metadata(&file, "none"));
    assert_null(safetensors_find(&file, "c"));
    const struct safetensors_tensor *a = safetensors_find(&file, "a");
    assert_non_null(a);
    assert_int_equal(a->shape.rank, 0);
    assert_ptr_equal(a->data, bytes + size - 12);
    assert_int_equal(a->offset, size - 12);

    int64_t   value;
    fov_shape scalar = {0}, pair = {1, {2}};
    assert_int_equal(safetensors_copy(&file, "a", FOV_I64, &scalar, &value, &fixture->error), 0);
    assert_true(value == 0x0f0e0d0c0b0a0908);
    assert_int_equal(safetensors_copy(&file, "a", FOV_I64, &pair, &value, &fixture->error), FOV_E_INPUT);
    assert_non_null(strstr(fixture->error.text, "got I64 [], expected I64 [2]"));
    error_clear(&fixture->error);
    assert_int_equal(safetensors_copy(&file, "none", FOV_I64, &pair, &value, &fixture->error), FOV_E_INPUT);
    assert_non_null(strstr(fixture->error.text, "\"none\" is missing"));

    float    halves[2];
    uint32_t word = 0x11100000;
    assert_int_equal(safetensors_to_float(&file, &file.tensors[3], halves, NULL), 0);
    assert_memory_equal(&halves[0], &word, 4);
    assert_int_equal(safetensors_to_float(&file, a, halves, NULL), FOV_E_UNSUPPORTED);
    safetensors_close(&file);
    safetensors_close(&file);
    free(bytes);
}

/** Every prefix is refused, every flipped byte is refused or gives a consistent file. */
static void test_prefixes_and_flips(void **state)
{
    struct fixture *fixture = *state;
    size_t          size;
    uint8_t        *bytes = make_file(sizeof good_header - 1, good_header, sizeof good_header - 1, 20, &size);
    for (size_t length = 0; length < size; length++) {
        uint8_t *prefix = malloc(length > 0 ? length : 1);
        memcpy(prefix, bytes, length);
        expect_refusal(fixture, prefix, length, ": ");
        free(prefix);
    }
    const uint8_t masks[] = {0x01, 0x20, 0x80, 0xff};
    for (size_t i = 0; i < size * 4; i++) {
        bytes[i / 4] ^= masks[i % 4];
        struct safetensors file;
        error_clear(&fixture->error);
        int status = safetensors_parse(&file, "flip", bytes, size, fixture->memory, &fixture->error);
        if (status == 0) {
            size_t covered = 0;
            for (size_t j = 0; j < file.count; j++) {
                covered += file.tensors[j].bytes;
            }
            assert_true(file.count == 0 || file.tensors[0].data + covered == bytes + size);
            safetensors_close(&file);
        } else {
            assert_int_equal(status, FOV_E_INPUT);
            assert_true(strlen(fixture->error.text) > 6);
        }
        assert_int_equal(memory_in_use(fixture->memory), 0);
        bytes[i / 4] ^= masks[i % 4];
    }
    free(bytes);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const float   weights[6] = {1.5f, -2.0f, 3.25f, 0.0f, -0.0f, 1e-30f};
static const int64_t counter = -7;

static int write_good(struct fixture *fixture, bool sealed, const struct file_system *system)
{
    const struct safetensors_source tensors[] = {
        {"c1.weight", FOV_F32, {2, {2, 3}}, weights},
        {"n", FOV_I64, {0, {0}}, &counter},
        {"empty", FOV_F32, {1, {0}}, NULL},
    };
    const struct safetensors_text metadata[] = {{"format", "pt"}, {"note", "a \"quoted\" line\nand \xc3\xa9"}};
    error_clear(&fixture->error);
    return safetensors_write(fixture->path, tensors, 3, metadata, 2, sealed, system, fixture->memory, &fixture->error);
}

static void check_good(struct fixture *fixture)
{
    struct safetensors file;
    error_clear(&fixture->error);
    if (safetensors_open(&file, fixture->path, fixture->memory, &fixture->error)) {
        fail_msg("%s", fixture->error.text);
    }
    float     data[6];
    int64_t   number;
    fov_shape matrix = {2, {2, 3}}, scalar = {0};
    assert_int_equal(file.count, 3);
    assert_string_equal(file.tensors[0].name, "c1.weight");
    assert_int_equal(file.tensors[0].offset % SAFETENSORS_ALIGNMENT, 0);
    assert_int_equal(safetensors_copy(&file, "c1.weight", FOV_F32, &matrix, data, NULL), 0);
    assert_memory_equal(data, weights, sizeof data);
    assert_int_equal(safetensors_copy(&file, "n", FOV_I64, &scalar, &number, NULL), 0);
    assert_true(number == counter);
    assert_string_equal(safetensors_metadata(&file, "note"), "a \"quoted\" line\nand \xc3\xa9");
    safetensors_close(&file);
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(write_good(fixture, false, NULL), 0);
    check_good(fixture);
    uint8_t *first, *second;
    size_t   first_size, second_size;
    assert_int_equal(file_read(fixture->path, 1 << 20, fixture->memory, &first, &first_size, NULL), 0);
    assert_int_equal(write_good(fixture, false, NULL), 0);
    assert_int_equal(file_read(fixture->path, 1 << 20, fixture->memory, &second, &second_size, NULL), 0);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    memory_free(fixture->memory, first);
    memory_free(fixture->memory, second);
}

static void test_write_refusals(void **state)
{
    struct fixture                 *fixture = *state;
    const struct safetensors_source twice[] = {{"a", FOV_F32, {1, {1}}, weights}, {"a", FOV_F32, {1, {1}}, weights}};
    const struct safetensors_source open[] = {{"a", FOV_F32, {1, {FOV_BATCH}}, weights}};
    assert_int_equal(safetensors_write(fixture->path, twice, 2, NULL, 0, false, NULL, fixture->memory, &fixture->error),
                     FOV_E_USAGE);
    assert_non_null(strstr(fixture->error.text, "\"a\" is used twice"));
    error_clear(&fixture->error);
    assert_int_equal(safetensors_write(fixture->path, open, 1, NULL, 0, true, NULL, fixture->memory, &fixture->error),
                     FOV_E_USAGE);
    assert_false(file_exists(fixture->path));
}

/** A sealed file detects every flipped byte, in its header as in its data. */
static void test_seal(void **state)
{
    struct fixture    *fixture = *state;
    struct safetensors file;
    uint8_t           *bytes;
    size_t             size;
    assert_int_equal(write_good(fixture, true, NULL), 0);
    check_good(fixture);
    assert_int_equal(file_read(fixture->path, 1 << 20, fixture->memory, &bytes, &size, NULL), 0);
    assert_int_equal(safetensors_parse(&file, "sealed", bytes, size, fixture->memory, NULL), 0);
    assert_int_equal(safetensors_verify(&file, &fixture->error), 0);
    size_t data_start = file.tensors[0].offset;
    safetensors_close(&file);
    size_t undetected = 0;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x01;
        if (safetensors_parse(&file, "sealed", bytes, size, fixture->memory, NULL) == 0) {
            if (safetensors_verify(&file, NULL) == 0) {
                undetected++;
                assert_true(i < data_start);
            }
            safetensors_close(&file);
        }
        bytes[i] ^= 0x01;
    }
    assert_int_equal(undetected, 0);
    memory_free(fixture->memory, bytes);
    assert_int_equal(write_good(fixture, false, NULL), 0);
    assert_int_equal(safetensors_open(&file, fixture->path, fixture->memory, NULL), 0);
    assert_int_equal(safetensors_verify(&file, &fixture->error), FOV_E_INPUT);
    safetensors_close(&file);
}

/** Empty tensors share one offset, so a file may list them in another order than they were given: the seal must
 * hold. */
static void test_seal_of_empty_tensors(void **state)
{
    struct fixture    *fixture = *state;
    struct safetensors file;
    const struct safetensors_source tensors[] = {
        {"z", FOV_F32, {1, {0}}, NULL}, {"a", FOV_F32, {2, {3, 0}}, NULL},       {"m", FOV_F32, {2, {2, 3}}, weights},
        {"y", FOV_I64, {1, {0}}, NULL}, {"c1.weight", FOV_F32, {1, {6}}, weights}, {"x", FOV_F32, {1, {0}}, NULL},
        {"b", FOV_F32, {1, {0}}, NULL}, {"c", FOV_F32, {1, {0}}, NULL},
    };
    assert_int_equal(safetensors_write(fixture->path, tensors, sizeof tensors / sizeof *tensors, NULL, 0, true, NULL,
                                       fixture->memory, &fixture->error), 0);
    assert_int_equal(safetensors_open(&file, fixture->path, fixture->memory, NULL), 0);
    assert_int_equal(safetensors_verify(&file, &fixture->error), 0);
    safetensors_close(&file);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void test_every_allocation_fails(void **state)
{
    struct fixture *fixture = *state;
    for (int sticky = 0; sticky < 2; sticky++) {
        for (uint64_t n = 1;; n++) {
            memory_fail_at(fixture->memory, n, sticky != 0);
            int status = write_good(fixture, true, NULL);
            struct safetensors file;
            if (!status) {
                status = safetensors_open(&file, fixture->path, fixture->memory, &fixture->error);
                if (!status) {
                    status = safetensors_verify(&file, &fixture->error);
                    safetensors_close(&file);
                }
            }
            memory_fail_at(fixture->memory, 0, false);
            assert_int_equal(memory_in_use(fixture->memory), 0);
            if (status == 0) {
                assert_true(n > 4);
                break;
            }
            assert_int_equal(status, FOV_E_MEMORY);
        }
    }
    check_good(fixture);
}

/** A system whose n-th call of any kind fails. */
struct failing {
    int calls, fail_at;
};

static bool fails_now(void *user)
{
    struct failing *failing = user;
    failing->calls++;
    errno = ENOSPC;
    return failing->calls == failing->fail_at;
}

static int failing_open(void *user, const char *path, int flags, unsigned mode)
{
    const struct file_system *real = file_system_default();
    return fails_now(user) ? -1 : real->open(real->user, path, flags, mode);
}

static ssize_t failing_write(void *user, int file, const void *bytes, size_t count)
{
    const struct file_system *real = file_system_default();
    if (fails_now(user)) {
        return -1;
    }
    return real->write(real->user, file, bytes, count > 7 ? 7 : count); /* short writes, too */
}

static int failing_sync(void *user, int file)
{
    const struct file_system *real = file_system_default();
    return fails_now(user) ? -1 : real->sync(real->user, file);
}

static int failing_rename(void *user, const char *from, const char *to)
{
    const struct file_system *real = file_system_default();
    return fails_now(user) ? -1 : real->rename(real->user, from, to);
}

static void test_every_write_fails(void **state)
{
    struct fixture    *fixture = *state;
    struct failing     failing = {0};
    struct file_system system = *file_system_default();
    const struct safetensors_source old = {"old", FOV_F32, {1, {1}}, weights};
    system.open = failing_open;
    system.write = failing_write;
    system.sync = failing_sync;
    system.rename = failing_rename;
    system.user = &failing;
    for (int n = 1;; n++) {
        assert_int_equal(safetensors_write(fixture->path, &old, 1, NULL, 0, true, NULL, fixture->memory, NULL), 0);
        failing = (struct failing){0, n};
        int status = write_good(fixture, true, &system);
        if (status == 0) {
            assert_true(n > 20); /* short writes make many calls */
            break;
        }
        assert_int_equal(status, FOV_E_IO);
        /* The old file or the new one, complete; never anything else. */
        struct safetensors file;
        assert_int_equal(safetensors_open(&file, fixture->path, fixture->memory, NULL), 0);
        assert_int_equal(safetensors_verify(&file, NULL), 0);
        assert_true(file.count == 1 || file.count == 3);
        safetensors_close(&file);
    }
    check_good(fixture);
}

static void test_missing_and_directory(void **state)
{
    struct fixture    *fixture = *state;
    struct safetensors file;
    assert_int_equal(safetensors_open(&file, "/nonexistent/x", fixture->memory, &fixture->error), FOV_E_IO);
    assert_non_null(strstr(fixture->error.text, "/nonexistent/x"));
    error_clear(&fixture->error);
    assert_int_not_equal(safetensors_open(&file, "/tmp", fixture->memory, &fixture->error), 0);
    assert_true(strlen(fixture->error.text) > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_bad_headers), TEST(test_bad_lengths), TEST(test_deep_and_many), TEST(test_good_file),
        TEST(test_prefixes_and_flips), TEST(test_round_trip), TEST(test_write_refusals), TEST(test_seal), TEST(test_seal_of_empty_tensors),
        TEST(test_every_allocation_fails), TEST(test_every_write_fails), TEST(test_missing_and_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
