/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as safetensors. Every byte of an accepted file's tensors is read. */
#include "io/safetensors.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory     *memory = memory_create(NULL, 64 << 20);
    struct error       error = {.status = FOV_OK};
    struct safetensors file;
    int                status = safetensors_parse(&file, "fuzz", bytes, size, memory, &error);
    if (status != FOV_OK && error.text[0] == 0) {
        abort();
    }
    if (status == FOV_OK) {
        size_t covered = 0;
        for (size_t i = 0; i < file.count; i++) {
            uint8_t *copy = malloc(file.tensors[i].bytes + 1);
            memcpy(copy, file.tensors[i].data, file.tensors[i].bytes);
            free(copy);
            covered += file.tensors[i].bytes;
            if (safetensors_find(&file, file.tensors[i].name) != &file.tensors[i]) {
                abort();
            }
        }
        if (covered > size || (file.count > 0 && file.tensors[0].data + covered != bytes + size)) {
            abort();
        }
        (void)safetensors_verify(&file, NULL);
        safetensors_close(&file);
    }
    if (memory_in_use(memory) != 0) {
        abort();
    }
    memory_destroy(memory);
    return 0;
}
