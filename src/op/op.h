/* SPDX-License-Identifier: MIT */
/* The operator contract. Everything the rest of fovea knows about an operator is in its descriptor, `struct op`, which
 * its folder in src/op defines: options, shape rule, gradient, cost, ONNX import and export, definition in double (the
 * "textbook" twin), CPU implementation, test cases. A line `const struct op op_NAME = {` in a file of op/<folder>/
 * registers the operator; nothing else has to be changed. Read op/conv/ for a large example and op/relu/ for a small
 * one.
 *
 * An operator is used in three stages: in the *graph* (infer, gradient, cost), in a *plan* (cpu->compile chooses an
 * implementation once, for concrete shapes), in a *run* (step functions, which cannot fail, allocate or look anything
 * up). */
#ifndef OP_OP_H
#define OP_OP_H

#include "base/error.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "tensor/shape.h"
#include <fovea/context.h>
#include <fovea/graph.h>

enum { OP_MAX_PORTS = 64, OP_MAX_OPTIONS = 1280 };

/* ---- options ----------------------------------------------------------------------------------------------------- */

/** A list of integers inside an options struct: axes, strides, pads. count 0: not given, the default applies. */
struct op_list {
    int     count;
    int64_t at[16];
};
int64_t op_list_get(const struct op_list *list, int index, int64_t fallback); /* fallback: beyond count, or list NULL */

enum op_attribute_kind {
    OP_INTEGER, /**< int64_t */
    OP_NUMBER,  /**< double */
    OP_FLAG,    /**< bool */
    OP_LIST,    /**< struct op_list */
    OP_CHOICE   /**< int: index into `choices` */
};

/** One option. Checks, defaults, model files, ONNX, help and docs are generated from these entries. */
struct op_attribute {
    const char            *name; /**< "stride" */
    const char            *onnx; /**< "strides"; NULL: not in ONNX, or handled by the import function */
    enum op_attribute_kind kind;
    size_t                 offset; /**< in the options struct */
    double standard, minimum, maximum; /**< default and limits (each element of a list); min = max: no limits */
    const char *const     *choices; /**< NULL-terminated */
    const char            *doc;     /**< a few words, with the unit */
    int                    since;   /**< first ONNX opset that has this attribute; 0: every opset that is exported */
};
#define OP_ATTRIBUTE(type, member) .name = #member, .offset = offsetof(type, member)

/* ---- tensors as operators see them ------------------------------------------------------------------------------- */

/** The storage order of a tensor's elements. The shape is N, C, spatial... in every layout. */
enum op_layout {
    OP_PLAIN,         /**< in the order of the shape, last dimension contiguous */
    OP_CHANNELS_LAST, /**< N, spatial..., C: rank 3 and more only */
    /** The batch is cut into groups of kernel_table.vector_floats images (floats per vector register); within a group
     * the order is spatial..., C, image (CHWN, with the channels inside). Rank 3 and more, N a multiple of
     * vector_floats. For networks with too few channels to fill a register. Listings call it "images-last". */
    OP_BATCH_INNERMOST
};

struct op_tensor {
    fov_dtype      dtype;
    fov_shape      shape; /**< rank -1: an optional input or output that is absent */
    enum op_layout layout;
    void          *data; /**< NULL except while running; NULL for unused outputs */
    /** Channels-last: floats from one pixel to the next; more than the channels where the tensor is a part of a wider
     *  one (a concat's input written in place, a slice read in place). 0: pixels lie densely. Only operators that
     *  declare op_cpu.strided_in or .strided_out are given anything but 0. */
    size_t pixel_stride;
    int    id; /**< identity within a plan: equal ids are the same tensor; 0: unknown */
};
/** "plain", "channels-last", "images-last" */
const char *op_layout_name(enum op_layout layout);
/** Floats from one pixel to the next of a channels-last tensor; its channels where pixels lie densely. */
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
    bool variadic; /**< the last port may repeat: one or more inputs (outputs: as many as op.out_count returns) */
    bool plain;    /**< always in plain order, whatever the layout of the other ports: weights, statistics, labels */
    bool values;   /**< inputs only: its values decide output shapes (of a reshape, of a slice), so they are known when
                      a plan is made; when the plan runs, the input is a constant in memory */
    bool shape_only; /**< inputs only: only the shape is read, data is NULL when running */
    bool detached; /**< outputs only: kept for the backward pass; no gradient flows through it */
    const char *wanted_by; /**< inputs of optimisers only: name of an option; where it is 0 the input is absent */
    int  updates;  /**< outputs only: 1 + the input it overwrites in memory (running mean, optimiser state); 0: none */
};

