/* SPDX-License-Identifier: MIT */
/* What the rooms of lowering share while one plan is made: order.c decides which nodes run and when, fuse.c which of them
 * become one step, lower.c turns them into steps. Private to these; the rest of the plan sees plan.h. */
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
    bool      *deferred;   /**< per node: those who read its first result make it */
    int       *step_of;    /**< per value: the step that stands for it where that is so; -1 = none */
    int        order_count;
};

/* order.c */
/** Outputs with all they depend on; with .updates the assignments too. */
void lower_mark_needed(struct lowering *l);
/** Again, now that shapes and known values are there: what was only wanted for its shape or its known value goes. */
void lower_prune(struct lowering *l);
void lower_count_readers(struct lowering *l);
void lower_find_updates_in_storage(struct lowering *l);
/** Fills l->order. ready [nodes + 1] and read_so_far [values] are working room. */
void lower_find_order(struct lowering *l, int *ready, int *read_so_far);

/* rewrite.c */
/** Nodes that together mean one operator (op.patterns) become that operator. Needs readers; afterwards they have changed. */
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
/** Fills l->deferred. After fusions and places. */
void lower_defer(struct lowering *l);

/* place.c */
/** Fills l->places. dense [values], preset to false, is working room. */
void lower_place_joins(struct lowering *l, bool *dense);
/** Whether a node reads an input at any pixel stride, where channels are stored last. */
bool lower_reads_strided(const struct lowering *l, const struct node *node, int input);
/** The value of which a node's output is the channels from *first on; 0 = of none. */
int lower_part_of(const struct lowering *l, const struct node *node, int output, int64_t *first);

#endif
