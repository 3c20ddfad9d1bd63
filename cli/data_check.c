/* SPDX-License-Identifier: MIT */
/* fovea data info and check: numbers of samples by class, sizes of pictures, and findings about the files. */
#include "data_show.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "signals.h"
#include "source.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

enum { SPLITS = 3, CLASSES_SHOWN = 200, KINDS = 64 };

/* The opened splits: training, test and, where it differs from test, validation. */
struct description {
    struct cli *cli;
    const char *source;
    fov_dataset *data[SPLITS];
    bool states_no_splits; /* training holds samples back, verbs that only look take all of them */
    int64_t *count[SPLITS]; /* [classes] samples of each */
    fov_check check;
    bool decoded;
    struct progress progress;
};

static const char *const targets[] = {[FOV_TARGET_NONE] = "none",       [FOV_TARGET_CLASS] = "class",
                                      [FOV_TARGET_CLASSES] = "classes", [FOV_TARGET_VALUES] = "values",
                                      [FOV_TARGET_MASK] = "mask",       [FOV_TARGET_BOXES] = "boxes",
                                      [FOV_TARGET_PICTURE] = "picture"};
static const char *const target_texts[] = {[FOV_TARGET_NONE] = "none",
                                           [FOV_TARGET_CLASS] = "one class each",
                                           [FOV_TARGET_CLASSES] = "any number of classes each",
                                           [FOV_TARGET_VALUES] = "values",
                                           [FOV_TARGET_MASK] = "a class for each pixel",
                                           [FOV_TARGET_BOXES] = "boxes, each with a class",
                                           [FOV_TARGET_PICTURE] = "another picture"};
static const char *const severities[] = {"note", "warning", "error"};

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static int show_checking(void *user, int64_t done, int64_t total)
{
    struct progress *progress = user;
    if (progress_due(progress)) {
        char detail[NUMBER_SIZE];
        progress_draw(progress, "checking", total > 0 ? (double)done / (double)total : 1.0, show_count(detail, done));
    }
    return signals_stop();
}

/* Opens the splits and counts their classes. False: the context has the error. */
static bool open_splits(struct description *d)
{
    static const fov_split splits[SPLITS] = {FOV_TRAIN, FOV_TEST, FOV_VALIDATION};
    for (int i = 0; i < SPLITS; i++) {
        d->data[i] = source_data(d->cli, d->source, splits[i]);
        if (d->data[i] == NULL) {
            return false;
        }
        fov_dataset_info info = fov_dataset_describe(d->data[i]);
        d->count[i] = take_memory((size_t)info.classes + 1, sizeof *d->count[i]);
        for (int64_t k = 0; k < info.count && info.target == FOV_TARGET_CLASS; k++) {
            d->count[i][fov_dataset_label(d->data[i], k)]++;
        }
    }
    if (source_is_same_split(d->data[1], d->data[2])) {
        fov_dataset_free(d->data[2]); /* one split for both */
        d->data[2] = NULL;
    }
    if (strcmp(fov_dataset_describe(d->data[1]).part, "held back") == 0) {
        fov_dataset *whole = source_samples(d->cli, d->source, NULL, NULL);
        d->states_no_splits = whole != NULL && strcmp(fov_dataset_describe(whole).part, "all") == 0;
        fov_dataset_free(whole);
    }
    return true;
}

/* ---- findings ---------------------------------------------------------------------------------------------------- */

/* How many findings there are of each kind, in the order of the first of each. */
struct kinds {
    struct {
        int64_t first, count; /* index of the first finding of the kind; number of them */
    } at[KINDS];
    int count;
};

static struct kinds count_kinds(const fov_check *check)
{
    struct kinds kinds = {.count = 0};
    for (int64_t i = 0; i < check->count; i++) {
        int k = 0;
        while (k < kinds.count && strcmp(check->findings[kinds.at[k].first].kind, check->findings[i].kind) != 0) {
            k++;
        }
        if (k == kinds.count && k < KINDS) {
            kinds.at[kinds.count++].first = i;
        }
        if (k < kinds.count) {
            kinds.at[k].count++;
        }
    }
    return kinds;
}

static void print_findings(struct cli *cli, const fov_check *check)
{
    struct table *table = table_create("lLLL");
    table_row(table, (const char *const[]){"", "file", "what", "what happens"});
    table_rule(table);
    for (int64_t i = 0; i < check->count; i++) {
        const fov_finding *finding = &check->findings[i];
        table_row(table,
                  (const char *const[]){severities[finding->severity], finding->file, finding->what, finding->fate});
    }
    table_print(table, cli);
    table_free(table);
}

/* A line per kind. */
static void print_kinds(struct cli *cli, const fov_check *check)
{
    struct table *table = table_create("llrLL");
    table_row(table, (const char *const[]){"", "kind", "files", "the first", "what happens"});
    table_rule(table);
    const struct kinds kinds = count_kinds(check);
    for (int k = 0; k < kinds.count; k++) {
        const fov_finding *finding = &check->findings[kinds.at[k].first];
        char number[NUMBER_SIZE];
        table_row(table, (const char *const[]){severities[finding->severity], finding->kind,
                                               show_count(number, kinds.at[k].count), finding->file, finding->fate});
    }
    table_print(table, cli);
    table_free(table);
}

