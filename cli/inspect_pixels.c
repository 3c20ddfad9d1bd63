/* SPDX-License-Identifier: MIT */
/* Shows a model's preprocessing, in the words of the options that change it (preprocessing.c). */
#include "inspect_pixels.h"
#include "output.h"
#include "preprocessing.h"
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 4, PIXELS_TEXT = 512 };

/* Whether the model's classes have names other than their numbers. */
static bool has_names(const fov_model *model)
{
    char number[24];
    bool has = false;
    for (int i = 0; i < fov_model_classes(model) && !has; i++) {
        snprintf(number, sizeof number, "%d", i);
        has = strcmp(fov_model_class(model, i), number) != 0;
    }
    return has;
}

static const char *layout_name(const fov_model *model)
{
    return preprocessing_layouts[fov_model_layout(model, fov_model_input(model)) == FOV_LAYOUT_NHWC];
}

/* The order of colour channels. */
static const char *colours_name(const fov_preprocessing *p, int channels)
{
    return channels < 3 ? "grey" : p->bgr ? "bgr" : "rgb";
}

/* The double of the shortest decimal text that gives this float: 0.485, not 0.485000014. */
static double plain(float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    return strtod(text, NULL);
}

static double scale_of(const fov_preprocessing *p)
{
    return p->scale > 0 ? plain(p->scale) : 1.0 / 255.0;
}

static double deviation_of(const fov_preprocessing *p, int channel)
{
    return p->deviation[channel] > 0 ? plain(p->deviation[channel]) : 1.0;
}

/* Index of an enumeration's value in the lists of words, which lack its first one, "unsaid"; that means the second. */
static int place(int value)
{
    return value > 0 ? value - 1 : 0;
}

static void set_pixels_or_null(json_t *object, const char *key, int pixels)
{
    json_set(object, key, pixels > 0 ? json_integer(pixels) : json_null());
}

json_t *inspect_pixels_json(const fov_model *model)
{
    const fov_preprocessing p = fov_model_preprocessing(model);
    json_t *object = json_object(), *mean = json_array(), *deviation = json_array();
    int channels = 0, height = 0, width = 0;
    bool is_picture = fov_model_picture_size(model, &channels, &height, &width);
    json_set_flag(object, "stated", fov_model_states_preprocessing(model));
    json_set_flag(object, "picture", is_picture);
    json_set_integer(object, "channels", channels);
    json_set_integer(object, "height", height);
    json_set_integer(object, "width", width);
    json_set_text(object, "layout", layout_name(model));
    json_set_text(object, "colours", colours_name(&p, channels));
    set_pixels_or_null(object, "resize", p.shorter);
    set_pixels_or_null(object, "crop", p.crop);
    json_set_text(object, "letterbox", preprocessing_letterboxes[p.letterbox]);
    json_set_text(object, "fit", preprocessing_fits[place((int)p.fit)]);
    json_set_text(object, "invert", preprocessing_inversions[place((int)p.invert)]);
    json_set_integer(object, "pad", p.pad);
    json_set_number(object, "scale", scale_of(&p));
    for (int c = 0; c < channels && c < CHANNELS; c++) {
        json_add(mean, json_from_number(plain(p.mean[c])));
        json_add(deviation, json_from_number(deviation_of(&p, c)));
    }
    json_set(object, "mean", mean);
    json_set(object, "std", deviation);
    json_set_text(object, "names", has_names(model) ? "file" : "numbers");
    return object;
}

/* Appends how a picture is brought to the input's size: "shorter side to 256, then the middle 224 x 224". */
static size_t add_size(char *out, size_t used, const fov_preprocessing *p, int height, int width)
{
    static const char *const fits[] = {"squeezed to", "the middle of its proportion, resized to",
                                       "between black bars, in", "its ink, scaled and centred in"};
    if (p->letterbox != FOV_LETTERBOX_NONE) {
        const char *where = p->letterbox == FOV_LETTERBOX_CORNER ? "in a corner" : "centred";
        return append_text(out, PIXELS_TEXT, used, "whole, %s, grey around, in %d x %d", where, height, width);
    }
    if (p->shorter == 0 && p->crop == 0) {
        used = append_text(out, PIXELS_TEXT, used, "%s %d x %d", fits[place((int)p->fit)], height - 2 * p->pad,
                           width - 2 * p->pad);
        return p->pad > 0 ? append_text(out, PIXELS_TEXT, used, ", %d black pixels around", p->pad) : used;
    }
    if (p->shorter > 0) {
        used = append_text(out, PIXELS_TEXT, used, "shorter side to %d, then ", p->shorter);
    }
    int rows = p->crop > 0 ? p->crop : height, columns = p->crop > 0 ? p->crop : width;
    used = append_text(out, PIXELS_TEXT, used, "the middle %d x %d", rows, columns);
    return rows != height || columns != width
               ? append_text(out, PIXELS_TEXT, used, ", resized to %d x %d", height, width)
               : used;
}

/* "0..1, red first, then (x - 0.485) / 0.229, ..." */
static void add_numbers(char *out, size_t used, const fov_preprocessing *p, int channels)
{
    static const char *const inversions[] = {"", ", negative", ", light on dark"};
    used = append_text(out, PIXELS_TEXT, used, "0..%g%s%s", 255 * scale_of(p),
                       channels < 3 ? "" : p->bgr ? ", blue first" : ", red first", inversions[place((int)p->invert)]);
    for (int c = 0; c < channels && c < CHANNELS; c++) {
        used = append_text(out, PIXELS_TEXT, used, "%s(x - %g) / %g", c == 0 ? ", then " : ", ", (double)p->mean[c],
                           deviation_of(p, c));
    }
}

static void print_line(struct cli *cli, const char *name, const char *text)
{
    enum { COLUMN = 17 };
    fprintf(cli->out, "  %-13s  ", name);
    print_wrapped(cli->out, text, COLUMN, COLUMN, cli->has_width ? cli->width : 1000);
}

void inspect_pixels_line(struct cli *cli, const fov_model *model)
{
    const fov_preprocessing p = fov_model_preprocessing(model);
    char text[PIXELS_TEXT];
    int channels, height, width;
    if (fov_model_states_preprocessing(model) && fov_model_picture_size(model, &channels, &height, &width)) {
        size_t used = add_size(text, 0, &p, height, width);
        add_numbers(text, append_text(text, sizeof text, used, "; "), &p, channels);
        print_line(cli, "pictures", text);
    }
}

void inspect_pixels_print(struct cli *cli, const fov_model *model)
{
    const fov_preprocessing p = fov_model_preprocessing(model);
    char text[PIXELS_TEXT];
    int channels, height, width;
    if (fov_model_picture_size(model, &channels, &height, &width)) {
        const char *stated = fov_model_states_preprocessing(model) ? "" : "(not stated) ";
        size_t used = append_text(text, sizeof text, 0, "%s", stated);
        add_size(text, used, &p, height, width);
        print_line(cli, "pictures", text);
        add_numbers(text, used, &p, channels);
        print_line(cli, "pixels", text);
    }
    if (fov_model_classes(model) > 0) {
        print_line(cli, "class names", has_names(model) ? "in the file" : "numbers");
    }
}
