/* SPDX-License-Identifier: MIT */
/* Opens the model of fovea train: a network by name, with weights from a file if asked for, or a model file; with a
 * last layer for the data's classes, preprocessing, and frozen parameters. */
#include "output.h"
#include "preprocessing.h"
#include "source.h"
#include "train_job.h"
#include <string.h>
#include <unistd.h>

/* A network by name is made for the pictures' size where they all have one size of at most 64 x 64; else for its own
 * size, to which pictures are resized. */
static int network_options(const struct train_job *job, fov_network_options *wanted)
{
    fov_dataset_info info = fov_dataset_describe(job->data);
    int size[3];
    *wanted = (fov_network_options){.classes = job->asked.classes > 0 ? job->asked.classes : 0};
    if (job->asked.input != NULL) {
        if (!source_input(job->asked.input, size)) {
            return fail(job->cli, EXIT_USAGE, "--input is \"%s\"; it is channels x height x width, such as 3x32x32",
                        job->asked.input);
        }
        wanted->channels = size[0];
        wanted->height = size[1];
        wanted->width = size[2];
    } else if (info.same_size && info.height <= 64 && info.width <= 64) {
        wanted->height = info.height;
        wanted->width = info.width;
    }
    return fov_task_network(job->data, job->task, wanted) == FOV_OK ? EXIT_OK : fail_library(job->cli);
}

/* Appends the layers that the task needs after the last layer. */
static int finish_model(struct train_job *job)
{
    bool done = fov_task_finish(job->model, job->data, job->task) == FOV_OK;
    return done ? EXIT_OK : fail_library(job->cli);
}

/* Gives the model a new last layer, with an output for each of the data's classes or values, and prints a remark. */
static int replace_head(struct train_job *job, int outputs, const char *of)
{
    const char *weight = NULL;
    char clean[256];
    int before = fov_model_classes(job->model);
    if (fov_model_replace_head(job->model, outputs, &weight) != FOV_OK) {
        return fail_library(job->cli);
    }
    if (!job->resume) {
        remark(job->cli, "a new head for %d %s instead of %d classes: %s begins with random numbers", outputs, of, before,
               show_clean(clean, sizeof clean, weight));
    }
    return EXIT_OK;
}

/* A new last layer for classes, which get the data's names. */
static int give_head(struct train_job *job, int classes)
{
    int code = replace_head(job, classes, classes == 1 ? "class" : "classes");
    if (code != EXIT_OK) {
        return code;
    }
    bool named = source_name_classes(job->model, job->data, job->asked.classes > 0) == FOV_OK;
    return named ? finish_model(job) : fail_library(job->cli);
}

/* A new last layer for values, where the file's model predicts classes. */
static int fit_values(struct train_job *job, fov_meaning meaning)
{
    int values = fov_dataset_describe(job->data).values;
    bool knows_classes = meaning == FOV_MEANING_SOFTMAX || meaning == FOV_MEANING_SIGMOID ||
                         (meaning == FOV_MEANING_LOGITS && fov_model_classes(job->model) != values);
    if (values < 1 || !knows_classes) {
        return EXIT_OK; /* training checks whether their number fits */
    }
    int code = replace_head(job, values, values == 1 ? "value" : "values");
    return code == EXIT_OK ? finish_model(job) : code;
}

/* A model from a file has classes of its own, by name or by number. They stay where the data's classes are among them;
 * where the two have no class in common and differ in number, or with --classes, the model gets a new last layer. Any
 * other mismatch is a mistake, or a decision that only the user can make. */
static int fit_classes(struct train_job *job)
{
    fov_class_match match;
    int before = fov_model_classes(job->model), code = EXIT_OK;
    fov_meaning meaning = fov_model_meaning(job->model, fov_model_output(job->model));
    bool knows_classes = fov_dataset_describe(job->data).classes > 0;
    if (fov_dataset_describe(job->data).target == FOV_TARGET_VALUES) {
        return fit_values(job, meaning);
    }
    bool is_masked = fov_dataset_describe(job->data).target == FOV_TARGET_MASK; /* a map of classes */
    if ((meaning == FOV_MEANING_MAP && !is_masked) || meaning == FOV_MEANING_VALUES || !knows_classes) {
        return EXIT_OK; /* it predicts no classes, whatever the number of its outputs: training reports it */
    }
    if (job->asked.classes > 0 && job->asked.classes != before) {
        return give_head(job, job->asked.classes);
    }
    if (fov_classes_match(job->model, job->data, job->by_position, &match) != FOV_OK) {
        return fail_library(job->cli);
    }
    bool elsewhere = match.matched == 0 && match.data_classes != before && !job->by_position;
    if (match.relation == FOV_CLASSES_DIFFERENT && (elsewhere || job->asked.classes > 0)) {
        code = give_head(job, job->asked.classes > 0 ? job->asked.classes : match.data_classes);
    } else if (match.relation == FOV_CLASSES_DIFFERENT) {
        code = fail(job->cli, EXIT_INPUT,
                    "%s; --classes %d gives the model a new last layer for these%s", match.text, match.data_classes,
                    match.data_classes == before ? ", --classes-by-position keeps it and renames its classes" : "");
    } else {
        if (*match.text != '\0') {
            remark(job->cli, "%s", match.text);
        }
        if (match.relation == FOV_CLASSES_BY_POSITION && source_name_classes(job->model, job->data, false) != FOV_OK) {
            code = fail_library(job->cli);
        }
    }
    fov_class_match_free(&match);
    return code;
}

