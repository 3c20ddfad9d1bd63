/* SPDX-License-Identifier: MIT */
/* Restoration: the network gets a degraded picture and learns to give back the original. Pairs come from the data, or
 * are made from the pictures of any dataset by degrading them: noise, grey, or small. Values are 0 (black) to 1
 * (white). */
#include "metric/figures.h"
#include "metric/pictures.h"
#include "task/task.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { LOSS_MSE, LOSS_MAE, LOSS_HUBER };
enum { FROM_PAIRS, FROM_NOISE, FROM_GREY, FROM_SMALL };
static const char *const loss_names[] = {"mse", "mae", "huber", NULL};
static const char *const from_names[] = {"pairs", "noise", "grey", "small", NULL};

struct options {
    int     from, loss;
    double  noise, delta;
    int64_t small;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, from), .kind = ATTRIBUTE_CHOICE, .choices = from_names,
     .doc = "the data's pairs, or its pictures made worse"},
    {ATTRIBUTE(struct options, loss), .kind = ATTRIBUTE_CHOICE, .choices = loss_names,
     .doc = "squared, absolute, or squared up to delta"},
    {ATTRIBUTE(struct options, noise), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .minimum = 0, .maximum = 2,
     .doc = "from=noise: its deviation, of 1"},
    {ATTRIBUTE(struct options, delta), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .minimum = 1e-6, .maximum = 10,
     .doc = "huber: where an error stops to count squared"},
    {ATTRIBUTE(struct options, small), .kind = ATTRIBUTE_INTEGER, .standard = 2, .minimum = 2, .maximum = 8,
     .doc = "from=small: how many times smaller"},
    {.name = NULL},
};

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

/** Parameters of the degradation. */
struct image_state {
    struct memory      *memory;
    struct options      options;
    struct picture_size better, worse; /* sizes of the target, and of the input without padding */
};

/* ---- making pictures worse --------------------------------------------------------------------------------------- */

static uint8_t as_byte(double value)
{
    return (uint8_t)lround(fmin(fmax(value, 0.0), 255.0));
}

/* The value of a pixel in a channel of the input, where target and input have the same size; grey by luma. */
static uint8_t in_channels(const uint8_t *pixel, const struct image_state *state, int channel)
{
    int from = state->better.channels;
    if (from == 3 && state->worse.channels == 4 && state->options.from != FROM_GREY) {
        return channel < 3 ? pixel[channel] : 255; /* opaque */
    }
    if (from == state->worse.channels && state->options.from != FROM_GREY) {
        return pixel[channel];
    }
    return from == 1 ? pixel[0] : as_byte(colours_luma(pixel, from));
}

/* The mean over the block of `side` x `side` pixels with the index (row, column), in a channel of the input; blocks at
 * the edges may be smaller. */
static double block_mean(const struct image_state *state, const uint8_t *clean, int row, int column, int channel)
{
    int side = (int)state->options.small, count = 0;
    double sum = 0.0;
    for (int y = row * side; y < (row + 1) * side && y < state->better.height; y++) {
        for (int x = column * side; x < (column + 1) * side && x < state->better.width; x++) {
            size_t at = (size_t)y * (size_t)state->better.width + (size_t)x;
            sum += in_channels(clean + at * (size_t)state->better.channels, state, channel);
            count++;
        }
    }
    return sum / count;
}

/* The two neighbouring blocks, of `count`, between which a place lies; returns the weight of the second one. */
static double neighbours(double place, int count, int *first, int *second)
{
    double held = fmin(fmax(place, 0.0), count - 1.0);
    *first = (int)held;
    *second = *first + 1 < count ? *first + 1 : *first;
    return held - *first;
}

