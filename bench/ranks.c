/* SPDX-License-Identifier: MIT */
/* Training over ranks, as processes of this machine, joined by links of a limited rate: the time of one update where
 * gradients are sent while others are being computed, and where they are sent afterwards (fov_ranks.one_thread).
 *
 *   ranks [RANKS] [MBIT/S] [BACKWARD MS]      2 1000 400
 *
 * The network is eight dense layers of 1 MB each, 10 MB in all. A send sleeps as long as its bytes take on the link, and
 * the gradients of a layer sleep an eighth of BACKWARD, so that any number of ranks is as fast on this machine as on
 * machines of their own. */
#include "base/clock.h"
#include <fovea/fovea.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, LAYERS = 8, UNITS = 512, UPDATES = 8 };

/** One rank's ends of the sockets, and the rate of its link. */
struct link {
    int    end[MOST];
    double bytes_per_second;
};

/** What one run measures: the seconds of each update, by the clock of rank 0. */
struct course {
    int    updates;
    double last, seconds[UPDATES];
};

static void sleep_for(double seconds)
{
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&pause, NULL);
}

static int send_all(void *user, int to, const void *data, size_t bytes)
{
    const struct link *link = user;

    sleep_for((double)bytes / link->bytes_per_second);
    for (const char *at = data; bytes > 0;) {
        ssize_t some = send(link->end[to], at, bytes, MSG_NOSIGNAL);

        if (some <= 0)
            return 1;
        at += some;
        bytes -= (size_t)some;
    }
    return 0;
}

static int receive_all(void *user, int from, void *data, size_t bytes)
{
    const struct link *link = user;

    for (char *at = data; bytes > 0;) {
        ssize_t some = recv(link->end[from], at, bytes, 0);

        if (some <= 0)
            return 1;
        at += some;
        bytes -= (size_t)some;
    }
    return 0;
}

static int note(const fov_progress *progress, void *user)
{
    struct course *course = user;
    double         now = clock_seconds();

    (void)progress;
    if (course->last > 0) /* the first update packs weights, too */
        course->seconds[course->updates++] = now - course->last;
    course->last = now;
    return course->updates == UPDATES ? FOV_FINISH : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* ---- a network whose backward pass takes a given time ------------------------------------------------------------- */

static double layer_seconds;

static int shapes(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    out[0] = call->in[0];
    return FOV_OK;
}

static void define(const fov_operator_call *call, const double *const *in, double *const *out)
{
    for (int64_t i = 0; i < call->in[0].dim[0] * call->in[0].dim[1]; i++)
        out[0][i] = in[0][i];
}

static void compute_late(const fov_operator_call *call, const float *const *in, float *const *out)
{
    sleep_for(layer_seconds);
    for (int64_t i = 0; i < call->in[0].dim[0] * call->in[0].dim[1]; i++)
        out[0][i] = in[0][i];
}

static void gradient(const fov_operator_gradient *g)
{
    g->in_gradient[0] = fov_node(g->graph, "late_gradient", &g->out_gradient[0], 1);
}

static fov_model *build(fov_context *context)
{
    const fov_operator late = {.name = "late", .inputs = 1, .outputs = 1, .shapes = shapes, .define = define,
                               .gradient = gradient};
    const fov_operator slope = {.name = "late_gradient", .inputs = 1, .outputs = 1, .shapes = shapes,
                                .define = define, .compute = compute_late};

    if (fov_operator_register(context, &late) != FOV_OK || fov_operator_register(context, &slope) != FOV_OK)
        return NULL;
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value  x = fov_input(graph, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, 1, 28, 28)), y;

    y = fov_dense(graph, fov_flatten(graph, x), .units = UNITS);
    for (int i = 0; i < LAYERS; i++) {
        y = fov_node(graph, "late", &y, 1);
        y = fov_relu(graph, fov_dense(graph, y, .units = UNITS));
    }
    return fov_model_set_input_output(model, x, fov_dense(graph, y, .units = 10)) == FOV_OK ? model : NULL;
}

static int train(const fov_ranks *ranks, struct course *course)
{
    fov_context      *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 1});
    fov_dataset      *data = fov_dataset_open(context, "digits:400", FOV_TRAIN);
    fov_model        *model = build(context);
    fov_train_options options = {.epochs = 1000, .batch = 4, .accumulate = ranks->count, .lr = 0.001f,
                                 .schedule = "constant", .ranks = ranks, .on_step = note, .user = course};
    int               status = data && model ? fov_train_opt(model, data, &options) : FOV_E_USAGE;

    if (status != FOV_OK)
        fprintf(stderr, "rank %d: %s\n", ranks->rank, fov_error(context));
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
    return status;
}

/* ---- ranks --------------------------------------------------------------------------------------------------------- */

/* Closes all sockets except those of `rank`; -1: closes all. */
static void close_ends(const struct link *links, int count, int rank)
{
    for (int a = 0; a < count; a++)
        for (int b = 0; b < count; b++)
            if (a != b && a != rank)
                close(links[a].end[b]);
}

/* The median time of an update in seconds; negative: a failure. */
static double measure(int count, double bytes_per_second, bool one_thread)
{
    struct link   links[MOST];
    struct course course = {.updates = 0};
    int           status = FOV_OK;

    for (int a = 0; a < count; a++)
        for (int b = 0; b < a; b++) {
            int pair[2];

            if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
                return -1;
            links[a].end[b] = pair[0];
            links[b].end[a] = pair[1];
        }
    for (int rank = count - 1; rank >= 0; rank--) {
        fov_ranks ranks = {.rank = rank, .count = count, .send = send_all, .receive = receive_all,
                           .user = &links[rank], .one_thread = one_thread};

        links[rank].bytes_per_second = bytes_per_second;
        if (rank > 0) {
            pid_t child = fork();

            if (child < 0)
                return -1;
            if (child == 0) {
                close_ends(links, count, rank);
                _exit(train(&ranks, NULL) == FOV_OK ? 0 : 1);
            }
            continue;
        }
        status = train(&ranks, &course);
    }
    close_ends(links, count, -1); /* ends the others, should this rank have failed */
    while (wait(NULL) > 0)
        ;
    if (status != FOV_OK || course.updates == 0)
        return -1;
    qsort(course.seconds, (size_t)course.updates, sizeof *course.seconds, by_value);
    return course.seconds[course.updates / 2];
}

int main(int argc, char **argv)
{
    int    count = argc > 1 ? atoi(argv[1]) : 2;
    double rate = argc > 2 ? atof(argv[2]) : 1000, backward = argc > 3 ? atof(argv[3]) : 400;

    if (count < 2 || count > MOST || !(rate > 0) || !(backward >= 0)) {
        fprintf(stderr, "usage: ranks [RANKS 2..%d] [MBIT/S] [BACKWARD MS]\n", MOST);
        return 2;
    }
    layer_seconds = backward / 1e3 / LAYERS;
    for (int one_thread = 1; one_thread >= 0; one_thread--) {
        double seconds = measure(count, rate * 1e6 / 8, one_thread);

        if (seconds < 0)
            return 1;
        printf("%d ranks, %g Mbit/s, a backward pass of %g ms, sent %s: %.0f ms an update\n", count, rate, backward,
               one_thread ? "afterwards" : "meanwhile", seconds * 1e3);
        fflush(stdout);
    }
    return 0;
}
