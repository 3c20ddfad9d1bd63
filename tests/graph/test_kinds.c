/* SPDX-License-Identifier: MIT */
/* Kinds of patterns for which a plan once computed something else than its graph: it read a value that was overwritten,
 * updated or not yet computed. For each, plans with and without fusion give the same numbers: in inference, and for all
 * parameters after two training steps. The search in random/ finds new patterns; these are some that it has found. */
#include "graph/graph.h"
#include "support/levels.h"
#include <fovea/fovea.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 4, MOST = 64, STEPS = 2 };

/* Builds a network behind x and returns its result. */
typedef fov_value build_function(fov_graph *g, fov_value x);

struct kind {
    const char     *name;
    build_function *build;
    int             channels, height, width;
};

static fov_value depthwise(fov_graph *g, fov_value x, int kernel, int stride, int dilation)
{
    int channels = (int)fov_value_shape(g, x).dim[1];

    return fov_conv2d(g, x, .filters = channels, .groups = channels, .kernel = kernel, .stride = stride,
                      .dilation = dilation, .pad = dilation * (kernel / 2));
}

static fov_value pointwise(fov_graph *g, fov_value x, int filters)
{
    return fov_conv2d(g, x, .filters = filters, .kernel = 1, .no_bias = true);
}

/* ---- memory reused while it is still to be read ------------------------------------------------------------------ */

static fov_value two_depthwise_branches(fov_graph *g, fov_value x)
{
    return fov_relu(g, fov_add(g, depthwise(g, x, 3, 1, 1), depthwise(g, x, 5, 1, 1)));
}

static fov_value strided_depthwise_on_branch(fov_graph *g, fov_value x)
{
    fov_value branch = fov_conv2d(g, x, .filters = 12, .kernel = 3, .pad = 1, .stride = 2);

    return fov_swish(g, fov_batch_norm(g, fov_add(g, branch, depthwise(g, x, 3, 2, 1))));
}

/* 1-D and 3-D convolutions: all pixels of x as one line, and as a volume of depth 2 */
static fov_value depthwise_of_other_ranks(fov_graph *g, fov_value x)
{
    fov_shape shape = fov_value_shape(g, x);
    int       c = (int)shape.dim[1], pixels = (int)(shape.dim[2] * shape.dim[3]);
    fov_value line = fov_reshape(g, x, (fov_shape)FOV_SHAPE(FOV_BATCH, c, pixels));
    fov_value cube = fov_reshape(g, x, (fov_shape)FOV_SHAPE(FOV_BATCH, c, 2, shape.dim[2] / 2, shape.dim[3]));

    line = fov_add(g, fov_conv1d(g, line, .filters = c, .kernel = 3, .pad = 1),
                   fov_conv1d(g, line, .filters = c, .groups = c, .kernel = 3, .pad = 1));
    cube = fov_add(g, fov_conv3d(g, cube, .filters = c, .kernel = 1),
                   fov_conv3d(g, cube, .filters = c, .groups = c, .kernel = 3, .pad = 1));
    return fov_add(g, fov_reshape(g, line, (fov_shape)FOV_SHAPE(FOV_BATCH, c * pixels)),
                   fov_reshape(g, cube, (fov_shape)FOV_SHAPE(FOV_BATCH, c * pixels)));
}

/* A dense layer that packs its weight while it computes keeps partial sums in its result. */
static fov_value deep_dense_on_branch(fov_graph *g, fov_value x)
{
    fov_value flat = fov_flatten(g, x);

    return fov_add(g, fov_dense(g, fov_tanh(g, flat), .units = 9), fov_dense(g, flat, .units = 9));
}

/* ---- one step within another ------------------------------------------------------------------------------------- */

static fov_value depthwise_behind_depthwise(fov_graph *g, fov_value x)
{
    return depthwise(g, fov_relu(g, depthwise(g, x, 3, 1, 1)), 3, 1, 1);
}

