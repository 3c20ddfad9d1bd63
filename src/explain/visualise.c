/* SPDX-License-Identifier: MIT */
/* Feature visualisation: the picture that a unit answers to most, by gradient ascent from grey with a little noise
 * (Erhan, Bengio, Courville, Vincent, "Visualizing higher-layer features of a deep network", 2009; of a class its score
 * before the softmax, Simonyan, Vedaldi, Zisserman 2013). What keeps it a picture: pixels stay between black and white
 * and decay towards grey (Simonyan), every few steps they are blurred (Yosinski et al. 2015), each step sees them moved
 * by a few pixels and from a little nearer or further (transformation robustness: Olah, Mordvintsev, Schubert, "Feature
 * visualization", Distill 2017), and coarse and fine parts of the gradient weigh the same (pyramid.c). All is a
 * function of the context's seed. */
#include "base/arithmetic.h"
#include "base/random.h"
#include "explain/explain.h"
#include "explain/pyramid.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    STEPS = 128,
    MOST_STEPS = 100000,
    SIDES_OF_JITTER = 28,
    BLUR_EVERY = 4,
    MOST_UNITS = 10000,
    OF_UNITS = 1 << 9,
    OF_STEPS = 1 << 10
};
static const double standard_rate = 0.02, standard_decay = 0.002, standard_blur = 0.35, first_noise = 0.02;
static const float colour_share = 0.3F; /* what is kept of the differences of channels from their mean */

/* Pictures during gradient ascent, in plain order [channels, height, width], as shares from black (0) to white (1). */
struct ascent {
    fov_explainer *e;
    fov_visualise_options how;
    fov_value unit, seed, gradient;
    fov_plan *plan;
    const fov_unit *units;
    int rows;              /* pictures of the plan */
    float *shares, *slope; /* [rows][pixels] and [pixels] */
    float *moved;          /* [height, width]: work space of the blur */
    struct pyramid pyramid;
    float low[4], range[4]; /* the network's input: black, and white less black, by channel */
};

/* ---- the graph --------------------------------------------------------------------------------------------------- */

static int check_units(const struct ascent *a, const char *layer, int count, struct error *error)
{
    fov_shape shape = fov_value_shape(a->e->model->graph, a->unit);
    char text[SHAPE_TEXT_SIZE];
    bool is_map = shape.rank == 4;
    if ((shape.rank != 2 && !is_map) || fov_value_dtype(a->e->model->graph, a->unit) != FOV_F32) {
        return error_set(error, FOV_E_SHAPE,
                         "layer \"%.100s\" %s has no units: neither feature maps nor a row of numbers", layer,
                         shape_text(&shape, text));
    }
    for (int i = 0; i < count; i++) {
        const fov_unit *u = &a->units[i];
        bool placed = u->row >= 0 || u->column >= 0;
        bool inside =
            !placed || (is_map && u->row >= 0 && u->column >= 0 && u->row < shape.dim[2] && u->column < shape.dim[3]);
        if (u->channel < 0 || u->channel >= shape.dim[1] || !inside) {
            return error_set(error, FOV_E_USAGE, "layer \"%.100s\" %s has no unit %d%s", layer,
                             shape_text(&shape, text), u->channel, inside ? "" : " at that row and column");
        }
    }
    return FOV_OK;
}

/* Adds the score, which is the sum of the layer times a seed, and its gradient, where they are not there yet. */
static int add_nodes(struct ascent *a, struct error *error)
{
    struct explain_gradients gradients = {{0}, {0}};
    a->seed = explain_seed(a->e->model->graph, a->unit);
    int status = a->seed.id != 0 ? explain_gradients_of(a->e, a->unit, a->seed, (fov_value){0}, &gradients, error)
                                 : (int)error->status;
    a->gradient = gradients.of_input;
    return status;
}

