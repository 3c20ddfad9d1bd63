/* SPDX-License-Identifier: MIT */
/* Loops of one's own: an update moves weights as the training loop does, its state is in the graph's file, several updates
 * live in one graph, and the model that was trained is saved without what trained it. */
#include "train/helpers.h"
#include <math.h>
#include <string.h>

enum { BATCH = 8, FEATURES = 3 };

struct loop {
    fov_context *context;
    fov_graph *graph;
    fov_value x, wanted, loss, rate;
    fov_plan *plan;
};

static void build(struct loop *loop, const fov_update_options *options)
{
    loop->context = test_context(1, 5);
    loop->graph = fov_graph_create(loop->context);
    loop->x = fov_input(loop->graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, FEATURES));
    loop->wanted = fov_input(loop->graph, .name = "wanted", .shape = FOV_SHAPE(FOV_BATCH, 2));
    fov_value y =
        fov_dense(loop->graph, fov_tanh(loop->graph, fov_dense(loop->graph, loop->x, .units = 5)), .units = 2);
    loop->loss = fov_mse(loop->graph, y, loop->wanted);
    loop->rate = fov_update_opt(loop->graph, loop->loss, options);
    loop->plan = fov_plan_create(loop->graph, &loop->loss, 1,
                                 &(fov_plan_options){.batch = BATCH, .training = true, .updates = true});
    assert_fine(loop->context, loop->plan != NULL);
}

static float run(struct loop *loop, int from, int to)
{
    float *x = fov_plan_data(loop->plan, loop->x), *wanted = fov_plan_data(loop->plan, loop->wanted);
    for (int step = from; step < to; step++) {
        for (int i = 0; i < BATCH * FEATURES; i++) {
            x[i] = sinf((float)(step * 31 + i * 7));
        }
        for (int i = 0; i < BATCH; i++) {
            wanted[2 * i] = x[FEATURES * i] * x[FEATURES * i + 1];
            wanted[2 * i + 1] = x[FEATURES * i + 2];
        }
        fov_plan_run(loop->plan, (uint64_t)step);
    }
    return *(const float *)fov_plan_data(loop->plan, loop->loss);
}

static void drop(struct loop *loop)
{
    fov_plan_free(loop->plan);
    fov_graph_free(loop->graph);
    fov_context_free(loop->context);
}

static void every_optimizer_learns(void **state)
{
    (void)state;
    static const char *const names[] = {"sgd:momentum=0.9", "adam", "adamw", "rmsprop", "adagrad", "lion", "nadam"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct loop loop;
        build(&loop, &(fov_update_options){.optimizer = names[i], .lr = i == 0 ? 0.05F : 0.01F, .clip_norm = 5});
        float first = run(&loop, 0, 1), last = run(&loop, 1, 300);
        assert_true(last < 0.5F * first);
        drop(&loop);
    }
}

