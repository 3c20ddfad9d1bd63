# SPDX-License-Identifier: MIT
# Toolchain file to cross-compile for 64-bit ARM: Debian's cross compiler, and qemu-user to run the binaries.
# Third-party libraries for ARM come from FOVEA_ARM_ROOT, a folder with usr/include and usr/lib/aarch64-linux-gnu; by
# default build/arm/root, which `./dev arm` fills without touching the system.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

set(FOVEA_ARM_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm/root CACHE PATH "ARM builds of the libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FOVEA_ARM_ROOT)
set(arm_root ${FOVEA_ARM_ROOT})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${arm_root}/usr/lib/aarch64-linux-gnu:${arm_root}/lib/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH ${arm_root} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${arm_root}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${arm_root})
