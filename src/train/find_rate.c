/* SPDX-License-Identifier: MIT */
/* The learning-rate range test (Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3): a
 * short run whose rate grows from step to step, while the loss is recorded. It is an ordinary run with the schedule
 * "geometric", observed by an on_step callback; the model's weights are restored afterwards. */
#include "base/arithmetic.h"
#include "model/model.h"
#include "report/plot.h"
#include <fovea/train.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STANDARD_STEPS = 200, LEAST_STEPS = 10, SETTLED = 5 };

static const double SMOOTHING = 0.9, TOO_MUCH = 4.0;

struct search {
    fov_rate_curve *curve;
    const fov_train_options *given; /* the caller's options, whose .user belongs to its .order */
    double average, power; /* exponential average of the loss before bias correction, and its bias: SMOOTHING^steps */
};

/* The on_step callback: records a point. Nonzero ends the run: all steps are done, or the loss has diverged. */
static int look(const fov_progress *progress, void *user)
{
    struct search *search = user;
    fov_rate_curve *curve = search->curve;
    search->average = SMOOTHING * search->average + (1.0 - SMOOTHING) * progress->loss;
    search->power *= SMOOTHING;
    double smooth = search->average / (1.0 - search->power);
    int i = curve->count++;
    curve->rate[i] = progress->learning_rate;
    curve->loss[i] = progress->loss;
    curve->smooth[i] = smooth;
    if (i >= SETTLED && (curve->lowest == 0 || smooth < curve->smooth[curve->lowest])) {
        curve->lowest = i;
    }
    return curve->count == curve->capacity || (curve->lowest > 0 && smooth > TOO_MUCH * curve->smooth[curve->lowest]);
}

/* The caller's order of samples. */
static void order(void *user, int epoch, uint32_t *samples, int64_t count)
{
    const struct search *search = user;
    search->given->order(search->given->user, epoch, samples, count);
}

/* Finds the step where the smoothed loss falls fastest over the logarithm of the rate, before its minimum. */
static void find_steepest(fov_rate_curve *curve)
{
    double most = 0.0;
    for (int i = SETTLED; i + 1 < curve->lowest; i++) {
        double slope =
            (curve->smooth[i - 1] - curve->smooth[i + 1]) / (log(curve->rate[i + 1]) - log(curve->rate[i - 1]));
        if (slope > most) {
            most = slope;
            curve->steepest = i;
        }
    }
}

/* ---- the model's weights, kept meanwhile ------------------------------------------------------------------------- */

static size_t parameter_bytes(const fov_graph *graph, int i)
{
    return graph_value(graph, fov_parameter_at(graph, i).id)->bytes;
}

static int keep(fov_graph *graph, unsigned char **kept, struct error *error)
{
    size_t all = 0;
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        all += parameter_bytes(graph, i);
    }
    *kept = memory_allocate_raw(graph->context->memory, all + 1, 1, "weights", error);
    unsigned char *at = *kept;
    int status = at != NULL ? FOV_OK : FOV_E_MEMORY;
    for (int i = 0; status == FOV_OK && i < fov_parameter_count(graph); i++) {
        status = fov_parameter_get(graph, fov_parameter_at(graph, i), at, parameter_bytes(graph, i));
        at += parameter_bytes(graph, i);
    }
    return status;
}

