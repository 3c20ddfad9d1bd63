/* SPDX-License-Identifier: MIT */
/* Lesson 24: depth without shortcuts and with them. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>

static const char *const inputs[] = {"x", "w", "layers", NULL}, *const outputs[] = {"plain", "plain_slope", "residual",
                                                                                    "residual_slope", NULL};
enum { NO_ONE = 1, ADDED, NO_W, SLOPE_AT_THE_END, NO_SHORTCUT };

static int draw(struct draw *d, int index, double *in)
{
    in[0] = index == 0 ? 1 : draw_short(d, -1.5, 1.5, 2) + 0.005;
    in[1] = index == 0 ? 0.5 : draw_short(d, 0.2, 0.9, 2);
    in[2] = index == 0 ? 1 : index < 6 ? draw_integer(d, 2, 4) : draw_integer(d, 5, 20);
    return 3;
}

static void run(const double *in, int mistake, bool shortcut, double *out)
{
    double h = in[0], w = in[1], slope = 1, layers = in[2], slopes = shortcut ? 1 : 0;
    bool adds = shortcut && mistake != NO_SHORTCUT;
    for (int l = 0; l < (int)layers; l++) {
        double t = tanh(w * h), at = mistake == SLOPE_AT_THE_END ? tanh(w * t) : t;
        double own = (1 - at * at) * (mistake == NO_W ? 1 : w);
        slope *= own + (adds && mistake != NO_ONE ? 1 : 0);
        slopes += own;
        h = t + (adds ? h : 0);
    }
    out[0] = h;
    out[1] = mistake == ADDED ? slopes : slope;
}

static void answer(const double *in, int mistake, double *out)
{
    run(in, mistake, false, out);
    run(in, mistake, true, out + 2);
}

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    int layers = *(const int *)with;
    fov_value plain = in[0], residual = in[0];
    for (int l = 0; l < layers; l++) {
        plain = fov_tanh(g, fov_mul(g, in[1], plain));
        residual = fov_add(g, residual, fov_tanh(g, fov_mul(g, in[1], residual)));
    }
    out[0] = plain;
    out[2] = residual;
    return fov_gradient(g, plain, in, 1, &out[1]) || fov_gradient(g, residual, in, 1, &out[3]) ? -1 : 4;
}

static int engine(fov_context *context, const double *in, double *out)
{
    const int layers = (int)in[2];
    const struct engine_input given[] = {{{0, {0}}, in}, {{0, {0}}, in + 1}};
    return engine_run(context, given, 2, build, &layers, out);
}

/* log10 of the slope by depth. */
static double plain_slope(double layers, const void *with)
{
    const double in[] = {0.3, 0.6, floor(layers)};
    double out[4];
    (void)with;
    answer(in, 0, out);
    return log10(out[1]);
}

static double residual_slope(double layers, const void *with)
{
    const double in[] = {0.3, 0.6, floor(layers)};
    double out[4];
    (void)with;
    answer(in, 0, out);
    return log10(out[3]);
}

static void picture(struct picture *p)
{
    picture_size(p, 440, 300);
    picture_frame(p, 50, 20, 420, 260, 0, 30, -7, 2);
    picture_curve(p, plain_slope, NULL, PICTURE_BLUE);
    picture_curve(p, residual_slope, NULL, PICTURE_ORANGE);
    picture_words(p, 410, 40, 1, 12, PICTURE_ORANGE, (struct words){"with shortcuts", "有捷径"});
    picture_words(p, 66, 220, -1, 12, PICTURE_BLUE,
                  (struct words){"plain: gone after 30 layers", "没有捷径：30 层后所剩无几"});
    picture_words(p, 235, 290, 0, 12, PICTURE_INK,
                  (struct words){"layers; upwards: power of ten of the slope (x = 0.3, w = 0.6)",
                                 "横轴：层数；纵轴：斜率，10 的幂（x = 0.3，w = 0.6）"});
}

