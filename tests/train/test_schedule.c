/* SPDX-License-Identifier: MIT */
/* Schedules and the training options that feed them. */
#include "train/helpers.h"
#include "train/options.h"
#include <math.h>
#include <string.h>

static double rate(const char *name, const struct schedule_options *o, int64_t epoch, int64_t step)
{
    const struct schedule *schedule = schedule_find(name);
    assert_non_null(schedule);
    return schedule_rate(schedule, o, epoch, step);
}

static void close_to(double a, double b)
{
    if (!(fabs(a - b) <= 1e-15)) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

static void rates(void **state)
{
    (void)state;
    struct schedule_options o = {
        .lr = 0.5, .lr_final = 0.1, .gamma = 0.1, .step_epochs = 3, .epochs = 10, .steps_per_epoch = 20};
    close_to(rate("constant", &o, 9, 199), 0.5);
    close_to(rate("step", &o, 2, 59), 0.5);
    close_to(rate("step", &o, 3, 60), 0.05);
    close_to(rate("step", &o, 9, 199), 0.5 * 0.1 * 0.1 * 0.1);
    close_to(rate("cosine", &o, 0, 0), 0.5);
    close_to(rate("cosine", &o, 5, 100), 0.3); /* half way: half way between */
    close_to(rate("cosine", &o, 2, 50), 0.1 + 0.2 * (1.0 + sqrt(0.5)));
    close_to(rate("cosine", &o, 10, 200), 0.1);
    o.warmup = 4;
    close_to(rate("constant", &o, 0, 0), 0.125);
    close_to(rate("constant", &o, 0, 2), 0.375);
    close_to(rate("constant", &o, 0, 3), 0.5);
    close_to(rate("constant", &o, 0, 4), 0.5);
    assert_null(schedule_find("cosinus"));
}

static void defaults(void **state)
{
    (void)state;
    struct train_settings s;
    struct error error = {0};
    assert_int_equal(settings_resolve(&s, NULL, 1000, &error), FOV_OK);
    assert_string_equal(s.optimizer_text, "sgd:momentum=0:dampening=0:weight_decay=0:nesterov=0");
    assert_string_equal(s.schedule->name, "constant");
    assert_true(s.given.epochs == 10 && s.batch == 64 && s.steps == 16);
    assert_true(s.given.lr == 0.01f);
    assert_int_equal(settings_resolve(&s, &(fov_train_options){.optimizer = "adam", .batch = -1}, 1000, &error),
                     FOV_OK);
    assert_true(s.given.lr == 0.001f && s.batch == 1000 && s.steps == 1);
    assert_string_equal(s.optimizer_text, "adam:beta1=0.9:beta2=0.999:epsilon=1e-08:weight_decay=0:decoupled=0");
    assert_int_equal(settings_resolve(&s, &(fov_train_options){.batch = 1}, 1000, &error), FOV_OK);
    assert_true(s.batch == 1 && s.steps == 1000);
    assert_int_equal(settings_resolve(&s, &(fov_train_options){.batch = 300}, 1000, &error), FOV_OK);
    assert_true(s.batch == 300 && s.steps == 4);
}

static void refusals(void **state)
{
    (void)state;
    const struct {
        fov_train_options options;
        const char *says;
    } cases[] = {
        {{.optimizer = "adan"}, "did you mean \"adam\""},
        {{.schedule = "cosin"}, "did you mean \"cosine\""},
        {{.epochs = -3}, "epochs is -3"},
        {{.batch = -2}, "batch is -2"},
        {{.lr = NAN}, "lr is"},
        {{.lr = -0.1f}, "lr is -0.1"},
        {{.momentum = 1.0f}, "momentum is 1"},
        {{.nesterov = true}, "nesterov needs a momentum"},
        {{.label_smoothing = 1.5f}, "label_smoothing is 1.5"},
        {{.resume = true}, "resume needs the directory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct train_settings s;
        struct error error = {0};
        assert_int_equal(settings_resolve(&s, &cases[i].options, 1000, &error), FOV_E_USAGE);
        if (strstr(error.text, cases[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates), cmocka_unit_test(defaults), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
