# SPDX-License-Identifier: MIT
# A Debian package of the installed files, by CPack: `cpack -G DEB` in a build folder that was configured with
# FOVEA_PACKAGE=ON, or ./dev deb. dpkg-shlibdeps finds its dependencies in the linked binaries.

set(FOVEA_MAINTAINER "The fovea maintainers <maintainers@fovea.invalid>" CACHE STRING "Of the package")

set(CPACK_PACKAGE_NAME fovea)
set(CPACK_PACKAGE_VENDOR fovea)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "convolutional neural networks in C: command and library")
set(CPACK_PACKAGE_DESCRIPTION "fovea trains, measures, explains and uses convolutional networks on the
processor, from the command line or from C. Models are ONNX files; results
have the same bits for any number of threads.")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${FOVEA_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Libraries opened with dlopen, which dpkg-shlibdeps cannot see.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcairo2, libcurl4, libarchive13, libhdf5-103-1")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
include(CPack)

if(NOT FOVEA_PACKAGE)
    return()
endif()

# https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
file(READ ${PROJECT_SOURCE_DIR}/LICENSE license)
string(REGEX MATCH "Copyright[^\n]*" holder "${license}")
string(REPLACE "Copyright (c)" "Copyright:" holder "${holder}")
string(REGEX REPLACE "^.*\nPermission is" "Permission is" license "${license}")
string(REGEX REPLACE "\n\n" "\n.\n" license "${license}")
string(STRIP "${license}" license)
string(REPLACE "\n" "\n " license "${license}")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/copyright @ONLY CONTENT
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: fovea

Files: *
@holder@
License: Expat

License: Expat
 @license@
")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/changelog.Debian @ONLY CONTENT
"fovea (@PROJECT_VERSION@-1) unstable; urgency=medium

  * Built from its sources by ./dev deb.

 -- @FOVEA_MAINTAINER@  @date@
")
install(FILES ${PROJECT_BINARY_DIR}/copyright ${PROJECT_BINARY_DIR}/changelog.Debian DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(CODE [[
    file(GLOB pages "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/man/man1/*.1"
        "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/doc/fovea/changelog*")
    execute_process(COMMAND gzip -9nf ${pages} COMMAND_ERROR_IS_FATAL ANY)
]])
