/* SPDX-License-Identifier: MIT */
/* Generation: pictures out of noise. A generator learns from a critic, which learns to tell generated pictures from
 * those of the data (Goodfellow et al., "Generative adversarial nets", NIPS 2014). Two losses are minimised in turn:
 * the critic's over the critic's parameters, then the generator's over the generator's (section 3: the non-saturating
 * loss, which is small where the critic takes generated pictures for real ones). Or, with wgan-gp, both losses are made
 * of the critic's plain score, with a penalty on the norm of its gradient (Gulrajani et al., "Improved training of
 * Wasserstein GANs", NIPS 2017, algorithm 1). The network is one graph with both parts (zoo/gan.c); a sample's target
 * is its noise. */
#include "base/file.h"
#include "base/random.h"
#include "graph/copy.h"
#include "graph/names.h"
#include "metric/figures.h"
#include "model/generate.h"
#include "task/task.h"
#include <fovea/generate.h>
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LOSS_CROSS_ENTROPY, LOSS_WGAN_GP };
static const char *const loss_names[] = {"cross-entropy", "wgan-gp", NULL};
enum {
    CRITIC,
    GENERATOR,
    TURNS,
    NOISE_OF_TRAINING = 2 << 8, /* stream of random numbers, different from that of the sheets */
    SHEET = 64,                 /* pictures on a sheet */
    WGAN_STEPS = 5
};
static const char critic_parameters[] = "discriminator.", generator_parameters[] = "generator.";

struct options {
    int     loss;
    double  penalty;
    int64_t critic_steps;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, loss), .kind = ATTRIBUTE_CHOICE, .choices = loss_names,
     .doc = "real or made, or the critic's score with a penalty on its slope"},
    {ATTRIBUTE(struct options, penalty), .kind = ATTRIBUTE_NUMBER, .standard = 10, .minimum = 0, .maximum = 1e6,
     .doc = "wgan-gp: its weight"},
    {ATTRIBUTE(struct options, critic_steps), .kind = ATTRIBUTE_INTEGER, .standard = 0, .minimum = 0, .maximum = 100,
     .doc = "of the critic for one of the generator; 0: 1, of wgan-gp 5"},
    {.name = NULL},
};

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

/* ---- model and data ---------------------------------------------------------------------------------------------- */

static bool has_parameters(const fov_graph *graph, const char *prefix)
{
    bool found = false;
    for (int i = 0; i < fov_parameter_count(graph) && !found; i++) {
        found = strncmp(fov_value_name(graph, fov_parameter_at(graph, i)), prefix, strlen(prefix)) == 0;
    }
    return found;
}

static int check_sizes(const struct task_use *use, const struct generator *generator, struct error *error)
{
    const struct picture_size *size = &use->prepare.size;
    const fov_graph *graph = use->model->graph;
    fov_shape score = fov_value_shape(graph, use->model->output);
    if (size->channels != generator->channels || size->height != generator->height || size->width != generator->width) {
        return error_set(
            error, FOV_E_SHAPE, "the generator makes %d x %d x %d numbers, the critic looks at %d x %d x %d",
            generator->channels, generator->height, generator->width, size->channels, size->height, size->width);
    }
    if (score.rank != 2 || score.dim[1] != 1) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE, "the critic's output is one score for each picture, [N, 1], not %s",
                         shape_text(&score, text));
    }
    if (!has_parameters(graph, critic_parameters) || !has_parameters(graph, generator_parameters)) {
        return error_set(error, FOV_E_SHAPE,
                         "whose turn it is follows from the names of parameters: those of the critic begin with "
                         "\"%s\", those of the generator with \"%s\"", critic_parameters, generator_parameters);
    }
    return FOV_OK;
}

/* The gradient penalty needs the gradient of each picture's score with respect to that picture alone; a batch norm
 * makes the score depend on the other pictures of the batch. */
static int check_slope(const struct task_use *use, struct error *error)
{
    const fov_graph *graph = use->model->graph;
    struct memory *memory = use->model->context->memory;
    int score = use->model->output.id, status = FOV_OK;
    bool *needed = memory_allocate(memory, graph->node_count + 1, sizeof *needed, "a mark per node", error);
    if (needed == NULL) {
        return FOV_E_MEMORY;
    }
    graph_mark(graph, &score, 1, needed);
    for (size_t n = 0; n < graph->node_count && status == FOV_OK; n++) {
        if (needed[n] && strcmp(graph->nodes[n].op->name, "batch_norm") == 0) {
            status = error_set(error, FOV_E_UNSUPPORTED,
                               "wgan-gp asks how each picture's score changes with it, which batch norm (\"%s\") makes "
                               "depend on the whole batch: take a critic without (dcgan:critic_norm=none)",
                               graph->nodes[n].name);
        }
    }
    memory_free(memory, needed);
    return status;
}

