/* SPDX-License-Identifier: MIT */
/* Several losses in turn: one step of a generative adversarial network equals two steps of gradient descent written out
 * here, the second one with the critic that the first has moved. Such a run has the same bits when it is stopped and
 * resumed, and with more threads; and the generator makes the same pictures for any number of threads. */
#include "base/random.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "train/helpers.h"
#include <fovea/generate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 8, NOISE = 5, PIXELS = 28 * 28, CRITIC = 6, GENERATOR = 8 /* parameters */, SEED = 3 };
static const float rate = 0.05f;
static const fov_network_options small = {.channels = 1, .height = 28, .width = 28};

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

struct by_hand {
    fov_graph *graph;
    fov_value critic[CRITIC], generator[GENERATOR];
    fov_value picture, noise, made;
};

static fov_value parameter(const fov_graph *graph, const char *network, int layer, const char *name)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%s.%d.%s", network, layer, name);
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        if (strcmp(fov_value_name(graph, fov_parameter_at(graph, i)), wanted) == 0) {
            return fov_parameter_at(graph, i);
        }
    }
    fail_msg("no parameter %s", wanted);
    return (fov_value){0};
}

/* The critic's scores for a batch of pixel rows, rebuilt from single layers. */
static fov_value judge(const struct by_hand *hand, fov_value x)
{
    const struct op_emitter *emitter = fov_graph_emitter(hand->graph);
    for (int layer = 0; layer < CRITIC / 2; layer++) {
        const fov_value in[] = {x, hand->critic[2 * layer], hand->critic[2 * layer + 1]};
        x = op_emit(emitter, "dense", in, 3, NULL);
        x = layer < CRITIC / 2 - 1
                ? fov_leaky_relu_opt(hand->graph, x, &(fov_leaky_relu_options){.alpha = 0.2f})
                : x;
    }
    return x;
}

static fov_value mean_softplus(fov_graph *graph, fov_value x)
{
    return fov_reduce_mean_opt(graph, fov_softplus(graph, x), NULL);
}

static void fill(const struct by_hand *hand, fov_plan *plan, const fov_dataset *data)
{
    float *pixels = fov_plan_data(plan, hand->picture), *noise = fov_plan_data(plan, hand->noise);
    for (int i = 0; pixels != NULL && i < SAMPLES * PIXELS; i++) {
        pixels[i] = ((float)data->pixels[i] / 255 - 0.5f) / 0.5f;
    }
    for (int i = 0; i < SAMPLES * NOISE; i++) { /* sample i / NOISE of epoch 0 */
        noise[i] = (float)random_normal((struct random_key){SEED, RANDOM_GENERATE + (2 << 8), 0}, (uint64_t)i);
    }
}

/* One step of gradient descent on `loss` for the `count` parameters in targets. */
static void descend(const struct by_hand *hand, fov_value loss, const fov_value *targets, int count,
                    const fov_dataset *data, fov_context *context)
{
    fov_value gradients[GENERATOR];
    fov_plan_options options = {.batch = SAMPLES, .training = true};
    assert_fine(context, fov_gradient(hand->graph, loss, targets, count, gradients) == FOV_OK);
    fov_plan *plan = fov_plan_create(hand->graph, gradients, count, &options);
    assert_fine(context, plan != NULL);
    fill(hand, plan, data);
    fov_plan_run(plan, 1);
    for (int i = 0; i < count; i++) {
        size_t bytes = fov_plan_bytes(plan, gradients[i]);
        float *values = malloc(bytes);
        const float *gradient = fov_plan_data(plan, gradients[i]);
        assert_fine(context, fov_parameter_get(hand->graph, targets[i], values, bytes) == FOV_OK);
        for (size_t k = 0; k < bytes / sizeof *values; k++) {
            values[k] -= rate * gradient[k];
        }
        assert_fine(context, fov_parameter_set(hand->graph, targets[i], values, bytes) == FOV_OK);
        free(values);
    }
    fov_plan_free(plan);
}

static void find_parameters(struct by_hand *hand)
{
    static const char *const names[] = {"weight", "bias"};
    for (int i = 0; i < CRITIC; i++) {
        hand->critic[i] = parameter(hand->graph, "discriminator", i / 2 * 2, names[i % 2]);
    }
    for (int i = 0; i < GENERATOR; i++) {
        hand->generator[i] = parameter(hand->graph, "generator", i / 2 * 2, names[i % 2]);
    }
}

static void step_by_hand(fov_model *model, const fov_dataset *data, fov_context *context)
{
    struct by_hand hand = {.graph = fov_model_graph(model), .picture = fov_model_input_named(model, "input"),
                           .noise = fov_model_input_named(model, "noise"), .made = fov_model_output_at(model, 1)};
    find_parameters(&hand);
    fov_graph *g = hand.graph;
    fov_value real = judge(&hand, fov_flatten(g, hand.picture)), made = judge(&hand, fov_flatten(g, hand.made));
    fov_value critic = fov_add(g, mean_softplus(g, fov_neg(g, real)), mean_softplus(g, made));
    descend(&hand, critic, hand.critic, CRITIC, data, context);
    descend(&hand, mean_softplus(g, fov_neg(g, made)), hand.generator, GENERATOR, data, context);
}

