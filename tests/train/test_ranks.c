/* SPDX-License-Identifier: MIT */
/* Training with any number of ranks gives the bits of one process, with everything that could make a difference: batch
 * norm, dropout, augmentation, a smaller last batch, more batches per update than ranks and fewer, transports whose
 * sends wait for the receiver. Gradients are sent while others are still being computed. Ranks are child processes
 * here, joined by sockets. If a rank dies, the others end with an error, and a checkpoint can be resumed. */
#include "train/helpers.h"
#include "graph/plan.h"
#include "train/ranks.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 9, TEXT = 256 };

/* ---- ranks as processes ------------------------------------------------------------------------------------------ */

struct wires {
    int end[MOST][MOST]; /* [a][b]: the socket through which rank a talks to rank b */
};

static struct wires lay_wires(int count)
{
    struct wires wires;
    for (int a = 0; a < count; a++) {
        for (int b = 0; b < a; b++) {
            int pair[2];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
            wires.end[a][b] = pair[0];
            wires.end[b][a] = pair[1];
        }
    }
    return wires;
}

/* Closes all sockets except those of `rank`; -1: closes all. */
static void keep_wires(const struct wires *wires, int count, int rank)
{
    for (int a = 0; a < count; a++) {
        for (int b = 0; b < count; b++) {
            if (a != b && a != rank) {
                close(wires->end[a][b]);
            }
        }
    }
}

static int send_all(void *user, int to, const void *data, size_t bytes)
{
    const int *end = user;
    const char *at = data;
    while (bytes > 0) {
        ssize_t some = send(end[to], at, bytes, MSG_NOSIGNAL);
        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some <= 0) {
            return 1;
        }
        at += some;
        bytes -= (size_t)some;
    }
    return 0;
}

static int receive_all(void *user, int from, void *data, size_t bytes)
{
    const int *end = user;
    char *at = data;
    while (bytes > 0) {
        ssize_t some = recv(end[from], at, bytes, 0);
        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some <= 0) {
            return 1;
        }
        at += some;
        bytes -= (size_t)some;
    }
    return 0;
}

/* The outcome of one rank. */
struct ending {
    int status;
    int backward, early; /* runs of the network's operator "watched_gradient", and those that saw a gradient sent */
    double sent; /* bytes */
    char hash[65], text[TEXT];
};

struct together {
    const char *folder, *network; /* network: by name; NULL: the small network below */
    int ranks, threads;
    int dies;         /* the last rank kills itself at its send number `dies`; 0: never */
    int seed_of_last; /* the last rank's seed; 0: the others' */
    bool resume, any_size; /* any_size: the small network takes pictures of any size */
    bool rendezvous;       /* sends wait until the other rank has received */
    bool one_thread;       /* the transport belongs to the thread that trains */
    int patience; /* the network below with a watched layer, whose gradient waits so long (ms) for a send; 0: not that */
    fov_train_options options;
};

static fov_value small(fov_graph *g, fov_value x, int classes, bool any_size)
{
    x = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .stride = 2)));
    x = any_size ? fov_global_avg_pool(g, x) : x;
    return fov_dense(g, fov_dropout(g, fov_flatten(g, x), 0.25f), .units = classes);
}

/* A layer that hands its input on. Its gradient, in the middle of the backward pass, waits until this rank has begun to
 * send gradients: those of the layers behind it. */
static struct {
    atomic_bool sent; /* a part of gradients was sent since the last forward pass */
    int patience;     /* milliseconds */
    int backward, early;
} watched;

static int shapes(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    out[0] = call->in[0];
    return FOV_OK;
}

static void define(const fov_operator_call *call, const double *const *in, double *const *out)
{
    memcpy(out[0], in[0], shape_span(&call->in[0], 0, call->in[0].rank) * sizeof *out[0]);
}

static void copy(const fov_operator_call *call, const float *const *in, float *const *out)
{
    memcpy(out[0], in[0], shape_span(&call->in[0], 0, call->in[0].rank) * sizeof *out[0]);
    atomic_store(&watched.sent, false);
}

static void copy_late(const fov_operator_call *call, const float *const *in, float *const *out)
{
    memcpy(out[0], in[0], shape_span(&call->in[0], 0, call->in[0].rank) * sizeof *out[0]);
    for (int i = 0; i < watched.patience && !atomic_load(&watched.sent); i++) {
        usleep(1000);
    }
    watched.early += atomic_load(&watched.sent);
    watched.backward++;
}

