/* SPDX-License-Identifier: MIT */
/* Lesson 30, a side branch: U-Net. The output's size without padding, the skip connection that is cropped and stacked,
 * and the Dice loss. */
#include "learn/engine.h"
#include "learn/lesson.h"

#include <fovea/operators.h>
#include <string.h>

enum { C1 = 2, H = 4, W = 6, C2 = 1, SMALL = 2, N = 6 };
enum { LEVELS = 1, OLD = 2, NEW = OLD + C1 * H * W, P = NEW + C2 * SMALL * SMALL, T = P + N, ALL = T + N };
enum { PADDED = 1, ONE_CONV, NO_BOTTOM, NOT_ON_THE_WAY_UP, CORNER, NEW_FIRST, OVERLAP, NO_TWO, EMPTY };

static int given(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"input", 1, 1},           {"levels", 1, 1}, {"skip", C1 * H, W},
                               {"up", C2 * SMALL, SMALL}, {"p", 1, N},      {"t", 1, N}};
    memcpy(parts, all, sizeof all);
    return 6;
}

static int answered(const double *in, struct part *parts)
{
    (void)in;
    const struct part all[] = {{"size", 1, 1}, {"joined", (C1 + C2) * SMALL, SMALL}, {"dice_loss", 1, 1}};
    memcpy(parts, all, sizeof all);
    return 3;
}

static int draw(struct draw *d, int index, double *in)
{
    int levels = index == 0 ? 4 : draw_integer(d, 1, 4), size = index == 0 ? 32 : draw_integer(d, 10, 40);
    for (int i = 0; i < levels; i++) {
        size = 2 * size + 4; /* from the bottom up, so that every halving comes out even */
    }
    in[0] = size;
    in[LEVELS] = levels;
    for (int i = OLD; i < P; i++) {
        in[i] = draw_integer(d, -9, 9);
    }
    for (int i = 0; i < N; i++) {
        in[P + i] = index == 1 ? 0 : draw_short(d, 0, 1, 2);
        in[T + i] = index == 1 ? 0 : draw_integer(d, 0, 1);
    }
    in[T] = index != 1; /* the first pixel is the object's, except in a case without any */
    in[P] = index == 1 ? 0 : 0.9;
    return ALL;
}

static int size_of(int n, int levels, int mistake)
{
    int lost = mistake == PADDED ? 0 : mistake == ONE_CONV ? 2 : 4;
    for (int i = 0; i < levels; i++) {
        n = (n - lost) / 2;
    }
    n -= mistake == NO_BOTTOM ? 0 : lost;
    for (int i = 0; i < levels; i++) {
        n = 2 * n - (mistake == NOT_ON_THE_WAY_UP ? 0 : lost);
    }
    return n;
}

static void answer(const double *in, int mistake, double *out)
{
    int area = SMALL * SMALL, first = mistake == NEW_FIRST ? C2 * area : 0;
    int top = mistake == CORNER ? 0 : (H - SMALL) / 2, left = mistake == CORNER ? 0 : (W - SMALL) / 2;
    double *joined = out + 1, both = 0, sum = 0;
    out[0] = size_of((int)in[0], (int)in[LEVELS], mistake);
    for (int i = 0; i < C1 * area; i++) {
        int c = i / area, r = i / SMALL % SMALL, column = i % SMALL;
        joined[first + i] = in[OLD + (c * H + top + r) * W + left + column];
    }
    memcpy(joined + (mistake == NEW_FIRST ? 0 : C1 * area), in + NEW, sizeof *in * (size_t)(C2 * area));
    for (int i = 0; i < N; i++) {
        both += in[P + i] * in[T + i];
        sum += in[P + i] + in[T + i];
    }
    double one = mistake == EMPTY ? 0 : 1;
    out[1 + (C1 + C2) * area] = mistake == OVERLAP ? 1 - (both + one) / (sum - both + one)
                                                   : 1 - ((mistake == NO_TWO ? 1 : 2) * both + one) / (sum + one);
}

