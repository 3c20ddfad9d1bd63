/* SPDX-License-Identifier: MIT */
/* What an operator is. Everything the rest of fovea knows of an operator is in its descriptor, `struct op`, and its
 * folder in src/op: options, shape rule, gradient, cost, ONNX spelling, definition in double ("textbook twin"), CPU
 * implementation, test cases. A line `const struct op op_NAME = {` in a file of op/<folder>/ registers it; nothing else
 * has to be touched. Read op/conv/ for a large example and op/relu/ for a small one.
 *
 * The three lives of an operator: in the *graph* (infer, gradient, cost), in a *plan* (cpu->compile decides how, once),
 * in a *run* (step functions; they cannot fail, allocate or look anything up). */
#ifndef OP_OP_H
#define OP_OP_H

#include "base/error.h"
#include "base/pool.h"
#include "base/random.h"
#include "kernel/kernel.h"
#include "tensor/shape.h"
#include <fovea/context.h>
#include <fovea/graph.h>

enum { OP_MAX_PORTS = 64, OP_MAX_OPTIONS = 1280 };

/* ---- options ----------------------------------------------------------------------------------------------------- */

/** A list of integers inside an options struct: axes, strides, pads. count 0: not given, the default holds. */
struct op_list {
    int     count;
    int64_t at[16];
};
int64_t op_list_get(const struct op_list *list, int index, int64_t fallback);

enum op_attribute_kind {
    OP_INTEGER, /**< int64_t */
    OP_NUMBER,  /**< double */
    OP_FLAG,    /**< bool */
    OP_LIST,    /**< struct op_list */
    OP_CHOICE   /**< int: index into `choices` */
};

/** One option: drives checks, defaults, files, ONNX, help and docs. */
struct op_attribute {
    const char            *name; /**< "stride" */
    const char            *onnx; /**< "strides"; NULL: not in ONNX, or handled by the import function */
    enum op_attribute_kind kind;
    size_t                 offset; /**< in the options struct */
    double standard, minimum, maximum; /**< default and limits (each element of a list); min = max: none */
    const char *const     *choices; /**< NULL-terminated */
    const char            *doc;     /**< a few words, with the unit */
    int                    since;   /**< the first opset whose operator has it; 0: all that are written */
};
#define OP_ATTRIBUTE(type, member) .name = #member, .offset = offsetof(type, member)

/* ---- tensors as operators see them ------------------------------------------------------------------------------- */

/** How a tensor is stored. Its meaning (shape) is N, C, spatial... in all. */
enum op_layout {
    OP_PLAIN,         /**< as the shape reads, last dimension contiguous */
    OP_CHANNELS_LAST, /**< N, spatial..., C: rank 3 and more only */
    /** Groups of as many images as the kernels' registers hold floats (kernel_table.vector_floats), in each spatial...,
     * C, image: rank 3 and more, where N is a multiple of that. For networks whose channels are too few to fill
     * registers. */
    OP_IMAGES_LAST
};

struct op_tensor {
    fov_dtype      dtype;
    fov_shape      shape; /**< rank -1: an optional input or output that is absent */
    enum op_layout layout;
    void          *data; /**< NULL except while running; NULL for outputs nobody uses */
    /** Channels-last: floats from pixel to pixel, more than the channels where the tensor is a part of a wider one (a
     *  concat's input written in place, a slice read in place). 0: pixels lie densely. Only operators that say so
     *  (op_cpu.strided_in, .strided_out) are given anything but 0. */
    size_t pixel_stride;
    int    id; /**< in a plan: equal for what is the same tensor; 0: not told */
};
/** "plain", "channels-last", "images-last" */
const char *op_layout_name(enum op_layout layout);
/** Floats from pixel to pixel of a channels-last tensor. */
static inline size_t op_pixel_stride(const struct op_tensor *tensor)
{
    return tensor->pixel_stride ? tensor->pixel_stride : (size_t)tensor->shape.dim[1];
}

