/* SPDX-License-Identifier: MIT */
/* Writes small ONNX files in memory, field by field, so that tests can make them wrong on purpose. */
#ifndef TESTS_IO_ONNX_FILE_H
#define TESTS_IO_ONNX_FILE_H

#include "base/text.h"

/** Each function appends one protobuf field to the message in `out`; field numbers are those of ONNX's schema. */
void put_varint(struct text *out, unsigned long long value);
void put_number(struct text *out, unsigned field, unsigned long long value);
void put_bytes(struct text *out, unsigned field, const void *bytes, size_t count);
void put_string(struct text *out, unsigned field, const char *string);
void put_message(struct text *out, unsigned field, struct text *message); /**< also empties `message` */

/** A NodeProto of a graph; `in` and `out` are names separated by commas, "-" stands for an empty name. */
void put_node(struct text *graph, const char *type, const char *name, const char *in, const char *out);
/** A float initializer of one dimension with values 1, 2, 3... */
void put_floats(struct text *graph, const char *name, int count);
void put_port(struct text *graph, unsigned field, const char *name, int channels); /**< f32 [N, channels] */
/** A ModelProto around `graph`, with the IR version and the opset of the default domain; empties `graph`. */
void put_model(struct text *model, struct text *graph, int ir, int opset);

#endif
