/* SPDX-License-Identifier: MIT */
/* One case of one operator as a graph of one node, with random inputs. All generated tests are built on this. */
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

/** How the plan computes sums of products. Direct sums have one error bound, transformed ones another
 *  (docs/numerics.md). */
enum harness_sums {
    HARNESS_DIRECT,
    HARNESS_WINOGRAD,      /**< Winograd's form with the fewest products, wherever there is one */
    HARNESS_WINOGRAD_SMALL /**< small tiles: F(2x2, 3x3) rather than F(4x4, 3x3) */
};

struct harness {
    fov_context *context;
    fov_graph   *graph;
    const struct op *op;
    const struct op_case *test;
    fov_value    in[10], out[8];
    double      *data[10]; /**< elements of each input, in plain order */
    size_t       count[10]; /**< elements of each input */
    bool         known[10]; /**< the input is a constant, because its values decide shapes */
    int          in_count, out_count;
    int          port[8]; /**< number of the port of each output in `out` */
    uint64_t     seed;
};

/** Shape and type of a case's input. */
fov_shape case_shape(const struct op_case *test, int input);
fov_dtype case_dtype(const struct op_case *test, int input);

/** Builds the graph and draws the inputs. If the graph cannot be built, fails the running test with the context's
 *  error. */
void harness_open(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                  enum harness_values values, uint64_t seed);
/** The same with a choice of sums. Other than direct ones are chosen by rates under which only products take time, or
 *  products and weights. */
void harness_open_sums(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                       enum harness_values values, uint64_t seed, enum harness_sums sums);
/** The same, but returns false if the shape rule refuses the case; the context has the error. Close it either way. */
bool harness_try(struct harness *harness, const struct op *op, const struct op_case *test, const char *isa,
                 uint64_t seed);
void harness_close(struct harness *harness);

/** Sets given[id] to each input's data, for graph_evaluate. `given` has an element for every value of the graph. */
void harness_given(const struct harness *harness, const double **given);
/** Computes values of the graph from the inputs by definition, in double. If that fails, so does the running test. */
struct evaluation harness_evaluate(const struct harness *harness, const int *ids, int count);

/** Writes the inputs into a plan, each in its own type. */
void harness_fill(const struct harness *harness, fov_plan *plan);
/** Runs the plan without fov_plan_run's check of labels: some cases have labels that are no class. */
void harness_run(fov_plan *plan);

/** Adds a scalar to the graph: the sum over outputs of <output, random direction>, whose gradient depends on all
 *  outputs at once. Id 0: no output is float32 and differentiable. */
fov_value harness_loss(struct harness *harness);

/** ISA levels that this machine and this build have, reference first. */
int harness_levels(const char *names[8]);

/** Writes an option as the text from which fov_node_opt reads it back; returns the length, as snprintf does. */
int harness_option_text(const struct op_attribute *attribute, const void *options, char *text, size_t size);

#endif
