/* SPDX-License-Identifier: MIT */
/* Lesson 32, a side branch: what answers are worth. Precision, recall, F1, R2, and what two of them say together about
 * over- and underfitting. Its picture is drawn from small learners that are trained while it is drawn. */
#include "learn/lesson.h"

#include <fovea/metrics.h>
#include <math.h>
#include <string.h>

enum { N = 10, M = 6 };
enum { ANSWERS = N, Y = 2 * N, P = Y + M, TRAINING = P + M, VALIDATION, WANTED, ALL };
enum { SWAPPED = 1, ACCURACY, PLAIN_MEAN, EMPTY, FROM_ZERO, OF_ANSWERS, ROOT, BY_VALIDATION };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"truth", 1, N},    {"answers", 1, N},    {"y", 1, M},     {"p", 1, M},
                               {"training", 1, 1}, {"validation", 1, 1}, {"wanted", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 7;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"precision", 1, 1}, {"recall", 1, 1}, {"f1", 1, 1}, {"r2", 1, 1}, {"fit", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 5;
}

static int draw(struct draw *d, int index, double *in)
{
    static const double truth[N] = {1, 1, 1, 1, 0, 0, 0, 0, 0, 0}, answers[N] = {1, 1, 1, 0, 1, 1, 0, 0, 0, 0},
                        y[M] = {1, 2, 3, 4, 5, 6}, p[M] = {1, 2, 3, 5, 5, 5};
    for (int i = 0; i < N; i++) {
        in[i] = index == 0 ? truth[i] : draw_integer(d, 0, 2) == 0;
        in[ANSWERS + i] = index == 0 ? answers[i] : index == 1 ? 0 : draw_integer(d, 0, 1); /* 1: never a yes */
    }
    for (int i = 0; i < M; i++) {
        in[Y + i] = index == 0 ? y[i] : draw_short(d, 2, 9, 1);
        in[P + i] = index == 0 ? p[i] : in[Y + i] + draw_short(d, -2, 2, 1);
    }
    in[Y] = index == 0 ? 1 : 1.5; /* not all the same */
    in[WANTED] = draw_short(d, 0.05, 0.1, 2);
    in[TRAINING] = in[WANTED] * (index % 3 == 0 ? 3 : 0.5); /* learned too little, or enough */
    in[VALIDATION] = in[TRAINING] + in[WANTED] * (index % 3 == 1 ? 2 : 0.75);
    return ALL;
}

static double by(double a, double b, int mistake)
{
    return b == 0 && mistake != EMPTY ? 0 : a / b;
}

static double r2(const double *y, const double *p, int count, int mistake)
{
    double mean = 0, left = 0, all = 0;
    for (int i = 0; i < count; i++) {
        mean += (mistake == OF_ANSWERS ? p[i] : y[i]) / count;
    }
    mean = mistake == FROM_ZERO ? 0 : mean;
    for (int i = 0; i < count; i++) {
        left += (y[i] - p[i]) * (y[i] - p[i]);
        all += (y[i] - mean) * (y[i] - mean);
    }
    return 1 - (mistake == ROOT ? sqrt(left / all) : left / all);
}

static void answer(const double *in, int mistake, double *out)
{
    double both = 0, said = 0, are = 0, right = 0;
    for (int i = 0; i < N; i++) {
        both += in[i] * in[ANSWERS + i];
        said += in[ANSWERS + i];
        are += in[i];
        right += in[i] == in[ANSWERS + i];
    }
    double precision = mistake == ACCURACY ? right / N : by(both, said, mistake), recall = by(both, are, mistake);
    out[0] = mistake == SWAPPED ? recall : precision;
    out[1] = mistake == SWAPPED ? precision : recall;
    out[2] = mistake == PLAIN_MEAN ? (precision + recall) / 2 : by(2 * precision * recall, precision + recall, mistake);
    out[3] = r2(in + Y, in + P, M, mistake);
    double gap = mistake == BY_VALIDATION ? in[VALIDATION] : in[VALIDATION] - in[TRAINING];
    out[4] = in[TRAINING] > in[WANTED] ? -1 : gap > in[WANTED] ? 1 : 0;
}

/* ---- the engine: the measures that fovea eval prints ------------------------------------------------------------------ */

/* A figure of class 1 of two, "yes"; NaN: it is not there. */
static double of_yes(const fov_metrics *metrics, const char *name)
{
    for (int i = 0; i < fov_metrics_count(metrics); i++) {
        fov_figure figure = fov_metrics_at(metrics, i);
        if (strcmp(figure.name, name) == 0 && figure.columns == 2) {
            return figure.values[1];
        }
    }
    return (double)NAN;
}

