/* SPDX-License-Identifier: MIT */
/* Lesson 31, a side branch: the two losses of a generative adversarial network and their gradients, on numbers in place
 * of pictures: the generator is a z + c, the discriminator sigmoid(w x + b). */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { N = 4 };
enum { Z = N, A = 2 * N, C, W, B, ALL };
enum { SWAPPED = 1, REAL_ONLY, SATURATING, DOWNHILL_FAKE, PAST_THE_JUDGE, NO_NOISE, SUMMED };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"x", 1, N}, {"z", 1, N}, {"a", 1, 1}, {"c", 1, 1}, {"w", 1, 1}, {"b", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 6;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"d_loss", 1, 1}, {"d_w", 1, 1}, {"d_b", 1, 1},
                               {"g_loss", 1, 1}, {"g_a", 1, 1}, {"g_c", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 6;
}

static int draw(struct draw *d, int index, double *in)
{
    for (int i = 0; i < N; i++) {
        in[i] = draw_short(d, 1, 4, 1);
        in[Z + i] = draw_short(d, -2, 2, 1);
    }
    in[A] = draw_short(d, 0.5, 2, 1);
    in[C] = draw_short(d, -2, 1, 1);
    in[W] = index == 0 ? 0 : draw_short(d, 0.3, 1.5, 1) * (index % 2 == 0 ? -1 : 1);
    in[B] = index == 0 ? 0 : draw_short(d, -1, 1, 1);
    return ALL;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void answer(const double *in, int mistake, double *out)
{
    double w = in[W], share = mistake == SUMMED ? 1 : 1.0 / N;
    memset(out, 0, 6 * sizeof *out);
    for (int i = 0; i < N; i++) {
        double x = in[i], z = in[Z + i], fake = in[A] * z + in[C];
        double real = sigmoid(w * x + in[B]), believed = sigmoid(w * fake + in[B]); /* D(x), D(G(z)) */
        double of_real = mistake == SWAPPED ? real : real - 1, of_fake = mistake == SWAPPED ? believed - 1 : believed;
        out[0] -= share * (mistake == SWAPPED ? log(1 - real) + log(believed)
                                              : log(real) + (mistake == REAL_ONLY ? 0 : log(1 - believed)));
        of_fake = mistake == REAL_ONLY ? 0 : mistake == DOWNHILL_FAKE ? -of_fake : of_fake;
        out[1] += share * (of_real * x + of_fake * fake);
        out[2] += share * (of_real + of_fake);
        out[3] += share * (mistake == SATURATING ? log(1 - believed) : -log(believed));
        double slope = (mistake == SATURATING ? -believed : believed - 1) * (mistake == PAST_THE_JUDGE ? 1 : w);
        out[4] += share * slope * (mistake == NO_NOISE ? 1 : z);
        out[5] += share * slope;
    }
}

/* -log sigmoid(s) is softplus(-s), and -log(1 - sigmoid(s)) is softplus(s). */
static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    (void)with;
    fov_value x = in[0], z = in[1], a = in[2], c = in[3], w = in[4], b = in[5];
    fov_value fake = fov_add(g, fov_mul(g, a, z), c);
    fov_value of_real = fov_add(g, fov_mul(g, w, x), b), of_fake = fov_add(g, fov_mul(g, w, fake), b);
    fov_value both = fov_add(g, fov_softplus(g, fov_neg(g, of_real)), fov_softplus(g, of_fake));
    const fov_value judge[] = {w, b}, forger[] = {a, c};
    out[0] = fov_reduce_mean(g, both, .axis_count = 0);
    out[3] = fov_reduce_mean(g, fov_softplus(g, fov_neg(g, of_fake)), .axis_count = 0);
    return fov_gradient(g, out[0], judge, 2, &out[1]) || fov_gradient(g, out[3], forger, 2, &out[4]) ? -1 : 6;
}

static int engine(fov_context *context, const double *in, double *out)
{
    const struct engine_input inputs[] = {{{1, {N}}, in},     {{1, {N}}, in + Z}, {{1, {1}}, in + A},
                                          {{1, {1}}, in + C}, {{1, {1}}, in + W}, {{1, {1}}, in + B}};
    return engine_run(context, inputs, 6, build, NULL, out);
}

