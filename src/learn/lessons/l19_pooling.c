/* SPDX-License-Identifier: MIT */
/* Lesson 19: pooling, and the ways back up: nearest, bilinear, transposed convolution, unpooling. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 4, SMALL = 2, PIXELS = SIDE * SIDE, K = 3, GROWN = (SMALL - 1) * 2 + K };
enum { FROM_ZERO = 1, SUMMED, CORNERS, OVERWRITTEN, SPREAD, LAST_WINS };

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"x", SIDE, SIDE};
    parts[1] = (struct part){"small", SMALL, SMALL};
    parts[2] = (struct part){"kernel", K, K};
    return 3;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"max_pool", SMALL, SMALL}, {"mean_pool", SMALL, SMALL},  {"nearest", SIDE, SIDE},
                               {"bilinear", SIDE, SIDE},   {"transposed", GROWN, GROWN}, {"unpool", SIDE, SIDE}};
    memcpy(parts, all, sizeof all);
    return 6;
}

static int draw(struct draw *d, int index, double *in)
{
    static const double text[] = {1, 3, 2, 0, 4, 2, 1, 1, 0, 0, 5, 6, 1, 2, 7,
                                  8, 1, 2, 3, 4, 1, 0, 0, 0, 2, 0, 0, 0, 1};
    for (int i = 0; i < PIXELS + 4 + K * K; i++) {
        in[i] = index == 0 ? text[i] : draw_integer(d, -9, i < PIXELS && index % 2 ? -1 : 9);
    }
    for (int w = 0; w < 4 && index == 2; w++) { /* windows with two equal maxima: the first one counts */
        int corner = w / 2 * 2 * SIDE + w % 2 * 2;
        in[corner] = in[corner + SIDE + 1] = 9;
    }
    return PIXELS + 4 + K * K;
}

static double between(const double *small, double y, double x)
{
    y = fmin(fmax(y, 0), SMALL - 1), x = fmin(fmax(x, 0), SMALL - 1);
    int top = y >= 1 ? 0 : (int)y, left = x >= 1 ? 0 : (int)x;
    double down = y - top, across = x - left;
    const double *p = small + top * SMALL + left;
    return (1 - down) * ((1 - across) * p[0] + across * p[1]) +
           down * ((1 - across) * p[SMALL] + across * p[SMALL + 1]);
}

static void answer(const double *in, int mistake, double *out)
{
    const double *small = in + PIXELS, *kernel = small + 4;
    double *mean = out + 4, *nearest = mean + 4, *bilinear = nearest + PIXELS, *transposed = bilinear + PIXELS,
           *unpool = transposed + GROWN * GROWN;
    memset(transposed, 0, GROWN * GROWN * sizeof *transposed);
    memset(unpool, 0, PIXELS * sizeof *unpool);
    for (int w = 0; w < 4; w++) {
        int corner = w / 2 * 2 * SIDE + w % 2 * 2, best = corner;
        const int window[] = {corner, corner + 1, corner + SIDE, corner + SIDE + 1};
        double sum = 0;
        for (int i = 0; i < 4; i++) {
            best = in[window[i]] > in[best] || (mistake == LAST_WINS && in[window[i]] == in[best]) ? window[i] : best;
            sum += in[window[i]];
        }
        out[w] = mistake == FROM_ZERO ? fmax(in[best], 0) : in[best];
        mean[w] = mistake == SUMMED ? sum : sum / 4;
        for (int i = 0; i < 4; i++) {
            unpool[window[i]] = window[i] == best || mistake == SPREAD ? small[w] : 0;
        }
        for (int t = 0; t < K * K; t++) {
            double *to = &transposed[(w / 2 * 2 + t / K) * GROWN + w % 2 * 2 + t % K], value = small[w] * kernel[t];
            *to = mistake == OVERWRITTEN ? value : *to + value;
        }
    }
    for (int i = 0; i < PIXELS; i++) {
        int r = i / SIDE, c = i % SIDE;
        nearest[i] = small[r / 2 * SMALL + c / 2];
        bilinear[i] = mistake == CORNERS ? between(small, r / 3.0, c / 3.0)
                                         : between(small, (r + 0.5) / 2 - 0.5, (c + 0.5) / 2 - 0.5);
    }
}

/* ---- the engine: all of it is operators; unpooling takes its places from our own answer ------------------------------ */

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    const double *kernel = with;
    out[0] = fov_max_pool2d(g, in[0], .kernel = 2);
    out[1] = fov_avg_pool2d(g, in[0], .kernel = 2);
    out[2] = fov_resize2d(g, in[1], .scale = 2);
    out[3] = fov_resize2d(g, in[1], .scale = 2, .mode = FOV_RESIZE_LINEAR);
    float weights[K * K];
    for (int i = 0; i < K * K; i++) {
        weights[i] = (float)kernel[i];
    }
    out[4] = fov_conv_transpose2d(g, in[1], .filters = 1, .kernel = K, .stride = 2, .no_bias = true, .name = "up");
    if (fov_parameter_set(g, fov_find(g, "up.weight"), weights, sizeof weights)) {
        return -1;
    }
    out[5] = fov_mul(g, fov_resize2d(g, in[1], .scale = 2), in[2]);
    return 6;
}

