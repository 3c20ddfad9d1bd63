/* SPDX-License-Identifier: MIT */
/* The table of routes, the routes that the event loop answers at once, and the OpenAPI document of all routes. */
#include "cli/serve/routes.h"
#include "cli/output.h"
#include <stdlib.h>
#include <string.h>

static void reply_text(struct job *job, const char *text)
{
    size_t size = strlen(text);
    job->reply = (struct reply){.code = 200, .type = "application/json", .size = size};
    job->reply.body = take_memory(size + 1, 1);
    memcpy(job->reply.body, text, size);
}

static void health_now(struct server *server, struct job *job)
{
    (void)server;
    reply_text(job, "{\"status\": \"ok\"}");
}

/* Whether every model can answer. Under a token, which this path does not ask for, no model is named. */
static void ready_now(struct server *server, struct job *job)
{
    if (server->model_count == 0) {
        job_fail(job, 503, "no model is served: start fovea serve with one");
        return;
    }
    for (int i = 0; i < server->model_count; i++) {
        if (server->problems[i][0] != '\0' && server->guard.token[0] != '\0') {
            job_fail(job, 503, "a model cannot answer: the server's standard error says which and why");
            return;
        }
        if (server->problems[i][0] != '\0') {
            job_fail(job, 503, "model \"%s\" cannot answer: %s", server->names[i], server->problems[i]);
            return;
        }
    }
    reply_text(job, "{\"status\": \"ready\"}");
}

static void models_now(struct server *server, struct job *job)
{
    reply_text(job, server->about);
}

static void runs_now(struct server *server, struct job *job)
{
    job_reply(job, runs_list(server), 9);
}

static void run_now(struct server *server, struct job *job)
{
    json_t *run = runs_read(server, job->rest, 0);
    if (run == NULL) {
        job_fail(job, 404, "no run of that name; GET /api/runs lists them");
        return;
    }
    job_reply(job, run, 9);
}

static void report_now(struct server *server, struct job *job)
{
    job->reply.body = runs_report(server, job->rest, &job->reply.size);
    if (job->reply.body == NULL) {
        job_fail(job, 404, "that run has no page");
        return;
    }
    job->reply.code = 200;
    job->reply.type = "text/html; charset=utf-8";
}

static void teach_now(struct server *server, struct job *job)
{
    job_reply(job, teach_state(server->teach), 9);
}

static void teach_stop_now(struct server *server, struct job *job)
{
    teach_stop(server->teach);
    job_reply(job, teach_state(server->teach), 9);
}

static void openapi_now(struct server *server, struct job *job);

