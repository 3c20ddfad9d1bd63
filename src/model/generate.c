/* SPDX-License-Identifier: MIT */
/* Generating pictures from noise. A picture's noise depends only on the seed and the picture's number, and all batches
 * have the same size, so that a picture is the same however many are generated and with any number of threads. */
#include "model/generate.h"
#include "base/arithmetic.h"
#include "base/random.h"
#include "data/pictures.h"
#include "model/range.h"
#include <fovea/generate.h>
#include <math.h>
#include <string.h>

enum { BATCH = 16, MOST = 100000, STANDARD_COUNT = 64, GAP = 2, MOST_SIDE = 16384, NOISE_OF_PICTURES = 1 << 8 };

/* ---- which ends -------------------------------------------------------------------------------------------------- */

static bool is_noise(const struct value *value)
{
    const fov_shape *s = &value->shape;
    bool is_point = s->rank == 2 || (s->rank == 4 && s->dim[2] == 1 && s->dim[3] == 1);
    return value->kind == VALUE_INPUT && value->dtype == FOV_F32 && is_point && s->dim[1] > 0 && s->dim[1] < 1 << 20;
}

static bool is_picture(const struct value *value)
{
    const fov_shape *s = &value->shape;
    return value->kind == VALUE_RESULT && value->dtype == FOV_F32 && s->rank == 4 &&
           (s->dim[1] == 1 || s->dim[1] == 3) && s->dim[2] > 1 && s->dim[3] > 1;
}

/* The only input that a value depends on; 0: it depends on none, or on several. */
static int only_source(const fov_model *model, fov_value value, bool *needed)
{
    const fov_graph *graph = model->graph;
    int source = 0;
    memset(needed, 0, graph->node_count * sizeof *needed);
    graph_mark(graph, &value.id, 1, needed);
    for (size_t n = 0; n < graph->node_count; n++) {
        for (int i = 0; needed[n] && i < graph->nodes[n].in_count; i++) {
            int id = graph->nodes[n].in[i];
            if (id != 0 && graph_value(graph, id)->kind == VALUE_INPUT) {
                if (source != 0 && source != id) {
                    return 0;
                }
                source = id;
            }
        }
    }
    return source;
}

int generator_find(const fov_model *model, struct generator *generator, struct error *error)
{
    const fov_graph *graph = model->graph;
    struct memory *memory = model->context->memory;
    *generator = (struct generator){.numbers = 0};
    bool *needed = memory_allocate(memory, graph->node_count + 1, sizeof *needed, "a mark per node", error);
    if (needed == NULL) {
        return FOV_E_MEMORY;
    }
    for (int i = 0; i < model->output_count && generator->picture.id == 0; i++) {
        fov_value output = model->outputs[i].value;
        int source = is_picture(graph_value(graph, output.id)) ? only_source(model, output, needed) : 0;
        if (source != 0 && is_noise(graph_value(graph, source))) {
            const fov_shape *shape = &graph_value(graph, output.id)->shape;
            *generator = (struct generator){{source}, output, (int)graph_value(graph, source)->shape.dim[1],
                                            (int)shape->dim[1], (int)shape->dim[2], (int)shape->dim[3]};
        }
    }
    memory_free(memory, needed);
    return generator->picture.id != 0
               ? FOV_OK
               : error_set(error, FOV_E_SHAPE,
                           "%s makes no pictures of noise: it has no input [N, numbers] of which alone an output [N, 1 "
                           "or 3, height, width] is made",
                           model->name[0] != '\0' ? model->name : "the model");
}

/* ---- noise ------------------------------------------------------------------------------------------------------- */

static void draw(uint64_t seed, int number, float *noise, int count)
{
    struct random_key key = {seed, RANDOM_GENERATE + NOISE_OF_PICTURES, (uint64_t)number};
    for (int i = 0; i < count; i++) {
        noise[i] = (float)random_normal(key, (uint64_t)i);
    }
}

/* Interpolates between two noise vectors along the arc (Shoemake, "Animating rotation with quaternion curves", 1985):
 * points on the straight line between them are shorter than noise of that dimension ever is. `share`: 0 is the first,
 * 1 the second. */
