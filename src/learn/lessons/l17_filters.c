/* SPDX-License-Identifier: MIT */
/* Lesson 17: filters that people designed: mean, Sobel, unsharp mask, and how numbers become pixels again. */
#include "learn/lesson.h"

#include <fovea/filter.h>
#include <math.h>

enum { H = 5, W = 6, PIXELS = H * W };
enum {
    NOT_DIVIDED = 1,
    ZERO_BORDER,
    MIRROR_AT_PIXEL,
    WRAPPED_AROUND,
    BORDER_FORGOTTEN,
    X_AND_Y,
    SUM_OF_SIZES,
    NO_PICTURE,
    WRAPS,
    NOT_ROUNDED
};

static int given(const double *in, struct part *parts)
{
    (void)in;
    parts[0] = (struct part){"picture", H, W};
    return 1;
}

static int answered(const double *in, struct part *parts)
{
    static const char *const names[] = {"mean", "sobel_x", "edges", "sharp", "shown"};
    (void)in;
    for (int i = 0; i < 5; i++) {
        parts[i] = (struct part){names[i], H, W};
    }
    return 5;
}

static int draw(struct draw *d, int index, double *in)
{
    int edge = draw_integer(d, 1, W - 2), low = draw_integer(d, 0, 60), high = draw_integer(d, 180, 255);
    for (int i = 0; i < PIXELS; i++) {
        in[i] = index == 0       ? (i % W < 3 ? 10 : 200)
                : index % 2 == 1 ? (i % W < edge ? low : high) - i / W
                                 : draw_integer(d, 0, 255);
    }
    return PIXELS;
}

/* A pixel; outside, the picture is mirrored at its edge: b a | a b c. Mistakes have other borders: zeros; the mirror in
 * the middle of the outermost pixel, c b | a b c; the opposite side of the picture; or, where the border is forgotten,
 * what memory holds there. */
static double pixel(const double *picture, int y, int x, int mistake)
{
    bool outside = y < 0 || y >= H || x < 0 || x >= W;
    int at = y * W + x;
    switch (mistake) {
    case ZERO_BORDER:
        return outside ? 0 : picture[at];
    case BORDER_FORGOTTEN:
        return at < 0 || at >= PIXELS ? 0 : picture[at];
    case MIRROR_AT_PIXEL:
        y = y < 0 ? -y : y >= H ? 2 * H - 2 - y : y;
        x = x < 0 ? -x : x >= W ? 2 * W - 2 - x : x;
        break;
    case WRAPPED_AROUND:
        y = (y + H) % H;
        x = (x + W) % W;
        break;
    default:
        y = y < 0 ? -1 - y : y >= H ? 2 * H - 1 - y : y;
        x = x < 0 ? -1 - x : x >= W ? 2 * W - 1 - x : x;
        break;
    }
    return picture[y * W + x];
}

static double around(const double *picture, const double *kernel, int i, int mistake)
{
    double sum = 0;
    for (int k = 0; k < 9; k++) {
        sum += kernel[k] * pixel(picture, i / W + k / 3 - 1, i % W + k % 3 - 1, mistake);
    }
    return sum;
}

static void answer(const double *in, int mistake, double *out)
{
    static const double ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, across[] = {-1, 0, 1, -2, 0, 2, -1, 0, 1},
                        down[] = {-1, -2, -1, 0, 0, 0, 1, 2, 1};
    for (int i = 0; i < PIXELS; i++) {
        double mean = around(in, ones, i, mistake) / (mistake == NOT_DIVIDED ? 1 : 9);
        double x = around(in, mistake == X_AND_Y ? down : across, i, mistake),
               y = around(in, mistake == X_AND_Y ? across : down, i, mistake);
        double sharp = mistake == NO_PICTURE ? in[i] - mean : in[i] + (in[i] - mean);
        double rounded = mistake == NOT_ROUNDED ? trunc(sharp) : floor(sharp + 0.5);
        out[i] = mean;
        out[PIXELS + i] = x;
        out[2 * PIXELS + i] = mistake == SUM_OF_SIZES ? fabs(x) + fabs(y) : sqrt(x * x + y * y);
        out[3 * PIXELS + i] = sharp;
        out[4 * PIXELS + i] = mistake == WRAPS ? rounded - 256 * floor(rounded / 256) : fmin(fmax(rounded, 0), 255);
    }
}

