/* SPDX-License-Identifier: MIT */
/* Training loops that a program writes itself: an update moves weights as fov_train's loop does, its state is saved
 * with the graph's parameters, several updates live in one graph, and a trained model is saved without its optimiser
 * state. */
#include "train/helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/* AdamW's first step decays each weight, then moves it by the rate against the sign of its gradient. */
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
    /* The file of a loop with another optimiser is refused, and nothing is changed. */
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

/* Two networks in one graph, each with an optimiser of its own: a plan runs one update, and the other's weights
 * stay. */
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
    assert_int_equal(count, 2 + 4 + 1); /* weight and bias, two moments for each, the step count */
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
    /* A model with an optimiser loads its own saved weights again; the optimiser's state stays as it is. */
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

/* A second update of parameters that one updates already is refused, with a sentence on what to do instead. */
static void a_second_update_says_what_to_do(void **state)
{
    (void)state;
    static const char *const first[] = {NULL, "one.", NULL, "one."}, *const second[] = {NULL, NULL, "one.", "on"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        fov_context *context = test_context(1, 3);
        fov_graph *graph = fov_graph_create(context);
        fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3));
        fov_value loss = fov_mse(graph, fov_dense(graph, x, .units = 3, .name = "one.dense"), x);
        assert_int_not_equal(fov_update(graph, loss, .parameters = first[i]).id, 0);
        assert_int_equal(fov_update(graph, loss, .parameters = second[i], .optimizer = "adam").id, 0);
        assert_int_equal(fov_error_status(context), FOV_E_USAGE);
        assert_non_null(strstr(fov_error(context), "\"one.dense.weight\" is renewed already"));
        assert_non_null(strstr(fov_error(context), "add two losses up"));
        assert_non_null(strstr(fov_error(context), ".parameters"));
        fov_graph_free(graph);
        fov_context_free(context);
    }
    fov_context *context = test_context(1, 3);
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(2, 3)), w = fov_parameter(graph, .name = "w");
    fov_assign(graph, w, fov_add(graph, w, w));
    assert_int_equal(fov_update(graph, fov_mse(graph, fov_mul(graph, x, w), x), .lr = 1).id, 0);
    assert_non_null(strstr(fov_error(context), "\"w\" is renewed already"));
    fov_graph_free(graph);
    graph = fov_graph_create(context); /* the loss depends on no parameter */
    x = fov_input(graph, .shape = FOV_SHAPE(2, 3));
    (void)fov_parameter(graph, .name = "w");
    assert_int_equal(fov_update(graph, fov_mse(graph, x, fov_abs(graph, x)), .lr = 1).id, 0);
    assert_non_null(strstr(fov_error(context), "the loss depends on none of the 1 parameters"));
    fov_graph_free(graph);
    fov_context_free(context);
}

