/* SPDX-License-Identifier: MIT */
/* The steps around an optimiser: clipping, parameter groups, accumulation, Lookahead and averages, over 48 batches of
 * given gradients against PyTorch (updates.inc, written by tests/fixtures/make_updates.py); and in training: the
 * averaged weights that were validated are the ones that stay, and wrong options get an error sentence. */
#include "train/helpers.h"
#include "train/updates.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { FIRST = 4, SECOND = 3, PARAMETERS = FIRST + SECOND, BATCHES = 48, SHOWN = 4 };

static const int shown_at[SHOWN] = {1, 2, 12, 48};

static const fov_train_options cases[] = {
    {.lr = 0.1f, .momentum = 0.9f, .clip_norm = 1.0f},
    {.lr = 0.1f, .clip_value = 0.25f},
    {.lr = 0.1f,
     .momentum = 0.5f,
     .weight_decay = 0.0625f,
     .lr_by_name = "features.*=0.25x, head.bias=0.5",
     .no_decay = "norms-and-biases"},
    {.optimizer = "adam", .lr = 0.01f, .lookahead = 3},
    {.lr = 0.1f, .momentum = 0.9f, .ema = 0.875f},
    {.optimizer = "muon", .lr = 0.02f},
    {.optimizer = "adam",
     .lr = 0.01f,
     .accumulate = 4,
     .clip_norm = 0.5f,
     .lookahead = 2,
     .lookahead_share = 0.25f,
     .ema = 0.5f},
    {.optimizer = "adam", .lr = 0.01f, .epochs = 1, .batch = 1, .lookahead = 5, .lookahead_final = 0.25f},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static const double wanted[][SHOWN][PARAMETERS] = {
#include "updates.inc"
};

static double gradient_at(int step, int i)
{
    return round(64.0 * (sin(0.7 * step + i) + 0.3 * (i - 2) + (step % 7 == 0 ? 0.5 : 0.0))) / 64.0;
}

/* A graph whose loss, the sum of w x g, has the inputs g as its gradients. */
struct bench {
    fov_context *context;
    fov_graph *graph;
    fov_value w[2], g[2], loss;
    struct train_settings settings;
    struct updates updates;
    fov_plan *plan, *moves;
    struct update_places places, moves_places;
};

static void open_bench(struct bench *b, const fov_train_options *options)
{
    static const char *const names[] = {"features.weight", "head.bias"};
    const fov_shape shapes[] = {FOV_SHAPE(2, 2), FOV_SHAPE(SECOND)};
    struct error error = {0};
    fov_value part[2];
    *b = (struct bench){.context = fov_context_create(NULL)};
    b->graph = fov_graph_create(b->context);
    for (int k = 0; k < 2; k++) {
        float start[FIRST];
        for (int i = 0; i < FIRST; i++) {
            start[i] = (float)((i + 1) / 4.0 * (i % 2 == 0 ? 1.0 : -1.0));
        }
        b->w[k] = fov_parameter(b->graph, .name = names[k], .shape = shapes[k]);
        b->g[k] = fov_input(b->graph, .shape = shapes[k]);
        size_t bytes = sizeof *start * (k == 0 ? FIRST : SECOND);
        assert_int_equal(fov_parameter_set(b->graph, b->w[k], start, bytes), FOV_OK);
        fov_value product = fov_mul(b->graph, b->w[k], b->g[k]);
        part[k] = fov_reshape(b->graph, op_emit(fov_graph_emitter(b->graph), "reduce_sum", &product, 1, NULL),
                              (fov_shape){0});
    }
    b->loss = fov_add(b->graph, part[0], part[1]);
    assert_int_equal(settings_resolve(&b->settings, options, BATCHES, &error), FOV_OK);
    assert_fine(b->context, updates_add(&b->updates, b->graph, &(struct task_turn){.loss = b->loss}, 1, 2, &b->settings,
                                        &b->context->error) == FOV_OK);
    b->plan = fov_plan_create(b->graph, &b->loss, 1,
                              &(fov_plan_options){.training = true,
                                                  .updates = true,
                                                  .update = b->updates.sums,
                                                  .update_count = b->updates.sum_count});
    assert_fine(b->context, b->plan != NULL);
    b->places = updates_places(&b->updates, b->plan);
    if (b->updates.sums != NULL) {
        b->moves = fov_plan_create(b->graph, &b->updates.done, 1,
                                   &(fov_plan_options){.training = true,
                                                       .updates = true,
                                                       .update = b->updates.others,
                                                       .update_count = b->updates.other_count});
        assert_fine(b->context, b->moves != NULL);
        b->moves_places = updates_places(&b->updates, b->moves);
    }
}

static void run_batch(struct bench *b, int step)
{
    struct update_moment moment =
        updates_moment(&b->settings, 0, step - 1, step - 1, BATCHES, (double)b->settings.given.lr);
    for (int i = 0; i < PARAMETERS; i++) {
        int k = i >= FIRST, at = i - k * FIRST;
        ((float *)fov_plan_data(b->plan, b->g[k]))[at] = (float)gradient_at(step, 10 * k + at);
    }
    updates_set(&b->places, &moment);
    fov_plan_run(b->plan, (uint64_t)step);
    if (b->moves != NULL && moment.applies) {
        updates_set(&b->moves_places, &moment);
        fov_plan_run(b->moves, (uint64_t)step);
    }
}

static void check(struct bench *b, int which, int shown)
{
    float w[PARAMETERS];
    updates_exchange(&b->updates, b->graph);
    assert_int_equal(fov_parameter_get(b->graph, b->w[0], w, sizeof *w * FIRST), FOV_OK);
    assert_int_equal(fov_parameter_get(b->graph, b->w[1], w + FIRST, sizeof *w * SECOND), FOV_OK);
    updates_exchange(&b->updates, b->graph);
    for (int i = 0; i < PARAMETERS; i++) {
        double value = wanted[which][shown][i];
        if (!(fabs((double)w[i] - value) <= 1e-6 * fmax(fabs(value), 0.25))) {
            fail_msg("case %d: element %d after batch %d is %.9g, should be %.9g", which, i, shown_at[shown],
                     (double)w[i], value);
        }
    }
}

static void courses_are_those_of_the_reference(void **state)
{
    (void)state;
    assert_int_equal(sizeof wanted / sizeof wanted[0], CASES);
    for (int which = 0; which < CASES; which++) {
        struct bench b;
        fov_train_options options = cases[which];
        options.batch = 1;
        open_bench(&b, &options);
        for (int step = 1, shown = 0; step <= BATCHES; step++) {
            run_batch(&b, step);
            if (step == shown_at[shown]) {
                check(&b, which, shown++);
            }
        }
        fov_plan_free(b.moves);
        fov_plan_free(b.plan);
        updates_free(&b.updates);
        fov_graph_free(b.graph);
        fov_context_free(b.context);
    }
}

/* Four accumulated batches of 16 equal one of 64: the same gradient except for rounding; the last group is smaller. */
static void collected_batches_are_one(void **state)
{
    (void)state;
    float weights[2][250];
    for (int k = 0; k < 2; k++) {
        fov_context *context = test_context(2, 3);
        fov_dataset *data = fov_dataset_open(context, "digits:150", FOV_TRAIN);
        fov_model *model = fov_model_network(context, "course-cnn", NULL);
        assert_fine(context, data != NULL && model != NULL);
        assert_fine(context, fov_train(model, data, .epochs = 2, .batch = k == 0 ? 64 : 16,
                                       .accumulate = k == 0 ? 0 : 4, .lr = 0.02f, .momentum = 0.9f, .clip_norm = 5.0f) == FOV_OK);
        fov_graph *graph = fov_model_graph(model);
        assert_int_equal(fov_parameter_count(graph), 8);
        assert_fine(context, fov_parameter_get(graph, fov_find(graph, "conv1.weight"), weights[k],
                                               sizeof weights[k]) == FOV_OK);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
    for (int i = 0; i < 250; i++) {
        assert_true(fabsf(weights[0][i] - weights[1][i]) <= 2e-5f);
    }
}

static void note_activations(const fov_plan *plan, void *user)
{
    *(size_t *)user = fov_plan_memory_use(plan).activations;
}

/* A gradient is added to its sum as soon as it is computed, as it updates its weight without accumulation: a plan keeps
 * none until its end. This network's gradients are larger than all that else is in the plan's memory. */
static void sums_keep_no_gradients(void **state)
{
    (void)state;
    size_t activations[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        fov_context *context = test_context(1, 3);
        fov_dataset *data = fov_dataset_open(context, "digits:150", FOV_TRAIN);
        fov_model *model = fov_model_network(context, "mlp", NULL);
        assert_fine(context, data != NULL && model != NULL);
        assert_fine(context, fov_train(model, data, .epochs = 1, .batch = 2, .accumulate = k == 0 ? 0 : 4, .lr = 0.02f,
                                       .on_plan = note_activations, .user = &activations[k]) == FOV_OK);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
    assert_true(activations[0] > 0 && activations[1] <= activations[0] + 4096);
}

static void slips_are_said(void **state)
{
    static const struct {
        fov_train_options options;
        const char *says;
    } slips[] = {
        {{.lr_by_name = "conv9.*=0.1"}, "lr_by_name: \"conv9.*\" fits no parameter"},
        {{.lr_by_name = "conv1.*"}, "lr_by_name: \"conv1.*\" is not PATTERN=NUMBER"},
        {{.lr_by_name = "conv1.*=fast"}, "lr_by_name: \"conv1.*=fast\" is not PATTERN=NUMBER"},
        {{.weight_decay_by_name = "conv1.*=-1"}, "is not PATTERN=NUMBER"},
        {{.no_decay = "biases"}, "no_decay: \"biases\" fits no parameter"},
        {{.optimizer = "rprop", .weight_decay_by_name = "conv1.*=0.1"}, "has no option \"weight_decay\""},
        {{.ema = 1.0f}, "ema is 1"},
        {{.clip_norm = -1.0f}, "clip_norm is -1"},
        {{.accumulate = -2}, "accumulate is -2"},
    };
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_dataset *digits = fov_dataset_open(context, "digits:16", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "course-cnn", NULL);
    assert_fine(context, digits != NULL && model != NULL);
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        assert_int_equal(fov_train_opt(model, digits, &slips[i].options), FOV_E_USAGE);
        if (strstr(fov_error(context), slips[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", fov_error(context), slips[i].says);
        }
        fov_error_clear(context);
    }
    fov_model_free(model);
    fov_dataset_free(digits);
    fov_context_free(context);
}

/* The last epoch's validation accuracy: the model that training leaves must have it. */
static double last_accuracy;
static int keep_accuracy(const fov_progress *progress, void *user)
{
    (void)user;
    last_accuracy = progress->val_accuracy;
    return 0;
}

static fov_model *build_normalised(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, 14, 14}}), y;
    y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 8, .kernel = 3, .stride = 2, .no_bias = true)));
    y = fov_dense(g, fov_flatten(g, y), .units = 10);
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    return model;
}

