/* SPDX-License-Identifier: MIT */
/* Memory: alignment, zeroed blocks, counters, limits, failure on request, a custom allocator, several threads. */
#include "base/memory.h"
#include "tests.h"
#include <pthread.h>

static void test_blocks_are_aligned_zeroed_and_padded(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    assert_non_null(memory);
    for (size_t count = 0; count < 300; count += 7) {
        unsigned char *block = memory_allocate(memory, count, 3, "block", NULL);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % MEMORY_ALIGNMENT, 0);
        for (size_t i = 0; i < count * 3 + 64; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 0xff, count * 3);
        memory_free(memory, block);
    }
    assert_int_equal(memory_in_use(memory), 0);
    assert_true(memory_peak(memory) > 800);
    memory_destroy(memory);
}

static void test_products_that_overflow_are_refused(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct error   error = {0};
    assert_null(memory_allocate(memory, SIZE_MAX / 2, 3, "huge tensor", &error));
    assert_int_equal(error.status, FOV_E_MEMORY);
    assert_non_null(strstr(error.text, "huge tensor"));
    assert_null(memory_allocate(memory, SIZE_MAX - 8, 1, "huge tensor", NULL));
    assert_null(memory_allocate(memory, SIZE_MAX / 4, 1, "huge tensor", NULL)); /* refused by the system */
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);

    size_t result = 1;
    assert_false(size_multiply(SIZE_MAX, 2, &result));
    assert_false(size_add(SIZE_MAX, 1, &result));
    assert_int_equal(result, 1);
    assert_true(size_multiply(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    assert_true(size_multiply(SIZE_MAX, 0, &result) && result == 0);
    assert_true(size_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
}

static void test_sizes_are_divided_and_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(size_divide_up(0, 7), 0);
    assert_int_equal(size_divide_up(14, 7), 2);
    assert_int_equal(size_divide_up(15, 7), 3);
    assert_int_equal(size_round_up(0, 7), 0);
    assert_int_equal(size_round_up(14, 7), 14);
    assert_int_equal(size_round_up(15, 7), 21);
    assert_int_equal(memory_aligned(0), 0);
    assert_int_equal(memory_aligned(1), MEMORY_ALIGNMENT);
    assert_int_equal(memory_aligned(MEMORY_ALIGNMENT), MEMORY_ALIGNMENT);
    assert_int_equal(memory_aligned(MEMORY_ALIGNMENT + 1), 2 * MEMORY_ALIGNMENT);
    assert_true(size_smaller(2, 3) == 2 && size_smaller(3, 2) == 2 && size_larger(2, 3) == 3 && size_larger(3, 2) == 3);
}

static void test_the_limit_holds_and_is_named(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 1 << 20);
    struct error   error = {0};
    void          *half = memory_allocate(memory, 512, 1024, "half", &error);
    assert_non_null(half);
    assert_null(memory_allocate(memory, 600, 1024, "other half", &error));
    assert_string_equal(error.text,
                        "out of memory: other half needs 600 KiB, 512 KiB of the limit of 1 MiB are in use");
    assert_true(memory_in_use(memory) <= memory_limit(memory));
    assert_true(memory_peak(memory) <= memory_limit(memory));
    memory_free(memory, half);
    void *most = memory_allocate(memory, 1000, 1024, "most", NULL);
    assert_non_null(most);
    memory_free(memory, most);
    memory_set_limit(memory, 0);
    most = memory_allocate(memory, 2, 1 << 20, "more", NULL);
    assert_non_null(most);
    memory_free(memory, most);
    memory_destroy(memory);
}

static void test_resize_keeps_content_and_survives_failure(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    unsigned char *block = memory_resize(memory, NULL, 10, 1, "block", NULL);
    memset(block, 7, 10);
    block = memory_resize(memory, block, 1000, 1, "block", NULL);
    assert_non_null(block);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(block[i], i < 10 ? 7 : 0);
    }
    size_t used = memory_in_use(memory);
    memory_fail_at(memory, 1, false);
    assert_null(memory_resize(memory, block, 2000, 1, "block", NULL));
    assert_int_equal(memory_in_use(memory), used);
    assert_int_equal(block[9], 7);
    block = memory_resize(memory, block, 5, 1, "block", NULL);
    assert_int_equal(block[4], 7);
    memory_free(memory, block);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