static int put_back(fov_graph *graph, const unsigned char *kept)
{
    int status = FOV_OK;
    for (int i = 0; status == FOV_OK && i < fov_parameter_count(graph); i++) {
        status = fov_parameter_set(graph, fov_parameter_at(graph, i), kept, parameter_bytes(graph, i));
        kept += parameter_bytes(graph, i);
    }
    return status;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static int search_run(fov_model *model, fov_dataset *data, const fov_train_options *given,
                      const fov_rate_options *range, fov_rate_curve *curve)
{
    struct error *error = &model->context->error;
    struct search search = {.curve = curve, .given = given, .power = 1.0};
    fov_train_options options = given != NULL ? *given : (fov_train_options){0};
    unsigned char *kept = NULL;
    char schedule[96];
    text_append(schedule, sizeof schedule, 0, "geometric:lr_final=%.9g:steps=%d", range->to, curve->capacity);
    options.schedule = schedule;
    options.lr = (float)range->from;
    options.epochs = curve->capacity; /* an epoch has at least one step, so that there are enough */
    options.lr_by_name = NULL;
    options.warmup = 0;
    options.minutes = 0.0f;
    options.patience = 0;
    options.ema = 0.0f;
    options.validate = NULL;
    options.directory = NULL;
    options.resume = false;
    options.tensorboard = false;
    options.ranks = NULL; /* each rank tests alone, with the same result */
    options.on_plan = NULL;
    options.rate = NULL;
    options.on_step = look;
    options.on_epoch = NULL;
    options.order = options.order != NULL ? order : NULL;
    options.user = &search;
    int status = keep(model->graph, &kept, error);
    if (status == FOV_OK) {
        status = fov_train_opt(model, data, &options);
        if (status == FOV_E_INTERRUPTED || (status == FOV_E_NUMERIC && curve->count > 0)) {
            error_clear(error); /* the expected end of the run */
            status = FOV_OK;
        }
    }
    int restored = kept != NULL ? put_back(model->graph, kept) : FOV_OK;
    memory_free(model->context->memory, kept);
    status = status == FOV_OK ? restored : status;
    if (status == FOV_OK && curve->lowest == 0) {
        status = error_set(error, FOV_E_NUMERIC, "the loss ran away within %d steps: begin with a smaller rate than %g",
                           curve->count, range->from);
    }
    return status;
}

static int find_rate(fov_model *model, fov_dataset *data, const fov_train_options *options,
                     const fov_rate_options *range, fov_rate_curve *curve)
{
    struct memory *memory = model->context->memory;
    struct error *error = &model->context->error;
    fov_rate_options r = range != NULL ? *range : (fov_rate_options){0};
    *curve = (fov_rate_curve){.lowest = 0};
    r.from = r.from > 0.0 ? r.from : 1e-6;
    r.to = r.to > 0.0 ? r.to : 10.0;
    r.steps = r.steps > 0 ? r.steps : STANDARD_STEPS;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (!(r.from < r.to) || r.to > 1e6 || r.from < 1e-12 || r.steps < LEAST_STEPS) {
        return error_set(error, FOV_E_USAGE, "rates from %g to %g in %d steps: from 1e-12 up to 1e6, in %d or more",
                         r.from, r.to, r.steps, LEAST_STEPS);
    }
    curve->rate = memory_allocate(memory, (size_t)r.steps, 3 * sizeof(double), "a curve", error);
    if (curve->rate == NULL) {
        return FOV_E_MEMORY;
    }
    curve->owner = memory;
    curve->capacity = r.steps;
    curve->loss = curve->rate + r.steps;
    curve->smooth = curve->loss + r.steps;
    int status = search_run(model, data, options, &r, curve);
    if (status != FOV_OK) {
        fov_rate_curve_free(curve);
        return status;
    }
    find_steepest(curve);
    curve->suggestion = curve->rate[curve->lowest] / 10.0;
    return FOV_OK;
}

int fov_find_rate(fov_model *model, fov_dataset *data, const fov_train_options *options, const fov_rate_options *range,
                  fov_rate_curve *curve)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (data == NULL || curve == NULL) {
        return call_refuse(model->context, "fov_find_rate: data or curve is NULL");
    }
    struct call call = call_begin(model->context);
    int status = find_rate(model, data, options, range, curve);
    call_end(&call);
    return status;
}

