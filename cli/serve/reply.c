/* SPDX-License-Identifier: MIT */
/* Sends replies, with the headers that protect the page. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include <stdlib.h>
#include <string.h>

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
/* A run's report contains its style and its pictures (data: URLs), and no scripts. */
static const char report_policy[] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
                                    "form-action 'none'; frame-ancestors 'none'";

const int loop_refusals[LOOP_REFUSALS] = {401, 403, 405, 408, 413, 421, 429, 503};

const char *reply_phrase(int code)
{
    static const struct {
        int code;
        const char *phrase;
    } phrases[] = {{200, "OK"}, {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"},
                   {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"},
                   {409, "Conflict"}, {413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"}, {421, "Misdirected Request"}, {422, "Unprocessable Content"},
                   {429, "Too Many Requests"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
                   {503, "Service Unavailable"}};
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].code == code) {
            return phrases[i].phrase;
        }
    }
    return code < 500 ? "Bad Request" : "Internal Server Error";
}

void reply_note(struct loop *loop, int code)
{
    loop->replies[code / 100 < 6 ? code / 100 : 5]++;
    for (int i = 0; i < LOOP_REFUSALS; i++) {
        loop->refused[i] += loop_refusals[i] == code;
    }
}

static void add_header(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

void reply_headers(struct evhttp_request *request, const char *type, bool is_report)
{
    add_header(request, "Content-Type", type);
    add_header(request, "Content-Security-Policy", is_report ? report_policy : page_policy);
    add_header(request, "X-Content-Type-Options", "nosniff");
    add_header(request, "Referrer-Policy", "no-referrer");
    add_header(request, "Cross-Origin-Opener-Policy", "same-origin");
    add_header(request, "Cross-Origin-Resource-Policy", "same-origin");
    add_header(request, "Permissions-Policy", "camera=(self), microphone=(), geolocation=()");
    add_header(request, "Cache-Control", "no-store");
}

static void on_sent(struct evhttp_request *request, void *user)
{
    struct loop *loop = user;
    struct connection *connection = connection_of(loop, request);
    if (connection != NULL) {
        connection->busy = false;
        connection->since = server_now();
    }
    loop->open--;
}

void reply_count(struct loop *loop, struct evhttp_request *request)
{
    if (evhttp_request_get_connection(request) == NULL) {
        loop->open--; /* the client has gone; evhttp frees the request */
    } else {
        evhttp_request_set_on_complete_cb(request, on_sent, loop);
    }
}

static void free_body(const void *bytes, size_t size, void *body)
{
    (void)bytes;
    (void)size;
    free(body);
}

void reply_send(struct loop *loop, struct evhttp_request *request, struct reply *reply)
{
    struct evbuffer *out = evbuffer_new();
    char text[160];
    bool is_report = reply->type != NULL && strncmp(reply->type, "text/html", 9) == 0;
    reply_headers(request, reply->type != NULL ? reply->type : "application/json", is_report);
    if (reply->timing[0] != '\0') {
        add_header(request, "Server-Timing", reply->timing);
    }
    if (reply->file[0] != '\0') {
        snprintf(text, sizeof text, "attachment; filename=\"%s\"", reply->file);
        add_header(request, "Content-Disposition", text);
    }
    if (reply->code == 429 || reply->code == 503) {
        add_header(request, "Retry-After", "1");
    }
    if (reply->code == 401) {
        add_header(request, "WWW-Authenticate", "Bearer realm=\"fovea\"");
    }
    if (reply->allow != NULL) {
        add_header(request, "Allow", reply->allow);
    }
    if (reply->where[0] != '\0') {
        add_header(request, "Location", reply->where);
    }
    if (loop->stops || evhttp_request_get_evhttp_uri(request) == NULL) { /* NULL: the request was not read to its end */
        add_header(request, "Connection", "close");
    }
    log_request(loop, request, reply->code, reply->size, reply->code >= 400 ? reply->body : NULL);
    if (out != NULL && reply->body != NULL) {
        evbuffer_add_reference(out, reply->body, reply->size, free_body, reply->body);
        reply->body = NULL;
    }
    reply_note(loop, reply->code);
    reply_count(loop, request);
    evhttp_send_reply(request, reply->code, reply_phrase(reply->code), out);
    if (out != NULL) {
        evbuffer_free(out);
    }
}

void reply_sentence(struct loop *loop, struct evhttp_request *request, int code, const char *sentence)
{
    struct job job = {.next = NULL};
    job_fail(&job, code, "%s", sentence);
    reply_send(loop, request, &job.reply);
    free(job.reply.body);
}

void reply_file(struct loop *loop, struct evhttp_request *request, const struct page_file *file)
{
    struct evbuffer *out = evbuffer_new();
    reply_headers(request, file->type, false);
    if (out != NULL) {
        evbuffer_add_reference(out, file->bytes, file->size, NULL, NULL);
    }
    log_request(loop, request, 200, file->size, NULL);
    reply_note(loop, 200);
    reply_count(loop, request);
    evhttp_send_reply(request, 200, reply_phrase(200), out);
    if (out != NULL) {
        evbuffer_free(out);
    }
}