/* The library's own filters. `sharp` and `shown` are computed from its mean by the rule, since fov_filter_pixels takes
 * absolute values of derivatives. */
static int engine(fov_context *context, const double *in, double *out)
{
    static const char *const names[] = {"box3", "sobel-x", "sobel-magnitude"};
    float picture[PIXELS], result[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        picture[i] = (float)in[i];
    }
    for (int f = 0; f < 3; f++) {
        int status = fov_filter(context, names[f], picture, H, W, 1, FOV_BORDER_REFLECT, result);
        if (status != FOV_OK) {
            return status;
        }
        for (int i = 0; i < PIXELS; i++) {
            out[f * PIXELS + i] = (double)result[i];
        }
    }
    for (int i = 0; i < PIXELS; i++) {
        out[3 * PIXELS + i] = 2 * in[i] - out[i];
        out[4 * PIXELS + i] = fmin(fmax(floor(2 * in[i] - out[i] + 0.5), 0), 255);
    }
    return FOV_OK;
}

/* A picture or a result as grey squares with their numbers. */
static void tiles(struct picture *p, double left, double top, const double *values, double black, double white,
                  struct words name)
{
    enum { SIDE = 24 };
    picture_words(p, left + SIDE * W / 2.0, top - 8, 0, 13, PICTURE_INK, name);
    for (int i = 0; i < PIXELS; i++) {
        int grey = (int)(255 * fmin(fmax((values[i] - black) / (white - black), 0), 1));
        char color[8], number[32];
        snprintf(color, sizeof color, "#%02x%02x%02x", grey, grey, grey);
        snprintf(number, sizeof number, "%.0f", values[i]);
        picture_box(p, left + i % W * SIDE, top + i / W * SIDE, SIDE, SIDE, color, color);
        picture_text(p, left + i % W * SIDE + SIDE / 2.0, top + i / W * SIDE + 15, 0, 8,
                     grey > 127 ? "#000000" : "#ffffff", number);
    }
}

/* The first case, an edge, and what each filter makes of it. */
static void picture(struct picture *p)
{
    struct draw none = draw_from(0);
    double in[PIXELS], out[5 * PIXELS];
    draw(&none, 0, in);
    answer(in, 0, out);
    picture_size(p, 500, 345);
    tiles(p, 15, 35, in, 0, 255, (struct words){"picture", "图"});
    tiles(p, 175, 35, out, 0, 255, (struct words){"mean", "mean 均值"});
    tiles(p, 335, 35, out + PIXELS, -800, 800, (struct words){"sobel_x", "sobel_x"});
    tiles(p, 15, 200, out + 2 * PIXELS, 0, 800, (struct words){"edges", "edges 边缘"});
    tiles(p, 175, 200, out + 3 * PIXELS, -60, 270, (struct words){"sharp", "sharp 锐化"});
    tiles(p, 335, 200, out + 4 * PIXELS, 0, 255, (struct words){"shown: 0 to 255", "shown：0 到 255"});
}

