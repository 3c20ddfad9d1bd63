/* SPDX-License-Identifier: MIT */
/* fovea explain: explains a model's answer to a picture, as an HTML page or as numbers. */
#include "answer_json.h"
#include "explain_visualise.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "picture_list.h"
#include "preprocessing.h"
#include "source.h"
#include <math.h>
#include <string.h>

struct explaining {
    struct cli *cli;
    fov_model *model;
    fov_explainer *explainer;
    fov_dataset *data;
    fov_explain_page_options page;
};

/* ---- figures ----------------------------------------------------------------------------------------------------- */

/* [height][width] for a map with a value per pixel, [channels][height][width] for one with a value per number. */
static json_t *json_from_map(const fov_explanation *map)
{
    if (!map->per_number) {
        return json_from_plane(map->values, map->height, map->width);
    }
    return json_from_planes(map->values, map->channels, map->height, map->width);
}

static bool wants(const struct explaining *x, const char *method)
{
    const char *list = option_text(x->cli, "methods");
    size_t length = strlen(method);
    if (list == NULL || strcmp(list, "all") == 0) {
        return true;
    }
    for (const char *at = strstr(list, method); at != NULL; at = strstr(at + 1, method)) {
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Computes a map and sets it; null for a method that the network does not support (Grad-CAM without feature maps). */
static int set_map(struct explaining *x, json_t *object, json_t *ways, const char *method)
{
    fov_explanation map;
    int status = fov_explain(x->explainer, method, &x->page.how, &map);
    if (status == FOV_E_UNSUPPORTED && !option_given(x->cli, "methods")) {
        remark(x->cli, "%s", fov_error(x->cli->context));
        fov_error_clear(x->cli->context);
        json_set(object, method, json_null());
        return EXIT_OK;
    }
    if (status != FOV_OK) {
        return fail_library(x->cli);
    }
    json_t *way = json_object();
    json_set(object, method, json_from_map(&map));
    json_set_integer(way, "runs", map.runs);
    if (!isnan(map.baseline)) {
        json_set_number(way, "baseline_score", map.baseline);
    }
    if (map.steps > 0) {
        json_set_integer(way, "steps", map.steps);
    }
    if (map.window > 0) {
        json_set_integer(way, "window", map.window);
        json_set_integer(way, "stride", map.stride);
    }
    json_set(ways, method, way);
    fov_explanation_free(&map);
    return EXIT_OK;
}

/* Sets the explained box of a detector, or the explained region of a map. */
static void set_subject(json_t *object, const fov_explained *state)
{
    if (state->box_count > 0) {
        json_t *frame = json_array();
        for (int i = 0; i < 4; i++) {
            json_add(frame, json_from_number(state->frame[i]));
        }
        json_set_integer(object, "box", state->box);
        json_set(object, "frame", frame);
        json_set(object, "boxes", json_from_boxes(state->boxes, state->box_count));
    }
    if (state->region != NULL) {
        json_t *rows = json_array();
        for (int y = 0; y < state->region_height; y++) {
            json_t *row = json_array();
            for (int x = 0; x < state->region_width; x++) {
                json_add(row, json_integer(state->region[y * state->region_width + x]));
            }
            json_add(rows, row);
        }
        json_set(object, "region", rows);
    }
}

static int print_json(struct explaining *x)
{
    fov_explained state = fov_explainer_state(x->explainer);
    json_t *object = json_object(), *ways = json_object();
    int code = EXIT_OK;
    json_set_text(object, "file", x->cli->arguments[1]);
    json_set_integer(object, "class", state.answer);
    json_set_text(object, "name", state.name);
    json_set_number(object, "score", state.score);
    json_set_text(object, "layer", fov_explainer_layer(x->explainer));
    json_set_integer(object, "channels", state.channels);
    json_set_integer(object, "height", state.height);
    json_set_integer(object, "width", state.width);
    set_subject(object, &state);
    for (int i = 0; i < fov_explain_method_count() && code == EXIT_OK; i++) {
        const char *method = fov_explain_method_at(i).name;
        code = wants(x, method) ? set_map(x, object, ways, method) : EXIT_OK;
    }
    json_set(object, "methods", ways);
    if (code != EXIT_OK) {
        json_decref(object);
        return code;
    }
    json_print_exactly(x->cli, object);
    return EXIT_OK;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int check_methods(struct explaining *x)
{
    const char *list = option_text(x->cli, "methods");
    while (list != NULL && strcmp(list, "all") != 0 && *list != '\0') {
        size_t length = strcspn(list, ",");
        bool known = false;
        for (int i = 0; i < fov_explain_method_count(); i++) {
            const char *name = fov_explain_method_at(i).name;
            known = known || (strlen(name) == length && strncmp(name, list, length) == 0);
        }
        if (!known) {
            return fail(x->cli, EXIT_USAGE,
                        "--methods: there is no \"%.*s\"; there are gradcam, scorecam, occlusion, "
                        "integrated_gradients, smoothgrad",
                        (int)(length < 40 ? length : 40), list);
        }
        list += length + (list[length] == ',');
    }
    return EXIT_OK;
}

/* --sum LAYER or LAYER:FILTER,ROW,COLUMN. */
static int read_sum(struct explaining *x, char layer[256])
{
    const char *text = option_text(x->cli, "sum"), *colon = text != NULL ? strrchr(text, ':') : NULL;
    int64_t place[3];
    if (text == NULL) {
        return EXIT_OK;
    }
    if (colon != NULL && options_numbers(colon + 1, ',', 0, INT32_MAX, place, 3) == 3) {
        for (int i = 0; i < 3; i++) {
            x->page.place[i] = (int)place[i];
        }
    } else {
        colon = text + strlen(text); /* the whole text is a layer's name */
    }
    snprintf(layer, 256, "%.*s", (int)(colon - text < 255 ? colon - text : 255), text);
    x->page.layer = layer;
    return EXIT_OK;
}

static void read_how(struct explaining *x)
{
    const struct cli *cli = x->cli;
    x->page.how = (fov_explain_options){
        .baseline = strcmp(option_text(cli, "baseline"), "zero") == 0 ? FOV_BASELINE_ZERO : FOV_BASELINE_BLACK,
        .window = (int)option_integer(cli, "window"),
        .stride = (int)option_integer(cli, "stride"),
        .steps = (int)option_integer(cli, "steps"),
        .samples = (int)option_integer(cli, "samples"),
        .noise = (float)option_number(cli, "noise"),
        .channels = (int)option_integer(cli, "channels"),
    };
}

/* The class by its name or number; -1: none is asked for, -2: no class has that name. */
static int find_class(const struct explaining *x, const char *text)
{
    uint64_t number;
    if (text == NULL) {
        return -1;
    }
    for (int i = 0; i < fov_model_classes(x->model); i++) {
        if (strcmp(fov_model_class(x->model, i), text) == 0) {
            return i;
        }
    }
    return options_natural(text, &number) && number < INT32_MAX ? (int)number : -2;
}

/* The best box of a class; -1 and a sentence. */
static int find_box(const struct explaining *x, int class)
{
    fov_explained state = fov_explainer_state(x->explainer);
    for (int i = 0; i < state.box_count; i++) {
        if (state.boxes[i].index == class) {
            return i;
        }
    }
    fail(x->cli, EXIT_USAGE, "--class: none of the %d boxes is \"%.60s\"", state.box_count,
         fov_model_class(x->model, class));
    return -1;
}

/* Sets the picture and the answer to explain, by --class, --box or --at. */
static int look(struct explaining *x, const fov_image *image, int class)
{
    struct cli *cli = x->cli;
    const char *at = option_text(cli, "at");
    int64_t place[2];
    bool boxes = fov_model_meaning(x->model, fov_model_output(x->model)) == FOV_MEANING_BOXES;
    bool by_box = option_given(cli, "box");
    if ((at != NULL) + by_box + option_given(cli, "class") > 1) {
        return fail(cli, EXIT_USAGE, "--class, --box and --at each say what is explained: one of them, please");
    }
    if (by_box && !boxes) {
        return fail(cli, EXIT_USAGE, "--box: the model is no detector; --class says what is explained");
    }
    if (at != NULL) {
        if (options_numbers(at, ',', 0, INT32_MAX, place, 2) != 2) {
            return fail(cli, EXIT_USAGE, "--at: \"%.40s\" is not ROW,COLUMN", at);
        }
        int status = fov_explainer_look_at(x->explainer, image, (int)place[0], (int)place[1]);
        return status == FOV_OK ? EXIT_OK : fail_library(cli);
    }
    int answer = by_box ? (int)option_integer(cli, "box") : boxes ? -1 : class;
    if (fov_explainer_look(x->explainer, image, answer) != FOV_OK) {
        return fail_library(cli);
    }
    int box = boxes && class >= 0 ? find_box(x, class) : 0;
    if (box < 0) {
        return EXIT_USAGE;
    }
    return box == 0 || fov_explainer_look(x->explainer, image, box) == FOV_OK ? EXIT_OK : fail_library(cli);
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

static int open_all(struct explaining *x)
{
    struct cli *cli = x->cli;
    const char *typed = option_text(cli, "class"), *data = option_text(cli, "data");
    fov_image image = {.height = 0};
    x->model = source_model(cli, cli->arguments[0], NULL, option_text(cli, "model"));
    if (x->model == NULL) {
        return fail_library(cli);
    }
    int code = source_choose(cli, x->model, option_text(cli, "output"), NULL);
    code = code == EXIT_OK ? preprocessing_apply(cli, x->model, true, NULL) : code;
    code = code == EXIT_OK ? source_fill(cli, x->model, NULL) : code;
    if (code != EXIT_OK) {
        return code;
    }
    int class = find_class(x, typed);
    if (class == -2) {
        return fail(cli, EXIT_USAGE, "--class: the model has no class \"%.60s\"", typed);
    }
    x->explainer = fov_explainer_create(x->model, option_text(cli, "layer"));
    if (x->explainer != NULL && option_text(cli, "visualise") != NULL) {
        return EXIT_OK; /* it needs no picture */
    }
    code = x->explainer != NULL ? picture_list_load(cli, cli->arguments[1], &image) : fail_library(cli);
    code = code == EXIT_OK ? look(x, &image, class) : code;
    fov_image_free(&image);
    if (code != EXIT_OK) {
        return code;
    }
    x->data = data != NULL ? source_data(cli, data, source_split(cli)) : NULL;
    x->page.data = x->data;
    return data == NULL || x->data != NULL ? EXIT_OK : fail_library(cli);
}

/* Checks that there is a picture (but not with --visualise) and a place for the output. */
static int check_ends(struct cli *cli)
{
    bool visualises = option_text(cli, "visualise") != NULL;
    if (visualises && cli->argument_count > 1) {
        return fail(cli, EXIT_USAGE, "--visualise makes pictures and looks at none: \"%.80s\" is too much",
                    cli->arguments[1]);
    }
    if (!visualises && cli->argument_count < 2) {
        return fail(cli, EXIT_USAGE,
                    "which picture? fovea explain FILE PICTURE -o FILE.html (see fovea explain --help)");
    }
    if (option_text(cli, "out") == NULL && (visualises || !cli->json)) {
        return fail(cli, EXIT_USAGE, visualises ? "where should the pictures go? -o FILE.png"
                                                : "where should the page go? -o FILE.html; or --json for the figures");
    }
    return EXIT_OK;
}

static int run(struct cli *cli)
{
    struct explaining x = {.cli = cli};
    char layer[256], title[512], picture[200], model[200], clean[SHOWN_SIZE];
    const char *out = option_text(cli, "out");
    int code = check_ends(cli);
    code = code == EXIT_OK ? check_methods(&x) : code;
    code = code == EXIT_OK ? read_sum(&x, layer) : code;
    read_how(&x);
    code = code == EXIT_OK ? open_all(&x) : code;
    if (code == EXIT_OK && option_text(cli, "visualise") != NULL) {
        code = explain_visualise(cli, x.model, x.explainer);
        fov_explainer_free(x.explainer);
        fov_model_free(x.model);
        return code;
    }
    if (code == EXIT_OK && out != NULL) {
        show_clean(picture, sizeof picture, cli->arguments[1]);
        show_clean(model, sizeof model, cli->arguments[0]);
        snprintf(title, sizeof title, "What %s sees in %s: %.60s", model, picture,
                 fov_explainer_state(x.explainer).name);
        x.page.title = title;
        code = fov_explain_page(x.explainer, out, &x.page) == FOV_OK ? EXIT_OK : fail_library(cli);
    }
    if (code == EXIT_OK && cli->json) {
        code = print_json(&x);
    } else if (code == EXIT_OK && !cli->quiet) {
        fprintf(cli->out, "%s\n", show_clean(clean, sizeof clean, out));
    }
    fov_explainer_free(x.explainer);
    fov_dataset_free(x.data);
    fov_model_free(x.model);
    return code;
}

static const char *const baselines[] = {"black", "zero", NULL};

static const struct cli_option options[] = {
    {.name = "out",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .writes = WRITES_FILE,
     .doc = "where the page goes (HTML), or what --visualise makes (PNG)"},
    {.name = "class",
     .kind = OPTION_TEXT,
     .argument = "CLASS",
     .otherwise = "the highest score",
     .doc = "which answer is explained: a class's name or number (of a detector its best box), the number of a "
            "value"},
    {.name = "box",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "0",
     .minimum = 0,
     .maximum = 100000,
     .doc = "which box of a detector is explained, in the order of fovea predict"},
    {.name = "at",
     .kind = OPTION_TEXT,
     .argument = "ROW,COLUMN",
     .doc = "the box, or the region of a map, that lies at this pixel of what the network saw"},
    {.name = "methods",
     .kind = OPTION_TEXT,
     .argument = "NAME,...",
     .otherwise = "all",
     .doc = "--json: gradcam, scorecam, occlusion, integrated_gradients, smoothgrad"},
    {.name = "layer",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .otherwise = "behind the last convolution",
     .doc = "whose feature maps Grad-CAM and Score-CAM weigh (fovea inspect lists layers)"},
    {.name = "sum",
     .kind = OPTION_TEXT,
     .argument = "LAYER:FILTER,ROW,COLUMN",
     .otherwise = "the first convolution at its strongest place",
     .doc = "the number of a convolution's result that is taken apart"},
    {.name = "visualise",
     .kind = OPTION_TEXT,
     .argument = "LAYER[:UNIT]",
     .doc = "no picture is explained, but made: what a unit answers to most. UNIT is a channel, FIRST-LAST, "
            "CHANNEL,ROW,COLUMN or, of the output, a class's name; none: the first 16 channels"},
    {.name = "rate",
     .kind = OPTION_NUMBER,
     .argument = "SHARE",
     .standard = "0.02",
     .minimum = 0.00001,
     .maximum = 1,
     .doc = "--visualise: of a step, as a share of the way from black to white"},
    {.name = "jitter",
     .kind = OPTION_INTEGER,
     .argument = "PIXELS",
     .otherwise = "a 28th of the shorter side",
     .minimum = 0,
     .maximum = 1024,
     .doc = "--visualise: by how much each step sees the picture moved (and up to 10 % nearer or further); 0: not"},
    {.name = "decay",
     .kind = OPTION_NUMBER,
     .argument = "SHARE",
     .standard = "0.002",
     .minimum = 0,
     .maximum = 1,
     .doc = "--visualise: how far each step takes pixels back towards grey"},
    {.name = "blur",
     .kind = OPTION_NUMBER,
     .argument = "PIXELS",
     .standard = "0.35",
     .minimum = 0,
     .maximum = 16,
     .doc = "--visualise: standard deviation of the blur after every fourth step"},
    {.name = "data",
     .kind = OPTION_TEXT,
     .argument = "SOURCE",
     .doc = "a dataset of which the most similar samples are shown"},
    {.name = "split",
     .kind = OPTION_CHOICE,
     .argument = "SPLIT",
     .standard = "train",
     .choices = source_splits,
     .doc = "which part of --data"},
    {.name = "baseline",
     .kind = OPTION_CHOICE,
     .argument = "KIND",
     .standard = "black",
     .choices = baselines,
     .doc = "what stands where something is taken away: a black picture, or zeros of the network's input"},
    {.name = "window",
     .kind = OPTION_INTEGER,
     .argument = "PIXELS",
     .standard = "0",
     .minimum = 0,
     .maximum = 16384,
     .otherwise = "an eighth of the shorter side",
     .doc = "occlusion: side of the square"},
    {.name = "stride",
     .kind = OPTION_INTEGER,
     .argument = "PIXELS",
     .standard = "0",
     .minimum = 0,
     .maximum = 16384,
     .otherwise = "half of the window",
     .doc = "occlusion: from square to square"},
    {.name = "steps",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "0",
     .minimum = 0,
     .maximum = 100000,
     .otherwise = "32, doubled until the sum is right within 0.5 %; --visualise: 128",
     .doc = "integrated gradients: equal parts of the way from the baseline to the picture; --visualise: steps up"},
    {.name = "samples",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "32",
     .minimum = 1,
     .maximum = 100000,
     .doc = "SmoothGrad: noisy copies of the picture"},
    {.name = "noise",
     .kind = OPTION_NUMBER,
     .argument = "SHARE",
     .standard = "0.15",
     .minimum = 0.0001,
     .maximum = 10,
     .doc = "SmoothGrad: standard deviation, as a share of the input's range"},
    {.name = "channels",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .standard = "64",
     .minimum = 0,
     .maximum = 100000,
     .doc = "Score-CAM: so many feature maps, the strongest ones; 0: all"},
    {.name = "output",
     .kind = OPTION_TEXT,
     .argument = "NAME",
     .otherwise = "the first, or the one the file names",
     .doc = "which output, of a model with several"},
    {.name = "input", .kind = OPTION_TEXT, .argument = "NAME=WHAT,...",
     .doc = "what goes into inputs beside that of pictures: FILE.npy or numbers (k=0.5+2)"},
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_explain = {
    .name = "explain",
    .reads_data = true,
    .summary = "show why a model answers as it does",
    .run = run,
    .options = options,
    .shared = preprocessing_options,
    .arguments = "FILE [PICTURE]",
    .minimum_arguments = 1,
    .maximum_arguments = 2,
    .help =
        "Writes one HTML file about one picture: what the network saw, its answers, maps of what mattered (Grad-CAM, "
        "Score-CAM, occlusion, integrated gradients, SmoothGrad), the sum behind one number of a convolution with its "
        "true numbers and its receptive field, feature maps layer by layer, filters, and with --data the most "
        "similar samples. It needs no server, no script and no network. What is explained is the score before "
        "softmax or sigmoid; for a map of classes its mean over the class's region; for a detector's box that of its "
        "class plus that of an object. With --json the maps as arrays of the input's size: gradcam, scorecam and "
        "occlusion [height][width], integrated_gradients and smoothgrad [channels][height][width]; beside them the "
        "boxes, or the region.",
    .examples = "fovea explain runs/train/best.onnx digit.png -o why.html\n"
                "fovea explain best.onnx digit.png -o why.html --class 7 --data mnist\n"
                "fovea explain best.onnx digit.png -o why.html --sum c1:3,12,10\n"
                "fovea explain detector.onnx street.jpg -o why.html --class person\n"
                "fovea explain unet.onnx cells.png -o why.html --at 120,80\n"
                "fovea explain best.onnx --visualise c3 -o c3.png\n"
                "fovea explain best.onnx digit.png --json --methods gradcam,occlusion --window 8\n",
};