/* Averages blocks to pixels and, where the network's input has the full size, enlarges the result bilinearly. */
static void make_small(const struct image_state *state, const uint8_t *clean, uint8_t *worse)
{
    int side = (int)state->options.small, channels = state->worse.channels;
    int rows = (state->better.height + side - 1) / side, columns = (state->better.width + side - 1) / side;
    for (int y = 0; y < state->worse.height; y++) {
        int above, below, left, right;
        double down = neighbours((y + 0.5) * rows / state->worse.height - 0.5, rows, &above, &below);
        for (int x = 0; x < state->worse.width; x++) {
            double across = neighbours((x + 0.5) * columns / state->worse.width - 0.5, columns, &left, &right);
            for (int c = 0; c < channels; c++) {
                double upper = (1.0 - across) * block_mean(state, clean, above, left, c) +
                               across * block_mean(state, clean, above, right, c);
                double lower = (1.0 - across) * block_mean(state, clean, below, left, c) +
                               across * block_mean(state, clean, below, right, c);
                *worse++ = as_byte((1.0 - down) * upper + down * lower);
            }
        }
    }
}

static void degrade(const void *user, const uint8_t *clean, uint8_t *worse, struct transform_draw *draw)
{
    const struct image_state *state = user;
    int channels = state->worse.channels;
    size_t pixels = (size_t)state->worse.height * (size_t)state->worse.width;
    if (state->options.from == FROM_SMALL) {
        make_small(state, clean, worse);
        return;
    }
    for (size_t p = 0; p < pixels; p++, clean += state->better.channels) {
        for (int c = 0; c < channels; c++) {
            double value = in_channels(clean, state, c);
            if (state->options.from == FROM_NOISE) {
                value += 255.0 * state->options.noise * draw_normal(draw);
            }
            *worse++ = as_byte(value);
        }
    }
}

/* ---- model and data ---------------------------------------------------------------------------------------------- */

static int check_sizes(const struct image_state *state, struct error *error)
{
    const struct picture_size *better = &state->better, *worse = &state->worse;
    int side = (int)state->options.small;
    bool is_same = better->height == worse->height && better->width == worse->width;
    bool is_small = state->options.from == FROM_SMALL && (better->height + side - 1) / side == worse->height &&
                    (better->width + side - 1) / side == worse->width;
    if (state->options.from == FROM_PAIRS || is_same || is_small) {
        return FOV_OK;
    }
    return error_set(error, FOV_E_SHAPE,
                     "the network makes %d x %d pixels of %d x %d: from=%s needs as many%s", better->height,
                     better->width, worse->height, worse->width, from_names[state->options.from],
                     state->options.from == FROM_SMALL ? ", or :small= times as many" : "");
}

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    fov_shape out = status == FOV_OK ? fov_value_shape(use->model->graph, use->model->output) : (fov_shape){0};
    if (status == FOV_OK && (out.rank != 4 || out.dim[0] != FOV_BATCH || (out.dim[1] != 1 && out.dim[1] != 3) ||
                             model_map_is_channels_last(use->model, use->model->output))) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE, "output \"%s\" %s is no picture, [N, 1 or 3, H, W]",
                         fov_value_name(use->model->graph, use->model->output), shape_text(&out, text));
    }
    if (status == FOV_OK && use->data != NULL && options_of(use)->from == FROM_PAIRS &&
        use->data->target != FOV_TARGET_PICTURE) {
        return error_set(error, FOV_E_USAGE,
                         "%s has no second pictures; say how the first are made worse: image:from=noise, from=grey or "
                         "from=small",
                         use->data->name);
    }
    struct image_state *state = NULL;
    if (status == FOV_OK) {
        struct memory *memory = use->model->context->memory;
        state = use->state = memory_allocate(memory, 1, sizeof *state, "a task", error);
        status = state != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    if (status != FOV_OK) {
        return status;
    }
    int pad = 2 * use->model->preprocessing.pad;
    const struct picture_size *size = &use->prepare.size;
    *state = (struct image_state){.memory = use->model->context->memory,
                                  .options = *options_of(use),
                                  .better = {(int)out.dim[1], (int)out.dim[2], (int)out.dim[3]},
                                  .worse = {size->channels, size->height - pad, size->width - pad}};
    use->scores = (struct model_scores){
        .meaning = FOV_MEANING_MAP, .logits = use->model->output, .count = (int)out.dim[1]};
    use->prepare.target = state->options.from == FROM_PAIRS ? PREPARE_OTHER : PREPARE_DEGRADED;
    use->prepare.other = state->better;
    use->prepare.degrade = degrade;
    use->prepare.user = state;
    use->dtype = FOV_F32;
    use->target = out;
    return check_sizes(state, error);
}

