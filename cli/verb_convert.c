/* SPDX-License-Identifier: MIT */
/* fovea convert: between ONNX, which holds a whole model, and safetensors, which holds weights; from PyTorch's and
 * Keras' weights files; and from Darknet's networks. */
#include "inspect_pixels.h"
#include "options.h"
#include "json.h"
#include "output.h"
#include "preprocessing.h"
#include "source.h"
#include <fovea/boxes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *suffix_of(const char *path)
{
    return source_has_suffix(path, ".onnx") ? "onnx" : source_has_suffix(path, ".safetensors") ? "safetensors" : NULL;
}

/* Converts weights without a network, with unchanged names, types and bits. */
static int convert_tensors(struct cli *cli, const char *from, const char *to)
{
    struct stat about = {.st_size = 0};
    char clean[SHOWN_SIZE], bytes[NUMBER_SIZE];
    fov_context *context = cli_context(cli);
    if (context == NULL || fov_weights_convert(context, from, to) != FOV_OK) {
        return fail_library(cli);
    }
    stat(to, &about);
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "from", from);
        json_set_text(object, "to", to);
        json_set_integer(object, "bytes", about.st_size);
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %s, weights alone\n", show_clean(clean, sizeof clean, to),
                show_bytes(bytes, (double)about.st_size));
    }
    return EXIT_OK;
}

static void print_result(struct cli *cli, fov_model *model, const char *to, const char hash[65])
{
    struct stat about = {.st_size = 0};
    char clean[SHOWN_SIZE], bytes[NUMBER_SIZE], count[NUMBER_SIZE];
    fov_summary summary;
    stat(to, &about);
    bool known = fov_model_summary(model, NULL, &summary) == FOV_OK;
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "from", cli->arguments[0]);
        json_set_text(object, "to", to);
        json_set_integer(object, "bytes", about.st_size);
        if (known) {
            json_set_integer(object, "parameters", summary.parameters);
        }
        json_set_text(object, "hash", hash);
        json_set(object, "preprocessing", inspect_pixels_json(model));
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %s", show_clean(clean, sizeof clean, to), show_bytes(bytes, (double)about.st_size));
        if (known) {
            fprintf(cli->out, ", %s parameters", show_count(count, summary.parameters));
        }
        fprintf(cli->out, "%s\n", strcmp(suffix_of(to), "safetensors") == 0 ? ", weights alone" : "");
        inspect_pixels_line(cli, model);
    }
}

/* A shorter side belongs to the size that is cut out of it: for another size it becomes another in proportion. */
static void fit_shorter(struct cli *cli, fov_model *model, int before, int after)
{
    fov_preprocessing p = fov_model_preprocessing(model);
    if (p.shorter > 0 && p.crop == 0 && before != after && !option_given(cli, "resize") && !option_given(cli, "preset")) {
        int was = p.shorter;
        p.shorter = (int)(((int64_t)2 * was * after + before) / (2 * (int64_t)before));
        p.shorter = p.shorter > after ? p.shorter : after;
        fov_model_set_preprocessing(model, &p);
        remark(cli, "pictures' shorter side, %d for an input of %d, becomes %d for %d", was, before, p.shorter, after);
    }
}

/** The file's model for pictures of height x width, whether it leaves that open or states another size. */
static fov_model *load_sized(struct cli *cli, const char *from, const int64_t size[2])
{
    fov_context *context = cli_context(cli);
    fov_model *model = context != NULL ? fov_model_load_sized(context, from, (int)size[0], (int)size[1]) : NULL;
    if (model == NULL) {
        return NULL;
    }
    int channels, height, width;
    bool is_picture = fov_model_picture_size(model, &channels, &height, &width);
    bool is_sized = is_picture && height == size[0] && width == size[1];
    if (!is_sized && fov_model_resize(model, (int)size[0], (int)size[1]) != FOV_OK) {
        fov_model_free(model);
        return NULL;
    }
    if (!is_sized && is_picture) {
        fit_shorter(cli, model, height < width ? height : width, (int)(size[0] < size[1] ? size[0] : size[1]));
    }
    return model;
}

/* Loads a network from Darknet's .cfg and .weights. */
static fov_model *load_darknet(struct cli *cli, const char *cfg, const char *weights)
{
    fov_context *context = cli_context(cli);
    if (context != NULL && weights == NULL) {
        remark(cli, "%s without --weights: its parameters are drawn at random", cfg);
    }
    return context != NULL ? fov_model_load_darknet(context, cfg, weights) : NULL;
}

/* Parses up to `most` numbers between commas; the others keep their defaults. Returns how many there are; 0: the text is
 * something else. */
static int read_numbers(const char *text, double *number, int most)
{
    int count = 0;
    for (char *end; count < most; text = end + 1) {
        number[count] = strtod(text, &end);
        if (end == text || (*end != ',' && *end != '\0')) {
            return 0;
        }
        count++;
        if (*end == '\0') {
            return count;
        }
    }
    return 0;
}

/* --nms 0.65,0.25,300: appends suppression to a detector. */
static int add_suppression(struct cli *cli, fov_model *model)
{
    const char *text = option_text(cli, "nms");
    fov_suppress_options how = {.overlap = 0.65, .least = 0.25, .most = 300};
    if (text == NULL) {
        return EXIT_OK;
    }
    double number[3] = {how.overlap, how.least, (double)how.most}, most;
    int count = read_numbers(text, number, 3);
    how.overlap = number[0];
    how.least = number[1];
    most = number[2];
    if (count < 1 || !(how.overlap >= 0 && how.overlap <= 1) || !(how.least >= 0 && how.least <= 1) ||
        !(most >= 1 && most <= 1e5)) {
        return fail(cli, EXIT_USAGE,
                    "--nms is \"%.60s\"; it is an overlap, a score and a number of boxes such as 0.65,0.25,300", text);
    }
    how.most = (int64_t)most;
    return fov_model_add_suppression(model, &how) == FOV_OK ? EXIT_OK : fail_library(cli);
}

