/* SPDX-License-Identifier: MIT */
/* Lesson 5: XOR, the line that does not exist. The learner gives the best line, and a proof that there is none better:
 * multipliers under which the four conditions add up to a contradiction (a Farkas certificate). Each case draws a line,
 * for which the weighted sum of the conditions must be 0. */
#include "learn/lesson.h"

static const char *const inputs[] = {"any_w1", "any_w2", "any_theta", NULL},
                         *const outputs[] = {"rows_right", "sum", "contradiction", NULL},
                         *const values[] = {"w1", "w2", "theta", "m00", "m01", "m10", "m11", NULL};

enum { AND_LINE = 1, NO_LINE, NOTHING_SUMMED, ONE_LEFT_OUT, NEGATIVE };

static int draw(struct draw *d, int index, double *in)
{
    (void)index;
    in[0] = draw_short(d, -2, 2, 1);
    in[1] = draw_short(d, -2, 2, 1);
    in[2] = draw_short(d, 0.5, 2, 1); /* not 0, so that a condition left out of the sum shows */
    return 3;
}

static void apply(const double *v, const double *in, double *out)
{
    const double *m = v + 3;
    out[0] = 0;
    for (int row = 0; row < 4; row++) {
        int x1 = row / 2, x2 = row % 2;
        out[0] += (v[0] * x1 + v[1] * x2 > v[2]) == (x1 != x2);
    }
    /* The sum counts in units of the strict conditions' multipliers, or else tiny ones would pass for a proof. */
    double unit = m[1] + m[2] > 0 && m[1] + m[2] < 1 ? m[1] + m[2] : 1;
    out[1] = m[0] * in[2] + m[1] * (in[1] - in[2]) + m[2] * (in[0] - in[2]) + m[3] * (in[2] - in[0] - in[1]);
    out[1] /= unit;
    bool negative = m[0] < 0 || m[1] < 0 || m[2] < 0 || m[3] < 0;
    out[2] = negative ? -1 : m[1] + m[2] > 0;
}

static void answer(const double *in, int mistake, double *out)
{
    out[0] = mistake == AND_LINE ? 1 : mistake == NO_LINE ? 2 : 3;
    out[1] = mistake == ONE_LEFT_OUT ? -in[2] : 0;
    out[2] = mistake == NOTHING_SUMMED ? 0 : mistake == NEGATIVE ? -1 : 1;
}

static const struct mistake mistakes[] = {
    {"and-line",
     {"only one row is right: a line like AND's puts (0, 1) and (1, 0) on the wrong side. OR's line does better",
      "只有一行正确：AND 那样的直线把 (0, 1) 和 (1, 0) 放错了边。OR 的直线更好"},
     "theta = 0.2",
     "theta = 0.7"},
    {"no-line",
     {"two rows are right; a neuron that never (or always) fires gets as many. Three can be reached: think of OR or "
      "NAND",
      "两行正确；从不激活（或总是激活）的神经元也能做到。可以做到三行：想想 OR 或 NAND"},
     "w1 = 0.5\nw2 = 0.5\ntheta = 0.2",
     "w1 = 0\nw2 = 0\ntheta = 0"},
    {"nothing-summed",
     {"0 = 0 is true: with m01 = m10 = 0 no strict condition is in the sum, so nothing is contradicted",
      "0 = 0 是真的：m01 = m10 = 0 时，和里没有严格的不等式，也就没有矛盾"},
     "m00 = 1\nm01 = 1\nm10 = 1\nm11 = 1",
     "m00 = 0\nm01 = 0\nm10 = 0\nm11 = 0"},
    {"one-left-out",
     {"your sum keeps -theta: the condition of row (0, 0), theta >= 0, was left out; it takes away what is left",
      "你的和里还剩 -theta：漏掉了 (0, 0) 那一行的条件 theta >= 0，它正好抵消剩下的"},
     "m00 = 1",
     "m00 = 0"},
    {"negative",
     {"a multiplier is negative: that turns a condition round, and its opposite is not what XOR asks",
      "有一个乘数是负的：那会把条件反过来，而反过来的条件不是 XOR 所要求的"},
     "m00 = 1\nm01 = 1\nm10 = 1\nm11 = 1",
     "m00 = -1\nm01 = -1\nm10 = -1\nm11 = -1"},
    {.name = NULL},
};

static void picture(struct picture *p)
{
    picture_size(p, 300, 300);
    picture_frame(p, 40, 20, 280, 260, -0.5, 1.5, -0.5, 1.5);
    picture_line(p, picture_x(p, 0.9), picture_y(p, -0.5), picture_x(p, -0.5), picture_y(p, 0.9), PICTURE_INK, 1.5);
    picture_line(p, picture_x(p, 1.5), picture_y(p, 0.1), picture_x(p, 0.1), picture_y(p, 1.5), PICTURE_GREY, 1.5);
    for (int row = 0; row < 4; row++) {
        int fires = row == 1 || row == 2;
        const char *color = fires ? PICTURE_ORANGE : PICTURE_BLUE;
        picture_circle(p, picture_x(p, row / 2), picture_y(p, row % 2), 9, color, fires ? color : "#ffffff");
    }
    picture_words(p, 160, 294, 0, 12, PICTURE_INK,
                  (struct words){"two lines part them, no single one does", "两条线能分开，一条线不能"});
}

