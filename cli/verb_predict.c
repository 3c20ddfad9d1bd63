/* SPDX-License-Identifier: MIT */
/* fovea predict: what a model sees in pictures, from files or from a dataset. */
#include "options.h"
#include "json.h"
#include "output.h"
#include "picture.h"
#include "predict_answer.h"
#include "preprocessing.h"
#include "source.h"
#include "table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64, MAX_INDICES = 10000 };

struct prediction {
    struct cli *cli;
    fov_model *model;
    const fov_dataset *data; /* NULL: files */
    fov_class_match match; /* the data's classes to the model's; not of values */
    bool values;    /* the output holds numbers that are no scores of classes */
    bool alone;     /* each class has a probability of its own */
    bool single;    /* one number tells two classes apart: the probability of the second */
    int count, top; /* numbers for a picture; how many of them are shown */
    float *scores;  /* [count] */
    struct answering answers; /* of what is not one class of several, and no bare numbers */
    int *order;     /* [count], the most probable first once ranked; of values as they come */
    int printed;
};

/* The first `top` places of the order; ties go to the lower class. */
static void rank(struct prediction *p)
{
    for (int i = 0; i < p->count; i++) {
        p->order[i] = i;
    }
    for (int i = 0; i < p->top && !p->values; i++) {
        int best = i;
        for (int j = i + 1; j < p->count; j++) {
            float a = p->scores[p->order[j]], b = p->scores[p->order[best]];
            if (a > b || (a == b && p->order[j] < p->order[best])) {
                best = j;
            }
        }
        int keep = p->order[best];
        memmove(p->order + i + 1, p->order + i, (size_t)(best - i) * sizeof *p->order);
        p->order[i] = keep;
    }
}

/* The most probable classes; and, where these are no parts of a whole, every number of the output. */
/* The model's number of a class of the data; of values there is none. */
static int model_label(const struct prediction *p, int label)
{
    return p->match.model_class != NULL ? p->match.model_class[label] : label;
}

static void results_to_json(const struct prediction *p, json_t *object)
{
    json_t *top = json_array(), *scores = json_array();
    for (int i = 0; i < p->top; i++) {
        json_t *one = json_object();
        json_set_integer(one, "class", p->order[i]);
        json_set_text(one, "name", fov_model_class(p->model, p->order[i]));
        json_set_number(one, "probability", (double)p->scores[p->order[i]]);
        json_add(top, one);
    }
    for (int i = p->single ? 1 : 0; i < p->count; i++) {
        json_add(scores, json_from_number((double)p->scores[i]));
    }
    if (!p->values) {
        json_set(object, "top", json_incref(top));
    }
    if (p->values || p->alone || p->single) {
        json_set(object, "scores", json_incref(scores));
    }
    json_decref(top);
    json_decref(scores);
}

static void print_json(struct prediction *p, const char *file, int64_t index, int label)
{
    json_t *object = json_object();
    json_set_text(object, "file", file);
    if (p->data != NULL) {
        json_set_integer(object, "index", index);
        json_set_integer(object, "label", model_label(p, label));
        json_set_text(object, "label_name", fov_dataset_class(p->data, label));
    }
    results_to_json(p, object);
    json_print(p->cli, object);
}

/* "  7  ████████▌   98.12 %"; of a value "  0  -1.25" */
static void print_class(struct prediction *p, int place, int head, int columns)
{
    FILE *out = p->cli->out;
    char name[25];
    int class = p->order[place];
    double probability = (double)p->scores[class];
    if (p->values) {
        fprintf(out, "%*d  %.6g", head, class, probability);
        return;
    }
    show_clean(name, sizeof name, fov_model_class(p->model, class));
    fprintf(out, "%s%s%*s  ", place == 0 ? style_bold(p->cli) : "", name, head - table_text_width(name), "");
    print_bar(p->cli, out, probability, columns);
    fprintf(out, " %6.2f %%%s", 100 * probability, place == 0 ? style_off(p->cli) : "");
}

/* The widest of the names to be printed. */
static int name_width(const struct prediction *p)
{
    int width = 1;
    for (int i = 0; i < p->top; i++) {
        char name[25];
        snprintf(name, sizeof name, "%d", p->order[i]);
        const char *shown = p->values ? name : fov_model_class(p->model, p->order[i]);
        int length = table_text_width(show_clean(name, sizeof name, shown));
        width = length > width ? length : width;
    }
    return width;
}

