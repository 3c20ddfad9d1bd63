/* SPDX-License-Identifier: MIT */
/* fovea predict: inference on pictures from files or from a dataset. Pictures are collected into batches, predicted,
 * and shown one by one: by predict_classes.c, or by predict_answer.c for models of other tasks, which get them one at a
 * time. */
#include "answer_json.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "picture_list.h"
#include "predict_answer.h"
#include "predict_classes.h"
#include "preprocessing.h"
#include "source.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_INDICES = 10000, BATCH = 32, BATCH_BYTES = 64 << 20 /* of decoded pictures that wait for their batch */ };

/* A picture that waits for its batch. */
struct waiting {
    char *file;
    fov_image image, seen; /* seen: the preprocessed picture; no pixels: not prepared yet, or not needed */
    int64_t index; /* of a dataset's sample, with its label */
    int label;
};

struct prediction {
    struct cli *cli;
    fov_model *model;
    fov_dataset *data; /* of --data; else NULL */
    struct class_view view;
    struct answering answers; /* for answers other than one class of several or plain numbers */
    fov_session *looks;       /* for --tta with a classifier: predicts several views of a picture; else NULL */
    bool is_seen;             /* the preprocessed pictures are drawn or saved */
    bool is_several;          /* files, more than one */
    struct waiting waiting[BATCH];
    int count; /* of waiting pictures */
    size_t bytes;
    float *scores; /* [BATCH, view.count] */
};