static void gradient(const fov_operator_gradient *g)
{
    g->in_gradient[0] = fov_node(g->graph, "watched_gradient", &g->out_gradient[0], 1);
}

static fov_model *build_watched(fov_context *context)
{
    const fov_operator layer = {
        .name = "watched", .inputs = 1, .outputs = 1, .shapes = shapes, .define = define, .compute = copy,
        .gradient = gradient};
    const fov_operator slope = {.name = "watched_gradient",
                                .inputs = 1,
                                .outputs = 1,
                                .shapes = shapes,
                                .define = define,
                                .compute = copy_late};
    if (fov_operator_register(context, &layer) != FOV_OK || fov_operator_register(context, &slope) != FOV_OK) {
        return NULL;
    }
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, 1, 28, 28)), y = x;
    y = fov_conv2d(g, y, .filters = 6, .kernel = 3, .pad = 1, .stride = 2);
    y = fov_node(g, "watched", &y, 1);
    y = fov_relu(g, fov_dense(g, fov_flatten(g, y), .units = 300)); /* 1176 x 300 weights: 1.4 MB */
    return fov_model_set_input_output(model, x, fov_dense(g, y, .units = 10)) == FOV_OK ? model : NULL;
}

static fov_model *build(fov_context *context, bool any_size)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, 1, 28, 28));
    return fov_model_set_input_output(model, x, small(g, x, 10, any_size)) == FOV_OK ? model : NULL;
}

