/* SPDX-License-Identifier: MIT */
/* fovea inspect: shows a network's layers, inputs and outputs, and the cost of running it. The plan is printed in
 * inspect_plan.c. */
#include "inspect_pixels.h"
#include "inspect_plan.h"
#include "inspect_weights.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include "table.h"
#include "zoo_list.h"
#include <string.h>

static void describe_field(char out[48], const int64_t field[2])
{
    if (field[0] == 0) {
        snprintf(out, 48, "all");
    } else {
        snprintf(out, 48, "%lldx%lld", (long long)field[0], (long long)field[1]);
    }
}

static json_t *layer_to_json(const fov_layer *layer)
{
    json_t *object = json_object(), *field = json_array();
    json_set_text(object, "name", layer->name);
    json_set_text(object, "type", layer->type);
    json_set(object, "shape", json_from_shape(&layer->shape));
    json_set_integer(object, "parameters", layer->parameters);
    json_set_integer(object, "buffers", layer->buffers);
    json_set_integer(object, "multiply_adds", layer->multiply_adds);
    json_set_integer(object, "bytes", (int64_t)layer->bytes);
    json_add(field, json_integer(layer->receptive_field[0]));
    json_add(field, json_integer(layer->receptive_field[1]));
    json_set(object, "receptive_field", field);
    return object;
}

/* The meaning of the dimensions, in ONNX's letters. */
static const char *layout_of(const fov_model *model, fov_value value, const fov_shape *shape)
{
    static const char *const layouts[] = {"", "N", "NC", "NCL", "NCHW", "NCDHW"};
    if (fov_model_layout(model, value) == FOV_LAYOUT_NHWC) {
        return "NHWC";
    }
    if (shape->rank == 3 && fov_model_meaning(model, value) == FOV_MEANING_MAP) {
        return "NHW";
    }
    return shape->rank < 6 ? layouts[shape->rank] : "plain";
}

static json_t *port_to_json(fov_model *model, fov_value value, fov_meaning meaning)
{
    const fov_graph *graph = fov_model_graph(model);
    fov_shape shape = fov_value_shape(graph, value);
    json_t *object = json_object();
    json_set_text(object, "name", fov_value_name(graph, value));
    json_set(object, "shape", json_from_shape(&shape));
    json_set_text(object, "type", fov_dtype_name(fov_value_dtype(graph, value)));
    json_set_text(object, "layout", layout_of(model, value, &shape));
    json_set_text(object, "meaning", fov_meaning_name(meaning));
    return object;
}

static void ports_to_json(json_t *object, fov_model *model)
{
    json_t *inputs = json_array(), *outputs = json_array();
    for (int i = 0; i < fov_model_input_count(model); i++) {
        json_add(inputs, port_to_json(model, fov_model_input_at(model, i), FOV_MEANING_VALUES));
    }
    for (int i = 0; i < fov_model_output_count(model); i++) {
        fov_value output = fov_model_output_at(model, i);
        json_add(outputs, port_to_json(model, output, fov_model_meaning(model, output)));
    }
    json_set(object, "inputs", inputs);
    json_set(object, "outputs", outputs);
    json_set_text(object, "output", fov_value_name(fov_model_graph(model), fov_model_output(model)));
}

static json_t *summary_to_json(const fov_summary *summary, fov_model *model)
{
    json_t *object = json_object(), *layers = json_array(), *classes = json_array();
    json_set_text(object, "name", fov_model_name(model));
    json_set(object, "input", json_from_shape(&summary->input));
    ports_to_json(object, model);
    json_set_integer(object, "classes", fov_model_classes(model));
    for (int i = 0; i < fov_model_classes(model); i++) {
        json_add(classes, json_from_text(fov_model_class(model, i)));
    }
    json_set(object, "class_names", classes);
    if (fov_model_meaning(model, fov_model_output(model)) == FOV_MEANING_VALUES && *fov_model_class(model, 0) != '\0') {
        json_t *values = json_array();
        for (int i = 0; i < fov_model_scores(model); i++) {
            json_add(values, json_from_text(fov_model_class(model, i)));
        }
        json_set(object, "value_names", values);
    }
    json_set(object, "preprocessing", inspect_pixels_json(model));
    json_set_integer(object, "parameters", summary->parameters);
    json_set_integer(object, "trainable", summary->trainable);
    json_set_integer(object, "buffers", summary->buffers);
    json_set_integer(object, "multiply_adds", summary->multiply_adds);
    bool is_detector = fov_model_meaning(model, fov_model_output(model)) == FOV_MEANING_BOXES;
    json_set_number(object, "gflops",
                    is_detector ? zoo_detector_gflops(summary) : 2e-9 * (double)summary->multiply_adds);
    json_set_integer(object, "neurons", summary->neurons);
    json_set_integer(object, "parameter_bytes", (int64_t)summary->parameter_bytes);
    json_set_integer(object, "activation_bytes", (int64_t)summary->activation_bytes);
    json_set_integer(object, "batch_statistics", fov_model_batch_statistics(model));
    for (int i = 0; i < summary->layer_count; i++) {
        json_add(layers, layer_to_json(&summary->layers[i]));
    }
    json_set(object, "layers", layers);
    return object;
}