/* ---- in the graph ------------------------------------------------------------------------------------------------ */

struct op;

/** A named place for an input or output. */
struct op_port {
    const char *name;  /**< "x", "weight" */
    const char *shape; /**< "[N, C, H, W]", for docs */
    bool optional;
    bool variadic; /**< the last port stands for any number, at least one (outputs: as many as out_count says) */
    bool plain;    /**< always in plain order, whatever the layout of the rest: weights, statistics, labels */
    bool values;   /**< inputs only: its values decide shapes (of a reshape, of a slice): they are known when a plan is
                      made, and lie there as a constant when it runs */
    bool shape_only; /**< inputs only: only the shape is read, data is NULL when running */
    bool detached; /**< outputs only: kept for the backward pass; no gradient flows through it */
    const char *wanted_by; /**< inputs of optimisers only: goes without where the option of that name is 0 */
    int  updates;  /**< outputs only: 1 + the input whose memory it renews (running mean, optimiser state); 0: none */
};

/** Stands for the number of samples among known values while it is open: large enough that arithmetic on it is
 * noticed. */
#define OP_OPEN_BATCH 0x1p50
/** A known value as a dimension: FOV_BATCH where it is the open number of samples. */
static inline int64_t op_size_value(double value)
{
    return value >= OP_OPEN_BATCH ? FOV_BATCH : (int64_t)value;
}

/** Shapes in, shapes out. Dimensions may be FOV_BATCH. */
struct op;
struct op_infer {
    const struct op        *op; /**< whose infer this is: families share one function */
    const void             *options;
    const struct op_tensor *in;
    int                     in_count;
    /** Values of an input where they are known (constants, and what follows from constants and shapes), as doubles;
     * else NULL. The number of samples, while it is open, is OP_OPEN_BATCH: read sizes with op_size_value. */
    const double *const *in_constant;
    struct op_tensor *out; /**< to fill: dtype and shape; preset to in[0]'s. Rank -1: these inputs have no such
     * output */
    int                  out_count;
    struct error        *error; /**< say why, with the numbers; the node's name is put in front */
};

/** Adds nodes. Handed to gradients and importers; the graph implements it. All calls are sticky: after a failure they
 *  return 0. */
struct op_emitter {
    /** A node of operator `name`; returns its first output, others through output(). `options` NULL: defaults.
     *  node_name NULL: one is made up. */
    fov_value (*node)(void *graph, const char *name, const fov_value *in, int in_count, const void *options,
                      const char *node_name);
    fov_value (*output)(void *graph, fov_value first, int index); /**< the index-th output of first's node */
    fov_value (*constant)(void *graph, fov_dtype dtype, fov_shape shape, const void *data);
    void *graph;
};
fov_value op_emit(const struct op_emitter *emitter, const char *name, const fov_value *in, int count,
                  const void *options);
fov_value op_emit1(const struct op_emitter *emitter, const char *name, fov_value a, const void *options);
fov_value op_emit2(const struct op_emitter *emitter, const char *name, fov_value a, fov_value b, const void *options);
fov_value op_emit3(const struct op_emitter *emitter, const char *name, fov_value a, fov_value b, fov_value c,
                   const void *options);
fov_value op_emit_scalar(const struct op_emitter *emitter, float value); /**< f32 constant of rank 0 */
fov_value op_emit_output(const struct op_emitter *emitter, fov_value first, int index);

struct op_gradient {
    const struct op         *op; /**< whose gradient this is: families share one function */
    const struct op_emitter *emitter;
    const void              *options;
    const fov_value         *in, *out;
    const struct op_tensor  *in_tensor, *out_tensor; /**< dtypes and shapes of the same */
    int                      in_count, out_count;
    const fov_value         *out_gradient; /**< id 0 where nothing flows back */
    const bool              *wanted;       /**< per input: is its gradient needed */
    fov_value               *in_gradient;  /**< to fill; preset to 0 = none */
};

