# SPDX-License-Identifier: MIT
# Packaging: `cmake --install` puts the library, headers, command, CMake package and pkg-config file in place.
include(CMakePackageConfigHelpers)

install(TARGETS fovea EXPORT fovea-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET fovea_cli)
    install(TARGETS fovea_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET fovea_mpi)
    install(TARGETS fovea_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/fovea)
    file(RELATIVE_PATH modules ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR}/fovea)
    target_compile_definitions(fovea_command PRIVATE FOVEA_MODULES="${modules}")
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

if(NOT FOVEA_PACKAGE) # Debian's package has its own copyright and changelog files
    install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()

# Programs that link a static libfovea also link its libraries: the package files list those of the parts switched on.
set(modules zlib libmd)
set(png spng)
if(FOVEA_STATIC) # cmake/dependencies.cmake
    set(png libpng)
endif()
foreach(part "JANSSON:jansson" "JPEG:libjpeg" "PNG:${png}" "WEBP:libwebp" "WEBP:libwebpdemux" "EXPAT:expat")
    string(REGEX REPLACE "(.*):(.*)" "\\1;\\2" part ${part})
    list(GET part 0 name)
    list(GET part 1 module)
    if(FOVEA_WITH_${name})
        list(APPEND modules ${module})
    endif()
endforeach()
# A library as flags of the linker, not as a path of this machine: it is then found where the program is linked, in its
# static form with -static.
function(fovea_link_flags file)
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^lib" "-l" name ${name})
    if(NOT folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
        set(name -L${folder} ${name})
    endif()
    set(fovea_libraries ${fovea_libraries} ${name} PARENT_SCOPE)
endfunction()
fovea_link_flags(${NANOPB_LIBRARY})
if(CMAKE_DL_LIBS)
    list(APPEND fovea_libraries -l${CMAKE_DL_LIBS})
endif()
if(FOVEA_WITH_GIF)
    fovea_link_flags(${GIF_LIBRARY})
endif()
list(JOIN modules " " fovea_modules)
list(JOIN fovea_libraries " " fovea_plain_libraries)
if(BUILD_SHARED_LIBS)
    set(fovea_private "Requires.private: ${fovea_modules}\nLibs.private: ${fovea_plain_libraries} -lm -pthread")
else()
    set(fovea_private "Requires: ${fovea_modules}")
    set(fovea_static_libraries " ${fovea_plain_libraries} -lm -pthread")
endif()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/fovea-config.cmake.in
    ${PROJECT_BINARY_DIR}/fovea-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fovea-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT fovea-targets NAMESPACE fovea:: DESTINATION ${package_folder})
install(FILES ${PROJECT_BINARY_DIR}/fovea-config.cmake ${PROJECT_BINARY_DIR}/fovea-config-version.cmake
    DESTINATION ${package_folder})

# fovea.pc gives the prefix relative to its own folder, so that the installation may be moved.
set(fovea_pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH fovea_pc_prefix ${CMAKE_INSTALL_PREFIX}/${fovea_pc_folder} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" fovea_pc_prefix ${fovea_pc_prefix})
configure_file(${PROJECT_SOURCE_DIR}/cmake/fovea.pc.in ${PROJECT_BINARY_DIR}/fovea.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fovea.pc DESTINATION ${fovea_pc_folder})
