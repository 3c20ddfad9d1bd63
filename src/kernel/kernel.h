/* SPDX-License-Identifier: MIT */
/* The contract of the micro-kernels: what each one computes, in which order it sums, what it reads and writes.
   A kernel takes raw pointers, sizes and strides; it knows no tensors, allocates nothing, starts no thread and cannot
   fail. Read next: list.inc (the list of all kernels), reference/ (each kernel as plain loops), vector/ (the fast
   versions, compiled once per instruction set). */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Rules for every kernel
   - Sizes and strides count elements, not bytes. A stride is the distance between neighbours; there may be gaps between
     rows.
   - Pointers need only the alignment of their type; 64-byte aligned buffers are faster.
   - A kernel reads and writes nothing outside its operands. Buffers need no slack behind their last element.
   - Outputs must not overlap inputs, except where a kernel is documented as "in place": then the output may be exactly
     that input.
   - Sizes may be zero where that means "nothing to do".
   - Order of summation depends on sizes alone, so results depend neither on threads nor on addresses. They may differ
     between instruction sets (some fuse the multiply-add, some do not) within the bound each kernel states.
   - In error bounds u is 2^-24. A NaN among the inputs gives NaN in the outputs that depend on it, unless stated. */

/** Elementwise functions of one argument. list.inc says for each what alpha and beta mean. */
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
    column_stride is 0 (one value per row) or 1; row_stride may be anything (0: all rows are the same row). */
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
    starting from the bias; the chain does not depend on how the rows are divided among calls. The bound is
    |error| <= 8 u sum |x w| on data of both signs. Padding reads `zeros`. rows, filters, channels and taps must be
    at least 1.

    With a workspace, an instruction set with bfloat16 tiles splits x and weights into bfloat16 terms and
    multiplies those (vector/bf16x3.h): the chains are others, still independent of how rows are divided among calls,
    and the bound is the same; infinities and numbers beyond 2^127 then give NaN. So pass a workspace to all calls of a
    product or to none.

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
    bool           separable;     /**< promise: offsets[t][r] - offsets[0][r] depends on t alone, and no offset is -1 */
    const float   *zeros;         /**< `channels` zeros; may be NULL if no offset is -1 */
    const float   *weights;       /**< packed by pack_weights: [panels][taps][channels][panel width] */
    const float *next; /**< panel of the same size that will be read after these weights, to prefetch; or NULL */
    const float   *bias;          /**< [filters] or NULL */
    const float   *residual;      /**< [rows][filters] or NULL; row r at r * residual_stride, or at out_offsets[r] */
    size_t         residual_stride;
    float         *out;         /**< row r at out + r * out_stride, or at out + out_offsets[r] if that is not NULL */
    size_t         out_stride;
    const int32_t *out_offsets; /**< [rows] or NULL */
    bool           accumulate;  /**< add the old contents of out */
    float *workspace; /**< product_workspace() floats, contents irrelevant; NULL: each sum is one chain, see above */
    enum unary     activation;  /**< any; identity, relu, leaky_relu and clip are applied in registers */
    float          alpha, beta; /**< parameters of the activation */
};

/** Outer products of packed rows: weight gradients.

        out[c][f] (+)= sum over p of x[position(p) + c] * dy[p][f],   c < channels <= tile_rows,
                                                                      f < width <= panel_columns
        position(p) = (p / run) * x_run_stride + (p % run) * x_step

    summed in order of p; a tile of few channels and filters uses two chains, one for the even p of each run and one for
    the odd. x is either packed by pack_columns with block = tile_rows (then x_step = stride * tile_rows, and a tap is
    an offset into the zero-padded packed image), or plain rows with any step. dy is packed by pack_columns with block =
    panel_columns; one panel is [runs * run][width], width = kernel_panel_width. The kernel writes whole panel rows: out
    is [channels][width], and its padding columns get the sums of dy's padding columns (zero). */
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
    /** Memory that the caller reads next, to prefetch: `ahead_lines` lines of 64 bytes from `ahead` on, at most one per
        pixel. A hint, which changes no result. */
    const float *ahead;
    size_t       ahead_lines;
};

