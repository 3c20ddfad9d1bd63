/* SPDX-License-Identifier: MIT */
/* Lesson 15: convolution, with what flipping means, then by hand with bias, padding and stride. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum {
    K = 3,
    HEAD = 5,
    MOST = 8
}; /* height, width, stride, pad, bias; then the kernel; then two lists; then the picture */
enum {
    FLIPPED = 1,
    NO_PAD,
    NO_STRIDE,
    BIAS_PER_TAP,
    NO_BIAS,
    TURNED_SIDES,
    BORDER_FORGOTTEN,
    COLUMNS_FORGOTTEN,
    ROWS_FORGOTTEN,
    EDGE_REPEATED,
    BORDER_LEFT_OUT,
    LIST_NOT_FLIPPED
};
enum { LIST_A = 4, LIST_B = 3, LIST_Y = LIST_A + LIST_B - 1 };

struct geometry {
    int height, width, stride, pad, rows, columns;
};

static struct geometry geometry_of(const double *in)
{
    struct geometry g = {(int)in[0], (int)in[1], (int)in[2], (int)in[3], 0, 0};
    g.rows = (g.height + 2 * g.pad - K) / g.stride + 1;
    g.columns = (g.width + 2 * g.pad - K) / g.stride + 1;
    return g;
}

static int given(const double *in, struct part *parts)
{
    struct geometry g = geometry_of(in);
    const struct part all[] = {{"height", 1, 1}, {"width", 1, 1},  {"stride", 1, 1},
                               {"pad", 1, 1},    {"bias", 1, 1},   {"kernel", K, K},
                               {"a", 1, LIST_A}, {"b", 1, LIST_B}, {"picture", g.height, g.width}};
    memcpy(parts, all, sizeof all);
    return 9;
}

static int answered(const double *in, struct part *parts)
{
    struct geometry g = geometry_of(in);
    parts[0] = (struct part){"result", g.rows, g.columns};
    parts[1] = (struct part){"list", 1, LIST_Y};
    return 2;
}

static int draw(struct draw *d, int index, double *in)
{
    static const double picture[] = {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0},
                        kernel[] = {1, 0, 1, 0, 1, 0, 1, 0, 1}, lists[] = {1, 2, 3, 4, 1, 0, -1};
    in[0] = index == 0 ? 5 : draw_integer(d, 4, MOST);
    in[1] = index == 0 ? 5 : draw_integer(d, 4, MOST);
    in[2] = index == 0 ? 1 : 1 + index % 2;
    in[3] = index == 0 ? 0 : index % 3 == 1 ? 1 : draw_integer(d, 0, 2);
    in[4] = index == 0 ? 0 : draw_integer(d, 1, 9);
    for (int i = 0; i < K * K; i++) {
        in[HEAD + i] = index == 0 ? kernel[i] : draw_integer(d, -3, 3);
    }
    for (int i = 0; i < LIST_A + LIST_B; i++) {
        in[HEAD + K * K + i] = index == 0 ? lists[i] : draw_integer(d, -5, 5);
    }
    int from = HEAD + K * K + LIST_A + LIST_B, pixels = (int)in[0] * (int)in[1];
    for (int i = 0; i < pixels; i++) {
        in[from + i] = index == 0 ? picture[i] : draw_integer(d, 0, 9);
    }
    return from + pixels;
}

/* A pixel, 0 outside the picture. A mistake that forgets this reads what memory holds there: at the sides the end of
 * the row above or the beginning of the row below, above the picture the inputs stored before it, below it zeros. */
static double pixel(const double *picture, const struct geometry *g, int y, int x, int mistake)
{
    bool row = y >= 0 && y < g->height, column = x >= 0 && x < g->width;
    if (mistake == EDGE_REPEATED) {
        y = y < 0 ? 0 : y >= g->height ? g->height - 1 : y;
        x = x < 0 ? 0 : x >= g->width ? g->width - 1 : x;
        row = column = true;
    }
    row |= mistake == BORDER_FORGOTTEN || mistake == ROWS_FORGOTTEN;
    column |= mistake == BORDER_FORGOTTEN || mistake == COLUMNS_FORGOTTEN;
    return row && column ? picture[y * g->width + x] : 0;
}

