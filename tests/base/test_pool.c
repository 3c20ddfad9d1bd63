/* SPDX-License-Identifier: MIT */
/* The thread pool: every chunk runs once; no two threads have one worker index at the same time; the caller sees all
 * results; denormals are flushed; thousands of tiny dispatches. This file is for ThreadSanitizer, too. */
#include "base/pool.h"
#include "tests.h"
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_CHUNKS = 5000, MOST_WORKERS = 64 };

struct record {
    int        *times;   /* per chunk; not atomic, so that ThreadSanitizer finds missing synchronisation */
    atomic_int  busy[MOST_WORKERS];
    atomic_int  faults;
    int         threads;
    const float *small;
    float       *results;
};

static void record_chunk(void *context, size_t chunk, int worker)
{
    struct record *record = context;
    if (worker < 0 || worker >= record->threads || atomic_fetch_add(&record->busy[worker], 1) != 0) {
        atomic_fetch_add(&record->faults, 1);
        return;
    }
    record->times[chunk]++;
    for (volatile int i = 0; i < 50; i++) { /* long enough for other threads to interfere */
    }
    atomic_fetch_sub(&record->busy[worker], 1);
}

static void test_every_chunk_once_on_disjoint_workers(void **state)
{
    (void)state;
    static const int    thread_counts[] = {1, 2, 3, 4, 7, 16};
    static const size_t chunk_counts[] = {0, 1, 2, 3, 8, 100, MOST_CHUNKS};
    struct memory      *memory = memory_create(NULL, 0);
    int                *times = memory_allocate(memory, MOST_CHUNKS, sizeof *times, "times", NULL);
    for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++) {
        struct pool *pool = pool_create(memory, thread_counts[t], NULL);
        assert_non_null(pool);
        assert_int_equal(pool_threads(pool), thread_counts[t]);
        for (size_t c = 0; c < sizeof chunk_counts / sizeof *chunk_counts; c++) {
            for (int round = 1; round <= 5; round++) {
                struct record record = {.times = times, .threads = thread_counts[t]};
                memset(times, 0, MOST_CHUNKS * sizeof *times);
                pool_run(pool, record_chunk, &record, chunk_counts[c]);
                assert_int_equal(record.faults, 0);
                for (size_t i = 0; i < MOST_CHUNKS; i++) {
                    assert_int_equal(times[i], i < chunk_counts[c]);
                }
            }
        }
        pool_destroy(pool);
    }
    memory_free(memory, times);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

static void append_chunk(void *context, size_t chunk, int worker)
{
    int *state = context; /* the next chunk expected */
    assert_int_equal(worker, 0);
    assert_int_equal(*state, chunk);
    (*state)++;
}

static void test_without_a_pool_chunks_run_in_order(void **state)
{
    (void)state;
    int next = 0;
    pool_run(NULL, append_chunk, &next, 100);
    assert_int_equal(next, 100);
    assert_int_equal(pool_threads(NULL), 1);
    pool_destroy(NULL);
}

static void halve_chunk(void *context, size_t chunk, int worker)
{
    struct record *record = context;
    (void)worker;
    volatile float value = record->small[chunk]; /* 2^-126: half of it is a denormal */
    record->results[chunk] = value * 0.5F;
}

static void test_denormals_are_zero_in_every_thread(void **state)
{
    (void)state;
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip(); /* valgrind does not flush denormals */
    }
    struct memory *memory = memory_create(NULL, 0);
    float          small[64], results[64];
    for (int threads = 1; threads <= 4; threads++) {
        struct pool *pool = pool_create(memory, threads, NULL);
        for (size_t chunks = 1; chunks <= 64; chunks += 63) {
            for (size_t i = 0; i < chunks; i++) {
                small[i] = 0x1p-126F;
                results[i] = 1;
            }
            struct record record = {.small = small, .results = results};
            pool_run(pool, halve_chunk, &record, chunks);
            for (size_t i = 0; i < chunks; i++) {
                assert_true(results[i] <= 0.0F && results[i] >= 0.0F);
            }
        }
        pool_destroy(pool);
        volatile float outside = 0x1p-126F; /* the caller's own arithmetic is as before */
        outside *= 0.5F;
        assert_true(outside > 0.0F);
    }
    memory_destroy(memory);
}

