/* SPDX-License-Identifier: MIT */
/* .npy files: good ones in both orders of dimensions and of bytes, the error sentence for each bad one (RELIABILITY
 * 3.3), no crash for any prefix or flipped bit, and written files that are read back and keep NumPy's rules for the
 * header. */
#include "io/npy.h"
#include "base/memory.h"
#include "support/temporary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/** A file in a heap block of exactly its size, so that ASan sees a read one byte too far. `length`: the stated header
 *  length; below 0: the text's own. */
static uint8_t *make_file(int major, long length, const char *text, size_t data_size, size_t *size)
{
    size_t text_size = strlen(text), field = major == 1 ? 2 : 4;
    length = length < 0 ? (long)text_size : length;
    *size = 8 + field + text_size + data_size;
    uint8_t *bytes = malloc(*size);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)major;
    bytes[7] = 0;
    for (size_t i = 0; i < field; i++) {
        bytes[8 + i] = (uint8_t)((unsigned long)length >> (8 * i));
    }
    memcpy(bytes + 8 + field, text, text_size);
    for (size_t i = 0; i < data_size; i++) {
        bytes[8 + field + text_size + i] = (uint8_t)i;
    }
    return bytes;
}

#define HEADER(descr, fortran_order, shape)                                                                            \
    "{'descr': " descr ", 'fortran_order': " fortran_order ", 'shape': " shape ", }  \n"

/* ---- good files -------------------------------------------------------------------------------------------------- */

