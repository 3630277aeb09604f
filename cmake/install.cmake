# Installs the headers and the package that find_package(memo 0.1) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/memo")

install(TARGETS memo memo_eigen memo_disk memo_memcached memo_libmemcached EXPORT memo FILE_SET HEADERS)
install(EXPORT memo NAMESPACE memo:: FILE memoTargets.cmake DESTINATION "${package_dir}")

# 0.x: a new minor version may change names, keys and records.
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/memoConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion
    ARCH_INDEPENDENT
)
install(
    FILES
        "${PROJECT_SOURCE_DIR}/cmake/memoConfig.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/Findlmdb.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/Findlibmemcached.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/Findxxhash.cmake"
        "${PROJECT_BINARY_DIR}/memoConfigVersion.cmake"
    DESTINATION "${package_dir}"
)
