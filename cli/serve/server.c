/* SPDX-License-Identifier: MIT */
/* The event loop: sockets and HTTP by libevent's evhttp. It reads requests and sends replies; workers (work.c) do the
 * computing and report through a pipe that a job is finished. Bodies are raw bytes: no forms and no multipart to parse.
 * Limits: bytes of head and body, connections, seconds that a request may take to arrive, waiting jobs. Read next:
 * loop.h. */
#include "cli/output.h"
#include "cli/serve/loop.h"
#include "cli/serve/routes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_SECONDS = 30,
    LAST_SECONDS = 30,   /* open requests may take so long after the server is told to stop */
    LAST_OF_TRAINING = 2 /* the same under fovea train --serve */
};

double server_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* Decodes what follows the route's path in the request's path; "" if that is not a usable name. */
static void name_behind(const struct route *route, const char *path, char name[SERVE_NAME])
{
    size_t length = strlen(route->path), size = 0;
    name[0] = '\0';
    if (route->path[length - 1] == '/') {
        char *decoded = evhttp_uridecode(path + length, 0, &size);
        if (decoded != NULL && size < SERVE_NAME && strlen(decoded) == size) {
            memcpy(name, decoded, size + 1);
        }
        free(decoded);
    }
}

static struct job *make_job(struct evhttp_request *request, const struct route *route, const char *path)
{
    struct job *job = take_memory(1, sizeof *job);
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    *job = (struct job){.request = request, .work = route->work, .arrived = server_now(), .model = -1};
    snprintf(job->query, sizeof job->query, "%s", query != NULL ? query : "");
    name_behind(route, path, job->rest);
    job->size = evbuffer_get_length(in);
    if (job->size > 0) {
        job->body = take_memory(job->size, 1);
        evbuffer_remove(in, job->body, job->size);
    }
    return job;
}

static const struct page_file *find_file(const char *path)
{
    const struct page_file *file = page_files;
    while (file->path != NULL && strcmp(path, file->path) != 0) {
        file++;
    }
    return file->path != NULL ? file : NULL;
}

/* Refuses a method that the path does not take, and says which it takes. */
static void refuse_method(struct loop *loop, struct evhttp_request *request, bool takes_post)
{
    struct job job = {.next = NULL};
    job.reply.allow = takes_post ? "POST" : "GET, HEAD";
    job_fail(&job, 405, takes_post ? "this path takes POST, with the bytes to be worked on as the body"
                                   : "this path takes GET (or HEAD), without a body");
    reply_send(loop, request, &job.reply);
    free(job.reply.body);
}

/* Sends a browser from "/vision" to "/vision/", from where the page's relative addresses lead to its parts. */
static void redirect(struct loop *loop, struct evhttp_request *request, const char *prefix)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct job job = {.next = NULL};
    job_fail(&job, 308, "the page is at the address with a slash at its end");
    snprintf(job.reply.where, sizeof job.reply.where, "%s/%s%s", prefix, query != NULL ? "?" : "",
             query != NULL ? query : "");
    reply_send(loop, request, &job.reply);
    free(job.reply.body);
}

static void handle(struct loop *loop, struct evhttp_request *request, const char *path)
{
    struct server *server = loop->server;
    const struct page_file *file = find_file(path);
    const struct route *route;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    bool post = method == EVHTTP_REQ_POST, get = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
    if (file != NULL && get) {
        reply_file(loop, request, file);
        return;
    }
    int code = file != NULL ? 405 : route_find(path, post, &route);
    if (code == 404) {
        reply_sentence(loop, request, 404, "there is nothing at this path; GET /api/openapi.json lists what there is");
        return;
    }
    if (code == 405 || (!post && !get)) {
        const struct route *other;
        refuse_method(loop, request, file == NULL && route_find(path, true, &other) == 200);
        return;
    }
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    char problem[512];
    if (query != NULL && !query_check(route, query, problem, sizeof problem)) {
        reply_sentence(loop, request, 400, problem);
        return;
    }
    if (route->work == NULL && route->now == NULL) {
        char name[SERVE_NAME];
        name_behind(route, path, name);
        stream_begin(loop, request, name);
        return;
    }
    if (strncmp(path, "/api/teach", 10) == 0 && server->watched == NULL && !server->is_taught) {
        reply_sentence(loop, request, 404, "nothing is taught here: the server was started with --no-teach");
        return;
    }
    if (route->work != NULL && !server->workers[route->worker].runs) {
        reply_sentence(loop, request, 404, "here a training is watched and no more: fovea serve MODEL answers this");
        return;
    }
    struct job *job = make_job(request, route, path);
    if (route->now != NULL) {
        route->now(server, job);
        reply_send(loop, request, &job->reply);
        job_free(job);
    } else if (!worker_take(&server->workers[route->worker], job)) {
        job_free(job);
        reply_sentence(loop, request, 429, "too many requests wait already: try again in a second");
    }
}

