/* SPDX-License-Identifier: MIT */
/* Operators that a program registers itself: they compute what their definition says, with and without a fast form;
 * their gradient is right; several inputs and outputs, options and an optional input; in files; wrong uses are
 * reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define assert_fine(context, ok)                         \
    do {                                                 \
        if (!(ok)) {                                     \
            fail_msg("%s: %s", #ok, fov_error(context)); \
        }                                                \
    } while (0)

static size_t count_of(const fov_shape *shape)
{
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        count *= (size_t)shape->dim[i];
    }
    return count;
}

/* y0 = a x0 + x1 (x1 optional), y1 = x0^2 */
static int shapes(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size)
{
    bool has_other = call->in_count > 1 && call->in[1].rank >= 0;
    if (has_other && call->in[1].rank != call->in[0].rank) {
        snprintf(why, why_size, "rank %d beside rank %d", call->in[0].rank, call->in[1].rank);
        return FOV_E_SHAPE;
    }
    out[0] = out[1] = call->in[0];
    return FOV_OK;
}

static void define(const fov_operator_call *call, const double *const *in, double *const *out)
{
    for (size_t i = 0; i < count_of(&call->in[0]); i++) {
        bool has_other = call->in_count > 1 && in[1] != NULL;
        out[0][i] = call->options[0] * in[0][i] + (has_other ? in[1][i] : 0);
        out[1][i] = in[0][i] * in[0][i];
    }
}

struct piece {
    const fov_operator_call *call;
    const float *const *in;
    float *const *out;
};

static void compute_row(void *context, size_t row)
{
    const struct piece *piece = context;
    const fov_shape *shape = &piece->call->in[0];
    size_t width = (size_t)shape->dim[shape->rank - 1];
    bool has_other = piece->call->in_count > 1 && piece->in[1] != NULL;
    for (size_t i = row * width; i < (row + 1) * width; i++) {
        float x = piece->in[0][i];
        if (piece->out[0] != NULL) {
            piece->out[0][i] = (float)piece->call->options[0] * x + (has_other ? piece->in[1][i] : 0);
        }
        if (piece->out[1] != NULL) {
            piece->out[1][i] = x * x;
        }
    }
}

static void compute(const fov_operator_call *call, const float *const *in, float *const *out)
{
    struct piece piece = {call, in, out};
    const fov_shape *shape = &call->in[0];
    fov_operator_parallel(call, compute_row, &piece, count_of(shape) / (size_t)shape->dim[shape->rank - 1]);
}

static void gradient(const fov_operator_gradient *g)
{
    const float factor = (float)g->options[0], two = 2;
    fov_value sum = {0};
    if (g->out_gradient[0].id != 0) {
        sum = fov_mul(g->graph, g->out_gradient[0], fov_constant(g->graph, NULL, FOV_F32, (fov_shape){0}, &factor));
    }
    if (g->out_gradient[1].id != 0) {
        fov_value slope = fov_mul(g->graph, g->in[0], fov_constant(g->graph, NULL, FOV_F32, (fov_shape){0}, &two));
        fov_value more = fov_mul(g->graph, g->out_gradient[1], slope);
        sum = sum.id != 0 ? fov_add(g->graph, sum, more) : more;
    }
    g->in_gradient[0] = sum;
    if (g->in_count > 1 && g->wanted[1]) {
        g->in_gradient[1] = g->out_gradient[0];
    }
}

static const fov_operator_option options[] = {{"factor", 3, 0, 10, "of x"}};
static const fov_operator mixed = {.name = "mixed",
                                   .summary = "a x + b, and x squared",
                                   .domain = "tests",
                                   .inputs = 2,
                                   .optional_inputs = 1,
                                   .outputs = 2,
                                   .options = options,
                                   .option_count = 1,
                                   .shapes = shapes,
                                   .define = define,
                                   .compute = compute,
                                   .gradient = gradient};

static fov_context *with(const fov_operator *definition, int threads)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 2});
    assert_fine(context, fov_operator_register(context, definition) == FOV_OK);
    return context;
}

static void both_forms_agree(void **state)
{
    (void)state;
    const fov_shape both[2] = {{3, {4, 5, 6}}, {3, {4, 5, 6}}};
    for (int fast = 0; fast < 2; fast++) {
        fov_operator definition = mixed;
        double difference = 1;
        definition.compute = fast ? compute : NULL;
        fov_context *context = with(&definition, 2);
        for (int inputs = 1; inputs <= 2; inputs++) {
            assert_fine(context,
                        fov_operator_check(context, "mixed", both, inputs, (const char *const[]){"factor", "2.5", NULL},
                                           1, &difference) == FOV_OK);
            assert_true(difference < 1e-6);
        }
        fov_context_free(context);
    }
}

