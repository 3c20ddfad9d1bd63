/* SPDX-License-Identifier: MIT */
/* Networks as their descriptors describe them, with counts of the graphs that they build. No weights are drawn. */
#include "zoo_list.h"
#include "append.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include <string.h>

/* Parameters and operations of a network's graph. */
static int measure(struct cli *cli, const char *name, fov_summary *summary, int *auxiliaries)
{
    fov_context *context = cli_context(cli);
    fov_model *model = context != NULL ? fov_model_network(context, name, NULL) : NULL;
    int code = model != NULL && fov_model_summary(model, NULL, summary) == FOV_OK ? EXIT_OK : fail_library(cli);
    if (code == EXIT_OK) {
        *auxiliaries = fov_model_output_count(model) - 1;
        summary->layers = NULL; /* the model owns them */
    }
    fov_model_free(model);
    return code;
}

static json_t *options_to_json(const fov_network_info *info)
{
    json_t *list = json_array();
    for (int i = 0; i < info->option_count; i++) {
        json_t *one = json_object();
        json_set_text(one, "name", info->option[i].name);
        json_set_text(one, "doc", info->option[i].doc);
        if (info->option[i].word != NULL) {
            json_set_text(one, "default", info->option[i].word);
        } else {
            json_set_number(one, "default", info->option[i].standard);
        }
        json_add(list, one);
    }
    return list;
}

static void set_text_or_null(json_t *object, const char *key, const char *text)
{
    json_set(object, key, text != NULL ? json_from_text(text) : json_null());
}

static json_t *to_json(const fov_network_info *info, const fov_summary *summary, int auxiliaries)
{
    json_t *object = json_object(), *input = json_array();
    json_set_text(object, "name", info->name);
    json_set_text(object, "family", info->family);
    json_set(object, "year", info->year > 0 ? json_integer(info->year) : json_null());
    json_add(input, json_integer(info->channels));
    json_add(input, json_integer(info->height + 2 * info->pad));
    json_add(input, json_integer(info->width + 2 * info->pad));
    json_set(object, "input", input);
    json_set_integer(object, "classes", info->classes);
    json_set_integer(object, "parameters", summary->parameters);
    json_set_integer(object, "buffers", summary->buffers);
    json_set_integer(object, "multiply_adds", summary->multiply_adds);
    json_set_integer(object, "auxiliary_outputs", auxiliaries);
    json_set_text(object, "task", info->task);
    json_set_flag(object, "backbone", info->backbone);
    json_set_text(object, "summary", info->summary);
    set_text_or_null(object, "paper", info->paper);
    set_text_or_null(object, "accuracy", info->accuracy);
    set_text_or_null(object, "reference", info->reference);
    json_set(object, "options", options_to_json(info));
    return object;
}

static void describe_input(char out[64], const fov_network_info *info)
{
    snprintf(out, 64, "%dx%dx%d", info->channels, info->height + 2 * info->pad, info->width + 2 * info->pad);
}

static const char *year_of(char out[16], const fov_network_info *info)
{
    out[0] = '\0';
    if (info->year > 0) {
        snprintf(out, 16, "%d", info->year);
    }
    return out;
}

int zoo_list(struct cli *cli)
{
    struct table *table = table_create("lrrrrlLL");
    table_drops(table, "gbfc");
    json_t *array = json_array();
    int code = EXIT_OK;
    table_row(table, (const char *const[]){"network", "year", "input", "parameters", "multiply-adds", "task",
                                           "published", "what it is"});
    table_rule(table);
    for (int i = 0; i < fov_network_count() && code == EXIT_OK; i++) {
        fov_network_info info = fov_network_at(i);
        fov_summary summary;
        char input[64], year[16], count[2][NUMBER_SIZE];
        int auxiliaries = 0;
        code = measure(cli, info.name, &summary, &auxiliaries);
        if (code == EXIT_OK) {
            describe_input(input, &info);
            table_row(table, (const char *const[]){info.name, year_of(year, &info), input,
                                                   show_count(count[0], summary.parameters),
                                                   show_count(count[1], summary.multiply_adds), info.task,
                                                   info.accuracy != NULL ? info.accuracy : "", info.summary});
            json_add(array, to_json(&info, &summary, auxiliaries));
        }
    }
    if (code == EXIT_OK && cli->json) {
        json_t *object = json_object();
        json_set(object, "networks", json_incref(array));
        json_print(cli, object);
    } else if (code == EXIT_OK) {
        table_print(table, cli);
        if (!cli->quiet) {
            fprintf(cli->out, "\n%d networks; fovea zoo NAME says more of one, and what options it takes\n",
                    fov_network_count());
        }
    }
    json_decref(array);
    table_free(table);
    return code;
}

/* ---- one of them ------------------------------------------------------------------------------------------------- */

static void print_line(struct cli *cli, const char *what, const char *text)
{
    if (text != NULL && *text != '\0') {
        fprintf(cli->out, "  %-13s  %s\n", what, text);
    }
}

static void print_options(struct cli *cli, const fov_network_info *info)
{
    struct table *table = table_create("llL");
    for (int i = 0; i < info->option_count; i++) {
        char values[160] = "", name[64];
        const char *const *choice = info->option[i].choices;
        size_t used = 0;
        for (int c = 0; choice != NULL && choice[c] != NULL; c++) {
            used = append_text(values, sizeof values, used, "%s%s", c > 0 ? ", " : "", choice[c]);
        }
        if (choice == NULL && info->option[i].word == NULL) {
            used =
                append_text(values, sizeof values, used, "%g .. %g", info->option[i].minimum, info->option[i].maximum);
        }
        if (info->option[i].word != NULL) {
            append_text(values, sizeof values, used, "%s[%s]", used > 0 ? " " : "", info->option[i].word);
        } else {
            append_text(values, sizeof values, used, " [%.4g]", info->option[i].standard);
        }
        snprintf(name, sizeof name, "  --%s", info->option[i].name);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at == '_' ? '-' : *at; /* as options are typed; the library accepts both */
        }
        table_row(table, (const char *const[]){name, values, info->option[i].doc});
    }
    fprintf(cli->out, "\nOptions [default]: fovea new %s --OPTION VALUE, or %s:OPTION=VALUE as its name\n", info->name,
            info->name);
    table_print(table, cli);
    table_free(table);
}

static void print_one(struct cli *cli, const fov_network_info *info, const fov_summary *summary)
{
    char input[64], year[16], count[NUMBER_SIZE];
    fprintf(cli->out, "%s%s%s: %s\n\n", style_bold(cli), info->name, style_off(cli), info->summary);
    print_line(cli, "paper", info->paper);
    print_line(cli, "year", year_of(year, info));
    print_line(cli, "published", info->accuracy);
    print_line(cli, "reference", info->reference);
    print_line(cli, "task", info->task);
    describe_input(input, info);
    print_line(cli, "input", input);
    print_line(cli, "parameters", show_count(count, summary->parameters));
    print_line(cli, "multiply-adds", show_count(count, summary->multiply_adds));
    if (info->option_count > 0) {
        print_options(cli, info);
    }
}

int zoo_describe(struct cli *cli, const char *name)
{
    fov_summary summary;
    int auxiliaries = 0, code = measure(cli, name, &summary, &auxiliaries);
    for (int i = 0; i < fov_network_count() && code == EXIT_OK; i++) {
        fov_network_info info = fov_network_at(i);
        if (strcmp(info.name, name) != 0) {
            continue;
        }
        if (cli->json) {
            json_print(cli, to_json(&info, &summary, auxiliaries));
        } else {
            print_one(cli, &info, &summary);
        }
    }
    return code;
}
