/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as a .npy file. All elements of an accepted file are copied. */
#include "io/npy.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error error = {.status = FOV_OK};
    struct npy   npy;
    int          status = npy_parse(&npy, "fuzz", bytes, size, &error);
    if ((status != FOV_OK) != (npy.data == NULL) || (status != FOV_OK && error.text[0] == 0)) {
        abort();
    }
    if (status == FOV_OK) {
        if (npy.data + npy.bytes != bytes + size || npy.bytes != npy.count * fov_dtype_size(npy.dtype)) {
            abort();
        }
        uint8_t *copy = malloc(npy.bytes + (npy.bytes == 0));
        npy_copy(&npy, copy);
        if (!npy.swapped && npy.dtype != FOV_BOOL && (!npy.fortran_order || npy.shape.rank < 2) &&
            memcmp(copy, npy.data, npy.bytes) != 0) {
            abort();
        }
        free(copy);
    }
    return 0;
}
