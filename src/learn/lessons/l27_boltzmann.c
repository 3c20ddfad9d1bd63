/* SPDX-License-Identifier: MIT */
/* Lesson 27, a side branch: the Boltzmann machine. Its energy, all its probabilities by enumeration, one sweep of Gibbs
 * sampling with given uniform numbers, and the temperatures of annealing. */
#include "learn/lesson.h"

#include <fovea/classic.h>
#include <math.h>
#include <string.h>

enum { N = 3, STATES = 1 << N };
enum { B = N * N, S = B + N, T = S + N, U = T + 1, HOT = U + N, COLD, SWEEPS, I, ALL };
enum { PAIRS_TWICE = 1, UPHILL, NOT_DIVIDED, HOT_IS_STEEP, ALL_AT_ONCE, WRONG_SIDE, STRAIGHT };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"weight", N, N},      {"bias", 1, N},   {"state", 1, N},
                               {"temperature", 1, 1}, {"u", 1, N},      {"hot", 1, 1},
                               {"cold", 1, 1},        {"sweeps", 1, 1}, {"i", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 9;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"energy", 1, 1}, {"p", 1, STATES}, {"after", 1, N}, {"temperature_at", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 4;
}

/* The probability that a unit becomes 1. */
static double on(const double *in, const double *state, int unit, bool steep)
{
    double sum = in[B + unit];
    for (int j = 0; j < N; j++) {
        sum += in[unit * N + j] * state[j];
    }
    return 1 / (1 + exp(-(steep ? sum * in[T] : sum / in[T])));
}

static int draw(struct draw *d, int index, double *in)
{
    for (int i = 0; i < N; i++) {
        in[i * N + i] = 0;
        in[B + i] = draw_short(d, -1, 1, 1);
        in[S + i] = draw_integer(d, 0, 1);
        in[U + i] = draw_uniform(d, 0, 1);
        for (int j = 0; j < i; j++) {
            in[i * N + j] = in[j * N + i] = (draw_integer(d, 0, 1) ? 1 : -1) * draw_short(d, 0.5, 2, 1);
        }
    }
    in[T] = index % 2 == 0 ? 0.5 : 2;
    in[B + 2] = 0.7; /* biases matter, not the pairs alone */
    in[S] = in[S + 1] = 1;
    double p = on(in, in + S, 0, false);
    if (index % 4 == 1) { /* unit 0 turns off, which unit 1 would miss if all units were updated at once */
        double off[N] = {0, 1, in[S + 2]};
        in[U] = (1 + p) / 2;
        in[U + 1] = (on(in, in + S, 1, false) + on(in, off, 1, false)) / 2;
    } else if (index % 4 == 2) { /* multiplying and dividing by the temperature differ at unit 0 */
        in[B] = 0.35;
        in[U] = (on(in, in + S, 0, false) + on(in, in + S, 0, true)) / 2;
    }
    in[HOT] = draw_integer(d, 4, 20);
    in[COLD] = draw_short(d, 0.1, 1, 1);
    in[SWEEPS] = draw_integer(d, 4, 30);
    in[I] = draw_integer(d, 1, (int)in[SWEEPS] - 2);
    return ALL;
}

static double energy(const double *in, const double *s, int mistake)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        sum -= in[B + i] * s[i];
        for (int j = mistake == PAIRS_TWICE ? 0 : i + 1; j < N; j++) {
            sum -= in[i * N + j] * s[i] * s[j];
        }
    }
    return sum;
}

static void answer(const double *in, int mistake, double *out)
{
    double *p = out + 1, *after = p + STATES, sum = 0, old[N];
    out[0] = energy(in, in + S, mistake);
    for (int k = 0; k < STATES; k++) {
        double state[N];
        for (int j = 0; j < N; j++) {
            state[j] = k >> j & 1;
        }
        p[k] = exp((mistake == UPHILL ? 1 : -1) * energy(in, state, mistake) / in[T]);
        sum += p[k];
    }
    for (int k = 0; k < STATES && mistake != NOT_DIVIDED; k++) {
        p[k] /= sum;
    }
    memcpy(old, in + S, sizeof old);
    memcpy(after, in + S, sizeof old);
    for (int i = 0; i < N; i++) {
        double chance = on(in, mistake == ALL_AT_ONCE ? old : after, i, mistake == HOT_IS_STEEP);
        after[i] = (in[U + i] < chance) != (mistake == WRONG_SIDE);
    }
    double way = in[I] / (in[SWEEPS] - 1);
    after[N] = mistake == STRAIGHT ? in[HOT] + (in[COLD] - in[HOT]) * way : in[HOT] * pow(in[COLD] / in[HOT], way);
}

