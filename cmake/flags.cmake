# SPDX-License-Identifier: MIT
# How everything is compiled. Flags of this file apply to every folder; a folder may add its own after them (the
# kernels' instruction sets do). fovea_compile(target) adds the flags that the kernels must not have (stack protector).

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# -std=c11 hides the declarations of POSIX; these macros show them, the same in every file.
add_compile_definitions(_XOPEN_SOURCE=700 _DEFAULT_SOURCE)

add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wvla)
# clang treats an enum without negative values as unsigned and so warns of every status that is returned as an int. gcc
# does check the same source for changes of sign. From 19 on, its -Wextra also warns of an enumeration's constant beside
# a double, as C++ does; in C such a constant is an int.
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    add_compile_options(-Wno-sign-conversion -Wno-enum-float-conversion)
endif()
if(FOVEA_WERROR)
    add_compile_options(-Werror)
endif()

# No fused multiply-add unless a kernel asks for one, so that every compiler's build computes the same bits.
add_compile_options(-ffp-contract=off -fno-math-errno -fno-trapping-math)

# Hardening that costs nothing measurable (RELIABILITY section 4). Sanitizers bring their own checks instead.
if(FOVEA_SANITIZE)
    add_compile_options(-fsanitize=${FOVEA_SANITIZE} -fno-omit-frame-pointer -g)
    if(FOVEA_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=all)
    endif()
    add_link_options(-fsanitize=${FOVEA_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "^Rel|^MinSize")
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
# The static command is kept small: no unwind tables (nothing throws, and without symbols they are of no use), no
# functions that nothing calls.
if(FOVEA_STATIC)
    add_compile_options(-fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections)
    add_link_options(-Wl,--gc-sections)
endif()
include(CheckPIESupported)
check_pie_supported()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    add_link_options(-Wl,-z,relro,-z,now)
endif()

include(CheckCCompilerFlag)
set(CMAKE_REQUIRED_FLAGS -Werror)
check_c_compiler_flag(-fstack-clash-protection FOVEA_HAS_STACK_CLASH_PROTECTION)
unset(CMAKE_REQUIRED_FLAGS)

function(fovea_compile target)
    target_compile_options(${target} PRIVATE -Wpedantic -Wstrict-prototypes -Wmissing-prototypes
                           -fstack-protector-strong)
    if(FOVEA_HAS_STACK_CLASH_PROTECTION)
        target_compile_options(${target} PRIVATE -fstack-clash-protection)
    endif()
    target_compile_definitions(${target} PRIVATE FOVEA_VERSION="${PROJECT_VERSION}")
endfunction()
