/* SPDX-License-Identifier: MIT */
/* Lesson 8: six ReLU neurons follow any curve. The errors that the text prints are asserted in tests/learn. */
#include "learn/lesson.h"

#include <math.h>

enum { NEURONS = 6, KNOTS = NEURONS + 1 };
enum { SLOPE_ITSELF = 1, NO_WIDTH, NO_BIAS, ONE_LATE, NO_RELU };

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"knot", 1, KNOTS};
    parts[1] = (struct part){"value", 1, KNOTS};
    parts[2] = (struct part){"x", 1, 1};
    return 3;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"weight", 1, NEURONS};
    parts[1] = (struct part){"y", 1, 1};
    return 2;
}

static int draw(struct draw *d, int index, double *in)
{
    double c[4] = {-1, -1, 1, 1}; /* x^3 + x^2 - x - 1 */
    for (int i = 0; i < 4 && index > 0; i++) {
        c[i] = draw_short(d, -2, 2, 1);
    }
    in[0] = -2;
    for (int i = 0; i < KNOTS; i++) {
        in[i] = i == 0 ? -2 : in[i - 1] + (index == 0 ? 0.5 + 0.125 * (i % 2) : draw_short(d, 0.3, 1, 1));
        double x = in[i];
        in[KNOTS + i] = ((c[3] * x + c[2]) * x + c[1]) * x + c[0];
    }
    in[2 * KNOTS] = draw_uniform(d, in[0], in[KNOTS - 1]);
    return 2 * KNOTS + 1;
}

static void answer(const double *in, int mistake, double *out)
{
    const double *knot = in, *value = in + KNOTS;
    double x = in[2 * KNOTS], y = mistake == NO_BIAS ? 0 : value[0], before = 0;
    for (int i = 0; i < NEURONS; i++) {
        double slope = (value[i + 1] - value[i]) / (mistake == NO_WIDTH ? 1 : knot[i + 1] - knot[i]);
        out[i] = mistake == SLOPE_ITSELF ? slope : slope - before;
        before = slope;
        double reach = x - knot[mistake == ONE_LATE ? i + 1 : i];
        y += out[i] * (mistake == NO_RELU ? reach : fmax(reach, 0));
    }
    out[NEURONS] = y;
}

static double cubic(double x, const void *with)
{
    (void)with;
    return ((x + 1) * x - 1) * x - 1;
}

static void picture(struct picture *p)
{
    double x[KNOTS], y[KNOTS];
    for (int i = 0; i < KNOTS; i++) {
        x[i] = -2 + 4.0 * i / NEURONS;
        y[i] = cubic(x[i], NULL);
    }
    picture_size(p, 420, 340);
    picture_frame(p, 40, 20, 400, 300, -2, 2, -4, 10);
    picture_curve(p, cubic, NULL, PICTURE_BLUE);
    picture_path(p, x, y, KNOTS, PICTURE_ORANGE, 1);
    picture_text(p, 60, 45, -1, 13, PICTURE_BLUE, "x^3 + x^2 - x - 1");
    picture_words(p, 60, 63, -1, 13, PICTURE_ORANGE, (struct words){"six neurons", "六个神经元"});
}

static const struct mistake mistakes[] = {
    {"slope-itself",
     {"weight is the slope of a piece; the neurons before it still push with theirs, so it must be the change of slope",
      "weight 写成了每段的斜率；前面的神经元仍在起作用，所以应是斜率的变化量"},
     "weight[i] = slope - before;",
     "weight[i] = slope;"},
    {"no-width",
     {"your slopes are differences of values only; divide by the distance of the knots",
      "你的斜率只是值的差；要除以两个节点的距离"},
     "(value[i + 1] - value[i]) / (knot[i + 1] - knot[i])",
     "value[i + 1] - value[i]"},
    {"no-bias",
     {"y begins at 0; it must begin at value[0], the bias of the output neuron",
      "y 从 0 开始；应从 value[0] 开始，它是输出神经元的偏置"},
     "double y = value[0];",
     "double y = 0;"},
    {"one-late",
     {"neuron i begins to act at knot i + 1; it begins at knot[i]",
      "第 i 个神经元从 knot[i + 1] 开始起作用；应从 knot[i] 开始"},
     "relu(x - knot[i])",
     "relu(x - knot[i + 1])"},
    {"no-relu",
     {"without ReLU a sum of lines is one line, however many there are", "没有 ReLU，再多直线相加还是一条直线"},
     "relu(x - knot[i])",
     "(x - knot[i])"},
    {.name = NULL},
};

