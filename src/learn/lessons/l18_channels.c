/* SPDX-License-Identifier: MIT */
/* Lesson 18: channels, 1 x 1, groups, depthwise and dilated convolution: one loop with three more numbers. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <string.h>

enum { SIDE = 5 };
enum { CHANNELS, FILTERS, KERNEL, GROUPS, DILATION, HEAD };
enum { OWN_CHANNEL = 1, FIRST_GROUP, NO_DILATION, WEIGHTS_TURNED, ALL_CHANNELS, NO_BIASES };

struct geometry {
    int channels, filters, kernel, groups, dilation, per_group, weights;
};

static struct geometry geometry_of(const double *in)
{
    struct geometry g = {
        (int)in[CHANNELS], (int)in[FILTERS], (int)in[KERNEL], (int)in[GROUPS], (int)in[DILATION], 0, 0};
    g.per_group = g.channels / g.groups;
    g.weights = g.filters * g.per_group * g.kernel * g.kernel;
    return g;
}

static int given(const double *in, struct part *parts)
{
    struct geometry g = geometry_of(in);
    const struct part all[] = {{"channels", 1, 1},
                               {"filters", 1, 1},
                               {"kernel", 1, 1},
                               {"groups", 1, 1},
                               {"dilation", 1, 1},
                               {"weight", g.filters, g.weights / g.filters},
                               {"x", g.channels * SIDE, SIDE}};
    memcpy(parts, all, sizeof all);
    return 7;
}

static int answered(const double *in, struct part *parts)
{
    struct geometry g = geometry_of(in);
    parts[0] = (struct part){"parameters", 1, 1};
    parts[1] = (struct part){"y", g.filters * SIDE, SIDE};
    return 2;
}

static int draw(struct draw *d, int index, double *in)
{
    /* channels, filters, kernel, groups, dilation: plain, 1 x 1, grouped, depthwise, dilated */
    static const int kinds[][5] = {{2, 3, 3, 1, 1}, {4, 2, 1, 1, 1}, {4, 4, 3, 2, 1},
                                   {3, 3, 3, 3, 1}, {2, 2, 3, 1, 2}, {4, 6, 3, 2, 2}};
    for (int i = 0; i < HEAD; i++) {
        in[i] = kinds[index % 6][i];
    }
    struct geometry g = geometry_of(in);
    int numbers = g.weights + g.channels * SIDE * SIDE;
    for (int i = 0; i < numbers; i++) {
        in[HEAD + i] = draw_integer(d, -3, 3);
    }
    return HEAD + numbers;
}

static void answer(const double *in, int mistake, double *out)
{
    struct geometry g = geometry_of(in);
    const double *weight = in + HEAD, *x = weight + g.weights;
    int pad = (mistake == NO_DILATION ? 1 : g.dilation) * (g.kernel - 1) / 2, taps = g.kernel * g.kernel;
    out[0] = mistake == ALL_CHANNELS ? g.weights * g.groups + g.filters
             : mistake == NO_BIASES  ? g.weights
                                     : g.weights + g.filters;
    for (int i = 0; i < g.filters * SIDE * SIDE; i++) {
        int f = i / (SIDE * SIDE), r = i / SIDE % SIDE, c = i % SIDE;
        int first = mistake == FIRST_GROUP ? 0 : f / (g.filters / g.groups) * g.per_group;
        double sum = 0;
        for (int k = 0; k < (mistake == OWN_CHANNEL ? 1 : g.per_group); k++) {
            for (int t = 0; t < taps; t++) {
                int step = mistake == NO_DILATION ? 1 : g.dilation, u = t / g.kernel * step - pad,
                    v = t % g.kernel * step - pad;
                int at = mistake == WEIGHTS_TURNED ? (k * g.filters + f) * taps + t : (f * g.per_group + k) * taps + t;
                bool inside = r + u >= 0 && r + u < SIDE && c + v >= 0 && c + v < SIDE;
                sum += inside ? weight[at] * x[((first + k) * SIDE + r + u) * SIDE + c + v] : 0;
            }
        }
        out[1 + i] = sum;
    }
}

static int build(fov_graph *graph, const fov_value *in, const void *with, fov_value *out)
{
    const struct geometry *g = with;
    out[1] = fov_dynamic_conv2d(graph, in[0], in[1], .groups = g->groups, .dilation = g->dilation,
                                .pad = g->dilation * (g->kernel - 1) / 2);
    out[0] = fov_add(graph, in[2], in[3]);
    return 2;
}

static int engine(fov_context *context, const double *in, double *out)
{
    struct geometry g = geometry_of(in);
    const double weights = g.weights, biases = g.filters;
    const struct engine_input inputs[] = {{{4, {1, g.channels, SIDE, SIDE}}, in + HEAD + g.weights},
                                          {{5, {1, g.filters, g.per_group, g.kernel, g.kernel}}, in + HEAD},
                                          {{0, {0}}, &weights},
                                          {{0, {0}}, &biases}};
    return engine_run(context, inputs, 4, build, &g, out);
}

