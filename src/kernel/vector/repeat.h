/* SPDX-License-Identifier: MIT */
/* ROWS_n(M), COLUMNS_n(M, r), REGISTERS_n(M): the macro M repeated for each row, for each register of row r, for each
   register. Accumulators must be named variables, since some compilers keep an array of them in memory; these macros
   generate the names for a tile of any size. */
#ifndef KERNEL_VECTOR_REPEAT_H
#define KERNEL_VECTOR_REPEAT_H

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#define ROWS_1(M) M(0)
#define ROWS_2(M) ROWS_1(M) M(1)
#define ROWS_3(M) ROWS_2(M) M(2)
#define ROWS_4(M) ROWS_3(M) M(3)
#define ROWS_5(M) ROWS_4(M) M(4)
#define ROWS_6(M) ROWS_5(M) M(5)
#define ROWS_7(M) ROWS_6(M) M(6)
#define ROWS_8(M) ROWS_7(M) M(7)
#define ROWS_9(M) ROWS_8(M) M(8)
#define ROWS_10(M) ROWS_9(M) M(9)
#define ROWS_11(M) ROWS_10(M) M(10)
#define ROWS_12(M) ROWS_11(M) M(11)

#define COLUMNS_1(M, r) M(r, 0)
#define COLUMNS_2(M, r) COLUMNS_1(M, r) M(r, 1)
#define COLUMNS_3(M, r) COLUMNS_2(M, r) M(r, 2)
#define COLUMNS_4(M, r) COLUMNS_3(M, r) M(r, 3)
#define COLUMNS_5(M, r) COLUMNS_4(M, r) M(r, 4)
#define COLUMNS_6(M, r) COLUMNS_5(M, r) M(r, 5)
#define COLUMNS_7(M, r) COLUMNS_6(M, r) M(r, 6)
#define COLUMNS_8(M, r) COLUMNS_7(M, r) M(r, 7)

#define REGISTERS_1(M) M(0)
#define REGISTERS_2(M) REGISTERS_1(M) M(1)
#define REGISTERS_3(M) REGISTERS_2(M) M(2)
#define REGISTERS_4(M) REGISTERS_3(M) M(3)
#define REGISTERS_5(M) REGISTERS_4(M) M(4)
#define REGISTERS_6(M) REGISTERS_5(M) M(5)
#define REGISTERS_7(M) REGISTERS_6(M) M(6)
#define REGISTERS_8(M) REGISTERS_7(M) M(7)

#endif
