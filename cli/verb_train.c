/* SPDX-License-Identifier: MIT */
/* fovea train: from the command line to a run folder. The model is opened in train_model.c, the output is in
 * train_view.c, the folder in run_directory.c, the training loop in the library. */
#include "append.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "ranks.h"
#include "report.h"
#include "run_directory.h"
#include "signals.h"
#include "preprocessing.h"
#include "source.h"
#include "train_job.h"
#include "train_options.h"
#include "train_preset.h"
#include "train_view.h"
#include <fovea/report.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_BATCH = 100, MAP_BATCH = 4 /* default batch of tasks that answer for each pixel */ };

/* Whether another rank, rank 0, writes the files and prints. */
static bool is_follower(const struct train_job *job)
{
    return job->ranks.ranks.rank > 0;
}

/* ---- settings ------------------------------------------------------------------------------------------------- */

/* A flag: as typed, else as in the resumed run's config.json under `key`, else the default. */
static bool flag_of(const struct train_job *job, const char *name, const char *key)
{
    const json_t *kept = job->config != NULL ? json_object_get(job->config, key) : NULL;
    if (option_given(job->cli, name) || kept == NULL) {
        return option_flag(job->cli, name);
    }
    return json_is_true(kept) || (json_is_number(kept) && json_number_value(kept) != 0.0);
}

/* A number from a file, clamped to int: numbers beyond it are beyond every limit, too, and refused by the library. */
static int whole(double number)
{
    return number >= INT_MAX ? INT_MAX : number <= INT_MIN ? INT_MIN : (int)number;
}

static const char *word_of(const struct train_job *job, const json_t *kept, const char *name, const char *key)
{
    const char *word = kept != NULL ? json_string_value(json_object_get(kept, key)) : NULL;
    return word != NULL && !option_given(job->cli, name) ? word : option_text(job->cli, name);
}

/* The run's task: the one that was named, else the model's, else the default for the data's kind of target. */
static fov_task_info task_of(const struct train_job *job)
{
    const char *name = job->task != NULL ? job->task : fov_model_task(job->model);
    fov_target target = fov_dataset_describe(job->data).target;
    size_t length = strcspn(name, ":");
    for (int i = 0; i < fov_task_count(); i++) {
        fov_task_info info = fov_task_at(i);
        if (length > 0 ? strlen(info.name) == length && strncmp(info.name, name, length) == 0
                       : info.target == target && !info.asked_only) {
            return info;
        }
    }
    return (fov_task_info){.name = ""};
}

