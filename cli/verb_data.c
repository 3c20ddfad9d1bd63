/* SPDX-License-Identifier: MIT */
/* fovea data: datasets. Listing and downloading are here, describing in data_check.c, showing samples in
 * data_show.c. */
#include "data_show.h"
#include "data_transforms.h"
#include "json.h"
#include "nearest.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "signals.h"
#include "source.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

/* ---- list ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *source, *what, *how;
} known[] = {
    {"mnist", "70,000 handwritten digits, 28 x 28 grey (LeCun, Cortes, Burges)", "fovea data get mnist"},
    {"cifar10", "60,000 photographs in ten classes, 32 x 32 RGB (Krizhevsky 2009)",
     "put the binary archive's files into $FOVEA_DATA/cifar10"},
    {"cifar100", "60,000 photographs in a hundred classes (cifar100-coarse: in twenty), 32 x 32 RGB (Krizhevsky 2009)",
     "put the binary archive's files into $FOVEA_DATA/cifar100"},
    {"digits", "digits that fovea draws itself, seeded, as many as you like: digits:5000", NULL},
    {"DIR, FILE.zip, FILE.tar", "a folder per class with pictures (PNG, JPEG, WebP, GIF, BMP), or IDX files", NULL},
    {"masks:DIR", "pictures with masks: images/ and masks/ (or label/, SegmentationClass/ ...) with equal names", NULL},
    {"yolo:DIR, coco:DIR, voc:DIR", "pictures with boxes: data.yaml and labels/, instances_*.json, Annotations/", NULL},
    {"pairs:DIR", "pictures and what they should become: input/ and target/, lr/ and hr/, A/ and B/", NULL},
    {"FILE.csv", "a table of paths and classes, several classes or values", NULL},
    {"shard-{000..099}.tar", "WebDataset: KEY.jpg with KEY.cls or KEY.json", NULL},
};

static int list(struct cli *cli)
{
    struct table *table = table_create("lLL");
    json_t *array = json_array();
    if (cli_context(cli) == NULL) {
        return fail_library(cli);
    }
    table_row(table, (const char *const[]){"source", "what it is", "here"});
    table_rule(table);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        /* Only datasets that must be downloaded can be missing. */
        fov_dataset *data = known[i].how != NULL ? fov_dataset_open(cli->context, known[i].source, FOV_TEST) : NULL;
        const char *where = data != NULL ? fov_dataset_describe(data).source : known[i].how == NULL ? "always" : "no";
        char here[600];
        snprintf(here, sizeof here, "%s%s", where, data == NULL && known[i].how != NULL ? ": " : "");
        if (data == NULL && known[i].how != NULL) {
            snprintf(here, sizeof here, "no: %s", known[i].how);
        }
        table_row(table, (const char *const[]){known[i].source, known[i].what, here});
        json_t *one = json_object();
        json_set_text(one, "source", known[i].source);
        json_set_text(one, "summary", known[i].what);
        json_set_flag(one, "here", data != NULL || known[i].how == NULL);
        json_set(one, "where", data != NULL ? json_from_text(where) : json_null());
        json_add(array, one);
        fov_dataset_free(data);
        fov_error_clear(cli->context);
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set(object, "sources", json_incref(array));
        json_print(cli, object);
    } else {
        table_print(table, cli);
    }
    json_decref(array);
    table_free(table);
    return EXIT_OK;
}

/* ---- get ------------------------------------------------------------------------------------------------------ */

static int show_download(void *user, const char *file, uint64_t done, uint64_t total)
{
    struct progress *progress = user;
    if (progress_due(progress)) {
        char label[64], detail[120], have[NUMBER_SIZE], all[NUMBER_SIZE];
        show_clean(label, sizeof label, file);
        if (total > 0) {
            snprintf(detail, sizeof detail, "%s of %s", show_bytes(have, (double)done), show_bytes(all, (double)total));
        } else {
            snprintf(detail, sizeof detail, "%s", show_bytes(have, (double)done));
        }
        progress_draw(progress, label, total > 0 ? (double)done / (double)total : 0.0, detail);
    }
    return signals_stop();
}

static int get(struct cli *cli, const char *name)
{
    struct progress progress;
    if (cli_context(cli) == NULL) {
        return fail_library(cli);
    }
    progress_begin(&progress, cli);
    signals_watch();
    int status = fov_dataset_get(cli->context, name, option_text(cli, "dir"), show_download, &progress);
    progress_clear(&progress);
    if (status != FOV_OK) {
        return fail_library(cli);
    }
    char source[4096], clean[4096];
    snprintf(source, sizeof source, "%s%s%s", name, option_given(cli, "dir") ? ":" : "",
             option_given(cli, "dir") ? option_text(cli, "dir") : "");
    fov_dataset *data = fov_dataset_open(cli->context, source, FOV_TEST);
    const char *where = data != NULL ? fov_dataset_describe(data).source : NULL;
    if (data == NULL) {
        fov_error_clear(cli->context); /* the download was verified; that it cannot be opened is no failure here */
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "name", name);
        json_set(object, "directory", where != NULL ? json_from_text(where) : json_null());
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s is here and verified%s%s\n", name, where != NULL ? ": " : "",
                where != NULL ? show_clean(clean, sizeof clean, where) : "");
    }
    fov_dataset_free(data);
    return EXIT_OK;
}