static void train_rank(const struct together *run, fov_ranks *ranks, struct ending *ending)
{
    bool last = ranks->rank == ranks->count - 1 && ranks->count > 1;
    uint64_t seed = last && run->seed_of_last != 0 ? (uint64_t)run->seed_of_last : 3;
    fov_context *context =
        fov_context_create(&(fov_context_options){.threads = run->threads, .seed = seed});
    fov_dataset *data = fov_dataset_open(context, "digits:150", FOV_TRAIN);
    fov_dataset *test = fov_dataset_open(context, "digits:150", FOV_TEST);
    fov_model *model = data == NULL || test == NULL ? NULL
                       : run->network != NULL       ? fov_model_network(context, run->network, NULL)
                       : run->patience > 0          ? build_watched(context)
                                                    : build(context, run->any_size);
    fov_train_options options = run->options;
    options.ranks = ranks;
    options.directory = run->folder;
    options.resume = run->resume;
    options.validate = test;
    ending->status = model != NULL ? fov_train_opt(model, data, &options) : FOV_E_USAGE;
    snprintf(ending->text, sizeof ending->text, "%.200s", fov_error(context));
    if (ending->status == FOV_OK) {
        ending->status = fov_model_hash(model, ending->hash);
    }
    fov_model_free(model);
    fov_dataset_free(test);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* A rank's connection that kills its process at send number dies_at; 0: never. */
struct mortal {
    int *end;
    int sends, dies_at;
    bool rendezvous;
    double sent;
};

static int send_or_die(void *user, int to, const void *data, size_t bytes)
{
    struct mortal *mortal = user;
    if (mortal->dies_at > 0 && ++mortal->sends == mortal->dies_at) {
        raise(SIGKILL);
    }
    mortal->sent += (double)bytes;
    if (bytes >= 1 << 16) {
        atomic_store(&watched.sent, true);
    }
    char word = 0;
    int failed = send_all(mortal->end, to, data, bytes);
    return failed != 0 || !mortal->rendezvous ? failed : receive_all(mortal->end, to, &word, 1) != 0 || word != 'r';
}

static int receive_mortal(void *user, int from, void *data, size_t bytes)
{
    struct mortal *mortal = user;
    int failed = receive_all(mortal->end, from, data, bytes);
    return failed != 0 || !mortal->rendezvous ? failed : send_all(mortal->end, from, "r", 1);
}

/* Trains with every rank as a child process; endings[rank] are their outcomes. */
static void train_together(const struct together *run, struct ending endings[MOST])
{
    struct wires wires = lay_wires(run->ranks);
    int results[2];
    assert_int_equal(pipe(results), 0);
    memset(endings, 0, MOST * sizeof *endings);
    for (int rank = 0; rank < run->ranks; rank++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            keep_wires(&wires, run->ranks, rank);
            struct mortal mortal = {.end = wires.end[rank],
                                    .dies_at = rank == run->ranks - 1 ? run->dies : 0,
                                    .rendezvous = run->rendezvous};
            fov_ranks ranks = {.rank = rank,
                               .count = run->ranks,
                               .send = send_or_die,
                               .receive = receive_mortal,
                               .user = &mortal,
                               .one_thread = run->one_thread};
            watched.patience = run->patience;
            struct {
                int rank;
                struct ending ending;
            } told = {.rank = rank};
            train_rank(run, &ranks, &told.ending);
            told.ending.sent = mortal.sent;
            told.ending.backward = watched.backward;
            told.ending.early = watched.early;
            _exit(write(results[1], &told, sizeof told) == (ssize_t)sizeof told ? 0 : 1);
        }
    }
    keep_wires(&wires, run->ranks, -1);
    close(results[1]);
    struct {
        int rank;
        struct ending ending;
    } told;
    while (read(results[0], &told, sizeof told) == (ssize_t)sizeof told) {
        endings[told.rank] = told.ending;
    }
    close(results[0]);
    while (wait(NULL) > 0) {
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static const fov_train_options usual = {.epochs = 2,
                                        .batch = 8, /* of 150 samples: 18 and one of 6 */
                                        .accumulate = 5,
                                        .lr = 0.05f,
                                        .momentum = 0.9f,
                                        .ema = 0.9f,
                                        .clip_norm = 1.0f,
                                        .augment = "rotate:10, translate:0.1"};

static void any_number_of_ranks_has_the_same_bits(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .options = usual};
    train_together(&run, alone);
    assert_string_equal(alone[0].text, "");
    assert_int_equal(strlen(alone[0].hash), 64);
    for (run.ranks = 2; run.ranks <= 4; run.ranks++) {
        run.threads = 1 + run.ranks % 2;
        train_together(&run, endings);
        for (int rank = 0; rank < run.ranks; rank++) {
            assert_string_equal(endings[rank].text, "");
            assert_string_equal(endings[rank].hash, alone[0].hash);
        }
    }
}

/* Gradients of several parts, by sends that return at once and by sends that wait for the receiver; sent while others
 * are computed, or only afterwards. */
static void any_transport_has_the_same_bits(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .network = "mlp", .options = usual};
    run.options.epochs = 1;
    train_together(&run, alone);
    assert_string_equal(alone[0].text, "");
    static const struct {
        int ranks;
        bool rendezvous, one_thread;
    } forms[] = {{2, true, false}, {3, true, false}, {4, true, false}, {4, false, false}, {3, true, true}};
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        run.ranks = forms[form].ranks;
        run.rendezvous = forms[form].rendezvous;
        run.one_thread = forms[form].one_thread;
        train_together(&run, endings);
        for (int rank = 0; rank < run.ranks; rank++) {
            assert_string_equal(endings[rank].text, "");
            assert_string_equal(endings[rank].hash, alone[0].hash);
        }
    }
}

/* Each rank has begun to send gradients before the backward pass reaches the first layers: the last rank, too, which
 * sends the first parts of the result around. Not so where the transport belongs to the thread that trains. */
static void sending_begins_within_the_backward_pass(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .patience = 1, .options = usual};
    run.options.epochs = 1;
    run.options.batch = 25; /* 6 batches, one for each rank */
    for (int ranks = 2; ranks <= 3; ranks++) {
        run.options.accumulate = ranks;
        run.ranks = 1;
        run.patience = 1;
        train_together(&run, alone);
        assert_string_equal(alone[0].text, "");
        run.ranks = ranks;
        for (int form = 0; form < 3; form++) {
            run.rendezvous = form == 1;
            run.one_thread = form == 2;
            run.patience = run.one_thread ? 1 : 60000;
            train_together(&run, endings);
            for (int rank = 0; rank < ranks; rank++) {
                assert_string_equal(endings[rank].text, "");
                assert_string_equal(endings[rank].hash, alone[0].hash);
                assert_int_equal(endings[rank].backward, 6 / ranks);
                assert_int_equal(endings[rank].early, run.one_thread ? 0 : 6 / ranks);
            }
        }
    }
}

/* ---- the ring by itself ------------------------------------------------------------------------------------------- */

enum { NUMBERS = 5 * 65536 + 1000 /* six parts */ };

