/* SPDX-License-Identifier: MIT */
/* fovea serve: a page and an API over models, on this machine. */
#include "append.h"
#include "options.h"
#include "json.h"
#include "output.h"
#include "overwrite.h"
#include "preprocessing.h"
#include "source.h"
#ifdef FOVEA_HAVE_EVENT
#include "cli/serve/keep.h"
#include "cli/serve/serve.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { RANDOM_TOKEN = 16 /* bytes */ };

static bool is_served(const struct server *server, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(server->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Serves "runs/train/best.onnx" under the name "best", a second file of that name as "best-2". */
static void name_model(struct server *server, int index)
{
    const char *word = server->words[index], *base = strrchr(word, '/') != NULL ? strrchr(word, '/') + 1 : word;
    const char *dot = strrchr(base, '.');
    char *name = server->names[index];
    snprintf(name, SERVE_NAME - 8, "%.*s", (int)(dot != NULL && dot > base ? dot - base : (long)strlen(base)), base);
    for (char *c = name; *c != '\0'; c++) {
        *c = strchr("&=?#% +\"<>\\", *c) != NULL || (unsigned char)*c < ' ' ? '-' : *c;
    }
    size_t length = strlen(name);
    for (int number = 2; is_served(server, index, name); number++) {
        append_text(name, SERVE_NAME, length, "-%d", number);
    }
}

/* The facts about a model that the page needs before its first request. */
static json_t *describe(const struct server *server, int index)
{
    fov_model *model = server->workers[WORKER_ANSWER].models[index];
    int channels = 0, height = 0, width = 0;
    json_t *one = json_object(), *classes = json_array();
    fov_model_picture_size(model, &channels, &height, &width);
    json_set_text(one, "name", server->names[index]);
    json_set_text(one, "network", fov_model_name(model));
    json_set_text(one, "task", fov_model_task(model));
    json_set_text(one, "meaning", fov_meaning_name(fov_model_meaning(model, fov_model_output(model))));
    json_set_integer(one, "channels", channels);
    json_set_integer(one, "height", height);
    json_set_integer(one, "width", width);
    for (int i = 0; i < fov_model_classes(model); i++) {
        json_add(classes, json_from_text(fov_model_class(model, i)));
    }
    json_set(one, "classes", classes);
    return one;
}

/* Whether the model is a classifier of photographs, whose features can tell other classes apart, too. */
static bool can_be_taught(const fov_model *model)
{
    enum { PHOTOGRAPH = 64 /* pixels a side */ };
    int channels = 0, height = 0, width = 0;
    fov_meaning meaning = fov_model_meaning(model, fov_model_output(model));
    fov_model_picture_size(model, &channels, &height, &width);
    return channels == 3 && height >= PHOTOGRAPH && width >= PHOTOGRAPH &&
           (meaning == FOV_MEANING_LOGITS || meaning == FOV_MEANING_SOFTMAX);
}

/* Lets the model answer once, so that a plan that cannot be made (above all, that does not fit in memory) ends the start
 * as it would end fovea predict. Numbers that are not finite are a remark, and the server is not ready: it can be seen
 * what is wrong with the model, on the page. */
static int try_model(struct server *server, int index)
{
    char problem[SERVE_PROBLEM];
    fov_status status = predict_try(&server->workers[WORKER_ANSWER], index, problem, sizeof problem);
    if (status == FOV_E_NUMERIC) {
        snprintf(server->problems[index], sizeof server->problems[index], "%s", problem);
        remark(server->cli, "%s cannot answer: %s", server->words[index], problem);
        return EXIT_OK;
    }
    return status == FOV_OK ? EXIT_OK : fail(server->cli, exit_code(status), "%s: %s", server->words[index], problem);
}

/* Opens all models before the server listens, so that a file that cannot be opened is reported at the start. */
static int open_models(struct server *server)
{
    struct cli *cli = server->cli;
    struct worker *worker = &server->workers[WORKER_ANSWER];
    json_t *object = json_object(), *list = json_array();
    int code = cli_context(cli) != NULL ? EXIT_OK : fail_library(cli);
    worker->cli.context = cli->context;
    for (int i = 0; i < server->model_count && code == EXIT_OK; i++) {
        const char *network = source_is_weights(server->words[i]) ? option_text(cli, "model") : NULL;
        worker->models[i] = source_model(cli, server->words[i], NULL, network);
        code = worker->models[i] != NULL ? preprocessing_apply(cli, worker->models[i], true, NULL) : fail_library(cli);
        code = code == EXIT_OK ? predict_open(worker, i) : code;
        code = code == EXIT_OK ? try_model(server, i) : code;
        if (code == EXIT_OK) {
            json_add(list, describe(server, i));
        }
        if (code == EXIT_OK && server->backbone == NULL && can_be_taught(worker->models[i])) {
            server->backbone = server->words[i];
        }
    }
    if (code == EXIT_OK && option_given(cli, "backbone")) {
        fov_model *backbone = source_model(cli, server->backbone, NULL, NULL);
        code = backbone != NULL ? EXIT_OK : fail_library(cli);
        fov_model_free(backbone);
    }
    json_set(object, "models", list);
    json_set_flag(object, "teach", server->is_taught);
    server->about = json_dumps(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    return code;
}

/* Reads the token from the first line of a file. */
static int read_token(struct server *server, const char *path)
{
    char line[GUARD_TOKEN + 2] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return fail_path(server->cli, path, errno);
    }
    bool is_read = fgets(line, sizeof line, file) != NULL || ferror(file) == 0;
    int reason = errno;
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    if (!is_read) {
        return fail_path(server->cli, path, reason);
    }
    if (!guard_is_token(line)) {
        return fail(server->cli, EXIT_INPUT,
                    "%s: its first line is no token: %d to %d letters, digits and -._~+/=, such as those of openssl "
                    "rand -hex 16",
                    path, GUARD_TOKEN_LEAST, GUARD_TOKEN - 1);
    }
    snprintf(server->guard.token, sizeof server->guard.token, "%s", line);
    return EXIT_OK;
}

/* Checks where to listen and what the server is called; the token is that of --token-file, or a random one if other
 * machines can send requests. */
static int open_guard(struct server *server)
{
    const char *listen = option_text(server->cli, "listen"), *url = option_text(server->cli, "public-url");
    unsigned char bytes[RANDOM_TOKEN];
    size_t used = 0;
    server->guard.port = (int)option_integer(server->cli, "port");
    if (!guard_set_address(&server->guard, listen != NULL ? listen : "127.0.0.1")) {
        return fail(server->cli, EXIT_USAGE,
                    "--listen is \"%.40s\"; it is an address such as 192.168.1.5, 0.0.0.0, ::1 or localhost", listen);
    }
    if (url != NULL && !guard_set_public(&server->guard, url)) {
        return fail(server->cli, EXIT_USAGE,
                    "--public-url is \"%.200s\"; it is what browsers see, such as https://example.com/vision (not /api or "
                    "/metrics, nothing behind a ?)", url);
    }
    if (option_given(server->cli, "token-file")) {
        return read_token(server, option_text(server->cli, "token-file"));
    }
    if (guard_is_local(&server->guard)) {
        return EXIT_OK;
    }
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return fail(server->cli, EXIT_IO, "the system gives no random numbers for a token");
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        used = append_text(server->guard.token, sizeof server->guard.token, used, "%02x", bytes[i]);
    }
    return EXIT_OK;
}

/* The worker "answer" uses the verb's own context; the others make their own and do not repeat its remarks. */
static void open_workers(struct server *server)
{
    static const char *const names[WORKERS] = {"answer", "study", "teach"};
    for (int i = 0; i < WORKERS; i++) {
        struct worker *worker = &server->workers[i];
        worker->server = server;
        worker->name = names[i];
        worker->cli = *server->cli;
        worker->cli.context = NULL;
        worker->cli.quiet = worker->cli.quiet || i != WORKER_ANSWER;
        worker->cli.verbose = worker->cli.verbose && i == WORKER_ANSWER;
    }
}

/* Prints the server's address, {"url": ...} with --json, else in a sentence; with --open also starts a browser. A token
 * of the user's own is not printed: what a service prints is kept in logs. */
static int say_where(const struct server *server)
{
    struct cli *cli = server->cli;
    const char *public = option_text(cli, "public-url");
    char url[SERVE_URL];
    server_url(server, !option_given(cli, "token-file"), url);
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "url", url);
        if (public != NULL) {
            json_set_text(object, "public_url", public);
        }
        json_print(cli, object);
    } else {
        fprintf(cli->out, "fovea serves %d model%s at %s%s%s  (Ctrl-C ends it)\n", server->model_count,
                server->model_count == 1 ? "" : "s", url, public != NULL ? ", behind a proxy at " : "",
                public != NULL ? public : "");
    }
    server_url(server, true, url);
    int code = output_commit(cli);
    if (code == EXIT_OK && option_flag(cli, "open") && fork() == 0) {
        execlp("xdg-open", "xdg-open", url, (char *)NULL);
        _exit(0);
    }
    return code;
}

