/* SPDX-License-Identifier: MIT */
/* A name that the graph generates is never one that is taken, whatever names a file contains: else a model with values
 * called "constant_9" or "add_12" could not be trained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"
#include <fovea/fovea.h>

enum { TAKEN = 40 };

static void made_up_names_are_free(void **state)
{
    static const char *const kinds[] = {"constant", "add", "mul", "activation_gradient", "mse_gradient", "reshape"};
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *g = fov_graph_create(context);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3)), y = x, gradient;
    float half = 0.5F;
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (int i = 1; i <= TAKEN; i++) {
            char name[48];
            snprintf(name, sizeof name, "%s_%d", kinds[k], i);
            (void)fov_input(g, .name = name, .shape = FOV_SHAPE(1));
        }
    }
    for (int i = 0; i < TAKEN; i++) {
        y = fov_relu(g, fov_add(g, y, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &half)));
    }
    fov_value loss = fov_mse(g, y, x);
    assert_string_equal(fov_error(context), "");
    assert_int_equal(fov_gradient(g, loss, &x, 1, &gradient), FOV_OK);
    assert_string_equal(fov_error(context), "");
    fov_graph_free(g);
    fov_context_free(context);
}

/* As after a copy that leaves out unused values: a name generated later meets one from before the copy. */
static void a_name_of_the_next_number_is_passed_over(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph *g = fov_graph_create(context);
    float half = 0.5F;
    (void)state;
    (void)fov_constant(g, "constant_2", FOV_F32, (fov_shape){0}, &half); /* the next value has number 2 */
    fov_value made = fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &half);
    assert_string_equal(fov_error(context), "");
    assert_string_equal(fov_value_name(g, made), "constant_3");
    fov_graph_free(g);
    fov_context_free(context);
}

static int same_shape(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    out[0] = call->in[0];
    return FOV_OK;
}

static void copy(const fov_operator_call *call, const double *const *in, double *const *out)
{
    (void)call;
    out[0][0] = in[0][0];
}

/* With the longest scope and the longest operator name, the generated number at the end is not cut off. */
static void the_longest_names_are_counted(void **state)
{
    char scope[255], name[128];
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_operator own = {.name = name, .inputs = 1, .outputs = 1, .shapes = same_shape, .define = copy};
    fov_graph *g = fov_graph_create(context);
    (void)state;
    memset(scope, 's', sizeof scope - 1);
    memset(name, 'n', sizeof name - 1);
    scope[sizeof scope - 1] = name[sizeof name - 1] = '\0';
    assert_int_equal(fov_operator_register(context, &own), FOV_OK);
    fov_scope_push(g, scope);
    assert_string_equal(fov_error(context), "");
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(1)), y = x;
    for (int i = 0; i < 12; i++) {
        y = fov_node(g, name, &y, 1, NULL);
    }
    assert_string_equal(fov_error(context), "");
    assert_string_equal(fov_value_name(g, y) + strlen(fov_value_name(g, y)) - 3, "_12");
    fov_graph_free(g);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_up_names_are_free),
        cmocka_unit_test(a_name_of_the_next_number_is_passed_over),
        cmocka_unit_test(the_longest_names_are_counted),
    };

    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