/* ---- the verb ------------------------------------------------------------------------------------------------- */

/* The actions, with the least and greatest number of words that follow. */
static const struct action {
    const char *name, *usage;
    int least, most;
} actions[] = {
    {"list", "list", 0, 0},          {"get", "get NAME [--dir DIR]", 1, 1},
    {"info", "info SOURCE", 1, 1},   {"check", "check SOURCE", 1, 1},
    {"show", "show SOURCE", 1, 1},   {"export", "export SOURCE DIR", 1, 2},
    {"transforms", "transforms", 0, 0},
};

static int run(struct cli *cli)
{
    if (cli->argument_count == 0) {
        return list(cli);
    }
    const char *name = cli->arguments[0];
    const struct action *action = NULL;
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        nearest_offer(&nearest, actions[i].name);
        action = strcmp(actions[i].name, name) == 0 ? &actions[i] : action;
    }
    if (action == NULL) {
        return nearest.best != NULL
                   ? fail(cli, EXIT_USAGE, "there is no \"data %.40s\": did you mean %s?", name, nearest.best)
                   : fail(cli, EXIT_USAGE,
                          "there is no \"data %.40s\"; there are list, get, info, check, show, export and transforms", name);
    }
    int words = cli->argument_count - 1;
    if (words < action->least || words > action->most) {
        return fail(cli, EXIT_USAGE, "%s: fovea data %s",
                    words < action->least ? "something is missing" : "too many words", action->usage);
    }
    if (strcmp(name, "list") == 0) {
        return list(cli);
    }
    if (strcmp(name, "transforms") == 0) {
        return data_transforms(cli);
    }
    if (strcmp(name, "get") == 0) {
        return get(cli, cli->arguments[1]);
    }
    if (strcmp(name, "info") == 0 || strcmp(name, "check") == 0) {
        return data_describe(cli, cli->arguments[1], strcmp(name, "check") == 0);
    }
    if (strcmp(name, "show") == 0) {
        return data_show(cli, cli->arguments[1]);
    }
    if (words == 2 && option_given(cli, "out")) {
        return fail(cli, EXIT_USAGE, "the folder is given twice: %s and --out %s", cli->arguments[2],
                    option_text(cli, "out"));
    }
    const char *folder = words == 2 ? cli->arguments[2] : option_text(cli, "out");
    return folder != NULL ? data_export(cli, cli->arguments[1], folder)
                          : fail(cli, EXIT_USAGE, "where to? fovea data export SOURCE DIR");
}

static const struct cli_option options[] = {
    {.name = "dir", .kind = OPTION_TEXT, .argument = "DIR", .otherwise = "$FOVEA_DATA, else ~/.local/share/fovea",
     .doc = "get: where to put it"},
    {.name = "split", .kind = OPTION_CHOICE, .argument = "SPLIT", .standard = "test", .choices = source_splits,
     .doc = "show, export: which samples; of data that states no splits all"},
    {.name = "count", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "show: 12, export: all", .minimum = 1,
     .maximum = 1e9, .doc = "show, export: how many"},
    {.name = "augment", .kind = OPTION_TEXT, .argument = "LIST",
     .doc = "show: draw each sample beside four of its variants (fovea data transforms lists what there is)"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE|DIR", .writes = WRITES_FOLDER,
     .doc = "show: draw to a PNG; export: the folder"},
    {.name = NULL},
};

const struct verb verb_data = {
    .name = "data",
    .reads_data = true,
    .summary = "list, fetch, check, show and export datasets",
    .run = run,
    .options = options,
    .arguments = "list | get NAME | info SOURCE | check SOURCE | show SOURCE | export SOURCE DIR | transforms",
    .minimum_arguments = 0,
    .maximum_arguments = 3,
    .written_argument = 3,
    .written_kind = WRITES_FOLDER,
    .help =
        "A SOURCE is mnist, cifar10, cifar100, cifar100-coarse (with :DIR, with :COUNT for the first samples to learn from), "
        "digits[:COUNT], or a folder or "
        "archive (.zip, .tar ...) with a folder of pictures per class (in train/, val/ and test/, or without), pictures "
        "with masks, boxes (YOLO, COCO, Pascal VOC), pairs of pictures, or a table (.csv) of paths and targets. info says what is there; check "
        "decodes every sample and lists everything it finds, with what happens to it (exit 3 when some of it is an "
        "error); show draws some in the terminal; export writes them as CLASS/INDEX.png; transforms lists what fovea "
        "train --augment can do to them.",
    .examples = "fovea data list\n"
                "fovea data get mnist\n"
                "fovea data show digits --count 9\n"
                "fovea data check photos/\n"
                "fovea data show cells.zip --augment \"flip, elastic\" --count 4 -o sheet.png\n"
                "fovea data export mnist pictures --split test --count 100\n",
};
