/* SPDX-License-Identifier: MIT */
/* Strings: the growing buffer, escaping, patterns, and numbers to and from text. Nothing here depends on the locale: a
 * host program's decimal comma must not change our files. Suggestions for misspelt names: text_nearest.c. */
#include "base/text.h"
#include "base/utf8.h"
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the growing buffer ----------------------------------------------------------------------------------------- */

/* Makes room for `more` bytes and the terminator. */
static bool text_reserve(struct text *text, size_t more)
{
    size_t need;
    if (text->failed || !size_add(text->length, more, &need) || !size_add(need, 1, &need)) {
        text->failed = true;
        return false;
    }
    if (need <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < need) {
        if (!size_multiply(capacity, 2, &capacity)) {
            capacity = need;
        }
    }
    char *data = memory_resize(text->memory, text->data, capacity, 1, "text", NULL);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_add_bytes(struct text *text, const char *bytes, size_t count)
{
    if (text_reserve(text, count)) {
        if (count > 0) {
            memcpy(text->data + text->length, bytes, count);
        }
        text->length += count;
        text->data[text->length] = '\0';
    }
}

/* vsnprintf with a decimal point whatever the program's locale is. */
static int print(char *out, size_t size, const char *format, va_list list) __attribute__((format(printf, 3, 0)));
static int print(char *out, size_t size, const char *format, va_list list)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* allocates nothing in glibc and musl */
    locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    int length = vsnprintf(out, size, format, list);
    if (plain != (locale_t)0) {
        uselocale(before);
        freelocale(plain);
    }
    return length;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = print(NULL, 0, format, list);
    va_end(list);
    if (length < 0) {
        text->failed = true;
        return;
    }
    if (text_reserve(text, (size_t)length)) {
        va_start(list, format);
        print(text->data + text->length, (size_t)length + 1, format, list);
        va_end(list);
        text->length += (size_t)length;
    }
}

size_t text_append(char *out, size_t size, size_t used, const char *format, ...)
{
    if (used >= size) {
        return size > 0 ? size - 1 : 0;
    }
    va_list list;
    va_start(list, format);
    int length = print(out + used, size - used, format, list);
    va_end(list);
    if (length < 0) {
        out[used] = '\0';
        return used;
    }
    return (size_t)length < size - used ? used + (size_t)length : size - 1;
}

const char *text_string(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

void text_free(struct text *text)
{
    memory_free(text->memory, text->data);
    text->data = NULL;
    text->length = text->capacity = 0;
    text->failed = false;
}

/* ---- escaping --------------------------------------------------------------------------------------------------- */

void text_add_json(struct text *text, const char *string)
{
    text_add_bytes(text, "\"", 1);
    for (size_t length; *string != '\0'; string += length) {
        uint32_t point = 0;
        length = utf8_decode(string, &point);
        if (length == 0) {
            text_add(text, "\xef\xbf\xbd");
            length = 1;
        } else if (point < 0x20 || point == 0x7f) {
            text_add(text, "\\u%04x", (unsigned)point);
        } else {
            text_add(text, "%s%.*s", point == '"' || point == '\\' ? "\\" : "", (int)length, string);
        }
    }
    text_add_bytes(text, "\"", 1);
}

/* Characters that must not reach a terminal unescaped: controls, and marks that reorder the text around them. */
static bool text_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

/* Writes the first character of `source`, escaped if necessary, to `unit` and returns its length there; *taken: its
 * bytes in `source`. */
static size_t text_unit(const char *source, bool quotes, char unit[12], size_t *taken)
{
    uint32_t point = 0;
    size_t   length = utf8_decode(source, &point);
    *taken = length == 0 ? 1 : length;
    if (length == 0) {
        return (size_t)snprintf(unit, 12, "\\x%02x", (unsigned)(unsigned char)source[0]);
    }
    if (point == '\n' || point == '\t' || point == '\r' || (quotes && (point == '"' || point == '\\'))) {
        unit[0] = '\\';
        unit[1] = point == '\n' ? 'n' : point == '\t' ? 't' : point == '\r' ? 'r' : (char)point;
        return 2;
    }
    if (text_is_control(point)) {
        return (size_t)snprintf(unit, 12, point < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)point);
    }
    memcpy(unit, source, length);
    return length;
}