/* A request that evhttp gave up on: a body in chunks beyond the limit, or a path that is no URI. */
static void refuse_unread(struct loop *loop, struct evhttp_request *request)
{
    struct job job = {.next = NULL};
    connection_problem(loop, evhttp_request_get_response_code(request) == 413 ? 413 : 400, &job);
    reply_send(loop, request, &job.reply);
    free(job.reply.body);
}

static void on_request(struct evhttp_request *request, void *user)
{
    struct loop *loop = user;
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const struct guard *guard = &loop->server->guard;
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL, *why = NULL;
    const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
    struct connection *connection = connection_of(loop, request);
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (connection != NULL) {
        connection->busy = true;
        connection->asked = server_now();
    }
    loop->open++;
    if (path == NULL) {
        refuse_unread(loop, request);
        return;
    }
    bool is_prefix = guard->public_prefix[0] != '\0' && strcmp(path, guard->public_prefix) == 0;
    path = guard_path(guard, path);
    const struct guard_request asked = {.path = path,
                                        .query = query,
                                        .host = evhttp_find_header(headers, "Host"),
                                        .origin = evhttp_find_header(headers, "Origin"),
                                        .site = evhttp_find_header(headers, "Sec-Fetch-Site"),
                                        .token = evhttp_find_header(headers, "X-Fovea-Token"),
                                        .authorization = evhttp_find_header(headers, "Authorization"),
                                        .changes = method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD,
                                        .old = request->major < 1 || (request->major == 1 && request->minor == 0)};
    int code = guard_check(guard, &asked, &why);
    if (code != 0) {
        reply_sentence(loop, request, code, why);
    } else if (query != NULL && strlen(query) >= SERVE_QUERY) {
        reply_sentence(loop, request, 414, "what stands behind the ? is too long");
    } else if (loop->stops) {
        reply_sentence(loop, request, 503, "the server is being stopped");
    } else if (is_prefix) {
        redirect(loop, request, guard->public_prefix);
    } else {
        handle(loop, request, path);
    }
}

/* ---- workers and time -------------------------------------------------------------------------------------------- */

/* Open requests are finished; new ones, also over new connections, are refused with 503. */
static void begin_to_stop(struct loop *loop)
{
    const struct timeval soon = {0, 50000};
    loop->stops = true;
    loop->stopping_since = server_now();
    teach_end(loop->server->teach);
    event_add(loop->tick, &soon);
}

/* Runs on a worker's thread. */
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
    bool ends = loop->told_to_stop;
    loop->finished = NULL;
    pthread_mutex_unlock(&loop->lock);
    if (ends && !loop->stops) {
        begin_to_stop(loop);
    }
    while (job != NULL) {
        struct job *next = job->next;
        reply_send(loop, job->request, &job->reply);
        job_free(job);
        job = next;
    }
}

static void on_tick(evutil_socket_t descriptor, short what, void *user)
{
    struct loop *loop = user;
    (void)descriptor;
    (void)what;
    connections_sweep(loop);
    streams_tick(loop);
    double patience = loop->server->watched != NULL ? LAST_OF_TRAINING : LAST_SECONDS;
    if (loop->stops && (loop->open <= 0 || server_now() - loop->stopping_since > patience)) {
        event_base_loopexit(loop->base, NULL);
    }
}

static void on_signal(evutil_socket_t number, short what, void *user)
{
    struct loop *loop = user;
    (void)number;
    (void)what;
    if (loop->stops) {
        event_base_loopbreak(loop->base); /* a second signal does not wait for open requests */
    } else {
        begin_to_stop(loop);
    }
}