static int engine(fov_context *context, const double *in, double *out)
{
    double answers[4 + 4 + 2 * PIXELS + GROWN * GROWN + PIXELS], places[PIXELS], ones[PIXELS + 4 + K * K];
    memcpy(ones, in, sizeof ones);
    for (int i = 0; i < 4; i++) {
        ones[PIXELS + i] = 1; /* unpooling ones marks the places of the maxima */
    }
    answer(ones, 0, answers);
    memcpy(places, answers + 8 + 2 * PIXELS + GROWN * GROWN, sizeof places);
    const struct engine_input inputs[] = {
        {{4, {1, 1, SIDE, SIDE}}, in}, {{4, {1, 1, SMALL, SMALL}}, in + PIXELS}, {{4, {1, 1, SIDE, SIDE}}, places}};
    return engine_run(context, inputs, 3, build, in + PIXELS + 4, out);
}

static const struct mistake mistakes[] = {
    {"from-zero",
     {"your maximum begins at 0, so a window of negative numbers gives 0: begin with its first number",
      "你的最大值从 0 开始，全是负数的窗口就成了 0：应从窗口的第一个数开始"},
     "double best = x[at];\n            double sum",
     "double best = 0;\n            double sum"},
    {"summed",
     {"your mean_pool is four times the right one: divide by the pixels of the window",
      "你的 mean_pool 是正确值的四倍：要除以窗口的像素数"},
     "mean_pool[r * 2 + c] = sum / 4;",
     "mean_pool[r * 2 + c] = sum;"},
    {"corners",
     {"your bilinear puts the corner pixels' centres on each other (align_corners). Pixels are squares: centre r + 1/2 "
      "of the large picture lies at (r + 1/2) / 2 of the small one",
      "你的双线性让角上像素的中心重合（align_corners）。像素是方块：大图的中心 r + 1/2 在小图的 (r + 1/2) / 2 处"},
     "double y = (r + 0.5) / 2 - 0.5, xx = (c + 0.5) / 2 - 0.5;",
     "double y = r / 3.0, xx = c / 3.0;"},
    {"overwritten",
     {"where two kernels overlap, the later one overwrote the earlier: the transposed convolution adds (+=)",
      "两个核重叠处，后写的覆盖了先写的：转置卷积是相加（+=）"},
     "* 5 + 2 * c + v] += small",
     "* 5 + 2 * c + v] = small"},
    {"spread",
     {"your unpool puts the value on all four pixels, which is nearest; it goes back to the place of the largest only, "
      "the others are 0",
      "你的 unpool 把值放到了四个像素上，那是最近邻；值只回到最大值的位置，其余为 0"},
     "for (int i = 0; i < 4; i++) unpool[base + i / 2 * 4 + i % 2] = base + i / 2 * 4 + i % 2 == place ? small[r * 2 + "
     "c] : 0;",
     "for (int i = 0; i < 4; i++) unpool[base + i / 2 * 4 + i % 2] = small[r * 2 + c];"},
    {"last-wins",
     {"of two equal largest values your unpool takes the last; the first one counts (> and not >=)",
      "有两个同样大的最大值时你取了后一个；应取第一个（用 > 而不是 >=）"},
     "if (x[here] > best)",
     "if (x[here] >= best)"},
    {.name = NULL},
};

static void grid(struct picture *p, double left, double top, const double *numbers, int side, struct words title)
{
    char text[32];
    for (int i = 0; i < side * side; i++) {
        double x = left + 30 * (i % side), y = top + 30 * (i / side);
        bool marked = side == SIDE && numbers[i] != 0 && (i / 8 + i % 4 / 2) % 2 == 0;
        picture_box(p, x, y, 30, 30, "#999999", marked ? "#fde3cf" : "#ffffff");
        snprintf(text, sizeof text, "%.4g", numbers[i]);
        picture_text(p, x + 15, y + 20, 0, 11, PICTURE_INK, text);
    }
    picture_words(p, left + 15 * side, top - 8, 0, 12, PICTURE_INK, title);
}

