/* SPDX-License-Identifier: MIT */
/* A plan from inside. Compilation goes through these rooms, in this order:
 *   lower.c    nodes -> steps: which run, in which order (order.c), fused how (fuse.c), stored where (tensors.c); each
 *              step asks its operator how (step.c, neighbours.c)
 *   recompute.c  where that does not fit the memory there is: which steps run a second time rather than be kept
 *   arena.c    lifetimes -> addresses: what may overwrite what, and where everything lies
 *   verify.c   whether nothing is read that is not there any more: after all of the others, by none of their words
 *   pair.c     a weight's gradient and its update some rows at a time
 *   pack.c     weights -> kernel order, once, from memory or straight from their file
 *   plan.c     the whole in order, memory, binding of pointers, running, printing
 *   labels.c   whether the labels that a run will read are classes
 *   replay.c   a run once more, to find where a number that is not finite came from */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include "graph/graph.h"
#include <fovea/plan.h>

/** A tensor as the plan stores it: one value of the graph in one layout. */
struct plan_tensor {
    int            value; /**< graph id; 0: internal */
    fov_dtype      dtype;
    fov_shape      shape;
    enum op_layout layout;
    size_t         bytes;
    int            storage;
    size_t         begin;        /**< in the storage, bytes */
    size_t         pixel_stride; /**< as op_tensor's: not 0 where it is part of a wider one */
    int            other;        /**< the same value in another layout, and so on; -1: there is none (or none more) */
};

/** A piece of memory. Several tensors may share one: views, relabelled layouts, results in place. */
struct plan_storage {
    size_t bytes;
    int    first, last; /**< steps between which it holds something; first = -1: never written */
    bool   keep;        /**< never overwritten by a step in place: inputs, and what lies outside the arena */
    bool   output;      /**< read by the caller after the run */
    bool   once;        /**< written when the plan is made, and again only when parameters change */
    void  *fixed;       /**< outside the arena: a parameter or constant; plan_unread: one that is not in memory */
    int    parameter;   /**< the graph id of that parameter; 0: none */
    void  *owned;       /**< = fixed where the plan made it: a known value */
    size_t offset;      /**< in the arena */
};

/** Scratch of a step, as storages that live during that step only; -1: none. */
struct plan_scratch {
    int shared, workers;
};

enum { PLAN_HEADERS = 1024 }; /**< bytes that its two blocks of memory take beside what is in them, at most */
enum { PLAN_FOLDS = 4 }; /**< normalisations that one step may take in */

struct plan_step {
    const struct op  *op;
    int               node; /**< -1: a conversion that the plan put in */
    int               in_count, out_count; /**< in: with residual and gate, if there are, as the last */
    int              *in, *out; /**< plan tensors; -1: absent or unused */
    bool              residual, gate; /**< there is one: the last of `in`, the gate behind the residual */
    int               fold[PLAN_FOLDS], fold_count; /**< nodes whose factor and offset the packed weights take in */
    size_t            fold_offset; /**< in plan->kept: factor, bias, and room for two more of their size */
    bool             *constant; /**< per input: does not change from run to run */
    const double    **values;   /**< per input: known values, while the plan is made */
    int              *maker;    /**< per input: the step that makes it while it is read, in place of a tensor */
    bool             *in_rows;  /**< per input: there is such a step */
    const struct op_run **maker_run;
    int              *packed;   /**< per input: storage of the packed form when it is packed at each run; else -1 */
    struct op_compile compile;
    struct op_tensor *tensors; /**< in, then out: what compile and run see */
    void            **packed_data;
    struct op_run     run;
    struct plan_scratch scratch;
    size_t            state_offset, packed_offset; /**< in plan->kept */
    const char       *name;
    char              operation[96];
    bool              skip;     /**< nothing to run: a view, or an identity */
    bool              again;    /**< makes for the second time what was not kept */
    size_t            pair_rows; /**< runs in turns with the one behind, so many rows of its result at a time; 0: not */
    bool              paired;   /**< is such a step behind another */
    int               producer; /**< the step that runs within this one, line by line; -1: none */
    int               taker;    /**< the step within which this one runs; -1: by itself */
    bool              in_place;
    int               observer; /**< the step that sees the first result while it is made; -1: none */
    int               shown_by; /**< the step that shows an input to this one while it makes it; -1: none */
    bool              joined;   /**< the step behind it does its work, too */
    bool              deferred; /**< its first result is made by those who read it */
    bool              once; /**< all it reads is constant: runs when the plan is made and when parameters change */
    int64_t           multiply_adds;
};

