/* SPDX-License-Identifier: MIT */
/* Lesson 12: backpropagation by hand on the shop's graph. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>

static const char *const inputs[] = {"apple_price", "apple_number", "orange_price", "orange_number", "tax", "x", "y",
                                     NULL},
                         *const outputs[] = {"apples",
                                             "oranges",
                                             "fruit",
                                             "total",
                                             "d_fruit",
                                             "d_tax",
                                             "d_apples",
                                             "d_oranges",
                                             "d_apple_price",
                                             "d_apple_number",
                                             "d_orange_price",
                                             "d_orange_number",
                                             "z",
                                             "dz_dt",
                                             "dz_dx",
                                             "dz_dy",
                                             NULL};
enum { OWN_INPUT = 1, NOT_CHAINED, SHARED_OUT, WHOLE_TOTAL, TAX_LEFT_OUT, SQUARE_IS_TWO };

static int draw(struct draw *d, int index, double *in)
{
    static const double text[2][7] = {{10, 2, 0, 0, 1.1, 1, 2}, {10, 2, 15, 3, 1.1, 1, 2}};
    for (int i = 0; i < 7; i++) {
        in[i] = index < 2             ? text[index][i]
                : i % 2 == 1 && i < 4 ? draw_integer(d, 1, 9)
                : i == 4              ? draw_short(d, 1.05, 1.25, 2)
                : i > 4               ? draw_short(d, -3, 3, 1)
                                      : draw_integer(d, 5, 30);
    }
    return 7;
}

static void answer(const double *in, int mistake, double *out)
{
    double tax = in[4], apples = in[0] * in[1], oranges = in[2] * in[3], fruit = apples + oranges;
    double d_total = mistake == WHOLE_TOTAL ? fruit * tax : 1;
    double d_fruit = mistake == TAX_LEFT_OUT ? 1 : d_total * tax, d_tax = d_total * fruit;
    double d_branch = mistake == SHARED_OUT ? d_fruit / 2 : d_fruit, chained = mistake == NOT_CHAINED ? 1 : d_branch;
    double t = in[5] + in[6], dz_dt = mistake == SQUARE_IS_TWO ? 2 : 2 * t;
    const double all[] = {apples, oranges, fruit, fruit * tax, d_fruit, d_tax, d_branch, d_branch};
    for (int i = 0; i < 8; i++) {
        out[i] = all[i];
    }
    for (int i = 0; i < 4; i++) { /* a product passes back the arriving gradient times its OTHER input */
        out[8 + i] = chained * in[mistake == OWN_INPUT ? i : i ^ 1];
    }
    out[12] = t * t;
    out[13] = out[14] = out[15] = dz_dt;
}

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    (void)with;
    fov_value apples = fov_mul(g, in[0], in[1]), oranges = fov_mul(g, in[2], in[3]),
              fruit = fov_add(g, apples, oranges);
    fov_value total = fov_mul(g, fruit, in[4]), t = fov_add(g, in[5], in[6]), z = fov_mul(g, t, t);
    const fov_value forward[] = {apples, oranges, fruit, total};
    const fov_value targets[] = {fruit, in[4], apples, oranges, in[0], in[1], in[2], in[3]}, of_z[] = {t, in[5], in[6]};
    for (int i = 0; i < 4; i++) {
        out[i] = forward[i];
    }
    out[12] = z;
    return fov_gradient(g, total, targets, 8, out + 4) || fov_gradient(g, z, of_z, 3, out + 13) ? -1 : 16;
}

static int engine(fov_context *context, const double *in, double *out)
{
    struct engine_input given[7];
    for (int i = 0; i < 7; i++) {
        given[i] = (struct engine_input){{0, {0}}, in + i};
    }
    return engine_run(context, given, 7, build, NULL, out);
}

/* ---- the drawing: every arrow with its number, forward and back -------------------------------------------------- */

static void arrow(struct picture *p, double x0, double y0, double x1, double y1, const char *forward, const char *back)
{
    double x = (x0 + x1) / 2, y = (y0 + y1) / 2;
    picture_arrow(p, x0, y0, x1, y1, PICTURE_INK);
    picture_text(p, x, y - 5, 0, 12, PICTURE_BLUE, forward);
    picture_text(p, x, y + 14, 0, 12, PICTURE_ORANGE, back);
}

