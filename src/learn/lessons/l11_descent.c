/* SPDX-License-Identifier: MIT */
/* Lesson 11: batch, stochastic and mini-batch gradient descent on one straight line's two numbers. */
#include "learn/lesson.h"

#include <math.h>

enum { SAMPLES = 10, MINI = 4 };
enum { NOT_RESET = 1, DIVIDED_BY_ALL, MOVES_AT_ONCE, LAST_DROPPED, FULL_SIZE, NO_TWO };

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"x", 1, SAMPLES};
    parts[1] = (struct part){"t", 1, SAMPLES};
    parts[2] = (struct part){"rate", 1, 1};
    parts[3] = (struct part){"w", 1, 1};
    parts[4] = (struct part){"b", 1, 1};
    return 5;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"batch_10", 1, 2};
    parts[1] = (struct part){"batch_1", 1, 2};
    parts[2] = (struct part){"batch_4", 1, 2};
    return 3;
}

static int draw(struct draw *d, int index, double *in)
{
    double slope = draw_short(d, -2, 2, 1), offset = draw_short(d, -1, 1, 1);
    (void)index;
    for (int i = 0; i < SAMPLES; i++) {
        in[i] = draw_short(d, -2, 2, 1);
        in[SAMPLES + i] = slope * in[i] + offset + 0.3 * draw_normal(d);
    }
    in[2 * SAMPLES] = draw_short(d, 0.02, 0.1, 2);
    in[2 * SAMPLES + 1] = draw_short(d, -1, 1, 1);
    in[2 * SAMPLES + 2] = draw_short(d, -1, 1, 1);
    return 2 * SAMPLES + 3;
}

static void epoch(const double *in, int batch, int mistake, double *w, double *b)
{
    double dw = 0, db = 0;
    *w = in[2 * SAMPLES + 1], *b = in[2 * SAMPLES + 2];
    for (int from = 0; from < SAMPLES; from += batch) {
        int count = from + batch <= SAMPLES ? batch : SAMPLES - from;
        if (mistake == LAST_DROPPED && count < batch) {
            break;
        }
        if (mistake != NOT_RESET) {
            dw = db = 0;
        }
        int by = mistake == DIVIDED_BY_ALL ? SAMPLES : mistake == FULL_SIZE ? batch : count;
        double rate = in[2 * SAMPLES] / by;
        for (int i = from; i < from + count; i++) {
            double e = (*w * in[i] + *b - in[SAMPLES + i]) * (mistake == NO_TWO ? 1 : 2);
            dw += e * in[i];
            db += e;
            if (mistake == MOVES_AT_ONCE) {
                *w -= rate * e * in[i];
                *b -= rate * e;
            }
        }
        if (mistake != MOVES_AT_ONCE) {
            *w -= rate * dw;
            *b -= rate * db;
        }
    }
}

static void answer(const double *in, int mistake, double *out)
{
    static const int sizes[] = {SAMPLES, 1, MINI};
    for (int i = 0; i < 3; i++) {
        epoch(in, sizes[i], mistake, &out[2 * i], &out[2 * i + 1]);
    }
}

