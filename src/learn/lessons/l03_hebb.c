/* SPDX-License-Identifier: MIT */
/* Lesson 3: Hebb's rule. */
#include "learn/lesson.h"

static const char *const inputs[] = {"w", "x", "y", "eta", NULL}, *const outputs[] = {"w", NULL};

enum { FORGETS = 1, NO_RATE, ADDS, NO_OUTPUT, ERROR_RULE, WEAKENS };

static int draw(struct draw *d, int index, double *in)
{
    in[0] = draw_short(d, -2, 2, 2);
    in[1] = draw_short(d, -1, 1, 1);
    in[2] = draw_short(d, -1, 1, 1);
    in[3] = draw_short(d, 0.05, 0.9, 2);
    if (index == 0) { /* the text's first step */
        in[0] = 0, in[1] = 1, in[2] = 1, in[3] = 0.25;
    } else if (index == 1) { /* a silent input: nothing changes */
        in[1] = 0;
    } else if (index == 2) {
        in[1] = 1, in[2] = -1;
    }
    return 4;
}

static void answer(const double *in, int mistake, double *out)
{
    double w = in[0], x = in[1], y = in[2], eta = in[3];
    switch (mistake) {
    case FORGETS:
        out[0] = eta * x * y;
        break;
    case NO_RATE:
        out[0] = w + x * y;
        break;
    case ADDS:
        out[0] = w + eta * (x + y);
        break;
    case NO_OUTPUT:
        out[0] = w + eta * x;
        break;
    case ERROR_RULE:
        out[0] = w + eta * (y - w * x) * x;
        break;
    case WEAKENS:
        out[0] = w - eta * x * y;
        break;
    default:
        out[0] = w + eta * x * y;
    }
}

/* One memory of four weights, drawn as connections as thick as their weights: after a, and after b as well. */
static void picture(struct picture *p)
{
    static const double after[2][4] = {{0.25, 0.25, 0.25, 0.25}, {0, 0.5, 0, 0.5}};
    static const struct words heads[] = {{"after a = (1, 1, 1, 1), wanted 1", "a = (1, 1, 1, 1) 之后，应答 1"},
                                         {"after b = (1, -1, 1, -1), wanted -1", "b = (1, -1, 1, -1) 之后，应答 -1"}},
                              answers[] = {{"asked a: 1", "问 a：1"}, {"asked a: 1, asked b: -1", "问 a：1，问 b：-1"}};
    picture_size(p, 480, 250);
    for (int k = 0; k < 2; k++) {
        double left = 20 + 240 * k;
        picture_words(p, left + 100, 24, 0, 12, PICTURE_INK, heads[k]);
        picture_circle(p, left + 180, 115, 18, PICTURE_INK, "#ffffff");
        picture_text(p, left + 180, 120, 0, 14, PICTURE_INK, "y");
        for (int i = 0; i < 4; i++) {
            double y = 55 + 40 * i, w = after[k][i];
            char name[8] = "x1", weight[16];
            name[1] = (char)('1' + i);
            picture_circle(p, left + 20, y, 13, PICTURE_INK, "#ffffff");
            picture_text(p, left + 20, y + 4, 0, 12, PICTURE_INK, name);
            picture_line(p, left + 33, y, left + 163, 115 + (y - 115) * 0.1, w > 0 ? PICTURE_BLUE : "#cccccc",
                         1 + 10 * w);
            snprintf(weight, sizeof weight, "%g", w);
            picture_text(p, left + 58, i < 2 ? y - 3 : y + 14, 0, 11, PICTURE_BLUE, weight);
        }
        picture_words(p, left + 100, 225, 0, 12, PICTURE_ORANGE, answers[k]);
    }
}

static const struct mistake mistakes[] = {
    {"forgets",
     {"you replace the weight; Hebb's rule adds to it: the old w is the memory of all that came before",
      "你替换了权重；赫布规则是在原来的 w 上增加：旧的 w 就是以前一切的记忆"},
     "w + eta*x*y",
     "eta*x*y"},
    {"no-rate",
     {"eta is missing: the step is eta times x times y", "缺少 eta：步长是 eta 乘 x 乘 y"},
     "eta*x*y",
     "x*y"},
    {"adds",
     {"you add x and y; they must be active together, so they are multiplied: if one of them is 0, nothing changes",
      "你把 x 和 y 相加了；“同时活跃”要用乘法：只要其中一个是 0，就不变"},
     "eta*x*y",
     "eta*(x + y)"},
    {"no-output",
     {"y is missing: the connection grows only as far as the neuron behind it is active, too",
      "缺少 y：只有后面的神经元也活跃时，连接才增强"},
     "eta*x*y",
     "eta*x"},
    {"error-rule",
     {"you subtract what the neuron already answers: that is the delta rule of Widrow and Hoff (1960); Hebb's knows no "
      "error",
      "你减去了神经元已有的回答：那是 Widrow 和 Hoff（1960）的 delta 规则；赫布规则里没有误差"},
     "eta*x*y",
     "eta*(y - w*x)*x"},
    {"weakens",
     {"your weight shrinks where both are active; it should grow: + and not -",
      "两者都活跃时你的权重反而减小；应当增大：用 + 而不是 -"},
     "w + eta",
     "w - eta"},
    {.name = NULL},
};

