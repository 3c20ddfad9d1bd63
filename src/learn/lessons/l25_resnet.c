/* SPDX-License-Identifier: MIT */
/* Lesson 25: ResNet-20 on CIFAR-10: its depth, its 269,722 parameters, its learning rate. */
#include "learn/lesson.h"

static const char *const inputs[] = {"n", "step", NULL}, *const outputs[] = {"depth", "parameters", "rate", NULL};
enum { NO_ENDS = 1, WITH_BIASES, FIRST_IS_WIDE, NO_NORMS, PROJECTION, ONE_DROP, DROPS_BY_HALF };

static int draw(struct draw *d, int index, double *in)
{
    static const int steps[] = {0, 31999, 32000, 47999, 48000, 63999};
    in[0] = index == 0 ? 3 : index == 1 ? 18 : draw_integer(d, 1, 40);
    in[1] = index < 6 ? steps[index] : draw_integer(d, 0, 63999);
    return 2;
}

static void answer(const double *in, int mistake, double *out)
{
    double n = in[0], total = 3 * 16 * 9 + (mistake == NO_NORMS ? 0 : 2 * 16) + 64 * 10 + 10, before = 16;
    for (int s = 0; s < 3; s++) {
        double width = 16 << s;
        for (int block = 0; block < (int)n; block++) {
            double first = block == 0 && mistake != FIRST_IS_WIDE ? before : width;
            total += first * width * 9 + width * width * 9 + (mistake == NO_NORMS ? 0 : 4 * width) +
                     (mistake == WITH_BIASES ? 2 * width : 0);
        }
        total += s > 0 && mistake == PROJECTION ? before * width : 0;
        before = width;
    }
    total += mistake == WITH_BIASES ? 16 : 0;
    out[0] = mistake == NO_ENDS ? 6 * n : 6 * n + 2;
    out[1] = total;
    double drop = mistake == DROPS_BY_HALF ? 0.5 : 0.1, rate = 0.1;
    rate = in[1] >= 32000 ? 0.1 * drop : rate;
    out[2] = in[1] >= 48000 && mistake != ONE_DROP ? 0.1 * drop * drop : rate;
}

/* The network of n = 3 as a row of blocks with their shortcuts; below it, the learning rate. */
static void picture(struct picture *p)
{
    static const struct words sizes[] = {{"16 channels, 32 x 32", "16 通道，32 x 32"},
                                         {"32 channels, 16 x 16", "32 通道，16 x 16"},
                                         {"64 channels, 8 x 8", "64 通道，8 x 8"}};
    static const double steps[] = {0, 32, 32, 48, 48, 64}, powers[] = {-1, -1, -2, -2, -3, -3};
    picture_size(p, 560, 310);
    picture_box(p, 10, 50, 34, 34, PICTURE_INK, "#eeeeee");
    picture_words(p, 27, 71, 0, 11, PICTURE_INK, (struct words){"conv", "卷积"});
    for (int b = 0; b < 9; b++) {
        double x = 60 + 48 * b + 6 * (b / 3);
        picture_box(p, x, 50, 34, 34, PICTURE_BLUE, "#ffffff");
        picture_words(p, x + 17, 70, 0, 10, PICTURE_BLUE, (struct words){"2 conv", "2 卷积"});
        picture_line(p, x - 7, 67, x - 7, 36, PICTURE_ORANGE, 1.5);
        picture_line(p, x - 7, 36, x + 41, 36, PICTURE_ORANGE, 1.5);
        picture_arrow(p, x + 41, 36, x + 41, 66, PICTURE_ORANGE);
        picture_line(p, x - 14, 67, x, 67, PICTURE_INK, 1.5);
        if (b % 3 == 1) {
            picture_words(p, x + 17, 104, 0, 11, PICTURE_INK, sizes[b / 3]);
        }
    }
    picture_line(p, 490, 67, 512, 67, PICTURE_INK, 1.5);
    picture_box(p, 512, 50, 40, 34, PICTURE_INK, "#eeeeee");
    picture_words(p, 532, 71, 0, 11, PICTURE_INK, (struct words){"dense", "全连接"});
    picture_words(p, 60, 24, -1, 12, PICTURE_ORANGE,
                  (struct words){"shortcuts: x goes around each block", "捷径：x 绕过每个块"});
    picture_frame(p, 60, 140, 490, 260, 0, 64, -4, 0);
    picture_path(p, steps, powers, 6, PICTURE_BLUE, 0);
    picture_words(p, 70, 160, -1, 12, PICTURE_BLUE, (struct words){"rate 0.1", "学习率 0.1"});
    picture_text(p, picture_x(p, 33), 192, -1, 12, PICTURE_BLUE, "0.01");
    picture_text(p, picture_x(p, 49), 222, -1, 12, PICTURE_BLUE, "0.001");
    picture_words(
        p, 275, 290, 0, 12, PICTURE_INK,
        (struct words){"thousands of steps; the rate as a power of ten", "横轴：千步；纵轴：学习率，10 的幂"});
}