/* ---- the engine: the network of the text with one filter everywhere, of which only shapes are asked ------------------- */

static fov_value convolve_twice(fov_graph *g, fov_value x)
{
    return fov_conv2d(g, fov_conv2d(g, x, .filters = 1, .kernel = 3), .filters = 1, .kernel = 3);
}

/* The middle of x, as large as y. */
static fov_value crop(fov_graph *g, fov_value x, fov_value y)
{
    fov_shape large = fov_value_shape(g, x), small = fov_value_shape(g, y);
    for (int axis = 2; axis < 4; axis++) {
        x = fov_slice(g, x, axis, (large.dim[axis] - small.dim[axis]) / 2, small.dim[axis], 1);
    }
    return x;
}

static int64_t side_of_unet(fov_graph *g, int64_t side, int levels)
{
    fov_value kept[4];
    fov_value x = fov_input(g, .name = "picture", .shape = FOV_SHAPE(1, 1, side, side));
    for (int i = 0; i < levels && i < 4; i++) {
        kept[i] = convolve_twice(g, x);
        x = fov_max_pool2d(g, kept[i], .kernel = 2);
    }
    x = convolve_twice(g, x);
    for (int i = levels - 1; i >= 0 && i < 4; i--) {
        x = fov_conv_transpose2d(g, x, .filters = 1, .kernel = 2, .stride = 2);
        const fov_value both[2] = {crop(g, kept[i], x), x};
        x = convolve_twice(g, fov_concat(g, both, 2, 1));
    }
    return fov_value_shape(g, x).dim[2];
}

static int build(fov_graph *g, const fov_value *in, const void *with, fov_value *out)
{
    const double *numbers = with;
    static const float one = 1, two = 2;
    float side = (float)side_of_unet(g, (int64_t)numbers[0], (int)numbers[LEVELS]);
    fov_value single = fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &one);
    fov_value both = fov_reduce_sum(g, fov_mul(g, in[2], in[3]), .axis_count = 0);
    fov_value sizes = fov_reduce_sum(g, fov_add(g, in[2], in[3]), .axis_count = 0);
    fov_value above = fov_add(g, fov_mul(g, both, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &two)), single);
    const fov_value stacked[2] = {crop(g, in[0], in[1]), in[1]};
    out[0] = fov_mul(g, single, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &side));
    out[1] = fov_concat(g, stacked, 2, 1);
    out[2] = fov_sub(g, single, fov_div(g, above, fov_add(g, sizes, single)));
    return 3;
}

static int engine(fov_context *context, const double *in, double *out)
{
    const struct engine_input inputs[] = {{{4, {1, C1, H, W}}, in + OLD},
                                          {{4, {1, C2, SMALL, SMALL}}, in + NEW},
                                          {{1, {N}}, in + P},
                                          {{1, {N}}, in + T}};
    return engine_run(context, inputs, 4, build, in, out);
}

static void picture(struct picture *p)
{
    static const char *const down[] = {"568", "280", "136", "64"}, *const up[] = {"388", "196", "100", "52"};
    picture_size(p, 460, 330);
    for (int i = 0; i < 4; i++) {
        double y = 30 + 56 * i, side = 40 - 7 * i, left = 80 + 26 * i, right = 380 - 26 * i;
        picture_box(p, left - side / 2, y, side, side, PICTURE_BLUE, "#ffffff");
        picture_box(p, right - side / 2, y, side, side, PICTURE_ORANGE, "#ffffff");
        picture_text(p, left - 26, y + 16, 1, 12, PICTURE_BLUE, down[i]);
        picture_text(p, right + 26, y + 16, -1, 12, PICTURE_ORANGE, up[i]);
        picture_arrow(p, left + side / 2 + 4, y + side / 2, right - side / 2 - 4, y + side / 2, PICTURE_GREY);
        double across = i < 3 ? 22 : 66, below = i < 3 ? y + 53 : 264; /* to the next level, or to the bottom */
        picture_arrow(p, left + 4, y + side + 3, left + across, below, PICTURE_BLUE);
        picture_arrow(p, right - across, below, right - 4, y + side + 3, PICTURE_ORANGE);
    }
    picture_box(p, 223, 262, 14, 14, PICTURE_INK, "#ffffff");
    picture_words(p, 230, 296, 0, 12, PICTURE_INK, (struct words){"28: sees far, knows little of where", "28：看得远，却不知道在哪里"});
    picture_words(p, 230, 42, 0, 12, PICTURE_GREY, (struct words){"copy and crop", "复制并裁剪"});
    picture_words(p, 80, 20, 0, 12, PICTURE_INK, (struct words){"572 in", "输入 572"});
    picture_words(p, 380, 20, 0, 12, PICTURE_INK, (struct words){"388 out", "输出 388"});
    picture_words(p, 230, 318, 0, 12, PICTURE_INK, (struct words){"sides behind the two convolutions of each level", "数字是每层两个卷积之后的边长"});
}