/** Outer products of unpacked rows, many channels by many filters, on bfloat16 tiles (vector/outer_rows.h):

        out[f][c] (+)= sum over p of x[p][c] * dy[p][f],   |error| <= 8 u sum |x dy|

    in calls of up to KERNEL_OUTER_PIXELS pixels. A call splits its own pixels into bfloat16 terms while it multiplies
    the pixels of the previous call; so the last call passes no pixels, and the sums are complete only after it. As with
    a product that has a workspace, infinities give NaN. The kernel writes whole tiles: out must hold `filters` rows and
    `channels` columns, both rounded up to vector_floats, and its padding rows and columns have no meaning. Each number
    is split once, so more channels and more filters per call pay better; out_stride should not be a multiple of 4 KB.
    Calls of KERNEL_OUTER_PIXELS pixels are fastest, then multiples of 32. */
enum { KERNEL_OUTER_PIXELS = 128 };
struct kernel_outer_rows {
    size_t              block;             /**< number of this call: 0, 1, 2... */
    size_t              pixels, before;    /**< pixels of this call (0: the last call) and of the previous call */
    size_t              channels, filters; /**< at least 1; the same in all calls, as are out and workspace */
    const float *const *x;                 /**< [pixels] rows of channels; NULL: zeros */
    const float        *dy;                /**< row p at dy + p * dy_stride */
    size_t              dy_stride;
    float              *out;
    size_t              out_stride;
    bool                accumulate;        /**< add to what out held before the first call */
    float              *workspace;         /**< outer_rows_workspace() floats, kept between the calls */
};

/** One output line of a convolution with images as lanes: element i of every group of `lanes` floats belongs to image
    i, so that few channels, few filters and short lines leave no lane of a vector empty. x is
    [lines][pixels][channels][lanes]; a kernel row is one run of kernel width * channels such groups. Weights are
    [rows][run][filters], each a single float.

        sum[o][f] = sum over row, i of x[row * x_row + o * x_step + i * lanes] * weights[row * weight_row
                                                                                         + i * filters + f]
                    + bias[f]
        out[o][f] = min(max(sum, low), high), [pixels][filters][lanes]

    Each sum is one chain of multiply-adds from 0, rows outermost. With `pools`, out is the maximum of the sums over
    each block of 2 x 2 pixels (columns 2 o and 2 o + 1 of this line and of the line x_line further), and index, if it
    is not NULL, gets which of the four won, as in max_pool: the first of equal ones, NaN above all. */
struct kernel_images {
    size_t       lanes;     /**< the table's vector_floats; the reference takes any number */
    size_t       pixels;    /**< of out */
    size_t       filters;
    size_t       rows, run; /**< kernel rows, and groups of lanes in each; at least 1 */
    const float *x;
    size_t       x_row;     /**< floats from a kernel row to the next */
    size_t       x_step;    /**< floats from a pixel to the next, before pooling */
    size_t       x_line;    /**< with pools: floats to the line below */
    const float *weights;
    size_t       weight_row; /**< floats from a kernel row to the next, >= run * filters */
    const float *bias;      /**< [filters] or NULL */
    bool         pools;     /**< 2 x 2 max pooling follows, see above */
    float        low, high; /**< limits of the result; infinite: none */
    float       *out;
    int32_t     *index;     /**< [pixels][filters][lanes] or NULL */
};

/** The weight gradient of that convolution, lane by lane (images_total adds the lanes):

        sums[(row * columns + column) * channels + c][f][lane] += sum over line, o of
            x[line * x_line + row * x_row + o * x_step + (column * channels + c) * lanes + lane]
            * dy[line * dy_line + (o * filters + f) * lanes + lane]

    in one chain per lane, line by line. For speed, lines * pixels * 5 filters * lanes floats of dy should fit into half
    of the first-level cache. */
struct kernel_images_outer {
    size_t       lanes; /**< the table's vector_floats; the reference takes any number */
    size_t       lines, pixels, filters;
    size_t       rows, columns, channels; /**< kernel height, kernel width, input channels */
    const float *x;
    size_t       x_line, x_row, x_step;
    const float *dy;
    size_t       dy_line;
    float       *sums; /**< [rows][columns][channels][filters][lanes] */
};

/** Where a weight lies in unpacked weights: weight(f, c, t) = data[f * filter_stride +
    c * channel_stride + (tap_offsets ? tap_offsets[t] : t)]. Forward pass from OIHW: filter_stride = C*kh*kw,
    channel_stride = kh*kw. Input gradient: filters and channels change places, and tap_offsets lists the taps of a
    phase (of the stride) rotated by 180 degrees, that is in reverse order. */
