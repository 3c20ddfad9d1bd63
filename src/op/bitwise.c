/* SPDX-License-Identifier: MIT */
/* Bits of two operands that broadcast. The shapes become a walk (common.h) whose innermost loop is done here; the outer
 * loops are rows for the pool. Bitwise operations treat every byte alike, so one loop over bytes serves all widths. */
#include "op/bitwise.h"

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 256);
    }
}

static void fill_signed(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 256) - 128;
    }
}

const struct op_case bitwise_cases[] = {
    {.name = "bytes", .in = {{2, {3, 37}}, {2, {3, 37}}}, .in_dtype = {FOV_U8, FOV_U8}, .in_count = 2, .fill = fill},
    {.name = "signed bytes, a row", .in = {{2, {5, 9}}, {1, {9}}}, .in_dtype = {FOV_I8, FOV_I8}, .in_count = 2,
     .fill = fill_signed},
    {.name = "16 bits, both ways", .in = {{2, {5, 1}}, {2, {1, 9}}}, .in_dtype = {FOV_I16, FOV_I16}, .in_count = 2,
     .fill = fill_signed},
    {.name = "32 bits, channels", .in = {{4, {2, 5, 3, 4}}, {3, {5, 1, 1}}}, .in_dtype = {FOV_U32, FOV_U32},
     .in_count = 2, .fill = fill},
    {.name = "64 bits and a scalar", .in = {{0, {0}}, {3, {3, 2, 7}}}, .in_dtype = {FOV_I64, FOV_I64}, .in_count = 2,
     .fill = fill_signed},
    {.name = "several chunks", .in = {{2, {3, 12001}}, {2, {3, 1}}}, .in_dtype = {FOV_I32, FOV_I32}, .in_count = 2,
     .fill = fill_signed},
    {0},
};

int bitwise_check(const struct op_infer *infer)
{
    if (!op_is_integer(infer->in[0].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "%s is %s, only whole numbers have bits",
                         infer->in_count > 1 ? "a" : "x", fov_dtype_name(infer->in[0].dtype));
    }
    return FOV_OK;
}

int bitwise_infer(const struct op_infer *infer)
{
    int status = bitwise_check(infer);
    return status != FOV_OK ? status : binary_infer(infer);
}

uint64_t bitwise_bits(double value)
{
    if (value >= 0x1p63) {
        return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
    }
    return (uint64_t)(value < -0x1p63 ? INT64_MIN : (int64_t)value);
}

double bitwise_value(fov_dtype dtype, uint64_t bits)
{
    unsigned width = 8 * (unsigned)fov_dtype_size(dtype);
    if (op_is_signed(dtype)) { /* the bits are sign-extended already */
        return (double)(int64_t)bits;
    }
    return (double)(width < 64 ? bits & ((UINT64_C(1) << width) - 1) : bits);
}

void bitwise_textbook(const struct op_textbook *textbook, enum bitwise function)
{
    const struct op_textbook_tensor *a = &textbook->in[0], *b = &textbook->in[1], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        uint64_t left = bitwise_bits(a->data[op_broadcast_index(&y->shape, i, &a->shape)]);
        uint64_t right = bitwise_bits(b->data[op_broadcast_index(&y->shape, i, &b->shape)]);
        y->data[i] = bitwise_value(y->dtype, function == BITWISE_AND  ? left & right
                                             : function == BITWISE_OR ? left | right
                                                                      : left ^ right);
    }
}

/* ---- on the CPU -------------------------------------------------------------------------------------------------- */

struct work {
    struct op_walk       walk;
    enum bitwise         function;
    const unsigned char *a, *b;
    unsigned char       *y;
    /** bytes of an element; elements of the innermost loop (a row); number of rows */
    size_t               element, columns, rows;
    size_t               row_parts;              /**< chunks per row */
};

static void combine(enum bitwise function, size_t bytes, const unsigned char *a, const unsigned char *b,
                    unsigned char *y)
{
    switch (function) {
    case BITWISE_AND:
        for (size_t i = 0; i < bytes; i++) {
            y[i] = a[i] & b[i];
        }
        break;
    case BITWISE_OR:
        for (size_t i = 0; i < bytes; i++) {
            y[i] = a[i] | b[i];
        }
        break;
    case BITWISE_XOR:
        for (size_t i = 0; i < bytes; i++) {
            y[i] = a[i] ^ b[i];
        }
        break;
    case BITWISE_LEFT:
    case BITWISE_RIGHT:
        break; /* not byte by byte: shift() */
    }
}

/* One loop per type, since the type cannot be an argument of a function in C. By as many steps as there are bits, or
 * more, all bits are shifted out; C's operators leave that open. */
#define SHIFT(TYPE)                                                                                                    \
    for (size_t i = 0; i < count; i++) {                                                                               \
        uint64_t value = *(const TYPE *)(const void *)(a + i * step[0]);                                               \
        uint64_t by = *(const TYPE *)(const void *)(b + i * step[1]);                                                  \
        bool all = by >= 8 * sizeof(TYPE);                                                                             \
        ((TYPE *)(void *)y)[i] = (TYPE)(all ? 0 : left ? value << by : value >> by);                                   \
    }                                                                                                                  \
    break

/** Unsigned integers of `element` bytes; step: bytes from one operand to the next. */
static void shift(bool left, size_t element, size_t count, const unsigned char *a, const unsigned char *b,
                  const size_t step[2], unsigned char *y)
{
    switch (element) {
    case 8:
        SHIFT(uint64_t);
    case 4:
        SHIFT(uint32_t);
    case 2:
        SHIFT(uint16_t);
    case 1:
        SHIFT(uint8_t);
    }
}

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    int inner = work->walk.rank - 1;
    size_t row = chunk / work->row_parts, part = chunk % work->row_parts;
    size_t begin = op_chunk_begin(part, OP_CHUNK), length = op_chunk_length(part, OP_CHUNK, work->columns);
    size_t step[2] = {work->walk.stride[0][inner] * work->element, work->walk.stride[1][inner] * work->element};
    const unsigned char *a = work->a + op_walk_offset(&work->walk, 0, inner, row) * work->element + begin * step[0];
    const unsigned char *b = work->b + op_walk_offset(&work->walk, 1, inner, row) * work->element + begin * step[1];
    unsigned char *y = work->y + (row * work->columns + begin) * work->element;
    if (work->function == BITWISE_LEFT || work->function == BITWISE_RIGHT) {
        shift(work->function == BITWISE_LEFT, work->element, length, a, b, step, y);
        return;
    }
    if (step[0] == work->element && step[1] == work->element) {
        combine(work->function, length * work->element, a, b, y);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        combine(work->function, work->element, a + i * step[0], b + i * step[1], y + i * work->element);
    }
}

void bitwise_run(const struct op_run *run, enum bitwise function)
{
    struct work work = {.function = function, .a = run->in[0].data, .b = run->in[1].data, .y = run->out[0].data,
                        .element = fov_dtype_size(run->out[0].dtype)};
    const struct op_tensor *operands[] = {&run->in[0], &run->in[1]};
    op_walk_make(&work.walk, &run->out[0], operands, 2);
    work.columns = work.walk.size[work.walk.rank - 1];
    work.rows = op_walk_span(&work.walk, 0, work.walk.rank - 1);
    work.row_parts = op_chunks(work.columns, OP_CHUNK);
    if (work.columns > 0) {
        pool_run(run->pool, run_chunk, &work, work.rows * work.row_parts);
    }
}

int bitwise_compile(struct op_compile *compile, op_function *run)
{
    compile->run = run;
    return FOV_OK;
}