static void picture(struct picture *p)
{
    double in[PIXELS + 4 + K * K], out[4 + 4 + 2 * PIXELS + GROWN * GROWN + PIXELS];
    struct draw d = draw_from(0);
    draw(&d, 0, in);
    answer(in, 0, out);
    picture_size(p, 680, 340);
    grid(p, 20, 30, in, SIDE, (struct words){"x", "x"});
    grid(p, 170, 30, out, SMALL, (struct words){"max", "最大"});
    grid(p, 260, 30, out + 4, SMALL, (struct words){"mean", "平均"});
    grid(p, 370, 30, in + PIXELS, SMALL, (struct words){"small", "small"});
    grid(p, 460, 30, out + 8, SIDE, (struct words){"nearest", "最近邻"});
    grid(p, 20, 190, out + 8 + PIXELS, SIDE, (struct words){"bilinear", "双线性"});
    grid(p, 170, 190, out + 8 + 2 * PIXELS + GROWN * GROWN, SIDE, (struct words){"unpool", "反池化"});
    grid(p, 330, 175, out + 8 + 2 * PIXELS, GROWN,
         (struct words){"transposed, kernel 1 0 0 / 0 2 0 / 0 0 1", "转置卷积，核 1 0 0 / 0 2 0 / 0 0 1"});
}

#define SIGNATURE "void pool(const double *x, double *max_pool, double *mean_pool)\n{\n"