static const struct route routes[] = {
    {"/api/health", false, WORKERS, NULL, health_now, "Whether the server is up, whatever its models can do", ""},
    {"/api/ready", false, WORKERS, NULL, ready_now, "Whether every model can answer; 503 with the reason where not", ""},
    {"/api/models", false, WORKERS, NULL, models_now, "The models that are served: input, classes, meaning", ""},
    {"/api/predict", true, WORKER_ANSWER, predict_work, NULL,
     "What a model sees in a picture: the object of fovea predict --json, less the file; in the pictures of a zip or "
     "tar: {pictures: [...]} with one such object each",
     "model,top,mask"},
    {"/api/explain", true, WORKER_STUDY, explain_work, NULL,
     "Maps of what mattered for an answer, and the picture as the network saw it", "model,class,methods,steps"},
    {"/api/layer", true, WORKER_STUDY, layer_work, NULL, "A layer's feature maps for a picture", "model,layer"},
    {"/api/sum", true, WORKER_STUDY, sum_work, NULL, "One number of a convolution: patch, kernel, bias and sum",
     "model,layer,filter,row,column"},
    {"/api/network", false, WORKER_STUDY, network_work, NULL, "Layers, their sizes and their times", "model"},
    {"/api/drawing", false, WORKER_STUDY, drawing_work, NULL, "The architecture as one page of SVG", "model"},
    {"/api/filters", false, WORKER_STUDY, filters_work, NULL, "The filters of a convolution", "model,layer"},
    {"/api/runs", false, WORKERS, NULL, runs_now, "Training runs that are watched", ""},
    {"/api/runs/report/", false, WORKERS, NULL, report_now, "A run's page", ""},
    {"/api/runs/events/", false, WORKERS, NULL, NULL, "A run's rows as they are written, as server-sent events", ""},
    {"/api/runs/", false, WORKERS, NULL, run_now, "A run: columns, rows, settings", ""},
    {"/api/teach", false, WORKERS, NULL, teach_now, "Where teaching stands", ""},
    {"/api/teach/picture", true, WORKER_TEACH, teach_add_work, NULL, "Adds a picture of a class", "class"},
    {"/api/teach/train", true, WORKER_TEACH, teach_train_work, NULL, "Learns the classes; answers when done", "epochs"},
    {"/api/teach/stop", true, WORKERS, NULL, teach_stop_now, "Ends training with its step", ""},
    {"/api/teach/clear", true, WORKER_TEACH, teach_clear_work, NULL, "Forgets pictures and what was learned", ""},
    {"/api/teach/predict", true, WORKER_TEACH, teach_predict_work, NULL, "What was taught says of a picture", ""},
    {"/api/teach/model", false, WORKER_TEACH, teach_model_work, NULL, "What was taught, as ONNX", ""},
    {"/api/lessons", false, WORKERS, NULL, lessons_now, "The course of fovea learn, in English or Chinese", "lang"},
    {"/api/lessons/drawing/", false, WORKERS, NULL, lesson_picture_now,
     "A lesson's drawing as SVG, by its number, in English or Chinese", "lang"},
    {"/api/openapi.json", false, WORKERS, NULL, openapi_now, "This document", ""},
    {"/metrics", false, WORKERS, NULL, metrics_now, "Counters for Prometheus", ""},
};
enum { ROUTES = sizeof routes / sizeof routes[0] };

int route_find(const char *path, bool post, const struct route **route)
{
    bool known = false;
    for (int i = 0; i < ROUTES; i++) {
        size_t length = strlen(routes[i].path);
        bool named = routes[i].path[length - 1] == '/';
        if (named ? strncmp(path, routes[i].path, length) != 0 : strcmp(path, routes[i].path) != 0) {
            continue;
        }
        if (routes[i].post == post) {
            *route = &routes[i];
            return 200;
        }
        known = true;
    }
    return known ? 405 : 404;
}

/* ---- the document ------------------------------------------------------------------------------------------------ */

static json_t *parameters_of(const struct route *route)
{
    json_t *list = json_array();
    if (route->path[strlen(route->path) - 1] == '/') {
        json_add(list, json_pack("{s:s,s:s,s:b,s:{s:s}}", "name", "name", "in", "path", "required", 1, "schema", "type",
                                 "string"));
    }
    for (const char *at = route->query; *at != '\0';) {
        size_t length = strcspn(at, ",");
        json_add(list, json_pack("{s:s%,s:s,s:o}", "name", at, length, "in", "query", "schema", query_schema(at, length)));
        at += length + (at[length] == ',');
    }
    return list;
}

