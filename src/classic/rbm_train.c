/* SPDX-License-Identifier: MIT */
/* Contrastive divergence (Hinton, "Training products of experts by minimizing contrastive divergence", 2002; choices as
 * in his "A practical guide to training restricted Boltzmann machines", 2010): hidden states are sampled, except the
 * last ones, which are probabilities, as the visible ones are. Each step runs one plan, which includes the updates. */
#include "classic/rbm.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_STEPS = 32, SLOW_EPOCHS = 5 };

struct training {
    struct rbm_parameters parameters;
    fov_value data, rate, momentum, error;
    fov_value chance[MOST_STEPS]; /* uniform numbers, [batch, hidden] each */
};

/* speed' = momentum speed + rate gradient; parameter' = parameter + speed'. */
static void add_update(fov_graph *g, const struct training *t, fov_value parameter, const char *name,
                       fov_value gradient)
{
    fov_value speed =
        fov_parameter_opt(g, &(fov_parameter_options){.name = name, .shape = fov_value_shape(g, parameter)});
    fov_value next = fov_add(g, fov_mul(g, t->momentum, speed), fov_mul(g, t->rate, gradient));
    fov_assign(g, speed, next);
    fov_assign(g, parameter, fov_add(g, parameter, next));
}

static fov_value constant(fov_graph *g, const char *name, float value)
{
    return fov_constant(g, name, FOV_F32, (fov_shape){0}, &value);
}

/* The mean over the batch of h v^T, whose difference between data and reconstruction is the weights' gradient. */
static fov_value products(fov_graph *g, fov_value hidden, fov_value visible, fov_value share)
{
    static const int turned[] = {1, 0};
    return fov_mul(g, share, fov_matmul(g, fov_transpose(g, hidden, turned, 2), visible));
}

static int describe(const fov_rbm *r, fov_graph *g, const fov_rbm_options *o, struct training *t)
{
    const int batch = o->batch;
    const struct rbm_parameters *p = &t->parameters;
    const fov_reduce_options rows = {.axes = {0}, .axis_count = 1};
    if (rbm_to_graph(r, g, &t->parameters) != FOV_OK) {
        return (int)r->context->error.status;
    }
    t->data = fov_input(g, .name = "data", .shape = {2, {batch, r->visible}});
    t->rate = fov_input(g, .name = "rate", .shape = {0, {0}});
    t->momentum = fov_input(g, .name = "momentum", .shape = {0, {0}});
    fov_value first = rbm_up(g, t->data, p->weight, p->hidden_bias), hidden = first, visible = t->data;
    for (int k = 0; k < o->steps; k++) {
        char name[32];
        snprintf(name, sizeof name, "chance_%d", k + 1);
        t->chance[k] = fov_input(g, .name = name, .shape = {2, {batch, r->hidden}});
        fov_value sampled = fov_step(g, fov_sub(g, hidden, t->chance[k]));
        visible = rbm_down(g, sampled, p->weight, p->visible_bias);
        hidden = rbm_up(g, visible, p->weight, p->hidden_bias);
        t->error = k == 0 ? fov_mse(g, visible, t->data) : t->error;
    }
    fov_value share = constant(g, "share", 1.0f / (float)batch);
    fov_value weight = fov_sub(g, products(g, first, t->data, share), products(g, hidden, visible, share));
    fov_value decayed = fov_sub(g, weight, fov_mul(g, constant(g, "decay", o->decay), p->weight));
    add_update(g, t, p->weight, "weight_speed", decayed);
    add_update(g, t, p->visible_bias, "visible_speed", fov_reduce_mean_opt(g, fov_sub(g, t->data, visible), &rows));
    add_update(g, t, p->hidden_bias, "hidden_speed", fov_reduce_mean_opt(g, fov_sub(g, first, hidden), &rows));
    return (int)r->context->error.status;
}

static fov_rbm_options complete(const fov_rbm_options *options, int64_t count)
{
    fov_rbm_options o = options != NULL ? *options : (fov_rbm_options){0};
    o.epochs = o.epochs > 0 ? o.epochs : 10;
    o.batch = o.batch > 0 ? o.batch : 100;
    o.batch = o.batch <= count ? o.batch : (int)count;
    o.steps = o.steps > 0 ? o.steps : 1;
    o.rate = o.rate > 0 ? o.rate : 0.05f;
    o.decay = o.decay > 0 ? o.decay : o.decay < 0 ? 0 : 0.0002f;
    return o;
}

static void fill_chances(fov_plan *plan, const struct training *t, const fov_rbm_options *o, int hidden, uint64_t step)
{
    size_t count = (size_t)o->batch * (size_t)hidden;
    for (int k = 0; k < o->steps; k++) {
        float *chance = fov_plan_data(plan, t->chance[k]);
        const struct random_key key = {o->seed, RANDOM_GENERATE, step * MOST_STEPS + (uint64_t)k};
        for (size_t i = 0; i < count; i += 4) {
            uint32_t block[4];
            random_block(key, i / 4, block);
            for (size_t j = 0; j < 4 && i + j < count; j++) {
                chance[i + j] = (float)(block[j] >> 8) * 0x1p-24f;
            }
        }
    }
}