/* The first step of AdamW moves each weight by the rate against the sign of its gradient, behind the decay. */
static void the_first_step_is_known(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_graph *graph = fov_graph_create(context);
    const float begin[2] = {1, -2}, c[2] = {3, -5};
    float now[2];
    fov_value w = fov_parameter(graph, .name = "w", .shape = FOV_SHAPE(2));
    assert_fine(context, fov_parameter_set(graph, w, begin, sizeof begin) == FOV_OK);
    fov_value slope = fov_constant(graph, NULL, FOV_F32, (fov_shape){1, {2}}, c);
    fov_value loss = fov_reduce_sum(graph, fov_mul(graph, w, slope), .keep_dims = false);
    fov_value rate = fov_update(graph, loss, .optimizer = "adamw:weight_decay=0.1", .lr = 0.01F);
    assert_string_equal(fov_value_name(graph, rate), "optimizer.learning_rate");
    fov_plan *plan = fov_plan_create(graph, &loss, 1, &(fov_plan_options){.training = true, .updates = true});
    assert_fine(context, plan != NULL);
    fov_plan_run(plan, 0);
    assert_fine(context, fov_parameter_get(graph, w, now, sizeof now) == FOV_OK);
    assert_true(fabsf(now[0] - (1 * (1 - 0.001F) - 0.01F)) < 1e-6F &&
                fabsf(now[1] - (-2 * (1 - 0.001F) + 0.01F)) < 1e-6F);
    const float none = 0;
    float after[2], steps;
    assert_fine(context, fov_parameter_set(graph, rate, &none, sizeof none) == FOV_OK);
    fov_plan_run(plan, 1);
    assert_fine(context, fov_parameter_get(graph, w, after, sizeof after) == FOV_OK);
    assert_memory_equal(now, after, sizeof now);
    assert_fine(context, fov_parameter_get(graph, fov_find(graph, "optimizer.step"), &steps, sizeof steps) == FOV_OK);
    assert_true(steps == 2.0F);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void a_loop_goes_on_where_it_was_saved(void **state)
{
    (void)state;
    char folder[256], path[512];
    const fov_update_options options = {.optimizer = "adamw", .lr = 0.01F};
    struct loop whole, first, second;
    test_folder(folder);
    test_path(path, folder, "loop.safetensors");
    build(&whole, &options);
    float expected = run(&whole, 0, 20);
    build(&first, &options);
    run(&first, 0, 11);
    assert_fine(first.context, fov_parameters_save(first.graph, path) == FOV_OK);
    build(&second, &options);
    assert_fine(second.context, fov_parameters_load(second.graph, path) == FOV_OK);
    assert_true(run(&second, 11, 20) == expected);
    /* Another loop's file is refused, and nothing is changed. */
    struct loop other;
    build(&other, &(fov_update_options){.optimizer = "sgd"});
    float before = run(&other, 0, 1);
    assert_int_equal(fov_parameters_load(other.graph, path), FOV_E_INPUT);
    assert_true(run(&other, 0, 1) < before);
    drop(&whole);
    drop(&first);
    drop(&second);
    drop(&other);
    test_folder_remove(folder);
}

/* Two networks in one graph, each with an optimiser of its own: a plan runs one update, and the other's weights stay. */
static void several_updates_in_one_graph(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 2);
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 4)), list[32];
    fov_scope_push(graph, "one");
    fov_value a = fov_dense(graph, x, .units = 3, .name = "layer");
    fov_scope_pop(graph);
    fov_scope_push(graph, "two");
    fov_value b = fov_dense(graph, a, .units = 3, .name = "layer");
    fov_scope_pop(graph);
    fov_value loss = fov_mse(graph, b, a);
    fov_value rate = fov_update(graph, loss, .parameters = "one.", .optimizer = "adam", .clip_norm = 1);
    fov_update(graph, loss, .parameters = "two.", .optimizer = "sgd", .momentum = 0.9F, .clip_norm = 1);
    assert_string_equal(fov_value_name(graph, rate), "optimizer.one.learning_rate");
    int count = fov_update_list(graph, "one.", list, 32);
    assert_int_equal(count, 2 + 4 + 1); /* weight and bias, two moments of each, the step */
    assert_int_equal(fov_update_list(graph, "two.", NULL, 0), 2 + 2 + 1);
    fov_plan *plan = fov_plan_create(
        graph, &loss, 1,
        &(fov_plan_options){.batch = 2, .training = true, .updates = true, .update = list, .update_count = count});
    assert_fine(context, plan != NULL);
    float one[12], two[9], one_after[12], two_after[9], *in = fov_plan_data(plan, x);
    fov_value first = fov_find(graph, "one.layer.weight"), second = fov_find(graph, "two.layer.weight");
    for (int i = 0; i < 8; i++) {
        in[i] = (float)i;
    }
    assert_fine(context, fov_parameter_get(graph, first, one, sizeof one) == FOV_OK);
    assert_fine(context, fov_parameter_get(graph, second, two, sizeof two) == FOV_OK);
    fov_plan_run(plan, 0);
    assert_fine(context, fov_parameter_get(graph, first, one_after, sizeof one) == FOV_OK);
    assert_fine(context, fov_parameter_get(graph, second, two_after, sizeof two) == FOV_OK);
    assert_memory_not_equal(one, one_after, sizeof one);
    assert_memory_equal(two, two_after, sizeof two);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void a_model_is_saved_without_its_loop(void **state)
{
    (void)state;
    char folder[256], path[512], hex[65], again[65];
    fov_context *context = test_context(1, 3);
    fov_model *model = fov_model_network(context, "lenet5", NULL), *plain = fov_model_network(context, "lenet5", NULL);
    fov_graph *graph = fov_model_graph(model);
    fov_value labels = fov_input(graph, .name = "labels", .dtype = FOV_I64, .shape = FOV_SHAPE(FOV_BATCH));
    fov_value loss = fov_softmax_cross_entropy_opt(graph, fov_model_output(model), labels, NULL);
    assert_int_not_equal(fov_update(graph, loss, .optimizer = "adam").id, 0);
    fov_plan *plan =
        fov_plan_create(graph, &loss, 1, &(fov_plan_options){.batch = 4, .training = true, .updates = true});
    assert_fine(context, plan != NULL);
    fov_plan_run(plan, 0);
    test_folder(folder);
    test_path(path, folder, "weights.safetensors");
    assert_fine(context, fov_model_save_weights(model, path) == FOV_OK);
    assert_fine(context, fov_model_load_weights(plain, path) == FOV_OK);
    assert_fine(context, fov_model_hash(model, hex) == FOV_OK && fov_model_hash(plain, again) == FOV_OK);
    assert_string_equal(hex, again);
    /* The model with the loop takes back what it has saved, and the optimiser keeps what it remembers. */
    float steps = 0;
    fov_buffer weights;
    assert_fine(context, fov_model_save_weights_memory(model, &weights) == FOV_OK);
    fov_plan_run(plan, 1);
    assert_fine(context, fov_model_hash(model, again) == FOV_OK);
    assert_string_not_equal(hex, again);
    assert_fine(context, fov_model_load_weights_memory(model, weights.bytes, weights.size) == FOV_OK);
    assert_fine(context, fov_model_hash(model, again) == FOV_OK);
    assert_string_equal(hex, again);
    assert_fine(context, fov_model_load_weights(model, path) == FOV_OK);
    assert_fine(context, fov_parameter_get(graph, fov_find(graph, "optimizer.step"), &steps, sizeof steps) == FOV_OK);
    assert_true(steps == 2.0F);
    fov_buffer_free(&weights);
    test_path(path, folder, "model.onnx");
    assert_fine(context, fov_model_save(model, path) == FOV_OK);
    fov_model *loaded = fov_model_load(context, path);
    assert_fine(context, loaded != NULL && fov_model_hash(loaded, again) == FOV_OK);
    assert_string_equal(hex, again);
    fov_plan_free(plan);
    fov_model_free(loaded);
    fov_model_free(plain);
    fov_model_free(model);
    fov_context_free(context);
    test_folder_remove(folder);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        fov_update_options options;
        const char *says;
    } wrong[] = {{{.optimizer = "adamm"}, "did you mean \"adam\""},
                 {{.optimizer = "adam:beta3=1"}, "beta3"},
                 {{.parameters = "nothing."}, "nothing."},
                 {{.no_decay = "nothing.*"}, "nothing.*"},
                 {{.rate = {1}}, "rate"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fov_context *context = test_context(1, 3);
        fov_graph *graph = fov_graph_create(context);
        fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3)); /* value 1 */
        fov_value loss = fov_mse(graph, fov_dense(graph, x, .units = 3), x);
        assert_int_equal(fov_update_opt(graph, loss, &wrong[i].options).id, 0);
        if (strstr(fov_error(context), wrong[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", fov_error(context), wrong[i].says);
        }
        assert_null(fov_plan_create(graph, &loss, 1, NULL));
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* ---- the library's own loop -------------------------------------------------------------------------------------- */

struct watch {
    int steps, finish_at, epochs;
    double rates[40], seen;
    bool spoil;
};

static double own_rate(const fov_progress *progress, double scheduled, void *user)
{
    struct watch *watch = user;
    watch->seen = scheduled;
    return watch->spoil ? -1.0 : 0.001 * (double)(1 + progress->total_step);
}

static int count_step(const fov_progress *progress, void *user)
{
    struct watch *watch = user;
    watch->rates[watch->steps++ % 40] = progress->learning_rate;
    return watch->steps == watch->finish_at ? FOV_FINISH : FOV_OK;
}

static void callbacks_choose_rates_and_end_runs(void **state)
{
    (void)state;
    static const uint8_t pixels[24 * 28 * 28];
    static int32_t labels[24];
    fov_context *context = test_context(1, 3);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    fov_dataset *data = fov_dataset_create(context, &(fov_dataset_program){.count = 24,
                                                                           .target = FOV_TARGET_CLASS,
                                                                           .classes = 10,
                                                                           .height = 28,
                                                                           .width = 28,
                                                                           .channels = 1,
                                                                           .pixels = pixels,
                                                                           .labels = labels});
    struct watch watch = {.finish_at = 5};
    assert_fine(context, data != NULL);
    assert_fine(context, fov_train(model, data, .epochs = 4, .batch = 8, .lr = 0.5F, .rate = own_rate,
                                   .on_step = count_step, .user = &watch) == FOV_OK);
    assert_int_equal(watch.steps, 5); /* in the second epoch */
    assert_true(watch.seen == 0.5 && fabs(watch.rates[0] - 0.001) < 1e-12 && fabs(watch.rates[4] - 0.005) < 1e-12);
    watch = (struct watch){.spoil = true};
    assert_int_equal(fov_train(model, data, .epochs = 1, .batch = 8, .rate = own_rate, .user = &watch), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "rate"));
    fov_dataset_free(data);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimizer_learns),
        cmocka_unit_test(the_first_step_is_known),
        cmocka_unit_test(a_loop_goes_on_where_it_was_saved),
        cmocka_unit_test(several_updates_in_one_graph),
        cmocka_unit_test(a_model_is_saved_without_its_loop),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(callbacks_choose_rates_and_end_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
