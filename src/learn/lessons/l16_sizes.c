/* SPDX-License-Identifier: MIT */
/* Lesson 16: the size of a convolution's result, and the receptive field of a stack of layers. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>

enum { LAYERS = 4 };
enum { PAD_ONCE = 1, NO_ONE, ROUNDED_UP, NO_DILATION, OWN_STRIDE, WHOLE_KERNEL, STRIDES_ADDED };

static int given(const double *in, struct part *parts)
{
    static const char *const names[] = {"n", "kernel", "stride", "pad", "dilation"};
    (void)in;
    for (int i = 0; i < 5; i++) {
        parts[i] = (struct part){names[i], 1, 1};
    }
    parts[5] = (struct part){"kernels", 1, LAYERS};
    parts[6] = (struct part){"strides", 1, LAYERS};
    return 7;
}

static const char *const outputs[] = {"output_size", "receptive_field", NULL};

static int draw(struct draw *d, int index, double *in)
{
    /* The course's picture of 28 x 31: one case per side. */
    static const double text[2][5] = {{28, 5, 3, 2, 1}, {31, 5, 3, 2, 1}}, stack[] = {5, 2, 5, 2, 1, 2, 1, 2};
    for (int i = 0; i < 5; i++) {
        static const int low[] = {13, 1, 1, 0, 1}, high[] = {60, 5, 4, 3, 3};
        in[i] = index < 2 ? text[index][i] : draw_integer(d, low[i], high[i]);
    }
    if (index == 2) { /* taken for 1, this dilation shows */
        in[1] = draw_integer(d, 3, 5);
        in[2] = 1;
        in[4] = draw_integer(d, 2, 3);
    }
    for (int i = 0; i < LAYERS; i++) {
        in[5 + i] = index < 2 ? stack[i] : draw_integer(d, 1, 5);
        in[5 + LAYERS + i] = index < 2 ? stack[LAYERS + i] : draw_integer(d, 1, 3);
    }
    return 5 + 2 * LAYERS;
}

static void answer(const double *in, int mistake, double *out)
{
    double n = in[0], kernel = in[1], stride = in[2], pad = in[3], dilation = mistake == NO_DILATION ? 1 : in[4];
    double room = n + (mistake == PAD_ONCE ? pad : 2 * pad) - dilation * (kernel - 1) - 1;
    out[0] = (mistake == ROUNDED_UP ? ceil(room / stride) : floor(room / stride)) + (mistake == NO_ONE ? 0 : 1);
    double field = 1, jump = 1, jumps = 1;
    for (int i = 0; i < LAYERS; i++) {
        double next = jump * in[5 + LAYERS + i];
        field += (in[5 + i] - (mistake == WHOLE_KERNEL ? 0 : 1)) * (mistake == OWN_STRIDE      ? next
                                                                    : mistake == STRIDES_ADDED ? jumps
                                                                                               : jump);
        jump = next;
        jumps += in[5 + LAYERS + i] - 1;
    }
    out[1] = field;
}

/* The layers that the engine builds. It counts the numbers of a layer's result, and measures the receptive field by the
 * inputs that have a gradient. */
struct geometry {
    int kernel, stride, pad, dilation, kernels[LAYERS], strides[LAYERS];
};

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    const struct geometry *s = with;
    fov_value y = fov_conv1d(g, in[0], .filters = 1, .kernel = s->kernel, .stride = s->stride, .pad = s->pad,
                             .dilation = s->dilation);
    fov_value zero = fov_sub(g, y, y); /* zeros of the output's shape: 1 is added, and the sum counts */
    const float one = 1;
    out[0] =
        fov_reduce_sum(g, fov_add(g, zero, fov_constant(g, "one", FOV_F32, (fov_shape){0}, &one)), .axis_count = 0);
    fov_value x = in[1];
    for (int i = 0; i < LAYERS; i++) {
        x = fov_conv1d(g, x, .filters = 1, .kernel = s->kernels[i], .stride = s->strides[i]);
    }
    fov_value gradient, first = fov_reduce_sum(g, fov_slice(g, x, 2, 0, 1, 1), .axis_count = 0);
    if (fov_gradient(g, first, &in[1], 1, &gradient)) {
        return -1;
    }
    /* The field begins at input 0, so its size is the largest place (from 1) whose gradient is not 0. */
    out[1] = fov_reduce_max(g, fov_mul(g, fov_step(g, fov_abs(g, gradient)), in[2]), .axis_count = 0);
    return 2;
}