/* The picture on the left, where it is small enough, and the bars beside it. */
static void print_human(struct prediction *p, const char *file, int label, const fov_image *image)
{
    struct cli *cli = p->cli;
    char clean[512], name[64];
    fprintf(cli->out, "%s%s", p->printed > 0 && !cli->quiet ? "\n" : "", show_clean(clean, sizeof clean, file));
    if (p->data != NULL) {
        bool right = p->values || p->order[0] == model_label(p, label);
        fprintf(cli->out, ": it is %s%s%s", right ? style_good(cli) : style_bad(cli),
                show_clean(name, sizeof name, fov_dataset_class(p->data, label)), style_off(cli));
        fprintf(cli->out, "%s", right ? "" : ", mistaken");
    }
    if (cli->quiet && p->values) {
        for (int i = 0; i < p->top; i++) {
            fprintf(cli->out, "  %.6g", (double)p->scores[i]);
        }
        fputc('\n', cli->out);
        return;
    }
    if (cli->quiet) { /* a line per picture */
        fprintf(cli->out, "  %s  %.2f %%\n", show_clean(name, sizeof name, fov_model_class(p->model, p->order[0])),
                100 * (double)p->scores[p->order[0]]);
        return;
    }
    fputc('\n', cli->out);
    bool draw = image->height <= SMALL && image->width <= SMALL && image->width + 44 <= cli->width;
    struct canvas canvas = canvas_create(image->height, image->width, 0);
    canvas_place(&canvas, 0, 0, 0, image->pixels, image->height, image->width, image->channels);
    int lines = draw ? canvas_lines(&canvas) : 0, head = name_width(p);
    int first = lines > p->top ? (lines - p->top) / 2 : 0; /* the bars in the middle of the picture's side */
    int columns = cli->width - (draw ? image->width + 4 : 2) - head - 14;
    columns = columns > 40 ? 40 : columns < 4 ? 4 : columns;
    for (int line = 0; line < lines || line - first < p->top; line++) {
        fputs("  ", cli->out);
        if (draw && line < lines) {
            canvas_print_line(cli, cli->out, &canvas, line);
            fputs("  ", cli->out);
        } else if (draw) {
            fprintf(cli->out, "%*s", image->width + 2, "");
        }
        if (line >= first && line - first < p->top) {
            print_class(p, line - first, head, columns);
        }
        fputc('\n', cli->out);
    }
    canvas_free(&canvas);
}

/* One picture: nothing of it is printed unless all went well. */
static int predict(struct prediction *p, const char *file, int64_t index, int label, const fov_image *image)
{
    if (p->answers.session != NULL) {
        return answering_predict(&p->answers, file, image);
    }
    int status = fov_predict_image(p->model, image, p->scores, p->count);
    if (status == FOV_E_NUMERIC) { /* of this picture; other failures are the model's */
        char clean[512];
        return fail(p->cli, EXIT_NUMERIC, "%s: %s", show_clean(clean, sizeof clean, file), fov_error(p->cli->context));
    }
    if (status != FOV_OK) {
        return fail_library(p->cli);
    }
    rank(p);
    if (p->cli->json) {
        print_json(p, file, index, label);
    } else {
        print_human(p, file, label, image);
    }
    p->printed++;
    return output_commit(p->cli);
}

static int predict_files(struct prediction *p)
{
    struct cli *cli = p->cli;
    int worst = EXIT_OK;
    for (int i = 0; i < cli->argument_count - 1; i++) {
        const char *file = cli->arguments[i + 1];
        fov_image image = {.height = 0};
        int code = fov_image_load(cli->context, file, 0, &image) == FOV_OK ? predict(p, file, 0, 0, &image)
                                                                          : fail_library(cli);
        fov_image_free(&image);
        fov_error_clear(cli->context); /* one bad picture does not spoil the next */
        worst = worst == EXIT_OK ? code : worst;
    }
    return worst;
}

static int predict_samples(struct prediction *p, fov_dataset *data, const int64_t *index, int count)
{
    fov_dataset_info info = fov_dataset_describe(data);
    for (int i = 0; i < count; i++) {
        const uint8_t *pixels;
        fov_image image = {.height = 0};
        char name[256];
        if (fov_dataset_sample(data, index[i], &pixels, &image.height, &image.width, &image.channels) != FOV_OK) {
            return fail_library(p->cli);
        }
        size_t size = (size_t)image.height * (size_t)image.width * (size_t)image.channels;
        image.pixels = take_memory(size, 1);
        memcpy(image.pixels, pixels, size);
        snprintf(name, sizeof name, "%.200s #%lld", info.name, (long long)index[i]);
        int code = predict(p, name, index[i], fov_dataset_label(data, index[i]), &image);
        free(image.pixels);
        if (code != EXIT_OK) {
            return code;
        }
    }
    return EXIT_OK;
}

