/* SPDX-License-Identifier: MIT */
/* Lesson 20: LeCun's network of 1989, counted: 9,760 parameters in 64,660 connections. */
#include "learn/lesson.h"

enum { MAPS, SIDE, SEEN, KERNEL, INPUTS, UNITS, ALL };
enum { BIAS_PER_MAP = 1, NOT_SHARED, NO_BIASES, SEES_ALL, ONE_SIDE, NO_OWN_BIAS };

static const char *const inputs[] = {"maps", "side", "seen", "kernel", "inputs", "units", NULL},
                         *const outputs[] = {"shared_parameters", "shared_connections", "full_parameters", "total_1989",
                                             NULL};

static int draw(struct draw *d, int index, double *in)
{
    /* H1 and H2 of the paper, with H3 and the output beside them */
    static const double paper[2][ALL] = {{12, 8, 1, 5, 192, 30}, {12, 4, 8, 5, 30, 10}};
    static const int low[ALL] = {2, 2, 1, 2, 5, 2}, high[ALL] = {20, 16, 12, 7, 300, 100};
    for (int i = 0; i < ALL; i++) {
        in[i] = index < 2 ? paper[index][i] : draw_integer(d, low[i], high[i]);
    }
    return ALL;
}

static double shared(const double *in, int mistake)
{
    double units = in[MAPS] * in[SIDE] * (mistake == ONE_SIDE ? 1 : in[SIDE]);
    double taps = (mistake == SEES_ALL ? in[MAPS] : in[SEEN]) * in[KERNEL] * in[KERNEL];
    double biases = mistake == BIAS_PER_MAP ? in[MAPS] : mistake == NO_BIASES ? 0 : units;
    return (mistake == NOT_SHARED ? units : in[MAPS]) * taps + biases;
}

static void answer(const double *in, int mistake, double *out)
{
    static const double layers[3][ALL] = {{12, 8, 1, 5, 0, 0}, {12, 4, 8, 5, 192, 30}, {0, 0, 0, 0, 30, 10}};
    double own = mistake == NO_OWN_BIAS || mistake == NO_BIASES ? 0 : 1;
    double units = in[MAPS] * in[SIDE] * (mistake == ONE_SIDE ? 1 : in[SIDE]),
           taps = (mistake == SEES_ALL ? in[MAPS] : in[SEEN]) * in[KERNEL] * in[KERNEL];
    out[0] = shared(in, mistake);
    out[1] = units * (taps + (mistake == NO_BIASES ? 0 : 1));
    out[2] = in[UNITS] * (in[INPUTS] + own);
    out[3] = shared(layers[0], mistake) + shared(layers[1], mistake) + layers[1][UNITS] * (layers[1][INPUTS] + own) +
             layers[2][UNITS] * (layers[2][INPUTS] + own);
}

static void picture(struct picture *p)
{
    static const struct {
        struct words name, size;
        double side;
        int maps;
    } layers[] = {{{"input", "输入"}, {"16 x 16", "16 x 16"}, 64, 1},
                  {{"H1", "H1"}, {"12 of 8 x 8", "12 个 8 x 8"}, 32, 12},
                  {{"H2", "H2"}, {"12 of 4 x 4", "12 个 4 x 4"}, 16, 12},
                  {{"H3", "H3"}, {"30", "30"}, 6, 10},
                  {{"output", "输出"}, {"10", "10"}, 6, 10}};
    picture_size(p, 620, 230);
    for (int l = 0; l < 5; l++) {
        double x = 30 + 120.0 * l;
        for (int m = 0; m < layers[l].maps; m++) {
            double y = layers[l].maps == 1 ? 70
                       : l < 3             ? 24 + 13.0 * m
                                           : 36 + 14.0 * m,
                   shift = l == 1 || l == 2 ? 3.0 * m : 0;
            picture_box(p, x + shift, y, layers[l].side, l < 3 ? layers[l].side * 0.7 : 6, PICTURE_INK,
                        l == 0 ? "#eeeeee" : "#dceaf5");
        }
        if (l < 4) {
            picture_arrow(p, x + (l == 0 ? 70 : l == 3 ? 14 : 76), 100, x + 114, 100, PICTURE_ORANGE);
        }
        picture_words(p, x + 20, 212, 0, 12, PICTURE_INK, layers[l].name);
        picture_words(p, x + 20, 226, 0, 10, PICTURE_GREY, layers[l].size);
    }
}

