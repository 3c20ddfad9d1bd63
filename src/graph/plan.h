/* SPDX-License-Identifier: MIT */
/* The internals of a plan. Compilation goes through these files, in this order:
 *   lower.c    nodes -> steps: which nodes run, in which order (order.c), fused how (fuse.c), stored where
 *              (tensor_layout.c); each step asks its operator how it computes (step.c, fuse_steps.c)
 *   pair.c     a weight's gradient and its update some rows at a time
 *   arena.c    lifetimes -> addresses: what may overwrite what, and where everything lies
 *   recompute.c  if a training plan exceeds the memory limit: made again with results that are recomputed, not kept
 *   verify.c   checks that no step reads overwritten data: after all of the others, and without trusting any of them
 *   pack.c     weights -> kernel order, once, from memory or straight from their file
 *   labels.c   checks that the labels which a run will read are classes
 *   plan.c     calls all of these; memory, binding of pointers, running, printing
 *   replay.c   repeats a run to find the step that produced the first infinity or NaN */
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
    size_t         pixel_stride; /**< as op_tensor's: not 0 if it is some channels of a wider tensor */
    int            other;        /**< next tensor that holds the same value in another layout; -1: end of the list */
};

/** A piece of memory. Several tensors may share one: views, relabelled layouts, results in place. */
struct plan_storage {
    size_t bytes;
    int    first, last; /**< lifetime: the first and last step that use it; first = -1: never used */
    bool   keep;        /**< no step may overwrite it in place: inputs, constants, results of run-once steps */
    bool   output;      /**< read by the caller after the run */
    bool   once;        /**< written when the plan is made, and again only when parameters change */
    void  *fixed;       /**< address outside the arena (parameter, constant); plan_unread: not in memory; NULL: arena */
    int    parameter;   /**< the graph id of that parameter; 0: none */
    void  *owned;       /**< = fixed if the plan allocated it (a known value) and frees it */
    size_t offset;      /**< in the arena */
};

/** A step's workspace, as storages that live during that step only; -1: none. */
struct plan_scratch {
    int shared, workers;
};

enum { PLAN_HEADERS = 1024 }; /**< bytes: at most the allocator's overhead of a plan's two blocks, arena and `kept` */
enum { PLAN_FOLDS = 4 }; /**< most normalisations that one step may fold into its weights */

struct plan_step {
    const struct op  *op;
    int               node; /**< -1: a conversion or copy that the plan inserted */
    int               in_count, out_count; /**< in_count includes residual and saved_activation */
    int              *in, *out; /**< plan tensors; -1: absent or unused */
    bool              residual, saved_activation; /**< present: follow the operator's inputs in `in`, in this order */
    int               fold[PLAN_FOLDS], fold_count; /**< nodes whose factor and offset are folded into the weights */
    size_t            fold_offset; /**< in plan->kept: factor, bias, and working space for two more of their size */
    bool             *constant;     /**< per input: does not change from run to run */
    const double    **values;       /**< per input: known values, while the plan is made */
    int              *row_producer; /**< per input: the deferred step whose rows() computes it when read; else -1 */
    bool             *in_rows;      /**< per input: has such a producer, and no tensor in memory */
    const struct op_run **row_producer_run;
    int              *packed;   /**< per input: storage of the packed form if it is packed at each run; else -1 */
    struct op_compile compile;
    struct op_tensor *tensors; /**< in, then out: what compile and run see */
    void            **packed_data;
    struct op_run     run;
    struct plan_scratch scratch;
    size_t            state_offset, packed_offset; /**< in plan->kept */
    const char       *name;
    char              operation[96];
    bool              skip;     /**< nothing to run: a view, an identity, or a concat whose parts lie in place */
    bool              again;    /**< recomputes a result that was dropped to save memory */
    size_t            pair_rows; /**< alternates with the next step, this many rows of its result at a time; 0: alone */
    bool              paired;   /**< is the second step of such a pair */
    int               producer; /**< the step that computes input 0 within this one, line by line; -1: none */
    int               taker;    /**< the step within which this one runs; -1: it runs by itself */
    bool              in_place; /**< output 0 overwrites an input */
    int               observer; /**< the step whose sums over the first result are taken as it is written; -1: none */
    int               shown_by; /**< the step that lets this one sum over an input as it is written; -1: none */
    bool              merged;   /**< the next step does this step's work along with its own */
    bool              deferred; /**< the first result is not stored: its readers have its rows computed (op_rows) */
    bool              once; /**< all inputs are constant: runs when the plan is made and when parameters change */
    int64_t           multiply_adds;
};

