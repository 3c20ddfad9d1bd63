/* SPDX-License-Identifier: MIT */
/* XOR, the function no single neuron can compute (Minsky, Papert 1969) and two layers can learn (Rumelhart, Hinton,
 * Williams 1986): a 2-2-1 network and full-batch gradient descent, written with graph and plan alone. The update
 * w' = w - rate * dL/dw is two nodes per weight; nothing is hidden.
 *
 * Try other seeds: from some starts (seed 3) two hidden units cannot get out of a local minimum, and half the answers
 * stay at 0.5. That, too, was known in 1986. */
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS = 4, STEPS = 4000 };

int main(void)
{
    static const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};
    static const float rate = 2.0f;
    int                rc = EXIT_FAILURE;
    fov_plan          *step = NULL;
    fov_context       *ctx = fov_context_create(&(fov_context_options){.seed = 1});
    fov_graph         *g = ctx ? fov_graph_create(ctx) : NULL;
    if (!g) goto done;

    fov_value x = fov_input(g, .name = "x", .shape = {2, {FOV_BATCH, 2}});
    fov_value y = fov_input(g, .name = "y", .shape = {2, {FOV_BATCH, 1}});
    fov_value hidden = fov_tanh(g, fov_dense(g, x, .units = 2, .name = "hidden"));
    fov_value output = fov_sigmoid(g, fov_dense(g, hidden, .units = 1, .name = "output"));
    fov_value loss = fov_mse(g, output, y);

    fov_value weights[PARAMETERS], gradients[PARAMETERS],
        speed = fov_constant(g, "rate", FOV_F32, (fov_shape){0}, &rate);
    for (int i = 0; i < PARAMETERS; i++) weights[i] = fov_parameter_at(g, i);
    if (fov_gradient(g, loss, weights, PARAMETERS, gradients)) goto done;
    for (int i = 0; i < PARAMETERS; i++)
        fov_assign(g, weights[i], fov_sub(g, weights[i], fov_mul(g, speed, gradients[i])));

    /* One plan is one step of gradient descent on all four rows: forward, backward, update. */
    fov_plan_options options = {.batch = 4, .training = true, .updates = true};
    if (!(step = fov_plan_create(g, (fov_value[]){loss, output}, 2, &options))) goto done;
    memcpy(fov_plan_data(step, x), inputs, sizeof inputs);
    memcpy(fov_plan_data(step, y), targets, sizeof targets);
    const float *error = fov_plan_data(step, loss), *answer = fov_plan_data(step, output);
    for (int i = 0; i < STEPS; i++) {
        fov_plan_run(step, (uint64_t)i);
        if (i % (STEPS / 8) == 0) printf("step %5d  loss %.5f\n", i, (double)*error);
    }
    rc = EXIT_SUCCESS;
    for (int i = 0; i < 4; i++) {
        printf("%.0f xor %.0f = %.3f\n", (double)inputs[i][0], (double)inputs[i][1], (double)answer[i]);
        if ((answer[i] > 0.5f) != (targets[i] > 0.5f)) rc = EXIT_FAILURE;
    }
done:
    if (rc) fprintf(stderr, "xor: %s\n", *fov_error(ctx) ? fov_error(ctx) : "not learned");
    fov_plan_free(step);
    fov_graph_free(g);
    fov_context_free(ctx);
    return rc;
}