/* fov_operator_check finds a fast form that differs from the definition. */
static void wrong(const fov_operator_call *call, const float *const *in, float *const *out)
{
    compute(call, in, out);
    out[0][0] += 1;
}

static void a_wrong_form_is_seen(void **state)
{
    (void)state;
    const fov_shape shape = {1, {10}};
    fov_operator definition = mixed;
    double difference = 0;
    definition.compute = wrong;
    fov_context *context = with(&definition, 1);
    assert_fine(context, fov_operator_check(context, "mixed", &shape, 1, NULL, 1, &difference) == FOV_OK);
    assert_true(difference > 0.1);
    fov_context_free(context);
}

/* The library's own operators are refused: they have other limits (`split` has 64 outputs here), and no definition of
 * the program's to be compared with. */
static void only_own_operators_are_checked(void **state)
{
    (void)state;
    const fov_shape shape = {1, {64}};
    double difference = 0;
    fov_context *context = with(&mixed, 1);
    assert_int_equal(fov_operator_check(context, "split", &shape, 1, (const char *const[]){"outputs", "64", NULL}, 1,
                                        &difference), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "\"split\" is one of the library's operators"));
    assert_int_equal(fov_operator_check(context, "shape", &shape, 1, NULL, 1, &difference), FOV_E_USAGE);
    assert_int_equal(fov_operator_check(context, "mixd", &shape, 1, NULL, 1, &difference), FOV_E_USAGE);
    assert_fine(context, fov_operator_check(context, "mixed", &shape, 1, NULL, 1, &difference) == FOV_OK);
    fov_context_free(context);
}

/* The loss with element i of the input at x + step. */
static double loss_at(fov_plan *plan, fov_value loss, float *x, float step)
{
    float before = *x;
    *x = before + step;
    fov_plan_run(plan, 0);
    double value = (double)*(const float *)fov_plan_data(plan, loss);
    *x = before;
    return value;
}

/* The loss is a polynomial of degree two, (3 a + b)^2 + a^2: central differences are exact with any step. */
static void gradients_are_those_of_differences(void **state)
{
    (void)state;
    fov_context *context = with(&mixed, 1);
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .name = "a", .shape = FOV_SHAPE(3)),
              b = fov_input(graph, .name = "b", .shape = FOV_SHAPE(3));
    fov_value in[] = {x, b}, y = fov_node(graph, "mixed", in, 2, "name", "m"), slopes[2];
    fov_value sum = fov_add(graph, fov_mul(graph, y, y), fov_output(graph, y, 1));
    fov_value loss = fov_reduce_sum(graph, sum, .keep_dims = false);
    assert_fine(context, fov_gradient(graph, loss, in, 2, slopes) == FOV_OK);
    fov_value all[] = {loss, slopes[0], slopes[1]};
    fov_plan *plan = fov_plan_create(graph, all, 3, NULL);
    assert_fine(context, plan != NULL);
    float *a = fov_plan_data(plan, x), *other = fov_plan_data(plan, b);
    for (int i = 0; i < 3; i++) {
        a[i] = 0.5F * (float)i - 0.4F;
        other[i] = 0.3F * (float)i;
    }
    for (int input = 0; input < 2; input++) {
        for (int i = 0; i < 3; i++) {
            float *at = input == 0 ? &a[i] : &other[i];
            double difference = loss_at(plan, loss, at, 0.25F) - loss_at(plan, loss, at, -0.25F);
            fov_plan_run(plan, 0);
            double slope = (double)((const float *)fov_plan_data(plan, slopes[input]))[i];
            assert_true(fabs(slope) > 0.1);
            assert_true(fabs(slope - difference / 0.5) < 1e-4);
        }
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void files_have_it(void **state)
{
    (void)state;
    fov_context *context = with(&mixed, 1), *other = fov_context_create(NULL);
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 2));
    fov_value y = fov_node(graph, "mixed", &x, 1, "factor", "4");
    fov_buffer file;
    assert_fine(context, fov_model_set_input_output(model, x, y) == FOV_OK);
    assert_fine(context, fov_model_save_memory(model, 0, &file) == FOV_OK);
    fov_model *loaded = fov_model_load_memory(context, file.bytes, file.size);
    assert_fine(context, loaded != NULL);
    fov_session *session = fov_session_create(loaded, NULL);
    const float numbers[] = {1, -2, 3, 4};
    fov_tensor in = {.name = "x", .shape = {2, {2, 2}}, .data = numbers}, out = {.name = NULL};
    assert_int_equal(fov_session_run(session, &in, 1, &out, 1), FOV_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(((const float *)out.data)[i] == 4 * numbers[i]);
    }
    /* A context without the operator cannot load the file, and the error names the operator. */
    assert_null(fov_model_load_memory(other, file.bytes, file.size));
    assert_non_null(strstr(fov_error(other), "tests.mixed"));
    fov_session_free(session);
    fov_buffer_free(&file);
    fov_model_free(loaded);
    fov_model_free(model);
    fov_context_free(other);
    fov_context_free(context);
}

