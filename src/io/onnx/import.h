/* SPDX-License-Identifier: MIT */
/* The importer's state, shared by import.c (the file as a whole), branch.c (graphs inside nodes), order.c (the order of
 * nodes) and import_node.c (one node). */
#ifndef IO_ONNX_IMPORT_H
#define IO_ONNX_IMPORT_H

#include "io/onnx/message.h"
#include "op/onnx.h"

enum slot_kind { SLOT_TENSOR, SLOT_INPUT, SLOT_RESULT };

/** What a name in the file stands for. */
struct onnx_slot {
    enum slot_kind            kind;
    const char               *name;
    const struct onnx_tensor *tensor;      /**< SLOT_TENSOR: an initializer or a Constant node's value */
    bool                      is_constant; /**< the tensor comes from a Constant node, not from an initializer */
    fov_dtype                 dtype;
    fov_shape                 shape;
    size_t                    node; /**< SLOT_RESULT: the node that computes it */
    bool                      used; /**< read by a node, or an output of the graph */
    /** The value in the graph; 0: none yet. A tensor becomes a value only when an operator reads it, because only then
     *  is it known whether it is a weight or, say, a shape; until then the id -(slot + 1) stands for it. */
    fov_value value;
};

/** One branch of an If. Its nodes are merged into the main graph; the guard says when they are wanted. */
struct onnx_guard {
    const char        *condition; /**< the name of the value that decides */
    bool               when;      /**< the value of the condition for which this branch is taken */
    struct onnx_guard *outer;     /**< the branch that contains the If itself; NULL: none */
    /** open: the branch is taken or may be; shut: it is known not to be taken, and its nodes are left out */
    enum { GUARD_UNASKED, GUARD_OPEN, GUARD_SHUT } state;
};

struct importer {
    fov_graph          *graph;
    struct onnx_model  *model;
    struct arena       *arena;
    struct error       *error; /**< the context's */
    const struct onnx_import_options *options;
    const fov_value    *inputs; /**< the graph's inputs, in the file's order: entry i belongs to options->given[i] */
    int                 input_count;
    int                 halves; /**< tensors of 16-bit floats, which are read as float32 */
    bool                sized;  /**< an open height or width was set from options->open_size */
    /** the number of samples that the file states but options->open_batch replaced by an open one; 0: none */
    int64_t             opened;
    struct onnx_slot   *slots;
    size_t              slot_count;
    struct arena_table  table; /**< name -> slot */
    size_t             *order; /**< indices of nodes, producers before consumers */
    bool               *needed; /**< per node: an output of the graph depends on it */
    int                 opset;
    bool                ours;   /**< the file was written by fovea: float initializers are parameters, no guessing */
    /** the file, kept open for weights that stay in it; NULL: not opened yet, or impossible */
    struct file_source *source;
    int                 fresh;  /**< counts generated names */
    struct op_emitter   emitter; /**< wraps the graph's emitter: also accepts ids of tensors that are not values yet */
    /* the node being read */
    struct onnx_node *node;
    const char       *node_label;
    size_t            first_value; /**< value ids from here on were added for this node */
    fov_value         in[OP_MAX_PORTS], result[OP_MAX_PORTS];
    int               in_count;
    bool              asked[OP_MAX_PORTS]; /**< per input: the operator asked for its elements, which are not known */
    bool              beside_weights; /**< the node adds to, or multiplies, the result of a node with weights */
    bool              failed;
};

/** The slot that the id of a tensor without a value stands for; NULL for ids of values. */
struct onnx_slot *importer_slot(const struct importer *importer, fov_value value);

/* branch.c */
/** Merges the nodes of all If branches into the main graph and makes their names unique. */
int  importer_merge_branches(struct importer *importer);
/** Whether the branch is taken or may be, so that its nodes must be read; true without a guard. The nodes that the
 *  condition depends on must have been read. */
bool importer_is_taken(struct importer *importer, struct onnx_guard *guard);
/** Sets `result` to the outputs of an If: those of the branch that is taken or, where only a run can tell which, a
 *  choice (where) between both. */
int  importer_read_choice(struct importer *importer, const struct onnx_node *node);

/* order.c */
/** Fills `order` and `needed`; refuses cycles and inputs that nothing produces. */
int importer_sort(struct importer *importer);

/* batch.c */
/** Where options->open_batch has opened the first dimension: turns a Reshape to the file's number of samples into one
 *  that keeps its input's number of samples. */
void importer_open_reshape(struct importer *importer);

/* wanted.c */
/** The elements of a value of the graph as doubles; NULL where they are not known, or one of them is the open number of
 *  samples. */
const double *importer_known(struct importer *importer, fov_value value);
/** To be called when a node cannot be read, or a shape cannot be computed, without this value's elements: sets `wanted`
 *  of the given inputs that these elements depend on. */
void importer_want(struct importer *importer, fov_value value);

/* import_node.c */
/** The version of the operators of a domain in this file; 0: none is stated. */
int64_t importer_opset(const struct importer *importer, const char *domain);
/** The spelling that can read this node; NULL: none can. *op: its operator, NULL where the spelling emits nodes of
 *  other operators. */
const struct op_onnx *importer_find(const struct importer *importer, const struct onnx_node *node,
                                    const struct op **op);
int              importer_read_node(struct importer *importer, struct onnx_node *node);
void             importer_make_emitter(struct importer *importer);
/** Turns a tensor into a value of the graph: a parameter where `op` reads it as a weight at `port`, else a constant. */
fov_value importer_make_value(struct importer *importer, fov_value value, const struct op *op, int port);

#endif