static int open_plan(struct ascent *a, int count)
{
    fov_explainer *e = a->e;
    const fov_value outputs[2] = {a->unit, a->gradient};
    int64_t batch = e->fixed_batch > 0 ? e->fixed_batch : count < EXPLAIN_BATCH ? count : EXPLAIN_BATCH;
    a->plan = fov_plan_create(e->model->graph, outputs, 2, &(fov_plan_options){.batch = batch});
    a->rows = (int)batch;
    return a->plan != NULL ? FOV_OK : (int)e->model->context->error.status;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

static void find_ranges(struct ascent *a)
{
    const fov_preprocessing *p = &a->e->model->preprocessing;
    float white = 255.0F * (p->scale > 0.0F ? p->scale : 1.0F / 255.0F);
    for (int c = 0; c < a->e->picture.channels && c < 4; c++) {
        float deviation = p->deviation[c] > 0.0F ? p->deviation[c] : 1.0F;
        a->low[c] = -p->mean[c] / deviation;
        a->range[c] = white / deviation;
    }
}

/* The key of a unit's noise: it does not depend on the units computed beside it. */
static struct random_key key_of(const struct ascent *a, const fov_unit *unit)
{
    uint64_t place = (uint64_t)(unit->row + 1) % 1024 << 10 | (uint64_t)(unit->column + 1) % 1024;
    return (struct random_key){a->e->model->context->seed, RANDOM_GENERATE + OF_UNITS,
                               (uint64_t)unit->channel % (1 << 20) << 20 | place};
}

static void begin(const struct ascent *a, const fov_unit *unit, float *shares)
{
    for (size_t i = 0; i < a->e->pixels; i++) {
        shares[i] = (float)(0.5 + first_noise * random_normal(key_of(a, unit), i));
    }
}

/* How a step sees the pictures: shifted by so many pixels, and enlarged by a factor. */
struct view {
    int down, right;
    double zoom;
};

static struct view draw_view(const struct ascent *a, int step)
{
    const struct random_key key = {a->e->model->context->seed, RANDOM_GENERATE + OF_STEPS, (uint64_t)step};
    int span = 2 * a->how.jitter + 1;
    double shift[2] = {(double)random_uniform(key, 0), (double)random_uniform(key, 1)};
    return (struct view){(int)(shift[0] * span) - a->how.jitter, (int)(shift[1] * span) - a->how.jitter,
                         a->how.jitter > 0 ? 0.9 + 0.2 * (double)random_uniform(key, 2) : 1.0};
}

/* The index of the pixel of the picture that the view shows at (y, x); coordinates wrap around at the edges. */
static size_t seen_from(const struct ascent *a, const struct view *view, int y, int x)
{
    int height = a->e->picture.height, width = a->e->picture.width;
    int row = (int)floor((y + 0.5 - height / 2.0) / view->zoom + height / 2.0) + view->down;
    int column = (int)floor((x + 0.5 - width / 2.0) / view->zoom + width / 2.0) + view->right;
    row = (row % height + height) % height;
    column = (column % width + width) % width;
    return (size_t)row * (size_t)width + (size_t)column;
}

static void show(const struct ascent *a, const struct view *view, const float *shares, float *input)
{
    const struct model_picture *p = &a->e->picture;
    size_t area = (size_t)p->height * (size_t)p->width;
    for (int y = 0; y < p->height; y++) {
        for (int x = 0; x < p->width; x++) {
            size_t from = seen_from(a, view, y, x);
            for (int c = 0; c < p->channels; c++) {
                input[explain_place(a->e, c, y, x)] = a->low[c] + a->range[c] * shares[(size_t)c * area + from];
            }
        }
    }
}

/* Takes the gradient of the view back to the pixels of the picture, and from the input's scale to shares. */
static void take_slope(const struct ascent *a, const struct view *view, const float *slope)
{
    const struct model_picture *p = &a->e->picture;
    size_t area = (size_t)p->height * (size_t)p->width;
    memset(a->slope, 0, a->e->pixels * sizeof *a->slope);
    for (int y = 0; y < p->height; y++) {
        for (int x = 0; x < p->width; x++) {
            size_t to = seen_from(a, view, y, x);
            for (int c = 0; c < p->channels; c++) {
                a->slope[(size_t)c * area + to] += a->range[c] * slope[explain_place(a->e, c, y, x)];
            }
        }
    }
}

/* Pictures vary mostly in brightness, less in colour. So the mean over channels is kept, and the differences from it
 * are reduced, as in the decorrelated space of Olah et al. */
static void weaken_colour(const struct ascent *a, float *slope)
{
    size_t area = (size_t)a->e->picture.height * (size_t)a->e->picture.width;
    for (size_t i = 0; a->e->picture.channels == 3 && i < area; i++) {
        float mean = (slope[i] + slope[area + i] + slope[2 * area + i]) / 3.0F;
        for (size_t c = 0; c < 3; c++) {
            slope[c * area + i] = mean + colour_share * (slope[c * area + i] - mean);
        }
    }
}

static double size_of(const float *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return sqrt(sum / (double)count);
}

/* One step of the ascent. Where the gradient is 0 everywhere (a ReLU below 0), the step is noise. */
static void climb(const struct ascent *a, const fov_unit *unit, int step, float *shares)
{
    const fov_visualise_options *how = &a->how;
    size_t area = (size_t)a->e->picture.height * (size_t)a->e->picture.width;
    bool reached = pyramid_balance(&a->pyramid, a->slope);
    weaken_colour(a, a->slope);
    double size = reached ? size_of(a->slope, a->e->pixels) : 0.0;
    uint64_t later = (uint64_t)(step + 1) * a->e->pixels; /* noise that was not drawn yet */
    for (size_t i = 0; i < a->e->pixels; i++) {
        double up = size > 0.0 ? (double)a->slope[i] / size : random_normal(key_of(a, unit), later + i);
        double share = (double)shares[i] + (double)how->rate * up;
        share = 0.5 + (share - 0.5) * (1.0 - (double)how->decay);
        shares[i] = (float)fmin(fmax(share, 0.0), 1.0);
    }
    for (int c = 0; how->blur > 0.0F && step % BLUR_EVERY == BLUR_EVERY - 1 && c < a->e->picture.channels; c++) {
        pyramid_blur(shares + (size_t)c * area, a->moved, a->e->picture.height, a->e->picture.width, (double)how->blur);
    }
}

/* ---- the ascent -------------------------------------------------------------------------------------------------- */

static void put_seed(const struct ascent *a, int row, const fov_unit *unit)
{
    fov_shape shape = fov_plan_shape(a->plan, a->unit);
    size_t numbers = shape_span(&shape, 1, shape.rank), area = shape.rank == 4 ? shape_span(&shape, 2, 4) : 1;
    float *seed = (float *)fov_plan_data(a->plan, a->seed) + (size_t)row * numbers;
    memset(seed, 0, numbers * sizeof *seed);
    float *channel = seed + (size_t)unit->channel * area;
    if (shape.rank == 4 && unit->row >= 0) {
        channel[(size_t)unit->row * (size_t)shape.dim[3] + (size_t)unit->column] = 1.0F;
        return;
    }
    for (size_t i = 0; i < area; i++) {
        channel[i] = 1.0F / (float)area;
    }
}

static double answer_of(const struct ascent *a, int row)
{
    const float *values = explain_row(a->plan, a->unit, row), *seed = explain_row(a->plan, a->seed, row);
    fov_shape shape = fov_plan_shape(a->plan, a->unit);
    double sum = 0.0;
    for (size_t i = 0, count = shape_span(&shape, 1, shape.rank); i < count; i++) {
        sum += (double)values[i] * (double)seed[i];
    }
    return sum;
}

static int run_plan(const struct ascent *a, int count, const struct view *view, struct error *error)
{
    for (int row = 0; row < count; row++) {
        show(a, view, a->shares + (size_t)row * a->e->pixels, explain_input(a->e, a->plan, row));
    }
    model_fill_own(a->e->model, a->plan);
    fov_plan_run(a->plan, 0);
    for (int row = 0; row < count; row++) {
        if (!isfinite(answer_of(a, row))) {
            return error_set(error, FOV_E_NUMERIC, "the answer of \"%s\" is not finite",
                             fov_value_name(a->e->model->graph, a->unit));
        }
    }
    return FOV_OK;
}

/* Runs the ascent of `count` units from number `first` on, in one batch. */
static int ascend(struct ascent *a, int first, int count, double *answers, struct error *error)
{
    static const struct view straight = {0, 0, 1.0};
    int status = FOV_OK;
    for (int row = 0; row < count; row++) {
        put_seed(a, row, &a->units[first + row]);
        begin(a, &a->units[first + row], a->shares + (size_t)row * a->e->pixels);
    }
    for (int step = 0; step < a->how.steps && status == FOV_OK; step++) {
        struct view view = draw_view(a, step);
        status = run_plan(a, count, &view, error);
        for (int row = 0; row < count && status == FOV_OK; row++) {
            take_slope(a, &view, explain_row(a->plan, a->gradient, row));
            climb(a, &a->units[first + row], step, a->shares + (size_t)row * a->e->pixels);
        }
    }
    status = status == FOV_OK ? run_plan(a, count, &straight, error) : status;
    for (int row = 0; row < count && status == FOV_OK && answers != NULL; row++) {
        answers[first + row] = answer_of(a, row);
    }
    return status;
}

static int make_picture(const struct ascent *a, const float *shares, fov_image *picture, struct error *error)
{
    const struct model_picture *p = &a->e->picture;
    struct memory *memory = a->e->model->context->memory;
    size_t area = (size_t)p->height * (size_t)p->width;
    int channels = p->channels == 1 ? 1 : 3;
    bool turned = a->e->model->preprocessing.bgr && channels == 3;
    *picture = (fov_image){p->height, p->width, channels, NULL, memory, NULL};
    picture->pixels = memory_allocate_raw(memory, area, (size_t)channels, "a picture", error);
    for (size_t i = 0; picture->pixels != NULL && i < area; i++) {
        for (int c = 0; c < channels; c++) {
            int from = turned ? 2 - c : c < p->channels ? c : p->channels - 1;
            picture->pixels[i * (size_t)channels + (size_t)c] =
                (uint8_t)lroundf(255.0F * shares[(size_t)from * area + i]);
        }
    }
    return picture->pixels != NULL ? FOV_OK : FOV_E_MEMORY;
}

static int visualise(struct ascent *a, const char *layer, int count, fov_image *pictures, double *answers,
                     struct error *error)
{
    fov_explainer *e = a->e;
    struct memory *memory = e->model->context->memory;
    a->unit = explain_find(e, layer, error);
    a->unit = a->unit.id == e->model->output.id ? e->scores.logits : a->unit;
    int status = a->unit.id != 0 ? check_units(a, layer, count, error) : (int)error->status;
    status = status == FOV_OK ? add_nodes(a, error) : status;
    status = status == FOV_OK ? open_plan(a, count) : status;
    if (status != FOV_OK) {
        return status;
    }
    size_t area = (size_t)e->picture.height * (size_t)e->picture.width;
    a->shares = memory_allocate(memory, (size_t)a->rows * e->pixels, sizeof(float), "pictures", error);
    a->slope = memory_allocate(memory, e->pixels, sizeof(float), "pictures", error);
    a->moved = memory_allocate(memory, area, sizeof(float), "pictures", error);
    status = pyramid_open(&a->pyramid, memory, e->picture.channels, e->picture.height, e->picture.width, error);
    find_ranges(a);
    for (int done = 0; done < count && status == FOV_OK; done += a->rows) {
        int take = count - done < a->rows ? count - done : a->rows;
        status = ascend(a, done, take, answers, error);
        for (int row = 0; row < take && status == FOV_OK; row++) {
            status = make_picture(a, a->shares + (size_t)row * e->pixels, &pictures[done + row], error);
        }
    }
    return status;
}

static int check_how(const fov_explainer *e, fov_visualise_options *how, int count, struct error *error)
{
    int shorter = e->picture.height < e->picture.width ? e->picture.height : e->picture.width;
    int jitter = shorter >= 2 * SIDES_OF_JITTER ? shorter / SIDES_OF_JITTER : 1;
    how->steps = how->steps == 0 ? STEPS : how->steps;
    how->jitter = how->jitter == 0 ? jitter : how->jitter < 0 ? 0 : how->jitter;
    how->rate = how->rate == 0.0F ? (float)standard_rate : how->rate;
    how->decay = how->decay == 0.0F ? (float)standard_decay : how->decay < 0.0F ? 0.0F : how->decay;
    how->blur = how->blur == 0.0F ? (float)standard_blur : how->blur < 0.0F ? 0.0F : how->blur;
    if (count < 1 || count > MOST_UNITS || how->steps < 1 || how->steps > MOST_STEPS || how->jitter > 1024) {
        return error_set(error, FOV_E_USAGE, "%d units (1 to %d), %d steps (1 to %d), moved by up to %d pixels (1,024)",
                         count, MOST_UNITS, how->steps, MOST_STEPS, how->jitter);
    }
    if (!(how->rate > 0.0F && how->rate <= 1.0F) || !(how->decay <= 1.0F) || !(how->blur <= 16.0F)) {
        return error_set(error, FOV_E_USAGE, "rate %g (above 0, to 1), decay %g (to 1), blur %g pixels (to 16)",
                         (double)how->rate, (double)how->decay, (double)how->blur);
    }
    return FOV_OK;
}

int fov_visualise(fov_explainer *e, const char *layer, const fov_unit *units, int count,
                  const fov_visualise_options *options, fov_image *pictures, double *answers)
{
    if (e == NULL || layer == NULL || units == NULL || pictures == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL,
                           "fov_visualise: explainer, layer, units or pictures is NULL");
    }
    struct error *error = &e->model->context->error;
    struct memory *memory = e->model->context->memory;
    struct call call = call_begin(e->model->context);
    struct ascent a = {.e = e, .units = units};
    if (options != NULL) {
        a.how = *options;
    }
    int status = error->status == FOV_OK ? check_how(e, &a.how, count, error) : (int)error->status;
    bool counts = status == FOV_OK;
    if (counts) {
        memset(pictures, 0, (size_t)count * sizeof *pictures);
        status = visualise(&a, layer, count, pictures, answers, error);
    }
    for (int i = 0; counts && status != FOV_OK && i < count; i++) {
        fov_image_free(&pictures[i]);
    }
    fov_plan_free(a.plan);
    pyramid_close(&a.pyramid);
    memory_free(memory, a.shares);
    memory_free(memory, a.slope);
    memory_free(memory, a.moved);
    call_end(&call);
    return status;
}
