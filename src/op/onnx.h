/* SPDX-License-Identifier: MIT */
/* Import and export of operators as ONNX nodes. Most operators need only a name: inputs map one to one, attributes by
 * the `onnx` names of the attribute table. The others read and write their nodes through the two interfaces below,
 * which io/onnx implements, so that all ONNX code of an operator stays in its folder. */
#ifndef OP_ONNX_H
#define OP_ONNX_H

#include "op/op.h"

/** A node being read. An absent attribute gives the fallback; one of the wrong type is an error (sticky, on the
 *  reader). */
struct op_import {
    const char      *type;  /**< "Gemm" */
    int              opset; /**< of the operator's domain */
    const fov_value *in;    /**< id 0: absent */
    int              in_count, out_count;
    const struct op_emitter *emitter;
    void                    *reader;
    int64_t (*integer)(void *reader, const char *attribute, int64_t fallback);
    double (*number)(void *reader, const char *attribute, double fallback);
    bool (*list)(void *reader, const char *attribute, struct op_list *list); /**< false: absent */
    /** Reads a list of floats into values[room]; returns its length, 0: absent. A longer list than room is an error. */
    int (*numbers)(void *reader, const char *attribute, float *values, int room);
    const char *(*text)(void *reader, const char *attribute, const char *fallback);
    /** Reads a list of texts into values[room]; returns its length, 0: absent. A longer list than room is an error. */
    int (*texts)(void *reader, const char *attribute, const char **values, int room);
    bool (*has)(void *reader, const char *attribute);
    /** A tensor attribute's elements as doubles; NULL: absent. */
    const double *(*tensor)(void *reader, const char *attribute, fov_dtype *dtype, fov_shape *shape);
    /** The values of an input that is a constant (initializer or folded), as doubles; NULL when it is not one. */
    const double *(*constant)(void *reader, int input, fov_shape *shape);
    fov_shape (*shape)(void *reader, fov_value value);
    fov_dtype (*dtype)(void *reader, fov_value value);
    const char *node_name;
    const char *doc; /**< the node's doc_string, "" where it has none, or a long one */
    /** Imports this node, with its attributes, as if it had another standard type and these inputs; returns the first
     *  result. For node types that are a standard operator with something before or after it. */
    fov_value (*read_as)(void *reader, const char *type, int opset, const fov_value *in, int in_count);
    void (*result)(void *reader, int output, fov_value value); /**< sets what output i of the node is */
    int (*fail)(void *reader, fov_status status, const char *format, ...);
};

/** Returns element `index` (plain order) of a constant that is being written. */
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
    /** Gives the node a doc_string: for what ONNX has no attribute for and other programs need not know. */
    void (*doc)(void *writer, const char *text);
    void (*input)(void *writer, int in);            /**< the operator's own input; -1: an empty name */
    void (*input_name)(void *writer, const char *name);
    /** A new initializer; returns its name, valid until export ends. */
    const char *(*integers)(void *writer, const int64_t *values, int64_t count, bool scalar);
    const char *(*number)(void *writer, float value);
    /** A constant of any shape; `element` is called once for each of its elements. */
    const char *(*constant)(void *writer, fov_dtype dtype, const fov_shape *shape, op_element *element,
                            const void *context);
    const char *(*in_name)(void *writer, int in); /**< the name that input() writes */
    const char *(*out_name)(void *writer, int out);
    const double *(*known)(void *writer, int in); /**< an input's values if they are constant and few; else NULL */
    void (*attribute_integer)(void *writer, const char *name, int64_t value);
    void (*attribute_number)(void *writer, const char *name, double value);
    void (*attribute_list)(void *writer, const char *name, const int64_t *values, int count);
    void (*attribute_text)(void *writer, const char *name, const char *value);
    void (*attribute_texts)(void *writer, const char *name, const char *const *values, int count);
    void (*attribute_numbers)(void *writer, const char *name, const float *values, int count);
    void (*attribute_tensor)(void *writer, const char *name, fov_dtype dtype, double value); /**< of one element */
    void (*output)(void *writer, int out);          /**< the operator's own output */
    const char *(*temporary)(void *writer);         /**< a new name for a value between two nodes of one export */
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

/** Node types that are imported as nodes of other operators (onnx_foreign.c); ended by one without type. */
extern const struct op_onnx op_foreign_spellings[];

/* ---- shared spellings (onnx.c) ------------------------------------------------------------------------------- */

int       op_onnx_type(fov_dtype dtype);     /**< TensorProto.DataType: 1 for f32... */
fov_dtype op_dtype_of_onnx(int64_t code);    /**< FOV_DTYPE_COUNT: a type that fovea does not have */
/** Imports a node of two operands; reads the attributes `axis` and `broadcast` of opsets below 7. */
int op_import_binary(struct op_import *node, const char *op);
/** Imports a node with any number of operands (Sum, Max, Min) as a chain of a binary operator. Returns the value; the
 *  caller calls node->result. */
fov_value op_import_chain(struct op_import *node, const char *op);
/** Imports Softmax, LogSoftmax or Hardmax (struct softmax_options). Before opset 13 they reshaped the input to a matrix
 *  whose columns are the dimensions from `axis` on. `modern`: the default axis since opset 13. */
int op_import_matrix_axis(struct op_import *node, const char *op, int modern);

/** Writes an ONNX node with one or two named inputs (b NULL: one). out >= 0: its result is the operator's output `out`;
 *  OP_EXPORT_FRESH: the name of its result is returned. Attributes may follow. */
enum { OP_EXPORT_FRESH = -1 };
const char *op_export_step(struct op_export *node, const char *type, const char *a, const char *b, int out);
/** Writes a Reshape to `shape`, in which -1 and 0 mean what they mean in ONNX. */
const char *op_export_reshape(struct op_export *node, const char *x, const int64_t *shape, int rank, int out);
/** Writes an i64 list of all sizes of `shape`; an unknown batch size is taken from input `in` by Shape, Slice and
 *  Concat. */
const char *op_export_sizes(struct op_export *node, int in, const fov_shape *shape);
/** Writes Add, Sub, Mul or Div. Before opset 14 they did not accept integers of 8 and 16 bits: these are computed in 32
 *  bits and cast back. */
int op_export_arithmetic(struct op_export *node);
/** Writes a scalar constant. */
const char *op_export_number(struct op_export *node, fov_dtype dtype, double value);

#endif