/** The batch size among known values (op_infer.in_constant) while it is not yet known. Only a mark, which no integer
 * equals, and larger than any size. */
#define OP_OPEN_BATCH (0x1p50 + 0.25)
/** Converts a known value to a dimension: OP_OPEN_BATCH becomes FOV_BATCH; what is too large for a size, 2^60; what is
 *  no size (NaN, -infinity), INT64_MIN, which no dimension equals. */
static inline int64_t op_size_value(double value)
{
    const double limit = 0x1p60;
    return value == OP_OPEN_BATCH ? FOV_BATCH
           : value >= limit       ? (int64_t)limit
           : value > -limit       ? (int64_t)value
                                  : INT64_MIN;
}

/** Arguments and results of a shape rule. Dimensions may be FOV_BATCH. */
struct op_infer {
    const struct op        *op; /**< the operator asked: a family's operators share one infer function */
    const void             *options;
    const struct op_tensor *in;
    int                     in_count;
    /** Per input: its values as doubles where they are known (constants, and results computed from constants and
     * shapes alone); else NULL. An unknown batch size is OP_OPEN_BATCH: read sizes with op_size_value. */
    const double *const *in_constant;
    struct op_tensor *out; /**< to fill: dtype and shape; preset to in[0]'s. Rank -1: absent for these inputs and
     * options */
    int                  out_count;
    struct error        *error; /**< to fill on failure: the reason, with the numbers; callers prefix the node's name */
};

/** Adds nodes to a graph. Handed to gradients and importers; the graph implements it. Failures are sticky: after the
 *  first one every call returns value 0. */
struct op_emitter {
    /** Adds a node of operator `name`; returns its first output, output() returns the others. `options` NULL: defaults.
     *  node_name NULL: a name is generated. */
    fov_value (*node)(void *graph, const char *name, const fov_value *in, int in_count, const void *options,
                      const char *node_name);
    fov_value (*output)(void *graph, fov_value first, int index); /**< the index-th output of first's node */
    fov_value (*constant)(void *graph, fov_dtype dtype, fov_shape shape, const void *data);
    fov_dtype (*dtype)(void *graph, fov_value value);
    void *graph;
};
fov_value op_emit(const struct op_emitter *emitter, const char *name, const fov_value *in, int count,
                  const void *options);
fov_value op_emit1(const struct op_emitter *emitter, const char *name, fov_value a, const void *options);
fov_value op_emit2(const struct op_emitter *emitter, const char *name, fov_value a, fov_value b, const void *options);
fov_value op_emit3(const struct op_emitter *emitter, const char *name, fov_value a, fov_value b, fov_value c,
                   const void *options);
/** A constant of rank 0 and of `like`'s type, with which it will be combined; f32 if that is not a floating type. */
fov_value op_emit_scalar(const struct op_emitter *emitter, fov_value like, double number);
fov_value op_emit_output(const struct op_emitter *emitter, fov_value first, int index);

struct op_gradient {
    const struct op         *op; /**< the operator asked: a family's operators share one gradient function */
    const struct op_emitter *emitter;
    const void              *options;
    const fov_value         *in, *out;
    const struct op_tensor  *in_tensor, *out_tensor; /**< dtypes and shapes of `in` and `out` */
    int                      in_count, out_count;
    const fov_value         *out_gradient; /**< per output; id 0: no gradient flows back through it */
    const bool              *wanted;       /**< per input: whether its gradient is needed */
    fov_value               *in_gradient;  /**< to fill, per input; preset to 0 = none */
};

