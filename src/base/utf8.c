/* SPDX-License-Identifier: MIT */
/* UTF-8 as RFC 3629 has it. */
#include "base/utf8.h"
#include <string.h>

size_t utf8_decode(const char *string, uint32_t *point)
{
    const unsigned char *s = (const unsigned char *)string;
    size_t length = s[0] < 0x80             ? 1
                    : (s[0] & 0xe0) == 0xc0 ? 2
                    : (s[0] & 0xf0) == 0xe0 ? 3
                    : (s[0] & 0xf8) == 0xf0 ? 4
                                            : 0;
    uint32_t value = length == 1 ? s[0] : (uint32_t)s[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (s[i] & 0x3fU);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (length == 0 || value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return 0;
    }
    *point = value;
    return length;
}

size_t utf8_encode(uint32_t point, char out[4])
{
    size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint32_t first[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; point >>= 6) {
        out[i] = (char)(0x80 | (point & 0x3f));
    }
    out[0] = (char)(first[length] | point);
    return length;
}

bool utf8_is_valid(const char *string)
{
    uint32_t point;
    while (*string != '\0') {
        size_t length = utf8_decode(string, &point);
        if (length == 0) {
            return false;
        }
        string += length;
    }
    return true;
}

/* Whether the bytes up to the terminator begin a character whose other bytes are missing. */
static bool is_cut(const char *string)
{
    const unsigned char *s = (const unsigned char *)string;
    size_t whole = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0, i = 1;
    while (i < whole && (s[i] & 0xc0) == 0x80) {
        i++;
    }
    return i < whole && s[i] == '\0';
}

char *utf8_cut(char *out, size_t size, const char *string)
{
    static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t used = 0;
    uint32_t point;
    while (*string != '\0' && !is_cut(string)) {
        size_t length = utf8_decode(string, &point), bytes = length > 0 ? length : sizeof unknown - 1;
        if (used + bytes >= size) {
            break;
        }
        memcpy(out + used, length > 0 ? string : unknown, bytes);
        used += bytes;
        string += length > 0 ? length : 1;
    }
    out[used] = '\0';
    return out;
}
