# What cpack makes: libmemo-dev_*.deb and memo-cache_*.deb. scripts/packages.sh does it all.
set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_NAME memo)
set(CPACK_PACKAGE_VENDOR memo)
set(CPACK_PACKAGE_CONTACT "memo maintainers <maintainers@memo.invalid>" CACHE STRING "Who made the packages")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE
)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL memo_dev)

# What the header memo/memo.hpp needs is a dependency. LMDB is a recommendation: apt brings it by default, and who builds for
# a machine without disk can leave it out. What few use is a suggestion.
set(CPACK_COMPONENT_MEMO_DEV_DESCRIPTION "library that remembers what expensive functions returned
Header-only C++20: memo::memoize wraps a function, its key is which function
it is and its arguments, its values are kept in memory, on disk or in
memcached. For noisy functions it keeps running means. Who builds many files
links the static libraries that are here, too: they compile in less time.
.
memo::disk needs liblmdb-dev, memo::eigen libeigen3-dev, memo::libmemcached
libmemcached-dev and libsasl2-dev; memo::memcached needs nothing more.")
set(CPACK_DEBIAN_MEMO_DEV_PACKAGE_NAME libmemo-dev)
set(CPACK_DEBIAN_MEMO_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_MEMO_DEV_PACKAGE_DEPENDS "libcereal-dev (>= 1.3), libxxhash-dev (>= 0.8)")
set(CPACK_DEBIAN_MEMO_DEV_PACKAGE_RECOMMENDS "liblmdb-dev (>= 0.9.23)")
set(CPACK_DEBIAN_MEMO_DEV_PACKAGE_SUGGESTS
    "memo-cache, memcached, libeigen3-dev (>= 3.4), libmemcached-dev (>= 1.1.4), libsasl2-dev"
)

if(TARGET memo-cache)
    list(APPEND CPACK_COMPONENTS_ALL memo_cache)
    set(CPACK_COMPONENT_MEMO_CACHE_DESCRIPTION "looks into the caches that memo keeps on disk
Lists, verifies, salvages, exports and clears what memoized functions stored
with memo::disk.")
    set(CPACK_DEBIAN_MEMO_CACHE_PACKAGE_NAME memo-cache)
    set(CPACK_DEBIAN_MEMO_CACHE_PACKAGE_SECTION utils)
    set(CPACK_DEBIAN_MEMO_CACHE_PACKAGE_SHLIBDEPS ON)
    set(CPACK_DEBIAN_MEMO_CACHE_PACKAGE_SUGGESTS libmemo-dev)
endif()

include(CPack)