/* What POST /api/predict answers: fields of a prediction by the kind of the model; for an archive a list of them. */
static const char prediction_schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"file\": {\"type\": \"string\", \"description\": \"its name, in an archive\"},"
    "\"error\": {\"type\": \"string\", \"description\": \"why there is no answer, in an archive\"},"
    "\"note\": {\"type\": \"string\"}, \"task\": {\"type\": \"string\"},"
    "\"top\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": [\"class\", \"name\", \"probability\"],"
    " \"properties\": {\"class\": {\"type\": \"integer\"}, \"name\": {\"type\": \"string\"},"
    " \"probability\": {\"type\": \"number\"}}}},"
    "\"scores\": {\"type\": \"array\", \"items\": {\"type\": \"number\"}},"
    "\"items\": {\"type\": \"array\", \"items\": {\"type\": \"object\"}},"
    "\"boxes\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": [\"class\", \"name\", \"score\", \"box\"],"
    " \"properties\": {\"class\": {\"type\": \"integer\"}, \"name\": {\"type\": \"string\"},"
    " \"score\": {\"type\": \"number\"}, \"box\": {\"type\": \"array\", \"items\": {\"type\": \"number\"},"
    " \"minItems\": 4, \"maxItems\": 4, \"description\": \"x1, y1, x2, y2 in pixels\"}}}},"
    "\"height\": {\"type\": \"integer\"}, \"width\": {\"type\": \"integer\"}, \"channels\": {\"type\": \"integer\"},"
    "\"mask\": {\"type\": \"string\", \"contentEncoding\": \"base64\"},"
    "\"picture\": {\"type\": \"string\", \"contentEncoding\": \"base64\"},"
    "\"pictures\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/Prediction\"},"
    " \"description\": \"one for each file of an archive\"}}}";

static json_t *answers_of(const struct route *route)
{
    json_t *object = json_object();
    json_t *well = json_pack("{s:s}", "description", "The answer");
    if (route->work == predict_work) {
        json_set(well, "content", json_pack("{s:{s:{s:s}}}", "application/json", "schema", "$ref",
                                            "#/components/schemas/Prediction"));
    }
    json_set(object, "200", well);
    json_set(object, "default",
             json_pack("{s:s,s:{s:{s:{s:s,s:{s:{s:s}}}}}}", "description", "Why not, in one sentence", "content",
                       "application/json", "schema", "type", "object", "properties", "error", "type", "string"));
    return object;
}

/* The schema of a prediction; with a token also the three ways to send it. */
static json_t *components_of(const struct server *server)
{
    json_t *object = json_object();
    json_set(object, "schemas", json_pack("{s:o}", "Prediction", json_loads(prediction_schema, 0, NULL)));
    if (server->guard.token[0] != '\0') {
        json_set(object, "securitySchemes",
                 json_pack("{s:{s:s,s:s},s:{s:s,s:s,s:s},s:{s:s,s:s,s:s}}", "bearer", "type", "http", "scheme", "bearer",
                           "header", "type", "apiKey", "in", "header", "name", "X-Fovea-Token",
                           "query", "type", "apiKey", "in", "query", "name", "token"));
    }
    return object;
}

static void openapi_now(struct server *server, struct job *job)
{
    json_t *object = json_object(), *paths = json_object();
    json_set_text(object, "openapi", "3.1.0");
    json_set(object, "info", json_pack("{s:s,s:s}", "title", "fovea serve", "version", fov_version()));
    for (int i = 0; i < ROUTES; i++) {
        const struct route *route = &routes[i];
        char path[SERVE_NAME];
        bool named = route->path[strlen(route->path) - 1] == '/';
        snprintf(path, sizeof path, "%s%s", route->path, named ? "{name}" : "");
        json_t *operation = json_object(), *item = json_object();
        json_set_text(operation, "summary", route->summary);
        json_set(operation, "parameters", parameters_of(route));
        if (route->post && route->worker < WORKERS) {
            json_set(operation, "requestBody", json_pack("{s:{s:{}}}", "content", "application/octet-stream"));
        }
        json_set(operation, "responses", answers_of(route));
        if (server->guard.token[0] != '\0' && (route->now == health_now || route->now == ready_now)) {
            json_set(operation, "security", json_array());
        }
        json_set(item, route->post ? "post" : "get", operation);
        json_set(paths, path, item);
    }
    json_set(object, "paths", paths);
    json_set(object, "components", components_of(server));
    if (server->guard.token[0] != '\0') {
        json_set(object, "security", json_pack("[{s:[]},{s:[]},{s:[]}]", "bearer", "header", "query"));
    }
    if (server->guard.public_origin[0] != '\0') {
        json_set(object, "servers", json_pack("[{s:s+}]", "url", server->guard.public_origin,
                                              server->guard.public_prefix));
    }
    job_reply(job, object, 9);
}
