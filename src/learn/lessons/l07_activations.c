/* SPDX-License-Identifier: MIT */
/* Lesson 7: activations and their derivatives. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { SCORES = 4 };
enum {
    SIGMOID_TURNED = 1,
    SIGMOID_SLOPE,
    TANH_SLOPE,
    RELU_SLOPE,
    SOFTPLUS_SLOPE,
    NOT_NORMALISED,
    OVERFLOWS,
    JACOBIAN_DIAGONAL
};

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"x", 1, 1};
    parts[1] = (struct part){"z", 1, SCORES};
    return 2;
}

static int answered(const double *in, struct part *parts)
{
    static const char *const names[] = {"step", "sigmoid",    "sigmoid_slope", "tanh_slope",
                                        "relu", "relu_slope", "softplus",      "softplus_slope"};
    (void)in;
    for (int i = 0; i < 8; i++) {
        parts[i] = (struct part){names[i], 1, 1};
    }
    parts[8] = (struct part){"softmax", 1, SCORES};
    parts[9] = (struct part){"softmax_slope", SCORES, SCORES};
    return 10;
}

static int draw(struct draw *d, int index, double *in)
{
    in[0] = index == 0 ? 1 : index == 1 ? 0 : draw_short(d, -4, 4, 2);
    for (int i = 0; i < SCORES; i++) {
        /* some cases with scores so large that exp() overflows a double, all of them or all but the first */
        in[1 + i] = draw_short(d, -3, 3, 1) + (index % 4 == 3 && (i > 0 || index % 8 == 3) ? 800 : 0);
    }
    return 1 + SCORES;
}

static void softmax(const double *z, int mistake, double *y)
{
    double largest = mistake == OVERFLOWS ? 0 : fmax(fmax(z[0], z[1]), fmax(z[2], z[3])), sum = 0;
    for (int i = 0; i < SCORES; i++) {
        sum += y[i] = exp(z[i] - largest);
    }
    for (int i = 0; i < SCORES && mistake != NOT_NORMALISED; i++) {
        y[i] /= sum;
    }
}

static void answer(const double *in, int mistake, double *out)
{
    double x = in[0], s = 1 / (1 + exp(mistake == SIGMOID_TURNED ? x : -x)), right = 1 / (1 + exp(-x));
    out[0] = x > 0;
    out[1] = s;
    out[2] = mistake == SIGMOID_SLOPE ? right : s * (1 - s);
    out[3] = mistake == TANH_SLOPE ? 1 - tanh(x) : 1 - tanh(x) * tanh(x);
    out[4] = fmax(x, 0);
    out[5] = mistake == RELU_SLOPE ? fmax(x, 0) : x > 0;
    out[6] = log(1 + exp(x));
    out[7] = mistake == SOFTPLUS_SLOPE ? 1 / (1 + exp(x)) : right;
    double *y = out + 8;
    softmax(in + 1, mistake, y);
    for (int i = 0; i < SCORES; i++) {
        for (int j = 0; j < SCORES; j++) {
            double same = i == j ? y[i] : 0;
            out[12 + i * SCORES + j] =
                mistake == JACOBIAN_DIAGONAL ? (i == j ? y[i] * (1 - y[i]) : 0) : same - y[i] * y[j];
        }
    }
}

/* ---- the engine --------------------------------------------------------------------------------------------------- */

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    fov_value x = in[0], z = in[1], y = fov_softmax(g, z);
    fov_value sigmoid = fov_sigmoid(g, x), tangent = fov_tanh(g, x), relu = fov_relu(g, x), plus = fov_softplus(g, x);
    (void)with;
    out[0] = fov_step(g, x);
    out[1] = sigmoid;
    out[4] = relu;
    out[6] = plus;
    out[8] = y;
    int failed = fov_gradient(g, sigmoid, &x, 1, &out[2]) || fov_gradient(g, tangent, &x, 1, &out[3]) ||
                 fov_gradient(g, relu, &x, 1, &out[5]) || fov_gradient(g, plus, &x, 1, &out[7]);
    for (int i = 0; i < SCORES && !failed; i++) {
        fov_value one = fov_reduce_sum(g, fov_slice(g, y, 0, i, 1, 1), .axis_count = 0);
        failed = fov_gradient(g, one, &z, 1, &out[9 + i]);
    }
    return failed ? -1 : 9 + SCORES;
}

