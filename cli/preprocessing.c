/* SPDX-License-Identifier: MIT */
/* The options for preprocessing, by preset or number by number. A preset is the preprocessing that one family of
 * published models was trained with; single options change it, or the one stated in the model's file. Also options for
 * other facts that a model's file may not state: class names, layout, statistics. */
#include "preprocessing.h"
#include "options.h"
#include "output.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 4, NUMBERS = 96 /* bytes of a text of CHANNELS numbers */ };

/* torchvision's ImageClassification; timm's Inception; Keras's modes "caffe" and "tf". `shorter` holds for inputs of
 * `input` pixels and is scaled in proportion for other inputs. */
static const struct preset {
    const char *name;
    fov_preprocessing pixels;
    int input;
} presets[] = {
    {"imagenet", {.mean = {0.485f, 0.456f, 0.406f}, .deviation = {0.229f, 0.224f, 0.225f}, .shorter = 256}, 224},
    {"imagenet-inception", {.mean = {0.5f, 0.5f, 0.5f}, .deviation = {0.5f, 0.5f, 0.5f}, .shorter = 342}, 299},
    {"caffe", {.mean = {103.939f, 116.779f, 123.68f}, .scale = 1, .bgr = true}, 0},
    {"tf", {.mean = {0.5f, 0.5f, 0.5f}, .deviation = {0.5f, 0.5f, 0.5f}}, 0},
    {"unit", {.pad = 0}, 0},
};

static const char *const preset_names[] = {"imagenet", "imagenet-inception", "caffe", "tf", "unit", NULL};
const char *const preprocessing_letterboxes[] = {"none", "corner", "centred", NULL}; /* by fov_letterbox_kind */
/* In the order of fov_fit and fov_invert without their first constant. */
const char *const preprocessing_fits[] = {"stretch", "crop", "pad", "ink", NULL};
const char *const preprocessing_inversions[] = {"no", "yes", "auto", NULL};
const char *const preprocessing_layouts[] = {"nchw", "nhwc", NULL};

const struct cli_option preprocessing_options[] = {
    {.name = "preset",
     .kind = OPTION_CHOICE,
     .argument = "NAME",
     .otherwise = "what the file states, else 0..1",
     .choices = preset_names,
     .doc = "preprocessing of published models: imagenet (torchvision: shorter side 256, middle 224, its mean and "
            "deviation), imagenet-inception (342, 299, -1..1), caffe (blue first, 0..255 less the mean), tf (-1..1), "
            "unit (0..1)"},
    {.name = "mean",
     .kind = OPTION_TEXT,
     .argument = "M,M,M",
     .doc = "taken off each channel, in the network's order, after --scale; one number is for all; train: data, the "
            "mean of the pictures that are learned from"},
    {.name = "std",
     .kind = OPTION_TEXT,
     .argument = "S,S,S",
     .doc = "by which each channel is divided then; train: data, their deviation"},
    {.name = "scale",
     .kind = OPTION_TEXT,
     .argument = "FACTOR",
     .otherwise = "1/255; 1 where a mean or deviation is above 2",
     .doc = "by which 8-bit pixels are multiplied: 1/255, 1, 0.0078"},
    {.name = "bgr", .kind = OPTION_FLAG, .doc = "the network reads blue first"},
    {.name = "resize",
     .kind = OPTION_INTEGER,
     .argument = "PIXELS",
     .minimum = 1,
     .maximum = 16384,
     .otherwise = "the whole picture to the input's size",
     .doc = "the shorter side becomes this long, and the middle is cut out"},
    {.name = "crop",
     .kind = OPTION_INTEGER,
     .argument = "PIXELS",
     .minimum = 1,
     .maximum = 16384,
     .otherwise = "with --resize: the input's size",
     .doc = "side of the square that is cut out of the middle"},
    {.name = "letterbox",
     .kind = OPTION_CHOICE,
     .argument = "KIND",
     .choices = preprocessing_letterboxes,
     .otherwise = "the file's own",
     .doc = "whole pictures, undistorted, grey around: corner or centred; none: squeezed"},
    {.name = "fit",
     .kind = OPTION_CHOICE,
     .argument = "HOW",
     .otherwise = "what the file states: of models trained on digits or MNIST ink, else stretch",
     .choices = preprocessing_fits,
     .doc = "pictures of another size: squeezed; the middle cut out; between black bars; or what is drawn on them, "
            "scaled and centred as MNIST's digits are"},
    {.name = "invert",
     .kind = OPTION_CHOICE,
     .argument = "WHETHER",
     .otherwise = "what the file states: of models trained on digits or MNIST auto, else no",
     .choices = preprocessing_inversions,
     .doc = "negatives; auto: of pictures that are dark on light"},
    {.name = "names",
     .kind = OPTION_TEXT,
     .argument = "FILE",
     .otherwise = "the file's own",
     .doc = "class names: one to a line, or a JSON list or object"},
    {.name = "layout",
     .kind = OPTION_CHOICE,
     .argument = "KIND",
     .choices = preprocessing_layouts,
     .otherwise = "what graph and shape say",
     .doc = "where the input has its channels: nchw (PyTorch) or nhwc (Keras, TensorFlow)"},
    {.name = "running-statistics",
     .kind = OPTION_FLAG,
     .doc = "normalisations that the file has in training form take the running statistics outside of training, as "
            "after PyTorch's eval(); else the batch's, as ONNX has it"},
    {.name = NULL},
};

