/* SPDX-License-Identifier: MIT */
/* Lesson 14: one training step of a multi-layer perceptron on a digit. The digits are those that fovea draws, reduced
 * to 7 x 7 by averaging 4 x 4 pixels. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/dataset.h>
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIXELS = 49, HIDDEN = 12, CLASSES = 10 };
enum {
    W1 = PIXELS,
    B1 = W1 + HIDDEN * PIXELS,
    W2 = B1 + HIDDEN,
    B2 = W2 + CLASSES * HIDDEN,
    LABEL = B2 + CLASSES,
    RATE,
    ALL
};
enum { NO_RELU = 1, RELU_NOT_BACK, MOVED_FIRST, NO_LABEL, BIAS_STAYS, UPHILL };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"x", 7, 7},        {"w1", HIDDEN, PIXELS}, {"b1", 1, HIDDEN}, {"w2", CLASSES, HIDDEN},
                               {"b2", 1, CLASSES}, {"label", 1, 1},        {"rate", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 7;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {
        {"loss", 1, 1}, {"w2", CLASSES, HIDDEN}, {"b2", 1, CLASSES}, {"w1", HIDDEN, PIXELS}, {"b1", 1, HIDDEN}};
    memcpy(parts, all, sizeof all);
    return 5;
}

/* A drawn digit as 7 x 7 grey values 0..1, and its label; blank, with label 0, if the library has no memory. */
static void draw_digit(uint64_t seed, int index, double *in)
{
    char source[64];
    const uint8_t *pixels;
    int height, width, channels;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    snprintf(source, sizeof source, "digits:24:%llu", (unsigned long long)seed);
    fov_dataset *data = fov_dataset_open(context, source, FOV_TRAIN);
    memset(in, 0, PIXELS * sizeof *in);
    in[LABEL] = 0;
    if (data != NULL && fov_dataset_sample(data, index, &pixels, &height, &width, &channels) == FOV_OK) {
        for (int i = 0; i < 28 * 28; i++) {
            in[i / 28 / 4 * 7 + i % 28 / 4] += pixels[i] / 255.0 / 16;
        }
        in[LABEL] = fov_dataset_label(data, index);
    }
    fov_dataset_free(data);
    fov_context_free(context);
}

static int draw(struct draw *d, int index, double *in)
{
    draw_digit(draw_bits(d) % 1000000, index, in);
    for (int i = W1; i < LABEL; i++) {
        in[i] = draw_uniform(d, -0.3, 0.3);
    }
    in[RATE] = draw_short(d, 0.05, 0.5, 2);
    return ALL;
}

static void answer(const double *in, int mistake, double *out)
{
    double h[HIDDEN], z[CLASSES], dz[CLASSES], dh[HIDDEN] = {0}, sum = 0, largest = -INFINITY;
    double *w2 = out + 1, *b2 = w2 + CLASSES * HIDDEN, *w1 = b2 + CLASSES, *b1 = w1 + HIDDEN * PIXELS;
    double rate = mistake == UPHILL ? -in[RATE] : in[RATE];
    int label = (int)in[LABEL];
    for (int j = 0; j < HIDDEN; j++) {
        h[j] = in[B1 + j];
        for (int i = 0; i < PIXELS; i++) {
            h[j] += in[W1 + j * PIXELS + i] * in[i];
        }
        h[j] = mistake == NO_RELU ? h[j] : fmax(h[j], 0);
    }
    for (int k = 0; k < CLASSES; k++) {
        z[k] = in[B2 + k];
        for (int j = 0; j < HIDDEN; j++) {
            z[k] += in[W2 + k * HIDDEN + j] * h[j];
        }
        largest = fmax(largest, z[k]);
    }
    for (int k = 0; k < CLASSES; k++) {
        sum += exp(z[k] - largest);
    }
    out[0] = log(sum) + largest - z[label];
    for (int k = 0; k < CLASSES; k++) {
        dz[k] = exp(z[k] - largest) / sum - (mistake == NO_LABEL ? 0 : k == label);
        b2[k] = in[B2 + k] - (mistake == BIAS_STAYS ? 0 : rate * dz[k]);
        for (int j = 0; j < HIDDEN; j++) {
            w2[k * HIDDEN + j] = in[W2 + k * HIDDEN + j] - rate * dz[k] * h[j];
            dh[j] += dz[k] * (mistake == MOVED_FIRST ? w2[k * HIDDEN + j] : in[W2 + k * HIDDEN + j]);
        }
    }
    for (int j = 0; j < HIDDEN; j++) {
        double slope = mistake == NO_RELU || mistake == RELU_NOT_BACK || h[j] > 0 ? dh[j] : 0;
        b1[j] = in[B1 + j] - (mistake == BIAS_STAYS ? 0 : rate * slope);
        for (int i = 0; i < PIXELS; i++) {
            w1[j * PIXELS + i] = in[W1 + j * PIXELS + i] - rate * slope * in[i];
        }
    }
}