static int freeze(struct train_job *job)
{
    char clean[256];
    if (job->asked.freeze == NULL) {
        return EXIT_OK;
    }
    int count = fov_model_freeze(job->model, job->asked.freeze, true);
    if (count == 0) {
        return fail(job->cli, EXIT_USAGE, "--freeze \"%s\" fits no parameter; fovea inspect lists them",
                    show_clean(clean, sizeof clean, job->asked.freeze));
    }
    remark(job->cli, "%d parameter%s stay%s as they are (%s)", count, count == 1 ? "" : "s", count == 1 ? "s" : "",
           show_clean(clean, sizeof clean, job->asked.freeze));
    return EXIT_OK;
}

/* Prints to which size pictures of different sizes are resized. */
static void say_size(const struct train_job *job)
{
    fov_dataset_info info = fov_dataset_describe(job->data);
    int channels, height, width;
    if (!info.same_size && fov_model_picture_size(job->model, &channels, &height, &width)) {
        remark(job->cli, "pictures of %d x %d to %d x %d pixels (median %d x %d) are all resized to %d x %d",
               info.least[0], info.least[1], info.most[0], info.most[1], info.height, info.width, height, width);
    }
}

/* Sets the preprocessing by the options; for a resumed run, as the run was begun. */
static int prepare_pixels(struct train_job *job)
{
    char path[RUN_PATH];
    if (job->resume && run_directory_has(&job->folder, "last.onnx")) {
        fov_model *last =
            fov_model_load(job->cli->context, run_directory_file(path, &job->folder, "last.onnx"));
        if (last == NULL) {
            return fail_library(job->cli);
        }
        if (!preprocessing_given(job->cli)) {
            fov_preprocessing begun = fov_model_preprocessing(last);
            fov_model_set_preprocessing(job->model, &begun);
        }
        if (fov_model_batch_statistics(last) == 0) { /* begun with --running-statistics */
            (void)fov_model_use_running_statistics(job->model);
        }
        fov_model_free(last);
    }
    return preprocessing_apply(job->cli, job->model, true, job->data);
}

/* --input for a model from a file: the same network for pictures of that size. */
static int resize_file(struct train_job *job, const fov_network_options *wanted)
{
    int channels, height, width;
    bool has_size = fov_model_picture_size(job->model, &channels, &height, &width);
    if (job->asked.input == NULL || job->resume) {
        return EXIT_OK;
    }
    if (!has_size || channels != wanted->channels) {
        char is[64];
        snprintf(is, sizeof is, "%d channel%s", channels, channels == 1 ? "" : "s");
        return fail(job->cli, EXIT_USAGE, "--input %s: the model takes %s", job->asked.input,
                    has_size ? is : "no pictures");
    }
    bool is_other = height != wanted->height || width != wanted->width;
    return !is_other || fov_model_resize(job->model, wanted->height, wanted->width) == FOV_OK ? EXIT_OK
                                                                                              : fail_library(job->cli);
}

/* A network by name with the weights of a file and that file's classes, which may not be the data's. */
static fov_model *open_weights(struct train_job *job, const fov_network_options *wanted)
{
    fov_network_options own = *wanted;
    own.classes = 0;
    bool is_named = job->words != NULL || option_given(job->cli, "model");
    return source_model(job->cli, job->asked.weights, &own, is_named ? job->asked.model : NULL);
}

int train_open_model(struct train_job *job)
{
    fov_network_options wanted;
    char last[RUN_PATH];
    const char *word = job->asked.model, *weights = job->asked.weights;
    int code = network_options(job, &wanted);
    if (code != EXIT_OK) {
        return code;
    }
    if (weights != NULL && !source_is_weights(weights)) {
        return fail(job->cli, EXIT_USAGE,
                    "--weights is a file of weights alone (.safetensors, .pth, .pt, .h5, .keras); a model's own file goes "
                    "to --model");
    }
    if (job->resume && (weights != NULL || (source_is_file(word) && access(word, R_OK) != 0))) {
        word = run_directory_file(last, &job->folder, "last.onnx"); /* the file may be gone; its network is in here */
        weights = NULL;
    }
    bool by_name = weights == NULL && !source_is_file(word);
    job->model = weights != NULL ? open_weights(job, &wanted) : source_model(job->cli, word, &wanted, NULL);
    if (job->model == NULL && job->asked.input == NULL && wanted.height > 0 && by_name &&
        fov_error_status(job->cli->context) == FOV_E_SHAPE) {
        fov_error_clear(job->cli->context); /* too small for this network: resize pictures to its own size */
        wanted.height = wanted.width = 0;
        job->model = source_model(job->cli, word, &wanted, NULL);
    }
    if (job->model == NULL) {
        return fail_library(job->cli);
    }
    code = source_choose(job->cli, job->model, job->asked.output, job->asked.scores);
    code = code == EXIT_OK && !by_name ? resize_file(job, &wanted) : code;
    code = code == EXIT_OK ? prepare_pixels(job) : code;
    if (code == EXIT_OK && !by_name) {
        code = fit_classes(job);
    } else if (code == EXIT_OK && source_name_classes(job->model, job->data, job->asked.classes > 0) != FOV_OK) {
        code = fail_library(job->cli);
    } else if (code == EXIT_OK) {
        code = finish_model(job);
    }
    if (code == EXIT_OK) {
        say_size(job);
    }
    return code == EXIT_OK ? freeze(job) : code;
}