bool preprocessing_given(const struct cli *cli)
{
    static const char *const names[] = {"preset", "mean",      "std", "scale", "bgr", "resize",
                                        "crop",   "letterbox", "fit", "invert"};
    bool given = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        given |= option_given(cli, names[i]);
    }
    return given;
}

/* Parses "0.5", or "0.485,0.456,0.406" with a number for each channel. */
static int read_numbers(struct cli *cli, const char *name, int channels, float out[CHANNELS])
{
    const char *text = option_text(cli, name), *at = text;
    int count = 0;
    bool is_good = true;
    while (is_good && *at != '\0') {
        char *end;
        double value = strtod(at, &end);
        is_good =
            end != at && isfinite(value) && fabs(value) < 1e6 && count < channels && (*end == ',' || *end == '\0');
        out[count < CHANNELS ? count : 0] = (float)value;
        count++;
        at = end + (*end == ',');
        is_good = is_good && !(*end == ',' && *at == '\0');
    }
    if (!is_good || (count != 1 && count != channels)) {
        return fail(cli, EXIT_USAGE,
                    "--%s is \"%.60s\"; it is a number, %d separated by commas, one for each channel, or (train) data",
                    name, text, channels);
    }
    for (int c = 1; c < channels && count == 1; c++) {
        out[c] = out[0];
    }
    return EXIT_OK;
}

/* "1/255", "0.5" */
static int read_scale(struct cli *cli, float *scale)
{
    const char *text = option_text(cli, "scale");
    char *end;
    double value = strtod(text, &end), below = 1;
    bool is_good = end != text;
    if (is_good && *end == '/') {
        const char *rest = end + 1;
        below = strtod(rest, &end);
        is_good = end != rest;
    }
    value /= below;
    if (!is_good || *end != '\0' || !(value > 1e-9 && value < 1e6)) {
        return fail(cli, EXIT_USAGE, "--scale is \"%.60s\"; it is a factor such as 1/255 or 1", text);
    }
    *scale = strcmp(text, "1/255") == 0 ? 0 : (float)value; /* 0 means exactly 1/255 */
    return EXIT_OK;
}

