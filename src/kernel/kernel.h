/* SPDX-License-Identifier: MIT */
/* The contract of the micro-kernels: what each one computes, in which order it sums, what it reads and writes.
   A kernel knows raw pointers, sizes and strides; it knows no tensors, allocates nothing, wakes no thread, cannot fail.
   Next: list.inc (the one list), reference/ (each kernel as plain loops), vector/ (the same, once per instruction
   set). */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Rules for every kernel
   - Sizes and strides count elements, not bytes. A stride is the distance between neighbours; rows may be apart.
   - Pointers need only the alignment of their type; 64-byte aligned buffers are faster.
   - Nothing outside the elements a kernel is told of is read or written. No slack is needed behind a buffer.
   - Outputs must not overlap inputs, except where "in place" is said: then an output may be exactly that input.
   - Sizes may be zero where that means "nothing to do".
   - Order of summation depends on sizes alone, so results depend neither on threads nor on addresses. They may differ
     between instruction sets (some fuse the multiply-add, some do not) within the bound each kernel states.
   - u is 2^-24. NaN in gives NaN out unless stated. */

/** Elementwise functions of one argument. What alpha and beta mean is in list.inc beside each. */
enum unary {
#define UNARY(name, reads, formula, derivative) UNARY_##name,
#include "kernel/list.inc"
    UNARY_COUNT
};

/** Elementwise functions of two arguments. */
enum binary {
#define BINARY(name, formula) BINARY_##name,
#include "kernel/list.inc"
    BINARY_COUNT
};

/** Forms of Winograd's convolution. */
enum winograd_form {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) WINOGRAD_##name,
#include "kernel/list.inc"
    WINOGRAD_COUNT
};

/** Which of the forward pass's tensors the gradient of an elementwise function reads; the other may be NULL. */
enum unary_reads {
    READS_NOTHING, /**< the derivative is a constant */
    READS_X,       /**< the argument */
    READS_Y        /**< the result: the argument need not be kept */
};

/** y[i] = f(x[i]); in place allowed. Error bounds: list.inc. */
typedef void unary_kernel(size_t n, const float *x, float *y, float alpha, float beta);

/** dx[i] = dy[i] f'(x[i]); in place allowed (dx may be dy, x or y). x or y may be NULL as unary_gradient_reads says. */
typedef void unary_gradient_kernel(size_t n, const float *x, const float *y, const float *dy, float *dx, float alpha,
                                   float beta);

/** A matrix operand of a binary map: element (r, c) lies at data[r * row_stride + c * column_stride].
    column_stride is 0 (one value per row) or 1; row_stride is anything (0: the same row again). */
struct kernel_operand {
    const float *data;
    size_t       row_stride;
    size_t       column_stride;
};

/** y[r][c] = f(a(r, c), b(r, c)). Vector with vector: one row. Vector with scalar: column_stride 0. A bias along the
    last axis: row_stride 0. In place allowed where the operand's layout is y's. */
typedef void binary_kernel(size_t rows, size_t columns, struct kernel_operand a, struct kernel_operand b, float *y,
                           size_t y_stride);

/** Implicit matrix product: convolution, input gradient, dense.

        out[r][f] = act( bias[f] + sum over t, c of x[offsets[t][r] + c] * weight(f, t, c)  (+ out[r][f])
                         + residual[r][f] )

    Each sum is one chain of multiply-adds (fused where the instruction set fuses), taps outermost, then channels,
    starting from the bias; it is the same chain however rows are cut into calls. The bound is |error| <= 8 u sum |x w|
   on data of both signs. Padding reads `zeros`. Any rows >= 1, filters >= 1, channels >= 1, taps >= 1.

    With `room`, an instruction set with tiles of bfloat16 multiplies pieces of x and of the weights (vector/pieces.h):
   other chains, still the same ones however rows are cut, and the same bound; infinite numbers and those beyond 2^127
   then give NaN. So give room to all calls of a product or to none.

    A layer with few input channels: copy the input into a zero-padded buffer and pass each kernel row as one tap
    with channels = kernel_width * C (rows of x then overlap, which is fine). The packed weights are the same.
    Groups: one call per group, x, out, bias, residual advanced to its channels.

    For speed: let the rows of one call be a multiple of tile_rows, 16 to 64 tiles, and give all filters in one call. */