static void none(const fov_operator_gradient *g)
{
    g->in_gradient[0] = fov_reduce_sum(g->graph, g->in[0], .keep_dims = false);
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_operator odd[7];
    for (int i = 0; i < 7; i++) {
        odd[i] = mixed;
    }
    odd[0].name = "relu"; /* taken */
    odd[1].name = "two words";
    odd[2].inputs = 0;
    odd[3].outputs = 17;
    odd[4].define = NULL;
    odd[5].optional_inputs = 2;
    odd[6].option_count = -1;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(fov_operator_register(context, &odd[i]), FOV_E_USAGE);
        assert_true(strlen(fov_error(context)) > 0);
    }
    static const struct {
        fov_operator_option option[2];
        const char *says;
    } odd_options[] = {{{{"good", 1, 0, 2, ""}, {"good", 1, 0, 2, ""}}, "options 0 and 1 are both called \"good\""},
                       {{{"good", 1, 0, 2, ""}, {"name", 1, 0, 2, ""}}, "no option can be called \"name\""},
                       {{{"good", 1, 0, 2, ""}, {"high", 9, 0, 4, ""}}, "high is 9 by default, and lies in 0 .. 4"},
                       {{{"good", 1, 0, 2, ""}, {"none", NAN, 0, 0, ""}}, "none is nan by default"},
                       {{{"good", 1, 0, 2, ""}, {"turned", 1, 2, 0, ""}}, "turned is 1 by default, and lies in 2 .. 0"},
                       {{{"good", 1, 0, 2, ""}, {NULL, 1, 0, 2, ""}}, "option 1 has no name"}};
    for (size_t i = 0; i < sizeof odd_options / sizeof *odd_options; i++) {
        fov_operator with = mixed;
        with.options = odd_options[i].option;
        with.option_count = 2;
        assert_int_equal(fov_operator_register(context, &with), FOV_E_USAGE);
        if (strstr(fov_error(context), odd_options[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", fov_error(context), odd_options[i].says);
        }
    }
    assert_int_equal(fov_operator_register(NULL, &mixed), FOV_E_USAGE);
    assert_int_equal(fov_operator_register(context, NULL), FOV_E_USAGE);
    assert_int_equal(fov_operator_register(context, &mixed), FOV_OK);
    assert_int_equal(fov_operator_register(context, &mixed), FOV_E_USAGE); /* once is enough */
    fov_operator bent = mixed, dull = mixed;
    bent.name = "bent";
    bent.gradient = none;
    dull.name = "dull";
    dull.gradient = NULL;
    assert_int_equal(fov_operator_register(context, &bent), FOV_OK);
    assert_int_equal(fov_operator_register(context, &dull), FOV_OK);
    static const struct {
        const char *name, *option, *value, *says;
        int rank;
        bool differentiates;
    } wrong_uses[] = {{"mixed", "factor", "11", "factor is 11", 1, false},
                      {"mixed", "faktor", "1", "did you mean \"factor\"", 1, false},
                      {"mixed", "factor", "1", "rank 1 beside rank 2", 2, false},
                      {"bent", "factor", "1", "the gradient of bent", 1, true},
                      {"dull", "factor", "1", "has no gradient", 1, true}};
    for (size_t i = 0; i < sizeof wrong_uses / sizeof *wrong_uses; i++) {
        fov_graph *graph = fov_graph_create(context);
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(3)), slope;
        fov_value b = wrong_uses[i].rank == 2 ? fov_input(graph, .name = "b", .shape = FOV_SHAPE(3, 1)) : x,
                  in[] = {x, b};
        fov_value y = fov_node(graph, wrong_uses[i].name, in, 2, wrong_uses[i].option, wrong_uses[i].value);
        if (wrong_uses[i].differentiates) {
            fov_value loss = fov_reduce_sum(graph, y, .keep_dims = false);
            assert_int_not_equal(fov_gradient(graph, loss, &x, 1, &slope), FOV_OK);
        } else {
            assert_int_equal(y.id, 0);
        }
        if (strstr(fov_error(context), wrong_uses[i].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", fov_error(context), wrong_uses[i].says);
        }
        fov_graph_free(graph);
    }
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_agree),
        cmocka_unit_test(a_wrong_form_is_seen), cmocka_unit_test(only_own_operators_are_checked),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(files_have_it),
        cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