static const struct mistake mistakes[] = {
    {"not-divided",
     {"your mean is nine times the right one: nine pixels are added, so divide by 9, or a grey picture grows brighter",
      "你的 mean 是正确值的九倍：加了九个像素，要除以 9，否则灰图会变亮"},
     "/ 9",
     "/ 1"},
    {"zero-border",
     {"outside the picture you take 0: the border grows dark and edges appear that are none. Mirror it: row -1 is row "
      "0",
      "图外你取了 0：边界会变暗，还会冒出本来没有的边缘。应当镜像：第 -1 行就是第 0 行"},
     "static double at(const double *p, int height, int width, int y, int x)\n{\n",
     "static double at(const double *p, int height, int width, int y, int x)\n{\n    if (y < 0 || y >= height || x < 0 "
     "|| x >= width) return 0;\n"},
    {"mirror-at-pixel",
     {"your mirror stands in the middle of the outermost pixel, as OpenCV's BORDER_REFLECT_101 does: row -1 is row 1. Here "
      "it stands at the picture's edge: row -1 is row 0, so y < 0 becomes -1 - y",
      "你的镜子立在最外一个像素的中间，像 OpenCV 的 BORDER_REFLECT_101：第 -1 行是第 1 行。这里镜子立在图的边缘：第 -1 行是"
      "第 0 行，所以 y < 0 变为 -1 - y"},
     "    y = y < 0 ? -1 - y : y >= height ? 2 * height - 1 - y : y;\n"
     "    x = x < 0 ? -1 - x : x >= width ? 2 * width - 1 - x : x;\n",
     "    y = y < 0 ? -y : y >= height ? 2 * height - 2 - y : y;\n"
     "    x = x < 0 ? -x : x >= width ? 2 * width - 2 - x : x;\n"},
    {"wrapped-around",
     {"outside the picture you take its other side, as a roll of wallpaper goes on: the left edge meets the right one. "
      "Mirror it: row -1 is row 0",
      "图外你取了图的另一侧，像壁纸那样接下去：左边缘碰上了右边缘。应当镜像：第 -1 行就是第 0 行"},
     "    y = y < 0 ? -1 - y : y >= height ? 2 * height - 1 - y : y;\n"
     "    x = x < 0 ? -1 - x : x >= width ? 2 * width - 1 - x : x;\n",
     "    y = (y + height) % height;\n"
     "    x = (x + width) % width;\n"},
    {"border-forgotten",
     {"the border is forgotten: left of column 0 you read the last pixel of the row above, right of the last column the "
      "first of the row below, and above and below the picture numbers that are none of its. Mirror it: row -1 is row 0",
      "忘了边界：第 0 列左边读到的是上一行的最后一个像素，最后一列右边是下一行的第一个，图的上面和下面则根本不是它的数。应当"
      "镜像：第 -1 行就是第 0 行"},
     "    y = y < 0 ? -1 - y : y >= height ? 2 * height - 1 - y : y;\n"
     "    x = x < 0 ? -1 - x : x >= width ? 2 * width - 1 - x : x;\n",
     ""},
    {"x-and-y",
     {"sobel_x is Sobel's other kernel: x finds what changes from left to right, so its columns are -1 0 1",
      "sobel_x 用了另一个 Sobel 核：x 找从左到右的变化，所以列是 -1 0 1"},
     "static const double across[] = {-1, 0, 1, -2, 0, 2, -1, 0, 1}, down[] = {-1, -2, -1, 0, 0, 0, 1, 2, 1};",
     "static const double down[] = {-1, 0, 1, -2, 0, 2, -1, 0, 1}, across[] = {-1, -2, -1, 0, 0, 0, 1, 2, 1};"},
    {"sum-of-sizes",
     {"edges adds the two sizes; a slope of x to the right and y down has length sqrt(x*x + y*y)",
      "edges 把两个绝对值相加了；向右 x、向下 y 的斜率，长度是 sqrt(x*x + y*y)"},
     "sqrt(x * x + y * y)",
     "fabs(x) + fabs(y)"},
    {"no-picture",
     {"sharp is only what the mean takes away; it must be added to the picture: p + (p - mean)",
      "sharp 只是被 mean 去掉的部分；要加回图上：p + (p - mean)"},
     "picture[i] + (picture[i] - mean[i])",
     "picture[i] - mean[i]"},
    {"wraps",
     {"shown wraps round: 260 became 4, bright became black. Hold it within 0 and 255",
      "shown 绕回去了：260 变成 4，亮变成黑。要限制在 0 到 255"},
     "v < 0 ? 0 : v > 255 ? 255 : v",
     "v - 256 * floor(v / 256)"},
    {"not-rounded",
     {"shown is cut off, not rounded: 9.7 is 10, not 9", "shown 被截断了，没有四舍五入：9.7 应是 10，不是 9"},
     "floor(sharp[i] + 0.5)",
     "trunc(sharp[i])"},
    {.name = NULL},
};