/* A label that is no class stops the step before any weight is updated, whatever the labels' type and shape. */
static void labels_that_are_no_classes_are_refused(void **state)
{
    (void)state;
    enum { AS_THEY_ARE, CAST, RESHAPED, NEGATIVE_LOG, MAPS, WAYS };
    for (int way = 0; way < WAYS; way++) {
        fov_context *context = test_context(2, 3);
        fov_graph *graph = fov_graph_create(context);
        const fov_dtype dtype = way == CAST ? FOV_U8 : FOV_I64;
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 4));
        fov_value y = fov_dense(graph, x, .units = 6, .name = "dense");
        fov_value labels =
            way == RESHAPED ? fov_input(graph, .name = "labels", .dtype = dtype, .shape = FOV_SHAPE(FOV_BATCH, 1))
            : way == MAPS   ? fov_input(graph, .name = "labels", .dtype = dtype, .shape = FOV_SHAPE(FOV_BATCH, 2))
                            : fov_input(graph, .name = "labels", .dtype = dtype, .shape = FOV_SHAPE(FOV_BATCH));
        fov_value read = way == CAST       ? fov_cast(graph, labels, FOV_I32)
                         : way == RESHAPED ? fov_reshape(graph, labels, (fov_shape){1, {FOV_BATCH}})
                                           : labels;
        y = way == MAPS ? fov_reshape(graph, y, (fov_shape){3, {FOV_BATCH, 3, 2}}) : y;
        fov_value loss = way == NEGATIVE_LOG ? fov_nll_loss(graph, fov_log_softmax(graph, y), read)
                                             : fov_softmax_cross_entropy(graph, y, read);
        (void)fov_update(graph, loss, .optimizer = "adamw");
        fov_plan *plan =
            fov_plan_create(graph, &loss, 1, &(fov_plan_options){.batch = 4, .training = true, .updates = true});
        assert_fine(context, plan != NULL);
        const int classes = way == MAPS ? 3 : 6;
        const struct {
            int64_t label;
            bool is_good;
            const char *says;
        } cases[] = {{0, true, ""},  {2, true, ""},          {6, false, "is 6: "},        {200, false, "is 200: "},
                     {-1, true, ""}, {-2, false, "is -2: "}, {INT64_MAX, false, "is 9.2"}};
        float before[24], after[24], *picture = fov_plan_data(plan, x);
        fov_value weight = fov_find(graph, "dense.weight");
        for (int i = 0; i < 16; i++) {
            picture[i] = (float)i / 7;
        }
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            if (way == CAST && (cases[k].label < 0 || cases[k].label > 255)) {
                continue;
            }
            int64_t *wide = fov_plan_data(plan, labels);
            if (way == CAST) {
                ((uint8_t *)fov_plan_data(plan, labels))[3] = (uint8_t)cases[k].label;
            } else {
                wide[3] = cases[k].label;
            }
            assert_fine(context, fov_parameter_get(graph, weight, before, sizeof before) == FOV_OK);
            int status = fov_plan_run(plan, k);
            assert_fine(context, fov_parameter_get(graph, weight, after, sizeof after) == FOV_OK);
            assert_int_equal(status, cases[k].is_good ? FOV_OK : FOV_E_INPUT);
            assert_int_equal(memcmp(before, after, sizeof after) != 0, cases[k].is_good);
            assert_int_equal(isfinite(*(const float *)fov_plan_data(plan, loss)) != 0, cases[k].is_good);
        }
        for (size_t k = 2; k < 4; k++) { /* the sentence names the position, the label, the classes */
            char place[64], tells[64];
            snprintf(place, sizeof place,
                     way == RESHAPED ? "[3, 0] %s"
                     : way == MAPS   ? "[1, 1] %s"
                                     : "[3] %s",
                     cases[k].says);
            snprintf(tells, sizeof tells, "%d classes apart, 0 to %d", classes, classes - 1);
            if (way == CAST) {
                ((uint8_t *)fov_plan_data(plan, labels))[3] = (uint8_t)cases[k].label;
            } else {
                ((int64_t *)fov_plan_data(plan, labels))[3] = cases[k].label;
            }
            assert_int_equal(fov_plan_run(plan, 0), FOV_E_INPUT);
            assert_non_null(strstr(fov_error(context), "\"labels\" holds labels"));
            assert_non_null(strstr(fov_error(context), place));
            assert_non_null(strstr(fov_error(context), tells));
        }
        fov_plan_free(plan);
        fov_graph_free(graph);
        fov_context_free(context);
    }
    assert_int_equal(fov_plan_run(NULL, 0), FOV_E_USAGE);
}