/** An input, or a constant, that a classification loss reads as labels. */
struct plan_labels {
    int         value;
    int64_t     classes, ignored; /**< valid labels are 0 .. classes - 1, and `ignored` (does not count) */
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
    struct node **rewritten; /**< [node_count] the node that replaces the graph's in this plan; NULL: not replaced */

    unsigned char *arena, *kept; /**< kept: operators' states, folded factors, constant packed weights */
    struct plan_arena *shared_arena; /**< which other plans use in turn; NULL: the plan owns its arena */
    size_t         arena_bytes, kept_bytes, unshared_bytes, scratch_bytes;
    size_t         whole_bytes; /**< arena size if nothing were recomputed; 0: nothing is */
    const struct plan_program *program; /**< the order to lower; NULL: each node once. NULL after lowering */
    struct plan_labels *labels; /**< inputs that hold labels */
    size_t label_count, label_capacity;
};

/* plan.c */
/** One arena shared by plans that run one at a time. A plan finds nothing there that its last run left, so all inputs
 *  are filled before each run. The plans may belong to several graphs. */
struct plan_arena {
    struct memory  *memory;
    unsigned char  *bytes; /**< NULL until plan_arena_open */
    size_t          size;  /**< what the largest of its plans needs */
    const fov_plan *last;  /**< the plan that ran last */
};
/** As fov_plan_create, but in the shared arena: the plan can run, and has addresses, only after plan_bind. */
fov_plan *plan_create_within(struct plan_arena *arena, fov_graph *graph, const fov_value *outputs, int count,
                             const fov_plan_options *options);
/** Allocates it, once all of its plans have been made. */
int  plan_arena_open(struct plan_arena *arena, struct error *error);
void plan_arena_close(struct plan_arena *arena); /**< after its plans were freed */
/** Gives a plan its memory (a shared arena must be open), binds all pointers and packs the weights. */
int  plan_bind(fov_plan *plan);
/** A plan without memory: lowered and, if wanted, placed. */
fov_plan *plan_draft(fov_graph *graph, const fov_value *outputs, int count, const fov_plan_options *options,
                     const struct plan_program *program, bool placed);
int plan_new_tensor(fov_plan *plan, struct plan_tensor tensor); /**< index, -1 on failure */
int plan_new_storage(fov_plan *plan, size_t bytes);             /**< index, -1 on failure */
/** The tensor of the same value in `layout`, searched from `tensor` along .other; -1: there is none. */
int plan_tensor_in(const fov_plan *plan, int tensor, enum op_layout layout);
/** A zeroed step with arrays for that many inputs and outputs; its index, -1 on failure. */
int plan_new_step(fov_plan *plan, const struct op *op, int node, int in_count, int out_count);
/** The deferred step that computes input i while `step` reads it, from its own inputs; NULL: there is none. */
static inline const struct plan_step *plan_row_producer(const fov_plan *plan, const struct plan_step *step, int i)
{
    return step->row_producer[i] >= 0 ? &plan->steps[step->row_producer[i]] : NULL;
}

/** Inputs that the operator sees: all but residual and saved activation. */
static inline int plan_op_inputs(const struct plan_step *step)
{
    return step->in_count - step->residual - step->saved_activation;
}
/** Whether tensor i of a step (inputs, then outputs) passes between a producer and its taker, and is never stored. */
static inline bool plan_is_passed_on(const struct plan_step *step, int i)
{
    return (i == 0 && step->producer >= 0) || (i == step->in_count && step->taker >= 0);
}
/** The node as the plan runs it. */
static inline const struct node *plan_node(const fov_plan *plan, int index)
{
    return plan->rewritten[index] ? plan->rewritten[index] : &plan->graph->nodes[index];
}

/** Runs steps `first` to `end` - 1 of run `number`. A caller that splits a run calls this for each part in order: the
 *  first part begins at 0, the last one ends at step_count. */
void plan_run_steps(fov_plan *plan, uint64_t number, size_t first, size_t end);
/** The same; `passed` is called after each step with the number of the plan's steps that have run. */
typedef void plan_passed(void *context, size_t steps);
void plan_run_watched(fov_plan *plan, uint64_t number, size_t first, size_t end, plan_passed *passed, void *context);
/** fov_plan_run with the caller's own error struct, so that threads need not share the context's. */
int plan_run(fov_plan *plan, uint64_t number, struct error *error);

