/* SPDX-License-Identifier: MIT */
/* Style: a network learns to repaint any picture in the manner of one picture, in a single pass. Its loss is what a
 * trained network sees (perceptual.h): the maps of its output should equal those of its input, the Gram matrices those
 * of the picture of the style. Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer and
 * super-resolution", ECCV 2016, section 3.2. The trained network is a constant of the loss: it is not learned, and not
 * saved with the model. A model that only answers needs neither it nor the picture. */
#include "base/hash.h"
#include "graph/copy.h"
#include "image/image.h"
#include "metric/figures.h"
#include "task/perceptual.h"
#include "task/task.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { CHANNELS = PERCEPTUAL_CHANNELS };
enum { CONTENT, STYLE, VARIATION, LOSSES };

struct options {
    char    picture[ATTRIBUTE_NAME_SIZE], network[ATTRIBUTE_NAME_SIZE];
    double  content, style, variation;
    int64_t size;
    char    content_layer[ATTRIBUTE_NAME_SIZE], style_layers[ATTRIBUTE_NAME_SIZE];
};
_Static_assert(sizeof(struct options) <= TASK_MOST_OPTIONS, "a task_use holds the options");

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, picture), .kind = ATTRIBUTE_NAME, .doc = "file of the picture whose style is learned"},
    {ATTRIBUTE(struct options, network), .kind = ATTRIBUTE_NAME,
     .doc = "file of the trained network that compares pictures"},
    {ATTRIBUTE(struct options, content), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 0, .maximum = 1e12,
     .doc = "weight of the difference of maps"},
    {ATTRIBUTE(struct options, style), .kind = ATTRIBUTE_NUMBER, .standard = 2, .minimum = 0, .maximum = 1e12,
     .doc = "weight of the difference of Gram matrices"},
    {ATTRIBUTE(struct options, variation), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0, .maximum = 1e12,
     .doc = "weight of the difference of neighbouring pixels: more is smoother"},
    {ATTRIBUTE(struct options, size), .kind = ATTRIBUTE_INTEGER, .standard = 0, .minimum = 0, .maximum = 16384,
     .doc = "longer side of the style's picture, pixels; 0: that of the network's pictures"},
    {ATTRIBUTE(struct options, content_layer), .kind = ATTRIBUTE_NAME,
     .doc = "whose maps are the content; default: the second activation of the second size of maps"},
    {ATTRIBUTE(struct options, style_layers), .kind = ATTRIBUTE_NAME,
     .doc = "names with commas, whose Gram matrices are the style; default: the first activation of each size"},
    {.name = NULL},
};

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

/** What the loss compares with. */
struct style_state {
    struct memory *memory;
    const struct style_state *lender; /* not NULL: the training's, which has all that follows */
    fov_model *network;
    struct perceptual_layers layers;
    float least;                    /* what is added to the mean square of a picture's maps: they may be 0 */
    float style[PERCEPTUAL_MOST];   /* factors of the mean squared differences of Gram matrices */
    float *grams[PERCEPTUAL_MOST];  /* of the picture of the style */
    uint64_t files;                 /* hash of that picture and of the network */
};

static const struct style_state *state_of(const struct task_use *use)
{
    const struct style_state *state = use->state;
    return state != NULL && state->lender != NULL ? state->lender : state;
}

/* ---- model and data ---------------------------------------------------------------------------------------------- */

