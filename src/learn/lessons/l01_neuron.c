/* SPDX-License-Identifier: MIT */
/* Lesson 1: the threshold gate. */
#include "learn/lesson.h"

static const char *const inputs[] = {"x1", "x2", "w1", "w2", "theta", NULL}, *const outputs[] = {"sum", "y", NULL};

enum { UNWEIGHTED = 1, THRESHOLD_ADDED, AT_THE_THRESHOLD, THE_OTHER_WAY, NO_STEP };

static int draw(struct draw *d, int index, double *in)
{
    in[0] = draw_integer(d, 0, 1);
    in[1] = index % 2 == 0 ? 1 : draw_integer(d, 0, 1);
    in[2] = draw_short(d, -2, 2, 1);
    in[3] = draw_short(d, -2, 2, 1);
    in[4] = draw_short(d, -2, 2, 1);
    if (index < 2) { /* the neuron of the text, over its threshold and below it */
        const double text[2][5] = {{1, 1, 0.5, 0.5, 0.7}, {1, 0, 0.5, 0.5, 0.7}};
        for (int i = 0; i < 5; i++) {
            in[i] = text[index][i];
        }
    } else if (index == 3) { /* a sum equal to the threshold, in halves, which have no rounding */
        in[0] = in[1] = 1;
        in[2] = 0.5 * draw_integer(d, 1, 3);
        in[3] = 0.5 * draw_integer(d, -2, 2);
        in[4] = in[2] + in[3];
    }
    return 5;
}

static void answer(const double *in, int mistake, double *out)
{
    double sum = mistake == UNWEIGHTED ? in[0] + in[1] : in[2] * in[0] + in[3] * in[1], theta = in[4];
    out[0] = sum;
    switch (mistake) {
    case THRESHOLD_ADDED:
        out[1] = sum + theta > 0;
        break;
    case AT_THE_THRESHOLD:
        out[1] = sum >= theta;
        break;
    case THE_OTHER_WAY:
        out[1] = sum < theta;
        break;
    case NO_STEP:
        out[1] = sum - theta;
        break;
    default:
        out[1] = sum > theta;
    }
}

static const struct mistake mistakes[] = {
    {"unweighted",
     {"you added the inputs themselves; each counts as much as its weight says: w1*x1 + w2*x2",
      "你把输入直接相加了；每个输入要乘上自己的权重：w1*x1 + w2*x2"},
     "w1*x1 + w2*x2",
     "x1 + x2"},
    {"threshold-added",
     {"you added theta to the sum; a threshold is what the sum must exceed: sum > theta",
      "你把 theta 加到了和里；阈值是和必须超过的值：sum > theta"},
     "sum > theta",
     "sum + theta > 0"},
    {"at-the-threshold",
     {"your neuron fires when the sum equals theta; in this course it must be above it: > and not >=",
      "和等于 theta 时你的神经元就激活了；本课程要求大于：用 > 而不是 >="},
     "sum > theta",
     "sum >= theta"},
    {"other-way",
     {"your neuron fires below its threshold and is silent above it: turn the comparison round",
      "你的神经元在阈值以下激活、以上反而沉默：把比较号反过来"},
     "sum > theta",
     "sum < theta"},
    {"no-step",
     {"y is the distance from the threshold; a threshold gate says only 1 or 0: a comparison gives that",
      "y 成了与阈值的距离；阈值门只输出 1 或 0：用比较就能得到"},
     "sum > theta",
     "sum - theta"},
    {.name = NULL},
};

static void picture(struct picture *p)
{
    picture_size(p, 480, 200);
    const char *const names[] = {"x1", "x2"}, *const weights[] = {"w1", "w2"};
    for (int i = 0; i < 2; i++) {
        double y = 55 + 90 * i;
        picture_circle(p, 60, y, 20, PICTURE_INK, "#ffffff");
        picture_text(p, 60, y + 5, 0, 15, PICTURE_INK, names[i]);
        picture_arrow(p, 80, y, 196, 100 + (i == 0 ? -18 : 18), PICTURE_BLUE);
        picture_text(p, 135, y + (i == 0 ? 8 : 2), 0, 14, PICTURE_BLUE, weights[i]);
    }
    picture_circle(p, 230, 100, 38, PICTURE_INK, "#ffffff");
    picture_text(p, 230, 97, 0, 14, PICTURE_INK, "sum >");
    picture_text(p, 230, 115, 0, 14, PICTURE_ORANGE, "theta?");
    picture_arrow(p, 268, 100, 380, 100, PICTURE_INK);
    picture_words(p, 392, 105, -1, 15, PICTURE_INK, (struct words){"y: 0 or 1", "y：0 或 1"});
}