static char *text_escape_as(char *out, size_t size, const char *source, bool quotes)
{
    if (size == 0) {
        return out;
    }
    /* `cut`: the last boundary between characters or escapes that leaves room for the three dots. */
    size_t length = 0, cut = 0;
    while (*source != '\0') {
        char   unit[12];
        size_t taken, count = text_unit(source, quotes, unit, &taken);
        if (length + count > size - 1) {
            length = cut;
            for (int dots = 0; dots < 3 && length < size - 1; dots++) {
                out[length++] = '.';
            }
            break;
        }
        memcpy(out + length, unit, count);
        length += count;
        source += taken;
        if (length + 4 <= size) {
            cut = length;
        }
    }
    out[length] = '\0';
    return out;
}

char *text_escape(char *out, size_t size, const char *source)
{
    return text_escape_as(out, size, source, true);
}

char *text_clean(char *out, size_t size, const char *source)
{
    return text_escape_as(out, size, source, false);
}

/* ---- patterns --------------------------------------------------------------------------------------------------- */

bool text_matches(const char *pattern, const char *name)
{
    /* On a mismatch the last * takes one character more: linear in practice, and no recursion on hostile patterns. */
    const char *star = NULL, *resume = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

char *text_thousands(char *out, size_t size, long long value)
{
    char               reversed[32];
    size_t             length = 0;
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    int                digits = 0;
    do {
        if (digits > 0 && digits % 3 == 0) {
            reversed[length++] = ',';
        }
        reversed[length++] = (char)('0' + rest % 10);
        rest /= 10;
        digits++;
    } while (rest > 0);
    if (value < 0) {
        reversed[length++] = '-';
    }
    size_t written = 0;
    while (length > 0 && written + 1 < size) {
        out[written++] = reversed[--length];
    }
    if (size > 0) {
        out[written] = '\0';
    }
    return out;
}

char *text_bytes(char *out, size_t size, size_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    /* Rounded to tenths while stepping up, in integers: printf's %f would follow the locale. */
    size_t unit = 0, whole = bytes, tenths = 0, divisor = 1;
    while (whole >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        unit++;
        divisor *= 1024;
        size_t rest = bytes % divisor;
        whole = bytes / divisor;
        /* divisor is at least 1024, so dividing it by ten first costs less than the rounding shown. */
        tenths = (rest / (divisor / 1024) * 10 + 512) / 1024;
        if (tenths == 10) {
            whole++;
            tenths = 0;
        }
    }
    if (tenths == 0 || whole >= 100) {
        snprintf(out, size, "%zu %s", whole + (tenths >= 5), units[unit]);
    } else {
        snprintf(out, size, "%zu.%zu %s", whole, tenths, units[unit]);
    }
    return out;
}

bool text_to_integer(const char *text, long long minimum, long long maximum, long long *value)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') {
        text++;
    }
    if (*text == '\0') {
        return false;
    }
    /* The result is negative up to the end, since the negative range is the larger one. */
    long long result = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || result < (LLONG_MIN + (*text - '0')) / 10) {
            return false;
        }
        result = result * 10 - (*text - '0');
    }
    if (!negative) {
        if (result == LLONG_MIN) {
            return false;
        }
        result = -result;
    }
    if (result < minimum || result > maximum) {
        return false;
    }
    *value = result;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits], with at least one digit before the exponent. */
static bool text_is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t digits = strspn(text, "0123456789");
    text += digits;
    if (*text == '.') {
        size_t fraction = strspn(text + 1, "0123456789");
        text += 1 + fraction;
        digits += fraction;
    }
    if (digits == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = strspn(text, "0123456789");
        if (exponent == 0) {
            return false;
        }
        text += exponent;
    }
    return *text == '\0';
}

bool text_to_number(const char *text, double *value)
{
    if (!text_is_decimal(text)) {
        return false; /* also hexadecimal, inf and nan, which strtod would take */
    }
    /* strtod follows the locale; uselocale changes it for this thread alone. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return false;
    }
    locale_t before = uselocale(plain);
    double   result = strtod(text, NULL);
    uselocale(before);
    freelocale(plain);
    if (!isfinite(result)) {
        return false;
    }
    *value = result;
    return true;
}
