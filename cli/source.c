/* SPDX-License-Identifier: MIT */
/* Opening models and datasets by the words that users type. */
#include "source.h"
#include "options.h"
#include "output.h"
#include "run_directory.h"
#include <fovea/boxes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool source_has_suffix(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    return length > tail && strcasecmp(path + length - tail, suffix) == 0;
}

bool source_is_weights(const char *word)
{
    static const char *const suffixes[] = {".safetensors", ".safetensors.index.json", ".pth", ".pt", ".h5", ".hdf5",
                                           ".keras"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (source_has_suffix(word, suffixes[i])) {
            return true;
        }
    }
    return false;
}

/* A network's name followed by options, whose values may be files. */
static bool is_network_with_options(const char *word)
{
    size_t length = strcspn(word, ":");
    for (int i = 0; word[length] == ':' && i < fov_network_count(); i++) {
        const char *name = fov_network_name(i);
        if (strlen(name) == length && strncmp(name, word, length) == 0) {
            return true;
        }
    }
    return false;
}

bool source_is_file(const char *word)
{
    if (is_network_with_options(word)) {
        return false;
    }
    if (strcmp(word, "-") == 0 || strchr(word, '/') != NULL || source_has_suffix(word, ".onnx") || source_is_weights(word)) {
        return true;
    }
    for (int i = 0; i < fov_network_count(); i++) {
        if (strcmp(fov_network_name(i), word) == 0) {
            return false; /* ./lenet5 is the file of that name */
        }
    }
    return access(word, F_OK) == 0;
}

static fov_model *open_weights(struct cli *cli, const char *weights, const fov_network_options *options,
                               const char *network)
{
    if (network == NULL) {
        return fov_model_from_weights(cli->context, weights, options);
    }
    if (!source_is_file(network)) {
        return fov_model_network_weights(cli->context, network, weights, options);
    }
    fov_model *model = source_is_weights(network) ? NULL : source_model(cli, network, options, NULL);
    if (model != NULL && fov_model_load_weights(model, weights) != FOV_OK) {
        fov_model_free(model);
        model = NULL;
    }
    return model;
}

const char *source_run_model(const char *word, char *path, size_t size)
{
    static const char *const kept[] = {"best.onnx", "last.onnx"};
    size_t length = strlen(word);
    while (length > 1 && word[length - 1] == '/') {
        length--;
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        int written = snprintf(path, size, "%.*s/%s", (int)length, word, kept[i]);
        if (written > 0 && (size_t)written < size && access(path, F_OK) == 0) {
            return path;
        }
    }
    return word;
}

fov_model *source_model(struct cli *cli, const char *word, const fov_network_options *options, const char *network)
{
    fov_context *context = cli_context(cli);
    if (context == NULL) {
        return NULL;
    }
    if (network != NULL && !source_is_weights(word) && source_is_weights(network) && !source_is_file(word)) {
        return source_model(cli, network, options, word); /* "lenet5 --weights x.pth" means the same */
    }
    if (network != NULL && !source_is_weights(word)) {
        cli->problem_code = EXIT_USAGE;
        snprintf(
            cli->problem, sizeof cli->problem,
            "--model \"%.200s\" names the network of a file of weights (.safetensors, .pth, .pt, .h5, .keras), and "
            "\"%.200s\" is none",
            network, word);
        return NULL;
    }
    if (!source_is_file(word)) {
        return fov_model_network(context, word, options);
    }
    char path[PATH_MAX];
    if (strcmp(word, "-") == 0) {
        return fov_model_load(context, "/dev/stdin");
    }
    word = source_run_model(word, path, sizeof path);
    struct stat about;
    if (stat(word, &about) == 0 && S_ISDIR(about.st_mode) && !source_is_weights(word)) {
        cli->problem_code = EXIT_INPUT;
        snprintf(cli->problem, sizeof cli->problem,
                 "%.400s is a folder without best.onnx or last.onnx; is it the folder of a run?", word);
        return NULL;
    }
    return source_is_weights(word) ? open_weights(cli, word, options, network) : fov_model_load(context, word);
}

