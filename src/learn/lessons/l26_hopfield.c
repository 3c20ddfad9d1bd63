/* SPDX-License-Identifier: MIT */
/* Lesson 26, a side branch: Hopfield's memory. */
#include "learn/lesson.h"

#include <fovea/classic.h>
#include <string.h>

enum { N = 12, PATTERNS = 2 };
enum { DIAGONAL = 1, NOT_DIVIDED, NO_HALF, WRONG_SIGN, ALL_AT_ONCE, ZERO_IS_ONE };

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"patterns", PATTERNS, N};
    parts[1] = (struct part){"state", 1, N};
    return 2;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"weight", N, N}, {"energy_before", 1, 1}, {"after", 1, N}, {"energy_after", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 4;
}

static void answer(const double *in, int mistake, double *out);

/* Does updating the units one at a time differ from updating all at once in this case? */
static bool order_shows(const double *in)
{
    double one[N * N + N + 2], all[N * N + N + 2];
    answer(in, 0, one);
    answer(in, ALL_AT_ONCE, all);
    return memcmp(one + N * N + 1, all + N * N + 1, N * sizeof *one) != 0;
}

static int draw(struct draw *d, int index, double *in)
{
    int tries = 0;
    do {
        for (int i = 0; i < (PATTERNS + 1) * N; i++) {
            in[i] = draw_integer(d, 0, 1) ? 1 : -1;
        }
    } while (index == 2 && !order_shows(in) && ++tries < 1000);
    if (index % 3 == 0) { /* a state near the first pattern */
        memcpy(in + (size_t)PATTERNS * N, in, N * sizeof *in);
        in[PATTERNS * N + draw_integer(d, 0, N - 1)] *= -1;
    }
    if (index == 1) { /* unit 0 is -1 and receives 0: it must stay */
        static const double state[N] = {-1, -1, -1, 1, 1, -1, -1, -1, -1, 1, 1, 1};
        for (int i = 0; i < N; i++) {
            in[i] = 1;
            in[N + i] = i < 5 ? 1 : -1;
            in[2 * N + i] = state[i];
        }
    }
    return (PATTERNS + 1) * N;
}

static double energy(const double *weight, const double *s, int mistake)
{
    double sum = 0;
    for (int i = 0; i < N * N; i++) {
        sum += weight[i] * s[i / N] * s[i % N];
    }
    return (mistake == WRONG_SIGN ? 1 : -1) * sum / (mistake == NO_HALF ? 1 : 2);
}

static void answer(const double *in, int mistake, double *out)
{
    const double *state = in + PATTERNS * N;
    double *after = out + N * N + 1, old[N];
    for (int i = 0; i < N * N; i++) {
        out[i] = 0;
        for (int p = 0; p < PATTERNS && (i / N != i % N || mistake == DIAGONAL); p++) {
            out[i] += in[p * N + i / N] * in[p * N + i % N] / (mistake == NOT_DIVIDED ? 1 : N);
        }
    }
    out[N * N] = energy(out, state, mistake);
    memcpy(after, state, N * sizeof *after);
    memcpy(old, state, sizeof old);
    for (int i = 0; i < N; i++) {
        double input = 0;
        for (int j = 0; j < N; j++) {
            input += out[i * N + j] * (mistake == ALL_AT_ONCE ? old[j] : after[j]);
        }
        /* multiples of 1/12 may cancel: rounding must not decide the sign */
        bool zero = input < 1e-9 && input > -1e-9;
        after[i] = zero ? (mistake == ZERO_IS_ONE ? 1 : after[i]) : input > 0 ? 1 : -1;
    }
    out[N * N + 1 + N] = energy(out, after, mistake);
}

