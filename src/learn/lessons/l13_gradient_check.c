/* SPDX-License-Identifier: MIT */
/* Lesson 13: the gradient check. The function under test is in the frame: f(x) = sum of a_i x_i^3 + x_i x_{i+1}. */
#include "learn/lesson.h"

#include <math.h>
#include <string.h>

enum { N = 5 };
enum { FORWARD = 1, ONE_H, NOT_PUT_BACK, TURNED, ABSOLUTE, NO_MINUS_ONE };

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"a", 1, N};
    parts[1] = (struct part){"x", 1, N};
    parts[2] = (struct part){"claimed", 1, N};
    return 3;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"gradient", 1, N};
    parts[1] = (struct part){"first_wrong", 1, 1};
    return 2;
}

static double f(const double *a, const double *x)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        sum += a[i] * x[i] * x[i] * x[i] + x[i] * x[(i + 1) % N];
    }
    return sum;
}

static double exact(const double *a, const double *x, int i)
{
    return 3 * a[i] * x[i] * x[i] + x[(i + 1) % N] + x[(i + N - 1) % N];
}

static int draw(struct draw *d, int index, double *in)
{
    /* Every third case has large gradients, claimed right to 3e-6: off by more than 1e-4, but only in absolute
     * terms. */
    double scale = index % 3 == 2 ? 3000 : 1;
    for (int i = 0; i < N; i++) {
        in[i] = scale * (0.5 + draw_short(d, 0, 1, 1));
        in[N + i] = draw_short(d, 1, 2, 1) * (draw_integer(d, 0, 1) ? 1 : -1);
    }
    for (int i = 0; i < N; i++) {
        in[2 * N + i] = exact(in, in + N, i) * (1 + (index % 3 == 2 ? 3e-6 : 0));
    }
    if (index % 3 == 1) { /* an error in the claimed gradient: half the value, or the wrong sign */
        in[2 * N + draw_integer(d, 0, N - 1)] *= draw_integer(d, 0, 1) ? 0.5 : -1;
    }
    return 3 * N;
}

static void answer(const double *in, int mistake, double *out)
{
    const double *a = in, *claimed = in + 2 * N, h = 1e-4;
    double x[N];
    memcpy(x, in + N, sizeof x);
    for (int i = 0; i < N; i++) {
        double at = x[i], middle = f(a, x);
        x[i] = at + h;
        double up = f(a, x);
        x[i] = at - h;
        double down = f(a, x);
        x[i] = mistake == NOT_PUT_BACK ? x[i] : at;
        out[i] = mistake == FORWARD  ? (up - middle) / h
                 : mistake == ONE_H  ? (up - down) / h
                 : mistake == TURNED ? (down - up) / (2 * h)
                                     : (up - down) / (2 * h);
    }
    out[N] = mistake == NO_MINUS_ONE ? 0 : -1;
    for (int i = N - 1; i >= 0; i--) {
        double difference = fabs(out[i] - claimed[i]), size = fabs(out[i]) + fabs(claimed[i]);
        if (mistake == ABSOLUTE ? difference > 1e-4 : difference > 1e-4 * size) {
            out[N] = i;
        }
    }
}

/* The error of the one-sided and the central difference for f(x) = e^x at 1, by h, in double precision: a large h
 * truncates, a small one leaves only rounding. */
static void picture(struct picture *p)
{
    enum { STEPS = 49 };
    double h[STEPS], central[STEPS], one_sided[STEPS];
    for (int i = 0; i < STEPS; i++) {
        double step = pow(10, -i / 4.0), exact = exp(1);
        h[i] = -i / 4.0;
        central[i] = log10(fmax(fabs((exp(1 + step) - exp(1 - step)) / (2 * step) - exact), 1e-12));
        one_sided[i] = log10(fmax(fabs((exp(1 + step) - exp(1)) / step - exact), 1e-12));
    }
    picture_size(p, 460, 320);
    picture_frame(p, 50, 30, 440, 270, -12, 0, -12, 1);
    picture_path(p, h, one_sided, STEPS, PICTURE_ORANGE, 0);
    picture_path(p, h, central, STEPS, PICTURE_BLUE, 0);
    picture_line(p, picture_x(p, -4), 30, picture_x(p, -4), 270, PICTURE_GREY, 1);
    picture_text(p, picture_x(p, -3.9), 262, -1, 12, PICTURE_GREY, "h = 1e-4");
    picture_words(
        p, 50, 20, -1, 12, PICTURE_INK,
        (struct words){"error of the slope of e^x at 1, as a power of ten", "e^x 在 1 处斜率的误差（10 的幂）"});
    picture_words(p, picture_x(p, -4.2), 112, 1, 12, PICTURE_ORANGE, (struct words){"one-sided", "单边"});
    picture_words(p, picture_x(p, -3.6), 222, -1, 12, PICTURE_BLUE,
                  (struct words){"both sides: h^2 / 6", "两边：h^2 / 6"});
    picture_words(p, picture_x(p, -11.8), 225, -1, 12, PICTURE_INK, (struct words){"digits run out", "有效数字用尽"});
    picture_words(p, 245, 306, 0, 12, PICTURE_INK, (struct words){"h, as a power of ten", "h（10 的幂）"});
}

