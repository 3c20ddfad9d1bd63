/* SPDX-License-Identifier: MIT */
/* Random numbers: the known answers from Random123's distribution, then the statistics of the derived numbers. Bounds
 * are five standard deviations wide; the numbers are fixed by the seed, so the tests pass always or never. */
#include "base/random.h"
#include "tests.h"
#include <math.h>

/* kat_vectors of Random123 ("philox4x32 10"), written through the counter layout of random.c. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        struct random_key key;
        uint64_t          index;
        uint32_t          answer[4];
    } vectors[] = {
        {{0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{UINT64_MAX, UINT32_MAX, 0xffffffffff}, 0xffffffffffffff, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x299f31d0a4093822, 0x03707344, 0x8513198a2e},
         0xa308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        random_block(vectors[i].key, vectors[i].index, out);
        for (int word = 0; word < 4; word++) {
            assert_int_equal(out[word], vectors[i].answer[word]);
            if (i == 0) {
                assert_int_equal(random_u32(vectors[i].key, (uint64_t)word), vectors[i].answer[word]);
            }
        }
    }
}

/* Every part of the key and the index changes the block. */
static void test_every_part_of_the_key_counts(void **state)
{
    (void)state;
    struct random_key base = {1, RANDOM_TEST, 5};
    uint32_t          first[4], other[4];
    random_block(base, 3, first);
    for (int bit = 0; bit < 64; bit++) {
        struct random_key key = base;
        key.seed ^= 1ULL << bit;
        random_block(key, 3, other);
        assert_memory_not_equal(first, other, sizeof first);
        if (bit < 32) {
            key = base;
            key.use ^= 1U << bit;
            random_block(key, 3, other);
            assert_memory_not_equal(first, other, sizeof first);
        }
        if (bit < 40) {
            key = base;
            key.position ^= 1ULL << bit;
            random_block(key, 3, other);
            assert_memory_not_equal(first, other, sizeof first);
        }
        if (bit < 56) {
            random_block(base, 3 ^ 1ULL << bit, other);
            assert_memory_not_equal(first, other, sizeof first);
        }
    }
}

static void test_uniform(void **state)
{
    (void)state;
    enum { COUNT = 100000, CELLS = 20 };
    struct random_key key = {42, RANDOM_TEST, 0};
    double            sum = 0, squares = 0;
    int               cells[CELLS] = {0};
    for (uint64_t i = 0; i < COUNT; i++) {
        float u = random_uniform(key, i);
        assert_true(u >= 0.0F && u < 1.0F);
        sum += (double)u;
        squares += (double)u * (double)u;
        cells[(int)(u * CELLS)]++;
    }
    double mean = sum / COUNT;
    assert_true(fabs(mean - 0.5) < 5 * sqrt(1.0 / 12 / COUNT));
    assert_true(fabs(squares / COUNT - 1.0 / 3) < 5 * sqrt(4.0 / 45 / COUNT));
    double chi = 0; /* Pearson: mean 19, standard deviation sqrt(38) */
    for (int i = 0; i < CELLS; i++) {
        chi += pow(cells[i] - (double)COUNT / CELLS, 2) / ((double)COUNT / CELLS);
    }
    assert_true(chi < 19 + 5 * sqrt(38.0));
}

static void test_uniforms_at_once(void **state)
{
    (void)state;
    struct random_key key = {42, RANDOM_TEST, 3};
    float             at_once[11];
    for (uint64_t first = 0; first < 8; first++) {
        for (size_t count = 0; count <= 11; count++) {
            random_uniforms(key, first, at_once, count);
            for (size_t i = 0; i < count; i++) {
                assert_true(at_once[i] == random_uniform(key, first + i));
            }
        }
    }
}

static void test_normal(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct random_key key = {7, RANDOM_TEST, 1};
    double            moment[5] = {0};
    int               inside = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double x = random_normal(key, i), power = 1;
        assert_true(isfinite(x));
        for (int m = 1; m <= 4; m++) {
            power *= x;
            moment[m] += power / COUNT;
        }
        inside += fabs(x) < 1;
    }
    assert_true(fabs(moment[1]) < 5 * sqrt(1.0 / COUNT));
    assert_true(fabs(moment[2] - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(moment[3]) < 5 * sqrt(15.0 / COUNT));
    assert_true(fabs(moment[4] - 3) < 5 * sqrt(96.0 / COUNT));
    assert_true(fabs((double)inside / COUNT - 0.6826894921) < 5 * sqrt(0.683 * 0.317 / COUNT));
}

static void test_below(void **state)
{
    (void)state;
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip(); /* valgrind computes long double with 64 bits */
    }
    struct random_key key = {3, RANDOM_TEST, 2};
    int               seen[7] = {0};
    for (uint64_t i = 0; i < 7000; i++) {
        uint64_t value = random_below(key, i, 7);
        assert_true(value < 7);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_true(abs(seen[i] - 1000) < 5 * 30); /* deviation sqrt(7000 x 1/7 x 6/7) = 29 */
    }
    /* Large bounds need all 128 bits of the product. */
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t bound = (1ULL << 63) + i * 0x123456789ULL, value = random_below(key, i, bound);
        uint32_t block[4];
        random_block(key, i, block);
        long double exact = ((long double)block[0] * 0x1p32L + block[1]) / 0x1p64L * (long double)bound;
        assert_true(value < bound);
        assert_true(fabsl((long double)value - exact) < 0x1p2L);
        assert_int_equal(random_below(key, i, 1), 0);
        assert_int_equal(random_below(key, i, 0), 0);
    }
}

static void test_permutation(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    uint32_t          order[COUNT], again[COUNT], other[COUNT];
    bool              seen[COUNT] = {0};
    struct random_key key = {9, RANDOM_SHUFFLE, 4};
    random_permutation(key, order, COUNT);
    random_permutation(key, again, COUNT);
    assert_memory_equal(order, again, sizeof order);
    key.position = 5;
    random_permutation(key, other, COUNT);
    assert_memory_not_equal(order, other, sizeof order);
    for (int i = 0; i < COUNT; i++) {
        assert_true(order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = true;
    }
    /* All 24 orders of 4 appear equally often: 12000 tries, 500 each, deviation 22. */
    int counts[256] = {0};
    for (uint64_t epoch = 0; epoch < 12000; epoch++) {
        uint32_t four[4];
        key.position = epoch;
        random_permutation(key, four, 4);
        counts[four[0] << 6 | four[1] << 4 | four[2] << 2 | four[3]]++;
    }
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        if (counts[i] > 0) {
            orders++;
            assert_true(abs(counts[i] - 500) < 5 * 22);
        }
    }
    assert_int_equal(orders, 24);
    random_permutation(key, order, 0);
    random_permutation(key, order, 1);
    assert_int_equal(order[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),    cmocka_unit_test(test_every_part_of_the_key_counts),
        cmocka_unit_test(test_uniform),          cmocka_unit_test(test_uniforms_at_once),
        cmocka_unit_test(test_normal),           cmocka_unit_test(test_below),
        cmocka_unit_test(test_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
