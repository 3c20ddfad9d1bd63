/* SPDX-License-Identifier: MIT */
/* Lesson 21: LeNet-5 and the course's MNIST program: what its layers hold, and what it prints. */
#include "learn/lesson.h"

#include <string.h>

enum { LAYER = 5, BATCHES = 20, EVERY = 6, REPORTS = BATCHES / EVERY, SAMPLES = 6, CLASSES = 4 };
enum { LOSSES = LAYER, SCORES = LOSSES + BATCHES, LABELS = SCORES + SAMPLES * CLASSES, ALL = LABELS + SAMPLES };
enum { NO_BIASES = 1, SIDE_NOT_SQUARED, NOT_RESET, DIVIDED_BY_ALL, LAST_LOSS, RIGHT_NOT_SHARE, SMALLEST };

static int given(const double *in, struct part *parts)
{
    static const char *const names[] = {"channels", "filters", "kernel", "inputs", "units"};
    (void)in;
    for (int i = 0; i < LAYER; i++) {
        parts[i] = (struct part){names[i], 1, 1};
    }
    parts[5] = (struct part){"loss", 1, BATCHES};
    parts[6] = (struct part){"scores", SAMPLES, CLASSES};
    parts[7] = (struct part){"label", 1, SAMPLES};
    return 8;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"conv_parameters", 1, 1}, {"dense_parameters", 1, 1}, {"lenet5", 1, 1},
                               {"course_cnn", 1, 1},      {"printed", 1, REPORTS},    {"accuracy", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 6;
}

static int draw(struct draw *d, int index, double *in)
{
    static const double text[] = {1, 6, 5, 400, 120};
    static const int low[] = {2, 2, 2, 10, 2}, high[] = {16, 32, 7, 500, 200};
    for (int i = 0; i < LAYER; i++) {
        in[i] = index == 0 ? text[i] : draw_integer(d, low[i], high[i]);
    }
    for (int i = 0; i < BATCHES; i++) {
        in[LOSSES + i] = draw_short(d, 0.1, 2.3, 2) / (1 + i / 8);
    }
    for (int i = 0; i < SAMPLES * CLASSES; i++) {
        in[SCORES + i] = draw_uniform(d, -3, 3);
    }
    for (int s = 0; s < SAMPLES; s++) { /* samples 0 and 2 are answered rightly, 1 wrongly, the rest at random */
        double *scores = in + SCORES + s * CLASSES;
        in[LABELS + s] = draw_integer(d, 0, CLASSES - 1);
        if (s < 3) {
            scores[(int)in[LABELS + s]] = s == 1 ? -5 : 5;
        }
    }
    if (index % 2 == 1) { /* the last sample has two largest scores: the first one is the answer, and right */
        double *scores = in + SCORES + (SAMPLES - 1) * CLASSES;
        scores[CLASSES - 1] = scores[1] = 4;
        in[LABELS + SAMPLES - 1] = 1;
    }
    return ALL;
}

static double conv(double channels, double filters, double kernel, int mistake)
{
    return filters * channels * (mistake == SIDE_NOT_SQUARED ? kernel : kernel * kernel) +
           (mistake == NO_BIASES ? 0 : filters);
}

static double dense(double inputs, double units, int mistake)
{
    return units * inputs + (mistake == NO_BIASES ? 0 : units);
}

static void answer(const double *in, int mistake, double *out)
{
    double sum = 0, right = 0;
    out[0] = conv(in[0], in[1], in[2], mistake);
    out[1] = dense(in[3], in[4], mistake);
    out[2] = conv(1, 6, 5, mistake) + conv(6, 16, 5, mistake) + dense(400, 120, mistake) + dense(120, 84, mistake) +
             dense(84, 10, mistake);
    out[3] = conv(1, 10, 5, mistake) + conv(10, 20, 5, mistake) + dense(320, 50, mistake) + dense(50, 10, mistake);
    for (int i = 0; i < REPORTS * EVERY; i++) {
        sum += in[LOSSES + i];
        if ((i + 1) % EVERY == 0) {
            out[4 + i / EVERY] =
                mistake == LAST_LOSS ? in[LOSSES + i] : sum / (mistake == DIVIDED_BY_ALL ? i + 1 : EVERY);
            sum = mistake == NOT_RESET ? sum : 0;
        }
    }
    for (int s = 0; s < SAMPLES; s++) {
        const double *scores = in + SCORES + s * CLASSES;
        int best = 0;
        for (int k = 1; k < CLASSES; k++) {
            best = (mistake == SMALLEST ? scores[k] < scores[best] : scores[k] > scores[best]) ? k : best;
        }
        right += best == (int)in[LABELS + s];
    }
    out[4 + REPORTS] = mistake == RIGHT_NOT_SHARE ? right : right / SAMPLES;
}

