/* SPDX-License-Identifier: MIT */
/* Answers: their memory, the colour palette, and drawing. All that programs need to show an answer and that does not
 * depend on the task. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/pictures.h"
#include "image/draw.h"
#include "task/class_tally.h"
#include "task/task.h"
#include <math.h>
#include <string.h>

int answer_reserve(fov_answer *answer, const fov_model *model, int count, struct error *error)
{
    struct memory *memory = model->context->memory;
    size_t bytes = (size_t)count * sizeof(fov_answer_item);
    for (int i = 0; i < count; i++) {
        bytes += strlen(fov_model_class(model, i)) + 1;
    }
    fov_answer_item *items = memory_allocate(memory, bytes, 1, "an answer", error);
    if (items == NULL) {
        return FOV_E_MEMORY;
    }
    char *text = (char *)(items + count);
    for (int i = 0; i < count; i++) {
        const char *name = fov_model_class(model, i);
        size_t length = strlen(name) + 1;
        items[i] = (fov_answer_item){.index = i, .name = memcpy(text, name, length)};
        text += length;
    }
    answer->items = items;
    answer->count = count;
    return FOV_OK;
}

int answer_picture(fov_image *image, const fov_model *model, int height, int width, int channels, struct error *error)
{
    struct memory *memory = model->context->memory;
    if (image_check_size((uint64_t)height, (uint64_t)width, error) != FOV_OK) {
        return (int)error->status;
    }
    size_t bytes = (size_t)height * (size_t)width * (size_t)channels;
    *image = (fov_image){.height = height, .width = width, .channels = channels, .owner = memory};
    image->pixels = memory_allocate(memory, bytes, 1, "an answer", error);
    if (image->pixels == NULL) {
        *image = (fov_image){.height = 0};
        return FOV_E_MEMORY;
    }
    return FOV_OK;
}

int answer_probabilities(const struct task_use *use, const struct task_output *output, bool each, fov_answer *answer,
                         struct error *error)
{
    struct memory *memory = use->model->context->memory;
    struct model_scores scores = use->scores;
    if (!output->is_scores) { /* the numbers are the model's output, which may be a softmax or sigmoid of the logits */
        scores.is_probable = scores.meaning != FOV_MEANING_LOGITS;
    }
    scores.independent = scores.independent || each;
    scores.classes = answer->count;
    double *probabilities = memory_allocate(memory, (size_t)answer->count, sizeof(double), "an answer", error);
    if (probabilities == NULL) {
        return FOV_E_MEMORY;
    }
    class_probabilities(&scores, output->numbers, probabilities);
    for (int i = 0; i < answer->count; i++) {
        answer->items[i].value = probabilities[i];
    }
    memory_free(memory, probabilities);
    return FOV_OK;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

void fov_answer_free(fov_answer *answer)
{
    if (answer == NULL) {
        return;
    }
    if (answer->owner != NULL) {
        memory_free(answer->owner, answer->items);
        memory_free(answer->owner, answer->boxes);
    }
    fov_image_free(&answer->mask);
    fov_image_free(&answer->picture);
    *answer = (fov_answer){.task = NULL};
}

/* Colours that are easy to tell apart (Glasbey's aim), kept simple: the first ones are fixed and can be told apart with
 * any colour vision (Okabe, Ito 2008); for further ones the hue is turned by the golden angle. */
void fov_class_colour(int index, uint8_t rgb[3])
{
    static const uint8_t first[][3] = {{0, 0, 0},      {230, 159, 0}, {86, 180, 233}, {0, 158, 115},
                                       {240, 228, 66}, {0, 114, 178}, {213, 94, 0},   {204, 121, 167}};
    enum { FIRST = sizeof first / sizeof first[0] };
    if (rgb == NULL) {
        return;
    }
    if (index >= 0 && index < FIRST) {
        memcpy(rgb, first[index], 3);
        return;
    }
    double hue = 6.0 * fmod(0.618033988749895 * index, 1.0), light = index % 2 ? 1.0 : 0.65;
    for (int c = 0; c < 3; c++) {
        double distance = fabs(fmod(hue + 6.0 - 2.0 * c, 6.0) - 3.0) - 1.0; /* from the hue to this channel's hue */
        rgb[c] = (uint8_t)lround(255.0 * light * (0.25 + 0.75 * fmin(fmax(distance, 0.0), 1.0)));
    }
}

/* Draws the mask, in equal parts the class's colour and the picture. */
static void draw_mask(const fov_answer *answer, const fov_image *picture, uint8_t *out)
{
    size_t pixels = (size_t)answer->mask.height * (size_t)answer->mask.width;
    for (size_t p = 0; p < pixels; p++) {
        fov_class_colour(answer->mask.pixels[p], out + 3 * p);
        for (size_t c = 0; picture != NULL && c < 3; c++) {
            size_t channels = (size_t)picture->channels;
            int below = picture->pixels[p * channels + (channels >= 3 ? c : 0)];
            out[3 * p + c] = (uint8_t)((out[3 * p + c] + below + 1) / 2);
        }
    }
}

/* The nearest pixel; far outside of any picture for a coordinate that is not finite or too large. */
static int nearest(double at)
{
    const double most = 1e6;
    return (int)floor(fmin(fmax(at, -most), most) + 0.5);
}