static const struct mistake mistakes[] = {
    {"forward-difference",
     {"you took f(x + h) - f(x) over h, which is off by h/2 times the curvature; (f(x + h) - f(x - h)) / 2h is off by "
      "h^2 only",
      "你用了 (f(x + h) - f(x)) / h，误差是 h/2 乘曲率；(f(x + h) - f(x - h)) / 2h 的误差只有 h^2 量级"},
     "        x[i] = at - h;\n        double down = f(x, n);\n        x[i] = at;\n        gradient[i] = (up - down) / "
     "(2 * h);",
     "        x[i] = at;\n        gradient[i] = (up - f(x, n)) / h;"},
    {"one-h",
     {"your gradient is twice the right one: from x - h to x + h is 2h",
      "你的梯度是正确值的 2 倍：从 x - h 到 x + h 的距离是 2h"},
     "(up - down) / (2 * h)",
     "(up - down) / h"},
    {"not-put-back",
     {"x[i] is left at x - h, so all later entries are taken at another point: put it back",
      "x[i] 停在了 x - h，后面的分量都在别的点上算了：要放回去"},
     "        x[i] = at;\n        gradient",
     "        gradient"},
    {"turned",
     {"your gradient has the wrong sign: up minus down", "你的梯度符号反了：应是上减下"},
     "(up - down)",
     "(down - up)"},
    {"absolute",
     {"first_wrong accuses a right gradient: where numbers are large, so is their rounding. Compare relative to their "
      "size",
      "first_wrong 冤枉了正确的梯度：数很大时舍入也大。要相对于数的大小来比较"},
     "1e-4 * (fabs(gradient[i]) + fabs(claimed[i]))",
     "1e-4"},
    {"no-minus-one",
     {"first_wrong says 0 where nothing is wrong: 0 is the first entry; the answer for none is -1",
      "没有错误时 first_wrong 返回了 0：0 是第一个分量；没有错误时应返回 -1"},
     "return -1;",
     "return 0;"},
    {.name = NULL},
};