/** An input, or a constant, that a loss of classes reads as labels. */
struct plan_labels {
    int         value;
    int64_t     classes, ignored; /**< labels are 0 .. classes - 1, or the one that does not count */
    const char *reader;           /**< the step that reads them */
};

/** Nodes in the order in which they run; some of them twice. */
struct plan_program {
    int   *node; /**< NULL: each once, but with every result stored */
    bool  *again;
    size_t count;
};

struct fov_plan {
    fov_graph       *graph;
    fov_plan_options options;
    uint64_t         version; /**< of the graph's parameters when constants were packed */

    struct plan_tensor  *tensors;
    size_t               tensor_count, tensor_capacity;
    struct plan_storage *storages;
    size_t               storage_count, storage_capacity;
    struct plan_step    *steps;
    size_t               step_count, step_capacity;

    int *tensor_of; /**< [value_count] the value's tensor in its first layout; -1 = none */
    double **known;  /**< [value_count] known values, while the plan is made */
    int *outputs;   /**< values asked for */
    int  output_count;
    size_t value_count, node_count; /**< of the graph when the plan was made */
    struct node **rewritten; /**< [node_count] what the plan runs in place of a node and those before it; else NULL */

    unsigned char *arena, *kept; /**< kept: states and constant packed weights */
    struct plan_room *room;      /**< whose memory the arena is, which other plans use in turn; NULL: the plan's own */
    size_t         arena_bytes, kept_bytes, unshared_bytes, scratch_bytes;
    size_t         whole_bytes; /**< of the arena, had nothing been recomputed; 0: nothing was */
    const struct plan_program *program; /**< while it is lowered; NULL: each node once */
    struct plan_labels *labels; /**< inputs that hold labels */
    size_t label_count, label_capacity;
};

/* plan.c */
/** One arena for plans that run one at a time: none finds anything there that it has left, so each run begins with all
 *  inputs filled anew. The plans may belong to several graphs. */
struct plan_room {
    struct memory  *memory;
    unsigned char  *bytes; /**< NULL until plan_room_open */
    size_t          size;  /**< what the largest of its plans needs */
    const fov_plan *last;  /**< the plan that ran last */
};
/** As fov_plan_create, but for the arena: the plan runs, and its places are known, after plan_bind. */
fov_plan *plan_create_within(struct plan_room *room, fov_graph *graph, const fov_value *outputs, int count,
                             const fov_plan_options *options);
/** Allocates what the plans that were made within it need. */
int  plan_room_open(struct plan_room *room, struct error *error);
void plan_room_close(struct plan_room *room); /**< after its plans were freed */
/** Gives a plan the memory of its room, which is open. */
int  plan_bind(fov_plan *plan);
/** A plan without memory: lowered and, if wanted, placed. */
fov_plan *plan_draft(fov_graph *graph, const fov_value *outputs, int count, const fov_plan_options *options,
                     const struct plan_program *program, bool placed);
int plan_new_tensor(fov_plan *plan, struct plan_tensor tensor); /**< index, -1 on failure */
int plan_new_storage(fov_plan *plan, size_t bytes);             /**< index, -1 on failure */
/** What a tensor holds in some layout, if that was made: a tensor; -1: it was not. */
int plan_tensor_in(const fov_plan *plan, int tensor, enum op_layout layout);
/** A zeroed step with arrays for that many inputs and outputs; its index, -1 on failure. */
int plan_new_step(fov_plan *plan, const struct op *op, int node, int in_count, int out_count);
/** The inputs of the step that makes input i while `step` reads it: they are read by then. NULL: there is none. */
static inline const struct plan_step *plan_maker(const fov_plan *plan, const struct plan_step *step, int i)
{
    return step->maker[i] >= 0 ? &plan->steps[step->maker[i]] : NULL;
}

/** Inputs that the operator sees: all but residual and gate. */
static inline int plan_op_inputs(const struct plan_step *step)
{
    return step->in_count - step->residual - step->gate;
}
/** Whether tensor i of a step (inputs, then outputs) is made by one step within another, and so never stored whole. */
static inline bool plan_is_passed_on(const struct plan_step *step, int i)
{
    return (i == 0 && step->producer >= 0) || (i == step->in_count && step->taker >= 0);
}
/** The node as the plan runs it. */
static inline const struct node *plan_node(const fov_plan *plan, int index)
{
    return plan->rewritten[index] ? plan->rewritten[index] : &plan->graph->nodes[index];
}

