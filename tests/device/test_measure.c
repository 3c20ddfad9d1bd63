/* SPDX-License-Identifier: MIT */
/* What bench.h measures: figures are finite and positive, the memory limit is kept, rates are accepted or refused. How
 * large the figures are is not tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/fovea.h>
#include <math.h>

static void test_flops_and_bandwidth(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = threads});
        size_t before = fov_context_memory(context).bytes;
        double flops = fov_measure_flops(context, 0.001), bandwidth = fov_measure_bandwidth(context, 65536, 0.001);
        assert_true(isfinite(flops) && flops > 0);
        assert_true(isfinite(bandwidth) && bandwidth > 0);
        assert_true(fov_measure_bandwidth(context, 1, 0.001) > 0); /* less than one element per thread */
        assert_int_equal(fov_context_memory(context).bytes, before);
        fov_context_free(context);
    }
}

static void test_memory_limit(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.max_memory = 8 << 20});
    size_t before = fov_context_memory(context).bytes;
    assert_true(fov_measure_bandwidth(context, 64 << 20, 0.001) == 0);
    assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
    fov_error_clear(context);
    fov_rates rates;
    assert_int_equal(fov_measure_rates(context, &rates), FOV_E_MEMORY); /* it allocates more than the limit */
    assert_int_equal(fov_context_memory(context).bytes, before);
    fov_context_free(context);
}

static void test_rates(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    fov_rates measured = {0};
    assert_int_equal(fov_measure_rates(context, &measured), FOV_OK);
    const double rates[] = {measured.products, measured.transform, measured.memory, measured.wake};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        assert_true(isfinite(rates[i]) && rates[i] > 0);
    }
    assert_int_equal(fov_context_set_rates(context, &measured), FOV_OK);
    assert_true(fov_context_rates(context).products == measured.products);
    assert_int_equal(fov_context_set_rates(context, NULL), FOV_OK);
    fov_rates standard = fov_context_rates(context), own = {1e9, 2e9, 3e9, 4e-6};
    assert_int_equal(fov_context_set_rates(context, &own), FOV_OK);
    assert_true(fov_context_rates(context).memory == 3e9);
    assert_int_equal(fov_context_set_rates(context, NULL), FOV_OK);
    assert_true(fov_context_rates(context).memory == standard.memory);
    const double bad[] = {0, -1, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        own.wake = bad[i];
        assert_int_equal(fov_context_set_rates(context, &own), FOV_E_USAGE);
        fov_error_clear(context);
        assert_true(fov_context_rates(context).memory == standard.memory);
    }
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flops_and_bandwidth),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