/* Does the kernel look outside the picture for this output? */
static bool looks_outside(const struct geometry *g, int r, int c)
{
    int y = r * g->stride - g->pad, x = c * g->stride - g->pad;
    return y < 0 || y + K > g->height || x < 0 || x + K > g->width;
}

static void answer(const double *in, int mistake, double *out)
{
    struct geometry g = geometry_of(in);
    const double *kernel = in + HEAD, *a = kernel + K * K, *b = a + LIST_A, *picture = b + LIST_B;
    int pad = mistake == NO_PAD ? 0 : g.pad, stride = mistake == NO_STRIDE ? 1 : g.stride;
    for (int r = 0; r < g.rows; r++) {
        for (int c = 0; c < g.columns; c++) {
            double sum = mistake == BIAS_PER_TAP ? K * K * in[4] : mistake == NO_BIAS ? 0 : in[4];
            for (int i = 0; i < K * K; i++) {
                int u = i / K, v = i % K;
                double weight = kernel[mistake == FLIPPED ? K * K - 1 - i : mistake == TURNED_SIDES ? v * K + u : i];
                sum += weight * pixel(picture, &g, r * stride + u - pad, c * stride + v - pad, mistake);
            }
            out[r * g.columns + c] = mistake == BORDER_LEFT_OUT && looks_outside(&g, r, c) ? 0 : sum;
        }
    }
    out += g.rows * g.columns;
    for (int k = 0; k < LIST_Y; k++) {
        out[k] = 0;
        for (int i = 0; i < LIST_A; i++) {
            int j = mistake == LIST_NOT_FLIPPED ? LIST_B - 1 - (k - i) : k - i;
            out[k] += j >= 0 && j < LIST_B ? a[i] * b[j] : 0;
        }
    }
}

/* The convolution of lists, too: the engine's convolution, which does not flip, over the padded list a with b
 * reversed. */
static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    const struct geometry *geometry = with;
    fov_value sums = fov_dynamic_conv2d(g, in[0], in[1], .stride = geometry->stride, .pad = geometry->pad);
    out[0] = fov_add(g, sums, in[2]);
    out[1] = fov_dynamic_conv2d(g, in[3], in[4], .stride = 1);
    return 2;
}

static int engine(fov_context *context, const double *in, double *out)
{
    struct geometry g = geometry_of(in);
    const double *kernel = in + HEAD, *a = kernel + K * K, *b = a + LIST_A;
    double padded[LIST_A + 2 * (LIST_B - 1)] = {0}, turned[LIST_B];
    memcpy(padded + LIST_B - 1, a, LIST_A * sizeof *a);
    for (int i = 0; i < LIST_B; i++) {
        turned[i] = b[LIST_B - 1 - i];
    }
    const struct engine_input inputs[] = {{{4, {1, 1, g.height, g.width}}, b + LIST_B},
                                          {{5, {1, 1, 1, K, K}}, kernel},
                                          {{0, {0}}, in + 4},
                                          {{4, {1, 1, 1, LIST_A + 2 * (LIST_B - 1)}}, padded},
                                          {{5, {1, 1, 1, 1, LIST_B}}, turned}};
    return engine_run(context, inputs, 5, build, &g, out);
}

static void grid(struct picture *p, double left, double top, const char *const *rows, int side, int marked)
{
    for (int i = 0; i < side * side; i++) {
        char text[2] = {rows[i / side][i % side], '\0'};
        double x = left + 32 * (i % side), y = top + 32 * (i / side);
        bool inside = marked > 0 && i / side < marked && i % side < marked;
        picture_box(p, x, y, 32, 32, "#999999", inside ? "#fde3cf" : "#ffffff");
        picture_text(p, x + 16, y + 22, 0, 15, PICTURE_INK, text);
    }
}

static void picture(struct picture *p)
{
    static const char *const image[] = {"11100", "01110", "00111", "00110", "01100"},
                             *const kernel[] = {"101", "010", "101"}, *const result[] = {"434", "243", "234"};
    picture_size(p, 500, 230);
    grid(p, 20, 40, image, 5, 3);
    grid(p, 220, 72, kernel, 3, 0);
    grid(p, 370, 72, result, 3, 1);
    picture_words(p, 100, 28, 0, 13, PICTURE_INK, (struct words){"picture", "图"});
    picture_words(p, 268, 60, 0, 13, PICTURE_INK, (struct words){"kernel", "核"});
    picture_words(p, 418, 60, 0, 13, PICTURE_INK, (struct words){"result", "结果"});
    picture_text(p, 200, 125, 0, 18, PICTURE_INK, "*");
    picture_text(p, 343, 125, 0, 18, PICTURE_INK, "=");
    picture_text(p, 250, 222, 0, 12, PICTURE_ORANGE, "1*1 + 1*0 + 1*1 + 0*0 + 1*1 + 1*0 + 0*1 + 0*0 + 1*1 = 4");
}

