/* SPDX-License-Identifier: MIT */
/* Random graphs, each run as a plan in many ways that must agree. A graph is a function of its seed alone. Read draw.c
 * (how a graph is put together), then the makers in windows.c, layers.c and blocks.c (what it is put together of),
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
    RANDOM_ONNX_MOMENTUM,
    RANDOM_ONNX_ADAM,
    RANDOM_ONNX_ADAGRAD,
    RANDOM_OPTIMISERS
};
extern const char *const random_optimiser_names[RANDOM_OPTIMISERS];

struct random_settings {
    int64_t batch;
    const char *isa;
    int threads, other_threads; /**< two numbers of threads, whose bits are to be the same */
    int memory_percent;         /**< of the arena that a third plan may have; 0: no third plan */
    bool winograd;              /**< products count as dear, so that Winograd's convolutions are taken */
    enum random_optimiser optimiser;
    float rate;
};

struct random_case {
    uint64_t seed;
    struct random_settings settings;
    fov_context *context;
    fov_graph *graph; /**< never run: copied into a context of its own for each run */
    fov_value outputs[RANDOM_MOST_OUTPUTS];
    int output_count;
};

/** Draws the case; false: the graph could not be built, which is the generator's fault (fov_error of its context). */
bool random_case_draw(struct random_case *drawn, uint64_t seed);
void random_case_close(struct random_case *drawn);
/** The widest instruction sets last; ended by NULL. */
const char *const *random_levels(void);

/* ---- building ---------------------------------------------------------------------------------------------------- */

struct random_builder {
    fov_graph *graph;
    struct random_key key;
    uint64_t draws;
    int64_t batch;
    int64_t most_elements;                /**< of a tensor, all samples together */
    int64_t products;                     /**< multiply-adds that are left to spend */
    fov_value values[RANDOM_MOST_VALUES]; /**< that later nodes may read */
    int count;
};

/** In 0 .. bound - 1. */
int random_draw(struct random_builder *b, int bound);
bool random_chance(struct random_builder *b, int percent);
/** Around the widths of vectors. */
int random_channels(struct random_builder *b);
/** One of the numbers from `from` to `to`. */
int random_between(struct random_builder *b, int from, int to);
float random_number(struct random_builder *b, float from, float to);

/** One option of an operator, by name. Choices by their index. */
struct random_setting {
    const char *name;
    double number;
    int count; /**< of a list */
    int64_t list[2 * FOV_MAX_RANK];
};
/** A node of any operator. */
fov_value random_node(struct random_builder *b, const char *op, const fov_value *in, int in_count,
                      const struct random_setting *settings, int setting_count);
fov_value random_node1(struct random_builder *b, const char *op, fov_value x);
/** A learned tensor; `kind` says how it is drawn: "weight", "bias", "scale", "slope". */
fov_value random_parameter(struct random_builder *b, const char *kind, fov_shape shape);

/** Whether x is float32 [N, C, ...] of that rank; rank 0: 3 to 5. */
bool random_is_image(const struct random_builder *b, fov_value x, int rank);
/** Whether a result of so many elements and products per sample may be had; if so, counts the products. */
bool random_affords(struct random_builder *b, int64_t elements, int64_t products);
/** Notes a value that later nodes may read. */
fov_value random_keep(struct random_builder *b, fov_value x);
/** An earlier value of x's shape, often x itself where there is none; 0: there is none. */
fov_value random_companion(struct random_builder *b, fov_value x);

/** Adds nodes behind x; 0: this does not go with x (nothing was added). */
typedef fov_value random_maker(struct random_builder *b, fov_value x);
struct random_made {
    const char *name;
    int weight;
    random_maker *make;
};
/** Ended by one without name. */
extern const struct random_made random_windows[], random_layers[], random_blocks[];

random_maker random_activation, random_norm, random_convolution, random_pointwise, random_depthwise;
/** Unless one value per channel would have no variance: then x itself. */
fov_value random_batch_norm(struct random_builder *b, fov_value x);
/** y + x where their shapes agree, else y. */
fov_value random_residual(struct random_builder *b, fov_value y, fov_value x);
fov_value random_conv_with(struct random_builder *b, fov_value x, int filters, int kernel, int stride, int groups,
                           bool bias);

/* ---- copying ------------------------------------------------------------------------------------------------------ */

