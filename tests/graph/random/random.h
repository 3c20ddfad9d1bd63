/* SPDX-License-Identifier: MIT */
/* Random graphs, each run as a plan in many ways that must agree. A graph is a function of its seed alone. Read draw.c
 * (how a graph is put together), then the makers in windows.c, layers.c and blocks.c (functions that add its nodes),
 * program.c (what is run), compare.c (what must agree), shrink.c (how a failure becomes small), main.c (the command). */
#ifndef TESTS_GRAPH_RANDOM_H
#define TESTS_GRAPH_RANDOM_H

#include "base/random.h"
#include "graph/graph.h"
#include <fovea/fovea.h>

enum { RANDOM_MOST_OUTPUTS = 8, RANDOM_MOST_VALUES = 96 };

/* ---- a case: a graph and how it is run --------------------------------------------------------------------------- */

enum random_optimiser {
    RANDOM_SGD,
    RANDOM_MOMENTUM,
    RANDOM_NESTEROV,
    RANDOM_DECAY,
    RANDOM_ADAM,
    RANDOM_ACCUMULATE, /**< no update: sums of gradients over the steps, as with the training option accumulate */
    RANDOM_ONNX_MOMENTUM,
    RANDOM_ONNX_ADAM,
    RANDOM_ONNX_ADAGRAD,
    RANDOM_OPTIMISERS
};
extern const char *const random_optimiser_names[RANDOM_OPTIMISERS];

struct random_settings {
    int64_t batch;
    const char *isa;
    int threads, other_threads; /**< of two runs that must give the same bits */
    int memory_percent;         /**< share of the arena that a third plan may take; 0: no third plan */
    bool winograd;              /**< the planner takes products for slow, so that it chooses Winograd's convolutions */
    enum random_optimiser optimiser;
    float rate;
};

struct random_case {
    uint64_t seed;
    struct random_settings settings;
    fov_context *context;
    fov_graph *graph; /**< never run itself: each run copies it into a context of its own */
    fov_value outputs[RANDOM_MOST_OUTPUTS];
    int output_count;
};

/** Draws the case; false: the graph could not be built, which is the generator's fault (fov_error of its context). */
bool random_case_draw(struct random_case *drawn, uint64_t seed);
void random_case_close(struct random_case *drawn);
/** Names of the instruction sets that library and processor have, the widest last; ended by NULL. */
const char *const *random_levels(void);

/* ---- building ---------------------------------------------------------------------------------------------------- */

struct random_builder {
    fov_graph *graph;
    struct random_key key;
    uint64_t draws;
    int64_t batch;
    int64_t most_elements;                /**< that one tensor may have, all samples together */
    int64_t products;                     /**< multiply-adds that further nodes may take */
    fov_value values[RANDOM_MOST_VALUES]; /**< that later nodes may read */
    int count;
};

/** An integer in 0 .. bound - 1. */
int random_draw(struct random_builder *b, int bound);
bool random_chance(struct random_builder *b, int percent);
/** A number of channels, often at or beside a multiple of a vector's width. */
int random_channels(struct random_builder *b);
/** An integer from `from` to `to`, both included. */
int random_between(struct random_builder *b, int from, int to);
float random_number(struct random_builder *b, float from, float to);

/** One option of an operator, by name. A choice is given by its index. */
struct random_setting {
    const char *name;
    double number;
    int count; /**< of `list`, for an option that is a list */
    int64_t list[2 * FOV_MAX_RANK];
};
/** Adds a node of any operator and returns its first result; options that are not named keep their defaults. */
fov_value random_node(struct random_builder *b, const char *op, const fov_value *in, int in_count,
                      const struct random_setting *settings, int setting_count);
fov_value random_node1(struct random_builder *b, const char *op, fov_value x);
/** A learned tensor; `kind` says how it is drawn: "weight", "bias", "scale", "slope". */
fov_value random_parameter(struct random_builder *b, const char *kind, fov_shape shape);

/** Whether x is float32 [N, C, ...] of that rank; rank 0: 3 to 5. */
bool random_is_image(const struct random_builder *b, fov_value x, int rank);
/** Whether a node with so many result elements and products per sample is within the limits; if so, takes its products
 *  off what is left. */
bool random_affords(struct random_builder *b, int64_t elements, int64_t products);
/** Adds x to the values that later nodes may read; returns x. */
fov_value random_keep(struct random_builder *b, fov_value x);
/** Another float32 value of x's shape, chosen at random; 0: there is none. */
fov_value random_companion(struct random_builder *b, fov_value x);

/** A maker: adds nodes that read x and returns their result; 0: x does not suit it, nothing was added. */
typedef fov_value random_maker(struct random_builder *b, fov_value x);
struct random_made {
    const char *name;
    int weight;
    random_maker *make;
};
/** Ended by one without name. */
extern const struct random_made random_windows[], random_layers[], random_blocks[];

random_maker random_activation, random_norm, random_convolution, random_pointwise, random_depthwise;
/** Batch norm of x; x itself if each channel has a single value, which has no variance. */
fov_value random_batch_norm(struct random_builder *b, fov_value x);
/** y + x where their shapes agree, else y. */
fov_value random_residual(struct random_builder *b, fov_value y, fov_value x);
fov_value random_conv_with(struct random_builder *b, fov_value x, int filters, int kernel, int stride, int groups,
                           bool bias);