static int fit_output(struct task_use *use, struct error *error)
{
    fov_shape out = fov_value_shape(use->model->graph, use->model->output);
    const struct picture_size *size = &use->prepare.size;
    int pad = 2 * use->model->preprocessing.pad;
    bool fits = out.rank == 4 && out.dim[0] == FOV_BATCH && out.dim[1] == CHANNELS &&
                out.dim[2] == size->height - pad && out.dim[3] == size->width - pad &&
                !model_map_is_channels_last(use->model, use->model->output);
    if (!fits) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE,
                         "a picture is repainted at its own size: [N, 3, %d, %d], not \"%s\" %s; networks with strides "
                         "need sides that they divide",
                         size->height - pad, size->width - pad, fov_value_name(use->model->graph, use->model->output),
                         shape_text(&out, text));
    }
    use->scores = (struct model_scores){.meaning = FOV_MEANING_MAP, .logits = use->model->output, .count = CHANNELS};
    use->prepare.target = PREPARE_DEGRADED;
    use->prepare.other = (struct picture_size){CHANNELS, (int)out.dim[2], (int)out.dim[3]};
    use->dtype = FOV_F32;
    use->target = out;
    return FOV_OK;
}

/* Makes the network's input from the picture that its output is compared with: the same one, in its channels. */
static void convert(const void *user, const uint8_t *clean, uint8_t *worse, struct transform_draw *draw)
{
    const struct task_use *use = user;
    (void)draw;
    image_convert(clean, CHANNELS, worse, use->prepare.size.channels,
                  (size_t)use->target.dim[2] * (size_t)use->target.dim[3]);
}

/* The loss is not random: a layer that drops values while training would make it so. */
static int check_layers(const fov_model *network, const struct perceptual_layers *layers, struct error *error)
{
    const fov_graph *graph = network->graph;
    struct memory *memory = network->context->memory;
    bool *needed = memory_allocate(memory, graph->node_count + 1, sizeof *needed, "a mark per node", error);
    if (needed == NULL) {
        return FOV_E_MEMORY;
    }
    graph_mark(graph, &layers->content, 1, needed);
    graph_mark(graph, layers->style, layers->style_count, needed);
    for (size_t n = 0; n < graph->node_count && error->status == FOV_OK; n++) {
        if (needed[n] && graph->nodes[n].op->random) {
            error_set(error, FOV_E_UNSUPPORTED,
                      "%s: \"%s\" (%s) draws at random while training; take layers before it, or another network",
                      network->name, graph->nodes[n].name, graph->nodes[n].op->name);
        }
    }
    memory_free(memory, needed);
    return (int)error->status;
}

static fov_model *open_network(fov_context *context, const char *path)
{
    size_t length = strlen(path);
    bool is_onnx = length > 5 && strcasecmp(path + length - 5, ".onnx") == 0;
    fov_model *network = is_onnx ? fov_model_load(context, path) : fov_model_from_weights(context, path, NULL);
    if (network != NULL) {
        fov_model_freeze(network, "*", true); /* batch norms use their running statistics */
        if (network->preprocessing_assumed) {
            context_log(context, FOV_LOG_WARNING,
                        "%s states no preprocessing: it is shown pixels of 0 to 1 (fovea convert %s OTHER.onnx "
                        "--preset imagenet states another one)",
                        path, path);
        }
    }
    return network;
}

/* Measures what the output's Gram matrices are compared with. */
static int measure(struct style_state *state, const struct options *o, const float *planes, int height, int width,
                   struct error *error)
{
    struct perceptual_view view;
    int count = state->layers.style_count;
    int status = perceptual_look(&view, state->network, &state->layers, planes, height, width, error);
    status = status == FOV_OK ? perceptual_weight(view.plan, view.content, 1.0, &state->least, error) : status;
    state->least = 1e-3F / state->least;
    for (int i = 0; status == FOV_OK && i < count; i++) {
        size_t bytes = fov_plan_bytes(view.plan, view.grams[i]);
        status = perceptual_weight(view.plan, view.grams[i], o->style / count, &state->style[i], error);
        state->grams[i] =
            status == FOV_OK ? memory_allocate_raw(state->memory, bytes, 1, "a Gram matrix", error) : NULL;
        if (state->grams[i] != NULL) {
            memcpy(state->grams[i], fov_plan_data(view.plan, view.grams[i]), bytes);
        }
        status = (int)error->status;
    }
    perceptual_close(&view);
    return status;
}

