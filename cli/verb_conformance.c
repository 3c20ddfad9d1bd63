/* SPDX-License-Identifier: MIT */
/* fovea conformance: runs the ONNX project's test cases and counts the outcomes per operator. */
#include "json.h"
#include "options.h"
#include "output.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

struct entry { /* an operator's row */
    char *name;
    int count[3];  /* cases with this operator alone: passed, failed, skipped */
    int within[3]; /* the same for cases with several operators */
};

struct tally {
    struct cli *cli;
    struct entry *entry;
    size_t count, capacity;
    json_t *cases; /* with --json */
    struct table *failures, *skips;
};

static const char *const outcome_name[] = {"passed", "failed", "skipped"};

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static struct entry *find_entry(struct tally *tally, const char *name, size_t length)
{
    for (size_t i = 0; i < tally->count; i++) {
        if (strlen(tally->entry[i].name) == length && memcmp(tally->entry[i].name, name, length) == 0) {
            return &tally->entry[i];
        }
    }
    if (tally->count == tally->capacity) {
        size_t capacity = tally->capacity > 0 ? tally->capacity * 2 : 64;
        struct entry *grown = take_memory(capacity, sizeof *grown);
        if (tally->count > 0) {
            memcpy(grown, tally->entry, tally->count * sizeof *grown);
        }
        free(tally->entry);
        tally->entry = grown;
        tally->capacity = capacity;
    }
    struct entry *entry = &tally->entry[tally->count++];
    *entry = (struct entry){.name = take_memory(length + 1, 1)};
    memcpy(entry->name, name, length);
    return entry;
}

static void count_case(struct tally *tally, const fov_case *result)
{
    bool alone = strchr(result->operators, '+') == NULL;
    for (const char *at = result->operators; *at != '\0';) {
        size_t length = strcspn(at, "+");
        struct entry *entry = find_entry(tally, at, length);
        (alone ? entry->count : entry->within)[result->outcome]++;
        at += length + (at[length] == '+');
    }
    if (*result->operators == '\0') {
        find_entry(tally, "(no operator)", strlen("(no operator)"))->count[result->outcome]++;
    }
}

static json_t *case_to_json(const fov_case *result)
{
    json_t *object = json_object();
    json_set_text(object, "case", result->path);
    json_set_text(object, "operators", result->operators);
    json_set_text(object, "outcome", outcome_name[result->outcome]);
    json_set_text(object, "reason", result->reason);
    json_set_integer(object, "data_sets", result->data_sets);
    json_set_integer(object, "steps", result->steps);
    json_set_integer(object, "constant_inputs", result->constant_inputs);
    json_set_number(object, "seconds", result->seconds);
    return object;
}

/** The case's path relative to the folder of the command line, which does not depend on the machine. */
static const char *short_path(const struct cli *cli, const char *path)
{
    size_t length = strlen(cli->arguments[0]);
    if (strncmp(path, cli->arguments[0], length) == 0 && path[length] == '/') {
        path += length + 1;
    }
    return path;
}

