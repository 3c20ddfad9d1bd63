/* SPDX-License-Identifier: MIT */
/* Colourisation: from a grey picture the network predicts the two colour axes of each pixel (lab.h). An answer combines
 * them with the picture's own lightness, so that it stays as sharp as the picture. Zhang, Isola, Efros, "Colorful image
 * colorization", ECCV 2016, section 2, with a plain regression instead of colour bins. */
#include "image/image.h"
#include "metric/figures.h"
#include "task/lab.h"
#include "task/task.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { LOSS_MSE, LOSS_MAE, LOSS_HUBER };
static const char *const loss_names[] = {"mse", "mae", "huber", NULL};
enum { AXES = 2, CHANNELS = 3 };
static const double unit = 110.0; /* divides a* and b*: the network's numbers are about -1 to 1 */

struct options {
    int    loss;
    double delta;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, loss), .kind = ATTRIBUTE_CHOICE, .choices = loss_names,
     .doc = "of an axis: squared, absolute, or squared up to delta"},
    {ATTRIBUTE(struct options, delta), .kind = ATTRIBUTE_NUMBER, .standard = 5, .minimum = 1e-3, .maximum = 220,
     .doc = "huber: where an error stops to count squared, in units of Lab"},
    {.name = NULL},
};

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

/* ---- model and data ---------------------------------------------------------------------------------------------- */

static size_t pixels_of(const struct task_use *use)
{
    return (size_t)use->target.dim[2] * (size_t)use->target.dim[3];
}

/* Makes the network's grey picture by luma, as for any picture that is read into one channel. */
static void make_grey(const void *user, const uint8_t *clean, uint8_t *worse, struct transform_draw *draw)
{
    const struct task_use *use = user;
    (void)draw;
    image_convert(clean, CHANNELS, worse, IMAGE_GREY, pixels_of(use));
}

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    if (status != FOV_OK) {
        return status;
    }
    fov_shape out = fov_value_shape(use->model->graph, use->model->output);
    const struct picture_size *size = &use->prepare.size;
    int pad = 2 * use->model->preprocessing.pad;
    bool fits = out.rank == 4 && out.dim[0] == FOV_BATCH && out.dim[1] == AXES && out.dim[2] == size->height - pad &&
                out.dim[3] == size->width - pad && size->channels == 1;
    if (!fits) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(
            error, FOV_E_SHAPE,
            "colour is two numbers for each pixel of a grey picture: [N, 1, %d, %d] becomes [N, 2, %d, %d]; "
            "this network reads %d channels and makes %s",
            size->height, size->width, size->height - pad, size->width - pad, size->channels, shape_text(&out, text));
    }
    use->scores =
        (struct model_scores){.meaning = FOV_MEANING_MAP, .logits = use->model->output, .count = AXES};
    use->prepare.target = PREPARE_DEGRADED;
    use->prepare.other = (struct picture_size){CHANNELS, (int)out.dim[2], (int)out.dim[3]};
    use->prepare.degrade = make_grey;
    use->prepare.user = use;
    use->dtype = FOV_F32;
    use->target = out;
    return FOV_OK;
}

static void network(const struct task_use *use, fov_network_options *wanted)
{
    (void)use;
    wanted->channels = wanted->channels != 0 ? wanted->channels : 1;
    wanted->classes = wanted->classes != 0 ? wanted->classes : AXES;
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct options *o = options_of(use);
    fov_value made = ends->scores.logits;
    ends->targets = task_add_targets(use, graph);
    ends->loss = o->loss == LOSS_MSE   ? fov_mse(graph, made, ends->targets)
                 : o->loss == LOSS_MAE ? fov_mae(graph, made, ends->targets)
                                       : fov_huber(graph, made, ends->targets, (float)(o->delta / unit));
}

/* Converts RGB bytes [height, width, 3] to colour axes [2, height, width]. */
static int write_axes(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                      struct error *error)
{
    size_t pixels = pixels_of(use);
    float *out = (float *)targets + place * AXES * pixels;
    (void)error;
    for (size_t p = 0; p < pixels; p++) {
        double lab[3];
        lab_from_rgb(prepared->other + CHANNELS * p, lab);
        out[p] = (float)(lab[1] / unit);
        out[pixels + p] = (float)(lab[2] / unit);
    }
    return FOV_OK;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    (void)use;
    (void)scores;
    (void)outputs;
    (void)targets;
    (void)count;
    (void)sums; /* no figure is counted while training: a root of a mean is no quotient of sums */
}

enum { ERROR, GREY, MEAN, FIGURES };
/* Sums over pixels. The error of the mean colour follows from .axis and .grey, the first two moments of the truth. */
struct colour_tally {
    double square, grey, axis[AXES], count;
};

static int tally_open(struct task_tally *tally, struct error *error)
{
    tally->state = memory_allocate(tally->memory, 1, sizeof(struct colour_tally), "sums", error);
    return tally->state != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    memory_free(tally->memory, tally->state);
    tally->state = NULL;
}

static void tally_reset(struct task_tally *tally)
{
    *(struct colour_tally *)tally->state = (struct colour_tally){.count = 0.0};
}