/* The preprocessing of a preset for a network of these channels and this size. */
static fov_preprocessing preset_for(const char *name, int channels, int height, int width)
{
    size_t i = 0;
    while (strcmp(presets[i].name, name) != 0) {
        i++;
    }
    fov_preprocessing p = presets[i].pixels;
    int smaller = height < width ? height : width;
    if (p.shorter > 0) {
        p.shorter = (int)lround((double)p.shorter * smaller / presets[i].input);
    }
    if (channels == 1) { /* grey pictures: the mean of the three channels' numbers */
        p.mean[0] = (p.mean[0] + p.mean[1] + p.mean[2]) / 3;
        p.deviation[0] = (p.deviation[0] + p.deviation[1] + p.deviation[2]) / 3;
        p.bgr = false;
    }
    return p;
}

/* Where mean and deviation are in units of 0..255, a scale to 0..1 would be a mistake: sets the scale to 1. */
static void fit_scale(const struct cli *cli, fov_preprocessing *p, int channels)
{
    bool is_large = false;
    for (int c = 0; c < channels; c++) {
        is_large |= fabsf(p->mean[c]) > 2 || p->deviation[c] > 2;
    }
    if (is_large && p->scale == 0 && !option_given(cli, "scale")) {
        p->scale = 1;
        remark(cli, "mean and deviation are of pixels from 0 to 255: --scale 1 is taken");
    }
}

static int place_of(const char *const *words, const char *word)
{
    int i = 0;
    while (strcmp(words[i], word) != 0) {
        i++;
    }
    return i;
}

/* --fit and --invert. --fit, or --resize, --crop and --letterbox, replace the file's way of fitting pictures. */
static int set_fit(struct cli *cli, fov_preprocessing *p)
{
    bool cuts = option_given(cli, "resize") || option_given(cli, "crop") || option_given(cli, "letterbox");
    bool fits_given = option_given(cli, "fit");
    if (cuts && fits_given) {
        return fail(cli, EXIT_USAGE, "either --fit, or --resize, --crop and --letterbox: two ways to the input's size");
    }
    if (fits_given) {
        p->fit = (fov_fit)(place_of(preprocessing_fits, option_text(cli, "fit")) + 1);
        p->shorter = p->crop = 0;
        p->letterbox = FOV_LETTERBOX_NONE;
    } else if (cuts) {
        p->fit = FOV_FIT_STRETCH;
    }
    if (option_given(cli, "invert")) {
        p->invert = (fov_invert)(place_of(preprocessing_inversions, option_text(cli, "invert")) + 1);
    }
    return EXIT_OK;
}

/* --mean data, --std data */
static bool is_measured(const struct cli *cli, const char *name)
{
    return option_given(cli, name) && strcmp(option_text(cli, name), "data") == 0;
}

static void print_numbers(char out[NUMBERS], const float *numbers, int count)
{
    size_t used = 0;
    for (int c = 0; c < count; c++) {
        used = append_text(out, NUMBERS, used, "%s%.4g", c > 0 ? "," : "", (double)numbers[c]);
    }
}

/* --mean data, --std data. Called last, since pictures are measured after all other preprocessing. */
static int measure(struct cli *cli, fov_model *model, const fov_dataset *data, int channels)
{
    bool mean = is_measured(cli, "mean"), deviation = is_measured(cli, "std");
    if (!mean && !deviation) {
        return EXIT_OK;
    }
    if (data == NULL) {
        return fail(cli, EXIT_USAGE,
                    "--%s data: fovea train measures what it learns from, and its model carries the numbers",
                    mean ? "mean" : "std");
    }
    if (fov_model_measure_pixels(model, data, mean, deviation) != FOV_OK) {
        return fail_library(cli);
    }
    fov_preprocessing p = fov_model_preprocessing(model);
    char means[NUMBERS], deviations[NUMBERS];
    print_numbers(means, p.mean, channels);
    print_numbers(deviations, p.deviation, channels);
    remark(cli, "pixels become (x - mean) / deviation: mean %s%s, deviation %s%s", means,
           mean ? " (measured)" : "", deviations, deviation ? " (measured)" : "");
    return EXIT_OK;
}

