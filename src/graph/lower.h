/* SPDX-License-Identifier: MIT */
/* What the rooms of lowering share while one plan is made: order.c decides which nodes run and when, fuse.c which of
 * them become one step, defer.c whose results need not be stored, lower.c turns them into steps with tensors.c, step.c
 * and neighbours.c. Private to these; the rest of the plan sees plan.h. */
#ifndef GRAPH_LOWER_H
#define GRAPH_LOWER_H

#include "graph/plan.h"

/** What a step takes in besides its own node. */
struct fusion {
    int affine[PLAN_FOLDS], affine_count; /**< nodes, in order */
    int sum, residual; /**< the node that adds, -1: none; the value that it adds */
    int activation;    /**< node; -1: none */
    int gate;          /**< node: the gradient of an activation; -1: none */
    int result;        /**< value that the step makes as its first */
};

/** Where a value lies when it is part of a join: at this channel of the join's result. */
struct lower_place {
    int     join; /**< node; -1: lies by itself */
    int64_t channel;
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
    int           *taken_by; /**< per node: the one whose step does its work; -1 = itself */
    struct lower_place *places; /**< per value */
    int           *join_storage; /**< per node: the memory of a join whose parts are being written; -1 = none yet */
    int           *dense_of;     /**< per value: a dense copy of a tensor that lies in a wider one; -1 = none */
    bool      *renewed;   /**< per value: a parameter that this plan changes */
    bool      *in_storage; /**< per value: a new parameter value that is written over the old one */
    int       *read_until; /**< per value: the node at which it is read for the last time, on whose behalf ever; -1:
                              none does; the number of nodes: after the run */
    bool      *deferred;   /**< per node: those who read its first result make it */
    int       *step_of;    /**< per value: the step that stands for it where that is so; -1 = none */
    int       *dropped_after; /**< per value: of a deferred node, the last to read what was stored of it; -1: none is */
    int        order_count;
};

/* order.c */
/** Outputs with all they depend on; with .updates the assignments too. */
void lower_mark_needed(struct lowering *l);
/** Again, now that shapes and known values are there: what was only wanted for its shape or its known value goes. */
void lower_prune(struct lowering *l);
void lower_count_readers(struct lowering *l);
/** Whether a node needs this input's data when it runs: not where only the shape is read, not what is known already. */
bool lower_reads_data(const struct lowering *l, const struct node *node, int input);
/** One reader more or less of a value: keeps l->readers and l->needed as they would be counted. */
void lower_read_more(struct lowering *l, int id);
void lower_read_less(struct lowering *l, int id);
void lower_find_updates_in_storage(struct lowering *l);
/** Fills l->read_until by what descriptors say, and clears l->in_storage where the old value is still read when the new
 *  one is there. After fusions and lower_defer, optimisers aside. */
void lower_find_last_reads(struct lowering *l);
/** Fills l->order. ready [nodes + 1] and read_so_far [values] are working room. */
void lower_find_order(struct lowering *l, int *ready, int *read_so_far);

/* rewrite.c */
/** Nodes that together mean one operator (op.patterns) become that operator. Needs readers; afterwards they have
 *  changed. */
int lower_rewrite(struct lowering *l);

/** A copy of a node, with copies of its inputs and options, in place of node `index`; results stay the same. */
int lower_replace(struct lowering *l, int index, const struct node *wanted);

/* takeover.c */
/** Nodes whose operators do a neighbour's work too (op.take_over), and those whose place another takes (op.take_place).
 *  Needs readers; keeps them and what is needed up to date. */
int lower_take_over(struct lowering *l);

/* fuse.c */
/** What a value looks like before it has a layout; rank -1: value 0. */
struct op_tensor lower_describe_value(const struct lowering *l, int id);
/** The same for a node's inputs. */
void lower_describe(const struct lowering *l, const struct node *node, struct op_tensor *in);
void lower_find_fusions(struct lowering *l);

/* defer.c */
/** Fills l->deferred and l->dropped_after. After fusions and places. */
void lower_defer(struct lowering *l);
/** Whether a deferred value is stored, for now, when this node runs. */
bool lower_is_stored(const struct lowering *l, int index, int id);
/** Stores those of a node's inputs that are deferred and that it cannot read as rows. */
int  lower_store_inputs(struct lowering *l, int index);

/* tensors.c */
/** The tensor in which an input, parameter, constant or known value lies; -1 on failure, as all of these. */
int lower_source(struct lowering *l, int id);
/** The value's tensor in the wanted layout, converted by a step if it must be. strided: it may be part of a wider
 *  one. */
int lower_tensor(struct lowering *l, int id, enum op_layout layout, bool strided);
/** The order that a node's tensors will have. */
enum op_layout lower_layout(struct lowering *l, const struct node *node);
/** A tensor that is some channels of another one: those from `begin` bytes on. */
int lower_part_tensor(struct lowering *l, int id, int storage, size_t begin, size_t pixel_stride);
/** Where a node's output goes. */
int lower_result_tensor(struct lowering *l, const struct node *node, int output, int id, enum op_layout layout,
                        int first_input, bool once);
/** Memory of its own for a value, in plain order; -1 on failure. */
int lower_new_tensor(struct lowering *l, int id);
/** Adds a step that brings a value from one tensor into another. */
int lower_move(struct lowering *l, const struct op *op, int from, int to, const char *name);

/* step.c */
/** Its elements do not change from run to run. */
bool lower_is_constant(const struct lowering *l, int tensor);
/** Sets step->once where all that it reads is constant; the results then stay. */
void lower_once(struct lowering *l, struct plan_step *step);
void lower_keep_results(fov_plan *plan, const struct plan_step *step);
/** What a step's inputs are besides their tensors. */
void lower_describe_inputs(const struct lowering *l, const struct node *node, struct plan_step *step);
/** A value that a deferred step makes in rows. */
static inline struct op_tensor lower_describe_rows(const struct lowering *l, int id)
{
    return (struct op_tensor){FOV_F32, l->shapes[id], OP_CHANNELS_LAST, NULL, 0, -1 - l->step_of[id]};
}
/** Appends " + OPERATOR" to what the step is called. */
void lower_name_part(struct plan_step *step, const struct node *node);
/** What is fused into the step: nodes to fold, activation, gate. */
int  lower_take_in(struct lowering *l, const struct fusion *fusion, struct plan_step *step);
/** Has the operator decide how it computes. */
int  lower_compile(fov_plan *plan, struct plan_step *step, const void *options);
/** An identity's result becomes a name for its input. */
void lower_alias(fov_plan *plan, struct plan_step *step);
void lower_count_cost(struct plan_step *step, const void *options);

/* neighbours.c */
/** The step that could run within this one and make its input 0; -1: there is none. */
int  lower_find_producer(const struct lowering *l, const struct plan_step *step);
void lower_take_producer(fov_plan *plan, struct plan_step *step, int producer);
/** The step that may show an input to this one while it makes it; -1: nobody. */
int  lower_find_shown(const struct lowering *l, const struct node *node, struct plan_step *step);
/** The step before this one, if both could run as one; else NULL. */
struct plan_step *lower_find_before(const struct lowering *l, struct plan_step *step);

/* place.c */
/** Fills l->places. dense [values], preset to false, is working room. */
void lower_place_joins(struct lowering *l, bool *dense);
/** Whether a node reads an input at any pixel stride, where channels are stored last. */
bool lower_reads_strided(const struct lowering *l, const struct node *node, int input);
/** The value of which a node's output is the channels from *first on; 0 = of none. */
int lower_part_of(const struct lowering *l, const struct node *node, int output, int64_t *first);

#endif
