/* SPDX-License-Identifier: MIT */
/* Shifts the bits of unsigned integers left or right; bits shifted out are lost.
 * Everything but the definition and the options is shared by the family: op/bitwise.h. */
#include "op/bitwise.h"

#include "op/onnx.h"

struct shift_options {
    int direction;
};

static const char *const directions[] = {"LEFT", "RIGHT", NULL};
static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct shift_options, direction), .onnx = "direction", .kind = OP_CHOICE, .choices = directions,
     .doc = "where the bits go"},
    {0},
};

static bool is_unsigned(fov_dtype dtype)
{
    return dtype == FOV_U8 || dtype == FOV_U16 || dtype == FOV_U32 || dtype == FOV_U64;
}

static int infer(const struct op_infer *infer)
{
    if (!is_unsigned(infer->in[0].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "a is %s, only unsigned whole numbers have bits to shift",
                         fov_dtype_name(infer->in[0].dtype));
    }
    return binary_infer(infer);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct shift_options *options = textbook->options;
    const struct op_textbook_tensor *y = &textbook->out[0];
    unsigned bits = 8 * (unsigned)fov_dtype_size(y->dtype);
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        double a = textbook->in[0].data[op_broadcast_index(&y->shape, i, &textbook->in[0].shape)];
        double by = textbook->in[1].data[op_broadcast_index(&y->shape, i, &textbook->in[1].shape)];
        uint64_t value = bitwise_bits(a), steps = bitwise_bits(by);
        bool all = steps >= bits; /* all bits are shifted out; undefined for C's operators */
        uint64_t moved = all ? 0 : options->direction == 0 ? value << steps : value >> steps;
        y->data[i] = bitwise_value(y->dtype, moved);
    }
}

static void run(const struct op_run *run)
{
    const struct shift_options *options = run->options;
    bitwise_run(run, options->direction == 0 ? BITWISE_LEFT : BITWISE_RIGHT);
}

static int compile(struct op_compile *compile)
{
    return bitwise_compile(compile, run);
}

static const struct op_cpu cpu = BITWISE_CPU(compile);
static const struct op_onnx onnx = {.type = "BitShift", .since = 11};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, index == 0 ? 256 : 10);
    }
}

/* The greatest number, which a double rounds to 2^64, by so many steps that its definition is exact. */
static void fill_greatest(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; i < count; i++) {
        data[i] = index == 0 ? 0x1p64 : (double)(12 + i);
    }
}

static const struct shift_options right = {1};
static const struct op_case cases[] = {
    {.name = "left", .in = {{2, {3, 5}}, {2, {3, 5}}}, .in_dtype = {FOV_U8, FOV_U8}, .in_count = 2, .fill = fill},
    {.name = "right", .options = &right, .in = {{2, {3, 5}}, {1, {5}}}, .in_dtype = {FOV_U32, FOV_U32}, .in_count = 2,
     .fill = fill},
    {.name = "left, a number for each row", .in = {{2, {5, 9}}, {2, {5, 1}}}, .in_dtype = {FOV_U16, FOV_U16},
     .in_count = 2, .fill = fill},
    {.name = "left, 64 bits", .in = {{1, {7}}, {1, {7}}}, .in_dtype = {FOV_U64, FOV_U64}, .in_count = 2, .fill = fill},
    {.name = "greatest, right", .options = &right, .in = {{1, {70}}, {1, {70}}}, .in_dtype = {FOV_U64, FOV_U64},
     .in_count = 2, .fill = fill_greatest},
    {.name = "greatest, left", .in = {{1, {70}}, {1, {70}}}, .in_dtype = {FOV_U64, FOV_U64}, .in_count = 2,
     .fill = fill_greatest},
    {0},
};

const struct op op_bit_shift = {
    .name = "bit_shift",
    .family = OP_ELEMENTWISE,
    .summary = "Bits of whole numbers moved to the left or to the right.",
    .formula = "y = a * 2^b or a / 2^b, cut to the bits there are",
    .in = binary_in,
    .out = binary_out,
    .attributes = attributes,
    .options_size = sizeof(struct shift_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