static const struct mistake mistakes[] = {
    {"bias-per-map",
     {"you count a bias per map, as networks have it today; in 1989 the weights were shared and each unit had a bias "
      "of its own: maps * side * side",
      "你按今天的做法，每个特征图一个偏置；1989 年权重共享，而每个单元有自己的偏置：maps * side * side"},
     "maps * seen * kernel * kernel + maps * side * side",
     "maps * seen * kernel * kernel + maps"},
    {"not-shared",
     {"you count the weights of every unit; all units of a map share theirs, so they count once per map: that is the "
      "idea of the paper",
      "你把每个单元的权重都数了；同一个特征图的单元共享权重，只算一次：这正是论文的思想"},
     "return maps * seen * kernel * kernel + maps * side * side;",
     "return maps * side * side * seen * kernel * kernel + maps * side * side;"},
    {"no-biases",
     {"biases are missing everywhere: each unit has one, which is a parameter and a connection",
      "到处都少了偏置：每个单元有一个，它既是参数也是连接"},
     "return maps * seen * kernel * kernel + maps * side * side;\n}\n\nint shared_connections(int maps, int side, int "
     "seen, int kernel)\n{\n"
     "    return maps * side * side * (seen * kernel * kernel + 1);\n}\n\nint full_parameters(int inputs, int "
     "units)\n{\n    return units * (inputs + 1);",
     "return maps * seen * kernel * kernel;\n}\n\nint shared_connections(int maps, int side, int seen, int kernel)\n{\n"
     "    return maps * side * side * seen * kernel * kernel;\n}\n\nint full_parameters(int inputs, int units)\n{\n    "
     "return units * inputs;"},
    {"sees-all",
     {"a map of H2 sees 8 of the 12 maps below, not as many as its own layer has: use `seen`",
      "H2 的一个特征图只看下面 12 个中的 8 个，而不是本层的个数：用 seen"},
     "int shared_parameters(int maps, int side, int seen, int kernel)\n{\n    return maps * seen * kernel * kernel + "
     "maps * side * side;\n}\n\n"
     "int shared_connections(int maps, int side, int seen, int kernel)\n{\n",
     "int shared_parameters(int maps, int side, int seen, int kernel)\n{\n    seen = maps;\n    return maps * seen * "
     "kernel * kernel + maps * side * side;\n}\n\n"
     "int shared_connections(int maps, int side, int seen, int kernel)\n{\n    seen = maps;\n"},
    {"one-side",
     {"a map has side * side units, not side: it is a square",
      "一个特征图有 side * side 个单元，不是 side 个：它是正方形"},
     "maps * seen * kernel * kernel + maps * side * side;\n}\n\nint shared_connections(int maps, int side, int seen, "
     "int kernel)\n{\n    return maps * side * side *",
     "maps * seen * kernel * kernel + maps * side;\n}\n\nint shared_connections(int maps, int side, int seen, int "
     "kernel)\n{\n    return maps * side *"},
    {"no-own-bias",
     {"full_parameters lacks the biases: one more for each unit", "full_parameters 少了偏置：每个单元再加一个"},
     "units * (inputs + 1)",
     "units * inputs"},
    {.name = NULL},
};