/* ---- the engine --------------------------------------------------------------------------------------------------- */

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    const fov_value weights[] = {in[3], in[4], in[1], in[2]}; /* in the order of the answer */
    fov_value gradient[4];
    (void)with;
    fov_value h = fov_relu(g, fov_add(g, fov_matmul(g, in[1], in[0]), in[2]));
    fov_value z = fov_add(g, fov_matmul(g, in[3], h), in[4]);
    fov_value shares = fov_log_softmax_opt(g, z, &(fov_softmax_options){.axis = -2});
    out[0] = fov_neg(g, fov_reduce_sum(g, fov_mul(g, shares, in[5]), .axis_count = 0));
    if (fov_gradient(g, out[0], weights, 4, gradient)) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        out[1 + i] = fov_sub(g, weights[i], fov_mul(g, in[6], gradient[i]));
    }
    return 5;
}

static int engine(fov_context *context, const double *in, double *out)
{
    double right[CLASSES] = {0};
    right[(int)in[LABEL]] = 1;
    const struct engine_input inputs[] = {{{2, {PIXELS, 1}}, in},       {{2, {HIDDEN, PIXELS}}, in + W1},
                                          {{2, {HIDDEN, 1}}, in + B1},  {{2, {CLASSES, HIDDEN}}, in + W2},
                                          {{2, {CLASSES, 1}}, in + B2}, {{2, {CLASSES, 1}}, right},
                                          {{0, {0}}, in + RATE}};
    return engine_run(context, inputs, 7, build, NULL, out);
}

/* ---- the texts ---------------------------------------------------------------------------------------------------- */

static void picture(struct picture *p)
{
    static const struct words names[] = {
        {"49 pixels", "49 个像素"}, {"12 ReLU", "12 ReLU"}, {"10 scores", "10 个分数"}, {"softmax", "softmax"}};
    picture_size(p, 560, 210);
    for (int layer = 0; layer < 4; layer++) {
        int dots = layer == 0 ? 7 : layer == 1 ? 5 : 4;
        double x = 60 + 145.0 * layer;
        for (int i = 0; i < dots; i++) {
            double y = 95 + (i - (dots - 1) / 2.0) * 24;
            for (int j = 0; layer > 0 && layer < 3 && j < (layer == 1 ? 7 : 5); j++) {
                double from = 95 + (j - ((layer == 1 ? 7 : 5) - 1) / 2.0) * 24;
                picture_line(p, x - 137, from, x - 8, y, "#cccccc", 1);
            }
            if (layer == 3) {
                picture_line(p, x - 137, y, x - 8, y, "#cccccc", 1);
            }
            picture_circle(p, x, y, 8, layer == 3 ? PICTURE_ORANGE : PICTURE_BLUE, "#ffffff");
        }
        picture_words(p, x, 205, 0, 12, PICTURE_INK, names[layer]);
    }
}