static int engine(fov_context *context, const double *in, double *out)
{
    int32_t truth[N], answers[N];
    for (int i = 0; i < N; i++) {
        truth[i] = (int32_t)in[i];
        answers[i] = (int32_t)in[ANSWERS + i];
    }
    fov_metrics *classes = fov_metrics_classes(context, N, 2, truth, NULL, answers);
    fov_metrics *values = classes != NULL ? fov_metrics_values(context, M, 1, in + Y, in + P) : NULL;
    if (values != NULL) {
        out[0] = of_yes(classes, "per_class.precision");
        out[1] = of_yes(classes, "per_class.recall");
        out[2] = of_yes(classes, "per_class.f1");
        out[3] = fov_metrics_number(values, "r2");
        out[4] = in[TRAINING] > in[WANTED] ? -1 : in[VALIDATION] - in[TRAINING] > in[WANTED] ? 1 : 0; /* the rule's own */
    }
    fov_metrics_free(values);
    fov_metrics_free(classes);
    return values != NULL ? (int)FOV_OK : (int)fov_error_status(context);
}

/* ---- the picture: learners in small ------------------------------------------------------------------------------- */

enum { POINTS = 12, MOST = 12 };

struct polynomial {
    int terms; /* degree + 1 */
    double weight[MOST];
};

/* A sum of Chebyshev polynomials: powers of x are too alike for the normal equations. */
static double evaluate(double x, const void *with)
{
    const struct polynomial *f = with;
    double before = 1, now = x, sum = f->weight[0];
    for (int k = 1; k < f->terms; k++) {
        sum += f->weight[k] * now;
        double next = 2 * x * now - before;
        before = now, now = next;
    }
    return sum;
}

static double term(double x, int k)
{
    return cos(k * acos(x));
}

static double curve(double x, const void *with)
{
    return (void)with, sin(3.5 * x) * 0.7;
}

/* Least squares by the normal equations, solved by Gaussian elimination without pivoting. */
static struct polynomial learn(const double *x, const double *y, int count, int terms)
{
    double a[MOST][MOST + 1] = {{0}};
    struct polynomial f = {.terms = terms};
    for (int i = 0; i < count; i++) {
        for (int r = 0; r < terms; r++) {
            for (int c = 0; c < terms; c++) {
                a[r][c] += term(x[i], r) * term(x[i], c);
            }
            a[r][terms] += term(x[i], r) * y[i];
        }
    }
    for (int k = 0; k < terms; k++) {
        for (int r = k + 1; r < terms; r++) {
            double times = a[r][k] / a[k][k];
            for (int c = k; c <= terms; c++) {
                a[r][c] -= times * a[k][c];
            }
        }
    }
    for (int k = terms - 1; k >= 0; k--) {
        f.weight[k] = a[k][terms];
        for (int c = k + 1; c < terms; c++) {
            f.weight[k] -= a[k][c] * f.weight[c];
        }
        f.weight[k] /= a[k][k];
    }
    return f;
}

/* The same curve with noise, learned by polynomials of three degrees; R2 on its points and on twelve others. */
static void draw_fits(struct picture *p)
{
    static const int degrees[] = {1, 4, 11};
    static const struct words names[] = {
        {"underfitting: degree 1", "欠拟合：1 次"}, {"degree 4", "4 次多项式"}, {"overfitting: degree 11", "过拟合：11 次"}};
    double x[2 * POINTS], y[2 * POINTS];
    struct draw noise = draw_from(3);
    for (int i = 0; i < 2 * POINTS; i++) {
        x[i] = -0.95 + 1.9 * (i % POINTS + (i < POINTS ? 0 : 0.5)) / POINTS;
        y[i] = curve(x[i], NULL) + 0.15 * draw_normal(&noise);
    }
    for (int k = 0; k < 3; k++) {
        double left = 30 + 180 * k, of_learned[POINTS], of_others[POINTS];
        char text[64];
        struct polynomial f = learn(x, y, POINTS, degrees[k] + 1);
        picture_frame(p, left, 30, left + 150, 150, -1, 1, -1.5, 1.5);
        picture_curve(p, evaluate, &f, PICTURE_INK);
        for (int i = 0; i < 2 * POINTS; i++) {
            const char *color = i < POINTS ? PICTURE_BLUE : PICTURE_ORANGE;
            picture_circle(p, picture_x(p, x[i]), picture_y(p, y[i]), 2.5, color, color);
            (i < POINTS ? of_learned : of_others)[i % POINTS] = evaluate(x[i], &f);
        }
        picture_words(p, left + 75, 20, 0, 12, PICTURE_INK, names[k]);
        snprintf(text, sizeof text, "R2 %.2f", r2(y, of_learned, POINTS, 0));
        picture_text(p, left, 180, -1, 11, PICTURE_BLUE, text);
        snprintf(text, sizeof text, "R2 %.2f", r2(y + POINTS, of_others, POINTS, 0));
        picture_text(p, left + 150, 180, 1, 11, PICTURE_ORANGE, text);
    }
    picture_words(p, 30, 200, -1, 11, PICTURE_BLUE, (struct words){"points that were learned from", "学过的点"});
    picture_words(p, 210, 200, -1, 11, PICTURE_ORANGE, (struct words){"points of the same curve that were not", "同一条曲线上没学过的点"});
}