int source_network(struct cli *cli, const char *word, const char **name)
{
    *name = word;
    if (cli->network_options[0] == '\0') {
        return EXIT_OK;
    }
    if (source_is_file(word)) {
        return fail(cli, EXIT_USAGE, "%s is a file and takes no options of networks (%s)", word,
                    cli->network_options + 1);
    }
    int length = snprintf(cli->network, sizeof cli->network, "%s%s", word, cli->network_options);
    if (length < 0 || (size_t)length >= sizeof cli->network) {
        return fail(cli, EXIT_USAGE, "the network \"%.60s...\" and its options are %d bytes long, at most %zu", word, length,
                    sizeof cli->network - 1);
    }
    *name = cli->network;
    return EXIT_OK;
}

const char *const source_views[] = {"none", "mirror", "shifts", NULL};
const char *const source_scores[] = {"logits", "softmax", "sigmoid", "values", "map", "boxes", NULL};

int source_detector(struct cli *cli, fov_model *model)
{
    const char *detector = option_text(cli, "detector"), *output = option_text(cli, "output");
    bool is_asked = detector != NULL && strcmp(detector, "auto") != 0;
    char said[1024], clean[1024];
    if (!is_asked && (output != NULL || option_text(cli, "scores") != NULL || *fov_model_task(model) != '\0')) {
        return EXIT_OK;
    }
    if ((output != NULL && fov_model_choose_output(model, output) != FOV_OK) ||
        fov_model_read_boxes(model, is_asked ? detector : NULL, said, sizeof said) != FOV_OK) {
        return fail_library(cli);
    }
    if (said[0] != '\0') {
        remark(cli, "%s", show_clean(clean, sizeof clean, said));
    }
    return EXIT_OK;
}

int source_choose(struct cli *cli, fov_model *model, const char *output, const char *scores)
{
    fov_meaning meaning = FOV_MEANING_VALUES;
    char clean[256];
    if (output != NULL && fov_model_choose_output(model, output) != FOV_OK) {
        return fail_library(cli);
    }
    if (output == NULL && fov_model_output_count(model) > 1) {
        const char *name = fov_value_name(fov_model_graph(model), fov_model_output(model));
        remark(cli, "the model has %d outputs, this is about \"%s\": --output NAME takes another",
               fov_model_output_count(model), show_clean(clean, sizeof clean, name));
    }
    if (scores != NULL && fov_meaning_find(scores, &meaning) &&
        fov_model_set_meaning(model, fov_model_output(model), meaning) != FOV_OK) {
        return fail_library(cli);
    }
    return EXIT_OK;
}

const char *const source_splits[] = {"test", "val", "train", NULL};

fov_split source_split(const struct cli *cli)
{
    const char *word = option_text(cli, "split");
    return strcmp(word, "train") == 0 ? FOV_TRAIN : strcmp(word, "val") == 0 ? FOV_VALIDATION : FOV_TEST;
}

fov_dataset_options source_held_back(const struct cli *cli)
{
    return (fov_dataset_options){
        .val_split = option_given(cli, "val-split") ? option_number(cli, "val-split") : 0,
        .val_last = option_given(cli, "val-last") ? option_integer(cli, "val-last") : 0,
        .val_list = option_text(cli, "val-list"),
    };
}

fov_dataset *source_data(struct cli *cli, const char *source, fov_split split)
{
    fov_context *context = cli_context(cli);
    fov_dataset_options held = source_held_back(cli);
    return context != NULL ? fov_dataset_open_opt(context, source, split, &held) : NULL;
}

int source_fill(struct cli *cli, fov_model *model, const fov_dataset *data)
{
    const char *list = option_text(cli, "input");
    int status = data != NULL   ? fov_model_fill_from(model, data, 0)
                 : list != NULL ? fov_model_fill_inputs(model, list)
                                : FOV_OK;
    return status == FOV_OK ? EXIT_OK : fail_library(cli);
}

/* The folder that a model's file lies in; false: the word names no file. */
static bool folder_of_model(const char *model, struct run_directory *folder)
{
    char path[PATH_MAX];
    if (!source_is_file(model)) {
        return false;
    }
    model = source_run_model(model, path, sizeof path);
    const char *slash = strrchr(model, '/');
    size_t length = slash == NULL ? 1 : slash == model ? 1 : (size_t)(slash - model);
    int written = snprintf(folder->path, sizeof folder->path, "%.*s", (int)length, slash == NULL ? "." : model);
    return written > 0 && (size_t)written < sizeof folder->path;
}

