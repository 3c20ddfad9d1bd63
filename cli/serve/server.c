/* SPDX-License-Identifier: MIT */
/* The event loop: sockets and HTTP by libevent's evhttp. It reads requests and sends replies; what computes is done by
 * workers (work.c), which say through a pipe that a job is finished. Bodies are raw bytes: there is no form and no
 * multipart to be parsed. Limits: bytes of head and body, connections, seconds that a request may take to arrive, jobs
 * that wait. */
#include "cli/options.h"
#include "cli/output.h"
#include "cli/serve/routes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, IDLE_SECONDS = 30, STREAMS = 32, LAST_SECONDS = 30, PING = 15 };

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
/* A run's page has its style within it, and pictures as data; it runs nothing. */
static const char report_policy[] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
                                    "form-action 'none'; frame-ancestors 'none'";

/* A connection: evhttp says neither when one comes nor when one goes, so each is looked at once a second. */
struct connection {
    struct bufferevent *events;
    double since; /* the last answer, or its beginning */
    bool busy;    /* a request of it is being answered */
};

/* Who watches a run. */
struct stream {
    struct evhttp_request *request;
    char run[SERVE_NAME];
    size_t rows; /* sent so far */
    int quiet;   /* seconds since something was sent */
};

struct loop {
    struct server *server;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *wake, *tick, *signals[3];
    int pipe[2];
    pthread_mutex_t lock;
    struct job *finished; /* under the lock */
    struct connection connections[SERVE_CONNECTIONS];
    int connection_count;
    struct stream streams[STREAMS];
    bool stops;
    double stopping_since;
    int open;                     /* requests that are being answered */
    uint64_t replies[6], refused; /* by the first digit of the code; those refused by the guard */
};

double server_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static struct bufferevent *on_connection(struct event_base *base, void *user)
{
    struct loop *loop = user;
    struct bufferevent *events = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (events != NULL && loop->connection_count < SERVE_CONNECTIONS) {
        bufferevent_incref(events);
        loop->connections[loop->connection_count++] = (struct connection){events, server_now(), false};
    }
    if (loop->connection_count == SERVE_CONNECTIONS) {
        evconnlistener_disable(loop->listener); /* the others wait in the system's queue */
    }
    return events;
}

static struct connection *connection_of(struct loop *loop, struct evhttp_request *request)
{
    struct evhttp_connection *http = evhttp_request_get_connection(request);
    struct bufferevent *events = http != NULL ? evhttp_connection_get_bufferevent(http) : NULL;
    for (int i = 0; i < loop->connection_count; i++) {
        if (loop->connections[i].events == events) {
            return &loop->connections[i];
        }
    }
    return NULL;
}

/* Lets go of those that evhttp has closed, and hangs up on those that take too long to say what they want. */
static void sweep(struct loop *loop)
{
    double now = server_now();
    for (int i = loop->connection_count - 1; i >= 0; i--) {
        struct connection *at = &loop->connections[i];
        bufferevent_data_cb read = NULL;
        bufferevent_event_cb event = NULL;
        bufferevent_getcb(at->events, &read, NULL, &event, NULL);
        if (read == NULL && event == NULL) {
            bufferevent_decref(at->events);
            *at = loop->connections[--loop->connection_count];
        } else if (!at->busy && now - at->since > SERVE_SECONDS) {
            shutdown(bufferevent_getfd(at->events), SHUT_RDWR);
        }
    }
    if (loop->connection_count < SERVE_CONNECTIONS && !loop->stops) {
        evconnlistener_enable(loop->listener);
    }
}

/* ---- replies ----------------------------------------------------------------------------------------------------- */

