/* SPDX-License-Identifier: MIT */
/* Who is connected and for how long. Also rewrites evhttp's own refusals (an invalid request line, a head or a body
 * beyond the limits): evhttp sends pages of HTML; the client gets a sentence in JSON, like every other refusal. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CROWDED = SERVE_CONNECTIONS * 3 / 4, CROWDED_SECONDS = 2, HEAD = 300 /* bytes of an answer's head */ };

void connection_problem(const struct loop *loop, int code, struct job *job)
{
    char most[NUMBER_SIZE];
    switch (code) {
    case 413:
        job_fail(job, code, "the request is too large: at most %s are taken (--max-upload)",
                 show_bytes(most, (double)loop->server->upload));
        break;
    case 408:
        job_fail(job, code, "the request did not arrive within %d s (--request-timeout)",
                 loop->server->request_seconds);
        break;
    case 417:
        job_fail(job, code, "the header Expect asks for something that is not known here");
        break;
    default:
        job_fail(job, code,
                 "this is no HTTP request that can be read: its first line, a header or its length is wrong, or its "
                 "head is longer than 16 KiB");
    }
}

/* The head of an answer that evhttp does not write; its body is the job's reply. */
static int write_head(char *text, size_t size, const struct job *job)
{
    return snprintf(text, size,
                    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                    job->reply.code, reply_phrase(job->reply.code), job->reply.size);
}

/* Replaces evhttp's HTML in the output buffer. libevent 2.1 offers no other place: evhttp_set_errorcb came with 2.2.
 * Output written while no request of the connection is being answered is evhttp's own; its page is complete when it
 * ends with the closing tag. */
static void on_written(struct evbuffer *out, const struct evbuffer_cb_info *info, void *user)
{
    static const char line[] = "HTTP/1.x ", end[] = "</HTML>\n";
    struct connection *connection = user;
    char head[sizeof line + 3] = "", tail[sizeof end] = "";
    size_t size = evbuffer_get_length(out);
    struct evbuffer_ptr place;
    if (connection->busy || info->n_added == 0 || size < sizeof head + sizeof tail ||
        evbuffer_copyout(out, head, sizeof head - 1) < 0 || strncmp(head, "HTTP/1.", 7) != 0 ||
        evbuffer_ptr_set(out, &place, size - (sizeof end - 1), EVBUFFER_PTR_SET) != 0 ||
        evbuffer_copyout_from(out, &place, tail, sizeof end - 1) < 0 || strcmp(tail, end) != 0) {
        return;
    }
    int code = atoi(head + sizeof line - 1);
    struct job job = {.next = NULL};
    connection->busy = true; /* keeps this callback away from the text written below */
    connection_problem(connection->loop, code >= 400 && code <= 599 ? code : 400, &job);
    evbuffer_drain(out, size);
    char answer[HEAD];
    int length = write_head(answer, sizeof answer, &job);
    evbuffer_add(out, answer, (size_t)length);
    evbuffer_add(out, job.reply.body, job.reply.size);
    log_request(connection->loop, NULL, job.reply.code, job.reply.size, job.reply.body);
    free(job.reply.body);
    connection->busy = false;
    reply_note(connection->loop, job.reply.code);
}

static void on_heard(struct evbuffer *in, const struct evbuffer_cb_info *info, void *user)
{
    struct connection *connection = user;
    (void)in;
    if (info->n_added > 0) {
        connection->heard = server_now();
        if (!connection->busy && connection->begun <= connection->since) {
            connection->begun = connection->heard;
        }
    }
}

struct bufferevent *connection_open(struct event_base *base, void *user)
{
    struct loop *loop = user;
    struct bufferevent *events = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (events != NULL && loop->connection_count < SERVE_CONNECTIONS) {
        struct connection *connection = take_memory(1, sizeof *connection);
        bufferevent_incref(events);
        double now = server_now();
        *connection = (struct connection){.loop = loop, .events = events, .since = now, .heard = now, .asked = now};
        connection->watcher = evbuffer_add_cb(bufferevent_get_output(events), on_written, connection);
        connection->listener = evbuffer_add_cb(bufferevent_get_input(events), on_heard, connection);
        loop->connections[loop->connection_count++] = connection;
    }
    if (loop->connection_count == SERVE_CONNECTIONS) {
        evconnlistener_disable(loop->listener); /* further connections wait in the system's queue */
    }
    return events;
}

struct connection *connection_of(struct loop *loop, struct evhttp_request *request)
{
    struct evhttp_connection *http = evhttp_request_get_connection(request);
    struct bufferevent *events = http != NULL ? evhttp_connection_get_bufferevent(http) : NULL;
    for (int i = 0; i < loop->connection_count; i++) {
        if (loop->connections[i]->events == events) {
            return loop->connections[i];
        }
    }
    return NULL;
}

static void drop(struct connection *connection)
{
    if (connection->watcher != NULL) {
        evbuffer_remove_cb_entry(bufferevent_get_output(connection->events), connection->watcher);
    }
    if (connection->listener != NULL) {
        evbuffer_remove_cb_entry(bufferevent_get_input(connection->events), connection->listener);
    }
    bufferevent_decref(connection->events);
    free(connection);
}

/* Tells a client that its request has not arrived in time, past evhttp, which is still reading: nothing else is being
 * written on the connection. A client that does not read is not waited for. */
static void refuse_late(struct connection *connection)
{
    struct job job = {.next = NULL};
    char answer[HEAD + SERVE_PROBLEM];
    connection_problem(connection->loop, 408, &job);
    size_t length = (size_t)write_head(answer, sizeof answer, &job);
    length = append_text(answer, sizeof answer, length, "%s", job.reply.body);
    (void)!send(bufferevent_getfd(connection->events), answer, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    log_request(connection->loop, NULL, 408, job.reply.size, job.reply.body);
    reply_note(connection->loop, 408);
    free(job.reply.body);
}

void connections_sweep(struct loop *loop)
{
    double now = server_now();
    bool is_crowded = loop->connection_count >= CROWDED; /* then silent connections make room for others */
    for (int i = loop->connection_count - 1; i >= 0; i--) {
        struct connection *at = loop->connections[i];
        bufferevent_data_cb read = NULL;
        bufferevent_event_cb event = NULL;
        bufferevent_getcb(at->events, &read, NULL, &event, NULL);
        if (read == NULL && event == NULL) {
            drop(at);
            loop->connections[i] = loop->connections[--loop->connection_count];
            continue;
        }
        bool is_arriving = at->begun > at->since; /* part of a request is here */
        bool is_late = now - (is_arriving ? at->begun : at->since) > loop->server->request_seconds;
        bool is_silent = is_crowded && now - at->since > CROWDED_SECONDS && now - at->heard > CROWDED_SECONDS;
        if (!at->busy && (is_late || is_silent)) {
            bool is_told = is_late && is_arriving && !at->is_told;
            if (is_told) {
                refuse_late(at);
                at->is_told = true;
            }
            /* Unread bytes would make the system drop the answer with the connection: its other half goes a second later. */
            shutdown(bufferevent_getfd(at->events), is_told ? SHUT_WR : SHUT_RDWR);
        }
    }
    if (loop->connection_count < SERVE_CONNECTIONS) {
        evconnlistener_enable(loop->listener);
    }
}

void connections_free(struct loop *loop)
{
    for (int i = 0; i < loop->connection_count; i++) {
        drop(loop->connections[i]);
    }
    loop->connection_count = 0;
}
