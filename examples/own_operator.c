/* SPDX-License-Identifier: MIT */
/* An operator of one's own: y = x / (1 + |x|)^p, with a definition, a fast form, a gradient built from existing
 * operators, and an option. Checked against its definition, differentiated, and used in a network. */
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>

static size_t count_of(const fov_shape *shape)
{
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= (size_t)shape->dim[i];
    }
    return count;
}

static int shapes(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    out[0] = call->in[0];
    return FOV_OK;
}

static void define(const fov_operator_call *call, const double *const *in, double *const *out)
{
    for (size_t i = 0; i < count_of(&call->in[0]); i++) {
        out[0][i] = in[0][i] / pow(1 + fabs(in[0][i]), call->options[0]);
    }
}

/* The fast form, in pieces of 4096 elements, each on one of the context's threads. */
struct work {
    const float *x;
    float *y;
    size_t count;
    float power;
};

static void compute_piece(void *context, size_t piece)
{
    const struct work *work = context;
    size_t end = (piece + 1) * 4096 < work->count ? (piece + 1) * 4096 : work->count;
    for (size_t i = piece * 4096; i < end; i++) {
        work->y[i] = work->x[i] / powf(1 + fabsf(work->x[i]), work->power);
    }
}

static void compute(const fov_operator_call *call, const float *const *in, float *const *out)
{
    struct work work = {in[0], out[0], count_of(&call->in[0]), (float)call->options[0]};
    fov_operator_parallel(call, compute_piece, &work, (work.count + 4095) / 4096);
}

/* dy/dx = (1 + |x| - p |x|) / (1 + |x|)^(p + 1) */
static void gradient(const fov_operator_gradient *g)
{
    const float p = (float)g->options[0], numbers[] = {1, 1 - p, p + 1};
    fov_value constant[3];
    for (int i = 0; i < 3; i++) {
        constant[i] = fov_constant(g->graph, NULL, FOV_F32, (fov_shape){0}, &numbers[i]);
    }
    fov_value size = fov_abs(g->graph, g->in[0]);
    fov_value above = fov_add(g->graph, constant[0], fov_mul(g->graph, constant[1], size));
    fov_value below = fov_pow(g->graph, fov_add(g->graph, constant[0], size), constant[2]);
    g->in_gradient[0] = fov_mul(g->graph, g->out_gradient[0], fov_div(g->graph, above, below));
}

int main(void)
{
    static const fov_operator_option options[] = {{"power", 1, 0, 4, "of the divisor"}};
    static const fov_operator squash = {.name = "squash",
                                        .summary = "x over a power of 1 + |x|",
                                        .inputs = 1,
                                        .outputs = 1,
                                        .options = options,
                                        .option_count = 1,
                                        .shapes = shapes,
                                        .define = define,
                                        .compute = compute,
                                        .gradient = gradient};
    fov_context *ctx = fov_context_create(NULL);
    fov_shape shape = {2, {100, 100}};
    double difference = 1;
    if (fov_operator_register(ctx, &squash) || fov_operator_check(ctx, "squash", &shape, 1, NULL, 1, &difference)) {
        fprintf(stderr, "own_operator: %s\n", fov_error(ctx));
        return 1;
    }
    printf("compute is within %.0e of its definition\n", difference);

    fov_graph *graph = fov_graph_create(ctx);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(4));
    fov_value y = fov_node(graph, "squash", &x, 1, "power", "1.5"), slope;
    fov_value sum = fov_reduce_sum(graph, y, .keep_dims = false);
    if (fov_gradient(graph, sum, &x, 1, &slope)) {
        fprintf(stderr, "own_operator: %s\n", fov_error(ctx));
        return 1;
    }
    fov_plan *plan = fov_plan_create(graph, (fov_value[]){y, slope}, 2, NULL);
    if (!plan) {
        fprintf(stderr, "own_operator: %s\n", fov_error(ctx));
        return 1;
    }
    float *in = fov_plan_data(plan, x);
    for (int i = 0; i < 4; i++) {
        in[i] = (float)i - 1;
    }
    fov_plan_run(plan, 0);
    const float *value = fov_plan_data(plan, y), *rise = fov_plan_data(plan, slope);
    for (int i = 0; i < 4; i++) {
        printf("x %2.0f  y %6.3f  dy/dx %6.3f\n", (double)in[i], (double)value[i], (double)rise[i]);
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(ctx);
    return 0;
}
