/* SPDX-License-Identifier: MIT */
/* Lesson 22: overfitting, and three remedies: stopping at the right epoch, dropout, augmentation. */
#include "learn/lesson.h"

#include <math.h>
#include <string.h>

enum { EPOCHS = 8, N = 6, H = 3, W = 4 };
enum { RATE = 2 * EPOCHS, X, U = X + N, DY = U + N, PICTURE = DY + N, ALL = PICTURE + H * W };
enum { BY_TRAINING = 1, LAST_EPOCH, NOT_SCALED, KEEPS_THE_DROPPED, AT_TEST_TOO, GRADIENT_OPEN, UPSIDE_DOWN };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {
        {"training", 1, EPOCHS}, {"validation", 1, EPOCHS}, {"rate", 1, 1}, {"x", 1, N}, {"u", 1, N}, {"dy", 1, N},
        {"picture", H, W}};
    memcpy(parts, all, sizeof all);
    return 7;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {
        {"best_epoch", 1, 1}, {"dropped", 1, N}, {"dx", 1, N}, {"at_test", 1, N}, {"mirrored", H, W}};
    memcpy(parts, all, sizeof all);
    return 5;
}

static int draw(struct draw *d, int index, double *in)
{
    double least = draw_integer(d, 1, EPOCHS - 3);
    for (int e = 0; e < EPOCHS;
         e++) { /* training falls throughout; validation turns, and two epochs are equally good */
        in[e] = 2.3 / (1 + e) + draw_short(d, 0, 0.02, 3);
        in[EPOCHS + e] = e == least || e == least + 1 ? 0.4 : 0.5 + 0.1 * fabs(e - least) + draw_short(d, 0, 0.05, 3);
    }
    in[RATE] = index % 2 == 0 ? 0.5 : draw_short(d, 0.1, 0.8, 1);
    for (int i = 0; i < N; i++) {
        in[X + i] = draw_short(d, -3, 3, 1);
        in[U + i] = draw_uniform(d, 0, 1);
        in[DY + i] = draw_short(d, -2, 2, 1);
    }
    in[U] = in[RATE] / 2; /* one that is dropped, and one that is not */
    in[U + 1] = (1 + in[RATE]) / 2;
    in[X] = in[X + 1] = 2;
    in[DY] = in[DY + 1] = 1;
    for (int i = 0; i < H * W; i++) {
        in[PICTURE + i] = draw_integer(d, 0, 255);
    }
    return ALL;
}

static void answer(const double *in, int mistake, double *out)
{
    const double *loss = mistake == BY_TRAINING ? in : in + EPOCHS, rate = in[RATE];
    int best = 0;
    for (int e = 1; e < EPOCHS; e++) {
        best = loss[e] < loss[best] || (mistake == LAST_EPOCH && loss[e] == loss[best]) ? e : best;
    }
    out[0] = best;
    double scale = mistake == NOT_SCALED ? 1 : 1 / (1 - rate);
    for (int i = 0; i < N; i++) {
        bool kept = (in[U + i] >= rate) != (mistake == KEEPS_THE_DROPPED);
        out[1 + i] = kept ? in[X + i] * scale : 0;
        out[1 + N + i] = kept || mistake == GRADIENT_OPEN ? in[DY + i] * scale : 0;
        out[1 + 2 * N + i] = mistake == AT_TEST_TOO ? in[X + i] * (1 - rate) : in[X + i];
    }
    for (int i = 0; i < H * W; i++) {
        int r = i / W, c = i % W;
        out[1 + 3 * N + i] = in[PICTURE + (mistake == UPSIDE_DOWN ? (H - 1 - r) * W + c : r * W + W - 1 - c)];
    }
}

static double falling(double x, const void *with)
{
    return (void)with, 2 * exp(-x / 4) + 0.05;
}
static double turning(double x, const void *with)
{
    return (void)with, 2 * exp(-x / 4) + 0.35 + 0.004 * x * x;
}

static void picture(struct picture *p)
{
    picture_size(p, 440, 300);
    picture_frame(p, 40, 20, 420, 260, 0, 20, 0, 2.5);
    picture_curve(p, falling, NULL, PICTURE_BLUE);
    picture_curve(p, turning, NULL, PICTURE_ORANGE);
    picture_line(p, picture_x(p, 8.2), 20, picture_x(p, 8.2), 260, PICTURE_GREY, 1);
    picture_words(p, picture_x(p, 8.5), 50, -1, 12, PICTURE_GREY, (struct words){"stop here", "停在这里"});
    picture_words(p, 400, 62, 1, 12, PICTURE_ORANGE, (struct words){"validation loss", "验证损失"});
    picture_words(p, 400, 235, 1, 12, PICTURE_BLUE, (struct words){"training loss", "训练损失"});
    picture_words(p, 230, 290, 0, 12, PICTURE_INK, (struct words){"epochs", "轮数"});
}