/* A sigmoid neuron learns to separate two clusters of numbers, one three times as large as the other; then the
 * threshold above which it says yes is varied. */
static void draw_thresholds(struct picture *p)
{
    enum { SAMPLES = 400, STEPS = 41 };
    double x[SAMPLES], truth[SAMPLES], w = 0, b = 0, at[STEPS], precision[STEPS], recall[STEPS], f1[STEPS];
    struct draw noise = draw_from(7);
    for (int i = 0; i < SAMPLES; i++) {
        truth[i] = i % 4 == 0;
        x[i] = draw_normal(&noise) + (truth[i] > 0 ? 1 : -1);
    }
    for (int epoch = 0; epoch < 300; epoch++) {
        double of_w = 0, of_b = 0;
        for (int i = 0; i < SAMPLES; i++) {
            double slope = (1 / (1 + exp(-(w * x[i] + b))) - truth[i]) / SAMPLES;
            of_w += slope * x[i], of_b += slope;
        }
        w -= of_w, b -= of_b;
    }
    for (int s = 0; s < STEPS; s++) {
        double both = 0, said = 0, are = SAMPLES / 4;
        at[s] = (s + 0.5) / (STEPS + 1);
        for (int i = 0; i < SAMPLES; i++) {
            bool yes = 1 / (1 + exp(-(w * x[i] + b))) > at[s];
            both += yes && truth[i] > 0;
            said += yes;
        }
        precision[s] = by(both, said, 0), recall[s] = by(both, are, 0);
        f1[s] = by(2 * precision[s] * recall[s], precision[s] + recall[s], 0);
    }
    picture_frame(p, 30, 215, 390, 345, 0, 1, 0, 1);
    picture_path(p, at, precision, STEPS, PICTURE_BLUE, 0);
    picture_path(p, at, recall, STEPS, PICTURE_ORANGE, 0);
    picture_path(p, at, f1, STEPS, PICTURE_INK, 0);
    picture_words(p, 210, 373, 0, 12, PICTURE_INK, (struct words){"says yes above this probability", "概率高于此值就说“是”"});
    picture_words(p, 402, 240, -1, 12, PICTURE_BLUE, (struct words){"precision: of its yeses, right", "精确率：说“是”的里对多少"});
    picture_words(p, 402, 280, -1, 12, PICTURE_INK, (struct words){"F1: high only where both are", "F1：两者都高它才高"});
    picture_words(p, 402, 320, -1, 12, PICTURE_ORANGE, (struct words){"recall: of all there are, found", "召回率：真有的里找到多少"});
}

static void picture(struct picture *p)
{
    picture_size(p, 580, 385);
    draw_fits(p);
    draw_thresholds(p);
}