/* Energy and probabilities from the library. It enumerates at temperature 1: dividing weights and biases by the
 * temperature has the same effect. Samples are not compared, as the library draws its own random numbers. */
static int engine(fov_context *context, const double *in, double *out)
{
    uint8_t state[N];
    fov_boltzmann *machine = fov_boltzmann_create(context, N);
    if (machine == NULL) {
        return (int)fov_error_status(context);
    }
    answer(in, 0, out);
    memcpy(fov_boltzmann_weights(machine), in, N * N * sizeof *in);
    memcpy(fov_boltzmann_biases(machine), in + B, N * sizeof *in);
    for (int i = 0; i < N; i++) {
        state[i] = in[S + i] > 0;
    }
    out[0] = fov_boltzmann_energy(machine, state);
    for (int i = 0; i < N * N; i++) {
        fov_boltzmann_weights(machine)[i] /= in[T];
    }
    for (int i = 0; i < N; i++) {
        fov_boltzmann_biases(machine)[i] /= in[T];
    }
    int status = fov_boltzmann_enumerate(machine, out + 1);
    fov_boltzmann_free(machine);
    return status;
}

static double chance(double x, const void *with)
{
    return 1 / (1 + exp(-x / *(const double *)with));
}

static void picture(struct picture *p)
{
    static const double hot = 5, warm = 1, cold = 0.2;
    picture_size(p, 440, 310);
    picture_frame(p, 40, 20, 420, 260, -6, 6, 0, 1);
    picture_curve(p, chance, &hot, PICTURE_GREY);
    picture_curve(p, chance, &warm, PICTURE_BLUE);
    picture_curve(p, chance, &cold, PICTURE_ORANGE);
    picture_words(p, 230, 292, 0, 12, PICTURE_INK, (struct words){"input of the unit", "单元的输入"});
    picture_words(p, 46, 36, -1, 12, PICTURE_INK, (struct words){"probability of 1", "变为 1 的概率"});
    picture_words(p, 414, 150, 1, 12, PICTURE_GREY, (struct words){"T = 5: nearly a coin", "T = 5：几乎是抛硬币"});
    picture_words(p, 330, 62, -1, 12, PICTURE_BLUE, (struct words){"T = 1: sigmoid", "T = 1：sigmoid"});
    picture_words(p, 224, 215, 1, 12, PICTURE_ORANGE,
                  (struct words){"T = 0.2: nearly Hopfield's step", "T = 0.2：近于阶跃"});
}

static const struct mistake mistakes[] = {
    {"pairs-twice",
     {"every pair is counted twice, as i, j and as j, i: the inner loop begins behind i",
      "每一对都数了两次（i、j 和 j、i）：内层循环要从 i 之后开始"},
     "for (int j = i + 1; j < units; j++) e -=",
     "for (int j = 0; j < units; j++) e -="},
    {"uphill",
     {"your machine prefers high energies: the probability is e to MINUS E / T",
      "你的机器偏爱高能量：概率是 e 的负 E / T 次方"},
     "exp(-energy(",
     "exp(energy("},
    {"not-divided",
     {"your probabilities do not add up to 1: each is to be divided by Z, the sum of all",
      "你的概率加起来不是 1：每个都要除以它们的总和 Z"},
     "p[k] /= z;",
     "p[k] /= 1;"},
    {"hot-is-steep",
     {"your sweep multiplies by the temperature; it divides: heat makes all inputs matter less",
      "你的扫描乘了温度；应当除以温度：温度越高，输入的影响越小"},
     "-input / temperature",
     "-input * temperature"},
    {"all-at-once",
     {"all units looked at the old state; units are asked in turn, and each sees those before it as they are now",
      "所有单元都看了旧状态；应当依次更新，每个看到前面单元更新后的样子"},
     "    for (int i = 0; i < units; i++) {\n        double input = bias[i];\n        for (int j = 0; j < units; j++) "
     "input += weight[i * units + j] * state[j];",
     "    double old[16];\n    for (int i = 0; i < units; i++) old[i] = state[i];\n    for (int i = 0; i < units; i++) "
     "{\n"
     "        double input = bias[i];\n        for (int j = 0; j < units; j++) input += weight[i * units + j] * "
     "old[j];"},
    {"wrong-side",
     {"a unit becomes 1 where u is BELOW its probability; yours become 1 with the probability of 0",
      "u 小于概率时单元才变为 1；你的单元以“变 0 的概率”变成了 1"},
     "u[i] < 1 /",
     "u[i] >= 1 /"},
    {"straight",
     {"your temperature falls by the same amount each time; it falls by the same FACTOR: slowly where it is cold",
      "你的温度每次降同样多；应当每次乘同样的倍数：越冷降得越慢"},
     "hot * pow(cold / hot, (double)i / (sweeps - 1))",
     "hot + (cold - hot) * i / (sweeps - 1)"},
    {.name = NULL},
};

