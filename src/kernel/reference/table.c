/* SPDX-License-Identifier: MIT */
/* The reference versions as a table, so that a whole network can run on them (FOVEA_ISA=reference). */
#include "kernel/reference/reference.h"
#include "kernel/select.h"

const struct kernel_table kernel_table_reference = {
    .name = "reference",
    .level = CPU_REFERENCE,
    .vector_floats = REFERENCE_PANEL,
    .tile_rows = REFERENCE_TILE_ROWS,
    .panel_columns = REFERENCE_PANEL,
    .fused = false,
#define KERNEL(result, name, parameters) .name = reference_##name,
#define UNARY(name, reads, formula, derivative)     \
    .unary[UNARY_##name] = reference_unary_##name, \
    .unary_gradient[UNARY_##name] = reference_unary_gradient_##name,
#define BINARY(name, formula) .binary[BINARY_##name] = reference_binary_##name,
#include "kernel/list.inc"
};