static const struct mistake mistakes[] = {
    {"swapped",
     {"precision and recall are exchanged: precision divides by what was ANSWERED yes, recall by what IS yes",
      "精确率和召回率弄反了：精确率除以“答了”是的个数，召回率除以“真正”是的个数"},
     "*precision = ratio(both, said);\n    *recall = ratio(both, are);",
     "*precision = ratio(both, are);\n    *recall = ratio(both, said);"},
    {"accuracy",
     {"that is the accuracy: the noes that are rightly noes count in it, and where yes is rare they are nearly all",
      "那是准确率：它把正确的“否”也算进去；“是”很少时，几乎全是它们"},
     "*precision = ratio(both, said);",
     "*precision = 0;\n    for (int i = 0; i < n; i++) *precision += (truth[i] == answers[i]) / (double)n;"},
    {"plain-mean",
     {"F1 is the harmonic mean, 2 p r / (p + r): the plain one would praise whoever always says yes",
      "F1 是调和平均 2 p r / (p + r)：普通平均会表扬永远说“是”的人"},
     "ratio(2 * *precision * *recall, *precision + *recall)",
     "(*precision + *recall) / 2"},
    {"empty",
     {"without a yes among the answers there is 0 / 0; it counts as 0 here",
      "答案里一个“是”都没有时是 0 / 0；这里算作 0"},
     "return b == 0 ? 0 : a / b;",
     "return a / b;"},
    {"from-zero",
     {"R2 compares with whoever always answers the MEAN of y; you compared with whoever always answers 0",
      "R2 是与每次都回答 y 的“平均值”相比；你比的是每次都回答 0"},
     "all += (y[i] - mean) * (y[i] - mean);",
     "all += y[i] * y[i];"},
    {"of-answers",
     {"the mean is of the truth y, not of the answers p", "平均值是真值 y 的，不是答案 p 的"},
     "mean += y[i] / n;",
     "mean += p[i] / n;"},
    {"root",
     {"you divided roots; R2 divides the sums of squares as they are", "你除的是平方根；R2 直接用平方和相除"},
     "return 1 - left / all;",
     "return 1 - sqrt(left / all);"},
    {"by-validation",
     {"overfitting is the GAP between validation and training; a validation error alone may as well come from a hard "
      "task",
      "过拟合看的是验证与训练之间的“差距”；单看验证误差，也可能只是任务本身难"},
     "validation - training > wanted",
     "validation > wanted"},
    {.name = NULL},
};

