/* SPDX-License-Identifier: MIT */
/* AVX-512 with AMX: eight tiles of sixteen rows of 64 bytes beside the registers, and an instruction that multiplies
   tiles of bfloat16 and sums in float. pieces.h makes float products of it. Its unit is tiles.c. */
#include "kernel/isa/avx512.h"

#undef ISA_LEVEL
#undef ISA_TABLE
#undef ISA_NAME
#define ISA_LEVEL CPU_AMX
#define ISA_TABLE kernel_table_amx
#define ISA_NAME "amx"
