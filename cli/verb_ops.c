/* SPDX-License-Identifier: MIT */
/* fovea ops: the operators, their formulas and options, from their own descriptors. */
#include "json.h"
#include "nearest.h"
#include "ops_picture.h"
#include "options.h"
#include "output.h"
#include "table.h"
#include <string.h>

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static json_t *ports_to_json(const fov_port_info *ports, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_t *one = json_object();
        json_set_text(one, "name", or_empty(ports[i].name));
        json_set_text(one, "shape", or_empty(ports[i].shape));
        json_set_flag(one, "optional", ports[i].optional);
        json_set_flag(one, "variadic", ports[i].variadic);
        json_add(list, one);
    }
    return list;
}

static json_t *to_json(const fov_operator_info *op)
{
    json_t *object = json_object(), *list = json_array();
    json_set_text(object, "name", or_empty(op->name));
    json_set_text(object, "family", or_empty(op->family));
    json_set_text(object, "summary", or_empty(op->summary));
    json_set_text(object, "formula", or_empty(op->formula));
    json_set_text(object, "source", or_empty(op->source));
    json_set(object, "onnx", op->onnx != NULL ? json_from_text(op->onnx) : json_null());
    json_set_number(object, "since_opset", op->since);
    json_set_flag(object, "gradient", op->gradient);
    json_set_flag(object, "fast", op->fast);
    json_set(object, "inputs", ports_to_json(op->in, op->in_count));
    json_set(object, "outputs", ports_to_json(op->out, op->out_count));
    for (int i = 0; i < op->option_count; i++) {
        json_t *one = json_object();
        json_set_text(one, "name", or_empty(op->option[i].name));
        json_set_text(one, "kind", or_empty(op->option[i].kind));
        json_set_number(one, "default", op->option[i].standard);
        json_set_text(one, "doc", or_empty(op->option[i].doc));
        json_add(list, one);
    }
    json_set(object, "options", list);
    return object;
}

static int list(struct cli *cli)
{
    struct table *table = table_create("lllLL");
    table_drops(table, "dcb");
    json_t *array = json_array();
    int shown = 0;
    table_row(table, (const char *const[]){"operator", "family", "ONNX", "formula", "what it does"});
    table_rule(table);
    for (int i = 0; i < fov_operator_count(); i++) {
        fov_operator_info op = fov_operator_at(i);
        bool inner = op.onnx == NULL && !option_flag(cli, "all");
        if (cli->json) {
            json_add(array, to_json(&op));
        } else if (!inner || (op.gradient && strcmp(or_empty(op.family), "gradient") != 0)) {
            table_row(table, (const char *const[]){op.name, op.family, or_empty(op.onnx), or_empty(op.formula),
                                                   or_empty(op.summary)});
            shown++;
        }
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set(object, "operators", json_incref(array));
        json_print(cli, object);
    } else {
        table_print(table, cli);
        if (shown < fov_operator_count() && !cli->quiet) {
            fprintf(cli->out, "\n%d more work behind these (gradients, optimisers): fovea ops --all\n",
                    fov_operator_count() - shown);
        }
    }
    json_decref(array);
    table_free(table);
    return EXIT_OK;
}

/* Prints a label padded to a fixed width, then the text, wrapped at the terminal's width. */
static void print_field(struct cli *cli, const char *label, const char *text)
{
    if (text == NULL || *text == '\0') {
        return;
    }
    int width = cli->width < 110 ? cli->width : 110, column = 12;
    fprintf(cli->out, "  %s%-9s%s ", style_faint(cli), label, style_off(cli));
    for (const char *at = text; *at != '\0';) {
        int length = (int)strcspn(at, " ");
        if (column > 12 && column + length + 1 > width) {
            fprintf(cli->out, "\n%12s", "");
            column = 12;
        }
        fprintf(cli->out, "%s%.*s", column > 12 ? " " : "", length, at);
        column += length + (column > 12);
        at += length;
        at += strspn(at, " ");
    }
    fputc('\n', cli->out);
}

