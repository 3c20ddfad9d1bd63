/* SPDX-License-Identifier: MIT */
/* fovea serve: a page and an API over models that are loaded at the start. One thread runs the event loop (server.c):
 * it reads requests, answers what needs no computing, and hands everything else to a worker as a job (work.c). A worker
 * is a thread with its own context and models, so that nothing is shared: "answer" predicts, "study" explains and
 * measures times, "teach" trains. The routes' work is in predict.c, study.c, teach.c and runs.c. Read next: the table
 * of routes in routes.c. */
#ifndef CLI_SERVE_SERVE_H
#define CLI_SERVE_SERVE_H

#include "cli/append.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/serve/guard.h"
#include <pthread.h>

enum {
    SERVE_MODELS = 16,
    SERVE_NAME = 256,
    SERVE_URL = 1200,
    SERVE_PROBLEM = 600,
    SERVE_QUERY = 1024,
    SERVE_QUEUE = 64, /**< jobs that may wait for a worker; further ones are refused with 429 */
    SERVE_CONNECTIONS = 512,
    SERVE_PIXELS = 40000000, /**< pixels of a picture, at most */
    SERVE_SECONDS = 60,      /**< from a request's first byte to its last, without --request-timeout */
    SERVE_EPOCHS = 200,      /**< at most, in one request to Teach */
    SERVE_BATCH = 64,        /**< the largest --batch: pictures that go through the network together */
    SERVE_BODY = 16 << 20,   /**< bytes of a request's body, at most, without --max-upload */
    SERVE_UNPACKED = 64 << 20, /**< bytes of an archive's pictures, at most, without --max-unpacked */
    SERVE_LATENCIES = 14     /**< limits of the histogram of predictions' latency */
};

struct server;

/** A reply. Free `body` with free(). */
struct reply {
    int code;
    const char *type;
    char *body;
    size_t size;
    char timing[160]; /**< header Server-Timing; "": none */
    char file[96];    /**< name under which a browser saves the body; "": the browser shows it */
    const char *allow; /**< header Allow of a 405: "GET, HEAD"; NULL: none */
    char where[SERVE_QUERY + 600]; /**< header Location of a 308; "": none */
};

/** Latencies of a model's answers to POST /api/predict, from the request's arrival to its reply. */
struct latencies {
    uint64_t counts[SERVE_LATENCIES + 1]; /**< by the smallest limit that is not below; the last: above all limits */
    double seconds;                       /**< their sum */
};
extern const double latency_limits[SERVE_LATENCIES]; /**< in seconds, ascending; in metrics.c */

/** A request on its way through a worker. */
struct job {
    struct job *next;
    void *request; /**< the event loop's struct evhttp_request */
    void (*work)(struct job *job);
    struct worker *worker;
    char query[SERVE_QUERY];
    char rest[SERVE_NAME]; /**< what follows the route's path in the request's path, decoded */
    unsigned char *body;
    size_t size;
    double arrived; /**< server_now() */
    int model;      /**< number of the model that it is about, set by job_model; -1: none */
    struct reply reply;
};

/** A thread with its own context and models. */
struct worker {
    struct server *server;
    const char *name; /**< "answer" */
    struct cli cli;
    fov_model *models[SERVE_MODELS]; /**< NULL: not opened yet */
    fov_session *sessions[SERVE_MODELS];
    fov_explainer *explainers[SERVE_MODELS];
    int forms[SERVE_MODELS]; /**< form of the answers, set by predict_open; 0: not yet */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, *last; /**< queue of waiting jobs; guarded by the lock, as are all fields below */
    int waiting;
    bool stops;
    uint64_t done, failed;
    double seconds;            /**< spent computing */
    uint64_t batches, batched; /**< batches that went through a network, and pictures in them */
    struct latencies latencies[SERVE_MODELS];
};

enum { WORKER_ANSWER, WORKER_STUDY, WORKER_TEACH, WORKERS };

struct teach;

/** The training that runs in this process (fovea train --serve): the progress of its last step, and the mean loss of
 *  each second. */
enum { WATCHED_POINTS = 2048 };
struct watched_point {
    double epoch; /**< 1.5: half-way through the second epoch */
    double loss;  /**< mean over the steps since the previous point */
};
struct watched {
    const char *name; /**< the run's name */
    pthread_mutex_t lock;
    fov_progress at; /**< the last step; guarded by the lock, as are the next two */
    double losses;   /**< sum over the `count` steps */
    int count;       /**< steps since the last watched_tick */
    fov_progress shown;
    struct watched_point points[WATCHED_POINTS];
    int point_count;
};

