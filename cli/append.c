/* SPDX-License-Identifier: MIT */
/* Appending to text buffers of fixed size. */
#include "append.h"
#include <stdarg.h>
#include <stdio.h>

size_t append_text(char *out, size_t size, size_t used, const char *format, ...)
{
    if (used >= size) {
        return size > 0 ? size - 1 : 0;
    }
    va_list list;
    va_start(list, format);
    int length = vsnprintf(out + used, size - used, format, list);
    va_end(list);
    if (length < 0) {
        out[used] = '\0';
        return used;
    }
    return (size_t)length < size - used ? used + (size_t)length : size - 1;
}
