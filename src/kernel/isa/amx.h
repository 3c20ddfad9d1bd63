/* SPDX-License-Identifier: MIT */
/* AVX-512 with AMX: besides the vector registers, eight tile registers of sixteen rows of 64 bytes, and an instruction
   that multiplies tiles of bfloat16 and sums in float. bf16x3.h builds float products on it. Compiled with tiles.c. */
#include "kernel/isa/avx512.h"

#undef ISA_LEVEL
#undef ISA_TABLE
#undef ISA_NAME
#define ISA_LEVEL CPU_AMX
#define ISA_TABLE kernel_table_amx
#define ISA_NAME "amx"