static int engine(fov_context *context, const double *in, double *out)
{
    enum { LONG = 400 };
    double zeros[LONG] = {0}, places[LONG];
    struct geometry s = {(int)in[1], (int)in[2], (int)in[3], (int)in[4], {0}, {0}};
    for (int i = 0; i < LAYERS; i++) {
        s.kernels[i] = (int)in[5 + i];
        s.strides[i] = (int)in[5 + LAYERS + i];
    }
    for (int i = 0; i < LONG; i++) {
        places[i] = i + 1;
    }
    const struct engine_input inputs[] = {
        {{3, {1, 1, (int64_t)in[0]}}, zeros}, {{3, {1, 1, LONG}}, zeros}, {{3, {1, 1, LONG}}, places}};
    return engine_run(context, inputs, 3, build, &s, out);
}

/* Two layers, kernel 3: the field of one number grows from 3 to 5; with stride 2 below, to 7. */
static void picture(struct picture *p)
{
    static const struct words names[] = {{"stride 1, 1: sees 5", "步幅 1、1：看到 5 个"},
                                         {"stride 2, 1: sees 7", "步幅 2、1：看到 7 个"}};
    picture_size(p, 560, 190);
    for (int side = 0; side < 2; side++) {
        double left = 20 + 280.0 * side;
        int stride = 1 + side, reach = side == 0 ? 5 : 7;
        picture_words(p, left + 120, 20, 0, 13, PICTURE_INK, names[side]);
        for (int level = 0; level < 3; level++) {
            int count = level == 0 ? 9 : level == 1 ? (9 - 3) / stride + 1 : 1;
            for (int i = 0; i < count; i++) {
                double x = left + 26 * (level == 0   ? i
                                        : level == 1 ? i * stride + 1
                                                     : stride + 1),
                       y = 150 - 52.0 * level;
                bool seen = level == 2 || (level == 1 ? i < 3 : i < reach);
                picture_box(p, x, y, 22, 22, "#999999", seen ? "#fde3cf" : "#ffffff");
                for (int k = -1; k <= 1 && level > 0 && seen; k++) {
                    double to = level == 1 ? x + 26 * k : left + 26 * ((1 + k) * stride + 1);
                    picture_line(p, x + 11, y + 22, to + 11, y + 52, PICTURE_ORANGE, 1);
                }
            }
        }
    }
}

static const struct mistake mistakes[] = {
    {"pad-once", {"pad counts on both sides: n + 2*pad", "pad 两边都有：n + 2*pad"}, "2 * pad", "pad"},
    {"no-one",
     {"your size is one too small: the first position counts, too: + 1 at the end",
      "你的尺寸少了 1：第一个位置也要算：最后 + 1"},
     "/ stride + 1",
     "/ stride"},
    {"rounded-up",
     {"you round up; a kernel that does not fit any more is not computed: round down",
      "你向上取整了；放不下的核不计算：要向下取整"},
     "(n + 2 * pad - dilation * (kernel - 1) - 1) / stride",
     "(n + 2 * pad - dilation * (kernel - 1) - 1 + stride - 1) / stride"},
    {"no-dilation",
     {"dilation is ignored: a kernel of k with holes reaches over dilation*(k - 1) + 1 pixels",
      "忽略了 dilation：有空洞的核 k 覆盖 dilation*(k - 1) + 1 个像素"},
     "dilation * (kernel - 1)",
     "(kernel - 1)"},
    {"own-stride",
     {"in the receptive field, a layer's own stride acts on the layers after it only: add first, then multiply the "
      "jump",
      "感受野里，一层自己的步幅只影响后面的层：先加，再把 jump 乘上步幅"},
     "        field += (kernels[i] - 1) * jump;\n        jump *= strides[i];",
     "        jump *= strides[i];\n        field += (kernels[i] - 1) * jump;"},
    {"whole-kernel",
     {"a layer adds kernel - 1, not kernel: one of its pixels was there already",
      "一层增加 kernel - 1，不是 kernel：其中一个像素本来就有"},
     "(kernels[i] - 1)",
     "kernels[i]"},
    {"strides-added",
     {"jumps multiply: after strides 2 and 2 neighbouring numbers are 4 pixels apart, not 3",
      "步幅是相乘的：经过步幅 2 和 2，相邻的数相距 4 个像素，不是 3"},
     "jump *= strides[i];",
     "jump += strides[i] - 1;"},
    {.name = NULL},
};

