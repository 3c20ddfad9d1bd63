/* SPDX-License-Identifier: MIT */
/* fovea features: writes a layer's results for pictures as a NumPy array. */
#include "json.h"
#include "options.h"
#include "output.h"
#include "picture_list.h"
#include "preprocessing.h"
#include "source.h"
#include <fovea/array.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one layer's results, all of one shape. */
struct features {
    struct cli  *cli;
    fov_model   *model;
    fov_dataset *data; /* of --data; else NULL */
    fov_session *session;
    const char  *layer;
    fov_shape    shape; /* of all rows together; dim[0]: number of rows */
    float       *rows, *seen; /* seen: a preprocessed picture */
    size_t       numbers, capacity; /* numbers per row; rows that are allocated */
};

static void grow(struct features *f)
{
    if ((size_t)f->shape.dim[0] < f->capacity) {
        return;
    }
    size_t larger = f->capacity > 0 ? 2 * f->capacity : 16;
    float *rows = take_memory(larger * f->numbers, sizeof *rows);
    if (f->capacity > 0) {
        memcpy(rows, f->rows, f->capacity * f->numbers * sizeof *rows);
    }
    free(f->rows);
    f->rows = rows;
    f->capacity = larger;
}

/* Computes the layer's result for a picture; for the model's input, the preprocessed picture. */
static int see(struct features *f, const fov_image *image, fov_tensor *made)
{
    fov_graph *graph = fov_model_graph(f->model);
    fov_value input = fov_model_input(f->model);
    *made = (fov_tensor){.name = f->layer};
    if (strcmp(f->layer, fov_value_name(graph, input)) != 0) {
        return fov_session_read(f->session, image, made);
    }
    size_t count = 1;
    made->dtype = fov_value_dtype(graph, input);
    made->shape = fov_value_shape(graph, input);
    made->shape.dim[0] = 1;
    for (int i = 1; i < made->shape.rank; i++) {
        count *= (size_t)made->shape.dim[i];
    }
    f->seen = f->seen != NULL ? f->seen : take_memory(count, sizeof *f->seen);
    made->data = f->seen;
    return fov_session_prepare(f->session, image, f->seen, count);
}

/* Adds the row of a picture; `what` names the picture in error sentences. */
static int add(struct features *f, const fov_image *image, const char *what)
{
    char clean[SHOWN_SIZE], has[SHAPE_SIZE], had[SHAPE_SIZE];
    fov_tensor made;
    int status = see(f, image, &made);
    if (status != FOV_OK) {
        return fail(f->cli, exit_code((fov_status)status), "%s: %s", show_clean(clean, sizeof clean, what),
                    fov_session_error(f->session));
    }
    if (made.dtype != FOV_F32 || made.shape.rank < 1 || made.shape.dim[0] != 1) {
        return fail(f->cli, EXIT_INPUT, "\"%s\" %s is not a row of float32 for each picture",
                    show_clean(clean, sizeof clean, made.name), show_shape(has, &made.shape));
    }
    if (f->rows == NULL) {
        f->shape = made.shape;
        f->shape.dim[0] = 0;
        f->numbers = 1;
        for (int i = 1; i < made.shape.rank; i++) {
            f->numbers *= (size_t)made.shape.dim[i];
        }
    }
    made.shape.dim[0] = f->shape.dim[0];
    if (memcmp(made.shape.dim, f->shape.dim, (size_t)f->shape.rank * sizeof f->shape.dim[0]) != 0) {
        return fail(f->cli, EXIT_INPUT, "%s: its features are %s, those before %s", show_clean(clean, sizeof clean, what),
                    show_shape(has, &made.shape), show_shape(had, &f->shape));
    }
    grow(f);
    memcpy(f->rows + (size_t)f->shape.dim[0]++ * f->numbers, made.data, f->numbers * sizeof *f->rows);
    return EXIT_OK;
}

static int add_files(struct features *f)
{
    struct picture_list list = {.count = 0};
    int code = EXIT_OK;
    for (int i = 1; i < f->cli->argument_count && code == EXIT_OK; i++) {
        code = picture_list_add(f->cli, &list, f->cli->arguments[i]);
    }
    for (int i = 0; i < list.count && code == EXIT_OK; i++) {
        fov_image image = {.height = 0};
        code = picture_list_load(f->cli, list.path[i], &image);
        code = code == EXIT_OK ? add(f, &image, list.path[i]) : code;
        fov_image_free(&image);
    }
    picture_list_free(&list);
    return code;
}

