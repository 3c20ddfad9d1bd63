/* SPDX-License-Identifier: MIT */
/* Sets MXCSR and the x87 control word on x86, FPCR on ARM; elsewhere the host's mode is left as it is. Not <fenv.h>: it
 * cannot set denormals, and saves and restores more than a small step of a plan should wait for. */
#include "base/arithmetic.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#if defined(__x86_64__)

/* MXCSR, from bit 0: six exceptions raised, denormals are zeros (operands), six masked, rounding, flush to zero. */
enum { MXCSR_RAISED = 0x3f, MXCSR_USUAL = 0x1f80, MXCSR_FLUSH = 0x8040, X87_USUAL = 0x037f };

static unsigned read_x87(void)
{
    unsigned short word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

static void write_x87(unsigned mode)
{
    unsigned short word = (unsigned short)mode;
    __asm__ volatile("fldcw %0" : : "m"(word));
}

struct arithmetic arithmetic_enter(enum denormals denormals)
{
    struct arithmetic before = {.vector = _mm_getcsr(), .scalar = read_x87()};
    unsigned        wanted = denormals == DENORMALS_FLUSHED ? MXCSR_USUAL | MXCSR_FLUSH : MXCSR_USUAL;
    if ((before.vector & ~(unsigned long long)MXCSR_RAISED) != wanted) {
        _mm_setcsr(wanted);
    }
    if (before.scalar != X87_USUAL) {
        write_x87(X87_USUAL);
    }
    return before;
}

void arithmetic_leave(struct arithmetic before)
{
    if (_mm_getcsr() != before.vector) {
        _mm_setcsr((unsigned)before.vector);
    }
    if (read_x87() != before.scalar) {
        write_x87(before.scalar);
    }
}

#elif defined(__aarch64__)

/* The only bit of FPCR that is ever set here; all others (rounding, traps) are zero, as when a process starts. */
static const unsigned long long FPCR_FLUSH = 1ULL << 24;

static unsigned long long read_fpcr(void)
{
    unsigned long long value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
}

static void write_fpcr(unsigned long long value)
{
    if (read_fpcr() != value) {
        __asm__ volatile("msr fpcr, %0" : : "r"(value));
    }
}

struct arithmetic arithmetic_enter(enum denormals denormals)
{
    struct arithmetic before = {.vector = read_fpcr()};
    write_fpcr(denormals == DENORMALS_FLUSHED ? FPCR_FLUSH : 0);
    return before;
}

void arithmetic_leave(struct arithmetic before)
{
    write_fpcr(before.vector);
}

#else

struct arithmetic arithmetic_enter(enum denormals denormals)
{
    (void)denormals;
    return (struct arithmetic){0};
}

void arithmetic_leave(struct arithmetic before)
{
    (void)before;
}

#endif