/* "3 errors, 2 warnings, 1 note" */
static void count_findings(char out[160], const fov_check *check)
{
    char number[3][NUMBER_SIZE];
    snprintf(out, 160, "%s error%s, %s warning%s, %s note%s", show_count(number[0], check->errors),
             check->errors == 1 ? "" : "s", show_count(number[1], check->warnings), check->warnings == 1 ? "" : "s",
             show_count(number[2], check->notes), check->notes == 1 ? "" : "s");
}

static void findings_to_json(json_t *object, const fov_check *check)
{
    json_t *findings = json_array(), *counts = json_object();
    for (int64_t i = 0; i < check->count; i++) {
        const fov_finding *finding = &check->findings[i];
        json_t *one = json_object();
        json_set_text(one, "severity", severities[finding->severity]);
        json_set_text(one, "kind", finding->kind);
        json_set_text(one, "file", finding->file);
        json_set_text(one, "what", finding->what);
        json_set_text(one, "fate", finding->fate);
        json_add(findings, one);
    }
    const struct kinds kinds = count_kinds(check);
    for (int k = 0; k < kinds.count; k++) {
        json_set_integer(counts, check->findings[kinds.at[k].first].kind, kinds.at[k].count);
    }
    json_set(object, "findings", findings);
    json_set(object, "kinds", counts);
    json_set_integer(object, "errors", check->errors);
    json_set_integer(object, "warnings", check->warnings);
    json_set_integer(object, "notes", check->notes);
}

/* ---- the description --------------------------------------------------------------------------------------------- */

static void print_counts(const struct description *d)
{
    fov_dataset_info info = fov_dataset_describe(d->data[0]);
    bool validation = d->data[2] != NULL;
    struct table *table = table_create(validation ? "rLrrr" : "rLrr");
    table_row(table, (const char *const[]){"", "class", "train", validation ? "val" : "test", "test"});
    table_rule(table);
    for (int i = 0; i < info.classes; i++) {
        char number[4][NUMBER_SIZE];
        snprintf(number[0], NUMBER_SIZE, "%d", i);
        show_count(number[1], d->count[0][i]);
        show_count(number[2], d->count[validation ? 2 : 1][i]);
        show_count(number[3], d->count[1][i]);
        table_row(table,
                  (const char *const[]){number[0], fov_dataset_class(d->data[0], i), number[1], number[2], number[3]});
    }
    table_print(table, d->cli);
    table_free(table);
}

/* Prints the names of classes or values, for targets other than one class per sample. */
static void print_names(const struct description *d, const fov_dataset_info *info)
{
    bool is_values = info->target == FOV_TARGET_VALUES;
    int count = is_values ? info->values : info->classes;
    for (int i = 0; i < count && i < CLASSES_SHOWN; i++) {
        char name[256];
        show_clean(name, sizeof name,
                   is_values ? fov_dataset_value_name(d->data[0], i) : fov_dataset_class(d->data[0], i));
        fprintf(d->cli->out, "%s%s", i > 0 ? ", " : is_values ? "  values   " : "  classes  ", name);
    }
    fputs(count > CLASSES_SHOWN ? " ...\n" : count > 0 ? "\n" : "", d->cli->out);
}

static void print_description(const struct description *d)
{
    struct cli *cli = d->cli;
    fov_dataset_info train = fov_dataset_describe(d->data[0]), test = fov_dataset_describe(d->data[1]);
    char count[3][NUMBER_SIZE], name[256], where[1024];
    fprintf(cli->out, "%s%s%s, %s\n", style_bold(cli), show_clean(name, sizeof name, train.name), style_off(cli),
            show_clean(where, sizeof where, train.source));
    fprintf(cli->out, "  samples  %s to learn from, ", show_count(count[0], train.count));
    if (d->data[2] != NULL) {
        fprintf(cli->out, "%s to validate with, ", show_count(count[2], fov_dataset_describe(d->data[2]).count));
    }
    fprintf(cli->out, "%s to %s with\n", show_count(count[1], test.count),
            d->data[2] != NULL ? "test" : "validate and to test");
    if (d->states_no_splits) {
        fprintf(cli->out, "  splits   none stated: training holds %s back; eval and predict take all %s\n",
                show_count(count[1], test.count), show_count(count[2], train.count + test.count));
    }
    if (train.same_size) {
        fprintf(cli->out, "  pictures %d x %d pixels", train.height, train.width);
    } else {
        fprintf(cli->out, "  pictures %d x %d to %d x %d pixels, median %d x %d", train.least[0], train.least[1],
                train.most[0], train.most[1], train.height, train.width);
    }
    fprintf(cli->out, ", %d channel%s\n", train.channels, train.channels == 1 ? "" : "s");
    fprintf(cli->out, "  targets  %s\n", target_texts[train.target]);
    if (train.target == FOV_TARGET_CLASS) {
        fprintf(cli->out, "  classes  %d\n\n", train.classes);
        if (train.classes <= CLASSES_SHOWN) {
            print_counts(d);
        }
    } else {
        print_names(d, &train);
    }
}

