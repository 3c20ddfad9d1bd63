/* SPDX-License-Identifier: MIT */
/* fovea serve: a page and an API over models that were loaded when it began. One thread runs the event loop
 * (server.c): it reads requests, answers what is at hand, and hands everything that computes to a worker as a job
 * (work.c). A worker is a thread with a context and models of its own, so that nothing is shared: one answers, one
 * studies (explanations, times), one teaches. What a route does is in predict.c, study.c, teach.c and runs.c. Read
 * next: routes in routes.c. */
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
    SERVE_URL = 256,
    SERVE_QUERY = 1024,
    SERVE_QUEUE = 64, /**< jobs that wait for a worker; one more is refused with 429 */
    SERVE_CONNECTIONS = 512,
    SERVE_BODY = 16 << 20,   /**< bytes */
    SERVE_PIXELS = 40000000, /**< of a picture */
    SERVE_SECONDS = 60,      /**< that a connection may take from one answer to the end of its next request */
    SERVE_EPOCHS = 200,      /**< that Teach may be asked for */
    SERVE_BATCH = 64         /**< pictures that --batch lets go through the network together, at most */
};

struct server;

/** What is sent back. `body` is freed with free(). */
struct reply {
    int code;
    const char *type;
    char *body;
    size_t size;
    char timing[160]; /**< header Server-Timing; "" : none */
    char file[96];    /**< the name under which a browser should store it; "": it is shown */
};

/** A request on its way through a worker. */
struct job {
    struct job *next;
    void *request; /**< the event loop's */
    void (*work)(struct job *job);
    struct worker *worker;
    char query[SERVE_QUERY];
    char rest[SERVE_NAME]; /**< of the path, behind the route's */
    unsigned char *body;
    size_t size;
    double arrived; /**< seconds */
    struct reply reply;
};

/** A thread with a context and models of its own. */
struct worker {
    struct server *server;
    const char *name; /**< "answer" */
    struct cli cli;
    fov_model *models[SERVE_MODELS]; /**< NULL: not opened yet */
    fov_session *sessions[SERVE_MODELS];
    fov_explainer *explainers[SERVE_MODELS];
    int forms[SERVE_MODELS]; /**< 0: not looked at yet */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, *last; /**< waiting; under the lock, as what follows */
    int waiting;
    bool stops;
    uint64_t done, failed;
    double seconds;            /**< spent computing */
    uint64_t batches, batched; /**< how often pictures went through a network, and how many */
};

enum { WORKER_ANSWER, WORKER_STUDY, WORKER_TEACH, WORKERS };

struct teach;

/** The training that goes on in this process (fovea train --serve): what it said of its last step, and the loss over
 *  the seconds. */
enum { WATCHED_POINTS = 2048 };
struct watched_point {
    double epoch; /**< 1.5: in the middle of the second */
    double loss;  /**< mean over the steps since the point before */
};
struct watched {
    const char *name; /**< of the run */
    pthread_mutex_t lock;
    fov_progress at; /**< under the lock, as the next two */
    double losses;
    int count; /**< of steps since the last second */
    fov_progress shown;
    struct watched_point points[WATCHED_POINTS];
    int point_count;
};

struct server {
    struct cli *cli;
    const char *words[SERVE_MODELS]; /**< as they were typed */
    char names[SERVE_MODELS][SERVE_NAME];
    int model_count;
    const char *runs;     /**< folder of runs */
    int batch;            /**< pictures that go through the network together where so many wait; 1: each by itself */
    const char *keep;     /**< folder of what is taught; NULL: nothing is written */
    const char *backbone; /**< file that Teach begins with; NULL: none */
    char *about;          /**< /api/models, made when the server starts */
    struct guard guard;
    struct worker workers[WORKERS];
    struct teach *teach;
    struct watched *watched; /**< NULL: no training goes on here; else no worker runs, and signals are not ours */
    void (*finished)(struct server *server, struct job *job); /**< called by workers */
    struct loop *loop;                                        /**< of server.c */
};