/* Listens, prints the address, and answers until a signal stops the server. */
static int answer(struct server *server)
{
    int code = server_open(server);
    for (int i = 0; i < WORKERS && code == EXIT_OK; i++) {
        code = i != WORKER_TEACH || server->is_taught ? worker_start(&server->workers[i]) : EXIT_OK;
    }
    code = code == EXIT_OK ? say_where(server) : code;
    if (code == EXIT_OK) {
        server_dispatch(server);
    }
    teach_end(server->teach);
    for (int i = 0; i < WORKERS; i++) {
        worker_stop(&server->workers[i]);
    }
    server_close(server);
    return code;
}

/* Teaching begins its run of --keep anew: a model that is read must not lie in it. */
static int check_kept(const struct cli *cli, const char *keep)
{
    static const char *const models[] = {"best.onnx", "last.onnx"};
    char folder[KEEP_PATH], path[KEEP_PATH + 16];
    int code = EXIT_OK;
    for (size_t i = 0; keep != NULL && i < sizeof models / sizeof models[0] && code == EXIT_OK; i++) {
        snprintf(path, sizeof path, "%s/%s", keep_run(keep, folder), models[i]);
        code = overwrite_check_file(cli, "--keep", path);
    }
    return code;
}

static int serve(struct cli *cli)
{
    if (check_kept(cli, option_text(cli, "keep")) != EXIT_OK) {
        return EXIT_USAGE;
    }
    struct server *server = take_memory(1, sizeof *server);
    server->cli = cli;
    server->model_count = cli->argument_count;
    server->runs = option_text(cli, "runs");
    server->batch = (int)option_integer(cli, "batch");
    for (int i = 0; i < server->model_count; i++) {
        server->words[i] = cli->arguments[i];
        name_model(server, i);
    }
    server->backbone = option_text(cli, "backbone");
    server->keep = option_text(cli, "keep");
    server->upload = (size_t)option_integer(cli, "max-upload");
    server->unpacked = (size_t)option_integer(cli, "max-unpacked");
    server->request_seconds = (int)option_integer(cli, "request-timeout");
    server->is_taught = !option_flag(cli, "no-teach");
    server->teach = teach_create(server);
    open_workers(server);
    int code = open_guard(server);
    if (code == EXIT_OK && !server->is_taught && (server->keep != NULL || server->backbone != NULL)) {
        code = fail(cli, EXIT_USAGE, "--no-teach leaves nothing for --keep and --backbone to do");
    }
    code = code == EXIT_OK ? open_models(server) : code;
    for (int i = WORKER_STUDY; i < WORKERS && code == EXIT_OK; i++) {
        code = cli_context(&server->workers[i].cli) != NULL ? EXIT_OK : fail_library(&server->workers[i].cli);
    }
    if (code == EXIT_OK) {
        teach_read_kept(server->teach, &server->workers[WORKER_TEACH].cli);
        code = answer(server);
    } else {
        worker_stop(&server->workers[WORKER_ANSWER]);
    }
    teach_free(server->teach);
    for (int i = WORKER_STUDY; i < WORKERS; i++) {
        fov_context_free(server->workers[i].cli.context);
    }
    free(server->about);
    free(server);
    return code;
}
#endif

