/* SPDX-License-Identifier: MIT */
/* The transfer curve of sRGB, its primaries, and the cube root with its linear part near 0. */
#include "task/lab.h"
#include <math.h>

static const double to_xyz[3][3] = {
    {0.412453, 0.357580, 0.180423}, {0.212671, 0.715160, 0.072169}, {0.019334, 0.119193, 0.950227}};
static const double to_rgb[3][3] = {{3.24048134320053, -1.53715151627132, -0.49853632616889},
                                    {-0.96925494999657, 1.87599000148989, 0.04155592655829},
                                    {0.05564663913518, -0.20404133836651, 1.05731106964534}};
static const double white[3] = {0.95047, 1.0, 1.08883};

static double linear(double value)
{
    return value > 0.04045 ? pow((value + 0.055) / 1.055, 2.4) : value / 12.92;
}

static double curved(double value)
{
    return value > 0.0031308 ? 1.055 * pow(value, 1.0 / 2.4) - 0.055 : 12.92 * value;
}

void lab_from_rgb(const uint8_t rgb[3], double lab[3])
{
    double f[3];
    for (int i = 0; i < 3; i++) {
        double sum = 0.0;
        for (int c = 0; c < 3; c++) {
            sum += to_xyz[i][c] * linear(rgb[c] / 255.0);
        }
        double share = sum / white[i];
        f[i] = share > 0.008856 ? cbrt(share) : 7.787 * share + 16.0 / 116.0;
    }
    lab[0] = 116.0 * f[1] - 16.0;
    lab[1] = 500.0 * (f[0] - f[1]);
    lab[2] = 200.0 * (f[1] - f[2]);
}

void lab_to_rgb(const double lab[3], uint8_t rgb[3])
{
    double y = (lab[0] + 16.0) / 116.0, xyz[3] = {y + lab[1] / 500.0, y, fmax(y - lab[2] / 200.0, 0.0)};
    for (int i = 0; i < 3; i++) {
        xyz[i] = white[i] * (xyz[i] > 0.2068966 ? xyz[i] * xyz[i] * xyz[i] : (xyz[i] - 16.0 / 116.0) / 7.787);
    }
    for (int i = 0; i < 3; i++) {
        double sum = to_rgb[i][0] * xyz[0] + to_rgb[i][1] * xyz[1] + to_rgb[i][2] * xyz[2];
        rgb[i] = (uint8_t)lround(255.0 * fmin(fmax(curved(sum), 0.0), 1.0));
    }
}