const struct lesson lesson_approximation = {
    .number = 8,
    .name = "approximation",
    .title = {"Six neurons follow any curve", "六个神经元就能逼近任意曲线"},
    .text = {"Take a curve, x^3 + x^2 - x - 1 on [-2, 2], and neurons with ReLU. One such\n"
             "neuron,\n"
             "\n"
             "    relu(x - k)        0 up to k, then a line that rises with slope 1,\n"
             "\n"
             "bends a curve once: at k. With a weight in front it bends it by as much as you\n"
             "like. So choose knots k0 < k1 < ... < k6 and let the network be\n"
             "\n"
             "    y(x) = value0 + w0 relu(x - k0) + w1 relu(x - k1) + ... + w5 relu(x - k5)\n"
             "\n"
             "Between two knots it is straight. It passes through all the values when w0 is\n"
             "the first piece's slope, and each further w is the CHANGE of slope at its knot:\n"
             "the neurons to the left keep pushing. Example: values 0, 1, 3 at knots 0, 1, 2.\n"
             "Slopes 1 and 2, so w0 = 1, w1 = 2 - 1 = 1; check: y(2) = 0 + 1*2 + 1*1 = 3.\n"
             "\n"
             "The same works for any continuous curve, and it gets as near as you want with\n"
             "more neurons: that is the universal approximation theorem (Cybenko, Hornik\n"
             "1989). For our curve, with evenly spaced knots, the largest error is\n"
             "\n"
             "    neurons     3      6      12      24      48\n"
             "    error     2.23   0.67    0.18    0.047   0.012\n"
             "\n"
             "Wide or deep? One layer of n neurons bends at most n times. But feed a function\n"
             "that folds [0, 1] in two (two neurons) into itself k times, and it has\n"
             "2^k straight pieces from 2k neurons: depth can be exponentially cheaper\n"
             "(Telgarsky 2015).\n"
             "\n"
             "Your task: the weights from knots and values, and the network itself.",
             "取一条曲线，例如 [-2, 2] 上的 x^3 + x^2 - x - 1，和带 ReLU 的神经元。一个这样的\n"
             "神经元\n"
             "\n"
             "    relu(x - k)        在 k 之前是 0，之后是斜率为 1 的直线\n"
             "\n"
             "让曲线在 k 处拐一次弯。前面乘上权重，拐多少都可以。于是选节点\n"
             "k0 < k1 < ... < k6，令网络为\n"
             "\n"
             "    y(x) = value0 + w0 relu(x - k0) + w1 relu(x - k1) + ... + w5 relu(x - k5)\n"
             "\n"
             "两个节点之间它是直线。要让它通过所有的值，w0 取第一段的斜率，以后每个 w 取该节点\n"
             "处斜率的“变化量”：左边的神经元仍在起作用。例：节点 0、1、2 处的值为 0、1、3，斜\n"
             "率 1 和 2，所以 w0 = 1，w1 = 2 - 1 = 1；验证：y(2) = 0 + 1*2 + 1*1 = 3。\n"
             "\n"
             "对任何连续曲线都行，神经元越多越接近：这就是万能逼近定理（Cybenko、Hornik，\n"
             "1989）。对上面的曲线，节点等距时最大误差为\n"
             "\n"
             "    神经元      3      6      12      24      48\n"
             "    误差      2.23   0.67    0.18    0.047   0.012\n"
             "\n"
             "宽还是深？一层 n 个神经元最多拐 n 次弯。但把 [0, 1] 对折的函数（两个神经元）自我\n"
             "嵌套 k 次，2k 个神经元就有 2^k 段直线：加深能指数级地节省神经元（Telgarsky，\n"
             "2015）。\n"
             "\n"
             "任务：由节点和值求权重，并写出网络本身。"},
    .brief = {"A network of n ReLU neurons through n + 1 points (knot[i], value[i]).\n"
              "fit: the weight of each neuron relu(x - knot[i]). network: its answer at x.",
              "由 n 个 ReLU 神经元组成、通过 n + 1 个点 (knot[i], value[i]) 的网络。\n"
              "fit：每个神经元 relu(x - knot[i]) 的权重。network：网络在 x 处的值。"},
    .stub = "static double relu(double x)\n{\n    return x > 0 ? x : 0;\n}\n"
            "\n"
            "void fit(const double *knot, const double *value, int n, double *weight)\n{\n"
            "    for (int i = 0; i < n; i++) weight[i] = 0;\n}\n"
            "\n"
            "double network(const double *knot, const double *value, int n, const double *weight, double x)\n{\n"
            "    return relu(0);\n}\n",
    .solution = "static double relu(double x)\n{\n    return x > 0 ? x : 0;\n}\n"
                "\n"
                "void fit(const double *knot, const double *value, int n, double *weight)\n{\n"
                "    double before = 0;\n"
                "    for (int i = 0; i < n; i++) {\n"
                "        double slope = (value[i + 1] - value[i]) / (knot[i + 1] - knot[i]);\n"
                "        weight[i] = slope - before;\n"
                "        before = slope;\n"
                "    }\n}\n"
                "\n"
                "double network(const double *knot, const double *value, int n, const double *weight, double x)\n{\n"
                "    double y = value[0];\n"
                "    for (int i = 0; i < n; i++) y += weight[i] * relu(x - knot[i]);\n"
                "    return y;\n}\n",
    .call = "    fit(in, in + 7, 6, out);\n    out[6] = network(in, in + 7, 6, out, in[14]);",
    .hints = {{"The slope between knots i and i + 1 is the difference of values over the difference of knots.",
               "节点 i 与 i + 1 之间的斜率是值之差除以节点之差。"},
              {"Keep the slope of the piece before: weight[i] is this slope minus that one.",
               "记住前一段的斜率：weight[i] 是本段斜率减去前一段斜率。"},
              {"network: begin with y = value[0], then add weight[i] * relu(x - knot[i]).",
               "network：从 y = value[0] 开始，再加 weight[i] * relu(x - knot[i])。"}},
    .after = {"Here you placed the weights by hand. From lesson 9 on, they are found: by the slope of an error.",
              "这里权重是你亲手放的。从第 9 课起，它们靠误差的斜率自己找到。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .picture = picture,
};