static void add_header(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

static void add_headers(struct evhttp_request *request, const char *type, const char *policy)
{
    add_header(request, "Content-Type", type);
    add_header(request, "Content-Security-Policy", policy);
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

static void free_body(const void *bytes, size_t size, void *body)
{
    (void)bytes;
    (void)size;
    free(body);
}

static void send_reply(struct loop *loop, struct evhttp_request *request, struct reply *reply)
{
    struct evbuffer *out = evbuffer_new();
    char text[160];
    bool is_report = reply->type != NULL && strncmp(reply->type, "text/html", 9) == 0;
    add_headers(request, reply->type != NULL ? reply->type : "application/json",
                is_report ? report_policy : page_policy);
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
    if (evhttp_request_get_connection(request) == NULL) {
        loop->open--; /* the asker has gone; evhttp frees the request */
    } else {
        evhttp_request_set_on_complete_cb(request, on_sent, loop);
    }
    evhttp_send_reply(request, reply->code, NULL, out);
    if (out != NULL) {
        evbuffer_free(out);
    }
}

static void send_sentence(struct loop *loop, struct evhttp_request *request, int code, const char *sentence)
{
    struct job job = {.next = NULL};
    job_fail(&job, code, "%s", sentence);
    send_reply(loop, request, &job.reply);
    free(job.reply.body);
}

static void send_file(struct loop *loop, struct evhttp_request *request, const struct page_file *file)
{
    struct evbuffer *out = evbuffer_new();
    add_headers(request, file->type, page_policy);
    if (out != NULL) {
        evbuffer_add_reference(out, file->bytes, file->size, NULL, NULL);
    }
    loop->replies[2]++;
    evhttp_request_set_on_complete_cb(request, on_sent, loop);
    evhttp_send_reply(request, 200, NULL, out);
    if (out != NULL) {
        evbuffer_free(out);
    }
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static void send_rows(struct loop *loop, struct stream *stream)
{
    json_t *run = runs_read(loop->server, stream->run, stream->rows);
    json_t *rows = run != NULL ? json_object_get(run, "rows") : NULL;
    size_t count = rows != NULL ? json_array_size(rows) : 0;
    struct evbuffer *out = evbuffer_new();
    if (out != NULL && count > 0) {
        char *text = json_dumps(run, JSON_REAL_PRECISION(9));
        evbuffer_add_printf(out, "event: rows\ndata: %s\n\n", text != NULL ? text : "{}");
        free(text);
        stream->rows += count;
        stream->quiet = 0;
    } else if (out != NULL && ++stream->quiet >= PING) {
        evbuffer_add_printf(out, ": still here\n\n");
        stream->quiet = 0;
    }
    if (out != NULL && evbuffer_get_length(out) > 0) {
        evhttp_send_reply_chunk(stream->request, out);
    }
    if (out != NULL) {
        evbuffer_free(out);
    }
    json_decref(run);
}

static void end_stream(struct loop *loop, struct stream *stream, bool gone)
{
    struct evhttp_request *request = stream->request;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    stream->request = NULL;
    if (connection != NULL) {
        evhttp_connection_set_closecb(connection, NULL, NULL);
    }
    if (!gone) {
        evhttp_send_reply_end(request);
    }
    loop->open--;
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

static void begin_stream(struct loop *loop, struct evhttp_request *request, const char *run)
{
    struct stream *stream = NULL;
    for (int i = 0; i < STREAMS && stream == NULL; i++) {
        stream = loop->streams[i].request == NULL ? &loop->streams[i] : NULL;
    }
    json_t *known = stream != NULL ? runs_read(loop->server, run, (size_t)-2) : NULL;
    if (stream == NULL || known == NULL) {
        send_sentence(loop, request, stream == NULL ? 429 : 404,
                      stream == NULL ? "too many watch runs already" : "no run of that name; GET /api/runs lists them");
        return;
    }
    json_decref(known);
    *stream = (struct stream){.request = request};
    snprintf(stream->run, sizeof stream->run, "%s", run);
    add_headers(request, "text/event-stream", page_policy);
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_hangup, loop);
    evhttp_send_reply_start(request, 200, NULL);
    loop->replies[2]++;
    send_rows(loop, stream);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static struct job *make_job(struct evhttp_request *request, const struct route *route, const char *path)
{
    struct job *job = take_memory(1, sizeof *job);
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    *job = (struct job){.request = request, .work = route->work, .arrived = server_now()};
    snprintf(job->query, sizeof job->query, "%s", query != NULL ? query : "");
    if (route->path[strlen(route->path) - 1] == '/') {
        snprintf(job->rest, sizeof job->rest, "%s", path + strlen(route->path));
    }
    job->size = evbuffer_get_length(in);
    if (job->size > 0) {
        job->body = take_memory(job->size, 1);
        evbuffer_remove(in, job->body, job->size);
    }
    return job;
}

static void handle(struct loop *loop, struct evhttp_request *request, const char *path, bool post)
{
    struct server *server = loop->server;
    const struct route *route;
    for (const struct page_file *file = page_files; !post && file->path != NULL; file++) {
        if (strcmp(path, file->path) == 0) {
            send_file(loop, request, file);
            return;
        }
    }
    int code = route_find(path, post, &route);
    if (code != 200) {
        send_sentence(loop, request, code,
                      code == 404 ? "there is nothing at this path; GET /api/openapi.json lists what "
                                    "there is"
                                  : "this path is asked with the other one of GET and POST");
        return;
    }
    if (route->work == NULL && route->now == NULL) {
        begin_stream(loop, request, path + strlen(route->path));
        return;
    }
    struct job *job = make_job(request, route, path);
    if (route->now != NULL) {
        route->now(server, job);
        send_reply(loop, request, &job->reply);
        job_free(job);
    } else if (!worker_take(&server->workers[route->worker], job)) {
        job_free(job);
        send_sentence(loop, request, 429, "too many requests wait already: try again in a second");
    }
}

static void on_request(struct evhttp_request *request, void *user)
{
    struct loop *loop = user;
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL, *why = NULL;
    struct connection *connection = connection_of(loop, request);
    bool post = evhttp_request_get_command(request) == EVHTTP_REQ_POST;
    if (connection != NULL) {
        connection->busy = true;
    }
    loop->open++;
    const struct guard_request asked = {.path = path != NULL ? path : "",
                                        .host = evhttp_find_header(headers, "Host"),
                                        .origin = evhttp_find_header(headers, "Origin"),
                                        .site = evhttp_find_header(headers, "Sec-Fetch-Site"),
                                        .token = evhttp_find_header(headers, "X-Fovea-Token"),
                                        .changes = post};
    int code = path == NULL ? 400 : guard_check(&loop->server->guard, &asked, &why);
    if (code != 0) {
        loop->refused++;
        send_sentence(loop, request, code, path == NULL ? "the request has no path" : why);
    } else if (loop->stops) {
        send_sentence(loop, request, 503, "the server is being stopped");
    } else {
        handle(loop, request, path, post);
    }
}

/* ---- workers and time -------------------------------------------------------------------------------------------- */

/* On a worker's thread. */
static void on_finished(struct server *server, struct job *job)
{
    struct loop *loop = server->loop;
    pthread_mutex_lock(&loop->lock);
    job->next = loop->finished;
    loop->finished = job;
    pthread_mutex_unlock(&loop->lock);
    while (write(loop->pipe[1], "", 1) < 0 && errno == EINTR) {
    }
}

static void on_wake(evutil_socket_t descriptor, short what, void *user)
{
    struct loop *loop = user;
    char bytes[64];
    (void)what;
    while (read((int)descriptor, bytes, sizeof bytes) > 0) {
    }
    pthread_mutex_lock(&loop->lock);
    struct job *job = loop->finished;
    loop->finished = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (job != NULL) {
        struct job *next = job->next;
        send_reply(loop, job->request, &job->reply);
        job_free(job);
        job = next;
    }
}

static void on_tick(evutil_socket_t descriptor, short what, void *user)
{
    struct loop *loop = user;
    (void)descriptor;
    (void)what;
    sweep(loop);
    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &loop->streams[i];
        if (stream->request != NULL && (loop->stops || evhttp_request_get_connection(stream->request) == NULL)) {
            end_stream(loop, stream, false);
        } else if (stream->request != NULL) {
            send_rows(loop, stream);
        }
    }
    if (loop->stops && (loop->open <= 0 || server_now() - loop->stopping_since > LAST_SECONDS)) {
        event_base_loopexit(loop->base, NULL);
    }
}

/* What runs is finished; nothing new is begun. */
static void on_signal(evutil_socket_t number, short what, void *user)
{
    struct loop *loop = user;
    (void)number;
    (void)what;
    if (loop->stops) {
        event_base_loopbreak(loop->base); /* the second one does not wait */
        return;
    }
    const struct timeval soon = {0, 50000};
    loop->stops = true;
    loop->stopping_since = server_now();
    evconnlistener_disable(loop->listener);
    teach_stop(loop->server->teach);
    event_add(loop->tick, &soon);
}

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
    pthread_mutex_lock(&answers->lock);
    used = append_text(text, ROOM, used,
                       "# TYPE fovea_batches_total counter\nfovea_batches_total %llu\n"
                       "# TYPE fovea_pictures_total counter\nfovea_pictures_total %llu\n",
                       (unsigned long long)answers->batches, (unsigned long long)answers->batched);
    pthread_mutex_unlock(&answers->lock);
    job->reply = (struct reply){.code = 200, .type = "text/plain; version=0.0.4", .body = text, .size = used};
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static int open_socket(struct loop *loop)
{
    struct guard *guard = &loop->server->guard;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)guard->port)};
    socklen_t size = sizeof address;
    if (inet_pton(AF_INET, guard->address, &address.sin_addr) != 1) {
        return fail(loop->server->cli, EXIT_USAGE,
                    "--listen is \"%.40s\"; it is an address such as 192.168.1.5 or 0.0.0.0", guard->address);
    }
    loop->listener = evconnlistener_new_bind(loop->base, NULL, NULL,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 128,
                                             (struct sockaddr *)&address, (int)sizeof address);
    if (loop->listener == NULL) {
        return fail(loop->server->cli, EXIT_IO, "port %d of %s cannot be listened on: %s", guard->port, guard->address,
                    strerror(errno));
    }
    if (getsockname(evconnlistener_get_fd(loop->listener), (struct sockaddr *)&address, &size) == 0) {
        guard->port = ntohs(address.sin_port);
    }
    return evhttp_bind_listener(loop->http, loop->listener) != NULL ? EXIT_OK
                                                                    : fail(loop->server->cli, EXIT_MEMORY, "no memory");
}

