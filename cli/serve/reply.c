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
    if (loop->stops) {
        add_header(request, "Connection", "close");
    }
    if (out != NULL && reply->body != NULL) {
        evbuffer_add_reference(out, reply->body, reply->size, free_body, reply->body);
        reply->body = NULL;
    }
    loop->replies[reply->code / 100 < 6 ? reply->code / 100 : 5]++;
    reply_count(loop, request);
    evhttp_send_reply(request, reply->code, NULL, out);
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
    loop->replies[2]++;
    reply_count(loop, request);
    evhttp_send_reply(request, 200, NULL, out);
    if (out != NULL) {
        evbuffer_free(out);
    }
}