static void seen(void *user, const fov_case *result)
{
    struct tally *tally = user;
    count_case(tally, result);
    if (tally->cli->json) {
        json_add(tally->cases, case_to_json(result));
    } else if (result->outcome != FOV_CASE_PASSED) {
        char path[512], reason[1200];
        table_row(result->outcome == FOV_CASE_FAILED ? tally->failures : tally->skips,
                  (const char *const[]){show_clean(path, sizeof path, short_path(tally->cli, result->path)),
                                        show_clean(reason, sizeof reason, result->reason)});
    }
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static const char *number_or_empty(char out[NUMBER_SIZE], int number)
{
    return number > 0 ? show_count(out, number) : "";
}

static void print_operators(const struct tally *tally)
{
    struct table *table = table_create("lrrrr");
    char count[3][NUMBER_SIZE], within[NUMBER_SIZE + 16], name[256];
    table_row(table, (const char *const[]){"operator", "passed", "failed", "skipped", "passed among several"});
    table_rule(table);
    for (size_t i = 0; i < tally->count; i++) {
        const struct entry *entry = &tally->entry[i];
        int of = entry->within[FOV_CASE_PASSED] + entry->within[FOV_CASE_FAILED] + entry->within[FOV_CASE_SKIPPED];
        snprintf(within, sizeof within, "%d of %d", entry->within[FOV_CASE_PASSED], of);
        table_row(table, (const char *const[]){show_clean(name, sizeof name, entry->name),
                                               number_or_empty(count[0], entry->count[FOV_CASE_PASSED]),
                                               number_or_empty(count[1], entry->count[FOV_CASE_FAILED]),
                                               number_or_empty(count[2], entry->count[FOV_CASE_SKIPPED]),
                                               of > 0 ? within : ""});
    }
    table_print(table, tally->cli);
    table_free(table);
}

static void print_text(const struct tally *tally, const fov_conformance *total)
{
    FILE *out = tally->cli->out;
    if (!tally->cli->quiet) {
        print_operators(tally);
        fputc('\n', out);
    }
    if (total->failed > 0) {
        table_print(tally->failures, tally->cli);
        fputc('\n', out);
    }
    if (total->skipped > 0 && !tally->cli->quiet) {
        table_print(tally->skips, tally->cli);
        fputc('\n', out);
    }
    fprintf(out, "%d passed, %d failed, %d skipped\n", total->passed, total->failed, total->skipped);
}

static void print_json(struct tally *tally, const fov_conformance *total)
{
    json_t *object = json_object(), *operators = json_array();
    for (size_t i = 0; i < tally->count; i++) {
        json_t *one = json_object();
        json_set_text(one, "operator", tally->entry[i].name);
        for (int k = 0; k < 3; k++) {
            json_set_integer(one, outcome_name[k], tally->entry[i].count[k]);
        }
        for (int k = 0; k < 3; k++) {
            char key[32];
            snprintf(key, sizeof key, "%s_among_several", outcome_name[k]);
            json_set_integer(one, key, tally->entry[i].within[k]);
        }
        json_add(operators, one);
    }
    json_set_integer(object, "passed", total->passed);
    json_set_integer(object, "failed", total->failed);
    json_set_integer(object, "skipped", total->skipped);
    json_set(object, "operators", operators);
    json_set(object, "cases", json_incref(tally->cases));
    json_print(tally->cli, object);
}

static int run(struct cli *cli)
{
    fov_context *context = cli_context(cli);
    if (context == NULL) {
        return fail_library(cli);
    }
    struct tally tally = {
        .cli = cli, .cases = json_array(), .failures = table_create("lL"), .skips = table_create("lL")};
    table_row(tally.failures, (const char *const[]){"failed", "why"});
    table_rule(tally.failures);
    table_row(tally.skips, (const char *const[]){"skipped", "why"});
    table_rule(tally.skips);
    fov_conformance_options wanted = {.absolute = option_number(cli, "absolute"),
                                      .relative = option_number(cli, "relative"),
                                      .rewrite = option_text(cli, "rewrite"),
                                      .opset = (int)option_integer(cli, "opset"),
                                      .seen = seen,
                                      .user = &tally};
    fov_conformance total;
    int code = EXIT_OK;
    if (fov_conformance_run(context, cli->arguments[0], &wanted, &total) != FOV_OK) {
        code = fail_library(cli);
    } else {
        qsort(tally.entry, tally.count, sizeof *tally.entry, compare_entries);
        if (cli->json) {
            print_json(&tally, &total);
        } else {
            print_text(&tally, &total);
        }
        if (total.failed > 0) {
            code = output_commit(cli); /* the report is printed although the exit code is a failure */
            code = code != EXIT_OK ? code : EXIT_INTERNAL;
        }
    }
    for (size_t i = 0; i < tally.count; i++) {
        free(tally.entry[i].name);
    }
    free(tally.entry);
    table_free(tally.failures);
    table_free(tally.skips);
    json_decref(tally.cases);
    return code;
}

static const struct cli_option options[] = {
    {.name = "absolute",
     .kind = OPTION_NUMBER,
     .argument = "A",
     .standard = "1e-7",
     .minimum = 1e-30,
     .maximum = 1e30,
     .doc = "|y - expected| may be A + R |expected|"},
    {.name = "relative",
     .kind = OPTION_NUMBER,
     .argument = "R",
     .standard = "1e-3",
     .minimum = 1e-30,
     .maximum = 1,
     .doc = "see --absolute; integers must be equal"},
    {.name = "rewrite",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .writes = WRITES_FILE,
     .doc = "write each model to FILE as fovea writes ONNX, and run what is read back"},
    {.name = "opset",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "0",
     .otherwise = "17, or what the operators need",
     .minimum = 0,
     .maximum = 22,
     .doc = "the version of ONNX's operators for --rewrite, from 13"},
    {.name = NULL},
};

const struct verb verb_conformance = {
    .name = "conformance",
    .summary = "run ONNX conformance cases and count them per operator",
    .run = run,
    .options = options,
    .arguments = "DIR",
    .minimum_arguments = 1,
    .maximum_arguments = 1,
    .help = "Runs every case in and below DIR: folders with model.onnx beside test_data_set_0/input_0.pb, "
            "output_0.pb..., as "
            "the ONNX project publishes them. Ends with how many passed, failed and were skipped; exit code 0 only "
            "when none "
            "failed. Skipped is what needs element types that fovea does not compute with or another program's random "
            "numbers, each with its reason. An operator that is missing is a failure.",
    .examples = "fovea conformance onnx/backend/test/data/node\n"
                "fovea conformance --json cases\n",
};