static const struct mistake mistakes[] = {
    {"no-relu",
     {"the hidden layer has no ReLU: two layers without a bend are one layer, and the loss shows it",
      "隐藏层没有 ReLU：没有弯曲的两层等于一层，损失已经不同了"},
     "h[j] = sum > 0 ? sum : 0;",
     "h[j] = sum;"},
    {"relu-not-back",
     {"the way back forgets the ReLU: where h[j] is 0 its slope is 0, and nothing flows to w1 and b1",
      "反向时忘了 ReLU：h[j] 为 0 处斜率为 0，没有梯度流向 w1 和 b1"},
     "if (h[j] <= 0) dh = 0;",
     ""},
    {"moved-first",
     {"w2 moved before it was used on the way back: dh needs the weights that the forward pass saw",
      "w2 在反向用到之前就改了：dh 要用正向时的权重"},
     "        double dh = 0;\n        for (int k = 0; k < 10; k++) dh += dz[k] * w2[k * 12 + j];\n"
     "        if (h[j] <= 0) dh = 0;\n        for (int k = 0; k < 10; k++) w2[k * 12 + j] -= rate * dz[k] * h[j];\n",
     "        double dh = 0;\n        for (int k = 0; k < 10; k++) w2[k * 12 + j] -= rate * dz[k] * h[j];\n"
     "        for (int k = 0; k < 10; k++) dh += dz[k] * w2[k * 12 + j];\n        if (h[j] <= 0) dh = 0;\n"},
    {"no-label",
     {"dz is the softmax alone: subtract 1 at the label, or every class is pushed down, the right one too",
      "dz 只是 softmax：在 label 处要减 1，否则所有类（包括正确的）都被压低"},
     "- (k == label)",
     ""},
    {"bias-stays",
     {"the biases never move: b2[k] by rate * dz[k], b1[j] by rate * dh",
      "偏置没有动：b2[k] 减 rate * dz[k]，b1[j] 减 rate * dh"},
     "for (int k = 0; k < 10; k++) b2[k] -= rate * dz[k];",
     ""},
    {"uphill",
     {"the weights go uphill: subtract rate times the gradient", "权重在上坡：应减去 rate 乘梯度"},
     "double rate)\n{\n",
     "double rate)\n{\n    rate = -rate;\n"},
    {.name = NULL},
};

#define HEAD                \
    "#include <math.h>\n\n" \
    "double train_step(const double *x, int label, double *w1, double *b1, double *w2, double *b2, double rate)\n{\n"