struct kernel_product {
    size_t         rows;     /**< output pixels */
    size_t         filters;  /**< output columns; only these are written */
    size_t         taps;     /**< rows of x that make one row of the product */
    size_t         channels; /**< contiguous floats per tap */
    const float   *x;
    size_t         x_stride;      /**< used when offsets is NULL: row r at x + r * x_stride, and taps must be 1 */
    const int32_t *offsets;       /**< [taps][rows, offset_stride apart] elements from x; -1: the row of zeros */
    size_t         offset_stride; /**< from one tap's offsets to the next's, >= rows */
    bool           separable;     /**< promises that offsets[t][r] - offsets[0][r] depends on t alone, and none is -1 */
    const float   *zeros;         /**< `channels` zeros; may be NULL if no offset is -1 */
    const float   *weights;       /**< packed by pack_weights: [panels][taps][channels][panel width] */
    const float *next; /**< as large a panel that will be read after these weights, to be brought nearer; or NULL */
    const float   *bias;          /**< [filters] or NULL */
    const float   *residual;      /**< [rows][filters] or NULL; row r at r * residual_stride, or at out_offsets[r] */
    size_t         residual_stride;
    float         *out;         /**< row r at out + r * out_stride, or at out + out_offsets[r] if that is not NULL */
    size_t         out_stride;
    const int32_t *out_offsets; /**< [rows] or NULL */
    bool           accumulate;  /**< add what out held */
    float *room; /**< of product_room floats, any contents; NULL: sums are single chains, as said above */
    enum unary     activation;  /**< any; identity, relu, leaky_relu and clip stay in registers */
    float          alpha, beta; /**< of the activation */
};

/** Outer products of packed rows: weight gradients.

        out[c][f] (+)= sum over p of x[position(p) + c] * dy[p][f],   c < channels <= tile_rows, f < filters <=
   panel_columns position(p) = (p / run) * x_run_stride + (p % run) * x_step

    summed in order of p; with few channels and filters in two chains, the even p of each run and the odd. x is either
    packed by pack_columns with block = tile_rows (x_step = stride * tile_rows, a tap is
    an offset into the zero-padded packed image), or plain rows with any step. dy is packed by pack_columns with block =
    panel_columns; one panel is [runs * run][width], width = kernel_panel_width. Writes whole panel rows: out is
    [channels][width], its padding columns get the sums of dy's padding columns (zero). */
struct kernel_outer {
    size_t       runs, run;    /**< pixels: `runs` rows of `run` */
    size_t       channels;     /**< 1 .. tile_rows */
    size_t       width;        /**< of the panel: a multiple of vector_floats, at most panel_columns */
    const float *x;
    size_t       x_step, x_run_stride;
    const float *dy;
    float       *out;        /**< [channels][out_stride >= width] */
    size_t       out_stride;
    bool         accumulate; /**< add to out rather than replace it */
    /** What is read next, to be brought nearer meanwhile: lines of 64 bytes, at most one per pixel. A wish, which
        changes no result. */
    const float *ahead;
    size_t       ahead_lines;
};

/** Outer products of rows as they lie, many channels by many filters, where there are tiles (vector/outer_rows.h):

        out[f][c] (+)= sum over p of x[p][c] * dy[p][f],   |error| <= 8 u sum |x dy|

    in calls of up to KERNEL_OUTER_PIXELS pixels. A call prepares its own pixels while it multiplies those of the call
   before, so the last one has no pixels, and only after it the sums are there. As with a product that is given room,
   infinite numbers give NaN. Whole tiles are written: out has `filters` and `channels` rounded up to vector_floats, and
   what lies behind filters and channels in it has no meaning. Each number is prepared once, so the more of both sides,
   the better; out_stride should not be a multiple of 4 KB. Whole calls are fastest, then multiples of 32. */
enum { KERNEL_OUTER_PIXELS = 128 };
struct kernel_outer_rows {
    size_t              block;             /**< 0, 1, 2...: which call this is */
    size_t              pixels, before;    /**< of this call (0: it is the last), and of the one before */
    size_t              channels, filters; /**< at least 1; the same in all calls, as are out and room */
    const float *const *x;                 /**< [pixels] rows of channels; NULL: zeros */
    const float        *dy;                /**< row p at dy + p * dy_stride */
    size_t              dy_stride;
    float              *out;
    size_t              out_stride;
    bool                accumulate;        /**< add to what out held before the first call */
    float              *room;              /**< of outer_rows_room floats */
};