const struct lesson lesson_boltzmann = {
    .number = 27,
    .name = "boltzmann",
    .title = {"Side branch: noise finds the way out, the Boltzmann machine", "支线：噪声找到出路，玻尔兹曼机"},
    .text = {"Hopfield's net runs downhill and stays in the first hollow it meets. Hinton and\n"
             "Sejnowski (1983) gave its units noise: each becomes 1 (else 0) with probability\n"
             "sigmoid(input / T), T being a temperature. Hot, it is a coin; cold, Hopfield's\n"
             "step. Left alone for long, the machine visits each state as often as its energy\n"
             "allows:\n"
             "\n"
             "    E = - sum over i < j of w_ij s_i s_j - sum of b_i s_i\n"
             "    p(state) = e^(-E / T) / Z          Z: the same, summed over all states\n"
             "\n"
             "By hand, two units, w = 1, no biases: the states 00, 10, 01, 11 have energies 0,\n"
             "0, 0, -1. At T = 1, Z = 3 + e = 5.718, and p(11) = e / Z = 0.475, the others\n"
             "0.175. At T = 0.5: p(11) = e^2 / (3 + e^2) = 0.711. Few units can be enumerated\n"
             "like this; of many, one draws samples:\n"
             "\n"
             "    a sweep: for each unit in turn\n"
             "        input = b_i + sum of w_ij s_j         (as the others are NOW)\n"
             "        s_i = 1 where u_i < sigmoid(input / T), else 0      (u uniform in 0..1)\n"
             "\n"
             "Annealing (Kirkpatrick et al. 1983): sweep hot first, so that the state leaves\n"
             "every hollow, then ever colder, by a constant factor from sweep to sweep; it\n"
             "settles in a deep one. With sweeps numbered i = 0 .. n - 1:\n"
             "\n"
             "    T_i = hot * (cold / hot)^(i / (n - 1))\n"
             "\n"
             "Learning makes what is seen probable: the slope of log p by w_ij is <s_i s_j>\n"
             "with the data less <s_i s_j> of the machine left alone. The next lesson does it.\n"
             "\n"
             "Your task: the energy; the probabilities of all states, where state k has unit j\n"
             "at its bit j; one sweep with given u; the temperature of sweep i.",
             "霍普菲尔德网络只往下走，停在遇到的第一个洼地。Hinton 和 Sejnowski（1983）给单元\n"
             "加上噪声：每个以概率 sigmoid(输入 / T) 变为 1，否则为 0，T 是温度。热的时候像抛\n"
             "硬币，冷的时候就是霍普菲尔德的阶跃。让它一直运行，访问各状态的频率由能量决定：\n"
             "\n"
             "    E = - 所有 i < j 的 w_ij s_i s_j 之和 - b_i s_i 之和\n"
             "    p(状态) = e^(-E / T) / Z          Z：对所有状态求和\n"
             "\n"
             "手算，两个单元，w = 1，没有偏置：状态 00、10、01、11 的能量是 0、0、0、-1。T = 1\n"
             "时 Z = 3 + e = 5.718，p(11) = e / Z = 0.475，其余各 0.175。T = 0.5 时 p(11) =\n"
             "e^2 / (3 + e^2) = 0.711。单元少可以这样枚举；单元多就要抽样：\n"
             "\n"
             "    一次扫描：依次对每个单元\n"
             "        输入 = b_i + w_ij s_j 之和            （其他单元用“现在”的值）\n"
             "        u_i < sigmoid(输入 / T) 时 s_i = 1，否则 0   （u 在 0..1 均匀）\n"
             "\n"
             "模拟退火（Kirkpatrick 等，1983）：先在高温下扫描，使状态离开每个洼地；再越来越\n"
             "冷，每次扫描乘同样的倍数，最后停在一个深的洼地。扫描编号 i = 0 .. n - 1：\n"
             "\n"
             "    T_i = hot * (cold / hot)^(i / (n - 1))\n"
             "\n"
             "学习就是让见到的变得更可能：log p 对 w_ij 的斜率，是有数据时的 <s_i s_j> 减去机\n"
             "器自己运行时的 <s_i s_j>。下一课来做。\n"
             "\n"
             "任务：能量；所有状态的概率，状态 k 的第 j 位是单元 j；用给定的 u 扫描一次；第 i\n"
             "次扫描的温度。"},
    .brief =
        {"A Boltzmann machine; weight [units][units] is symmetric with a diagonal of zeros, states are 0 and 1.\n"
         "energy: of a state. probabilities: of all 2^units states, state k having unit j at bit j. sweep: changes\n"
         "state, unit by unit. temperature_at: of sweep i of `sweeps`, from 0.",
         "玻尔兹曼机；weight [units][units] 对称，对角线为零，状态是 0 和 1。\n"
         "energy：一个状态的能量。probabilities：全部 2^units 个状态的概率，状态 k 的第 j 位是单元 j。\n"
         "sweep：依次更新各单元。temperature_at：sweeps 次扫描中第 i 次（从 0 数）的温度。"},
    .stub = "#include <math.h>\n\n"
            "double energy(const double *weight, const double *bias, int units, const double *state)\n{\n"
            "    return 0;\n}\n\n"
            "void probabilities(const double *weight, const double *bias, int units, double temperature, double *p)\n"
            "{\n    for (int k = 0; k < 1 << units; k++) p[k] = 0;\n}\n\n"
            "void sweep(const double *weight, const double *bias, int units, double temperature, const double *u,\n"
            "           double *state)\n{\n}\n\n"
            "double temperature_at(double hot, double cold, int sweeps, int i)\n{\n    return 0;\n}\n",
    .solution =
        "#include <math.h>\n\n"
        "double energy(const double *weight, const double *bias, int units, const double *state)\n{\n"
        "    double e = 0;\n"
        "    for (int i = 0; i < units; i++) {\n"
        "        e -= bias[i] * state[i];\n"
        "        for (int j = i + 1; j < units; j++) e -= weight[i * units + j] * state[i] * state[j];\n"
        "    }\n    return e;\n}\n\n"
        "void probabilities(const double *weight, const double *bias, int units, double temperature, double *p)\n{\n"
        "    double z = 0, state[16];\n"
        "    for (int k = 0; k < 1 << units; k++) {\n"
        "        for (int j = 0; j < units; j++) state[j] = k >> j & 1;\n"
        "        z += p[k] = exp(-energy(weight, bias, units, state) / temperature);\n"
        "    }\n"
        "    for (int k = 0; k < 1 << units; k++) p[k] /= z;\n}\n\n"
        "void sweep(const double *weight, const double *bias, int units, double temperature, const double *u,\n"
        "           double *state)\n{\n"
        "    for (int i = 0; i < units; i++) {\n"
        "        double input = bias[i];\n"
        "        for (int j = 0; j < units; j++) input += weight[i * units + j] * state[j];\n"
        "        state[i] = u[i] < 1 / (1 + exp(-input / temperature));\n"
        "    }\n}\n\n"
        "double temperature_at(double hot, double cold, int sweeps, int i)\n{\n"
        "    return hot * pow(cold / hot, (double)i / (sweeps - 1));\n}\n",
    .call = "    double lesson_state[3] = {in[12], in[13], in[14]};\n"
            "    out[0] = energy(in, in + 9, 3, in + 12);\n    probabilities(in, in + 9, 3, in[15], out + 1);\n"
            "    sweep(in, in + 9, 3, in[15], in + 16, lesson_state);\n"
            "    for (int i = 0; i < 3; i++) out[9 + i] = lesson_state[i];\n"
            "    out[12] = temperature_at(in[19], in[20], (int)in[21], (int)in[22]);",
    .hints =
        {{"Write energy first and let probabilities call it for each state: 2^units times, then divide by the sum.",
          "先写 energy，再让 probabilities 对每个状态调用它：共 2^units 次，然后除以总和。"},
         {"sweep writes into state as it goes; so the next unit sees the new value by itself.",
          "sweep 一边算一边写入 state；下一个单元自然看到新的值。"},
         {"state[i] = u[i] < 1 / (1 + exp(-input / temperature)); hot * pow(cold / hot, (double)i / (sweeps - 1)).",
          "state[i] = u[i] < 1 / (1 + exp(-input / temperature))；hot * pow(cold / hot, (double)i / (sweeps - 1))。"}},
    .after =
        {"From C: fov_boltzmann_anneal and fov_boltzmann_gradient do this for up to 5,000 units (fovea/classic.h).",
         "在 C 里：fov_boltzmann_anneal 和 fov_boltzmann_gradient 可用于多达 5,000 个单元（fovea/classic.h）。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
