/* SPDX-License-Identifier: MIT */
/* SHA-256: the examples of FIPS 180-4, and input in pieces of any size. Also the quick hash and the clocks. */
#include "base/clock.h"
#include "base/hash.h"
#include "tests.h"
#include <time.h>

static void test_known_answers(void **state)
{
    (void)state;
    char        hex[HASH_HEX_SIZE];
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    hash_bytes("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_bytes("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_bytes(two_blocks, strlen(two_blocks), hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_a_million_in_pieces(void **state)
{
    (void)state;
    char              hex[HASH_HEX_SIZE], a[1000];
    struct hash_state hash;
    memset(a, 'a', sizeof a);
    hash_begin(&hash);
    size_t left = 1000000;
    for (size_t piece = 1; left > 0; piece = piece * 7 % 1000 + 1) {
        size_t count = piece < left ? piece : left;
        hash_add(&hash, a, count);
        hash_add(&hash, NULL, 0);
        left -= count;
    }
    hash_end(&hash, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_clocks_run(void **state)
{
    (void)state;
    double first = clock_seconds();
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL), 0);
    assert_true(clock_seconds() - first >= 2e-3);
    time_t before = time(NULL);
    double now = clock_wall_seconds();
    assert_true(now >= (double)before - 1 && now <= (double)time(NULL) + 2);
}

/* The quick hash depends on every byte, on the number of bytes, and on the hash that it continues. */
static void test_fold(void **state)
{
    uint8_t bytes[40] = {0};
    uint64_t seen[400];
    size_t count = 0;
    (void)state;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        seen[count++] = hash_fold(0, bytes, size);
        seen[count++] = hash_fold(1, bytes, size);
    }
    for (size_t at = 0; at < sizeof bytes; at++) {
        for (int bit = 0; bit < 8; bit += 3) {
            bytes[at] ^= (uint8_t)(1 << bit);
            seen[count++] = hash_fold(0, bytes, sizeof bytes);
            bytes[at] = 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(seen[i] != seen[j]);
        }
    }
    assert_true(hash_fold(0, bytes, sizeof bytes) == seen[2 * sizeof bytes]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_a_million_in_pieces),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