struct kernel_weights {
    size_t         filters, channels, taps;
    size_t         filter_stride, channel_stride;
    const int32_t *tap_offsets; /**< [taps] or NULL */
};

/** Winograd's convolution (Lavin & Gray, Fast algorithms for convolutional neural networks, 2016), stride 1:

        tile of y = A^T [ sum over channels of (G w G^T) * (B^T d B) ] A

    A tile of outputs is computed from outputs + taps - 1 input pixels per axis. Tile and filter are polynomials; both
    are evaluated at as many points (by B and G), their values are multiplied and summed over channels, and A transforms
    the sums back. With n points per tile the sum over channels is n products of [tiles][channels] with
    [channels][filters]: kernel `product`, once per point. Points are 0, pairs +-p, and infinity, p as follows:

        4 points: 1        6 points: 3/4, 3/2        10 points: 1/2, 3/4, 5/4, 2

    These points lose less to rounding than the usual 1 and 2 (docs/numerics.md). With 4 points, results are exact on
    small integers. */
struct winograd_sizes {
    size_t outputs[2], taps[2], points[2]; /**< along the height, along the width */
};
struct winograd_sizes winograd_sizes(enum winograd_form form);

/** B^T d B: transforms `tiles` tiles side by side, `outputs` pixels apart, to out[point][tile][channels]. Pixels
    outside the image count as zero. Writes whole vectors: zeros behind the last channel.
    |error| <= 64 u sum |B| |d| |B|. */
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

/** G w G^T: transforms weights, read as pack_weights reads them, each filter times its factor, to
    out[point][panels][channels][width]. */
struct kernel_winograd_weights {
    enum winograd_form    form;
    struct kernel_weights shape;
    const float          *weights;
    const float          *factor; /**< [filters] or NULL */
    float                *out;
    size_t                panel;  /**< floats from panel to panel of out */
    size_t                plane;  /**< floats from point to point of out */
};

/** y = act(A^T m A + bias + residual) for tiles side by side, each of which begins inside the image; pixels of a tile
    outside the image are not written. */
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
    size_t       top, left;      /**< first pixel of the first tile, inside the image */
    enum unary   activation;
    float        alpha, beta;
};

/** Winograd's transformations with images as lanes and 2 x 2 outputs, along one axis. They are elementwise over planes
    of floats whose distance is a parameter, so that either axis of a tile can be transformed where its numbers lie.
    `axis` says how many planes are read and written; `points` is 4 or 6. */
enum winograd_axis {
    WINOGRAD_SPREAD,   /**< B^T: a tile of x; points planes -> points */
    WINOGRAD_UNSPREAD, /**< B, the transpose of spread: points -> points, added to out */
    WINOGRAD_GATHER,   /**< A^T: sums to pixels; points -> 2 */
    WINOGRAD_EVALUATE, /**< G: points - 1 taps -> points */
    WINOGRAD_COLLECT   /**< G^T: points -> points - 1 taps */
};
struct kernel_images_axis {
    enum winograd_axis axis;
    size_t       points;
    size_t       count;          /**< floats of a plane: a multiple of vector_floats */
    size_t       repeats;        /**< number of tiles */
    const float *x;
    size_t       x_step, x_repeat; /**< floats from plane to plane, from tile to tile */
    float       *out;
    size_t       out_step, out_repeat;
};

/** The second axis and the sums over channels, for lines of tiles that are already transformed along the height:
    x[row][pixel][channel][lane], where tile t begins at pixel 2 t, and y[column: 0, 1][row][tile][filter][lane],
    `y_plane` floats from column to column. With V = B^T x and D = A y along the line, for each point:

        images_tiles        y = A^T of the sum over c of V[c] * weights[c][f][point]
        images_tiles_back   x += B of the sum over f of D[f] * weights[f][c][point]
        images_tiles_outer  sums[c][f][point][lane] += sum over tiles of V[c] * D[f] */
struct kernel_images_tiles {
    size_t       lanes; /**< the table's vector_floats; the reference takes any number */
    size_t       points, rows, tiles, channels, filters; /**< `tiles` in each of `rows` rows */
    float       *x;      /**< only images_tiles_back writes it */
    size_t       x_line; /**< floats from row to row */
    float       *y;      /**< only images_tiles writes it */
    size_t       y_plane;
    const float *weights;
    float       *sums;
    bool         begins;    /**< images_tiles_outer: set the sums instead of adding to them */
    float       *workspace; /**< points * channels * lanes floats; images_tiles_outer: that for each tile */
};