static void print_layers(struct cli *cli, const fov_summary *summary)
{
    struct table *table = table_create("LLlrrrr");
    table_drops(table, "gf");
    char shape[SHAPE_SIZE], parameters[NUMBER_SIZE], products[NUMBER_SIZE], bytes[NUMBER_SIZE], field[48];
    table_row(table, (const char *const[]){"layer", "type", "output shape", "parameters", "multiply-adds", "memory",
                                           "sees"});
    table_rule(table);
    for (int i = 0; i < summary->layer_count; i++) {
        const fov_layer *layer = &summary->layers[i];
        describe_field(field, layer->receptive_field);
        bool learns = layer->parameters > 0, multiplies = layer->multiply_adds > 0;
        table_row(table, (const char *const[]){layer->name, layer->type, show_shape(shape, &layer->shape),
                                               learns ? show_count(parameters, layer->parameters) : "",
                                               multiplies ? show_count(products, layer->multiply_adds) : "",
                                               show_bytes(bytes, (double)layer->bytes), field});
    }
    table_rule(table);
    table_row(table, (const char *const[]){"total", "", "", show_count(parameters, summary->parameters),
                                           show_count(products, summary->multiply_adds),
                                           show_bytes(bytes, (double)summary->activation_bytes), ""});
    table_print(table, cli);
    table_free(table);
}

/* Prints "  input          x [N, 3, 32, 32]"; inputs and outputs that are not the chosen one are marked. */
static void print_port(struct cli *cli, fov_model *model, const char *what, fov_value value, fov_value chosen,
                       const char *meaning)
{
    const fov_graph *graph = fov_model_graph(model);
    fov_shape shape = fov_value_shape(graph, value);
    fov_dtype dtype = fov_value_dtype(graph, value);
    char clean[256], text[SHAPE_SIZE];
    fprintf(cli->out, "  %-13s  %s %s", what, show_clean(clean, sizeof clean, fov_value_name(graph, value)),
            show_shape(text, &shape));
    fprintf(cli->out, "%s%s", dtype != FOV_F32 ? " " : "", dtype != FOV_F32 ? fov_dtype_name(dtype) : "");
    fprintf(cli->out, "%s%s%s\n", meaning != NULL ? ", " : "", meaning != NULL ? meaning : "",
            value.id == chosen.id ? "" : " (not the one this is about)");
}

static void print_ports(struct cli *cli, fov_model *model)
{
    for (int i = 0; i < fov_model_input_count(model); i++) {
        print_port(cli, model, "input", fov_model_input_at(model, i), fov_model_input(model), NULL);
    }
    for (int i = 0; i < fov_model_output_count(model); i++) {
        fov_value output = fov_model_output_at(model, i);
        print_port(cli, model, "output", output, fov_model_output(model),
                   fov_meaning_name(fov_model_meaning(model, output)));
    }
}

/* Describes the chosen output: "10 classes", "a map of 2 scores for each pixel", "4 values". */
static void describe_output(char out[64], const fov_model *model)
{
    fov_meaning meaning = fov_model_meaning(model, fov_model_output(model));
    int classes = fov_model_classes(model), values = fov_model_scores(model);
    if (meaning == FOV_MEANING_MAP) {
        snprintf(out, 64, "a map of %d score%s for each pixel", classes, classes == 1 ? "" : "s");
    } else if (meaning == FOV_MEANING_BOXES) {
        snprintf(out, 64, "boxes of %d class%s", classes, classes == 1 ? "" : "es");
    } else if (meaning != FOV_MEANING_VALUES) {
        snprintf(out, 64, "%d classes", classes);
    } else if (values > 0) {
        snprintf(out, 64, "%d value%s", values, values == 1 ? "" : "s");
    } else {
        snprintf(out, 64, "values");
    }
}