static const struct mistake mistakes[] = {
    {"flipped",
     {"you turn the kernel round. Mathematics calls that convolution; networks slide the kernel as it is: weight "
      "[u][v] meets picture[r + u][c + v]",
      "你把核翻转了。数学上的卷积是那样；网络里核不翻转，直接滑动：权重 [u][v] 乘 picture[r + u][c + v]"},
     "kernel[u * 3 + v]",
     "kernel[(2 - u) * 3 + 2 - v]"},
    {"no-pad",
     {"pad is ignored: with a frame of pad zeros, output (0, 0) begins at row -pad: y = r * stride + u - pad",
      "忽略了 pad：外面有 pad 圈零，输出 (0, 0) 从第 -pad 行开始：y = r * stride + u - pad"},
     "int y = r * stride + u - pad, x = c * stride + v - pad;",
     "int y = r * stride + u, x = c * stride + v;"},
    {"no-stride",
     {"stride is ignored: neighbouring outputs look `stride` pixels apart: y = r * stride + u - pad",
      "忽略了 stride：相邻输出看的位置相隔 stride 个像素：y = r * stride + u - pad"},
     "int y = r * stride + u - pad, x = c * stride + v - pad;",
     "int y = r + u - pad, x = c + v - pad;"},
    {"bias-per-tap",
     {"the bias is added nine times, once per weight; it belongs to the output, once",
      "偏置加了九次，每个权重一次；它属于输出，只加一次"},
     "double sum = bias;",
     "double sum = 9 * bias;"},
    {"no-bias",
     {"the bias is missing: each output begins with it", "缺少偏置：每个输出从偏置开始"},
     "double sum = bias;",
     "double sum = 0;"},
    {"sides-exchanged",
     {"rows and columns of the kernel are exchanged: it lies row by row, weight [u][v] is kernel[u * 3 + v]",
      "核的行和列弄反了：它按行存放，权重 [u][v] 是 kernel[u * 3 + v]"},
     "kernel[u * 3 + v]",
     "kernel[v * 3 + u]"},
    {"border-forgotten",
     {"the border is forgotten: where the kernel looks outside, y or x is below 0 or too large, and y * width + x is then "
      "a number that lies elsewhere: beyond the end of a row the next row begins. Outside the picture a pixel is 0",
      "忘了边界：核看到图外时，y 或 x 小于 0 或太大，y * width + x 就落到别处的数上：一行末尾之后是下一行的开头。图外的像素"
      "是 0"},
     "                    if (y >= 0 && y < height && x >= 0 && x < width)\n",
     ""},
    {"columns-forgotten",
     {"rows outside the picture are left out, columns are not: with x = -1 you read the last pixel of the row above, with "
      "x = width the first of the row below. Outside the picture a pixel is 0",
      "图外的行排除了，图外的列没有：x = -1 时读到的是上一行的最后一个像素，x = width 时是下一行的第一个。图外的像素是 0"},
     "if (y >= 0 && y < height && x >= 0 && x < width)",
     "if (y >= 0 && y < height)"},
    {"rows-forgotten",
     {"columns outside the picture are left out, rows are not: with y = -1 or y = height you read numbers that are no "
      "pixels at all. Outside the picture a pixel is 0",
      "图外的列排除了，图外的行没有：y = -1 或 y = height 时读到的根本不是像素。图外的像素是 0"},
     "if (y >= 0 && y < height && x >= 0 && x < width)",
     "if (x >= 0 && x < width)"},
    {"edge-repeated",
     {"outside the picture you repeat its edge; pad is a frame of zeros: a pixel outside is 0",
      "图外你重复了边缘的像素；pad 是一圈零：图外的像素是 0"},
     "                    if (y >= 0 && y < height && x >= 0 && x < width)\n",
     "                    y = y < 0 ? 0 : y >= height ? height - 1 : y;\n"
     "                    x = x < 0 ? 0 : x >= width ? width - 1 : x;\n"},
    {"border-left-out",
     {"outputs whose kernel looks outside the picture are 0; only the pixels outside count as 0, the others are summed, "
      "and the bias is added",
      "核看到图外的那些输出你写成了 0；只有图外的像素算作 0，其余的照样求和，还要加偏置"},
     "result[r * columns + c] = sum;",
     "int top = r * stride - pad, left = c * stride - pad;\n"
     "            result[r * columns + c] =\n"
     "                top < 0 || top + 3 > height || left < 0 || left + 3 > width ? 0 : sum;"},
    {"list-not-flipped",
     {"in the list, b is not turned round: the mathematical convolution pairs a[i] with b[k - i], so one index rises "
      "while the other falls",
      "列表里的 b 没有翻转：数学卷积把 a[i] 和 b[k - i] 配对，一个下标升，另一个降"},
     "y[k] += a[i] * b[k - i];",
     "y[k] += a[i] * b[m - 1 - (k - i)];"},
    {.name = NULL},
};

