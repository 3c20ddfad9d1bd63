/* SPDX-License-Identifier: MIT */
/* The mode in which a thread computes: how it rounds, what it makes of denormals, whether exceptions trap. */
#ifndef BASE_ARITHMETIC_H
#define BASE_ARITHMETIC_H

/** How a thread's arithmetic is set: rounding, denormals, which exceptions trap and which were raised. A host program
 *  may have chosen anything, so that every call which computes sets what the library is written for and puts the
 *  host's choice back when it returns. Costs a few cycles where the mode is right already. */
struct arithmetic {
    unsigned long long vector; /**< MXCSR, FPCR */
    unsigned           scalar; /**< x86: the x87 control word, by which C libraries read and print numbers */
};
enum denormals {
    DENORMALS_KEPT, /**< as everywhere: reading, planning, printing */
    DENORMALS_FLUSHED /**< as in kernels: numbers below 2^-126 are zeros (x86 FTZ + DAZ, AArch64 FZ) */
};
/** To nearest, nothing traps; returns the mode before, for arithmetic_leave. */
struct arithmetic arithmetic_enter(enum denormals denormals);
void            arithmetic_leave(struct arithmetic before);

#endif