static void print_totals(struct cli *cli, const fov_summary *summary, fov_model *model, const char *word)
{
    char count[3][NUMBER_SIZE], bytes[2][NUMBER_SIZE], shape[SHAPE_SIZE], clean[SHOWN_SIZE], result[64];
    const char *name = fov_model_name(model);
    fprintf(cli->out, "%s%s%s", style_bold(cli), show_clean(clean, sizeof clean, *name != '\0' ? name : word),
            style_off(cli));
    if (*name != '\0' && strcmp(name, word) != 0) {
        fprintf(cli->out, ", from %s", show_clean(clean, sizeof clean, word));
    }
    describe_output(result, model);
    fprintf(cli->out, ": input %s, %s\n\n", show_shape(shape, &summary->input), result);
    print_layers(cli, summary);
    fputc('\n', cli->out);
    print_ports(cli, model);
    fprintf(cli->out, "  parameters     %s, %s trainable\n", show_count(count[0], summary->parameters),
            show_count(count[1], summary->trainable));
    if (summary->buffers > 0) {
        fprintf(cli->out, "  buffers        %s: running statistics, which nobody learns\n",
                show_count(count[0], summary->buffers));
    }
    fprintf(cli->out, "  weights        %s\n", show_bytes(bytes[0], (double)summary->parameter_bytes));
    fprintf(cli->out, "  multiply-adds  %s for a picture (%.3g GFLOPs, of two each)\n",
            show_count(count[2], summary->multiply_adds), 2e-9 * (double)summary->multiply_adds);
    fprintf(cli->out, "  neurons        %s: results of layers that multiply\n", show_count(count[0], summary->neurons));
    fprintf(cli->out, "  activations    %s for a picture, all layers side by side\n",
            show_bytes(bytes[1], (double)summary->activation_bytes));
    if (fov_model_batch_statistics(model) > 0) {
        fprintf(cli->out, "  statistics     of the batch, in inference too, in %d normalisations: they are in training form\n",
                fov_model_batch_statistics(model));
    }
    inspect_pixels_print(cli, model);
}

static int inspect(struct cli *cli, fov_model *model, const fov_shape *input)
{
    fov_summary summary;
    char hash[65] = "";
    bool want_hash = option_flag(cli, "hash");
    if (fov_model_summary(model, input, &summary) != FOV_OK || (want_hash && fov_model_hash(model, hash) != FOV_OK)) {
        return fail_library(cli);
    }
    if (summary.input.rank == 4) {
        summary.input.dim[0] = FOV_BATCH; /* shown as N, though the table is for one picture */
    }
    json_t *object = cli->json ? summary_to_json(&summary, model) : NULL;
    if (object == NULL && !(cli->quiet && want_hash)) {
        print_totals(cli, &summary, model, cli->arguments[0]);
    }
    int code = EXIT_OK;
    const char *svg = option_text(cli, "svg"), *png = option_text(cli, "png");
    if ((svg != NULL || png != NULL) && fov_model_draw(model, input, svg, png) != FOV_OK) {
        json_decref(object);
        return fail_library(cli);
    }
    if (option_flag(cli, "plan") || option_flag(cli, "training")) {
        struct inspect_plan wanted = {option_integer(cli, "batch"), option_flag(cli, "training")};
        code = inspect_plan(cli, model, &wanted, object);
    }
    if (code != EXIT_OK) {
        json_decref(object);
        return code;
    }
    if (object != NULL) {
        if (want_hash) {
            json_set_text(object, "hash", hash);
        }
        json_print(cli, object);
    } else if (want_hash) {
        fprintf(cli->out, cli->quiet ? "%.0s%s\n" : "\n  %s %s\n", "sha256        ", hash);
    }
    return EXIT_OK;
}

/* Whether a file that has just failed to be a model is to be listed: weights that no network by name fits. */
static bool is_only_listed(const struct cli *cli, const char *word)
{
    static const char *const about_models[] = {"model", "input", "output", "plan", "training", "svg", "png", "hash"};
    for (size_t i = 0; i < sizeof about_models / sizeof about_models[0]; i++) {
        if (option_given(cli, about_models[i])) {
            return false;
        }
    }
    int status = fov_error_status(cli->context);
    return source_is_weights(word) && (status == FOV_E_INPUT || status == FOV_E_SHAPE);
}

