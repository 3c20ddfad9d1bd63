/* SPDX-License-Identifier: MIT */
/* Small ONNX files made in memory, field by field, so that tests can make them wrong on purpose. */
#ifndef TESTS_IO_ONNX_FILE_H
#define TESTS_IO_ONNX_FILE_H

#include "base/text.h"

/** A message under construction; every function appends one field. Field numbers are ONNX's. */
void put_varint(struct text *out, unsigned long long value);
void put_number(struct text *out, unsigned field, unsigned long long value);
void put_bytes(struct text *out, unsigned field, const void *bytes, size_t count);
void put_string(struct text *out, unsigned field, const char *string);
void put_message(struct text *out, unsigned field, struct text *message); /**< and empties `message` */

/** NodeProto fields of a graph: inputs and outputs are lists with commas, "" is an empty name. */
void put_node(struct text *graph, const char *type, const char *name, const char *in, const char *out);
/** A float initializer of one dimension with values 1, 2, 3... */
void put_floats(struct text *graph, const char *name, int count);
void put_port(struct text *graph, unsigned field, const char *name, int channels); /**< f32 [N, channels] */
/** ModelProto around a graph; empties it. */
void put_model(struct text *model, struct text *graph, int ir, int opset);

#endif