/* ---- copying ------------------------------------------------------------------------------------------------------ */

/** How a copy differs from its original; a node number below zero: no such change. */
struct random_change {
    int cut;                 /**< the results of this node become inputs */
    int bypassed, input;     /**< the first result of node `bypassed` becomes that node's input number `input` */
    int reset, attribute;    /**< option number `attribute` of node `reset` becomes its default */
    int64_t number, becomes; /**< every dimension of size `number` gets size `becomes`; 0: none does */
};
extern const struct random_change random_no_change;
/** Copies what the outputs depend on into another graph. id[value_count] receives each value's id there, 0 for one that
 *  was not copied. False: the changed graph is not valid. */
bool random_copy(const struct random_case *drawn, fov_graph *to, const struct random_change *change, int *id);
/** Fills a parameter with random values, scaled so that tensors neither grow nor vanish; a bias is not left at zero, a
 *  scale not at one. */
bool random_fill_parameter(fov_graph *graph, fov_value parameter, uint64_t number);

/* ---- running ------------------------------------------------------------------------------------------------------ */

enum random_stage { RANDOM_INFERENCE, RANDOM_GRADIENTS, RANDOM_STEPS, RANDOM_STAGES };
extern const char *const random_stage_names[RANDOM_STAGES];

struct random_counts;

/** One way to run a case. */
struct random_way {
    int threads;
    bool no_fusion;
    int memory_percent; /**< share of its arena that the plan may take; 0: no limit */
    double noise;       /**< inputs and parameters are changed by up to twice this share; 0: not changed */
    uint64_t noise_seed;
    struct random_counts *counts; /**< to which the plan's forms are added; NULL: they are not counted */
};

struct random_tensor {
    char name[128];
    fov_shape shape;
    size_t count, bytes;
    void *data;     /**< bytes as in the plan; NULL if the definition was computed */
    double *values; /**< the elements in double */
    double *before; /**< of a parameter: its elements before the first step; else NULL */
};

enum random_outcome {
    RANDOM_RAN,
    RANDOM_REFUSED, /**< there was not enough memory */
    RANDOM_FAILED
};

struct random_result {
    enum random_outcome outcome;
    char error[512];
    struct random_tensor *tensors;
    int count;
    bool repeats;   /**< a second run gave the same bits; always true but for inference */
    int recomputed; /**< steps that ran twice */
    double work;    /**< seconds that the definition would take, roughly */
};
void random_run(const struct random_case *drawn, enum random_stage stage, const struct random_way *way,
                struct random_result *result);
/** Computes the stage by the operators' definitions, in double. noise: each float result of a node is changed by up to
 *  this share of itself before another node reads it; 0: not changed. */
void random_define(const struct random_case *drawn, enum random_stage stage, double noise, uint64_t noise_seed,
                   struct random_result *result);
/** The inputs of an inference. */
void random_inputs(const struct random_case *drawn, struct random_result *result);
void random_result_free(struct random_result *result);

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

enum random_kind {
    RANDOM_WRONG,   /**< a value is wrong */
    RANDOM_BITS,    /**< two runs that must give the same bits do not */
    RANDOM_NO_PLAN, /**< no plan, although there is one without fusion */
    RANDOM_NOTHING, /**< no plan, not even without fusion */
    RANDOM_CRASH
};
struct random_failure {
    bool failed;
    enum random_kind kind;
    enum random_stage stage;
    char what[768]; /**< one or more sentences */
};
/** Totals over all graphs of a run. */
struct random_counts {
    uint64_t graphs, refused, defined, explained, by_definition, recomputed, steps;
    uint64_t planted, unnoticed; /**< faults added to right results, and those of them that the comparison missed */
    uint64_t forms[96];
};
/** Runs the case in all its ways; *failure is the first difference found. counts: totals to add to, or NULL. */
void random_check(const struct random_case *drawn, struct random_failure *failure, struct random_counts *counts);

/** A way in which a plan may compute a step. A step counts if its operation and detail contain these texts and is(step)
 *  is true. */
struct plan_step;
struct random_form {
    const char *name, *operation, *detail; /**< operation, detail: NULL: any text */
    bool (*is)(const struct plan_step *step); /**< NULL: any step */
};
/** Ended by one without name. */
extern const struct random_form random_forms[];
void random_count_forms(const fov_plan *plan, struct random_counts *counts);

/* ---- shrinking, printing ------------------------------------------------------------------------------------------ */

/** Gives this process so many seconds of processor time from now on; if it takes longer, it is assumed to hang and is
 *  ended by a signal. */
void random_limit(int seconds);

/** Whether a case fails. Runs it in a process of its own, so that a crash is a failure like another. */
bool random_fails(const struct random_case *drawn, struct random_failure *failure);
/** Makes the case smaller as long as it fails in the same way and stage. */
void random_shrink(struct random_case *drawn, struct random_failure *failure);
void random_print(const struct random_case *drawn);
/** Writes model.onnx and its inputs and outputs into a folder; false: it could not (said on stdout). */
bool random_save(const struct random_case *drawn, const char *folder);

#endif
