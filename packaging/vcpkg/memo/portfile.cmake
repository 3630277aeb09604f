# Takes the sources that it lies in: vcpkg install memo --overlay-ports=<this repository>/packaging/vcpkg
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_check_linkage(ONLY_STATIC_LIBRARY)

# The library of the disk backend is built for the feature, not where LMDB happens to be.
set(without_disk ON)
if("disk" IN_LIST FEATURES)
    set(without_disk OFF)
endif()
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DMEMO_BUILD_TESTS=OFF
        -DMEMO_BUILD_EXAMPLES=OFF
        -DMEMO_BUILD_BENCHMARKS=OFF
        -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON # no memo-cache, which needs it
        -DCMAKE_DISABLE_FIND_PACKAGE_lmdb=${without_disk}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/memo)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
