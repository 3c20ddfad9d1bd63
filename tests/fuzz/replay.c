/* SPDX-License-Identifier: MIT */
/* Runs a fuzz harness on files: for compilers without libFuzzer, for valgrind, and to replay a finding. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int main(int count, char **paths)
{
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
            fprintf(stderr, "replay: cannot read %s\n", paths[i]);
            return 4;
        }
        size_t   size = (size_t)ftell(file);
        uint8_t *bytes = malloc(size + (size == 0)); /* exactly sized, so that sanitizers see one byte too far */
        rewind(file);
        if (bytes == NULL || fread(bytes, 1, size, file) != size) {
            return 4;
        }
        fclose(file);
        LLVMFuzzerTestOneInput(bytes, size);
        free(bytes);
    }
    printf("%d files\n", count - 1);
    return 0;
}
