/* SPDX-License-Identifier: MIT */
/* Every optimiser that training can choose, over fifty steps of given gradients, against PyTorch's (or its paper's) in
 * double: optimisers.inc, written by tests/fixtures/make_optimisers.py. And the error sentences for wrong options. */
#include "train/helpers.h"
#include "train/optimizer.h"
#include <fovea/fovea.h>
#include <math.h>
#include <string.h>

enum { PARAMETERS = 6, STEPS = 50, SHOWN = 4 };

static const int shown_at[SHOWN] = {1, 2, 10, 50};

static const struct trajectory {
    const char *text;
    double rate, wanted[SHOWN][PARAMETERS];
} trajectories[] = {
#include "optimisers.inc"
};
enum { TRAJECTORIES = sizeof trajectories / sizeof trajectories[0] };

static double gradient_at(int step, int i)
{
    return round(64.0 * (sin(0.7 * step + i) + 0.3 * (i - 2) + (step % 7 == 0 ? 0.5 : 0.0))) / 64.0;
}

static void check_step(const struct trajectory *t, int step, const float *w)
{
    for (int k = 0; k < SHOWN; k++) {
        for (int i = 0; shown_at[k] == step && i < PARAMETERS; i++) {
            double wanted = t->wanted[k][i];
            /* clang fuses other multiplications and additions than gcc: differences up to 1.3e-6 */
            if (!(fabs((double)w[i] - wanted) <= 2e-6 * fmax(fabs(wanted), 0.25))) {
                fail_msg("%s: parameter %d after step %d is %.9g, should be %.9g", t->text, i, step, (double)w[i],
                         wanted);
            }
        }
    }
}

static void follow(const struct trajectory *t)
{
    fov_context *context = fov_context_create(NULL);
    fov_graph *graph = fov_graph_create(context);
    struct optimizer optimizer;
    struct error error = {0};
    float w[PARAMETERS];
    const struct optimizer_update update = {
        .graph = graph,
        .parameter = fov_parameter(graph, .name = "w", .shape = FOV_SHAPE(PARAMETERS)),
        .gradient = fov_input(graph, .name = "g", .shape = FOV_SHAPE(PARAMETERS)),
        .learning_rate = fov_input(graph, .name = "rate"),
        .step = fov_input(graph, .name = "step"),
    };
    for (int i = 0; i < PARAMETERS; i++) {
        w[i] = (float)((i + 1) / 4.0 * (i % 2 == 0 ? 1.0 : -1.0));
    }
    assert_int_equal(fov_parameter_set(graph, update.parameter, w, sizeof w), FOV_OK);
    assert_int_equal(optimizer_find(&optimizer, t->text, &error), FOV_OK);
    if (optimizer_set_all(&optimizer, t->text, &error) != FOV_OK) {
        fail_msg("%s: %s", t->text, error.text);
    }
    optimizer_add(&optimizer, &update);
    fov_value any = fov_add(graph, update.gradient, update.gradient);
    fov_plan *plan = fov_plan_create(graph, &any, 1, &(fov_plan_options){.training = true, .updates = true});
    if (plan == NULL) {
        fail_msg("%s: %s", t->text, fov_error(context));
    }
    for (int step = 1; step <= STEPS; step++) {
        float *g = fov_plan_data(plan, update.gradient), *number = fov_plan_data(plan, update.step);
        for (int i = 0; i < PARAMETERS; i++) {
            g[i] = (float)gradient_at(step, i);
        }
        *(float *)fov_plan_data(plan, update.learning_rate) = (float)t->rate;
        if (number != NULL) {
            *number = (float)step;
        }
        fov_plan_run(plan, (uint64_t)step);
        assert_int_equal(fov_parameter_get(graph, update.parameter, w, sizeof w), FOV_OK);
        check_step(t, step, w);
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void steps_are_those_of_the_reference(void **state)
{
    (void)state;
    for (int k = 0; k < TRAJECTORIES; k++) {
        follow(&trajectories[k]);
    }
}

/* Fails for a new optimiser without a trajectory. */
static void each_has_a_trajectory(void **state)
{
    (void)state;
    for (size_t i = 0; i < optimizer_count(); i++) {
        const char *name = optimizer_name_at(NULL, i);
        bool found = false;
        for (int k = 0; k < TRAJECTORIES; k++) {
            size_t length = strlen(name);
            found = found || (strncmp(trajectories[k].text, name, length) == 0 &&
                              (trajectories[k].text[length] == '\0' || trajectories[k].text[length] == ':'));
        }
        if (!found) {
            fail_msg("optimiser %s has no trajectory", name);
        }
    }
}

static void texts_read_back(void **state)
{
    (void)state;
    for (int k = 0; k < TRAJECTORIES; k++) {
        struct optimizer one, two;
        struct error error = {0};
        char text[OPTIMIZER_TEXT_SIZE], again[OPTIMIZER_TEXT_SIZE];
        assert_int_equal(optimizer_find(&one, trajectories[k].text, &error), FOV_OK);
        assert_int_equal(optimizer_set_all(&one, trajectories[k].text, &error), FOV_OK);
        optimizer_text(&one, text);
        assert_int_equal(optimizer_find(&two, text, &error), FOV_OK);
        assert_int_equal(optimizer_set_all(&two, text, &error), FOV_OK);
        optimizer_text(&two, again);
        assert_string_equal(text, again);
    }
}

static void slips_are_said(void **state)
{
    static const struct {
        const char *text, *part;
    } slips[] = {{"adm", "did you mean \"adam\"?"},
                 {"adam:momentum=0.9", "optimizer adam has no option \"momentum\"; its first is beta1"},
                 {"sgd:momentum", "\"momentum\" is not OPTION=NUMBER"},
                 {"sgd:momentum=much", "\"momentum=much\" is not OPTION=NUMBER"},
                 {"sgd:momentum=2", "momentum is 2"},
                 {"sgd:nesterov=2", "nesterov is 2; it is 0 or 1"}};
    (void)state;
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        struct optimizer optimizer;
        struct error error = {0};
        int status = optimizer_find(&optimizer, slips[i].text, &error);
        status = status == FOV_OK ? optimizer_set_all(&optimizer, slips[i].text, &error) : status;
        assert_int_equal(status, FOV_E_USAGE);
        if (strstr(error.text, slips[i].part) == NULL) {
            fail_msg("\"%s\": %s", slips[i].text, error.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_reference),
        cmocka_unit_test(each_has_a_trajectory),
        cmocka_unit_test(texts_read_back),
        cmocka_unit_test(slips_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
