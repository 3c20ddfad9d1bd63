/* SPDX-License-Identifier: MIT */
/* The kernels of AVX-512 with AMX: large products use the tile registers; all other kernels are those of AVX-512. The
   unit that CMakeLists.txt generates includes isa/amx.h first. Read next: bf16x3.h, bf16x3_product.h, outer_rows.h. */
#include "kernel/select.h"
#include "kernel/vector/outer_rows.h"
#include "kernel/vector/bf16x3_product.h"

/* The AVX-512 kernels, defined as aliases at the end of vector.c. */
#define KERNEL(result, name, parameters) extern result ISA_LENDS(name) parameters;
#include "kernel/list.inc"

static void vector_product(const struct kernel_product *p)
{
    if (p->workspace) {
        multiply_bf16x3(p);
    } else {
        ISA_LENDS(product)(p);
    }
}

/* The kernels that this set replaces. */
#define avx512_product              vector_product
#define avx512_product_workspace    vector_product_workspace
#define avx512_outer_rows           vector_outer_rows
#define avx512_outer_rows_workspace vector_outer_rows_workspace

const struct kernel_table ISA_TABLE = {
    .name = ISA_NAME,
    .level = ISA_LEVEL,
    .vector_floats = VECTOR,
    .tile_rows = TILE_ROWS,
    .panel_columns = PANEL_VECTORS * VECTOR,
    .fused = ISA_FUSED,
#define KERNEL(result, name, parameters) .name = ISA_LENDS(name),
#define UNARY(name, reads, formula, derivative) \
    .unary[UNARY_##name] = vector_unary_##name, \
    .unary_gradient[UNARY_##name] = vector_unary_gradient_##name,
#define BINARY(name, formula) .binary[BINARY_##name] = vector_binary_##name,
#include "kernel/list.inc"
};
