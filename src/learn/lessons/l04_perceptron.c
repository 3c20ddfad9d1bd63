/* SPDX-License-Identifier: MIT */
/* Lesson 4: the perceptron's rule. The figures of its text (10 corrections for AND, 4 for OR, bounds 51 and 27) are
 * asserted in tests/learn/test_lessons.c, with the solution's own lines. */
#include "learn/lesson.h"

static const char *const inputs[] = {"w1", "w2", "b", "x1", "x2", "t", "eta", NULL}, *const outputs[] = {
                                                                                         "y", "w1", "w2", "b", NULL};

enum { NO_STEP = 1, AWAY, BIAS_STAYS, ALWAYS, NO_INPUT, NO_BIAS };

static int draw(struct draw *d, int index, double *in)
{
    for (int i = 0; i < 5; i++) { /* quarters, whose sum is exact in any order: it may be 0, which is not above 0 */
        in[i] = 0.25 * draw_integer(d, -4, 4);
    }
    in[5] = index % 2;
    in[6] = draw_short(d, 0.1, 1, 1);
    if (index == 0) { /* the text's step: AND, x = (1, 1), nothing known yet */
        const double first[] = {0, 0, 0, 1, 1, 1, 1};
        for (int i = 0; i < 7; i++) {
            in[i] = first[i];
        }
    } else if (index < 4) { /* the answer is wrongly 1; rightly 1; wrongly 0 */
        double t = index == 1 ? 0 : 1, sign = index == 3 ? -1 : 1;
        in[0] = in[1] = 0.5 * sign;
        in[2] = 0.25 * sign;
        in[3] = draw_short(d, 0.2, 1, 1);
        in[4] = draw_short(d, 0.2, 1, 1);
        in[5] = t;
    } else if (index == 4) { /* the bias alone decides */
        in[0] = in[1] = 0.5;
        in[2] = -1.25;
        in[3] = draw_short(d, 0.2, 1, 1);
        in[4] = draw_short(d, 0.2, 1, 1);
    }
    return 7;
}

static void answer(const double *in, int mistake, double *out)
{
    double sum = in[0] * in[3] + in[1] * in[4] + (mistake == NO_BIAS ? 0 : in[2]), t = in[5], eta = in[6];
    double y = mistake == NO_STEP ? sum : sum > 0;
    double error = mistake == AWAY ? y - t : mistake == ALWAYS ? t : t - y;
    out[0] = y;
    for (int i = 0; i < 2; i++) {
        out[1 + i] = in[i] + eta * error * (mistake == NO_INPUT ? 1 : in[3 + i]);
    }
    out[3] = in[2] + (mistake == BIAS_STAYS ? 0 : eta * error);
}

static const struct mistake mistakes[] = {
    {"no-step",
     {"y is the sum itself; the perceptron answers 1 or 0: whether the sum is above 0",
      "y 成了和本身；感知机的输出是 1 或 0：和是否大于 0"},
     "w1*x1 + w2*x2 + b > 0",
     "w1*x1 + w2*x2 + b"},
    {"away",
     {"you go away from the target: the error is t - y, what is missing, and it is added",
      "你在远离目标：误差是 t - y，即还缺多少，并且要加上去"},
     "t - y",
     "y - t"},
    {"bias-stays",
     {"b is never corrected. It is a weight like the others, of an input that is always 1: b = b + eta*(t - y)",
      "b 从未修正。它和别的权重一样，只是输入恒为 1：b = b + eta*(t - y)"},
     "b = b + eta*error",
     "b = b"},
    {"always-learns",
     {"you learn even where the answer was right. A perceptron changes only where t - y is not 0",
      "回答正确时你也在改。感知机只有在 t - y 不为 0 时才改变"},
     "t - y",
     "t"},
    {"no-input",
     {"every weight moves by the same amount; each must be blamed by its input: times x1, times x2",
      "每个权重移动得一样多；应按各自的输入追究责任：乘 x1，乘 x2"},
     "w1 = w1 + eta*error*x1\nw2 = w2 + eta*error*x2",
     "w1 = w1 + eta*error\nw2 = w2 + eta*error"},
    {"no-bias",
     {"b is missing from the sum: w1*x1 + w2*x2 + b", "和里缺少 b：w1*x1 + w2*x2 + b"},
     "w1*x1 + w2*x2 + b > 0",
     "w1*x1 + w2*x2 > 0"},
    {.name = NULL},
};

/* The separating lines after 2, 4 and 6 epochs of learning AND. */
static void picture(struct picture *p)
{
    static const double lines[][3] = {{1, 1, 1}, {2, 1, 0}, {2, 2, -1}, {2, 1, -2}};
    static const char *const colors[] = {"#cccccc", "#bbbbbb", "#888888", "#222222"};
    picture_size(p, 360, 340);
    picture_frame(p, 40, 20, 340, 300, -0.6, 2, -0.6, 2);
    for (int i = 1; i < 4; i++) {
        const double *w = lines[i];
        double x[2], y[2];
        for (int e = 0; e < 2; e++) { /* where the line meets the top and the bottom */
            y[e] = e == 0 ? -0.6 : 2;
            x[e] = (-w[2] - w[1] * y[e]) / w[0];
            if (x[e] < -0.6 || x[e] > 2) {
                x[e] = x[e] < -0.6 ? -0.6 : 2;
                y[e] = (-w[2] - w[0] * x[e]) / w[1];
            }
        }
        picture_line(p, picture_x(p, x[0]), picture_y(p, y[0]), picture_x(p, x[1]), picture_y(p, y[1]), colors[i], 2);
    }
    picture_words(
        p, 190, 332, 0, 12, PICTURE_INK,
        (struct words){"from light to dark: after 2, 4 and 6 epochs of AND", "由浅到深：学 AND 的第 2、4、6 轮之后"});
    for (int row = 0; row < 4; row++) {
        const char *color = row == 3 ? PICTURE_ORANGE : PICTURE_BLUE;
        picture_circle(p, picture_x(p, row / 2), picture_y(p, row % 2), 8, color, row == 3 ? color : "#ffffff");
    }
}