static fov_value large_kernel_attention(fov_graph *g, fov_value x)
{
    fov_value y = depthwise(g, depthwise(g, x, 5, 1, 1), 7, 1, 3);

    return fov_mul(g, x, pointwise(g, y, (int)fov_value_shape(g, x).dim[1]));
}

static fov_value three_depthwise_on_branch(fov_graph *g, fov_value x)
{
    fov_value y = fov_clip(g, pointwise(g, x, 48), 0, 6);

    y = fov_clip(g, depthwise(g, fov_clip(g, depthwise(g, y, 3, 1, 1), 0, 6), 3, 1, 1), 0, 6);
    return fov_add(g, depthwise(g, y, 3, 1, 1), pointwise(g, x, 48));
}

/* Lower limits above the upper ones: the upper one wins, whatever step the clip is fused into. */
static fov_value crossed_limits(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 20, .kernel = 3, .pad = 1);

    y = fov_add(g, fov_clip(g, y, 0.5F, -0.25F), fov_clip(g, pointwise(g, x, 20), 3, 2));
    y = fov_add(g, y, fov_clip(g, fov_add(g, fov_conv2d(g, x, .filters = 20, .kernel = 1), y), 1, 0));
    return fov_add(g, y, fov_clip(g, depthwise(g, pointwise(g, x, 20), 3, 1, 1), 1, -1));
}

/* ---- a parameter updated before its last reader ------------------------------------------------------------------ */

static fov_value inverted_residual(fov_graph *g, fov_value x)
{
    int       channels = (int)fov_value_shape(g, x).dim[1];
    fov_value y = fov_clip(g, fov_batch_norm(g, pointwise(g, x, 3 * channels)), 0, 6);

    y = fov_clip(g, fov_batch_norm(g, depthwise(g, y, 3, 1, 1)), 0, 6);
    return fov_add(g, fov_batch_norm(g, pointwise(g, y, channels)), x);
}

static fov_value two_inverted_residuals(fov_graph *g, fov_value x)
{
    return inverted_residual(g, inverted_residual(g, x));
}

static fov_value squeezed(fov_graph *g, fov_value x)
{
    fov_value y = fov_swish(g, fov_batch_norm(g, depthwise(g, x, 3, 1, 1)));
    fov_value gate = fov_conv2d(g, fov_swish(g, fov_conv2d(g, fov_global_avg_pool(g, y), .filters = 5, .kernel = 1)),
                                .filters = 12, .kernel = 1);

    return fov_batch_norm(g, pointwise(g, fov_mul(g, y, fov_sigmoid(g, gate)), 12));
}

/* A weight that is read through a view, before and after its gradient is computed. */
static fov_value weight_through_a_view(fov_graph *g, fov_value x)
{
    fov_value column = fov_parameter(g, .name = "column", .shape = FOV_SHAPE(12), .initial = FOV_INITIAL_ONES);
    fov_value scale = fov_reshape(g, column, (fov_shape)FOV_SHAPE(1, 12, 1, 1));

    return fov_mul(g, fov_sigmoid(g, fov_mul(g, fov_sigmoid(g, fov_mul(g, x, scale)), scale)), scale);
}

/* ---- statistics taken before the result is complete -------------------------------------------------------------- */

static fov_value transposed_depthwise(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv_transpose2d(g, x, .filters = 12, .groups = 12, .kernel = 4, .stride = 2, .pad = 1);

    y = fov_batch_norm(g, fov_relu(g, y));
    y = fov_conv_transpose2d(g, y, .filters = 12, .groups = 12, .kernel = 3, .pad = 1);
    return fov_relu(g, fov_batch_norm(g, y));
}

static fov_value dynamic_depthwise(fov_graph *g, fov_value x)
{
    fov_value weight = fov_dense(g, fov_reshape(g, fov_global_avg_pool(g, x), (fov_shape)FOV_SHAPE(FOV_BATCH, 12)),
                                 .units = 12 * 9);

    weight = fov_reshape(g, weight, (fov_shape)FOV_SHAPE(FOV_BATCH, 12, 1, 3, 3));
    return fov_batch_norm(g, fov_dynamic_conv2d(g, x, weight, .groups = 12, .pad = 1));
}