static void print_ports(struct cli *cli, const char *label, const fov_port_info *ports, int count)
{
    char line[300];
    for (int i = 0; i < count; i++) {
        snprintf(line, sizeof line, "%s%s %s%s", or_empty(ports[i].name), ports[i].variadic ? "..." : "",
                 or_empty(ports[i].shape), ports[i].optional ? " (may be left out)" : "");
        print_field(cli, i == 0 ? label : "", line);
    }
}

static void print_one(struct cli *cli, const fov_operator_info *op)
{
    char onnx[120];
    fprintf(cli->out, "%s%s%s\n", style_bold(cli), op->name, style_off(cli));
    print_field(cli, "does", op->summary);
    print_field(cli, "formula", op->formula);
    print_field(cli, "source", op->source);
    print_field(cli, "family", op->family);
    print_ports(cli, "takes", op->in, op->in_count);
    print_ports(cli, "gives", op->out, op->out_count);
    snprintf(onnx, sizeof onnx, "%s, opset %d and later", or_empty(op->onnx), op->since);
    print_field(cli, "ONNX", op->onnx != NULL ? onnx : "none of that name");
    print_field(cli, "runs", op->fast ? "over the kernels, on every instruction set" : "by its definition, in double");
    print_field(cli, "gradient", op->gradient ? "yes" : "none: it ends what is learned through it");
    if (op->option_count == 0) {
        return;
    }
    struct table *table = table_create("llrL");
    fputc('\n', cli->out);
    table_row(table, (const char *const[]){"option", "kind", "default", "meaning"});
    table_rule(table);
    for (int i = 0; i < op->option_count; i++) {
        char standard[NUMBER_SIZE];
        snprintf(standard, sizeof standard, "%g", op->option[i].standard);
        table_row(table, (const char *const[]){op->option[i].name, op->option[i].kind,
                                               op->option[i].word != NULL ? op->option[i].word : standard,
                                               op->option[i].doc});
    }
    table_print(table, cli);
    table_free(table);
}

/* From here on: docs/operators.md. A bar would end a cell of a Markdown table, so bars in cells are escaped. */
static void write_cell(struct cli *cli, const char *text)
{
    for (; *text != '\0'; text++) {
        fprintf(cli->out, *text == '|' ? "\\%c" : "%c", *text);
    }
}

static void write_ports(struct cli *cli, const char *label, const fov_port_info *ports, int count)
{
    fprintf(cli->out, "%s ", label);
    for (int i = 0; i < count; i++) {
        fprintf(cli->out, "%s`%s%s` %s%s", i > 0 ? "; " : "", or_empty(ports[i].name), ports[i].variadic ? "..." : "",
                or_empty(ports[i].shape), ports[i].optional ? " (optional)" : "");
    }
    fputs(count > 0 ? "  \n" : "nothing  \n", cli->out);
}

static void write_operator(struct cli *cli, const fov_operator_info *op)
{
    fprintf(cli->out, "### %s\n\n%s\n\n    %s\n\n", op->name, or_empty(op->summary), or_empty(op->formula));
    write_ports(cli, "Takes", op->in, op->in_count);
    write_ports(cli, "Gives", op->out, op->out_count);
    if (op->source != NULL) {
        fprintf(cli->out, "Source: %s  \n", op->source);
    }
    if (op->onnx != NULL) {
        fprintf(cli->out, "ONNX: %s, opset %d and later. ", op->onnx, op->since);
    }
    fprintf(cli->out, "%s; %s\n\n", op->gradient ? "Has a gradient" : "Has no gradient",
            op->fast ? "runs over the kernels on every ISA level." : "runs by its definition.");
    if (op->option_count == 0) {
        return;
    }
    fputs("| option | kind | default | meaning |\n|---|---|---|---|\n", cli->out);
    for (int i = 0; i < op->option_count; i++) {
        fprintf(cli->out, "| `%s` | %s | ", op->option[i].name, op->option[i].kind);
        if (op->option[i].word != NULL) {
            fprintf(cli->out, "%s | ", op->option[i].word);
        } else {
            fprintf(cli->out, "%g | ", op->option[i].standard);
        }
        write_cell(cli, or_empty(op->option[i].doc));
        fputs(" |\n", cli->out);
    }
    fputc('\n', cli->out);
}

