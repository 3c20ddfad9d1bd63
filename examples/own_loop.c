/* SPDX-License-Identifier: MIT */
/* A training loop of one's own with one of the library's optimisers: a small network learns one turn of a sine from
 * points that the loop draws itself. The rate falls along one of the library's schedules; at the end the network is a
 * model file. */
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64, STEPS = 1500, HIDDEN = 32 };

int main(void)
{
    const double pi = 3.14159265358979;
    fov_context *ctx = fov_context_create(&(fov_context_options){.seed = 1});
    fov_model   *model = fov_model_create(ctx);
    fov_graph   *graph = fov_model_graph(model);

    /* The network, an input for the right answers, and the loss. */
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 1));
    fov_value hidden = fov_tanh(graph, fov_dense(graph, x, .units = HIDDEN));
    fov_value y = fov_dense(graph, hidden, .units = 1, .name = "y");
    fov_value wanted = fov_input(graph, .name = "wanted", .shape = FOV_SHAPE(FOV_BATCH, 1));
    fov_value loss = fov_mse(graph, y, wanted);

    /* The optimiser: each run of the plan updates the weights. */
    fov_value rate = fov_update(graph, loss, .optimizer = "adamw", .lr = 0.01f, .clip_norm = 1);
    fov_plan *step = fov_plan_create(graph, &loss, 1,
                                     &(fov_plan_options){.batch = BATCH, .training = true, .updates = true});
    if (!step || fov_model_set_input_output(model, x, y)) {
        fprintf(stderr, "own_loop: %s\n", fov_error(ctx));
        return 1;
    }
    float *points = fov_plan_data(step, x), *sines = fov_plan_data(step, wanted);
    srand(1);
    for (int i = 0; i < STEPS; i++) {
        const fov_schedule_moment moment = {.lr = 0.01f, .step = i, .epochs = STEPS};
        float now = fov_schedule_rate(ctx, "cosine", &moment);
        if (fov_parameter_set(graph, rate, &now, sizeof now)) {
            fprintf(stderr, "own_loop: %s\n", fov_error(ctx));
            return 1;
        }
        for (int k = 0; k < BATCH; k++) {
            points[k] = 2 * (float)rand() / (float)RAND_MAX - 1;
            sines[k] = sinf((float)pi * points[k]);
        }
        if (fov_plan_run(step, (uint64_t)i)) {
            fprintf(stderr, "own_loop: %s\n", fov_error(ctx));
            return 1;
        }
        if (i % 500 == 0) {
            printf("step %4d  loss %.5f\n", i, (double)*(const float *)fov_plan_data(step, loss));
        }
    }

    /* The network is used and saved as any other model; the loss and the optimiser do not become part of its file. */
    float        at[3] = {-0.5f, 0.0f, 0.5f};
    fov_tensor   in = {.name = "x", .shape = {2, {3, 1}}, .data = at}, out = {.name = "y"};
    fov_session *session = fov_session_create(model, NULL);
    fov_buffer   file = {.size = 0};
    if (!session || fov_session_run(session, &in, 1, &out, 1) || fov_model_save_memory(model, 0, &file)) {
        fprintf(stderr, "own_loop: %s\n", session ? fov_session_error(session) : fov_error(ctx));
        return 1;
    }
    const float *sine = out.data;
    printf("sin(-pi/2) = %.2f, sin(0) = %.2f, sin(pi/2) = %.2f; as a model: %zu bytes\n", (double)sine[0],
           (double)sine[1], (double)sine[2], file.size);
    fov_buffer_free(&file);
    fov_session_free(session);
    fov_plan_free(step);
    fov_model_free(model);
    fov_context_free(ctx);
    return 0;
}
