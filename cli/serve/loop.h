/* SPDX-License-Identifier: MIT */
/* The inside of the event loop, shared by its files. server.c starts and ends it and reads requests; connections.c
 * tracks connections, reply.c sends replies, stream.c sends event streams. One thread runs everything except
 * loop_take_back. */
#ifndef CLI_SERVE_LOOP_H
#define CLI_SERVE_LOOP_H

#include "cli/serve/serve.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

enum { LOOP_REFUSALS = 8 };
extern const int loop_refusals[LOOP_REFUSALS]; /**< statuses that say that a request was not even tried; in reply.c */

enum { STREAMS = 32, HEAD_BYTES = 16384 /* of a request, before its body */, SIGNALS = 3 };

/** A connection. evhttp reports neither the beginning nor the end of one, so connections_sweep looks once a second. */
struct connection {
    struct loop *loop;
    struct bufferevent *events;
    struct evbuffer_cb_entry *watcher;  /**< callback on its output buffer */
    struct evbuffer_cb_entry *listener; /**< callback on its input buffer */
    double since;                       /**< time of the last answer, or of the connection's beginning */
    double heard;                       /**< time of the last bytes from the client, or of the connection's beginning */
    double begun;                       /**< time of the first bytes of the next request; before `since`: none */
    double asked;                       /**< time of the last request's arrival */
    bool busy;                          /**< one of its requests is being answered */
    bool is_told;                       /**< the client has been told that its request came too late */
};

/** A client that watches a run. */
struct stream {
    struct evhttp_request *request; /**< NULL: the place is free */
    char run[SERVE_NAME];
    size_t rows; /**< sent so far */
    int quiet;   /**< seconds since the last data were sent */
};

struct loop {
    struct server *server;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *wake, *tick, *signals[SIGNALS];
    int pipe[2];
    pthread_mutex_t lock;
    struct job *finished; /**< list, guarded by the lock, as is the next field */
    bool told_to_stop;    /**< set by another thread */
    struct connection *connections[SERVE_CONNECTIONS];
    int connection_count;
    struct stream streams[STREAMS];
    bool stops;
    double stopping_since;        /**< seconds */
    int open;                     /**< requests that are being answered */
    uint64_t replies[6]; /**< counts by the first digit of the status */
    uint64_t refused[LOOP_REFUSALS]; /**< counts by the status in loop_refusals */
};

/* ---- connections.c ----------------------------------------------------------------------------------------------- */

/** Callback with which evhttp asks for the bufferevent of a new connection; `user` is the loop. */
struct bufferevent *connection_open(struct event_base *base, void *user);
struct connection *connection_of(struct loop *loop, struct evhttp_request *request);
/** Sets the reply to a request that evhttp could not read or did not take. */
void connection_problem(const struct loop *loop, int code, struct job *job);
/** Removes connections that evhttp has closed, and closes those that take too long to send a request; where most places
 *  are taken, also those that have been silent for a few seconds. */
void connections_sweep(struct loop *loop);
void connections_free(struct loop *loop);

/* ---- reply.c ----------------------------------------------------------------------------------------------------- */

void reply_headers(struct evhttp_request *request, const char *type, bool is_report);
const char *reply_phrase(int code); /**< the reason phrase of RFC 9110: "Not Found" */
/** Counts a reply by its status. */
void reply_note(struct loop *loop, int code);
/** Call before the last part of a reply goes to evhttp: counts the request as answered once everything is written. */
void reply_count(struct loop *loop, struct evhttp_request *request);
/** Sends the reply; owns its body from here on. */
void reply_send(struct loop *loop, struct evhttp_request *request, struct reply *reply);
void reply_sentence(struct loop *loop, struct evhttp_request *request, int code, const char *sentence);
void reply_file(struct loop *loop, struct evhttp_request *request, const struct page_file *file);

/* ---- log.c ------------------------------------------------------------------------------------------------------- */

/** With -v: prints a line about an answered request on standard error, without its token. `request` NULL: it could not be
 *  read. `reason`: the JSON body of a refusal, or NULL. Call before the reply goes to evhttp. */
void log_request(struct loop *loop, struct evhttp_request *request, int code, size_t bytes, const char *reason);

/* ---- stream.c ---------------------------------------------------------------------------------------------------- */

/** Sends the run's rows as server-sent events: the present ones now, later ones as they come. */
void stream_begin(struct loop *loop, struct evhttp_request *request, const char *run);
/** Once a second: sends the rows that are new, and ends all streams if the loop is stopping. */
void streams_tick(struct loop *loop);

#endif
