/* SPDX-License-Identifier: MIT */
/* The first neuron (McCulloch, Pitts 1943): it fires when the weighted sum of its inputs exceeds a threshold. With
 * fixed weights it is AND, OR or NOT; nothing is learned here. Read xor.c for what one neuron cannot do. */
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gate {
    const char *name;
    int         inputs;
    float       weight[2], bias; /* fires where w . x + bias > 0 */
    float       expected[4];
};

/* Runs one gate on all its inputs; 0 when every answer is as expected. */
static int show(fov_context *ctx, const struct gate *gate)
{
    int        rows = 1 << gate->inputs, wrong = 0;
    fov_plan  *plan = NULL;
    fov_graph *g = fov_graph_create(ctx);
    if (!g) return -1;
    fov_value x = fov_input(g, .name = "x", .shape = {2, {FOV_BATCH, gate->inputs}});
    fov_value y = fov_step(g, fov_dense(g, x, .units = 1, .name = "neuron"));
    if (!y.id ||
        fov_parameter_set(g, fov_find(g, "neuron.weight"), gate->weight, sizeof(float) * (size_t)gate->inputs) ||
        fov_parameter_set(g, fov_find(g, "neuron.bias"), &gate->bias, sizeof(float)) ||
        !(plan = fov_plan_create(g, &y, 1, &(fov_plan_options){.batch = rows}))) {
        fov_graph_free(g);
        return -1;
    }
    float *in = fov_plan_data(plan, x);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < gate->inputs; i++) in[r * gate->inputs + i] = (float)(r >> (gate->inputs - 1 - i) & 1);
    fov_plan_run(plan, 0);
    const float *out = fov_plan_data(plan, y);
    for (int r = 0; r < rows; r++) {
        printf("%-4s", gate->name);
        for (int i = 0; i < gate->inputs; i++) printf(" %.0f", (double)in[r * gate->inputs + i]);
        printf(" -> %.0f\n", (double)out[r]);
        wrong += out[r] != gate->expected[r];
    }
    fov_plan_free(plan);
    fov_graph_free(g);
    return wrong;
}

int main(void)
{
    static const struct gate gates[] = {{"AND", 2, {1, 1}, -1.5f, {0, 0, 0, 1}},
                                        {"OR", 2, {1, 1}, -0.5f, {0, 1, 1, 1}},
                                        {"NOT", 1, {-1}, 0.5f, {1, 0}}};
    fov_context *ctx = fov_context_create(NULL);
    int          wrong = ctx ? 0 : -1;
    for (size_t i = 0; i < sizeof gates / sizeof gates[0] && wrong == 0; i++) wrong = show(ctx, &gates[i]);
    if (wrong) fprintf(stderr, "neuron: %s\n", wrong < 0 ? fov_error(ctx) : "a gate answered wrongly");
    fov_context_free(ctx);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
