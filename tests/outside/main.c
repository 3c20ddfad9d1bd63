/* SPDX-License-Identifier: MIT */
/* A user's first program: creates a context, builds a small graph and runs it; then an operator and a task of its own.
 * It tests that an installed fovea can be found, compiled against, linked and run, not the quality of results. */
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>

static int fail(const char *what, fov_context *context)
{
    fprintf(stderr, "%s: %s\n", what, fov_error(context));
    return 1;
}

/* ---- an operator that this program defines ----------------------------------------------------------------------- */

static int cube_shapes(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    out[0] = call->in[0];
    return FOV_OK;
}

static size_t count_of(const fov_shape *shape)
{
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= (size_t)shape->dim[i];
    }
    return count;
}

static void cube_define(const fov_operator_call *call, const double *const *in, double *const *out)
{
    for (size_t i = 0; i < count_of(&call->in[0]); i++) {
        out[0][i] = call->options[0] * in[0][i] * in[0][i] * in[0][i];
    }
}

static void cube_compute(const fov_operator_call *call, const float *const *in, float *const *out)
{
    for (size_t i = 0; i < count_of(&call->in[0]); i++) {
        out[0][i] = (float)call->options[0] * in[0][i] * in[0][i] * in[0][i];
    }
}

/* d (a x^3) / dx = 3 a x^2 */
static void cube_gradient(const fov_operator_gradient *g)
{
    const float three = 3 * (float)g->options[0];
    fov_value factor = fov_constant(g->graph, NULL, FOV_F32, (fov_shape){0}, &three);
    fov_value slope = fov_mul(g->graph, factor, fov_mul(g->graph, g->in[0], g->in[0]));
    g->in_gradient[0] = fov_mul(g->graph, g->out_gradient[0], slope);
}

/* The operator is registered, checked, differentiated, saved in a model and loaded again. */
static int own_operator(fov_context *context)
{
    static const fov_operator_option options[] = {{"factor", 1, 0, 0, "times the cube"}};
    static const fov_operator cube = {.name = "cube",
                                      .inputs = 1,
                                      .outputs = 1,
                                      .options = options,
                                      .option_count = 1,
                                      .shapes = cube_shapes,
                                      .define = cube_define,
                                      .compute = cube_compute,
                                      .gradient = cube_gradient};
    const fov_shape shape = {2, {3, 4}};
    double difference = 1;
    if (fov_operator_register(context, &cube) ||
        fov_operator_check(context, "cube", &shape, 1, (const char *const[]){"factor", "2", NULL}, 3, &difference) ||
        !(difference < 1e-6)) {
        return fail("cube", context);
    }
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 1)), slope;
    fov_value w = fov_parameter(graph, .name = "w", .shape = FOV_SHAPE(1), .initial = FOV_INITIAL_ONES);
    fov_value wx = fov_mul(graph, x, w), y = fov_node(graph, "cube", &wx, 1, "factor", "2");
    fov_value loss = fov_reduce_sum(graph, y, .keep_dims = false);
    fov_buffer file;
    if (fov_gradient(graph, loss, &w, 1, &slope) || fov_model_set_input_output(model, x, y) ||
        fov_model_save_memory(model, 0, &file)) {
        return fail("cube in a model", context);
    }
    fov_plan *plan = fov_plan_create(graph, &slope, 1, NULL);
    *(float *)fov_plan_data(plan, x) = 2;
    fov_plan_run(plan, 0);
    float made = *(const float *)fov_plan_data(plan, slope); /* 3 * 2 * 2^3 */
    fov_plan_free(plan);
    fov_model_free(model);
    model = fov_model_load_memory(context, file.bytes, file.size);
    fov_session *session = model ? fov_session_create(model, NULL) : NULL;
    const float two = 2;
    fov_tensor in = {.name = "x", .shape = {2, {1, 1}}, .data = &two}, out = {.name = NULL};
    if (!session || fov_session_run(session, &in, 1, &out, 1) || made != 48 || *(const float *)out.data != 16) {
        return fail("cube in a file", context);
    }
    fov_session_free(session);
    fov_model_free(model);
    fov_buffer_free(&file);
    return 0;
}

/* ---- a task that this program defines ---------------------------------------------------------------------------- */

/* The target: the brightness of the picture's first pixel, in 0 .. 1. */
static int first_pixel(void *user, const fov_sample *sample, float *target, int numbers)
{
    (void)user;
    for (int i = 0; i < numbers; i++) {
        target[i] = (float)sample->pixels[0] / 255.0F;
    }
    return FOV_OK;
}

static fov_value squared(void *user, fov_graph *graph, fov_value output, fov_value target)
{
    (void)user;
    return fov_mse(graph, output, target);
}

static double distance(void *user, const float *output, int output_numbers, const float *target, int numbers,
                       double *values)
{
    double apart = (double)output[0] - (double)target[0];
    (void)user;
    (void)output_numbers;
    (void)numbers;
    values[0] = fabs(apart);
    return apart * apart;
}

static int own_task(fov_context *context)
{
    static const fov_task_mean means[] = {{"distance", "from the first pixel's brightness", "apart", true, false}};
    static const fov_task task = {.name = "first_pixel",
                                  .counts = means,
                                  .count_count = 1,
                                  .write = first_pixel,
                                  .loss = squared,
                                  .count = distance};
    static uint8_t pixels[32 * 16];
    for (int i = 0; i < 32; i++) {
        pixels[16 * i] = (uint8_t)(8 * i);
    }
    fov_dataset *data = fov_dataset_create(
        context, &(fov_dataset_program){
                     .count = 32, .target = FOV_TARGET_NONE, .height = 4, .width = 4, .channels = 1, .pixels = pixels});
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 1, 4, 4));
    fov_value y = fov_dense(graph, fov_flatten(graph, x), .units = 1);
    fov_report report;
    if (!data || fov_task_register(context, &task) || fov_model_set_input_output(model, x, y) ||
        fov_train(model, data, .task = "first_pixel", .epochs = 60, .batch = 8, .optimizer = "adam", .lr = 0.05F) ||
        fov_evaluate_opt(model, data, &(fov_evaluate_options){.task = "first_pixel"}, &report)) {
        return fail("first_pixel", context);
    }
    double apart = report.figures[0].value;
    fov_report_free(&report);
    fov_model_free(model);
    fov_dataset_free(data);
    if (!(apart < 0.1)) {
        fprintf(stderr, "first_pixel: %g apart\n", apart);
        return 1;
    }
    return 0;
}

int main(void)
{
    fov_context *context = fov_context_create(NULL);
    if (context == NULL || fov_error_status(context) != FOV_OK) {
        return fail("context", context);
    }
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(2, 3));
    fov_value y = fov_relu(graph, x);
    fov_plan *plan = fov_plan_create(graph, &y, 1, NULL);
    if (plan == NULL) {
        return fail("plan", context);
    }
    float *in = fov_plan_data(plan, x);
    for (int i = 0; i < 6; i++) {
        in[i] = (float)i - 2.5F;
    }
    fov_plan_run(plan, 0);
    const float *out = fov_plan_data(plan, y);
    for (int i = 0; i < 6; i++) {
        float expected = (float)i - 2.5F > 0 ? (float)i - 2.5F : 0;
        if (fabsf(out[i] - expected) > 0) {
            fprintf(stderr, "relu: element %d is %g, not %g\n", i, (double)out[i], (double)expected);
            return 1;
        }
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    if (own_operator(context) || own_task(context)) {
        return 1;
    }
    printf("fovea %s from outside: 6 numbers through relu\n", fov_version());
    fov_context_free(context);
    return 0;
}