/** The maximum of four planes x[tap][pixel][filter][lane], plus bias[filter]; ties and NaN as in max_pool. */
struct kernel_images_pool {
    size_t       lanes, pixels, filters;
    const float *x;
    const float *bias;      /**< [filters] or NULL */
    float        low, high; /**< limits of the result; infinite: none */
    float       *out;
    int32_t     *index;     /**< number of the plane that won, laid out as out; or NULL */
};

/** One output row of a windowed operation on channels-last data (depthwise, pooling), and its gradients.
    Output pixel o and kernel column k meet input pixel i = o * stride + k * dilation - pad. Taps whose i lies outside
    [0, width) are skipped, and so are kernel rows whose pointer is NULL. Rows are [width][channels], their pixels
    x_stride or y_stride floats apart. */
struct kernel_window {
    size_t channels;
    size_t width;                       /**< input pixels in a row */
    size_t out_width;                   /**< output pixels in a row */
    size_t kernel_height, kernel_width; /**< taps = kernel_height * kernel_width */
    size_t stride, dilation, pad;       /**< along the row; >= 1, >= 1, >= 0 (pad is that on the left) */
    size_t x_stride;                    /**< between pixels of x or dx, >= channels */
    size_t y_stride;                    /**< between pixels of y or dy, >= channels */
    /** Depthwise only: the lines of input (read_lines of them, contiguous) and of the result that the next call reads
        and writes, to prefetch while this call computes. NULL: no prefetch */
    const float *read_ahead, *write_ahead;
    size_t       read_lines;
};

/** Adam's constants for one step. The caller computes the bias corrections, 1 - beta^t, and the factors 1 - beta1 and
 *  1 - beta2 in double: 1 - 0.999 in float32 would be off by 1.3e-5 of its value. */
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

/** Optional derivative of a piecewise linear activation in a backward pass: dy counts in full where low < z <= high,
    elsewhere times slope, with z = scale[c] * (x - mean[c]) + offset[c], the activation's argument. scale NULL: no
    activation. */
struct kernel_mask {
    const float *scale, *offset;
    float        low, high, slope;
};

/** Independent chains of multiply-adds in the kernel `peak`: more than the latency of a multiply-add in cycles times
    the number that may begin in each cycle (4 x 2 today); with factor and addend they fit the sixteen registers of the
    narrowest instruction sets. */
enum { KERNEL_PEAK_CHAINS = 12 };

/** One instruction set: its tile sizes and one function per kernel of list.inc, which documents each. */
struct kernel_table {
    const char    *name; /**< "avx2" */
    enum cpu_level level;
    size_t         vector_floats; /**< floats in a register */
    size_t         tile_rows;     /**< rows of the product's register tile; channels of the outer product's */
    size_t         panel_columns; /**< filters in a panel: a multiple of vector_floats */
    bool           fused;         /**< whether a multiply-add rounds once */
#define KERNEL(result, name, parameters) result(*name) parameters;
#include "kernel/list.inc"
    unary_kernel          *unary[UNARY_COUNT];
    unary_gradient_kernel *unary_gradient[UNARY_COUNT];
    binary_kernel         *binary[BINARY_COUNT];
};

/** The table of a level, or NULL if this library was built without it. Does not check that the machine supports it. */
const struct kernel_table *kernel_table_for(enum cpu_level level);
/** The table of the widest level that both this library and this machine support. */
const struct kernel_table *kernel_table_best(void);

const char      *unary_name(enum unary function);
const char      *binary_name(enum binary function);
enum unary_reads unary_gradient_reads(enum unary function);

/** Columns of the next panel when `filters` filters remain: whole vectors, at most panel_columns. */
static inline size_t kernel_panel_width(const struct kernel_table *table, size_t filters)
{
    size_t vector = table->vector_floats;
    return filters >= table->panel_columns ? table->panel_columns : (filters + vector - 1) / vector * vector;
}

/** Columns of all panels of `filters` filters together, padding included. Packed weights take depth times as many
    floats (depth = taps * channels); panel p begins at p * depth * panel_columns. */
static inline size_t kernel_padded_filters(const struct kernel_table *table, size_t filters)
{
    size_t vector = table->vector_floats;
    return (filters + vector - 1) / vector * vector;
}

#endif