/** What the node costs at known shapes. */
struct op_cost {
    const void             *options;
    const struct op_tensor *in, *out;
    int                     in_count, out_count;
    int64_t                 multiply_adds; /**< to fill */
    /** For the receptive field: window, step and dilation per spatial axis (height, width); preset to 1. */
    int64_t kernel[3], stride[3], dilation[3];
    bool    global; /**< the receptive field is the whole image */
};

/* ---- the definition ---------------------------------------------------------------------------------------------- */

struct op_textbook_tensor {
    fov_dtype dtype;
    fov_shape shape;
    double   *data; /**< plain order; NULL: absent */
};

/** Arguments of an operator's reference implementation: the definition as simple loops in double over plain order,
 *  written to be read. */
struct op_textbook {
    const struct op                 *op; /**< the operator asked: a family's operators share one function */
    const void                      *options;
    const struct op_textbook_tensor *in;
    struct op_textbook_tensor       *out; /**< allocated; zeroed */
    int                              in_count, out_count;
    bool                             training;
    struct random_key                random; /**< for random operators: draws the same numbers as the CPU version */
};

/* ---- in a plan, on the CPU --------------------------------------------------------------------------------------- */

struct op_run;
typedef void op_function(const struct op_run *run);
/** A part of a channels-last result. A line is one row of pixels along the last spatial axis; lines are numbered over
 *  all samples and the other spatial axes. */
struct op_lines {
    size_t first, count;      /**< lines */
    size_t channel, channels; /**< first channel, a multiple of the kernels' panel_columns, and number of channels */
    bool   goes_on; /**< these lines directly follow the lines that this worker requested last, for the same channels
                         and in the same chunk of work: a ring of input lines need not be refilled */
};
/** Computes these lines of output 0 on the calling thread into `to`, pixels dense (lines->channels apart). */
typedef void op_make(const struct op_run *run, const struct op_lines *lines, float *to, int worker);

/** A plan asks an operator how to compute a node for concrete shapes and layouts. Filled once, by op_cpu.compile. */
struct op_compile {
    const struct op           *op; /**< the operator asked: a family's operators share one compile function */
    const struct kernel_table *kernel;
    int                        workers; /**< number of threads, to size scratch; results must never depend on it */
    bool                       training;
    const void                *options;
    const struct op_tensor    *in, *out; /**< .data NULL; unused optional outputs have rank -1 */
    int                        in_count, out_count;
    const bool                *in_constant; /**< per input: does not change from run to run: pack it once */
    const double *const *in_values;        /**< per input: its values where they are known, as in op_infer; else NULL */
    enum unary                 activation; /**< to apply to output 0 (only for operators that .fuses_activation) */
    float                      alpha, beta; /**< constants of the activation */
    /** A tensor of output 0's shape and layout to add before the activation; NULL: none. Only for operators that
     *  .fuses_residual. */
    const struct op_tensor *residual;
    /** The tensor that an activation saved for its gradient (its result or its argument, see unary_gradient_reads):
     *  dense, of output 0's shape and layout. Output 0, residual included, is multiplied by the derivative of
     *  `activation` at this tensor; the activation itself is not applied. NULL: none. Only for operators that
     *  .fuses_activation_gradient. */
    const struct op_tensor *saved_activation;
    /** A normalisation with fixed statistics is folded in: output 0 becomes factor[c] * y + offset[c], before the
     * residual is added. The numbers are known when packing (op_run.fold_factor). Only for operators that
     * .folds_affine. */
    bool             folds;
    const bool      *in_rows;  /**< per input: not stored; op_rows recomputes its rows on demand (op_cpu.reads_rows) */
    bool             deferred; /**< output 0 is not stored: run only prepares, consumers obtain rows with op_rows */
    /** The producer of the input named by cpu->sees writes it in parts of this many rows, the last part possibly
     * shorter; 0: unknown. Take sums over that input part by part, so that the result has the same bits whether `see`
     * or `run` takes them. */
    size_t           part_rows;
    bool seen; /**< that producer calls cpu->see for each part, before run; clear if nothing is to be summed */
    /** The step directly before this one, whose result this one does not read. Where both read the same tensors, this
     * step may compute both results in one run (.merges). NULL: no such step. */
    const struct op_compile *before;
    /** The step that produces input 0, where this step is the only consumer and the producer can compute some lines at
     *  a time (.make). This step may run the producer within its own run (.takes_producer); the tensor between the two
     *  is then never stored whole. NULL: none. */
    const struct op_compile *producer;
    bool             exact; /**< direct sums only: no Winograd */
    const fov_rates *rates; /**< speeds of this machine, for choosing between implementations */
    struct error    *error;

