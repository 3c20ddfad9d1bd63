/* SPDX-License-Identifier: MIT */
/* First bytes of the formats that people hand over by mistake. Nothing is parsed: the result only chooses the words of
 * an error message. */
#include "io/sniff.h"
#include <stdbool.h>
#include <string.h>

static bool starts_with(const uint8_t *bytes, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(bytes, magic, length) == 0;
}

/** A header length of 8 bytes that does not exceed the file, then an opening brace. */
static bool is_safetensors(const uint8_t *bytes, size_t size)
{
    if (size < 10 || bytes[8] != '{') {
        return false;
    }
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) {
        length = length << 8 | bytes[i];
    }
    return length >= 2 && length <= size - 8;
}

static bool is_text(const uint8_t *bytes, size_t size)
{
    size_t count = size < SNIFF_BYTES ? size : SNIFF_BYTES;
    for (size_t i = 0; i < count; i++) {
        if ((bytes[i] < 32 && bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\t') || bytes[i] > 126) {
            return false;
        }
    }
    return true;
}

/* A zip archive whose first entry is one of those that Keras 3 writes. */
static bool is_keras(const uint8_t *bytes, size_t size)
{
    static const char *const entries[] = {"metadata.json", "config.json", "model.weights.h5"};
    enum { LENGTH = 26, NAME = 30 }; /* offsets in a local header: the name's length (two bytes), the name */
    for (size_t i = 0; size >= NAME && i < sizeof entries / sizeof entries[0]; i++) {
        size_t length = strlen(entries[i]);
        if (bytes[LENGTH] == length && bytes[LENGTH + 1] == 0 &&
            starts_with(bytes + NAME, size - NAME, entries[i], length)) {
            return true;
        }
    }
    return false;
}

enum sniff_kind sniff_content(const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return SNIFF_EMPTY;
    }
    if (starts_with(bytes, size, "\x1f\x8b", 2)) {
        return SNIFF_GZIP;
    }
    if (starts_with(bytes, size, "PK\x03\x04", 4)) {
        return is_keras(bytes, size) ? SNIFF_KERAS : SNIFF_ZIP;
    }
    if (is_safetensors(bytes, size)) {
        return SNIFF_SAFETENSORS;
    }
    if (starts_with(bytes, size, "\x93NUMPY", 6)) {
        return SNIFF_NPY;
    }
    if (starts_with(bytes, size, "\x89HDF\r\n", 6)) {
        return SNIFF_HDF5;
    }
    if (starts_with(bytes, size, "\x89PNG", 4) || starts_with(bytes, size, "\xff\xd8\xff", 3)) {
        return SNIFF_PICTURE;
    }
    if (size >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0) {
        return SNIFF_TFLITE;
    }
    /* Pickles of protocol 2 and above begin with the PROTO opcode and their version. */
    if (size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5) {
        return SNIFF_PICKLE;
    }
    return is_text(bytes, size) ? SNIFF_TEXT : SNIFF_UNKNOWN;
}

const char *sniff_hint(enum sniff_kind kind)
{
    switch (kind) {
    case SNIFF_UNKNOWN:
        return "";
    case SNIFF_EMPTY:
        return "; the file is empty";
    case SNIFF_GZIP:
        return "; it looks like gzip: decompress it first";
    case SNIFF_ZIP:
        return "; it looks like a zip archive, perhaps PyTorch's .pt: a state dict in it is read where weights are "
               "asked for, a whole model is not, as it would run code: export it to ONNX (torch.onnx.export)";
    case SNIFF_PICKLE:
        return "; it looks like a Python pickle: pickles can run code and are never loaded here, export to ONNX or "
               "safetensors, or save the state dict with today's torch.save";
    case SNIFF_SAFETENSORS:
        return "; it looks like safetensors: weights without a graph";
    case SNIFF_NPY:
        return "; it looks like a NumPy array";
    case SNIFF_HDF5:
        return "; it looks like HDF5, as Keras saves .h5: weights in it are read where weights are asked for, a whole "
               "model is not: export it to ONNX (tf2onnx, keras2onnx)";
    case SNIFF_KERAS:
        return "; it looks like a .keras file of Keras 3: weights in it are read where weights are asked for, the model "
               "is not: export it to ONNX (model.export(\"model.onnx\", format=\"onnx\"), or tf2onnx)";
    case SNIFF_PICTURE:
        return "; it looks like a picture";
    case SNIFF_TEXT:
        return "; it looks like text (a Git LFS pointer or a saved web page?)";
    case SNIFF_TFLITE:
        return "; it looks like TensorFlow Lite: convert it to ONNX (tf2onnx)";
    }
    return "";
}