static int engine(fov_context *context, const double *in, double *out)
{
    const struct engine_input inputs[] = {{{0, {0}}, in}, {{1, {SCORES}}, in + 1}};
    return engine_run(context, inputs, 2, build, NULL, out);
}

/* ---- the texts ---------------------------------------------------------------------------------------------------- */

static double draw_sigmoid(double x, const void *with)
{
    return (void)with, 1 / (1 + exp(-x));
}
static double draw_sigmoid_slope(double x, const void *with)
{
    return (void)with, draw_sigmoid(x, NULL) * (1 - draw_sigmoid(x, NULL));
}
static double draw_tanh(double x, const void *with)
{
    return (void)with, tanh(x);
}
static double draw_tanh_slope(double x, const void *with)
{
    return (void)with, 1 - tanh(x) * tanh(x);
}
static double draw_relu(double x, const void *with)
{
    return (void)with, fmax(x, 0);
}
static double draw_step(double x, const void *with)
{
    return (void)with, x > 0;
}
static double draw_plus(double x, const void *with)
{
    return (void)with, log(1 + exp(x));
}

/* The first component of softmax((x, 0, 1)). */
static double draw_softmax(double x, const void *with)
{
    return (void)with, exp(x) / (exp(x) + 1 + exp(1));
}
static double draw_softmax_slope(double x, const void *with)
{
    return (void)with, draw_softmax(x, NULL) * (1 - draw_softmax(x, NULL));
}
static double draw_zero(double x, const void *with)
{
    return (void)x, (void)with, 0;
}

static void picture(struct picture *p)
{
    static const struct {
        struct words name;
        double (*value)(double, const void *), (*slope)(double, const void *);
        double top;
    } plots[] = {
        {{"step", "阶跃"}, draw_step, draw_zero, 1.2},
        {{"sigmoid", "sigmoid"}, draw_sigmoid, draw_sigmoid_slope, 1.2},
        {{"tanh", "tanh"}, draw_tanh, draw_tanh_slope, 1.2},
        {{"ReLU", "ReLU"}, draw_relu, draw_step, 4},
        {{"softplus", "softplus"}, draw_plus, draw_sigmoid, 4},
        {{"softmax of (x, 0, 1): first", "(x, 0, 1) 的 softmax：第一个"}, draw_softmax, draw_softmax_slope, 1.2}};
    picture_size(p, 680, 420);
    for (int i = 0; i < 6; i++) {
        double left = 40 + 215.0 * (i % 3), top = 40 + 190.0 * (i / 3);
        picture_frame(p, left, top, left + 180, top + 130, -4, 4, -1.2, plots[i].top);
        picture_curve(p, plots[i].slope, NULL, PICTURE_ORANGE);
        picture_curve(p, plots[i].value, NULL, PICTURE_BLUE);
        picture_words(p, left + 90, top - 8, 0, 13, PICTURE_INK, plots[i].name);
    }
    picture_words(p, 340, 412, 0, 12, PICTURE_ORANGE, (struct words){"orange: the derivative", "橙色：导数"});
}

static const struct mistake mistakes[] = {
    {"sigmoid-turned",
     {"your sigmoid falls: the exponent is -x, so that large x gives 1",
      "你的 sigmoid 是下降的：指数应为 -x，x 大时值接近 1"},
     "double sigmoid(double x)\n{\n    return 1 / (1 + exp(-x));",
     "double sigmoid(double x)\n{\n    return 1 / (1 + exp(x));"},
    {"sigmoid-slope",
     {"sigmoid_slope is the sigmoid again; its derivative is s * (1 - s), at most 1/4",
      "sigmoid_slope 还是 sigmoid 本身；导数是 s * (1 - s)，最大为 1/4"},
     "return s * (1 - s);",
     "return s;"},
    {"tanh-slope",
     {"the square is missing: the derivative of tanh is 1 - tanh(x)^2", "少了平方：tanh 的导数是 1 - tanh(x)^2"},
     "1 - tanh(x) * tanh(x)",
     "1 - tanh(x)"},
    {"relu-slope",
     {"relu_slope is ReLU itself; the slope is 1 above zero, else 0",
      "relu_slope 写成了 ReLU 本身；斜率在零以上是 1，否则为 0"},
     "double relu_slope(double x)\n{\n    return x > 0;",
     "double relu_slope(double x)\n{\n    return x > 0 ? x : 0;"},
    {"softplus-slope",
     {"softplus_slope falls with x: d/dx log(1 + e^x) = e^x / (1 + e^x), which is the sigmoid",
      "softplus_slope 随 x 下降：d/dx log(1 + e^x) = e^x / (1 + e^x)，正是 sigmoid"},
     "double softplus_slope(double x)\n{\n    return sigmoid(x);",
     "double softplus_slope(double x)\n{\n    return 1 - sigmoid(x);"},
    {"not-normalised",
     {"your softmax does not add up to 1: divide by the sum of all e^z",
      "你的 softmax 加起来不是 1：要除以所有 e^z 的和"},
     "y[i] /= sum;",
     "y[i] /= 1;"},
    {"overflows",
     {"your softmax breaks for large scores: e^800 is infinite. Subtract the largest z first; the quotient stays the "
      "same",
      "分数大时你的 softmax 会溢出：e^800 是无穷大。先减去最大的 z，商不变"},
     "y[i] = exp(z[i] - largest)",
     "y[i] = exp(z[i])"},
    {"jacobian-diagonal",
     {"softmax_slope is 0 off the diagonal; but all scores share one sum: dy_i/dz_j = -y_i*y_j where i is not j",
      "softmax_slope 在对角线以外是 0；但所有分数共用一个和：i 不等于 j 时 dy_i/dz_j = -y_i*y_j"},
     "(i == j ? y[i] : 0) - y[i] * y[j]",
     "i == j ? y[i] * (1 - y[i]) : 0"},
    {.name = NULL},
};