/* Energies from the library's own network; the rest is our own answer. */
static int engine(fov_context *context, const double *in, double *out)
{
    int8_t pattern[N];
    fov_hopfield *h = fov_hopfield_create(context, N);
    if (h == NULL) {
        return (int)fov_error_status(context);
    }
    for (int p = 0; p < PATTERNS; p++) {
        for (int i = 0; i < N; i++) {
            pattern[i] = (int8_t)in[p * N + i];
        }
        fov_hopfield_store(h, pattern);
    }
    answer(in, 0, out); /* the library does not show its weights; its energies depend on them */
    for (int when = 0; when < 2; when++) {
        const double *state = when == 0 ? in + PATTERNS * N : out + N * N + 1;
        for (int i = 0; i < N; i++) {
            pattern[i] = (int8_t)state[i];
        }
        out[when == 0 ? N * N : N * N + 1 + N] = fov_hopfield_energy(h, pattern);
    }
    fov_hopfield_free(h);
    return FOV_OK;
}

enum { ROWS = 4, COLUMNS = 3 };

static void pattern_tiles(struct picture *p, double left, const double *state, struct words name, const char *below)
{
    enum { SIDE = 24 };
    for (int i = 0; i < N; i++) {
        picture_box(p, left + i % COLUMNS * SIDE, 45 + i / COLUMNS * SIDE, SIDE, SIDE, "#cccccc",
                    state[i] > 0 ? PICTURE_BLUE : "#ffffff");
    }
    picture_words(p, left + COLUMNS * SIDE / 2.0, 34, 0, 13, PICTURE_INK, name);
    picture_text(p, left + COLUMNS * SIDE / 2.0, 45 + ROWS * SIDE + 20, 0, 12, PICTURE_ORANGE, below);
}

/* Two letters are stored; one is asked for with two pixels turned. The lesson's own answer draws what comes back. */
static void picture(struct picture *p)
{
    static const double in[(PATTERNS + 1) * N] = {1, -1, -1, 1,  -1, -1, 1,  -1, -1, 1,  1, 1,  /* L */
                                                  1, 1,  1,  -1, 1,  -1, -1, 1,  -1, -1, 1, -1, /* T */
                                                  1, 1,  -1, 1,  -1, -1, -1, -1, -1, 1,  1, 1};
    static const struct words stored = {"stored", "存储"};
    double out[N * N + 1 + N + 1];
    char before[32], after[32];
    answer(in, 0, out);
    snprintf(before, sizeof before, "E = %.2f", out[N * N]);
    snprintf(after, sizeof after, "E = %.2f", out[N * N + 1 + N]);
    picture_size(p, 480, 210);
    pattern_tiles(p, 20, in, stored, "");
    pattern_tiles(p, 120, in + N, stored, "");
    pattern_tiles(p, 250, in + (size_t)PATTERNS * N, (struct words){"asked", "询问"}, before);
    pattern_tiles(p, 380, out + N * N + 1, (struct words){"one sweep later", "扫描一次之后"}, after);
    picture_arrow(p, 330, 95, 372, 95, PICTURE_INK);
    picture_words(p, 240, 198, 0, 12, PICTURE_INK,
                  (struct words){"no update of a unit raises the energy: the state runs downhill to a memory",
                                 "更新任何单元都不会使能量升高：状态往下滚，滚到一个记忆"});
}

static const struct mistake mistakes[] = {
    {"diagonal",
     {"a unit has a weight to itself; it must be 0, or every state holds on to itself",
      "单元对自己有了权重；它必须为 0，否则每个状态都会抓住自己不放"},
     "if (i != j) ",
     ""},
    {"not-divided",
     {"weights are n times too large: Hebb's sum is divided by the number of units",
      "权重大了 n 倍：赫布的和要除以单元数"},
     "p[j] / n",
     "p[j]"},
    {"no-half",
     {"your energy is twice the right one: in the double sum each pair is met twice, hence the 1/2",
      "你的能量是正确值的两倍：双重求和里每对出现两次，所以有 1/2"},
     "-sum / 2",
     "-sum"},
    {"wrong-sign",
     {"your energy has the wrong sign: where units agree with their weights it is low",
      "你的能量符号反了：单元与权重一致时能量低"},
     "-sum / 2",
     "sum / 2"},
    {"all-at-once",
     {"all units moved at once; one at a time, each sees those before it as they are now: only so the energy cannot "
      "rise",
      "所有单元同时更新了；应逐个更新，后面的看到前面已更新的值：只有这样能量才不会升高"},
     "    for (int i = 0; i < n; i++) {\n        double input = 0;\n        for (int j = 0; j < n; j++) input += "
     "weight[i * n + j] * state[j];",
     "    double old[64];\n    for (int i = 0; i < n; i++) old[i] = state[i];\n    for (int i = 0; i < n; i++) {\n     "
     "   double input = 0;\n"
     "        for (int j = 0; j < n; j++) input += weight[i * n + j] * old[j];"},
    {"zero-is-one",
     {"an input of 0 turns your units to 1; it says nothing, so the unit stays as it is",
      "输入为 0 时你的单元变成了 1；0 什么也没说，单元应保持不变"},
     "else if (input < -1e-9) state[i] = -1;",
     "else state[i] = input < -1e-9 ? -1 : 1;"},
    {.name = NULL},
};