const struct lesson lesson_sizes = {
    .number = 16,
    .name = "sizes",
    .title = {"How large is the result, and how far does it see?", "结果有多大，又看得多远？"},
    .text = {"A picture of 28 x 31 pixels, 2 rows of zeros on each side, a kernel of 5 x 5\n"
             "that moves 3 pixels at a time: how large is the result? Along each side:\n"
             "\n"
             "    room    n + 2*pad - kernel         so far the kernel can move on\n"
             "    size    room / stride + 1          rounded down; the first place counts\n"
             "\n"
             "    (28 + 4 - 5) / 3 + 1 = 9 + 1 = 10      (31 + 4 - 5) / 3 + 1 = 10 + 1 = 11\n"
             "\n"
             "So 10 x 11. A dilated kernel has holes: its taps are `dilation` pixels apart, so\n"
             "it reaches over dilation*(kernel - 1) + 1 pixels, and that takes the kernel's\n"
             "place:\n"
             "\n"
             "    size = floor((n + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1\n"
             "\n"
             "And how much of the picture does one number deep in the network see? Its\n"
             "receptive field grows with each layer. Keep the jump: how many pixels\n"
             "neighbouring numbers of this layer are apart, 1 in the picture. A layer adds\n"
             "(kernel - 1) jumps, then its stride multiplies the jump for the layers after it:\n"
             "\n"
             "    field = 1, jump = 1\n"
             "    per layer:  field += (kernel - 1) * jump;  then  jump *= stride\n"
             "\n"
             "LeNet-5: kernels 5, 2, 5, 2 with strides 1, 2, 1, 2: 5, 6, 14, 16 pixels. So\n"
             "what its second pooling knows is 16 of 32 pixels wide: that is half a digit.\n"
             "\n"
             "Your task: both formulas. Whole numbers in C round down by themselves.",
             "28 x 31 的图，四周各 2 圈零，5 x 5 的核每次移动 3 个像素：结果多大？每条边上：\n"
             "\n"
             "    余地    n + 2*pad - kernel         核还能移动这么多像素\n"
             "    尺寸    余地 / stride + 1          向下取整，第一个位置也算\n"
             "\n"
             "    (28 + 4 - 5) / 3 + 1 = 9 + 1 = 10      (31 + 4 - 5) / 3 + 1 = 10 + 1 = 11\n"
             "\n"
             "所以是 10 x 11。空洞卷积（dilated）的核有洞：相邻权重相隔 dilation 个像素，覆盖\n"
             "dilation*(kernel - 1) + 1 个像素，用它代替 kernel：\n"
             "\n"
             "    size = floor((n + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1\n"
             "\n"
             "网络深处的一个数能看到图的多大一块？感受野逐层增大。记住 jump：本层相邻两个数相\n"
             "距多少像素，在图上是 1。一层增加 (kernel - 1) 个 jump，然后它的步幅使后面各层的\n"
             "jump 变大：\n"
             "\n"
             "    field = 1, jump = 1\n"
             "    每层：  field += (kernel - 1) * jump；  然后  jump *= stride\n"
             "\n"
             "LeNet-5：核 5、2、5、2，步幅 1、2、1、2：感受野 5、6、14、16 像素。所以第二次池\n"
             "化之后的一个数，在 32 个像素里看到 16 个：半个数字。\n"
             "\n"
             "任务：写出两个公式。C 的整数除法自己会向下取整。"},
    .brief = {"output_size: along one side. receptive_field: of one number behind `layers` layers, in pixels.",
              "output_size：一条边上的尺寸。receptive_field：经过 layers 层之后一个数的感受野，以像素计。"},
    .stub = "int output_size(int n, int kernel, int stride, int pad, int dilation)\n{\n    return 0;\n}\n\n"
            "int receptive_field(const int *kernels, const int *strides, int layers)\n{\n    return 0;\n}\n",
    .solution = "int output_size(int n, int kernel, int stride, int pad, int dilation)\n{\n"
                "    return (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;\n}\n\n"
                "int receptive_field(const int *kernels, const int *strides, int layers)\n{\n"
                "    int field = 1, jump = 1;\n"
                "    for (int i = 0; i < layers; i++) {\n"
                "        field += (kernels[i] - 1) * jump;\n        jump *= strides[i];\n"
                "    }\n    return field;\n}\n",
    .call = "    int kernels[4], strides[4];\n    for (int i = 0; i < 4; i++) kernels[i] = (int)in[5 + i], strides[i] "
            "= (int)in[9 + i];\n"
            "    out[0] = output_size((int)in[0], (int)in[1], (int)in[2], (int)in[3], (int)in[4]);\n"
            "    out[1] = receptive_field(kernels, strides, 4);",
    .hints = {{"Put the numbers of the text into the formula: 28, 5, 3, 2, 1 must give 10.",
               "把正文的数代进公式：28、5、3、2、1 应得 10。"},
              {"output_size is one line with whole numbers; / rounds down.",
               "output_size 只有一行整数运算；/ 会向下取整。"},
              {"receptive_field: in the loop field += (kernels[i] - 1) * jump, then jump *= strides[i].",
               "receptive_field：循环里先 field += (kernels[i] - 1) * jump，再 jump *= strides[i]。"}},
    .after = {"fovea inspect NETWORK prints both for every layer.", "fovea inspect NETWORK 会为每一层列出这两个数。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .outputs = outputs,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