static const struct mistake mistakes[] = {
    {"no-one",
     {"the shortcut's own slope is missing: h + tanh(w*h) has slope 1 + ..., and that 1 is the whole point",
      "少了捷径自己的斜率：h + tanh(w*h) 的斜率是 1 + ……，这个 1 正是关键"},
     "slope *= 1 + (1 - t * t) * w;",
     "slope *= (1 - t * t) * w;"},
    {"added",
     {"you add the slopes of the layers; one layer feeds the next, so they are multiplied (the chain rule)",
      "你把各层的斜率相加了；一层接一层，应当相乘（链式法则）"},
     "double plain(double x, double w, int layers, double *slope_of_x)\n{\n    double h = x, slope = 1;\n    for (int "
     "l = 0; l < layers; l++) {\n"
     "        double t = tanh(w * h);\n        slope *= (1 - t * t) * w;",
     "double plain(double x, double w, int layers, double *slope_of_x)\n{\n    double h = x, slope = 0;\n    for (int "
     "l = 0; l < layers; l++) {\n"
     "        double t = tanh(w * h);\n        slope += (1 - t * t) * w;"},
    {"no-w",
     {"w is missing from the slope: tanh(w*h) changes with h by (1 - tanh^2) * w",
      "斜率里少了 w：tanh(w*h) 对 h 的导数是 (1 - tanh^2) * w"},
     "        slope *= (1 - t * t) * w;",
     "        slope *= 1 - t * t;"},
    {"slope-at-the-end",
     {"you take each layer's slope at its output; it is taken at its input: 1 - t*t with t = tanh(w*h), h as it came "
      "in",
      "你在每层的输出处取斜率；应在输入处：1 - t*t，其中 t = tanh(w*h)，h 是进来时的值"},
     "        double t = tanh(w * h);\n        slope *= (1 - t * t) * w;\n        h = t;",
     "        double t = tanh(w * h);\n        h = t;\n        t = tanh(w * h);\n        slope *= (1 - t * t) * w;"},
    {"no-shortcut",
     {"residual is the plain network: each layer must add to what came in, h = h + tanh(w*h)",
      "residual 与普通网络一样：每层应加在进来的值上，h = h + tanh(w*h)"},
     "        slope *= 1 + (1 - t * t) * w;\n        h = h + t;",
     "        slope *= (1 - t * t) * w;\n        h = t;"},
    {.name = NULL},
};

