/* SPDX-License-Identifier: MIT */
/* Lesson 2: weights and thresholds for AND, OR, NAND and NOT. The first four cases are the whole truth table, the other
 * eight rows of it, drawn at random. */
#include "learn/lesson.h"

static const char *const inputs[] = {"x1", "x2", NULL}, *const outputs[] = {"and", "or", "nand", "not", NULL},
                         *const values[] = {"and_w1",  "and_w2",  "and_theta",  "or_w1", "or_w2",     "or_theta",
                                            "nand_w1", "nand_w2", "nand_theta", "not_w", "not_theta", NULL};

enum { AND_IS_OR = 1, OR_IS_AND, NAND_IS_AND, NAND_SILENT, NOT_COPIES, NOT_SILENT };

static int draw(struct draw *d, int index, double *in)
{
    static const int orders[4][4] = {{0, 1, 2, 3}, {3, 1, 0, 2}, {2, 3, 1, 0}, {1, 0, 3, 2}};
    int row = index < 4 ? index : orders[draw_integer(d, 0, 3)][index % 4];
    row = index >= 8 ? (row + index / 4) % 4 : row;
    in[0] = row / 2;
    in[1] = row % 2;
    return 2;
}

static void answer(const double *in, int mistake, double *out)
{
    bool a = in[0] > 0, b = in[1] > 0;
    out[0] = mistake == AND_IS_OR ? a || b : a && b;
    out[1] = mistake == OR_IS_AND ? a && b : a || b;
    out[2] = mistake == NAND_IS_AND ? a && b : mistake == NAND_SILENT ? 0 : !(a && b);
    out[3] = mistake == NOT_COPIES ? a : mistake == NOT_SILENT ? 0 : !a;
}

static void apply(const double *v, const double *in, double *out)
{
    for (int gate = 0; gate < 3; gate++) {
        const double *g = v + 3 * gate;
        out[gate] = g[0] * in[0] + g[1] * in[1] > g[2];
    }
    out[3] = v[9] * in[0] > v[10];
}

static const struct mistake mistakes[] = {
    {"and-is-or",
     {"your AND is an OR: one input alone reaches over its threshold. Both weights together must, each alone must not",
      "你的 AND 成了 OR：单独一个输入就超过了阈值。两个权重之和要超过它，单独一个不能"},
     "and_theta = 0.7",
     "and_theta = 0.2"},
    {"or-is-and",
     {"your OR is an AND: one input alone stays below its threshold. Lower or_theta, or raise the weights",
      "你的 OR 成了 AND：单独一个输入还不到阈值。降低 or_theta，或者增大权重"},
     "or_theta = 0.2",
     "or_theta = 0.7"},
    {"nand-is-and",
     {"your NAND is an AND: NAND is the opposite, so the weights and the threshold all change their sign",
      "你的 NAND 成了 AND：NAND 正好相反，权重和阈值都要变号"},
     "nand_w1 = -0.5\nnand_w2 = -0.5\nnand_theta = -0.7",
     "nand_w1 = 0.5\nnand_w2 = 0.5\nnand_theta = 0.7"},
    {"nand-silent",
     {"your NAND never fires. With x1 = x2 = 0 the sum is 0, and NAND must fire: its threshold lies below 0",
      "你的 NAND 从不激活。x1 = x2 = 0 时和为 0，而 NAND 应当激活：所以它的阈值小于 0"},
     "nand_theta = -0.7",
     "nand_theta = 0.7"},
    {"not-copies",
     {"your NOT repeats its input: an input that silences the neuron has a negative weight",
      "你的 NOT 只是重复了输入：能让神经元沉默的输入，权重是负的"},
     "not_w = -0.5\nnot_theta = -0.2",
     "not_w = 0.5\nnot_theta = 0.2"},
    {"not-silent",
     {"your NOT never fires. With x1 = 0 the sum is 0 and it must fire: its threshold lies below 0",
      "你的 NOT 从不激活。x1 = 0 时和为 0，而它应当激活：所以阈值小于 0"},
     "not_theta = -0.2",
     "not_theta = 0.2"},
    {.name = NULL},
};

/* The four inputs as points, and the line 0.5 x1 + 0.5 x2 = theta of AND and of OR. */
static void picture(struct picture *p)
{
    static const char *const names[] = {"AND: theta = 0.7", "OR: theta = 0.2"};
    static const double theta[] = {0.7, 0.2};
    picture_size(p, 520, 260);
    for (int g = 0; g < 2; g++) {
        picture_frame(p, 40 + 250.0 * g, 40, 240 + 250.0 * g, 220, -0.5, 1.7, -0.5, 1.7);
        picture_text(p, 140 + 250.0 * g, 28, 0, 14, PICTURE_INK, names[g]);
        double sum = theta[g] / 0.5, x0 = sum + 0.5 < 1.7 ? sum + 0.5 : 1.7;
        picture_line(p, picture_x(p, x0), picture_y(p, sum - x0), picture_x(p, sum - x0), picture_y(p, x0), PICTURE_INK,
                     1.5);
        for (int row = 0; row < 4; row++) {
            double x = row / 2, y = row % 2;
            const char *color = 0.5 * x + 0.5 * y > theta[g] ? PICTURE_ORANGE : PICTURE_BLUE;
            picture_circle(p, picture_x(p, x), picture_y(p, y), 8, color,
                           0.5 * x + 0.5 * y > theta[g] ? color : "#ffffff");
        }
    }
}