static const struct mistake mistakes[] = {
    {"by-training",
     {"you chose by the training loss, which falls as long as the network learns by heart; choose by the validation "
      "loss",
      "你按训练损失选了；只要网络还在死记硬背，它就会一直下降。应按验证损失选"},
     "validation[e] < validation[best]",
     "training[e] < training[best]"},
    {"last-epoch",
     {"of two equally good epochs you took the later; the earlier one has learned less by heart (< and not <=)",
      "两轮同样好时你选了后一轮；应选前一轮（用 < 而不是 <=）"},
     "validation[e] < validation[best]",
     "validation[e] <= validation[best]"},
    {"not-scaled",
     {"what is kept must grow by 1 / (1 - rate), so that the sum stays the same on the average; or the test sees other "
      "sizes than training did",
      "保留的要乘 1 / (1 - rate)，使总和平均不变；否则测试时的大小与训练时不同"},
     "double scale = 1 / (1 - rate);",
     "double scale = 1;"},
    {"keeps-the-dropped",
     {"you drop what should be kept: u is uniform in 0..1, and u < rate, which happens with probability rate, is "
      "dropped",
      "你丢掉了该保留的：u 在 0..1 均匀，u < rate 的概率是 rate，这些才丢掉"},
     "u[i] >= rate",
     "u[i] < rate"},
    {"at-test-too",
     {"at_test scales x down: with the scaling in training, nothing is left to do at test time",
      "at_test 缩小了 x：训练时已经放大过，测试时什么也不用做"},
     "at_test[i] = x[i];",
     "at_test[i] = x[i] * (1 - rate);"},
    {"gradient-open",
     {"gradient flows through what was dropped: a neuron that gave 0 whatever x was has slope 0",
      "梯度流过了被丢掉的神经元：不论 x 是什么都输出 0 的神经元，斜率是 0"},
     "dx[i] = kept ? dy[i] * scale : 0;",
     "dx[i] = dy[i] * scale;"},
    {"upside-down",
     {"your picture stands on its head; mirrored left to right is column width - 1 - c",
      "你的图上下颠倒了；左右镜像是第 width - 1 - c 列"},
     "picture[r * width + width - 1 - c]",
     "picture[(height - 1 - r) * width + c]"},
    {.name = NULL},
};