/* Three paths over the contours of one surface: twelve epochs on 40 samples of t = x - 1/2 + noise. */
static void picture(struct picture *p)
{
    enum { COUNT = 40, EPOCHS = 12 };
    static const int sizes[] = {COUNT, 1, 8};
    static const double rates[] = {0.06, 0.03, 0.04};
    static const struct words names[] = {{"batch: 12 steps", "批量：12 步"},
                                         {"stochastic: 480", "随机：480 步"},
                                         {"mini-batch of 8: 60", "小批量（8 个）：60 步"}};
    double x[COUNT], t[COUNT], xx = 0, sx = 0;
    struct draw d = draw_from(8);
    for (int i = 0; i < COUNT; i++) {
        x[i] = draw_uniform(&d, -1.2, 2);
        t[i] = x[i] - 0.5 + 0.6 * draw_normal(&d);
        xx += x[i] * x[i] / COUNT;
        sx += x[i] / COUNT;
    }
    picture_size(p, 765, 290);
    for (int k = 0; k < 3; k++) {
        double px[COUNT * EPOCHS + 1] = {-1}, py[COUNT * EPOCHS + 1] = {1.2}, w = -1, b = 1.2;
        int steps = 1;
        picture_frame(p, 30 + 250.0 * k, 30, 245 + 250.0 * k, 250, -1.5, 2, -1.6, 1.6);
        picture_words(p, 138 + 250.0 * k, 22, 0, 13, PICTURE_INK, names[k]);
        for (int ring = 1; ring <= 5; ring++) { /* ellipses of equal loss around (1, -1/2) */
            double ex[65], ey[65], root = sqrt(xx - sx * sx);
            for (int i = 0; i <= 64; i++) {
                double angle = 6.2831853 * i / 64, r = 0.42 * ring;
                ex[i] = 1 + r * cos(angle) / root;
                ey[i] = -0.5 + r * sin(angle) - sx * r * cos(angle) / root;
                ex[i] = fmin(fmax(ex[i], -1.5), 2);
                ey[i] = fmin(fmax(ey[i], -1.6), 1.6);
            }
            picture_path(p, ex, ey, 65, "#cccccc", 0);
        }
        for (int e = 0; e < EPOCHS; e++) {
            for (int from = 0; from < COUNT; from += sizes[k]) {
                double dw = 0, db = 0;
                for (int i = from; i < from + sizes[k]; i++) {
                    double error = 2 * (w * x[i] + b - t[i]) / sizes[k];
                    dw += error * x[i];
                    db += error;
                }
                w -= rates[k] * dw, b -= rates[k] * db;
                px[steps] = w, py[steps++] = b;
            }
        }
        picture_path(p, px, py, steps, k == 1 ? PICTURE_ORANGE : PICTURE_BLUE, k != 1);
    }
    picture_words(p, 382, 282, 0, 12, PICTURE_GREY,
                  (struct words){"w to the right, b upwards; rings of equal loss; each path is 12 epochs",
                                 "w 向右，b 向上；每圈损失相等；每条路是 12 轮"});
}

static const struct mistake mistakes[] = {
    {"not-reset",
     {"the sums dw and db go on from one batch to the next; each batch begins at 0",
      "dw 和 db 从一个批次累加到下一个；每个批次要从 0 开始"},
     "        double dw = 0, db = 0;\n",
     "        static double dw, db;\n        if (from == 0) dw = db = 0;\n"},
    {"divided-by-all",
     {"each batch is divided by n, all samples; its mean is over the samples of this batch only",
      "每个批次都除以了全部样本数 n；应只除以本批次的样本数"},
     "rate * dw / count;\n        *b -= rate * db / count",
     "rate * dw / n;\n        *b -= rate * db / n"},
    {"moves-at-once",
     {"w and b move inside the batch, so later samples of it see other weights; first sum the whole batch, then move "
      "once",
      "批次还没结束 w 和 b 就动了，后面的样本看到的是别的权重；先把整批加完，再动一次"},
     "            dw += e * x[i];\n            db += e;\n        }\n        *w -= rate * dw / count;\n        *b -= "
     "rate * db / count;\n",
     "            dw = e * x[i];\n            db = e;\n            *w -= rate * dw / count;\n            *b -= rate * "
     "db / count;\n        }\n"},
    {"last-dropped",
     {"the last, smaller batch is left out: 10 samples in fours are 4, 4 and 2",
      "漏掉了最后较小的一批：10 个样本每批 4 个，分成 4、4、2"},
     "int count = n - from < batch ? n - from : batch;",
     "int count = batch;\n        if (from + batch > n) break;"},
    {"full-size",
     {"the last batch of 2 samples is divided by 4: its mean is over the samples that it has",
      "最后一批只有 2 个样本却除以了 4：应除以它实际的样本数"},
     "rate * dw / count;\n        *b -= rate * db / count",
     "rate * dw / batch;\n        *b -= rate * db / batch"},
    {"no-two",
     {"your steps are half as long: the derivative of e^2 is 2e", "你的步长只有一半：e^2 的导数是 2e"},
     "2 * (*w",
     "(*w"},
    {.name = NULL},
};