/** What the node costs at known shapes. */
struct op_cost {
    const void             *options;
    const struct op_tensor *in, *out;
    int                     in_count, out_count;
    int64_t                 multiply_adds; /**< to fill */
    /** For the receptive field: window, step and dilation per spatial axis (height, width); preset to 1. */
    int64_t kernel[3], stride[3], dilation[3];
    bool    global; /**< sees the whole image */
};

/* ---- the definition ---------------------------------------------------------------------------------------------- */

struct op_textbook_tensor {
    fov_dtype dtype;
    fov_shape shape;
    double   *data; /**< plain order; NULL: absent */
};

/** The operator as its definition reads: plain loops in double over plain order, written to be understood. */
struct op_textbook {
    const struct op                 *op; /**< whose definition this is */
    const void                      *options;
    const struct op_textbook_tensor *in;
    struct op_textbook_tensor       *out; /**< allocated; zeroed */
    int                              in_count, out_count;
    bool                             training;
    struct random_key                random; /**< for what is random: the same numbers as the fast version */
};

/* ---- in a plan, on the CPU --------------------------------------------------------------------------------------- */

struct op_run;
typedef void op_function(const struct op_run *run);
/** Some of a result that is stored channels last: lines are all its spatial sizes but the last, of all samples. */
struct op_lines {
    size_t first, count;      /**< lines */
    size_t channel, channels; /**< the first one, a multiple of the kernels' panel_columns, and how many */
    bool   goes_on; /**< these lines come right behind those that this worker made last, of the same channels, in the
                         same chunk of work */
};
/** Makes them on the calling thread, pixels densely. */
typedef void op_make(const struct op_run *run, const struct op_lines *lines, float *to, int worker);

/** A plan asks an operator how it will compute, for concrete shapes and layouts. Filled once, when compiled. */
struct op_compile {
    const struct op           *op; /**< whose compile this is: families share one function */
    const struct kernel_table *kernel;
    int                        workers; /**< for scratch only: never let results depend on it */
    bool                       training;
    const void                *options;
    const struct op_tensor    *in, *out; /**< .data NULL; unused optional outputs have rank -1 */
    int                        in_count, out_count;
    const bool                *in_constant; /**< per input: does not change from run to run: pack it once */
    const double *const *in_values;        /**< per input: its values where they are known, as in op_infer; else NULL */
    enum unary                 activation; /**< to apply to output 0 (only for operators that .fuses_activation) */
    float                      alpha, beta; /**< of the activation */
    /** A tensor of output 0's shape and layout to add before the activation; NULL: none. Only for operators that say
     *  .fuses_residual. */
    const struct op_tensor *residual;
    /** What an activation saved (its result or its argument, as unary_gradient_reads says), dense, of output 0's shape
     *  and layout: output 0, with the residual, becomes that times the derivative of `activation` there. NULL: none.
     *  Only for operators that say .fuses_gate. */
    const struct op_tensor *gate;
    /** A normalisation with fixed statistics follows: output 0 becomes factor[c] * y + offset[c], before the residual.
     * The numbers are there when packing (op_run). Only for operators that .folds_affine. */
    bool             folds;
    const bool      *in_rows;  /**< per input: not stored, op_rows makes it while it is read (op_cpu.reads_rows) */
    bool             deferred; /**< nor is output 0: run only prepares, readers have op_cpu.rows make it */
    /** The input that cpu->sees is made in parts of so many rows, the last one perhaps of fewer; 0: not known. Sums are
     * to be taken by these parts, so that no bit depends on who takes them. */
    size_t           part_rows;
    bool seen; /**< and who makes it will call cpu->see for each part, before run; to clear if nothing is summed */
    /** The step right before, whose result this one does not read: compile may have it done along with its own work,
     * where both read the same (joins). NULL: there is none that could be. */
    const struct op_compile *before;
    /** The step that makes input 0, where nobody else reads it and it can do so some lines at a time (.make): this one
     * may have
     *  it do so while it runs itself (.takes_producer), and what lies between the two is then never stored whole.
     *  NULL: none. */
    const struct op_compile *producer;
    bool             exact; /**< direct sums only: no Winograd */
    const fov_rates *rates; /**< for choosing between forms */
    struct error    *error;