void fov_rate_curve_free(fov_rate_curve *curve)
{
    if (curve != NULL && curve->owner != NULL) {
        memory_free(curve->owner, curve->rate);
        *curve = (fov_rate_curve){.lowest = 0};
    }
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static const double WIDTH = 560, HEIGHT = 360, LEFT = 64, TOP = 48, ACROSS = 464, DOWN = 248;

struct limits {
    double first, last, low, high; /* decades of the rate; loss */
};

static double place_x(const struct limits *l, double rate)
{
    return LEFT + (log10(rate) - l->first) / (l->last - l->first) * ACROSS;
}

static double place_y(const struct limits *l, double loss)
{
    double y = TOP + (l->high - loss) / (l->high - l->low) * DOWN;
    return y < TOP ? TOP : y;
}

/* The vertical axis goes from the minimum to a little above the curve's first value, since the diverging end would
 * flatten everything else. */
static struct limits find_limits(const fov_rate_curve *curve)
{
    double low = curve->smooth[curve->lowest], begin = curve->smooth[0];
    double room = begin > low ? begin - low : fabs(low) + 0.01;
    return (struct limits){.first = log10(curve->rate[0]),
                           .last = log10(curve->rate[curve->count - 1]),
                           .low = low - 0.1 * room,
                           .high = (begin > low ? begin : low) + 0.4 * room};
}

static void draw_axes(struct plot *plot, const struct limits *l)
{
    char text[64];
    plot_text(plot, LEFT, TOP - 20, -1, 14, PLOT_INK, true, false, "Loss while the learning rate grows");
    double step = plot_tick(l->low, l->high, 6);
    for (double v = ceil(l->low / step - 1e-9) * step; v <= l->high + step * 1e-9; v += step) {
        snprintf(text, sizeof text, "%.6g", fabs(v) < step * 1e-9 ? 0.0 : v);
        plot_line(plot, LEFT, place_y(l, v), LEFT + ACROSS, place_y(l, v), PLOT_GRID, 1);
        plot_text(plot, LEFT - 8, place_y(l, v), 1, 11, PLOT_FAINT, false, false, text);
    }
    for (double decade = ceil(l->first - 1e-9); decade <= l->last + 1e-9; decade += 1.0) {
        double x = place_x(l, pow(10.0, decade));
        snprintf(text, sizeof text, "%g", pow(10.0, decade));
        plot_line(plot, x, TOP + DOWN, x, TOP + DOWN + 4, PLOT_FAINT, 1);
        plot_text(plot, x, TOP + DOWN + 15, 0, 11, PLOT_FAINT, false, false, text);
    }
    plot_line(plot, LEFT, TOP + DOWN, LEFT + ACROSS, TOP + DOWN, PLOT_FAINT, 1);
    plot_text(plot, LEFT + ACROSS / 2, TOP + DOWN + 36, 0, 12, PLOT_FAINT, false, false, "learning rate");
}

static void draw(struct plot *plot, const void *what)
{
    const fov_rate_curve *curve = what;
    const struct limits l = find_limits(curve);
    char text[64];
    draw_axes(plot, &l);
    for (int i = 0; i + 1 < curve->count; i++) {
        const double x[] = {place_x(&l, curve->rate[i]), place_x(&l, curve->rate[i + 1])};
        const double y[] = {place_y(&l, curve->smooth[i]), place_y(&l, curve->smooth[i + 1])};
        plot_curve(plot, x, y, 2, PLOT_BLUE, 2.0, false, false);
    }
    double x = place_x(&l, curve->suggestion > curve->rate[0] ? curve->suggestion : curve->rate[0]);
    snprintf(text, sizeof text, "a tenth of the lowest: %.2g", curve->suggestion);
    plot_line(plot, x, TOP, x, TOP + DOWN, PLOT_ORANGE, 1.5);
    bool right = x < LEFT + ACROSS / 2;
    plot_text(plot, right ? x + 8 : x - 8, TOP + DOWN - 12, right ? -1 : 1, 12, PLOT_INK, false, false, text);
}

int fov_draw_rates(fov_context *context, const fov_rate_curve *curve, const char *svg, const char *png)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (curve == NULL) {
        return call_refuse(context, "fov_draw_rates: curve is NULL");
    }
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (curve->count < 2) {
        return error_set(error, FOV_E_INPUT, "a curve of %d points: nothing to draw", curve->count);
    }
    struct call call = call_begin(context);
    int status = plot_files(WIDTH, HEIGHT, draw, curve, svg, png, error);
    call_end(&call);
    return status;
}