const struct lesson lesson_convolution = {
    .number = 15,
    .name = "convolution",
    .title = {"Convolution: turned round, and not", "卷积：翻转与不翻转"},
    .text = {"Convolution came long before networks. Drop a stone into a pond at every moment\n"
             "t with strength a(t), and let b(s) be the wave that one stone leaves after time\n"
             "s. What you see at time k is the sum of all waves: continuous, then discrete,\n"
             "\n"
             "    (a * b)(k) = integral of a(t) b(k - t) dt\n"
             "    y[k]       = sum over i of a[i] b[k - i]\n"
             "\n"
             "b runs backwards against a: that is the flip. By hand: a = (1, 2, 3, 4) and b =\n"
             "(1, 0, -1) give (1, 2, 2, 2, -3, -4). Every i and k - i inside the lists counts.\n"
             "\n"
             "Networks slide a kernel over a picture and do NOT turn it round (mathematics\n"
             "calls that cross-correlation; as the kernel is learned, nobody minds):\n"
             "\n"
             "    1 1 1 0 0\n"
             "    0 1 1 1 0      1 0 1      4 3 4\n"
             "    0 0 1 1 1  *   0 1 0  =   2 4 3\n"
             "    0 0 1 1 0      1 0 1      2 3 4\n"
             "    0 1 1 0 0\n"
             "\n"
             "The 4 at the top left: 1*1 + 1*0 + 1*1 + 0*0 + 1*1 + 1*0 + 0*1 + 0*0 + 1*1. Then\n"
             "the kernel moves one pixel on. Three more numbers:\n"
             "\n"
             "    bias     is added once to every output\n"
             "    pad      rows and columns of zeros around: the result stays large\n"
             "    stride   how many pixels the kernel moves on: 2 halves the result\n"
             "\n"
             "    result[r][c] = bias + sum over u, v of\n"
             "        kernel[u][v] * picture[r*stride + u - pad][c*stride + v - pad]\n"
             "\n"
             "Your task: the convolution of two lists as mathematics has it (flipped), and\n"
             "that of a picture as networks have it (not flipped). Arrays lie row by row.",
             "卷积比网络早得多。每一时刻 t 向池塘投一块强度为 a(t) 的石头，b(s) 是一块石头在时\n"
             "间 s 之后留下的波。时刻 k 看到的是所有波之和，先写连续的形式，再写离散的：\n"
             "\n"
             "    (a * b)(k) = 对 t 积分 a(t) b(k - t) dt\n"
             "    y[k]       = 对 i 求和 a[i] b[k - i]\n"
             "\n"
             "b 与 a 反向而行：这就是“翻转”。手算：a = (1, 2, 3, 4)，b = (1, 0, -1)，得到\n"
             "(1, 2, 2, 2, -3, -4)。只要 i 和 k - i 都在列表内就算上。\n"
             "\n"
             "网络让核在图上滑动，“不”翻转（数学上叫互相关；核是学出来的，翻不翻没有人在意）：\n"
             "\n"
             "    1 1 1 0 0\n"
             "    0 1 1 1 0      1 0 1      4 3 4\n"
             "    0 0 1 1 1  *   0 1 0  =   2 4 3\n"
             "    0 0 1 1 0      1 0 1      2 3 4\n"
             "    0 1 1 0 0\n"
             "\n"
             "左上角的 4：1*1 + 1*0 + 1*1 + 0*0 + 1*1 + 1*0 + 0*1 + 0*0 + 1*1。然后核移动一个\n"
             "像素。还有三个数：\n"
             "\n"
             "    bias     偏置，每个输出加一次\n"
             "    pad      填充，图外面的几圈零：结果不会变小\n"
             "    stride   步幅，核一次移动几个像素：2 使结果减半\n"
             "\n"
             "    result[r][c] = bias + 对 u、v 求和\n"
             "        kernel[u][v] * picture[r*stride + u - pad][c*stride + v - pad]\n"
             "\n"
             "任务：数学上两个列表的卷积（翻转），以及网络里图的卷积（不翻转）。数组按行存放。"},
    .brief = {"convolve_lists: y[k] = sum of a[i] * b[k - i]; a has n numbers, b has m, y has n + m - 1.\n"
              "convolve: a picture [height][width] with a kernel [3][3], zeros outside; result [rows][columns].",
              "convolve_lists：y[k] = a[i] * b[k - i] 之和；a 有 n 个数，b 有 m 个，y 有 n + m - 1 个。\n"
              "convolve：图 [height][width] 与核 [3][3]，图外为零；result 为 [rows][columns]。"},
    .stub = "void convolve_lists(const double *a, int n, const double *b, int m, double *y)\n{\n"
            "    for (int k = 0; k < n + m - 1; k++) y[k] = 0;\n}\n\n"
            "void convolve(const double *picture, int height, int width, const double *kernel, double bias, int pad, "
            "int stride,\n"
            "              double *result, int rows, int columns)\n{\n"
            "    for (int i = 0; i < rows * columns; i++) result[i] = 0;\n}\n",
    .solution = "void convolve_lists(const double *a, int n, const double *b, int m, double *y)\n{\n"
                "    for (int k = 0; k < n + m - 1; k++) {\n"
                "        y[k] = 0;\n"
                "        for (int i = 0; i < n; i++)\n"
                "            if (k - i >= 0 && k - i < m) y[k] += a[i] * b[k - i];\n"
                "    }\n}\n\n"
                "void convolve(const double *picture, int height, int width, const double *kernel, double bias, int "
                "pad, int stride,\n"
                "              double *result, int rows, int columns)\n{\n"
                "    for (int r = 0; r < rows; r++)\n"
                "        for (int c = 0; c < columns; c++) {\n"
                "            double sum = bias;\n"
                "            for (int u = 0; u < 3; u++)\n"
                "                for (int v = 0; v < 3; v++) {\n"
                "                    int y = r * stride + u - pad, x = c * stride + v - pad;\n"
                "                    if (y >= 0 && y < height && x >= 0 && x < width)\n"
                "                        sum += kernel[u * 3 + v] * picture[y * width + x];\n"
                "                }\n"
                "            result[r * columns + c] = sum;\n"
                "        }\n}\n",
    .call = "    int height = (int)in[0], width = (int)in[1], stride = (int)in[2], pad = (int)in[3];\n"
            "    int rows = (height + 2 * pad - 3) / stride + 1, columns = (width + 2 * pad - 3) / stride + 1;\n"
            "    convolve(in + 21, height, width, in + 5, in[4], pad, stride, out, rows, columns);\n"
            "    convolve_lists(in + 14, 4, in + 18, 3, out + rows * columns);",
    .hints = {{"Four loops: row and column of the result, row and column of the kernel.",
               "四重循环：结果的行和列，核的行和列。"},
              {"The pixel is at y = r * stride + u - pad, x = c * stride + v - pad; outside the picture it is 0, so "
               "skip it.",
               "像素在 y = r * stride + u - pad，x = c * stride + v - pad；图外为 0，跳过即可。"},
              {"sum += kernel[u * 3 + v] * picture[y * width + x], beginning with sum = bias.",
               "sum += kernel[u * 3 + v] * picture[y * width + x]，sum 从 bias 开始。"}},
    .after = {"This loop is the definition that fovea's fast convolutions are tested against (src/op/conv/conv.c).",
              "这段循环就是 fovea 的快速卷积在测试中所对照的定义（src/op/conv/conv.c）。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