static double loss_of(const struct options *o, double error)
{
    double size = fabs(error), delta = o->delta / unit;
    return o->loss == LOSS_MSE ? size * size : o->loss == LOSS_MAE ? size
           : size <= delta     ? size * size / 2.0
                               : delta * (size - delta / 2.0);
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct colour_tally *sums = tally->state;
    const float *truth = targets;
    size_t pixels = pixels_of(tally->use), numbers = AXES * pixels;
    for (size_t i = 0; i < count; i++, outputs += numbers, truth += numbers) {
        struct colour_tally one = {.count = (double)pixels};
        double loss = 0.0;
        for (size_t k = 0; k < numbers; k++) {
            double wanted = (double)truth[k], error = (double)outputs[k] - wanted;
            loss += loss_of(options_of(tally->use), error);
            one.square += error * error;
            one.grey += wanted * wanted;
            one.axis[k / pixels] += wanted;
        }
        if (!isfinite(loss)) {
            return i;
        }
        sums->square += one.square;
        sums->grey += one.grey;
        sums->axis[0] += one.axis[0];
        sums->axis[1] += one.axis[1];
        sums->count += one.count;
        tally->loss += loss / (double)numbers;
        tally->count++;
    }
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const struct colour_tally *s = tally->state;
    double grey = ratio_or_undefined(s->grey, s->count), mean = grey;
    for (int a = 0; a < AXES; a++) {
        double middle = ratio_or_undefined(s->axis[a], s->count);
        mean -= middle * middle;
    }
    values[ERROR] = unit * sqrt(ratio_or_undefined(s->square, s->count));
    values[GREY] = unit * sqrt(grey);
    values[MEAN] = unit * sqrt(fmax(mean, 0.0));
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    static const char *const names[FIGURES] = {"ab_error", "grey_error", "mean_error"};
    double values[FIGURES];
    fov_metrics *metrics = tally->keeps_answers ? figures_create(tally->use->model->context) : NULL;
    tally_figures(tally, values);
    for (int i = 0; metrics != NULL && i < FIGURES; i++) {
        figures_number(metrics, names[i], values[i]);
    }
    report->metrics = metrics != NULL ? figures_finish(metrics) : NULL;
    return tally->keeps_answers && report->metrics == NULL ? (int)error->status : FOV_OK;
}

/* ---- an answer --------------------------------------------------------------------------------------------------- */

/* The value of a colour axis at a place (y, x) of the network's map, interpolated bilinearly between its pixels. */
static double axis_at(const float *axis, int height, int width, double y, double x)
{
    double down = fmin(fmax(y, 0.0), height - 1.0), across = fmin(fmax(x, 0.0), width - 1.0);
    int top = (int)down, left = (int)across;
    int bottom = top + 1 < height ? top + 1 : top, right = left + 1 < width ? left + 1 : left;
    double v = down - top, h = across - left;
    double above = (1.0 - h) * (double)axis[top * width + left] + h * (double)axis[top * width + right];
    double below = (1.0 - h) * (double)axis[bottom * width + left] + h * (double)axis[bottom * width + right];
    return (1.0 - v) * above + v * below;
}

/* Combines the lightness of the original picture, at its size, with the predicted colours. */
static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    int height = (int)output->shape.dim[2], width = (int)output->shape.dim[3];
    const fov_image *from = output->picture;
    fov_image *made = &answer->picture;
    int status = from == NULL ? error_set(error, FOV_E_UNSUPPORTED, "colours belong to a picture, which is not there")
                              : answer_picture(made, use->model, from->height, from->width, CHANNELS, error);
    for (int i = 0; status == FOV_OK && i < from->height * from->width; i++) {
        uint8_t rgb[CHANNELS];
        double lab[3];
        double y = (i / from->width + 0.5) * height / from->height - 0.5;
        double x = (i % from->width + 0.5) * width / from->width - 0.5;
        image_convert(from->pixels + (size_t)i * (size_t)from->channels, from->channels, rgb, CHANNELS, 1);
        lab_from_rgb(rgb, lab);
        lab[1] = unit * axis_at(output->numbers, height, width, y, x);
        lab[2] = unit * axis_at(output->numbers + (size_t)height * (size_t)width, height, width, y, x);
        lab_to_rgb(lab, made->pixels + (size_t)i * CHANNELS);
    }
    return status;
}

static const struct task_figure figures[] = {
    {.name = "ab_error", .column = "ab_error", .lower_is_better = true, .heading = "ab error",
     .doc = "root of the mean squared distance of colours, in units of Lab"},
    {.name = "grey_error", .column = "grey_error", .lower_is_better = true,
     .doc = "the same of pictures left grey: to be compared with"},
    {.name = "mean_error", .column = "mean_error", .lower_is_better = true,
     .doc = "the same of one colour for all, the mean of these pictures"},
    {.name = NULL},
};

const struct task task_colour = {
    .name = "colour",
    .summary = "colours for grey pictures",
    .target = FOV_TARGET_NONE,
    .asked_only = true,
    .targets = 1U << FOV_TARGET_NONE | 1U << FOV_TARGET_CLASS | 1U << FOV_TARGET_CLASSES | 1U << FOV_TARGET_VALUES |
               1U << FOV_TARGET_MASK | 1U << FOV_TARGET_BOXES,
    .augment = "",
    .optimizer = "adam",
    .rate = 1e-3,
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .per_pixel = true,
    .fit = fit,
    .network = network,
    .add_loss = add_loss,
    .write = write_axes,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .answer = answer,
};