const struct lesson lesson_xor = {
    .number = 5,
    .name = "xor",
    .title = {"XOR: the line that does not exist", "XOR：那条不存在的直线"},
    .text = {"XOR fires where exactly one input is 1. In 1969 Minsky and Papert showed that no\n"
             "single neuron computes it, and for years few wanted to hear of neurons. Look at\n"
             "what one neuron with weights w1, w2 and threshold theta would have to do, row by\n"
             "row:\n"
             "\n"
             "    row (0, 0), silent:   theta           >= 0        [00]\n"
             "    row (0, 1), fires:    w2 - theta       > 0        [01]\n"
             "    row (1, 0), fires:    w1 - theta       > 0        [10]\n"
             "    row (1, 1), silent:   theta - w1 - w2 >= 0        [11]\n"
             "\n"
             "Each condition is easy; all four together are impossible. To prove it, multiply\n"
             "each by a number that is not negative and add them up. If all of w1, w2 and\n"
             "theta cancel, and at least one of the two conditions with > took part, what\n"
             "remains says\n"
             "\n"
             "    0 > 0\n"
             "\n"
             "and no w1, w2, theta in the world can help. (That such numbers always exist when\n"
             "a system has no solution is a theorem by Farkas, 1902.) In the picture: no\n"
             "straight line has the two full points on one side and the two empty ones on the\n"
             "other.\n"
             "\n"
             "Your task: first the best that one neuron can do, weights that get three of the\n"
             "four rows right. Then the proof that four cannot be had: the multipliers m00,\n"
             "m01, m10, m11. The check draws lines (any_w1 ...) on which your sum must come to\n"
             "0.",
             "XOR 在恰好一个输入为 1 时激活。1969 年明斯基（Minsky）和派珀特（Papert）证明单个\n"
             "神经元算不出它，此后很多年几乎没人愿意再提神经元。假如有一个神经元能做到，看看它\n"
             "的权重 w1、w2 和阈值 theta 逐行要满足什么：\n"
             "\n"
             "    (0, 0) 沉默：   theta           >= 0        [00]\n"
             "    (0, 1) 激活：   w2 - theta       > 0        [01]\n"
             "    (1, 0) 激活：   w1 - theta       > 0        [10]\n"
             "    (1, 1) 沉默：   theta - w1 - w2 >= 0        [11]\n"
             "\n"
             "每个条件都容易，四个一起却不可能。证明的办法：给每个条件乘一个非负的数，然后相\n"
             "加。如果 w1、w2、theta 全部抵消，而且两个带 > 的条件至少有一个参与，剩下的就是\n"
             "\n"
             "    0 > 0\n"
             "\n"
             "那么世上没有任何 w1、w2、theta 能做到。（不等式组无解时，这样的数总存在：这是法\n"
             "卡斯（Farkas）1902 年的定理。）在图里：没有一条直线能把两个实心点和两个空心点分\n"
             "开。\n"
             "\n"
             "任务：先给出一个神经元所能做到的最好结果，即使四行中三行正确的权重；再证明四行做\n"
             "不到：给出乘数 m00、m01、m10、m11。检查时随机取一些直线（any_w1 ...），对每一\n"
             "条，你的和都必须为 0。"},
    .brief = {"First: a neuron that gets three rows of XOR right (it fires where w1*x1 + w2*x2 > theta).\n"
              "Then: the proof. m00 * [00] + m01 * [01] + m10 * [10] + m11 * [11] must say 0 > 0.",
              "先写：使 XOR 三行正确的神经元（w1*x1 + w2*x2 > theta 时激活）。\n"
              "再写：证明。m00 * [00] + m01 * [01] + m10 * [10] + m11 * [11] 应得到 0 > 0。"},
    .stub = "w1 = 0\nw2 = 0\ntheta = 1\n\nm00 = 0\nm01 = 0\nm10 = 0\nm11 = 0\n",
    .solution = "w1 = 0.5\nw2 = 0.5\ntheta = 0.2\n\nm00 = 1\nm01 = 1\nm10 = 1\nm11 = 1\n",
    .hints = {{"OR differs from XOR in one row only; so does NAND.", "OR 与 XOR 只差一行；NAND 也是。"},
              {"w1 stands in [10] with + and in [11] with -: what must m10 and m11 be to each other?",
               "w1 在 [10] 里带 +，在 [11] 里带 -：m10 和 m11 应是什么关系？"},
              {"m10 = m11 = m01 by w1 and w2; then theta: m00 - m01 - m10 + m11 = 0.",
               "由 w1 和 w2 得 m10 = m11 = m01；再看 theta：m00 - m01 - m10 + m11 = 0。"}},
    .after = {"You have proved it. What one neuron cannot do, two layers can: lesson 6.",
              "你证明了它。一个神经元做不到的，两层可以：第 6 课。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .values = values,
    .apply = apply,
    .answer = answer,
    .picture = picture,
};
