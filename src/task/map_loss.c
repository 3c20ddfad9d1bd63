/* SPDX-License-Identifier: MIT */
/* All losses of maps are computed from logits with a channel for each class; other outputs are converted to that form
 * first. */
#include "task/map_loss.h"
#include "op/common.h"
#include <fovea/operators.h>
#include <string.h>

enum { MOST_OPTIONS = 256 /* bytes */ };

const char *const map_loss_names[] = {"cross-entropy", "dice", "cross-entropy+dice", "focal", NULL};

static const double focal_gamma = 2; /* Lin et al. 2017, section 4.1 */

/* The values from which the losses are built. */
struct map {
    fov_graph               *graph;
    const struct op_emitter *emitter;
    int       classes;
    fov_value logits;      /* [N, classes, H, W] */
    fov_value labels;      /* i32 [N, H, W] */
    fov_value counts;      /* f32 [N, H, W]: 1 where there is a label, else 0 */
    fov_value weights;     /* f32 [N, H, W]: the weight of the label's class, 0 where there is no label */
    bool      is_single;   /* two classes, one channel */
    bool      is_apart;    /* several channels, each an independent binary decision */
};

static fov_value scaled(const struct map *map, fov_value x, double factor)
{
    return op_emit_affine(map->emitter, x, factor, 0);
}

/* Logits for each class. A single score x for two classes becomes -x/2 and x/2, whose softmax is 1 - sigmoid(x) and
 * sigmoid(x). Probabilities p become log p, or log(p / (1 - p)) for independent channels; they are clipped as in Keras,
 * because a small one may have been rounded to 0. */
static fov_value as_logits(const struct map *map, struct model_scores *scores)
{
    fov_value x = scores->logits;
    if (map->is_single) {
        fov_value pair[2] = {scaled(map, x, -0.5), scaled(map, x, 0.5)};
        if (scores->is_probable) {
            pair[0] = fov_log(map->graph, fov_clip(map->graph, op_emit_affine(map->emitter, x, -1, 1), 1e-7F, 1));
            pair[1] = fov_log(map->graph, fov_clip(map->graph, x, 1e-7F, 1));
        }
        return fov_concat(map->graph, pair, 2, 1);
    }
    if (scores->is_probable) { /* softmax(log p) is p */
        fov_value share = x;
        x = fov_log(map->graph, fov_clip(map->graph, share, 1e-7F, 1));
        if (map->is_apart) {
            fov_value no = op_emit_affine(map->emitter, share, -1, 1);
            x = fov_sub(map->graph, x, fov_log(map->graph, fov_clip(map->graph, no, 1e-7F, 1)));
        }
        scores->logits = x;
        scores->is_probable = false;
    }
    return x;
}

/* Replaces each label by its number (NULL: 1). The table has a 0 after the classes, which index -1 refers to. */
static fov_value by_label(const struct map *map, const char *name, const float *numbers)
{
    fov_context *context = map->graph->context;
    fov_shape    shape = {1, {map->classes + 1}};
    float *table = memory_allocate(context->memory, (size_t)map->classes + 1, sizeof *table, "class weights",
                                   &context->error);
    if (table == NULL) {
        graph_fail(map->graph);
        return (fov_value){0};
    }
    for (int c = 0; c < map->classes; c++) {
        table[c] = numbers != NULL ? numbers[c] : 1;
    }
    fov_value values = fov_constant(map->graph, name, FOV_F32, shape, table);
    memory_free(context->memory, table);
    return fov_gather(map->graph, values, map->labels, 0);
}

/* Emits a node with one option set and the others at their defaults. */
static fov_value emit_with(const struct map *map, const char *name, const fov_value *in, int count, const char *option,
                           const void *value, size_t size)
{
    _Alignas(16) unsigned char options[MOST_OPTIONS];
    const struct op *op = op_find(name);
    op_options_default(op, options);
    const unsigned char *member = op_option(op, options, option);
    memcpy(options + (member - options), value, size);
    return op_emit(map->emitter, name, in, count, options);
}

