/* SPDX-License-Identifier: MIT */
/* How an operator is spelled in ONNX. Most need only a name: inputs map one to one and attributes by the `onnx` names
 * of the attribute table. The others read and write their nodes through the two small interfaces below, which io/onnx
 * implements; so an operator's ONNX knowledge stays in its folder. */
#ifndef OP_ONNX_H
#define OP_ONNX_H

#include "op/op.h"

/** A node being read. Missing attributes give the fallback; wrong types are errors (sticky, on the reader). */
struct op_import {
    const char      *type;  /**< "Gemm" */
    int              opset; /**< of the operator's domain */
    const fov_value *in;    /**< id 0: absent */
    int              in_count, out_count;
    const struct op_emitter *emitter;
    void                    *reader;
    int64_t (*integer)(void *reader, const char *attribute, int64_t fallback);
    double (*number)(void *reader, const char *attribute, double fallback);
    bool (*list)(void *reader, const char *attribute, struct op_list *list); /**< false: not there */
    /** A list of floats into values[room]; how many there are, 0: not there. */
    int (*numbers)(void *reader, const char *attribute, float *values, int room);
    const char *(*text)(void *reader, const char *attribute, const char *fallback);
    /** A list of texts into values[room]; how many there are, 0: not there. */
    int (*texts)(void *reader, const char *attribute, const char **values, int room);
    bool (*has)(void *reader, const char *attribute);
    /** A tensor attribute's elements as doubles; NULL: not there. */
    const double *(*tensor)(void *reader, const char *attribute, fov_dtype *dtype, fov_shape *shape);
    /** The values of an input that is a constant (initializer or folded), as doubles; NULL when it is not one. */
    const double *(*constant)(void *reader, int input, fov_shape *shape);
    fov_shape (*shape)(void *reader, fov_value value);
    fov_dtype (*dtype)(void *reader, fov_value value);
    const char *node_name;
    /** Reads this node, attributes and all, as one of another standard type with these inputs; its first result. For
     *  spellings that are a standard operator with something around it. */
    fov_value (*read_as)(void *reader, const char *type, int opset, const fov_value *in, int in_count);
    void (*result)(void *reader, int output, fov_value value); /**< output i of the node is this value */
    int (*fail)(void *reader, fov_status status, const char *format, ...);
};

/** Element `index` (plain order) of a constant that is being written. */
typedef double op_element(const void *context, size_t index);

/** A node being written. */
struct op_export {
    const struct op        *op;
    const void             *options;
    const struct op_tensor *in, *out; /**< dtypes and symbolic shapes */
    int                     in_count, out_count, opset;
    void                   *writer;
    /** Begins an ONNX node; then inputs, attributes, outputs until the next begin. */
    void (*begin)(void *writer, const char *type, const char *domain);
    void (*input)(void *writer, int in);            /**< the operator's own input; -1: an empty name */
    void (*input_name)(void *writer, const char *name);
    /** A new initializer; returns its name, valid until export ends. */
    const char *(*integers)(void *writer, const int64_t *values, int64_t count, bool scalar);
    const char *(*number)(void *writer, float value);
    /** A constant of any shape whose elements are asked for one by one. */
    const char *(*constant)(void *writer, fov_dtype dtype, const fov_shape *shape, op_element *element,
                            const void *context);
    const char *(*in_name)(void *writer, int in); /**< the name that input() writes */
    const char *(*out_name)(void *writer, int out);
    const double *(*known)(void *writer, int in); /**< an input's values where they are constant and few; else NULL */
    void (*attribute_integer)(void *writer, const char *name, int64_t value);
    void (*attribute_number)(void *writer, const char *name, double value);
    void (*attribute_list)(void *writer, const char *name, const int64_t *values, int count);
    void (*attribute_text)(void *writer, const char *name, const char *value);
    void (*attribute_texts)(void *writer, const char *name, const char *const *values, int count);
    void (*attribute_numbers)(void *writer, const char *name, const float *values, int count);
    void (*attribute_tensor)(void *writer, const char *name, fov_dtype dtype, double value); /**< of one element */
    void (*output)(void *writer, int out);          /**< the operator's own output */
    const char *(*temporary)(void *writer);         /**< a fresh name between two nodes of one export */
    void (*output_name)(void *writer, const char *name);
    int (*fail)(void *writer, fov_status status, const char *format, ...);
};

struct op_onnx {
    const char *type;  /**< "Conv" */
    const char *domain; /**< NULL: ai.onnx */
    int         since; /**< first opset read */
    int (*import)(struct op_import *node); /**< NULL: one to one */
    int (*export)(struct op_export *node); /**< NULL: one to one */
    /** Further ONNX types that `import` also reads (MatMul besides Gemm); NULL-terminated, or NULL. */
    const char *const *also;
};

/** What is read as nodes of other operators (onnx_foreign.c); ended by one without type. */
extern const struct op_onnx op_foreign_spellings[];

/* ---- shared spellings (onnx.c) ------------------------------------------------------------------------------- */

int       op_onnx_type(fov_dtype dtype);     /**< TensorProto.DataType: 1 for f32... */
fov_dtype op_dtype_of_onnx(int64_t code);    /**< FOV_DTYPE_COUNT: a type that fovea does not have */
/** Two operands; reads the `axis` and `broadcast` of opsets below 7. */
int op_import_binary(struct op_import *node, const char *op);
/** Any number of operands as a chain of a binary operator (Sum, Max, Min); the result is not set. */
fov_value op_import_chain(struct op_import *node, const char *op);
/** Softmax and its kin (struct softmax_options): before opset 13 their axis began the second half of a matrix.
 *  `modern`: the default axis since. */
int op_import_matrix_axis(struct op_import *node, const char *op, int modern);

/** Writes an ONNX node with one or two named inputs (b NULL: one). out >= 0: it makes the operator's own output;
 *  OP_EXPORT_FRESH: the name of its result is returned. Attributes may follow. */
enum { OP_EXPORT_FRESH = -1 };
const char *op_export_step(struct op_export *node, const char *type, const char *a, const char *b, int out);
/** A Reshape to `shape`; -1 and 0 in it mean what they mean in ONNX. */
const char *op_export_reshape(struct op_export *node, const char *x, const int64_t *shape, int rank, int out);
/** A list with all sizes of `shape`; an open number of samples is taken from input `in` by Shape, Slice and Concat. */
const char *op_export_sizes(struct op_export *node, int in, const fov_shape *shape);
/** Add, Sub, Mul, Div. Before opset 14 they knew no integers of 8 and 16 bits: computed in 32, then cut off. */
int op_export_arithmetic(struct op_export *node);
/** A scalar constant. */
const char *op_export_number(struct op_export *node, fov_dtype dtype, double value);

#endif
