/* SPDX-License-Identifier: MIT */
/* What can be asked, and by whom it is answered: one table, from which requests are routed and the OpenAPI document is
 * written. */
#ifndef CLI_SERVE_ROUTES_H
#define CLI_SERVE_ROUTES_H

#include "cli/serve/serve.h"

struct route {
    const char *path; /**< "/api/predict"; one that ends in '/' takes a name behind it */
    bool post;        /**< POST with a body; else GET */
    int worker;       /**< who works on it; WORKERS: the event loop answers at once */
    void (*work)(struct job *job);
    void (*now)(struct server *server, struct job *job);
    const char *summary; /**< for the document */
    const char *query;   /**< "model,top,mask": what ?KEY=VALUE it knows */
};

/** The route of a path, and whether it is asked in the right way: 200, 404 or 405. */
int route_find(const char *path, bool post, const struct route **route);
/** Whether what stands behind the ? is known to the route and well formed; else one sentence in `problem`. Of query.c, as
 *  is the next one: what the values of a key are, for the document. */
bool query_check(const struct route *route, const char *query, char *problem, size_t size);
json_t *query_schema(const char *name, size_t length);
/** The course, and a lesson's drawing. Of lessons.c. */
void lessons_now(struct server *server, struct job *job);
void lesson_picture_now(struct server *server, struct job *job);
/** Prometheus text: what is counted. Of metrics.c. */
void metrics_now(struct server *server, struct job *job);

#endif