const struct lesson lesson_neuron = {
    .number = 1,
    .name = "neuron",
    .title = {"A neuron that fires: the threshold gate", "会激活的神经元：阈值门"},
    .text = {"In 1943 Warren McCulloch and Walter Pitts asked how little a nerve cell must do\n"
             "for a net of such cells to compute anything that logic can say. Very little:\n"
             "\n"
             "    x1 --- w1 ---\\\n"
             "                  ( sum > theta ? )--- y\n"
             "    x2 --- w2 ---/\n"
             "\n"
             "Each input is 0 or 1 and has a weight. The neuron adds up the weighted inputs\n"
             "and compares the sum with its threshold theta: above it the neuron fires (y =\n"
             "1), else it is silent (y = 0). A negative weight holds the neuron back.\n"
             "\n"
             "By hand, with w1 = 0.5, w2 = 0.5 and theta = 0.7:\n"
             "\n"
             "    x1 = 1, x2 = 1:   sum = 0.5*1 + 0.5*1 = 1.0   above 0.7    y = 1\n"
             "    x1 = 1, x2 = 0:   sum = 0.5*1 + 0.5*0 = 0.5   below it     y = 0\n"
             "\n"
             "This is the whole machine. Everything later in the course, up to ResNet, is sums\n"
             "of this kind with another curve in place of the comparison.\n"
             "\n"
             "Your task: write the neuron, for any inputs, weights and threshold. The file has\n"
             "lines `name = expression`; a comparison such as 3 > 2 has the value 1 where it\n"
             "holds and 0 where it does not.",
             "1943 年，麦卡洛克（McCulloch）和皮茨（Pitts）问：一个神经细胞至少要做什么，由它\n"
             "组成的网络才能算出逻辑所能表达的一切？答案是：非常少。\n"
             "\n"
             "    x1 --- w1 ---\\\n"
             "                  ( sum > theta ? )--- y\n"
             "    x2 --- w2 ---/\n"
             "\n"
             "每个输入是 0 或 1，并带有一个权重。神经元把加权的输入加起来，再与阈值 theta 比\n"
             "较：超过阈值就激活（y = 1），否则沉默（y = 0）。负的权重起抑制作用。\n"
             "\n"
             "手算一遍，w1 = 0.5，w2 = 0.5，theta = 0.7：\n"
             "\n"
             "    x1 = 1, x2 = 1：  sum = 0.5*1 + 0.5*1 = 1.0   大于 0.7    y = 1\n"
             "    x1 = 1, x2 = 0：  sum = 0.5*1 + 0.5*0 = 0.5   小于 0.7    y = 0\n"
             "\n"
             "整台机器就是这样。后面的所有内容，直到 ResNet，都是这种加权和，只是把比较换成了\n"
             "别的曲线。\n"
             "\n"
             "任务：对任意的输入、权重和阈值写出这个神经元。文件由一行行“名字 = 式子”组成；像\n"
             "3 > 2 这样的比较，成立时值为 1，不成立时为 0。"},
    .brief = {"A neuron. You are given x1, x2 (0 or 1), their weights w1, w2, and the threshold theta.\n"
              "Write sum, the weighted sum, and y, which is 1 where the sum is above theta, else 0.",
              "神经元。已知输入 x1、x2（0 或 1）、权重 w1、w2 和阈值 theta。\n"
              "写出加权和 sum，以及 y：sum 大于 theta 时为 1，否则为 0。"},
    .stub = "sum = 0\ny = 0\n",
    .solution = "sum = w1*x1 + w2*x2\ny = sum > theta\n",
    .hints = {{"sum is two products added. Multiply each input by its own weight first.",
               "sum 是两个乘积之和。先把每个输入乘以它自己的权重。"},
              {"y is a comparison between two names that you have: sum and theta.",
               "y 是你已有的两个名字之间的比较：sum 和 theta。"},
              {"sum = w1*x1 + ... and y = sum > ...", "sum = w1*x1 + ...，y = sum > ..."}},
    .after = {"That is the neuron of 1943. What it computes is decided by three numbers alone: w1, w2, theta.",
              "这就是 1943 年的神经元。它算什么，只由三个数决定：w1、w2、theta。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .picture = picture,
};
