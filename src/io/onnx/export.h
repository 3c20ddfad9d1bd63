/* SPDX-License-Identifier: MIT */
/* The exporter's state, shared by export.c (the file as a whole) and export_node.c (one node). */
#ifndef IO_ONNX_EXPORT_H
#define IO_ONNX_EXPORT_H

#include "io/onnx/message.h"
#include "io/onnx/write.h"
#include "op/onnx.h"

struct exporter {
    fov_graph                  *graph;
    const struct onnx_exported *what;
    const char                 *path;
    struct arena                arena;
    struct error               *error;
    int                         opset; /**< to write */
    bool                       *needed;   /**< per node */
    bool                       *used;     /**< per value: read in the file, or one of its outputs */
    bool                       *written;  /**< per value: an ONNX node in the file produces it */
    struct text                 nodes;    /**< encoded NodeProto fields of the graph */
    struct text                 tensors;  /**< encoded small initializers that export functions asked for */
    struct text                 ports;    /**< encoded inputs and outputs */
    struct text                 node_body; /**< the ONNX node being written; empty between nodes */
    const struct node          *node; /**< the graph's node being written */
    int                         begun; /**< how many ONNX nodes have been begun for `node` */
    bool                        is_open; /**< an ONNX node has been begun, but not ended */
    int                         fresh; /**< counts generated names */
    bool                        failed;
};

/** Writes a node of the graph as one or more ONNX nodes. */
int exporter_write_node(struct exporter *exporter, const struct node *node);
/** Writes a Constant node. */
void exporter_write_constant(struct exporter *exporter, const char *name, fov_dtype dtype, const fov_shape *shape,
                             const void *data, size_t bytes);
/** Writes a TensorProto up to, but not including, the bytes of its raw data. */
void exporter_tensor_head(struct text *out, const char *name, fov_dtype dtype, const fov_shape *shape, size_t bytes);

#endif