/* f32 [N, classes, H, W]: 1 in the channel of a pixel's label. */
static fov_value one_hot(const struct map *map)
{
    const float   ends[] = {0, 1};
    const int64_t depth = map->classes;
    fov_value     two = fov_constant(map->graph, NULL, FOV_F32, (fov_shape){1, {2}}, ends);
    fov_value     places = fov_constant(map->graph, NULL, FOV_I64, (fov_shape){1, {1}}, &depth);
    const fov_value in[] = {map->labels, places, two};
    const int64_t   over_channels = 1;
    return emit_with(map, "one_hot", in, 3, "axis", &over_channels, sizeof over_channels);
}

/* Multiplies x [N, C, H, W] by `pixels` [N, H, W]. */
static fov_value times_pixels(const struct map *map, fov_value x, fov_value pixels)
{
    fov_shape shape = fov_value_shape(map->graph, pixels);
    shape.rank++;
    for (int i = shape.rank - 1; i > 1; i--) {
        shape.dim[i] = shape.dim[i - 1];
    }
    shape.dim[1] = 1;
    return fov_mul(map->graph, x, op_emit_reshape(map->emitter, pixels, &shape));
}

/* The weighted mean of losses [N, H, W] over the pixels with a label; 0 where there are none. */
static fov_value weighted_mean(const struct map *map, fov_value losses)
{
    const struct reduce_options all = {.keep_dims = false};
    fov_value weight = op_build(map->graph, "reduce_sum", &map->weights, 1, &all, NULL);
    fov_value product = fov_mul(map->graph, losses, map->weights);
    fov_value sum = op_build(map->graph, "reduce_sum", &product, 1, &all, NULL);
    return fov_div(map->graph, sum, fov_max(map->graph, weight, op_emit_number(map->emitter, FOV_F32, 1e-12)));
}

/* The mean over channels of [N, C, H, W]. */
static fov_value over_channels(const struct map *map, fov_value x)
{
    const struct reduce_options channels = {.axes = {.count = 1, .at = {1}}};
    return op_build(map->graph, "reduce_mean", &x, 1, &channels, NULL);
}

/* Binary cross-entropy of each channel with logit x and target t, log(1 + exp x) - x t. */
static fov_value each_channel(const struct map *map, fov_value target)
{
    return fov_sub(map->graph, fov_softplus(map->graph, map->logits), fov_mul(map->graph, map->logits, target));
}

/* The probability of each class. */
static fov_value add_shares(const struct map *map)
{
    const struct softmax_options over = {1};
    return map->is_apart ? fov_sigmoid(map->graph, map->logits) : op_emit1(map->emitter, "softmax", map->logits, &over);
}

static fov_value add_cross_entropy(const struct map *map, float smoothing)
{
    if (map->is_apart) {
        fov_value target = op_emit_affine(map->emitter, one_hot(map), 1 - (double)smoothing, (double)smoothing / 2);
        return weighted_mean(map, over_channels(map, each_channel(map, target)));
    }
    const fov_value in[] = {map->logits, map->labels};
    const int       each_alone = 1; /* index of "none" among the operator's reductions: mean, none, sum */
    fov_value losses = emit_with(map, "softmax_cross_entropy", in, 2, "reduction", &each_alone, sizeof each_alone);
    if (smoothing > 0) { /* (1 - s) times the label's loss plus s times the mean loss of all classes */
        const struct softmax_options over = {1};
        fov_value mean = over_channels(map, op_emit1(map->emitter, "log_softmax", map->logits, &over));
        losses = fov_sub(map->graph, scaled(map, losses, 1 - (double)smoothing), scaled(map, mean, (double)smoothing));
    }
    return weighted_mean(map, losses);
}

/* The mean over pictures and classes of the Dice loss of each, so that a picture counts the same in any batch. With a
 * single channel, only the second of the two classes counts. */