const struct lesson lesson_lecun_1989 = {
    .number = 20,
    .name = "lecun-1989",
    .title = {"1989: a network reads postcodes with 9,760 numbers", "1989：用 9,760 个数识别邮政编码"},
    .text = {"In 1989 Yann LeCun and others at Bell Labs trained a network on 7,291 digits\n"
             "from envelopes, for three days on a Sun workstation. It made 5.0 % errors on\n"
             "2,007 others, far fewer than anything before. Its picture is 16 x 16, and it has\n"
             "three hidden layers:\n"
             "\n"
             "    H1      12 maps of 8 x 8, kernel 5 x 5, stride 2, each sees the picture\n"
             "    H2      12 maps of 4 x 4, kernel 5 x 5, stride 2, each sees 8 of H1's\n"
             "    H3      30 units, each sees all 12 * 4 * 4 = 192 of H2\n"
             "    output  10 units, each sees all 30\n"
             "\n"
             "The new idea is weight sharing: all units of a map use the same 5 x 5 weights,\n"
             "so a map looks for one pattern everywhere. Each unit keeps a bias of its own\n"
             "(today a map has one).\n"
             "\n"
             "    parameters of H1     12*1*25 weights + 12*8*8 biases             = 1,068\n"
             "    connections of H1    768 units, each 25 inputs + bias: 768 * 26  = 19,968\n"
             "\n"
             "So sharing leaves one parameter of nineteen. H2, by the same formulas: 2,592\n"
             "parameters in 38,592 connections; H3: 30 * (192 + 1) = 5,790; the output: 10 *\n"
             "31 = 310. Together 9,760 parameters in 64,660 connections. VGG-16 will have 138\n"
             "million.\n"
             "\n"
             "It is here, to be trained on digits that fovea draws: 2.9 % errors, in seconds.\n"
             "\n"
             "    fovea train --model lenet@1989 --data digits:7291 --epochs 8 \\\n"
             "        --batch 32 --lr 0.05 --momentum 0.9\n"
             "\n"
             "Your task: the counts, for any layer of the two kinds. The check also adds up\n"
             "the four layers of 1989 with your functions (total_1989).",
             "1989 年，贝尔实验室的杨立昆（Yann LeCun）等人用信封上的 7,291 个数字训练了一个网\n"
             "络，在 Sun 工作站上训练了三天。它在另外 2,007 个数字上的错误率是 5.0 %，远低于以\n"
             "前的方法。输入图是 16 x 16，有三个隐藏层：\n"
             "\n"
             "    H1      12 个 8 x 8 的特征图，核 5 x 5，步幅 2，每个都看输入图\n"
             "    H2      12 个 4 x 4 的特征图，核 5 x 5，步幅 2，每个看 H1 的 12 个中的 8 个\n"
             "    H3      30 个单元，每个看 H2 的全部 12 * 4 * 4 = 192 个\n"
             "    输出    10 个单元，每个看全部 30 个\n"
             "\n"
             "新思想是权重共享：一个特征图的所有单元用同样的 5 x 5 权重，于是它在各处寻找同一\n"
             "种图案。每个单元保留自己的偏置（今天一个特征图只有一个）。\n"
             "\n"
             "    H1 的参数     12*1*25 个权重 + 12*8*8 个偏置               = 1,068\n"
             "    H1 的连接     768 个单元，每个 25 个输入加偏置：768 * 26   = 19,968\n"
             "\n"
             "共享之后，十九个里只剩一个参数。用同样的公式，H2：38,592 个连接，2,592 个参数；\n"
             "H3：30 * (192 + 1) = 5,790；输出：10 * 31 = 310。合计 64,660 个连接，9,760 个参\n"
             "数。后来的 VGG-16 有 1.38 亿个参数。\n"
             "\n"
             "这个网络就在这里，可以用 fovea 自己画的数字训练：错误率 2.9 %，只要几秒。\n"
             "\n"
             "    fovea train --model lenet@1989 --data digits:7291 --epochs 8 \\\n"
             "        --batch 32 --lr 0.05 --momentum 0.9\n"
             "\n"
             "任务：对两类层写出计数。检查时还会用你的函数加出 1989 年的四层（total_1989）。"},
    .brief =
        {"Shared weights: `maps` maps of side x side units, each unit sees a kernel x kernel window in `seen` maps "
         "below\n"
         "and has its own bias. Full: `units` units, each sees all inputs and has a bias. A bias is a connection, too.",
         "权重共享：maps 个特征图，每个 side x side 个单元；每个单元看下面 seen 个图里 kernel x kernel 的窗口，\n"
         "并有自己的偏置。全连接：units 个单元，各看全部输入并有偏置。偏置也算一个连接。"},
    .stub = "int shared_parameters(int maps, int side, int seen, int kernel)\n{\n    return 0;\n}\n\n"
            "int shared_connections(int maps, int side, int seen, int kernel)\n{\n    return 0;\n}\n\n"
            "int full_parameters(int inputs, int units)\n{\n    return 0;\n}\n",
    .solution = "int shared_parameters(int maps, int side, int seen, int kernel)\n{\n"
                "    return maps * seen * kernel * kernel + maps * side * side;\n}\n\n"
                "int shared_connections(int maps, int side, int seen, int kernel)\n{\n"
                "    return maps * side * side * (seen * kernel * kernel + 1);\n}\n\n"
                "int full_parameters(int inputs, int units)\n{\n    return units * (inputs + 1);\n}\n",
    .call = "    int n[6];\n    for (int i = 0; i < 6; i++) n[i] = (int)in[i];\n"
            "    out[0] = shared_parameters(n[0], n[1], n[2], n[3]);\n"
            "    out[1] = shared_connections(n[0], n[1], n[2], n[3]);\n    out[2] = full_parameters(n[4], n[5]);\n"
            "    out[3] = shared_parameters(12, 8, 1, 5) + shared_parameters(12, 4, 8, 5) +\n"
            "             full_parameters(192, 30) + full_parameters(30, 10);",
    .hints =
        {{"Parameters: what is stored. Connections: what is multiplied. A weight that is shared is stored once, used "
          "often.",
          "参数是存储的；连接是相乘的。共享的权重只存一次，用许多次。"},
         {"Weights: maps * seen * kernel * kernel. Biases: one per unit, and a layer has maps * side * side of them.",
          "权重：maps * seen * kernel * kernel。偏置：每个单元一个，一层有 maps * side * side 个单元。"},
         {"Connections: units * (inputs of one unit + 1).", "连接：单元数 * (一个单元的输入数 + 1)。"}},
    .after = {"9,760. fovea new --list has what followed: LeNet-5 (1998) has 61,706, AlexNet (2012) 61 million.",
              "9,760。fovea new --list 列出了后来者：LeNet-5（1998）有 61,706 个，AlexNet（2012）有 6,100 万个。"},
    .mistakes = mistakes,
    .draw = draw,
    .inputs = inputs,
    .outputs = outputs,
    .answer = answer,
    .picture = picture,
};