static void close_use(struct task_use *use)
{
    struct image_state *state = use->state;
    if (state != NULL) {
        memory_free(state->memory, state);
        use->state = NULL;
    }
}

static void network(const struct task_use *use, fov_network_options *wanted)
{
    int channels = use->data->channels == 1 ? 1 : 3;
    wanted->classes = wanted->classes != 0 ? wanted->classes : channels;
    if (options_of(use)->from == FROM_GREY && wanted->channels == 0) {
        wanted->channels = 1;
    }
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct options *o = options_of(use);
    fov_value made = ends->scores.logits;
    ends->targets = task_add_targets(use, graph);
    ends->loss = o->loss == LOSS_MSE   ? fov_mse(graph, made, ends->targets)
                 : o->loss == LOSS_MAE ? fov_mae(graph, made, ends->targets)
                                       : fov_huber(graph, made, ends->targets, (float)o->delta);
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static const double most_decibels = 100; /* PSNR of equal pictures, finite so that a mean can be taken */

static double psnr_of(double square)
{
    return fmin(pictures_psnr(square, 1.0), most_decibels);
}

/* Clips a value to what a picture can show: 0 to 1. */
static double shown(float value)
{
    return fmin(fmax((double)value, 0.0), 1.0);
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    const float *truth = targets;
    size_t numbers = task_target_bytes(use) / sizeof *truth;
    (void)scores;
    for (size_t i = 0; i < count; i++, outputs += numbers, truth += numbers) {
        double square = 0.0;
        for (size_t k = 0; k < numbers; k++) {
            double error = shown(outputs[k]) - (double)truth[k];
            square += error * error;
        }
        sums[0] += psnr_of(square / (double)numbers);
        sums[1] += 1.0;
    }
}

enum { MEASURES = 4 /* PSNR, SSIM, squared error, SSIM of samples' variances */ };

struct image_tally {
    double sum[MEASURES], defined[MEASURES]; /* over pictures */
    double *a, *b, *workspace; /* two pictures [height, width, channels] */
};

static struct picture_pair pair_of(const struct task_tally *tally)
{
    const struct image_tally *sums = tally->state;
    const struct picture_size *size = &((const struct image_state *)tally->use->state)->better;
    return (struct picture_pair){size->height, size->width, size->channels, sums->a, sums->b, 1.0};
}

static int tally_open(struct task_tally *tally, struct error *error)
{
    struct memory *memory = tally->memory;
    struct image_tally *sums = tally->state = memory_allocate(memory, 1, sizeof *sums, "sums", error);
    if (sums == NULL) {
        return FOV_E_MEMORY;
    }
    *sums = (struct image_tally){.a = NULL};
    size_t numbers = task_target_bytes(tally->use) / sizeof(float);
    struct picture_pair pair = pair_of(tally);
    sums->a = memory_allocate(memory, numbers, sizeof *sums->a, "a picture", error);
    sums->b = memory_allocate(memory, numbers, sizeof *sums->b, "a picture", error);
    sums->workspace =
        memory_allocate(memory, (size_t)pictures_workspace(&pair), sizeof *sums->workspace, "a picture", error);
    return sums->a != NULL && sums->b != NULL && sums->workspace != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    struct image_tally *sums = tally->state;
    if (sums != NULL) {
        memory_free(tally->memory, sums->a);
        memory_free(tally->memory, sums->b);
        memory_free(tally->memory, sums->workspace);
        memory_free(tally->memory, sums);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    struct image_tally *sums = tally->state;
    memset(sums->sum, 0, sizeof sums->sum);
    memset(sums->defined, 0, sizeof sums->defined);
}

/* Converts output and truth from planes to pixels in .a and .b; returns the loss. */
static double take_picture(const struct task_tally *tally, const float *outputs, const float *truth)
{
    const struct image_tally *sums = tally->state;
    const struct options *o = options_of(tally->use);
    struct picture_pair pair = pair_of(tally);
    size_t channels = (size_t)pair.channels, pixels = (size_t)(pair.height * pair.width);
    double loss = 0.0;
    for (size_t c = 0; c < channels; c++) {
        for (size_t p = 0; p < pixels; p++) {
            double made = (double)outputs[c * pixels + p], wanted = (double)truth[c * pixels + p];
            double size = fabs(made - wanted);
            loss += o->loss == LOSS_MSE   ? size * size
                    : o->loss == LOSS_MAE ? size
                    : size <= o->delta    ? size * size / 2.0
                                          : o->delta * (size - o->delta / 2.0);
            sums->a[p * channels + c] = shown(outputs[c * pixels + p]);
            sums->b[p * channels + c] = wanted;
        }
    }
    return loss / (double)(channels * pixels);
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct image_tally *sums = tally->state;
    const float *truth = targets;
    size_t numbers = task_target_bytes(tally->use) / sizeof *truth;
    struct picture_pair pair = pair_of(tally);
    for (size_t i = 0; i < count; i++, outputs += numbers, truth += numbers) {
        double loss = take_picture(tally, outputs, truth), ssim[2];
        if (!isfinite(loss)) {
            return i;
        }
        double square = pictures_square_error(&pair);
        pictures_similarity(&pair, sums->workspace, ssim);
        const double measured[MEASURES] = {psnr_of(square), ssim[0], square, ssim[1]};
        for (int m = 0; m < MEASURES; m++) {
            sums->sum[m] += isnan(measured[m]) ? 0.0 : measured[m];
            sums->defined[m] += isnan(measured[m]) ? 0.0 : 1.0;
        }
        tally->count++;
        tally->loss += loss;
    }
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const struct image_tally *sums = tally->state;
    values[0] = ratio_or_undefined(sums->sum[0], sums->defined[0]);
    values[1] = ratio_or_undefined(sums->sum[1], sums->defined[1]);
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    static const char *const names[MEASURES] = {"psnr", "ssim", "mse", "ssim_sample_covariance"};
    const struct image_tally *sums = tally->state;
    fov_metrics *metrics = tally->keeps_answers ? figures_create(tally->use->model->context) : NULL;
    for (int m = 0; metrics != NULL && m < MEASURES; m++) {
        figures_number(metrics, names[m], ratio_or_undefined(sums->sum[m], sums->defined[m]));
    }
    report->metrics = metrics != NULL ? figures_finish(metrics) : NULL;
    return tally->keeps_answers && report->metrics == NULL ? (int)error->status : FOV_OK;
}

/* ---- an answer --------------------------------------------------------------------------------------------------- */

/* The network's picture, resized to the aspect ratio of the picture that was given. */
static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    const struct image_state *state = use->state;
    const struct picture_size *better = &state->better, *worse = &state->worse;
    int times = state->options.from == FROM_SMALL ? (int)state->options.small : 1;
    int height = output->height * times, width = output->width * times;
    if (times == 1 && state->options.from == FROM_PAIRS) {
        height = (int)((int64_t)output->height * better->height / worse->height);
        width = (int)((int64_t)output->width * better->width / worse->width);
    }
    return answer_output_picture(use, output, height, width, answer, error);
}

static const struct task_figure figures[] = {
    {.name = "psnr", .column = "psnr", .heading = "PSNR", .while_training = true,
     .doc = "peak signal-to-noise ratio in decibels, mean over pictures; an equal one counts 100"},
    {.name = "ssim", .column = "ssim", .heading = "SSIM", .doc = "structural similarity, mean over pictures"},
    {.name = NULL},
};

const struct task task_image = {
    .name = "image",
    .summary = "a picture for each picture: without noise, in colour, larger",
    .target = FOV_TARGET_PICTURE,
    .targets = 1U << FOV_TARGET_PICTURE | 1U << FOV_TARGET_NONE | 1U << FOV_TARGET_CLASS | 1U << FOV_TARGET_CLASSES |
               1U << FOV_TARGET_VALUES | 1U << FOV_TARGET_MASK | 1U << FOV_TARGET_BOXES,
    .augment = "",
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .per_pixel = true,
    .fit = fit,
    .network = network,
    .close = close_use,
    .add_loss = add_loss,
    .write = write_picture,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .answer = answer,
};