static int run(struct cli *cli)
{
#ifdef FOVEA_HAVE_EVENT
    return serve(cli);
#else
    return fail(cli, EXIT_USAGE, "this build has no server: configure it with FOVEA_WITH_EVENT=ON and libevent-dev");
#endif
}

static const struct cli_option options[] = {
    {.name = "port",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "8080",
     .minimum = 0,
     .maximum = 65535,
     .doc = "where to listen; 0: any port that is free"},
    {.name = "listen",
     .kind = OPTION_TEXT,
     .argument = "ADDR",
     .otherwise = "this machine alone",
     .doc = "an address for others, such as 0.0.0.0 or ::; the URL then has a random token"},
    {.name = "token-file",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .otherwise = "a random token with --listen, else none",
     .doc = "its first line, 16 to 256 characters, is the token that each call must send; read once, at the start"},
    {.name = "public-url",
     .kind = OPTION_TEXT,
     .argument = "URL",
     .doc = "what browsers see where a proxy stands before the server, such as https://example.com/vision"},
    {.name = "max-upload",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .standard = "16MiB",
     .minimum = 1024,
     .maximum = 1 << 30,
     .doc = "bytes of a request's body, at most"},
    {.name = "max-unpacked",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .standard = "64MiB",
     .minimum = 1024,
     .maximum = (double)(1LL << 32),
     .doc = "bytes of the files of an archive, unpacked, at most"},
    {.name = "request-timeout",
     .kind = OPTION_INTEGER,
     .argument = "SECONDS",
     .standard = "60",
     .minimum = 1,
     .maximum = 86400,
     .doc = "in which a request must have arrived, from the first byte of its head to the last of its body"},
    {.name = "no-teach", .kind = OPTION_FLAG, .doc = "offers no Teach: nothing can be taught or kept"},
    {.name = "open", .kind = OPTION_FLAG, .doc = "opens the page in the browser"},
    {.name = "batch",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "1",
     .minimum = 1,
     .maximum = 64,
     .doc = "pictures that go through the network together where so many wait: more in a second, but the last bits of "
            "an answer may then depend on what else was asked"},
    {.name = "runs", .kind = OPTION_TEXT, .argument = "DIR", .standard = "runs", .doc = "folder of runs to be watched"},
    {.name = "backbone",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .otherwise = "the first model that tells photographs apart",
     .doc = "a trained network that Teach begins with, such as SqueezeNet on ImageNet"},
    {.name = "keep",
     .kind = OPTION_TEXT,
     .argument = "DIR",
     .writes = WRITES_INTO,
     .otherwise = "nothing is written",
     .doc = "where Teach keeps its pictures, a folder per class, and its training: they are there when the server "
            "starts again"},
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_serve = {
    .name = "serve",
    .summary = "a page and an API over models",
    .run = run,
    .options = options,
    .shared = preprocessing_options,
    .arguments = "[MODEL...]",
    .minimum_arguments = 0,
    .maximum_arguments = 16,
    .help = "Serves models to this machine: a page on which pictures are uploaded, photographed or drawn, answered and "
            "explained, networks looked into, runs watched, and classifiers taught; and the API behind it (GET "
            "/api/openapi.json describes it). POST /api/predict with the bytes of a picture answers what fovea predict "
            "--json prints. GET /api/ready answers 503 where a model cannot answer. Nothing is loaded from elsewhere and "
            "nothing is written to disk unless asked. SIGTERM or Ctrl-C finishes what runs. With --json the first line "
            "is an object with the url; -v prints a line for each request.",
    .examples = "fovea serve runs/train/best.onnx --open\n"
                "fovea serve best.onnx squeezenet1_1.onnx --backbone squeezenet1_1.onnx\n"
                "fovea serve best.onnx --port 0 --json\n"
                "fovea serve best.onnx --listen 0.0.0.0\n"
                "fovea serve best.onnx --token-file token --public-url https://example.com/vision --no-teach\n",
};