/** A line of a convolution with images side by side: element i of every group of `lanes` floats belongs to image i, so
   few channels, few filters and short lines cost no lanes. x is [lines][pixels][channels][lanes]; a kernel row is one
   run of kernel width * channels such groups. Weights are [rows][run][filters], each a plain float.

        sum[o][f] = sum over row, i of x[row * x_row + o * x_step + i * lanes] * weights[row * weight_row + i * filters
   + f]
                    + bias[f]
        out[o][f] = min(max(sum, low), high), [pixels][filters][lanes]

    Each sum is one chain of multiply-adds from 0, rows outermost. With `pools`, out is the greatest sum of each block
   of 2 x 2 pixels (columns 2 o and 2 o + 1 of this line and of the one x_line further), and index, if it is not NULL,
   gets which of the four won as max_pool's does: the first of equals, NaN above all. */
struct kernel_images {
    size_t       lanes;     /**< the table's vector_floats; the reference takes any number */
    size_t       pixels;    /**< of out */
    size_t       filters;
    size_t       rows, run; /**< kernel rows, groups of lanes in each; at least 1 */
    const float *x;
    size_t       x_row;     /**< floats from a kernel row to the next */
    size_t       x_step;    /**< floats from a pixel to the next, before pooling */
    size_t       x_line;    /**< pools: floats to the line below */
    const float *weights;
    size_t       weight_row; /**< floats from a kernel row to the next, >= run * filters */
    const float *bias;      /**< [filters] or NULL */
    bool         pools;
    float        low, high; /**< limits of the result; infinite: none */
    float       *out;
    int32_t     *index;     /**< [pixels][filters][lanes] or NULL */
};

/** Its weight gradient, lane by lane (images_total adds the lanes):

        sums[(row * columns + column) * channels + c][f][lane] += sum over line, o of
            x[line * x_line + row * x_row + o * x_step + (column * channels + c) * lanes + lane]
            * dy[line * dy_line + (o * filters + f) * lanes + lane]

    in one chain per lane, line by line. For speed: lines * pixels * 5 filters * lanes floats of dy fit half of the
   first-level cache. */
struct kernel_images_outer {
    size_t       lanes; /**< as above */
    size_t       lines, pixels, filters;
    size_t       rows, columns, channels; /**< of the weight */
    const float *x;
    size_t       x_line, x_row, x_step;
    const float *dy;
    size_t       dy_line;
    float       *sums; /**< [rows][columns][channels][filters][lanes] */
};

/** How weights of any order are read when they are packed: weight(f, c, t) = data[f * filter_stride +
    c * channel_stride + (tap_offsets ? tap_offsets[t] : t)]. Forward from OIHW: filter_stride = C*kh*kw, channel_stride
   = kh*kw. Input gradient: filters and channels change places, and tap_offsets lists the phase's taps in rotated
   order. */
struct kernel_weights {
    size_t         filters, channels, taps;
    size_t         filter_stride, channel_stride;
    const int32_t *tap_offsets; /**< [taps] or NULL */
};

/** Winograd's convolution (Lavin & Gray, Fast algorithms for convolutional neural networks, 2016), stride 1:

        tile of y = A^T [ sum over channels of (G w G^T) * (B^T d B) ] A

    A tile of outputs comes from outputs + taps - 1 input pixels per axis. Tile and filter are polynomials; both are
   evaluated at as many points (G, B), the product of values is summed over channels, and A goes back. With n points per
   tile the sum over channels is n products of [tiles][channels] with [channels][filters]: kernel `product`, once per
   point. Points are 0, pairs +-p, and infinity, p as follows:

        4 points: 1        6 points: 3/4, 3/2        10 points: 1/2, 3/4, 5/4, 2

    These round less than the usual 1 and 2 (docs/numerics.md). With 4 points all is exact on small integers. */
struct winograd_sizes {
    size_t outputs[2], taps[2], points[2]; /**< along the height, along the width */
};
struct winograd_sizes winograd_sizes(enum winograd_form form);

