/* SPDX-License-Identifier: MIT */
/* fovea new: writes an untrained network to a file, or lists the networks. */
#include "options.h"
#include "json.h"
#include "output.h"
#include "source.h"
#include "zoo_list.h"
#include <string.h>

static int write_network(struct cli *cli, const char *name, const fov_network_options *wanted)
{
    char path[SHOWN_SIZE], clean[SHOWN_SIZE], count[NUMBER_SIZE], hash[65];
    if (strchr(name, '/') != NULL || strlen(name) > 200) {
        return fail(cli, EXIT_USAGE, "%s is no network's name; \"fovea zoo\" lists them", name);
    }
    snprintf(path, sizeof path, "%s.onnx", cli->arguments[0]);
    const char *out = option_text(cli, "out") != NULL ? option_text(cli, "out") : path;
    bool weights = source_has_suffix(out, ".safetensors");
    if (!weights && !source_has_suffix(out, ".onnx")) {
        return fail(cli, EXIT_USAGE, "%s: the suffix says what to write, .onnx or .safetensors", out);
    }
    fov_context *context = cli_context(cli);
    fov_model *model = context != NULL ? fov_model_network(context, name, wanted) : NULL;
    fov_summary summary;
    int code = EXIT_OK;
    if (model == NULL || fov_model_summary(model, NULL, &summary) != FOV_OK || fov_model_hash(model, hash) != FOV_OK ||
        (weights ? fov_model_save_weights(model, out) : fov_model_save(model, out)) != FOV_OK) {
        code = fail_library(cli);
    } else if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "name", name);
        json_set_text(object, "file", out);
        json_set(object, "input", json_from_shape(&summary.input));
        json_set_integer(object, "classes", fov_model_classes(model));
        json_set_integer(object, "parameters", summary.parameters);
        json_set_integer(object, "multiply_adds", summary.multiply_adds);
        json_set_text(object, "hash", hash);
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %s, %s parameters, untrained\n", show_clean(clean, sizeof clean, out), name,
                show_count(count, summary.parameters));
        if (fov_model_meaning(model, fov_model_output(model)) != FOV_MEANING_MAP) { /* train is for classifiers */
            fprintf(cli->out, "train it:  fovea train --model %s\n", clean);
        }
    }
    fov_model_free(model);
    return code;
}

static int run(struct cli *cli)
{
    fov_network_options wanted = {.classes = (int)option_integer(cli, "classes")};
    const char *input = option_text(cli, "input");
    int size[3];
    if (input != NULL) {
        if (!source_input(input, size)) {
            return fail(cli, EXIT_USAGE, "--input is \"%s\"; it is channels x height x width, such as 3x32x32", input);
        }
        wanted.channels = size[0];
        wanted.height = size[1];
        wanted.width = size[2];
    }
    if (option_flag(cli, "list")) {
        return cli->argument_count == 0 ? zoo_list(cli) : fail(cli, EXIT_USAGE, "--list takes no name");
    }
    if (cli->argument_count == 0) {
        return fail(cli, EXIT_USAGE, "which network? \"fovea zoo\" lists them");
    }
    const char *name;
    int code = source_network(cli, cli->arguments[0], &name);
    return code == EXIT_OK ? write_network(cli, name, &wanted) : code;
}

static const struct cli_option options[] = {
    {.name = "list", .kind = OPTION_FLAG, .doc = "list the networks known by name"},
    {.name = "classes", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "the network's own", .minimum = 1,
     .maximum = 1e6, .doc = "outputs"},
    {.name = "input", .kind = OPTION_TEXT, .argument = "CxHxW", .otherwise = "the network's own",
     .doc = "channels, height and width of its pictures, pixels"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE", .writes = WRITES_FILE,
     .otherwise = "NAME.onnx",
     .doc = "where to write it; .safetensors: weights alone"},
    {.name = NULL},
};

const struct verb verb_new = {
    .name = "new",
    .summary = "write an untrained network as ONNX, or list the networks",
    .run = run,
    .options = options,
    .arguments = "NAME|--list",
    .networks = true,
    .minimum_arguments = 0,
    .maximum_arguments = 1,
    .help =
        "Writes a network with freshly drawn weights, for a given input and number of classes. One --seed gives one "
        "set of weights. What a network can be told (fovea zoo NAME) is an option here: --attention cbam, or stands "
        "behind its name: NAME:attention=cbam.",
    .examples = "fovea new --list\n"
                "fovea new resnet50:attention=cbam --classes 10\n"
                "fovea new lenet5 --classes 26 -o letters.onnx\n"
                "fovea new course-cnn --input 3x32x32 --seed 7\n",
};