const struct lesson lesson_perceptron = {
    .number = 4,
    .name = "perceptron",
    .title = {"The perceptron learns, and surely ends", "感知机会学习，而且一定会结束"},
    .text = {"In 1958 Frank Rosenblatt let the neuron find its weights. The threshold moves to\n"
             "the other side as a bias b = -theta, so that the neuron fires where\n"
             "\n"
             "    w1*x1 + w2*x2 + b > 0\n"
             "\n"
             "Show it an example x with the right answer t (0 or 1), let it answer y, and\n"
             "correct:\n"
             "\n"
             "    w1 becomes w1 + eta*(t - y)*x1        w2 likewise with x2\n"
             "    b  becomes b  + eta*(t - y)\n"
             "\n"
             "If y is right, t - y = 0 and nothing changes. If it was silent and should have\n"
             "fired, t - y = 1 and the weights move towards x; in the opposite case, away from\n"
             "it.\n"
             "\n"
             "AND from zero, with eta = 1: x = (1, 1), t = 1. The sum is 0, so y = 0; wrong,\n"
             "and w = (1, 1), b = 1. Going round the four rows, ten corrections are needed;\n"
             "after them w = (2, 1), b = -2 answers all rows. OR takes four.\n"
             "\n"
             "Why must this end? Novikoff (1962): if some line separates the examples with a\n"
             "margin gamma, and none is longer than R (counting the 1 of the bias), there are\n"
             "at most (R/gamma)^2 corrections. For AND R^2 = 3 and gamma^2 = 1/17: at most 51.\n"
             "For OR: 27. The proof is two lines: each correction brings w closer to the\n"
             "separating direction by at least gamma, while |w|^2 grows by at most R^2.\n"
             "\n"
             "Your task: one step of learning. Lines are computed from top to bottom.",
             "1958 年，罗森布拉特（Frank Rosenblatt）让神经元自己找权重。阈值移到另一边，成为\n"
             "偏置 b = -theta，神经元在下式成立时激活：\n"
             "\n"
             "    w1*x1 + w2*x2 + b > 0\n"
             "\n"
             "给它一个例子 x 和正确答案 t（0 或 1），让它回答 y，然后修正：\n"
             "\n"
             "    w1 变为 w1 + eta*(t - y)*x1        w2 同样，用 x2\n"
             "    b  变为 b  + eta*(t - y)\n"
             "\n"
             "y 正确时 t - y = 0，什么也不变。该激活而沉默时 t - y = 1，权重向 x 移动；反之则\n"
             "远离 x。\n"
             "\n"
             "从零开始学 AND，eta = 1：x = (1, 1)，t = 1。和为 0，所以 y = 0；错了，于是\n"
             "w = (1, 1)，b = 1。沿四行循环，共需十次修正；之后 w = (2, 1)，b = -2 全部答对。\n"
             "OR 需要四次。\n"
             "\n"
             "为什么一定会结束？诺维科夫（Novikoff，1962）：如果有一条直线以间隔 gamma 分开这\n"
             "些例子，且例子的长度都不超过 R（包括偏置的那个 1），那么修正最多 (R/gamma)^2\n"
             "次。AND：R^2 = 3，gamma^2 = 1/17，最多 51 次；OR：27 次。证明只有两行：每次修正\n"
             "使 w 在分离方向上至少前进 gamma，而 |w|^2 最多增加 R^2。\n"
             "\n"
             "任务：写出一步学习。各行从上到下依次计算。"},
    .brief = {"One step of the perceptron. Given: weights w1, w2, bias b, an example x1, x2, its target t\n"
              "(0 or 1) and the rate eta. Write its answer y, then the corrected w1, w2 and b.",
              "感知机的一步。已知：权重 w1、w2，偏置 b，例子 x1、x2，目标 t（0 或 1），学习率 eta。\n"
              "写出输出 y，再写出修正后的 w1、w2 和 b。"},
    .stub = "y = 0\nw1 = w1\nw2 = w2\nb = b\n",
    .solution =
        "y = w1*x1 + w2*x2 + b > 0\nerror = t - y\nw1 = w1 + eta*error*x1\nw2 = w2 + eta*error*x2\nb = b + eta*error\n",
    .hints = {{"First the answer: a comparison, as in lesson 1, with b instead of theta and 0 on the right.",
               "先写输出：像第 1 课那样的比较，用 b 代替 theta，右边是 0。"},
              {"A line of your own, error = t - y, makes the other three short.",
               "自己加一行 error = t - y，另外三行就很短。"},
              {"y = w1*x1 + w2*x2 + b > 0, then w1 = w1 + eta*error*x1, and b moves as if its input were 1.",
               "y = w1*x1 + w2*x2 + b > 0，然后 w1 = w1 + eta*error*x1；b 的输入看作 1。"}},
    .after = {"Any two groups of points that a line can part, this rule parts. The next lesson is about the others.",
              "凡是一条直线能分开的两组点，这条规则都能分开。下一课讲分不开的。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .picture = picture,
};
