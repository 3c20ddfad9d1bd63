/* SPDX-License-Identifier: MIT */
/* ONNX files: reading one into a graph, and writing a graph as one. How a particular operator is spelled in ONNX is
 * defined in that operator's folder (op/onnx.h); this folder does what all operators share. Model files (with
 * preprocessing and class names) are handled by model/load.c and model/save.c. */
#ifndef IO_ONNX_ONNX_H
#define IO_ONNX_ONNX_H

#include "base/file.h"
#include "graph/graph.h"

enum {
    ONNX_OLDEST_IR = 3,
    ONNX_NEWEST_IR = 14,
    ONNX_NEWEST_OPSET = 28,
    ONNX_WRITTEN_OPSET = 17, /**< unless an operator needs a later one, or another is asked for */
    ONNX_OLDEST_WRITTEN_OPSET = 13,
    ONNX_NEWEST_WRITTEN_OPSET = 22
};

struct onnx_text {
    const char *key, *value;
};

/** What a file contains besides the graph. */
struct onnx_imported {
    fov_value        *inputs, *outputs; /**< in the file's order */
    int               input_count, output_count;
    const char       *producer; /**< "pytorch" */
    const char       *name, *doc; /**< the graph's name; the model's doc_string, "" where it has none */
    int               ir_version, opset;
    struct onnx_text *metadata;
    int               metadata_count;
    bool              sized; /**< a height or width was open and was set from options->open_size */
    int               halves; /**< number of tensors that were float16 or bfloat16 in the file and are float32 now */
    struct arena     *arena; /**< internal: holds all of the above */
};

/** A tensor that the caller supplies for an input of the file: the input takes its shape. */
struct onnx_given {
    fov_dtype   dtype;
    fov_shape   shape;
    const void *data;   /**< dense, plain order */
    bool        fixed;  /**< the input becomes a constant with these elements */
    bool        wanted; /**< set by the importer: this input was not fixed, but a shape, or a node that cannot be read
                             otherwise, depends on its elements. Import again with the input fixed */
};

/** How to read a file; zero means the documented default. */
struct onnx_import_options {
    struct onnx_given *given; /**< per input that is no initializer, in the file's order; NULL: shapes are the file's */
    int                given_count;
    /** inputs of rank 2 and more get an open first dimension even where the file has a number there */
    bool               open_batch;
    int64_t            open_size[2]; /**< height and width to use where the file leaves them open; 0: E_UNSUPPORTED */
    /** Cuts a detector off in front of its first NonMaxSuppression: that node's boxes and scores become the outputs.
     *  E_UNSUPPORTED where no NonMaxSuppression reads boxes and scores that the network computes. */
    bool               before_suppression;
    bool               one_sample; /**< a first dimension that the file leaves open becomes 1 */
    /** the map behind `bytes`, where they are a file that is read piece by piece: weights are then copied straight from
     *  the file to their destination, and exist once in memory. NULL: all of `bytes` is in memory */
    const struct file_map *map;
};

/** Adds the model in `bytes` to an empty graph, which keeps no pointer into `bytes`. On failure the error is on the
 *  graph's context, and the caller must free the graph, which may be incomplete. `file`: the name for messages;
 *  `directory`: the folder in which external data may lie, NULL: external data is refused. */
int  onnx_import(fov_graph *graph, const char *file, const char *directory, const uint8_t *bytes, size_t size,
                 struct onnx_imported *imported);
int  onnx_import_with(fov_graph *graph, const char *file, const char *directory, const uint8_t *bytes, size_t size,
                      const struct onnx_import_options *options, struct onnx_imported *imported);
void onnx_imported_free(struct onnx_imported *imported); /**< accepts a zeroed one */

/** What to write. */
struct onnx_exported {
    const fov_value        *inputs, *outputs;
    int                     input_count, output_count;
    const char             *name; /**< of the graph */
    const char             *doc;  /**< the model's doc_string; NULL: none */
    const struct onnx_text *metadata;
    int                     metadata_count;
    int                     opset; /**< 13 to 22; 0: 17, or the first after it in which every operator can be written */
};
/** Writes the part of the graph that `outputs` depend on, in inference form. The same graph gives the same bytes; the
 *  old file survives any failure. `system` NULL: the real file system. */
int onnx_export(fov_graph *graph, const struct onnx_exported *exported, const char *path,
                const struct file_system *system);

#endif
