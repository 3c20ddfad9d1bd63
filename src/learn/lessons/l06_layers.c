/* SPDX-License-Identifier: MIT */
/* Lesson 6: XOR by layers, in the two ways of the course. */
#include "learn/lesson.h"

static const char *const inputs[] = {"x1", "x2", NULL}, *const outputs[] = {"s1", "s2", "y", "n1",
                                                                            "n2", "n3", "z", NULL};

enum { OR_AT_THE_END = 1, AND_FIRST, SWAPPED, NAND_AT_THE_END, SAME_INPUTS, AND_LAST };

static int draw(struct draw *d, int index, double *in)
{
    int row = index < 4 ? index : draw_integer(d, 0, 3);
    in[0] = row / 2;
    in[1] = row % 2;
    return 2;
}

static bool nand(bool a, bool b)
{
    return !(a && b);
}

static void answer(const double *in, int mistake, double *out)
{
    bool a = in[0] > 0, b = in[1] > 0;
    bool s1 = mistake == AND_FIRST ? a && b : mistake == SWAPPED ? a || b : nand(a, b);
    bool s2 = mistake == SWAPPED ? nand(a, b) : a || b;
    bool y = mistake == OR_AT_THE_END ? s1 || s2 : mistake == NAND_AT_THE_END ? nand(s1, s2) : s1 && s2;
    bool n1 = nand(a, b), n2 = mistake == SAME_INPUTS ? nand(a, b) : nand(a, n1);
    bool n3 = mistake == SAME_INPUTS ? nand(a, b) : nand(b, n1);
    bool z = mistake == AND_LAST ? n2 && n3 : nand(n2, n3);
    const bool all[] = {s1, s2, y, n1, n2, n3, z};
    for (int i = 0; i < 7; i++) {
        out[i] = all[i];
    }
}

static const struct mistake mistakes[] = {
    {"or-at-the-end",
     {"y joins s1 and s2 by OR, so it fires always: XOR needs both, not (1, 1) and not (0, 0): AND",
      "y 用 OR 合并 s1 和 s2，于是总是激活：XOR 要两个条件都成立（非全 1，且非全 0）：用 AND"},
     "and(s1, s2)",
     "or(s1, s2)"},
    {"and-first",
     {"s1 is AND; it should be the opposite, NAND: \"not both\"", "s1 用了 AND；应当相反，用 NAND：“不全是 1”"},
     "s1 = nand",
     "s1 = and"},
    {"swapped",
     {"s1 and s2 are exchanged. y is right all the same, but the file asks for s1 = NAND and s2 = OR",
      "s1 和 s2 对调了。y 仍然正确，但文件要求 s1 是 NAND，s2 是 OR"},
     "s1 = nand(x1, x2)\ns2 = or(x1, x2)",
     "s1 = or(x1, x2)\ns2 = nand(x1, x2)"},
    {"nand-at-the-end",
     {"y is the opposite of XOR: the last gate of the first way is AND, not NAND",
      "y 与 XOR 正好相反：第一种方法最后一个门是 AND，不是 NAND"},
     "and(s1, s2)",
     "nand(s1, s2)"},
    {"same-inputs",
     {"n2 and n3 look at x1 and x2 again and so repeat n1: n2 sees x1 and n1, n3 sees x2 and n1",
      "n2 和 n3 又去看 x1 和 x2，只是重复了 n1：n2 应看 x1 和 n1，n3 应看 x2 和 n1"},
     "n2 = nand(x1, n1)\nn3 = nand(x2, n1)",
     "n2 = nand(x1, x2)\nn3 = nand(x1, x2)"},
    {"and-last",
     {"z is AND of n2 and n3: the fourth gate is a NAND, too", "z 用了 AND：第四个门也是 NAND"},
     "nand(n2, n3)",
     "and(n2, n3)"},
    {.name = NULL},
};

static void gate(struct picture *p, double x, double y, const char *name, const char *value)
{
    picture_box(p, x - 30, y - 16, 60, 32, PICTURE_INK, "#ffffff");
    picture_text(p, x, y + 5, 0, 13, PICTURE_INK, name);
    picture_text(p, x, y - 21, 0, 12, PICTURE_ORANGE, value);
}

static void picture(struct picture *p)
{
    picture_size(p, 470, 220);
    picture_text(p, 30, 75, 0, 15, PICTURE_INK, "x1");
    picture_text(p, 30, 165, 0, 15, PICTURE_INK, "x2");
    for (int to = 0; to < 2; to++) {
        double y = to == 0 ? 70 : 160;
        picture_arrow(p, 44, 70, 138, y - 6, PICTURE_BLUE);
        picture_arrow(p, 44, 160, 138, y + 6, PICTURE_BLUE);
        picture_arrow(p, 202, y, 288, to == 0 ? 108 : 122, PICTURE_BLUE);
    }
    gate(p, 170, 70, "NAND", "s1");
    gate(p, 170, 160, "OR", "s2");
    gate(p, 320, 115, "AND", "y");
    picture_arrow(p, 352, 115, 410, 115, PICTURE_INK);
    picture_text(p, 418, 120, -1, 15, PICTURE_INK, "XOR");
    picture_words(p, 170, 205, 0, 12, PICTURE_GREY, (struct words){"layer 1", "第 1 层"});
    picture_words(p, 320, 205, 0, 12, PICTURE_GREY, (struct words){"layer 2", "第 2 层"});
}

