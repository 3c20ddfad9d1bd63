/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as a picture, decoded, converted and resized. Seeds: tests/data/pictures. */
#include "image/image.h"
#include "image/resize.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const enum image_channels wanted[] = {IMAGE_AS_STORED, IMAGE_GREY, IMAGE_RGB, IMAGE_OPAQUE};
    struct memory *memory = memory_create(NULL, 64 << 20);
    struct picture picture = {.memory = memory};
    struct resize_scratch scratch = {.memory = memory};
    struct error error = {.status = FOV_OK};
    int status = image_decode(&picture, bytes, size, wanted[size % 4], &error);
    if (status == FOV_OK) {
        uint8_t small[9 * 5 * 4];
        status = image_resize(picture.pixels, picture.height, picture.width, picture.channels, small, 5, 9, &scratch,
                              &error);
    }
    if (status != FOV_OK && error.text[0] == 0) {
        abort();
    }
    (void)exif_orientation(bytes, size);
    picture_free(&picture);
    resize_free(&scratch);
    if (memory_in_use(memory) != 0) {
        abort();
    }
    memory_destroy(memory);
    return 0;
}
