/* SPDX-License-Identifier: MIT */
/* State shared by the files of lowering while one plan is made: order.c decides which nodes run and when, fuse.c which
 * of them become one step, defer.c which results need not be stored; lower.c turns nodes into steps, with
 * tensor_layout.c, step.c and fuse_steps.c. Private to these files; the rest of the plan sees plan.h. */
#ifndef GRAPH_LOWER_H
#define GRAPH_LOWER_H

#include "graph/plan.h"

/** The nodes that are fused into a node's step (its epilogue). */
struct fusion {
    int affine[PLAN_FOLDS], affine_count; /**< normalisation nodes, in order */
    int sum, residual;       /**< the node that adds, -1: none; the value that it adds */
    int activation;          /**< node; -1: none */
    int activation_gradient; /**< node: the gradient of an activation; -1: none */
    int result;              /**< the value that becomes the step's first result */
};

/** Place of a value that is written straight into the result of a concatenation of channels. */
struct concat_place {
    int     concat; /**< its node; -1: the value has memory of its own */
    int64_t channel; /**< of its result, at which the value begins */
};

struct lowering {
    fov_plan  *plan;
    fov_graph *graph;
    bool      *needed;    /**< per node */
    fov_shape *shapes;    /**< per value, concrete */
    int       *readers;   /**< per value: needed nodes and outputs that read it */
    int       *last_read; /**< per value: highest node that reads it; -1 = none */
    int       *order;     /**< nodes in order of execution */
    struct fusion *fusions;  /**< per node */
    int           *taken_by; /**< per node: the node into whose step it is fused; -1 = has a step of its own */
    struct concat_place *concat_places; /**< per value */
    int           *concat_storage; /**< per node: storage of a concat whose parts are being written; -1 = none yet */
    int           *dense_of;       /**< per value: a dense copy of a tensor that lies in a wider one; -1 = none */
    bool      *renewed;   /**< per value: a parameter that this plan changes */
    bool      *in_storage; /**< per value: a parameter's new value, written over the old one */
    int       *read_until; /**< per value: the last node that reads it, for itself or for a neighbour; -1: none does;
                              the number of nodes: it is read after the run */
    bool      *deferred;   /**< per node: its readers compute the first result, row by row; it is not stored */
    int       *step_of;    /**< per value: the deferred step that computes it; -1 = none */
    int       *dropped_after; /**< per value of a deferred node: the last node that reads the stored copy made first;
                                 -1: none was stored */
    int        order_count;
};

/* order.c */
/** Marks the outputs and all they depend on; with .updates the assignments too. */
void lower_mark_needed(struct lowering *l);
/** Marks again, once shapes and known values are computed: drops nodes wanted only for a shape or a known value. */
void lower_prune(struct lowering *l);
void lower_count_readers(struct lowering *l);
/** Whether a node needs this input's data when it runs: not if it reads only the shape, or the value is known. */
bool lower_reads_data(const struct lowering *l, const struct node *node, int input);
/** Adds or removes one reader of a value, and updates l->readers and l->needed of everything it depends on. */
void lower_read_more(struct lowering *l, int id);
void lower_read_less(struct lowering *l, int id);
void lower_find_updates_in_storage(struct lowering *l);
/** Fills l->read_until from the operators' descriptors (optimisers excepted), and clears l->in_storage where the old
 *  value is still read after the new one is written. After fusions and lower_defer. */
void lower_find_last_reads(struct lowering *l);
/** Fills l->order. ready [nodes + 1] and read_so_far [values] are workspace. */
void lower_find_order(struct lowering *l, int *ready, int *read_so_far);

/* rewrite.c */
/** Replaces nodes that together mean one operator (op.patterns) by that operator. Uses l->readers; count them again
 *  afterwards. */
int lower_rewrite(struct lowering *l);

/** Puts a copy of `wanted`, with copies of its inputs and options, in place of node `index`; the outputs stay. */
int lower_replace(struct lowering *l, int index, const struct node *wanted);

/* substitute.c */
/** Lets operators do a neighbour's work, too (op.absorb) or replace several nodes (op.substitute). Uses l->readers and
 *  keeps them and l->needed up to date. */
int lower_substitute(struct lowering *l);