static int set_pixels(struct cli *cli, fov_model *model, const fov_dataset *data)
{
    int channels, height, width, code = EXIT_OK;
    if (!fov_model_picture_size(model, &channels, &height, &width)) {
        return fail(cli, EXIT_INPUT, "the model reads no pictures: preprocessing is for those");
    }
    fov_preprocessing p = fov_model_preprocessing(model);
    if (option_given(cli, "preset")) {
        p = preset_for(option_text(cli, "preset"), channels, height, width);
    }
    if (option_given(cli, "mean") && !is_measured(cli, "mean")) {
        code = read_numbers(cli, "mean", channels, p.mean);
    }
    if (code == EXIT_OK && option_given(cli, "std") && !is_measured(cli, "std")) {
        code = read_numbers(cli, "std", channels, p.deviation);
        for (int c = 0; code == EXIT_OK && c < channels; c++) {
            if (!(p.deviation[c] > 0)) {
                code = fail(cli, EXIT_USAGE, "--std: a deviation is above 0, not %g", (double)p.deviation[c]);
            }
        }
    }
    if (code == EXIT_OK && option_given(cli, "scale")) {
        code = read_scale(cli, &p.scale);
    }
    if (code == EXIT_OK && option_flag(cli, "bgr") && channels < 3) {
        code = fail(cli, EXIT_USAGE, "--bgr is for colours; the model reads %d channel", channels);
    }
    if (code != EXIT_OK) {
        return code;
    }
    p.bgr = option_given(cli, "bgr") ? option_flag(cli, "bgr") : p.bgr;
    p.shorter = option_given(cli, "resize") ? (int)option_integer(cli, "resize") : p.shorter;
    p.crop = option_given(cli, "crop") ? (int)option_integer(cli, "crop") : p.crop;
    for (int i = 0; option_given(cli, "letterbox") && preprocessing_letterboxes[i] != NULL; i++) {
        bool is_it = strcmp(option_text(cli, "letterbox"), preprocessing_letterboxes[i]) == 0;
        p.letterbox = is_it ? (fov_letterbox_kind)i : p.letterbox;
    }
    code = set_fit(cli, &p);
    if (code != EXIT_OK) {
        return code;
    }
    fit_scale(cli, &p, channels);
    fov_model_set_preprocessing(model, &p);
    return measure(cli, model, data, channels);
}

/* --running-statistics; without it, a remark warns of a file in training form, whose predictions depend on the
 * batch. */
static void choose_statistics(struct cli *cli, fov_model *model, bool is_used)
{
    int count = fov_model_batch_statistics(model);
    if (option_flag(cli, "running-statistics")) {
        (void)fov_model_use_running_statistics(model);
    } else if (is_used && count > 0) {
        remark(cli,
               "%d normalisation%s in training form: an answer depends on the other pictures of its batch "
               "(--running-statistics takes the stored ones)",
               count, count == 1 ? " is" : "s are");
    }
}

int preprocessing_apply(struct cli *cli, fov_model *model, bool is_used, const fov_dataset *learned)
{
    int code = EXIT_OK;
    if (option_given(cli, "layout")) {
        bool is_nhwc = strcmp(option_text(cli, "layout"), "nhwc") == 0;
        code = fov_model_set_layout(model, is_nhwc ? FOV_LAYOUT_NHWC : FOV_LAYOUT_NCHW) == FOV_OK ? EXIT_OK
                                                                                                  : fail_library(cli);
    }
    if (code == EXIT_OK && option_given(cli, "names") &&
        fov_model_read_classes(model, option_text(cli, "names")) != FOV_OK) {
        code = fail_library(cli);
    }
    if (code != EXIT_OK) {
        return code;
    }
    choose_statistics(cli, model, is_used);
    return preprocessing_given(cli) ? set_pixels(cli, model, learned) : EXIT_OK;
}
