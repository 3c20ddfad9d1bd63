/* SPDX-License-Identifier: MIT */
/* L-BFGS step by step against PyTorch's (lbfgs.inc), to convergence, and with a function that fails, is flat, or is
 * NaN. */
#include "train/lbfgs.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 10, MOST = 30 };

struct function {
    int (*at)(const double *x, double *value, double *gradient);
    int calls, fail_at;
};

static int rosenbrock(const double *x, double *value, double *gradient)
{
    *value = 0;
    memset(gradient, 0, COUNT * sizeof *gradient);
    for (int i = 0; i + 1 < COUNT; i++) {
        double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        *value += 100 * a * a + b * b;
        gradient[i + 1] += 200 * a;
        gradient[i] += -400 * a * x[i] - 2 * b;
    }
    return FOV_OK;
}

static int valley(const double *x, double *value, double *gradient)
{
    *value = 0;
    for (int i = 0; i < COUNT; i++) {
        double weight = pow(4, i % 5), d = x[i] - 0.5;
        *value += weight * d * d + 0.25 * x[i] * x[i] * x[i] * x[i];
        gradient[i] = 2 * weight * d + x[i] * x[i] * x[i];
    }
    return FOV_OK;
}

/* Defined where x[0] is above 0 only. */
static int logarithm(const double *x, double *value, double *gradient)
{
    memset(gradient, 0, COUNT * sizeof *gradient);
    *value = x[0] - log(x[0]);
    gradient[0] = 1 - 1 / x[0];
    return FOV_OK;
}

static int call(void *user, const double *x, double *value, double *gradient)
{
    struct function *function = user;
    return ++function->calls == function->fail_at ? FOV_E_NUMERIC : function->at(x, value, gradient);
}

static void start(double *x)
{
    for (int i = 0; i < COUNT; i++) {
        x[i] = i % 2 == 0 ? -1.2 : 1.0 + 0.05 * i;
    }
}

static struct memory *memory;

static struct lbfgs *make(const struct lbfgs_options *options)
{
    struct error error = {.status = FOV_OK};
    struct lbfgs *lbfgs = lbfgs_create(memory, COUNT, options, &error);
    assert_non_null(lbfgs);
    return lbfgs;
}

static const struct {
    int (*at)(const double *x, double *value, double *gradient);
    int  history;
    bool no_line_search;
    struct {
        double value;
        int    evaluations;
    } after[MOST];
} trajectories[] = {
#include "train/lbfgs.inc"
};

static void steps_are_pytorchs(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof trajectories / sizeof trajectories[0]; k++) {
        struct lbfgs *lbfgs = make(&(struct lbfgs_options){.history = trajectories[k].history,
                                                           .rate = trajectories[k].no_line_search ? 0.01 : 1,
                                                           .no_line_search = trajectories[k].no_line_search});
        struct function function = {.at = trajectories[k].at};
        double x[COUNT];
        start(x);
        for (int i = 0; i < MOST && trajectories[k].after[i].evaluations > 0; i++) {
            enum lbfgs_state is;
            double wanted = trajectories[k].after[i].value;
            assert_int_equal(lbfgs_iterate(lbfgs, call, &function, x, &is), FOV_OK);
            if (!(fabs(lbfgs_value(lbfgs) - wanted) <= 1e-6 * fabs(wanted) + 1e-12)) {
                fail_msg("case %zu, iteration %d: %.12g, PyTorch has %.12g", k, i + 1, lbfgs_value(lbfgs), wanted);
            }
            if (!trajectories[k].no_line_search) {
                assert_int_equal(lbfgs_evaluations(lbfgs), trajectories[k].after[i].evaluations);
            }
            assert_int_equal(function.calls, lbfgs_evaluations(lbfgs));
        }
        lbfgs_free(lbfgs);
    }
}

static void it_ends_in_the_valley(void **state)
{
    (void)state;
    struct lbfgs *lbfgs = make(NULL);
    struct function function = {.at = rosenbrock};
    enum lbfgs_state is = LBFGS_GOES_ON;
    double x[COUNT];
    start(x);
    for (int i = 0; i < 200 && is == LBFGS_GOES_ON; i++) {
        assert_int_equal(lbfgs_iterate(lbfgs, call, &function, x, &is), FOV_OK);
    }
    assert_int_not_equal(is, LBFGS_GOES_ON);
    for (int i = 0; i < COUNT; i++) {
        assert_true(fabs(x[i] - 1) < 1e-4);
    }
    int calls = function.calls;
    if (is == LBFGS_FLAT) { /* a converged state evaluates nothing more */
        assert_int_equal(lbfgs_iterate(lbfgs, call, &function, x, &is), FOV_OK);
        assert_int_equal(is, LBFGS_FLAT);
        assert_int_equal(function.calls, calls);
    }
    lbfgs_free(lbfgs);
}

/* A step out of the function's domain (the value is NaN) is shortened. */
static void what_is_no_number_is_too_high(void **state)
{
    (void)state;
    struct lbfgs *lbfgs = make(&(struct lbfgs_options){.rate = 50});
    struct function function = {.at = logarithm};
    enum lbfgs_state is = LBFGS_GOES_ON;
    double x[COUNT] = {3};
    for (int i = 0; i < 50 && is == LBFGS_GOES_ON; i++) {
        assert_int_equal(lbfgs_iterate(lbfgs, call, &function, x, &is), FOV_OK);
        assert_true(isfinite(lbfgs_value(lbfgs)));
    }
    assert_true(fabs(x[0] - 1) < 1e-5);
    lbfgs_free(lbfgs);
}

static void failures_are_passed_on(void **state)
{
    (void)state;
    struct error error = {.status = FOV_OK};
    for (int at = 1; at < 12; at++) {
        struct lbfgs *lbfgs = make(NULL);
        struct function function = {.at = rosenbrock, .fail_at = at};
        enum lbfgs_state is = LBFGS_GOES_ON;
        double x[COUNT];
        int status = FOV_OK;
        start(x);
        for (int i = 0; i < 12 && status == FOV_OK; i++) {
            status = lbfgs_iterate(lbfgs, call, &function, x, &is);
        }
        assert_int_equal(status, FOV_E_NUMERIC);
        assert_int_equal(function.calls, at);
        lbfgs_free(lbfgs);
    }
    assert_null(lbfgs_create(memory, 0, NULL, &error));
    assert_int_equal(error.status, FOV_E_USAGE);
    error = (struct error){.status = FOV_OK};
    assert_null(lbfgs_create(memory, SIZE_MAX / 8, NULL, &error));
    assert_int_equal(error.status, FOV_E_MEMORY);
}

static int begin(void **state)
{
    (void)state;
    memory = memory_create(NULL, 0);
    return memory == NULL;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_pytorchs),
        cmocka_unit_test(it_ends_in_the_valley),
        cmocka_unit_test(what_is_no_number_is_too_high),
        cmocka_unit_test(failures_are_passed_on),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