    /* to fill */
    op_function *run;     /**< required, unless identity */
    bool        identity; /**< output 0 is input 0 (dropout in inference); needs op_cpu.may_alias */
    size_t      state;    /**< bytes kept with the plan (offset tables, chosen block sizes), filled by `prepare` */
    int (*prepare)(const struct op_compile *compile, void *state); /**< called once, when memory is allocated */
    size_t      scratch, scratch_per_worker;    /**< bytes of workspace while the step runs, shared with other steps */
    size_t      packed[OP_MAX_PORTS];           /**< bytes of the packed form of input i; 0: not packed */
    op_function *pack; /**< writes run->packed[i] from run->in[i]: once when in_constant, else before each run. While
                          the step runs, run->in[i].data of a packed input may be NULL, unless .reads_plain */
    bool         reads_plain; /**< run reads the packed inputs in their plain form, too */
    size_t pack_rows; /**< for weights of hundreds of megabytes: pack accepts parts of input 1, each a multiple of
                         pack_rows rows (run->pack_first, .pack_count); 0: only all at once */
    size_t rows_together; /**< run can compute output 0 in parts, in order, each a multiple of rows_together rows
                             (run->row_first, .row_count); 0: only all rows at once */
    bool   merges; /**< run also computes the result of the step before (run->before), which is packed but not run */
    size_t shown_rows; /**< whoever sums over output 0 takes the sums by parts of this many rows, a number that depends
                          on its shape alone; 0: parts of any size */
    bool   shows;      /**< run calls op_show for each such part once its elements have their final values */
    bool     takes_producer; /**< run calls run->producer->make; input 0 has no data */
    op_make *make; /**< computes some lines of output 0 for its consumer, in place of run and from the same inputs;
                        NULL: output 0 is only computed whole. Only where op_cpu.runs_within */
    bool makes_channels; /**< make accepts a range of the channels; else it is always called for all of them */
    /** Bit i: output 0 may share memory with input i (of its shape and type): each element of the input is read before
     * its memory is written, and never read again, by this step or on behalf of a neighbour. Preset to op_cpu.in_place;
     * compile adds bits that hold only for the implementation it chose. */
    unsigned overwrites;
    bool     overwrites_residual, overwrites_saved_activation; /**< likewise, for these two */
    /** Bit i: an output renews input i, and the other outputs have the same values whether computed before or after the
     * renewal: they do not depend on input i, or the renewal leaves it unchanged. So a plan may rematerialise them. */
    unsigned renewed_or_not;
    char     detail[96]; /**< the implementation chosen, in a few words: "implicit product, 6 x 16" */
};

