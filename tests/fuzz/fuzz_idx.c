/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as IDX of rank 1 (labels) and 3 (images), plain or gzipped, and as CIFAR records. */
#include "base/memory.h"
#include "data/cifar.h"
#include "data/idx.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    for (int rank = 1; rank <= 3; rank += 2) {
        struct memory *memory = memory_create(NULL, 64 << 20);
        struct error error = {.status = FOV_OK};
        struct idx idx;
        int status = idx_parse(&idx, bytes, size, rank, memory, &error);
        if ((status == FOV_OK) != (idx.bytes != NULL) || (status != FOV_OK && error.text[0] == 0)) {
            abort();
        }
        memory_free(memory, idx.bytes);
        if (memory_in_use(memory) != 0) {
            abort();
        }
        memory_destroy(memory);
    }
    size_t count = size / CIFAR_RECORD;
    if (cifar_check(&cifar_10, size, NULL) == FOV_OK) {
        uint8_t *pixels = malloc(count * CIFAR_PIXELS * 3);
        int32_t *labels = malloc(count * sizeof *labels);
        if (pixels && labels) {
            (void)cifar_unpack(&cifar_10, bytes, size, pixels, labels, NULL);
        }
        free(pixels);
        free(labels);
    }
    return 0;
}