static void test_the_nth_request_fails_once_or_for_ever(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    for (int sticky = 0; sticky <= 1; sticky++) {
        for (uint64_t n = 1; n <= 5; n++) {
            memory_fail_at(memory, n, sticky != 0);
            for (uint64_t request = 1; request <= 8; request++) {
                void *block = memory_allocate(memory, 1, 1, "byte", NULL);
                bool  fails = sticky ? request >= n : request == n;
                assert_int_equal(block == NULL, fails);
                memory_free(memory, block);
            }
        }
        memory_fail_at(memory, 0, false);
    }
    uint64_t before = memory_requests(memory);
    memory_free(memory, memory_allocate(memory, 1, 1, "byte", NULL));
    assert_int_equal(memory_requests(memory), before + 1);
    memory_destroy(memory);
}

static void test_growing_arrays(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    int           *numbers = NULL;
    size_t         capacity = 0;
    for (size_t count = 0; count < 10000; count++) {
        assert_int_equal(memory_grow(memory, (void **)&numbers, &capacity, count, sizeof *numbers, "numbers", NULL), 0);
        assert_true(count < capacity);
        numbers[count] = (int)count;
    }
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(numbers[i], i);
    }
    assert_true(memory_requests(memory) < 20);
    memory_fail_at(memory, 1, false);
    struct error error = {0};
    int         *kept = numbers;
    assert_int_equal(memory_grow(memory, (void **)&numbers, &capacity, capacity, sizeof *numbers, "numbers", &error),
                     FOV_E_MEMORY);
    assert_ptr_equal(numbers, kept);
    assert_int_equal(error.status, FOV_E_MEMORY);
    memory_free(memory, numbers);
    char *copy = memory_copy_text(memory, "kernel", NULL);
    assert_string_equal(copy, "kernel");
    memory_free(memory, copy);
    memory_free(memory, NULL);
    memory_destroy(memory);
}

struct source_use {
    int  live;
    bool refuses;
};

static void *source_allocate(void *user, size_t bytes)
{
    struct source_use *use = user;
    if (use->refuses) {
        return NULL;
    }
    use->live++;
    return malloc(bytes);
}

static void source_release(void *user, void *block)
{
    struct source_use *use = user;
    use->live--;
    free(block);
}

static void test_a_source_of_ones_own(void **state)
{
    (void)state;
    struct source_use    use = {0};
    struct memory_source source = {source_allocate, source_release, &use};
    struct memory       *memory = memory_create(&source, 0);
    struct error         error = {0};
    void                *block = memory_allocate(memory, 10, 10, "block", &error);
    assert_int_equal(use.live, 2);
    use.refuses = true;
    size_t used = memory_in_use(memory);
    assert_null(memory_allocate(memory, 10, 10, "second block", &error));
    assert_int_equal(error.status, FOV_E_MEMORY);
    assert_int_equal(memory_in_use(memory), used);
    assert_null(memory_create(&source, 0));
    memory_free(memory, block);
    memory_destroy(memory);
    assert_int_equal(use.live, 0);
    memory_destroy(NULL);
}

static void *churn(void *argument)
{
    struct memory *memory = argument;
    size_t         refused = 0;
    for (size_t i = 0; i < 5000; i++) {
        void *block = memory_allocate(memory, i % 64 + 1, 64, "block", NULL);
        refused += block == NULL;
        memory_free(memory, block);
    }
    return (void *)refused;
}

static void test_counters_hold_across_threads(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 10000); /* too little for all threads at once */
    pthread_t      threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, memory), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(memory_in_use(memory), 0);
    assert_int_equal(memory_requests(memory), 20000);
    assert_true(memory_peak(memory) <= 10000);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_aligned_zeroed_and_padded),
        cmocka_unit_test(test_products_that_overflow_are_refused),
        cmocka_unit_test(test_sizes_are_divided_and_rounded_up),
        cmocka_unit_test(test_the_limit_holds_and_is_named),
        cmocka_unit_test(test_resize_keeps_content_and_survives_failure),
        cmocka_unit_test(test_the_nth_request_fails_once_or_for_ever),
        cmocka_unit_test(test_growing_arrays),
        cmocka_unit_test(test_a_source_of_ones_own),
        cmocka_unit_test(test_counters_hold_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