static const struct mistake mistakes[] = {
    {"padded",
     {"your sizes do not shrink: this U-Net does not pad, each 3 x 3 convolution takes a pixel off every side",
      "你的尺寸没有变小：这个 U-Net 不填充，每个 3 x 3 卷积让每边少一个像素"},
     "enum { LOST = 4 };",
     "enum { LOST = 0 };"},
    {"one-convolution",
     {"you count one convolution a level; there are two, so a side loses 4",
      "每层你只算了一个卷积；有两个，所以边长少 4"},
     "enum { LOST = 4 };",
     "enum { LOST = 2 };"},
    {"no-bottom",
     {"the two convolutions at the bottom, between the way down and the way up, are missing",
      "少了最底层（下行和上行之间）的两个卷积"},
     "    n -= LOST;\n",
     ""},
    {"not-on-the-way-up",
     {"on the way up each level has two convolutions, too, behind the doubling", "上行时每层在放大之后也有两个卷积"},
     "n = 2 * n - LOST;",
     "n = 2 * n;"},
    {"corner",
     {"you cropped from the corner; the middle is wanted, since the convolutions took the same off every side: begin "
      "at "
      "(height - small_height) / 2",
      "你从角上裁剪了；要裁中间，因为卷积从每边去掉的一样多：从 (height - small_height) / 2 开始"},
     "int top = (height - small_height) / 2, left = (width - small_width) / 2;",
     "int top = 0, left = 0;"},
    {"new-first",
     {"the cropped skip comes first, the map from below behind it; the convolution that reads them has its weights in "
      "that order",
      "裁剪后的 skip 在前，来自下层的图在后；读它们的卷积的权重就是这个顺序"},
     "*of_skip = joined, *of_up = joined + channels1 * area;",
     "*of_up = joined, *of_skip = joined + channels2 * area;"},
    {"overlap",
     {"that is the IoU: intersection by union. Dice is twice the intersection by the sum of both sizes",
      "那是 IoU：交集除以并集。Dice 是交集的两倍除以两者大小之和"},
     "1 - (2 * both + 1) / (sum + 1)",
     "1 - (both + 1) / (sum - both + 1)"},
    {"no-two",
     {"the 2 is missing: without it a perfect answer still costs about a half",
      "少了 2：没有它，完全正确的答案仍有约一半的损失"},
     "1 - (2 * both + 1) / (sum + 1)",
     "1 - (both + 1) / (sum + 1)"},
    {"empty",
     {"a picture without the object, rightly answered by nothing, gives 0 / 0; the + 1 above and below make it 0",
      "图中没有目标、答案也是空的时，得到 0 / 0；上下各加的 1 使损失为 0"},
     "1 - (2 * both + 1) / (sum + 1)",
     "1 - 2 * both / sum"},
    {.name = NULL},
};

