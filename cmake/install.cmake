# The package that find_package(memo 0.1) reads, in the build tree, always; a project that embeds memo can export targets that use it.
# With MEMO_INSTALL also what is installed: the headers, the libraries, that package, the files that pkg-config reads, and the
# documents.
# The component memo_dev is all of these; the program memo-cache is the component memo_cache, see tools/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(targets memo memo_eigen memo_disk memo_memcached memo_libmemcached memo_testing ${compiled_libraries})
set(package_files memoConfig.cmake Findlmdb.cmake Findlibmemcached.cmake Findxxhash.cmake)

foreach(file IN LISTS package_files)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${file}" "${PROJECT_BINARY_DIR}/${file}" COPYONLY)
endforeach()
# 0.x: a new minor version may change names, keys and records.
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/memoConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion
)
export(TARGETS ${targets} NAMESPACE memo:: FILE "${PROJECT_BINARY_DIR}/memoTargets.cmake")

if(NOT MEMO_INSTALL)
    return()
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/memo")
install(
    TARGETS ${targets}
    EXPORT memo
    ARCHIVE COMPONENT memo_dev
    FILE_SET HEADERS COMPONENT memo_dev
    FILE_SET definitions COMPONENT memo_dev
)
install(EXPORT memo NAMESPACE memo:: FILE memoTargets.cmake DESTINATION "${package_dir}" COMPONENT memo_dev)
list(TRANSFORM package_files PREPEND "${PROJECT_SOURCE_DIR}/cmake/")
install(
    FILES ${package_files} "${PROJECT_BINARY_DIR}/memoConfigVersion.cmake"
    DESTINATION "${package_dir}"
    COMPONENT memo_dev
)

# memo_pkg_config(NAME DESCRIPTION [REQUIRES ...] [REQUIRES_PRIVATE ...] [CFLAGS ...] [LIBS ...] [IN FOLDER]): what the target
# of the same name asks of a consumer. What is private gives its include directories and is linked by none.
function(memo_pkg_config name description)
    cmake_parse_arguments(PARSE_ARGV 2 pc "" "IN" "REQUIRES;REQUIRES_PRIVATE;CFLAGS;LIBS")
    if(NOT pc_IN)
        set(pc_IN "${CMAKE_INSTALL_DATADIR}")
    endif()
    list(JOIN pc_REQUIRES ", " requires)
    list(JOIN pc_REQUIRES_PRIVATE ", " requires_private)
    list(JOIN pc_CFLAGS " " cflags)
    list(JOIN pc_LIBS " " libs)
    string(REGEX REPLACE "[^/]+" ".." to_prefix "${pc_IN}/pkgconfig")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/memo.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
    install(
        FILES "${PROJECT_BINARY_DIR}/${name}.pc"
        DESTINATION "${pc_IN}/pkgconfig"
        COMPONENT memo_dev
    )
endfunction()

# memo_pkg_config_compiled(NAME LIBRARY DEFINITION REQUIRES...): the library that goes with the package of headers NAME.
function(memo_pkg_config_compiled name library definition)
    memo_pkg_config(
        ${name}-compiled "The part of ${name} that depends on no type of the user, compiled"
        REQUIRES "${name} = ${PROJECT_VERSION}" ${ARGN}
        CFLAGS -D${definition}=1
        LIBS "-L\"\${prefix}/${CMAKE_INSTALL_LIBDIR}\"" -l${library}
        IN "${CMAKE_INSTALL_LIBDIR}"
    )
endfunction()

set(build_id -Wl,--build-id)
if(CMAKE_SYSTEM_NAME MATCHES "Windows|Darwin")
    set(build_id "")
endif()
set(this_memo "memo = ${PROJECT_VERSION}")
memo_pkg_config(
    memo "Remembers what expensive functions returned; compile with -std=c++20"
    # cereal installs no file for pkg-config.
    REQUIRES_PRIVATE "libxxhash >= 0.8"
    CFLAGS [[-I"${includedir}"]] -DCEREAL_THREAD_SAFE=1 -pthread
    LIBS ${build_id} -pthread
)
memo_pkg_config(memo-disk "memo's backend on disk" REQUIRES "${this_memo}" "lmdb >= 0.9.23")
memo_pkg_config(memo-memcached "memo's backend in memcached" REQUIRES "${this_memo}")
memo_pkg_config(
    memo-libmemcached "memo's backend in memcached, over libmemcached"
    REQUIRES "memo-memcached = ${PROJECT_VERSION}" "libmemcached >= 1.1.4"
)
memo_pkg_config(memo-eigen "Eigen's matrices as arguments and values of memo" REQUIRES "${this_memo}" "eigen3 >= 3.4")
memo_pkg_config_compiled(memo memo MEMO_COMPILED)
set(compiled_memo "memo-compiled = ${PROJECT_VERSION}")
if(TARGET memo_compiled_memcached)
    memo_pkg_config_compiled(memo-memcached memo_memcached MEMO_COMPILED_MEMCACHED "${compiled_memo}")
endif()
if(TARGET memo_compiled_disk)
    memo_pkg_config_compiled(memo-disk memo_disk MEMO_COMPILED_DISK "${compiled_memo}")
endif()

# The folders are those of the Debian packages.
install(
    FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libmemo-dev"
    COMPONENT memo_dev
)
install(
    DIRECTORY "${PROJECT_SOURCE_DIR}/docs"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libmemo-dev"
    COMPONENT memo_dev
    FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png"
)
install(
    FILES "${PROJECT_SOURCE_DIR}/LICENSE"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libmemo-dev"
    RENAME copyright
    COMPONENT memo_dev
)