struct server {
    struct cli *cli;
    const char *words[SERVE_MODELS]; /**< the models as typed */
    char names[SERVE_MODELS][SERVE_NAME];
    int model_count;
    const char *runs;     /**< folder of runs */
    int batch;            /**< how many waiting pictures may go through the network together; 1: each by itself */
    const char *keep;     /**< folder for Teach's pictures and run; NULL: nothing is written */
    const char *backbone; /**< file of the model that Teach starts from; NULL: none */
    char *about;          /**< body of /api/models, made when the server starts */
    size_t upload;        /**< bytes of a request's body, at most */
    size_t unpacked;      /**< bytes of an archive's pictures, at most */
    int request_seconds;  /**< from a request's first byte to its last, at most */
    bool is_taught;       /**< Teach is offered */
    char problems[SERVE_MODELS][SERVE_PROBLEM]; /**< why a model cannot answer, found at the start; "": it can */
    struct guard guard;
    struct worker workers[WORKERS];
    struct teach *teach;
    struct watched *watched; /**< the training of this process: no worker runs, and signals are its; NULL: none */
    void (*finished)(struct server *server, struct job *job); /**< called by workers */
    struct loop *loop;                                        /**< the event loop, of server.c */
};

/* ---- server.c ---------------------------------------------------------------------------------------------------- */

/** Makes the event loop and listens; sets guard.port to the real port. Returns 0 or an exit code after a sentence. */
int server_open(struct server *server);
void server_dispatch(struct server *server); /**< answers until it is told to stop */
void server_stop(struct server *server);     /**< from any thread, after server_open and before server_close */
void server_close(struct server *server);    /**< also after a failed server_open */
/** Writes "http://127.0.0.1:8080", and with `token` also the token if there is one. */
void server_url(const struct server *server, bool token, char url[SERVE_URL]);
double server_now(void); /**< seconds of a monotonic clock */

/* ---- work.c ------------------------------------------------------------------------------------------------------ */

int worker_start(struct worker *worker); /**< 0, or an exit code after a sentence */
/** Queues a job. False if too many wait; the caller then still owns the job. */
bool worker_take(struct worker *worker, struct job *job);
/** Moves the jobs of the same kind and model that wait directly after this one, at most `most`, into `more`. Returns
 *  how many. The caller passes each to worker_finish. */
int worker_take_more(struct job *job, struct job **more, int most);
void worker_finish(struct worker *worker, struct job *job);
void worker_stop(struct worker *worker); /**< waits until the running and the queued jobs are done */
/** The model a job is about (?model=NAME, else the first), opened in its worker; NULL after setting a reply. */
fov_model *job_model(struct job *job, int *index);
/** Decodes a picture from its file's bytes. Returns 0, or an HTTP status with one sentence in `problem`. */
int picture_decode(struct worker *worker, const void *bytes, size_t size, fov_image *image, char *problem,
                   size_t room);
/** Decodes the job's body as a picture; false after setting a reply that says why. */
bool job_picture(struct job *job, fov_image *image);
void job_fail(struct job *job, int code, const char *format, ...) CLI_PRINTF(3, 4);
/** The same with the library's status and sentence, which it clears. */
void job_fail_library(struct job *job);
void job_fail_status(struct job *job, fov_status status, const char *sentence);
void job_reply(struct job *job, json_t *object, size_t digits); /**< owns `object` from here on */
int job_number(const struct job *job, const char *key, int otherwise);
void job_free(struct job *job);
/** The bytes in base64, as a JSON string. */
json_t *json_from_bytes(const void *bytes, size_t size);

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

int predict_open(struct worker *worker, int index); /**< sets forms[index]; returns 0 or an exit code */
/** Sends an even picture through the model, as the first request would: its plan is made and its numbers are computed.
 *  The status of the failure, with its sentence in `problem`. */
fov_status predict_try(struct worker *worker, int index, char *problem, size_t size);
void predict_work(struct job *job);
void explain_work(struct job *job);
void layer_work(struct job *job);
void sum_work(struct job *job);
void network_work(struct job *job);
void drawing_work(struct job *job);
void filters_work(struct job *job);

void watched_begin(struct watched *watched); /**< the caller sets `name` later */
void watched_end(struct watched *watched);
void watched_step(struct watched *watched, const fov_progress *at); /**< called on the training thread */
bool watched_tick(struct watched *watched); /**< once a second; returns whether steps were done since */
/** Returns {"points": [[epoch, loss]], "at": {epoch, step, ...}} with all points, or only the last one. */
json_t *watched_points(const struct watched *watched, bool all);

json_t *runs_list(const struct server *server);
/** One run: columns, rows after the first `from`, settings (if from is 0); NULL: there is no run of that name. */
json_t *runs_read(const struct server *server, const char *name, size_t from);
/** The bytes of the run's report.html; NULL: none. The caller frees them. */
char *runs_report(const struct server *server, const char *name, size_t *size);

struct teach *teach_create(struct server *server);
/** Reads the pictures of the --keep folder, if there is one. Call before the worker starts. */
void teach_read_kept(struct teach *teach, struct cli *cli);
void teach_free(struct teach *teach);
json_t *teach_state(struct teach *teach);
void teach_add_work(struct job *job);
void teach_train_work(struct job *job);
void teach_predict_work(struct job *job);
void teach_model_work(struct job *job);
void teach_clear_work(struct job *job);
void teach_stop(struct teach *teach); /**< called by the event loop: training ends after its current step */
void teach_end(struct teach *teach);  /**< the same for the rest of the server's life: no other training begins */

/** A file of the page, embedded in the binary. */
struct page_file {
    const char *path, *type;
    const unsigned char *bytes;
    size_t size;
};
extern const struct page_file page_files[]; /**< generated; the last entry has no path */

#endif
