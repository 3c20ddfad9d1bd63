/* SPDX-License-Identifier: MIT */
/* fovea style: a picture in the manner of another one. */
#include "json.h"
#include "options.h"
#include "output.h"
#include "overwrite.h"
#include "progress.h"
#include "signals.h"
#include "source.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

struct styling {
    struct cli *cli;
    const char *out;
    int64_t every;
    struct progress progress;
    json_t *history;
    int code; /* exit code of an intermediate picture that could not be written */
    double loss;
};

/* ---- the network --------------------------------------------------------------------------------------------------- */

/* Looks for common files of trained weights, in the current folder, then in $FOVEA_DATA. */
static bool find_weights(char path[PATH_SIZE])
{
    static const char *const names[] = {"squeezenet1_1.onnx", "squeezenet1_1.safetensors", "squeezenet1_1.pth",
                                        "vgg19.onnx", "vgg19.safetensors", "vgg19.pth"};
    const char *folders[] = {".", getenv("FOVEA_DATA")};
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        for (size_t n = 0; folders[f] != NULL && n < sizeof names / sizeof *names; n++) {
            int length = snprintf(path, PATH_SIZE, "%s/%s", folders[f], names[n]);
            if (length < PATH_SIZE && access(path, R_OK) == 0) {
                return true;
            }
        }
    }
    return false;
}

static fov_model *open_network(struct cli *cli, int *code)
{
    char path[PATH_SIZE], clean[SHOWN_SIZE];
    const char *word = option_text(cli, "network");
    if (word == NULL && !find_weights(path)) {
        *code = fail(cli, EXIT_USAGE,
                     "a network with trained weights is needed, and there is no squeezenet1_1 or vgg19 (.onnx, "
                     ".safetensors, .pth) here or in $FOVEA_DATA: --network FILE names one");
        return NULL;
    }
    word = word != NULL ? word : path;
    if (!source_is_file(word)) {
        remark(cli, "%s by name has random weights: good for trying, not for pictures",
               show_clean(clean, sizeof clean, word));
    }
    fov_model *model = source_model(cli, word, NULL, option_text(cli, "model"));
    *code = model != NULL ? EXIT_OK : fail_library(cli);
    return model;
}

/* ---- while it runs ------------------------------------------------------------------------------------------------- */

/* The name of the intermediate picture: for "paint.png" at step 50, "paint-0050.png". False: it is too long. */
static bool name_step(const struct styling *s, int step, char path[PATH_SIZE])
{
    const char *dot = strrchr(s->out, '.'), *slash = strrchr(s->out, '/');
    int stem = dot != NULL && (slash == NULL || dot > slash) ? (int)(dot - s->out) : (int)strlen(s->out);
    return snprintf(path, PATH_SIZE, "%.*s-%04d%s", stem, s->out, step, s->out + stem) < PATH_SIZE;
}

/* Refuses names of intermediate pictures that are names of what is read, before the first step. */
static int check_steps(const struct styling *s)
{
    char path[PATH_SIZE];
    int code = EXIT_OK, steps = (int)option_integer(s->cli, "steps");
    for (int64_t step = s->every; s->every > 0 && step < steps && code == EXIT_OK; step += s->every) {
        code = name_step(s, (int)step, path) ? overwrite_check_file(s->cli, "--every", path)
                                             : fail(s->cli, EXIT_USAGE, "the name of the picture is too long");
    }
    return code;
}

static void save_step(struct styling *s, const fov_style_progress *at)
{
    char path[PATH_SIZE];
    name_step(s, at->step, path);
    if (fov_image_save_png(s->cli->context, path, at->picture.height, at->picture.width, at->picture.channels,
                           at->picture.pixels) != FOV_OK) {
        s->code = fail_library(s->cli);
    }
}

static int take_step(const fov_style_progress *at, void *user)
{
    struct styling *s = user;
    char label[48], detail[120];
    s->loss = at->loss;
    if (s->cli->json) {
        json_t *row = json_object();
        json_set_integer(row, "step", at->step);
        json_set_number(row, "loss", at->loss);
        json_set_number(row, "content", at->content);
        json_set_number(row, "style", at->style);
        json_set_number(row, "variation", at->variation);
        json_add(s->history, row);
    }
    if (progress_due(&s->progress)) {
        snprintf(label, sizeof label, "%d/%d", at->step, at->steps);
        snprintf(detail, sizeof detail, "loss %.5g  content %.5g  style %.5g", at->loss, at->content, at->style);
        progress_draw(&s->progress, label, (double)at->step / (double)at->steps, detail);
    }
    if (s->every > 0 && at->step % s->every == 0 && at->step < at->steps) {
        save_step(s, at);
    }
    return s->code != EXIT_OK || signals_stop();
}

static int finish(struct styling *s, const fov_image *picture)
{
    struct cli *cli = s->cli;
    char clean[SHOWN_SIZE];
    if (fov_image_save_png(cli->context, s->out, picture->height, picture->width, picture->channels,
                           picture->pixels) != FOV_OK) {
        return fail_library(cli);
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "file", s->out);
        json_set_integer(object, "height", picture->height);
        json_set_integer(object, "width", picture->width);
        json_set_number(object, "loss", s->loss);
        json_set(object, "history", json_incref(s->history));
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %d x %d pixels, loss %.5g\n", show_clean(clean, sizeof clean, s->out), picture->height,
                picture->width, s->loss);
    }
    return EXIT_OK;
}

