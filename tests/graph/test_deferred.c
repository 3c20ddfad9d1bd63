/* SPDX-License-Identifier: MIT */
/* Normalised images that are never stored, or computed twice instead of kept (graph/defer.c), sums that an image's
 * producer computes (op_cpu.see), and merged gradients: the gradients of a small network of inverted residual blocks
 * and of one of plain residual blocks are those without fusion, and have the same bits for any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tensor/shape.h"
#include <fovea/fovea.h>
#include <math.h>

enum { BATCH = 3, MOST = 48 };

/* A network to test; its images are dropped and recomputed only if the pictures are large. */
struct kind {
    const char *name;
    int         side;
    fov_value (*build)(fov_graph *g, fov_value x);
};

struct network {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, labels, loss, parameters[MOST], gradients[MOST];
    int          count, side;
};

/* Expand, filter each channel, project; the projection's normalisation has no activation. */
static fov_value block(fov_graph *g, fov_value x, int wide, int narrow, int kernel, int stride)
{
    fov_value y = fov_conv2d(g, x, .filters = wide, .kernel = 1, .no_bias = true);

    y = fov_clip(g, fov_batch_norm(g, y), 0, 6);
    y = fov_conv2d(g, y, .filters = wide, .kernel = kernel, .stride = stride, .pad = kernel / 2, .groups = wide,
                   .no_bias = true);
    y = fov_leaky_relu(g, fov_batch_norm(g, y), 0.1F);
    return fov_batch_norm(g, fov_conv2d(g, y, .filters = narrow, .kernel = 1, .no_bias = true));
}

static fov_value build(fov_graph *g, fov_value x)
{
    fov_value a = fov_conv2d(g, x, .filters = 20, .kernel = 3, .stride = 2, .pad = 1, .no_bias = true), b;

    a = fov_relu(g, fov_batch_norm(g, a));
    a = fov_conv2d(g, a, .filters = 20, .kernel = 3, .pad = 1, .groups = 20);
    a = fov_conv2d(g, fov_relu(g, fov_batch_norm(g, a)), .filters = 11, .kernel = 1, .no_bias = true);
    a = block(g, fov_batch_norm(g, a), 70, 24, 3, 2);
    b = block(g, a, 48, 24, 5, 1);
    a = fov_add(g, a, b);
    a = block(g, a, 33, 40, 5, 2);
    a = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, a, .filters = 130, .kernel = 1)));
    return fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, a)), .units = 7);
}

static fov_value plain_block(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 16, .kernel = 3, .pad = 1, .no_bias = true);

    y = fov_conv2d(g, fov_relu(g, fov_batch_norm(g, y)), .filters = 16, .kernel = 3, .pad = 1, .no_bias = true);
    return fov_relu(g, fov_add(g, fov_batch_norm(g, y), x));
}

static fov_value build_plain(fov_graph *g, fov_value x)
{
    fov_value a = fov_conv2d(g, x, .filters = 16, .kernel = 3, .pad = 1, .no_bias = true);

    a = fov_relu(g, fov_batch_norm(g, a));
    for (int i = 0; i < 3; i++)
        a = plain_block(g, a);
    a = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, a, .filters = 20, .kernel = 3, .stride = 2)));
    return fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, a)), .units = 7);
}

static const struct kind inverted = {"inverted blocks", 29, build}, plain_blocks = {"plain blocks", 74, build_plain};

static void network_open(struct network *n, const struct kind *kind, const char *isa, int threads)
{
    memset(n, 0, sizeof *n);
    n->side    = kind->side;
    n->context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 3, .isa = isa});
    n->graph   = fov_graph_create(n->context);
    n->x       = fov_input(n->graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, n->side, n->side));
    n->labels  = fov_input(n->graph, .name = "labels", .shape = FOV_SHAPE(FOV_BATCH), .dtype = FOV_I32);
    n->loss    = fov_softmax_cross_entropy(n->graph, kind->build(n->graph, n->x), n->labels);
    for (int i = 0; i < fov_parameter_count(n->graph); i++)
        if (!fov_parameter_frozen(n->graph, fov_parameter_at(n->graph, i)))
            n->parameters[n->count++] = fov_parameter_at(n->graph, i);
    assert_true(n->count <= MOST);
    assert_int_equal(fov_gradient(n->graph, n->loss, n->parameters, n->count, n->gradients), FOV_OK);
    assert_string_equal(fov_error(n->context), "");
}

static void network_close(struct network *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

static fov_plan *open_plan(struct network *n, bool no_fusion)
{
    fov_plan *plan = fov_plan_create(n->graph, n->gradients, n->count,
                                     &(fov_plan_options){.batch = BATCH, .training = true, .no_fusion = no_fusion});
    float    *x;

    if (!plan)
        fail_msg("%s", fov_error(n->context));
    x = fov_plan_data(plan, n->x);
    for (size_t i = 0; i < (size_t)(BATCH * 3 * n->side * n->side); i++)
        x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i) + 0.5F;
    for (int i = 0; i < BATCH; i++)
        ((int32_t *)fov_plan_data(plan, n->labels))[i] = i % 7;
    return plan;
}