/* Constant labels are checked when the plan is created; sessions and single training steps check theirs at each run. */
static void labels_are_looked_at_elsewhere_too(void **state)
{
    (void)state;
    static const int64_t bad[] = {0, 7};
    fov_context *context = test_context(1, 3);
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(2, 6));
    fov_value loss =
        fov_softmax_cross_entropy(graph, x, fov_constant(graph, "truth", FOV_I64, (fov_shape){1, {2}}, bad));
    assert_null(fov_plan_create(graph, &loss, 1, NULL));
    assert_int_equal(fov_error_status(context), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "\"truth\" holds labels, and [1] is 7"));
    fov_graph_free(graph);

    fov_model *model = fov_model_create(context);
    graph = fov_model_graph(model);
    x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(2, 6));
    fov_value labels = fov_input(graph, .name = "labels", .dtype = FOV_I64, .shape = FOV_SHAPE(2));
    loss = fov_softmax_cross_entropy(graph, x, labels);
    assert_fine(context, fov_model_set_inputs_outputs(model, (fov_value[]){x, labels}, 2, &loss, 1) == FOV_OK);
    fov_session *session = fov_session_create(model, NULL);
    assert_fine(context, session != NULL);
    const float numbers[12] = {1, 2};
    fov_tensor result = {.name = NULL};
    const fov_tensor in[] = {{.name = "x", .shape = {2, {2, 6}}, .data = numbers},
                             {.name = "labels", .dtype = FOV_I64, .shape = {1, {2}}, .data = bad}};
    assert_int_equal(fov_session_run(session, in, 2, &result, 1), FOV_E_INPUT);
    assert_non_null(strstr(fov_session_error(session), "[1] is 7"));
    fov_session_free(session);
    fov_model_free(model);

    model = fov_model_network(context, "lenet5", NULL);
    fov_training *training = fov_training_create(model, &(fov_train_options){.batch = 4});
    assert_fine(context, training != NULL);
    fov_training_data ends = fov_training_ends(training);
    ends.labels[2] = 10;
    assert_int_equal(fov_training_run(training, 1), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "[2] is 10"));
    fov_plan *plan = fov_training_plan(training);
    double seconds[200];
    assert_in_range(fov_plan_step_count(plan), 1, 200);
    assert_int_equal(fov_plan_profile(plan, 1, seconds), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "[2] is 10"));
    assert_true(seconds[0] == 0.0);
    ends.labels[2] = 9;
    assert_int_equal(fov_plan_profile(plan, 1, seconds), FOV_OK);
    assert_int_equal(fov_training_run(training, 1), FOV_OK);
    fov_training_free(training);
    fov_model_free(model);
    fov_context_free(context);
}

/* A loop's state saved to memory has the bytes of its file, and another loop that loads it goes on with the same
 * bits. */
static void a_loop_is_kept_in_memory(void **state)
{
    (void)state;
    char folder[256], path[512];
    size_t size;
    struct loop first, second;
    fov_buffer buffer = {.size = 7};
    build(&first, &(fov_update_options){.optimizer = "adamw", .lr = 0.01F});
    build(&second, &(fov_update_options){.optimizer = "adamw", .lr = 0.01F});
    run(&first, 0, 11);
    test_folder(folder);
    assert_fine(first.context, fov_parameters_save(first.graph, test_path(path, folder, "loop.safetensors")) == FOV_OK);
    assert_fine(first.context, fov_parameters_save_memory(first.graph, &buffer) == FOV_OK);
    char *file = test_read(path, &size);
    assert_int_equal(size, buffer.size);
    assert_memory_equal(file, buffer.bytes, size);
    free(file);
    float expected = run(&first, 11, 20);
    assert_int_equal(fov_parameters_load_memory(second.graph, buffer.bytes, buffer.size - 1), FOV_E_INPUT);
    assert_int_equal(fov_parameters_load_memory(second.graph, "", 0), FOV_E_INPUT);
    assert_fine(second.context, fov_parameters_load_memory(second.graph, buffer.bytes, buffer.size) == FOV_OK);
    assert_true(run(&second, 11, 20) == expected);
    /* The sentence names a parameter that does not fit. */
    struct loop plain;
    build(&plain, &(fov_update_options){.optimizer = "sgd"});
    assert_int_equal(fov_parameters_load_memory(plain.graph, buffer.bytes, buffer.size), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(plain.context), "\"optimizer."));
    assert_non_null(strstr(fov_error(plain.context), "is no parameter of the graph"));
    fov_buffer_free(&buffer);
    assert_int_equal(fov_parameters_save_memory(NULL, &buffer), FOV_E_USAGE);
    assert_int_equal(fov_parameters_save_memory(plain.graph, NULL), FOV_E_USAGE);
    assert_int_equal(fov_parameters_load_memory(plain.graph, NULL, 0), FOV_E_USAGE);
    drop(&first);
    drop(&second);
    drop(&plain);
    test_folder_remove(folder);
}