    /* to fill */
    op_function *run;     /**< required, unless identity */
    bool        identity; /**< output 0 is input 0 (dropout in inference) */
    size_t      state;    /**< bytes kept with the plan (offset tables, chosen block sizes), filled by `prepare` */
    int (*prepare)(const struct op_compile *compile, void *state); /**< once, after memory is there */
    size_t      scratch, scratch_per_worker;    /**< bytes of workspace while the step runs, shared with other steps */
    size_t      packed[OP_MAX_PORTS];           /**< bytes of the packed form of input i; 0: not packed */
    op_function *pack; /**< writes run->packed[i] from run->in[i]: once when in_constant, else before each run. When the
                          step runs, the .data of a packed input are gone (NULL), unless: */
    bool         reads_plain; /**< run reads them, too */
    size_t pack_rows; /**< for weights of hundreds of megabytes: pack takes input 1 in parts of a multiple of so many
                         rows (run->pack_first, .pack_count); 0: only all at once */
    size_t rows_together; /**< run can make output 0 some rows at a time, a multiple of so many (run->row_first,
                             .row_count), from the first on in order; 0: only all of them */
    bool   joins; /**< run does what run->before would have: that is packed, but not run */
    size_t shown_rows; /**< sums over output 0 are to be taken by parts of so many rows, which follow from its shape
                          alone; 0: by any */
    bool   shows;      /**< op_show is called for each such part when it is as it will be read, never to change again */
    bool     takes_producer; /**< run calls run->producer->make; input 0 has no data */
    op_make *make; /**< how a reader may have some lines made, in place of run and from all that run would read; NULL:
                        only all at once. Only where op_cpu.runs_within */
    bool makes_channels; /**< make also makes some of the channels, else always all */
    /** Bit i: output 0 may lie over input i (of its shape and type): what is read of it is read before anything is
     * written where it lies, and never again, by this step or on behalf of a neighbour. Preset to op_cpu.in_place; what
     * only some forms keep to, the form says here. */
    unsigned overwrites;
    bool     overwrites_residual, overwrites_gate; /**< the same of these two */
    /** Bit i: an output renews input i, and the other outputs are the same before and after: they do not depend on it,
     * or it becomes what it was. So a plan may make them a second time in one run. */
    unsigned renewed_or_not;
    char     detail[96]; /**< what was chosen, in a few words: "implicit product, 6 x 16" */
};

/** All that a step needs. Pointers are final: a run looks nothing up. */
struct op_run {
    const struct op           *op;
    const struct kernel_table *kernel;
    struct pool               *pool;
    const void                *options;
    struct op_tensor          *in, *out;
    int                        in_count, out_count;
    void *state, *scratch, *worker_scratch; /**< worker w's part starts at w * worker_scratch_bytes */
    size_t                     worker_scratch_bytes;
    void                     **packed; /**< [in_count]: packed forms, NULL where not asked for */
    size_t row_first, row_count;   /**< where compile->rows_together: the rows to make, out[0].data begins with them;
                                      count 0: all */
    size_t pack_first, pack_count; /**< for pack, where compile->pack_rows: the rows that in[1].data begins with; count
                                      0: all */
    bool                       training;
    enum unary                 activation; /**< UNARY_identity: none */
    float                      alpha, beta;
    const struct op_tensor    *residual; /**< to add before the activation; NULL: none */
    const struct op_tensor    *gate;     /**< where to take the derivative of `activation` instead; NULL: none */
    const struct op_run *const *maker;   /**< [in_count]: where compile->in_rows, the step whose rows() makes the input;
                                            else NULL */
    const struct op_run        *before;   /**< where compile->joins */
    const struct op_run        *observer; /**< sees output 0 while it is made; NULL: nobody */
    const struct op_run       *producer; /**< where compile->takes_producer: whose .make to call */
    op_make                   *make;
    /** Where compile->folds: what the packed weights of a filter are multiplied by, and the whole bias (the operator's
     * own one is in it already). NULL: nothing is folded. */
    const float      *fold_factor, *fold_bias;
    struct random_key          random; /**< .position is set to the run's step */
};