/* A rank as a thread. */
struct rank_thread {
    pthread_t thread;
    fov_ranks ranks;
    struct mortal mortal;
    float *data;
    int status;
};

/* Its order matters. */
static float with_rank(float sum, int rank, size_t i)
{
    return 2.0f * sum + (float)(rank + (int)(i % 5));
}

static void add_rank(void *context, void *so_far, size_t offset, size_t bytes)
{
    const fov_ranks *ranks = context;
    float *sum = so_far;
    for (size_t i = 0; i < bytes / sizeof *sum; i++) {
        sum[i] = with_rank(sum[i], ranks->rank, offset / sizeof *sum + i);
    }
}

static void *run_rank(void *context)
{
    struct rank_thread *rank = context;
    struct error error = {.status = FOV_OK};
    rank->status = ranks_add(&rank->ranks, rank->data, NUMBERS * sizeof(float), add_rank, &rank->ranks, &error);
    return NULL;
}

/* Rings of 2 to 9 ranks whose sends wait for the receiver do not lock up, and give all ranks the sum in order. */
static void rings_of_any_length(void **state)
{
    (void)state;
    for (int count = 2; count <= MOST; count++) {
        struct rank_thread ranks[MOST];
        struct wires wires = lay_wires(count);
        for (int r = 0; r < count; r++) {
            ranks[r] = (struct rank_thread){.mortal = {.end = wires.end[r], .rendezvous = true},
                                            .data = calloc(NUMBERS, sizeof(float))};
            ranks[r].ranks = (fov_ranks){
                .rank = r, .count = count, .send = send_or_die, .receive = receive_mortal, .user = &ranks[r].mortal};
            assert_int_equal(pthread_create(&ranks[r].thread, NULL, run_rank, &ranks[r]), 0);
        }
        for (int r = 0; r < count; r++) {
            assert_int_equal(pthread_join(ranks[r].thread, NULL), 0);
            assert_int_equal(ranks[r].status, FOV_OK);
        }
        for (size_t i = 0; i < NUMBERS; i++) {
            float sum = 0.0f;
            for (int r = 0; r < count; r++) {
                sum = with_rank(sum, r, i);
            }
            for (int r = 0; r < count; r++) {
                assert_true(ranks[r].data[i] == sum);
            }
        }
        for (int r = 0; r < count; r++) {
            free(ranks[r].data);
        }
        keep_wires(&wires, count, -1);
    }
}

/* ---- when sums are complete -------------------------------------------------------------------------------------- */

enum { SUMS = 256 };

struct sums {
    fov_value sum[SUMS];
    size_t end[SUMS];
    unsigned char *copy[SUMS];
    int count, early; /* early: those that are complete in the first three quarters of the steps */
    int recomputed;   /* steps of the plan */
};

/* Runs a training plan step by step. After as many steps as plan_steps_to_renew says, a sum has its last bits. */
static void run_by_steps(const fov_plan *const_plan, void *user)
{
    fov_plan *plan = (fov_plan *)(uintptr_t)const_plan;
    struct sums *sums = user;
    sums->recomputed = fov_plan_memory_use(plan).recomputed;
    for (int i = 0; i < fov_parameter_count(plan->graph); i++) {
        fov_value parameter = fov_parameter_at(plan->graph, i);
        size_t end = plan_steps_to_renew(plan, parameter), bytes = graph_value(plan->graph, parameter.id)->bytes;
        if (end > 0 && strstr(fov_value_name(plan->graph, parameter), "sum") != NULL && sums->count < SUMS) {
            memset(graph_data(plan->graph, parameter.id), 0x3c, bytes);
            sums->sum[sums->count] = parameter;
            sums->copy[sums->count] = malloc(bytes);
            sums->end[sums->count++] = end;
            sums->early += end < plan->step_count * 3 / 4;
        }
    }
    for (size_t v = 1; v < plan->graph->value_count; v++) {
        const struct value *value = graph_value(plan->graph, (int)v);
        bool is_read = value->kind == VALUE_INPUT && value->dtype == FOV_F32;
        float *data = is_read ? fov_plan_data(plan, (fov_value){(int)v}) : NULL;
        for (size_t i = 0; data != NULL && i < fov_plan_bytes(plan, (fov_value){(int)v}) / sizeof *data; i++) {
            data[i] = 0.5f + 0.125f * (float)(i % 7); /* pixels; .keep and .weight of the batch */
        }
    }
    for (size_t s = 0; s < plan->step_count; s++) {
        plan_run_steps(plan, 1, s, s + 1);
        for (int k = 0; k < sums->count; k++) {
            if (sums->end[k] == s + 1) {
                memcpy(sums->copy[k], graph_data(plan->graph, sums->sum[k].id),
                       graph_value(plan->graph, sums->sum[k].id)->bytes);
            }
        }
    }
    for (int k = 0; k < sums->count; k++) {
        const struct value *value = graph_value(plan->graph, sums->sum[k].id);
        const unsigned char *data = graph_data(plan->graph, sums->sum[k].id);
        bool untouched = true;
        for (size_t i = 0; i < value->bytes; i++) {
            untouched = untouched && data[i] == 0x3c;
        }
        assert_false(untouched);
        assert_memory_equal(sums->copy[k], data, value->bytes);
        free(sums->copy[k]);
    }
}