static int add_data(struct features *f)
{
    fov_dataset *data = f->data;
    int64_t count = fov_dataset_describe(data).count;
    int code = EXIT_OK;
    for (int64_t i = 0; i < count && code == EXIT_OK; i++) {
        fov_image image = {.height = 0};
        const uint8_t *pixels;
        char what[64];
        snprintf(what, sizeof what, "sample %lld", (long long)i);
        if (fov_dataset_sample(data, i, &pixels, &image.height, &image.width, &image.channels) != FOV_OK ||
            fov_model_fill_from(f->model, data, i) != FOV_OK) {
            code = fail_library(f->cli);
        } else {
            image.pixels = (uint8_t *)(uintptr_t)pixels; /* only read */
            code = add(f, &image, what);
        }
    }
    return code;
}

static int open_model(struct features *f, const char *source)
{
    struct cli *cli = f->cli;
    f->model = source_model(cli, cli->arguments[0], NULL, option_text(cli, "model"));
    if (f->model == NULL) {
        return fail_library(cli);
    }
    int code = preprocessing_apply(cli, f->model, true, NULL);
    if (code == EXIT_OK && source != NULL) {
        f->data = source_samples(cli, source, cli->arguments[0], option_text(cli, "input"));
        code = f->data != NULL ? EXIT_OK : fail_library(cli);
    }
    code = code == EXIT_OK ? source_fill(cli, f->model, f->data) : code;
    if (code != EXIT_OK) {
        return code;
    }
    f->layer = option_text(cli, "layer");
    f->layer = f->layer != NULL ? f->layer : fov_value_name(fov_model_graph(f->model), fov_model_output(f->model));
    f->session = fov_session_create(f->model, NULL);
    return f->session != NULL ? EXIT_OK : fail_library(cli);
}

static int run(struct cli *cli)
{
    struct features f = {.cli = cli};
    const char *out = option_text(cli, "out"), *source = option_text(cli, "data");
    char clean[SHOWN_SIZE], layer[512], shape[SHAPE_SIZE];
    if (out == NULL) {
        return fail(cli, EXIT_USAGE, "where should the numbers go? -o FILE.npy");
    }
    if ((source != NULL) == (cli->argument_count > 1)) {
        return fail(cli, EXIT_USAGE, "features of what? Name pictures, or --data SOURCE");
    }
    int code = open_model(&f, source);
    if (code == EXIT_OK) {
        code = source != NULL ? add_data(&f) : add_files(&f);
    }
    if (code == EXIT_OK && f.rows == NULL) {
        code = fail(cli, EXIT_INPUT, "there is no picture");
    }
    if (code == EXIT_OK && fov_array_save_npy(cli->context, out, FOV_F32, &f.shape, f.rows) != FOV_OK) {
        code = fail_library(cli);
    }
    if (code == EXIT_OK && cli->json) {
        json_t *object = json_object(), *dims = json_array();
        for (int i = 0; i < f.shape.rank; i++) {
            json_add(dims, json_integer(f.shape.dim[i]));
        }
        json_set_text(object, "file", out);
        json_set_text(object, "layer", f.layer);
        json_set(object, "shape", dims);
        json_print(cli, object);
    } else if (code == EXIT_OK && !cli->quiet) {
        fprintf(cli->out, "%s: \"%s\" %s, float32\n", show_clean(clean, sizeof clean, out),
                show_clean(layer, sizeof layer, f.layer), show_shape(shape, &f.shape));
    }
    free(f.rows);
    free(f.seen);
    fov_session_free(f.session);
    fov_dataset_free(f.data);
    fov_model_free(f.model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "layer", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the model's output",
     .doc = "whose results are written: a layer as fovea inspect lists it, or a value of the file; the input's "
            "name: what the network sees"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE.npy", .writes = WRITES_FILE,
     .doc = "where the numbers go"},
    {.name = "data", .kind = OPTION_TEXT, .argument = "SOURCE", .otherwise = "the pictures that are named",
     .doc = "all samples of a dataset, in its order"},
    {.name = "split", .kind = OPTION_CHOICE, .argument = "SPLIT", .standard = "test", .choices = source_splits,
     .doc = "which samples of it; of data that states no splits all, as in fovea eval"},
    SOURCE_INPUT_OPTION,
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_features = {
    .name = "features",
    .reads_data = true,
    .summary = "write what any layer makes of pictures as a NumPy array",
    .run = run,
    .options = options,
    .shared = preprocessing_options,
    .arguments = "FILE [PICTURE...]",
    .minimum_arguments = 1,
    .maximum_arguments = -1,
    .help =
        "Runs a model up to a layer and writes what it makes of each picture into one .npy file, float32, the picture's "
        "number first: what a classifier, a search by likeness or a plot elsewhere starts from. Pictures are files, folders, "
        "patterns, lists (@FILE), or a dataset's samples in its order.",
    .examples = "fovea features best.onnx photos/*.jpg --layer pool5 -o features.npy\n"
                "fovea features runs/train --data mnist --layer f6 -o f6.npy\n",
};