/* Trains for one epoch, in a random order of its own. Returns the mean reconstruction error, which is not finite if any
 * number has become non-finite. */
static double run_epoch(const fov_rbm *r, fov_plan *plan, const struct training *t, const fov_rbm_options *o,
                        const float *data, int64_t count, uint32_t *order, int epoch)
{
    int64_t batches = count / o->batch;
    double sum = 0;
    float *input = fov_plan_data(plan, t->data);
    size_t row = (size_t)r->visible;
    random_permutation((struct random_key){o->seed, RANDOM_SHUFFLE, (uint64_t)epoch}, order, (size_t)count);
    *(float *)fov_plan_data(plan, t->rate) = o->rate;
    *(float *)fov_plan_data(plan, t->momentum) = o->momentum > 0 ? o->momentum : epoch < SLOW_EPOCHS ? 0.5f : 0.9f;
    for (int64_t b = 0; b < batches; b++) {
        for (int64_t i = 0; i < o->batch; i++) {
            memcpy(input + (size_t)i * row, data + (size_t)order[b * o->batch + i] * row, row * sizeof *data);
        }
        uint64_t step = (uint64_t)epoch * (uint64_t)batches + (uint64_t)b;
        fill_chances(plan, t, o, r->hidden, step);
        fov_plan_run(plan, step);
        sum += (double)*(float *)fov_plan_data(plan, t->error);
    }
    return sum / (double)batches;
}

static int train(fov_rbm *r, fov_graph *g, fov_plan *plan, const struct training *t, const fov_rbm_options *o,
                 const float *data, int64_t count, uint32_t *order)
{
    struct error *error = &r->context->error;
    for (int epoch = 0; epoch < o->epochs; epoch++) {
        double mean = run_epoch(r, plan, t, o, data, count, order, epoch);
        if (!(mean >= 0 && mean <= 1)) {
            return error_set(error, FOV_E_NUMERIC, "RBM: the reconstruction's error is %g in epoch %d: a smaller rate?",
                             mean, epoch + 1);
        }
        if (o->on_epoch != NULL && o->on_epoch(o->user, epoch + 1, mean) != 0) {
            int status = rbm_from_graph(r, g, &t->parameters);
            return status != FOV_OK ? status
                                    : error_set(error, FOV_E_INTERRUPTED, "RBM: stopped after epoch %d", epoch + 1);
        }
    }
    return rbm_from_graph(r, g, &t->parameters);
}

/* Checks the arguments; zeros in the options stand for defaults. */
static int check(const fov_rbm *r, const float *data, int64_t count, const fov_rbm_options *o)
{
    struct error *error = &r->context->error;
    if (count < 1 || count > UINT32_MAX || data == NULL) {
        return error_set(error, FOV_E_USAGE, "RBM: training on %lld samples%s", (long long)count,
                         data == NULL ? ", which are NULL" : "");
    }
    if (o->epochs < 0 || o->batch < 0 || o->steps < 0 || o->steps > MOST_STEPS) {
        return error_set(error, FOV_E_USAGE,
                         "RBM: %d epochs, batches of %d, %d steps of contrastive divergence (at most %d)", o->epochs,
                         o->batch, o->steps, MOST_STEPS);
    }
    if (!isfinite(o->rate) || o->rate < 0 || !isfinite(o->momentum) || o->momentum < 0 || o->momentum >= 1 ||
        !isfinite(o->decay)) {
        return error_set(error, FOV_E_USAGE, "RBM: rate %g, momentum %g (0 to below 1), decay %g", (double)o->rate,
                         (double)o->momentum, (double)o->decay);
    }
    for (size_t i = 0, visible = (size_t)r->visible; i < (size_t)count * visible; i++) {
        if (!isfinite(data[i])) {
            return error_set(error, FOV_E_INPUT, "RBM: number %zu of sample %zu is %g", i % visible, i / visible,
                             (double)data[i]);
        }
    }
    return FOV_OK;
}

static int learn(fov_rbm *r, const float *data, int64_t count, const fov_rbm_options *options)
{
    const fov_rbm_options standard = {0};
    struct error *error = &r->context->error;
    struct training t = {0};
    if (check(r, data, count, options != NULL ? options : &standard) != FOV_OK) {
        return (int)error->status;
    }
    const fov_rbm_options o = complete(options, count);
    uint32_t *order = memory_allocate(r->context->memory, (size_t)count, sizeof *order, "an order of samples", error);
    fov_graph *g = order != NULL ? fov_graph_create(r->context) : NULL;
    fov_plan *plan = NULL;
    if (g != NULL && describe(r, g, &o, &t) == FOV_OK) {
        plan = fov_plan_create(g, &t.error, 1, &(fov_plan_options){.training = true, .updates = true});
    }
    if (plan != NULL) {
        train(r, g, plan, &t, &o, data, count, order);
    }
    fov_plan_free(plan);
    fov_graph_free(g);
    memory_free(r->context->memory, order);
    return (int)error->status;
}

int fov_rbm_train(fov_rbm *r, const float *data, int64_t count, const fov_rbm_options *options)
{
    if (r == NULL) {
        return FOV_E_USAGE;
    }
    struct call call = call_begin(r->context);
    int status = learn(r, data, count, options);
    call_end(&call);
    return status;
}