const struct lesson lesson_shortcuts = {
    .number = 24,
    .name = "shortcuts",
    .title = {"Depth, without shortcuts and with them", "深度：没有捷径与有捷径"},
    .text = {"More layers should never hurt: the added ones could just pass on what they get.\n"
             "Yet in 2015 plain networks of 56 layers were worse than those of 20, on the\n"
             "TRAINING samples: not overfitting, but learning that fails. Look at a chain of n\n"
             "layers of one number:\n"
             "\n"
             "    plain       h becomes tanh(w*h)        slope of the layer: (1 - t^2) w\n"
             "    residual    h becomes h + tanh(w*h)    slope of the layer: 1 + (1 - t^2) w\n"
             "\n"
             "with t = tanh(w*h), and h as it comes into the layer. By the chain rule the\n"
             "slope of the output by the input is the product of all layers' slopes.\n"
             "\n"
             "By hand, x = 1, w = 0.5, one layer: t = 0.4621, plain slope (1 - 0.2136) * 0.5 =\n"
             "0.3932, residual 1.3932. Thirty plain layers: about 0.6^30 = 2e-7 where x is\n"
             "small: the first layer hears nothing of the loss. With the shortcut no factor is\n"
             "below 1, and a layer whose w is 0 passes its input on untouched: doing nothing\n"
             "has become easy.\n"
             "\n"
             "That \"h +\" is all of ResNet (He, Zhang, Ren, Sun 2015): 152 layers, and later\n"
             "over 1000. (Batch norm keeps the sums from growing.)\n"
             "\n"
             "Your task: both chains, each with its output and the slope of the output by x.",
             "层数再多，也不应该更差：多出来的层只要原样传下去就行。可是 2015 年，56 层的普通\n"
             "网络比 20 层的差，而且是在“训练”样本上：不是过拟合，而是学不动。看一个由单个数组\n"
             "成的 n 层链：\n"
             "\n"
             "    plain       h 变为 tanh(w*h)                  本层斜率：(1 - t^2) w\n"
             "    residual    h 变为 h + tanh(w*h)              本层斜率：1 + (1 - t^2) w\n"
             "\n"
             "其中 t = tanh(w*h)，h 是进入这一层时的值。由链式法则，输出对输入的斜率是各层斜率\n"
             "的乘积。\n"
             "\n"
             "手算，x = 1，w = 0.5，一层：t = 0.4621，plain 的斜率 (1 - 0.2136) * 0.5 =\n"
             "0.3932，residual 是 1.3932。三十层普通的层，x 小时约为 0.6^30 = 2e-7：第一层对损\n"
             "失一无所知。有了捷径，没有一个因子小于 1；w 为 0 的层把输入原样传下去：什么都不\n"
             "做变得容易了。\n"
             "\n"
             "这个“h +”就是 ResNet 的全部（何恺明、张祥雨、任少卿、孙剑，2015）：152 层，后来\n"
             "超过 1000 层。（批归一化使这些和不至于越来越大。）\n"
             "\n"
             "任务：写出两条链，各给出输出以及输出对 x 的斜率。"},
    .brief = {"Chains of `layers` layers: plain h = tanh(w*h), residual h = h + tanh(w*h), from h = x.\n"
              "Each returns the last h and writes its slope by x.",
              "layers 层的链：plain 为 h = tanh(w*h)，residual 为 h = h + tanh(w*h)，从 h = x 开始。\n"
              "各返回最后的 h，并写出它对 x 的斜率。"},
    .stub = "#include <math.h>\n\n"
            "double plain(double x, double w, int layers, double *slope_of_x)\n{\n    *slope_of_x = 0;\n    return "
            "0;\n}\n\n"
            "double residual(double x, double w, int layers, double *slope_of_x)\n{\n    *slope_of_x = 0;\n    return "
            "0;\n}\n",
    .solution = "#include <math.h>\n\n"
                "double plain(double x, double w, int layers, double *slope_of_x)\n{\n    double h = x, slope = 1;\n"
                "    for (int l = 0; l < layers; l++) {\n"
                "        double t = tanh(w * h);\n"
                "        slope *= (1 - t * t) * w;\n"
                "        h = t;\n"
                "    }\n    *slope_of_x = slope;\n    return h;\n}\n\n"
                "double residual(double x, double w, int layers, double *slope_of_x)\n{\n    double h = x, slope = 1;\n"
                "    for (int l = 0; l < layers; l++) {\n"
                "        double t = tanh(w * h);\n"
                "        slope *= 1 + (1 - t * t) * w;\n"
                "        h = h + t;\n"
                "    }\n    *slope_of_x = slope;\n    return h;\n}\n",
    .call = "    out[0] = plain(in[0], in[1], (int)in[2], out + 1);\n    out[2] = residual(in[0], in[1], (int)in[2], "
            "out + 3);",
    .hints = {{"A loop with two numbers: h, and the slope so far, which begins at 1.",
               "一个循环，两个数：h，以及至今的斜率，从 1 开始。"},
              {"In each layer: t = tanh(w * h), then slope *= (1 - t * t) * w, then h = t.",
               "每层：t = tanh(w * h)，然后 slope *= (1 - t * t) * w，然后 h = t。"},
              {"residual: slope *= 1 + (1 - t * t) * w, and h = h + t.",
               "residual：slope *= 1 + (1 - t * t) * w，h = h + t。"}},
    .after = {"fovea new resnet18 writes such a network; lesson 25 counts one.",
              "fovea new resnet18 会写出这样的网络；第 25 课来数一个。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
