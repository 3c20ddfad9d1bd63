/* SPDX-License-Identifier: MIT */
/* Lesson 10: partial derivatives, the gradient, and a step down it. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>

static const char *const inputs[] = {"x", "y", "z", "rate", NULL};
enum { NO_CROSS = 1, CROSS_BOTH, SQUARE_OF_Z, NO_THREE, UPHILL, NO_RATE };

static int answered(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"f", 1, 1};
    parts[1] = (struct part){"gradient", 1, 3};
    parts[2] = (struct part){"moved", 1, 3};
    return 3;
}

static int draw(struct draw *d, int index, double *in)
{
    for (int i = 0; i < 3; i++) {
        in[i] = index == 0 ? i + 1 : draw_short(d, -2, 2, 1);
    }
    in[3] = index == 0 ? 0.01 : draw_short(d, 0.01, 0.3, 2);
    return 4;
}

static void answer(const double *in, int mistake, double *out)
{
    double x = in[0], y = in[1], z = in[2], rate = in[3];
    out[0] = x * x + 3 * x * y + y * y + z * z * z;
    out[1] = 2 * x + (mistake == NO_CROSS ? 0 : mistake == CROSS_BOTH ? 3 * x * y : 3 * y);
    out[2] = 2 * y + (mistake == NO_CROSS ? 0 : mistake == CROSS_BOTH ? 3 * x * y : 3 * x);
    out[3] = mistake == SQUARE_OF_Z ? 2 * z : mistake == NO_THREE ? z * z : 3 * z * z;
    for (int i = 0; i < 3; i++) {
        double step = (mistake == NO_RATE ? 1 : rate) * out[1 + i];
        out[4 + i] = mistake == UPHILL ? in[i] + step : in[i] - step;
    }
}

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    (void)with;
    fov_value xy = fov_mul(g, in[0], in[1]), z2 = fov_mul(g, in[2], in[2]);
    fov_value squares = fov_add(g, fov_mul(g, in[0], in[0]), fov_mul(g, in[1], in[1]));
    out[0] = fov_add(g, fov_add(g, squares, fov_add(g, xy, fov_add(g, xy, xy))), fov_mul(g, z2, in[2]));
    if (fov_gradient(g, out[0], in, 3, out + 1)) {
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        out[4 + i] = fov_sub(g, in[i], fov_mul(g, in[3], out[1 + i]));
    }
    return 7;
}

static int engine(fov_context *context, const double *in, double *out)
{
    const struct engine_input given[] = {{{0, {0}}, in}, {{0, {0}}, in + 1}, {{0, {0}}, in + 2}, {{0, {0}}, in + 3}};
    return engine_run(context, given, 4, build, NULL, out);
}

/* x^2 with paths for three rates. */
static double parabola(double x, const void *with)
{
    return (void)with, x * x;
}

static void picture(struct picture *p)
{
    static const double rates[] = {0.05, 0.4, 1.02};
    static const struct words names[] = {{"rate 0.05: slow", "学习率 0.05：慢"},
                                         {"rate 0.4: good", "学习率 0.4：好"},
                                         {"rate 1.02: away", "学习率 1.02：越走越远"}};
    picture_size(p, 700, 250);
    for (int i = 0; i < 3; i++) {
        double x[9] = {1.6}, y[9];
        for (int s = 0; s < 9; s++) {
            x[s] = s == 0 ? 1.6 : x[s - 1] - rates[i] * 2 * x[s - 1];
            y[s] = x[s] * x[s];
        }
        picture_frame(p, 30 + 225.0 * i, 30, 215 + 225.0 * i, 220, -2, 2, -0.2, 4);
        picture_curve(p, parabola, NULL, PICTURE_BLUE);
        picture_path(p, x, y, i == 2 ? 6 : 9, /* before it leaves the frame */ PICTURE_ORANGE, 1);
        picture_words(p, 122 + 225.0 * i, 22, 0, 13, PICTURE_INK, names[i]);
    }
}

static const struct mistake mistakes[] = {
    {"no-cross",
     {"3xy has a part in both: held y fast, its derivative by x is 3y; held x fast, by y it is 3x",
      "3xy 对两个都有贡献：固定 y，对 x 的导数是 3y；固定 x，对 y 的导数是 3x"},
     "gradient[0] = 2 * x + 3 * y;\n    gradient[1] = 3 * x + 2 * y;",
     "gradient[0] = 2 * x;\n    gradient[1] = 2 * y;"},
    {"cross-both",
     {"by x the term 3xy becomes 3y, not 3xy: the x that you derive by goes away",
      "3xy 对 x 求导是 3y，不是 3xy：求导的那个 x 会消失"},
     "gradient[0] = 2 * x + 3 * y;\n    gradient[1] = 3 * x + 2 * y;",
     "gradient[0] = 2 * x + 3 * x * y;\n    gradient[1] = 3 * x * y + 2 * y;"},
    {"square-of-z",
     {"z^3 gives 3z^2; 2z would be the derivative of z^2", "z^3 的导数是 3z^2；2z 是 z^2 的导数"},
     "3 * z * z",
     "2 * z"},
    {"no-three",
     {"the exponent comes down as a factor: z^3 gives 3z^2, not z^2",
      "指数要作为因子下来：z^3 的导数是 3z^2，不是 z^2"},
     "3 * z * z;\n}",
     "z * z;\n}"},
    {"uphill",
     {"you step up: the gradient points where f grows fastest, so it is subtracted",
      "你在往上走：梯度指向 f 增长最快的方向，所以要减去"},
     "p[i] - rate",
     "p[i] + rate"},
    {"no-rate",
     {"the step is the whole gradient; multiply it by the learning rate", "步长成了整个梯度；要乘以学习率"},
     "rate * gradient[i]",
     "gradient[i]"},
    {.name = NULL},
};