/* ---- two steps merged into one ----------------------------------------------------------------------------------- */

/* Two depthwise gradients of the same dy and the same size, but with kernels of 3 and 5; one weight is frozen. */
static fov_value siblings_of_one_gradient(fov_graph *g, fov_value x)
{
    fov_value weight = fov_parameter(g, .name = "frozen", .shape = FOV_SHAPE(12, 1, 5, 5), .frozen = true,
                                     .initial = FOV_INITIAL_NORMAL, .scale = 0.2F);
    struct {
        struct op_list kernel, stride, pad, dilation, size;
        int64_t        groups;
        int            auto_pad;
    } options = {.pad = {4, {2, 2, 2, 2}}, .groups = 12};
    fov_value hidden = fov_relu(g, pointwise(g, x, 12));
    fov_value first = depthwise(g, x, 3, 1, 1);

    return fov_add(g, first, op_emit2(fov_graph_emitter(g), "conv", hidden, weight, &options));
}

/* ---- substitutions that are not allowed -------------------------------------------------------------------------- */

static fov_value average_of_a_frame(fov_graph *g, fov_value x)
{
    const int64_t frame[8] = {0, 0, 2, 2, 0, 0, 2, 2};
    fov_value pads = fov_constant(g, "pads", FOV_I64, (fov_shape)FOV_SHAPE(8), frame);
    fov_value padded = op_emit2(fov_graph_emitter(g), "pad", x, pads, NULL);

    return fov_avg_pool2d(g, padded, .kernel = 2);
}

/* A value that is concatenated twice lies inside the concatenation; a part of it that is read later lies there, too. */
static fov_value part_of_what_is_joined_twice(fov_graph *g, fov_value x)
{
    fov_value all = pointwise(g, x, 32), parts[2], joined[3];

    fov_split_into(g, all, 1, NULL, 2, parts);
    joined[0] = joined[1] = all;
    joined[2] = pointwise(g, parts[1], 16);
    return fov_concat(g, joined, 3, 1);
}

static fov_value whole_joined_with_parts_of_it(fov_graph *g, fov_value x)
{
    fov_value all = fov_batch_norm(g, x), parts[2], joined[3] = {all};

    fov_split_into(g, all, 1, NULL, 2, parts);
    joined[1] = joined[2] = parts[0];
    return fov_concat(g, joined, 3, 1);
}

static const struct kind kinds[] = {
    {"two depthwise branches", two_depthwise_branches, 12, 9, 7},
    {"a strided depthwise convolution on a branch", strided_depthwise_on_branch, 12, 9, 8},
    {"depthwise of 1-D and 3-D on a branch", depthwise_of_other_ranks, 6, 8, 5},
    {"a dense layer of many features on a branch", deep_dense_on_branch, 20, 10, 12},
    {"depthwise behind depthwise", depthwise_behind_depthwise, 96, 14, 14},
    {"5 x 5 and 7 x 7 dilated", large_kernel_attention, 80, 11, 11},
    {"three depthwise on a branch", three_depthwise_on_branch, 24, 15, 13},
    {"crossed limits", crossed_limits, 12, 9, 7},
    {"inverted residuals", two_inverted_residuals, 16, 14, 14},
    {"squeeze and excite", squeezed, 12, 12, 12},
    {"a weight through a view", weight_through_a_view, 12, 5, 4},
    {"transposed depthwise", transposed_depthwise, 12, 7, 6},
    {"dynamic depthwise", dynamic_depthwise, 12, 8, 8},
    {"siblings of one gradient", siblings_of_one_gradient, 12, 8, 9},
    {"the average of a frame", average_of_a_frame, 3, 4, 4},
    {"a part of what is joined twice", part_of_what_is_joined_twice, 6, 5, 4},
    {"the whole joined with parts of it", whole_joined_with_parts_of_it, 32, 3, 2},
};