/* Which channels each filter sees: all of them, those of its group, its own. */
static void picture(struct picture *p)
{
    static const struct words names[] = {{"groups = 1: each sees all", "groups = 1：看全部通道"},
                                         {"groups = 2", "groups = 2"},
                                         {"groups = 4: depthwise", "groups = 4：逐通道"}};
    picture_size(p, 600, 190);
    for (int kind = 0; kind < 3; kind++) {
        double left = 40 + 200.0 * kind;
        int groups = 1 << kind;
        for (int f = 0; f < 4; f++) {
            for (int c = 0; c < 4; c++) {
                if (f * groups / 4 == c * groups / 4) {
                    picture_line(p, left, 40 + 36.0 * c, left + 110, 40 + 36.0 * f, PICTURE_ORANGE, 1);
                }
            }
        }
        for (int i = 0; i < 4; i++) {
            picture_box(p, left - 12, 30 + 36.0 * i, 20, 20, PICTURE_INK, "#ffffff");
            picture_box(p, left + 102, 30 + 36.0 * i, 20, 20, PICTURE_INK, "#dceaf5");
        }
        picture_words(p, left + 55, 16, 0, 12, PICTURE_INK, names[kind]);
    }
    picture_words(p, 300, 185, 0, 12, PICTURE_GREY,
                  (struct words){"left: channels of the input; right: filters", "左：输入的通道；右：滤波器"});
}

static const struct mistake mistakes[] = {
    {"own-channel",
     {"each filter sees one channel only; its sum goes over all channels of its group",
      "每个滤波器只看了一个通道；应对本组的所有通道求和"},
     "for (int k = 0; k < per_group; k++)",
     "for (int k = 0; k < 1; k++)"},
    {"first-group",
     {"all filters look at the first group's channels; filter f is in group f / (filters / groups), whose channels "
      "begin at group * per_group",
      "所有滤波器都看第一组的通道；滤波器 f 属于第 f / (filters / groups) 组，其通道从“组号 * per_group”开始"},
     "int first = f / (filters / groups) * per_group;",
     "int first = 0;"},
    {"no-dilation",
     {"dilation is ignored: the taps are `dilation` pixels apart, and the pad grows with them",
      "忽略了 dilation：权重之间相隔 dilation 个像素，pad 也随之变大"},
     "int n = 5, per_group",
     "dilation = 1;\n    int n = 5, per_group"},
    {"weights-turned",
     {"filter and channel are exchanged in the weights: they lie as [filters][per_group][kernel][kernel], filters "
      "outermost",
      "权重里滤波器和通道弄反了：存放次序是 [filters][per_group][kernel][kernel]，最外层是滤波器"},
     "weight[((f * per_group + k) * kernel + u) * kernel + v]",
     "weight[((k * filters + f) * kernel + u) * kernel + v]"},
    {"all-channels",
     {"you count weights for all channels; with groups a filter has weights for channels / groups of them only: that "
      "is the saving",
      "你按所有通道数权重；有分组时每个滤波器只有 channels / groups 个通道的权重：省就省在这里"},
     "filters * (channels / groups) * kernel * kernel + filters",
     "filters * channels * kernel * kernel + filters"},
    {"no-biases",
     {"the biases are missing: one per filter", "少了偏置：每个滤波器一个"},
     "kernel * kernel + filters;",
     "kernel * kernel;"},
    {.name = NULL},
};

#define SIGNATURE                                                                                                  \
    "void convolve(const double *x, int channels, const double *weight, int filters, int kernel, int groups, int " \
    "dilation,\n"                                                                                                  \
    "              double *y)\n{\n"