static int write_page(struct cli *cli)
{
    static const char *const families[] = {"convolution", "pooling",   "normalisation", "recurrent", "activation", "elementwise",
                                           "reduction",   "shape",     "loss",          "optimiser", "gradient"};
    fprintf(cli->out,
            "# Operators\n\nWritten by `fovea ops --markdown` from the %d descriptors in `src/op`; a test keeps "
            "it so. Shapes read N, C, then pixels.\n\n",
            fov_operator_count());
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        fprintf(cli->out, "## %c%s\n\n", families[f][0] - 'a' + 'A', families[f] + 1);
        fprintf(cli->out, "[Definitions in C, and drawings](operators/%s.md)\n\n", families[f]);
        for (int i = 0; i < fov_operator_count(); i++) {
            fov_operator_info op = fov_operator_at(i);
            if (strcmp(op.family, families[f]) == 0) {
                write_operator(cli, &op);
            }
        }
    }
    return EXIT_OK;
}

static int run(struct cli *cli)
{
    if (option_flag(cli, "markdown")) {
        return write_page(cli);
    }
    if (cli->argument_count == 0 && option_text(cli, "out") != NULL) {
        return fail(cli, EXIT_USAGE, "which operator is to be drawn? fovea ops NAME -o %s", option_text(cli, "out"));
    }
    if (cli->argument_count == 0) {
        return list(cli);
    }
    const char *name = cli->arguments[0];
    struct nearest nearest = {.wanted = name};
    for (int i = 0; i < fov_operator_count(); i++) {
        fov_operator_info op = fov_operator_at(i);
        if (strcmp(op.name, name) == 0 || (op.onnx != NULL && strcmp(op.onnx, name) == 0)) {
            if (option_text(cli, "out") != NULL) {
                return ops_picture(cli, &op, option_text(cli, "out"));
            }
            if (cli->json) {
                json_print(cli, to_json(&op));
            } else {
                print_one(cli, &op);
            }
            return EXIT_OK;
        }
        nearest_offer(&nearest, op.name);
        nearest_offer(&nearest, op.onnx != NULL ? op.onnx : op.name);
    }
    if (nearest.best != NULL) {
        return fail(cli, EXIT_USAGE, "there is no operator \"%.60s\": did you mean %s?", name, nearest.best);
    }
    return fail(cli, EXIT_USAGE, "there is no operator \"%.60s\"; \"fovea ops\" lists them", name);
}

static const struct cli_option options[] = {
    {.name = "all", .kind = OPTION_FLAG, .doc = "also those that gradients and optimisers are made of"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE.svg", .writes = WRITES_FILE,
     .otherwise = "none",
     .doc = "draw the operator: its curve and slope, or which numbers of x one number of y depends on"},
    {.name = "markdown", .kind = OPTION_FLAG, .doc = "write docs/operators.md"},
    {.name = NULL},
};

const struct verb verb_ops = {
    .name = "ops",
    .summary = "list the operators, or explain one",
    .run = run,
    .options = options,
    .arguments = "[NAME]",
    .minimum_arguments = 0,
    .maximum_arguments = 1,
    .help = "Lists what networks can be made of, with formulas; with a name (ours or ONNX's), one operator with its "
            "options, its formula and the paper it comes from.",
    .examples = "fovea ops\n"
                "fovea ops conv\n"
                "fovea ops BatchNormalization --json\n",
};