/* Draws a box and, on its class's colour, its name and score: above the box, or inside where there is no room above. */
static void draw_box(const struct canvas_rgb *on, const fov_answer_box *box, int line)
{
    static const uint8_t light[3] = {255, 255, 255}, dark[3] = {0, 0, 0};
    uint8_t rgb[3];
    char label[64], name[41];
    int x = nearest(box->x1), y = nearest(box->y1), height = DRAW_LETTER_HEIGHT * line;
    fov_class_colour(1 + box->index, rgb); /* colour 0 is black: a mask's background */
    draw_frame(on, x, y, nearest(box->x2), nearest(box->y2), line, rgb);
    utf8_cut(name, sizeof name, box->name != NULL ? box->name : "");
    size_t used = text_append(label, sizeof label, 0, "%s", name);
    if (!isnan(box->score)) { /* ground truth, which no detector has found, has no score */
        text_append(label, sizeof label, used, " %.0f%%", 100 * box->score);
    }
    int width = draw_text_width(label, line);
    x = x + width > on->width && on->width > width ? on->width - width : x;
    y = y >= height ? y - height : y;
    draw_filled(on, x, y, width, height, rgb);
    draw_text(on, x, y, label, line, 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] > 128000 ? dark : light);
}

/* Draws boxes over their picture, the one with the highest score on top. */
static int draw_boxes(struct fov_context *context, const fov_answer *answer, const fov_image *picture, fov_image *drawn)
{
    enum { SMALLEST_SIDE_FOR_TWO = 320, PIXELS_FOR_ONE_MORE = 500 };
    struct error *error = &context->error;
    if (picture == NULL) {
        return error_set(error, FOV_E_USAGE, "boxes are drawn over a picture: it is missing");
    }
    size_t pixels = (size_t)picture->height * (size_t)picture->width;
    drawn->pixels = memory_allocate(context->memory, pixels, 3, "a drawing", error);
    if (drawn->pixels == NULL) {
        return FOV_E_MEMORY;
    }
    *drawn = (fov_image){picture->height, picture->width, 3, drawn->pixels, context->memory, NULL};
    image_convert(picture->pixels, picture->channels, drawn->pixels, 3, pixels);
    const struct canvas_rgb on = {drawn->pixels, picture->height, picture->width};
    int side = picture->height > picture->width ? picture->height : picture->width;
    int line = side < SMALLEST_SIDE_FOR_TWO ? 1 : 1 + (side + PIXELS_FOR_ONE_MORE - 1) / PIXELS_FOR_ONE_MORE / 2;
    for (int64_t i = answer->box_count; i > 0; i--) {
        draw_box(&on, &answer->boxes[i - 1], line);
    }
    return FOV_OK;
}

static int draw(struct fov_context *context, const fov_answer *answer, const fov_image *picture, fov_image *drawn)
{
    struct error *error = &context->error;
    const fov_image *from = answer->mask.pixels != NULL ? &answer->mask : &answer->picture;
    *drawn = (fov_image){.height = 0};
    if (picture != NULL && pictures_check(picture, error) != FOV_OK) {
        return (int)error->status;
    }
    if (answer->boxes != NULL) {
        return draw_boxes(context, answer, picture, drawn);
    }
    if (from->pixels == NULL) {
        return error_set(error, FOV_E_USAGE, "an answer of numbers (task %s) cannot be drawn", answer->task);
    }
    if (from == &answer->picture && pictures_check(from, error) != FOV_OK) {
        return (int)error->status;
    }
    if (from == &answer->mask && picture != NULL &&
        (picture->height != from->height || picture->width != from->width)) {
        return error_set(error, FOV_E_USAGE, "a mask of %d x %d pixels cannot be laid over a picture of %d x %d",
                         from->height, from->width, picture->height, picture->width);
    }
    size_t pixels = (size_t)from->height * (size_t)from->width;
    drawn->pixels = memory_allocate(context->memory, pixels, 3, "a drawing", error);
    if (drawn->pixels == NULL) {
        return FOV_E_MEMORY;
    }
    *drawn = (fov_image){from->height, from->width, 3, drawn->pixels, context->memory, NULL};
    if (from == &answer->mask) {
        draw_mask(answer, picture, drawn->pixels);
    } else {
        image_convert(from->pixels, from->channels, drawn->pixels, 3, pixels);
    }
    return FOV_OK;
}

int fov_answer_draw(fov_context *context, const fov_answer *answer, const fov_image *picture, fov_image *drawn)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (answer == NULL || drawn == NULL) {
        return call_refuse(context, "fov_answer_draw: answer or drawn is NULL");
    }
    struct call call = call_begin(context);
    int status = draw(context, answer, picture, drawn);
    call_end(&call);
    return status;
}

int answer_output_picture(const struct task_use *use, const struct task_output *output, int height, int width,
                          fov_answer *answer, struct error *error)
{
    const int64_t *dim = output->shape.dim;
    size_t channels = (size_t)dim[1], pixels = (size_t)dim[2] * (size_t)dim[3];
    fov_image made = {.height = 0};
    int status = answer_picture(&made, use->model, (int)dim[2], (int)dim[3], (int)dim[1], error);
    for (size_t p = 0; status == FOV_OK && p < pixels; p++) {
        for (size_t c = 0; c < channels; c++) {
            double value = (double)output->numbers[c * pixels + p];
            made.pixels[p * channels + c] = (uint8_t)lround(255.0 * fmin(fmax(value, 0.0), 1.0));
        }
    }
    if (status != FOV_OK || (height == made.height && width == made.width)) {
        answer->picture = made;
        return status;
    }
    struct resize_scratch scratch = {.memory = use->model->context->memory};
    status = answer_picture(&answer->picture, use->model, height > 0 ? height : 1, width > 0 ? width : 1,
                            made.channels, error);
    if (status == FOV_OK) {
        status = image_resize(made.pixels, made.height, made.width, made.channels, answer->picture.pixels,
                              answer->picture.height, answer->picture.width, &scratch, error);
    }
    resize_free(&scratch);
    fov_image_free(&made);
    return status;
}
