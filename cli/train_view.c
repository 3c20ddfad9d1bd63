/* SPDX-License-Identifier: MIT */
/* The output of a training run. The rows of the table are results and go to standard output at once; the progress line
 * does not. */
#include "train_view.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "run_directory.h"
#include "signals.h"
#include "source.h"
#include "table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 1024 /* bytes of the model's and the data's name in the title */ };

static void describe_settings(struct train_view *view, const fov_train_options *o, int64_t samples)
{
    char *out = view->settings;
    size_t size = sizeof view->settings, n;
    int64_t batch = o->batch < 0 || o->batch > samples ? samples : o->batch;
    char count[NUMBER_SIZE];
    n = append_text(out, size, 0, "%s", o->optimizer);
    if (o->lr > 0.0f) {
        n = append_text(out, size, n, ", rate %g", (double)o->lr);
    }
    if (strcmp(o->schedule, "constant") != 0) {
        n = append_text(out, size, n, " (%s)", o->schedule);
    }
    if (o->momentum > 0.0f) {
        n = append_text(out, size, n, ", %smomentum %g", o->nesterov ? "Nesterov " : "", (double)o->momentum);
    }
    if (o->weight_decay > 0.0f) {
        n = append_text(out, size, n, ", weight decay %g", (double)o->weight_decay);
    }
    n = append_text(out, size, n, ", batch %s", show_count(count, batch));
    fov_context *context = view->cli->context;
    int threads = fov_context_threads(context);
    append_text(out, size, n, "; %s, %d thread%s, seed %llu", fov_context_isa(context), threads,
                threads == 1 ? "" : "s", (unsigned long long)fov_context_seed(context));
}

/* The last part of a path: "photos" for "../photos/". A word without '/' stays whole. */
static void base_name(char *out, size_t size, const char *word)
{
    size_t length = strlen(word), from = 0;
    while (length > 1 && word[length - 1] == '/') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        from = word[i] == '/' ? i + 1 : from;
    }
    snprintf(out, size, "%.*s", (int)(length - from), word + from);
}

void train_view_begin(struct train_view *view, struct cli *cli, const struct run_words *asked, fov_model *model,
                      const fov_dataset *data, const fov_dataset *check_with, const fov_train_options *options)
{
    *view = (struct train_view){.cli = cli, .begun = progress_clock(), .history = json_array()};
    progress_begin(&view->progress, cli);
    fov_dataset_info train = fov_dataset_describe(data), check = fov_dataset_describe(check_with);
    char count[3][NUMBER_SIZE], file[NAME_ROOM], source[NAME_ROOM];
    fov_summary summary = {.parameters = 0};
    const char *name = fov_model_name(model);
    if (fov_model_summary(model, NULL, &summary) != FOV_OK) {
        fov_error_clear(cli->context); /* training will report the error */
    }
    base_name(file, sizeof file, asked->model);
    base_name(source, sizeof source, asked->data);
    snprintf(view->title, sizeof view->title, "%s (%s parameters) on %s: %s samples to learn from, %s to check with",
             *name != '\0' ? name : file, show_count(count[0], summary.parameters), source,
             show_count(count[1], train.count), show_count(count[2], check.count));
    view->minutes = (double)options->minutes;
    view->log_every = option_integer(cli, "log-every");
    describe_settings(view, options, train.count);
}

void train_view_free(struct train_view *view)
{
    json_decref(view->history);
    json_decref(view->plan);
}