static int run_samples(struct prediction *p)
{
    struct cli *cli = p->cli;
    const char *list = option_text(cli, "index");
    int64_t *index = take_memory(MAX_INDICES, sizeof *index);
    int count = options_numbers(list, ',', 0, INT64_MAX, index, MAX_INDICES), code = EXIT_OK;
    fov_split split = source_split(cli);
    fov_dataset *data = count > 0 ? source_data(cli, option_text(cli, "data"), split) : NULL;
    if (count < 1) {
        code = fail(cli, EXIT_USAGE, "--index is \"%.60s\"; it is numbers of samples such as 0,5,17", list);
    } else if (data == NULL) {
        code = fail_library(cli);
    } else {
        fov_dataset_info info = fov_dataset_describe(data);
        p->data = data;
        bool by_position = option_flag(cli, "classes-by-position");
        bool alone = p->values || p->answers.session != NULL;
        code = alone ? EXIT_OK : source_match_classes(cli, p->model, data, by_position, &p->match);
        for (int i = 0; i < count && code == EXIT_OK; i++) {
            if (index[i] >= info.count) {
                code = fail(cli, EXIT_USAGE, "--index %lld: %s has samples 0 to %lld", (long long)index[i], info.name,
                            (long long)info.count - 1);
            }
        }
        code = code == EXIT_OK ? predict_samples(p, data, index, count) : code;
    }
    fov_dataset_free(data);
    free(index);
    return code;
}

/* What comes out for a picture, and how it is shown. */
static int look_at_output(struct prediction *p)
{
    fov_value output = fov_model_output(p->model);
    fov_shape shape = fov_value_shape(fov_model_graph(p->model), output);
    fov_meaning meaning = fov_model_meaning(p->model, output);
    char name[256], text[SHAPE_SIZE];
    p->count = fov_model_scores(p->model);
    p->values = meaning == FOV_MEANING_VALUES;
    p->alone = meaning == FOV_MEANING_SIGMOID;
    p->single = !p->values && p->count == 2;
    for (int i = 1; i < shape.rank; i++) {
        p->single = p->single && shape.dim[i] == 1;
    }
    if (p->count > 0) {
        return EXIT_OK;
    }
    show_clean(name, sizeof name, fov_value_name(fov_model_graph(p->model), output));
    return fail(p->cli, EXIT_INPUT, "%s: output \"%s\" %s is %s", p->cli->arguments[0], name, show_shape(text, &shape),
                meaning == FOV_MEANING_MAP ? "a map, scores for each pixel, not one score per class"
                                           : "not a row of numbers for each picture");
}

