/* SPDX-License-Identifier: MIT */
/* One case of one operator as a graph of one node, with inputs drawn for it: what the generated tests share. */
#ifndef TESTS_OP_HARNESS_H
#define TESTS_OP_HARNESS_H

#include "graph/graph.h"
#include "op/op.h"
#include <fovea/operators.h>
#include <fovea/plan.h>

enum harness_values {
    HARNESS_REAL,    /**< standard normal, rounded to float */
    HARNESS_INTEGERS /**< small whole numbers: sums of products are exact in single precision */
};

/** Sums of products have one bound where they are direct, another where a plan may transform them
 *  (docs/numerics.md). */
enum harness_sums {
    HARNESS_DIRECT,
    HARNESS_WINOGRAD,      /**< the form with the fewest products, wherever there is one */
    HARNESS_WINOGRAD_SMALL /**< small tiles: F(2x2, 3x3) rather than F(4x4, 3x3) */
};

struct harness {
    fov_context *context;
    fov_graph   *graph;
    const struct op *op;
    const struct op_case *test;
    fov_value    in[10], out[8];
    double      *data[10]; /**< of each input, plain order */
    size_t       count[10]; /**< elements of each input */
    bool         known[10]; /**< is a constant, because its values decide shapes */
    int          in_count, out_count;
    int          port[8]; /**< of each output that there is */
    uint64_t     seed;
};

/** Shape and type of a case's input. */
fov_shape case_shape(const struct op_case *test, int input);
fov_dtype case_dtype(const struct op_case *test, int input);

/** Fails the running test with the context's sentence when the graph cannot be built. */
void harness_open(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                  enum harness_values values, uint64_t seed);
/** The same with sums other than direct ones: rates under which nothing but products, or next to them weights, take
 *  time. */
void harness_open_sums(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                       enum harness_values values, uint64_t seed, enum harness_sums sums);
/** False when the shape rule refuses the case; the context has the sentence. To be closed either way. */
bool harness_try(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                 uint64_t seed);
void harness_close(struct harness *harness);

/** Inputs by value id, for graph_evaluate. `given` has room for every value of the graph. */
void harness_given(const struct harness *harness, const double **given);

/** Puts an input into a plan, in its own type. */
void harness_fill(const struct harness *harness, fov_plan *plan);
/** As fov_plan_run, which refuses labels that are no class: the operators' own cases have some. */
void harness_run(fov_plan *plan);

/** Adds sum over outputs of <output, random direction> to the graph: a scalar whose gradient checks all outputs at
 *  once. */
fov_value harness_loss(struct harness *harness);

/** ISA levels that this machine and this build have, reference first. */
int harness_levels(const char *names[8]);

/** Writes an option as the text from which fov_node_opt reads it back; returns the length, as snprintf does. */
int harness_option_text(const struct op_attribute *attribute, const void *options, char *text, size_t size);

#endif