const struct lesson lesson_gates = {
    .number = 2,
    .name = "gates",
    .title = {"AND, OR, NAND, NOT: one machine, four settings", "AND、OR、NAND、NOT：一台机器，四种设置"},
    .text = {"The neuron of lesson 1 never changes. What it computes is decided by its weights\n"
             "and its threshold alone. Here is a table of what four gates must answer:\n"
             "\n"
             "    x1  x2 |  AND   OR  NAND  NOT x1\n"
             "     0   0 |   0     0    1      1\n"
             "     0   1 |   0     1    1      1\n"
             "     1   0 |   0     1    1      0\n"
             "     1   1 |   1     1    0      0\n"
             "\n"
             "Take AND with w1 = w2 = 0.5. The sums are 0, 0.5, 0.5 and 1. Only the last may\n"
             "be above theta, so any theta from 0.5 up to just below 1 will do: 0.7, say.\n"
             "There is no one right answer; whole ranges of numbers make the same gate. That\n"
             "is why a machine can find them by small steps, as you will see in lesson 4.\n"
             "\n"
             "In the picture each row of the table is a point. A neuron draws a straight line\n"
             "through the plane, w1*x1 + w2*x2 = theta, and fires on one side of it.\n"
             "\n"
             "Your task: eleven numbers for four gates. A neuron fires where its sum is above\n"
             "theta (>). NOT has only one input, x1.",
             "第 1 课的神经元不变，它算什么只由权重和阈值决定。四种门应当给出的答案如下：\n"
             "\n"
             "    x1  x2 |  AND   OR  NAND  NOT x1\n"
             "     0   0 |   0     0    1      1\n"
             "     0   1 |   0     1    1      1\n"
             "     1   0 |   0     1    1      0\n"
             "     1   1 |   1     1    0      0\n"
             "\n"
             "以 AND 为例，取 w1 = w2 = 0.5，四个和是 0、0.5、0.5、1。只有最后一个可以超过\n"
             "theta，所以从 0.5 到略小于 1 的任何 theta 都行，例如 0.7。答案不是唯一的：一整片\n"
             "范围的数给出同一个门。正因为如此，机器才能像第 4 课那样一小步一小步地找到它们。\n"
             "\n"
             "图中真值表的每一行是一个点。神经元在平面上画一条直线 w1*x1 + w2*x2 = theta，在直\n"
             "线的一侧激活。\n"
             "\n"
             "任务：为四种门写出十一个数。和大于 theta（>）时激活。NOT 只有一个输入 x1。"},
    .brief = {"Weights and thresholds for four gates. A neuron fires where w1*x1 + w2*x2 > theta.",
              "四种门的权重和阈值。w1*x1 + w2*x2 > theta 时神经元激活。"},
    .stub = "and_w1 = 0\nand_w2 = 0\nand_theta = 0\n\nor_w1 = 0\nor_w2 = 0\nor_theta = 0\n\n"
            "nand_w1 = 0\nnand_w2 = 0\nnand_theta = 0\n\nnot_w = 0\nnot_theta = 0\n",
    .solution = "and_w1 = 0.5\nand_w2 = 0.5\nand_theta = 0.7\n\nor_w1 = 0.5\nor_w2 = 0.5\nor_theta = 0.2\n\n"
                "nand_w1 = -0.5\nnand_w2 = -0.5\nnand_theta = -0.7\n\nnot_w = -0.5\nnot_theta = -0.2\n",
    .hints =
        {{"Write down the four sums of a gate, then choose theta between those that must fire and those that must not.",
          "先写出一个门的四个和，再把 theta 选在应激活与不应激活的和之间。"},
         {"OR: the same weights as AND and a lower threshold. NAND: AND with all three signs turned.",
          "OR：权重与 AND 相同，阈值更低。NAND：把 AND 的三个数都变号。"},
         {"AND 0.5 0.5 0.7, OR 0.5 0.5 0.2, NAND -0.5 -0.5 -0.7; NOT is -0.5 with a theta between -0.5 and 0.",
          "AND 0.5 0.5 0.7，OR 0.5 0.5 0.2，NAND -0.5 -0.5 -0.7；NOT 取 -0.5，theta 在 -0.5 与 0 之间。"}},
    .after = {"Any function of logic can be built from NAND gates alone: so can any computer, from this neuron.",
              "任何逻辑函数都可以只用 NAND 门搭成：也就是说，任何计算机都可以用这个神经元搭成。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .values = values,
    .apply = apply,
    .answer = answer,
    .picture = picture,
};