static int fit(struct task_use *use, struct error *error)
{
    struct generator generator;
    int status = generator_find(use->model, &generator, error);
    status = status == FOV_OK ? fit_pictures(use, error) : status;
    status = status == FOV_OK ? check_sizes(use, &generator, error) : status;
    status = status == FOV_OK && options_of(use)->loss == LOSS_WGAN_GP ? check_slope(use, error) : status;
    if (status == FOV_OK) {
        use->scores = (struct model_scores){
            .meaning = FOV_MEANING_VALUES, .logits = use->model->output, .count = 1};
        use->dtype = FOV_F32;
        use->target = (fov_shape){2, {FOV_BATCH, generator.numbers}};
    }
    return status;
}

/* Writes the noise of a sample, different for each sample and epoch. */
static int write_noise(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    size_t count = (size_t)use->target.dim[1];
    float *out = (float *)targets + place * count;
    const struct random_key key = {use->model->context->seed, RANDOM_GENERATE + NOISE_OF_TRAINING,
                                   (uint64_t)prepared->epoch};
    (void)error;
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)random_normal(key, prepared->index * count + i);
    }
    return FOV_OK;
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

static fov_value mean(fov_graph *graph, fov_value x)
{
    return fov_reduce_mean_opt(graph, x, NULL);
}

/* The loss for taking pictures for real, the mean of -log sigmoid(score); otherwise the mean of
 * -log (1 - sigmoid(score)). */
static fov_value taken_for(fov_graph *graph, fov_value score, bool real)
{
    return mean(graph, fov_softplus(graph, real ? fov_neg(graph, score) : score));
}

/* A uniformly distributed share between 0 and 1 for each sample, [N, 1, 1, 1]: the distribution function of the sum of
 * the sample's normal noise. */
static fov_value add_shares(fov_graph *graph, fov_value noise)
{
    double count = (double)fov_value_shape(graph, noise).dim[1];
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value sum = fov_reduce_sum(graph, noise, .axes = {1}, .axis_count = 1, .keep_dims = true);
    sum = fov_mul(graph, sum, op_emit_scalar(emitter, sum, sqrt(0.5 / count)));
    fov_value erf = op_emit1(emitter, "erf", sum, NULL);
    fov_value half = op_emit_scalar(emitter, erf, 0.5);
    fov_value share = fov_add(graph, fov_mul(graph, erf, half), half);
    return fov_reshape(graph, share, (fov_shape){4, {FOV_BATCH, 1, 1, 1}});
}

/* The gradient penalty: the mean of (norm - 1)^2 over the norms of the critic's gradient at a picture between a real
 * and a generated one. */