const struct lesson lesson_unet = {
    .number = 30,
    .name = "unet",
    .title = {"Side branch: a class for every pixel, U-Net", "支线：给每个像素分类，U-Net"},
    .text = {"A classifier ends in one answer for the whole picture. To say of every pixel\n"
             "what it shows, a network must see far (what is this?) and still know where it\n"
             "is. The two pull apart: each pooling doubles the view and halves the precision.\n"
             "\n"
             "U-Net (Ronneberger, Fischer, Brox 2015) goes down and up again, and on each\n"
             "level hands the fine maps of the way down over to the way up:\n"
             "\n"
             "    down, for each level:  two 3 x 3 convolutions; keep the result; halve (pool)\n"
             "    bottom:                two 3 x 3 convolutions\n"
             "    up, for each level:    double (transposed convolution 2 x 2, stride 2); put\n"
             "                           what was kept before it; two 3 x 3 convolutions\n"
             "\n"
             "The paper does not pad: two convolutions take 4 off a side. So what was kept is\n"
             "larger than what comes from below, by as much on every side: its middle is\n"
             "cropped out and stacked before the other's channels. By hand, four levels:\n"
             "\n"
             "    572 -> 568 | 284 -> 280 | 140 -> 136 | 68 -> 64 | 32 -> 28 |\n"
             "           56 -> 52 | 104 -> 100 | 200 -> 196 | 392 -> 388\n"
             "\n"
             "Where the object is small, \"nothing anywhere\" is right for nearly all pixels,\n"
             "and cross-entropy is content with it. The Dice loss (Milletari et al. 2016)\n"
             "compares areas: t is 1 on the object, else 0, p the answer in 0..1,\n"
             "\n"
             "    loss = 1 - (2 sum of p t + 1) / (sum of p + sum of t + 1)\n"
             "\n"
             "By hand, p = (1, 1, 0), t = (1, 0, 0): 1 - (2 + 1) / (2 + 1 + 1) = 0.25.\n"
             "\n"
             "    fovea train --model unet --data cells.zip --task segment:loss=dice\n"
             "\n"
             "Your task: the side of the result for any input and number of levels; crop and\n"
             "stack; the Dice loss.",
             "分类器对整张图只给一个答案。要说出每个像素是什么，网络既要看得远（这是什么？），\n"
             "又要知道在哪里。两者相互矛盾：每次池化使视野加倍，精度减半。\n"
             "\n"
             "U-Net（Ronneberger、Fischer、Brox，2015）先下行再上行，并在每一层把下行时的精细\n"
             "特征图交给上行：\n"
             "\n"
             "    下行，每层：两个 3 x 3 卷积；保留结果；减半（池化）\n"
             "    底部：      两个 3 x 3 卷积\n"
             "    上行，每层：加倍（2 x 2 转置卷积，步幅 2）；把保留的放在它前面；\n"
             "                两个 3 x 3 卷积\n"
             "\n"
             "论文不填充：两个卷积使边长少 4。所以保留的图比来自下层的大，每边大得一样多：裁出\n"
             "它的中间，叠在另一个的通道之前。手算，四层：\n"
             "\n"
             "    572 -> 568 | 284 -> 280 | 140 -> 136 | 68 -> 64 | 32 -> 28 |\n"
             "           56 -> 52 | 104 -> 100 | 200 -> 196 | 392 -> 388\n"
             "\n"
             "目标很小时，“哪里都没有”对几乎所有像素都是对的，交叉熵对此很满意。Dice 损失\n"
             "（Milletari 等，2016）比较面积：t 在目标上为 1，否则为 0，p 是 0..1 的答案，\n"
             "\n"
             "    损失 = 1 - (2 * p t 之和 + 1) / (p 之和 + t 之和 + 1)\n"
             "\n"
             "手算，p = (1, 1, 0)，t = (1, 0, 0)：1 - (2 + 1) / (2 + 1 + 1) = 0.25。\n"
             "\n"
             "    fovea train --model unet --data cells.zip --task segment:loss=dice\n"
             "\n"
             "任务：任意输入和层数时结果的边长；裁剪并叠起来；Dice 损失。"},
    .brief =
        {"output_size: of the unpadded U-Net. join: the middle of skip [channels1][height][width], of the size of\n"
         "up [channels2][small_height][small_width], then up: joined [channels1 + channels2][small_height]\n"
         "[small_width]. dice_loss: of n pixels, with 1 added above and below.",
         "output_size：不填充的 U-Net 的输出边长。join：skip [channels1][height][width] 的中间部分，大小同\n"
         "up [channels2][small_height][small_width]，然后是 up：joined [channels1 + channels2][small_height]\n"
         "[small_width]。dice_loss：n 个像素，上下各加 1。"},
    .stub = "int output_size(int input, int levels)\n{\n    return 0;\n}\n\n"
            "void join(const double *skip, int channels1, int height, int width,\n"
            "          const double *up, int channels2, int small_height, int small_width, double *joined)\n{\n"
            "    for (int i = 0; i < (channels1 + channels2) * small_height * small_width; i++) joined[i] = 0;\n}\n\n"
            "double dice_loss(const double *p, const double *t, int n)\n{\n    return 0;\n}\n",
    .solution = "enum { LOST = 4 };\n\n"
                "int output_size(int input, int levels)\n{\n"
                "    int n = input;\n"
                "    for (int i = 0; i < levels; i++) n = (n - LOST) / 2;\n"
                "    n -= LOST;\n"
                "    for (int i = 0; i < levels; i++) n = 2 * n - LOST;\n"
                "    return n;\n}\n\n"
                "void join(const double *skip, int channels1, int height, int width,\n"
                "          const double *up, int channels2, int small_height, int small_width, double *joined)\n{\n"
                "    int top = (height - small_height) / 2, left = (width - small_width) / 2;\n"
                "    int area = small_height * small_width;\n"
                "    double *of_skip = joined, *of_up = joined + channels1 * area;\n"
                "    for (int c = 0; c < channels1; c++)\n"
                "        for (int r = 0; r < small_height; r++)\n"
                "            for (int x = 0; x < small_width; x++)\n"
                "                *of_skip++ = skip[(c * height + top + r) * width + left + x];\n"
                "    for (int i = 0; i < channels2 * area; i++) *of_up++ = up[i];\n}\n\n"
                "double dice_loss(const double *p, const double *t, int n)\n{\n"
                "    double both = 0, sum = 0;\n"
                "    for (int i = 0; i < n; i++) both += p[i] * t[i], sum += p[i] + t[i];\n"
                "    return 1 - (2 * both + 1) / (sum + 1);\n}\n",
    .call = "    out[0] = output_size((int)in[0], (int)in[1]);\n"
            "    join(in + 2, 2, 4, 6, in + 50, 1, 2, 2, out + 1);\n"
            "    out[13] = dice_loss(in + 54, in + 60, 6);",
    .hints = {{"output_size: check with 572 and 4 levels: 388; on each level the side loses 4, down and up.",
               "output_size：用 572 和 4 层检验：388；下行和上行每层边长都少 4。"},
              {"join: row r of the crop is row (height - small_height) / 2 + r of skip, columns likewise.",
               "join：裁剪后的第 r 行是 skip 的第 (height - small_height) / 2 + r 行，列也一样。"},
              {"dice_loss: two sums in one loop, both += p[i] * t[i] and sum += p[i] + t[i].",
               "dice_loss：一个循环求两个和，both += p[i] * t[i]，sum += p[i] + t[i]。"}},
    .after =
        {"fovea zoo lists unet@paper, 31,030,658 parameters, 572 to 388; unet is today's form, padded, so that the "
         "map has the picture's size.",
         "fovea zoo 里有 unet@paper：31,030,658 个参数，572 到 388；unet 是现在常用的有填充的形式，输出与图片同样大。"},
    .mistakes = mistakes,
    .draw = draw,
    .given = given,
    .parts = answered,
    .answer = answer,
    .engine = engine,
    .picture = picture,
};
