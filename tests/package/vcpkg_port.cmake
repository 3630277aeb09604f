# Runs a port of vcpkg without vcpkg: cmake -D PORT_DIR=… -D ROOM=… -D ARCHIVE=… -P vcpkg_port.cmake. Has CMake do what each of
# vcpkg's functions does, for the release build; what is installed is in ROOM/packages/memo. The archive is that file, wherever
# the port would fetch it from, and has to have the port's hash.
cmake_minimum_required(VERSION 3.25)
set(PORT memo)
set(VERSION "")
file(READ "${PORT_DIR}/vcpkg.json" manifest)
string(JSON VERSION GET "${manifest}" version)
set(FEATURES core disk eigen)
set(CURRENT_PACKAGES_DIR "${ROOM}/packages/memo")

function(vcpkg_check_linkage)
endfunction()

function(vcpkg_download_distfile out)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILENAME;SHA512" "URLS")
    cmake_path(GET ARCHIVE FILENAME name)
    file(SHA512 "${ARCHIVE}" hash)
    if(NOT hash STREQUAL arg_SHA512 OR NOT name STREQUAL arg_FILENAME OR NOT arg_URLS MATCHES "^(file|https)://.*/${name}$")
        message(FATAL_ERROR "The port fetches ${arg_URLS} as ${arg_FILENAME} with hash ${arg_SHA512}; ${name} has ${hash}")
    endif()
    set(${out} "${ARCHIVE}" PARENT_SCOPE)
endfunction()

function(vcpkg_extract_source_archive out)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "ARCHIVE" "")
    file(ARCHIVE_EXTRACT INPUT "${arg_ARCHIVE}" DESTINATION "${ROOM}/source")
    file(GLOB source "${ROOM}/source/*") # vcpkg leaves out the folder of the archive
    set(${out} "${source}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    execute_process(
        COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${ROOM}/build" -D CMAKE_BUILD_TYPE=Release
                -D "CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" -D CMAKE_INSTALL_LIBDIR=lib ${arg_OPTIONS}
        COMMAND_ERROR_IS_FATAL ANY
    )
endfunction()

function(vcpkg_cmake_install)
    execute_process(COMMAND "${CMAKE_COMMAND}" --build "${ROOM}/build" --target install COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Moves the package to share/, as deep as it was.
function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/memo")
    file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/share")
    file(RENAME "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" "${CURRENT_PACKAGES_DIR}/share/memo")
    file(GLOB files "${CURRENT_PACKAGES_DIR}/share/memo/*Targets*.cmake")
    foreach(file IN LISTS files) # vcpkg, too, takes one folder less
        file(READ "${file}" text)
        string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nget_filename_component(_IMPORT_PREFIX"
                       "get_filename_component(_IMPORT_PREFIX" text "${text}")
        file(WRITE "${file}" "${text}")
    endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
    file(INSTALL ${arg_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/memo" RENAME copyright)
endfunction()

include("${PORT_DIR}/portfile.cmake")
