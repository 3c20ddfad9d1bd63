/* SPDX-License-Identifier: MIT */
/* The three wire types that an ONNX file needs: varint, 32 bits, and bytes with a length. */
#include "io/onnx/write.h"
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

void write_varint(struct text *out, uint64_t value)
{
    char   bytes[10];
    size_t count = 0;
    do {
        uint8_t low = (uint8_t)(value & 0x7f);
        value >>= 7;
        bytes[count++] = (char)(value != 0 ? low | 0x80 : low);
    } while (value != 0);
    text_add_bytes(out, bytes, count);
}

size_t write_varint_size(uint64_t value)
{
    size_t count = 1;
    while (value >>= 7) {
        count++;
    }
    return count;
}

static void write_tag(struct text *out, uint32_t field, uint32_t wire)
{
    write_varint(out, (uint64_t)field << 3 | wire);
}

void write_integer(struct text *out, uint32_t field, int64_t value)
{
    write_tag(out, field, WIRE_VARINT);
    write_varint(out, (uint64_t)value);
}

void write_float(struct text *out, uint32_t field, float value)
{
    char bytes[sizeof value];
    memcpy(bytes, &value, sizeof value); /* little-endian, as safetensors.c asserts for all of io */
    write_tag(out, field, WIRE_FIXED32);
    text_add_bytes(out, bytes, sizeof bytes);
}

void write_header(struct text *out, uint32_t field, size_t count)
{
    write_tag(out, field, WIRE_BYTES);
    write_varint(out, count);
}

void write_bytes(struct text *out, uint32_t field, const void *bytes, size_t count)
{
    write_header(out, field, count);
    if (count > 0) {
        text_add_bytes(out, bytes, count);
    }
}

void write_text(struct text *out, uint32_t field, const char *text)
{
    write_bytes(out, field, text, strlen(text));
}