/* Maps as stacked squares, vectors as bars. */
static void picture(struct picture *p)
{
    static const struct {
        struct words name, size;
        int maps;
        double side, x;
    } layers[] = {{{"input", "输入"}, {"32 x 32", "32 x 32"}, 1, 64, 12},
                  {{"c1", "c1"}, {"6 of 28 x 28", "6 个 28 x 28"}, 6, 56, 104},
                  {{"pool", "池化"}, {"6 of 14 x 14", "6 个 14 x 14"}, 6, 28, 215},
                  {{"c3", "c3"}, {"16 of 10 x 10", "16 个 10 x 10"}, 16, 20, 300},
                  {{"pool", "池化"}, {"16 of 5 x 5", "16 个 5 x 5"}, 16, 10, 400}};
    static const char *const dense[] = {"120", "84", "10"};
    picture_size(p, 620, 230);
    for (int i = 0; i < 5; i++) {
        for (int m = 0; m < layers[i].maps; m++) {
            picture_box(p, layers[i].x + 3 * m, 50 + 3 * m, layers[i].side, layers[i].side,
                        i % 2 == 1 ? PICTURE_BLUE
                        : i == 0   ? PICTURE_INK
                                   : PICTURE_ORANGE,
                        "#ffffff");
        }
        picture_words(p, layers[i].x, 40, -1, 13, PICTURE_INK, layers[i].name);
        picture_words(p, layers[i].x, 150, -1, 11, PICTURE_GREY, layers[i].size);
    }
    for (int i = 0; i < 3; i++) {
        double height = i == 0 ? 100 : i == 1 ? 70 : 20, x = 490 + 42 * i;
        picture_box(p, x, 95 - height / 2, 12, height, PICTURE_INK, "#eeeeee");
        picture_text(p, x + 6, 165, 0, 12, PICTURE_INK, dense[i]);
        picture_arrow(p, x - 26, 95, x - 4, 95, PICTURE_INK);
    }
    picture_words(p, 12, 200, -1, 12, PICTURE_BLUE, (struct words){"blue: 5 x 5 convolutions", "蓝色：5 x 5 卷积"});
    picture_words(p, 190, 200, -1, 12, PICTURE_ORANGE, (struct words){"orange: pooling, 2 x 2", "橙色：2 x 2 池化"});
    picture_words(p, 12, 220, -1, 12, PICTURE_INK,
                  (struct words){"parameters: 156 + 2,416 + 48,120 + 10,164 + 850 = 61,706",
                                 "参数：156 + 2,416 + 48,120 + 10,164 + 850 = 61,706"});
}

static const struct mistake mistakes[] = {
    {"no-biases",
     {"your counts lack the biases: one per filter, one per unit", "你的计数少了偏置：每个滤波器一个，每个单元一个"},
     "    return filters * channels * kernel * kernel + filters;\n}\n\nint dense_parameters(int inputs, int "
     "units)\n{\n    return units * inputs + units;",
     "    return filters * channels * kernel * kernel;\n}\n\nint dense_parameters(int inputs, int units)\n{\n    "
     "return units * inputs;"},
    {"side-not-squared",
     {"a kernel of side 5 has 25 weights, not 5", "边长为 5 的核有 25 个权重，不是 5 个"},
     "kernel * kernel + filters",
     "kernel + filters"},
    {"not-reset",
     {"the running loss is not set back to 0 after it is printed, so it grows and grows",
      "累计的损失打印之后没有清零，所以越来越大"},
     "            sum = 0;\n",
     ""},
    {"divided-by-all",
     {"you divide by all batches so far; the line is the mean of the last `every` batches only",
      "你除以了至今所有的批次；这一行只是最近 every 个批次的平均"},
     "sum / every",
     "sum / (i + 1)"},
    {"last-loss",
     {"you print the last batch's loss; single batches jump about: print the mean of the last `every`",
      "你打印的是最后一批的损失；单个批次跳得厉害：应打印最近 every 批的平均"},
     "printed[i / every] = sum / every;",
     "printed[i / every] = loss[i];"},
    {"right-not-share",
     {"accuracy is a share: divide the number of right answers by the samples", "准确率是比例：答对的个数要除以样本数"},
     "(double)right / samples",
     "(double)right"},
    {"smallest",
     {"your answer is the class with the smallest score; it is the largest", "你选了分数最小的类；应选最大的"},
     "> s[best]",
     "< s[best]"},
    {.name = NULL},
};

