/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as Darknet's two files: .cfg up to the first zero byte, .weights behind it. */
#include "device/context.h"
#include "io/darknet.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct darknet net;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .max_memory = 64 << 20});
    fov_graph *graph = fov_graph_create(context);
    const uint8_t *end = memchr(bytes, 0, size);
    size_t length = end != NULL ? (size_t)(end - bytes) : size;
    int status = darknet_open(&net, graph, "fuzz", (const char *)bytes, length, &context->error);
    if (status == FOV_OK && end != NULL) {
        status = darknet_read_weights(&net, "fuzz", end + 1, size - length - 1, &context->error);
    }
    if (status != FOV_OK && context->error.text[0] == 0) {
        abort();
    }
    darknet_close(&net);
    fov_graph_free(graph);
    fov_context_free(context);
    return 0;
}