/* Frees a picture that the library decoded, or a copy of a sample (owner NULL). */
static void drop_image(fov_image *image)
{
    if (image->owner == NULL) {
        free(image->pixels);
    }
    fov_image_free(image);
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

/* Draws and prints one picture; nothing of it is printed after a failure. */
static int show(struct prediction *p, struct waiting *at, const float *scores)
{
    int code = EXIT_OK;
    if (p->is_seen && at->seen.pixels == NULL && fov_model_see(p->model, &at->image, &at->seen) != FOV_OK) {
        return fail_library(p->cli);
    }
    if (p->answers.draw != NULL || p->answers.out != NULL) {
        code = answering_save(&p->answers, at->file, &at->seen);
    }
    if (code == EXIT_OK) {
        const char *note = fov_model_note(p->model, &at->image);
        const struct class_row row = {at->file, scores, at->index, at->label, &at->seen, note};
        answering_say_note(p->cli, at->file, note);
        class_view_print(&p->view, &row);
        code = output_commit(p->cli);
    }
    return code;
}

/* Fills scores [count, view.count], from one view of each picture or, with --tta, from several; with one view also
 * .seen where it is needed. */
static int look(struct prediction *p, struct waiting *waiting, int count)
{
    fov_image images[BATCH] = {{.height = 0}}, seen[BATCH];
    fov_answer answers[BATCH];
    for (int i = 0; i < count; i++) {
        images[i] = waiting[i].image;
    }
    if (p->looks == NULL && !p->is_seen) {
        return fov_predict_images(p->model, images, count, p->scores, p->view.count);
    }
    if (p->looks == NULL) {
        int status = fov_predict_images_seen(p->model, images, count, p->scores, p->view.count, seen);
        for (int i = 0; i < count && status == FOV_OK; i++) {
            waiting[i].seen = seen[i];
        }
        return status;
    }
    int status = fov_session_answers(p->looks, images, count, answers);
    for (int i = 0; i < count && status == FOV_OK; i++) {
        for (int k = 0; k < p->view.count && k < answers[i].count; k++) {
            p->scores[i * p->view.count + k] = (float)answers[i].items[k].value;
        }
        fov_answer_free(&answers[i]);
    }
    return status;
}

/* With --json a picture that fails has a line, too, so that lines and files correspond; not where it is the only one. */
static void tell_failure(struct prediction *p, const char *file, const char *why)
{
    if (p->cli->json && p->is_several) {
        json_t *object = json_object();
        json_set_text(object, "file", file);
        json_set_text(object, "error", why);
        json_print(p->cli, object);
        (void)output_commit(p->cli);
    }
}

static int predict_one(struct prediction *p, struct waiting *at)
{
    int status = look(p, at, 1);
    const char *why = p->looks != NULL ? fov_session_error(p->looks) : fov_error(p->cli->context);
    if (status != FOV_OK) {
        tell_failure(p, at->file, why);
    }
    bool is_own = status == FOV_E_NUMERIC || (status == FOV_E_SHAPE && at->image.values != NULL);
    if (is_own) { /* a failure of this picture; other failures are the model's */
        char clean[SHOWN_SIZE];
        return fail(p->cli, exit_code((fov_status)status), "%s: %s", show_clean(clean, sizeof clean, at->file), why);
    }
    return status == FOV_OK ? show(p, at, p->scores) : fail(p->cli, exit_code((fov_status)status), "%s", why);
}

/* Predicts and shows the waiting pictures. If the batch fails, each is predicted alone, so that one picture does not
 * make the others fail. */
static int flush(struct prediction *p)
{
    int worst = EXIT_OK;
    bool together = p->count > 1 && look(p, p->waiting, p->count) == FOV_OK;
    fov_error_clear(p->cli->context);
    for (int i = 0; i < p->count; i++) {
        struct waiting *at = &p->waiting[i];
        int code = together ? show(p, at, p->scores + (size_t)i * (size_t)p->view.count) : predict_one(p, at);
        fov_error_clear(p->cli->context); /* the next picture begins without this one's error */
        worst = worst == EXIT_OK ? code : worst;
        drop_image(&at->image);
        fov_image_free(&at->seen);
        free(at->file);
    }
    p->count = 0;
    p->bytes = 0;
    return worst;
}

/* Predicts a picture now or adds it to the batch. Owns `image` from here on. */
static int predict(struct prediction *p, const char *file, int64_t index, int label, fov_image *image)
{
    if (p->answers.session != NULL) {
        int code = answering_predict(&p->answers, file, image);
        if (code != EXIT_OK) {
            tell_failure(p, file, fov_session_error(p->answers.session));
        }
        drop_image(image);
        fov_error_clear(p->cli->context);
        return code;
    }
    size_t length = strlen(file) + 1;
    struct waiting *at = &p->waiting[p->count++];
    *at = (struct waiting){.file = take_memory(length, 1), .image = *image, .index = index, .label = label};
    memcpy(at->file, file, length);
    p->bytes += (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    return p->count == BATCH || p->bytes >= BATCH_BYTES ? flush(p) : EXIT_OK;
}

/* ---- files and samples ------------------------------------------------------------------------------------------- */

static int predict_files(struct prediction *p)
{
    struct cli *cli = p->cli;
    struct picture_list list = {.count = 0};
    int worst = EXIT_OK;
    for (int i = 1; i < cli->argument_count && worst == EXIT_OK; i++) {
        worst = picture_list_add(cli, &list, cli->arguments[i]);
    }
    if (worst == EXIT_OK && list.count > 1 && p->answers.out != NULL) {
        worst = fail(cli, EXIT_USAGE, "--out is for one picture, not %d; --draw DIR takes several", list.count);
    }
    int count = worst == EXIT_OK ? list.count : 0;
    p->is_several = count > 1;
    p->answers.inputs = &list;
    for (int i = 0; i < count; i++) {
        fov_image image = {.height = 0};
        int code = picture_list_load(cli, list.path[i], &image);
        if (code == EXIT_OK) {
            code = predict(p, list.path[i], 0, 0, &image);
        } else {
            char why[1024];
            snprintf(why, sizeof why, "%s", fov_error(cli->context));
            int before = p->count > 0 ? flush(p) : EXIT_OK; /* its line has its place in the order of files */
            tell_failure(p, list.path[i], why);
            code = before != EXIT_OK ? before : code;
        }
        fov_error_clear(cli->context);
        worst = worst == EXIT_OK ? code : worst;
    }
    int code = flush(p);
    p->answers.inputs = NULL;
    picture_list_free(&list);
    return worst == EXIT_OK ? code : worst;
}

static int predict_samples(struct prediction *p, fov_dataset *data, const int64_t *index, int count)
{
    fov_dataset_info info = fov_dataset_describe(data);
    int code = EXIT_OK;
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        const uint8_t *pixels;
        fov_image image = {.height = 0};
        char name[256];
        if (fov_dataset_sample(data, index[i], &pixels, &image.height, &image.width, &image.channels) != FOV_OK) {
            code = fail_library(p->cli);
            break;
        }
        size_t size = (size_t)image.height * (size_t)image.width * (size_t)image.channels;
        image.pixels = take_memory(size, 1); /* a copy: the dataset keeps a sample only until the next call */
        memcpy(image.pixels, pixels, size);
        snprintf(name, sizeof name, "%.200s #%lld", info.name, (long long)index[i]);
        if (fov_model_fill_from(p->model, data, index[i]) != FOV_OK) {
            drop_image(&image);
            code = fail_library(p->cli);
            break;
        }
        code = predict(p, name, index[i], fov_dataset_label(data, index[i]), &image);
        code = code == EXIT_OK && fov_dataset_inputs(data) > 0 ? flush(p) : code; /* each has rows of its own */
    }
    int rest = flush(p);
    return code != EXIT_OK ? code : rest;
}

/* Switches the model's fitting of pictures off for data whose samples already have the form that it produces. */
static void take_samples_as_they_are(fov_model *model, const fov_dataset_info *info)
{
    fov_preprocessing pixels = fov_model_preprocessing(model);
    if (info->fit != FOV_FIT_UNSAID && info->fit == pixels.fit) {
        pixels.fit = FOV_FIT_STRETCH;
        pixels.invert = FOV_INVERT_NO;
        fov_model_set_preprocessing(model, &pixels);
    }
}

static int run_samples(struct prediction *p)
{
    struct cli *cli = p->cli;
    const char *list = option_text(cli, "index");
    int64_t *index = take_memory(MAX_INDICES, sizeof *index);
    int count = options_numbers(list, ',', 0, INT64_MAX, index, MAX_INDICES), code = EXIT_OK;
    fov_dataset *data = p->data;
    if (count < 1) {
        code = fail(cli, EXIT_USAGE, "--index is \"%.60s\"; it is numbers of samples such as 0,5,17", list);
    } else {
        fov_dataset_info info = fov_dataset_describe(data);
        p->view.data = data;
        take_samples_as_they_are(p->model, &info);
        bool by_position = option_flag(cli, "classes-by-position");
        bool alone = p->view.values || p->answers.session != NULL;
        code = alone ? EXIT_OK : source_match_classes(cli, p->model, data, by_position, &p->view.match);
        for (int i = 0; i < count && code == EXIT_OK; i++) {
            if (index[i] >= info.count) {
                code = fail(cli, EXIT_USAGE, "--index %lld: %s has samples 0 to %lld %s", (long long)index[i], info.name,
                            (long long)info.count - 1, source_part(data));
            }
        }
        code = code == EXIT_OK ? predict_samples(p, data, index, count) : code;
    }
    free(index);
    return code;
}

/* Finds out what the model's output holds and how it is shown; refuses outputs that are no row of numbers. */
static int look_at_output(struct prediction *p)
{
    struct answer_form form;
    struct class_view *view = &p->view;
    bool is_row = answer_form_of(p->model, &form);
    view->count = form.count;
    view->values = form.values;
    view->alone = form.alone;
    view->single = form.single;
    if (is_row) {
        return EXIT_OK;
    }
    fov_value output = fov_model_output(p->model);
    fov_shape shape = fov_value_shape(fov_model_graph(p->model), output);
    fov_meaning meaning = fov_model_meaning(p->model, output);
    char name[256], text[SHAPE_SIZE];
    show_clean(name, sizeof name, fov_value_name(fov_model_graph(p->model), output));
    return fail(p->cli, EXIT_INPUT, "%s: output \"%s\" %s is %s", p->cli->arguments[0], name, show_shape(text, &shape),
                meaning == FOV_MEANING_MAP ? "a map, scores for each pixel, not one score per class"
                                           : "not a row of numbers for each picture");
}

/* How many classes are shown: --top, but by default one in a CSV table, or all values there. */
static int choose_top(const struct prediction *p)
{
    int64_t top = option_integer(p->cli, "top");
    if (p->view.csv && !option_given(p->cli, "top")) {
        top = p->view.values ? p->view.count : 1;
    }
    return top < p->view.count ? (int)top : p->view.count;
}

/* --tta: scores then come from a session, also for a classifier. */
static int open_views(struct prediction *p)
{
    const char *views = option_text(p->cli, "tta");
    if (strcmp(views, "none") == 0) {
        return EXIT_OK;
    }
    if (p->answers.session == NULL) {
        p->looks = fov_session_create(p->model, option_text(p->cli, "task"));
    }
    fov_session *session = p->answers.session != NULL ? p->answers.session : p->looks;
    if (session == NULL) {
        return fail_library(p->cli);
    }
    int status = fov_session_set_views(session, views);
    return status == FOV_OK ? EXIT_OK
                            : fail(p->cli, exit_code((fov_status)status), "%s", fov_session_error(session));
}

static int predict_all(struct prediction *p, bool samples)
{
    struct cli *cli = p->cli;
    if (p->answers.session == NULL) {
        int code = look_at_output(p), channels, height, width;
        if (code != EXIT_OK) {
            return code;
        }
        bool wanted = !cli->json && !cli->quiet && !p->view.csv;
        p->is_seen = (wanted && fov_model_picture_size(p->model, &channels, &height, &width)) ||
                     p->answers.draw != NULL || p->answers.out != NULL;
        p->view.top = choose_top(p);
        p->scores = take_memory((size_t)p->view.count, BATCH * sizeof *p->scores);
        p->view.order = take_memory((size_t)p->view.count, sizeof *p->view.order);
    }
    return samples ? run_samples(p) : predict_files(p);
}

static int run(struct cli *cli)
{
    bool samples = option_given(cli, "data"), csv = option_flag(cli, "csv");
    if (samples == (cli->argument_count > 1)) {
        return fail(cli, EXIT_USAGE,
                    samples ? "either pictures or --data, not both"
                            : "which pictures? files, a folder, or samples of a dataset: --data mnist --index 0,1");
    }
    if (option_given(cli, "index") && !samples) {
        return fail(cli, EXIT_USAGE, "--index counts the samples of --data, which is not given");
    }
    if (csv && cli->json) {
        return fail(cli, EXIT_USAGE, "either --csv or --json, not both");
    }
    struct prediction p = {.cli = cli, .model = source_model(cli, cli->arguments[0], NULL, option_text(cli, "model"))};
    if (p.model == NULL) {
        return fail_library(cli);
    }
    p.view = (struct class_view){.cli = cli, .model = p.model, .csv = csv};
    int code = source_detector(cli, p.model);
    code = code != EXIT_OK ? code : source_choose(cli, p.model, option_text(cli, "output"), option_text(cli, "scores"));
    code = code == EXIT_OK ? preprocessing_apply(cli, p.model, true, NULL) : code;
    if (code == EXIT_OK && samples) {
        p.data = source_samples(cli, option_text(cli, "data"), cli->arguments[0], option_text(cli, "input"));
        code = p.data != NULL ? EXIT_OK : fail_library(cli);
    }
    code = code == EXIT_OK ? source_fill(cli, p.model, p.data) : code;
    code = code == EXIT_OK ? answering_begin(&p.answers, cli, p.model) : code;
    code = code == EXIT_OK ? open_views(&p) : code;
    code = code == EXIT_OK ? predict_all(&p, samples) : code;
    free(p.scores);
    free(p.view.order);
    fov_session_free(p.looks);
    answering_end(&p.answers);
    fov_class_match_free(&p.view.match);
    fov_dataset_free(p.data);
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
     .doc = "which part of --data; of data that states no splits all, as in fovea eval"},
    {.name = "task", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "what the model was trained for",
     .doc = "how its output is read: classify, multilabel, regress, segment, image, style, detect:least=0.5"},
    {.name = "detector", .kind = OPTION_TEXT, .argument = "TOOL", .otherwise = "auto: what shapes and last layers tell",
     .doc = "whose boxes a file of another tool gives: yolox, yolov5, yolov8, darknet, yolox-decoded, ssd, raw (corners "
            "and scores), kept (suppressed in the network)"},
    {.name = "tta", .kind = OPTION_CHOICE, .argument = "VIEWS", .standard = "none", .choices = source_views,
     .doc = "look at each picture several times: mirror, or shifts by a pixel as well; scores are averaged"},
    {.name = "draw", .kind = OPTION_TEXT, .argument = "DIR", .writes = WRITES_FOLDER,
     .doc = "save as PNG what the network saw; of other tasks masks, alone and over the pictures, boxes "
            "with names, or pictures made"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE.png", .writes = WRITES_FILE,
     .doc = "the same of one picture, its mask alone"},
    {.name = "save-txt", .kind = OPTION_TEXT, .argument = "DIR", .writes = WRITES_INTO,
     .doc = "boxes as YOLO's texts, a file to a picture: class, middle x and y, width, height, in parts of its sides"},
    {.name = "save-conf", .kind = OPTION_FLAG, .doc = "with each box's score at the end of its line of --save-txt"},
    {.name = "csv", .kind = OPTION_FLAG, .doc = "a table: a row to a picture, with as many classes as --top (1) says"},
    SOURCE_INPUT_OPTION,
    {.name = "output", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the first, or the one the file names",
     .doc = "which output, of a model with several"},
    {.name = "scores", .kind = OPTION_CHOICE, .argument = "KIND", .otherwise = "what the file or its last layers say",
     .choices = source_scores, .doc = "what the numbers of the output are"},
    {.name = "classes-by-position", .kind = OPTION_FLAG,
     .doc = "--data: its class i is output i of the model, whatever their names"},
    SOURCE_MODEL_OPTION,
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
        "Prepares each picture as the model file says (size, scale, normalisation; of digits what is ink on them, as "
        "MNIST has them), runs the model and shows the most probable classes, or its values where they are no scores of "
        "classes (fovea inspect says which), beside what the network saw. FILE is a model, or the folder of a run, whose "
        "best.onnx is taken. PICTURE is a file, a folder, a pattern, @FILE with a path to a line, or - for one from "
        "standard input. It may be a NumPy array (.npy): uint8 [H, W], [H, W, C] or [C, H, W] is a picture; float16, "
        "float32 and float64 [C, H, W], [H, W, C] or [H, W] are the network's input, prepared, of its very size; with N "
        "in front it is N of them, each FILE.npy[I]. With --json a line per picture: file, note where there is something "
        "to say of it (nothing is "
        "drawn on it), and top, a list of class, name and probability; scores, all numbers as they are, where classes "
        "are independent, for one score and for values. A model for another task answers in its form: several classes "
        "with a yes for each, values by name, the share of "
        "each class of a mask, a picture; --draw and -o save what can be seen. With --json these are items, each with "
        "class, name and probability, value or share; a detector's are boxes, each with class, name, score and box [x1, y1, "
        "x2, y2] in pixels of the picture (thresholds: --task detect:least=0.4:overlap=0.5).",
    .examples = "fovea predict runs/train digit.png\n"
                "fovea predict best.onnx photos/*.jpg --top 3 --json\n"
                "fovea predict best.onnx photos/ --csv > answers.csv\n"
                "fovea predict best.onnx input.npy --json\n"
                "fovea predict best.onnx --data mnist --index 0,8,61\n"
                "fovea predict cells.onnx cell.png --draw masks\n"
                "fovea predict cars.onnx street.jpg --draw boxes --task detect:least=0.5\n"
                "fovea predict cars.onnx streets/ --save-txt labels --save-conf\n"
                "fovea predict denoise.onnx photo.png -o clean.png\n",
};