/* --input NAME=FILE.npy,NAME=FILE.npy: what goes into inputs beside that of pictures. */
static int fill_inputs(struct prediction *p)
{
    struct cli *cli = p->cli;
    const char *list = option_text(cli, "input");
    int code = EXIT_OK;
    while (list != NULL && code == EXIT_OK) {
        char word[2048];
        size_t length = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", length < sizeof word ? (int)length : 0, list);
        char *file = strchr(word, '=');
        if (file == NULL) {
            return fail(cli, EXIT_USAGE, "--input is \"%.60s\"; it is NAME=FILE.npy, several with commas", list);
        }
        *file++ = '\0';
        code = fov_model_fill_input_file(p->model, word, file) == FOV_OK ? EXIT_OK : fail_library(cli);
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
    return code;
}

static int run(struct cli *cli)
{
    bool samples = option_given(cli, "data");
    if (samples == (cli->argument_count > 1)) {
        return fail(cli, EXIT_USAGE,
                    samples ? "either pictures or --data, not both"
                            : "which pictures? files, or samples of a dataset: --data mnist --index 0,1");
    }
    if (option_given(cli, "index") && !samples) {
        return fail(cli, EXIT_USAGE, "--index counts the samples of --data, which is not given");
    }
    struct prediction p = {.cli = cli, .model = source_model(cli, cli->arguments[0], NULL, option_text(cli, "model"))};
    if (p.model == NULL) {
        return fail_library(cli);
    }
    int code = source_choose(cli, p.model, option_text(cli, "output"), option_text(cli, "scores"));
    code = code == EXIT_OK ? preprocessing_apply(cli, p.model, true) : code;
    code = code == EXIT_OK ? fill_inputs(&p) : code;
    code = code == EXIT_OK ? answering_begin(&p.answers, cli, p.model) : code;
    if (code == EXIT_OK && p.answers.out != NULL && cli->argument_count > 2) {
        code = fail(cli, EXIT_USAGE, "--out is for one picture; --draw DIR takes several");
    }
    if (code == EXIT_OK && p.answers.session != NULL) {
        code = samples ? run_samples(&p) : predict_files(&p);
    } else if (code == EXIT_OK) {
        code = look_at_output(&p);
    }
    if (code == EXIT_OK && p.answers.session == NULL) {
        int64_t top = option_integer(cli, "top");
        p.top = top < p.count ? (int)top : p.count;
        p.scores = take_memory((size_t)p.count, sizeof *p.scores);
        p.order = take_memory((size_t)p.count, sizeof *p.order);
        code = samples ? run_samples(&p) : predict_files(&p);
    }
    free(p.scores);
    free(p.order);
    answering_end(&p.answers);
    fov_class_match_free(&p.match);
    fov_model_free(p.model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "top", .kind = OPTION_INTEGER, .argument = "K", .standard = "5", .minimum = 1, .maximum = 1e6,
     .doc = "how many classes to show, the most probable first"},
    {.name = "data", .kind = OPTION_TEXT, .argument = "SOURCE",
     .doc = "predict samples of a dataset in place of files, and say what they are"},
    {.name = "index", .kind = OPTION_TEXT, .argument = "I,J,K", .standard = "0,1,2,3,4",
     .doc = "which samples of --data, from 0"},
    {.name = "split", .kind = OPTION_CHOICE, .argument = "SPLIT", .standard = "test", .choices = source_splits,
     .doc = "which part of --data"},
    {.name = "task", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "what the model was trained for",
     .doc = "how its output is read: classify, multilabel, regress, segment, image"},
    {.name = "draw", .kind = OPTION_TEXT, .argument = "DIR",
     .doc = "save masks, alone and over the pictures, or the pictures made, as PNG"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE.png",
     .doc = "save the one picture's mask, or the picture made of it"},
    {.name = "input", .kind = OPTION_TEXT, .argument = "NAME=FILE.npy,...",
     .doc = "what goes into inputs beside that of pictures: one sample, the same for every picture"},
    {.name = "output", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the first, or the one the file names",
     .doc = "which output, of a model with several"},
    {.name = "scores", .kind = OPTION_CHOICE, .argument = "KIND", .otherwise = "what the file or its last layers say",
     .choices = source_scores, .doc = "what the numbers of the output are"},
    {.name = "classes-by-position", .kind = OPTION_FLAG,
     .doc = "--data: its class i is output i of the model, whatever their names"},
    {.name = "model", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the one they fit",
     .doc = "for .safetensors weights: the network they belong to"},
    {.name = NULL},
};

const struct verb verb_predict = {
    .name = "predict",
    .reads_data = true,
    .summary = "say what is in pictures",
    .run = run,
    .options = options,
    .shared = preprocessing_options,
    .arguments = "FILE PICTURE...",
    .minimum_arguments = 1,
    .maximum_arguments = -1,
    .help =
        "Prepares each PNG or JPEG as the model file says (size, scale, normalisation), runs the model and shows the "
        "most probable classes, or its values where they are no scores of classes (fovea inspect says which). Small "
        "pictures are drawn in the terminal. With --json a line per picture: file, and top, a list of class, name and "
        "probability; scores, all numbers as they are, where classes are independent, for one score and for values. A "
        "model for another task answers in its form: several classes with a yes for each, values by name, the share of "
        "each class of a mask, a picture; --draw and -o save what can be seen. With --json these are items, each with "
        "class, name and probability, value or share.",
    .examples = "fovea predict runs/train/best.onnx digit.png\n"
                "fovea predict best.onnx photos/*.jpg --top 3 --json\n"
                "fovea predict best.onnx --data mnist --index 0,8,61\n"
                "fovea predict cells.onnx cell.png --draw masks\n"
                "fovea predict denoise.onnx photo.png -o clean.png\n",
};
