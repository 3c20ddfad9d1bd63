/* SPDX-License-Identifier: MIT */
/* Schedules, each over fifty steps against PyTorch's (schedules.inc, written by tests/fixtures/make_schedules.py), and
 * the training options that feed them. */
#include "train/helpers.h"
#include "train/options.h"
#include <math.h>
#include <string.h>

enum { EPOCHS = 12, STEPS = 5, SHOWN = 50 };

static const struct course {
    const char *text;
    double wanted[SHOWN];
} courses[] = {
#include "schedules.inc"
};
enum { COURSES = sizeof courses / sizeof courses[0] };

static struct schedule_use open_schedule(const char *text)
{
    struct schedule_use use;
    struct error error = {0};
    if (schedule_find(&use, text, &error) != FOV_OK || schedule_read(&use, text, &error) != FOV_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return use;
}

/* The validation loss after each epoch, as make_schedules.py has it. */
static double figure(int epoch)
{
    return round(64 * (fmax(1.0, 3.0 - epoch) + (epoch % 3 == 1 ? 0.25 : 0.0))) / 64;
}

static void rates_are_those_of_the_reference(void **state)
{
    (void)state;
    const struct schedule_plan plan = {.lr = 0.5, .epochs = EPOCHS, .steps_per_epoch = STEPS};
    for (int k = 0; k < COURSES; k++) {
        struct schedule_use use = open_schedule(courses[k].text);
        struct schedule_state remembered = {{0}};
        for (int step = 0; step < SHOWN; step++) {
            double rate = schedule_rate(&use, &plan, step / STEPS, step, -1.0, &remembered);
            double wanted = courses[k].wanted[step];
            if (!(fabs(rate - wanted) <= 1e-12 * fmax(wanted, 1e-3))) {
                fail_msg("%s: the rate of step %d is %.17g, should be %.17g", courses[k].text, step, rate, wanted);
            }
            if (step % STEPS == STEPS - 1 && use.schedule->observe != NULL) {
                use.schedule->observe(use.options, figure(step / STEPS), &remembered);
            }
        }
    }
}

/* Fails for a new schedule without a course; and each schedule's text can be read back to the same text. */
static void each_has_a_course(void **state)
{
    (void)state;
    for (size_t i = 0; i < schedule_table_count; i++) {
        const char *name = schedule_table[i]->name;
        size_t length = strlen(name);
        bool found = false;
        for (int k = 0; k < COURSES; k++) {
            char text[SCHEDULE_TEXT_SIZE], again[SCHEDULE_TEXT_SIZE];
            found = found || (strncmp(courses[k].text, name, length) == 0 &&
                              strchr(":", courses[k].text[length]) != NULL);
            struct schedule_use one = open_schedule(courses[k].text), two;
            schedule_text(&one, text);
            two = open_schedule(text);
            schedule_text(&two, again);
            assert_string_equal(text, again);
        }
        if (!found) {
            fail_msg("schedule %s has no course", name);
        }
    }
}

static double rate(const char *text, const struct schedule_plan *plan, int64_t epoch, int64_t step, double time)
{
    struct schedule_use use = open_schedule(text);
    return schedule_rate(&use, plan, epoch, step, time, &(struct schedule_state){{0}});
}

static void close_to(double a, double b)
{
    if (!(fabs(a - b) <= 1e-15)) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

/* Beyond the end of the run, by time, in a warm-up. */
static void rates(void **state)
{
    (void)state;
    struct schedule_plan o = {.lr = 0.5, .epochs = 10, .steps_per_epoch = 20};
    close_to(rate("step:step_epochs=3:gamma=0.1", &o, 9, 199, -1), 0.5 * 0.1 * 0.1 * 0.1);
    close_to(rate("cosine:0.1", &o, 5, 100, -1), 0.3); /* half of the epochs: half of the way from 0.5 to 0.1 */
    close_to(rate("cosine:0.1", &o, 2, 50, -1), 0.1 + 0.2 * (1.0 + sqrt(0.5)));
    close_to(rate("cosine:0.1", &o, 10, 200, -1), 0.1);
    close_to(rate("cosine:0.1", &o, 0, 3, 0.5), 0.3); /* by time alone */
    close_to(rate("triangle:0.25", &o, 0, 3, 0.125), 0.25);
    close_to(rate("triangle:0.25", &o, 0, 3, 1.5), 0.0);
    for (int k = 0; k < COURSES; k++) {
        double last = rate(courses[k].text, &o, 1000, 20000, -1);
        assert_true(last >= 0.0 && last <= 0.5);
    }
    o.warmup = 4;
    close_to(rate("constant", &o, 0, 0, -1), 0.125);
    close_to(rate("constant", &o, 0, 2, -1), 0.375);
    close_to(rate("constant", &o, 0, 3, -1), 0.5);
    close_to(rate("constant", &o, 0, 4, -1), 0.5);
}

static void defaults(void **state)
{
    (void)state;
    struct train_settings s;
    struct error error = {0};
    assert_int_equal(settings_resolve(&s, NULL, 1000, &error), FOV_OK);
    assert_string_equal(s.optimizer_text, "sgd:momentum=0:dampening=0:weight_decay=0:nesterov=0");
    assert_string_equal(s.schedule_text, "constant");
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

static void nesterov_follows_the_optimisers_momentum(void **state)
{
    (void)state;
    static const char *const optimizers[] = {"sgd:momentum=0.9", "muon", "sgdw:momentum=0.5"};
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        struct train_settings s;
        struct error error = {0};
        const fov_train_options options = {.optimizer = optimizers[i], .nesterov = true};
        if (settings_resolve(&s, &options, 1000, &error) != FOV_OK) {
            fail_msg("%s: %s", optimizers[i], error.text);
        }
    }
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
        {{.schedule = "multistep:3,x"}, "at is \"x\"; it is a number"},
        {{.schedule = "multistep"}, "multistep needs the epochs of its drops"},
        {{.schedule = "step:0"}, "step_epochs is 0; it lies in 1"},
        {{.schedule = "constant:1"}, "schedule constant has no options"},
        {{.epochs = -3}, "epochs is -3"},
        {{.batch = -2}, "batch is -2"},
        {{.lr = NAN}, "lr is"},
        {{.lr = -0.1f}, "lr is -0.1"},
        {{.momentum = 1.0f}, "momentum is 1"},
        {{.nesterov = true}, "nesterov needs a momentum"},
        {{.optimizer = "sgd:nesterov=1"}, "nesterov needs a momentum"},
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

static void count_of_warmup(void *user, fov_log_level level, const char *message)
{
    *(int *)user += level == FOV_LOG_WARNING && strstr(message, "it never reaches 0.05") != NULL;
}

/* Trains two epochs of three steps; returns the number of warnings about the warm-up. */
static int warned(fov_train_options options)
{
    int count = 0;
    fov_context *context =
        fov_context_create(&(fov_context_options){.threads = 1, .log = count_of_warmup, .log_user = &count});
    fov_dataset *digits = fov_dataset_open(context, "digits:24", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    options.epochs = 2;
    options.batch = 8;
    options.lr = 0.05f;
    assert_fine(context, fov_train_opt(model, digits, &options) == FOV_OK);
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
    return count;
}

static void a_warmup_that_outlasts_the_training_is_said(void **state)
{
    (void)state;
    assert_int_equal(warned((fov_train_options){.warmup = 0}), 0);
    assert_int_equal(warned((fov_train_options){.warmup = 5}), 0);
    assert_int_equal(warned((fov_train_options){.warmup = 6}), 1);
    assert_int_equal(warned((fov_train_options){.warmup = 100}), 1);
    assert_int_equal(warned((fov_train_options){.warmup = 100, .minutes = 1.0f}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates_are_those_of_the_reference),
                                       cmocka_unit_test(each_has_a_course), cmocka_unit_test(rates),
                                       cmocka_unit_test(defaults), cmocka_unit_test(refusals),
                                       cmocka_unit_test(nesterov_follows_the_optimisers_momentum),
                                       cmocka_unit_test(a_warmup_that_outlasts_the_training_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