/** Everything a step needs to run. Pointers are final: a run looks nothing up. */
struct op_run {
    const struct op           *op;
    const struct kernel_table *kernel;
    struct pool               *pool;
    const void                *options;
    struct op_tensor          *in, *out;
    int                        in_count, out_count;
    void *state, *scratch, *worker_scratch; /**< worker w's part starts at w * worker_scratch_bytes */
    size_t                     worker_scratch_bytes;
    void                     **packed; /**< [in_count]: packed forms, NULL where none was requested */
    size_t row_first, row_count;   /**< where compile->rows_together: the rows to compute; out[0].data points to row
                                      row_first. count 0: all */
    size_t pack_first, pack_count; /**< for pack, where compile->pack_rows: the rows to pack; in[1].data points to row
                                      pack_first. count 0: all */
    bool                       training;
    enum unary                 activation; /**< UNARY_identity: none */
    float                      alpha, beta;
    const struct op_tensor    *residual;         /**< to add before the activation; NULL: none */
    const struct op_tensor    *saved_activation; /**< multiply by the derivative of `activation` here; NULL: none */
    const struct op_run *const *row_producer;    /**< [in_count]: where compile->in_rows, the producer whose cpu->rows
                                                    recomputes the input; else NULL */
    const struct op_run        *before;   /**< where compile->merges: the step whose result to compute, too */
    const struct op_run        *observer; /**< the consumer whose cpu->see op_show calls for output 0; NULL: none */
    const struct op_run       *producer; /**< where compile->takes_producer: the step whose .make to call */
    op_make                   *make;
    /** Where compile->folds, per channel: the factor for a filter's packed weights, and the whole bias, which includes
     * the operator's own. NULL: nothing is folded. */
    const float      *fold_factor, *fold_bias;
    struct random_key          random; /**< .position is set to the run's step */
};

/** A worker's own part of the scratch; NULL where compile requested no scratch_per_worker. */
static inline void *op_worker_scratch(const struct op_run *run, int worker)
{
    return run->worker_scratch ? (char *)run->worker_scratch + (size_t)worker * run->worker_scratch_bytes : (void *)0;
}

/** The bias per channel: the folded one where a normalisation is folded in, else input `port`; NULL: no bias. */
static inline const float *op_bias(const struct op_run *run, int port)
{
    bool has_bias = port < run->in_count && run->in[port].shape.rank >= 0;

    return run->fold_bias ? run->fold_bias : has_bias ? (const float *)run->in[port].data : (const float *)0;
}

/** Rows first .. first + count - 1 of input i, [count][channels]. A row is one pixel of a channels-last tensor; rows
 * are numbered over all samples. A stored input is returned in place (rows op_pixel_stride apart); an input that is not
 * stored (compile->in_rows) is computed into `workspace`, dense, and `workspace` is returned. */
const float *op_rows(const struct op_run *run, int i, size_t first, size_t count, float *workspace);
/** The memory that op_rows will mostly read from row `first` on, to prefetch: input i itself, or its producer's
 * input 0. */
const float *op_rows_source(const struct op_run *run, int i, size_t first);

/** Whether input i is not stored, and its rows are to be read with op_rows. */
static inline bool op_comes_as_rows(const struct op_compile *compile, int i)
{
    return compile->in_rows != NULL && compile->in_rows[i];
}

/** Which storage order an implementation wants for the ports that are not `plain`. */
enum op_layout_rule {
    OP_WANTS_PLAIN,
    OP_WANTS_CHANNELS_LAST,   /**< all inputs and outputs of rank 3 and more */
    OP_WANTS_BATCH_INNERMOST, /**< the same where N is a multiple of vector_floats, else channels-last */
    OP_FOLLOWS /**< the layout of the first input, for all ports: plain or channels-last; with op_cpu.any_order also
     * batch-innermost */
};

/** A copy of `compile` for an implementation that this operator calls within its own (a transposed convolution calls an
 * input gradient): without residual, saved activation, neighbouring steps and inputs made on demand, so that only the
 * activation is fused. */
struct op_compile op_compile_alone(const struct op_compile *compile);

