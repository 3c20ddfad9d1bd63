/* SPDX-License-Identifier: MIT */
/* The log of requests (-v): a line for each on standard error, with the time, the request, the status, how long it took
 * and, for a refusal, its sentence. Of the query string it has only the keys that routes take, so never the token. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include "cli/serve/routes.h"
#include <string.h>
#include <time.h>

enum { SHOWN_PATH = 512, SHOWN_LINE = 4096 };

static const char *method_of(enum evhttp_cmd_type type)
{
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } methods[] = {{EVHTTP_REQ_GET, "GET"}, {EVHTTP_REQ_POST, "POST"}, {EVHTTP_REQ_HEAD, "HEAD"},
                   {EVHTTP_REQ_PUT, "PUT"}, {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"},
                   {EVHTTP_REQ_TRACE, "TRACE"}, {EVHTTP_REQ_CONNECT, "CONNECT"}, {EVHTTP_REQ_PATCH, "PATCH"}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].type == type) {
            return methods[i].name;
        }
    }
    return "?";
}

/* The path and the known keys of the query string; "-": it could not be read. */
static void show_path(char out[SHOWN_PATH], const struct evhttp_uri *uri)
{
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    const char *at = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
    size_t used = append_text(out, SHOWN_PATH, 0, "%.300s", path != NULL && *path != '\0' ? path : "-");
    char sign = '?';
    while (at != NULL && *at != '\0') {
        size_t whole = strcspn(at, "&"), length = strcspn(at, "=&");
        if (whole < 200 && query_is_key(at, length)) {
            used = append_text(out, SHOWN_PATH, used, "%c%.*s", sign, (int)whole, at);
            sign = '&';
        }
        at += whole + (at[whole] == '&');
    }
}

/* The sentence of {"error": "sentence"}. The caller frees the object, to which the text belongs. */
static const char *sentence_of(const char *body, size_t size, json_t **object)
{
    *object = body != NULL ? json_loadb(body, size, 0, NULL) : NULL;
    return *object != NULL ? json_string_value(json_object_get(*object, "error")) : NULL;
}

void log_request(struct loop *loop, struct evhttp_request *request, int code, size_t bytes, const char *reason)
{
    char path[SHOWN_PATH], line[SHOWN_LINE], clean[SHOWN_LINE], when[32];
    struct timespec now;
    struct tm parts;
    json_t *object;
    if (!loop->server->cli->verbose) {
        return;
    }
    const struct connection *connection = request != NULL ? connection_of(loop, request) : NULL;
    double milliseconds = connection != NULL ? 1e3 * (server_now() - connection->asked) : 0.0;
    const char *sentence = sentence_of(reason, bytes, &object);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &parts);
    show_path(path, request != NULL ? evhttp_request_get_evhttp_uri(request) : NULL);
    size_t used = append_text(line, sizeof line, 0, "%s.%03dZ %s %s %d %.1f ms %zu bytes", when,
                              (int)(now.tv_nsec / 1000000),
                              request != NULL ? method_of(evhttp_request_get_command(request)) : "-", path, code,
                              milliseconds, bytes);
    if (sentence != NULL) {
        append_text(line, sizeof line, used, ": %s", sentence);
    }
    fprintf(stderr, "%s\n", show_clean(clean, sizeof clean, line));
    json_decref(object);
}
