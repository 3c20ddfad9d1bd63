/* SPDX-License-Identifier: MIT */
/* GET /metrics: the server's counters in Prometheus' text format. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include "cli/serve/routes.h"
#include <string.h>

enum { ROOM = 8192 };

/* Adds the metrics that each worker has: all lines of a metric in one group, as the format wants them. */
static size_t add_workers(char *text, size_t used, struct server *server)
{
    static const char *const names[] = {"fovea_jobs_total", "fovea_jobs_failed_total", "fovea_jobs_waiting",
                                        "fovea_busy_seconds_total"};
    for (int metric = 0; metric < (int)(sizeof names / sizeof *names); metric++) {
        used = append_text(text, ROOM, used, "# TYPE %s %s\n", names[metric],
                           strcmp(names[metric], "fovea_jobs_waiting") == 0 ? "gauge" : "counter");
        for (int i = 0; i < WORKERS; i++) {
            struct worker *worker = &server->workers[i];
            if (!worker->runs) {
                continue;
            }
            pthread_mutex_lock(&worker->lock);
            const double values[] = {(double)worker->done, (double)worker->failed, worker->waiting, worker->seconds};
            pthread_mutex_unlock(&worker->lock);
            used = append_text(text, ROOM, used, "%s{worker=\"%s\"} %.16g\n", names[metric], worker->name,
                               values[metric]);
        }
    }
    return used;
}

void metrics_now(struct server *server, struct job *job)
{
    struct loop *loop = server->loop;
    char *text = take_memory(ROOM, 1);
    size_t used = append_text(text, ROOM, 0, "# TYPE fovea_replies_total counter\n");
    for (int i = 2; i < 6; i++) {
        used = append_text(text, ROOM, used, "fovea_replies_total{code=\"%dxx\"} %llu\n", i,
                           (unsigned long long)loop->replies[i]);
    }
    used = append_text(text, ROOM, used, "# TYPE fovea_refused_total counter\nfovea_refused_total %llu\n",
                       (unsigned long long)loop->refused);
    used =
        append_text(text, ROOM, used, "# TYPE fovea_connections gauge\nfovea_connections %d\n", loop->connection_count);
    used = add_workers(text, used, server);
    struct worker *answers = &server->workers[WORKER_ANSWER];
    if (answers->runs) {
        pthread_mutex_lock(&answers->lock);
        used = append_text(text, ROOM, used,
                           "# TYPE fovea_batches_total counter\nfovea_batches_total %llu\n"
                           "# TYPE fovea_pictures_total counter\nfovea_pictures_total %llu\n",
                           (unsigned long long)answers->batches, (unsigned long long)answers->batched);
        pthread_mutex_unlock(&answers->lock);
    }
    job->reply = (struct reply){.code = 200, .type = "text/plain; version=0.0.4", .body = text, .size = used};
}
