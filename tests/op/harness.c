/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/cpu.h"
#include "base/text.h"
#include "graph/plan.h"
#include "tensor/convert.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

fov_shape case_shape(const struct op_case *test, int input)
{
    fov_shape shape = {.rank = test->in[input].rank};

    for (int d = 0; d < shape.rank; d++)
        shape.dim[d] = test->in[input].dim[d];
    return shape;
}

fov_dtype case_dtype(const struct op_case *test, int input)
{
    return (fov_dtype)test->in_dtype[input];
}

/* Draws one element: normal, positive or a whole number, as the case and its type want it. */
static double draw(const struct harness *harness, int input, size_t index, enum harness_values values)
{
    const struct op_case *test = harness->test;
    struct random_key     key  = {harness->seed, RANDOM_TEST, (uint64_t)input};
    fov_dtype             dtype = case_dtype(test, input);

    if (dtype == FOV_BOOL)
        return (double)random_below(key, index, 2);
    if (dtype != FOV_F32 && dtype != FOV_F64)
        return (double)random_below(key, index, test->integers > 0 ? (uint64_t)test->integers : 2);
    if (values == HARNESS_INTEGERS)
        return (double)random_below(key, index, 7) - (test->positive ? -1.0 : 3.0);
    if (test->positive)
        return (double)(float)(0.1 + 1.9 * random_uniform(key, index));
    return (double)(float)random_normal(key, index);
}

/* An input whose values decide shapes must be known in advance: makes it a constant. */
static void make_constant(struct harness *harness, int i)
{
    fov_dtype dtype = case_dtype(harness->test, i);
    void     *data  = calloc(harness->count[i] + 1, sizeof(double));

    convert_from_double(dtype, harness->data[i], data, harness->count[i]);
    convert_to_double(dtype, data, harness->data[i], harness->count[i]);
    harness->in[i] = fov_constant(harness->graph, NULL, dtype, case_shape(harness->test, i), data);
    harness->known[i] = true;
    free(data);
}

/* For HARNESS_WINOGRAD_SMALL, reading weights costs some time, too: so much that F(2x2, 3x3), with fewer weights and
 * more products, is chosen over F(4x4, 3x3), but not so much that direct sums are chosen. */
static fov_rates rates_for(const struct op_case *test, enum harness_sums sums)
{
    fov_rates rates = {.products = 1.0, .transform = 1e30, .memory = 1e30, .wake = 1e-30};

    if (sums == HARNESS_WINOGRAD_SMALL && test->in[0].rank == 4)
        rates.memory = 28.0 / ((double)test->in[0].dim[0] * test->in[0].dim[2] * test->in[0].dim[3]);
    return rates;
}

void harness_open(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                  enum harness_values values, uint64_t seed)
{
    harness_open_sums(harness, op, test, isa, values, seed, HARNESS_DIRECT);
}

/* Builds a graph of the operator alone. A failure is left in the context. */
static void build(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                  enum harness_values values, uint64_t seed, enum harness_sums sums)
{
    fov_rates rates = rates_for(test, sums);

    *harness         = (struct harness){.op = op, .test = test, .in_count = test->in_count, .seed = seed};
    harness->context = fov_context_create(&(fov_context_options){.isa        = isa,
                                                                 .threads    = 2,
                                                                 .seed       = seed,
                                                                 .exact_conv = sums == HARNESS_DIRECT,
                                                                 .rates      = sums == HARNESS_DIRECT ? NULL : &rates});
    harness->graph   = fov_graph_create(harness->context);
    assert_non_null(harness->graph);
    for (int i = 0; i < test->in_count; i++) {
        char      name[32];
        fov_shape shape = case_shape(test, i);

        if (shape.rank < 0)
            continue;
        snprintf(name, sizeof name, "x%d", i);
        harness->in[i]    = fov_input(harness->graph, .name = name, .shape = shape, .dtype = case_dtype(test, i));
        harness->count[i] = shape_span(&shape, 0, shape.rank);
        harness->data[i]  = calloc(harness->count[i] + 1, sizeof(double));
        for (size_t k = 0; k < harness->count[i]; k++)
            harness->data[i][k] = draw(harness, i, k, values);
        if (test->fill)
            test->fill(i, harness->data[i], harness->count[i], (struct random_key){seed, RANDOM_TEST, (uint64_t)i});
        if (op_port_at(op->in, i)->values)
            make_constant(harness, i);
    }
    fov_graph_emitter(harness->graph)
        ->node(harness->graph, op->name, harness->in, test->in_count, test->options, "node");
    for (int i = 0; !fov_error_status(harness->context) && i < harness->graph->nodes[0].out_count; i++) {
        int id = harness->graph->nodes[0].out[i];

        if (graph_value(harness->graph, id)->shape.rank < 0)
            continue;
        harness->port[harness->out_count]  = i;
        harness->out[harness->out_count++] = (fov_value){id};
    }
}