/** A worker's own part of the scratch; NULL where compile asked for none. */
static inline void *op_worker_scratch(const struct op_run *run, int worker)
{
    return run->worker_scratch ? (char *)run->worker_scratch + (size_t)worker * run->worker_scratch_bytes : (void *)0;
}

/** What to add to each channel: what was folded, else the operator's own bias at `port`; NULL: nothing. */
static inline const float *op_bias(const struct op_run *run, int port)
{
    bool has_bias = port < run->in_count && run->in[port].shape.rank >= 0;

    return run->fold_bias ? run->fold_bias : has_bias ? (const float *)run->in[port].data : (const float *)0;
}

/** `count` rows of input i from `first` on, [count][channels]: pixels of all samples in order, channels-last and dense.
 * They are read where they lie, or made in `room` where nothing is stored. */
const float *op_rows(const struct op_run *run, int i, size_t first, size_t count, float *room);
/** Where op_rows will read from row `first` on, mostly: to be brought nearer. */
const float *op_rows_source(const struct op_run *run, int i, size_t first);

/** Whether input i comes as such rows. */
static inline bool op_comes_as_rows(const struct op_compile *compile, int i)
{
    return compile->in_rows != NULL && compile->in_rows[i];
}

/** Which storage order an implementation wants for the ports that are not `plain`. */
enum op_layout_rule {
    OP_WANTS_PLAIN,
    OP_WANTS_CHANNELS_LAST, /**< all inputs and outputs of rank 3 and more */
    OP_WANTS_IMAGES_LAST,   /**< the same where N allows it, else channels last */
    OP_FOLLOWS /**< plain or channels-last, the same for all: that of the first input; with op_cpu.any_order others
     * too */
};

/** What an operator asks a form that runs within its own (a transposed convolution asks an input gradient): the same,
 * by itself. No neighbour makes its inputs, sees or makes its result, or is run by it; nothing is fused but the
 * activation. */
struct op_compile op_compile_alone(const struct op_compile *compile);

struct op_cpu {
    enum op_layout_rule layout;
    /** Where the rule depends on options or shapes (broadcasting, softmax over channels...), or on the order in which
     * inputs are at hand (in[].layout, of several not plain); NULL: `layout`. */
    enum op_layout_rule (*layout_for)(const void *options, const struct op_tensor *in, int in_count);
    /** Dtypes: NULL: everything is f32, other than labels and masks. False: the textbook twin runs instead. */
    bool (*supports)(const void *options, const struct op_tensor *in, int in_count);
    int (*compile)(struct op_compile *compile);
    bool any_order; /**< OP_FOLLOWS, and tensors are but rows of numbers to it, all of the same length */
    unsigned in_place; /**< bit i: in every form output 0 may overwrite input i (op_compile.overwrites). 0: none */
    bool     may_alias; /**< compile may say identity: who reads output 0 then reads input 0 */
    bool     runs_within; /**< compile may fill .make: inputs are then read as late as the result is */
    unsigned strided_in; /**< bit i: reads input i at any pixel_stride when it is channels-last */
    bool     strided_out; /**< writes output 0 at any pixel_stride when it is channels-last */
    /** A result that is cheaper made twice than stored and read: writes rows first .. first + count - 1 of output 0, as
     * op_rows counts them, any time after a run with compile->deferred. Reads the inputs of that run, all but those it
     * is done with, their packed forms, and the state. NULL: there is no such form. */
    void (*rows)(const struct op_run *run, size_t first, size_t count, float *to);
    /** Bit i: rows reads nothing of input i, plain or packed: run was the last to. 0: all are there, and as they were,
     * until the last reader of the result has run. */
    unsigned rows_done_with;
    /** Bit i: input i may come as such rows, for these shapes. NULL: none may. */
    unsigned (*reads_rows)(const void *options, const struct op_tensor *in, int in_count);
    /** Sums over an input that are better taken while it is made, and still near: 1 + that input; 0: none. */
    int sees;
    /** Rows first .. first + count - 1 of it have been written, a whole part (compile->part_rows), `channels` channels
     * from `channel` on. Every part and channel comes once, in any order, on any thread. */
    void (*see)(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels);
};

