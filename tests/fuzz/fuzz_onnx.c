/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as an ONNX model, through decoding, sorting, import and every operator's own reading. */
#include "io/onnx/onnx.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static fov_context *context; /* kept: creating one inspects the machine, which takes longer than most executions */
    if (context == NULL) {
        context = fov_context_create(&(fov_context_options){.threads = 1, .max_memory = 64 << 20});
    }
    if (context == NULL) {
        abort();
    }
    size_t               held = fov_context_memory(context).bytes;
    fov_graph           *graph = fov_graph_create(context);
    struct onnx_imported imported = {0};
    int                  status = onnx_import(graph, "fuzz", NULL, bytes, size, &imported);
    if ((status != FOV_OK && fov_error(context)[0] == 0) || (status == FOV_OK && imported.output_count == 0)) {
        abort();
    }
    onnx_imported_free(&imported);
    fov_graph_free(graph);
    fov_error_clear(context);
    if (fov_context_memory(context).bytes != held) {
        abort(); /* memory was not freed */
    }
    return 0;
}