static void size_to_json(json_t *object, const char *key, const int size[2])
{
    json_t *pair = json_array();
    json_add(pair, json_integer(size[0]));
    json_add(pair, json_integer(size[1]));
    json_set(object, key, pair);
}

static void description_to_json(json_t *object, const struct description *d)
{
    fov_dataset_info train = fov_dataset_describe(d->data[0]), test = fov_dataset_describe(d->data[1]);
    json_t *classes = json_array();
    json_set_text(object, "name", train.name);
    json_set_text(object, "source", train.source);
    json_set_integer(object, "train", train.count);
    json_set_integer(object, "test", test.count);
    json_set_flag(object, "states_no_splits", d->states_no_splits);
    if (d->data[2] != NULL) {
        json_set_integer(object, "validation", fov_dataset_describe(d->data[2]).count);
    }
    json_set_text(object, "target", targets[train.target]);
    json_set_integer(object, "channels", train.channels);
    json_set_integer(object, "height", train.height);
    json_set_integer(object, "width", train.width);
    json_set_flag(object, "same_size", train.same_size);
    size_to_json(object, "smallest", train.least);
    size_to_json(object, "largest", train.most);
    json_set_flag(object, "checked", d->decoded);
    for (int i = 0; i < train.classes; i++) {
        json_t *one = json_object();
        json_set_integer(one, "class", i);
        json_set_text(one, "name", fov_dataset_class(d->data[0], i));
        if (train.target == FOV_TARGET_CLASS) {
            json_set_integer(one, "train", d->count[0][i]);
            json_set_integer(one, "test", d->count[1][i]);
        }
        if (d->data[2] != NULL && train.target == FOV_TARGET_CLASS) {
            json_set_integer(one, "validation", d->count[2][i]);
        }
        json_add(classes, one);
    }
    json_set(object, "classes", classes);
    if (train.target == FOV_TARGET_VALUES) {
        json_t *values = json_array();
        for (int i = 0; i < train.values; i++) {
            json_add(values, json_from_text(fov_dataset_value_name(d->data[0], i)));
        }
        json_set(object, "values", values);
    }
}

static void print_check(const struct description *d)
{
    struct cli *cli = d->cli;
    char counts[160], number[NUMBER_SIZE];
    count_findings(counts, &d->check);
    if (d->check.count > 0) {
        fputc('\n', cli->out);
        if (d->decoded) {
            print_findings(cli, &d->check);
        } else {
            print_kinds(cli, &d->check);
        }
    }
    if (d->decoded && d->check.count > 0) {
        fputs("\nIn all", cli->out);
        const struct kinds kinds = count_kinds(&d->check);
        for (int k = 0; k < kinds.count; k++) {
            fprintf(cli->out, "%s %s %s", k > 0 ? "," : ":", show_count(number, kinds.at[k].count),
                    d->check.findings[kinds.at[k].first].kind);
        }
        fputs(".\n", cli->out);
    }
    if (d->decoded && d->check.errors == 0) {
        fprintf(cli->out, "\nEvery sample was read (%s): no damage found; %s.\n", show_count(number, d->check.samples),
                counts);
    }
}

/* Prints the description and the findings; returns the exit code. */
static int report(struct description *d, bool opened)
{
    struct cli *cli = d->cli;
    char counts[160], clean[SHOWN_SIZE];
    if (!opened && !d->decoded) {
        return fail_library(cli); /* info: there is nothing to describe */
    }
    fov_error_clear(cli->context);
    if (cli->json) {
        json_t *object = json_object();
        if (opened) {
            description_to_json(object, d);
        } else {
            json_set_text(object, "source", d->source);
        }
        findings_to_json(object, &d->check);
        json_print(cli, object);
    } else {
        if (opened) {
            print_description(d);
        }
        print_check(d);
    }
    if (!d->decoded || d->check.errors == 0) {
        return EXIT_OK;
    }
    int code = output_commit(cli);
    count_findings(counts, &d->check);
    return code != EXIT_OK ? code : fail(cli, EXIT_INPUT, "%s: %s", show_clean(clean, sizeof clean, d->source), counts);
}

int data_describe(struct cli *cli, const char *source, bool decode)
{
    struct description d = {.cli = cli, .source = source, .decoded = decode};
    bool quiet = cli->quiet;
    cli->quiet = true; /* no log: the library's warnings about the data are among the findings */
    fov_context *context = cli_context(cli);
    cli->quiet = quiet;
    if (context == NULL) {
        return fail_library(cli);
    }
    progress_begin(&d.progress, cli);
    signals_watch();
    fov_check_options options = {.quick = !decode, .progress = show_checking, .user = &d.progress};
    int status = fov_dataset_check(context, source, &options, &d.check), code;
    progress_clear(&d.progress);
    if (status == FOV_OK) {
        code = report(&d, open_splits(&d));
    } else {
        code = fail_library(cli);
    }
    for (int i = 0; i < SPLITS; i++) {
        free(d.count[i]);
        fov_dataset_free(d.data[i]);
    }
    fov_check_free(&d.check);
    return code;
}