/** B^T d B: `tiles` tiles side by side, `outputs` pixels apart, to out[point][tile][channels]. What lies outside the
    image is zero. Whole vectors are written: zeros behind the last channel. |error| <= 64 u sum |B| |d| |B|. */
struct kernel_winograd_input {
    enum winograd_form form;
    size_t       channels, tiles;
    const float *x;             /**< [height][width][channels]: an image */
    size_t       height, width; /**< pixels */
    size_t       line, pixel;   /**< strides of x, floats */
    ptrdiff_t    top, left;     /**< pixel at which the first tile of the input begins; may lie outside */
    float       *out;
    size_t       stride, plane; /**< of out: from tile to tile (a multiple of vector_floats), from point to point */
};

/** G w G^T of weights read as by pack_weights, each filter times its factor, to out[point][panels][channels][width]. */
struct kernel_winograd_weights {
    enum winograd_form    form;
    struct kernel_weights shape;
    const float          *weights;
    const float          *factor; /**< [filters] or NULL */
    float                *out;
    size_t                panel;  /**< floats from panel to panel of out */
    size_t                plane;  /**< floats from point to point of out */
};

/** y = act(A^T m A + bias + residual) of tiles side by side; pixels outside the image are not written. */
struct kernel_winograd_output {
    enum winograd_form form;
    size_t       filters, tiles;
    const float *sums;           /**< m [point][tile][filters]; whole vectors are read */
    size_t       stride, plane;  /**< of m: a multiple of vector_floats; floats from point to point */
    const float *bias;           /**< [filters] or NULL */
    const float *residual;       /**< an image like y's, or NULL */
    size_t       residual_line, residual_pixel;
    float       *y;              /**< [height][width][filters]: an image */
    size_t       height, width;  /**< pixels */
    size_t       line, pixel;    /**< strides of y, floats */
    size_t       top, left;      /**< first pixel of the first tile; inside */
    enum unary   activation;
    float        alpha, beta;
};

/** Winograd's way with images as lanes and 2 x 2 outputs, one axis at a time: elementwise over planes of floats, so
   that an axis is done wherever its numbers lie. From and to as many planes as `axis` says, the others of `points` (4
   or 6). */
enum winograd_axis {
    WINOGRAD_SPREAD,   /**< B^T: a tile of x, points -> points */
    WINOGRAD_UNSPREAD, /**< B: back, points -> points, added to what is there */
    WINOGRAD_GATHER,   /**< A^T: points -> 2 */
    WINOGRAD_EVALUATE, /**< G: points - 1 taps -> points */
    WINOGRAD_COLLECT   /**< G^T: points -> points - 1 taps */
};
struct kernel_images_axis {
    enum winograd_axis axis;
    size_t       points;
    size_t       count;          /**< floats of a plane: a multiple of vector_floats */
    size_t       repeats;        /**< tiles, one after the other */
    const float *x;
    size_t       x_step, x_repeat; /**< floats from plane to plane, from tile to tile */
    float       *out;
    size_t       out_step, out_repeat;
};

/** The other axis, and the sums, for lines of tiles whose numbers have one axis done: x[row][pixel][channel][lane],
   where tile t begins at pixel 2 t, and y[column: 0, 1][row][tile][filter][lane], `y_plane` floats from column to
   column. With V = B^T x and D = A y along the line, for each point:

        images_tiles        y = A^T of the sum over c of V[c] * weights[c][f][point]
        images_tiles_back   x += B of the sum over f of D[f] * weights[f][c][point]
        images_tiles_outer  sums[c][f][point][lane] += sum over tiles of V[c] * D[f] */
struct kernel_images_tiles {
    size_t       lanes; /**< the table's vector_floats; the reference takes any number */
    size_t       points, rows, tiles, channels, filters;
    float       *x;      /**< only images_tiles_back writes it */
    size_t       x_line; /**< floats from row to row */
    float       *y;      /**< only images_tiles writes it */
    size_t       y_plane;
    const float *weights;
    float       *sums;
    bool         begins; /**< outer: sums are set, not added to */
    float       *room;   /**< images_tiles: points * channels * lanes floats; outer: so many for each tile */
};

/** The greatest of four planes plus bias[filter], as max_pool has it: x[tap][pixel][filter][lane]. */
struct kernel_images_pool {
    size_t       lanes, pixels, filters;
    const float *x;
    const float *bias;      /**< [filters] or NULL */
    float        low, high; /**< limits of the result; infinite: none */
    float       *out;
    int32_t     *index;     /**< as out, or NULL: which of the four */
};

