/* SPDX-License-Identifier: MIT */
/* Writes protobuf's wire format into a growing text, as far as export.c needs it. Field numbers come from
 * onnx.proto. */
#ifndef IO_ONNX_WRITE_H
#define IO_ONNX_WRITE_H

#include "base/text.h"
#include <stdint.h>

void   write_varint(struct text *out, uint64_t value);
size_t write_varint_size(uint64_t value); /**< bytes that write_varint will take */
void   write_integer(struct text *out, uint32_t field, int64_t value);
void   write_float(struct text *out, uint32_t field, float value);
void   write_bytes(struct text *out, uint32_t field, const void *bytes, size_t count);
void   write_text(struct text *out, uint32_t field, const char *text);
/** Writes only the tag and length of a field; the caller writes its `count` bytes. */
void write_header(struct text *out, uint32_t field, size_t count);

#endif
