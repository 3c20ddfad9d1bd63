# SPDX-License-Identifier: MIT
# Shell completions and manual pages, printed by the built command from its own tables, and installed. A cross build
# without an emulator has none; they are the same on every machine, so a native build's can be used.

if(NOT TARGET fovea_cli OR (CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR))
    return()
endif()

set(manuals ${PROJECT_BINARY_DIR}/manuals)
file(MAKE_DIRECTORY ${manuals})
set(manual_files)

function(fovea_manual file) # FILE WORDS...: writes what `fovea completion WORDS...` prints
    add_custom_command(OUTPUT ${manuals}/${file}
        COMMAND fovea_cli completion ${ARGN} > ${manuals}/${file}
        DEPENDS fovea_cli COMMENT "Writing ${file}" VERBATIM)
    set(manual_files ${manual_files} ${manuals}/${file} PARENT_SCOPE)
endfunction()

fovea_manual(fovea.bash bash)
fovea_manual(_fovea zsh)
fovea_manual(fovea.fish fish)
fovea_manual(fovea.1 man)
set(verb_sources ${command_sources})
list(FILTER verb_sources INCLUDE REGEX "/verb_[a-z]+\\.c$")
foreach(source IN LISTS verb_sources)
    cmake_path(GET source STEM verb)
    string(REGEX REPLACE "^verb_" "" verb ${verb})
    fovea_manual(fovea-${verb}.1 man ${verb})
    list(APPEND verb_pages ${manuals}/fovea-${verb}.1)
endforeach()
add_custom_target(fovea_manuals ALL DEPENDS ${manual_files})

install(FILES ${manuals}/fovea.1 ${verb_pages} OPTIONAL DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${manuals}/fovea.bash OPTIONAL RENAME fovea
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${manuals}/_fovea OPTIONAL DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${manuals}/fovea.fish OPTIONAL DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