const struct lesson lesson_mlp = {
    .number = 14,
    .name = "mlp",
    .title = {"A multi-layer perceptron on digits: one training step", "多层感知机与数字：训练一步"},
    .text = {"All that you wrote until now, in one function. A digit of 7 x 7 grey values x (0\n"
             "to 1) goes through a hidden layer of 12 neurons with ReLU and an output layer of\n"
             "10 scores:\n"
             "\n"
             "    h[j] = relu(b1[j] + sum of w1[j*49 + i] * x[i])\n"
             "    z[k] = b2[k] + sum of w2[k*12 + j] * h[j]\n"
             "    loss = -log(softmax(z)[label])                            (lesson 9)\n"
             "\n"
             "And back, from right to left (lesson 12):\n"
             "\n"
             "    dz[k] = softmax(z)[k], less 1 at the label\n"
             "    dw2[k][j] = dz[k] * h[j]          db2[k] = dz[k]\n"
             "    dh[j] = sum of dz[k] * w2[k][j],  and 0 where h[j] is 0   (ReLU's slope)\n"
             "    dw1[j][i] = dh[j] * x[i]          db1[j] = dh[j]\n"
             "\n"
             "Then every number moves: less rate times its gradient (lesson 10). Mind the\n"
             "order: dh needs w2 as the forward pass saw it.\n"
             "\n"
             "49*12 + 12 + 12*10 + 10 = 730 numbers learn. The network 784-512-10 that fovea\n"
             "calls mlp has 407,050 and the same two formulas; after five epochs on the digits\n"
             "that fovea draws (fovea train --model mlp --data digits:6000 --epochs 5 --lr\n"
             "0.1) you can see how far they lead.\n"
             "\n"
             "Your task: one step. Return the loss as it was before the step.",
             "把至今写过的全部放进一个函数。一个数字是 7 x 7 个灰度值 x（0 到 1），经过带 ReLU\n"
             "的 12 个隐藏神经元和 10 个分数的输出层：\n"
             "\n"
             "    h[j] = relu(b1[j] + 对 i 求和 w1[j*49 + i] * x[i])\n"
             "    z[k] = b2[k] + 对 j 求和 w2[k*12 + j] * h[j]\n"
             "    loss = -log(softmax(z)[label])                            （第 9 课）\n"
             "\n"
             "再从右到左反向（第 12 课）：\n"
             "\n"
             "    dz[k] = softmax(z)[k]，在 label 处减 1\n"
             "    dw2[k][j] = dz[k] * h[j]          db2[k] = dz[k]\n"
             "    dh[j] = 对 k 求和 dz[k] * w2[k][j]，h[j] 为 0 处取 0      （ReLU 的斜率）\n"
             "    dw1[j][i] = dh[j] * x[i]          db1[j] = dh[j]\n"
             "\n"
             "然后每个数减去 rate 乘它的梯度（第 10 课）。注意次序：dh 要用正向时的 w2。\n"
             "\n"
             "学习的数有 49*12 + 12 + 12*10 + 10 = 730 个。fovea 里名为 mlp 的 784-512-10 网络\n"
             "有 407,050 个，公式完全相同；用 fovea 自己画的数字训练五轮（fovea train --model\n"
             "mlp --data digits:6000 --epochs 5 --lr 0.1），就能看到它们能走多远。\n"
             "\n"
             "任务：写出一步。返回这一步之前的损失。"},
    .brief =
        {"One training step of 49-12-10 on the digit x [49]: w1 [12][49], b1 [12], w2 [10][12], b2 [10] are changed.\n"
         "Returns the cross-entropy before the step.",
         "49-12-10 网络在数字 x [49] 上训练一步：w1 [12][49]、b1 [12]、w2 [10][12]、b2 [10] "
         "要被改变。\n返回这一步之前的交叉熵。"},
    .stub = HEAD "    double h[12], z[10], dz[10];\n    (void)h, (void)z, (void)dz;\n    return 0;\n}\n",
    .solution = HEAD "    double h[12], z[10], dz[10], total = 0;\n"
                     "    for (int j = 0; j < 12; j++) {\n"
                     "        double sum = b1[j];\n"
                     "        for (int i = 0; i < 49; i++) sum += w1[j * 49 + i] * x[i];\n"
                     "        h[j] = sum > 0 ? sum : 0;\n"
                     "    }\n"
                     "    for (int k = 0; k < 10; k++) {\n"
                     "        z[k] = b2[k];\n"
                     "        for (int j = 0; j < 12; j++) z[k] += w2[k * 12 + j] * h[j];\n"
                     "        total += exp(z[k]);\n"
                     "    }\n"
                     "    for (int k = 0; k < 10; k++) dz[k] = exp(z[k]) / total - (k == label);\n"
                     "    for (int j = 0; j < 12; j++) {\n"
                     "        double dh = 0;\n"
                     "        for (int k = 0; k < 10; k++) dh += dz[k] * w2[k * 12 + j];\n"
                     "        if (h[j] <= 0) dh = 0;\n"
                     "        for (int k = 0; k < 10; k++) w2[k * 12 + j] -= rate * dz[k] * h[j];\n"
                     "        for (int i = 0; i < 49; i++) w1[j * 49 + i] -= rate * dh * x[i];\n"
                     "        b1[j] -= rate * dh;\n"
                     "    }\n"
                     "    for (int k = 0; k < 10; k++) b2[k] -= rate * dz[k];\n"
                     "    return log(total) - z[label];\n}\n",
    .call = "    double *w2 = out + 1, *b2 = w2 + 120, *w1 = b2 + 10, *b1 = w1 + 588;\n"
            "    for (int i = 0; i < 588; i++) w1[i] = in[49 + i];\n"
            "    for (int i = 0; i < 12; i++) b1[i] = in[637 + i];\n"
            "    for (int i = 0; i < 120; i++) w2[i] = in[649 + i];\n"
            "    for (int i = 0; i < 10; i++) b2[i] = in[769 + i];\n"
            "    out[0] = train_step(in, (int)in[779], w1, b1, w2, b2, in[780]);",
    .hints =
        {{"Write the forward half first and check: the loss is compared before the weights.",
          "先写正向的一半再检查：先比较的是损失，然后才是权重。"},
         {"dz[k] = exp(z[k]) / total - (k == label), with total the sum of all exp(z[k]).",
          "dz[k] = exp(z[k]) / total - (k == label)，total 是所有 exp(z[k]) 之和。"},
         {"For each j: dh from dz and the old w2, 0 where h[j] is 0; then move w2's column j, w1's row j and b1[j].",
          "对每个 j：由 dz 和旧的 w2 求 dh，h[j] 为 0 时取 0；然后移动 w2 的第 j 列、w1 的第 j 行和 b1[j]。"}},
    .after = {"That is a network that learns, whole. What convolution adds is knowing which pixels are neighbours.",
              "这就是一个完整的、会学习的网络。卷积所增加的，是知道哪些像素相邻。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
