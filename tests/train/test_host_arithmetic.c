/* SPDX-License-Identifier: MIT */
/* A host program may set any rounding mode, flush denormals and let floating-point exceptions trap: none of that
 * changes a bit of data, training or predictions, for any number of threads, and each call leaves the host's settings
 * as they were. */
#define _GNU_SOURCE /* feenableexcept */
#include "helpers.h"
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
enum { FLUSH = 0x8040 };
static void set_flush(bool flush)
{
    _mm_setcsr((_mm_getcsr() & ~(unsigned)FLUSH) | (flush ? (unsigned)FLUSH : 0));
}
static bool is_flushing(void)
{
    return (_mm_getcsr() & FLUSH) == FLUSH;
}
#else
static void set_flush(bool flush)
{
    (void)flush;
}
static bool is_flushing(void)
{
    return false;
}
#endif

enum { CLASSES = 10, TRAPS = FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW | FE_INEXACT };

struct host {
    int  rounding, threads;
    bool flush, traps;
};

struct outcome {
    char  hash[65];
    float scores[CLASSES];
    int   rounding; /* mode that the trainer's callback sees: must be the host's */
};

static int on_step(const fov_progress *progress, void *user)
{
    struct outcome *outcome = user;
    (void)progress;
    outcome->rounding = fegetround();
    return 0;
}

/* Everything from the context to a prediction, as a program under `host` would do it. */
static void work(const struct host *host, struct outcome *outcome)
{
    fenv_t usual;
    fegetenv(&usual);
    fesetround(host->rounding);
    set_flush(host->flush);
    feclearexcept(FE_ALL_EXCEPT);
#if defined(__GLIBC__)
    if (host->traps) {
        feenableexcept(TRAPS);
    }
#endif
    fov_context *context = test_context(host->threads, 5);
    fov_dataset *digits = fov_dataset_open(context, "digits:130", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "course-cnn", NULL);
    int status = fov_train(model, digits, .epochs = 1, .batch = 32, .optimizer = "adam", .schedule = "cosine",
                           .warmup = 2, .weight_decay = 0x1p-10f, .on_step = on_step, .user = outcome,
                           .validate = digits);
    fov_image image = {.height = 0};
    const uint8_t *pixels = NULL;
    /* Not of the network's size, so that prediction resizes it. */
    status = status == FOV_OK ? fov_dataset_sample(digits, 3, &pixels, &image.height, &image.width, &image.channels)
                              : status;
    image.pixels = (uint8_t *)(uintptr_t)pixels;
    image.height -= 5;
    status = status == FOV_OK ? fov_predict_image(model, &image, outcome->scores, CLASSES) : status;
    fov_report report = {.count = 0};
    status = status == FOV_OK ? fov_evaluate(model, digits, 50, &report) : status;
    status = status == FOV_OK ? fov_model_hash(model, outcome->hash) : status;
    fov_report_free(&report);
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%s", fov_error(context));
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
    int  rounding = fegetround(), raised = fetestexcept(FE_ALL_EXCEPT);
    bool flush = is_flushing();
    fesetenv(&usual);
    if (status != FOV_OK) {
        fail_msg("%s", sentence);
    }
    assert_int_equal(rounding, host->rounding);
    assert_int_equal(outcome->rounding, host->rounding);
    assert_int_equal(raised, 0);
#if defined(__x86_64__)
    assert_int_equal(flush, host->flush);
#else
    (void)flush;
#endif
}

static void no_bit_moves(void **state)
{
    (void)state;
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip(); /* valgrind rounds to nearest always */
    }
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    struct outcome first, next;
    work(&(struct host){.rounding = FE_TONEAREST, .threads = 1}, &first);
    for (int i = 0; i < 4; i++) {
        for (int threads = 1; threads <= 3; threads++) {
            work(&(struct host){.rounding = modes[i], .threads = threads, .flush = (i + threads) % 2 != 0}, &next);
            assert_string_equal(first.hash, next.hash);
            assert_memory_equal(first.scores, next.scores, sizeof first.scores);
        }
    }
}

/* With traps set, any library arithmetic in the host's mode would end the process with a signal. Not under sanitizers,
 * whose own floating-point arithmetic would trap. */
static void nothing_traps(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
    skip();
#endif
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip();
    }
    struct outcome first, next;
    work(&(struct host){.rounding = FE_TONEAREST, .threads = 2}, &first);
    work(&(struct host){.rounding = FE_UPWARD, .threads = 2, .traps = true}, &next);
    assert_string_equal(first.hash, next.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_bit_moves), cmocka_unit_test(nothing_traps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