static const char stub[] = "#include <math.h>\n"
                           "\n"
                           "double step(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "double sigmoid(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "double sigmoid_slope(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "double tanh_slope(double x) /* C has tanh itself */\n{\n    return 0;\n}\n"
                           "\n"
                           "double relu(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "double relu_slope(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "double softplus(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "double softplus_slope(double x)\n{\n    return 0;\n}\n"
                           "\n"
                           "/* y[i] = e^z[i] / sum of all e^z[j] */\n"
                           "void softmax(const double *z, int n, double *y)\n{\n"
                           "    for (int i = 0; i < n; i++) y[i] = 0;\n}\n"
                           "\n"
                           "/* dy[i] / dz[j], from the softmax y */\n"
                           "double softmax_slope(const double *y, int i, int j)\n{\n    return 0;\n}\n";

static const char solution[] =
    "#include <math.h>\n"
    "\n"
    "double step(double x)\n{\n    return x > 0;\n}\n"
    "\n"
    "double sigmoid(double x)\n{\n    return 1 / (1 + exp(-x));\n}\n"
    "\n"
    "double sigmoid_slope(double x)\n{\n    double s = 1 / (1 + exp(-x));\n    return s * (1 - s);\n}\n"
    "\n"
    "double tanh_slope(double x)\n{\n    return 1 - tanh(x) * tanh(x);\n}\n"
    "\n"
    "double relu(double x)\n{\n    return x > 0 ? x : 0;\n}\n"
    "\n"
    "double relu_slope(double x)\n{\n    return x > 0;\n}\n"
    "\n"
    "double softplus(double x)\n{\n    return log(1 + exp(x));\n}\n"
    "\n"
    "double softplus_slope(double x)\n{\n    return sigmoid(x);\n}\n"
    "\n"
    "void softmax(const double *z, int n, double *y)\n{\n"
    "    double largest = z[0], sum = 0;\n"
    "    for (int i = 1; i < n; i++) largest = z[i] > largest ? z[i] : largest;\n"
    "    for (int i = 0; i < n; i++) sum += y[i] = exp(z[i] - largest);\n"
    "    for (int i = 0; i < n; i++) y[i] /= sum;\n}\n"
    "\n"
    "double softmax_slope(const double *y, int i, int j)\n{\n    return (i == j ? y[i] : 0) - y[i] * y[j];\n}\n";

const struct lesson lesson_activations = {
    .number = 7,
    .name = "activations",
    .title = {"Activations: from a step to curves with a slope", "激活函数：从阶跃到有斜率的曲线"},
    .text = {"The step of the first neuron has a fault: it is flat. Move a weight a little,\n"
             "and the answer stays what it was, so nothing says which way is better. Learning\n"
             "in layers needs curves that have a slope. Here they are, with their derivatives:\n"
             "\n"
             "    step       1 if x > 0, else 0       0 everywhere (that is the fault)\n"
             "    sigmoid    s = 1 / (1 + e^-x)       s (1 - s)\n"
             "    tanh       t = tanh x               1 - t^2\n"
             "    ReLU       x if x > 0, else 0       1 if x > 0, else 0\n"
             "    softplus   log(1 + e^x)             the sigmoid\n"
             "\n"
             "By hand, at x = 1: sigmoid 0.7311, slope 0.7311 * 0.2689 = 0.1966; tanh 0.7616,\n"
             "slope 0.4200; softplus 1.3133. The sigmoid's slope is never above 1/4: twenty\n"
             "layers of it multiply to 0.25^20 = 1e-12. ReLU's slope is 1: that is why deep\n"
             "networks use it.\n"
             "\n"
             "At the end of a classifier stands the softmax, which turns scores z into shares\n"
             "that add up to 1:\n"
             "\n"
             "    y_i = e^z_i / (e^z_1 + ... + e^z_n)\n"
             "    dy_i/dz_j = -y_i y_j,   and where i = j:  y_i - y_i y_i\n"
             "\n"
             "e^800 is too large for a double. Take the largest z away from all of them first:\n"
             "the quotient does not change.\n"
             "\n"
             "Your task: all of them, in C. Each function is one line, softmax is three.",
             "第一个神经元的阶跃有一个毛病：它是平的。把权重挪动一点，输出不变，于是没有任何信\n"
             "息说明往哪边更好。多层学习需要有斜率的曲线。它们和各自的导数：\n"
             "\n"
             "    阶跃       x > 0 时 1，否则 0       处处为 0（毛病就在这里）\n"
             "    sigmoid    s = 1 / (1 + e^-x)       s (1 - s)\n"
             "    tanh       t = tanh x               1 - t^2\n"
             "    ReLU       x > 0 时 x，否则 0       x > 0 时 1，否则 0\n"
             "    softplus   log(1 + e^x)             就是 sigmoid\n"
             "\n"
             "手算 x = 1：sigmoid 0.7311，斜率 0.7311 * 0.2689 = 0.1966；tanh 0.7616，斜率\n"
             "0.4200；softplus 1.3133。sigmoid 的斜率不超过 1/4：二十层相乘就是\n"
             "0.25^20 = 1e-12。ReLU 的斜率是 1，所以深层网络用它。\n"
             "\n"
             "分类器的末尾是 softmax，它把分数 z 变成总和为 1 的概率：\n"
             "\n"
             "    y_i = e^z_i / (e^z_1 + ... + e^z_n)\n"
             "    dy_i/dz_j = -y_i y_j，   i = j 时：  y_i - y_i y_i\n"
             "\n"
             "e^800 超出 double 的范围。所以先从每个 z 减去最大的 z：商不变。\n"
             "\n"
             "任务：用 C 写出全部函数。每个函数一行，softmax 三行。"},
    .brief = {"Activations and their derivatives (_slope). At x = 0 step and relu_slope are 0.\n"
              "softmax must not overflow, however large the scores are.",
              "激活函数和它们的导数（_slope）。在 x = 0 处 step 和 relu_slope 为 0。\n"
              "无论分数多大，softmax 都不能溢出。"},
    .stub = stub,
    .solution = solution,
    .call = "    out[0] = step(in[0]), out[1] = sigmoid(in[0]), out[2] = sigmoid_slope(in[0]), out[3] = "
            "tanh_slope(in[0]);\n"
            "    out[4] = relu(in[0]), out[5] = relu_slope(in[0]), out[6] = softplus(in[0]), out[7] = "
            "softplus_slope(in[0]);\n"
            "    softmax(in + 1, 4, out + 8);\n"
            "    for (int i = 0; i < 16; i++) out[12 + i] = softmax_slope(out + 8, i / 4, i % 4);",
    .hints = {{"The table in the text is the solution, line by line. A comparison such as x > 0 is 1 or 0 in C, too.",
               "正文中的表逐行就是答案。在 C 里 x > 0 这样的比较也是 1 或 0。"},
              {"softmax: find the largest z, sum exp(z[i] - largest), then divide each by the sum.",
               "softmax：先找最大的 z，累加 exp(z[i] - 最大值)，再逐个除以总和。"},
              {"softmax_slope: (i == j ? y[i] : 0) - y[i] * y[j]", "softmax_slope：(i == j ? y[i] : 0) - y[i] * y[j]"}},
    .after = {"You have written the curves that every network in fovea uses: fovea ops relu shows the one for ReLU.",
              "fovea 里每个网络用的曲线你都写过了：fovea ops relu 会显示 ReLU 的那一个。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
