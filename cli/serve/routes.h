/* SPDX-License-Identifier: MIT */
/* The routes and the worker that answers each: one table, from which requests are routed and the OpenAPI document is
 * written. */
#ifndef CLI_SERVE_ROUTES_H
#define CLI_SERVE_ROUTES_H

#include "cli/serve/serve.h"

struct route {
    const char *path; /**< "/api/predict"; if it ends in '/', a name follows in the request's path */
    bool post;        /**< POST with a body; else GET */
    int worker;       /**< the worker that runs `work`; WORKERS: none, the event loop answers at once */
    void (*work)(struct job *job);
    void (*now)(struct server *server, struct job *job); /**< NULL, as `work` is: the stream of a run's events */
    const char *summary; /**< for the OpenAPI document */
    const char *query;   /**< "model,top,mask": the keys of the query string that it takes */
};

/** Finds a path's route. Returns 200, 404 (no such path) or 405 (the path takes the other method). */
int route_find(const char *path, bool post, const struct route **route);
/** Whether the query string's key at `name` is one that some route takes. In query.c. */
bool query_is_key(const char *name, size_t length);
/** Whether the route takes the query string's keys and all values are well formed; if not, writes one sentence to
 *  `problem`. In query.c, as query_schema, which returns the JSON schema of a key's values for the OpenAPI document. */
bool query_check(const struct route *route, const char *query, char *problem, size_t size);
json_t *query_schema(const char *name, size_t length);
/** The course, and a lesson's drawing. In lessons.c. */
void lessons_now(struct server *server, struct job *job);
void lesson_picture_now(struct server *server, struct job *job);
/** The server's counters as Prometheus text. In metrics.c. */
void metrics_now(struct server *server, struct job *job);

#endif