static fov_value add_dice(const struct map *map)
{
    fov_value share = times_pixels(map, add_shares(map), map->counts);
    fov_value truth = times_pixels(map, one_hot(map), map->counts);
    if (map->is_single) {
        share = op_emit_slice(map->emitter, share, 1, 1, 1, 1);
        truth = op_emit_slice(map->emitter, truth, 1, 1, 1, 1);
    }
    return fov_dice_opt(map->graph, share, truth, &(fov_dice_options){.reduction = FOV_REDUCTION_MEAN});
}

/* The focal loss -(1 - p)^2 log p. p may round to 1, where the power has no usable gradient: 1 - p is kept positive. */
static fov_value focused(const struct map *map, fov_value logarithm)
{
    fov_value missed = op_emit_affine(map->emitter, fov_exp(map->graph, logarithm), -1, 1);
    missed = fov_max(map->graph, missed, op_emit_number(map->emitter, FOV_F32, 0x1p-126));
    fov_value factor = fov_pow(map->graph, missed, op_emit_number(map->emitter, FOV_F32, focal_gamma));
    return scaled(map, fov_mul(map->graph, factor, logarithm), -1);
}

/* The focal loss of the label's probability; for independent channels, of the probability of each channel's target. */
static fov_value add_focal(const struct map *map)
{
    const struct softmax_options over = {1};
    const struct reduce_options  channels = {.axes = {.count = 1, .at = {1}}};
    if (map->is_apart) {
        fov_value logarithm = scaled(map, each_channel(map, one_hot(map)), -1);
        return weighted_mean(map, over_channels(map, focused(map, logarithm)));
    }
    fov_value each = op_emit1(map->emitter, "log_softmax", map->logits, &over);
    fov_value own = fov_mul(map->graph, each, one_hot(map));
    fov_value logarithm = op_build(map->graph, "reduce_sum", &own, 1, &channels, NULL); /* [N, H, W] */
    return weighted_mean(map, focused(map, logarithm));
}

static fov_value add_loss(const struct map *map, const struct map_loss_options *options)
{
    switch (options->kind) {
    case MAP_DICE:
        return add_dice(map);
    case MAP_CROSS_ENTROPY_AND_DICE:
        return fov_add(map->graph, add_cross_entropy(map, options->label_smoothing), add_dice(map));
    case MAP_FOCAL:
        return add_focal(map);
    case MAP_CROSS_ENTROPY:
        break;
    }
    return add_cross_entropy(map, options->label_smoothing);
}

struct map_loss map_loss_add(fov_graph *graph, struct model_scores *scores, const struct map_loss_options *options)
{
    fov_shape shape = fov_value_shape(graph, scores->logits), labels = {.rank = shape.rank - 1, .dim = {FOV_BATCH}};
    struct map map = {.graph = graph,
                      .emitter = fov_graph_emitter(graph),
                      .classes = scores->count > 1 ? scores->count : 2,
                      .is_single = scores->count == 1,
                      .is_apart = scores->count > 1 && scores->independent};
    for (int i = 1; i < labels.rank; i++) {
        labels.dim[i] = shape.dim[i + 1];
    }
    map.labels = fov_input(graph, .name = "optimizer.labels", .dtype = FOV_I32, .shape = labels);
    map.logits = as_logits(&map, scores);
    map.counts = by_label(&map, "optimizer.counts", NULL);
    map.weights = options->weights != NULL ? by_label(&map, "optimizer.class_weights", options->weights) : map.counts;
    struct map_loss made = {.labels = map.labels, .loss = add_loss(&map, options)};
    for (int i = 0; options->auxiliary != NULL && i < MOST_AUXILIARY_HEADS && options->auxiliary[i].share > 0; i++) {
        map.logits = options->auxiliary[i].logits;
        made.loss =
            fov_add(graph, made.loss, scaled(&map, add_loss(&map, options), (double)options->auxiliary[i].share));
    }
    return made;
}