static void plans_say_when_sums_are_complete(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        int64_t memory; /* bytes; 0: no limit */
        int sums, early;
    } cases[] = {
        {"mlp", 0, 4, 2}, {"lenet5", 0, 10, 4}, {"resnet20", 0, 60, 60}, {"resnet20", 36 << 20, 60, 60}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sums sums = {.count = 0};
        fov_context *context =
            fov_context_create(&(fov_context_options){.threads = 2, .max_memory = (size_t)cases[i].memory});
        fov_dataset *data = fov_dataset_open(context, "digits:40", FOV_TRAIN);
        fov_model *model = fov_model_network(context, cases[i].network, NULL);
        assert_fine(context, data != NULL && model != NULL);
        assert_fine(context, fov_train(model, data, .epochs = 1, .batch = 20, .accumulate = 2, .on_plan = run_by_steps,
                                       .user = &sums) == FOV_OK);
        assert_int_equal(sums.recomputed > 0, cases[i].memory > 0);
        assert_true(sums.count >= cases[i].sums && sums.early >= cases[i].early);
        fov_model_free(model);
        fov_dataset_free(data);
        fov_context_free(context);
    }
}

/* ---- tests, continued -------------------------------------------------------------------------------------------- */

/* Of a group with fewer batches a rank may compute more: of 8 batches the third of five ranks has one, of 7 two. */
static void a_smaller_group_may_be_more_for_a_rank(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .options = usual};
    run.options.batch = 10; /* 15 batches */
    run.options.accumulate = 8;
    train_together(&run, alone);
    run.ranks = 5;
    train_together(&run, endings);
    for (int rank = 0; rank < run.ranks; rank++) {
        assert_string_equal(endings[rank].text, "");
        assert_string_equal(endings[rank].hash, alone[0].hash);
    }
}

/* A rank that has no batch of a group still clips by the norm of the group's gradients. Without batch norm no running
 * statistics are set, which would tell plans that parameters have changed. */
static void a_rank_without_a_batch(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .network = "lenet5", .options = usual};
    run.options.batch = 50; /* 3 batches: groups of two and of one */
    run.options.accumulate = 2;
    run.options.clip_norm = 0.1f;
    train_together(&run, alone);
    run.ranks = 2;
    train_together(&run, endings);
    for (int rank = 0; rank < run.ranks; rank++) {
        assert_string_equal(endings[rank].text, "");
        assert_string_equal(endings[rank].hash, alone[0].hash);
    }
}

/* Under multi_scale the size of a batch's pictures follows from the batch's number, not from the rank that
 * computes it. */
static void sizes_of_pictures_follow_the_batch(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .any_size = true, .options = usual};
    train_together(&run, endings);
    run.options.multi_scale = "0.3:step=4:every=2";
    train_together(&run, alone);
    assert_string_equal(alone[0].text, "");
    assert_string_not_equal(alone[0].hash, endings[0].hash);
    for (run.ranks = 2; run.ranks <= 3; run.ranks++) {
        train_together(&run, endings);
        for (int rank = 0; rank < run.ranks; rank++) {
            assert_string_equal(endings[rank].text, "");
            assert_string_equal(endings[rank].hash, alone[0].hash);
        }
    }
}

static double own_rate(const fov_progress *progress, double scheduled, void *user)
{
    (void)user;
    return progress->total_step % 2 == 0 ? scheduled : scheduled / 2;
}