static void node(struct picture *p, double x, double y, const char *name)
{
    picture_circle(p, x, y, 16, PICTURE_INK, "#ffffff");
    picture_text(p, x, y + 5, 0, 15, PICTURE_INK, name);
}

static void picture(struct picture *p)
{
    picture_size(p, 640, 330);
    static const struct words names[] = {{"apple's price", "苹果价格"},
                                         {"apples", "苹果个数"},
                                         {"orange's price", "橙子价格"},
                                         {"oranges", "橙子个数"},
                                         {"tax", "税"}};
    static const double height[] = {30, 90, 160, 220, 290};
    for (int i = 0; i < 5; i++) {
        picture_words(p, 98, height[i] + 5, 1, 13, PICTURE_INK, names[i]);
    }
    node(p, 230, 60, "x"), node(p, 230, 190, "x"), node(p, 370, 125, "+"), node(p, 510, 185, "x");
    arrow(p, 105, 30, 215, 54, "10", "2.2");
    arrow(p, 105, 90, 215, 66, "2", "11");
    arrow(p, 105, 160, 215, 184, "15", "3.3");
    arrow(p, 105, 220, 215, 196, "3", "16.5");
    arrow(p, 246, 65, 355, 118, "20", "1.1");
    arrow(p, 246, 185, 355, 132, "45", "1.1");
    arrow(p, 386, 131, 495, 178, "65", "1.1");
    arrow(p, 105, 290, 497, 194, "1.1", "65");
    arrow(p, 526, 185, 610, 185, "71.5", "1");
    picture_words(p, 540, 290, 0, 12, PICTURE_BLUE, (struct words){"blue: forward", "蓝色：正向"});
    picture_words(p, 540, 308, 0, 12, PICTURE_ORANGE, (struct words){"orange: back", "橙色：反向"});
}

static const struct mistake mistakes[] = {
    {"own-input",
     {"a product passes back the OTHER input: by the price it is the number of apples, by their number the price",
      "乘法节点反向传的是“另一个”输入：对价格是个数，对个数是价格"},
     "g.d_apple_price = g.d_apples * apple_number;\n    g.d_apple_number = g.d_apples * apple_price;\n"
     "    g.d_orange_price = g.d_oranges * orange_number;\n    g.d_orange_number = g.d_oranges * orange_price;",
     "g.d_apple_price = g.d_apples * apple_price;\n    g.d_apple_number = g.d_apples * apple_number;\n"
     "    g.d_orange_price = g.d_oranges * orange_price;\n    g.d_orange_number = g.d_oranges * orange_number;"},
    {"not-chained",
     {"what came from the right is lost: each local derivative is multiplied by the one that arrives (the chain rule)",
      "丢了右边传来的数：每个局部导数都要乘以传来的导数（链式法则）"},
     "g.d_apple_price = g.d_apples * apple_number;\n    g.d_apple_number = g.d_apples * apple_price;\n"
     "    g.d_orange_price = g.d_oranges * orange_number;\n    g.d_orange_number = g.d_oranges * orange_price;",
     "g.d_apple_price = apple_number;\n    g.d_apple_number = apple_price;\n"
     "    g.d_orange_price = orange_number;\n    g.d_orange_number = orange_price;"},
    {"shared-out",
     {"an addition does not share the gradient out: one more coin of apples is one more coin of fruit, so both get all "
      "of it",
      "加法节点不平分梯度：苹果多一元，水果就多一元，所以两边都得到全部"},
     "g.d_apples = g.d_oranges = g.d_fruit;",
     "g.d_apples = g.d_oranges = g.d_fruit / 2;"},
    {"whole-total",
     {"you begin with the total; the way back begins with 1, the derivative of the total by itself",
      "你从总价开始；反向应从 1 开始，即总价对自己的导数"},
     "double d_total = 1;",
     "double d_total = g.total;"},
    {"tax-left-out",
     {"d_fruit is 1, as if fruit were the total: it was multiplied by the tax after that, so d_fruit = 1 * tax",
      "d_fruit 是 1，好像水果款就是总价：它后面还乘了税，所以 d_fruit = 1 * tax"},
     "g.d_fruit = d_total * tax;",
     "g.d_fruit = d_total;"},
    {"square-is-two",
     {"dz/dt of t^2 is 2t, not 2", "t^2 的导数 dz/dt 是 2t，不是 2"},
     "*dz_dt = 2 * t;",
     "*dz_dt = 2;"},
    {.name = NULL},
};

