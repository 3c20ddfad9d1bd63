/* SPDX-License-Identifier: MIT */
/* The internals of a graph: an array of values and an array of nodes, both in order of creation, which is a topological
 * order. Read next: gradient.c (reverse accumulation as nodes) and plan.h (how a graph is compiled). */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "device/context.h"
#include "op/op.h"
#include <fovea/graph.h>

enum value_kind { VALUE_INPUT, VALUE_PARAMETER, VALUE_CONSTANT, VALUE_RESULT };

struct value {
    enum value_kind kind;
    const char     *name; /**< unique; owned by the graph */
    fov_dtype       dtype;
    fov_shape       shape; /**< dim 0 may be FOV_BATCH */
    int             node, output; /**< of a result: its node, and which of that node's outputs it is; else node is -1 */
    /** of a parameter or constant: dense, plain order. A parameter's is NULL until somebody asks for it (graph_data);
     *  packing reads the elements from their file, or draws them (graph_read) */
    void           *data;
    /** of a parameter: the file that holds the elements while `data` is NULL; NULL: they are yet to be drawn */
    struct file_source *file;
    size_t          file_offset;
    size_t          bytes;    /**< of data */
    bool            borrowed; /**< data belong to another graph, which lives longer (shared.h) */
    fov_initial     initial;
    float           scale;
    bool            frozen;
    int             number;   /**< of a parameter: its index among parameters; keys its initial values */
    int             assigned; /**< of a parameter: the value that replaces it after a run; 0 = none */
    bool            follows;  /**< `assigned` was set by the node that renews it (running statistics): it takes effect
                                   in training plans only, and only if that node runs anyway */
    double         *known;    /**< its elements, if constants and shapes determine them (constant_fold.h); else NULL */
};

struct node {
    const struct op *op;
    const char      *name;
    void            *options; /**< op->options_size bytes, defaults resolved */
    int             *in, *out; /**< value ids; in: 0 = absent */
    int              in_count, out_count;
};

struct fov_graph {
    struct fov_context *context;
    struct value       *values; /**< values[0] is the "none" */
    size_t              value_count, value_capacity;
    struct node        *nodes;
    size_t              node_count, node_capacity;
    int                 parameter_count;
    bool                read_once; /**< a plan has packed parameters that are not in memory */
    bool                moves;     /**< parameters change: plans need them in memory, to pack them again at any time */
    double              constant_fold_effort; /**< operations spent on it since the last plan was begun */
    struct packs       *packs; /**< packed weights that its plans share; NULL: each plan has its own */
    uint64_t            version; /**< grows when a parameter's data change: plans then pack their weights again */
    bool                failed; /**< a builder call has failed: all later ones do nothing */
    struct error        failure; /**< the error of that call */
    struct op_emitter   emitter;
    struct {
        uint32_t *slot; /**< value ids by hash of their name; 0 = free */
        size_t    capacity, count;
    } names;
    char   scope[256];      /**< "features.block1." */
    size_t scope_begins[32]; /**< length of `scope` before each open scope; a scope's name may itself have dots */
    int    scope_count;
    char node_name[320];
};

static inline struct value *graph_value(const fov_graph *graph, int id)
{
    return &graph->values[id];
}

/** For calls on a failed graph: puts the graph's first failure on the context, if that has no error now, and returns
 *  the context's status. */
int graph_refuse(const fov_graph *graph);
/** Marks the graph as failed, with the error that is on the context; a failure before stays the first one. For calls
 *  within another public call, which add to a graph by more than one call. Returns the failure's status. */
int graph_fail(fov_graph *graph);
/** Adds a node: checks options, infers shapes, adds the output values. Returns the first output's id, 0 on failure.
 *  `name` NULL: one is generated from the operator's name. Names of outputs: the node's, then NAME:1, NAME:2... */
int graph_add_node(fov_graph *graph, const struct op *op, const int *in, int in_count, const void *options,
                   const char *name);
/** Gives a value another name (importers keep the file's). Fails when it is taken. */
int graph_rename(fov_graph *graph, int id, const char *name);

/** A parameter's or constant's data, read from its file or drawn on first use, and in memory from then on; NULL and an
 *  error when that fails. */
void *graph_data(fov_graph *graph, int id);
/** Copies bytes [offset, offset + count), whole elements, of a parameter or constant from memory or its file, or draws
 *  them, without keeping them in memory. Several threads may call it, each with its own error. */
int graph_read(const fov_graph *graph, int id, size_t offset, void *bytes, size_t count, struct error *error);
/** Call before parameters change: if a plan has packed some straight from a file, loads all parameters, so that the
 *  plan can pack them again without failing. */
int graph_settle(fov_graph *graph);

/** Sets needed[node] for every node that `outputs` depend on. needed: node_count flags, preset to false. */
void graph_mark(const fov_graph *graph, const int *outputs, int count, bool *needed);

/** Shapes of every value for a given batch: shapes[value_count]. Results of nodes that are not `needed` (as from
 *  graph_mark; NULL: all are) keep their declared shape. input_shape: NULL, or for each value id a shape that replaces
 *  an input's own (rank -1: not replaced). */
int graph_shapes(fov_graph *graph, int64_t batch, const bool *needed, const fov_shape *input_shape, fov_shape *shapes);
/** The same, and fills known[value_count] (preset to NULL) with the elements of known values. Free them with
 *  constant_fold_free. */
int graph_infer(fov_graph *graph, int64_t batch, const bool *needed, const fov_shape *input_shape, fov_shape *shapes,
                double **known);

/** The cost of a node for one sample. Fills `in` and `out`, to which the result points. */
struct op_cost graph_cost(const fov_graph *graph, const struct node *node, struct op_tensor in[OP_MAX_PORTS],
                          struct op_tensor out[OP_MAX_PORTS]);

/** Evaluates nodes in double with the textbook twins, in plain order: the oracle of the tests. given: NULL, or per
 *  value id the elements of an input, or of a parameter or constant in place of the graph's own (NULL: the graph's
 *  own). The caller frees the results with graph_evaluate_free; on failure nothing is left to free. */
struct evaluation {
    fov_shape *shapes; /**< per value id */
    double   **data;   /**< per value id; NULL: not computed */
    size_t     count;
};
int  graph_evaluate(fov_graph *graph, const int *outputs, int count, int64_t batch, bool training, uint64_t step,
                    const double *const *given, struct evaluation *result);
void graph_evaluate_free(fov_graph *graph, struct evaluation *result);

#endif
