/* SPDX-License-Identifier: MIT */
/* A decoded ONNX file: texts and lists in an arena, tensors as pointers into the file. The decoder checks only that the
 * file is well-formed; the importer (import.c) checks the rest. */
#ifndef IO_ONNX_MESSAGE_H
#define IO_ONNX_MESSAGE_H

#include "io/onnx/arena.h"
#include "io/onnx/onnx.h"
#include "tensor/shape.h"
#include <sys/types.h>

enum {
    ONNX_MAX_NODES = 100000,
    ONNX_MAX_TENSORS = 100000,
    ONNX_MAX_NAME = 4096,
    ONNX_MAX_DEPTH = 8, /**< how deep graphs may be nested in nodes; the model's own graph counts as 1 */
    ONNX_NAME_TEXT = 120 /**< room for an escaped name in a sentence */
};

/** TensorProto.DataType. */
enum onnx_type {
    ONNX_UNDEFINED = 0,
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_UINT16 = 4,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_STRING = 8,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_UINT32 = 12,
    ONNX_UINT64 = 13,
    ONNX_COMPLEX64 = 14,
    ONNX_COMPLEX128 = 15,
    ONNX_BFLOAT16 = 16,
    ONNX_FLOAT8E4M3FN = 17,
    ONNX_FLOAT8E4M3FNUZ = 18,
    ONNX_FLOAT8E5M2 = 19,
    ONNX_FLOAT8E5M2FNUZ = 20,
    ONNX_UINT4 = 21,
    ONNX_INT4 = 22,
    ONNX_FLOAT4E2M1 = 23,
    ONNX_FLOAT8E8M0 = 24,
    ONNX_UINT2 = 25,
    ONNX_INT2 = 26
};

/** AttributeProto.AttributeType. */
enum onnx_attribute_type {
    ONNX_ATTRIBUTE_FLOAT = 1,
    ONNX_ATTRIBUTE_INT = 2,
    ONNX_ATTRIBUTE_STRING = 3,
    ONNX_ATTRIBUTE_TENSOR = 4,
    ONNX_ATTRIBUTE_GRAPH = 5,
    ONNX_ATTRIBUTE_FLOATS = 6,
    ONNX_ATTRIBUTE_INTS = 7,
    ONNX_ATTRIBUTE_STRINGS = 8
};

struct onnx_integers {
    int64_t *at;
    size_t   count, capacity;
};
struct onnx_floats {
    float *at;
    size_t count, capacity;
};
struct onnx_doubles {
    double *at;
    size_t  count, capacity;
};
struct onnx_names {
    const char **at;
    size_t       count;
};

/** An open file beside the model that contains weights (external data). */
struct onnx_outside {
    const char          *location; /**< as the model spells it */
    dev_t                device;   /**< with inode: identifies the file whatever its name */
    ino_t                inode;
    struct file_map      map;
    struct file_source  *source; /**< kept open for weights that stay in it; NULL: not opened yet, or impossible */
    struct onnx_outside *next;
};

struct onnx_tensor {
    const char          *name; /**< "" where there is none */
    int32_t              type; /**< enum onnx_type, unchecked */
    struct onnx_integers dims;
    const uint8_t       *raw; /**< raw_data in the file, or the bytes in `outside`; not aligned; NULL: no raw_data */
    struct onnx_outside *outside; /**< the file that holds the bytes if not the model's own; else NULL */
    size_t               raw_size;
    struct onnx_floats   floats;
    struct onnx_doubles  doubles;
    struct onnx_integers integers; /**< int32_data, int64_data and uint64_data */
    int                  typed_fields; /**< bit set: 1 float, 2 int32, 4 int64, 8 double, 16 uint64, 32 string */
    struct onnx_text    *external;
    size_t               external_count;
    bool                 is_external, has_segment;
    size_t               offset; /**< in the file, for messages */
};

