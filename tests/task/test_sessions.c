/* SPDX-License-Identifier: MIT */
/* Sessions: many threads over one model get the answers that one thread gets; packed weights are in memory once;
 * several pictures together; a session that two threads use at once; values by name; a model that changes between
 * two answers. $FOVEA_PREDICTIONS: number of predictions of all threads together; 10,000 take a minute under a
 * sanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/graph.h"
#include <fovea/fovea.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, PICTURES = 24, SIDE = 28, CLASSES = 10 };

#define assert_fine(context, ok)                                                                                       \
    do {                                                                                                               \
        if (!(ok)) {                                                                                                   \
            fail_msg("%s: %s", #ok, fov_error(context));                                                               \
        }                                                                                                              \
    } while (0)

static uint8_t pixels[PICTURES][SIDE * SIDE];

static void make_pictures(fov_image *pictures)
{
    for (int i = 0; i < PICTURES; i++) {
        for (int p = 0; p < SIDE * SIDE; p++) {
            pixels[i][p] = (uint8_t)((p * (i + 3) + i * 31 + p / SIDE * 7) % 251);
        }
        pictures[i] = (fov_image){SIDE, SIDE, 1, pixels[i], NULL, NULL};
    }
}

static fov_context *make_context(int threads)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 4});
    assert_non_null(context);
    return context;
}

static fov_model *make_model(fov_context *context, const char *name)
{
    fov_model *model = fov_model_network(context, name, NULL);
    assert_fine(context, model != NULL);
    return model;
}

/* expected[i]: the scores of picture i, answered alone. */
static void expect(fov_model *model, const fov_image *pictures, double expected[PICTURES][CLASSES])
{
    fov_session *session = fov_session_create(model, NULL);
    assert_fine(fov_graph_context(fov_model_graph(model)), session != NULL);
    for (int i = 0; i < PICTURES; i++) {
        fov_answer answer;
        assert_int_equal(fov_session_answer(session, &pictures[i], &answer), FOV_OK);
        assert_int_equal(answer.count, CLASSES);
        for (int c = 0; c < CLASSES; c++) {
            expected[i][c] = answer.items[c].value;
        }
        fov_answer_free(&answer);
        assert_true(i == 0 || fabs(expected[i][0] - expected[i - 1][0]) > 1e-6); /* the pictures' scores differ */
    }
    fov_session_free(session);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

struct worker {
    fov_model       *model;
    const fov_image *pictures;
    double (*expected)[CLASSES];
    int       number, rounds;
    int       wrong, failed;
    pthread_t thread;
};

static bool is_right(const fov_answer *answer, const double *expected, double tolerance)
{
    for (int c = 0; c < CLASSES; c++) {
        if (answer->count != CLASSES || !(fabs(answer->items[c].value - expected[c]) <= tolerance)) {
            return false;
        }
    }
    return true;
}

/* A thread with a session of its own: one picture at a time, every tenth time five together. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    fov_session   *session = fov_session_create(worker->model, NULL);
    if (session == NULL) {
        worker->failed++;
        return NULL;
    }
    for (int i = 0; i < worker->rounds; i++) {
        int        first = (worker->number * 7 + i) % PICTURES, together = i % 10 == 9 ? 5 : 1;
        fov_answer answers[5];
        first = first + together > PICTURES ? PICTURES - together : first;
        if (fov_session_answers(session, worker->pictures + first, together, answers) != FOV_OK) {
            worker->failed++;
            continue;
        }
        for (int k = 0; k < together; k++) {
            worker->wrong += !is_right(&answers[k], worker->expected[first + k], together == 1 ? 0.0 : 1e-5);
            fov_answer_free(&answers[k]);
        }
    }
    fov_session_free(session);
    return NULL;
}

static void threads_answer_as_one_does(void **state)
{
    (void)state;
    const char *wanted = getenv("FOVEA_PREDICTIONS");
    int         all = wanted != NULL ? atoi(wanted) : 800;
    for (int threads = 1; threads <= 2; threads++) { /* the context's threads, which one session at a time can use */
        fov_context  *context = make_context(threads);
        fov_model    *model = make_model(context, "lenet5");
        fov_image     pictures[PICTURES];
        static double expected[PICTURES][CLASSES];
        struct worker workers[THREADS];
        make_pictures(pictures);
        expect(model, pictures, expected);
        for (int t = 0; t < THREADS; t++) {
            workers[t] = (struct worker){.model = model, .pictures = pictures, .expected = expected, .number = t};
            workers[t].rounds = all / THREADS / 2;
            assert_int_equal(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
        }
        for (int t = 0; t < THREADS; t++) {
            pthread_join(workers[t].thread, NULL);
        }
        for (int t = 0; t < THREADS; t++) {
            assert_int_equal(workers[t].failed, 0);
            assert_int_equal(workers[t].wrong, 0);
        }
        assert_string_equal(fov_error(context), "");
        fov_model_free(model);
        fov_context_free(context);
    }
}