struct op_cpu {
    enum op_layout_rule layout;
    /** Where the rule depends on options or shapes (broadcasting, softmax over channels...), or on the layouts that the
     * inputs already have (in[].layout, of several not plain); NULL: `layout`. */
    enum op_layout_rule (*layout_for)(const void *options, const struct op_tensor *in, int in_count);
    /** Whether compile handles these dtypes and shapes; false: the textbook twin runs instead. NULL: it does where all
     * inputs are f32, other than `plain` ports (labels, masks). */
    bool (*supports)(const void *options, const struct op_tensor *in, int in_count);
    int (*compile)(struct op_compile *compile);
    bool any_order; /**< with OP_FOLLOWS: any storage order will do, as all tensors have the same number of elements */
    unsigned in_place; /**< bit i: in every implementation output 0 may overwrite input i (op_compile.overwrites) */
    bool     may_alias; /**< compile may set .identity: consumers of output 0 then read input 0 */
    bool     runs_within; /**< compile may fill .make: inputs are then read as late as the consumer of output 0 runs */
    unsigned strided_in; /**< bit i: reads input i at any pixel_stride when it is channels-last */
    bool     strided_out; /**< writes output 0 at any pixel_stride when it is channels-last */
    /** For a result that is cheaper to compute twice than to store and read: writes rows first .. first + count - 1 of
     * output 0, numbered as in op_rows, at any time after a run with compile->deferred. Reads the inputs of that run
     * (except those in rows_done_with), their packed forms, and the state. NULL: output 0 cannot be deferred. */
    void (*rows)(const struct op_run *run, size_t first, size_t count, float *to);
    /** Bit i: `rows` does not read input i, plain or packed, so that it need not outlive run. All other inputs stay
     * unchanged until the last consumer of the result has run. */
    unsigned rows_done_with;
    /** Bit i: for these shapes input i may be left unstored and read through op_rows. NULL: no input may. */
    unsigned (*reads_rows)(const void *options, const struct op_tensor *in, int in_count);
    /** 1 + the input over which this operator sums and whose producer may show it part by part, while the part is still
     * in cache (see); 0: none. */
    int sees;
    /** Called when rows first .. first + count - 1 of that input, a whole part (compile->part_rows), have been written,
     * for `channels` channels from `channel` on. Each part is shown once per channel, in any order, on any thread. */
    void (*see)(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels);
};

/** Tells the observer of a step with compile->shows that a part of output 0 has its final values. */
void op_show(const struct op_run *run, size_t first, size_t count, size_t channel, size_t channels);

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

struct op_onnx; /* op/onnx.h */

/* ---- other spellings --------------------------------------------------------------------------------------------- */

/** A node that a pattern has matched; nodes come in the order of their names in the pattern's text. */
struct op_matched {
    const struct op *op;
    const void      *options;
    fov_shape        in, out; /**< of input 0 and output 0, concrete */
};

/** Several nodes that together compute this operator, as exporters write it: "mul(x, sigmoid(x))". A plan replaces them
 * by one node. The text names operators, x (the input, the same value wherever it stands), numbers (a constant of that
 * value), _ (anything), and in braces the constants of an activation: "clip{0, 6}(x)". Inputs 0 and 1 of operators that
 * .commutes match in either order. */
struct op_pattern {
    const char *text;
    const void *options; /**< of this operator; NULL: defaults */
    /** Decides, where the text alone cannot, whether these nodes compute this operator, and with which options (preset
     * to `options` above). NULL: they do. */
    bool (*fits)(const struct op_matched *nodes, int count, void *options);
};

/* ---- substitution ------------------------------------------------------------------------------------------------ */

/** The node that produces a value. */
struct op_producer {
    const struct op *op;
    const char      *name; /**< of the node */
    const void      *options;
    const int       *in, *out; /**< value ids; 0 = absent */
    int              in_count, output; /**< output: which output of the node the value is */
};

/** A node of a plan, offered to its own operator to change it so that a neighbouring node is no longer needed
 * (op.absorb: the gradient of a normalisation also computes the gradient of the activation after it), or offered to
 * other operators to replace it (op.substitute). */
struct op_substitution {
    const void                *plan;
    const struct kernel_table *kernel;
    /** False: no node of this plan produces the value. */
    bool (*producer)(const void *plan, int value, struct op_producer *producer);
    int (*readers)(const void *plan, int value); /**< count: nodes, outputs of the plan, parameters renewed from it */
    /** A value's elements where they are known when a plan is made; NULL: unknown. */
    const double *(*known)(const void *plan, int value, size_t *count);
    struct op_tensor (*tensor)(const void *plan, int value); /**< its dtype and shape; rank -1: value 0 */
    const struct op *op;                                     /**< of the node */
    const int       *out;                                    /**< value ids */
    const char      *name;                                   /**< of the node, to change */
    int             *in; /**< [OP_MAX_PORTS] value ids, to change */
    int              in_count;
    void *options; /**< to change; OP_MAX_OPTIONS bytes. For op.substitute: holds the node's options, to be replaced by
                        those of the operator that takes its place */
    /** To set: this node and the producer of its first input, which only this node reads, swap places. `in` is then
     * what this node reads; the former producer runs after it, reading this node's result as input 0 and its other
     * inputs as before. */
    bool exchange;
};
/** Finds the producer of a value; false unless the value is that node's output 0 and has this node as its only
 * reader. */