#define STRUCT                                                                                                      \
    "struct graph {\n"                                                                                              \
    "    double apples, oranges, fruit, total;                      /* forward, left to right */\n"                 \
    "    double d_fruit, d_tax, d_apples, d_oranges;                /* d total / d ..., right to left */\n"         \
    "    double d_apple_price, d_apple_number, d_orange_price, d_orange_number;\n"                                  \
    "};\n\n"                                                                                                        \
    "struct graph shop(double apple_price, double apple_number, double orange_price, double orange_number, double " \
    "tax)\n{\n"

const struct lesson lesson_backpropagation = {
    .number = 12,
    .name = "backpropagation",
    .title = {"Backpropagation by hand, in a shop", "在商店里手算反向传播"},
    .text = {"Two apples at 10 each, and 10 % tax: 10 * 2 * 1.1 = 22. How does the total\n"
             "change with the price of an apple? With their number? With the tax? Draw the\n"
             "computation as a graph. Forward, each node computes from left to right:\n"
             "\n"
             "    price  10 --\\\n"
             "                 (x)-- 20 --\\\n"
             "    number  2 --/            (x)-- 22\n"
             "    tax   1.1 --------------/\n"
             "\n"
             "Backward, from right to left, each arrow gets the derivative of the total by\n"
             "what flows on it. Two rules are enough:\n"
             "\n"
             "    a product    passes on what arrives times the OTHER input\n"
             "    a sum        passes on what arrives, to each input, unchanged\n"
             "\n"
             "Begin with 1 at the total. By tax: 1 * 20 = 20. By the 20: 1 * 1.1 = 1.1. By the\n"
             "price: 1.1 * 2 = 2.2. By the number: 1.1 * 10 = 11. So one coin more per apple\n"
             "costs 2.2 more.\n"
             "\n"
             "With three oranges at 15 there is a sum: (20 + 45) * 1.1 = 71.5. The picture has\n"
             "every arrow filled in, and your program must give these numbers: by the apple's\n"
             "price 2.2, the orange's 3.3, the number of apples 11, of oranges 16.5, by the\n"
             "tax 65.\n"
             "\n"
             "A square is the product of t with itself, so both ways add up: z = t^2 has dz/dt\n"
             "= 2t; with t = x + y, dz/dx = 2t * 1.\n"
             "\n"
             "This is the whole algorithm of every deep network (Linnainmaa 1970; Rumelhart,\n"
             "Hinton, Williams 1986): one walk forward, one back, each node knows only its own\n"
             "rule.\n"
             "\n"
             "Your task: both walks, for any prices. The tax of 10 % is given as 1.1.",
             "两个苹果，每个 10 元，消费税 10 %：10 * 2 * 1.1 = 22。总价随苹果的价格怎么变？随\n"
             "个数呢？随税呢？把计算画成图。正向，每个节点从左到右计算：\n"
             "\n"
             "    价格  10 --\\\n"
             "                (x)-- 20 --\\\n"
             "    个数   2 --/            (x)-- 22\n"
             "    税   1.1 --------------/\n"
             "\n"
             "反向，从右到左，每个箭头上写总价对它所传的数的导数。只需两条规则：\n"
             "\n"
             "    乘法节点    传给每个输入：到来的数乘以“另一个”输入\n"
             "    加法节点    传给每个输入：到来的数，原样不变\n"
             "\n"
             "从总价处的 1 开始。对税：1 * 20 = 20。对 20：1 * 1.1 = 1.1。对价格：\n"
             "1.1 * 2 = 2.2。对个数：1.1 * 10 = 11。所以每个苹果贵 1 元，总价多 2.2 元。\n"
             "\n"
             "再加三个 15 元的橙子，就有了加法：(20 + 45) * 1.1 = 71.5。图中每个箭头都填好了，\n"
             "你的程序应给出同样的数：对苹果价格 2.2，橙子价格 3.3，苹果个数 11，橙子个数\n"
             "16.5，对税 65。\n"
             "\n"
             "平方是 t 与自己相乘，两条路加起来：z = t^2 时 dz/dt = 2t；又 t = x + y，所以\n"
             "dz/dx = 2t * 1。\n"
             "\n"
             "这就是所有深度网络的全部算法（Linnainmaa 1970；Rumelhart、Hinton、Williams\n"
             "1986）：正着走一遍，反着走一遍，每个节点只知道自己的规则。\n"
             "\n"
             "任务：对任意价格写出两遍。10 % 的税以 1.1 给出。"},
    .brief =
        {"The shop's graph, forward and back: total = (apple_price*apple_number + orange_price*orange_number) * tax,\n"
         "and the derivative of the total by everything in it. Then z = t^2 with t = x + y.",
         "商店的计算图，正向和反向：total = (apple_price*apple_number + orange_price*orange_number) * tax，\n"
         "以及总价对其中每一个量的导数。然后是 z = t^2，t = x + y。"},
    .stub = STRUCT "    struct graph g = {0};\n"
                   "    return g;\n}\n\n"
                   "double square_of_sum(double x, double y, double *dz_dt, double *dz_dx, double *dz_dy)\n{\n"
                   "    *dz_dt = *dz_dx = *dz_dy = 0;\n    return 0;\n}\n",
    .solution = STRUCT "    struct graph g;\n"
                       "    g.apples = apple_price * apple_number;\n"
                       "    g.oranges = orange_price * orange_number;\n"
                       "    g.fruit = g.apples + g.oranges;\n"
                       "    g.total = g.fruit * tax;\n"
                       "    double d_total = 1;\n"
                       "    g.d_fruit = d_total * tax;\n"
                       "    g.d_tax = d_total * g.fruit;\n"
                       "    g.d_apples = g.d_oranges = g.d_fruit;\n"
                       "    g.d_apple_price = g.d_apples * apple_number;\n"
                       "    g.d_apple_number = g.d_apples * apple_price;\n"
                       "    g.d_orange_price = g.d_oranges * orange_number;\n"
                       "    g.d_orange_number = g.d_oranges * orange_price;\n"
                       "    return g;\n}\n\n"
                       "double square_of_sum(double x, double y, double *dz_dt, double *dz_dx, double *dz_dy)\n{\n"
                       "    double t = x + y;\n"
                       "    *dz_dt = 2 * t;\n"
                       "    *dz_dx = *dz_dt;\n"
                       "    *dz_dy = *dz_dt;\n"
                       "    return t * t;\n}\n",
    .call = "    struct graph g = shop(in[0], in[1], in[2], in[3], in[4]);\n"
            "    out[0] = g.apples, out[1] = g.oranges, out[2] = g.fruit, out[3] = g.total;\n"
            "    out[4] = g.d_fruit, out[5] = g.d_tax, out[6] = g.d_apples, out[7] = g.d_oranges;\n"
            "    out[8] = g.d_apple_price, out[9] = g.d_apple_number;\n"
            "    out[10] = g.d_orange_price, out[11] = g.d_orange_number;\n"
            "    out[12] = square_of_sum(in[5], in[6], out + 13, out + 14, out + 15);",
    .hints = {{"Forward first: four lines, g.apples to g.total. Then backward, in the opposite order.",
               "先正向：四行，从 g.apples 到 g.total。再反向，次序相反。"},
              {"The last node is a product of fruit and tax: g.d_fruit = 1 * tax, g.d_tax = 1 * g.fruit.",
               "最后一个节点是水果款与税的乘积：g.d_fruit = 1 * tax，g.d_tax = 1 * g.fruit。"},
              {"The sum passes g.d_fruit on unchanged; then g.d_apple_price = g.d_apples * apple_number, and so on.",
               "加法把 g.d_fruit 原样传下；然后 g.d_apple_price = g.d_apples * apple_number，其余类似。"}},
    .after =
        {"In fovea the way back is nodes of the same graph: fovea inspect lenet5 --training shows them for a network.",
         "在 fovea 里，反向也是同一个图的节点：fovea inspect lenet5 --training 会列出一个网络的。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
