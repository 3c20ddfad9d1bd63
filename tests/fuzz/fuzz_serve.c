/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: sends any bytes to fovea serve, over a socket to the real event loop, workers and a LeNet. If the
 * first byte is 'R', the rest is sent unchanged; else the bytes are a line like "POST /api/predict?top=3" and a body,
 * to which Host and Content-Length are added. Whatever is sent, the answer is HTTP, a refusal is {"error": one
 * sentence}, and the server keeps answering. Without libevent there is no server, and nothing is tested. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#ifdef FOVEA_HAVE_EVENT
#include "cli/options.h"
#include "cli/serve/serve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORT = 8080 /* that Host must name, whatever port the server listens on */, ROOM = 1 << 22 };

extern const struct verb verb_serve;

/* The server, made once. */
struct fuzzed {
    struct cli cli;
    struct server server;
    pthread_t thread;
    int port;
    char runs[400];
    char *answer;
};

static struct fuzzed *fuzzed; /* global: libFuzzer passes no state from run to run */

static void remove_run(void)
{
    char path[450];
    snprintf(path, sizeof path, "%s/one/history.csv", fuzzed->runs);
    unlink(path);
    snprintf(path, sizeof path, "%s/one", fuzzed->runs);
    rmdir(path);
    rmdir(fuzzed->runs);
}

static void *dispatch(void *user)
{
    struct fuzzed *f = user;
    server_dispatch(&f->server);
    return NULL;
}

static void put_run(struct fuzzed *f)
{
    char path[450];
    const char *top = getenv("TMPDIR");
    snprintf(f->runs, sizeof f->runs, "%s/fuzz-serve-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(f->runs) == NULL) {
        perror(f->runs);
        abort();
    }
    snprintf(path, sizeof path, "%s/one", f->runs);
    if (mkdir(path, 0700) != 0) {
        abort();
    }
    snprintf(path, sizeof path, "%s/one/history.csv", f->runs);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs("epoch,loss\n1,0.5\n2,nan\n", file) < 0 || fclose(file) != 0) {
        abort();
    }
}

static struct fuzzed *start(void)
{
    struct fuzzed *f = calloc(1, sizeof *f);
    static const char *const names[WORKERS] = {"answer", "study", "teach"};
    if (f == NULL || (f->answer = malloc(ROOM)) == NULL) {
        abort();
    }
    signal(SIGPIPE, SIG_IGN); /* as main does */
    put_run(f);
    struct server *server = &f->server;
    f->cli = (struct cli){.verb = &verb_serve, .quiet = true};
    *server = (struct server){.cli = &f->cli, .words = {"lenet5"}, .names = {"lenet5"}, .model_count = 1, .batch = 8};
    server->upload = SERVE_BODY;
    server->unpacked = SERVE_UNPACKED;
    server->request_seconds = SERVE_SECONDS;
    server->is_taught = true;
    server->runs = f->runs;
    server->about = strdup("{\"models\": []}");
    server->teach = teach_create(server);
    snprintf(server->guard.address, sizeof server->guard.address, "127.0.0.1");
    for (int i = 0; i < WORKERS; i++) {
        struct worker *worker = &server->workers[i];
        worker->server = server;
        worker->name = names[i];
        worker->cli = f->cli;
        worker->cli.context = fov_context_create(&(fov_context_options){.threads = 1});
    }
    struct worker *answers = &server->workers[WORKER_ANSWER];
    answers->models[0] = fov_model_network(answers->cli.context, "lenet5", NULL);
    if (answers->models[0] == NULL || predict_open(answers, 0) != EXIT_OK || server_open(server) != EXIT_OK) {
        abort();
    }
    f->port = server->guard.port;
    server->guard.port = PORT;
    for (int i = 0; i < WORKERS; i++) {
        if (worker_start(&server->workers[i]) != EXIT_OK) {
            abort();
        }
    }
    if (pthread_create(&f->thread, NULL, dispatch, f) != 0) {
        abort();
    }
    return f;
}

