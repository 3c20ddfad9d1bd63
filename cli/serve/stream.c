/* SPDX-License-Identifier: MIT */
/* Streams of server-sent events, once a second: the rows of a watched run, and the steps of the training in this
 * process (fovea train --serve). Events: "rows" (columns and new rows of history.csv), "steps" (points of the loss, and
 * the training's progress), "end" (the training in this process has ended). */
#include "cli/serve/loop.h"
#include <stdlib.h>
#include <string.h>

enum { PING = 15 /* seconds after which a silent stream sends a comment, to keep the connection */ };

static bool is_live(const struct loop *loop, const struct stream *stream)
{
    const struct watched *watched = loop->server->watched;
    return watched != NULL && strcmp(watched->name, stream->run) == 0;
}

/* Owns the object from here on. */
static void add_event(struct evbuffer *out, const char *name, json_t *object)
{
    char *text = json_dumps(object, JSON_REAL_PRECISION(9));
    evbuffer_add_printf(out, "event: %s\ndata: %s\n\n", name, text != NULL ? text : "{}");
    free(text);
    json_decref(object);
}

static void add_rows(struct loop *loop, struct stream *stream, struct evbuffer *out)
{
    json_t *run = runs_read(loop->server, stream->run, stream->rows);
    json_t *rows = run != NULL ? json_object_get(run, "rows") : NULL;
    size_t count = rows != NULL ? json_array_size(rows) : 0;
    if (count > 0) {
        stream->rows += count;
        add_event(out, "rows", run);
    } else {
        json_decref(run);
    }
}

/* `steps` may be NULL and stays the caller's. */
static void send_news(struct loop *loop, struct stream *stream, json_t *steps, bool ends)
{
    struct evbuffer *out = evbuffer_new();
    if (out == NULL) {
        return;
    }
    add_rows(loop, stream, out);
    if (steps != NULL) {
        add_event(out, "steps", json_incref(steps));
    }
    if (ends) {
        add_event(out, "end", json_object());
    }
    stream->quiet++;
    if (evbuffer_get_length(out) == 0 && stream->quiet >= PING) {
        evbuffer_add_printf(out, ": still here\n\n");
    }
    if (evbuffer_get_length(out) > 0) {
        evhttp_send_reply_chunk(stream->request, out);
        stream->quiet = 0;
    }
    evbuffer_free(out);
}

static void end_stream(struct loop *loop, struct stream *stream, bool gone)
{
    struct evhttp_request *request = stream->request;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    stream->request = NULL;
    if (connection != NULL) {
        evhttp_connection_set_closecb(connection, NULL, NULL);
    }
    if (gone) {
        loop->open--;
        return;
    }
    reply_count(loop, request);
    evhttp_send_reply_end(request);
}

static void on_hangup(struct evhttp_connection *connection, void *user)
{
    struct loop *loop = user;
    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &loop->streams[i];
        if (stream->request != NULL && evhttp_request_get_connection(stream->request) == connection) {
            end_stream(loop, stream, true);
        }
    }
}

void stream_begin(struct loop *loop, struct evhttp_request *request, const char *run)
{
    struct stream *stream = NULL;
    for (int i = 0; i < STREAMS && stream == NULL; i++) {
        stream = loop->streams[i].request == NULL ? &loop->streams[i] : NULL;
    }
    json_t *known = stream != NULL ? runs_read(loop->server, run, (size_t)-2) : NULL;
    if (stream == NULL || known == NULL) {
        bool full = stream == NULL;
        reply_sentence(loop, request, full ? 429 : 404,
                       full ? "too many watch runs already: try again later" : "no run of that name; GET /api/runs lists them");
        return;
    }
    json_decref(known);
    *stream = (struct stream){.request = request};
    snprintf(stream->run, sizeof stream->run, "%s", run);
    reply_headers(request, "text/event-stream", false);
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_hangup, loop);
    evhttp_send_reply_start(request, 200, reply_phrase(200));
    log_request(loop, request, 200, 0, NULL);
    reply_note(loop, 200);
    json_t *steps = is_live(loop, stream) ? watched_points(loop->server->watched, true) : NULL;
    send_news(loop, stream, steps, false);
    json_decref(steps);
}

void streams_tick(struct loop *loop)
{
    struct watched *watched = loop->server->watched;
    json_t *steps = watched != NULL && watched_tick(watched) ? watched_points(watched, false) : NULL;
    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &loop->streams[i];
        if (stream->request == NULL) {
            continue;
        }
        bool gone = evhttp_request_get_connection(stream->request) == NULL, live = is_live(loop, stream);
        if (!gone && (live || !loop->stops)) {
            send_news(loop, stream, live ? steps : NULL, live && loop->stops);
        }
        if (gone || loop->stops) {
            end_stream(loop, stream, false);
        }
    }
    json_decref(steps);
}