const struct lesson lesson_lenet = {
    .number = 21,
    .name = "lenet",
    .title = {"LeNet-5, and the program that every course prints", "LeNet-5，以及每门课都有的那个程序"},
    .text = {"LeNet-5 (1998) is the network of 1989 grown up: it read a tenth of all cheques\n"
             "in the USA.\n"
             "\n"
             "    32 x 32   c1, 6 of 5 x 5    28 x 28   pool 14 x 14\n"
             "              c3, 16 of 5 x 5   10 x 10   pool  5 x 5\n"
             "    400 -> 120 -> 84 -> 10\n"
             "\n"
             "In today's form: 156 + 2,416 + 48,120 + 10,164 + 850 = 61,706 parameters. c1 by\n"
             "hand: 6 filters of 1 x 5 x 5 weights and a bias each: 6*25 + 6 = 156.\n"
             "\n"
             "The program that teaches it with PyTorch has a smaller one: 10 filters, 20\n"
             "filters, 50 units, 10: 21,840 parameters. It prints a line each 300 batches, the\n"
             "mean loss of those 300, and begins to sum anew:\n"
             "\n"
             "    [1,   300] loss: 0.845\n"
             "    [1,   600] loss: 0.271\n"
             "    [1,   900] loss: 0.189\n"
             "\n"
             "938 batches of 64 make an epoch; the last 38 are never printed. After each epoch\n"
             "it counts on the test digits how often the largest score is at the label: the\n"
             "accuracy, as a share.\n"
             "\n"
             "Here is the same program, which prints and draws (curves.svg in the run's\n"
             "folder):\n"
             "\n"
             "    fovea train --model course-cnn --data mnist --lr 0.01 --momentum 0.5\n"
             "\n"
             "With the same weights and order its first 60 losses are PyTorch's to 4e-6, and\n"
             "ten epochs reach about 98.6 %. Without MNIST here, take --data digits.\n"
             "\n"
             "Your task: the counts, the printed means, the accuracy. Of equal scores the\n"
             "first counts.",
             "LeNet-5（1998）是 1989 年的网络长大之后的样子：美国十分之一的支票由它识别。\n"
             "\n"
             "    32 x 32   c1，6 个 5 x 5    28 x 28   池化 14 x 14\n"
             "              c3，16 个 5 x 5   10 x 10   池化  5 x 5\n"
             "    400 -> 120 -> 84 -> 10\n"
             "\n"
             "今天的写法：156 + 2,416 + 48,120 + 10,164 + 850 = 61,706 个参数。手算 c1：6 个滤\n"
             "波器，每个 1 x 5 x 5 个权重和一个偏置：6*25 + 6 = 156。\n"
             "\n"
             "用 PyTorch 讲课的程序里网络更小：10 个滤波器、20 个滤波器、50 个单元、10：21,840\n"
             "个参数。它每 300 批打印一行，即这 300 批的平均损失，然后重新累计：\n"
             "\n"
             "    [1,   300] loss: 0.845\n"
             "    [1,   600] loss: 0.271\n"
             "    [1,   900] loss: 0.189\n"
             "\n"
             "一轮是 938 批，每批 64 个；最后 38 批从不打印。每轮之后在测试数字上数一数：最大\n"
             "的分数有多少次正好在 label 处，这个比例就是准确率。\n"
             "\n"
             "这里有同样的程序，它会打印并画图（运行目录里的 curves.svg）：\n"
             "\n"
             "    fovea train --model course-cnn --data mnist --lr 0.01 --momentum 0.5\n"
             "\n"
             "初始权重和次序相同时，它的前 60 个损失与 PyTorch 相差不到 4e-6；十轮之后准确率约\n"
             "98.6 %。没有 MNIST 时用 --data digits。\n"
             "\n"
             "任务：参数计数、打印的平均值、准确率。分数相同时取第一个。"},
    .brief =
        {"Parameters of a convolution and of a dense layer, both with biases; the means that are printed each `every`\n"
         "batches (what is left over is not printed); and the share of samples whose largest score is at the label.",
         "卷积层和全连接层的参数个数，都带偏置；每 every 批打印的平均损失（余下的不打印）；\n"
         "以及最大分数在 label 处的样本所占的比例。"},
    .stub = "int conv_parameters(int channels, int filters, int kernel)\n{\n    return 0;\n}\n\n"
            "int dense_parameters(int inputs, int units)\n{\n    return 0;\n}\n\n"
            "void report(const double *loss, int batches, int every, double *printed)\n{\n"
            "    for (int i = 0; i < batches / every; i++) printed[i] = 0;\n}\n\n"
            "double accuracy(const double *scores, const int *label, int samples, int classes)\n{\n    return 0;\n}\n",
    .solution = "int conv_parameters(int channels, int filters, int kernel)\n{\n    return filters * channels * kernel "
                "* kernel + filters;\n}\n\n"
                "int dense_parameters(int inputs, int units)\n{\n    return units * inputs + units;\n}\n\n"
                "void report(const double *loss, int batches, int every, double *printed)\n{\n"
                "    double sum = 0;\n"
                "    for (int i = 0; i < batches; i++) {\n"
                "        sum += loss[i];\n"
                "        if ((i + 1) % every == 0) {\n"
                "            printed[i / every] = sum / every;\n"
                "            sum = 0;\n"
                "        }\n    }\n}\n\n"
                "double accuracy(const double *scores, const int *label, int samples, int classes)\n{\n"
                "    int right = 0;\n"
                "    for (int i = 0; i < samples; i++) {\n"
                "        const double *s = scores + i * classes;\n"
                "        int best = 0;\n"
                "        for (int k = 1; k < classes; k++)\n"
                "            if (s[k] > s[best]) best = k;\n"
                "        right += best == label[i];\n"
                "    }\n    return (double)right / samples;\n}\n",
    .call = "    int label[6];\n    for (int i = 0; i < 6; i++) label[i] = (int)in[49 + i];\n"
            "    out[0] = conv_parameters((int)in[0], (int)in[1], (int)in[2]);\n    out[1] = "
            "dense_parameters((int)in[3], (int)in[4]);\n"
            "    out[2] = conv_parameters(1, 6, 5) + conv_parameters(6, 16, 5) + dense_parameters(400, 120) +\n"
            "             dense_parameters(120, 84) + dense_parameters(84, 10);\n"
            "    out[3] = conv_parameters(1, 10, 5) + conv_parameters(10, 20, 5) + dense_parameters(320, 50) + "
            "dense_parameters(50, 10);\n"
            "    double printed[5] = {0, 0, 0, 12345.75, 12345.75};\n    report(in + 5, 20, 6, printed);\n"
            "    for (int i = 0; i < 3; i++) out[4 + i] = printed[i];\n"
            "    if (printed[3] != 12345.75 || printed[4] != 12345.75) out[8] = 0; /* beyond the end: seen */\n"
            "    out[7] = accuracy(in + 25, label, 6, 4);",
    .hints = {{"c1 of the text is the first count: 6 filters, 1 channel, kernel 5, must give 156.",
               "正文的 c1 是第一个计数：6 个滤波器，1 个通道，核 5，应得 156。"},
              {"report: add up, and where (i + 1) % every is 0 write sum / every and set sum to 0.",
               "report：累加；当 (i + 1) % every 为 0 时写下 sum / every 并把 sum 置 0。"},
              {"accuracy: per sample the index of the largest score, compared with label[i]; (double)right / samples.",
               "accuracy：每个样本最大分数的下标与 label[i] 比较；(double)right / samples。"}},
    .after = {"156 + 2,416 + 48,120 + 10,164 + 850: fovea inspect lenet5 prints the same column.",
              "156 + 2,416 + 48,120 + 10,164 + 850：fovea inspect lenet5 会列出同样的一列。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .picture = picture,
};
