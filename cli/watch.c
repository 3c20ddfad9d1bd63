/* SPDX-License-Identifier: MIT */
/* A server without models and workers, in a thread of its own: it serves only the requests that the event loop itself
 * answers. */
#include "watch.h"
#include "options.h"
#include "output.h"
#ifdef FOVEA_HAVE_EVENT
#include "cli/serve/serve.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct watch {
    struct server server;
    struct watched watched;
    char folder[PATH_MAX];
    pthread_t thread;
};

static void *run(void *user)
{
    struct watch *watch = user;
    server_dispatch(&watch->server);
    return NULL;
}

static void close_watch(struct watch *watch)
{
    server_close(&watch->server);
    teach_free(watch->server.teach);
    watched_end(&watch->watched);
    free(watch->server.about);
    free(watch);
}

/* "/home/me/runs/train" is split into the watched run "train" and the folder of runs "/home/me/runs", whose other runs
 * are shown, too. */
static int split_path(struct watch *watch, const char *directory)
{
    if (realpath(directory, watch->folder) == NULL) {
        return fail(watch->server.cli, EXIT_IO, "%s: %s", directory, strerror(errno));
    }
    char *slash = strrchr(watch->folder, '/');
    watch->watched.name = slash + 1;
    *slash = '\0';
    watch->server.runs = slash == watch->folder ? "/" : watch->folder;
    watch->server.watched = &watch->watched;
    return EXIT_OK;
}

/* Prints where the server listens: {"url": ...} with --json, else a remark. */
static int say_where(const struct watch *watch)
{
    struct cli *cli = watch->server.cli;
    char url[SERVE_URL];
    server_url(&watch->server, true, url);
    if (!cli->json) {
        remark(cli, "live curves at %s while this training goes on", url);
        return EXIT_OK;
    }
    json_t *object = json_object();
    json_set_text(object, "url", url);
    json_print(cli, object);
    return output_commit(cli);
}

int watch_begin(struct cli *cli, const char *directory, struct watch **out)
{
    if (!option_flag(cli, "serve")) {
        return option_given(cli, "port") ? fail(cli, EXIT_USAGE, "--port is where --serve listens, which is not given")
                                         : EXIT_OK;
    }
    struct watch *watch = take_memory(1, sizeof *watch);
    struct server *server = &watch->server;
    watched_begin(&watch->watched);
    server->cli = cli;
    server->upload = SERVE_BODY;
    server->unpacked = SERVE_UNPACKED;
    server->request_seconds = SERVE_SECONDS;
    server->teach = teach_create(server);
    server->guard.port = (int)option_integer(cli, "port");
    snprintf(server->guard.address, sizeof server->guard.address, "127.0.0.1");
    int code = split_path(watch, directory);
    json_t *about = json_object();
    json_set(about, "models", json_array());
    json_set_text(about, "training", code == EXIT_OK ? watch->watched.name : "");
    server->about = json_dumps(about, 0);
    json_decref(about);
    code = code == EXIT_OK ? server_open(server) : code;
    code = code == EXIT_OK ? say_where(watch) : code;
    if (code == EXIT_OK && pthread_create(&watch->thread, NULL, run, watch) != 0) {
        code = fail(cli, EXIT_MEMORY, "the system has no thread for --serve");
    }
    if (code != EXIT_OK) {
        close_watch(watch);
        return code;
    }
    *out = watch;
    return EXIT_OK;
}

void watch_step(struct watch *watch, const fov_progress *at)
{
    if (watch != NULL) {
        watched_step(&watch->watched, at);
    }
}

void watch_end(struct watch *watch)
{
    if (watch != NULL) {
        server_stop(&watch->server);
        pthread_join(watch->thread, NULL);
        close_watch(watch);
    }
}
#else
int watch_begin(struct cli *cli, const char *directory, struct watch **watch)
{
    (void)directory;
    (void)watch;
    return option_flag(cli, "serve")
               ? fail(cli, EXIT_USAGE, "this build has no server: configure it with FOVEA_WITH_EVENT=ON, libevent-dev")
               : EXIT_OK;
}

void watch_step(struct watch *watch, const fov_progress *at)
{
    (void)watch;
    (void)at;
}

void watch_end(struct watch *watch)
{
    (void)watch;
}
#endif