const struct lesson lesson_pooling = {
    .number = 19,
    .name = "pooling",
    .title = {"Pooling, and the ways back up", "池化，以及回到大图的办法"},
    .text = {"Pooling makes a picture small: of each window of 2 x 2 the largest value (did\n"
             "the filter find its pattern anywhere here?) or the mean. It has no weights.\n"
             "\n"
             "    1 3 2 0\n"
             "    4 2 1 1     max  4 2     mean  2.5   1\n"
             "    0 0 5 6          2 8           0.75  6.5\n"
             "    1 2 7 8\n"
             "\n"
             "Segmentation and picture-making networks must come back up. Four ways from 2 x 2\n"
             "to more:\n"
             "\n"
             "    nearest     each pixel four times\n"
             "    bilinear    a mean of the four nearest, weighted by how near they are.\n"
             "                Pixels are squares: row r of the large picture lies at row\n"
             "                (r + 1/2)/2 - 1/2 of the small one, held within 0..1\n"
             "    transposed  each number times the kernel is laid on the result, each\n"
             "                time 2 pixels further, and added where kernels overlap. Its\n"
             "                kernel can be learned. (It is the gradient of a convolution\n"
             "                with stride 2: hence the name.)\n"
             "    unpool      back to where max_pool found the largest value; all else 0\n"
             "\n"
             "By hand, small = 1 2 / 3 4: bilinear's first row is 1, 1.25, 1.75, 2.\n"
             "\n"
             "Your task: two poolings and four ways up. Sizes are fixed: x and results 4 x 4,\n"
             "small 2 x 2, kernel 3 x 3, transposed 5 x 5. Of equal largest values the first\n"
             "one (row by row) counts.",
             "池化把图变小：每个 2 x 2 窗口取最大值（滤波器要找的图案在这里出现过吗？）或平均\n"
             "值。它没有权重。\n"
             "\n"
             "    1 3 2 0\n"
             "    4 2 1 1     max  4 2     mean  2.5   1\n"
             "    0 0 5 6          2 8           0.75  6.5\n"
             "    1 2 7 8\n"
             "\n"
             "分割和生成图像的网络还要回到大图。从 2 x 2 变大有四种办法：\n"
             "\n"
             "    最近邻      每个像素重复四次\n"
             "    双线性      四个最近像素的平均，按远近加权。像素是方块：大图第 r 行的中心在\n"
             "                r + 1/2，按小图的行数是 (r + 1/2)/2 - 1/2；限制在 0..1 内\n"
             "    转置卷积    每个数乘以核，放到结果上，每次移动 2 个像素，重叠处相加：可学\n"
             "                的放大。（步幅 2 的卷积的梯度正是这个循环：名字由此而来。）\n"
             "    反池化      放回 max_pool 找到最大值的位置；其余为 0\n"
             "\n"
             "手算，small = 1 2 / 3 4：双线性的第一行是 1、1.25、1.75、2。\n"
             "\n"
             "任务：两种池化和四种放大。尺寸固定：x 和结果 4 x 4，small 2 x 2，核 3 x 3，\n"
             "transposed 5 x 5。最大值有相同的时，按行取第一个。"},
    .brief = {"pool: x [4][4] to [2][2], twice. up: small [2][2] to nearest, bilinear, unpool [4][4] and, with\n"
              "kernel [3][3] and stride 2, transposed [5][5]. unpool uses the places of x's largest values.",
              "pool：x [4][4] 变为 [2][2]，两种。up：small [2][2] 变为 nearest、bilinear、unpool [4][4]，\n"
              "以及用 kernel [3][3]、步幅 2 得到的 transposed [5][5]。unpool 使用 x 的最大值的位置。"},
    .stub = SIGNATURE "    for (int i = 0; i < 4; i++) max_pool[i] = mean_pool[i] = 0;\n}\n\n"
                      "void up(const double *x, const double *small, const double *kernel,\n"
                      "        double *nearest, double *bilinear, double *transposed, double *unpool)\n{\n"
                      "    for (int i = 0; i < 16; i++) nearest[i] = bilinear[i] = unpool[i] = 0;\n"
                      "    for (int i = 0; i < 25; i++) transposed[i] = 0;\n}\n",
    .solution = "static int place_of_largest(const double *x, int r, int c)\n{\n"
                "    int at = 2 * r * 4 + 2 * c, place = at;\n"
                "    double best = x[at];\n"
                "    for (int i = 0; i < 4; i++) {\n"
                "        int here = at + i / 2 * 4 + i % 2;\n"
                "        if (x[here] > best) best = x[here], place = here;\n"
                "    }\n    return place;\n}\n\n" SIGNATURE "    for (int r = 0; r < 2; r++)\n"
                "        for (int c = 0; c < 2; c++) {\n"
                "            int at = 2 * r * 4 + 2 * c;\n"
                "            double best = x[at];\n"
                "            double sum = x[at] + x[at + 1] + x[at + 4] + x[at + 5];\n"
                "            for (int i = 0; i < 4; i++) {\n"
                "                double here = x[at + i / 2 * 4 + i % 2];\n"
                "                best = here > best ? here : best;\n"
                "            }\n"
                "            max_pool[r * 2 + c] = best;\n"
                "            mean_pool[r * 2 + c] = sum / 4;\n"
                "        }\n}\n\n"
                "static double hold(double v)\n{\n    return v < 0 ? 0 : v > 1 ? 1 : v;\n}\n\n"
                "void up(const double *x, const double *small, const double *kernel,\n"
                "        double *nearest, double *bilinear, double *transposed, double *unpool)\n{\n"
                "    for (int r = 0; r < 4; r++)\n"
                "        for (int c = 0; c < 4; c++) {\n"
                "            double y = (r + 0.5) / 2 - 0.5, xx = (c + 0.5) / 2 - 0.5;\n"
                "            y = hold(y), xx = hold(xx);\n"
                "            nearest[r * 4 + c] = small[r / 2 * 2 + c / 2];\n"
                "            bilinear[r * 4 + c] = (1 - y) * ((1 - xx) * small[0] + xx * small[1]) +\n"
                "                                  y * ((1 - xx) * small[2] + xx * small[3]);\n"
                "        }\n"
                "    for (int i = 0; i < 25; i++) transposed[i] = 0;\n"
                "    for (int r = 0; r < 2; r++)\n"
                "        for (int c = 0; c < 2; c++) {\n"
                "            int base = 2 * r * 4 + 2 * c, place = place_of_largest(x, r, c);\n"
                "            for (int u = 0; u < 3; u++)\n"
                "                for (int v = 0; v < 3; v++)\n"
                "                    transposed[(2 * r + u) * 5 + 2 * c + v] += small[r * 2 + c] * kernel[u * 3 + v];\n"
                "            for (int i = 0; i < 4; i++) unpool[base + i / 2 * 4 + i % 2] = base + i / 2 * 4 + i % 2 "
                "== place ? small[r * 2 + c] : 0;\n"
                "        }\n}\n",
    .call = "    pool(in, out, out + 4);\n    up(in, in + 16, in + 20, out + 8, out + 24, out + 40, out + 65);",
    .hints =
        {{"pool first: window (r, c) begins at x[2*r*4 + 2*c]; its four numbers are at + 0, + 1, + 4, + 5.",
          "先写 pool：窗口 (r, c) 从 x[2*r*4 + 2*c] 开始；四个数在 + 0、+ 1、+ 4、+ 5。"},
         {"bilinear: y = (r + 0.5)/2 - 0.5 held within 0..1, x likewise; then (1-y)*((1-x)*s0 + x*s1) + y*((1-x)*s2 + "
          "x*s3).",
          "双线性：y = (r + 0.5)/2 - 0.5，限制在 0..1，x 同样；然后 (1-y)*((1-x)*s0 + x*s1) + y*((1-x)*s2 + x*s3)。"},
         {"transposed[(2*r + u)*5 + 2*c + v] += small[r*2 + c] * kernel[u*3 + v], after setting it to 0.",
          "先置 0，再 transposed[(2*r + u)*5 + 2*c + v] += small[r*2 + c] * kernel[u*3 + v]。"}},
    .after = {"These are the two halves of a U-Net: down by pooling, up by transposed convolutions.",
              "这就是 U-Net 的两半：用池化往下，用转置卷积往上。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
