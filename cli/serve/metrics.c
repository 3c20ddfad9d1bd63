/* SPDX-License-Identifier: MIT */
/* GET /metrics: the server's counters in Prometheus' text format. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include "cli/serve/routes.h"
#include <string.h>

enum { ROOM = 1 << 18 /* for 16 models of long names */ };

const double latency_limits[SERVE_LATENCIES] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
                                                10, 30};

static size_t add_head(char *text, size_t used, const char *name, const char *type, const char *help)
{
    return append_text(text, ROOM, used, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Adds the metrics that each worker has: all lines of a metric in one group, as the format wants them. */
static size_t add_workers(char *text, size_t used, struct server *server)
{
    static const struct {
        const char *name, *type, *help;
    } metrics[] = {
        {"fovea_jobs_total", "counter", "Requests that a worker has finished."},
        {"fovea_jobs_failed_total", "counter", "Those of them that were answered with 4xx or 5xx."},
        {"fovea_jobs_waiting", "gauge", "Requests that wait for a worker now."},
        {"fovea_busy_seconds_total", "counter", "Seconds that a worker has spent on requests."}};
    for (int metric = 0; metric < (int)(sizeof metrics / sizeof *metrics); metric++) {
        used = add_head(text, used, metrics[metric].name, metrics[metric].type, metrics[metric].help);
        for (int i = 0; i < WORKERS; i++) {
            struct worker *worker = &server->workers[i];
            if (!worker->runs) {
                continue;
            }
            pthread_mutex_lock(&worker->lock);
            const double values[] = {(double)worker->done, (double)worker->failed, worker->waiting, worker->seconds};
            pthread_mutex_unlock(&worker->lock);
            used = append_text(text, ROOM, used, "%s{worker=\"%s\"} %.16g\n", metrics[metric].name, worker->name,
                               values[metric]);
        }
    }
    return used;
}

/* Adds a model's histogram of latencies; each bucket also counts those of the smaller limits. */
static size_t add_latencies(char *text, size_t used, const char *model, const struct latencies *latencies)
{
    static const char name[] = "fovea_predict_seconds";
    uint64_t count = 0;
    for (int i = 0; i <= SERVE_LATENCIES; i++) {
        char limit[32] = "+Inf";
        if (i < SERVE_LATENCIES) {
            snprintf(limit, sizeof limit, "%g", latency_limits[i]);
        }
        count += latencies->counts[i];
        used = append_text(text, ROOM, used, "%s_bucket{model=\"%s\",le=\"%s\"} %llu\n", name, model, limit,
                           (unsigned long long)count);
    }
    return append_text(text, ROOM, used, "%s_sum{model=\"%s\"} %.9g\n%s_count{model=\"%s\"} %llu\n", name, model,
                       latencies->seconds, name, model, (unsigned long long)count);
}

/* Adds the metrics of predictions. */
static size_t add_predictions(char *text, size_t used, struct server *server)
{
    struct worker *answers = &server->workers[WORKER_ANSWER];
    if (!answers->runs) {
        return used;
    }
    pthread_mutex_lock(&answers->lock);
    used = add_head(text, used, "fovea_batches_total", "counter", "Batches that went through a network.");
    used = append_text(text, ROOM, used, "fovea_batches_total %llu\n", (unsigned long long)answers->batches);
    used = add_head(text, used, "fovea_pictures_total", "counter", "Pictures in these batches.");
    used = append_text(text, ROOM, used, "fovea_pictures_total %llu\n", (unsigned long long)answers->batched);
    used = add_head(text, used, "fovea_predict_seconds", "histogram",
                    "Seconds from the arrival of a POST /api/predict to its answer, of those answered with 200.");
    for (int i = 0; i < server->model_count; i++) {
        used = add_latencies(text, used, server->names[i], &answers->latencies[i]);
    }
    pthread_mutex_unlock(&answers->lock);
    return used;
}

void metrics_now(struct server *server, struct job *job)
{
    struct loop *loop = server->loop;
    char *text = take_memory(ROOM, 1);
    size_t used = add_head(text, 0, "fovea_replies_total", "counter", "Replies by the first digit of their status.");
    for (int i = 2; i < 6; i++) {
        used = append_text(text, ROOM, used, "fovea_replies_total{code=\"%dxx\"} %llu\n", i,
                           (unsigned long long)loop->replies[i]);
    }
    used = add_head(text, used, "fovea_refused_total", "counter",
                    "Requests that were refused, by status: no token, foreign, too large, too many, stopping.");
    for (int i = 0; i < LOOP_REFUSALS; i++) {
        used = append_text(text, ROOM, used, "fovea_refused_total{code=\"%d\"} %llu\n", loop_refusals[i],
                           (unsigned long long)loop->refused[i]);
    }
    used = add_head(text, used, "fovea_connections", "gauge", "Open connections.");
    used = append_text(text, ROOM, used, "fovea_connections %d\n", loop->connection_count);
    used = add_workers(text, used, server);
    used = add_predictions(text, used, server);
    job->reply = (struct reply){.code = 200, .type = "text/plain; version=0.0.4", .body = text, .size = used};
}
