/* SPDX-License-Identifier: MIT */
/* The methods by name, what they share, and their maps as pictures. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "explain/explain.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct explain_method *const methods[] = {&explain_gradcam, &explain_scorecam, &explain_occlusion,
                                                       &explain_integrated_gradients, &explain_smoothgrad};
enum { METHODS = sizeof methods / sizeof methods[0] };

int fov_explain_method_count(void)
{
    return METHODS;
}

fov_explain_method fov_explain_method_at(int index)
{
    return index >= 0 && index < METHODS ? methods[index]->text : (fov_explain_method){.name = NULL};
}

static const char *method_name(const void *list, size_t index)
{
    (void)list;
    return methods[index]->text.name;
}

/* ---- shared ------------------------------------------------------------------------------------------------------ */

void explain_enlarge(const float *in, int height, int width, float *out, int out_height, int out_width)
{
    double down = (double)height / out_height, across = (double)width / out_width;
    for (int y = 0; y < out_height; y++) {
        double at_y = fmax((y + 0.5) * down - 0.5, 0.0);
        int y0 = (int)at_y, y1 = y0 + 1 < height ? y0 + 1 : y0;
        double share_y = at_y - y0;
        for (int x = 0; x < out_width; x++) {
            double at_x = fmax((x + 0.5) * across - 0.5, 0.0);
            int x0 = (int)at_x, x1 = x0 + 1 < width ? x0 + 1 : x0;
            double share_x = at_x - x0;
            const float *upper = in + (size_t)y0 * (size_t)width, *lower = in + (size_t)y1 * (size_t)width;
            double above = (double)upper[x0] * (1.0 - share_x) + (double)upper[x1] * share_x;
            double below = (double)lower[x0] * (1.0 - share_x) + (double)lower[x1] * share_x;
            *out++ = (float)(above * (1.0 - share_y) + below * share_y);
        }
    }
}

int explain_baseline(struct explain_job *job, double *score)
{
    fov_explainer *e = job->explainer;
    fov_plan *plan = explain_plan(e, false, 1);
    if (plan == NULL) {
        return (int)job->error->status;
    }
    for (int row = 0; row < explain_rows(e, plan); row++) {
        memcpy(explain_input(e, plan, row), job->baseline, e->pixels * sizeof(float));
    }
    int status = explain_run(e, plan, 1, job->error);
    *score = status == FOV_OK ? explain_score(e, plan, 0) : 0.0;
    job->result->runs++;
    return status;
}

/* ---- one explanation --------------------------------------------------------------------------------------------- */

static const struct explain_method *find(const char *name, struct error *error)
{
    for (int i = 0; i < METHODS && name != NULL; i++) {
        if (strcmp(methods[i]->text.name, name) == 0) {
            return methods[i];
        }
    }
    const char *near = name != NULL ? text_nearest(name, NULL, METHODS, method_name) : NULL;
    char advice[64] = "";
    if (near != NULL) {
        text_append(advice, sizeof advice, 0, "; did you mean %s?", near);
    }
    error_set(error, FOV_E_USAGE, "there is no way to explain called \"%.60s\"%s", name != NULL ? name : "", advice);
    return NULL;
}

static int check_numbers(const fov_explanation *map, const char *method, struct error *error)
{
    size_t count = (size_t)map->channels * (size_t)map->height * (size_t)map->width;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(map->values[i])) {
            return error_set(error, FOV_E_NUMERIC, "%s: a number is not finite", method);
        }
    }
    return FOV_OK;
}

static int explain(fov_explainer *e, const struct explain_method *method, const fov_explain_options *options,
                   fov_explanation *map, struct error *error)
{
    struct memory *memory = e->model->context->memory;
    if (!e->has_picture) {
        return error_set(error, FOV_E_USAGE, "%s: no picture was looked at yet", method->text.name);
    }
    if (method->needs_layer && e->layer.id == 0) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s weighs feature maps, and the network has no layer with some",
                         method->text.title);
    }
    *map = (fov_explanation){.method = method->text.name,
                             .per_number = method->per_number,
                             .channels = method->per_number ? e->picture.channels : 1,
                             .height = e->picture.height,
                             .width = e->picture.width,
                             .score = e->score,
                             .baseline = (double)NAN,
                             .owner = memory};
    map->values = memory_allocate(memory, e->pixels, sizeof(float), "an explanation", error);
    float *zero = memory_allocate(memory, e->pixels, sizeof(float), "an explanation", error);
    int status = (int)error->status;
    if (status == FOV_OK) {
        struct explain_job job = {.explainer = e,
                                  .options = options,
                                  .result = map,
                                  .baseline = options->baseline == FOV_BASELINE_ZERO ? zero : e->black,
                                  .error = error};
        status = method->run(&job);
        status = status == FOV_OK ? check_numbers(map, method->text.name, error) : status;
    }
    memory_free(memory, zero);
    return status;
}