/* Learning rates from the program's callback: rank 0 tells them to the others. */
static void rates_of_a_program(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST], scheduled[MOST];
    struct together run = {.ranks = 1, .threads = 1, .options = usual};
    run.options.schedule = "cosine";
    train_together(&run, scheduled);
    run.options.rate = own_rate;
    train_together(&run, alone);
    assert_string_equal(alone[0].text, "");
    assert_string_not_equal(alone[0].hash, scheduled[0].hash);
    run.ranks = 3;
    train_together(&run, endings);
    for (int rank = 0; rank < run.ranks; rank++) {
        assert_string_equal(endings[rank].text, "");
        assert_string_equal(endings[rank].hash, alone[0].hash);
    }
}

/* Two losses in turn: the second one uses the weights that the first one's update has moved. */
static void several_losses(void **state)
{
    (void)state;
    struct ending alone[MOST], endings[MOST];
    struct together run = {
        .network = "mlp-gan",
        .ranks = 1,
        .threads = 1,
        .options = {.task = "generate", .epochs = 1, .batch = 25, .accumulate = 2, .optimizer = "adam"}};
    train_together(&run, alone);
    assert_string_equal(alone[0].text, "");
    run.ranks = 2;
    train_together(&run, endings);
    assert_string_equal(endings[1].text, "");
    assert_string_equal(endings[0].hash, alone[0].hash);
    assert_string_equal(endings[1].hash, alone[0].hash);
}

static void a_run_goes_on_with_other_ranks(void **state)
{
    (void)state;
    char whole[256], pieces[256];
    struct ending alone[MOST], endings[MOST];
    struct together run = {.ranks = 1, .threads = 1, .options = usual};
    test_folder(whole);
    test_folder(pieces);
    run.folder = whole;
    train_together(&run, alone);
    run.folder = pieces;
    run.ranks = 3;
    run.options.epochs = 1;
    run.options.schedule = "constant"; /* other schedules depend on the number of epochs */
    train_together(&run, endings);
    assert_string_equal(endings[0].text, "");
    run.ranks = 2;
    run.options.epochs = 2;
    run.resume = true;
    train_together(&run, endings);
    assert_string_equal(endings[1].text, "");
    assert_string_equal(endings[1].hash, alone[0].hash);
    test_same_run(whole, pieces);
    test_folder_remove(whole);
    test_folder_remove(pieces);
}

/* The last rank dies at sends number deaths[0], [1] and [2], one after the other in a run that is resumed each time. */
static void lose_a_rank(struct together run, const int deaths[3])
{
    char folder[256];
    struct ending alone[MOST], endings[MOST];
    int ranks = run.ranks;
    run.ranks = 1;
    train_together(&run, alone);
    test_folder(folder);
    run.folder = folder;
    run.ranks = ranks;
    for (int i = 0; i < 3; i++) {
        run.dies = deaths[i];
        train_together(&run, endings);
        for (int rank = 0; rank < run.ranks - 1; rank++) {
            assert_int_equal(endings[rank].status, FOV_E_IO);
            assert_non_null(strstr(endings[rank].text, " is lost"));
        }
        run.resume = true;
    }
    run.dies = 0;
    train_together(&run, endings);
    assert_string_equal(endings[0].text, "");
    assert_string_equal(endings[0].hash, alone[0].hash);
    test_folder_remove(folder);
}

static void a_lost_rank_ends_the_others_and_nothing_is_lost(void **state)
{
    (void)state;
    /* Before the first update, then between two updates. */
    lose_a_rank((struct together){.ranks = 3, .threads = 1, .options = usual}, (const int[3]){8, 52, 44});
    /* Gradients of 7 parts, sends 46 to 52 and 57 to 63: before them, and among them in the first and second update. */
    struct together run = {.ranks = 3, .threads = 1, .network = "mlp", .rendezvous = true, .options = usual};
    run.options.epochs = 1;
    lose_a_rank(run, (const int[3]){45, 48, 59});
}