static int hash_files(struct style_state *state, const fov_image *picture)
{
    char network[65];
    size_t bytes = (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
    int status = fov_model_hash(state->network, network);
    state->files = status == FOV_OK ? hash_fold(hash_fold(0, network, sizeof network), picture->pixels, bytes) : 0;
    return status;
}

static int open_style(struct style_state *state, const struct task_use *use, struct error *error)
{
    const struct options *o = options_of(use);
    fov_context *context = use->model->context;
    const struct picture_size *size = &use->prepare.other;
    int longer = size->height > size->width ? size->height : size->width, height, width;
    fov_image picture = {.height = 0};
    float *planes = NULL;
    if (o->picture[0] == '\0' || o->network[0] == '\0') {
        return error_set(error, FOV_E_USAGE,
                         "task style needs the file of a %s: "
                         "style:picture=painting.jpg:network=squeezenet1_1.onnx",
                         o->picture[0] == '\0' ? "picture whose style is learned"
                                               : "trained network that compares pictures");
    }
    state->network = open_network(context, o->network);
    int status = state->network != NULL ? FOV_OK : (int)error->status;
    if (status == FOV_OK) {
        status = perceptual_choose(state->network, o->content_layer[0] != '\0' ? o->content_layer : NULL,
                                   o->style_layers[0] != '\0' ? o->style_layers : NULL, PERCEPTUAL_SHALLOW,
                                   &state->layers, error);
    }
    status = status == FOV_OK ? check_layers(state->network, &state->layers, error) : status;
    status = status == FOV_OK ? fov_image_load(context, o->picture, CHANNELS, &picture) : status;
    status = status == FOV_OK ? hash_files(state, &picture) : status;
    if (status == FOV_OK) {
        planes = perceptual_planes(state->memory, &picture, "picture of the style", o->size > 0 ? (int)o->size : longer,
                                   &height, &width, error);
        status = planes != NULL ? measure(state, o, planes, height, width, error) : (int)error->status;
    }
    memory_free(state->memory, planes);
    fov_image_free(&picture);
    return status;
}

static int fit(struct task_use *use, struct error *error)
{
    struct memory *memory = use->model->context->memory;
    int status = fit_pictures(use, error);
    status = status == FOV_OK ? fit_output(use, error) : status;
    if (status != FOV_OK || use->data == NULL) {
        return status;
    }
    use->prepare.degrade = convert;
    use->prepare.user = use;
    struct style_state *state = use->state = memory_allocate(memory, 1, sizeof *state, "a task", error);
    if (state == NULL) {
        return FOV_E_MEMORY;
    }
    *state = (struct style_state){.memory = memory,
                                  .lender = use->learned != NULL ? state_of(use->learned) : NULL};
    status = state->lender != NULL ? FOV_OK : open_style(state, use, error);
    use->files = state->files;
    return status;
}

static void close_use(struct task_use *use)
{
    struct style_state *state = use->state;
    if (state != NULL) {
        for (int i = 0; i < PERCEPTUAL_MOST; i++) {
            memory_free(state->memory, state->grams[i]);
        }
        fov_model_free(state->network);
        memory_free(state->memory, state);
        use->state = NULL;
    }
}

static void network(const struct task_use *use, fov_network_options *wanted)
{
    (void)use;
    wanted->channels = wanted->channels != 0 ? wanted->channels : CHANNELS;
    wanted->classes = wanted->classes != 0 ? wanted->classes : CHANNELS;
}

/* ---- the loss ---------------------------------------------------------------------------------------------------- */

static fov_value times(fov_graph *graph, fov_value x, float factor)
{
    return fov_mul(graph, x, fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &factor));
}

