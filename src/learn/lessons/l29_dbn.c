/* SPDX-License-Identifier: MIT */
/* Lesson 29, a side branch: restricted Boltzmann machines stacked into a deep belief network: up for features, down for
 * dreams, and what becomes of the stack as a classifier. */
#include "learn/lesson.h"

#include <fovea/classic.h>
#include <math.h>
#include <string.h>

enum { V = 4, H = 3, TOP = 2, SIZES = 4 };
enum { W1 = 0, A1 = H * V, B1 = A1 + V, W2 = B1 + H, A2 = W2 + TOP * H, B2 = A2 + H };
enum { SEEN = B2 + TOP, IDEA = SEEN + V, SIZE = IDEA + TOP, CLASSES = SIZE + SIZES, ALL };
enum { STEPS = 1, NO_CURVE, OTHER_BIAS, TURNED, NO_VISIBLE, KEEPS_VISIBLE, NO_OUTPUT };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"weight1", H, V},   {"visible_bias1", 1, V}, {"hidden_bias1", 1, H},
                               {"weight2", TOP, H}, {"visible_bias2", 1, H}, {"hidden_bias2", 1, TOP},
                               {"v", 1, V},         {"top", 1, TOP},         {"sizes", 1, SIZES},
                               {"classes", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 10;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"features", 1, TOP}, {"dream", 1, V}, {"machines", 1, 1}, {"network", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 4;
}

