/* SPDX-License-Identifier: MIT */
/* A small protobuf writer, independent of the library's own, so that an error in that one shows. */
#include "io/onnx_file.h"
#include <string.h>

void put_varint(struct text *out, unsigned long long value)
{
    for (; value >= 128; value >>= 7) {
        char byte = (char)((value & 127) | 128);
        text_add_bytes(out, &byte, 1);
    }
    char last = (char)value;
    text_add_bytes(out, &last, 1);
}

void put_number(struct text *out, unsigned field, unsigned long long value)
{
    put_varint(out, field << 3);
    put_varint(out, value);
}

void put_bytes(struct text *out, unsigned field, const void *bytes, size_t count)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, count);
    text_add_bytes(out, count > 0 ? bytes : "", count);
}

void put_string(struct text *out, unsigned field, const char *string)
{
    put_bytes(out, field, string, strlen(string));
}

void put_message(struct text *out, unsigned field, struct text *message)
{
    put_bytes(out, field, text_string(message), message->length);
    text_free(message);
}

static void put_list(struct text *out, unsigned field, const char *list)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        put_bytes(out, field, list, length == 1 && *list == '-' ? 0 : length);
        list += length + (list[length] == ',');
    }
}

void put_node(struct text *graph, const char *type, const char *name, const char *in, const char *out)
{
    struct text node = {.memory = graph->memory};
    put_list(&node, 1, in);
    put_list(&node, 2, out);
    put_string(&node, 3, name);
    put_string(&node, 4, type);
    put_message(graph, 1, &node);
}

void put_floats(struct text *graph, const char *name, int count)
{
    struct text tensor = {.memory = graph->memory};
    put_number(&tensor, 1, (unsigned long long)count);
    put_number(&tensor, 2, 1);
    put_string(&tensor, 8, name);
    float values[64];
    for (int i = 0; i < count; i++) {
        values[i] = (float)(i + 1);
    }
    put_bytes(&tensor, 9, values, (size_t)count * sizeof values[0]);
    put_message(graph, 5, &tensor);
}

void put_port(struct text *graph, unsigned field, const char *name, int channels)
{
    struct memory *memory = graph->memory;
    struct text    batch = {.memory = memory}, size = {.memory = memory}, shape = {.memory = memory},
                tensor = {.memory = memory}, type = {.memory = memory}, port = {.memory = memory};
    put_string(&batch, 2, "N");
    put_number(&size, 1, (unsigned long long)channels);
    put_message(&shape, 1, &batch);
    put_message(&shape, 1, &size);
    put_number(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_string(&port, 1, name);
    put_message(&port, 2, &type);
    put_message(graph, field, &port);
}

void put_model(struct text *model, struct text *graph, int ir, int opset)
{
    struct text entry = {.memory = graph->memory};
    put_number(model, 1, (unsigned long long)ir);
    put_message(model, 7, graph);
    put_number(&entry, 2, (unsigned long long)opset);
    put_message(model, 8, &entry);
}