void train_view_plan(const fov_plan *plan, void *user)
{
    struct train_view *view = user;
    fov_plan_memory memory = fov_plan_memory_use(plan);
    size_t all = fov_context_memory(view->cli->context).bytes;
    memory_text(view->memory, &memory, all);
    recomputation_text(view->recomputed, &memory);
    view->plan = json_object();
    json_set_integer(view->plan, "all", (int64_t)all);
    memory_to_json(view->plan, &memory);
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

/* The columns of figures: "train acc" at least 9 letters wide, "val acc" at least 8. */
enum { TRAIN, VALIDATION };
static const char *const column_kinds[] = {"train", "val"};
static const int         column_widths[] = {9, 8};

static int column_width(int kind, const char *heading)
{
    int width = (int)(strlen(column_kinds[kind]) + 1 + strlen(heading));
    return width > column_widths[kind] ? width : column_widths[kind];
}

static void print_column(const struct cli *cli, int kind, const char *heading)
{
    char title[48];
    snprintf(title, sizeof title, "%s %s", column_kinds[kind], heading);
    fprintf(cli->out, "  %*s", column_width(kind, heading), title);
}

static void print_figures(const struct cli *cli, int kind, const fov_task_figure *figures, int count)
{
    char text[32];
    for (int i = 0; i < count; i++) {
        if (figures[i].heading != NULL) {
            fprintf(cli->out, "  %*s", column_width(kind, figures[i].heading), report_figure(text, &figures[i]));
        }
    }
}

static void figures_to_json(json_t *row, int kind, const fov_task_figure *figures, int count)
{
    for (int i = 0; i < count; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s_%s", column_kinds[kind], figures[i].name);
        json_set_number(row, key, figures[i].value);
    }
}

static fov_task_info find_task(const char *name)
{
    for (int i = 0; i < fov_task_count(); i++) {
        fov_task_info info = fov_task_at(i);
        if (strcmp(info.name, name) == 0) {
            return info;
        }
    }
    return (fov_task_info){.name = name};
}

/* ---- while it runs ----------------------------------------------------------------------------------------------- */

/* Printed after the first step, so that a failure before it leaves standard output empty. */
static void print_heading(struct train_view *view, const char *task)
{
    struct cli *cli = view->cli;
    if (view->heading || cli->json || cli->quiet) {
        return;
    }
    char clean[SHOWN_SIZE];
    view->heading = true;
    view->info = find_task(task);
    print_wrapped(cli->out, show_clean(clean, sizeof clean, view->title), 0, 2, cli->width);
    print_wrapped(cli->out, view->settings, 0, 2, cli->width);
    if (view->info.target != FOV_TARGET_CLASS) { /* classification, the usual task, is not mentioned */
        fprintf(cli->out, "task %s: %s\n", task, view->info.summary);
    }
    print_wrapped(cli->out, view->memory, 0, 2, cli->width);
    if (view->recomputed[0] != '\0') {
        print_wrapped(cli->out, view->recomputed, 0, 2, cli->width);
    }
    fputc('\n', cli->out);
    fprintf(cli->out, "%s %7s  %10s", style_bold(cli), "epoch", "train loss");
    for (int i = 0; i < view->info.figure_count; i++) {
        if (view->info.figure[i].while_training && view->info.figure[i].heading != NULL) {
            print_column(cli, TRAIN, view->info.figure[i].heading);
        }
    }
    fprintf(cli->out, "  %8s", "val loss");
    for (int i = 0; i < view->info.figure_count; i++) {
        if (view->info.figure[i].heading != NULL && !view->info.figure[i].only_training) {
            print_column(cli, VALIDATION, view->info.figure[i].heading);
        }
    }
    fprintf(cli->out, "  %9s  %7s%s\n", "rate", "time", style_off(cli));
    output_commit(cli);
}

static void describe_step(const struct train_view *view, char out[160], const fov_progress *at)
{
    char speed[NUMBER_SIZE], left[NUMBER_SIZE];
    double per_step = at->step > 0 ? at->seconds / (double)at->step : 0.0;
    int64_t steps = at->steps - at->step + (int64_t)(at->epochs - at->epoch) * at->steps;
    double rest = view->minutes > 0.0 ? 60.0 * view->minutes * (1.0 - at->share) : per_step * (double)steps;
    char figure[32], first[48] = "";
    if (at->figure_count > 0 && at->figures[0].heading != NULL) {
        snprintf(first, sizeof first, "%s %s  ", at->figures[0].heading, report_figure(figure, &at->figures[0]));
    }
    snprintf(out, 160, "%lld/%lld  loss %.4f  %s%s img/s  %s left", (long long)at->step,
             (long long)at->steps, at->mean_loss, first,
             show_count(speed, llround(at->samples_per_second)), show_seconds(left, rest));
}

/* "3/10"; "3" for a run that ends by time and so has no number of epochs. */
static const char *epoch_text(char out[48], const fov_progress *at)
{
    if (at->epochs > 0) {
        snprintf(out, 48, "%d/%d", at->epoch, at->epochs);
    } else {
        snprintf(out, 48, "%d", at->epoch);
    }
    return out;
}

/* Prints the mean loss of the last steps, in the format of PyTorch's first tutorial and many courses. */
static void log_step(struct train_view *view, const fov_progress *at)
{
    struct cli *cli = view->cli;
    view->logged = at->step == 1 ? at->loss : view->logged + at->loss;
    if (view->log_every == 0 || at->step % view->log_every != 0) {
        return;
    }
    if (!cli->json && !cli->quiet) {
        progress_clear(&view->progress);
        fprintf(cli->out, "[%d, %5lld] loss: %.3f\n", at->epoch, (long long)at->step,
                view->logged / (double)view->log_every);
        output_commit(cli);
    }
    view->logged = 0.0;
}

int train_view_step(const fov_progress *at, void *user)
{
    struct train_view *view = user;
    print_heading(view, at->task);
    log_step(view, at);
    watch_step(view->watch, at);
    if (progress_due(&view->progress)) {
        char label[48], detail[160];
        epoch_text(label, at);
        describe_step(view, detail, at);
        progress_draw(&view->progress, label, (double)at->step / (double)at->steps, detail);
    }
    return signals_stop();
}

static void add_history(struct train_view *view, const fov_progress *at)
{
    json_t *row = json_object();
    json_set_integer(row, "epoch", at->epoch);
    json_set_number(row, "train_loss", at->mean_loss);
    figures_to_json(row, TRAIN, at->figures, at->figure_count);
    json_set_number(row, "val_loss", at->val_loss);
    figures_to_json(row, VALIDATION, at->val_figures, at->val_figure_count);
    json_set_number(row, "lr", at->learning_rate);
    json_set_number(row, "seconds", at->seconds);
    json_set_number(row, "load_seconds", at->load_seconds);
    json_set_flag(row, "best", at->best);
    json_add(view->history, row);
}

int train_view_epoch(const fov_progress *at, void *user)
{
    struct train_view *view = user;
    struct cli *cli = view->cli;
    char epoch[48], seconds[NUMBER_SIZE];
    add_history(view, at);
    view->trained += at->seconds;
    if (at->best) {
        view->best_epoch = at->epoch;
    }
    if (cli->json) { /* one line per epoch; the final object has all of them again */
        json_print(cli, json_incref(json_array_get(view->history, json_array_size(view->history) - 1)));
        output_commit(cli);
    }
    if (!cli->json && !cli->quiet) {
        print_heading(view, at->task);
        progress_clear(&view->progress);
        epoch_text(epoch, at);
        fprintf(cli->out, " %7s  %10.4f", epoch, at->mean_loss);
        print_figures(cli, TRAIN, at->figures, at->figure_count);
        fprintf(cli->out, "  %8.4f", at->val_loss);
        print_figures(cli, VALIDATION, at->val_figures, at->val_figure_count);
        fprintf(cli->out, "  %9.3g  %7s%s\n", at->learning_rate, show_seconds(seconds, at->seconds),
                at->best ? "  *" : "");
        output_commit(cli);
    }
    return signals_stop();
}

/* Lists the files that exist: without cairo there are no pictures. */
static void print_files(struct cli *cli, const char *directory)
{
    static const struct {
        const char *name, *what;
    } files[] = {
        {"best.onnx", "the model at its best epoch; opens in ONNX Runtime, Netron, PyTorch"},
        {"last.onnx", "the model as it is now"},
        {"report.html", "all of it as one page: open it in a browser"},
        {"samples", "a sheet of pictures for each epoch"},
        {"curves.svg", "losses and figures over epochs (.png too)"},
        {"confusion.svg", "which classes it takes for which (.png too)"},
        {"history.csv", "a row per epoch"},
    };
    struct run_directory folder = {.made = false};
    char clean[SHOWN_SIZE];
    snprintf(folder.path, sizeof folder.path, "%s", directory);
    show_clean(clean, sizeof clean, directory);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (run_directory_has(&folder, files[i].name)) {
            int width = table_text_width(clean) + 1 + 13;
            fprintf(cli->out, "  %s/%s%*s  %s%s%s\n", clean, files[i].name,
                    width - table_text_width(clean) - 1 - (int)strlen(files[i].name), "", style_faint(cli),
                    files[i].what, style_off(cli));
        }
    }
}

