# SPDX-License-Identifier: MIT
# Embeds files in the binary: the build runs this script, which writes a C file with a table of struct page_file.
#
#   cmake -DFOLDER=dir -DOUT=file.c -P cmake/embed.cmake
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")
set(arrays "")
set(rows "")
set(number 0)
foreach(file IN LISTS files)
    file(READ ${FOLDER}/${file} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    cmake_path(GET file EXTENSION LAST_ONLY suffix)
    string(SUBSTRING "${suffix}" 1 -1 suffix)
    set(path "/${file}")
    if(file STREQUAL "index.html")
        set(path "/")
    endif()
    string(APPEND arrays "static const unsigned char file_${number}[] = {${bytes}};\n")
    string(APPEND rows "    {\"${path}\", \"${type_${suffix}}\", file_${number}, sizeof file_${number}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Written by cmake/embed.cmake: do not edit. */\n#include \"cli/serve/serve.h\"\n\n${arrays}\n"
    "const struct page_file page_files[] = {\n${rows}    {0},\n};\n")
