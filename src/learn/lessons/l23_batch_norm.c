/* SPDX-License-Identifier: MIT */
/* Lesson 23: batch normalisation, forward, back, and at test time. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { N = 5, C = 2 };
enum { DY = N * C, WEIGHT = 2 * N * C, BIAS = WEIGHT + C, MEAN = BIAS + C, VARIANCE = MEAN + C, ALL = VARIANCE + C };
enum { OUTSIDE_THE_ROOT = 1, ONE_LESS, STATISTICS_FIXED, NO_PRODUCT, NO_WEIGHT, BATCH_AT_TEST };
static const double epsilon = 1e-2; /* large, so that a misplaced epsilon shows */

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"x", N, C},    {"dy", N, C},           {"weight", 1, C},
                               {"bias", 1, C}, {"running_mean", 1, C}, {"running_variance", 1, C}};
    memcpy(parts, all, sizeof all);
    return 6;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"y", N, C}, {"dx", N, C}, {"at_test", N, C}};
    memcpy(parts, all, sizeof all);
    return 3;
}

static int draw(struct draw *d, int index, double *in)
{
    (void)index;
    for (int i = 0; i < ALL; i++) {
        in[i] = draw_short(d, i >= VARIANCE ? 0.5 : -3, 3, 1);
    }
    in[WEIGHT] = 1.5;  /* neither 0 nor 1 */
    in[C] = in[0] + 1; /* no channel without any variance */
    in[C + 1] = in[1] - 1;
    return ALL;
}

static void answer(const double *in, int mistake, double *out)
{
    for (int c = 0; c < C; c++) {
        double mean = 0, variance = 0, means = 0, products = 0, weight = in[WEIGHT + c], bias = in[BIAS + c];
        for (int i = c; i < N * C; i += C) {
            mean += in[i] / N;
        }
        for (int i = c; i < N * C; i += C) {
            variance += (in[i] - mean) * (in[i] - mean) / (mistake == ONE_LESS ? N - 1 : N);
        }
        double deviation = mistake == OUTSIDE_THE_ROOT ? sqrt(variance) + epsilon : sqrt(variance + epsilon);
        for (int i = c; i < N * C; i += C) {
            means += in[DY + i] / N;
            products += in[DY + i] * (in[i] - mean) / deviation / N;
        }
        for (int i = c; i < N * C; i += C) {
            double scaled = (in[i] - mean) / deviation, slope = in[DY + i];
            slope -= mistake == STATISTICS_FIXED ? 0 : means + (mistake == NO_PRODUCT ? 0 : scaled * products);
            out[i] = scaled * weight + bias;
            out[N * C + i] = (mistake == NO_WEIGHT ? 1 : weight) / deviation * slope;
            out[2 * N * C + i] = mistake == BATCH_AT_TEST
                                     ? out[i]
                                     : (in[i] - in[MEAN + c]) / sqrt(in[VARIANCE + c] + epsilon) * weight + bias;
        }
    }
}

/* The definition in operators; the engine derives its gradient. */
static fov_value normalise(fov_graph *g, fov_value x, fov_value mean, fov_value variance, const fov_value *in)
{
    const float e = (float)epsilon;
    fov_value deviation = fov_sqrt(g, fov_add(g, variance, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &e)));
    return fov_add(g, fov_mul(g, fov_div(g, fov_sub(g, x, mean), deviation), in[2]), in[3]);
}

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    const fov_reduce_options rows = {.axes = {0}, .axis_count = 1};
    (void)with;
    fov_value mean = fov_reduce_mean_opt(g, in[0], &rows), away = fov_sub(g, in[0], mean);
    fov_value variance = fov_reduce_mean_opt(g, fov_mul(g, away, away), &rows);
    out[0] = normalise(g, in[0], mean, variance, in);
    out[2] = normalise(g, in[0], in[4], in[5], in);
    return fov_gradient(g, fov_reduce_sum(g, fov_mul(g, out[0], in[1]), .axis_count = 0), in, 1, &out[1]) ? -1 : 3;
}

static int engine(fov_context *context, const double *in, double *out)
{
    const struct engine_input inputs[] = {{{2, {N, C}}, in},     {{2, {N, C}}, in + DY}, {{1, {C}}, in + WEIGHT},
                                          {{1, {C}}, in + BIAS}, {{1, {C}}, in + MEAN},  {{1, {C}}, in + VARIANCE}};
    return engine_run(context, inputs, 6, build, NULL, out);
}

struct bell {
    double mean, deviation;
};
static double bell(double x, const void *with)
{
    const struct bell *of = with;
    double away = (x - of->mean) / of->deviation;
    return exp(-away * away / 2) / of->deviation;
}

