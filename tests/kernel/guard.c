/* SPDX-License-Identifier: MIT */
/* See guard.h. Each buffer has its own mapping: [zone ... buffer][page without access]. */
#include "guard.h"
#include "support/near.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_BUFFERS = 256, ZONE_BYTE = 0x5a };
static const float marker = -12345.675f;

static struct {
    uint8_t *map, *buffer;
    size_t   map_bytes;
} buffers[MAX_BUFFERS];
static size_t   buffer_count;
static uint64_t random_state = 1;
static uint64_t hash;

static void add_to_hash(const void *data, size_t bytes)
{
    const uint8_t *from = data;
    for (size_t i = 0; i < bytes; i += sizeof(uint32_t)) {
        uint32_t word = 0;
        memcpy(&word, from + i, bytes - i < sizeof word ? bytes - i : sizeof word);
        if ((word & 0x7fffffff) > 0x7f800000) {
            word = 0x7fc00000;
        }
        hash = (hash ^ word) * 1099511628211u; /* FNV-1a, by words */
    }
}

uint64_t guard_hash(void)
{
    uint64_t value = hash;
    hash = 14695981039346656037u;
    return value;
}

void *guard_new(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t data = (bytes + 64 + page - 1) / page * page;
    assert_true(buffer_count < MAX_BUFFERS);
    uint8_t *map = mmap(NULL, data + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + data, page, PROT_NONE), 0);
    uint8_t *buffer = map + data - bytes;
    memset(map, ZONE_BYTE, data - bytes);
    for (size_t i = 0; i + sizeof marker <= bytes; i += sizeof marker) {
        memcpy(buffer + i, &marker, sizeof marker);
    }
    buffers[buffer_count].map = map;
    buffers[buffer_count].buffer = buffer;
    buffers[buffer_count++].map_bytes = data + page;
    return buffer;
}

float *guard_floats(size_t n)
{
    return guard_new(n * sizeof(float));
}

float *guard_random(size_t n, enum numbers numbers)
{
    float *x = guard_floats(n);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_number(numbers);
    }
    return x;
}

float *guard_copy(const float *x, size_t n)
{
    float *copy = guard_floats(n);
    if (n > 0) {
        memcpy(copy, x, n * sizeof(float));
    }
    return copy;
}

double *guard_doubles(size_t n)
{
    double *x = guard_new(n * sizeof(double));
    memset(x, 0, n * sizeof(double));
    return x;
}

void guard_release_all(void)
{
    for (size_t b = 0; b < buffer_count; b++) {
        for (uint8_t *p = buffers[b].map; p < buffers[b].buffer; p++) {
            if (*p != ZONE_BYTE) {
                fail_msg("wrote %zu bytes before a buffer", (size_t)(buffers[b].buffer - p));
            }
        }
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        add_to_hash(buffers[b].buffer, (size_t)(buffers[b].map + buffers[b].map_bytes - page - buffers[b].buffer));
        munmap(buffers[b].map, buffers[b].map_bytes);
    }
    buffer_count = 0;
}

void random_seed(uint64_t seed)
{
    random_state = seed * 2 + 1;
}

size_t random_below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((random_state >> 33) % n);
}

size_t random_of(const size_t *values, size_t n)
{
    return values[random_below(n)];
}

float random_number(enum numbers numbers)
{
    if (numbers == INTEGERS) {
        return (float)random_below(9) - 4.0f;
    }
    float sum = 0; /* of six uniform numbers: nearly normal */
    for (int i = 0; i < 6; i++) {
        sum += (float)random_below(1 << 20) / (float)(1 << 20) - 0.5f;
    }
    return sum * 1.4f;
}

void check_near(const char *what, const float *got, const float *want, const float *tolerance, float relative, size_t n)
{
    add_to_hash(got, n * sizeof *got);
    for (size_t i = 0; i < n; i++) {
        double allowed = (tolerance ? (double)tolerance[i] : 0.0) + (double)relative * fabs((double)want[i]);
        if (!is_near((double)got[i], (double)want[i], allowed)) {
            fail_msg("%s: element %zu of %zu is %.9g, should be %.9g within %.3g", what, i, n, (double)got[i],
                     (double)want[i], allowed);
        }
    }
}

void check_equal(const char *what, const float *got, const float *want, size_t n)
{
    check_near(what, got, want, NULL, 0.0f, n);
}

void check_bytes(const char *what, const void *got, const void *want, size_t bytes)
{
    if (memcmp(got, want, bytes) != 0) {
        fail_msg("%s: bytes differ", what);
    }
}

double ulps(float got, double want)
{
    if (isnan(got) || isnan(want)) {
        return isnan(got) && isnan(want) ? 0 : INFINITY;
    }
    if ((double)got == want || (isinf((float)want) && got == (float)want)) {
        return 0;
    }
    double size = fabs(want), unit = 0x1p-149;
    if (size >= 0x1p-126) {
        int exponent;
        frexp(size, &exponent);
        unit = ldexp(1.0, exponent - 24);
    }
    return fabs((double)got - want) / unit;
}