bool op_producer_for(const struct op_substitution *node, int value, struct op_producer *producer);
/** Address of the option called `name`, which the operator must have. */
const void *op_option(const struct op *op, const void *options, const char *name);

/* ---- channels side by side --------------------------------------------------------------------------------------- */

/** Asks an operator whose output may be an unchanged range of input 0's channels (slice, split) where it begins. */
struct op_part {
    const void              *options;
    const struct op_tensor  *in;
    int                      in_count;
    const double *const     *in_values; /**< per input: its values where they are known; else NULL */
    int                      output;
    int64_t                  first; /**< to fill: the channel of input 0 at which the output begins */
};

/* ---- test cases -------------------------------------------------------------------------------------------------- */

/** A fov_shape in a quarter of the bytes: more than a thousand cases of ten inputs are linked into every program. */
struct op_case_shape {
    int8_t   rank;
    uint16_t dim[FOV_MAX_RANK];
};

/** Shapes and options to test: the tests compare the CPU implementation with the textbook twin on every ISA level,
 *  check the gradient by central differences, and export the case to ONNX and import it again. */
struct op_case {
    const char *name;
    struct op_case_shape in[10]; /**< shapes of the inputs; rank -1 = absent */
    uint8_t     in_dtype[10]; /**< fov_dtype; zero: f32 */
    const void *options;     /**< NULL: defaults */
    int         in_count;
    /** Inputs that are neither f32 nor bool (labels) are drawn from 0 .. integers - 1; 0: from 0 and 1. */
    int  integers;
    bool positive;    /**< draw f32 inputs from (0.1, 2), for logarithms and variances; else normally distributed */
    bool no_gradient; /**< do not check the gradient: kinks or ties cannot be avoided here */
    bool training;    /**< run plan and textbook twin in training form */
    /** Replaces the values drawn for input `index` by special ones (distinct values for max pooling...). NULL: keeps
     * them. */
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
    OP_GRADIENT /**< operators that gradients emit */
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
    void (*gradient)(struct op_gradient *gradient); /**< NULL: asking for a gradient is an error, or .zero_gradient */
    bool zero_gradient; /**< piecewise constant: nothing flows back, and that is right (step, shape, argmax) */
    void (*cost)(struct op_cost *cost); /**< NULL: no multiply-adds, window 1 */
    /** Fills .multiply_adds with the operations of the textbook twin, where these are neither what .cost says nor in
     * proportion to the elements (sorting by comparing all with all): a plan does not compute constants in advance that
     * would take long. NULL: .cost is right for the textbook twin, too. */
    void (*work)(struct op_cost *cost);
    void (*textbook)(const struct op_textbook *textbook);
    /** Where a family shares the functions above: the data that distinguishes its operators; type in its header. */
    const void            *rule;
    const struct op_cpu   *cpu;  /**< NULL: the textbook twin runs in its place */
    const struct op_onnx  *onnx; /**< NULL: not an ONNX operator of its own */
    const struct op_case  *cases; /**< ended by a case without name */