const struct lesson lesson_hebb = {
    .number = 3,
    .name = "hebb",
    .title = {"Hebb's rule: what fires together", "赫布规则：一起激活的连在一起"},
    .text = {"Until now you chose the weights. In 1949 the psychologist Donald Hebb wrote down\n"
             "how they might come about by themselves: when one cell again and again helps\n"
             "another to fire, the connection between them grows stronger. As a formula, for\n"
             "the weight w of an input x to a neuron that answers y:\n"
             "\n"
             "    w becomes  w + eta * x * y\n"
             "\n"
             "eta (a Greek letter, here 0.25) is the learning rate: how much one experience\n"
             "counts.\n"
             "\n"
             "By hand. Inputs are +1 and -1; we show a = (1, 1, 1, 1) and want the answer +1,\n"
             "then b = (1, -1, 1, -1) and want -1. Start with w = 0:\n"
             "\n"
             "    after a:  w = 0 + 0.25 * 1 * (1, 1, 1, 1)            = (.25, .25, .25, .25)\n"
             "    after b:  w = w + 0.25 * -1 * (1, -1, 1, -1)         = (0, .5, 0, .5)\n"
             "    asked a:  0*1 + .5*1 + 0*1 + .5*1 =  1\n"
             "    asked b:  0*1 - .5*1 + 0*1 - .5*1 = -1\n"
             "\n"
             "Both are remembered without a fault, in the same four weights, because a and b\n"
             "are orthogonal: a.b = 1 - 1 + 1 - 1 = 0. Had we stored c = (1, 1, 1, -1) instead\n"
             "of b, then a.c = 2, and a would be answered with 1 - 0.25*2 = 0.5: cross-talk.\n"
             "\n"
             "Your task: the rule for one connection. `w = ...` may use the old w on its\n"
             "right.",
             "到现在为止，权重是你选的。1949 年，心理学家赫布（Donald Hebb）写下了它们怎样可能\n"
             "自己形成：当一个细胞一次又一次地帮助另一个细胞激活，它们之间的连接就会增强。设一\n"
             "个神经元的输入为 x、输出为 y，对这个输入的权重为 w，写成公式：\n"
             "\n"
             "    w 变为  w + eta * x * y\n"
             "\n"
             "eta（希腊字母，这里取 0.25）是学习率：一次经验算多少。\n"
             "\n"
             "手算一遍。输入取 +1 和 -1；先给 a = (1, 1, 1, 1)，希望回答 +1，再给\n"
             "b = (1, -1, 1, -1)，希望回答 -1。从 w = 0 开始：\n"
             "\n"
             "    a 之后： w = 0 + 0.25 * 1 * (1, 1, 1, 1)            = (.25, .25, .25, .25)\n"
             "    b 之后： w = w + 0.25 * -1 * (1, -1, 1, -1)         = (0, .5, 0, .5)\n"
             "    问 a：   0*1 + .5*1 + 0*1 + .5*1 =  1\n"
             "    问 b：   0*1 - .5*1 + 0*1 - .5*1 = -1\n"
             "\n"
             "同样四个权重，两个都记得毫无差错，因为 a 与 b 正交：a.b = 1 - 1 + 1 - 1 = 0。如\n"
             "果存的不是 b 而是 c = (1, 1, 1, -1)，那么 a.c = 2，问 a 时回答\n"
             "1 - 0.25*2 = 0.5：这就是串扰。\n"
             "\n"
             "任务：写出一个连接的规则。`w = ...` 的右边可以用旧的 w。"},
    .brief = {"Hebb's rule for one connection. Given: its weight w, the input x, the answer y, the rate eta.\n"
              "Write the weight after this experience.",
              "一个连接的赫布规则。已知：权重 w、输入 x、输出 y、学习率 eta。\n写出这次经验之后的权重。"},
    .stub = "w = w\n",
    .solution = "w = w + eta*x*y\n",
    .hints = {{"The new weight is the old one and something more.", "新的权重等于旧的权重再加上一点。"},
              {"What is added is a product of three names.", "加上的是三个名字的乘积。"},
              {"w = w + eta * ... * ...", "w = w + eta * ... * ..."}},
    .after = {"The rule looks only at what its two ends do, not at whether the answer was right. Lesson 4 adds that.",
              "这条规则只看两端的活动，不管回答对不对。第 4 课会加上这一点。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .picture = picture,
};