static void count_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    ((uint64_t *)context)[chunk * 8]++; /* counters 64 bytes apart, in cache lines of their own */
}

static void test_tiny_dispatches_by_the_thousand(void **state)
{
    (void)state;
    enum { ROUNDS = 5000 };
    struct memory *memory = memory_create(NULL, 0);
    struct pool   *pool = pool_create(memory, 2, NULL);
    uint64_t       counts[4 * 8] = {0};
    uint64_t       requests = memory_requests(memory);
    for (int round = 0; round < ROUNDS; round++) {
        pool_run(pool, count_chunk, counts, 4);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(counts[i * 8], ROUNDS);
    }
    assert_int_equal(memory_requests(memory), requests);
    pool_destroy(pool);
    memory_destroy(memory);
}

/* Small jobs before large ones: a worker that arrives late with a ticket of the small job could take a chunk of the
 * large one. Every chunk must run once, and pool_run must return. */
static void test_jobs_of_changing_size(void **state)
{
    (void)state;
    enum { ROUNDS = 60000, MOST = 24 };
    struct memory *memory = memory_create(NULL, 0);
    struct pool   *pool = pool_create(memory, 4, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t counts[MOST * 8] = {0};
        size_t   chunks = round % 2 == 0 ? 2 : MOST;
        pool_run(pool, count_chunk, counts, chunks);
        for (size_t i = 0; i < chunks; i++) {
            assert_int_equal(counts[i * 8], 1);
        }
    }
    pool_destroy(pool);
    memory_destroy(memory);
}

static void test_bad_requests(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct error   error = {0};
    assert_null(pool_create(memory, -1, &error));
    assert_int_equal(error.status, FOV_E_USAGE);
    error_clear(&error);
    assert_null(pool_create(memory, 1000000, &error));
    assert_int_equal(error.status, FOV_E_USAGE);
    error_clear(&error);
    memory_fail_at(memory, 1, false);
    assert_null(pool_create(memory, 2, &error));
    assert_int_equal(error.status, FOV_E_MEMORY);
    struct pool *pool = pool_create(memory, 0, NULL); /* 0: as many as the machine has */
    assert_non_null(pool);
    assert_true(pool_threads(pool) >= 1);
    pool_destroy(pool);
    memory_destroy(memory);
}

/* If the system refuses threads, the pool has fewer. In a child process, since limits cannot be raised again. Address
 * space is limited, as each thread needs 8 MiB of it for its stack; RLIMIT_NPROC would not bind root. */
static void test_refused_threads_are_done_without(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    skip(); /* sanitizers reserve address space themselves */
#endif
#endif
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip();
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit stack = {256 << 20, 256 << 20}, space = {1U << 30, 1U << 30};
        setrlimit(RLIMIT_STACK, &stack);
        setrlimit(RLIMIT_AS, &space);
        struct memory *memory = memory_create(NULL, 0);
        struct pool   *pool = pool_create(memory, 512, NULL);
        uint64_t       counts[100 * 8] = {0};
        if (pool == NULL) {
            _exit(1);
        }
        int threads = pool_threads(pool);
        pool_run(pool, count_chunk, counts, 100);
        for (int i = 0; i < 100; i++) {
            if (counts[i * 8] != 1) {
                _exit(2);
            }
        }
        pool_destroy(pool);
        memory_destroy(memory);
        _exit(threads >= 1 && threads < 512 ? 0 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_chunk_once_on_disjoint_workers),
        cmocka_unit_test(test_without_a_pool_chunks_run_in_order),
        cmocka_unit_test(test_denormals_are_zero_in_every_thread),
        cmocka_unit_test(test_tiny_dispatches_by_the_thousand),
        cmocka_unit_test(test_jobs_of_changing_size),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_refused_threads_are_done_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