/* ---- what is asserted -------------------------------------------------------------------------------------------- */

static void in_order(void *user, int epoch, uint32_t *order, int64_t count)
{
    (void)user;
    (void)epoch;
    for (int64_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
}

/* The largest difference between the values of parameter `number` in two graphs. */
static double difference(const fov_graph *a, const fov_graph *b, int number)
{
    size_t count = 1;
    fov_shape shape = fov_value_shape(a, fov_parameter_at(a, number));
    for (int d = 0; d < shape.rank; d++) {
        count *= (size_t)shape.dim[d];
    }
    float *values = malloc(2 * count * sizeof *values);
    double most = 0.0;
    assert_int_equal(fov_parameter_get((fov_graph *)a, fov_parameter_at(a, number), values, count * sizeof *values), 0);
    assert_int_equal(
        fov_parameter_get((fov_graph *)b, fov_parameter_at(b, number), values + count, count * sizeof *values), 0);
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)values[i] - (double)values[count + i]));
    }
    free(values);
    return most;
}

static void a_step_is_two_steps_by_hand(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 2, .seed = SEED});
    fov_dataset *data = fov_dataset_open(context, "digits:8", FOV_TRAIN);
    fov_model *model[3];
    for (int i = 0; i < 3; i++) {
        model[i] = fov_model_network(context, "mlp-gan:noise=5", &small);
        assert_fine(context, model[i] != NULL);
    }
    assert_fine(context, fov_train(model[0], data, .epochs = 1, .batch = SAMPLES, .optimizer = "sgd", .lr = rate,
                                   .order = in_order) == FOV_OK);
    step_by_hand(model[1], data, context);
    for (int i = 0; i < CRITIC + GENERATOR; i++) {
        fov_graph *trained = fov_model_graph(model[0]);
        double moved = difference(trained, fov_model_graph(model[2]), i);
        double away = difference(trained, fov_model_graph(model[1]), i);
        if (!(moved > 0.0 && away <= 1e-3 * moved)) {
            fail_msg("%s moved by %g and is %g away", fov_value_name(trained, fov_parameter_at(trained, i)), moved,
                     away);
        }
    }
    for (int i = 0; i < 3; i++) {
        fov_model_free(model[i]);
    }
    fov_dataset_free(data);
    fov_context_free(context);
}

static fov_model *build_small(fov_context *context)
{
    return fov_model_network(context, "dcgan:width=2:noise=4", &small);
}

/* The running mean of the generator's first norm after one step from 0: a tenth of the batch's mean. */
static double mean_after_a_step(int accumulate)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = SEED});
    fov_dataset *data = fov_dataset_open(context, "digits:8", FOV_TRAIN);
    fov_model *model = build_small(context);
    assert_fine(context, data != NULL && model != NULL);
    assert_fine(context, fov_train(model, data, .epochs = 1, .batch = SAMPLES / accumulate, .optimizer = "sgd",
                                   .lr = 1e-12f, .accumulate = accumulate, .order = in_order) == FOV_OK);
    fov_graph *graph = fov_model_graph(model);
    float mean[512] = {0};
    for (int i = fov_parameter_count(graph) - 1; i >= 0; i--) { /* the first one last */
        fov_value value = fov_parameter_at(graph, i);
        const char *name = fov_value_name(graph, value);
        if (strncmp(name, "generator.", 10) == 0 && strstr(name, "running_mean") != NULL) {
            size_t bytes = (size_t)fov_value_shape(graph, value).dim[0] * sizeof *mean;
            assert_true(bytes <= sizeof mean);
            assert_fine(context, fov_parameter_get(graph, value, mean, bytes) == FOV_OK);
        }
    }
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
    return (double)mean[0];
}

/* Both turns run the generator, but only its own turn updates its running statistics; and with accumulation they move
 * once, by the mean over the batches: the mean of two halves' means is that of the whole. */
static void statistics_are_renewed_once(void **state)
{
    (void)state;
    double whole = mean_after_a_step(1), halves = mean_after_a_step(2);
    assert_true(fabs(whole) > 1e-6 && fabs(whole - halves) <= 1e-4 * fabs(whole));
}

/* accumulate is refused if some turns are skipped: a skipped turn's weights would be moved by an older group's
 * gradient. */
static void groups_need_every_turn(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = SEED});
    fov_dataset *data = fov_dataset_open(context, "digits:16", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "mlp-gan:noise=5", &small);
    static const char *const tasks[] = {"generate:loss=wgan-gp", "generate:critic_steps=2"};
    for (int i = 0; i < 2; i++) {
        const fov_train_options options = {.epochs = 1, .batch = 4, .accumulate = 2, .task = tasks[i]};
        assert_int_equal(fov_train_opt(model, data, &options), FOV_E_USAGE);
        assert_non_null(strstr(fov_error(context), "accumulate=2"));
    }
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

static fov_model *build_without_norm(fov_context *context)
{
    return fov_model_network(context, "dcgan:width=2:noise=4:critic_norm=none", &small);
}