static const struct mistake mistakes[] = {
    {"no-ends",
     {"your depth lacks the first convolution and the dense layer at the end: 6n + 2",
      "你的深度少了第一个卷积和最后的全连接层：6n + 2"},
     "6 * n + 2",
     "6 * n"},
    {"with-biases",
     {"you count biases of convolutions; a batch norm follows each and has its own, so they have none",
      "你数了卷积的偏置；每个卷积后面有批归一化，它自带偏置，所以卷积没有"},
     "    return total;",
     "    return total + 16 + n * 2 * (16 + 32 + 64);"},
    {"first-is-wide",
     {"the first convolution of the second and third stage sees the narrower one before: 16 channels in, 32 out",
      "第二、三阶段的第一个卷积看到的是前面较窄的一层：16 通道进，32 通道出"},
     "int in = block == 0 ? before : width;",
     "int in = width;"},
    {"no-norms",
     {"the batch norms are missing: two numbers (weight, bias) per channel after each convolution",
      "少了批归一化：每个卷积之后每个通道两个数（weight、bias）"},
     "int total = 3 * 16 * 9 + 2 * 16",
     "int total = 3 * 16 * 9 - n * 4 * (16 + 32 + 64)"},
    {"projection",
     {"you count 1 x 1 convolutions on the shortcuts; option A of the paper pads with zero channels and has no "
      "parameters there",
      "你数了捷径上的 1 x 1 卷积；论文的方案 A 用零通道补齐，捷径没有参数"},
     "        before = width;",
     "        total += before == width ? 0 : before * width;\n        before = width;"},
    {"one-drop",
     {"the rate falls twice: by ten at step 32,000, and by ten again at 48,000",
      "学习率下降两次：第 32,000 步除以十，第 48,000 步再除以十"},
     "step < 32000 ? 0.1 : step < 48000 ? 0.01 : 0.001",
     "step < 32000 ? 0.1 : 0.01"},
    {"drops-by-half",
     {"the rate falls to a tenth each time, not to a half", "每次降到十分之一，不是一半"},
     "step < 32000 ? 0.1 : step < 48000 ? 0.01 : 0.001",
     "step < 32000 ? 0.1 : step < 48000 ? 0.05 : 0.025"},
    {.name = NULL},
};