static fov_value add_penalty(fov_graph *graph, fov_value picture, fov_value made, fov_value score, fov_value noise)
{
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value between = fov_add(graph, made, fov_mul(graph, add_shares(graph, noise), fov_sub(graph, picture, made)));
    fov_value sum = fov_reduce_sum_opt(graph, graph_apply(graph, picture, score, between), NULL);
    fov_value slope = {0};
    if (fov_gradient(graph, sum, &between, 1, &slope) != FOV_OK) {
        return slope;
    }
    fov_value squares = fov_reduce_sum(graph, fov_mul(graph, slope, slope), .axes = {1, 2, 3}, .axis_count = 3);
    fov_value size = fov_sqrt(graph, fov_add(graph, squares, op_emit_scalar(emitter, squares, 1e-12)));
    fov_value away = fov_sub(graph, size, op_emit_scalar(emitter, size, 1));
    return mean(graph, fov_mul(graph, away, away));
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct options *o = options_of(use);
    const fov_model *model = use->model;
    struct error *error = &model->context->error;
    struct generator own;
    if (generator_find(model, &own, error) != FOV_OK) {
        graph_fail(graph);
        return;
    }
    /* `graph` is a copy of the model's graph that keeps the names of values. */
    fov_value noise = {names_find_value(graph, fov_value_name(model->graph, own.noise))};
    fov_value made = {names_find_value(graph, fov_value_name(model->graph, own.picture))};
    fov_value picture = {names_find_value(graph, fov_value_name(model->graph, model->input))};
    fov_value real = ends->scores.logits, taken = graph_apply(graph, picture, real, made);
    ends->targets = noise;
    ends->turn_count = TURNS;
    ends->turns[CRITIC] = (struct task_turn){.parameters = critic_parameters};
    ends->turns[GENERATOR] = (struct task_turn){.parameters = generator_parameters, .every = (int)o->critic_steps};
    if (o->loss == LOSS_CROSS_ENTROPY) {
        ends->loss = fov_add(graph, taken_for(graph, real, true), taken_for(graph, taken, false));
        ends->turns[GENERATOR].loss = taken_for(graph, taken, true);
        return;
    }
    fov_value penalty = add_penalty(graph, picture, made, real, noise);
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value difference = fov_sub(graph, mean(graph, taken), mean(graph, real));
    ends->loss = fov_add(graph, difference, fov_mul(graph, penalty, op_emit_scalar(emitter, penalty, o->penalty)));
    ends->turns[GENERATOR].loss = fov_neg(graph, mean(graph, taken));
    ends->turns[GENERATOR].every = o->critic_steps > 0 ? (int)o->critic_steps : WGAN_STEPS;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static double probability(float score)
{
    return 1.0 / (1.0 + exp(-(double)score));
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    (void)use;
    (void)scores;
    (void)targets;
    for (size_t i = 0; i < count; i++) {
        sums[0] += probability(outputs[i]);
        sums[1] += 1.0;
    }
}

static int tally_open(struct task_tally *tally, struct error *error)
{
    tally->state = memory_allocate(tally->memory, 1, sizeof(double), "a sum", error);
    return tally->state != NULL ? FOV_OK : FOV_E_MEMORY;
}

static void tally_close(struct task_tally *tally)
{
    memory_free(tally->memory, tally->state);
    tally->state = NULL;
}

static void tally_reset(struct task_tally *tally)
{
    *(double *)tally->state = 0.0;
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    (void)targets;
    for (size_t i = 0; i < count; i++) {
        double score = (double)outputs[i];
        if (!isfinite(score)) {
            return i;
        }
        *(double *)tally->state += probability(outputs[i]);
        tally->loss += fmax(-score, 0.0) + log1p(exp(-fabs(score)));
        tally->count++;
    }
    return count;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    values[0] = ratio_or_undefined(*(const double *)tally->state, (double)tally->count);
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    fov_metrics *metrics = tally->keeps_answers ? figures_create(tally->use->model->context) : NULL;
    if (metrics != NULL) {
        figures_number(metrics, "real", ratio_or_undefined(*(const double *)tally->state, (double)tally->count));
    }
    report->metrics = metrics != NULL ? figures_finish(metrics) : NULL;
    return tally->keeps_answers && report->metrics == NULL ? (int)error->status : FOV_OK;
}

/* ---- a sheet per epoch ------------------------------------------------------------------------------------------- */

/* Uses the same noise in each epoch, so that the sheets show how pictures change. */
static int show(const struct task_use *use, fov_model *model, const char *directory, int64_t epoch,
                struct error *error)
{
    fov_image pictures[SHEET];
    char folder[4096], path[4200];
    (void)use;
    int status = file_join(folder, sizeof folder, directory, "samples", error);
    status = status == FOV_OK ? file_make_directories(folder, error) : status;
    const fov_generate_options options = {.count = SHEET, .seed = model->context->seed};
    if (status != FOV_OK || (status = fov_generate_opt(model, &options, pictures)) != FOV_OK) {
        return status;
    }
    snprintf(path, sizeof path, "%s/epoch-%04lld.png", folder, (long long)epoch);
    status = fov_pictures_save_png(model->context, pictures, SHEET, 0, path);
    for (int i = 0; i < SHEET; i++) {
        fov_image_free(&pictures[i]);
    }
    return status;
}

static const struct task_figure figures[] = {
    {.name = "real", .column = "real", .is_share = true, .while_training = true, .heading = "real",
     .doc = "how real the critic takes the data's pictures to be; 0.5 where it cannot tell"},
    {.name = "generator_loss", .column = "generator_loss", .lower_is_better = true, .while_training = true,
     .turn = GENERATOR, .heading = "gen loss", .doc = "the generator's loss"},
    {.name = NULL},
};

const struct task task_generate = {
    .name = "generate",
    .summary = "pictures out of noise, like those of the data",
    .target = FOV_TARGET_NONE,
    .asked_only = true,
    .targets = 1U << FOV_TARGET_NONE | 1U << FOV_TARGET_CLASS | 1U << FOV_TARGET_CLASSES | 1U << FOV_TARGET_VALUES |
               1U << FOV_TARGET_MASK | 1U << FOV_TARGET_BOXES | 1U << FOV_TARGET_PICTURE,
    .augment = "",
    .optimizer = "adam:beta1=0.5",
    .rate = 2e-4,
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .newest_is_best = true,
    .fit = fit,
    .add_loss = add_loss,
    .write = write_noise,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .show = show,
};
