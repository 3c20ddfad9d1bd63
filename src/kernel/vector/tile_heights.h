/* SPDX-License-Identifier: MIT */
/* Includes the template TILE_TEMPLATE for every height (ROWS) from 1 to TILE_LIMIT with the VECTORS and PANELS that are
   defined, then undefines TILE_LIMIT, VECTORS and PANELS. No include guard. */
#if TILE_LIMIT >= 1
#define ROWS 1
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 2
#define ROWS 2
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 3
#define ROWS 3
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 4
#define ROWS 4
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 5
#define ROWS 5
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 6
#define ROWS 6
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 7
#define ROWS 7
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 8
#define ROWS 8
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 9
#define ROWS 9
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 10
#define ROWS 10
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 11
#define ROWS 11
#include TILE_TEMPLATE
#undef ROWS
#endif
#if TILE_LIMIT >= 12
#define ROWS 12
#include TILE_TEMPLATE
#undef ROWS
#endif
#undef TILE_LIMIT
#undef VECTORS
#undef PANELS