const struct lesson lesson_figures = {
    .number = 32,
    .name = "figures",
    .title = {"What answers are worth: precision, recall, F1, R2, over- and underfitting",
              "怎样衡量答案：精确率、召回率、F1、R2，过拟合与欠拟合"},
    .text = {"Of 1000 pictures 10 show a fault. Whoever always says \"no fault\" is right for\n"
             "990 of them: accuracy 99 %, and of no use. Two questions tell more:\n"
             "\n"
             "    precision   of those it called faults, how many are?       both / said\n"
             "    recall      of the faults there are, how many did it call? both / are\n"
             "\n"
             "both: rightly called yes; said: called yes; are: truly yes. The two pull against\n"
             "each other: who says yes sooner finds more and is wrong more often (the picture\n"
             "moves the threshold of a neuron that it has just trained). One figure for both\n"
             "is F1 = 2 p r / (p + r), which is low where either is. 0 / 0 counts as 0.\n"
             "\n"
             "By hand: 4 of 10 are yes; answered yes 5 times, 3 of them rightly. precision 3/5\n"
             "= 0.6, recall 3/4 = 0.75, F1 = 0.9 / 1.35 = 0.667.\n"
             "\n"
             "Where answers are numbers, compare with whoever always answers the mean:\n"
             "\n"
             "    R2 = 1 - sum of (y - p)^2 / sum of (y - mean of y)^2\n"
             "\n"
             "1 is perfect, 0 is no better than the mean, below 0 is worse. By hand: y = (1,\n"
             "2, 3, 4, 5, 6), p = (1, 2, 3, 5, 5, 5): 1 - 2 / 17.5 = 0.886.\n"
             "\n"
             "Each of these means something only on samples that were not learned from. On the\n"
             "training and the validation samples, side by side, they tell what is wrong:\n"
             "\n"
             "    underfitting (-1)   the error is too large on the training samples already:\n"
             "                        training > wanted. A larger network, longer training.\n"
             "    overfitting (1)     else, and validation - training > wanted. More samples,\n"
             "                        augmentation, dropout, an earlier stop.\n"
             "    neither (0)\n"
             "\n"
             "    fovea train --model mlp --data digits:200 --epochs 60 --lr 0.1\n"
             "\n"
             "overfits; its report.html has all these figures as pictures.\n"
             "\n"
             "Your task: precision, recall and F1 of yes (1); R2; and the verdict.",
             "1000 张图里有 10 张有瑕疵。永远说“没有瑕疵”，990 张都对：准确率 99 %，却毫无用\n"
             "处。两个问题更说明问题：\n"
             "\n"
             "    precision   说有瑕疵的里面，多少真有？       both / said\n"
             "    recall      真有瑕疵的里面，找到了多少？     both / are\n"
             "\n"
             "both：说“是”且说对；said：说“是”；are：真正“是”。两者此消彼长：越容易说“是”，找\n"
             "到的越多，错的也越多（图里移动了一个刚训练好的神经元的阈值）。合成一个数：F1 = 2\n"
             "p r / (p + r)，只要有一个低它就低。0 / 0 算作 0。\n"
             "\n"
             "手算：10 个里 4 个“是”；答了 5 次“是”，其中 3 次对。precision 3/5 = 0.6，recall\n"
             "3/4 = 0.75，F1 = 0.9 / 1.35 = 0.667。\n"
             "\n"
             "答案是数时，与每次都回答平均值的人相比：\n"
             "\n"
             "    R2 = 1 - (y - p)^2 之和 / (y - y 的平均)^2 之和\n"
             "\n"
             "1 是完美，0 不比平均值强，负数更差。手算：y = (1, 2, 3, 4, 5, 6)，p = (1, 2, 3,\n"
             "5, 5, 5)：1 - 2 / 17.5 = 0.886。\n"
             "\n"
             "这些数只有在没学过的样本上才有意义。把训练样本和验证样本的误差并排看，就知道问题\n"
             "在哪里：\n"
             "\n"
             "    欠拟合（-1）   训练样本上的误差就已太大：training > wanted。\n"
             "                   用更大的网络，训练更久。\n"
             "    过拟合（1）    否则，且 validation - training > wanted。更多样本，数据增强，\n"
             "                   dropout，早些停止。\n"
             "    都不是（0）\n"
             "\n"
             "    fovea train --model mlp --data digits:200 --epochs 60 --lr 0.1\n"
             "\n"
             "会过拟合；它的 report.html 把这些数都画成了图。\n"
             "\n"
             "任务：“是”（1）的 precision、recall、F1；R2；以及判断。"},
    .brief = {"yes_figures: of answers against truth, each 0 or 1; 0 / 0 counts as 0. r2: of answers p against y.\n"
              "fit: -1 underfitting, 1 overfitting, 0 neither, from the errors in training and validation.",
              "yes_figures：答案与真值（都是 0 或 1）比较；0 / 0 算作 0。r2：答案 p 与 y 比较。\n"
              "fit：由训练和验证误差判断，-1 欠拟合，1 过拟合，0 都不是。"},
    .stub = "#include <math.h>\n\n"
            "void yes_figures(const int *truth, const int *answers, int n, double *precision, double *recall, double "
            "*f1)\n{\n"
            "    *precision = *recall = *f1 = 0;\n}\n\n"
            "double r2(const double *y, const double *p, int n)\n{\n    return 0;\n}\n\n"
            "int fit(double training, double validation, double wanted)\n{\n    return 0;\n}\n",
    .solution =
        "#include <math.h>\n\n"
        "static double ratio(double a, double b)\n{\n    return b == 0 ? 0 : a / b;\n}\n\n"
        "void yes_figures(const int *truth, const int *answers, int n, double *precision, double *recall, double "
        "*f1)\n{\n"
        "    int both = 0, said = 0, are = 0;\n"
        "    for (int i = 0; i < n; i++) both += truth[i] && answers[i], said += answers[i], are += truth[i];\n"
        "    *precision = ratio(both, said);\n    *recall = ratio(both, are);\n"
        "    *f1 = ratio(2 * *precision * *recall, *precision + *recall);\n}\n\n"
        "double r2(const double *y, const double *p, int n)\n{\n"
        "    double mean = 0, left = 0, all = 0;\n"
        "    for (int i = 0; i < n; i++) mean += y[i] / n;\n"
        "    for (int i = 0; i < n; i++) {\n"
        "        left += (y[i] - p[i]) * (y[i] - p[i]);\n"
        "        all += (y[i] - mean) * (y[i] - mean);\n"
        "    }\n    return 1 - left / all;\n}\n\n"
        "int fit(double training, double validation, double wanted)\n{\n"
        "    if (training > wanted) return -1;\n"
        "    return validation - training > wanted ? 1 : 0;\n}\n",
    .call = "    int lesson_truth[10], lesson_answers[10];\n"
            "    for (int i = 0; i < 10; i++) lesson_truth[i] = (int)in[i], lesson_answers[i] = (int)in[10 + i];\n"
            "    yes_figures(lesson_truth, lesson_answers, 10, &out[0], &out[1], &out[2]);\n"
            "    out[3] = r2(in + 20, in + 26, 6);\n    out[4] = fit(in[32], in[33], in[34]);",
    .hints = {{"Count three things in one loop: both, said, are. All three figures follow from them.",
               "一个循环数三样：both、said、are。三个数都由它们得出。"},
              {"r2 needs two loops: the mean of y first, then both sums of squares.",
               "r2 要两个循环：先求 y 的平均，再求两个平方和。"},
              {"fit: if (training > wanted) return -1; then look at validation - training.",
               "fit：if (training > wanted) return -1；再看 validation - training。"}},
    .after = {"fovea eval prints these of any model, and fovea report draws them (docs/metrics.md defines each).",
              "fovea eval 给出任何模型的这些数，fovea report 把它们画出来（定义见 docs/metrics.md）。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