/** What is different in a copy; node numbers below zero: none. */
struct random_change {
    int cut;                 /**< the results of this node become inputs */
    int bypassed, input;     /**< the first result of this node becomes what it reads there */
    int reset, attribute;    /**< this option of this node becomes its default */
    int64_t number, becomes; /**< of dimensions, wherever it stands; 0: none */
};
extern const struct random_change random_no_change;
/** Copies what the outputs depend on into another graph; id[value_count]: where its values are there, 0: nowhere.
 *  False: that makes no graph. */
bool random_copy(const struct random_case *drawn, fov_graph *to, const struct random_change *change, int *id);
/** Values for a parameter: such that tensors neither grow nor vanish and nothing is zero or one by chance. */
bool random_fill_parameter(fov_graph *graph, fov_value parameter, uint64_t number);

/* ---- running ------------------------------------------------------------------------------------------------------ */

enum random_stage { RANDOM_INFERENCE, RANDOM_GRADIENTS, RANDOM_STEPS, RANDOM_STAGES };
extern const char *const random_stage_names[RANDOM_STAGES];

struct random_counts;

/** One way to run a case. */
struct random_way {
    int threads;
    bool no_fusion;
    int memory_percent; /**< 0: all it wants */
    double noise;       /**< inputs and parameters are changed by about this share; 0: not */
    uint64_t noise_seed;
    struct random_counts *counts; /**< to add the plan's forms to; NULL: they are not counted */
};

struct random_tensor {
    char name[128];
    fov_shape shape;
    size_t count, bytes;
    void *data;     /**< as the plan had it; NULL where the definition was computed */
    double *values; /**< the same in double */
    double *before; /**< of a parameter: what it was before the first step; else NULL */
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
    bool repeats;   /**< a second run had the same bits; only of an inference */
    int recomputed; /**< steps that ran twice */
    double work;    /**< seconds that the definition would take, roughly */
};
void random_run(const struct random_case *drawn, enum random_stage stage, const struct random_way *way,
                struct random_result *result);
/** By definition, in double. noise: each float result of a node is changed by up to this share of itself before another
 *  node reads it; 0: not. */
void random_define(const struct random_case *drawn, enum random_stage stage, double noise, uint64_t noise_seed,
                   struct random_result *result);
/** The inputs of an inference. */
void random_inputs(const struct random_case *drawn, struct random_result *result);
void random_result_free(struct random_result *result);

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

enum random_kind {
    RANDOM_WRONG,   /**< a value */
    RANDOM_BITS,    /**< bits that should be the same */
    RANDOM_NO_PLAN, /**< where there is one without fusion */
    RANDOM_NOTHING, /**< not even without fusion */
    RANDOM_CRASH
};
struct random_failure {
    bool failed;
    enum random_kind kind;
    enum random_stage stage;
    char what[768]; /**< one or more sentences */
};
/** How often things happened in all graphs of a run. */
struct random_counts {
    uint64_t graphs, refused, defined, explained, by_definition, recomputed, steps;
    uint64_t planted, unnoticed; /**< faults put in on purpose, and those of them that were not found */
    uint64_t forms[96];
};
/** Runs the case in all its ways; the first difference found. counts: NULL or to add to. */
void random_check(const struct random_case *drawn, struct random_failure *failure, struct random_counts *counts);

/** What a plan may do with a step: counted where the step's `operation` and `detail` hold these texts, and `is`. */
struct plan_step;
struct random_form {
    const char *name, *operation, *detail; /**< texts: NULL: any */
    bool (*is)(const struct plan_step *step);
};
/** Ended by one without name. */
extern const struct random_form random_forms[];
void random_count_forms(const fov_plan *plan, struct random_counts *counts);

/* ---- shrinking, printing ------------------------------------------------------------------------------------------ */

/** From now on this process may compute for so many seconds; what takes longer hangs, and ends with a signal. */
void random_limit(int seconds);

/** Whether a case fails, in a process of its own. */
bool random_fails(const struct random_case *drawn, struct random_failure *failure);
/** Makes the case smaller as long as it fails in the same way and stage. */
void random_shrink(struct random_case *drawn, struct random_failure *failure);
void random_print(const struct random_case *drawn);
/** Writes model.onnx and its inputs and outputs into a folder; false: it could not (said on stdout). */
bool random_save(const struct random_case *drawn, const char *folder);

#endif
