/* SPDX-License-Identifier: MIT */
/* The importer's state, shared by import.c (the file as a whole), branch.c (graphs inside nodes), order.c (which node
 * after which) and import_node.c (one node). */
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
    bool                      is_constant; /**< from a Constant node */
    bool                      checked;     /**< dtype and shape are set */
    fov_dtype                 dtype;
    fov_shape                 shape;
    size_t                    node; /**< SLOT_RESULT: who makes it */
    bool                      used; /**< by a node or as an output of the graph */
    /** Its value in the graph; 0: not yet. Tensors become values when an operator takes them, because only then is
     *  it known whether they are weights or, say, a shape: until then, id -(slot + 1) stands for them. */
    fov_value value;
};

/** One branch of an If, whose nodes stand among the others. */
struct onnx_guard {
    const char        *condition; /**< the name of the value that decides */
    bool               when;      /**< taken where it is true; else where it is false */
    struct onnx_guard *outer;     /**< the branch that the If itself stands in; NULL: none */
    /** shut: the condition is known, and the branch not taken. Its nodes are left out */
    enum { GUARD_UNASKED, GUARD_OPEN, GUARD_SHUT } state;
};

struct importer {
    fov_graph          *graph;
    struct onnx_model  *model;
    struct arena       *arena;
    struct error       *error; /**< the context's */
    const struct onnx_import_options *options;
    const fov_value    *inputs; /**< made so far, in the file's order, for options->given */
    int                 input_count;
    int                 halves; /**< tensors of 16-bit floats, which are read as float32 */
    bool                sized;  /**< options->open_size stands for an open height or width */
    /** the number of samples that the file states and options->open_batch ignores; 0: none */
    int64_t             opened;
    struct onnx_slot   *slots;
    size_t              slot_count;
    struct arena_table  table; /**< name -> slot */
    size_t             *order; /**< nodes, producers first */
    bool               *needed;
    int                 opset;
    bool                ours;   /**< written by fovea: its initializers are parameters without guessing */
    /** the file, kept open for weights that stay there; NULL: not wanted yet, or impossible */
    struct file_source *source;
    int                 fresh;  /**< counts names made up */
    struct op_emitter   emitter; /**< the graph's, but knows the ids of tensors that are not values yet */
    /* the node being read */
    struct onnx_node *node;
    const char       *node_label;
    size_t            first_value; /**< values from here on were made by this node */
    fov_value         in[OP_MAX_PORTS], result[OP_MAX_PORTS];
    int               in_count;
    bool              asked[OP_MAX_PORTS]; /**< inputs whose elements the operator asked for in vain */
    bool              beside_weights; /**< the node adds to, or multiplies, the result of one with weights */
    bool              failed;
};

/** The slot behind an id of a tensor that is no value yet; NULL for other ids. */
struct onnx_slot *importer_slot(const struct importer *importer, fov_value value);

/* branch.c */
/** Lays the nodes of all If branches out among those of the graph, under names of their own. */
int  importer_merge_branches(struct importer *importer);
/** Whether nodes of this branch are wanted; true without a guard. What the condition follows from must be there. */
bool importer_is_taken(struct importer *importer, struct onnx_guard *guard);
/** Sets `result` to what the branches of an If give: those of the one that is taken, or a choice made at each run. */
int  importer_read_choice(struct importer *importer, const struct onnx_node *node);

/* order.c */
/** Fills `order` and `needed`; refuses cycles and inputs that nobody makes. */
int importer_sort(struct importer *importer);

/* batch.c */
/** Where the first dimension is left open although the file has a number there: a Reshape to that number of samples
 *  becomes one to as many as come in. */
void importer_open_reshape(struct importer *importer);

/* wanted.c */
/** The elements of a value of the graph as doubles, where they are known; NULL where they are not, or hold the open
 *  number of samples. */
const double *importer_known(struct importer *importer, fov_value value);
/** Something cannot be read, or has no shape, without this value's elements: notes the given inputs they depend on. */
void importer_want(struct importer *importer, fov_value value);

/* import_node.c */
/** The version of the operators of a domain in this file; 0: none is stated. */
int64_t importer_opset(const struct importer *importer, const char *domain);
/** Who reads this node; NULL: nobody does. *op: its operator, NULL where it becomes nodes of others. */
const struct op_onnx *importer_find(const struct importer *importer, const struct onnx_node *node,
                                    const struct op **op);
int              importer_read_node(struct importer *importer, struct onnx_node *node);
void             importer_make_emitter(struct importer *importer);
/** Makes a tensor a value: a parameter where `op` takes it as a weight, else a constant. */
fov_value importer_make_value(struct importer *importer, fov_value value, const struct op *op, int port);

#endif