const struct lesson lesson_descent = {
    .number = 11,
    .name = "descent",
    .title = {"Batch, stochastic, mini-batch: three paths down one hill", "批量、随机、小批量：同一座山的三条路"},
    .text = {"The loss of a dataset is a mean over all its samples. How many of them does one\n"
             "step look at?\n"
             "\n"
             "    batch         all n       smooth and sure; one step per epoch\n"
             "    stochastic    1           n steps per epoch, each a guess: it trembles\n"
             "    mini-batch    4, 64 ...   between: calmer, and the machine can compute\n"
             "                              many samples at once. What everybody does\n"
             "\n"
             "An epoch is one pass through all samples. The picture shows the three on one\n"
             "surface: the loss of a straight line y = w*x + b over its two numbers.\n"
             "\n"
             "One epoch, in words: for each batch, in order, sum over its samples\n"
             "\n"
             "    e = 2 (w*x + b - t)         dw = sum of e*x         db = sum of e\n"
             "\n"
             "with w and b as they were BEFORE the batch, divide by the samples in it, and\n"
             "move:\n"
             "\n"
             "    w becomes w - rate * dw / count         b becomes b - rate * db / count\n"
             "\n"
             "If batch does not divide n, the last batch is smaller: 10 samples in fours are 4\n"
             "+ 4 + 2. It counts as a whole batch, with its own count.\n"
             "\n"
             "Your task: one epoch for any batch size, so that batch = n and batch = 1 are the\n"
             "two classic methods and nothing need be written three times. (PyTorch shuffles\n"
             "before each epoch; here the order is given.)",
             "一个数据集的损失是所有样本的平均。那么一步要看多少个样本？\n"
             "\n"
             "    批量          全部 n      平稳可靠；一轮只走一步\n"
             "    随机          1           一轮走 n 步；每步只是猜测，路线会抖动\n"
             "    小批量        4、64 ...   居中：抖动被平均掉一些，机器又能同时算许多样本。\n"
             "                              大家都用它\n"
             "\n"
             "一轮（epoch）是把所有样本过一遍。图中三条路在同一个曲面上：直线 y = w*x + b 的损\n"
             "失，两个轴就是 w 和 b。\n"
             "\n"
             "一轮用文字说：依次对每个批次，对其中样本求和\n"
             "\n"
             "    e = 2 (w*x + b - t)         dw = e*x 之和         db = e 之和\n"
             "\n"
             "其中 w 和 b 是该批次“之前”的值；除以批次里的样本数，再移动：\n"
             "\n"
             "    w 变为 w - rate * dw / count         b 变为 b - rate * db / count\n"
             "\n"
             "batch 不能整除 n 时，最后一批较小：10 个样本每批 4 个，分成 4 + 4 + 2。它也算一\n"
             "批，除以自己的样本数。\n"
             "\n"
             "任务：写出任意批大小的一轮。这样 batch = n 和 batch = 1 就是两种经典方法，不必写\n"
             "三遍。（PyTorch 每轮先打乱；这里次序是给定的。）"},
    .brief = {"One epoch of descent for y = w*x + b with the mean squared error of each batch:\n"
              "samples x[i] with targets t[i], in order, `batch` at a time, the last batch perhaps smaller.",
              "直线 y = w*x + b 的一轮下降，损失为每批的均方误差：\n"
              "样本 x[i]，目标 t[i]，按次序每次 batch 个，最后一批可能较小。"},
    .stub = "void epoch(const double *x, const double *t, int n, int batch, double rate, double *w, double *b)\n{\n"
            "    for (int from = 0; from < n; from += batch) {\n    }\n}\n",
    .solution = "void epoch(const double *x, const double *t, int n, int batch, double rate, double *w, double *b)\n{\n"
                "    for (int from = 0; from < n; from += batch) {\n"
                "        int count = n - from < batch ? n - from : batch;\n"
                "        double dw = 0, db = 0;\n"
                "        for (int i = from; i < from + count; i++) {\n"
                "            double e = 2 * (*w * x[i] + *b - t[i]);\n"
                "            dw += e * x[i];\n"
                "            db += e;\n"
                "        }\n"
                "        *w -= rate * dw / count;\n"
                "        *b -= rate * db / count;\n"
                "    }\n}\n",
    .call = "    static const int sizes[] = {10, 1, 4};\n    for (int i = 0; i < 3; i++) {\n"
            "        double w = in[21], b = in[22];\n        epoch(in, in + 10, 10, sizes[i], in[20], &w, &b);\n"
            "        out[2 * i] = w, out[2 * i + 1] = b;\n    }",
    .hints = {{"Inside the loop: count the samples of this batch, sum dw and db over them, then move w and b once.",
               "循环内：先数本批的样本，累加 dw 和 db，然后 w 和 b 动一次。"},
              {"count is batch, or n - from where fewer are left.", "count 等于 batch；剩下的不够时等于 n - from。"},
              {"double e = 2 * (*w * x[i] + *b - t[i]); dw += e * x[i]; db += e; and after the samples *w -= rate * dw "
               "/ count.",
               "double e = 2 * (*w * x[i] + *b - t[i]); dw += e * x[i]; db += e; 样本之后 *w -= rate * dw / count。"}},
    .after = {"fovea train --batch does this for whole networks; --batch full is batch descent.",
              "fovea train --batch 对整个网络做的就是这件事；--batch full 是批量下降。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .picture = picture,
};
