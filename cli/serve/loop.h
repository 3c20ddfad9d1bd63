/* SPDX-License-Identifier: MIT */
/* The event loop from inside: what its files share. server.c begins and ends it and reads requests; connections.c knows
 * who is connected, reply.c sends, stream.c sends on and on. One thread runs all of it but loop_take_back. */
#ifndef CLI_SERVE_LOOP_H
#define CLI_SERVE_LOOP_H

#include "cli/serve/serve.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

enum { STREAMS = 32, HEAD_BYTES = 16384 /* of a request, before its body */, SIGNALS = 3 };

/** A connection: evhttp says neither when one comes nor when one goes, so each is looked at once a second. */
struct connection {
    struct loop *loop;
    struct bufferevent *events;
    struct evbuffer_cb_entry *watcher; /**< of what is written to it */
    double since;                      /**< the last answer, or its beginning */
    bool busy;                         /**< a request of it is being answered */
};

/** Who watches a run. */
struct stream {
    struct evhttp_request *request; /**< NULL: nobody */
    char run[SERVE_NAME];
    size_t rows; /**< sent so far */
    int quiet;   /**< seconds since something was sent */
};

struct loop {
    struct server *server;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *wake, *tick, *signals[SIGNALS];
    int pipe[2];
    pthread_mutex_t lock;
    struct job *finished; /**< under the lock, as the next one */
    bool told_to_stop;    /**< by another thread */
    struct connection *connections[SERVE_CONNECTIONS];
    int connection_count;
    struct stream streams[STREAMS];
    bool stops;
    double stopping_since;        /**< seconds */
    int open;                     /**< requests that are being answered */
    uint64_t replies[6], refused; /**< by the first digit of the code; those refused by the guard */
};

/* ---- connections.c ----------------------------------------------------------------------------------------------- */

/** evhttp's asking for the buffers of a new connection; `user` is the loop. */
struct bufferevent *connection_open(struct event_base *base, void *user);
struct connection *connection_of(struct loop *loop, struct evhttp_request *request);
/** Lets go of those that evhttp has closed, and hangs up on those that take too long to say what they want. */
void connections_sweep(struct loop *loop);
void connections_free(struct loop *loop);

/* ---- reply.c ----------------------------------------------------------------------------------------------------- */

void reply_headers(struct evhttp_request *request, const char *type, bool is_report);
/** Before the last of a reply is handed to evhttp: counts the request as answered when all of it was written. */
void reply_count(struct loop *loop, struct evhttp_request *request);
/** Takes the reply's body. */
void reply_send(struct loop *loop, struct evhttp_request *request, struct reply *reply);
void reply_sentence(struct loop *loop, struct evhttp_request *request, int code, const char *sentence);
void reply_file(struct loop *loop, struct evhttp_request *request, const struct page_file *file);

/* ---- stream.c ---------------------------------------------------------------------------------------------------- */

/** Answers with the run's rows as server-sent events, now and as they come. */
void stream_begin(struct loop *loop, struct evhttp_request *request, const char *run);
/** What came since the last second; all end where the loop stops. */
void streams_tick(struct loop *loop);

#endif