static int connect_to(const struct fuzzed *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    const struct timeval patience = {.tv_sec = 60};
    const struct linger at_once = {.l_onoff = 1}; /* so that closed connections do not use up the ports */
    int plug = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (plug < 0 || connect(plug, (struct sockaddr *)&address, sizeof address) != 0) {
        if (plug < 0 || errno != EINTR) {
            perror("fuzz_serve: connect");
            abort();
        }
        close(plug);
        plug = socket(AF_INET, SOCK_STREAM, 0);
    }
    setsockopt(plug, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(plug, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return plug;
}

static void send_all(int plug, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(plug, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return; /* the server refused the request before its end */
        }
        at += sent;
        size -= (size_t)sent;
    }
}

/* Whether the body has as many bytes as the head says; true if the head does not say. */
static bool is_whole(const char *answer, size_t size)
{
    const char *body = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "\r\nContent-Length: ");
    if (body == NULL) {
        return false;
    }
    return length == NULL || length > body || size - (size_t)(body + 4 - answer) >= strtoull(length + 18, NULL, 10);
}

/* Receives the whole answer, or the beginning of an event stream, which does not end; "" if a reset has cut it. A
 * server that says nothing for a minute hangs. */
static size_t receive(struct fuzzed *f, int plug)
{
    size_t got = 0;
    bool   reset = false;
    while (got < ROOM - 1) {
        ssize_t more = recv(plug, f->answer + got, ROOM - 1 - got, 0);
        if (more < 0 && errno == EINTR) { /* libFuzzer's timer signal */
            continue;
        }
        if (more < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            fprintf(stderr, "fuzz_serve: the server does not answer\n");
            abort();
        }
        if (more <= 0) {
            reset = more < 0;
            break;
        }
        got += (size_t)more;
        f->answer[got] = '\0';
        if (strstr(f->answer, "text/event-stream") != NULL && strstr(f->answer, "\r\n\r\n") != NULL) {
            break;
        }
    }
    f->answer[got] = '\0';
    if (reset && !is_whole(f->answer, got)) {
        f->answer[got = 0] = '\0';
    }
    return got;
}

/* Checks the form of one answer. */
static void check(const char *answer, size_t size)
{
    const char *body = strstr(answer, "\r\n\r\n");
    const char *space = strchr(answer, ' ');
    int code = size > 12 && strncmp(answer, "HTTP/", 5) == 0 && space != NULL ? atoi(space) : 0;
    if (code < 100 || code > 599 || body == NULL) {
        abort();
    }
    if (code < 400 || strstr(answer, "HTTP/1.1 100") == answer) {
        return;
    }
    json_t *object = json_loads(body + 4, JSON_DISABLE_EOF_CHECK, NULL);
    const char *sentence = json_string_value(json_object_get(object, "error"));
    if (sentence == NULL || *sentence == '\0' || strchr(sentence, '\n') != NULL || json_object_size(object) != 1) {
        abort();
    }
    json_decref(object);
}

static void ask_health(struct fuzzed *f)
{
    static const char text[] = "GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n";
    int plug = connect_to(f);
    send_all(plug, text, sizeof text - 1);
    if (receive(f, plug) == 0 || strstr(f->answer, " 200 ") == NULL) {
        abort();
    }
    close(plug);
}

static void send_made(int plug, const uint8_t *bytes, size_t size)
{
    const uint8_t *end = memchr(bytes, '\n', size);
    size_t line = end != NULL ? (size_t)(end - bytes) : size, body = end != NULL ? size - line - 1 : 0;
    char head[128];
    int length = snprintf(head, sizeof head, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n", PORT, body);
    send_all(plug, bytes, line);
    send_all(plug, head, (size_t)length);
    send_all(plug, bytes + line + 1, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static unsigned runs;
    if (fuzzed == NULL) {
        fuzzed = start();
        atexit(remove_run);
    }
    struct fuzzed *f = fuzzed;
    int plug = connect_to(f);
    bool raw = size > 0 && bytes[0] == 'R';
    if (raw) {
        send_all(plug, bytes + 1, size - 1);
    } else {
        send_made(plug, bytes, size);
    }
    shutdown(plug, SHUT_WR);
    size_t got = receive(f, plug);
    if (got > 0) {
        check(f->answer, got);
    }
    close(plug);
    if (++runs % 64 == 1) {
        ask_health(f);
    }
    return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return 0;
}
#endif
