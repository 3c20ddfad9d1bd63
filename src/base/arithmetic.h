/* SPDX-License-Identifier: MIT */
/* A thread's floating-point mode: rounding, denormals, and whether exceptions trap. */
#ifndef BASE_ARITHMETIC_H
#define BASE_ARITHMETIC_H

/** A thread's floating-point mode: rounding, denormals, which exceptions trap and which were raised. A host program may
 *  have chosen any mode, so every call that computes sets the mode that the library needs, and restores the host's when
 *  it returns. Costs a few cycles if the mode is right already. */
struct arithmetic {
    unsigned long long vector; /**< MXCSR, FPCR */
    unsigned           scalar; /**< x86: the x87 control word, by which C libraries read and print numbers */
};
enum denormals {
    DENORMALS_KEPT, /**< for reading, planning and printing */
    DENORMALS_FLUSHED /**< for kernels: numbers below 2^-126 become zeros (x86 FTZ + DAZ, AArch64 FZ) */
};
/** Sets rounding to nearest, no traps, and `denormals`; returns the previous mode, for arithmetic_leave. */
struct arithmetic arithmetic_enter(enum denormals denormals);
void            arithmetic_leave(struct arithmetic before);

#endif
