/* SPDX-License-Identifier: MIT */
/* fovea colorize: colours grey pictures with a network that was trained for it (task colour). */
#include "json.h"
#include "options.h"
#include "output.h"
#include "overwrite.h"
#include "source.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 320 };

/* Names of the output files of all pictures, in the order of the arguments. */
struct outputs {
    char (*name)[NAME_SIZE];
    int count;
};

static bool is_taken(const struct outputs *outputs, const char *name)
{
    for (int i = 0; i < outputs->count; i++) {
        if (strcmp(outputs->name[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the default name: "photo-colour.png" in the working directory for "dir/photo.jpg". Of several pictures with one
 * name, from different folders, the later ones are numbered: "photo-2-colour.png". */
static int add_usual_name(const struct cli *cli, struct outputs *outputs, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    int stem = dot != NULL && dot > name ? (int)(dot - name) : (int)strlen(name);
    char *out = outputs->name[outputs->count];
    snprintf(out, NAME_SIZE, "%.*s-colour.png", stem < 256 ? stem : 256, name);
    for (int number = 2; is_taken(outputs, out); number++) {
        snprintf(out, NAME_SIZE, "%.*s-%d-colour.png", stem < 256 ? stem : 256, name, number);
    }
    outputs->count++;
    return overwrite_check_file(cli, "the picture", out);
}

static int save(struct cli *cli, const fov_answer *answer, const char *from, const char *path)
{
    char clean[2][SHOWN_SIZE];
    const fov_image *made = &answer->picture;
    if (fov_image_save_png(cli->context, path, made->height, made->width, made->channels, made->pixels) != FOV_OK) {
        return fail_library(cli);
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "picture", from);
        json_set_text(object, "file", path);
        json_set_integer(object, "height", made->height);
        json_set_integer(object, "width", made->width);
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %s in colour, %d x %d pixels\n", show_clean(clean[0], sizeof clean[0], path),
                show_clean(clean[1], sizeof clean[1], from), made->height, made->width);
    }
    return EXIT_OK;
}

static int colour(struct cli *cli, fov_session *session, const char *from, const char *path)
{
    char clean[SHOWN_SIZE];
    fov_image picture = {.height = 0};
    fov_answer answer = {.task = NULL};
    if (fov_image_load(cli->context, from, 0, &picture) != FOV_OK) {
        return fail_library(cli);
    }
    int status = fov_session_answer(session, &picture, &answer);
    int code = status == FOV_OK ? save(cli, &answer, from, path)
                                : fail(cli, exit_code((fov_status)status), "%s: %s",
                                       show_clean(clean, sizeof clean, from), fov_session_error(session));
    fov_answer_free(&answer);
    fov_image_free(&picture);
    return code;
}

static int run(struct cli *cli)
{
    if (cli->argument_count > 2 && option_text(cli, "out") != NULL) {
        return fail(cli, EXIT_USAGE, "--out names one picture; of several each gets a name of its own, in this folder");
    }
    const char *asked = option_text(cli, "out");
    struct outputs outputs = {take_memory((size_t)cli->argument_count, NAME_SIZE), 0};
    int code = EXIT_OK;
    for (int i = 1; code == EXIT_OK && asked == NULL && i < cli->argument_count; i++) {
        code = add_usual_name(cli, &outputs, cli->arguments[i]);
    }
    fov_model *model = code == EXIT_OK ? source_model(cli, cli->arguments[0], NULL, option_text(cli, "model")) : NULL;
    fov_session *session = model != NULL ? fov_session_create(model, *fov_model_task(model) != '\0' ? NULL : "colour")
                                         : NULL;
    if (code == EXIT_OK && session == NULL) {
        code = fail_library(cli);
    }
    if (session != NULL && strcmp(fov_session_task(session), "colour") != 0) {
        code = fail(cli, EXIT_INPUT, "the model was trained for task %s; one for colour: fovea train --model "
                    "colour-small --data photos/", fov_session_task(session));
    }
    for (int i = 1; code == EXIT_OK && i < cli->argument_count; i++) {
        code = colour(cli, session, cli->arguments[i], asked != NULL ? asked : outputs.name[i - 1]);
    }
    free(outputs.name);
    fov_session_free(session);
    fov_model_free(model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE", .writes = WRITES_FILE,
     .otherwise = "NAME-colour.png",
     .doc = "where the picture goes, a PNG"},
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_colorize = {
    .name = "colorize",
    .summary = "colour a grey picture with a network trained for it",
    .run = run,
    .options = options,
    .arguments = "FILE PICTURE...",
    .minimum_arguments = 2,
    .maximum_arguments = -1,
    .help =
        "FILE is what fovea train --model colour-small left, or weights of eccv16 (Zhang, Isola, Efros 2016). The network "
        "looks at the picture's grey at its own size and says a colour for each pixel; the picture keeps its own size and "
        "lightness, so that it stays sharp.",
    .examples = "fovea train --model colour-small --data photos/ --input 1x64x64 --out runs/colour\n"
                "fovea colorize runs/colour/best.onnx old-photo.jpg -o in-colour.png\n",
};
