/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as a PyTorch file, and as the pickle in one. Every byte of an accepted file's tensors is
 * read. */
#include "io/torch_file.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_all(const struct safetensors *file)
{
    for (size_t i = 0; i < file->count; i++) {
        uint8_t *copy = malloc(file->tensors[i].bytes + 1);
        memcpy(copy, file->tensors[i].data, file->tensors[i].bytes);
        free(copy);
        if (safetensors_find(file, file->tensors[i].name) != &file->tensors[i]) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory *memory = memory_create(NULL, 64 << 20);
    struct error error = {.status = FOV_OK};
    struct safetensors file;
    struct torch_pickle pickle;
    if (torch_parse(&file, "fuzz", bytes, size, memory, &error) == FOV_OK) {
        read_all(&file);
        safetensors_close(&file);
    } else if (error.text[0] == 0) {
        abort();
    }
    error = (struct error){.status = FOV_OK};
    if (torch_pickle_read(&pickle, "fuzz", bytes, size, memory, &error) == FOV_OK) {
        torch_pickle_free(&pickle, memory);
    } else if (error.text[0] == 0) {
        abort();
    }
    if (memory_in_use(memory) != 0) {
        abort();
    }
    memory_destroy(memory);
    return 0;
}