static void fill_options(struct train_job *job)
{
    fov_train_options *o = &job->options;
    *o = (fov_train_options){
        .resume = job->resume,
        .overwrite = option_flag(job->cli, "overwrite"),
        .directory = job->folder.path,
        .validate = job->check,
    };
    const fov_task_info task = task_of(job);
    train_options_fill(job->cli, job->config, &task, &job->texts, o);
    if (job->config == NULL && !option_given(job->cli, "batch") && task.per_pixel) {
        o->batch = MAP_BATCH;
    }
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static int read_run(struct train_job *job, const char *directory)
{
    struct cli *cli = job->cli;
    if (option_given(cli, "out")) {
        return fail(cli, EXIT_USAGE, "--resume goes on in its own folder: leave out --out");
    }
    job->resume = true;
    int length = snprintf(job->folder.path, sizeof job->folder.path, "%s", directory);
    if (length >= RUN_PATH - 64) {
        return fail(cli, EXIT_USAGE, "the name of the run folder is too long (%d bytes)", length);
    }
    while (length > 1 && job->folder.path[length - 1] == '/') {
        job->folder.path[--length] = '\0';
    }
    char problem[256];
    int code = run_directory_read_config(cli, &job->folder, &job->config, &job->seed);
    if (code == EXIT_OK && json_is_true(json_object_get(job->config, "exact_conv"))) { /* changes results */
        code = options_preset(cli, "exact-conv", "yes", problem, sizeof problem);
    }
    /* A run of a program that uses the library has no args.json; config.json has the names, too. */
    if (code == EXIT_OK && run_directory_has(&job->folder, "args.json")) {
        job->words = run_directory_read(cli, &job->folder, "args.json", NULL, &code);
    }
    return code;
}

static int open_data(struct train_job *job)
{
    struct cli *cli = job->cli;
    job->data = fov_dataset_open_opt(cli->context, job->asked.data, FOV_TRAIN, &job->asked.held);
    job->check = job->data != NULL
                     ? fov_dataset_open_opt(cli->context, job->asked.data, FOV_VALIDATION, &job->asked.held)
                     : NULL;
    if (job->check != NULL) {
        /* "digits" means the dataset digits, even if a file of that name exists here */
        job->asked.data_is_file = strcmp(fov_dataset_describe(job->data).name, job->asked.data) != 0;
        return EXIT_OK;
    }
    bool chosen = option_given(cli, "data") || job->resume || cli->context == NULL;
    fov_status status = chosen ? FOV_OK : fov_error_status(cli->context);
    if (status == FOV_E_INPUT || status == FOV_E_IO) {
        return fail(cli, exit_code(status), "%s; or train on digits that fovea draws itself: --data digits",
                    fov_error(cli->context));
    }
    return fail_library(cli);
}

/* Reports a mistyped network name before time is spent on opening the data. */
static int check_name(struct train_job *job)
{
    if (source_is_file(job->asked.model)) {
        return EXIT_OK;
    }
    fov_model *model = fov_model_network(job->cli->context, job->asked.model, NULL);
    int code = model != NULL ? EXIT_OK : fail_library(job->cli);
    fov_model_free(model);
    return code;
}

/* Whether --input says what goes into inputs besides the pictures', and not a size. */
static bool is_filled(const char *input)
{
    return strchr(input, '=') != NULL;
}

/* How samples are held back, and what goes into further inputs: as typed, else as in the resumed run. */
static fov_dataset_options held_back(const struct train_job *job)
{
    fov_dataset_options held = source_held_back(job->cli);
    const char *inputs = option_text(job->cli, "input");
    const fov_dataset_options of_run =
        job->words != NULL ? run_directory_held(job->words) : (fov_dataset_options){.val_split = 0};
    if (job->words != NULL && held.val_split == 0 && held.val_last == 0 && held.val_list == NULL) {
        held = of_run;
    }
    held.inputs = inputs != NULL && is_filled(inputs) ? inputs : of_run.inputs;
    return held;
}

/* The task of a network that is of use for that task alone; NULL: the task follows from the data. */
static const char *task_of_network(const char *word)
{
    size_t length = strcspn(word, ":");
    for (int i = 0; !source_is_file(word) && i < fov_network_count(); i++) {
        fov_network_info info = fov_network_at(i);
        if (info.one_task && strlen(info.name) == length && strncmp(info.name, word, length) == 0) {
            return info.task;
        }
    }
    return NULL;
}

static int open_job(struct train_job *job)
{
    struct cli *cli = job->cli;
    const char *directory = option_text(cli, "resume");
    int code = directory != NULL ? read_run(job, directory) : EXIT_OK;
    if (code != EXIT_OK) {
        return code;
    }
    const json_t *words = job->words != NULL ? job->words : job->config;
    job->asked.model = word_of(job, words, "model", "model");
    job->asked.data = word_of(job, words, "data", "data");
    job->task = word_of(job, job->config, "task", "task");
    job->asked.weights = word_of(job, job->words, "weights", "weights");
    job->asked.input = word_of(job, job->words, "input", "input");
    job->asked.input = job->asked.input != NULL && is_filled(job->asked.input) ? NULL : job->asked.input;
    job->asked.freeze = word_of(job, job->words, "freeze", "freeze");
    job->asked.output = word_of(job, job->words, "output", "output");
    job->asked.scores = word_of(job, job->words, "scores", "scores");
    const json_t *classes = job->words != NULL ? json_object_get(job->words, "classes") : NULL;
    job->asked.classes = json_is_number(classes) && !option_given(cli, "classes") ? whole(json_number_value(classes))
                                                                                  : (int)option_integer(cli, "classes");
    job->asked.held = held_back(job);
    job->by_position = flag_of(job, "classes-by-position", "classes_by_position");
    bool kept = job->config != NULL && !option_given(cli, "seed");
    fov_context *context = cli_context_seeded(cli, kept ? job->seed : option_natural(cli, "seed"));
    if (context == NULL) {
        return fail_library(cli);
    }
    code = source_network(cli, job->asked.model, &job->asked.model);
    job->task = job->task != NULL ? job->task : task_of_network(job->asked.model);
    job->asked.model_is_file = source_is_file(job->asked.model);
    code = code == EXIT_OK ? check_name(job) : code;
    code = code == EXIT_OK ? open_data(job) : code;
    return code == EXIT_OK ? train_open_model(job) : code;
}

static void close_job(struct train_job *job)
{
    fov_dataset_free(job->data);
    fov_dataset_free(job->check);
    fov_model_free(job->model);
    json_decref(job->config);
    json_decref(job->words);
    free(job->preset);
}

/* The dataset and how samples are held back, as options to type after --data. */
static const char *words_of_data(const struct train_job *job, char *out, size_t size)
{
    const fov_dataset_options *held = &job->asked.held;
    size_t used = append_text(out, size, 0, "%s", job->asked.data);
    if (held->val_split > 0) {
        append_text(out, size, used, " --val-split %g", held->val_split);
    } else if (held->val_last > 0) {
        append_text(out, size, used, " --val-last %lld", (long long)held->val_last);
    } else if (held->val_list != NULL) {
        append_text(out, size, used, " --val-list %s", held->val_list);
    }
    return out;
}

/* ---- afterwards ----------------------------------------------------------------------------------------------- */

/* Draws curves and confusion matrix; a failure to draw them is only a remark. */
static void draw(struct train_job *job, const fov_report *report, const fov_model *best)
{
    struct cli *cli = job->cli;
    char csv[RUN_PATH], svg[RUN_PATH], png[RUN_PATH];
    int status = fov_draw_curves(cli->context, run_directory_file(csv, &job->folder, "history.csv"),
                                 run_directory_file(svg, &job->folder, "curves.svg"),
                                 run_directory_file(png, &job->folder, "curves.png"));
    if (status == FOV_OK && best != NULL && report->classes > 0) {
        status = fov_draw_confusion(cli->context, report, best, run_directory_file(svg, &job->folder, "confusion.svg"),
                                    run_directory_file(png, &job->folder, "confusion.png"));
    }
    if (status != FOV_OK) {
        remark(cli, "no pictures of this run: %s", fov_error(cli->context));
        fov_error_clear(cli->context);
    }
}

/* Writes report.html. */
static void write_page(struct train_job *job)
{
    struct cli *cli = job->cli;
    char html[RUN_PATH];
    const fov_run_report_options options = {.data = job->asked.data, .held_back = &job->asked.held};
    if (fov_run_report(cli->context, job->folder.path, run_directory_file(html, &job->folder, "report.html"), &options) !=
        FOV_OK) {
        remark(cli, "no page of this run: %s", fov_error(cli->context));
        fov_error_clear(cli->context);
    }
}

/* The best model's figures: on the validation samples, which chose it, and on the test samples where these are
 * others. */
struct worth {
    fov_report check, test;
    bool is_tested;
};

static void report_to_object(json_t *object, const fov_report *report)
{
    report_figures_to_json(object, report);
    json_set_number(object, "loss", report->loss);
    if (report->classes > 0) {
        json_set_number(object, "macro_f1", report->macro_f1);
    }
}

static void print_json(struct train_job *job, struct train_view *view, const struct worth *worth)
{
    char path[RUN_PATH], hash[65] = "";
    json_t *object = json_object();
    json_set_text(object, "directory", job->folder.path);
    json_set_text(object, "model", job->asked.model);
    json_set_text(object, "data", job->asked.data);
    json_set_integer(object, "epochs", job->options.epochs);
    json_set_text(object, "best", run_directory_file(path, &job->folder, "best.onnx"));
    json_set_text(object, "last", run_directory_file(path, &job->folder, "last.onnx"));
    json_set_text(object, "task", worth->check.task);
    report_to_object(object, &worth->check);
    if (worth->is_tested) {
        json_t *test = json_object();
        json_set_integer(test, "count", worth->test.count);
        report_to_object(test, &worth->test);
        json_set(object, "test", test);
    }
    if (fov_model_hash(job->model, hash) == FOV_OK) {
        json_set_text(object, "hash", hash);
    }
    json_set_number(object, "seconds", progress_clock() - view->begun);
    json_set_number(object, "training_seconds", train_view_time(view, job->folder.path));
    json_set(object, "history", json_incref(view->history));
    if (view->plan != NULL) {
        json_set(object, "memory", json_incref(view->plan));
    }
    json_print(job->cli, object);
}

/* Evaluates the best model. The test samples are opened only now, since they must not influence any choice. */
static int measure(struct train_job *job, fov_model *best, struct worth *worth)
{
    struct cli *cli = job->cli;
    fov_evaluate_options how = {.batch = REPORT_BATCH, .classes_by_position = job->by_position};
    if (fov_evaluate_opt(best, job->check, &how, &worth->check) != FOV_OK) {
        return fail_library(cli);
    }
    fov_dataset *test = fov_dataset_open_opt(cli->context, job->asked.data, FOV_TEST, &job->asked.held);
    if (test == NULL) {
        return fail_library(cli);
    }
    int code = EXIT_OK;
    if (!source_is_same_split(test, job->check)) {
        worth->is_tested = true;
        code = fov_evaluate_opt(best, test, &how, &worth->test) == FOV_OK ? EXIT_OK : fail_library(cli);
    }
    fov_dataset_free(test);
    return code;
}

static int finish(struct train_job *job, struct train_view *view)
{
    struct cli *cli = job->cli;
    char path[RUN_PATH], data[2 * RUN_PATH];
    struct worth worth = {.is_tested = false};
    fov_model *best = fov_model_load(cli->context, run_directory_file(path, &job->folder, "best.onnx"));
    int code = best != NULL ? measure(job, best, &worth) : fail_library(cli);
    if (code == EXIT_OK) {
        draw(job, &worth.check, best);
        write_page(job);
    }
    if (code == EXIT_OK && cli->json) {
        print_json(job, view, &worth);
    } else if (code == EXIT_OK) {
        train_view_end(view, &worth.check, worth.is_tested ? &worth.test : NULL, job->folder.path,
                       words_of_data(job, data, sizeof data));
    }
    fov_report_free(&worth.check);
    fov_report_free(&worth.test);
    fov_model_free(best);
    return code;
}

/* ---- the verb ------------------------------------------------------------------------------------------------- */

static int train(struct train_job *job)
{
    struct cli *cli = job->cli;
    struct train_view view;
    char clean[SHOWN_SIZE];
    fill_options(job);
    train_view_begin(&view, cli, &job->asked, job->model, job->data, job->check, &job->options);
    job->options.on_plan = train_view_plan;
    job->options.on_step = train_view_step;
    job->options.on_epoch = train_view_epoch;
    job->options.user = &view;
    signals_watch();
    job->options.ranks = job->ranks.ranks.count > 1 ? &job->ranks.ranks : NULL;
    int code = is_follower(job) ? EXIT_OK : watch_begin(cli, job->folder.path, &view.watch);
    if (code != EXIT_OK) {
        train_view_free(&view);
        return code;
    }
    int status = fov_train_opt(job->model, job->data, &job->options);
    progress_clear(&view.progress);
    job->together = status != FOV_E_IO;
    if (status == FOV_OK && is_follower(job)) {
        code = EXIT_OK; /* rank 0 writes and prints everything */
    } else if (is_follower(job) &&
               (status == FOV_E_INTERRUPTED || strncmp(fov_error(cli->context), "rank ", 5) == 0)) {
        code = exit_code(fov_error_status(cli->context)); /* that rank, or rank 0, prints the sentence */
    } else if (status == FOV_OK) {
        code = finish(job, &view);
    } else if (status == FOV_E_INTERRUPTED) {
        code = fail(cli, EXIT_INTERRUPTED, "%s; go on with: %s train --resume %s", fov_error(cli->context),
                    cli->program, show_clean(clean, sizeof clean, job->folder.path));
    } else {
        code = fail_library(cli);
    }
    watch_end(view.watch);
    train_view_free(&view);
    return code;
}

/* ---- finding a learning rate ------------------------------------------------------------------------------------ */

static int write_rates(struct train_job *job, const fov_rate_curve *curve)
{
    char csv[RUN_PATH], svg[RUN_PATH], png[RUN_PATH];
    FILE *file = fopen(run_directory_file(csv, &job->folder, "rates.csv"), "w");
    bool fine = file != NULL && fprintf(file, "lr,loss,smooth\n") > 0;
    for (int i = 0; fine && i < curve->count; i++) {
        fine = fprintf(file, "%.9g,%.9g,%.9g\n", curve->rate[i], curve->loss[i], curve->smooth[i]) > 0;
    }
    if (file == NULL || fclose(file) != 0 || !fine) {
        return fail(job->cli, EXIT_IO, "%s: cannot write: %s", csv, strerror(errno));
    }
    if (fov_draw_rates(job->cli->context, curve, run_directory_file(svg, &job->folder, "rates.svg"),
                       run_directory_file(png, &job->folder, "rates.png")) != FOV_OK) {
        remark(job->cli, "no picture of the rates: %s", fov_error(job->cli->context));
        fov_error_clear(job->cli->context);
    }
    return EXIT_OK;
}

static int find_rate(struct train_job *job)
{
    struct cli *cli = job->cli;
    fov_rate_curve curve;
    char clean[SHOWN_SIZE], path[RUN_PATH];
    if (is_follower(job)) {
        return EXIT_OK; /* the test is rank 0's alone: other ranks would compute the same */
    }
    fill_options(job);
    if (fov_find_rate(job->model, job->data, &job->options, NULL, &curve) != FOV_OK) {
        return fail_library(cli);
    }
    int code = write_rates(job, &curve);
    show_clean(clean, sizeof clean, run_directory_file(path, &job->folder, "rates"));
    if (code == EXIT_OK && cli->json) {
        json_t *object = json_object();
        json_set_text(object, "directory", job->folder.path);
        json_set_number(object, "suggestion", curve.suggestion);
        json_set_number(object, "lowest", curve.rate[curve.lowest]);
        json_set_number(object, "steepest", curve.rate[curve.steepest]);
        json_set_integer(object, "steps", curve.count);
        json_print(cli, object);
    } else if (code == EXIT_OK) {
        fprintf(cli->out,
                "After %d steps of rates from %.2g to %.2g: the loss is lowest at %.2g and falls most at %.2g.\n", curve.count, curve.rate[0], curve.rate[curve.count - 1], curve.rate[curve.lowest],
                curve.rate[curve.steepest]);
        fprintf(cli->out, "Try --lr %.2g, a tenth of the lowest. The curve: %s.csv, .svg, .png\n", curve.suggestion,
                clean);
    }
    fov_rate_curve_free(&curve);
    return code;
}

static int run(struct cli *cli)
{
    struct train_job job = {.cli = cli};
    if (option_text(cli, "recipe") != NULL && strcmp(option_text(cli, "recipe"), "list") == 0) {
        train_recipes_print(cli);
        return EXIT_OK;
    }
    int code = train_preset(cli, &job.preset);
    if (code == EXIT_OK && option_flag(cli, "find-lr") && option_given(cli, "resume")) {
        code = fail(cli, EXIT_USAGE, "--find-lr is for a run that has not begun: leave out --resume");
    }
    if (code == EXIT_OK && option_flag(cli, "find-lr") && option_flag(cli, "serve")) {
        code = fail(cli, EXIT_USAGE, "--find-lr trains nothing that --serve could show: leave out one of them");
    }
    code = code == EXIT_OK ? ranks_join(cli, &job.ranks) : code;
    code = code == EXIT_OK ? open_job(&job) : code;
    bool writes = code == EXIT_OK && !job.resume && !is_follower(&job);
    if (writes) {
        code = run_directory_take(cli, option_text(cli, "out"), option_flag(cli, "overwrite"), &job.folder);
    }
    if (code == EXIT_OK && writes) {
        code = run_directory_keep_words(cli, &job.folder, &job.asked);
    }
    if (code == EXIT_OK) {
        code = option_flag(cli, "find-lr") ? find_rate(&job) : train(&job);
    }
    if (code != EXIT_OK) {
        run_directory_abandon(&job.folder);
    }
    close_job(&job);
    ranks_leave(&job.ranks, code, job.together || code == EXIT_OK);
    return code;
}

static const struct cli_option options[] = {
    {.name = "recipe",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .otherwise = "none",
     .doc = "a named set of options, printed by --recipe list; what is typed counts more"},
    {.name = "config",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .otherwise = "none",
     .doc = "options from a file, a line of \"key = value\" each, or a run's config.json; what is typed counts more"},
    {.name = "model",
     .kind = OPTION_TEXT,
     .argument = "NAME|FILE",
     .standard = "lenet5",
     .doc = "network by name (fovea zoo), or an .onnx file to train further"},
    {.name = "data",
     .kind = OPTION_TEXT,
     .argument = "SOURCE",
     .standard = "mnist",
     .doc = "mnist, cifar10, digits, each with [:COUNT], or a folder; see fovea data"},
    {.name = "weights",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .otherwise = "random",
     .doc = "weights to begin with, of the network that --model names: .safetensors, PyTorch's .pth, Keras' .h5; other "
            "classes get a new last layer"},
    {.name = "input",
     .kind = OPTION_TEXT,
     .argument = "CxHxW",
     .otherwise = "that of the pictures, else the network's",
     .doc = "size the network is made for, pixels; a file's network goes over that size where it can. Or NAME=WHAT,...: "
            "what goes into inputs of a file's network beside that of pictures, FILE.npy or numbers (k=0.5+2), the same "
            "for all samples, or columns of a table (k=age+weight)"},
    {.name = "classes",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .otherwise = "those of the data",
     .minimum = 1,
     .maximum = 1e6,
     .doc = "outputs; an .onnx file for another number or other classes gets a new last layer"},
    {.name = "output",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .otherwise = "the first, or the one the file names",
     .doc = "which output to train, of a model with several; the others stay in the file"},
    {.name = "scores",
     .kind = OPTION_CHOICE,
     .argument = "KIND",
     .otherwise = "what the file or its last layers say",
     .choices = source_scores,
     .doc = "what the numbers of the output are"},
    {.name = "freeze",
     .kind = OPTION_TEXT,
     .argument = "PATTERN,...",
     .doc = "parameters that stay as they are, by name: features.*"},
    {.name = "out",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .argument = "DIR",
     .writes = WRITES_FOLDER,
     .otherwise = "runs/train, runs/train2 ...",
     .doc = "run folder; one that holds a run is refused"},
    {.name = "find-lr",
     .kind = OPTION_FLAG,
     .doc = "no training: try growing rates for 200 steps, draw the loss over them (rates.svg), suggest one"},
    {.name = "log-every",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .otherwise = "no lines",
     .minimum = 1,
     .maximum = 1e9,
     .doc = "a line each N steps: [1,   300] loss: 0.334"},
    {.name = "serve",
     .kind = OPTION_FLAG,
     .doc = "live curves on a page of this machine while training goes on (docs/serve.md)"},
    {.name = "port",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "8080",
     .minimum = 0,
     .maximum = 65535,
     .doc = "where --serve listens; 0: any port that is free"},
    {.name = "overwrite", .kind = OPTION_FLAG, .doc = "the new run takes the place of the one in --out"},
    {.name = "resume",
     .kind = OPTION_TEXT,
     .argument = "DIR",
     .doc = "go on with the run in DIR, which knows its model, data and options; more --epochs are welcome"},
    {.name = NULL},
};

const struct verb verb_train = {
    .name = "train",
    .reads_data = true,
    .summary = "train a network; alone, lenet5 on MNIST",
    .run = run,
    .options = options,
    .more = train_options,
    .shared = preprocessing_options,
    .arguments = "",
    .networks = true,
    .help =
        "Trains a network and checks it after each epoch on the validation samples, or on those for testing "
        "where there are no others (--val-split 0.1 holds some back). Where there are, the best epoch is measured once on "
        "those for testing at the end. What it is for follows from the data's targets (a class, several, values, a mask, a "
        "picture), or is said with --task; docs/tasks.md has each task's options, losses and figures. A classifier's "
        "loss follows from what its output holds: softmax cross-entropy, or, of sigmoids and of a single score, a "
        "binary one for each. The run folder then holds best.onnx and last.onnx, "
        "checkpoint.safetensors, history.csv, config.json and pictures of the curves and of the confusion. An "
        ".onnx file keeps its classes, in its order, where those of the data are among them by name; where they "
        "are other ones altogether it gets a new last layer. Ctrl-C finishes the step, leaves a checkpoint and "
        "exits with 130; a run that was stopped or killed goes on with --resume and ends with the same bits. The "
        "weights depend on --seed, never on --threads.",
    .examples = "fovea train\n"
                "fovea train --model course-cnn --data mnist --epochs 10 --lr 0.01 --momentum 0.5\n"
                "fovea train model=lenet5 data=digits epochs=3 optimizer=adam\n"
                "fovea train --model unet --data cells.zip --task segment:loss=cross-entropy+dice\n"
                "fovea train --model best.onnx --data photos/ --lr 0.001 --out runs/photos\n"
                "fovea train --model squeezenet1_1.onnx --data photos/ --freeze 'features.*'\n"
                "fovea train --data photos/ --serve\n"
                "fovea train --resume runs/train --epochs 20\n",
};