struct bell {
    double centre, width;
};
static double bell(double x, const void *with)
{
    const struct bell *of = with;
    double away = (x - of->centre) / of->width;
    return 0.4 * exp(-away * away / 2) / of->width;
}
/* The best discriminator there is: real / (real + fake). */
static double best_judge(double x, const void *with)
{
    const struct bell *both = with;
    return bell(x, &both[0]) / (bell(x, &both[0]) + bell(x, &both[1]));
}

static void picture(struct picture *p)
{
    static const struct bell both[] = {{2, 0.6}, {-0.5, 0.9}}; /* real, fake */
    picture_size(p, 460, 310);
    picture_frame(p, 40, 20, 440, 260, -4, 5, 0, 1);
    picture_curve(p, best_judge, both, PICTURE_GREY);
    picture_curve(p, bell, &both[0], PICTURE_BLUE);
    picture_curve(p, bell, &both[1], PICTURE_ORANGE);
    picture_arrow(p, picture_x(p, -0.5), 128, picture_x(p, 0.7), 128, PICTURE_ORANGE);
    picture_words(p, picture_x(p, -0.6), 132, 1, 12, PICTURE_ORANGE,
                  (struct words){"forgeries learn to move", "假样本学着移动"});
    picture_words(p, picture_x(p, 2.6), 120, -1, 12, PICTURE_BLUE, (struct words){"real numbers", "真的数"});
    picture_words(p, picture_x(p, 1.2), 38, 1, 12, PICTURE_GREY,
                  (struct words){"D: how real it looks", "D：看上去有多真"});
    picture_words(p, 240, 295, 0, 12, PICTURE_INK,
                  (struct words){"x; where both bells lie on each other, D is 1/2 everywhere",
                                 "x；两个钟形重合时，D 处处为 1/2"});
}

static const struct mistake mistakes[] = {
    {"swapped",
     {"your discriminator takes forgeries for real: real x want D = 1, -log D(x); forgeries D = 0, -log(1 - D(G(z)))",
      "你的判别器把真假弄反了：真的 x 要 D = 1，即 -log D(x)；假的要 D = 0，即 -log(1 - D(G(z)))"},
     "    double of_real = 1, of_fake = 0;",
     "    double of_real = 0, of_fake = 1;"},
    {"real-only",
     {"the forgeries are missing from the discriminator's loss: D = 1 everywhere would then be best",
      "判别器的损失里少了假样本：那样处处 D = 1 就最好了"},
     "judge(w, b, a * z[i] + c, of_fake, share, g);",
     "(void)of_fake;"},
    {"saturating",
     {"your generator goes down log(1 - D), the paper's first form, which is flat where D is sure of a forgery; "
      "asked is -log D(G(z))",
      "你的生成器在减小 log(1 - D)，即论文的第一种形式；判别器一旦有把握，它就是平的。这里要 -log D(G(z))"},
     "g->g_loss -= log(d) * share;\n        double slope = (d - 1) * w * share;",
     "g->g_loss += log(1 - d) * share;\n        double slope = -d * w * share;"},
    {"fake-uphill",
     {"the gradient of the forgeries' part has the wrong sign: of -log(1 - D) by the score it is + D",
      "假样本那部分的梯度符号反了：-log(1 - D) 对分数的导数是 + D"},
     "double slope = (d - is_real) * share;",
     "double slope = (is_real > 0 ? d - 1 : -d) * share;"},
    {"past-the-judge",
     {"the generator learns THROUGH the discriminator: its gradient passes D's input, so a factor w is missing",
      "生成器的梯度要“穿过”判别器：经过 D 的输入，所以少了因子 w"},
     "(d - 1) * w * share",
     "(d - 1) * share"},
    {"no-noise",
     {"g_a lacks the factor z: G(z) = a z + c changes by z when a does, by 1 when c does",
      "g_a 少了因子 z：a 变化时 G(z) = a z + c 按 z 变化，c 变化时按 1 变化"},
     "g->g_a += slope * z[i];",
     "g->g_a += slope;"},
    {"summed",
     {"all your numbers are 4 times the right ones: the losses are means over the n samples, not sums",
      "你的数都是正确值的 4 倍：损失是 n 个样本的平均，不是总和"},
     "double share = 1.0 / n;",
     "double share = 1;"},
    {.name = NULL},
};

