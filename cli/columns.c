/* SPDX-License-Identifier: MIT */
/* Widths by Unicode's East Asian Width (UAX 11), in ranges; line breaks by the part of UAX 14 that sentences need. */
#include "columns.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static bool is_wide(uint32_t c)
{
    static const struct range wide[] = {
        {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},
        {0xa960, 0xa97c}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
        {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
    };
    return c >= 0x1100 && is_in(wide, sizeof wide / sizeof wide[0], c);
}

/* Combining marks and invisible characters, which take no column. */
static bool is_mark(uint32_t c)
{
    static const struct range marks[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    return c >= 0x300 && is_in(marks, sizeof marks / sizeof marks[0], c);
}

/* Reads the character at `*at`, which must not be the end, and advances `*at`; each byte of invalid UTF-8 is one
 * character. */
static uint32_t take_character(const char **at)
{
    const unsigned char *byte = (const unsigned char *)*at;
    int more = byte[0] >= 0xf0 ? 3 : byte[0] >= 0xe0 ? 2 : byte[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more == 0 ? byte[0] : byte[0] & (0x3fu >> more);
    (*at)++;
    for (int i = 1; i <= more && (byte[i] & 0xc0) == 0x80; i++) {
        c = c << 6 | (byte[i] & 0x3f);
        (*at)++;
    }
    return c;
}

static int columns_of(uint32_t c)
{
    return is_mark(c) ? 0 : is_wide(c) ? 2 : 1;
}

int text_columns(const char *text, size_t bytes)
{
    int columns = 0;
    for (const char *end = text + bytes; text < end && *text != '\0';) {
        columns += columns_of(take_character(&text));
    }
    return columns;
}

size_t text_fit(const char *text, int width)
{
    const char *at = text;
    for (const char *next = at; *next != '\0'; at = next) {
        width -= columns_of(take_character(&next));
        if (width < 0) {
            break;
        }
    }
    return (size_t)(at - text);
}

static bool is_one_of(uint32_t c, const char *characters)
{
    while (*characters != '\0') {
        if (take_character(&characters) == c) {
            return true;
        }
    }
    return false;
}

static bool may_part(uint32_t left, uint32_t right)
{
    return (is_wide(left) || is_wide(right)) && !is_mark(right) && !is_one_of(left, "（《「『【“‘([{") &&
           !is_one_of(right, "，。、；：！？）》」』】”’…％,.;:!?)]}%");
}

size_t text_piece(const char *text)
{
    const char *at = text;
    for (uint32_t left = 0; *at != '\0' && *at != ' ' && *at != '\n';) {
        const char *next = at;
        uint32_t right = take_character(&next);
        if (at > text && may_part(left, right)) {
            break;
        }
        left = right;
        at = next;
    }
    return (size_t)(at - text);
}