void server_stop(struct server *server)
{
    struct loop *loop = server->loop;
    pthread_mutex_lock(&loop->lock);
    loop->told_to_stop = true;
    pthread_mutex_unlock(&loop->lock);
    while (write(loop->pipe[1], "", 1) < 0 && errno == EINTR) {
    }
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

/* An address of either family. */
union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static int open_socket(struct loop *loop)
{
    struct guard *guard = &loop->server->guard;
    bool is_six = strchr(guard->address, ':') != NULL;
    in_port_t port = htons((uint16_t)guard->port);
    union address address = {.six = {.sin6_family = AF_INET6, .sin6_port = port}};
    if (!is_six) {
        address.four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    }
    void *place = is_six ? (void *)&address.six.sin6_addr : (void *)&address.four.sin_addr;
    socklen_t size = is_six ? sizeof address.six : sizeof address.four;
    if (inet_pton(is_six ? AF_INET6 : AF_INET, guard->address, place) != 1) {
        return fail(loop->server->cli, EXIT_USAGE,
                    "--listen is \"%.40s\"; it is an address such as 192.168.1.5, 0.0.0.0 or ::1", guard->address);
    }
    loop->listener = evconnlistener_new_bind(loop->base, NULL, NULL,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 128,
                                             &address.any, (int)size);
    if (loop->listener == NULL) {
        return fail(loop->server->cli, EXIT_IO,
                    "port %d of %s cannot be listened on: %s; --port 0 takes one that is free",
                    guard->port, guard->address, strerror(errno));
    }
    if (getsockname(evconnlistener_get_fd(loop->listener), &address.any, &size) == 0) {
        guard->port = ntohs(is_six ? address.six.sin6_port : address.four.sin_port);
    }
    return evhttp_bind_listener(loop->http, loop->listener) != NULL ? EXIT_OK
                                                                    : fail(loop->server->cli, EXIT_MEMORY, "no memory");
}

static int open_loop(struct loop *loop)
{
    static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    const struct timeval second = {1, 0};
    struct cli *cli = loop->server->cli;
    loop->base = event_base_new();
    loop->http = loop->base != NULL ? evhttp_new(loop->base) : NULL;
    if (loop->http == NULL || pipe(loop->pipe) != 0 || fcntl(loop->pipe[0], F_SETFL, O_NONBLOCK) != 0) {
        return fail(cli, EXIT_MEMORY, "the event loop cannot be made: %s", strerror(errno));
    }
    evhttp_set_bevcb(loop->http, connection_open, loop);
    evhttp_set_gencb(loop->http, on_request, loop);
    evhttp_set_allowed_methods(loop->http, 0xffff); /* on_request refuses the others, in JSON */
    evhttp_set_max_headers_size(loop->http, HEAD_BYTES);
    evhttp_set_max_body_size(loop->http, (ev_ssize_t)loop->server->upload);
    evhttp_set_timeout(loop->http, IDLE_SECONDS);
    loop->wake = event_new(loop->base, loop->pipe[0], EV_READ | EV_PERSIST, on_wake, loop);
    loop->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
    for (int i = 0; i < SIGNALS && loop->server->watched == NULL; i++) {
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

static void drop_signals(struct loop *loop)
{
    for (int i = 0; i < SIGNALS; i++) {
        if (loop->signals[i] != NULL) {
            event_free(loop->signals[i]);
            loop->signals[i] = NULL;
        }
    }
}

void server_close(struct server *server)
{
    struct loop *loop = server->loop;
    if (loop == NULL) {
        return;
    }
    drop_signals(loop);
    if (loop->wake != NULL) {
        event_free(loop->wake);
    }
    if (loop->tick != NULL) {
        event_free(loop->tick);
    }
    if (loop->http != NULL) {
        evhttp_free(loop->http); /* frees the listener, too */
    }
    connections_free(loop);
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    for (struct job *job = loop->finished; job != NULL;) { /* nobody waits for these replies any more */
        struct job *next = job->next;
        job_free(job);
        job = next;
    }
    pthread_mutex_destroy(&loop->lock);
    for (int i = 0; i < 2; i++) {
        if (loop->pipe[i] >= 0) {
            close(loop->pipe[i]);
        }
    }
    free(loop);
    server->loop = NULL;
}

void server_url(const struct server *server, bool token, char url[SERVE_URL])
{
    const struct guard *guard = &server->guard;
    const char *address = strcmp(guard->address, "0.0.0.0") == 0 ? "127.0.0.1"
                          : strcmp(guard->address, "::") == 0    ? "::1"
                                                                 : guard->address;
    bool is_six = strchr(address, ':') != NULL;
    size_t used = append_text(url, SERVE_URL, 0, "http://%s%s%s:%d", is_six ? "[" : "", address, is_six ? "]" : "",
                              guard->port);
    if (!token || guard->token[0] == '\0') {
        return;
    }
    used = append_text(url, SERVE_URL, used, "/?token=");
    for (const char *c = guard->token; *c != '\0'; c++) {
        used = append_text(url, SERVE_URL, used, strchr("+/=", *c) != NULL ? "%%%02X" : "%c", (unsigned)*c);
    }
}

int server_open(struct server *server)
{
    struct loop *loop = take_memory(1, sizeof *loop);
    loop->server = server;
    loop->pipe[0] = loop->pipe[1] = -1;
    server->loop = loop;
    server->finished = on_finished;
    pthread_mutex_init(&loop->lock, NULL);
    return open_loop(loop);
}

void server_dispatch(struct server *server)
{
    event_base_dispatch(server->loop->base);
    drop_signals(server->loop); /* while the workers finish, the next signal kills */
}