static int paint(struct styling *s, fov_model *network, const fov_image *content, const fov_image *style)
{
    struct cli *cli = s->cli;
    fov_image result;
    const fov_style_options options = {
        .steps = (int)option_integer(cli, "steps"),
        .size = (int)option_integer(cli, "size"),
        .content_weight = option_number(cli, "content-weight"),
        .style_weight = option_number(cli, "style-weight"),
        .variation_weight = option_given(cli, "variation-weight") ? option_number(cli, "variation-weight") : 0,
        .content_layer = option_text(cli, "content-layer"),
        .style_layers = option_text(cli, "style-layers"),
        .on_step = take_step,
        .user = s,
    };
    progress_begin(&s->progress, cli);
    signals_watch();
    int status = fov_style_opt(network, content, style, &options, &result);
    progress_clear(&s->progress);
    if (s->code != EXIT_OK || status != FOV_OK) {
        s->code = s->code != EXIT_OK ? s->code : fail_library(cli);
    } else {
        s->code = finish(s, &result);
    }
    fov_image_free(&result);
    return s->code;
}

static int run(struct cli *cli)
{
    struct styling s = {.cli = cli, .out = option_text(cli, "out"), .code = EXIT_OK,
                        .every = option_given(cli, "every") ? option_integer(cli, "every") : 0};
    fov_image picture[2] = {{.height = 0}, {.height = 0}};
    int code = check_steps(&s);
    fov_model *network = code == EXIT_OK ? open_network(cli, &code) : NULL;
    for (int i = 0; code == EXIT_OK && i < 2; i++) {
        code = fov_image_load(cli->context, cli->arguments[i], 3, &picture[i]) == FOV_OK ? EXIT_OK : fail_library(cli);
    }
    s.history = json_array();
    code = code == EXIT_OK ? paint(&s, network, &picture[0], &picture[1]) : code;
    json_decref(s.history);
    fov_image_free(&picture[0]);
    fov_image_free(&picture[1]);
    fov_model_free(network);
    return code;
}

static const struct cli_option options[] = {
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE", .writes = WRITES_FILE, .standard = "styled.png",
     .doc = "the picture, a PNG"},
    {.name = "steps", .kind = OPTION_INTEGER, .argument = "N", .standard = "300", .minimum = 1, .maximum = 1e6,
     .doc = "of L-BFGS, a gradient each"},
    {.name = "every", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "none", .minimum = 1, .maximum = 1e6,
     .doc = "also write the picture after each N steps: FILE-0050.png"},
    {.name = "size", .kind = OPTION_INTEGER, .argument = "PIXELS", .standard = "512", .minimum = 16, .maximum = 16384,
     .doc = "longer side of both pictures; smaller ones stay as they are"},
    {.name = "network", .kind = OPTION_TEXT, .argument = "FILE|NAME",
     .otherwise = "squeezenet1_1 or vgg19 where a file of weights is here or in $FOVEA_DATA",
     .doc = "the trained network that looks at the pictures"},
    SOURCE_MODEL_OPTION,
    {.name = "content-layer", .kind = OPTION_TEXT, .argument = "NAME",
     .otherwise = "the second activation of the last size of maps but one", .doc = "whose maps are the content"},
    {.name = "style-layers", .kind = OPTION_TEXT, .argument = "NAME,...",
     .otherwise = "the first activation of each size of maps", .doc = "whose Gram matrices are the style"},
    {.name = "content-weight", .kind = OPTION_NUMBER, .argument = "X", .standard = "1", .minimum = 1e-12,
     .maximum = 1e12, .doc = "of the content's loss"},
    {.name = "style-weight", .kind = OPTION_NUMBER, .argument = "X", .standard = "100", .minimum = 1e-12,
     .maximum = 1e12, .doc = "of the style's loss"},
    {.name = "variation-weight", .kind = OPTION_NUMBER, .argument = "X", .otherwise = "0", .minimum = 0,
     .maximum = 1e12, .doc = "of the differences of neighbouring pixels: more is smoother"},
    {.name = NULL},
};

const struct verb verb_style = {
    .name = "style",
    .summary = "paint a picture in the manner of another one",
    .run = run,
    .options = options,
    .arguments = "CONTENT STYLE",
    .minimum_arguments = 2,
    .maximum_arguments = 2,
    .help =
        "Begins with the picture CONTENT and changes its pixels until a trained network sees the same things in it as in "
        "CONTENT, and the same manner as in STYLE: the same products of channels, summed over the picture (Gatys, Ecker, "
        "Bethge 2016). Any classifier of pictures [N, 3, H, W] will do; its weights decide how it looks. The loss is "
        "content-weight times the squared difference of the content's maps as a share of their squares, and style-weight "
        "times that of the Gram matrices, the mean over layers.",
    .examples = "fovea style photo.jpg painting.jpg --network squeezenet1_1-imagenet.onnx -o painted.png --steps 200\n"
                "fovea style photo.jpg painting.jpg --network vgg19.pth --every 50 --size 384\n",
};
