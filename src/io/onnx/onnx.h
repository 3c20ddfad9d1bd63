/* SPDX-License-Identifier: MIT */
/* ONNX files: reading one into a graph, writing a graph as one. What a particular operator looks like in ONNX lies in
 * its own folder (op/onnx.h); here is what is true of all of them. Model files (preprocessing, class names) are
 * model/load.c and model/save.c. */
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

/** What a file held besides the graph. */
struct onnx_imported {
    fov_value        *inputs, *outputs; /**< in the file's order */
    int               input_count, output_count;
    const char       *producer; /**< "pytorch" */
    const char       *name, *doc; /**< of the graph; what the file says about the model, "" where nothing */
    int               ir_version, opset;
    struct onnx_text *metadata;
    int               metadata_count;
    bool              sized; /**< a height or width was open and is now that of the options */
    int               halves; /**< weights that were float16 or bfloat16 in the file and are float32 now */
    struct arena     *arena; /**< internal: holds all of the above */
};

/** A tensor handed in for an input of the file: the input takes its shape. */
struct onnx_given {
    fov_dtype   dtype;
    fov_shape   shape;
    const void *data;   /**< dense, plain order */
    bool        fixed;  /**< the input becomes a constant with these elements */
    bool        wanted; /**< filled by the reader: a shape, or a node that cannot be read without them, depends on the
                             elements of this input, which was not fixed. Import again with it fixed */
};

/** How to read a file; zero means the documented default. */
struct onnx_import_options {
    struct onnx_given *given; /**< per input that is no initializer, in the file's order; NULL: shapes are the file's */
    int                given_count;
    /** inputs of rank 2 and more leave their first dimension open even where the file has a number there */
    bool               open_batch;
    int64_t            open_size[2]; /**< what stands for a height and a width that the file leaves open; 0: refused */
    /** What makes boxes of a detector is left out from its NonMaxSuppression on: that one's boxes and scores are the
     *  outputs. E_UNSUPPORTED where there is none whose boxes the network makes. */
    bool               before_suppression;
    bool               one_sample; /**< a first dimension that the file leaves open is 1 */
    /** what `bytes` are, where they are a file that is read piece by piece: weights then go straight to where they
     *  belong, and there is one copy of them. NULL: just bytes */
    const struct file_map *map;
};

/** Adds the model in `bytes` to an empty graph: nothing is left pointing into `bytes`. On failure the sentence is on
 *  the graph's context and the graph is to be freed: nothing loads by half. `file` names it in messages; `directory`:
 *  where external data may lie, NULL: nowhere. */
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
    const char             *doc;  /**< about the model; NULL: nothing */
    const struct onnx_text *metadata;
    int                     metadata_count;
    int                     opset; /**< 13 to 22; 0: 17, or the first above in which every operator can be written */
};
/** Writes the part of the graph that `outputs` depend on, in inference form. The same graph gives the same bytes; the
 *  old file survives any failure. `system` NULL: the real one. */
int onnx_export(fov_graph *graph, const struct onnx_exported *exported, const char *path,
                const struct file_system *system);

#endif