static int run(struct cli *cli)
{
    const char *word, *text = option_text(cli, "input");
    fov_network_options wanted = {.classes = (int)option_integer(cli, "classes")};
    fov_shape shape = {.rank = 0};
    int size[3] = {0, 0, 0};
    int code = source_network(cli, cli->arguments[0], &word);
    if (code != EXIT_OK) {
        return code;
    }
    if (text != NULL && !source_input(text, size)) {
        return fail(cli, EXIT_USAGE, "--input is \"%.60s\"; it is channels x height x width, such as 3x32x32", text);
    }
    bool file = source_is_file(word);
    if (file && option_given(cli, "classes")) {
        return fail(cli, EXIT_USAGE, "--classes is for networks by name; %s is a file and has its own", word);
    }
    if (text != NULL && file) {
        shape = (fov_shape){3, {size[0], size[1], size[2]}};
    } else if (text != NULL) { /* a network by name is built for it */
        wanted.channels = size[0];
        wanted.height = size[1];
        wanted.width = size[2];
    }
    fov_model *model = source_model(cli, word, &wanted, option_text(cli, "model"));
    if (model != NULL && shape.rank > 0 && size[0] == 0) { /* "--input 64": channels are the file's */
        int channels, height, width;
        shape.dim[0] = fov_model_picture_size(model, &channels, &height, &width) ? channels : 3;
    }
    const char *output = option_text(cli, "output");
    if (model == NULL && is_only_listed(cli, word)) {
        char why[1024];
        snprintf(why, sizeof why, "%s", fov_error(cli->context));
        fov_error_clear(cli->context);
        return inspect_weights(cli, word, why);
    }
    code = model == NULL ? fail_library(cli) : output != NULL ? source_choose(cli, model, output, NULL) : EXIT_OK;
    code = code == EXIT_OK ? inspect(cli, model, shape.rank > 0 ? &shape : NULL) : code;
    fov_model_free(model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "input", .kind = OPTION_TEXT, .argument = "CxHxW", .otherwise = "the model's own",
     .doc = "ask about another size of picture"},
    {.name = "classes", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "the network's own", .minimum = 1,
     .maximum = 1e6, .doc = "outputs, for a network by name"},
    {.name = "output", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the first, or the one the file names",
     .doc = "which output classes and --plan are about, of a model with several"},
    {.name = "plan", .kind = OPTION_FLAG, .doc = "also how it runs: steps, fusion, layouts, where every byte lies"},
    {.name = "training", .kind = OPTION_FLAG, .doc = "the plan of a training step: forward, backward, update"},
    {.name = "batch", .kind = OPTION_INTEGER, .argument = "N", .standard = "1", .minimum = 1, .maximum = 1e6,
     .doc = "samples in the plan"},
    {.name = "svg", .kind = OPTION_TEXT, .argument = "FILE", .writes = WRITES_FILE,
     .otherwise = "none",
     .doc = "also draw the architecture, block by block, as one page"},
    {.name = "png", .kind = OPTION_TEXT, .argument = "FILE", .writes = WRITES_FILE,
     .otherwise = "none", .doc = "the same as a picture"},
    {.name = "hash", .kind = OPTION_FLAG,
     .doc = "also a SHA-256 over names, shapes and bytes of all weights; with --quiet that alone"},
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_inspect = {
    .name = "inspect",
    .summary = "show a network's layers, sizes, cost, and how it will run",
    .run = run,
    .options = options,
    .arguments = "NAME|FILE",
    .networks = true,
    .minimum_arguments = 1,
    .maximum_arguments = 1,
    .help =
        "A row per layer: name, type, output shape, parameters, multiply-adds and memory for one picture, and how much "
        "of "
        "the picture one output sees (its receptive field, pixels). Then inputs and outputs, and what each output "
        "holds: logits, softmax (probabilities), sigmoid (independent ones), values or a map, and what becomes of a picture "
        "before it is the input. With --json: inputs, outputs, parameters, multiply_adds, layers, preprocessing (by the "
        "names and values of fovea predict's options) and more. Weights that no network by name fits are listed: name, "
        "type and shape of each tensor, and what is written beside them.",
    .examples = "fovea inspect lenet5\n"
                "fovea inspect resnet50:attention=cbam\n"
                "fovea inspect inception_v4 --svg inception.svg\n"
                "fovea inspect best.onnx --plan --batch 64\n"
                "fovea inspect course-cnn --training --batch 64\n"
                "fovea inspect best.onnx --hash --json\n"
                "fovea inspect run/checkpoint.safetensors\n",
};