static void draw_between(uint64_t seed, const int number[2], double share, float *noise, int count, float *other)
{
    double product = 0.0, square[2] = {0.0, 0.0};
    draw(seed, number[0], noise, count);
    draw(seed, number[1], other, count);
    for (int i = 0; i < count; i++) {
        product += (double)noise[i] * (double)other[i];
        square[0] += (double)noise[i] * (double)noise[i];
        square[1] += (double)other[i] * (double)other[i];
    }
    double cosine = product / sqrt(square[0] * square[1] + 1e-30);
    double angle = acos(fmin(fmax(cosine, -1.0), 1.0)), sine = sin(angle);
    double first = sine > 1e-6 ? sin((1.0 - share) * angle) / sine : 1.0 - share;
    double second = sine > 1e-6 ? sin(share * angle) / sine : share;
    for (int i = 0; i < count; i++) {
        noise[i] = (float)(first * (double)noise[i] + second * (double)other[i]);
    }
}

static void fill_noise(const fov_generate_options *o, int number, float *noise, int count, float *other)
{
    if (o->walk == 0) {
        draw(o->seed, number, noise, count);
        return;
    }
    int points = o->count / o->walk, from = number / o->walk;
    const int ends[2] = {from, (from + 1) % points};
    draw_between(o->seed, ends, (double)(number % o->walk) / o->walk, noise, count, other);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Converts floats [channels, height, width] to a picture of bytes [height, width, channels]. `is_signed`: from -1 .. 1,
 * else from 0 .. 1. */
static int take(const struct generator *generator, const float *numbers, bool is_signed, fov_image *image,
                struct memory *memory, struct error *error)
{
    size_t channels = (size_t)generator->channels, pixels = (size_t)generator->height * (size_t)generator->width;
    *image = (fov_image){generator->height, generator->width, generator->channels, NULL, memory, NULL};
    image->pixels = memory_allocate_raw(memory, pixels, channels, "a picture", error);
    for (size_t i = 0; image->pixels != NULL && i < pixels * channels; i++) {
        double value = (double)numbers[i % channels * pixels + i / channels];
        value = is_signed ? 0.5 * value + 0.5 : value;
        image->pixels[i] = (uint8_t)lround(255.0 * fmin(fmax(value, 0.0), 1.0));
    }
    return image->pixels != NULL ? FOV_OK : FOV_E_MEMORY;
}

static int check_finite(const float *numbers, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i])) {
            return error_set(error, FOV_E_NUMERIC, "a picture that the model makes is not finite");
        }
    }
    return FOV_OK;
}

static int run_batches(fov_model *model, const struct generator *generator, const fov_generate_options *o,
                       fov_plan *plan, float *other, fov_image *pictures)
{
    struct error *error = &model->context->error;
    float *noise = fov_plan_data(plan, generator->noise);
    const float *made = fov_plan_data(plan, generator->picture);
    int batch = (int)fov_plan_shape(plan, generator->noise).dim[0], status = FOV_OK;
    size_t numbers = (size_t)generator->numbers;
    size_t values = (size_t)generator->channels * (size_t)generator->height * (size_t)generator->width;
    bool is_signed = range_of(model->graph, generator->picture.id).low < 0.0;
    for (int done = 0; status == FOV_OK && done < o->count; done += batch) {
        int count = o->count - done < batch ? o->count - done : batch;
        memset(noise, 0, (size_t)batch * numbers * sizeof *noise);
        for (int i = 0; i < count; i++) {
            fill_noise(o, done + i, noise + (size_t)i * numbers, generator->numbers, other);
        }
        fov_plan_run(plan, 0);
        status = check_finite(made, (size_t)count * values, error);
        for (int i = 0; status == FOV_OK && i < count; i++) {
            status = take(generator, made + (size_t)i * values, is_signed, &pictures[done + i],
                          model->context->memory, error);
        }
    }
    return status;
}