const struct lesson lesson_gradient = {
    .number = 10,
    .name = "gradient",
    .title = {"The gradient, and one step down", "梯度，与下降的一步"},
    .text = {"A loss depends on many weights at once. Hold all but one of them fast, and ask\n"
             "for the slope with respect to that one: a partial derivative. All of them in a\n"
             "list are the gradient: it points where the function grows fastest. Example:\n"
             "\n"
             "    f(x, y, z) = x^2 + 3xy + y^2 + z^3\n"
             "\n"
             "    by x:  2x + 3y      (y and z are held fast, as if they were numbers like 5)\n"
             "    by y:  3x + 2y\n"
             "    by z:  3z^2\n"
             "\n"
             "By hand at (1, 2, 3): f = 1 + 6 + 4 + 27 = 38, gradient (2 + 6, 3 + 4, 27) = (8,\n"
             "7, 27).\n"
             "\n"
             "Gradient descent goes the other way, by a small part of it, the learning rate:\n"
             "\n"
             "    p becomes p - rate * gradient\n"
             "\n"
             "With rate 0.01: (1 - 0.08, 2 - 0.07, 3 - 0.27) = (0.92, 1.93, 2.73), where f is\n"
             "30.2 instead of 38. The picture shows x^2 with three rates. Too small crawls;\n"
             "too large jumps over the valley and out of it. For x^2 the border is 1: there\n"
             "each step lands exactly as far on the other side.\n"
             "\n"
             "Your task: f, its gradient, and one step.",
             "损失同时依赖许多权重。固定其余的，只问对其中一个的斜率：这就是偏导数。所有偏导数\n"
             "排成一列就是梯度，它指向函数增长最快的方向。例：\n"
             "\n"
             "    f(x, y, z) = x^2 + 3xy + y^2 + z^3\n"
             "\n"
             "    对 x：  2x + 3y      （y 和 z 固定，看作 5 这样的数）\n"
             "    对 y：  3x + 2y\n"
             "    对 z：  3z^2\n"
             "\n"
             "在 (1, 2, 3) 手算：f = 1 + 6 + 4 + 27 = 38，梯度 (2 + 6, 3 + 4, 27) = (8, 7,\n"
             "27)。\n"
             "\n"
             "梯度下降朝相反方向走一小步：梯度乘以一个小的数，它叫学习率：\n"
             "\n"
             "    p 变为 p - rate * 梯度\n"
             "\n"
             "rate = 0.01 时：(1 - 0.08, 2 - 0.07, 3 - 0.27) = (0.92, 1.93, 2.73)，f 从 38 降\n"
             "到 30.2。图中是 x^2 和三种学习率：太小爬得慢；太大会跳过山谷，越跳越远。对 x^2\n"
             "界限是 1：此时每一步都正好落到对面同样远的地方。\n"
             "\n"
             "任务：f、它的梯度，以及一步下降。"},
    .brief = {"f(x, y, z) = x^2 + 3xy + y^2 + z^3, its gradient by x, y, z, and a step of gradient descent:\n"
              "p[0], p[1], p[2] are x, y, z and are to be changed.",
              "f(x, y, z) = x^2 + 3xy + y^2 + z^3，它对 x、y、z 的梯度，以及梯度下降的一步：\n"
              "p[0]、p[1]、p[2] 是 x、y、z，要被改变。"},
    .stub = "double f(double x, double y, double z)\n{\n    return 0;\n}\n\n"
            "void gradient_of_f(double x, double y, double z, double *gradient)\n{\n"
            "    gradient[0] = 0;\n    gradient[1] = 0;\n    gradient[2] = 0;\n}\n\n"
            "void descend(double *p, const double *gradient, double rate)\n{\n}\n",
    .solution =
        "double f(double x, double y, double z)\n{\n    return x * x + 3 * x * y + y * y + z * z * z;\n}\n\n"
        "void gradient_of_f(double x, double y, double z, double *gradient)\n{\n"
        "    gradient[0] = 2 * x + 3 * y;\n    gradient[1] = 3 * x + 2 * y;\n    gradient[2] = 3 * z * z;\n}\n\n"
        "void descend(double *p, const double *gradient, double rate)\n{\n"
        "    for (int i = 0; i < 3; i++) p[i] = p[i] - rate * gradient[i];\n}\n",
    .call = "    out[0] = f(in[0], in[1], in[2]);\n    gradient_of_f(in[0], in[1], in[2], out + 1);\n"
            "    for (int i = 0; i < 3; i++) out[4 + i] = in[i];\n    descend(out + 4, out + 1, in[3]);",
    .hints = {{"Deriving by x, read y and z as if they were fixed numbers.", "对 x 求导时，把 y 和 z 当作固定的数。"},
              {"3xy gives 3y by x and 3x by y; z^3 gives 3z^2 by z and nothing by the others.",
               "3xy 对 x 得 3y，对 y 得 3x；z^3 对 z 得 3z^2，对其他为 0。"},
              {"descend: p[i] = p[i] - rate * gradient[i], for i = 0, 1, 2.",
               "descend：p[i] = p[i] - rate * gradient[i]，i = 0、1、2。"}},
    .after = {"The engine found the same gradient from the rules for sums and products alone: lesson 12 shows how.",
              "引擎得到同样的梯度，只靠加法和乘法的规则，不需要别的：第 12 课讲怎样做到。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
