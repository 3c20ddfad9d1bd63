/* SPDX-License-Identifier: MIT */
/* A picture's orientation from its EXIF block: APP1 in JPEG, eXIf in PNG, a chunk in WebP. image.c turns the pixels. */
#include "image/image.h"
#include <string.h>

/* A 16- or 32-bit number in TIFF's byte order. */
static uint32_t exif_number(const uint8_t *bytes, int size, bool big)
{
    uint32_t value = 0;
    for (int i = 0; i < size; i++) {
        value |= (uint32_t)bytes[i] << 8 * (big ? size - 1 - i : i);
    }
    return value;
}

/* The value of tag 0x0112: a single number of 16 or 32 bits in 1 .. 8; 1 for anything else. */
static int exif_value(const uint8_t *entry, bool big)
{
    enum { SHORT = 3, LONG = 4, SIGNED_SHORT = 8, SIGNED_LONG = 9 };
    uint32_t type = exif_number(entry + 2, 2, big), count = exif_number(entry + 4, 4, big), value = 1;
    if (type == SHORT || type == SIGNED_SHORT) {
        value = exif_number(entry + 8, 2, big);
    } else if (type == LONG || type == SIGNED_LONG) {
        value = exif_number(entry + 8, 4, big);
    }
    return count == 1 && value >= 1 && value <= 8 ? (int)value : 1;
}

/* The block is "Exif\0\0" (in JPEG), then a TIFF header whose first directory may hold tag 0x0112 (CIPA DC-008, 4.6).
 * Only that directory is read, so a file cannot make this loop. */
int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) {
        bytes += 6;
        size -= 6;
    }
    if (size < 8 || bytes[0] != bytes[1] || (bytes[0] != 'M' && bytes[0] != 'I')) {
        return 1;
    }
    bool big = bytes[0] == 'M';
    size_t at = exif_number(bytes + 4, 4, big);
    if (exif_number(bytes + 2, 2, big) != 42 || at > size || size - at < 2) {
        return 1;
    }
    size_t entries = exif_number(bytes + at, 2, big);
    at += 2;
    for (size_t i = 0; i < entries && size - at >= 12; i++, at += 12) {
        if (exif_number(bytes + at, 2, big) == 0x0112) {
            return exif_value(bytes + at, big);
        }
    }
    return 1;
}