fov_dataset *source_samples(struct cli *cli, const char *source, const char *model, const char *inputs)
{
    fov_context *context = cli_context(cli);
    fov_dataset_options held = source_held_back(cli);
    struct run_directory folder;
    json_t *words = NULL;
    bool is_asked = option_given(cli, "split") || held.val_split > 0 || held.val_last > 0 || held.val_list != NULL;
    fov_dataset_options learned = {.inputs = NULL};
    bool is_learned = model != NULL && folder_of_model(model, &folder) &&
                      run_directory_learned_from(&folder, source, &learned, &words);
    if (!is_asked) {
        held = is_learned ? learned : (fov_dataset_options){.whole = true};
    }
    held.inputs = inputs != NULL ? inputs : learned.inputs;
    fov_dataset *data = context != NULL ? fov_dataset_open_opt(context, source, source_split(cli), &held) : NULL;
    json_decref(words);
    return data;
}

const char *source_part(const fov_dataset *data)
{
    static const char *const texts[][2] = {
        {"train", "of its split \"train\""},
        {"val", "of its split \"val\""},
        {"test", "of its split \"test\""},
        {"held back", "that training holds back"},
        {"left", "that training learns from"},
        {"all", "(all: it states no splits)"},
    };
    const char *part = fov_dataset_describe(data).part;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i][0], part) == 0) {
            return texts[i][1];
        }
    }
    return part;
}

bool source_is_same_split(const fov_dataset *a, const fov_dataset *b)
{
    fov_dataset_info first = fov_dataset_describe(a), second = fov_dataset_describe(b);
    return first.count == second.count && strcmp(first.source, second.source) == 0;
}

bool source_is_one_class(const char *task)
{
    size_t length = strcspn(task, ":");
    for (int i = 0; i < fov_task_count(); i++) {
        fov_task_info info = fov_task_at(i);
        if (strlen(info.name) == length && strncmp(info.name, task, length) == 0) {
            return info.target == FOV_TARGET_CLASS;
        }
    }
    return false; /* an unknown task, which the library reports */
}

int source_match_classes(struct cli *cli, fov_model *model, const fov_dataset *data, bool by_position,
                         fov_class_match *match)
{
    if (fov_classes_match(model, data, by_position, match) != FOV_OK) {
        return fail_library(cli);
    }
    if (match->relation == FOV_CLASSES_DIFFERENT) {
        bool fewer = match->model_classes < match->data_classes;
        return fail(cli, EXIT_INPUT, "%s%s", match->text,
                    fewer ? "" : "; --classes-by-position takes class i of the data for output i of the model");
    }
    if (*match->text != '\0') {
        remark(cli, "%s", match->text);
    }
    return EXIT_OK;
}

int source_name_classes(fov_model *model, const fov_dataset *data, bool spare)
{
    fov_dataset_info info = fov_dataset_describe(data);
    int classes = fov_model_classes(model);
    if (info.classes < 1 || classes < info.classes || (classes > info.classes && !spare)) {
        return FOV_OK; /* training itself reports the mismatch */
    }
    const char **names = take_memory((size_t)classes, sizeof *names);
    char (*numbers)[24] = take_memory((size_t)classes, sizeof *numbers);
    for (int i = 0; i < classes; i++) {
        snprintf(numbers[i], sizeof numbers[i], "spare %d", i);
        names[i] = i < info.classes ? fov_dataset_class(data, i) : numbers[i];
    }
    int status = fov_model_set_classes(model, names, classes);
    free(numbers);
    free(names);
    return status;
}

bool source_size(const char *text, int64_t size[2])
{
    int count = options_numbers(text, 'x', 1, 1 << 16, size, 2);
    size[1] = count == 1 ? size[0] : size[1];
    return count > 0;
}

bool source_input(const char *text, int size[3])
{
    int64_t number[3];
    int count = options_numbers(text, 'x', 1, 16384, number, 3);
    for (int i = 0; i < 3 && count > 0; i++) { /* "64" is 64 x 64, "48x64" height and width: channels stay 0 */
        int at = count == 1 ? 0 : count == 2 ? i - 1 : i;
        size[i] = i == 0 && count < 3 ? 0 : (int)number[at];
    }
    return count > 0;
}