struct intruder {
    fov_session     *session;
    const fov_image *picture;
    atomic_bool      stop;
    int              refused, answered, other;
};

static void *intrude(void *argument)
{
    struct intruder *intruder = argument;
    while (!atomic_load(&intruder->stop)) {
        fov_answer answer = {.count = 0};
        int        status = fov_session_answer(intruder->session, intruder->picture, &answer);
        intruder->answered += status == FOV_OK;
        intruder->refused += status == FOV_E_USAGE;
        intruder->other += status != FOV_OK && status != FOV_E_USAGE;
        fov_answer_free(&answer);
    }
    return NULL;
}

static void one_session_is_for_one_thread(void **state)
{
    (void)state;
    fov_context    *context = make_context(1);
    fov_model      *model = make_model(context, "lenet5");
    fov_image       pictures[PICTURES];
    struct intruder intruder = {.refused = 0};
    pthread_t       thread;
    make_pictures(pictures);
    intruder.session = fov_session_create(model, NULL);
    intruder.picture = pictures;
    atomic_init(&intruder.stop, false);
    assert_int_equal(pthread_create(&thread, NULL, intrude, &intruder), 0);
    int refused = 0, answered = 0;
    for (int i = 0; i < 300 || (refused == 0 && i < 100000); i++) {
        fov_answer answer = {.count = 0};
        int        status = fov_session_answer(intruder.session, &pictures[1], &answer);
        assert_true(status == FOV_OK || status == FOV_E_USAGE);
        refused += status == FOV_E_USAGE;
        answered += status == FOV_OK;
        fov_answer_free(&answer);
    }
    atomic_store(&intruder.stop, true);
    pthread_join(thread, NULL);
    assert_true(answered + intruder.answered > 0 && refused + intruder.refused > 0);
    assert_int_equal(intruder.other, 0);
    fov_session_free(intruder.session);
    fov_model_free(model);
    fov_context_free(context);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void weights_are_there_once(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model   *model = make_model(context, "mlp"); /* 407,050 weights, 1.6 MB */
    fov_session *sessions[THREADS];
    fov_summary  summary;
    fov_image    pictures[PICTURES];
    make_pictures(pictures);
    assert_int_equal(fov_model_summary(model, NULL, &summary), FOV_OK);
    size_t before = fov_context_memory(context).bytes, one = 0;
    for (int t = 0; t < THREADS; t++) {
        fov_answer answer;
        sessions[t] = fov_session_create(model, NULL);
        assert_fine(context, sessions[t] != NULL);
        assert_int_equal(fov_session_answer(sessions[t], pictures, &answer), FOV_OK);
        fov_answer_free(&answer);
        one = t == 0 ? fov_context_memory(context).bytes - before : one;
    }
    size_t all = fov_context_memory(context).bytes - before;
    assert_true(one >= summary.parameter_bytes); /* packed copies of the weights */
    assert_true(all - one < summary.parameter_bytes / 4);
    for (int t = 0; t < THREADS; t++) {
        fov_session_free(sessions[t]);
    }
    fov_model_free(model);
    fov_context_free(context);
}

/* ---- several pictures -------------------------------------------------------------------------------------------- */

static void any_count_is_answered_and_planned_once(void **state)
{
    (void)state;
    fov_context  *context = make_context(2);
    fov_model    *model = make_model(context, "lenet5");
    fov_session  *session = fov_session_create(model, NULL);
    fov_image     pictures[PICTURES];
    static double expected[PICTURES][CLASSES];
    fov_answer    answers[PICTURES];
    make_pictures(pictures);
    expect(model, pictures, expected);
    uint64_t requests = 0;
    for (int round = 0; round < 2; round++) {
        for (int count = 1; count <= PICTURES; count++) {
            assert_int_equal(fov_session_answers(session, pictures, count, answers), FOV_OK);
            for (int i = 0; i < count; i++) {
                assert_true(is_right(&answers[i], expected[i], 1e-5));
                fov_answer_free(&answers[i]);
            }
        }
        if (round == 0) { /* in the second round only answers and preprocessing allocate, a few blocks per picture */
            requests = fov_context_memory(context).requests;
        }
    }
    assert_true(fov_context_memory(context).requests - requests < 20 * PICTURES * (PICTURES + 1) / 2);
    /* If one picture cannot be prepared, the error says so, and there are no answers to free. */
    pictures[3].channels = 2;
    assert_int_equal(fov_session_answers(session, pictures, 8, answers), FOV_E_USAGE);
    assert_true(strlen(fov_session_error(session)) > 0);
    assert_null(answers[0].items);
    assert_string_equal(fov_error(context), "");
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

static void counts_of_predictions_do_not_matter(void **state)
{
    (void)state;
    enum { MOST = 100, INPUT = 32 * 32 };
    fov_context *context = make_context(1);
    fov_model   *model = make_model(context, "lenet5");
    static float images[MOST * INPUT], scores[MOST * CLASSES], one[CLASSES];
    for (int i = 0; i < MOST * INPUT; i++) {
        images[i] = (float)(i * 7 % 97) / 97.0F - 0.5F;
    }
    for (int count = 1; count <= MOST; count += 11) {
        assert_fine(context, fov_predict(model, images, count, scores, CLASSES) == FOV_OK);
        for (int i = 0; i < count; i += 7) {
            assert_fine(context, fov_predict(model, images + (size_t)i * INPUT, 1, one, CLASSES) == FOV_OK);
            for (int c = 0; c < CLASSES; c++) {
                assert_true(fabsf(one[c] - scores[i * CLASSES + c]) < 1e-5F);
            }
        }
    }
    uint64_t requests = fov_context_memory(context).requests; /* all plans exist by now */
    for (int count = 1; count <= MOST; count += 3) {
        assert_fine(context, fov_predict(model, images, count, scores, CLASSES) == FOV_OK);
    }
    assert_int_equal(fov_context_memory(context).requests, requests);
    fov_model_free(model);
    fov_context_free(context);
}

/* ---- values by name ---------------------------------------------------------------------------------------------- */

static void any_value_has_a_name(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model   *model = make_model(context, "lenet5");
    fov_session *session = fov_session_create(model, NULL);
    fov_image    pictures[PICTURES];
    fov_tensor   c1 = {.name = "c1"}, again[2] = {{.name = "c1"}, {.name = NULL}};
    static float input[2 * 32 * 32];
    make_pictures(pictures);
    assert_int_equal(fov_session_read(session, &pictures[0], &c1), FOV_OK);
    assert_string_equal(c1.name, "c1");
    assert_true(c1.shape.rank == 4 && c1.shape.dim[0] == 1 && c1.shape.dim[1] == 6 && c1.shape.dim[2] == 28);
    static float kept[6 * 28 * 28];
    memcpy(kept, c1.data, sizeof kept);
    /* The same with fov_session_prepare() and fov_session_run() on a batch of two pictures. */
    assert_int_equal(fov_session_prepare(session, &pictures[1], input, 32 * 32), FOV_OK);
    assert_int_equal(fov_session_prepare(session, &pictures[0], input + 32 * 32, 32 * 32), FOV_OK);
    const fov_tensor given = {.shape = {4, {2, 1, 32, 32}}, .data = input};
    assert_int_equal(fov_session_run(session, &given, 1, again, 2), FOV_OK);
    assert_true(again[0].shape.dim[0] == 2 && again[1].shape.dim[0] == 2 && again[1].shape.dim[1] == CLASSES);
    for (int i = 0; i < 6 * 28 * 28; i++) {
        assert_true(fabsf(kept[i] - ((const float *)again[0].data)[6 * 28 * 28 + i]) < 1e-5F);
    }
    /* Errors have their sentences. */
    fov_tensor wrong = {.name = "c11"};
    assert_int_equal(fov_session_read(session, &pictures[0], &wrong), FOV_E_USAGE);
    assert_non_null(strstr(fov_session_error(session), "no layer \"c11\"; did you mean \"c1\"?"));
    assert_int_equal(fov_session_run(session, NULL, 0, again, 1), FOV_E_USAGE);
    assert_non_null(strstr(fov_session_error(session), "missing"));
    const fov_tensor odd = {.shape = {4, {2, 1, 32, 31}}, .data = input};
    assert_int_equal(fov_session_run(session, &odd, 1, again, 1), FOV_E_SHAPE);
    assert_int_equal(fov_session_prepare(session, &pictures[0], input, 7), FOV_E_SHAPE);
    /* After errors the session still works. */
    assert_int_equal(fov_session_run(session, &given, 1, again, 1), FOV_OK);
    assert_string_equal(fov_session_error(session), "");
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

static fov_value add_named(fov_graph *graph, fov_value a, fov_value b, const char *layer, const char *value)
{
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value                made = emitter->node(emitter->graph, "add", (fov_value[]){a, b}, 2, NULL, layer);
    assert_int_equal(graph_rename(graph, made.id, value), FOV_OK);
    return made;
}

static void expect_read(fov_session *session, const fov_tensor *in, const char *name, const char *value, float number)
{
    fov_tensor out = {.name = name};
    if (fov_session_run(session, in, 1, &out, 1) != FOV_OK) {
        fail_msg("%s: %s", name, fov_session_error(session));
    }
    assert_string_equal(out.name, value);
    assert_true(((const float *)out.data)[0] == number);
}

static void expect_refused(fov_session *session, const fov_tensor *in, const char *name, const char *sentence)
{
    fov_tensor out = {.name = name};
    assert_int_equal(fov_session_run(session, in, 1, &out, 1), FOV_E_USAGE);
    if (strstr(fov_session_error(session), sentence) == NULL) {
        fail_msg("%s: %s", name, fov_session_error(session));
    }
}

/* In other programs' files a layer and its result have different names: fov_session_read() takes either. */
static void a_layer_is_found_by_either_name(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model   *model = fov_model_create(context);
    fov_graph   *graph = fov_model_graph(model);
    fov_value    x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 1));
    fov_value    weight = fov_parameter(graph, .name = "squeeze.bias", .shape = FOV_SHAPE(1));
    fov_value    two = add_named(graph, x, x, "squeeze", "net/two");
    fov_value    four = add_named(graph, two, two, "net/squeeze_1", "net/four"); /* a value's name counts first */
    fov_value    eight = add_named(graph, four, four, "twin", "net/eight");
    fov_value    sixteen = add_named(graph, eight, eight, "twin", "net/sixteen");
    fov_value    last = add_named(graph, sixteen, weight, "last", "net/last");
    const float  one = 1;
    assert_int_equal(graph_rename(graph, two.id, "net/squeeze_1"), FOV_OK);
    assert_fine(context, fov_model_set_inputs_outputs(model, &x, 1, &last, 1) == FOV_OK);
    fov_session *session = fov_session_create(model, NULL);
    assert_fine(context, session != NULL);
    const fov_tensor in = {"x", FOV_F32, {2, {1, 1}}, &one};
    expect_read(session, &in, "squeeze", "net/squeeze_1", 2);
    expect_read(session, &in, "net/squeeze_1", "net/squeeze_1", 2);
    expect_read(session, &in, "net/eight", "net/eight", 8);
    expect_refused(session, &in, "twin",
                   "2 layers are named \"twin\"; their results are \"net/eight\", \"net/sixteen\"");
    expect_refused(session, &in, "squeese", "no layer \"squeese\"; did you mean \"squeeze\"?");
    expect_refused(session, &in, "squeeze.bia", "no layer \"squeeze.bia\"");
    assert_null(strstr(fov_session_error(session), "did you mean \"squeeze.bias\""));
    expect_refused(session, &in, "squeeze.bias", "is not the result of a layer");
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

static void a_model_without_pictures_has_a_session(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model   *model = fov_model_create(context);
    fov_graph   *graph = fov_model_graph(model);
    fov_value    a = fov_input(graph, .name = "a", .shape = FOV_SHAPE(FOV_BATCH, 3));
    fov_value    b = fov_input(graph, .name = "b", .shape = FOV_SHAPE(FOV_BATCH, 3));
    fov_value    sum = fov_add(graph, a, b), twice = fov_add(graph, sum, sum);
    assert_int_equal(fov_model_set_inputs_outputs(model, (fov_value[]){a, b}, 2, &twice, 1), FOV_OK);
    fov_session *session = fov_session_create(model, NULL);
    assert_fine(context, session != NULL);
    assert_string_equal(fov_session_task(session), "");
    const float      x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {10, 20, 30, 40, 50, 60};
    const fov_tensor in[2] = {{"a", FOV_F32, {2, {2, 3}}, x}, {"b", FOV_F32, {2, {2, 3}}, y}};
    fov_tensor       out = {.name = NULL};
    assert_int_equal(fov_session_run(session, in, 2, &out, 1), FOV_OK);
    assert_true(out.shape.dim[0] == 2 && ((const float *)out.data)[5] == 132.0F);
    assert_int_equal(fov_session_run(session, in, 1, &out, 1), FOV_E_USAGE);
    fov_answer answer;
    fov_image  picture = {1, 1, 1, pixels[0], NULL, NULL};
    assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_E_SHAPE);
    assert_non_null(strstr(fov_session_error(session), "no picture"));
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

/* ---- change ------------------------------------------------------------------------------------------------------ */

static void sessions_follow_weights_and_refuse_another_model(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model   *model = make_model(context, "lenet5");
    fov_graph   *graph = fov_model_graph(model);
    fov_session *session = fov_session_create(model, NULL);
    fov_image    pictures[PICTURES];
    fov_answer   answer;
    make_pictures(pictures);
    assert_int_equal(fov_session_answer(session, pictures, &answer), FOV_OK);
    double before = answer.items[4].value;
    fov_answer_free(&answer);
    fov_value   bias = fov_find(graph, "output.bias");
    const float high[CLASSES] = {[4] = 30};
    assert_fine(context, fov_parameter_set(graph, bias, high, sizeof high) == FOV_OK);
    assert_int_equal(fov_session_answer(session, pictures, &answer), FOV_OK);
    assert_true(before < 0.9 && answer.items[4].value > 0.999);
    fov_answer_free(&answer);
    assert_fine(context, fov_model_replace_head(model, 3, NULL) == FOV_OK);
    assert_int_equal(fov_session_answer(session, pictures, &answer), FOV_E_USAGE);
    assert_non_null(strstr(fov_session_error(session), "changed"));
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

/* A result's name is the graph's own string: the next call reads it, when the plan that wrote it may be gone. */
static void names_of_results_are_the_models(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model *model = make_model(context, "lenet5");
    fov_graph *graph = fov_model_graph(model);
    fov_session *session = fov_session_create(model, NULL);
    fov_image pictures[PICTURES];
    fov_tensor results[2] = {{.name = NULL}, {.name = "c1"}};
    make_pictures(pictures);
    for (int round = 0; round < 3; round++) {
        const float bias[CLASSES] = {(float)round};
        assert_fine(context, fov_parameter_set(graph, fov_find(graph, "output.bias"), bias, sizeof bias) == FOV_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(fov_session_read(session, &pictures[0], &results[i]), FOV_OK);
        }
        assert_ptr_equal(results[0].name, fov_value_name(graph, fov_model_output(model)));
        assert_ptr_equal(results[1].name, fov_value_name(graph, fov_find(graph, "c1")));
    }
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

/* ---- outputs that no task can read ------------------------------------------------------------------------------- */

/* A map of one channel has two classes if it holds logits or sigmoids; with other values no session can be created. */
static void a_map_of_one_channel_needs_scores(void **state)
{
    (void)state;
    enum { SMALL = 8 };
    fov_context *context = make_context(1);
    for (int kind = 0; kind < 4; kind++) {
        fov_model *model = fov_model_create(context);
        fov_graph *graph = fov_model_graph(model);
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 1, SMALL, SMALL));
        fov_value y = fov_conv2d(graph, x, .filters = 1, .kernel = 3, .pad = 1);
        y = kind == 0   ? y
            : kind == 1 ? fov_sigmoid(graph, y)
            : kind == 2 ? fov_tanh(graph, y)
                        : fov_softmax_opt(graph, y, &(fov_softmax_options){.axis = 1});
        assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
        fov_session *session = fov_session_create(model, NULL);
        if (kind > 1) {
            assert_null(session);
            assert_non_null(strstr(fov_error(context), "a map of one channel"));
            fov_error_clear(context);
        } else {
            fov_image picture = {SMALL, SMALL, 1, pixels[0], NULL, NULL};
            fov_answer answer;
            assert_fine(context, session != NULL);
            assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_OK);
            assert_int_equal(answer.count, 2);
            fov_answer_free(&answer);
        }
        fov_session_free(session);
        fov_model_free(model);
    }
    fov_context_free(context);
}

/* A second input without data is refused, by a sentence with its name. */
static void an_input_without_data_is_named(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 1, 4, 4));
    fov_value scale = fov_input(graph, .name = "scale", .shape = FOV_SHAPE(FOV_BATCH, 3));
    fov_value y = fov_dense(graph, fov_flatten(graph, x), .units = 3);
    y = fov_mul(graph, y, scale);
    assert_fine(context, fov_model_set_inputs_outputs(model, (fov_value[]){x, scale}, 2, &y, 1) == FOV_OK);
    assert_null(fov_session_create(model, "classify"));
    assert_int_equal(fov_error_status(context), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(context), "\"scale\""));
    fov_model_free(model);
    fov_context_free(context);
}