const struct lesson lesson_resnet = {
    .number = 25,
    .name = "resnet-20",
    .title = {"ResNet-20: everything together", "ResNet-20：把一切放在一起"},
    .text = {"Convolution, batch norm, ReLU, shortcuts, mini-batches: He et al. (2015, section\n"
             "4.2) put them into a family of networks for the 32 x 32 photos of CIFAR-10, one\n"
             "number n telling how deep:\n"
             "\n"
             "    3 x 3 convolution, 3 -> 16 channels\n"
             "    n blocks of 16 channels, 32 x 32\n"
             "    n blocks of 32 channels, 16 x 16     the first has stride 2\n"
             "    n blocks of 64 channels,  8 x 8      the first has stride 2\n"
             "    mean over all pixels, dense 64 -> 10\n"
             "\n"
             "A block is two 3 x 3 convolutions, each followed by a batch norm, with a\n"
             "shortcut around both. Convolutions have no bias (the norm has one). Where the\n"
             "width doubles, the shortcut is filled up with zeros (\"option A\"): it has no\n"
             "parameters. Layers with weights: 6n + 2. n = 3 is ResNet-20. Its parameters (a\n"
             "norm has two per channel that are learned):\n"
             "\n"
             "    3*16*9 + 2*16              =     464\n"
             "    6 convolutions 16 -> 16, each 2,304 + 32 of its norm        =  14,016\n"
             "    16*32*9 + 64, then 5 times 32*32*9 + 64                     =  51,072\n"
             "    32*64*9 + 128, then 5 times 64*64*9 + 128                   = 203,520\n"
             "    64*10 + 10                                                  =     650\n"
             "                                                        together  269,722\n"
             "\n"
             "It is trained for 64,000 steps of 128 photos with rate 0.1, a tenth of it from\n"
             "step 32,000 on, and a hundredth from 48,000. Published error: 8.75 %. Steps\n"
             "count from 0.\n"
             "\n"
             "    fovea data get cifar10\n"
             "    fovea train --recipe resnet20-he                     all 164 epochs: a night\n"
             "    fovea train --model resnet20 --data cifar10 --epochs 9 --batch 128 \\\n"
             "        --lr 0.2 --momentum 0.9 --nesterov --weight-decay 0.0005 \\\n"
             "        --schedule one-cycle --augment \"crop:4, flip\"    a short one\n"
             "\n"
             "What it takes: an epoch is 50,000 photos, 40.6 million products each and thrice\n"
             "that with the way back. The short run took us 37 minutes on one thread and ended\n"
             "at 83.4 % right, on copies of the photos that JPEG had blurred a little. It\n"
             "prints where it is, and Ctrl-C leaves what was reached.\n"
             "\n"
             "Your task: depth and parameters for any n, and the rate at a step.",
             "卷积、批归一化、ReLU、捷径、小批量：何恺明等人（2015，4.2 节）用它们组成一族网\n"
             "络，处理 CIFAR-10 的 32 x 32 照片，由一个数 n 决定深度：\n"
             "\n"
             "    3 x 3 卷积，3 -> 16 通道\n"
             "    n 个 16 通道的块，32 x 32\n"
             "    n 个 32 通道的块，16 x 16     第一个步幅为 2\n"
             "    n 个 64 通道的块， 8 x 8      第一个步幅为 2\n"
             "    对所有像素取平均，全连接 64 -> 10\n"
             "\n"
             "一个块是两个 3 x 3 卷积，各接一个批归一化，外面有一条捷径。卷积没有偏置（批归一\n"
             "化有）。宽度加倍处，捷径用零补齐（“方案 A”）：没有参数。带权重的层共 6n + 2 层，\n"
             "n = 3 就是 ResNet-20。它的参数（批归一化每个通道有两个学来的数）：\n"
             "\n"
             "    3*16*9 + 2*16              =     464\n"
             "    6 个卷积 16 -> 16，各 2,304 + 批归一化的 32                =  14,016\n"
             "    16*32*9 + 64，再加 5 个 32*32*9 + 64                        =  51,072\n"
             "    32*64*9 + 128，再加 5 个 64*64*9 + 128                      = 203,520\n"
             "    64*10 + 10                                                  =     650\n"
             "                                                        合计      269,722\n"
             "\n"
             "训练 64,000 步，每步 128 张照片，学习率 0.1，从第 32,000 步起为十分之一，从第\n"
             "48,000 步起为百分之一。论文的错误率：8.75 %。步数从 0 数起。\n"
             "\n"
             "    fovea data get cifar10\n"
             "    fovea train --recipe resnet20-he                     完整的 164 轮：一夜\n"
             "    fovea train --model resnet20 --data cifar10 --epochs 9 --batch 128 \\\n"
             "        --lr 0.2 --momentum 0.9 --nesterov --weight-decay 0.0005 \\\n"
             "        --schedule one-cycle --augment \"crop:4, flip\"    短的一次\n"
             "\n"
             "要花多少：一轮是 50,000 张照片，每张 4,060 万次乘法，加上反向共三倍。短的那次用\n"
             "一个线程花了我们 37 分钟，在略被 JPEG 模糊过的照片上正确率为 83.4 %。它边训练边\n"
             "打印进度，Ctrl-C 会留下已达到的结果。\n"
             "\n"
             "任务：任意 n 的深度和参数个数，以及某一步的学习率。"},
    .brief =
        {"depth: layers with weights. parameters: all that is learned, with option A shortcuts and ten classes.\n"
         "rate: at a step counted from 0.",
         "depth：带权重的层数。parameters：所有学习的数，捷径为方案 A，十个类。\nrate：从 0 数起的某一步的学习率。"},
    .stub = "int depth(int n)\n{\n    return 0;\n}\n\nint parameters(int n)\n{\n    return 0;\n}\n\ndouble rate(int "
            "step)\n{\n    return 0;\n}\n",
    .solution = "int depth(int n)\n{\n    return 6 * n + 2;\n}\n\n"
                "int parameters(int n)\n{\n"
                "    int total = 3 * 16 * 9 + 2 * 16 + 64 * 10 + 10, before = 16;\n"
                "    for (int width = 16; width <= 64; width *= 2) {\n"
                "        for (int block = 0; block < n; block++) {\n"
                "            int in = block == 0 ? before : width;\n"
                "            total += in * width * 9 + 2 * width;\n"
                "            total += width * width * 9 + 2 * width;\n"
                "        }\n"
                "        before = width;\n"
                "    }\n    return total;\n}\n\n"
                "double rate(int step)\n{\n    return step < 32000 ? 0.1 : step < 48000 ? 0.01 : 0.001;\n}\n",
    .call = "    out[0] = depth((int)in[0]), out[1] = parameters((int)in[0]), out[2] = rate((int)in[1]);",
    .hints = {{"Check with n = 3: 20 layers, 269,722 parameters.", "用 n = 3 检验：20 层，269,722 个参数。"},
              {"A loop over the widths 16, 32, 64, and in it over n blocks of two convolutions, each in*out*9 + 2*out.",
               "对宽度 16、32、64 循环，里面对 n 个块循环，每块两个卷积，各 in*out*9 + 2*out。"},
              {"Only the first convolution of a stage has the width of the stage before as its input.",
               "只有每个阶段的第一个卷积以前一阶段的宽度为输入。"}},
    .after = {"From a threshold gate to ResNet: you have written every part of it. Now train one: fovea train --recipe "
              "resnet20-he takes a night; the text has a shorter run.",
              "从阈值门到 ResNet：它的每一部分你都写过了。现在去训练一个：fovea train --recipe resnet20-he 要一夜；"
              "课文里有更短的。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .picture = picture,
};