#define HEAD                                                      \
    "#include <math.h>\n\n"                                       \
    "void filter(const double *picture, int height, int width,\n" \
    "            double *mean, double *sobel_x, double *edges, double *sharp, double *shown)\n{\n"

const struct lesson lesson_filters = {
    .number = 17,
    .name = "filters",
    .title = {"Filters: kernels that people designed", "滤波器：人工设计的卷积核"},
    .text = {"Before networks learned their kernels, people made them. Each is an idea in nine\n"
             "numbers:\n"
             "\n"
             "    mean              Sobel, x          Sobel, y\n"
             "    1 1 1             -1 0 1            -1 -2 -1\n"
             "    1 1 1  / 9        -2 0 2             0  0  0\n"
             "    1 1 1             -1 0 1             1  2  1\n"
             "\n"
             "The mean's numbers add up to 1, so a grey wall stays as grey as it was; it only\n"
             "blurs. Sobel's add up to 0, so a wall gives 0, and what changes from left to\n"
             "right (x) or from top to bottom (y) gives much. The strength of an edge,\n"
             "whichever way it runs, is sqrt(x^2 + y^2).\n"
             "\n"
             "By hand: an edge from 10 to 200. At its left side Sobel x gives -1*10 - 2*10 -\n"
             "1*10 + 1*200 + 2*200 + 1*200 = 760.\n"
             "\n"
             "Unsharp mask, known from darkrooms: p - mean is what blurring takes away, the\n"
             "fine detail. Add it once more: sharp = p + (p - mean).\n"
             "\n"
             "Two things that every program gets wrong once. At the border the kernel looks\n"
             "outside: here the picture goes on as in a mirror, row -1 is row 0. And results\n"
             "are no pixels: 760 or -3.7 must be rounded and held within 0 .. 255 before they\n"
             "are shown.\n"
             "\n"
             "A trained network's first layer looks much like these kernels: nobody told it\n"
             "so.\n"
             "\n"
             "Your task: mean, sobel_x, edges, sharp, and shown, which is sharp as pixels. On\n"
             "photos: fovea filter --sheet PHOTO -o sheet.png.",
             "网络自己学到卷积核之前，核是人工设计的。每个核是用九个数写下的一个想法：\n"
             "\n"
             "    mean 均值         Sobel x           Sobel y\n"
             "    1 1 1             -1 0 1            -1 -2 -1\n"
             "    1 1 1  / 9        -2 0 2             0  0  0\n"
             "    1 1 1             -1 0 1             1  2  1\n"
             "\n"
             "均值核的数加起来是 1，所以灰墙还是一样灰，只是变模糊。Sobel 的数加起来是 0，所以\n"
             "墙给出 0，而从左到右（x）或从上到下（y）有变化的地方给出大的数。不论走向，边缘的\n"
             "强度是 sqrt(x^2 + y^2)。\n"
             "\n"
             "手算：从 10 到 200 的边缘。在它左侧，Sobel x 给出 -1*10 - 2*10 - 1*10 + 1*200 +\n"
             "2*200 + 1*200 = 760。\n"
             "\n"
             "反锐化掩模（unsharp mask）是暗房里的老办法：p - mean 是模糊所去掉的细节，再加一\n"
             "次：sharp = p + (p - mean)。\n"
             "\n"
             "有两件事每个程序都会错一次。在边界上核会看到图外：这里图像像镜子里一样延续，第\n"
             "-1 行就是第 0 行。另外，结果还不是像素：760 或 -3.7 要先四舍五入并限制在\n"
             "0 .. 255 才能显示。\n"
             "\n"
             "训练好的网络，第一层的核很像这些，虽然没有人教过它。\n"
             "\n"
             "任务：mean、sobel_x、edges、sharp，以及 shown，即作为像素的 sharp。用在照片上：\n"
             "fovea filter --sheet PHOTO -o sheet.png。"},
    .brief = {"Five pictures [height][width] from one: mean, sobel_x, edges (of Sobel x and y), sharp, and shown:\n"
              "sharp, rounded (half up) and held within 0 and 255. Outside, the picture is mirrored: row -1 is row 0.",
              "由一张图得到五张 [height][width]：mean、sobel_x、edges（由 Sobel x 和 y）、sharp，以及 shown：\n"
              "把 sharp 四舍五入并限制在 0 到 255。图外按镜像延续：第 -1 行就是第 0 行。"},
    .stub = HEAD "    for (int i = 0; i < height * width; i++) {\n"
                 "        mean[i] = sobel_x[i] = edges[i] = sharp[i] = shown[i] = 0;\n    }\n}\n",
    .solution =
        "#include <math.h>\n\n"
        "static double at(const double *p, int height, int width, int y, int x)\n{\n"
        "    y = y < 0 ? -1 - y : y >= height ? 2 * height - 1 - y : y;\n"
        "    x = x < 0 ? -1 - x : x >= width ? 2 * width - 1 - x : x;\n"
        "    return p[y * width + x];\n}\n\n"
        "static double around(const double *p, int height, int width, int y, int x, const double *kernel)\n{\n"
        "    double sum = 0;\n"
        "    for (int k = 0; k < 9; k++) sum += kernel[k] * at(p, height, width, y + k / 3 - 1, x + k % 3 - 1);\n"
        "    return sum;\n}\n\n"
        "void filter(const double *picture, int height, int width,\n"
        "            double *mean, double *sobel_x, double *edges, double *sharp, double *shown)\n{\n"
        "    static const double ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};\n"
        "    static const double across[] = {-1, 0, 1, -2, 0, 2, -1, 0, 1}, down[] = {-1, -2, -1, 0, 0, 0, 1, 2, 1};\n"
        "    for (int i = 0; i < height * width; i++) {\n"
        "        double x = around(picture, height, width, i / width, i % width, across);\n"
        "        double y = around(picture, height, width, i / width, i % width, down);\n"
        "        mean[i] = around(picture, height, width, i / width, i % width, ones) / 9;\n"
        "        sobel_x[i] = x;\n"
        "        edges[i] = sqrt(x * x + y * y);\n"
        "        sharp[i] = picture[i] + (picture[i] - mean[i]);\n"
        "        double v = floor(sharp[i] + 0.5);\n"
        "        shown[i] = v < 0 ? 0 : v > 255 ? 255 : v;\n"
        "    }\n}\n",
    .call = "    filter(in, 5, 6, out, out + 30, out + 60, out + 90, out + 120);",
    .tolerance = 1e-8,
    .hints = {{"Write one function that gives a pixel at (y, x), mirrored outside; then all else is loops of nine.",
               "先写一个函数，给出 (y, x) 处的像素，图外镜像；其余都是九次循环。"},
              {"A mirror: y < 0 becomes -1 - y, y >= height becomes 2*height - 1 - y.",
               "镜像：y < 0 变为 -1 - y，y >= height 变为 2*height - 1 - y。"},
              {"shown: v = floor(sharp + 0.5), then 0 where v < 0 and 255 where v > 255.",
               "shown：v = floor(sharp + 0.5)，v < 0 取 0，v > 255 取 255。"}},
    .after = {"fovea filter sobel-x PHOTO --explain ROW,COLUMN prints such a sum for a pixel of your own photo.",
              "fovea filter sobel-x PHOTO --explain ROW,COLUMN 会为你自己照片的一个像素列出这样的和。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
