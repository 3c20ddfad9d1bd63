# SPDX-License-Identifier: MIT
# What fovea needs from the system, gathered in the target fovea_dependencies. Where something is missing, the message
# names the Debian package; ./dev setup installs them all.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
add_library(fovea_dependencies INTERFACE)
target_link_libraries(fovea_dependencies INTERFACE Threads::Threads m)

# Libraries without a pkg-config file are found by their header.
function(fovea_find_library name header library package)
    find_path(${name}_INCLUDE ${header})
    if(NOT ${name}_INCLUDE)
        message(FATAL_ERROR "${header} is missing: install ${package} (or run ./dev setup)")
    endif()
    target_include_directories(fovea_dependencies SYSTEM INTERFACE ${${name}_INCLUDE})
    if(library)
        find_library(${name}_LIBRARY ${library})
        if(NOT ${name}_LIBRARY)
            message(FATAL_ERROR "lib${library} is missing: install ${package} (or run ./dev setup)")
        endif()
        target_link_libraries(fovea_dependencies INTERFACE ${${name}_LIBRARY})
    endif()
    mark_as_advanced(${name}_INCLUDE ${name}_LIBRARY)
endfunction()

function(fovea_find_package module package)
    pkg_check_modules(${module} IMPORTED_TARGET ${module})
    if(NOT ${module}_FOUND)
        message(FATAL_ERROR "${module} is missing: install ${package} (or run ./dev setup)")
    endif()
    target_link_libraries(fovea_dependencies INTERFACE PkgConfig::${module})
endfunction()

fovea_find_library(RANDOM123 Random123/philox.h "" librandom123-dev)
fovea_find_library(NANOPB pb.h protobuf-nanopb libnanopb-dev)
fovea_find_package(zlib zlib1g-dev)
fovea_find_package(libmd libmd-dev)

if(FOVEA_WITH_JANSSON)
    fovea_find_package(jansson libjansson-dev)
    set_source_files_properties(src/data/coco.c src/data/shards.c PROPERTIES COMPILE_DEFINITIONS FOVEA_HAVE_JANSSON)
    add_library(jansson_shared ALIAS PkgConfig::jansson) # the command prints JSON too, through the same library
elseif(NOT FOVEA_MINIMAL)
    message(FATAL_ERROR "FOVEA_WITH_JANSSON=OFF is for the library alone: configure with -DFOVEA_MINIMAL=ON, too")
endif()

find_program(NANOPB_GENERATOR NAMES nanopb_generator nanopb_generator.py)
if(NOT NANOPB_GENERATOR)
    message(FATAL_ERROR "nanopb_generator is missing: install nanopb (or run ./dev setup)")
endif()

# A library that the first call that needs it opens with dlopen (base/library.h): only its headers are needed to build.
# It is opened by its SONAME. Source files after PACKAGE: only these get its headers and FOVEA_HAVE_name; by default
# all do.
function(fovea_find_late_package name module package)
    pkg_check_modules(${module} IMPORTED_TARGET ${module})
    if(NOT ${module}_FOUND)
        message(FATAL_ERROR "${module} is missing: install ${package} (or run ./dev setup)")
    endif()
    list(GET ${module}_LINK_LIBRARIES 0 file)
    execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${file} OUTPUT_VARIABLE header ERROR_QUIET)
    if(header MATCHES "SONAME +([^ \n]+)")
        set(file ${CMAKE_MATCH_1})
    endif()
    set(definitions FOVEA_HAVE_${name} FOVEA_${name}_FILE="${file}")
    if(ARGN)
        set_source_files_properties(${ARGN} PROPERTIES COMPILE_DEFINITIONS "${definitions}"
            INCLUDE_DIRECTORIES "${${module}_INCLUDE_DIRS}")
    else()
        target_include_directories(fovea_dependencies SYSTEM INTERFACE ${${module}_INCLUDE_DIRS})
        target_compile_definitions(fovea_dependencies INTERFACE ${definitions})
    endif()
    set(FOVEA_${name}_FILE ${file} PARENT_SCOPE)
endfunction()

# Optional parts: FOVEA_WITH_X=OFF leaves X out; sources test #ifdef FOVEA_HAVE_X.
set(png "PNG;spng;libspng-dev")
if(FOVEA_STATIC) # distributions have no static libspng
    set(png "PNG;libpng;libpng-dev")
endif()
foreach(part "JPEG;libjpeg;libjpeg-dev" "${png}" "WEBP;libwebp;libwebp-dev"
        "WEBP;libwebpdemux;libwebp-dev" "EXPAT;expat;libexpat1-dev")
    list(GET part 0 name)
    list(GET part 1 module)
    list(GET part 2 package)
    if(FOVEA_WITH_${name})
        fovea_find_package(${module} "${package}, or configure with -DFOVEA_WITH_${name}=OFF")
        target_compile_definitions(fovea_dependencies INTERFACE
            FOVEA_HAVE_$<IF:$<STREQUAL:${module},libpng>,LIBPNG,${name}>)
    endif()
endforeach()
foreach(part "CURL;libcurl;libcurl4-openssl-dev" "ARCHIVE;libarchive;libarchive-dev" "CAIRO;cairo;libcairo2-dev"
        "HDF5;hdf5;libhdf5-dev;src/io/hdf5.c")
    list(GET part 0 name)
    list(GET part 1 module)
    list(GET part 2 package)
    list(REMOVE_AT part 0 1 2) # the rest: sources that use the library, if not all
    if(FOVEA_WITH_${name})
        fovea_find_late_package(${name} ${module} "${package}, or configure with -DFOVEA_WITH_${name}=OFF," ${part})
    endif()
endforeach()
target_link_libraries(fovea_dependencies INTERFACE ${CMAKE_DL_LIBS})
if(FOVEA_WITH_MPI) # optional even when on: without MPI no module is built, and the command says so
    find_package(MPI QUIET COMPONENTS C)
endif()
if(FOVEA_WITH_GIF)
    fovea_find_library(GIF gif_lib.h gif "libgif-dev, or configure with -DFOVEA_WITH_GIF=OFF,")
    target_compile_definitions(fovea_dependencies INTERFACE FOVEA_HAVE_GIF)
endif()

# libevent is for fovea serve: only the command is linked with it, not the library.
if(FOVEA_WITH_EVENT)
    pkg_check_modules(libevent IMPORTED_TARGET libevent)
    if(NOT libevent_FOUND)
        message(FATAL_ERROR "libevent is missing: install libevent-dev, or configure with -DFOVEA_WITH_EVENT=OFF")
    endif()
endif()
