/* SPDX-License-Identifier: MIT */
/* fovea colorize: colours grey pictures with a network that was trained for it (task colour). */
#include "json.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include <string.h>

/* The default output file: "photo-colour.png" in the working directory for "dir/photo.jpg". */
static const char *usual_name(char out[SHOWN_SIZE], const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    int stem = dot != NULL && dot > name ? (int)(dot - name) : (int)strlen(name);
    snprintf(out, SHOWN_SIZE, "%.*s-colour.png", stem, name);
    return out;
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

static int colour(struct cli *cli, fov_session *session, const char *from)
{
    char usual[SHOWN_SIZE];
    fov_image picture = {.height = 0};
    fov_answer answer = {.task = NULL};
    const char *path = option_text(cli, "out") != NULL ? option_text(cli, "out") : usual_name(usual, from);
    int code = EXIT_OK;
    if (fov_image_load(cli->context, from, 0, &picture) != FOV_OK) {
        return fail_library(cli);
    }
    if (fov_session_answer(session, &picture, &answer) != FOV_OK) {
        code = fail(cli, EXIT_INPUT, "%s", fov_session_error(session));
    } else {
        code = save(cli, &answer, from, path);
    }
    fov_answer_free(&answer);
    fov_image_free(&picture);
    return code;
}

static int run(struct cli *cli)
{
    if (cli->argument_count > 2 && option_text(cli, "out") != NULL) {
        return fail(cli, EXIT_USAGE, "--out names one picture; of several each gets a name of its own, in this folder");
    }
    fov_model *model = source_model(cli, cli->arguments[0], NULL, option_text(cli, "model"));
    fov_session *session = model != NULL ? fov_session_create(model, *fov_model_task(model) != '\0' ? NULL : "colour")
                                         : NULL;
    int code = session != NULL ? EXIT_OK : fail_library(cli);
    if (session != NULL && strcmp(fov_session_task(session), "colour") != 0) {
        code = fail(cli, EXIT_INPUT, "the model was trained for task %s; one for colour: fovea train --model "
                    "colour-small --data photos/", fov_session_task(session));
    }
    for (int i = 1; code == EXIT_OK && i < cli->argument_count; i++) {
        code = colour(cli, session, cli->arguments[i]);
    }
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
