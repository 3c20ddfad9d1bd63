/* SPDX-License-Identifier: MIT */
/* Compares the run just made with a stored one, written by --save or printed by --json. A ratio is now / stored. */
#include "bench.h"
#include "table.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum kind { SECONDS, RATE, BYTES };

/* The figures that are compared, by group and key in the object. */
static const struct figure {
    const char *group, *key, *label;
    enum kind kind;
} figures[] = {
    {NULL, "median", "median", SECONDS},
    {NULL, "least", "least", SECONDS},
    {NULL, "images_per_second", "images a second", RATE},
    {NULL, "gflops", "GFLOP/s", RATE},
    {NULL, "of_peak", "share of peak", RATE},
    {NULL, "first_output", "first output", SECONDS},
    {"memory", "activations", "arena", BYTES},
    {"memory", "packed", "packed weights", BYTES},
    {"memory", "peak_resident", "peak resident", BYTES},
};
enum { FIGURE_COUNT = sizeof figures / sizeof *figures };

json_t *bench_read(struct cli *cli, const char *path, int *code)
{
    char problem[1024];
    json_t *object = json_read(path, 0, NULL, code, problem, sizeof problem);
    if (object == NULL) {
        fail(cli, *code, "%s", problem);
    } else if (!json_is_number(json_object_get(object, "median")) ||
               !json_is_string(json_object_get(object, "model"))) {
        *code = fail(cli, EXIT_INPUT, "%s: it is no run that fovea bench stored (no \"model\" or \"median\" in it)",
                     path);
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* The file's or network's name without folders, which may differ. */
static const char *base_name(const json_t *run)
{
    const char *word = json_string_value(json_object_get(run, "model"));
    const char *slash = word != NULL ? strrchr(word, '/') : NULL;
    return slash != NULL ? slash + 1 : word != NULL ? word : "";
}

int bench_comparable(struct cli *cli, const char *path, const json_t *stored, const json_t *now)
{
    if (strcmp(base_name(stored), base_name(now)) != 0) {
        return fail(cli, EXIT_INPUT, "%s is of %s, this is of %s: there is nothing to compare", path, base_name(stored),
                    base_name(now));
    }
    if (json_is_true(json_object_get(stored, "training")) != json_is_true(json_object_get(now, "training"))) {
        return fail(cli, EXIT_INPUT, "%s is of %s, this is of %s: there is nothing to compare", path,
                    json_is_true(json_object_get(stored, "training")) ? "training" : "inference",
                    json_is_true(json_object_get(now, "training")) ? "training" : "inference");
    }
    if (!json_equal(json_object_get(stored, "input"), json_object_get(now, "input"))) {
        return fail(cli, EXIT_INPUT, "%s has another batch or size of input: there is nothing to compare", path);
    }
    return EXIT_OK;
}

/* A figure of a run; NaN: the run does not have it. */
static double figure_of(const json_t *run, const struct figure *figure)
{
    const json_t *group = figure->group != NULL ? json_object_get(run, figure->group) : run;
    const json_t *value = json_object_get(group, figure->key);
    return json_is_number(value) ? json_number_value(value) : 0.0 / 0.0;
}

static double layer_seconds(const json_t *layer)
{
    return json_number_value(json_object_get(layer, "seconds"));
}

/* The stored layer of that name and operation, searched from *at, which moves behind it: several steps may share a
 * name. */
static const json_t *find_layer(const json_t *layers, const json_t *wanted, size_t *at)
{
    for (size_t i = *at; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        if (json_equal(json_object_get(layer, "name"), json_object_get(wanted, "name")) &&
            json_equal(json_object_get(layer, "operation"), json_object_get(wanted, "operation"))) {
            *at = i + 1;
            return layer;
        }
    }
    return NULL;
}

json_t *bench_comparison(const json_t *stored, const json_t *now)
{
    json_t *object = json_object();
    for (int i = 0; i < FIGURE_COUNT; i++) {
        json_set_number(object, figures[i].key, figure_of(now, &figures[i]) / figure_of(stored, &figures[i]));
    }
    return object;
}

static void show_figure(char out[NUMBER_SIZE], enum kind kind, double value)
{
    if (value != value) {
        snprintf(out, NUMBER_SIZE, "unknown");
    } else if (kind == SECONDS) {
        bench_show_time(out, value);
    } else if (kind == BYTES) {
        show_bytes(out, value);
    } else {
        snprintf(out, NUMBER_SIZE, "%.4g", value);
    }
}

static void print_layers(struct cli *cli, const json_t *stored, const json_t *now)
{
    const json_t *before = json_object_get(stored, "layers"), *after = json_object_get(now, "layers");
    struct table *table = table_create("LLLrrr");
    char text[3][NUMBER_SIZE];
    size_t at = 0;
    table_row(table, (const char *const[]){"step", "operation", "how", "stored", "now", "ratio"});
    table_rule(table);
    for (size_t i = 0; i < json_array_size(after); i++) {
        const json_t *layer = json_array_get(after, i), *old = find_layer(before, layer, &at);
        bench_show_time(text[1], layer_seconds(layer));
        snprintf(text[0], NUMBER_SIZE, "new");
        snprintf(text[2], NUMBER_SIZE, " ");
        if (old != NULL && layer_seconds(old) > 0) {
            bench_show_time(text[0], layer_seconds(old));
            snprintf(text[2], NUMBER_SIZE, "%.2f", layer_seconds(layer) / layer_seconds(old));
        }
        table_row(table, (const char *const[]){json_string_value(json_object_get(layer, "name")),
                                               json_string_value(json_object_get(layer, "operation")),
                                               json_string_value(json_object_get(layer, "detail")), text[0], text[1],
                                               text[2]});
    }
    fputc('\n', cli->out);
    table_print(table, cli);
    table_free(table);
}

/* Prints in which conditions (threads, isa, ...) the two runs differ, one line each. */
static void print_differences(struct cli *cli, const json_t *stored, const json_t *now)
{
    static const char *const keys[] = {"threads", "isa", "processor", "version"};
    for (int i = 0; i < 4; i++) {
        const json_t *before = json_object_get(stored, keys[i]), *after = json_object_get(now, keys[i]);
        if (before != NULL && !json_equal(before, after)) {
            char clean[2][160];
            if (json_is_string(before)) {
                fprintf(cli->out, "  %s: %s stored, %s now\n", keys[i],
                        show_clean(clean[0], sizeof clean[0], json_string_value(before)),
                        show_clean(clean[1], sizeof clean[1], json_string_value(after)));
            } else {
                fprintf(cli->out, "  %s: %.0f stored, %.0f now\n", keys[i], json_number_value(before),
                        json_number_value(after));
            }
        }
    }
}

void bench_print_comparison(struct cli *cli, const char *path, const json_t *stored, const json_t *now)
{
    char clean[SHOWN_SIZE], text[3][NUMBER_SIZE];
    struct table *table = table_create("lrrr");
    fprintf(cli->out, "\nAgainst %s\n\n", show_clean(clean, sizeof clean, path));
    table_row(table, (const char *const[]){"", "stored", "now", "ratio"});
    table_rule(table);
    for (int i = 0; i < FIGURE_COUNT; i++) {
        double before = figure_of(stored, &figures[i]), after = figure_of(now, &figures[i]);
        show_figure(text[0], figures[i].kind, before);
        show_figure(text[1], figures[i].kind, after);
        snprintf(text[2], NUMBER_SIZE, before > 0 || before < 0 ? "%.3f" : " ", after / before);
        table_row(table, (const char *const[]){figures[i].label, text[0], text[1], text[2]});
    }
    table_print(table, cli);
    table_free(table);
    print_differences(cli, stored, now);
    if (json_object_get(stored, "layers") != NULL && json_object_get(now, "layers") != NULL) {
        print_layers(cli, stored, now);
    }
}