/** For a step with compile->shows: a part of output 0 has been written. */
void op_show(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels);

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

struct op_onnx; /* op/onnx.h */

/* ---- other spellings --------------------------------------------------------------------------------------------- */

/** A node that a pattern has met, in the order in which their names stand in its text. */
struct op_matched {
    const struct op *op;
    const void      *options;
    fov_shape        in, out; /**< of input 0 and output 0, concrete */
};

/** Several nodes that mean this operator, as exporters write them; a plan takes them for one: "mul(x, sigmoid(x))". In
 * the text are operators by name, x (the input, the same wherever it stands), numbers (a constant of that value), _
 * (anything), and in braces the constants of an activation: "clip{0, 6}(x)". Operators that `.commute` match either way
 * round. */
struct op_pattern {
    const char *text;
    const void *options; /**< of this operator; NULL: defaults */
    /** Whether these nodes do mean it, where the text alone cannot say, and with which options (preset to the
     * above). */
    bool (*fits)(const struct op_matched *nodes, int count, void *options);
};

/* ---- taking work over -------------------------------------------------------------------------------------------- */

/** Who makes a value. */
struct op_maker {
    const struct op *op;
    const char      *name; /**< of the node */
    const void      *options;
    const int       *in, *out; /**< value ids; 0 = absent */
    int              in_count, output;
};

/** A node of a plan that its operator may change (op.take_over), so that a neighbour is no longer needed: the gradient
 * of a normalisation does that of the activation behind it, too. Or whose place another operator may take
 * (op.take_place). */
struct op_takeover {
    const void                *plan;
    const struct kernel_table *kernel;
    bool (*maker)(const void *plan, int value, struct op_maker *maker); /**< false: no node of this plan makes it */
    int (*readers)(const void *plan, int value);
    /** A value's elements where they are known when a plan is made; NULL: they are not. */
    const double *(*known)(const void *plan, int value, size_t *count);
    struct op_tensor (*tensor)(const void *plan, int value); /**< its dtype and shape; rank -1: value 0 */
    const struct op *op;                                     /**< of the node */
    const int       *out;                                    /**< value ids */
    const char      *name;                                   /**< of the node, to change */
    int             *in; /**< [OP_MAX_PORTS] value ids, to change */
    int              in_count;
    void *options; /**< to change. For op.take_place: OP_MAX_OPTIONS bytes with the node's, to fill with its own */
    /** To set: this node and the maker of its first input, which nobody else reads, change places. `in` is what this
     * node then reads, in front of the other, which reads its result first and its other inputs as before. */
    bool exchange;
};
/** The maker of a value that is its first output and that nobody but this node reads. */
bool op_made_for(const struct op_takeover *node, int value, struct op_maker *maker);
/** An option by its name; the operator has it. */
const void *op_option(const struct op *op, const void *options, const char *name);

/* ---- channels side by side --------------------------------------------------------------------------------------- */