static int stop_at_fourth(const fov_progress *progress, void *user)
{
    (void)user;
    return progress->total_step == 4;
}

/* A run in one piece against one that is stopped after step 4 and resumed with other threads. 50 samples in batches of
 * 16 end with a smaller one. */
static void compare_runs(fov_model *(*build)(fov_context *context), const fov_train_options *options)
{
    char whole[256], pieces[256], first[65], second[65];
    struct test_run run = {.build = build, .data = "digits:50", .threads = 1, .seed = 7, .validate = true,
                           .options = *options};
    test_folder(whole);
    test_folder(pieces);
    run.options.directory = whole;
    assert_int_equal(test_train(&run, first), FOV_OK);
    run.options.directory = pieces;
    run.options.on_step = stop_at_fourth;
    run.options.checkpoint_steps = options->checkpoint_steps;
    run.threads = 2;
    assert_int_equal(test_train(&run, second), FOV_E_INTERRUPTED);
    run.options.on_step = NULL;
    run.options.resume = true;
    assert_int_equal(test_train(&run, second), FOV_OK);
    assert_string_equal(first, second);
    test_same_run(whole, pieces);
    char path[512];
    size_t size[2];
    char *sheet[2] = {test_read(test_path(path, whole, "samples/epoch-0002.png"), &size[0]),
                      test_read(test_path(path, pieces, "samples/epoch-0002.png"), &size[1])};
    assert_true(size[0] == size[1] && memcmp(sheet[0], sheet[1], size[0]) == 0);
    char *history = test_history(whole);
    assert_non_null(strstr(history, "train/real,train/generator_loss"));
    assert_null(strstr(history, "metrics/generator_loss"));
    free(history);
    free(sheet[0]);
    free(sheet[1]);
    test_folder_remove(whole);
    test_folder_remove(pieces);
}

static void runs_go_on_as_they_were(void **state)
{
    (void)state;
    compare_runs(build_small, &(fov_train_options){.epochs = 2, .batch = 16});
    compare_runs(build_small, &(fov_train_options){.epochs = 2, .batch = 16, .accumulate = 2, .clip_norm = 1.0f,
                                                   .ema = 0.9f, .lookahead = 2});
    compare_runs(build_without_norm,
                 &(fov_train_options){.epochs = 2, .batch = 16, .task = "generate:loss=wgan-gp:critic_steps=3"});
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    fov_context *context = test_context(1, SEED);
    fov_dataset *data = fov_dataset_open(context, "digits:8", FOV_TRAIN);
    fov_model *gan = build_small(context), *classifier = fov_model_network(context, "course-cnn", NULL);
    assert_fine(context, data != NULL && gan != NULL && classifier != NULL);
    assert_int_equal(fov_train(gan, data, .epochs = 1, .task = "generate:loss=wgan-gp"), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(context), "critic_norm=none"));
    fov_error_clear(context);
    assert_int_equal(fov_train(classifier, data, .epochs = 1, .task = "generate"), FOV_E_SHAPE);
    assert_non_null(strstr(fov_error(context), "makes no pictures of noise"));
    fov_error_clear(context);
    fov_model_free(gan);
    fov_model_free(classifier);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

static void make(int threads, const fov_generate_options *options, fov_image *pictures)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 7});
    fov_model *model = build_small(context);
    assert_fine(context, fov_generate_opt(model, options, pictures) == FOV_OK);
    fov_model_free(model);
    for (int i = 0; i < options->count; i++) { /* copies, because fov_context_free() ends the context's memory */
        uint8_t *copy = malloc(PIXELS);
        memcpy(copy, pictures[i].pixels, PIXELS);
        fov_image_free(&pictures[i]);
        pictures[i].pixels = copy;
    }
    fov_context_free(context);
}

static void pictures_follow_from_seed_and_number(void **state)
{
    (void)state;
    fov_image first[20], second[20], other[20], walk[20];
    make(1, &(fov_generate_options){.count = 20, .seed = 1}, first);
    make(2, &(fov_generate_options){.count = 3, .seed = 1}, second);
    make(1, &(fov_generate_options){.count = 20, .seed = 2}, other);
    make(1, &(fov_generate_options){.count = 20, .seed = 1, .walk = 10}, walk);
    for (int i = 0; i < 20; i++) {
        assert_true(i >= 3 || memcmp(first[i].pixels, second[i].pixels, PIXELS) == 0);
        assert_memory_not_equal(first[i].pixels, other[i].pixels, PIXELS);
        assert_true(i % 10 != 0 || memcmp(first[i / 10].pixels, walk[i].pixels, PIXELS) == 0);
    }
    for (int i = 0; i < 20; i++) {
        free(first[i].pixels);
        free(other[i].pixels);
        free(walk[i].pixels);
        if (i < 3) {
            free(second[i].pixels);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_two_steps_by_hand),
        cmocka_unit_test(statistics_are_renewed_once),
        cmocka_unit_test(groups_need_every_turn),
        cmocka_unit_test(runs_go_on_as_they_were),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(pictures_follow_from_seed_and_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