static int steps_with(const fov_plan *plan, const char *detail)
{
    int count = 0;

    for (int i = 0; i < fov_plan_step_count(plan); i++)
        count += strstr(fov_plan_step_at(plan, i).detail, detail) != NULL;
    return count;
}

static const char *const levels[] = {"reference", "sse2", "avx2", "avx512", "amx", "neon"};

static bool has(const char *isa)
{
    fov_context *context = fov_context_create(&(fov_context_options){.isa = isa});
    bool         there   = context && !*fov_error(context);

    fov_context_free(context);
    return there;
}

/* Runs both plans, which must give the same gradients, and frees them and the network. */
static void compare_and_close(struct network *n, fov_plan *plan, fov_plan *other, const char *level)
{
    const float tolerance = 5e-3F;

    fov_plan_run(plan, 1);
    fov_plan_run(other, 1);
    for (int i = 0; i < n->count; i++) {
        const float *a = fov_plan_data(plan, n->gradients[i]), *b = fov_plan_data(other, n->gradients[i]);
        size_t       count = fov_plan_bytes(plan, n->gradients[i]) / sizeof *a;
        float        most  = 0;

        for (size_t k = 0; k < count; k++)
            most = fmaxf(most, fabsf(b[k]));
        for (size_t k = 0; k < count; k++)
            if (!(fabsf(a[k] - b[k]) <= tolerance * most + tolerance * 1e-3F))
                fail_msg("%s: gradient of %s, element %zu: %g, should be %g", level,
                         fov_value_name(n->graph, n->parameters[i]), k, (double)a[k], (double)b[k]);
    }
    fov_plan_free(plan);
    fov_plan_free(other);
    network_close(n);
}

/* Deferred rows, computed while they are read, give the gradients that stored ones give, on every instruction set. */
static void gradients_are_kept(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        struct network n;
        fov_plan      *plan, *plain;

        if (!has(levels[l]))
            continue;
        network_open(&n, &inverted, levels[l], 2);
        plan  = open_plan(&n, false);
        plain = open_plan(&n, true);
        assert_int_equal(steps_with(plan, "applied by its readers"), 11);
        assert_int_equal(steps_with(plan, "both gradients"), 4);
        assert_int_equal(steps_with(plain, "applied by its readers") + steps_with(plain, "both gradients"), 0);
        compare_and_close(&n, plan, plain, levels[l]);
    }
}

/* An image that is computed and stored twice takes no memory in between, and is the same both times. */
static void dropped_images_come_back(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        struct network  n;
        fov_plan       *plan, *plain;
        size_t          image = (size_t)(BATCH * 16 * plain_blocks.side * plain_blocks.side) * sizeof(float);

        if (!has(levels[l]))
            continue;
        network_open(&n, &plain_blocks, levels[l], 2);
        plan  = open_plan(&n, false);
        plain = open_plan(&n, true);
        /* Dropped are the first image, and one image within every block but the last. A block's sum needs the image
         * before it, so not all of the sums are dropped. */
        assert_int_equal(steps_with(plan, "rows, for those who do not make them") % 2, 0);
        assert_true(steps_with(plan, "rows, for those who do not make them") >= 6);
        assert_int_equal(steps_with(plain, "rows, for those who do not make them"), 0);
        assert_true(fov_plan_memory_use(plan).activations + 3 * image < fov_plan_memory_use(plain).activations);
        compare_and_close(&n, plan, plain, levels[l]);
    }
}

static void same_bits(const struct kind *kind)
{
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        struct network n[4];
        fov_plan      *plans[4];

        for (int t = 0; has(levels[l]) && t < 4; t++) {
            network_open(&n[t], kind, levels[l], t + 1);
            plans[t] = open_plan(&n[t], false);
            fov_plan_run(plans[t], 1);
        }
        for (int t = 1; has(levels[l]) && t < 4; t++)
            for (int i = 0; i < n[t].count; i++)
                if (memcmp(fov_plan_data(plans[t], n[t].gradients[i]), fov_plan_data(plans[0], n[0].gradients[i]),
                           fov_plan_bytes(plans[0], n[0].gradients[i])) != 0)
                    fail_msg("%s, %s: the gradient of %s differs with %d threads", kind->name, levels[l],
                             fov_value_name(n[t].graph, n[t].parameters[i]), t + 1);
        for (int t = 0; has(levels[l]) && t < 4; t++) {
            fov_plan_free(plans[t]);
            network_close(&n[t]);
        }
    }
}

static void threads_do_not_change_bits(void **state)
{
    (void)state;
    same_bits(&inverted);
    same_bits(&plain_blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_kept),
        cmocka_unit_test(dropped_images_come_back),
        cmocka_unit_test(threads_do_not_change_bits),
    };

    return cmocka_run_group_tests_name("deferred", tests, NULL, NULL);
}