const struct lesson lesson_hopfield = {
    .number = 26,
    .name = "hopfield",
    .title = {"Side branch: a memory that completes what it is shown, Hopfield's network",
              "支线：看到残缺也能补全的记忆，霍普菲尔德网络"},
    .text = {"In 1982 the physicist John Hopfield joined every neuron with every other, with\n"
             "Hebb's weights, and let it run. Units are +1 or -1. Patterns p are stored by\n"
             "\n"
             "    w_ij = sum over the patterns of p_i p_j / n          w_ii = 0\n"
             "\n"
             "Show it a damaged pattern, and update the units one at a time, in order: each\n"
             "becomes the sign of what it receives, and stays as it is where that is 0:\n"
             "\n"
             "    s_i becomes +1 where sum over j of w_ij s_j > 0, and -1 where it is below\n"
             "\n"
             "Why does this come to rest? Hopfield gave it an energy,\n"
             "\n"
             "    E = -1/2 sum over i, j of w_ij s_i s_j\n"
             "\n"
             "If s_i turns, E changes by -2 |input of i|: it never rises, and there are only\n"
             "2^n states. So the state rolls downhill into a valley, and the valleys are what\n"
             "was stored.\n"
             "\n"
             "By hand: p = (1, 1, -1), n = 3: w_01 = 1/3, w_02 = w_12 = -1/3. Shown (1, -1,\n"
             "-1): unit 0 receives -1/3 + 1/3 = 0 and stays; unit 1 receives 1/3 + 1/3 and\n"
             "turns: the pattern is back.\n"
             "\n"
             "How much fits in? Up to about 0.138 n random patterns; beyond that, memory\n"
             "breaks down all at once (Amit, Gutfreund, Sompolinsky 1985). 500 units of ours\n"
             "remember 50 patterns with a tenth of their units turned, and of 100 patterns\n"
             "none. In 2024 Hopfield had the Nobel prize for it.\n"
             "\n"
             "Your task: storing, the energy, and one sweep from unit 0 up. Rounding: take as\n"
             "0 what is between -1e-9 and 1e-9.",
             "1982 年，物理学家霍普菲尔德（John Hopfield）把每个神经元与其他所有神经元相连，用\n"
             "赫布的权重，让它运行起来。单元取 +1 或 -1。存储图案 p：\n"
             "\n"
             "    w_ij = 对所有图案求和 p_i p_j / n          w_ii = 0\n"
             "\n"
             "给它一个损坏的图案，然后按次序逐个更新单元（一次扫描）：变成所收到的和的符号，和\n"
             "为 0 则不变：\n"
             "\n"
             "    对 j 求和 w_ij s_j > 0 时 s_i 变为 +1，小于 0 时变为 -1\n"
             "\n"
             "为什么会停下来？霍普菲尔德给了它一个能量：\n"
             "\n"
             "    E = -1/2 对 i, j 求和 w_ij s_i s_j\n"
             "\n"
             "s_i 翻转时 E 改变 -2 |i 的输入|：从不升高，而状态只有 2^n 个。所以状态滚下山，落\n"
             "进山谷，而山谷就是存过的图案。\n"
             "\n"
             "手算：p = (1, 1, -1)，n = 3：w_01 = 1/3，w_02 = w_12 = -1/3。给它 (1, -1, -1)：\n"
             "单元 0 收到 -1/3 + 1/3 = 0，不变；单元 1 收到 1/3 + 1/3，翻转：图案回来了。\n"
             "\n"
             "能存多少？大约 0.138 n 个随机图案；再多，记忆会突然全部崩溃（Amit、Gutfreund、\n"
             "Sompolinsky，1985）。我们用 500 个单元试过：存 50 个图案，每个翻转十分之一的单元\n"
             "也能想起；存 100 个，一个也想不起来。2024 年霍普菲尔德因此获得诺贝尔奖。\n"
             "\n"
             "任务：存储、能量，以及从单元 0 开始的一次扫描。舍入：-1e-9 与 1e-9 之间当作 0。"},
    .brief = {"store: weight [n][n] from `count` patterns [count][n] of +1 and -1. energy: of a state.\n"
              "sweep: updates the units 0, 1, ... n - 1, each once; an input between -1e-9 and 1e-9 changes nothing.",
              "store：由 count 个图案 [count][n]（+1 和 -1）得到 weight [n][n]。energy：一个状态的能量。\n"
              "sweep：依次更新单元 0、1、…、n - 1 各一次；-1e-9 与 1e-9 之间的输入不改变单元。"},
    .stub = "void store(const double *patterns, int count, int n, double *weight)\n{\n    for (int i = 0; i < n * n; "
            "i++) weight[i] = 0;\n}\n\n"
            "double energy(const double *weight, const double *state, int n)\n{\n    return 0;\n}\n\n"
            "void sweep(const double *weight, double *state, int n)\n{\n}\n",
    .solution = "void store(const double *patterns, int count, int n, double *weight)\n{\n"
                "    for (int i = 0; i < n * n; i++) weight[i] = 0;\n"
                "    for (int k = 0; k < count; k++) {\n"
                "        const double *p = patterns + k * n;\n"
                "        for (int i = 0; i < n; i++)\n"
                "            for (int j = 0; j < n; j++) if (i != j) weight[i * n + j] += p[i] * p[j] / n;\n"
                "    }\n}\n\n"
                "double energy(const double *weight, const double *state, int n)\n{\n    double sum = 0;\n"
                "    for (int i = 0; i < n; i++)\n        for (int j = 0; j < n; j++) sum += weight[i * n + j] * "
                "state[i] * state[j];\n"
                "    return -sum / 2;\n}\n\n"
                "void sweep(const double *weight, double *state, int n)\n{\n"
                "    for (int i = 0; i < n; i++) {\n        double input = 0;\n"
                "        for (int j = 0; j < n; j++) input += weight[i * n + j] * state[j];\n"
                "        if (input > 1e-9) state[i] = 1;\n"
                "        else if (input < -1e-9) state[i] = -1;\n"
                "    }\n}\n",
    .call = "    double state[12];\n    for (int i = 0; i < 12; i++) state[i] = in[24 + i];\n    store(in, 2, 12, out);\n"
            "    out[144] = energy(out, state, 12);\n    sweep(out, state, 12);\n"
            "    for (int i = 0; i < 12; i++) out[145 + i] = state[i];\n    out[157] = energy(out, state, 12);",
    .hints = {{"store is Hebb's rule of lesson 3 for every pair, with eta = 1/n.",
               "store 就是第 3 课的赫布规则用于每一对，eta = 1/n。"},
              {"energy is a double loop over all i and j, halved and with a minus.",
               "energy 是对所有 i、j 的双重循环，取一半并加负号。"},
              {"sweep changes state[i] inside the loop, so that the next unit sees it.",
               "sweep 在循环里就改变 state[i]，使下一个单元看到它。"}},
    .after = {"From C: fov_hopfield_create, _store, _recall (fovea/classic.h), with as many units as you like.",
              "在 C 里：fov_hopfield_create、_store、_recall（fovea/classic.h），单元数随意。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