const struct lesson lesson_layers = {
    .number = 6,
    .name = "layers",
    .title = {"XOR by layers, in two ways", "用多层实现 XOR：两种方法"},
    .text = {"One neuron draws one line. Two neurons draw two lines, and a third can ask\n"
             "whether a point lies between them. That is all there is to \"deep\".\n"
             "\n"
             "First way, two layers. XOR is \"at least one of them, but not both\":\n"
             "\n"
             "    x1 --+--[NAND]-- s1 --\\\n"
             "         X                 [AND]-- y\n"
             "    x2 --+--[ OR ]-- s2 --/\n"
             "\n"
             "    x1  x2 | s1  s2 | y\n"
             "     0   0 |  1   0 | 0\n"
             "     0   1 |  1   1 | 1\n"
             "     1   0 |  1   1 | 1\n"
             "     1   1 |  0   1 | 0\n"
             "\n"
             "The first layer moved the points: seen through s1 and s2 the four rows are only\n"
             "three points, and those a line can part.\n"
             "\n"
             "Second way, three layers, one kind of gate, four times NAND:\n"
             "\n"
             "    n1 from x1, x2     n2 from x1, n1     n3 from x2, n1     z from n2, n3\n"
             "\n"
             "Your task: both. Use the gates and(a, b), or(a, b), nand(a, b), which are\n"
             "neurons of lesson 2; a line may use the names of the lines above it.",
             "一个神经元画一条线。两个神经元画两条线，第三个就能问：点是不是在两条线之间？“深”\n"
             "的全部秘密就在这里。\n"
             "\n"
             "第一种方法，两层。XOR 就是“至少一个，但不是两个”：\n"
             "\n"
             "    x1 --+--[NAND]-- s1 --\\\n"
             "         X                 [AND]-- y\n"
             "    x2 --+--[ OR ]-- s2 --/\n"
             "\n"
             "    x1  x2 | s1  s2 | y\n"
             "     0   0 |  1   0 | 0\n"
             "     0   1 |  1   1 | 1\n"
             "     1   0 |  1   1 | 1\n"
             "     1   1 |  0   1 | 0\n"
             "\n"
             "第一层移动了这些点：从 s1 和 s2 看去，四行只剩三个点，而这三个点一条直线就能分\n"
             "开。\n"
             "\n"
             "第二种方法，三层，只用一种门，四个 NAND：\n"
             "\n"
             "    n1 由 x1 和 x2；   n2 由 x1 和 n1；   n3 由 x2 和 n1；   z 由 n2 和 n3\n"
             "\n"
             "任务：两种都写。可用的门是 and(a, b)、or(a, b)、nand(a, b)，即第 2 课的神经元；\n"
             "每一行可以用上面各行的名字。"},
    .brief = {"XOR of x1 and x2 in two ways, from the gates and(a, b), or(a, b), nand(a, b).\n"
              "First way: s1 by NAND, s2 by OR, y from s1 and s2. Second way: n1, n2, n3, z by four NANDs.",
              "用门 and(a, b)、or(a, b)、nand(a, b) 以两种方法写出 x1 和 x2 的 XOR。\n"
              "第一种：s1 用 NAND，s2 用 OR，y 由 s1 和 s2 得到。第二种：用四个 NAND 得到 n1、n2、n3、z。"},
    .stub = "s1 = 0\ns2 = 0\ny = 0\n\nn1 = 0\nn2 = 0\nn3 = 0\nz = 0\n",
    .solution = "s1 = nand(x1, x2)\ns2 = or(x1, x2)\ny = and(s1, s2)\n\n"
                "n1 = nand(x1, x2)\nn2 = nand(x1, n1)\nn3 = nand(x2, n1)\nz = nand(n2, n3)\n",
    .hints = {{"The table in the text says what s1, s2 and y are in each row.", "正文的表给出了每一行的 s1、s2、y。"},
              {"s1 = nand(x1, x2). The second way begins with the same gate.",
               "s1 = nand(x1, x2)。第二种方法从同一个门开始。"},
              {"y = and(s1, s2); n2 = nand(x1, n1), n3 likewise with x2, and z is nand of both.",
               "y = and(s1, s2)；n2 = nand(x1, n1)，n3 同样用 x2，z 是两者的 nand。"}},
    .after =
        {"With layers, a network of such neurons computes any function of logic. What remains is to learn the weights.",
         "有了多层，这种神经元组成的网络能计算任何逻辑函数。剩下的问题是怎样学到权重。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .picture = picture,
};