void harness_open_sums(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                       enum harness_values values, uint64_t seed, enum harness_sums sums)
{
    build(harness, op, test, isa, values, seed, sums);
    if (fov_error_status(harness->context))
        fail_msg("%s/%s: %s", op->name, test->name, fov_error(harness->context));
}

bool harness_try(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                 uint64_t seed)
{
    build(harness, op, test, isa, HARNESS_REAL, seed, HARNESS_DIRECT);
    return fov_error_status(harness->context) == FOV_OK;
}

void harness_close(struct harness *harness)
{
    for (int i = 0; i < harness->in_count; i++)
        free(harness->data[i]);
    fov_graph_free(harness->graph);
    fov_context_free(harness->context);
}

void harness_given(const struct harness *harness, const double **given)
{
    for (int i = 0; i < harness->in_count; i++)
        if (harness->in[i].id)
            given[harness->in[i].id] = harness->data[i];
}

struct evaluation harness_evaluate(const struct harness *harness, const int *ids, int count)
{
    struct evaluation result;
    const double    **given = calloc(harness->graph->value_count, sizeof *given);

    harness_given(harness, given);
    if (graph_evaluate(harness->graph, ids, count, 1, harness->test->training, 0, given, &result))
        fail_msg("%s/%s (seed %" PRIu64 "): %s", harness->op->name, harness->test->name, harness->seed,
                 fov_error(harness->context));
    free(given);
    return result;
}

void harness_fill(const struct harness *harness, fov_plan *plan)
{
    for (int i = 0; i < harness->in_count; i++) {
        void *data = harness->in[i].id && !harness->known[i] ? fov_plan_data(plan, harness->in[i]) : NULL;

        if (data) /* an input that is read for its shape only may have no memory in the plan */
            convert_from_double(case_dtype(harness->test, i), harness->data[i], data, harness->count[i]);
    }
}

void harness_run(fov_plan *plan)
{
    plan_run_steps(plan, 0, 0, plan->step_count);
}

fov_value harness_loss(struct harness *harness)
{
    const struct op_emitter *emitter = fov_graph_emitter(harness->graph);
    fov_value                loss = {0}, zero = op_emit_scalar(emitter, loss, 0);

    for (int i = 0; i < harness->out_count; i++) {
        fov_shape         shape = fov_value_shape(harness->graph, harness->out[i]);
        size_t            count = shape_span(&shape, 0, shape.rank);
        struct random_key key   = {harness->seed, RANDOM_TEST, 100 + (uint64_t)i};
        float            *direction;
        fov_value         part;

        /* Optional outputs (saved statistics, indices) are saved for the gradient; none is propagated through them. */
        if (fov_value_dtype(harness->graph, harness->out[i]) != FOV_F32 ||
            op_port_at(harness->op->out, harness->port[i])->updates ||
            op_port_at(harness->op->out, harness->port[i])->optional)
            continue;
        direction = calloc(count + 1, sizeof *direction);
        for (size_t k = 0; k < count; k++)
            direction[k] = (float)random_normal(key, k);
        part = fov_mul(harness->graph, harness->out[i], fov_constant(harness->graph, NULL, FOV_F32, shape, direction));
        part = op_emit2(emitter, "sum_to", part, zero, NULL);
        loss = loss.id ? fov_add(harness->graph, loss, part) : part;
        free(direction);
    }
    return loss;
}

int harness_levels(const char *names[8])
{
    int count = 0;

    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++)
        if (kernel_table_for((enum cpu_level)level) && cpu_has((enum cpu_level)level))
            names[count++] = cpu_level_name((enum cpu_level)level);
    return count;
}

int harness_option_text(const struct op_attribute *attribute, const void *options, char *text, size_t size)
{
    const char *member = (const char *)options + attribute->offset;
    switch (attribute->kind) {
    case OP_INTEGER: {
        int64_t number;
        memcpy(&number, member, sizeof number);
        return snprintf(text, size, "%" PRId64, number);
    }
    case OP_NUMBER: {
        double number;
        memcpy(&number, member, sizeof number);
        return (int)text_append(text, size, 0, "%.17g", number); /* with a point in every locale */
    }
    case OP_FLAG: {
        bool flag;
        memcpy(&flag, member, sizeof flag);
        return snprintf(text, size, "%s", flag ? "yes" : "no");
    }
    case OP_LIST: {
        struct op_list list;
        size_t used = 0;
        memcpy(&list, member, sizeof list);
        text[0] = '\0';
        for (int i = 0; i < list.count; i++) {
            used = text_append(text, size, used, "%s%" PRId64, i > 0 ? "," : "", list.at[i]);
        }
        return (int)used;
    }
    case OP_CHOICE: {
        int choice;
        memcpy(&choice, member, sizeof choice);
        return snprintf(text, size, "%s", attribute->choices[choice]);
    }
    }
    return 0;
}