static void what_is_not_there_is_wrong_usage(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    fov_model   *model = make_model(context, "lenet5");
    fov_session *session = fov_session_create(model, NULL);
    fov_answer   answer;
    fov_tensor   tensor = {.name = NULL};
    float        number;
    fov_image    empty = {.height = 0};
    assert_null(fov_session_create(NULL, NULL));
    assert_int_equal(fov_session_answer(NULL, &empty, &answer), FOV_E_USAGE);
    assert_int_equal(fov_session_answer(session, NULL, &answer), FOV_E_USAGE);
    assert_int_equal(fov_session_answer(session, &empty, NULL), FOV_E_USAGE);
    assert_int_equal(fov_session_answer(session, &empty, &answer), FOV_E_USAGE);
    assert_int_equal(fov_session_answers(session, &empty, 0, &answer), FOV_E_USAGE);
    assert_int_equal(fov_session_read(session, NULL, &tensor), FOV_E_USAGE);
    assert_int_equal(fov_session_run(session, NULL, 1, &tensor, 1), FOV_E_USAGE);
    assert_int_equal(fov_session_run(session, NULL, 0, NULL, 1), FOV_E_USAGE);
    assert_int_equal(fov_session_prepare(session, NULL, &number, 1), FOV_E_USAGE);
    assert_string_equal(fov_session_task(NULL), "");
    assert_true(strlen(fov_session_error(NULL)) > 0);
    fov_session_free(NULL);
    /* If a session cannot be created, the context's error is that failure, not an earlier one. */
    assert_null(fov_model_load(context, "/nowhere.onnx"));
    fov_session *other = fov_session_create(model, NULL);
    assert_non_null(other);
    assert_null(fov_session_create(model, "no such task"));
    assert_non_null(strstr(fov_error(context), "no such task"));
    fov_session_free(other);
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

/* A model that is freed before its sessions lives until the last of them is; invalid pictures get sentences of their
 * own. */
static void sessions_may_outlive_their_model(void **state)
{
    (void)state;
    fov_context *context = make_context(2);
    fov_model *model = make_model(context, "lenet5");
    fov_image pictures[PICTURES];
    make_pictures(pictures);
    fov_session *first = fov_session_create(model, NULL), *second = fov_session_create(model, NULL);
    fov_explainer *explainer = fov_explainer_create(model, NULL);
    fov_answer before, after;
    assert_true(first != NULL && second != NULL && explainer != NULL);
    assert_int_equal(fov_session_answer(first, &pictures[0], &before), FOV_OK);
    fov_model_free(model);
    assert_int_equal(fov_session_answer(first, &pictures[0], &after), FOV_OK);
    assert_true(before.items[3].value == after.items[3].value);
    fov_answer_free(&after);
    fov_session_free(first);
    assert_int_equal(fov_session_answer(second, &pictures[0], &after), FOV_OK);
    assert_true(before.items[3].value == after.items[3].value);
    fov_answer_free(&after);
    fov_answer_free(&before);
    static const struct {
        fov_image picture;
        const char *says;
    } wrong[] = {{{SIDE, SIDE, 1, NULL, NULL, NULL}, "no pixels (NULL)"},
                 {{SIDE, SIDE, 2, pixels[0], NULL, NULL}, "with 2 channels"},
                 {{-5, SIDE, 1, pixels[0], NULL, NULL}, "height -5 and width 28"},
                 {{SIDE, 0, 1, pixels[0], NULL, NULL}, "height 28 and width 0"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(fov_session_answer(second, &wrong[i].picture, &after), FOV_E_USAGE);
        assert_non_null(strstr(fov_session_error(second), wrong[i].says));
    }
    assert_int_equal(fov_session_answers(second, pictures, 0, &after), FOV_E_USAGE);
    assert_non_null(strstr(fov_session_error(second), "answers for 0 pictures"));
    assert_int_equal(fov_session_answer(second, NULL, &after), FOV_E_USAGE);
    assert_non_null(strstr(fov_session_error(second), "no picture is given"));
    fov_session_free(second);
    assert_int_equal(fov_explainer_look(explainer, &pictures[0], -1), FOV_OK);
    fov_explainer_free(explainer);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_answer_as_one_does),
        cmocka_unit_test(one_session_is_for_one_thread),
        cmocka_unit_test(weights_are_there_once),
        cmocka_unit_test(any_count_is_answered_and_planned_once),
        cmocka_unit_test(counts_of_predictions_do_not_matter),
        cmocka_unit_test(any_value_has_a_name),
        cmocka_unit_test(a_layer_is_found_by_either_name),
        cmocka_unit_test(a_model_without_pictures_has_a_session),
        cmocka_unit_test(sessions_follow_weights_and_refuse_another_model),
        cmocka_unit_test(names_of_results_are_the_models),
        cmocka_unit_test(a_map_of_one_channel_needs_scores),
        cmocka_unit_test(an_input_without_data_is_named),
        cmocka_unit_test(what_is_not_there_is_wrong_usage),
        cmocka_unit_test(sessions_may_outlive_their_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