/* labels.c */
/** Lists the inputs that hold labels. E_INPUT: labels in a constant, and one of them is not a class. After binding. */
int plan_find_labels(fov_plan *plan);
/** E_INPUT: an input holds labels, and one of them is not a class. Call it before each run. */
int plan_check_labels(fov_plan *plan, struct error *error);

/* replay.c */
/** The number of steps after which a computed value is complete; 0: no step makes it. */
size_t plan_steps_to(const fov_plan *plan, fov_value value);
/** The number of steps after which a parameter has its new value, to the end of the run; 0: the plan does not renew
 *  it. */
size_t plan_steps_to_renew(const fov_plan *plan, fov_value parameter);
/** Where a run had its first infinity, and its first NaN: a step's name and operations, or a parameter or input. Names
 *  belong to the plan; NULL: there was none. */
struct plan_place {
    const char *name, *operation;
};
struct plan_finding {
    struct plan_place infinite, nan;
};
/** Runs steps 0 .. end - 1 once more, with the inputs as they are in the plan now, and looks at what each writes. The
 *  plan must not renew parameters before `end`, other than running statistics: these are renewed once more, and not
 *  looked at. E_MEMORY leaves nothing found. */
int plan_replay(fov_plan *plan, uint64_t number, size_t end, struct plan_finding *finding);
enum { FINDING_TEXT_SIZE = 400 };
/** "; infinite first in "c3" (conv + relu), NaN first in "norm" (batch_norm)"; "" where nothing was found. */
const char *plan_finding_text(const struct plan_finding *finding, char out[FINDING_TEXT_SIZE]);

/* describe.c */
/** Logs, at level info, how the plan computes. */
void plan_describe(const fov_plan *plan);

/* fold.c */
/** Bytes of plan->kept for a step's folded normalisations. */
size_t plan_fold_bytes(const struct plan_step *step);
/** Computes a step's folded factor and bias from the current parameters. */
void plan_fold(const fov_plan *plan, const struct plan_step *step);

/* rewrite.c */
/** Frees plan->rewritten. */
void plan_drop_rewritten(fov_plan *plan);

/* lower.c */
int plan_lower(fov_plan *plan);

/* recompute.c */
/** Replaces a draft that needs more memory than is left by one that recomputes results and fits. Frees `whole`. NULL
 *  and an error that says how much memory is needed. */
fov_plan *plan_recompute(fov_plan *whole, const fov_value *outputs, int count);

/* pair.c */
/** Finds pairs of steps that exchange a result some rows at a time, and shrinks its storage. After lowering. */
void plan_find_pairs(fov_plan *plan);
void plan_run_pair(struct plan_step *producer, struct plan_step *reader);

/* arena.c */
int plan_place(fov_plan *plan);

/* verify.c */
/** FOV_OK, or FOV_E_INTERNAL and a sentence that names the step, the value and the step that overwrote it. After
 *  plan_place. */
int plan_verify(const fov_plan *plan);

/* pack.c */
/** Placeholder in storage.fixed for a parameter that is not in memory: it is packed straight from its file (or drawn),
 *  and no step reads its plain form. */
extern char plan_unread[];
/** The initial storage.fixed of a parameter or constant: its data, or plan_unread if the packed form may suffice; NULL
 *  on failure. */
void *plan_constant(fov_plan *plan, int id);
/** Loads the parameters that some step reads in plain form. After plan_place, before binding. */
int  plan_settle(fov_plan *plan);
int  plan_pack(fov_plan *plan); /**< packs all constant weights and runs the run-once steps */
void plan_pack_again(fov_plan *plan); /**< the same after parameters have changed: all are in memory then */
bool plan_packs_once(const struct plan_step *step);
/** Whether a step's packed weights lie in graph->packs, shared with other plans, and not in plan->kept. */
bool plan_shares_packed(const fov_plan *plan, const struct plan_step *step);
/** Returns the plan's blocks to graph->packs. */
void plan_give_packed(fov_plan *plan);

/* convert.c: operators of steps that are not nodes */
extern const struct op plan_convert; /**< changes the layout */
extern const struct op plan_copy;    /**< same layout, other place */
extern const struct op plan_store;   /**< writes the rows of a deferred step to memory */

#endif