static void what_does_not_fit_is_said_by_all(void **state)
{
    (void)state;
    struct ending endings[MOST];
    struct together run = {.ranks = 3, .threads = 1, .options = usual};
    run.options.accumulate = 2;
    train_together(&run, endings);
    for (int rank = 0; rank < run.ranks; rank++) {
        assert_int_equal(endings[rank].status, FOV_E_USAGE);
        assert_non_null(strstr(endings[rank].text, "3 ranks share the 2 batches of an update"));
    }
    run.options = usual;
    run.seed_of_last = 9;
    train_together(&run, endings);
    assert_string_equal(endings[0].text, "rank 2: it was started with another seed, other data or other options");
    assert_int_equal(endings[1].status, FOV_E_USAGE);
    run.seed_of_last = 0;
    run.options.lr = 1e6f;
    run.options.clip_norm = 0;
    run.options.epochs = 40;
    train_together(&run, endings);
    for (int rank = 0; rank < run.ranks; rank++) {
        assert_int_equal(endings[rank].status, FOV_E_NUMERIC);
        assert_non_null(strstr(endings[rank].text, "is no longer finite at epoch "));
    }
}

/* Bytes sent per update: all gradients to the last rank, and back. */
static void volume(void **state)
{
    (void)state;
    struct ending once[MOST], twice[MOST];
    struct together run = {.ranks = 3, .threads = 1, .options = usual};
    const double numbers = 6 * 9 + 6 + 2 * 6 + 2 * 6 + 6 * 14 * 14 * 10 + 10, updates = 4;
    run.options.schedule = "constant";
    run.options.epochs = 1;
    train_together(&run, once);
    run.options.epochs = 2;
    train_together(&run, twice);
    double all = 0;
    for (int rank = 0; rank < run.ranks; rank++) {
        double sent = (twice[rank].sent - once[rank].sent) / updates;
        assert_true(sent <= 2 * 4 * numbers + 8192); /* and a few words of coordination */
        all += sent;
    }
    assert_true(all >= 2 * 2 * 4 * numbers);
}

/* Accumulated batches move the running statistics once per update, by the mean of the batches' statistics. */
static void statistics_move_once(void **state)
{
    (void)state;
    struct together run = {.ranks = 1, .threads = 1, .options = {.epochs = 1, .batch = 50, .lr = 1e-12f}};
    fov_context *context = test_context(1, 3);
    fov_dataset *data = fov_dataset_open(context, "digits:150", FOV_TRAIN);
    fov_model *model = build(context, false), *other = build(context, false);
    fov_graph *graph = fov_model_graph(model), *apart = fov_model_graph(other);
    assert_fine(context, data != NULL && other != NULL);
    run.options.accumulate = 3;
    assert_fine(context, fov_train_opt(model, data, &run.options) == FOV_OK);
    run.options.accumulate = 1;
    assert_fine(context, fov_train_opt(other, data, &run.options) == FOV_OK);
    float once[6], thrice[6];
    fov_value mean = {0};
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        fov_value parameter = fov_parameter_at(graph, i);
        mean = strstr(fov_value_name(graph, parameter), "running_mean") != NULL ? parameter : mean;
    }
    assert_fine(context, fov_parameter_get(graph, mean, once, sizeof once) == FOV_OK);
    assert_fine(context, fov_parameter_get(apart, mean, thrice, sizeof thrice) == FOV_OK);
    for (int i = 0; i < 6; i++) {
        /* one update 0.1 m against three 0.1 (0.81 m1 + 0.9 m2 + m3): a ratio near 1 / 2.71, as batch means are
         * similar */
        assert_true(once[i] / thrice[i] > 0.35f && once[i] / thrice[i] < 0.39f);
    }
    fov_model_free(model);
    fov_model_free(other);
    fov_dataset_free(data);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_of_a_program),
        cmocka_unit_test(any_number_of_ranks_has_the_same_bits),
        cmocka_unit_test(rings_of_any_length),
        cmocka_unit_test(any_transport_has_the_same_bits),
        cmocka_unit_test(sending_begins_within_the_backward_pass),
        cmocka_unit_test(plans_say_when_sums_are_complete),
        cmocka_unit_test(a_smaller_group_may_be_more_for_a_rank),
        cmocka_unit_test(a_rank_without_a_batch),
        cmocka_unit_test(sizes_of_pictures_follow_the_batch),
        cmocka_unit_test(several_losses),
        cmocka_unit_test(a_run_goes_on_with_other_ranks),
        cmocka_unit_test(a_lost_rank_ends_the_others_and_nothing_is_lost),
        cmocka_unit_test(what_does_not_fit_is_said_by_all),
        cmocka_unit_test(volume),
        cmocka_unit_test(statistics_move_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