static int open_loop(struct loop *loop)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const struct timeval second = {1, 0};
    struct cli *cli = loop->server->cli;
    loop->base = event_base_new();
    loop->http = loop->base != NULL ? evhttp_new(loop->base) : NULL;
    if (loop->http == NULL || pipe(loop->pipe) != 0 || fcntl(loop->pipe[0], F_SETFL, O_NONBLOCK) != 0) {
        return fail(cli, EXIT_MEMORY, "the event loop cannot be made: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
    evhttp_set_bevcb(loop->http, on_connection, loop);
    evhttp_set_gencb(loop->http, on_request, loop);
    evhttp_set_allowed_methods(loop->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(loop->http, HEAD_BYTES);
    evhttp_set_max_body_size(loop->http, SERVE_BODY);
    evhttp_set_timeout(loop->http, IDLE_SECONDS);
    loop->wake = event_new(loop->base, loop->pipe[0], EV_READ | EV_PERSIST, on_wake, loop);
    loop->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
    for (int i = 0; i < 3; i++) {
        loop->signals[i] = evsignal_new(loop->base, signals[i], on_signal, loop);
        if (loop->signals[i] != NULL) {
            event_add(loop->signals[i], NULL);
        }
    }
    if (loop->wake == NULL || loop->tick == NULL || event_add(loop->wake, NULL) != 0 ||
        event_add(loop->tick, &second) != 0) {
        return fail(cli, EXIT_MEMORY, "the event loop cannot be made");
    }
    return open_socket(loop);
}

static void close_loop(struct loop *loop)
{
    for (int i = 0; i < 3; i++) {
        if (loop->signals[i] != NULL) {
            event_free(loop->signals[i]);
        }
    }
    if (loop->wake != NULL) {
        event_free(loop->wake);
    }
    if (loop->tick != NULL) {
        event_free(loop->tick);
    }
    if (loop->http != NULL) {
        evhttp_free(loop->http); /* and the listener that is bound to it */
    }
    for (int i = 0; i < loop->connection_count; i++) {
        bufferevent_decref(loop->connections[i].events);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    for (struct job *job = loop->finished; job != NULL;) { /* whose askers are gone */
        struct job *next = job->next;
        job_free(job);
        job = next;
    }
    pthread_mutex_destroy(&loop->lock);
    close(loop->pipe[0]);
    close(loop->pipe[1]);
    free(loop);
}

/* {"url": ...} for scripts, a sentence for people. */
static int say_where(const struct server *server)
{
    struct cli *cli = server->cli;
    const struct guard *guard = &server->guard;
    char url[256];
    bool any = strcmp(guard->address, "0.0.0.0") == 0;
    snprintf(url, sizeof url, "http://%s:%d%s%s", any ? "127.0.0.1" : guard->address, guard->port,
             guard->token[0] != '\0' ? "/?token=" : "", guard->token);
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "url", url);
        json_print(cli, object);
    } else {
        fprintf(cli->out, "fovea serves %d model%s at %s  (Ctrl-C ends it)\n", server->model_count,
                server->model_count == 1 ? "" : "s", url);
    }
    int code = output_commit(cli);
    if (code == EXIT_OK && option_flag(cli, "open") && fork() == 0) {
        execlp("xdg-open", "xdg-open", url, (char *)NULL);
        _exit(0);
    }
    return code;
}

int server_run(struct server *server)
{
    struct loop *loop = take_memory(1, sizeof *loop);
    loop->server = server;
    server->loop = loop;
    server->finished = on_finished;
    pthread_mutex_init(&loop->lock, NULL);
    int code = open_loop(loop);
    for (int i = 0; i < WORKERS && code == EXIT_OK; i++) {
        code = worker_start(&server->workers[i]);
    }
    code = code == EXIT_OK ? say_where(server) : code;
    if (code == EXIT_OK) {
        event_base_dispatch(loop->base);
    }
    teach_stop(server->teach);
    for (int i = 0; i < WORKERS; i++) {
        worker_stop(&server->workers[i]);
    }
    close_loop(loop);
    return code;
}
