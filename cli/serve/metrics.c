/* SPDX-License-Identifier: MIT */
/* GET /metrics: the server's counters in Prometheus' text format. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include "cli/serve/routes.h"

void metrics_now(struct server *server, struct job *job)
{
    struct loop *loop = server->loop;
    enum { ROOM = 8192 };
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
    used = append_text(text, ROOM, used,
                       "# TYPE fovea_jobs_total counter\n# TYPE fovea_jobs_failed_total counter\n"
                       "# TYPE fovea_jobs_waiting gauge\n# TYPE fovea_busy_seconds_total counter\n");
    for (int i = 0; i < WORKERS; i++) {
        struct worker *worker = &server->workers[i];
        if (!worker->runs) {
            continue;
        }
        pthread_mutex_lock(&worker->lock);
        used = append_text(text, ROOM, used,
                           "fovea_jobs_total{worker=\"%s\"} %llu\nfovea_jobs_failed_total{worker=\"%s\"} %llu\n"
                           "fovea_jobs_waiting{worker=\"%s\"} %d\nfovea_busy_seconds_total{worker=\"%s\"} %.6f\n",
                           worker->name, (unsigned long long)worker->done, worker->name,
                           (unsigned long long)worker->failed, worker->name, worker->waiting, worker->name,
                           worker->seconds);
        pthread_mutex_unlock(&worker->lock);
    }
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