/* fuse.c */
/** A value's dtype and shape, without a layout; rank -1: value 0. */
struct op_tensor lower_describe_value(const struct lowering *l, int id);
/** The same for all inputs of a node. */
void lower_describe(const struct lowering *l, const struct node *node, struct op_tensor *in);
void lower_find_fusions(struct lowering *l);

/* defer.c */
/** Fills l->deferred and l->dropped_after. After fusions and concat places. */
void lower_defer(struct lowering *l);
/** Whether a value has a stored copy when node `index` runs: a deferred one has it only for some readers. */
bool lower_is_stored(const struct lowering *l, int index, int id);
/** Adds steps that store a node's deferred inputs, where it cannot read them as rows. */
int  lower_store_inputs(struct lowering *l, int index);

/* tensor_layout.c */
/** The tensor of an input, parameter, constant or known value; -1 on failure, as all functions of this file. */
int lower_source(struct lowering *l, int id);
/** The value's tensor in `layout`; adds a conversion step if there is none yet. strided: the tensor may be some
 *  channels of a wider one. */
int lower_tensor(struct lowering *l, int id, enum op_layout layout, bool strided);
/** The layout of a node's tensors. */
enum op_layout lower_layout(struct lowering *l, const struct node *node);
/** A channels-last tensor that is some channels of a wider one, `begin` bytes into `storage` (-1: a new storage). */
int lower_part_tensor(struct lowering *l, int id, int storage, size_t begin, size_t pixel_stride);
/** The tensor for a node's output: over its parameter, in its input's memory, in a concat's or in new memory. */
int lower_result_tensor(struct lowering *l, const struct node *node, int output, int id, enum op_layout layout,
                        int first_input, bool once);
/** A new tensor in plain order, with storage of its own; -1 on failure. */
int lower_new_tensor(struct lowering *l, int id);
/** Adds a step that copies or converts a value from one tensor into another. */
int lower_move(struct lowering *l, const struct op *op, int from, int to, const char *name);

/* step.c */
/** Whether a tensor's elements do not change from run to run. */
bool lower_is_constant(const struct lowering *l, int tensor);
/** Sets step->once if all its inputs are constant. */
void lower_once(struct lowering *l, struct plan_step *step);
/** Protects the results of a run-once step from being overwritten. */
void lower_keep_results(fov_plan *plan, const struct plan_step *step);
/** Fills what a step knows of its inputs besides their tensors: known values, constant or not, rows. */
void lower_describe_inputs(const struct lowering *l, const struct node *node, struct plan_step *step);
/** The description of a value that a deferred step computes in rows. */
static inline struct op_tensor lower_describe_rows(const struct lowering *l, int id)
{
    return (struct op_tensor){FOV_F32, l->shapes[id], OP_CHANNELS_LAST, NULL, 0, -1 - l->step_of[id]};
}
/** Appends " + OPERATOR" to step->operation. */
void lower_name_part(struct plan_step *step, const struct node *node);
/** Enters the fused nodes into the step: normalisations to fold, activation, activation's gradient. */
int  lower_take_in(struct lowering *l, const struct fusion *fusion, struct plan_step *step);
/** Describes the step's tensors to its operator, which then decides how it computes. */
int  lower_compile(fov_plan *plan, struct plan_step *step, const void *options);
/** Makes an identity's result another name for its input. */
void lower_alias(fov_plan *plan, struct plan_step *step);
void lower_count_cost(struct plan_step *step, const void *options);

/* fuse_steps.c */
/** The step that produces input 0 and could do so within this step; -1: there is none. */
int  lower_find_producer(const struct lowering *l, const struct plan_step *step);
void lower_take_producer(fov_plan *plan, struct plan_step *step, int producer);
/** The step that may let this one sum over an input as it is written; -1: there is none. */
int  lower_find_shown(const struct lowering *l, const struct node *node, struct plan_step *step);
/** The step before this one, if both could run as one; else NULL. */
struct plan_step *lower_find_before(const struct lowering *l, struct plan_step *step);

/* concat_in_place.c */
/** Fills l->concat_places. dense [values], preset to false, is workspace. */
void lower_find_concat_places(struct lowering *l, bool *dense);
/** Whether a node can read a channels-last input at any pixel stride. */
bool lower_reads_strided(const struct lowering *l, const struct node *node, int input);
/** If a node's output is some channels of its input 0: that value, and the first channel in *first; else 0. */
int lower_part_of(const struct lowering *l, const struct node *node, int output, int64_t *first);

#endif