static int run(struct cli *cli)
{
    const char *from = cli->arguments[0], *to = cli->arguments[1];
    const char *source = suffix_of(from), *target = suffix_of(to);
    const char *weights = option_text(cli, "weights");
    size_t length = strlen(from);
    bool is_darknet = length > 4 && strcmp(from + length - 4, ".cfg") == 0;
    if (weights != NULL && !is_darknet) {
        return fail(cli, EXIT_USAGE, "--weights belong to Darknet's .cfg; %s is none", from);
    }
    if (target == NULL) {
        return fail(cli, EXIT_USAGE, "%s: the suffix says what to write, .onnx or .safetensors", to);
    }
    if (is_darknet) {
        source = "darknet";
    } else if (source == NULL && source_is_weights(from)) {
        source = "torch";
    } else if (source == NULL && source_is_file(from)) {
        source = "onnx"; /* recognised by content */
    }
    if (source == NULL) {
        return fail(cli, EXIT_USAGE, "%s is no file; to write an untrained network: fovea new %s -o %s", from, from,
                    to);
    }
    int opset = option_given(cli, "opset") ? (int)option_integer(cli, "opset") : 0;
    if (opset != 0 && strcmp(target, "onnx") != 0) {
        return fail(cli, EXIT_USAGE, "--opset is for writing .onnx; %s will hold weights alone", to);
    }
    int64_t size[2];
    const char *wanted = option_text(cli, "size");
    if (wanted != NULL && !source_size(wanted, size)) {
        return fail(cli, EXIT_USAGE, "--size is \"%.60s\"; it is height x width, such as 224x224, or 224 for both", wanted);
    }
    if (wanted != NULL && strcmp(source, "onnx") != 0) {
        return fail(cli, EXIT_USAGE, "--size is for models; %s holds weights alone", from);
    }
    if (strcmp(source, "torch") == 0 && strcmp(target, "safetensors") == 0 && option_text(cli, "model") == NULL) {
        return convert_tensors(cli, from, to);
    }
    char hash[65] = "";
    fov_model *model = is_darknet       ? load_darknet(cli, from, weights)
                       : wanted != NULL ? load_sized(cli, from, size)
                                        : source_model(cli, from, NULL, option_text(cli, "model"));
    int code = model != NULL ? preprocessing_apply(cli, model, false, NULL) : EXIT_OK;
    code = code == EXIT_OK && model != NULL ? add_suppression(cli, model) : code;
    if (code != EXIT_OK) {
        fov_model_free(model);
        return code;
    }
    int status = model != NULL ? fov_model_hash(model, hash) : FOV_E_INPUT;
    if (status == FOV_OK) {
        status =
            strcmp(target, "onnx") == 0 ? fov_model_save_opset(model, to, opset) : fov_model_save_weights(model, to);
    }
    if (status == FOV_OK) {
        print_result(cli, model, to, hash);
    } else {
        code = fail_library(cli);
    }
    fov_model_free(model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "model",
     .kind = OPTION_TEXT,
     .argument = "NAME|FILE",
     .otherwise = "the network they fit",
     .doc = "where .safetensors, .pth or .h5 weights belong: a network's name, or an ONNX file with the same "
            "parameters"},
    {.name = "weights",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .otherwise = "random numbers",
     .doc = "of Darknet's .cfg: its .weights"},
    {.name = "opset",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .otherwise = "17, or what the operators need",
     .minimum = 13,
     .maximum = 22,
     .doc = "the version of ONNX's operators to write"},
    {.name = "nms",
     .kind = OPTION_TEXT,
     .argument = "IOU,SCORE,MOST",
     .otherwise = "boxes are suppressed by who reads the file",
     .doc = "of a detector: suppression in the file, whose output is [N, MOST, 6], x1, y1, x2, y2, score, class: "
            "0.65,0.25,300"},
    {.name = "size",
     .kind = OPTION_TEXT,
     .argument = "HxW",
     .otherwise = "the model's own",
     .doc = "height and width of its pictures, for a model that leaves them open or shall take others"},
    {.name = NULL},
};

const struct verb verb_convert = {
    .name = "convert",
    .summary = "turn models and weights into ONNX or safetensors, by suffix",
    .run = run,
    .options = options,
    .shared = preprocessing_options,
    .arguments = "FROM TO",
    .minimum_arguments = 2,
    .maximum_arguments = 2,
    .written_argument = 2,
    .written_kind = WRITES_FILE,
    .help =
        "Suffixes say what is read and written. ONNX holds the whole model; safetensors holds the weights alone, under "
        "PyTorch's names, so that going back needs the network they belong to: the first by name that they fit, or "
        "--model. PyTorch's .pth and .pt of a state dict are read without running the pickle in them, and written as "
        "safetensors tensor by tensor; so are Keras' .h5, .weights.h5 and .keras, which become a model where their network "
        "is one that is here, too. From .onnx to .onnx a model is read, checked and written anew, in another opset with "
        "--opset.",
    .examples = "fovea convert best.onnx best.safetensors\n"
                "fovea convert best.safetensors again.onnx --model lenet5\n"
                "fovea convert resnet18.pth resnet18.safetensors\n"
                "fovea convert resnet50.weights.h5 resnet50.onnx --preset caffe\n"
                "fovea convert other.onnx other-13.onnx --opset 13\n"
                "fovea convert open.onnx fixed.onnx --size 320x480\n"
                "fovea convert cars.onnx cars-boxes.onnx --nms 0.65,0.25\n",
};