static int draw(struct draw *d, int index, double *in)
{
    static const double paper[] = {784, 500, 500, 2000, 10};
    for (int i = 0; i < SIZE; i++) {
        in[i] = i >= IDEA || i < SEEN ? draw_short(d, -2, 2, 1) : draw_integer(d, 0, 1);
    }
    for (int i = 0; i < TOP; i++) {
        in[IDEA + i] = draw_integer(d, 0, 1);
    }
    in[SEEN] = in[IDEA] = 1;
    in[B1] = 0.6, in[A2] = -0.6; /* the two biases of the middle layer differ */
    for (int i = 0; i < SIZES; i++) {
        in[SIZE + i] = index == 0 ? paper[i] : 10 * draw_integer(d, 1, 60);
    }
    in[CLASSES] = index == 0 ? paper[SIZES] : draw_integer(d, 2, 30);
    return ALL;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One machine, up from `from` units to `to`, weight [to][from]. */
static void up(const double *weight, const double *bias, int from, int to, const double *x, int mistake, double *y)
{
    for (int j = 0; j < to; j++) {
        double sum = bias[j];
        for (int i = 0; i < from; i++) {
            sum += weight[j * from + i] * x[i];
        }
        y[j] = mistake == NO_CURVE ? sum : mistake == STEPS ? sigmoid(sum) > 0.5 : sigmoid(sum);
    }
}

/* One machine, down: the same weights, read the other way. */
static void down(const double *weight, const double *bias, int visible, int hidden, const double *h, int mistake,
                 double *v)
{
    for (int i = 0; i < visible; i++) {
        double sum = bias[i];
        for (int j = 0; j < hidden; j++) {
            sum += weight[mistake == TURNED ? i * hidden + j : j * visible + i] * h[j];
        }
        v[i] = sigmoid(sum);
    }
}

static void answer(const double *in, int mistake, double *out)
{
    double middle[H], machines = 0, network = 0;
    const double *size = in + SIZE;
    up(in + W1, in + B1, V, H, in + SEEN, mistake, middle);
    up(in + W2, in + B2, H, TOP, middle, 0, out);
    down(in + W2, mistake == OTHER_BIAS ? in + B1 : in + A2, H, TOP, in + IDEA, mistake, middle);
    down(in + W1, in + A1, V, H, middle, mistake, out + TOP);
    for (int i = 0; i + 1 < SIZES; i++) {
        double weights = size[i] * size[i + 1];
        machines += weights + size[i + 1] + (mistake == NO_VISIBLE ? 0 : size[i]);
        network += weights + size[i + 1] + (mistake == KEEPS_VISIBLE ? size[i] : 0);
    }
    network += mistake == NO_OUTPUT ? 0 : size[SIZES - 1] * in[CLASSES] + in[CLASSES];
    out[TOP + V] = machines;
    out[TOP + V + 1] = network;
}

/* A machine of the library with the numbers of weight, visible bias, hidden bias at `in`. */
static fov_rbm *machine(fov_context *context, const double *in, int visible, int hidden)
{
    fov_rbm *rbm = fov_rbm_create(context, visible, hidden, 0);
    float *const places[] = {rbm != NULL ? fov_rbm_weight(rbm) : NULL, rbm != NULL ? fov_rbm_visible_bias(rbm) : NULL,
                             rbm != NULL ? fov_rbm_hidden_bias(rbm) : NULL};
    const int counts[] = {hidden * visible, visible, hidden};
    for (int p = 0; p < 3 && rbm != NULL; in += counts[p], p++) {
        for (int i = 0; i < counts[p]; i++) {
            places[p][i] = (float)in[i];
        }
    }
    return rbm;
}

static int engine(fov_context *context, const double *in, double *out)
{
    float v[V], middle[H], top[TOP];
    fov_rbm *first = machine(context, in + W1, V, H), *second = machine(context, in + W2, H, TOP);
    answer(in, 0, out);
    for (int i = 0; i < V; i++) {
        v[i] = (float)in[SEEN + i];
    }
    if (first != NULL && second != NULL && fov_rbm_hidden(first, v, 1, middle) == FOV_OK &&
        fov_rbm_hidden(second, middle, 1, top) == FOV_OK) {
        for (int i = 0; i < TOP; i++) {
            out[i] = (double)top[i];
            top[i] = (float)in[IDEA + i];
        }
        if (fov_rbm_visible(second, top, 1, middle) == FOV_OK && fov_rbm_visible(first, middle, 1, v) == FOV_OK) {
            for (int i = 0; i < V; i++) {
                out[TOP + i] = (double)v[i];
            }
        }
    }
    fov_rbm_free(first);
    fov_rbm_free(second);
    return (int)fov_error_status(context);
}

static void picture(struct picture *p)
{
    static const struct words names[] = {{"784 pixels", "784 个像素"},
                                         {"500 hidden units", "500 个隐藏单元"},
                                         {"500 hidden units", "500 个隐藏单元"},
                                         {"2000 hidden units", "2000 个隐藏单元"}};
    static const struct words turns[] = {{"", ""},
                                         {"trained first, on pixels", "先用像素训练这台"},
                                         {"then this, on features", "再用特征训练这台"},
                                         {"then this", "然后是这台"}};
    static const double widths[] = {180, 130, 130, 220};
    picture_size(p, 460, 310);
    for (int i = 0; i < 4; i++) {
        double y = 260 - 64 * i;
        picture_box(p, 170 - widths[i] / 2, y, widths[i], 26, PICTURE_INK, i == 0 ? "#eeeeee" : "#ffffff");
        picture_words(p, 170, y + 17, 0, 12, PICTURE_INK, names[i]);
        if (i > 0) {
            picture_arrow(p, 120, y + 63, 120, y + 28, PICTURE_BLUE);
            picture_arrow(p, 220, y + 28, 220, y + 63, PICTURE_ORANGE);
            picture_words(p, 295, y + 50, -1, 12, PICTURE_INK, turns[i]);
        }
    }
    picture_arrow(p, 170, 66, 170, 42, PICTURE_BLUE);
    picture_box(p, 110, 12, 120, 28, PICTURE_BLUE, "none");
    picture_words(p, 170, 31, 0, 12, PICTURE_BLUE, (struct words){"10 classes", "10 个类"});
    picture_words(p, 245, 31, -1, 12, PICTURE_INK,
                  (struct words){"last, with labels, all together", "最后，用标签，整体训练"});
    picture_words(p, 60, 302, -1, 12, PICTURE_BLUE, (struct words){"up: features", "向上：特征"});
    picture_words(p, 220, 302, -1, 12, PICTURE_ORANGE, (struct words){"down: dreams", "向下：梦"});
}

static const struct mistake mistakes[] = {
    {"steps",
     {"the first machine's units became 0 or 1 before the second saw them; features are probabilities, as they are",
      "第一台机器的单元先变成了 0 或 1 才给第二台；特征就是概率本身"},
     "up(weight1, hidden_bias1, visible, hidden, v, middle);",
     "up(weight1, hidden_bias1, visible, hidden, v, middle);\n    for (int j = 0; j < hidden; j++) middle[j] = "
     "middle[j] "
     "> 0.5;"},
    {"no-curve",
     {"the sigmoid of the middle layer is missing; without it two layers are no more than one",
      "中间层少了 sigmoid；没有它，两层并不比一层多什么"},
     "up(weight1, hidden_bias1, visible, hidden, v, middle);",
     "up(weight1, hidden_bias1, visible, hidden, v, middle);\n    for (int j = 0; j < hidden; j++) middle[j] = "
     "log(middle[j] / (1 - middle[j]));"},
    {"the-other-bias",
     {"on the way down you added the first machine's hidden bias; the middle layer has two, and downwards it is what "
      "the "
      "second machine SEES: its visible bias",
      "往下走时你加了第一台机器的隐藏偏置；中间层有两个偏置，往下时它是第二台机器“看见”的层：用它的可见偏置"},
     "down(weight2, visible_bias2,",
     "down(weight2, hidden_bias1,"},
    {"turned",
     {"on the way down the weights are read by rows of the wrong length: weight is [hidden][visible], so w_ji is "
      "weight[j * visible + i] both ways",
      "往下走时权重按错误的行长读取：weight 是 [hidden][visible]，上下都是 weight[j * visible + i]"},
     "weight[j * visible + i] * h[j]",
     "weight[i * hidden + j] * h[j]"},
    {"no-visible",
     {"machines lacks the visible biases: a machine of n and m units has n m + n + m parameters",
      "machines 少了可见偏置：n 和 m 个单元的机器有 n m + n + m 个参数"},
     "total += sizes[i] * sizes[i + 1] + sizes[i] + sizes[i + 1];",
     "total += sizes[i] * sizes[i + 1] + sizes[i + 1];"},
    {"keeps-visible",
     {"network counts the visible biases, too; a classifier only goes up and never needs them",
      "network 也数了可见偏置；分类器只往上走，用不到它们"},
     "(sizes[i] + 1) * sizes[i + 1];",
     "(sizes[i] + 1) * sizes[i + 1] + sizes[i];"},
    {"no-output",
     {"network lacks the output layer, which no machine trained: a weight from each top unit to each class, and the "
      "classes' biases",
      "network 少了输出层，它不由任何机器训练：每个顶层单元到每个类的权重，加上各类的偏置"},
     "return total + (sizes[machines] + 1) * classes;",
     "return total;"},
    {.name = NULL},
};

const struct lesson lesson_dbn = {
    .number = 29,
    .name = "dbn",
    .title = {"Side branch: a stack that learns layer by layer, the deep belief network",
              "支线：一层一层学习，深度信念网络"},
    .text = {"Around 2005 deep nets of sigmoids did not train: from a random start, little of\n"
             "the gradient reached the first layers. Hinton, Osindero and Teh (2006) went\n"
             "around it. Train a restricted Boltzmann machine on the pictures, without labels.\n"
             "Freeze it. Its hidden probabilities are features; train a second machine on\n"
             "those, a third on the second's. The stack is a deep belief network:\n"
             "\n"
             "    up      features:  h1 = sigmoid(b1 + W1 v)       h2 = sigmoid(b2 + W2 h1)\n"
             "    down    a dream:   h1 = sigmoid(a2 + W2' h2)      v = sigmoid(a1 + W1' h1)\n"
             "\n"
             "W is [hidden][visible], W' the same read the other way; a are visible biases, b\n"
             "hidden ones. The middle layer has two: b1, as what the first machine hides, on\n"
             "the way up, and a2, as what the second one sees, on the way down.\n"
             "\n"
             "Then put an output layer on top and train all of it with labels, from this start\n"
             "in place of a random one. The visible biases are no longer needed. The paper's\n"
             "stack for digits, 784-500-500-2000, then 10 classes:\n"
             "\n"
             "    machines   784*500 + 784 + 500 = 393,284, then 251,000 and 1,002,500\n"
             "               together 1,646,784\n"
             "    network    (784+1)*500 + (500+1)*500 + (500+1)*2000 + (2000+1)*10\n"
             "               = 1,665,010\n"
             "\n"
             "It helps most where labels are few. Two machines of fovea's own, a hundred\n"
             "labelled digits: 88 % right after pretraining, 71 % from a random start. With\n"
             "many labels, ReLU and good starts made it unnecessary by 2012.\n"
             "\n"
             "Your task: features and a dream of two machines, and the two counts for any four\n"
             "sizes.",
             "2005 年前后，用 sigmoid 的深层网络练不起来：从随机初始值出发，梯度几乎到不了前面\n"
             "的层。Hinton、Osindero 和 Teh（2006）绕了过去。先在图片上训练一台受限玻尔兹曼\n"
             "机，不用标签，然后固定它；它的隐藏概率就是特征。再用这些特征训练第二台，用第二台\n"
             "的特征训练第三台。这个堆叠就是深度信念网络：\n"
             "\n"
             "    向上    特征：    h1 = sigmoid(b1 + W1 v)       h2 = sigmoid(b2 + W2 h1)\n"
             "    向下    做梦：    h1 = sigmoid(a2 + W2' h2)      v = sigmoid(a1 + W1' h1)\n"
             "\n"
             "W 是 [hidden][visible]，W' 是反过来读的同一组权重；a 是可见偏置，b 是隐藏偏置。\n"
             "中间层有两个偏置：向上时是 b1（第一台隐藏的层），向下时是 a2（第二台看见的层）。\n"
             "\n"
             "最后在顶上加输出层，用标签训练整个网络：从这里出发，而不是随机出发。可见偏置不再\n"
             "需要。论文识别数字的堆叠是 784-500-500-2000，再接 10 个类：\n"
             "\n"
             "    machines   784*500 + 784 + 500 = 393,284，然后 251,000 和 1,002,500\n"
             "               合计 1,646,784\n"
             "    network    (784+1)*500 + (500+1)*500 + (500+1)*2000 + (2000+1)*10\n"
             "               = 1,665,010\n"
             "\n"
             "标签少时最有用。fovea 自己的两台机器，一百个有标签的数字：预训练后正确率 88 %，\n"
             "随机初始化 71 %。标签多时，到 2012 年有了 ReLU 和好的初始化，就不再需要它了。\n"
             "\n"
             "任务：两台机器的特征和梦，以及任意四个大小时的两个参数个数。"},
    .brief =
        {"Two stacked machines, weight [hidden][visible] each. features: up, probabilities throughout. dream: down\n"
         "from the top's states. machines_of: parameters of the stack of restricted Boltzmann machines between the\n"
         "layers sizes[0] .. sizes[machines]. network_of: of the classifier that it becomes, with its output layer.",
         "叠起来的两台机器，weight 都是 [hidden][visible]。features：向上，始终用概率。dream：从顶层状态向下。\n"
         "machines_of：层 sizes[0] .. sizes[machines] 之间各台受限玻尔兹曼机的参数总数。\n"
         "network_of：由它变成的分类器（含输出层）的参数个数。"},
    .stub = "#include <math.h>\n\n"
            "void features(const double *weight1, const double *hidden_bias1, const double *weight2,\n"
            "              const double *hidden_bias2, int visible, int hidden, int top, const double *v, double *h2)\n"
            "{\n    for (int k = 0; k < top; k++) h2[k] = 0;\n}\n\n"
            "void dream(const double *weight1, const double *visible_bias1, const double *hidden_bias1,\n"
            "           const double *weight2, const double *visible_bias2, int visible, int hidden, int top,\n"
            "           const double *h2, double *v)\n"
            "{\n    for (int i = 0; i < visible; i++) v[i] = 0;\n}\n\n"
            "long machines_of(const long *sizes, int machines)\n{\n    return 0;\n}\n\n"
            "long network_of(const long *sizes, int machines, long classes)\n{\n    return 0;\n}\n",
    .solution =
        "#include <math.h>\n\n"
        "static void up(const double *weight, const double *bias, int visible, int hidden, const double *v, double "
        "*h)\n"
        "{\n    for (int j = 0; j < hidden; j++) {\n"
        "        double sum = bias[j];\n"
        "        for (int i = 0; i < visible; i++) sum += weight[j * visible + i] * v[i];\n"
        "        h[j] = 1 / (1 + exp(-sum));\n    }\n}\n\n"
        "static void down(const double *weight, const double *bias, int visible, int hidden, const double *h, double "
        "*v)\n"
        "{\n    for (int i = 0; i < visible; i++) {\n"
        "        double sum = bias[i];\n"
        "        for (int j = 0; j < hidden; j++) sum += weight[j * visible + i] * h[j];\n"
        "        v[i] = 1 / (1 + exp(-sum));\n    }\n}\n\n"
        "void features(const double *weight1, const double *hidden_bias1, const double *weight2,\n"
        "              const double *hidden_bias2, int visible, int hidden, int top, const double *v, double *h2)\n"
        "{\n    double middle[64];\n"
        "    up(weight1, hidden_bias1, visible, hidden, v, middle);\n"
        "    up(weight2, hidden_bias2, hidden, top, middle, h2);\n}\n\n"
        "void dream(const double *weight1, const double *visible_bias1, const double *hidden_bias1,\n"
        "           const double *weight2, const double *visible_bias2, int visible, int hidden, int top,\n"
        "           const double *h2, double *v)\n"
        "{\n    double middle[64];\n"
        "    down(weight2, visible_bias2, hidden, top, h2, middle);\n"
        "    down(weight1, visible_bias1, visible, hidden, middle, v);\n}\n\n"
        "long machines_of(const long *sizes, int machines)\n{\n    long total = 0;\n"
        "    for (int i = 0; i < machines; i++) total += sizes[i] * sizes[i + 1] + sizes[i] + sizes[i + 1];\n"
        "    return total;\n}\n\n"
        "long network_of(const long *sizes, int machines, long classes)\n{\n    long total = 0;\n"
        "    for (int i = 0; i < machines; i++) total += (sizes[i] + 1) * sizes[i + 1];\n"
        "    return total + (sizes[machines] + 1) * classes;\n}\n",
    .call = "    const long sizes[] = {(long)in[36], (long)in[37], (long)in[38], (long)in[39]};\n"
            "    features(in, in + 16, in + 19, in + 28, 4, 3, 2, in + 30, out);\n"
            "    dream(in, in + 12, in + 16, in + 19, in + 25, 4, 3, 2, in + 34, out + 2);\n"
            "    out[6] = (double)machines_of(sizes, 3);\n"
            "    out[7] = (double)network_of(sizes, 3, (long)in[40]);",
    .hints = {{"One function up(weight, bias, visible, hidden, v, h), called twice, and one function down.",
               "写一个函数 up(weight, bias, visible, hidden, v, h)，调用两次；再写一个 down。"},
              {"down sums over the hidden units: weight[j * visible + i] * h[j]; its bias is a visible one.",
               "down 对隐藏单元求和：weight[j * visible + i] * h[j]；它的偏置是可见偏置。"},
              {"machines_of: n m + n + m each. network_of: (n + 1) m each, and (top + 1) * classes.",
               "machines_of：每台 n m + n + m。network_of：每层 (n + 1) m，再加 (顶层 + 1) * classes。"}},
    .after = {"From C: fov_dbn_pretrain and fov_dbn_model (fovea/classic.h); examples/dbn.c trains one.",
              "在 C 里：fov_dbn_pretrain 和 fov_dbn_model（fovea/classic.h）；examples/dbn.c 训练了一个。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