    bool exact;            /**< sums of products: exact on small integers, and within 8 u sum |x w| on any data */
    bool view;             /**< output 0 is input 0's memory under another shape (plain order) */
    bool fuses_activation; /**< cpu applies an activation to output 0 before storing it (op_compile.activation) */
    bool fuses_residual;   /**< and adds a tensor before that (op_compile.residual) */
    bool fuses_activation_gradient; /**< cpu multiplies output 0 by the derivative of an activation
                                         (op_compile.saved_activation) */
    /** Whether it fuses these with such options and inputs; NULL: always. */
    bool (*fuses_here)(const void *options, const struct op_tensor *in, int in_count);
    bool folds_affine;     /**< its packed weights can absorb a following normalisation with fixed statistics: a factor
                                per channel of output 0, and a new bias in place of the port called "bias" */
    /** For normalisations with fixed statistics: fills factor and offset of y = factor[c] * x + offset[c] from the
     * inputs' data. False: y is not of this form with these options. With in[].data NULL only the answer is wanted,
     * factor and offset are NULL. */
    bool (*as_affine)(const void *options, const struct op_tensor *in, int in_count, bool training, float *factor,
                      float *offset);
    /** For elementwise activations that another operator can fuse: returns the function and fills its constants. */
    enum unary (*as_activation)(const void *options, float *alpha, float *beta);
    /** For gradients of elementwise activations, with inputs dy and the saved tensor: likewise. */
    enum unary (*as_activation_gradient)(const void *options, float *alpha, float *beta);
    /** Whether an output is a range of input 0's channels. In channels-last order it is then read in place, not
     * copied. */
    bool (*as_part)(struct op_part *part);
    /** Whether output 0 is the channels of all inputs side by side. In channels-last order the producers may then write
     * them directly into output 0; run skips the inputs that already lie there. */
    bool (*as_concat)(const void *options, const struct op_tensor *in, int in_count);
    bool as_residual; /**< output 0 is the sum of the two inputs: if they have one shape, the producer of one input may
                           add the other (.fuses_residual) */
    bool commutes;    /**< inputs 0 and 1 may change places */
    const struct op_pattern *patterns; /**< other spellings, ended by one without text; NULL: none */
    /** Changes a node of this operator to do a neighbour's work, too (op_substitution); whether it did. NULL: never. */
    bool (*absorb)(struct op_substitution *node);
    /** For operators that only plans use, in place of several others: changes a node of any operator into one of this
     * operator (op_substitution); whether it did. NULL: never. */
    bool (*substitute)(struct op_substitution *node);
    bool random; /**< reads run->random */
    double standard_rate; /**< of an optimiser that training can choose: the default learning rate; 0: training cannot
                              choose it */
    bool by_elements; /**< of an optimiser: each element of the parameter is updated independently, so it may run on a
                         few rows of all its tensors at a time */
};

extern const struct op *const op_table[]; /* generated, sorted by name */
extern const size_t           op_table_count;

const struct op *op_find(const char *name); /**< NULL when there is none */
int              op_port_count(const struct op_port *ports);
/** Number of outputs of a node with these options (NULL: defaults). */
int              op_out_count(const struct op *op, const void *options, int in_count);
/** The port of input or output `index`: a last port that is variadic stands for all further ones. NULL: none. */
const struct op_port *op_port_at(const struct op_port *ports, int index);
/** Fills an options block with the defaults of the attribute table. */
void op_options_default(const struct op *op, void *options);
/** Checks limits and choices; E_USAGE naming the option. */
int op_options_check(const struct op *op, const void *options, struct error *error);

/** Shape rule of most elementwise operators: every output has dtype and shape of in[0]. Other rules: op/common.h. */
int op_infer_same(const struct op_infer *infer);

/* ---- public builders --------------------------------------------------------------------------------------------- */

/* A public builder (fov_conv2d_opt) is defined in its operator's folder and calls these functions, which the graph
 * implements. */

const struct op_emitter *fov_graph_emitter(fov_graph *graph);
/** A parameter "NODE.NAME", learned unless frozen. */
fov_value fov_graph_parameter(fov_graph *graph, const char *node, const char *name, fov_shape shape,
                              fov_initial initial, float scale, bool frozen);
/** The name of the node to be built: `wanted`, or "KIND_n" if that is NULL, with the scopes in front. Valid until the
 * next call. NULL after a failure. */
const char *fov_graph_node_name(fov_graph *graph, const char *wanted, const char *kind);
/** Records the error unless one is recorded already, prefixed by the node's name. Returns value 0. */
fov_value fov_graph_fail(fov_graph *graph, const char *node, fov_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