static void test_good(void **state)
{
    (void)state;
    const struct {
        int         major;
        const char *header;
        size_t      data;
        fov_dtype   dtype;
        int         rank;
        size_t      count;
    } rows[] = {
        {1, HEADER("'<f4'", "False", "(2, 3)"), 24, FOV_F32, 2, 6},
        {2, HEADER("'|u1'", "False", "(3,)"), 3, FOV_U8, 1, 3},
        {3, HEADER("'<i8'", "True", "()"), 8, FOV_I64, 0, 1},
        {1, HEADER("'<f8'", "False", "(0,)"), 0, FOV_F64, 1, 0},
        {1, HEADER("'<f8'", "True", "(9223372036854775807, 0)"), 0, FOV_F64, 2, 0},
        {1, HEADER("'<f2'", "False", "(3L, 1L)"), 6, FOV_F16, 2, 3},
        {1, HEADER("'|b1'", "False", "(1, 1, 1, 1, 1, 1, 1, 2)"), 2, FOV_BOOL, 8, 2},
        {1, "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"=u2\"}\n", 4, FOV_U16, 1, 2},
        {1, "{'shape': ( 2 , 1 , ) , 'fortran_order': False, 'descr': 'i1' }\n", 2, FOV_I8, 2, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {.status = FOV_OK};
        struct npy   npy;
        size_t       size;
        uint8_t     *bytes = make_file(rows[i].major, -1, rows[i].header, rows[i].data, &size);
        if (npy_parse(&npy, "a.npy", bytes, size, &error) != 0) {
            fail_msg("%s: %s", rows[i].header, error.text);
        }
        assert_int_equal(npy.dtype, rows[i].dtype);
        assert_int_equal(npy.shape.rank, rows[i].rank);
        assert_int_equal(npy.count, rows[i].count);
        assert_ptr_equal(npy.data + npy.bytes, bytes + size);
        uint8_t *copy = malloc(npy.bytes + 1);
        npy_copy(&npy, copy);
        if (rows[i].dtype != FOV_BOOL) {
            assert_memory_equal(copy, npy.data, npy.bytes);
        }
        free(copy);
        free(bytes);
    }
}

/** Stored column by column and big-endian; read row by row and in this machine's byte order. */
static void test_order(void **state)
{
    (void)state;
    struct error error = {.status = FOV_OK};
    struct npy   npy;
    size_t       size;
    uint16_t     got[6];
    uint8_t     *bytes = make_file(1, -1, HEADER("'>u2'", "True", "(2, 3)"), 12, &size);
    assert_int_equal(npy_parse(&npy, "a.npy", bytes, size, &error), 0);
    assert_true(npy.swapped && npy.fortran_order);
    npy_copy(&npy, got);
    const uint16_t expected[6] = {0x0001, 0x0405, 0x0809, 0x0203, 0x0607, 0x0a0b};
    assert_memory_equal(got, expected, sizeof expected);
    free(bytes);
    bytes = make_file(1, -1, HEADER("'|b1'", "True", "(2, 2)"), 4, &size);
    assert_int_equal(npy_parse(&npy, "a.npy", bytes, size, &error), 0);
    bool flags[4];
    npy_copy(&npy, flags); /* 0 2 / 1 3 becomes bools */
    assert_true(!flags[0] && flags[1] && flags[2] && flags[3]);
    assert_int_equal(*(uint8_t *)&flags[1], 1);
    free(bytes);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void expect_refusal(const uint8_t *bytes, size_t size, fov_status status, const char *expected)
{
    struct error error = {.status = FOV_OK};
    struct npy   npy;
    int          got = npy_parse(&npy, "bad.npy", bytes, size, &error);
    if (got != (int)status || strstr(error.text, expected) == NULL || strncmp(error.text, "bad.npy: ", 9) != 0 ||
        strchr(error.text, '\n') != NULL) {
        fail_msg("expected %d \"%s\", got %d \"%s\"", (int)status, expected, got, error.text);
    }
    assert_null(npy.data);
}

static void test_refusals(void **state)
{
    (void)state;
    const struct {
        const char *header;
        size_t      data;
        fov_status  status;
        const char *expected;
    } rows[] = {
        {"[1, 2]\n", 0, FOV_E_INPUT, "expected a dict"},
        {"__import__('os').system('true')\n", 0, FOV_E_INPUT, "expected a dict"},
        {"((((((((((((((((((((((((((((((((", 0, FOV_E_INPUT, "expected a dict"},
        {"{}\n", 0, FOV_E_INPUT, "key 'descr' is missing"},
        {"{'descr': '<f4', 'fortran_order': False, }\n", 0, FOV_E_INPUT, "key 'shape' is missing"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}\n", 4, FOV_E_INPUT, "unknown key 'x'"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 4, FOV_E_INPUT,
         "repeated key 'descr'"},
        {"{'descr': '<f4' 'fortran_order': False}\n", 4, FOV_E_INPUT, "expected ',' or '}'"},
        {"{'descr' '<f4'}\n", 4, FOV_E_INPUT, "expected ':'"},
        {"{'des\\x63r': '<f4'}\n", 4, FOV_E_INPUT, "expected a plain character"},
        {"{'descr\n", 4, FOV_E_INPUT, "expected a plain character (got byte 0x0a)"},
        {"{'descr", 0, FOV_E_INPUT, "expected the end of the string (got the end of the header)"},
        {"{1: 2}\n", 4, FOV_E_INPUT, "expected a string (got '1')"},
        {HEADER("'|O'", "False", "(1,)"), 8, FOV_E_UNSUPPORTED, "pickled objects are never loaded"},
        {HEADER("'O'", "False", "(1,)"), 8, FOV_E_UNSUPPORTED, "pickled objects are never loaded"},
        {HEADER("[('a', '<f4')]", "False", "(1,)"), 4, FOV_E_UNSUPPORTED, "structured arrays are not supported"},
        {HEADER("'<f16'", "False", "(1,)"), 16, FOV_E_UNSUPPORTED, "type '<f16' is not supported"},
        {HEADER("'<c8'", "False", "(1,)"), 8, FOV_E_UNSUPPORTED, "type '<c8' is not supported"},
        {HEADER("'<U3'", "False", "(1,)"), 12, FOV_E_UNSUPPORTED, "type '<U3' is not supported"},
        {HEADER("'|f4'", "False", "(1,)"), 4, FOV_E_UNSUPPORTED, "type '|f4' is not supported"},
        {HEADER("''", "False", "(1,)"), 4, FOV_E_UNSUPPORTED, "type '' is not supported"},
        {HEADER("4", "False", "(1,)"), 4, FOV_E_INPUT, "expected a string"},
        {HEADER("'<f4'", "0", "(1,)"), 4, FOV_E_INPUT, "True or False (got '0')"},
        {HEADER("'<f4'", "False", "[1]"), 4, FOV_E_INPUT, "a tuple like (2, 3) (got '[')"},
        {HEADER("'<f4'", "False", "(-1,)"), 4, FOV_E_INPUT, "a whole number of 0 or more (got '-')"},
        {HEADER("'<f4'", "False", "(1.5,)"), 4, FOV_E_INPUT, "expected shape: ',' or ')' (got '.')"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1\n", 4, FOV_E_INPUT, "',' or ')'"},
        {HEADER("'<f4'", "False", "(7)"), 28, FOV_E_INPUT, "one dimension is written (3,)"},
        {HEADER("'<f4'", "False", "(3)"), 12, FOV_E_INPUT, "one dimension is written (3,)"},
        {HEADER("'<f4'", "False", "(,)"), 4, FOV_E_INPUT, "a whole number of 0 or more"},
        {HEADER("'<f4'", "False", "(1 2)"), 8, FOV_E_INPUT, "',' or ')'"},
        {HEADER("'<f4'", "False", "(9223372036854775808,)"), 4, FOV_E_INPUT, "dimension out of range"},
        {HEADER("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), 4, FOV_E_UNSUPPORTED, "more than 8 dimensions"},
        {HEADER("'<f4'", "False", "(4294967296, 4294967296)"), 80, FOV_E_INPUT, "size overflow in shape"},
        {HEADER("'<f8'", "False", "(1152921504606846976,)"), 80, FOV_E_INPUT, "size overflow in shape"},
        {HEADER("'<f4'", "False", "(65536, 65536)"), 80, FOV_E_INPUT, "truncated: need 17179869184 bytes"},
        {HEADER("'<f4'", "False", "(2,)"), 7, FOV_E_INPUT, "truncated: need 8 bytes"},
        {HEADER("'<f4'", "False", "(2,)"), 9, FOV_E_INPUT, "1 unexpected bytes after end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, FOV_E_INPUT, "spaces and a newline at its end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()} x\n", 4, FOV_E_INPUT,
         "spaces and a newline at its end (got 'x')"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n\n", 4, FOV_E_INPUT,
         "spaces and a newline at its end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t   size;
        uint8_t *bytes = make_file(1, -1, rows[i].header, rows[i].data, &size);
        expect_refusal(bytes, size, rows[i].status, rows[i].expected);
        free(bytes);
    }
}

static void test_not_npy(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t      size;
        fov_status  status;
        const char *expected;
    } rows[] = {
        {"", 0, FOV_E_INPUT, "the file is empty"},
        {"\x93", 1, FOV_E_INPUT, "truncated: need 8 bytes at offset 0, file has 1"},
        {"\x1f\x8b\x08\x00\x00\x00", 6, FOV_E_INPUT, "looks like gzip"},
        {"PK\x03\x04\x14\x00\x00", 7, FOV_E_INPUT, "zip archive"},
        {"\x80\x02}q\x00", 5, FOV_E_INPUT, "pickles can run code"},
        {"\x93NUMPY\x00\x00\x00\x00", 10, FOV_E_UNSUPPORTED, "version 0.0 is not supported"},
        {"\x93NUMPY\x01\x01\x00\x00", 10, FOV_E_UNSUPPORTED, "version 1.1 is not supported"},
        {"\x93NUMPY\x04\x00\x00\x00", 10, FOV_E_UNSUPPORTED, "version 4.0 is not supported"},
        {"\x93NUMPY\x01\x00\x40", 9, FOV_E_INPUT, "truncated: need 2 bytes at offset 8"},
        {"\x93NUMPY\x02\x00\x40\x00\x00", 11, FOV_E_INPUT, "truncated: need 4 bytes at offset 8"},
        {"\x93NUMPY\x01\x00\x40\x00{", 11, FOV_E_INPUT, "truncated: need 64 bytes at offset 10 for the header"},
        {"\x93NUMPY\x01\x00\x11\x27{", 11, FOV_E_INPUT, "header length out of range (got 10001, limit 10000 bytes)"},
        {"\x93NUMPY\x02\x00\xff\xff\xff\xff", 12, FOV_E_INPUT, "header length out of range (got 4294967295"},
        {"\x93NUMPY\x01\x00\x00\x00", 10, FOV_E_INPUT, "expected a dict (got the end of the header)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *bytes = malloc(rows[i].size + (rows[i].size == 0));
        memcpy(bytes, rows[i].bytes, rows[i].size);
        expect_refusal(bytes, rows[i].size, rows[i].status, rows[i].expected);
        free(bytes);
    }
}

/** Every prefix is refused; a flipped bit is refused or changes numbers only, never their position. */
static void test_prefixes_and_flips(void **state)
{
    (void)state;
    size_t   size, accepted = 0;
    uint8_t *whole = make_file(1, -1, HEADER("'<f4'", "False", "(2, 3)"), 24, &size);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *bytes = malloc(cut + (cut == 0));
        memcpy(bytes, whole, cut);
        expect_refusal(bytes, cut, FOV_E_INPUT, "");
        free(bytes);
    }
    for (size_t at = 0; at < size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct error error = {.status = FOV_OK};
            struct npy   npy;
            whole[at] ^= (uint8_t)(1 << bit);
            int status = npy_parse(&npy, "flip", whole, size, &error);
            assert_true((status != 0) == (npy.data == NULL) && (status == 0 || error.text[0] != '\0'));
            if (status == 0) {
                uint8_t copy[24];
                assert_int_equal(npy.bytes, 24);
                npy_copy(&npy, copy);
                accepted++;
            }
            whole[at] ^= (uint8_t)(1 << bit);
        }
    }
    assert_true(accepted >= 24 * 8); /* flips in the elements are accepted, nearly none in the header */
    assert_true(accepted < 24 * 8 + 30);
    free(whole);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void test_write(void **state)
{
    (void)state;
    char           path[TEMPORARY_PATH];
    const float    values[6] = {1, -2, 3.5F, 0, 5, 1e30F};
    fov_shape      shapes[] = {{2, {2, 3}}, {1, {6}}, {0, {0}}, {3, {0, 4, 1}}};
    struct error   error = {.status = FOV_OK};
    struct memory *memory = memory_create(NULL, 0);
    temporary_file(path, ".npy");
    for (size_t i = 0; i < 4; i++) {
        struct npy npy;
        uint8_t   *bytes;
        size_t     size;
        float      back[6];
        assert_int_equal(npy_write(path, FOV_F32, &shapes[i], values, NULL, &error), 0);
        assert_int_equal(file_read(path, 1 << 20, memory, &bytes, &size, &error), 0);
        assert_int_equal(npy_parse(&npy, path, bytes, size, &error), 0);
        assert_int_equal((npy.data - bytes) % NPY_ALIGNMENT, 0);
        assert_true(shape_equal(&npy.shape, &shapes[i]) && npy.dtype == FOV_F32 && !npy.fortran_order && !npy.swapped);
        npy_copy(&npy, back);
        assert_memory_equal(back, values, npy.bytes);
        memory_free(memory, bytes);
    }
    assert_int_equal(npy_write(path, FOV_F32, &(fov_shape){1, {-1}}, values, NULL, &error), FOV_E_USAGE);
    unlink(path);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_order),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_not_npy),
        cmocka_unit_test(test_write),    cmocka_unit_test(test_prefixes_and_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
