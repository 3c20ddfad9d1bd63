/* SPDX-License-Identifier: MIT */
/* fovea generate: pictures that a generator makes from noise, as one sheet or as an animated GIF. */
#include "json.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void print_json(struct cli *cli, const fov_generate_options *how, const fov_image *first, const char *path)
{
    json_t *object = json_object();
    json_set_text(object, "file", path);
    json_set_integer(object, "count", how->count);
    json_set_integer(object, "walk", how->walk);
    json_set_integer(object, "height", first->height);
    json_set_integer(object, "width", first->width);
    json_set_integer(object, "channels", first->channels);
    json_print(cli, object);
}

static bool is_gif(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcasecmp(path + length - 4, ".gif") == 0;
}

/* The factor by which small pictures are enlarged in a GIF, to be visible. */
static int zoom_of(const struct cli *cli, const fov_image *picture)
{
    enum { SEEN = 192 };
    int longer = picture->height > picture->width ? picture->height : picture->width;
    return option_given(cli, "zoom") ? (int)option_integer(cli, "zoom") : longer < SEEN ? SEEN / longer : 1;
}

static int write_pictures(struct cli *cli, const fov_generate_options *how, const fov_image *pictures)
{
    char clean[SHOWN_SIZE], count[NUMBER_SIZE];
    const char *path = option_text(cli, "out");
    int across = option_given(cli, "across") ? (int)option_integer(cli, "across") : how->walk > 0 ? how->walk : 0;
    int status = is_gif(path) ? fov_pictures_save_gif(cli->context, pictures, how->count,
                                                      (int)option_integer(cli, "delay"), zoom_of(cli, pictures), path)
                              : fov_pictures_save_png(cli->context, pictures, how->count, across, path);
    if (status != FOV_OK) {
        return fail_library(cli);
    }
    if (cli->json) {
        print_json(cli, how, pictures, path);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %s pictures of %d x %d pixels, seed %llu\n", show_clean(clean, sizeof clean, path),
                show_count(count, how->count), pictures->height, pictures->width, (unsigned long long)how->seed);
    }
    return EXIT_OK;
}

static int run(struct cli *cli)
{
    const char *word = cli->arguments[0];
    fov_generate_options how = {.count = (int)option_integer(cli, "count"),
                                .seed = option_natural(cli, "seed"),
                                .walk = option_given(cli, "walk") ? (int)option_integer(cli, "walk") : 0};
    if (how.walk > 0 && !option_given(cli, "count")) {
        how.count = how.walk * (how.count / how.walk > 0 ? how.count / how.walk : 1);
    }
    fov_model *model = source_model(cli, word, NULL, option_text(cli, "model"));
    if (model == NULL) {
        return fail_library(cli);
    }
    fov_image *pictures = take_memory((size_t)how.count, sizeof *pictures);
    int code = EXIT_OK;
    if (fov_generate_opt(model, &how, pictures) != FOV_OK) {
        code = fail_library(cli);
    } else {
        code = write_pictures(cli, &how, pictures);
        for (int i = 0; i < how.count; i++) {
            fov_image_free(&pictures[i]);
        }
    }
    free(pictures);
    fov_model_free(model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "count", .kind = OPTION_INTEGER, .argument = "N", .standard = "64", .minimum = 1, .maximum = 1e5,
     .doc = "pictures"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE", .writes = WRITES_FILE,
     .standard = "generated.png",
     .doc = "the sheet, a PNG; NAME.gif: the pictures one after the other"},
    {.name = "across", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "a square; with --walk a row for each",
     .minimum = 1, .maximum = 1e5, .doc = "pictures in a row of the sheet"},
    {.name = "walk", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "noise of its own for each picture",
     .minimum = 1, .maximum = 1e5,
     .doc = "so many pictures lead from one noise to the next, and at last back to the first"},
    {.name = "delay", .kind = OPTION_INTEGER, .argument = "MS", .standard = "100", .minimum = 10, .maximum = 60000,
     .doc = "GIF: milliseconds that each picture is shown"},
    {.name = "zoom", .kind = OPTION_INTEGER, .argument = "N", .otherwise = "so that they have about 192 pixels a side",
     .minimum = 1, .maximum = 64, .doc = "GIF: each pixel becomes a square of so many"},
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_generate = {
    .name = "generate",
    .summary = "make pictures of noise with a trained generator",
    .run = run,
    .options = options,
    .arguments = "FILE",
    .minimum_arguments = 1,
    .maximum_arguments = 1,
    .help =
        "Draws noise from --seed, makes a picture of each and writes all of them as one PNG. FILE is what fovea train "
        "--model dcgan left, or any ONNX file that makes pictures [N, 1 or 3, height, width] of rows of noise. Picture "
        "i of a seed is always the same one, whatever the number of pictures and threads. --walk shows what lies "
        "between noises: each row of the sheet leads from one to the next; as a GIF it moves.",
    .examples = "fovea train --model dcgan --data mnist --epochs 5 --out runs/digits\n"
                "fovea generate runs/digits/best.onnx --count 64 --seed 1 -o digits.png\n"
                "fovea generate runs/digits/best.onnx --count 60 --walk 10 -o walk.png\n"
                "fovea generate runs/digits/best.onnx --count 96 --walk 16 -o walk.gif\n",
};
