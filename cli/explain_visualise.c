/* SPDX-License-Identifier: MIT */
/* Parses the units of --visualise (LAYER, LAYER:CHANNEL, LAYER:FIRST-LAST, LAYER:CHANNEL,ROW,COLUMN or, for the output,
 * LAYER:CLASS) and writes the pictures that maximise them as one sheet. */
#include "explain_visualise.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_ASKED = 16, MOST_IN_A_SHEET = 1024 };

struct units {
    struct cli *cli;
    fov_model *model;
    char layer[256];
    fov_unit first; /* .row -1: the unit is a whole channel */
    int count;
};

/* The class of that name; -1: there is none. */
static int find_class(fov_model *model, const char *name)
{
    for (int i = 0; i < fov_model_classes(model); i++) {
        if (strcmp(fov_model_class(model, i), name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Parses the text after the colon. False: it is no unit, so the colon is part of the layer's name. */
static bool read_unit(struct units *u, const char *text, bool is_output)
{
    int64_t number[3];
    int count = options_numbers(text, ',', 0, INT32_MAX, number, 3);
    if (count == 1 || count == 3) {
        u->first = (fov_unit){(int)number[0], count == 3 ? (int)number[1] : -1, count == 3 ? (int)number[2] : -1};
        u->count = 1;
        return true;
    }
    if (options_numbers(text, '-', 0, INT32_MAX, number, 2) == 2) {
        u->first = (fov_unit){(int)number[0], -1, -1};
        u->count =
            number[1] >= number[0] && number[1] - number[0] < MOST_IN_A_SHEET ? (int)(number[1] - number[0]) + 1 : 0;
        return true;
    }
    int class = is_output ? find_class(u->model, text) : -1;
    u->first = (fov_unit){class, -1, -1};
    u->count = 1;
    return class >= 0;
}

/* The result's shape of a layer that is named as in the table of layers (fov_model_summary). */
static fov_shape listed_shape(const struct units *u)
{
    fov_summary summary;
    if (fov_model_summary(u->model, NULL, &summary) != FOV_OK) {
        fov_error_clear(u->cli->context);
        return (fov_shape){0};
    }
    for (int i = 0; i < summary.layer_count; i++) {
        if (strcmp(summary.layers[i].name, u->layer) == 0) {
            return summary.layers[i].shape;
        }
    }
    return (fov_shape){0};
}

/* How many channels, or numbers, a layer has; 0: it is not known. */
static int channels_of(const struct units *u)
{
    fov_graph *graph = fov_model_graph(u->model);
    fov_value value = fov_find(graph, u->layer);
    fov_shape shape = value.id != 0 ? fov_value_shape(graph, value) : listed_shape(u);
    return shape.rank == 2 || shape.rank == 4 ? (int)shape.dim[1] : 0;
}

static void take_layer(struct units *u, const char *text, size_t length)
{
    fov_graph *graph = fov_model_graph(u->model);
    snprintf(u->layer, sizeof u->layer, "%.*s", (int)(length < sizeof u->layer ? length : sizeof u->layer - 1), text);
    if (strcmp(u->layer, "output") == 0 && fov_find(graph, "output").id == 0) {
        snprintf(u->layer, sizeof u->layer, "%s", fov_value_name(graph, fov_model_output(u->model)));
    }
}

static int read_units(struct units *u)
{
    const char *text = option_text(u->cli, "visualise"), *colon = strrchr(text, ':');
    if (colon != NULL) {
        take_layer(u, text, (size_t)(colon - text));
        bool is_output = strcmp(u->layer, fov_value_name(fov_model_graph(u->model), fov_model_output(u->model))) == 0;
        if (read_unit(u, colon + 1, is_output)) {
            return u->count > 0 ? EXIT_OK
                                : fail(u->cli, EXIT_USAGE, "--visualise: \"%.40s\" is not FIRST-LAST, of %d at most",
                                       colon + 1, MOST_IN_A_SHEET);
        }
        if (is_output) {
            return fail(u->cli, EXIT_USAGE, "--visualise: the model has no class \"%.60s\"", colon + 1);
        }
    }
    take_layer(u, text, strlen(text));
    int all = channels_of(u);
    u->first = (fov_unit){0, -1, -1};
    u->count = all > 0 && all < MOST_ASKED ? all
               : all > 0                   ? MOST_ASKED
                                           : 1; /* an unknown layer: the library refuses it */
    return EXIT_OK;
}

static void print_json(const struct units *u, const fov_unit *units, const fov_image *pictures, const double *answers)
{
    json_t *object = json_object(), *list = json_array();
    json_set_text(object, "file", option_text(u->cli, "out"));
    json_set_text(object, "layer", u->layer);
    json_set_integer(object, "height", pictures->height);
    json_set_integer(object, "width", pictures->width);
    for (int i = 0; i < u->count; i++) {
        json_t *unit = json_object();
        json_set_integer(unit, "channel", units[i].channel);
        if (units[i].row >= 0) {
            json_set_integer(unit, "row", units[i].row);
            json_set_integer(unit, "column", units[i].column);
        }
        json_set_number(unit, "answer", answers[i]);
        json_add(list, unit);
    }
    json_set(object, "units", list);
    json_print(u->cli, object);
}

static int write_sheet(const struct units *u, const fov_unit *units, const fov_image *pictures, const double *answers)
{
    struct cli *cli = u->cli;
    const char *path = option_text(cli, "out");
    char clean[SHOWN_SIZE], layer[256];
    if (fov_pictures_save_png(cli->context, pictures, u->count, 0, path) != FOV_OK) {
        return fail_library(cli);
    }
    if (cli->json) {
        print_json(u, units, pictures, answers);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %d unit%s of %s from channel %d on, %d x %d pixels each\n",
                show_clean(clean, sizeof clean, path), u->count, u->count == 1 ? "" : "s",
                show_clean(layer, sizeof layer, u->layer), u->first.channel, pictures->width, pictures->height);
    }
    return EXIT_OK;
}

int explain_visualise(struct cli *cli, fov_model *model, fov_explainer *explainer)
{
    struct units u = {.cli = cli, .model = model};
    const fov_visualise_options how = {
        .steps = option_given(cli, "steps") ? (int)option_integer(cli, "steps") : 0,
        .rate = (float)option_number(cli, "rate"),
        .jitter = !option_given(cli, "jitter")        ? 0
                  : option_integer(cli, "jitter") > 0 ? (int)option_integer(cli, "jitter")
                                                      : -1,
        .decay = option_number(cli, "decay") > 0 ? (float)option_number(cli, "decay") : -1.0F,
        .blur = option_number(cli, "blur") > 0 ? (float)option_number(cli, "blur") : -1.0F};
    int code = read_units(&u);
    if (code != EXIT_OK) {
        return code;
    }
    fov_unit *units = take_memory((size_t)u.count, sizeof *units);
    fov_image *pictures = take_memory((size_t)u.count, sizeof *pictures);
    double *answers = take_memory((size_t)u.count, sizeof *answers);
    for (int i = 0; i < u.count; i++) {
        units[i] = (fov_unit){u.first.channel + i, u.first.row, u.first.column};
    }
    if (fov_visualise(explainer, u.layer, units, u.count, &how, pictures, answers) != FOV_OK) {
        code = fail_library(cli);
    } else {
        code = write_sheet(&u, units, pictures, answers);
        for (int i = 0; i < u.count; i++) {
            fov_image_free(&pictures[i]);
        }
    }
    free(units);
    free(pictures);
    free(answers);
    return code;
}