/* The mean over each sample of [N, C, H, W]: [N, 1, 1, 1]. */
static fov_value sample_mean(fov_graph *graph, fov_value x)
{
    return fov_reduce_mean(graph, x, .axes = {1, 2, 3}, .axis_count = 3, .keep_dims = true);
}

/* The mean squared difference of each sample's maps from `wanted`, as a share of their mean square. */
static fov_value add_content_loss(fov_graph *graph, fov_value map, fov_value wanted, float least)
{
    fov_value away = fov_sub(graph, map, wanted);
    fov_value square = fov_add(graph, sample_mean(graph, fov_mul(graph, wanted, wanted)),
                               fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &least));
    return fov_reduce_mean_opt(graph, fov_div(graph, sample_mean(graph, fov_mul(graph, away, away)), square), NULL);
}

/* The mean squared difference of each sample's Gram matrix from that of the style. */
static fov_value add_gram_loss(fov_graph *graph, fov_value map, const float *wanted)
{
    fov_value gram = perceptual_gram(graph, map);
    fov_shape shape = fov_value_shape(graph, gram);
    if (graph->failed) {
        return (fov_value){0};
    }
    shape.dim[0] = 1;
    fov_value away = fov_sub(graph, gram, fov_constant(graph, NULL, FOV_F32, shape, wanted));
    return fov_reduce_mean_opt(graph, fov_mul(graph, away, away), NULL);
}

/* Adds the parts of the loss with their weights, means over the samples of `made` and `picture`, [N, 3, H, W]. */
static void add_losses(const struct task_use *use, fov_graph *graph, fov_value made, fov_value picture,
                       fov_value losses[LOSSES])
{
    const struct style_state *state = state_of(use);
    struct perceptual_maps maps = perceptual_add(graph, state->network, &state->layers, made, "optimizer.network.");
    fov_value wanted = graph->failed ? maps.content : graph_apply(graph, made, maps.content, picture);
    losses[CONTENT] = times(graph, add_content_loss(graph, maps.content, wanted, state->least),
                            (float)options_of(use)->content);
    for (int i = 0; i < state->layers.style_count; i++) {
        fov_value loss = times(graph, add_gram_loss(graph, maps.style[i], state->grams[i]), state->style[i]);
        losses[STYLE] = i == 0 ? loss : fov_add(graph, losses[STYLE], loss);
    }
    losses[VARIATION] = times(graph, perceptual_variation(graph, made), (float)options_of(use)->variation);
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    fov_value losses[LOSSES];
    if (use->state == NULL) {
        error_set(&graph->context->error, FOV_E_UNSUPPORTED,
                  "a step of task style needs data, for its loss belongs to them");
        graph_fail(graph);
        return;
    }
    ends->targets = task_add_targets(use, graph);
    add_losses(use, graph, ends->scores.logits, ends->targets, losses);
    ends->loss = fov_add(graph, fov_add(graph, losses[CONTENT], losses[STYLE]), losses[VARIATION]);
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
    (void)sums; /* no figure is counted while training: the training loss is their sum */
}

enum { PERCEPTUAL, PARTS /* the figures of the parts of the loss begin here */, FIGURES = PARTS + LOSSES };

/* Computes the parts of the loss for one picture at a time, so that they do not depend on the batch size. */
struct style_tally {
    fov_graph *graph;
    fov_plan  *plan;
    fov_value  made, picture, losses[LOSSES];
    double     sums[LOSSES];
};

static int tally_open(struct task_tally *tally, struct error *error)
{
    const struct task_use *use = tally->use;
    fov_shape shape = use->target;
    struct style_tally *sums = tally->state = memory_allocate(tally->memory, 1, sizeof *sums, "sums", error);
    if (sums == NULL) {
        return FOV_E_MEMORY;
    }
    *sums = (struct style_tally){.graph = fov_graph_create(use->model->context)};
    if (sums->graph == NULL) {
        return (int)error->status;
    }
    shape.dim[0] = 1;
    sums->made = fov_input(sums->graph, .name = "made", .shape = shape);
    sums->picture = fov_input(sums->graph, .name = "picture", .shape = shape);
    add_losses(use, sums->graph, sums->made, sums->picture, sums->losses);
    sums->plan = fov_plan_create(sums->graph, sums->losses, LOSSES, &(fov_plan_options){.batch = 1});
    return sums->plan != NULL ? FOV_OK : (int)error->status;
}

