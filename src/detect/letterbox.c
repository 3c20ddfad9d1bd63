/* SPDX-License-Identifier: MIT */
/* A picture in an area of another shape, undistorted: sizes, the way there and back. It moves no pixel. */
#include <fovea/boxes.h>

fov_letterbox fov_letterbox_of(int width, int height, int target_width, int target_height, bool centred)
{
    fov_letterbox box = {.scale = 0};
    if (width < 1 || height < 1 || target_width < 1 || target_height < 1) {
        return box;
    }
    // the side that fills the area: S / L is the smaller of the two quotients
    bool wide = (int64_t)target_width * height <= (int64_t)target_height * width;
    int64_t target = wide ? target_width : target_height, longer = wide ? width : height;
    int64_t more = centred ? longer / 2 : 0;
    int64_t columns = wide ? target_width : (width * target + more) / longer;
    int64_t rows = wide ? (height * target + more) / longer : target_height;
    box.scale = (double)target / (double)longer;
    box.width = columns > 1 ? (int)columns : 1;
    box.height = rows > 1 ? (int)rows : 1;
    box.left = centred ? (target_width - box.width) / 2 : 0;
    box.top = centred ? (target_height - box.height) / 2 : 0;
    box.right = target_width - box.width - box.left;
    box.bottom = target_height - box.height - box.top;
    return box;
}

void fov_letterbox_map(const fov_letterbox *letterbox, const double point[2], double mapped[2])
{
    if (letterbox == NULL || point == NULL || mapped == NULL) {
        return;
    }
    mapped[0] = point[0] * letterbox->scale + letterbox->left;
    mapped[1] = point[1] * letterbox->scale + letterbox->top;
}

void fov_letterbox_back(const fov_letterbox *letterbox, const double mapped[2], double point[2])
{
    if (letterbox == NULL || mapped == NULL || point == NULL) {
        return;
    }
    if (letterbox->scale <= 0) {
        point[0] = point[1] = 0; /* an invalid letterbox shows no pixel */
        return;
    }
    point[0] = (mapped[0] - letterbox->left) / letterbox->scale;
    point[1] = (mapped[1] - letterbox->top) / letterbox->scale;
}