const struct lesson lesson_gradient_check = {
    .number = 13,
    .name = "gradient-check",
    .title = {"Trust no gradient that you have not checked", "没有检验过的梯度不可信"},
    .text = {"A wrong gradient rarely crashes. The network still learns, only worse, and you\n"
             "look for the fault for a week. There is a test that costs ten lines: the\n"
             "definition. Move one number by a little to both sides, see how the loss changes:\n"
             "\n"
             "    df/dx_i  is about  (f(.., x_i + h, ..) - f(.., x_i - h, ..)) / (2h)\n"
             "\n"
             "Why both sides? f(x + h) = f + h f' + h^2/2 f'' + h^3/6 f''' ... In the\n"
             "difference of the two sides the f'' terms cancel, and what is left over is h^2/6\n"
             "f'''. With h = 1e-4 that is some 1e-9. One-sided it would be h/2 f'': 5e-5, as\n"
             "large as a real fault.\n"
             "\n"
             "Why not h = 1e-12? f has about 16 digits; its difference over a tiny h has few\n"
             "left.\n"
             "\n"
             "By hand: f(x) = x^3 at 2, h = 0.1: (9.261 - 6.859) / 0.2 = 12.01; exact: 12.\n"
             "One-sided: (9.261 - 8) / 0.1 = 12.61.\n"
             "\n"
             "Then compare with the gradient that somebody claims. Differences mean something\n"
             "only beside the size of the numbers: 0.01 is nothing where gradients are 10000,\n"
             "and half of it where they are 0.02. So an entry is wrong where\n"
             "\n"
             "    |numeric - claimed|  >  1e-4 * (|numeric| + |claimed|)\n"
             "\n"
             "Your task: the numeric gradient of any f (use h = 1e-4, and leave x as it was),\n"
             "and the index of the first wrong entry, or -1. The cases hold honest and faulty\n"
             "ones.",
             "错误的梯度很少让程序崩溃。网络照样学，只是学得差，你要找上一个星期。有一个只要十\n"
             "行的检验：就用定义。把一个数向两边各挪一点，看损失怎样变：\n"
             "\n"
             "    df/dx_i  约等于  (f(.., x_i + h, ..) - f(.., x_i - h, ..)) / (2h)\n"
             "\n"
             "为什么要两边？f(x + h) = f + h f' + h^2/2 f'' + h^3/6 f''' ……两边相减，f'' 项抵\n"
             "消，剩下 h^2/6 f'''。h = 1e-4 时约为 1e-9。只取一边则剩 h/2 f''：5e-5，和真正的\n"
             "错误一样大。\n"
             "\n"
             "为什么不取 h = 1e-12？f 大约有 16 位数字；除以极小的 h 之后就剩不下几位了。\n"
             "\n"
             "手算：f(x) = x^3 在 2，h = 0.1：(9.261 - 6.859) / 0.2 = 12.01；精确值 12。单边：\n"
             "(9.261 - 8) / 0.1 = 12.61。\n"
             "\n"
             "然后与别人声称的梯度比较。差的大小要相对于数的大小看：梯度是 10000 时 0.01 不算\n"
             "什么，梯度是 0.02 时就是一半。所以满足下式的分量才是错的：\n"
             "\n"
             "    |numeric - claimed|  >  1e-4 * (|numeric| + |claimed|)\n"
             "\n"
             "任务：求任意 f 的数值梯度（取 h = 1e-4，x 要恢复原样），再给出第一个错误分量的下\n"
             "标，没有则返回 -1。检查用的例子里有正确的，也有错误的。"},
    .brief =
        {"numeric_gradient: central differences with h = 1e-4; x is as before at the end.\n"
         "first_wrong: the first i where |gradient[i] - claimed[i]| > 1e-4 * (|gradient[i]| + |claimed[i]|), or -1.",
         "numeric_gradient：h = 1e-4 的中心差分；结束时 x 保持原样。\n"
         "first_wrong：第一个使 |gradient[i] - claimed[i]| > 1e-4 * (|gradient[i]| + |claimed[i]|) 的 i，没有则 -1。"},
    .stub = "#include <math.h>\n\n"
            "void numeric_gradient(double (*f)(const double *x, int n), double *x, int n, double *gradient)\n{\n"
            "    for (int i = 0; i < n; i++) gradient[i] = 0;\n}\n\n"
            "int first_wrong(const double *gradient, const double *claimed, int n)\n{\n    return 0;\n}\n",
    .solution =
        "#include <math.h>\n\n"
        "void numeric_gradient(double (*f)(const double *x, int n), double *x, int n, double *gradient)\n{\n"
        "    double h = 1e-4;\n"
        "    for (int i = 0; i < n; i++) {\n"
        "        double at = x[i];\n"
        "        x[i] = at + h;\n"
        "        double up = f(x, n);\n"
        "        x[i] = at - h;\n"
        "        double down = f(x, n);\n"
        "        x[i] = at;\n"
        "        gradient[i] = (up - down) / (2 * h);\n"
        "    }\n}\n\n"
        "int first_wrong(const double *gradient, const double *claimed, int n)\n{\n"
        "    for (int i = 0; i < n; i++)\n"
        "        if (fabs(gradient[i] - claimed[i]) > 1e-4 * (fabs(gradient[i]) + fabs(claimed[i]))) return i;\n"
        "    return -1;\n}\n",
    .call = "    double x[5];\n    for (int i = 0; i < 5; i++) x[i] = in[5 + i];\n    lesson_factors = in;\n"
            "    numeric_gradient(lesson_function, x, 5, out);\n    out[5] = first_wrong(out, in + 10, 5);",
    .frame = "static const double *lesson_factors;\n"
             "static double lesson_function(const double *x, int n)\n{\n"
             "    double sum = 0;\n"
             "    for (int i = 0; i < n; i++) sum += lesson_factors[i] * x[i] * x[i] * x[i] + x[i] * x[(i + 1) % n];\n"
             "    return sum;\n}\n",
    .tolerance = 1e-8,
    .hints = {{"Keep x[i], set it to x[i] + h, call f; set it to x[i] - h, call f; put it back.",
               "先记住 x[i]，设为 x[i] + h 调用 f；再设为 x[i] - h 调用 f；然后放回。"},
              {"gradient[i] is (up - down) / (2 * h).", "gradient[i] 是 (up - down) / (2 * h)。"},
              {"first_wrong: a loop that returns i at the first entry over the bound, and -1 behind the loop.",
               "first_wrong：循环中遇到第一个超出界限的分量就返回 i，循环之后返回 -1。"}},
    .after = {"Every operator's gradient in fovea is tested like this, in double precision, to 1e-7.",
              "fovea 每个算子的梯度都这样检验过，用双精度，到 1e-7。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .picture = picture,
};