const struct lesson lesson_overfitting = {
    .number = 22,
    .name = "overfitting",
    .title = {"Overfitting: learned by heart, and three remedies", "过拟合：死记硬背，以及三种对策"},
    .text = {"A network with more parameters than samples can learn every training sample by\n"
             "heart, noise and all. You see it by looking at samples that it does not train\n"
             "on: the training loss goes on falling, the validation loss turns and rises.\n"
             "Underfitting is the opposite: both stay high.\n"
             "\n"
             "1. Stop in time. Keep the epoch with the lowest VALIDATION loss, the first of\n"
             "   equal ones. (fovea train keeps the one with the best accuracy, best.onnx.)\n"
             "\n"
             "2. Dropout (Srivastava et al. 2014). In training each number becomes 0 with\n"
             "   probability rate, so that no neuron can rely on one other. What is kept is\n"
             "   multiplied by 1 / (1 - rate): the mean stays, and at test time there is\n"
             "   nothing to do.\n"
             "\n"
             "       u in 0..1:    u <  rate    y = 0                dx = 0\n"
             "                     u >= rate    y = x / (1 - rate)   dx = dy / (1 - rate)\n"
             "\n"
             "   By hand, rate 0.5, x = (2, 2), u = (0.25, 0.75): y = (0, 4), mean 2.\n"
             "\n"
             "3. Augmentation: more samples for nothing. A cat mirrored left to right is a\n"
             "   cat; a digit is not. (fovea data transforms lists such changes.)\n"
             "\n"
             "Watch it happen: fovea train --model mlp --data digits:200 --epochs 60 --lr 0.1.\n"
             "\n"
             "Your task: the epoch to keep, dropout forward and back and at test time, and a\n"
             "picture mirrored left to right.",
             "参数比样本还多的网络可以把每个训练样本连同噪声背下来。看它没有训练过的样本就知\n"
             "道：训练损失继续下降，验证损失却掉头上升。欠拟合相反：两个都很高。\n"
             "\n"
             "1. 及时停下。保留“验证”损失最低的一轮，相同时取第一个。\n"
             "   （fovea train 按验证准确率选，存为 best.onnx。）\n"
             "\n"
             "2. Dropout（Srivastava 等，2014）。训练时每个数以概率 rate 变为 0，使神经元不能\n"
             "   只依赖某一个别的神经元。保留的乘以 1 / (1 - rate)：平均值不变，测试时什么也\n"
             "   不用做。\n"
             "\n"
             "       u 在 0..1：   u <  rate    y = 0                dx = 0\n"
             "                     u >= rate    y = x / (1 - rate)   dx = dy / (1 - rate)\n"
             "\n"
             "   手算，rate 0.5，x = (2, 2)，u = (0.25, 0.75)：y = (0, 4)，平均值 2。\n"
             "\n"
             "3. 数据增强：白得的样本。左右镜像的猫还是猫；数字就不是了。\n"
             "   （fovea data transforms 列出这样的变换。）\n"
             "\n"
             "亲眼看看：fovea train --model mlp --data digits:200 --epochs 60 --lr 0.1。\n"
             "\n"
             "任务：该保留的轮次，dropout 的正向、反向和测试时，以及左右镜像的图。"},
    .brief =
        {"best_epoch: from 0. dropout: with uniform numbers u, forward (y), back (dx) and at test time (at_test).\n"
         "mirror: a picture [height][width], left to right.",
         "best_epoch：从 0 数。dropout：用随机数 u，正向 y、反向 dx、测试时 at_test。\nmirror：图 "
         "[height][width]，左右镜像。"},
    .stub = "int best_epoch(const double *training, const double *validation, int epochs)\n{\n    return 0;\n}\n\n"
            "void dropout(const double *x, const double *u, const double *dy, int n, double rate,\n"
            "             double *y, double *dx, double *at_test)\n{\n"
            "    for (int i = 0; i < n; i++) y[i] = dx[i] = at_test[i] = 0;\n}\n\n"
            "void mirror(const double *picture, int height, int width, double *mirrored)\n{\n"
            "    for (int i = 0; i < height * width; i++) mirrored[i] = 0;\n}\n",
    .solution =
        "int best_epoch(const double *training, const double *validation, int epochs)\n{\n"
        "    int best = 0;\n"
        "    for (int e = 1; e < epochs; e++)\n"
        "        if (validation[e] < validation[best]) best = e;\n"
        "    return best;\n}\n\n"
        "void dropout(const double *x, const double *u, const double *dy, int n, double rate,\n"
        "             double *y, double *dx, double *at_test)\n{\n"
        "    double scale = 1 / (1 - rate);\n"
        "    for (int i = 0; i < n; i++) {\n"
        "        int kept = u[i] >= rate;\n"
        "        y[i] = kept ? x[i] * scale : 0;\n"
        "        dx[i] = kept ? dy[i] * scale : 0;\n"
        "        at_test[i] = x[i];\n"
        "    }\n}\n\n"
        "void mirror(const double *picture, int height, int width, double *mirrored)\n{\n"
        "    for (int r = 0; r < height; r++)\n"
        "        for (int c = 0; c < width; c++) mirrored[r * width + c] = picture[r * width + width - 1 - c];\n}\n",
    .call = "    out[0] = best_epoch(in, in + 8, 8);\n    dropout(in + 17, in + 23, in + 29, 6, in[16], out + 1, out + "
            "7, out + 13);\n"
            "    mirror(in + 35, 3, 4, out + 19);",
    .hints = {{"best_epoch is the index of the smallest number in a list: which list?",
               "best_epoch 是一个列表里最小数的下标：哪个列表？"},
              {"dropout: one mask, kept = u[i] >= rate, for y and for dx.",
               "dropout：y 和 dx 用同一个掩码 kept = u[i] >= rate。"},
              {"mirror: column c of the result is column width - 1 - c of the picture.",
               "mirror：结果的第 c 列是原图的第 width - 1 - c 列。"}},
    .after = {"Augmentation and the right epoch in one command: fovea train --model course-cnn --data digits:200 "
              "--augment mnist keeps best.onnx.",
              "一条命令用上增强和合适的轮次：fovea train --model course-cnn --data digits:200 --augment mnist，"
              "留下的是 best.onnx。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .picture = picture,
};