/** A question to operators whose results are some of input 0's channels, as they are: which. */
struct op_part {
    const void              *options;
    const struct op_tensor  *in;
    int                      in_count;
    const double *const     *in_values; /**< per input: its values where they are known; else NULL */
    int                      output;
    int64_t                  first; /**< to fill: the channel of input 0 at which the output begins */
};

/* ---- test cases -------------------------------------------------------------------------------------------------- */

/** A fov_shape in a quarter of its room: more than a thousand cases of ten inputs are a part of every program. */
struct op_case_shape {
    int8_t   rank;
    uint16_t dim[FOV_MAX_RANK];
};

/** A shape and options to try: `fovea`'s tests run each case fast against textbook on every ISA level, check its
 *  gradient by central differences, and send it through ONNX and back. */
struct op_case {
    const char *name;
    struct op_case_shape in[10]; /**< shapes of the inputs; rank -1 = absent */
    uint8_t     in_dtype[10]; /**< fov_dtype; zero: f32 */
    const void *options;     /**< NULL: defaults */
    int         in_count;
    /** Values drawn: 0 normal; else integers in 0 .. integers - 1 (labels), for inputs that are not f32. */
    int  integers;
    bool positive;    /**< draw from (0.1, 2): logarithms, variances */
    bool no_gradient; /**< kinks or ties cannot be avoided here */
    bool training;    /**< compile and define in training form */
    /** Before comparing: fills input `index` with something special (distinct values for max pooling...). NULL:
     * random. */
    void (*fill)(int index, double *data, size_t count, struct random_key key);
};

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

enum op_family {
    OP_CONVOLUTION,
    OP_POOLING,
    OP_NORMALISATION,
    OP_RECURRENT,
    OP_ACTIVATION,
    OP_ELEMENTWISE,
    OP_REDUCTION,
    OP_SHAPE,
    OP_LOSS,
    OP_OPTIMISER,
    OP_GRADIENT /**< helpers that gradients emit */
};

struct op {
    const char           *name;    /**< "conv" */
    enum op_family        family;
    const char           *summary; /**< one sentence */
    const char           *formula; /**< plain text: "y = max(x, 0)" */
    const char           *source;  /**< paper and equation; NULL where there is none to name */
    const struct op_port *in, *out; /**< ended by a port without name */
    const struct op_attribute *attributes; /**< ended by an attribute without name; NULL: no options */
    size_t                     options_size;

    int (*infer)(const struct op_infer *infer);
    /** Where the last output is variadic: how many outputs a node has (1 .. OP_MAX_PORTS). NULL: one per port. */
    int (*out_count)(const void *options, int in_count);
    void (*gradient)(struct op_gradient *gradient); /**< NULL: no gradient flows back (says so when asked) */
    bool zero_gradient; /**< piecewise constant: nothing flows back, and that is right (step, shape, argmax) */
    void (*cost)(struct op_cost *cost); /**< NULL: no multiply-adds, window 1 */
    /** Fills .multiply_adds with the operations of the definition, where these are neither what .cost says nor in
     * proportion to the elements (sorting by comparing all with all). A plan computes nothing in advance that would
     * take long. NULL: they are. */
    void (*work)(struct op_cost *cost);
    void (*textbook)(const struct op_textbook *textbook);
    /** What tells an operator of a family apart, where the functions above are the family's: see its header. */
    const void            *rule;
    const struct op_cpu   *cpu;  /**< NULL: the textbook twin runs in its place */
    const struct op_onnx  *onnx; /**< NULL: not an ONNX operator of its own */
    const struct op_case  *cases; /**< ended by a case without name */