static void picture(struct picture *p)
{
    static const struct bell before[] = {{5, 0.8}, {-2, 2.5}}, normal = {0, 1};
    picture_size(p, 520, 290);
    picture_frame(p, 30, 40, 250, 220, -8, 8, 0, 1.4);
    picture_curve(p, bell, &before[0], PICTURE_BLUE);
    picture_curve(p, bell, &before[1], PICTURE_ORANGE);
    picture_words(p, 140, 28, 0, 13, PICTURE_INK, (struct words){"two channels over a batch", "一个批次里的两个通道"});
    picture_frame(p, 290, 40, 510, 220, -8, 8, 0, 1.4);
    picture_curve(p, bell, &normal, PICTURE_INK);
    picture_words(p, 400, 28, 0, 13, PICTURE_INK,
                  (struct words){"both, scaled: mean 0, variance 1", "归一化之后：均值 0，方差 1"});
    picture_words(p, 500, 75, 1, 12, PICTURE_GREY, (struct words){"then * weight + bias", "然后 * weight + bias"});
    picture_arrow(p, 254, 130, 284, 130, PICTURE_INK);
    picture_words(p, 260, 255, 0, 12, PICTURE_INK,
                  (struct words){"what the layer behind sees no longer drifts while the layers before learn;",
                                 "前面的层学习时，后面的层看到的数不再漂移；"});
    picture_words(p, 260, 273, 0, 12, PICTURE_INK,
                  (struct words){"weight and bias are learned, so nothing is lost",
                                 "weight 和 bias 是学来的，所以什么也没有丢失"});
}

static const struct mistake mistakes[] = {
    {"outside-the-root",
     {"epsilon belongs under the root: sqrt(variance + epsilon)", "epsilon 应在根号里：sqrt(variance + epsilon)"},
     "sqrt(variance + epsilon)",
     "(sqrt(variance) + epsilon)"},
    {"one-less",
     {"you divide the variance by n - 1; batch norm divides by n (only what it remembers for later uses n - 1 in "
      "PyTorch)",
      "你的方差除以了 n - 1；批归一化除以 n（PyTorch 里只有留给测试用的滑动平均除以 n - 1）"},
     "variance += away * away / n;",
     "variance += away * away / (n - 1);"},
    {"statistics-fixed",
     {"your dx takes mean and variance as given; they are made of x, so each x moves them: subtract mean(dy) and "
      "scaled * mean(dy * scaled)",
      "你的 dx 把均值和方差当作给定的；它们由 x 算出，每个 x 都会牵动它们：要减去 mean(dy) 和 scaled * mean(dy * "
      "scaled)"},
     "(dy[at] - means - scaled * products)",
     "dy[at]"},
    {"no-product",
     {"dx lacks the part that goes through the variance: - scaled * mean(dy * scaled)",
      "dx 少了经过方差的那部分：- scaled * mean(dy * scaled)"},
     " - scaled * products",
     ""},
    {"no-weight",
     {"dx lacks the weight: y = scaled * weight + bias, so what comes back is multiplied by it",
      "dx 少了 weight：y = scaled * weight + bias，反向要乘上它"},
     "weight[c] / deviation",
     "1 / deviation"},
    {"batch-at-test",
     {"at_test looks at the batch; at test time there may be one picture only, and the answer must not depend on its "
      "neighbours: use the running statistics",
      "at_test 用了本批次的均值和方差；测试时可能只有一张图，答案不能取决于同批的其他图：要用滑动平均 running"},
     "at_test[at] = (x[at] - running_mean[c]) / sqrt(running_variance[c] + epsilon) * weight[c] + bias[c];",
     "at_test[at] = y[at];"},
    {.name = NULL},
};

#define SIGNATURE                                                                                                 \
    "#include <math.h>\n\n"                                                                                       \
    "void batch_norm(const double *x, const double *dy, int n, int channels, const double *weight, const double " \
    "*bias,\n"                                                                                                    \
    "                const double *running_mean, const double *running_variance, double epsilon,\n"               \
    "                double *y, double *dx, double *at_test)\n{\n"