/* ---- server.c ---------------------------------------------------------------------------------------------------- */

/** Makes the event loop and listens; guard.port is then the real one. An exit code after a sentence. */
int server_open(struct server *server);
void server_dispatch(struct server *server); /**< answers until it is told to stop */
void server_stop(struct server *server);     /**< from any thread, between the two around it */
void server_close(struct server *server);    /**< also of one that could not be opened */
/** "http://127.0.0.1:8080", with the token where there is one. */
void server_url(const struct server *server, char url[SERVE_URL]);
double server_now(void); /**< seconds of a clock that only goes forward */

/* ---- work.c ------------------------------------------------------------------------------------------------------ */

int worker_start(struct worker *worker); /**< 0, or an exit code after a sentence */
/** False: too many wait. */
bool worker_take(struct worker *worker, struct job *job);
/** Takes jobs of the same kind about the same model that wait right behind this one: at most `most` into `more`. How
 *  many. Each is to be given back with worker_finish. */
int worker_take_more(struct job *job, struct job **more, int most);
void worker_finish(struct worker *worker, struct job *job);
void worker_stop(struct worker *worker); /**< after what runs and waits */
/** The model a job is about (?model=NAME, else the first), opened in its worker; NULL after a reply that says why. */
fov_model *job_model(struct job *job, int *index);
/** A picture from its file's bytes: 0, or an HTTP status with one sentence in `problem`. */
int picture_decode(struct worker *worker, const void *bytes, size_t size, fov_image *image, char *problem,
                   size_t room);
/** The job's picture; false after a reply that says why. */
bool job_picture(struct job *job, fov_image *image);
void job_fail(struct job *job, int code, const char *format, ...) CLI_PRINTF(3, 4);
/** The same with the library's sentence; clears it. */
void job_fail_library(struct job *job);
void job_fail_status(struct job *job, fov_status status, const char *sentence);
void job_reply(struct job *job, json_t *object, size_t digits); /**< takes `object` */
int job_number(const struct job *job, const char *key, int otherwise);
void job_free(struct job *job);
/** Base64 of bytes as a JSON text. */
json_t *json_from_bytes(const void *bytes, size_t size);

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

int predict_open(struct worker *worker, int index); /**< looks at the form of a model's answers: an exit code */
void predict_work(struct job *job);
void explain_work(struct job *job);
void layer_work(struct job *job);
void sum_work(struct job *job);
void network_work(struct job *job);
void drawing_work(struct job *job);
void filters_work(struct job *job);

void watched_begin(struct watched *watched); /**< its name is given later */
void watched_end(struct watched *watched);
void watched_step(struct watched *watched, const fov_progress *at); /**< from the thread that trains */
bool watched_tick(struct watched *watched); /**< a second has gone by: whether steps were done in it */
/** {"points": [[epoch, loss]], "at": {epoch, step, ...}}: all points, or the last one. */
json_t *watched_points(const struct watched *watched, bool all);

json_t *runs_list(const struct server *server);
/** One run: columns, rows behind the first `from`, settings; NULL: there is none of that name. */
json_t *runs_read(const struct server *server, const char *name, size_t from);
/** The run's page; NULL: none. To be freed. */
char *runs_report(const struct server *server, const char *name, size_t *size);

struct teach *teach_create(struct server *server);
/** Reads the pictures of the folder that is kept, if there is one. Before the worker starts. */
void teach_read_kept(struct teach *teach, struct cli *cli);
void teach_free(struct teach *teach);
json_t *teach_state(struct teach *teach);
void teach_add_work(struct job *job);
void teach_train_work(struct job *job);
void teach_predict_work(struct job *job);
void teach_model_work(struct job *job);
void teach_clear_work(struct job *job);
void teach_stop(struct teach *teach); /**< from the event loop: training ends with its step */

/** A file of the page, in the binary. */
struct page_file {
    const char *path, *type;
    const unsigned char *bytes;
    size_t size;
};
extern const struct page_file page_files[]; /**< generated; ended by one without path */

#endif