    bool exact;            /**< sums of products: exact on small integers, and within 8 u sum |x w| on any data */
    bool view;             /**< output 0 is input 0's memory under another shape (plain order) */
    bool fuses_activation; /**< cpu applies an activation to output 0 while it is at hand */
    bool fuses_residual;   /**< and adds a tensor before that */
    bool fuses_gate;       /**< cpu takes output 0 back through an activation: times its derivative */
    /** Whether it does these with such options and inputs; NULL: always. */
    bool (*fuses_here)(const void *options, const struct op_tensor *in, int in_count);
    bool folds_affine;     /**< its packed weights take a following normalisation with fixed statistics in: a factor per
                                channel of output 0, and the whole bias in place of the port called "bias" */
    /** For normalisations with fixed statistics: y = factor[c] * x + offset[c], from the inputs' data. False: not with
     * these options. Asked with in[].data NULL first: whether, not what. */
    bool (*as_affine)(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset);
    /** For elementwise activations that can be applied by another operator's epilogue: which, with its constants. */
    enum unary (*as_activation)(const void *options, float *alpha, float *beta);
    /** For gradients of elementwise activations, from dy and what was saved: of which, with its constants. */
    enum unary (*as_gate)(const void *options, float *alpha, float *beta);
    /** Whether an output is a run of input 0's channels: then it is read where it lies, where channels are stored
     * last. */
    bool (*as_part)(struct op_part *part);
    /** Whether output 0 is the channels of all inputs side by side: then they are written there at once, and run leaves
     * alone what lies in its place already. */
    bool (*as_join)(const void *options, const struct op_tensor *in, int in_count);
    bool as_residual; /**< the sum of its two inputs: where they are of one shape, who makes one may add the other */
    bool commutes;    /**< inputs 0 and 1 may change places */
    const struct op_pattern *patterns; /**< other spellings, ended by one without text; NULL: none */
    /** Whether something was taken over. NULL: never. */
    bool (*take_over)(struct op_takeover *node);
    /** For operators that only plans use, in place of several others: whether it takes this node's place, of whatever
     * operator that is. NULL: never. */
    bool (*take_place)(struct op_takeover *node);
    bool random; /**< reads run->random */
    double standard_rate; /**< of an optimiser that training can choose: the learning rate where none is given; 0: it
                              cannot */
    bool by_elements; /**< of an optimiser: each element of the parameter is renewed on its own, so it may run on some
                         rows of all its tensors at a time */
};

extern const struct op *const op_table[]; /* generated, sorted by name */
extern const size_t           op_table_count;

const struct op *op_find(const char *name); /**< NULL when there is none */
int              op_port_count(const struct op_port *ports);
/** Outputs of a node with these options (NULL: defaults). */
int              op_out_count(const struct op *op, const void *options, int in_count);
/** Of a variadic port: the last one, again and again. */
const struct op_port *op_port_at(const struct op_port *ports, int index);
/** Fills an options block with the defaults of the attribute table. */
void op_options_default(const struct op *op, void *options);
/** Checks limits and choices; E_USAGE naming the option. */
int op_options_check(const struct op *op, const void *options, struct error *error);

/** Shape rule of most elementwise operators: out = in[0]. Others in op/common.h. */
int op_infer_same(const struct op_infer *infer);

/* ---- public builders
 * --------------------------------------------------------------------------------------------------- A builder
 * (fov_conv2d_opt) lives in its operator's folder and is written over these. The graph implements them. */

const struct op_emitter *fov_graph_emitter(fov_graph *graph);
/** A learned parameter "NODE.NAME". */
fov_value fov_graph_parameter(fov_graph *graph, const char *node, const char *name, fov_shape shape,
                              fov_initial initial, float scale, bool frozen);
/** The name the node will have: `wanted` or "KIND_n", with the scopes in front. Valid until the next call. NULL after a
 * failure. */
const char *fov_graph_node_name(fov_graph *graph, const char *wanted, const char *kind);
/** Records the first error, in front of it "KIND "NAME": ". Returns value 0. */
fov_value fov_graph_fail(fov_graph *graph, const char *node, fov_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