static void schedules_are_for_own_loops_too(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_schedule_moment at = {.lr = 0.1F, .epochs = 100};
    for (; at.step < 100; at.step++) { /* half a cosine over the steps */
        double wanted = 0.05 * (1 + cos(3.14159265358979 * (double)at.step / 100));
        assert_true(fabs((double)fov_schedule_rate(context, "cosine", &at) - wanted) < 1e-3);
    }
    at = (fov_schedule_moment){.lr = 0.1F, .step = 65, .epochs = 10, .steps_per_epoch = 10};
    assert_true(fabsf(fov_schedule_rate(context, "step:3:gamma=0.5", &at) - 0.025F) < 1e-7F);
    at.warmup = 10;
    at.step = 4;
    assert_true(fabsf(fov_schedule_rate(context, "constant", &at) - 0.05F) < 1e-7F);
    static const struct {
        const char *schedule;
        fov_schedule_moment moment;
        fov_status status;
    } wrong[] = {{"cosin", {.lr = 1, .epochs = 1}, FOV_E_USAGE},
                 {"cosine:nothing=1", {.lr = 1, .epochs = 1}, FOV_E_USAGE},
                 {"plateau", {.lr = 1, .epochs = 1}, FOV_E_UNSUPPORTED},
                 {"cosine", {.lr = 1}, FOV_E_USAGE},
                 {"cosine", {.lr = 1, .epochs = 2, .step = 2}, FOV_E_USAGE},
                 {"cosine", {.epochs = 2}, FOV_E_USAGE},
                 {"cosine", {.lr = 1, .epochs = INT64_MAX, .steps_per_epoch = INT64_MAX}, FOV_E_USAGE}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(isnan(fov_schedule_rate(context, wrong[i].schedule, &wrong[i].moment)));
        assert_int_equal(fov_error_status(context), wrong[i].status);
    }
    assert_true(isnan(fov_schedule_rate(NULL, "cosine", &at)) && isnan(fov_schedule_rate(context, NULL, &at)));
    fov_context_free(context);
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

/* Sample 3 has another width than the dataset states. */
static int wide_at_three(void *user, int64_t index, fov_sample *sample)
{
    static const uint8_t pixels[28 * 29];
    (void)user;
    *sample = (fov_sample){.height = 28, .width = index == 3 ? 29 : 28, .channels = 1, .pixels = pixels};
    return FOV_OK;
}

/* A wrong sample from a program's callback ends training; it is not replaced by another sample, as a damaged file
 * is. */
static void a_wrong_sample_ends_training(void **state)
{
    (void)state;
    static const int32_t labels[8];
    fov_context *context = test_context(2, 3);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    fov_dataset *data = fov_dataset_create(context, &(fov_dataset_program){.name = "eight",
                                                                           .count = 8,
                                                                           .classes = 10,
                                                                           .height = 28,
                                                                           .width = 28,
                                                                           .channels = 1,
                                                                           .read = wide_at_three,
                                                                           .labels = labels});
    assert_fine(context, data != NULL && model != NULL);
    assert_int_equal(fov_train(model, data, .epochs = 1, .batch = 2), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "sample 3 of eight: its picture is 28 x 29"));
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
        cmocka_unit_test(a_second_update_says_what_to_do),
        cmocka_unit_test(labels_that_are_no_classes_are_refused),
        cmocka_unit_test(labels_are_looked_at_elsewhere_too),
        cmocka_unit_test(a_loop_is_kept_in_memory),
        cmocka_unit_test(schedules_are_for_own_loops_too),
        cmocka_unit_test(a_wrong_sample_ends_training),
        cmocka_unit_test(callbacks_choose_rates_and_end_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