const struct lesson lesson_batch_norm = {
    .number = 23,
    .name = "batch-norm",
    .title = {"Batch normalisation: keep the numbers in range", "批归一化：让数保持在范围内"},
    .text = {"In a deep network each layer's numbers drift as the layers below learn: too\n"
             "large, and sigmoids are flat; too small, and nothing passes. Ioffe and Szegedy\n"
             "(2015) measure and correct, in every layer, for every channel, over the batch:\n"
             "\n"
             "    mean, variance   over the batch (divided by n)\n"
             "    scaled = (x - mean) / sqrt(variance + epsilon)\n"
             "    y = scaled * weight + bias     both learned: the layer may undo all this\n"
             "\n"
             "By hand, x = (1, 3), epsilon 0: mean 2, variance 1, scaled (-1, 1).\n"
             "\n"
             "The way back has a trap. Mean and variance are made of x, so each x moves them,\n"
             "too:\n"
             "\n"
             "    dx = weight / sqrt(variance + epsilon)\n"
             "         * (dy - mean(dy) - scaled * mean(dy * scaled))\n"
             "\n"
             "Two things can be read off: dx adds up to 0, since moving all x by the same\n"
             "changes nothing; and (but for epsilon) it is orthogonal to scaled, since\n"
             "stretching all x changes nothing either.\n"
             "\n"
             "At test time there is no batch to speak of. In training, running means of both\n"
             "are kept (running = 0.9 * running + 0.1 * batch) and used then: the answer for a\n"
             "picture must not depend on which other pictures are asked about.\n"
             "\n"
             "With it, rates ten times higher work, and networks of a hundred layers train.\n"
             "\n"
             "Your task: all three, for x [n][channels].",
             "在深层网络里，前面的层一学习，后面各层的数就漂移：太大，sigmoid 变平；太小，什么\n"
             "也传不过去。Ioffe 和 Szegedy（2015）在每一层、对每个通道、沿整个批次测量并纠正：\n"
             "\n"
             "    均值、方差   沿批次（除以 n）\n"
             "    scaled = (x - 均值) / sqrt(方差 + epsilon)\n"
             "    y = scaled * weight + bias     weight 和 bias 是学来的：可以撤销这一切\n"
             "\n"
             "手算，x = (1, 3)，epsilon 为 0：均值 2，方差 1，scaled (-1, 1)。\n"
             "\n"
             "反向有个陷阱。均值和方差由 x 算出，所以每个 x 也会牵动它们：\n"
             "\n"
             "    dx = weight / sqrt(方差 + epsilon)\n"
             "         * (dy - mean(dy) - scaled * mean(dy * scaled))\n"
             "\n"
             "从中可以看出两件事：dx 之和为 0，因为所有 x 移动同样多时什么也不变；不计\n"
             "epsilon 时 dx 与 scaled 正交，因为所有 x 一起拉伸也不变。\n"
             "\n"
             "测试时谈不上批次。训练中保留均值和方差的滑动平均\n"
             "（running = 0.9 * running + 0.1 * batch），测试时就用它们：一张图的答案不能取决\n"
             "于同时还问了哪些图。\n"
             "\n"
             "有了它，学习率可以大十倍，一百层的网络也能训练。\n"
             "\n"
             "任务：对 x [n][channels] 写出这三样。"},
    .brief = {"Batch normalisation of x [n][channels]: y and dx with the batch's mean and variance of each channel,\n"
              "at_test with the running ones. dx is the gradient by x where dy is that by y.",
              "对 x [n][channels] 的批归一化：y 和 dx 用批次中每个通道的均值和方差，at_test 用滑动平均 running 的。\n"
              "dy 是对 y 的梯度，dx 是对 x 的梯度。"},
    .stub = SIGNATURE "    for (int i = 0; i < n * channels; i++) y[i] = dx[i] = at_test[i] = 0;\n}\n",
    .solution = SIGNATURE
    "    for (int c = 0; c < channels; c++) {\n"
    "        double mean = 0, variance = 0, means = 0, products = 0;\n"
    "        for (int i = 0; i < n; i++) mean += x[i * channels + c] / n;\n"
    "        for (int i = 0; i < n; i++) {\n"
    "            double away = x[i * channels + c] - mean;\n"
    "            variance += away * away / n;\n"
    "        }\n"
    "        double deviation = sqrt(variance + epsilon);\n"
    "        for (int i = 0; i < n; i++) {\n"
    "            double scaled = (x[i * channels + c] - mean) / deviation;\n"
    "            means += dy[i * channels + c] / n;\n"
    "            products += dy[i * channels + c] * scaled / n;\n"
    "        }\n"
    "        for (int i = 0; i < n; i++) {\n"
    "            int at = i * channels + c;\n"
    "            double scaled = (x[at] - mean) / deviation;\n"
    "            y[at] = scaled * weight[c] + bias[c];\n"
    "            dx[at] = weight[c] / deviation * (dy[at] - means - scaled * products);\n"
    "            at_test[at] = (x[at] - running_mean[c]) / sqrt(running_variance[c] + epsilon) * weight[c] + bias[c];\n"
    "        }\n    }\n}\n",
    .call = "    batch_norm(in, in + 10, 5, 2, in + 20, in + 22, in + 24, in + 26, 1e-2, out, out + 10, out + 20);",
    .hints = {{"One channel at a time: first its mean, then its variance, then y.",
               "一次处理一个通道：先均值，再方差，然后 y。"},
              {"at_test is the same formula with running_mean and running_variance.",
               "at_test 是同一个公式，用 running_mean 和 running_variance。"},
              {"dx: first the means of dy and of dy * scaled over the batch, then the formula of the text.",
               "dx：先求 dy 和 dy * scaled 在批次上的平均，再用正文的公式。"}},
    .after = {"The engine found your dx from the definition alone. Beside a ResNet's convolution there is nothing else "
              "to know.",
              "引擎只凭定义就得到了你的 dx。除了卷积，ResNet 里没有别的秘密了。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