/** One output row of a windowed operation on channels-last data (depthwise, pooling), and its gradients.
    Output pixel o and tap k of the window meet input pixel i = o * stride + k * dilation - pad; taps outside [0, width)
    are skipped, so is a kernel row whose pointer is NULL. Rows are [width][channels, pixel stride apart]. */
struct kernel_window {
    size_t channels;
    size_t width;                       /**< input pixels in a row */
    size_t out_width;                   /**< output pixels in a row */
    size_t kernel_height, kernel_width; /**< taps = kernel_height * kernel_width */
    size_t stride, dilation, pad;       /**< along the row; >= 1, >= 1, >= 0 (left) */
    size_t x_stride;                    /**< between pixels of x or dx, >= channels */
    size_t y_stride;                    /**< between pixels of y or dy, >= channels */
    /** Depthwise only. Lines that will be read (as x, so many of them one behind the other) and written (as the result)
        next: brought nearer while this one is computed. NULL: none */
    const float *read_ahead, *write_ahead;
    size_t       read_lines;
};

/** Adam's constants for one step; bias corrections are 1 - beta^t, computed by the caller in double, and so are the
 *  shares of the new: 1 - 0.999 in float32 would be 1.3e-5 off. */
struct kernel_adam {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float bias_correction1, bias_correction2;
    float share1, share2; /**< 1 - beta1, 1 - beta2 */
    bool  decoupled; /**< AdamW: w *= 1 - lr * weight_decay; otherwise g += weight_decay * w */
};

struct kernel_sgd {
    float learning_rate, momentum, dampening, weight_decay;
    bool  nesterov;
    bool  first_step; /**< the momentum buffer is set to the gradient rather than blended */
};

/** Optional activation in a backward pass, made of straight pieces: dy counts whole where low < z <= high, else times
    slope, with z = scale[c] * (x - mean[c]) + offset[c], what the activation saw. scale NULL: no activation. */
struct kernel_mask {
    const float *scale, *offset;
    float        low, high, slope;
};

/** Independent chains of multiply-adds in the kernel `peak`: more than a multiply-add takes cycles times how many may
   begin in each (4 x 2 today), and with factor and addend they fit the sixteen registers of the narrowest sets. */
enum { KERNEL_PEAK_CHAINS = 12 };

/** Everything an instruction set offers: its tile and one function per kernel of list.inc (which documents each). */
struct kernel_table {
    const char    *name; /**< "avx2" */
    enum cpu_level level;
    size_t         vector_floats; /**< floats in a register */
    size_t         tile_rows;     /**< rows of the product's register tile; channels of the outer product's */
    size_t         panel_columns; /**< filters in a panel: a multiple of vector_floats */
    bool           fused;         /**< multiply-adds round once */
#define KERNEL(result, name, parameters) result(*name) parameters;
#include "kernel/list.inc"
    unary_kernel          *unary[UNARY_COUNT];
    unary_gradient_kernel *unary_gradient[UNARY_COUNT];
    binary_kernel         *binary[BINARY_COUNT];
};

/** The table of a level, or NULL if this library was built without it. Does not ask what the machine has. */
const struct kernel_table *kernel_table_for(enum cpu_level level);
/** The table of the widest level that both this library and this machine have. */
const struct kernel_table *kernel_table_best(void);

const char      *unary_name(enum unary function);
const char      *binary_name(enum binary function);
enum unary_reads unary_gradient_reads(enum unary function);

/** Columns of the panel that holds `filters` remaining filters: whole vectors, at most panel_columns. */
static inline size_t kernel_panel_width(const struct kernel_table *table, size_t filters)
{
    size_t vector = table->vector_floats;
    return filters >= table->panel_columns ? table->panel_columns : (filters + vector - 1) / vector * vector;
}

/** Columns of all panels of `filters` filters, padding included. Packed weights take depth * this many floats
    (depth = taps * channels); panel p begins at p * depth * panel_columns. */
static inline size_t kernel_padded_filters(const struct kernel_table *table, size_t filters)
{
    size_t vector = table->vector_floats;
    return (filters + vector - 1) / vector * vector;
}

#endif