static void tally_close(struct task_tally *tally)
{
    struct style_tally *sums = tally->state;
    if (sums != NULL) {
        fov_plan_free(sums->plan);
        fov_graph_free(sums->graph);
        memory_free(tally->memory, sums);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    struct style_tally *sums = tally->state;
    memset(sums->sums, 0, sizeof sums->sums);
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct style_tally *sums = tally->state;
    const float *pictures = targets;
    size_t bytes = task_target_bytes(tally->use), numbers = bytes / sizeof *pictures;
    for (size_t i = 0; i < count; i++) {
        double parts[LOSSES], loss = 0.0;
        memcpy(fov_plan_data(sums->plan, sums->made), outputs + i * numbers, bytes);
        memcpy(fov_plan_data(sums->plan, sums->picture), pictures + i * numbers, bytes);
        fov_plan_run(sums->plan, 0);
        for (int k = 0; k < LOSSES; k++) {
            parts[k] = (double)*(const float *)fov_plan_data(sums->plan, sums->losses[k]);
            loss += parts[k];
        }
        if (!isfinite(loss)) {
            return i;
        }
        for (int k = 0; k < LOSSES; k++) {
            sums->sums[k] += parts[k];
        }
        tally->loss += loss;
        tally->count++;
    }
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const struct style_tally *sums = tally->state;
    values[PERCEPTUAL] = ratio_or_undefined(tally->loss, (double)tally->count);
    for (int k = 0; k < LOSSES; k++) {
        values[PARTS + k] = ratio_or_undefined(sums->sums[k], (double)tally->count);
    }
}

static const struct task_figure figures[] = {
    {.name = "perceptual", .column = "perceptual", .lower_is_better = true,
     .doc = "the loss: content, style and variation, with their weights"},
    {.name = "content", .column = "content", .lower_is_better = true, .heading = "content",
     .doc = "its part of the content: how far the output's maps are from the picture's"},
    {.name = "style", .column = "style", .lower_is_better = true, .heading = "style",
     .doc = "its part of the style: how far the output's Gram matrices are from the style's"},
    {.name = "variation", .column = "variation", .lower_is_better = true,
     .doc = "its part of the variation: how far neighbouring pixels differ"},
    {.name = NULL},
};

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    double values[FIGURES];
    fov_metrics *metrics = tally->keeps_answers ? figures_create(tally->use->model->context) : NULL;
    tally_figures(tally, values);
    for (int i = 0; metrics != NULL && i < FIGURES; i++) {
        figures_number(metrics, figures[i].name, values[i]);
    }
    report->metrics = metrics != NULL ? figures_finish(metrics) : NULL;
    return tally->keeps_answers && report->metrics == NULL ? (int)error->status : FOV_OK;
}

/* ---- an answer --------------------------------------------------------------------------------------------------- */

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    return answer_output_picture(use, output, output->height, output->width, answer, error);
}

const struct task task_style = {
    .name = "style",
    .summary = "pictures repainted in the style of one picture",
    .target = FOV_TARGET_NONE,
    .asked_only = true,
    .targets = 1U << FOV_TARGET_NONE | 1U << FOV_TARGET_CLASS | 1U << FOV_TARGET_CLASSES | 1U << FOV_TARGET_VALUES |
               1U << FOV_TARGET_MASK | 1U << FOV_TARGET_BOXES | 1U << FOV_TARGET_PICTURE,
    .augment = "",
    .optimizer = "adam",
    .rate = 1e-3,
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
