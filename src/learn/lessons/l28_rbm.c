/* SPDX-License-Identifier: MIT */
/* Lesson 28, a side branch: a restricted Boltzmann machine and one step of contrastive divergence. The uniform numbers
 * are given, so that sampling has one right answer. */
#include "learn/lesson.h"

#include <fovea/classic.h>
#include <math.h>
#include <string.h>

enum { V = 4, H = 3 };
enum { A = H * V, B = A + V, SEEN = B + H, U = SEEN + V, ALL = U + H };
enum { NO_VISIBLE = 1, LOG_OF_PRODUCT, NOT_SAMPLED, WRONG_WAY, DATA_ONLY, TURNED };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {
        {"weight", H, V}, {"visible_bias", 1, V}, {"hidden_bias", 1, H}, {"v", 1, V}, {"u", 1, H}};
    memcpy(parts, all, sizeof all);
    return 5;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"hidden", 1, H}, {"free_energy", 1, 1}, {"gradient", H, V}};
    memcpy(parts, all, sizeof all);
    return 3;
}

static int draw(struct draw *d, int index, double *in)
{
    (void)index;
    for (int i = 0; i < ALL; i++) {
        in[i] = i >= U ? draw_uniform(d, 0, 1) : i >= SEEN ? draw_integer(d, 0, 1) : draw_short(d, -2, 2, 1);
    }
    in[SEEN] = 1; /* at least one visible unit is on */
    in[A] = 1.5;
    return ALL;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void up(const double *in, const double *v, double *h)
{
    for (int j = 0; j < H; j++) {
        h[j] = in[B + j];
        for (int i = 0; i < V; i++) {
            h[j] += in[j * V + i] * v[i];
        }
    }
}

static void answer(const double *in, int mistake, double *out)
{
    double h0[H], h1[H], s[H], v1[V], energy = 0;
    const double *v0 = in + SEEN;
    up(in, v0, h0);
    for (int i = 0; i < V && mistake != NO_VISIBLE; i++) {
        energy -= in[A + i] * v0[i];
    }
    for (int j = 0; j < H; j++) {
        energy -= mistake == LOG_OF_PRODUCT ? h0[j] : log(1 + exp(h0[j]));
        h0[j] = out[j] = sigmoid(h0[j]);
        s[j] = mistake == NOT_SAMPLED ? h0[j] : in[U + j] < h0[j];
    }
    out[H] = energy;
    for (int i = 0; i < V; i++) {
        v1[i] = in[A + i];
        for (int j = 0; j < H; j++) {
            v1[i] += in[j * V + i] * s[j];
        }
        v1[i] = sigmoid(v1[i]);
    }
    up(in, v1, h1);
    for (int j = 0; j < H; j++) {
        h1[j] = sigmoid(h1[j]);
        for (int i = 0; i < V; i++) {
            double data = h0[j] * v0[i], dream = mistake == DATA_ONLY ? 0
                                                 : mistake == TURNED  ? h0[j] * v1[i]
                                                                      : h1[j] * v1[i];
            out[H + 1 + j * V + i] = mistake == WRONG_WAY ? dream - data : data - dream;
        }
    }
}

/* Hidden probabilities and the free energy from the library; the gradient is our own answer. */
static int engine(fov_context *context, const double *in, double *out)
{
    float v[V], h[H];
    fov_rbm *rbm = fov_rbm_create(context, V, H, 0);
    if (rbm == NULL) {
        return (int)fov_error_status(context);
    }
    for (int i = 0; i < H * V; i++) {
        fov_rbm_weight(rbm)[i] = (float)in[i];
    }
    for (int i = 0; i < V; i++) {
        fov_rbm_visible_bias(rbm)[i] = (float)in[A + i];
        v[i] = (float)in[SEEN + i];
    }
    for (int j = 0; j < H; j++) {
        fov_rbm_hidden_bias(rbm)[j] = (float)in[B + j];
    }
    answer(in, 0, out);
    int status = fov_rbm_hidden(rbm, v, 1, h);
    for (int j = 0; j < H; j++) {
        out[j] = (double)h[j];
    }
    out[H] = fov_rbm_free_energy(rbm, v);
    fov_rbm_free(rbm);
    return status;
}

/* The four layers of one step of contrastive divergence. */
static void picture(struct picture *p)
{
    static const char *const names[2][2] = {{"v", "h0"}, {"v1", "h1"}};
    picture_size(p, 480, 260);
    for (int side = 0; side < 2; side++) {
        double left = 40 + 240 * side;
        const char *color = side == 0 ? PICTURE_BLUE : PICTURE_ORANGE;
        for (int j = 0; j < H; j++) {
            for (int i = 0; i < V; i++) {
                picture_line(p, left + 45 * i, 165, left + 22 + 45 * j, 73, "#dddddd", 1);
            }
        }
        for (int i = 0; i < V; i++) {
            picture_circle(p, left + 45 * i, 175, 12, color, "#ffffff");
        }
        for (int j = 0; j < H; j++) {
            picture_circle(p, left + 22 + 45 * j, 62, 12, color, "#ffffff");
        }
        picture_text(p, left - 24, 180, 1, 13, color, names[side][0]);
        picture_text(p, left - 6, 67, 1, 13, color, names[side][1]);
        picture_arrow(p, left + 150, 155, left + 138, 82, color);
    }
    picture_arrow(p, 155, 70, 262, 160, PICTURE_INK);
    picture_words(p, 216, 112, -1, 12, PICTURE_INK, (struct words){"s: sampled", "s：抽样"});
    picture_words(p, 107, 30, 0, 13, PICTURE_BLUE, (struct words){"data", "数据"});
    picture_words(p, 347, 30, 0, 13, PICTURE_ORANGE, (struct words){"dream", "梦"});
    picture_words(p, 240, 235, 0, 13, PICTURE_INK,
                  (struct words){"gradient = h0 v (data) less h1 v1 (dream)", "梯度 = h0 v（数据）减 h1 v1（梦）"});
}

static const struct mistake mistakes[] = {
    {"no-visible",
     {"the free energy lacks the visible units' own biases: - sum of a_i v_i",
      "自由能少了可见单元自己的偏置：- a_i v_i 之和"},
     "energy -= visible_bias[i] * v[i];",
     "energy -= 0;"},
    {"log-of-product",
     {"each hidden unit gives -log(1 + e^input), since it may be 0 or 1; you took -input, as if it were always 1",
      "每个隐藏单元贡献 -log(1 + e^输入)，因为它可以是 0 或 1；你用了 -输入，好像它总是 1"},
     "energy -= log(1 + exp(input));",
     "energy -= input;"},
    {"not-sampled",
     {"the way down used probabilities; the hidden units are sampled first: 1 where u[j] < hidden[j], else 0",
      "往下走时用了概率；隐藏单元要先抽样：u[j] < hidden[j] 时为 1，否则为 0"},
     "double s = u[j] < h0[j];",
     "double s = h0[j];"},
    {"wrong-way",
     {"dream less data is downhill in probability; the weights should go up: data less dream",
      "梦减数据会使概率下降；权重应使它上升：数据减梦"},
     "h0[j] * v[i] - h1[j] * v1[i]",
     "h1[j] * v1[i] - h0[j] * v[i]"},
    {"data-only",
     {"the dream is missing: Hebb on data alone would let all weights grow without end",
      "少了梦的部分：只对数据用赫布规则，权重会无限增长"},
     "h0[j] * v[i] - h1[j] * v1[i]",
     "h0[j] * v[i]"},
    {"hidden-of-data",
     {"the dream's hidden units are those of the data; they must be computed again from the dreamt v1",
      "梦中的隐藏单元用了数据的；要由梦到的 v1 重新计算"},
     "h0[j] * v[i] - h1[j] * v1[i]",
     "h0[j] * v[i] - h0[j] * v1[i]"},
    {.name = NULL},
};

#define SIGNATURE(name, rest)                                                                              \
    name "(const double *weight, const double *visible_bias, const double *hidden_bias, int visible, int " \
         "hidden,\n" rest

const struct lesson lesson_rbm = {
    .number = 28,
    .name = "rbm",
    .title = {"Side branch: learning without labels, the restricted Boltzmann machine",
              "支线：没有标签的学习，受限玻尔兹曼机"},
    .text = {"A Boltzmann machine has to be asked unit by unit, many times. Restrict it to two\n"
             "layers, one that is seen and a hidden one, with no weights inside a layer, and\n"
             "one step up or down takes all units at once:\n"
             "\n"
             "    hidden_j = sigmoid(b_j + sum of w_ji v_i)        weight [hidden][visible]\n"
             "    visible_i = sigmoid(a_i + sum of w_ji h_j)\n"
             "\n"
             "Its free energy, -log of v's probability but for a constant, has a closed form;\n"
             "each hidden unit may be 0 or 1, and both count:\n"
             "\n"
             "    F(v) = - sum of a_i v_i - sum over j of log(1 + e^(b_j + sum of w_ji v_i))\n"
             "\n"
             "The slope of the log probability by w_ji is <h_j v_i> with the data less <h_j\n"
             "v_i> of the machine left alone. The second needs for ever; Hinton (2002) found\n"
             "that one step does:\n"
             "\n"
             "    h0 = hidden of v          s = 1 where u < h0, else 0   (u uniform in 0..1)\n"
             "    v1 = visible of s         h1 = hidden of v1            (the dream)\n"
             "    gradient_ji = h0_j v_i - h1_j v1_i                     (data less dream)\n"
             "\n"
             "Your task: the hidden probabilities, the free energy, and the gradient of that\n"
             "one step.",
             "玻尔兹曼机要一个单元一个单元地、反复地更新。把它限制成两层，一层可见，一层隐藏，\n"
             "层内没有权重，那么往上或往下一步就能同时算完所有单元：\n"
             "\n"
             "    hidden_j = sigmoid(b_j + w_ji v_i 之和)        weight [hidden][visible]\n"
             "    visible_i = sigmoid(a_i + w_ji h_j 之和)\n"
             "\n"
             "它的自由能（v 的概率的 -log，差一个常数）有封闭形式；每个隐藏单元可以是 0 或 1，\n"
             "两者都算：\n"
             "\n"
             "    F(v) = - a_i v_i 之和 - 对 j 求和 log(1 + e^(b_j + w_ji v_i 之和))\n"
             "\n"
             "对数概率对 w_ji 的斜率，是有数据时的 <h_j v_i> 减去机器自己运行时的 <h_j v_i>。\n"
             "后者要无限地运行下去；Hinton（2002）发现走一步就够，这叫对比散度：\n"
             "\n"
             "    h0 = v 的 hidden          s = u < h0 时 1，否则 0      （u 在 0..1 均匀）\n"
             "    v1 = s 的 visible         h1 = v1 的 hidden            （梦）\n"
             "    gradient_ji = h0_j v_i - h1_j v1_i                     （数据减梦）\n"
             "\n"
             "任务：隐藏单元的概率、自由能，以及这一步的梯度。"},
    .brief =
        {"hidden_of: probabilities of the hidden units. free_energy: of v. gradient_of: one step of contrastive\n"
         "divergence, gradient [hidden][visible]; hidden units are sampled with u, visible ones are probabilities.",
         "hidden_of：隐藏单元的概率。free_energy：v 的自由能。gradient_of：一步对比散度，\n"
         "gradient [hidden][visible]；隐藏单元用 u 抽样，可见单元用概率。"},
    .stub =
        "#include <math.h>\n\n"
        "void hidden_of(const double *weight, const double *hidden_bias, int visible, int hidden, const double *v, "
        "double *h)\n{\n"
        "    for (int j = 0; j < hidden; j++) h[j] = 0;\n}\n\n" SIGNATURE(
            "double free_energy", "                   const double *v)\n{\n    return 0;\n}\n\n")
            SIGNATURE("void gradient_of", "                 const double *v, const double *u, double *gradient)\n{\n"
                                          "    for (int i = 0; i < hidden * visible; i++) gradient[i] = 0;\n}\n"),
    .solution =
        "#include <math.h>\n\n"
        "void hidden_of(const double *weight, const double *hidden_bias, int visible, int hidden, const double *v, "
        "double *h)\n{\n"
        "    for (int j = 0; j < hidden; j++) {\n"
        "        double input = hidden_bias[j];\n"
        "        for (int i = 0; i < visible; i++) input += weight[j * visible + i] * v[i];\n"
        "        h[j] = 1 / (1 + exp(-input));\n"
        "    }\n}\n\n" SIGNATURE("double free_energy",
                                 "                   const double *v)\n{\n    double energy = 0;\n"
                                 "    for (int i = 0; i < visible; i++) energy -= visible_bias[i] * v[i];\n"
                                 "    for (int j = 0; j < hidden; j++) {\n"
                                 "        double input = hidden_bias[j];\n"
                                 "        for (int i = 0; i < visible; i++) input += weight[j * visible + i] * v[i];\n"
                                 "        energy -= log(1 + exp(input));\n"
                                 "    }\n    return energy;\n}\n\n")
            SIGNATURE("void gradient_of", "                 const double *v, const double *u, double *gradient)\n{\n"
                                          "    double h0[64], h1[64], v1[64];\n"
                                          "    hidden_of(weight, hidden_bias, visible, hidden, v, h0);\n"
                                          "    for (int i = 0; i < visible; i++) {\n"
                                          "        double input = visible_bias[i];\n"
                                          "        for (int j = 0; j < hidden; j++) {\n"
                                          "            double s = u[j] < h0[j];\n"
                                          "            input += weight[j * visible + i] * s;\n"
                                          "        }\n"
                                          "        v1[i] = 1 / (1 + exp(-input));\n"
                                          "    }\n"
                                          "    hidden_of(weight, hidden_bias, visible, hidden, v1, h1);\n"
                                          "    for (int j = 0; j < hidden; j++)\n"
                                          "        for (int i = 0; i < visible; i++) gradient[j * visible + i] = h0[j] "
                                          "* v[i] - h1[j] * v1[i];\n}\n"),
    .call = "    hidden_of(in, in + 16, 4, 3, in + 19, out);\n    out[3] = free_energy(in, in + 12, in + 16, 4, 3, in "
            "+ 19);\n"
            "    gradient_of(in, in + 12, in + 16, 4, 3, in + 19, in + 23, out + 4);",
    .hints = {{"hidden_of is a dense layer with a sigmoid; the others begin with the same sum.",
               "hidden_of 是带 sigmoid 的全连接层；另外两个从同样的和开始。"},
              {"free_energy: minus a_i v_i, then minus log(1 + exp(input)) for each hidden unit.",
               "free_energy：减去 a_i v_i，再对每个隐藏单元减去 log(1 + exp(输入))。"},
              {"gradient_of: h0, then s, then v1, then h1 = hidden_of(v1), then h0[j] * v[i] - h1[j] * v1[i].",
               "gradient_of：h0，然后 s，然后 v1，然后 h1 = hidden_of(v1)，最后 h0[j] * v[i] - h1[j] * v1[i]。"}},
    .after = {"From C: fov_rbm_train does this for whole datasets; fov_dbn_pretrain stacks them (fovea/classic.h).",
              "在 C 里：fov_rbm_train 对整个数据集做这件事；fov_dbn_pretrain 把它们叠起来（fovea/classic.h）。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
