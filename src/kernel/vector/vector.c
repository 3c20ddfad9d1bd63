/* SPDX-License-Identifier: MIT */
/* All vector kernels of one instruction set and the table of them, which is the only symbol that other files can see.
   CMakeLists.txt generates one unit per instruction set, which includes the set's header from isa/ and this file. */
#include "kernel/select.h"
#include "kernel/vector/column.h"
#include "kernel/vector/depthwise.h"
#include "kernel/vector/depthwise_gradient.h"
#include "kernel/vector/grouped.h"
#include "kernel/vector/images.h"
#include "kernel/vector/images_winograd.h"
#include "kernel/vector/map.h"
#include "kernel/vector/optimise.h"
#include "kernel/vector/outer.h"
#include "kernel/vector/pack.h"
#include "kernel/vector/peak.h"
#include "kernel/vector/pool.h"
#include "kernel/vector/product.h"
#include "kernel/vector/row.h"
#include "kernel/vector/winograd.h"

const struct kernel_table ISA_TABLE = {
    .name = ISA_NAME,
    .level = ISA_LEVEL,
    .vector_floats = VECTOR,
    .tile_rows = TILE_ROWS,
    .panel_columns = PANEL_VECTORS * VECTOR,
    .fused = ISA_FUSED,
#define KERNEL(result, name, parameters) .name = vector_##name,
#define UNARY(name, reads, formula, derivative) \
    .unary[UNARY_##name] = vector_unary_##name, \
    .unary_gradient[UNARY_##name] = vector_unary_gradient_##name,
#define BINARY(name, formula) .binary[BINARY_##name] = vector_binary_##name,
#include "kernel/list.inc"
};

/* Aliases under which a wider set (tiles.c) uses these kernels, so that they are neither compiled nor shipped twice. */
#ifdef ISA_LENDS
#define KERNEL(result, name, parameters) \
    extern __typeof__(vector_##name) ISA_LENDS(name) __attribute__((alias("vector_" #name), visibility("hidden")));
#include "kernel/list.inc"
#endif