static void averages_are_validated_and_saved(void **state)
{
    (void)state;
    for (int collected = 1; collected <= 3; collected += 2) {
        fov_context *context = test_context(2, 3);
        fov_dataset *train = fov_dataset_open(context, "digits:600", FOV_TRAIN);
        fov_dataset *test = fov_dataset_open(context, "digits:600", FOV_TEST);
        fov_model *model = build_normalised(context);
        fov_report report;
        assert_fine(context, train != NULL && test != NULL);
        assert_fine(context, fov_train(model, train, .epochs = 4, .batch = 32, .lr = 0.1f, .ema = 0.9f,
                                       .accumulate = collected, .validate = test, .on_epoch = keep_accuracy) == FOV_OK);
        assert_fine(context, fov_evaluate(model, test, 0, &report) == FOV_OK);
        assert_true(report.accuracy == last_accuracy);
        assert_true(report.accuracy > 0.7);
        fov_report_free(&report);
        fov_model_free(model);
        fov_dataset_free(train);
        fov_dataset_free(test);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(courses_are_those_of_the_reference), cmocka_unit_test(collected_batches_are_one),
        cmocka_unit_test(slips_are_said),                     cmocka_unit_test(averages_are_validated_and_saved),
        cmocka_unit_test(sums_keep_no_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