static void draw(fov_graph *g)
{
    for (int i = 0; i < fov_parameter_count(g); i++) {
        fov_value   value = fov_parameter_at(g, i);
        const char *name  = fov_value_name(g, value);
        fov_shape   shape = fov_value_shape(g, value);
        size_t      count = shape_span(&shape, 0, shape.rank);
        float      *data  = malloc(count * sizeof *data);
        float       centre = strstr(name, "batch_norm") && strstr(name, "weight") ? 1.0F : 0.1F;

        for (size_t k = 0; k < count; k++) {
            float drawn = (float)random_normal((struct random_key){11, RANDOM_TEST, (uint64_t)i}, k);
            data[k] = strstr(name, "velocity") ? 0 : strstr(name, "var") ? 0.5F + fabsf(drawn) : centre + drawn * 0.3F;
        }
        assert_int_equal(fov_parameter_set(g, value, data, count * sizeof *data), FOV_OK);
        free(data);
    }
}

static void add_updates(fov_graph *g, fov_value result, fov_value rate)
{
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.9, .weight_decay = 1e-3};
    fov_value loss = fov_reduce_mean_opt(g, fov_mul(g, result, result), NULL);
    fov_value learned[MOST], gradients[MOST];
    int       count = 0, all = fov_parameter_count(g);

    for (int i = 0; i < all; i++)
        if (!fov_parameter_frozen(g, fov_parameter_at(g, i)))
            learned[count++] = fov_parameter_at(g, i);
    assert_int_equal(fov_gradient(g, loss, learned, count, gradients), FOV_OK);
    for (int i = 0; i < count; i++) {
        fov_value velocity = fov_graph_parameter(g, fov_value_name(g, learned[i]), "velocity",
                                                 fov_value_shape(g, learned[i]), FOV_INITIAL_ZEROS, 0, true);
        fov_value in[] = {learned[i], gradients[i], velocity, rate};
        fov_value next = op_emit(fov_graph_emitter(g), "sgd", in, 4, &options);

        fov_assign(g, learned[i], next);
        fov_assign(g, velocity, op_emit_output(fov_graph_emitter(g), next, 1));
    }
}

/* The network's result, or in training all its parameters after the last step. The caller frees `all`. */
struct numbers {
    float *all;
    size_t count, begin[MOST + 1]; /* tensor i is all[begin[i]] .. all[begin[i + 1] - 1] */
    int    tensors;
};

/* Appends a tensor and returns its elements, which the caller sets. */
static float *add_tensor(struct numbers *numbers, size_t bytes)
{
    assert_true(numbers->tensors < MOST);
    numbers->all = realloc(numbers->all, numbers->count * sizeof *numbers->all + bytes);
    numbers->count += bytes / sizeof *numbers->all;
    numbers->begin[++numbers->tensors] = numbers->count;
    return numbers->all + numbers->begin[numbers->tensors - 1];
}

static struct numbers run(const struct kind *kind, const char *isa, bool trains, bool fused)
{
    fov_context *context = fov_context_create(
        &(fov_context_options){.device = "cpu", .threads = 2, .isa = isa, .seed = 7, .exact_conv = true});
    fov_graph *g = fov_graph_create(context);
    fov_value  x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, kind->channels, kind->height, kind->width));
    fov_value  rate = fov_input(g, .name = "rate"), result = kind->build(g, x);
    fov_plan  *plan;
    float     *data;
    struct numbers numbers = {0};

    if (trains)
        add_updates(g, result, rate);
    assert_string_equal(fov_error(context), "");
    draw(g);
    plan = fov_plan_create(
        g, &result, 1,
        &(fov_plan_options){.batch = BATCH, .training = trains, .updates = trains, .no_fusion = !fused});
    if (!plan)
        fail_msg("%s: %s", kind->name, fov_error(context));
    data = fov_plan_data(plan, x);
    for (size_t i = 0; i < fov_plan_bytes(plan, x) / sizeof *data; i++)
        data[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    if (fov_plan_data(plan, rate))
        *(float *)fov_plan_data(plan, rate) = 0.5F;
    for (uint64_t step = 0; step < (trains ? STEPS : 1); step++)
        fov_plan_run(plan, step);
    if (!trains)
        memcpy(add_tensor(&numbers, fov_plan_bytes(plan, result)), fov_plan_data(plan, result),
               fov_plan_bytes(plan, result));
    for (int i = 0; trains && i < fov_parameter_count(g); i++) {
        fov_shape shape = fov_value_shape(g, fov_parameter_at(g, i));
        size_t    bytes = shape_span(&shape, 0, shape.rank) * sizeof(float);

        assert_int_equal(fov_parameter_get(g, fov_parameter_at(g, i), add_tensor(&numbers, bytes), bytes), FOV_OK);
    }
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return numbers;
}