int fov_explain(fov_explainer *e, const char *name, const fov_explain_options *options, fov_explanation *map)
{
    if (e == NULL || name == NULL || map == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explain: e, name or map is NULL");
    }
    static const fov_explain_options defaults = {.window = 0};
    struct error *error = &e->model->context->error;
    struct call call = call_begin(e->model->context);
    *map = (fov_explanation){.method = NULL};
    const struct explain_method *method = error->status == FOV_OK ? find(name, error) : NULL;
    int status =
        method != NULL ? explain(e, method, options != NULL ? options : &defaults, map, error) : (int)error->status;
    if (status != FOV_OK) {
        fov_explanation_free(map);
    }
    call_end(&call);
    return status;
}

void fov_explanation_free(fov_explanation *map)
{
    if (map != NULL && map->owner != NULL) {
        memory_free(map->owner, map->values);
        *map = (fov_explanation){.method = NULL};
    }
}

/* ---- drawn ------------------------------------------------------------------------------------------------------- */

/* The sum over channels, by pixel. */
static double value_at(const fov_explanation *map, size_t pixel)
{
    size_t area = (size_t)map->height * (size_t)map->width;
    double sum = 0.0;
    for (int c = 0; c < map->channels; c++) {
        sum += (double)map->values[(size_t)c * area + pixel];
    }
    return sum;
}

/* From -1 (against, blue) over 0 (nothing) to 1 (for, orange to yellow): hues that any colour vision tells apart. */
static void heat(double value, double rgb[3])
{
    double size = fmin(fabs(value), 1.0);
    if (value < 0.0) {
        rgb[0] = 20.0;
        rgb[1] = 60.0 + 120.0 * size;
        rgb[2] = 120.0 + 135.0 * size;
        return;
    }
    rgb[0] = 120.0 + 135.0 * fmin(2.0 * size, 1.0);
    rgb[1] = 20.0 + 210.0 * size * size;
    rgb[2] = 20.0 + 60.0 * (1.0 - size);
}

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

/* The value that is drawn in full colour: the largest absolute value; of a map over single numbers, of which a few are
 * by far the largest, the value that one pixel in a hundred exceeds. `sizes`: work space of [pixels]. */
static double full_size(const fov_explanation *map, size_t pixels, double *sizes)
{
    for (size_t i = 0; i < pixels; i++) {
        sizes[i] = fabs(value_at(map, i));
    }
    qsort(sizes, pixels, sizeof *sizes, by_size);
    double high = sizes[map->per_number ? pixels - 1 - pixels / 100 : pixels - 1];
    return high > 0.0 ? high : sizes[pixels - 1];
}

static void draw(const fov_explainer *e, const fov_explanation *map, double share, double most, uint8_t *pixels)
{
    size_t area = (size_t)map->height * (size_t)map->width, channels = (size_t)e->seen.channels;
    double dim = map->per_number ? 1.0 - 0.75 * share : 1.0; /* fine grain shows on a dark picture only */
    for (size_t i = 0; i < area; i++) {
        double value = most > 0.0 ? value_at(map, i) / most : 0.0, colour[3];
        double weight = share * fmin(sqrt(fabs(value)), 1.0); /* small values show, zero stays clear */
        heat(value, colour);
        for (size_t c = 0; c < 3; c++) {
            double below = dim * (double)e->seen.pixels[i * channels + (channels == 3 ? c : 0)];
            pixels[3 * i + c] = (uint8_t)lround(below * (1.0 - weight) + colour[c] * weight);
        }
    }
}

int fov_explanation_draw(const fov_explainer *e, const fov_explanation *map, float share, fov_image *drawn)
{
    if (e == NULL || map == NULL || drawn == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explanation_draw: e, map or drawn is NULL");
    }
    call_fresh(e->model->context);
    struct memory *memory = e->model->context->memory;
    struct error *error = &e->model->context->error;
    size_t area = (size_t)map->height * (size_t)map->width;
    *drawn = (fov_image){.height = 0};
    if (!e->has_picture || map->values == NULL) {
        return error_set(error, FOV_E_USAGE, "there is no map to be drawn yet");
    }
    if (map->height != e->seen.height || map->width != e->seen.width) {
        return error_set(error, FOV_E_USAGE, "a map of %d x %d does not belong to this picture, which is %d x %d",
                         map->width, map->height, e->seen.width, e->seen.height);
    }
    uint8_t *pixels = memory_allocate(memory, area, 3, "a drawing", error);
    double *sizes = memory_allocate(memory, area, sizeof *sizes, "a drawing", error);
    if (pixels == NULL || sizes == NULL) {
        memory_free(memory, pixels);
        memory_free(memory, sizes);
        return FOV_E_MEMORY;
    }
    draw(e, map, fmin(fmax((double)share, 0.0), 1.0), full_size(map, area, sizes), pixels);
    memory_free(memory, sizes);
    *drawn = (fov_image){map->height, map->width, 3, pixels, memory, NULL};
    return FOV_OK;
}
