/* SPDX-License-Identifier: MIT */
/* The grammar of RFC 8259, one function for each of its parts. No part contains the terminating 0, so no function reads
 * past it. */
#include "io/json_walk.h"
#include "base/utf8.h"
#include <stdint.h>
#include <string.h>

enum { DEPTH = 32, DIGITS = 400 };

static void skip_spaces(struct json_walk *walk)
{
    walk->at += strspn(walk->at, " \t\r\n");
}

static bool take(struct json_walk *walk, char c)
{
    bool is = !walk->wrong && *walk->at == c;
    walk->at += is;
    return is;
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

static uint32_t read_hex(struct json_walk *walk)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = *walk->at != '\0' ? strchr(digits, *walk->at) : NULL;
        if (digit == NULL) {
            walk->wrong = true;
            return 0;
        }
        uint32_t place = (uint32_t)(digit - digits);
        value = value << 4 | (place < 16 ? place : place - 6);
        walk->at++;
    }
    return value;
}

/* Reads an escape; the backslash has been read. */
static void read_escape(struct json_walk *walk)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *name = *walk->at != '\0' ? strchr(names, *walk->at) : NULL;
    if (name != NULL) {
        text_add_bytes(&walk->text, &meant[name - names], 1);
        walk->at++;
        return;
    }
    if (!take(walk, 'u')) {
        walk->wrong = true;
        return;
    }
    uint32_t point = read_hex(walk);
    if (point >= 0xd800 && point < 0xdc00) { /* the first of two halves (UTF-16) */
        uint32_t second = take(walk, '\\') && take(walk, 'u') ? read_hex(walk) : 0;
        walk->wrong = walk->wrong || second < 0xdc00 || second >= 0xe000;
        point = 0x10000 + ((point - 0xd800) << 10) + (second - 0xdc00);
    } else if (point == 0 || (point >= 0xdc00 && point < 0xe000)) {
        walk->wrong = true;
    }
    if (!walk->wrong) {
        char bytes[4];
        text_add_bytes(&walk->text, bytes, utf8_encode(point, bytes));
    }
}

/* Reads a string; the opening quote has been read. */
static void read_string(struct json_walk *walk)
{
    walk->text.length = 0;
    text_add_bytes(&walk->text, "", 0);
    while (!walk->wrong && !take(walk, '"')) {
        if (take(walk, '\\')) {
            read_escape(walk);
            continue;
        }
        uint32_t point = 0;
        size_t   length = utf8_decode(walk->at, &point);
        if (length == 0 || point < 0x20) {
            walk->wrong = true;
            return;
        }
        text_add_bytes(&walk->text, walk->at, length);
        walk->at += length;
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool skip_digits(struct json_walk *walk)
{
    size_t count = strspn(walk->at, "0123456789");
    walk->at += count;
    return count > 0;
}

static void read_number(struct json_walk *walk)
{
    const char *begin = walk->at;
    take(walk, '-');
    bool good = take(walk, '0') || skip_digits(walk);
    walk->is_whole = true;
    if (take(walk, '.')) {
        good = skip_digits(walk) && good;
        walk->is_whole = false;
    }
    if (take(walk, 'e') || take(walk, 'E')) {
        walk->at += *walk->at == '+' || *walk->at == '-';
        good = skip_digits(walk) && good;
        walk->is_whole = false;
    }
    char   digits[DIGITS];
    size_t length = (size_t)(walk->at - begin);
    walk->wrong = walk->wrong || !good || length >= sizeof digits;
    if (!walk->wrong) {
        memcpy(digits, begin, length);
        digits[length] = '\0';
        walk->wrong = !text_to_number(digits, &walk->number);
    }
}

static bool take_word(struct json_walk *walk)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(walk->at, words[i], strlen(words[i])) == 0) {
            walk->at += strlen(words[i]);
            return true;
        }
    }
    return false;
}

enum walk_kind walk_value(struct json_walk *walk)
{
    enum walk_kind kind = WALK_WRONG;
    skip_spaces(walk);
    if (take(walk, '"')) {
        read_string(walk);
        kind = WALK_TEXT;
    } else if (take(walk, '[')) {
        kind = WALK_LIST;
    } else if (take(walk, '{')) {
        kind = WALK_OBJECT;
    } else if (*walk->at == '-' || (*walk->at >= '0' && *walk->at <= '9')) {
        read_number(walk);
        kind = WALK_NUMBER;
    } else if (take_word(walk)) {
        kind = WALK_WORD;
    }
    walk->wrong = walk->wrong || kind == WALK_WRONG;
    return walk->wrong ? WALK_WRONG : kind;
}

bool walk_more(struct json_walk *walk, char close, size_t *count)
{
    skip_spaces(walk);
    if (walk->wrong || take(walk, close)) {
        return false;
    }
    walk->wrong = *count > 0 && !take(walk, ',');
    ++*count;
    return !walk->wrong;
}

void walk_key(struct json_walk *walk)
{
    skip_spaces(walk);
    if (take(walk, '"')) {
        read_string(walk);
        skip_spaces(walk);
        walk->wrong = !take(walk, ':');
    } else {
        walk->wrong = true;
    }
}

static void skip(struct json_walk *walk, int depth);

static void leave(struct json_walk *walk, enum walk_kind kind, int depth)
{
    if (kind != WALK_LIST && kind != WALK_OBJECT) {
        return;
    }
    walk->wrong = walk->wrong || depth >= DEPTH;
    for (size_t count = 0; walk_more(walk, kind == WALK_LIST ? ']' : '}', &count);) {
        if (kind == WALK_OBJECT) {
            walk_key(walk);
        }
        skip(walk, depth + 1);
    }
}

static void skip(struct json_walk *walk, int depth)
{
    leave(walk, walk_value(walk), depth);
}

void walk_skip(struct json_walk *walk)
{
    skip(walk, 0);
}

void walk_leave(struct json_walk *walk, enum walk_kind kind)
{
    leave(walk, kind, 0);
}

bool walk_ends(struct json_walk *walk)
{
    skip_spaces(walk);
    return !walk->wrong && *walk->at == '\0';
}

void walk_close(struct json_walk *walk)
{
    text_free(&walk->text);
}