struct onnx_attribute {
    const char          *name;
    int32_t              type; /**< enum onnx_attribute_type; 0 in very old files */
    float                number;
    int64_t              integer;
    const char          *text; /**< NULL: none */
    struct onnx_names    texts;
    struct onnx_tensor  *tensor;
    struct onnx_graph   *graph; /**< a branch of an If, the body of a Loop; NULL: none */
    struct onnx_floats   numbers;
    struct onnx_integers integers;
    bool                 has_number, has_integer, has_other, has_reference;
    bool                 used; /**< an import function has read it; unused attributes are refused */
};

struct onnx_guard;

struct onnx_node {
    const char            *name, *type, *domain;
    const char            *doc; /**< the doc_string; "" where it has none, or a long one */
    struct onnx_names      in, out;
    struct onnx_attribute *attributes;
    size_t                 attribute_count;
    size_t                 offset;
    /* set by branch.c */
    struct onnx_guard *guard;     /**< the If branch that contained it; NULL: none */
    bool               is_choice; /**< an If whose branches were merged; inputs: condition, then's and else's outputs */
};

/** A graph's input or output. */
struct onnx_port {
    const char *name;
    int32_t     type;      /**< 0: not a tensor */
    const char *other;     /**< the kind of a port that is no tensor: "a sequence", "an optional value"...; else NULL */
    bool        has_shape;
    size_t      rank;
    int64_t     dim[FOV_MAX_RANK]; /**< -1: open */
    const char *open[FOV_MAX_RANK]; /**< an open dimension's name, "" where it has none */
    size_t      offset;
};

/** GraphProto: the model's own, or one inside a node. */
struct onnx_graph {
    const char         *name;
    struct onnx_node   *nodes;
    size_t              node_count;
    struct onnx_tensor *initializers;
    size_t              initializer_count;
    struct onnx_port   *inputs, *outputs;
    size_t              input_count, output_count;
    bool                has_sparse;
};

struct onnx_opset {
    const char *domain;
    int64_t     version;
};

struct onnx_model {
    const char         *file;
    struct arena       *arena;
    const struct file_map *map; /**< the map that the tensors' raw data lie in, if read piece by piece; else NULL */
    struct onnx_outside *outside;  /**< list of open files with external data */
    int64_t             ir_version;
    const char         *producer;
    const char         *doc; /**< the model's doc_string */
    struct onnx_opset  *opsets;
    size_t              opset_count;
    struct onnx_text   *metadata;
    size_t              metadata_count;
    struct onnx_graph   graph;
    int                 graph_count;
    bool                has_functions; /**< the file defines operators of its own */
};

/** Decodes a whole file. `model` keeps pointers into `bytes`. `map`: the map behind `bytes`, where parts of them may
 *  not have been read yet; NULL: all of them are in memory. */
int onnx_decode(struct onnx_model *model, const char *file, const uint8_t *bytes, size_t size,
                const struct file_map *map, struct arena *arena, struct error *error);
/** Decodes a file that holds one TensorProto. `tensor` keeps pointers into `bytes`. Of `model`, only what
 *  onnx_tensor_check needs for messages is set. */
int onnx_decode_tensor(struct onnx_model *model, struct onnx_tensor *tensor, const char *file, const uint8_t *bytes,
                       size_t size, struct arena *arena, struct error *error);

/* ---- tensor.c ---------------------------------------------------------------------------------------------------- */

/** Checks type, dimensions and amount of data. `what` names the tensor in messages. */
int onnx_tensor_check(const struct onnx_model *model, const struct onnx_tensor *tensor, const char *what,
                      fov_dtype *dtype, fov_shape *shape, struct error *error);
/** Copies a checked tensor to `data`, dense and in plain order, with the dtype and number of elements that
 *  onnx_tensor_check found. Raw data in model->map are read from the file straight into `data`; only that can fail. */
int onnx_tensor_read(const struct onnx_model *model, const struct onnx_tensor *tensor, fov_dtype dtype, size_t count,
                     void *data, struct error *error);

/** FOV_DTYPE_COUNT: fovea has no such dtype. */
fov_dtype   onnx_type_dtype(int32_t type);
int32_t     onnx_type_of(fov_dtype dtype);
const char *onnx_type_name(int32_t type);
bool        onnx_type_is_half(int32_t type); /**< FLOAT16 or BFLOAT16: read as float32 */

#endif