static void compare(const struct kind *kind, const char *isa, bool trains)
{
    struct numbers fused = run(kind, isa, trains, true), plain = run(kind, isa, trains, false);

    assert_int_equal(fused.tensors, plain.tensors);
    for (int t = 0; t < plain.tensors; t++) {
        float most = 0;

        assert_int_equal(fused.begin[t + 1], plain.begin[t + 1]);
        for (size_t i = plain.begin[t]; i < plain.begin[t + 1]; i++)
            most = fmaxf(most, fabsf(plain.all[i]));
        assert_true(isfinite(most));
        for (size_t i = plain.begin[t]; i < plain.begin[t + 1]; i++)
            if (!(fabsf(fused.all[i] - plain.all[i]) <= 2e-4F * most + 1e-6F))
                fail_msg("%s on %s, %s: number %zu of tensor %d is %g, without fusion %g (the largest is %g)",
                         kind->name, isa, trains ? "trained" : "predicting", i - plain.begin[t], t,
                         (double)fused.all[i], (double)plain.all[i], (double)most);
    }
    free(fused.all);
    free(plain.all);
}

static void fusion_changes_nothing(void **state)
{
    const char *levels[CPU_LEVEL_COUNT];
    int         count = levels_here(levels);

    (void)state;
    for (int l = 0; l < count; l++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            compare(&kinds[k], levels[l], false);
            compare(&kinds[k], levels[l], true);
        }
}

/* A parameter is assigned another one that is itself updated: it becomes the old value, whatever the order of steps. */
static void parameters_become_old_values(void **state)
{
    for (int fused = 0; fused < 2; fused++) {
        fov_context *context = fov_context_create(NULL);
        fov_graph   *g = fov_graph_create(context);
        fov_value    p[3], sum, rate = fov_input(g, .name = "rate");
        const float  begin[3] = {1, 10, 100};
        float        now[3];
        fov_plan    *plan;

        (void)state;
        for (int i = 0; i < 3; i++) {
            char name[8];

            snprintf(name, sizeof name, "p%d", i);
            p[i] = fov_parameter(g, .name = name, .shape = FOV_SHAPE(1));
            assert_int_equal(fov_parameter_set(g, p[i], &begin[i], sizeof begin[i]), FOV_OK);
        }
        sum = fov_add(g, p[0], fov_mul(g, p[2], rate));
        fov_assign(g, p[0], p[1]);
        fov_assign(g, p[1], p[0]);
        fov_assign(g, p[2], sum);
        plan = fov_plan_create(g, &sum, 1, &(fov_plan_options){.updates = true, .no_fusion = !fused});
        assert_string_equal(fov_error(context), "");
        *(float *)fov_plan_data(plan, rate) = 2;
        fov_plan_run(plan, 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(fov_parameter_get(g, p[i], &now[i], sizeof now[i]), FOV_OK);
        assert_float_equal(now[0], 10, 0);
        assert_float_equal(now[1], 1, 0);
        assert_float_equal(now[2], 201, 0);
        fov_plan_free(plan);
        fov_graph_free(g);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fusion_changes_nothing),
        cmocka_unit_test(parameters_become_old_values),
    };

    return cmocka_run_group_tests_name("kinds of patterns", tests, NULL, NULL);
}