const struct lesson lesson_channels = {
    .number = 18,
    .name = "channels",
    .title = {"Channels, 1 x 1, groups, depthwise, dilated", "通道、1 x 1、分组、逐通道、空洞"},
    .text = {"A photo has three channels, and a layer makes as many as it has filters. A\n"
             "filter has a kernel for EACH channel that it sees, and adds up what they give:\n"
             "\n"
             "    y[f][r][c] = sum over k, u, v of\n"
             "        weight[f][k][u][v] * x[k][r + u - pad][c + v - pad]\n"
             "\n"
             "    weights    filters * channels * kernel * kernel, and one bias per filter\n"
             "    64 -> 64, 3 x 3:     64 * 64 * 9 + 64 = 36,928\n"
             "\n"
             "Four ways to save, all in the same loop:\n"
             "\n"
             "    1 x 1       kernel 1: no neighbours, only channels are mixed:      4,160\n"
             "    groups      channels and filters in g equal groups; a filter\n"
             "                sees its own group's channels; g = 4:             9,280\n"
             "    depthwise   as many groups as channels: each filter one channel:     640\n"
             "    dilated     taps d pixels apart: 3 x 3 sees 5 x 5 (d = 2)\n"
             "\n"
             "Depthwise, then 1 x 1: 640 + 4,160 = 4,800 instead of 36,928. That is MobileNet.\n"
             "\n"
             "Filter f of `filters` is in group f / (filters / groups), a whole number rounded\n"
             "down; that group's channels begin at group * (channels / groups). With pad =\n"
             "dilation*(kernel - 1)/2 the result is as large as x.\n"
             "\n"
             "Your task: the number of parameters, and the loop, for pictures of 5 x 5 (no\n"
             "bias in the loop). Arrays lie as x [channels][5][5], weight [filters][channels /\n"
             "groups][kernel][kernel].",
             "照片有三个通道，一层有多少滤波器就产生多少通道。滤波器对它所看到的“每个”通道各有\n"
             "一个核，并把结果加起来：\n"
             "\n"
             "    y[f][r][c] = 对 k, u, v 求和\n"
             "        weight[f][k][u][v] * x[k][r + u - pad][c + v - pad]\n"
             "\n"
             "    权重数     filters * channels * kernel * kernel，另加每个滤波器一个偏置\n"
             "    64 -> 64, 3 x 3：    64 * 64 * 9 + 64 = 36,928\n"
             "\n"
             "四种节省的办法，都在同一个循环里：\n"
             "\n"
             "    1 x 1       kernel 为 1：不看邻居，只混合通道：             4,160\n"
             "    分组        通道和滤波器平分成 g 组，滤波器只看本组的通道；\n"
             "                g = 4：                                         9,280\n"
             "    逐通道      depthwise，组数等于通道数，每个滤波器看一个：     640\n"
             "    空洞        权重相隔 d 个像素：九个权重的 3 x 3 看 5 x 5（d = 2）\n"
             "\n"
             "先逐通道再 1 x 1：640 + 4,160 = 4,800，而不是 36,928。这就是 MobileNet。\n"
             "\n"
             "滤波器 f 属于第 f / (filters / groups) 组（整数，向下取整）；该组的通道从“组号 *\n"
             "(channels / groups)”开始。pad = dilation*(kernel - 1)/2 时结果与 x 一样大。\n"
             "\n"
             "任务：参数个数，以及 5 x 5 图的循环（循环里没有偏置）。数组按\n"
             "x [channels][5][5]、weight [filters][channels / groups][kernel][kernel] 存放。"},
    .brief =
        {"parameters: weights and biases of a layer. convolve: x [channels][5][5] with\n"
         "weight [filters][channels / groups][kernel][kernel], pad dilation*(kernel - 1)/2; y [filters][5][5].",
         "parameters：一层的权重和偏置总数。convolve：x [channels][5][5] 与\n"
         "weight [filters][channels / groups][kernel][kernel]，pad 为 dilation*(kernel - 1)/2；y [filters][5][5]。"},
    .stub = "int parameters(int channels, int filters, int kernel, int groups)\n{\n    return 0;\n}\n\n" SIGNATURE
            "    for (int i = 0; i < filters * 25; i++) y[i] = 0;\n}\n",
    .solution = "int parameters(int channels, int filters, int kernel, int groups)\n{\n"
                "    return filters * (channels / groups) * kernel * kernel + filters;\n}\n\n" SIGNATURE
                "    int n = 5, per_group = channels / groups, pad = dilation * (kernel - 1) / 2;\n"
                "    for (int f = 0; f < filters; f++) {\n"
                "        int first = f / (filters / groups) * per_group;\n"
                "        for (int r = 0; r < n; r++)\n"
                "            for (int c = 0; c < n; c++) {\n"
                "                double sum = 0;\n"
                "                for (int k = 0; k < per_group; k++)\n"
                "                    for (int u = 0; u < kernel; u++)\n"
                "                        for (int v = 0; v < kernel; v++) {\n"
                "                            int row = r + u * dilation - pad, column = c + v * dilation - pad;\n"
                "                            if (row >= 0 && row < n && column >= 0 && column < n)\n"
                "                                sum += weight[((f * per_group + k) * kernel + u) * kernel + v] *\n"
                "                                       x[((first + k) * n + row) * n + column];\n"
                "                        }\n"
                "                y[(f * n + r) * n + c] = sum;\n"
                "            }\n    }\n}\n",
    .call = "    int c = (int)in[0], f = (int)in[1], k = (int)in[2], g = (int)in[3], d = (int)in[4];\n"
            "    out[0] = parameters(c, f, k, g);\n    convolve(in + 5 + f * (c / g) * k * k, c, in + 5, f, k, g, d, "
            "out + 1);",
    .hints =
        {{"Start from your loop of lesson 15 and put two loops around and inside it: filters outside, channels inside.",
          "从第 15 课的循环出发，外面加一层滤波器，里面加一层通道。"},
         {"per_group = channels / groups; the group's first channel is f / (filters / groups) * per_group.",
          "per_group = channels / groups；该组的第一个通道是 f / (filters / groups) * per_group。"},
         {"weight[((f * per_group + k) * kernel + u) * kernel + v] * x[((first + k) * 5 + row) * 5 + column]",
          "weight[((f * per_group + k) * kernel + u) * kernel + v] * x[((first + k) * 5 + row) * 5 + column]"}},
    .after = {"One loop, and it is AlexNet's groups, GoogLeNet's 1 x 1, MobileNet's depthwise and DeepLab's dilated "
              "convolution.",
              "同一个循环，就是 AlexNet 的分组、GoogLeNet 的 1 x 1、MobileNet 的逐通道和 DeepLab 的空洞卷积。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
