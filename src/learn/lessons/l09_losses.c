/* SPDX-License-Identifier: MIT */
/* Lesson 9: squared error and cross-entropy, with their gradients. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>

enum { N = 4 };
enum { SUMMED = 1, NO_TWO, NOT_DIVIDED, TURNED, NO_SOFTMAX, BASE_TWO, NO_ONE, ONE_MINUS };

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"p", 1, N};
    parts[1] = (struct part){"t", 1, N};
    parts[2] = (struct part){"z", 1, N};
    parts[3] = (struct part){"label", 1, 1};
    return 4;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"mse", 1, 1};
    parts[1] = (struct part){"mse_gradient", 1, N};
    parts[2] = (struct part){"cross_entropy", 1, 1};
    parts[3] = (struct part){"cross_entropy_gradient", 1, N};
    return 4;
}

static int draw(struct draw *d, int index, double *in)
{
    static const double text[] = {1, 2, 3, 4, 1, 1, 5, 4, 2, 1, 0.1, 0, 0};
    for (int i = 0; i < 3 * N; i++) {
        in[i] = index == 0 ? text[i] : draw_short(d, -2, 2, 1);
    }
    in[3 * N] = index == 0 ? 0 : draw_integer(d, 0, N - 1);
    return 3 * N + 1;
}

static void answer(const double *in, int mistake, double *out)
{
    const double *p = in, *t = in + N, *z = in + 2 * N;
    int label = (int)in[3 * N];
    double sum = 0, largest = z[0], squares = 0;
    for (int i = 0; i < N; i++) {
        squares += (p[i] - t[i]) * (p[i] - t[i]);
        out[1 + i] = (mistake == TURNED ? t[i] - p[i] : p[i] - t[i]) * (mistake == NO_TWO ? 1 : 2) /
                     (mistake == NOT_DIVIDED ? 1 : N);
        largest = fmax(largest, z[i]);
    }
    out[0] = mistake == SUMMED ? squares : squares / N;
    for (int i = 0; i < N; i++) {
        sum += exp(z[i] - largest);
    }
    double loss = log(sum) + largest - z[label];
    out[N + 1] = mistake == NO_SOFTMAX ? -z[label] : mistake == BASE_TWO ? loss / log(2) : loss;
    for (int i = 0; i < N; i++) {
        double share = exp(z[i] - largest) / sum, right = share - (i == label);
        out[N + 2 + i] = mistake == NO_ONE ? share : mistake == ONE_MINUS ? (i == label) - share : right;
    }
}

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    (void)with;
    out[0] = fov_mse(g, in[0], in[1]);
    out[2] = fov_neg(g, fov_reduce_sum(g, fov_mul(g, fov_log_softmax(g, in[2]), in[3]), .axis_count = 0));
    return fov_gradient(g, out[0], &in[0], 1, &out[1]) || fov_gradient(g, out[2], &in[2], 1, &out[3]) ? -1 : 4;
}

static int engine(fov_context *context, const double *in, double *out)
{
    double right[N] = {0};
    right[(int)in[3 * N]] = 1;
    const struct engine_input inputs[] = {
        {{1, {N}}, in}, {{1, {N}}, in + N}, {{1, {N}}, in + 2 * N}, {{1, {N}}, right}};
    return engine_run(context, inputs, 4, build, NULL, out);
}

static double squared(double x, const void *with)
{
    return (void)with, (1 - 1 / (1 + exp(-x))) * (1 - 1 / (1 + exp(-x)));
}
static double entropy(double x, const void *with)
{
    return (void)with, log(1 + exp(-x));
}

static void picture(struct picture *p)
{
    picture_size(p, 420, 320);
    picture_frame(p, 40, 20, 400, 280, -6, 6, 0, 6);
    picture_curve(p, squared, NULL, PICTURE_BLUE);
    picture_curve(p, entropy, NULL, PICTURE_ORANGE);
    picture_words(
        p, 220, 312, 0, 12, PICTURE_INK,
        (struct words){"score of the right class, z; the answer is sigmoid(z)", "正确类的分数 z；输出为 sigmoid(z)"});
    picture_words(p, 392, 45, 1, 13, PICTURE_ORANGE,
                  (struct words){"cross-entropy: steep where it is wrong", "交叉熵：错得厉害处很陡"});
    picture_words(p, 46, 222, -1, 13, PICTURE_BLUE,
                  (struct words){"squared error: flat there", "均方误差：那里是平的"});
}

static const struct mistake mistakes[] = {
    {"summed",
     {"your mse is 4 times the right one: you sum the squares, the MEAN squared error divides by n",
      "你的 mse 是正确值的 4 倍：你只求了和，“均”方误差要除以 n"},
     "return sum / n;",
     "return sum;"},
    {"no-two",
     {"your mse gradient is half of the right one: the derivative of e^2 is 2e (only where the loss is e^2/2 does the "
      "2 go away)",
      "你的 mse 梯度是正确值的一半：e^2 的导数是 2e（只有损失写成 e^2/2 时 2 才消去）"},
     "2 * (p[i] - t[i]) / n",
     "(p[i] - t[i]) / n"},
    {"not-divided",
     {"your mse gradient is 4 times the right one: the loss is divided by n, and so is its gradient",
      "你的 mse 梯度是正确值的 4 倍：损失除以了 n，梯度也要除"},
     "2 * (p[i] - t[i]) / n",
     "2 * (p[i] - t[i])"},
    {"turned",
     {"your mse gradient has the wrong sign: it points uphill, so it is p - t; the step will subtract it",
      "你的 mse 梯度符号反了：梯度指向上坡，是 p - t；更新时再减去它"},
     "2 * (p[i] - t[i])",
     "2 * (t[i] - p[i])"},
    {"no-softmax",
     {"your cross-entropy is -z[label]: the scores must become shares first, by softmax",
      "你的交叉熵成了 -z[label]：先要用 softmax 把分数变成概率"},
     "return log(sum) + largest - z[label];",
     "return -z[label];"},
    {"base-two",
     {"your cross-entropy is 1.4427 times the right one: you took log2; the natural logarithm is meant (log in C)",
      "你的交叉熵是正确值的 1.4427 倍：用了 log2；这里是自然对数（C 的 log）"},
     "return log(sum) + largest - z[label];",
     "return (log(sum) + largest - z[label]) / log(2);"},
    {"no-one",
     {"your cross-entropy gradient is the softmax alone; at the label 1 is subtracted: share - 1 there",
      "你的交叉熵梯度只是 softmax；在 label 处还要减 1"},
     "- (i == label)",
     ""},
    {"one-minus",
     {"your cross-entropy gradient has the wrong sign: share - target", "你的交叉熵梯度符号反了：应为概率减目标"},
     "gradient[i] = exp(z[i] - largest) / sum - (i == label)",
     "gradient[i] = (i == label) - exp(z[i] - largest) / sum"},
    {.name = NULL},
};

const struct lesson lesson_losses = {
    .number = 9,
    .name = "losses",
    .title = {"How wrong? Squared error and cross-entropy", "错了多少？均方误差与交叉熵"},
    .text = {"To learn, a network needs one number that says how wrong it is, and the slope of\n"
             "that number with respect to each answer. Two such losses cover most of what\n"
             "people do.\n"
             "\n"
             "Mean squared error, for numbers p that should be t:\n"
             "\n"
             "    mse = ((p_1 - t_1)^2 + ... + (p_n - t_n)^2) / n\n"
             "    slope by p_i:  2 (p_i - t_i) / n\n"
             "\n"
             "By hand: p = (1, 2, 3, 4), t = (1, 1, 5, 4): (0 + 1 + 4 + 0) / 4 = 1.25, slopes\n"
             "(0, 0.5, -1, 0). Some books write half the sum instead, without the 2 in the\n"
             "slope; fovea and PyTorch take the mean.\n"
             "\n"
             "Cross-entropy, for scores z of n classes of which `label` is right: first shares\n"
             "by softmax, then how surprised one is by the right class:\n"
             "\n"
             "    loss = -log(softmax(z)[label])\n"
             "    slope by z_i:  softmax(z)[i], and 1 less at label\n"
             "\n"
             "By hand: z = (2, 1, 0.1, 0), label 0: shares (.605, .223, .090, .082), loss\n"
             "-log(.605) = 0.5025, slopes (-.395, .223, .090, .082). A loss of 0 is certainty;\n"
             "log n is guessing (2.303 for ten digits: the first loss you will see on MNIST).\n"
             "\n"
             "Why two? Put a sigmoid or softmax before the squared error, and where the answer\n"
             "is badly wrong the curve is flat: no slope, no learning. Cross-entropy cancels\n"
             "the exponential: its slope is share minus target, plain and never flat when\n"
             "wrong.\n"
             "\n"
             "Your task: both losses and both gradients. log in C is the natural one.",
             "要学习，网络需要一个数来说明错了多少，以及这个数对每个输出的斜率。最常用的是两种\n"
             "损失。\n"
             "\n"
             "均方误差（MSE），输出 p 应为 t：\n"
             "\n"
             "    mse = ((p_1 - t_1)^2 + ... + (p_n - t_n)^2) / n\n"
             "    对 p_i 的斜率：2 (p_i - t_i) / n\n"
             "\n"
             "手算：p = (1, 2, 3, 4)，t = (1, 1, 5, 4)：(0 + 1 + 4 + 0) / 4 = 1.25，斜率\n"
             "(0, 0.5, -1, 0)。有的书用和的一半，斜率里就没有 2；fovea 和 PyTorch 取平均。\n"
             "\n"
             "交叉熵，n 个类的分数 z，正确的是 label：先用 softmax 变成概率，再看对正确的类有\n"
             "多“意外”：\n"
             "\n"
             "    loss = -log(softmax(z)[label])\n"
             "    对 z_i 的斜率：softmax(z)[i]，在 label 处再减 1\n"
             "\n"
             "手算：z = (2, 1, 0.1, 0)，label 0：概率 (.605, .223, .090, .082)，损失\n"
             "-log(.605) = 0.5025，斜率 (-.395, .223, .090, .082)。损失为 0 是完全确定；log n\n"
             "是瞎猜（十个数字时为 2.303：在 MNIST 上你最先看到的损失）。\n"
             "\n"
             "为什么要两种？sigmoid 或 softmax 后面接均方误差，错得厉害的地方曲线是平的：没有\n"
             "斜率，学不动。交叉熵正好抵消指数：斜率就是“概率减目标”，错的时候绝不会平。\n"
             "\n"
             "任务：两种损失和两种梯度。C 的 log 就是自然对数。"},
    .brief = {"mse: mean of (p[i] - t[i])^2. cross_entropy: -log(softmax(z)[label]).\n"
              "The gradients are by p[i] and by z[i].",
              "mse：(p[i] - t[i])^2 的平均。cross_entropy：-log(softmax(z)[label])。\n梯度分别对 p[i] 和 z[i]。"},
    .stub = "#include <math.h>\n\n"
            "double mse(const double *p, const double *t, int n)\n{\n    return 0;\n}\n\n"
            "void mse_gradient(const double *p, const double *t, int n, double *gradient)\n{\n"
            "    for (int i = 0; i < n; i++) gradient[i] = 0;\n}\n\n"
            "double cross_entropy(const double *z, int n, int label)\n{\n    return 0;\n}\n\n"
            "void cross_entropy_gradient(const double *z, int n, int label, double *gradient)\n{\n"
            "    for (int i = 0; i < n; i++) gradient[i] = 0;\n}\n",
    .solution = "#include <math.h>\n\n"
                "double mse(const double *p, const double *t, int n)\n{\n    double sum = 0;\n"
                "    for (int i = 0; i < n; i++) sum += (p[i] - t[i]) * (p[i] - t[i]);\n    return sum / n;\n}\n\n"
                "void mse_gradient(const double *p, const double *t, int n, double *gradient)\n{\n"
                "    for (int i = 0; i < n; i++) gradient[i] = 2 * (p[i] - t[i]) / n;\n}\n\n"
                "static double sum_of_exponentials(const double *z, int n, double *largest)\n{\n    double sum = 0;\n"
                "    *largest = z[0];\n"
                "    for (int i = 1; i < n; i++) *largest = z[i] > *largest ? z[i] : *largest;\n"
                "    for (int i = 0; i < n; i++) sum += exp(z[i] - *largest);\n    return sum;\n}\n\n"
                "double cross_entropy(const double *z, int n, int label)\n{\n"
                "    double largest, sum = sum_of_exponentials(z, n, &largest);\n"
                "    return log(sum) + largest - z[label];\n}\n\n"
                "void cross_entropy_gradient(const double *z, int n, int label, double *gradient)\n{\n"
                "    double largest, sum = sum_of_exponentials(z, n, &largest);\n"
                "    for (int i = 0; i < n; i++) gradient[i] = exp(z[i] - largest) / sum - (i == label);\n}\n",
    .call =
        "    int label = (int)in[12];\n    out[0] = mse(in, in + 4, 4);\n    mse_gradient(in, in + 4, 4, out + 1);\n"
        "    out[5] = cross_entropy(in + 8, 4, label);\n    cross_entropy_gradient(in + 8, 4, label, out + 6);",
    .hints = {{"mse is a loop that sums squares and one division; its gradient is one line in a loop.",
               "mse 是一个累加平方的循环加一次除法；梯度是循环里的一行。"},
              {"-log(e^z[label] / sum) = log(sum) - z[label], with sum over all e^z[i].",
               "-log(e^z[label] / sum) = log(sum) - z[label]，sum 是所有 e^z[i] 之和。"},
              {"gradient[i] = exp(z[i]) / sum - (i == label)", "gradient[i] = exp(z[i]) / sum - (i == label)"}},
    .after = {"Share minus target: that one line starts every backward pass of a classifier.",
              "概率减目标：每个分类器的反向传播都从这一行开始。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