/* Start of the field of that number in a line of history.csv, whose fields have no quotes; "": the line has fewer. */
static const char *field_at(const char *line, int field)
{
    for (; field > 0 && line != NULL; field--) {
        line = strchr(line, ',');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL ? line : "";
}

double train_view_time(const struct train_view *view, const char *directory)
{
    struct run_directory folder = {.made = false};
    char path[RUN_PATH], line[4096];
    double seconds = 0.0;
    int column = 0;
    snprintf(folder.path, sizeof folder.path, "%s", directory);
    FILE *file = fopen(run_directory_file(path, &folder, "history.csv"), "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL) {
        line[0] = '\0';
    }
    while (*field_at(line, column) != '\0' && strncmp(field_at(line, column), "time", strlen("time")) != 0) {
        column++;
    }
    bool is_there = *field_at(line, column) != '\0';
    while (is_there && fgets(line, sizeof line, file) != NULL) {
        seconds += strtod(field_at(line, column), NULL);
    }
    if (file != NULL) {
        fclose(file);
    }
    return is_there ? seconds : view->trained;
}

/* Prints the training time of the whole run, of this session where the run was resumed, and the time of the command. */
static void print_time(const struct train_view *view, const char *directory)
{
    struct cli *cli = view->cli;
    char run[NUMBER_SIZE], now[NUMBER_SIZE], command[NUMBER_SIZE];
    show_seconds(run, train_view_time(view, directory));
    show_seconds(now, view->trained);
    show_seconds(command, progress_clock() - view->begun);
    fprintf(cli->out, "\nTrained in %s", run);
    if (strcmp(run, now) != 0) {
        fprintf(cli->out, ", %s of it now", now);
    }
    fprintf(cli->out, " (%s with validation and pages).\n", command);
}

void train_view_end(struct train_view *view, const fov_report *check, const fov_report *test, const char *directory,
                    const char *data)
{
    struct cli *cli = view->cli;
    char clean[SHOWN_SIZE], word[SHOWN_SIZE];
    if (cli->quiet) {
        report_print_line(cli, test != NULL ? test : check);
        return;
    }
    show_clean(clean, sizeof clean, directory);
    show_clean(word, sizeof word, data);
    if (view->heading) {
        print_time(view, directory);
    } else {
        fprintf(cli->out, "Nothing left to do: every epoch is trained already (more with --epochs).\n");
    }
    fprintf(cli->out, "At its best: ");
    report_print_line(cli, check);
    if (test != NULL) {
        fprintf(cli->out, "On the test samples, which chose nothing: ");
        report_print_line(cli, test);
    } else {
        fprintf(cli->out, "%sThese samples chose the best epoch; --val-split 0.1 holds others back for that.%s\n",
                style_faint(cli), style_off(cli));
    }
    print_files(cli, directory);
    const char *program = cli->program;
    fprintf(cli->out, "\nNext:\n  %s eval %s/best.onnx --data %s\n", program, clean, word);
    if (strcmp(check->task, "generate") == 0) {
        fprintf(cli->out, "  %s generate %s/best.onnx -o pictures.png\n", program, clean);
    } else {
        fprintf(cli->out, "  %s predict %s/best.onnx --data %s --index 0,1,2\n", program, clean, word);
    }
    fprintf(cli->out, "  %s inspect %s/best.onnx\n", program, clean);
    fprintf(cli->out, "  %s train --resume %s --epochs N\n", program, clean);
}