const struct lesson lesson_gan = {
    .number = 31,
    .name = "gan",
    .title = {"Side branch: a forger and a judge, the GAN", "支线：造假者与鉴定者，GAN"},
    .text = {"How do you train a network to make pictures, when no right answer is known? Let\n"
             "a second network be the loss (Goodfellow et al. 2014). The generator G turns\n"
             "noise z into a forgery. The discriminator D sees real samples and forgeries and\n"
             "says how likely each is real. Both learn in turn, against each other.\n"
             "\n"
             "Here the samples are numbers, and both networks are as small as can be:\n"
             "\n"
             "    G(z) = a z + c             D(x) = sigmoid(w x + b)\n"
             "\n"
             "D is a classifier like any other: cross-entropy, real is 1, forged is 0. G wants\n"
             "its forgeries to be taken for real:\n"
             "\n"
             "    d_loss = mean of -log D(x)  +  mean of -log(1 - D(G(z)))\n"
             "    g_loss = mean of -log D(G(z))\n"
             "\n"
             "The paper first lets G go down log(1 - D(G(z))), which means the same but is\n"
             "flat where D is sure of a forgery, as it is at the beginning; -log D is steep\n"
             "there.\n"
             "\n"
             "The slope of a cross-entropy by the score s = w x + b is D - target (lesson 9),\n"
             "so d_w and d_b follow at once, and D's step takes G as it is. G's step takes D\n"
             "as it is and goes THROUGH it: from the score to the forgery by w, from the\n"
             "forgery to a by z and to c by 1.\n"
             "\n"
             "By hand, w = b = 0: D = 1/2 for all. d_loss = 2 log 2 = 1.386, g_loss = log 2 =\n"
             "0.693, and G learns nothing (w = 0): a judge without an opinion teaches nobody.\n"
             "1.386 is also where it should end: forgeries like the real thing, D at a loss.\n"
             "\n"
             "Your task: both losses, the gradient of d_loss by w and b, and that of g_loss by\n"
             "a and c. Means are over the n real samples and over the n forgeries.",
             "没有标准答案时，怎么训练一个会画图的网络？让第二个网络来当损失（Goodfellow 等，\n"
             "2014）。生成器 G 把噪声 z 变成假样本；判别器 D 看真样本和假样本，说出每个有多像\n"
             "真的。两者轮流学习，互相对抗。\n"
             "\n"
             "这里样本就是数，两个网络都小到不能再小：\n"
             "\n"
             "    G(z) = a z + c             D(x) = sigmoid(w x + b)\n"
             "\n"
             "D 是普通的分类器：交叉熵，真为 1，假为 0。G 想让假样本被当成真的：\n"
             "\n"
             "    d_loss = -log D(x) 的平均  +  -log(1 - D(G(z))) 的平均\n"
             "    g_loss = -log D(G(z)) 的平均\n"
             "\n"
             "论文起初让 G 减小 log(1 - D(G(z)))，意思相同；但 D 有把握时（一开始就是这样）它\n"
             "是平的，而 -log D 在那里很陡。\n"
             "\n"
             "交叉熵对分数 s = w x + b 的导数是 D - 目标（第 9 课），由此直接得到 d_w 和 d_b；\n"
             "D 走一步时 G 不变。G 走一步时 D 不变，梯度要“穿过” D：从分数到假样本乘 w，再到 a\n"
             "乘 z，到 c 乘 1。\n"
             "\n"
             "手算，w = b = 0：处处 D = 1/2。d_loss = 2 log 2 = 1.386，g_loss = log 2 =\n"
             "0.693，G 什么也学不到（w = 0）：没有主见的鉴定者教不了任何人。1.386 也是应有的终\n"
             "点：假的像真的一样，D 分不清。\n"
             "\n"
             "任务：两个损失，d_loss 对 w、b 的梯度，g_loss 对 a、c 的梯度。分别对 n 个真样本\n"
             "和 n 个假样本取平均。"},
    .brief = {"A GAN on numbers: G(z) = a z + c, D(x) = sigmoid(w x + b); x are n real samples, z is the noise of n\n"
              "forgeries. Return d_loss with its gradient by w and b, and g_loss = mean of -log D(G(z)) with its\n"
              "gradient by a and c.",
              "以数为样本的 GAN：G(z) = a z + c，D(x) = sigmoid(w x + b)；x 是 n 个真样本，z 是 n 个假样本的噪声。\n"
              "返回 d_loss 及其对 w、b 的梯度，以及 g_loss = -log D(G(z)) 的平均及其对 a、c 的梯度。"},
    .stub = "#include <math.h>\n\n"
            "struct gan {\n    double d_loss, d_w, d_b; /* the discriminator's */\n"
            "    double g_loss, g_a, g_c; /* the generator's */\n};\n\n"
            "struct gan losses(const double *x, const double *z, int n, double a, double c, double w, double b)\n{\n"
            "    struct gan g = {0};\n    return g;\n}\n",
    .solution =
        "#include <math.h>\n\n"
        "struct gan {\n    double d_loss, d_w, d_b; /* the discriminator's */\n"
        "    double g_loss, g_a, g_c; /* the generator's */\n};\n\n"
        "/* One sample's part of d_loss and of its gradient. */\n"
        "static void judge(double w, double b, double sample, double is_real, double share, struct gan *g)\n{\n"
        "    double d = 1 / (1 + exp(-(w * sample + b)));\n"
        "    g->d_loss -= log(is_real > 0 ? d : 1 - d) * share;\n"
        "    double slope = (d - is_real) * share;\n"
        "    g->d_w += slope * sample;\n"
        "    g->d_b += slope;\n}\n\n"
        "struct gan losses(const double *x, const double *z, int n, double a, double c, double w, double b)\n{\n"
        "    struct gan all = {0}, *g = &all;\n"
        "    double of_real = 1, of_fake = 0;\n    double share = 1.0 / n;\n"
        "    for (int i = 0; i < n; i++) {\n"
        "        judge(w, b, x[i], of_real, share, g);\n"
        "        judge(w, b, a * z[i] + c, of_fake, share, g);\n"
        "        double d = 1 / (1 + exp(-(w * (a * z[i] + c) + b)));\n"
        "        g->g_loss -= log(d) * share;\n        double slope = (d - 1) * w * share;\n"
        "        g->g_a += slope * z[i];\n"
        "        g->g_c += slope;\n"
        "    }\n    return all;\n}\n",
    .call = "    struct gan g = losses(in, in + 4, 4, in[8], in[9], in[10], in[11]);\n"
            "    out[0] = g.d_loss, out[1] = g.d_w, out[2] = g.d_b, out[3] = g.g_loss, out[4] = g.g_a, out[5] = g.g_c;",
    .hints = {{"d_loss is the cross-entropy of 2n samples, n of target 1 and n of target 0, each group's mean.",
               "d_loss 是 2n 个样本的交叉熵，n 个目标为 1，n 个目标为 0，各组取平均。"},
              {"By the score: D - 1 for a real sample, D - 0 for a forgery; times the sample for d_w, times 1 for d_b.",
               "对分数的导数：真样本 D - 1，假样本 D - 0；乘样本得 d_w，乘 1 得 d_b。"},
              {"slope = (D(G(z)) - 1) * w / n; g_a += slope * z; g_c += slope.",
               "slope = (D(G(z)) - 1) * w / n；g_a += slope * z；g_c += slope。"}},
    .after = {"Take steps in turn, w -= rate * d_w and a -= rate * g_a: with pictures for numbers and convolutions for "
              "a z + c, that is a GAN.",
              "轮流走步，w -= rate * d_w，a -= rate * g_a：把数换成图，把 a z + c 换成卷积，就是 GAN。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