static int generate(fov_model *model, const fov_generate_options *o, fov_image *pictures)
{
    struct error *error = &model->context->error;
    struct generator generator;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (o->count < 1 || o->count > MOST) {
        return error_set(error, FOV_E_USAGE, "%d pictures (1 to 100,000)", o->count);
    }
    if (o->walk < 0 || (o->walk > 0 && o->count % o->walk != 0)) {
        return error_set(error, FOV_E_USAGE, "a walk of %d pictures with %d between one noise and the next: it divides "
                         "the number of pictures", o->count, o->walk);
    }
    memset(pictures, 0, (size_t)o->count * sizeof *pictures);
    int status = generator_find(model, &generator, error);
    if (status != FOV_OK) {
        return status;
    }
    fov_plan_options options = {.batch = BATCH};
    fov_plan *plan = fov_plan_create(model->graph, &generator.picture, 1, &options);
    float *other = memory_allocate(model->context->memory, (size_t)generator.numbers, sizeof *other, "noise", error);
    status = plan != NULL && other != NULL ? run_batches(model, &generator, o, plan, other, pictures)
                                           : (int)error->status;
    for (int i = 0; status != FOV_OK && i < o->count; i++) {
        fov_image_free(&pictures[i]);
    }
    memory_free(model->context->memory, other);
    fov_plan_free(plan);
    return status;
}

int fov_generate_opt(fov_model *model, const fov_generate_options *options, fov_image *pictures)
{
    if (model == NULL || pictures == NULL) {
        return call_refuse(model != NULL ? model->context : NULL, "fov_generate_opt: model or pictures is NULL");
    }
    struct call call = call_begin(model->context);
    fov_generate_options o = options != NULL ? *options : (fov_generate_options){0};
    o.count = o.count == 0 ? STANDARD_COUNT : o.count;
    int status = generate(model, &o, pictures);
    call_end(&call);
    return status;
}

/* ---- a sheet ----------------------------------------------------------------------------------------------------- */

int fov_pictures_save_png(fov_context *context, const fov_image *pictures, int count, int across, const char *path)
{
    if (context == NULL || pictures == NULL || path == NULL) {
        return call_refuse(context, "fov_pictures_save_png: context, pictures or path is NULL");
    }
    call_fresh(context);
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (count < 1 || count > MOST || across < 0) {
        return error_set(error, FOV_E_USAGE, "a sheet of %d pictures, %d in a row", count, across);
    }
    const fov_image *first = &pictures[0];
    for (int i = 0; i < count; i++) {
        if (pictures_check(&pictures[i], error) != FOV_OK) {
            error_prefix(error, "number %d", i + 1);
            return (int)error->status;
        }
    }
    across = across == 0 ? (int)ceil(sqrt(count)) : across < count ? across : count;
    int64_t width = (int64_t)across * (first->width + GAP) - GAP;
    int64_t height = (int64_t)((count + across - 1) / across) * (first->height + GAP) - GAP;
    for (int i = 0; i < count; i++) {
        if (pictures[i].height != first->height || pictures[i].width != first->width ||
            pictures[i].channels != first->channels) {
            return error_set(error, FOV_E_USAGE, "pictures of a sheet are of one size; number %d is not", i + 1);
        }
    }
    if (width > MOST_SIDE || height > MOST_SIDE) {
        return error_set(error, FOV_E_USAGE, "a sheet of %lld x %lld pixels (at most %d a side)", (long long)width,
                         (long long)height, MOST_SIDE);
    }
    size_t row = (size_t)first->width * (size_t)first->channels, whole = (size_t)width * (size_t)first->channels;
    uint8_t *sheet = memory_allocate_raw(context->memory, (size_t)height, whole, "a sheet of pictures", error);
    if (sheet == NULL) {
        return FOV_E_MEMORY;
    }
    memset(sheet, 255, (size_t)height * whole);
    for (int i = 0; i < count; i++) {
        size_t top = (size_t)(i / across) * (size_t)(first->height + GAP);
        size_t left = (size_t)(i % across) * (size_t)(first->width + GAP) * (size_t)first->channels;
        for (size_t y = 0; y < (size_t)first->height; y++) {
            memcpy(sheet + (top + y) * whole + left, pictures[i].pixels + y * row, row);
        }
    }
    int status = fov_image_save_png(context, path, (int)height, (int)width, first->channels, sheet);
    memory_free(context->memory, sheet);
    return status;
}