/** Runs steps `first` to `end` - 1 of a run: whoever cuts a run into parts calls for each part in order, the last one
 *  up to step_count. */
void plan_run_steps(fov_plan *plan, uint64_t number, size_t first, size_t end);
/** fov_plan_run with an error of the caller's own: for threads. */
int plan_run(fov_plan *plan, uint64_t number, struct error *error);

/* labels.c */
/** Lists the inputs that hold labels. E_INPUT: a constant does, and one of them is no class. After binding. */
int plan_find_labels(fov_plan *plan);
/** E_INPUT: a label that a run would read now is no class. */
int plan_check_labels(fov_plan *plan, struct error *error);

/* replay.c */
/** How many steps have run when a value that the plan computes is there; 0: no step makes it. */
size_t plan_steps_to(const fov_plan *plan, fov_value value);
/** Where the first infinite number of a run stood, and the first NaN: a step's name and operations, or a parameter or
 *  input. Names belong to the plan; NULL: there was none. */
struct plan_place {
    const char *name, *operation;
};
struct plan_finding {
    struct plan_place infinite, nan;
};
/** Runs steps 0 .. end - 1 once more, with the inputs as they are in the plan now, and looks at what each writes. The
 *  plan must not renew parameters before `end`. E_MEMORY leaves nothing found. */
int plan_replay(fov_plan *plan, uint64_t number, size_t end, struct plan_finding *finding);
enum { FINDING_TEXT_SIZE = 400 };
/** "; infinite first in "c3" (conv + relu), NaN first in "norm" (batch_norm)"; "" where nothing was found. */
const char *plan_finding_text(const struct plan_finding *finding, char out[FINDING_TEXT_SIZE]);

/* describe.c */
/** Logs, at level info, how the plan computes. */
void plan_describe(const fov_plan *plan);

/* fold.c */
/** Bytes that a step keeps for what it folds. */
size_t plan_fold_bytes(const struct plan_step *step);
/** Computes factor and bias of a step from the parameters as they are now. */
void plan_fold(const fov_plan *plan, const struct plan_step *step);

/* rewrite.c */
/** Frees plan->rewritten. */
void plan_drop_rewritten(fov_plan *plan);

/* lower.c */
int plan_lower(fov_plan *plan);

/* recompute.c */
/** In place of a draft that needs more memory than is left, one that fits; NULL and an error that says how much is
 *  wanted at least. Frees `whole`. */
fov_plan *plan_recompute(fov_plan *whole, const fov_value *outputs, int count);

/* pair.c */
/** Steps that exchange a result some rows at a time: its storage shrinks. After lowering. */
void plan_find_pairs(fov_plan *plan);
void plan_run_pair(struct plan_step *maker, struct plan_step *reader);

/* arena.c */
int plan_place(fov_plan *plan);

/* verify.c */
/** FOV_OK, or FOV_E_INTERNAL and a sentence that names the step, the value and who overwrote it. After plan_place. */
int plan_verify(const fov_plan *plan);

/* pack.c */
/** Stands in storage.fixed for the address of a parameter that is packed from where it lies and then not read again. */
extern char plan_unread[];
/** What a parameter's or constant's storage begins with: its data, or plan_unread where packing may do; NULL on
 *  failure. */
void *plan_constant(fov_plan *plan, int id);
/** Brings into memory what some step reads at each run, in plain form. After plan_place, before binding. */
int  plan_settle(fov_plan *plan);
int  plan_pack(fov_plan *plan); /**< packs all that does not change from run to run */
void plan_pack_again(fov_plan *plan); /**< the same when parameters have changed: all are in memory then */
bool plan_packs_once(const struct plan_step *step);
/** Whether its packed weights lie in graph->packs, beside those of other plans, and not in plan->kept. */
bool plan_shares_packed(const fov_plan *plan, const struct plan_step *step);
/** Gives back what the plan has there. */
void plan_give_packed(fov_plan *plan);

/* convert.c: steps that are no nodes */
extern const struct op plan_convert; /**< between plain and channels-last */
extern const struct op plan_copy;    /**< same layout, other place */
extern const struct op plan_store;   /**< rows that a deferred step makes, into memory */

#endif
