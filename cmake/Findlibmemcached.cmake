# Finds libmemcached, which installs no package of its own for CMake on Debian.
#
# libmemcached::libmemcached    include directory and library
# libmemcached_VERSION          as the header states it
# libmemcached_INCLUDE_DIR      set it where the headers lie elsewhere
# libmemcached_LIBRARY          set it where the library lies elsewhere
find_path(libmemcached_INCLUDE_DIR NAMES libmemcached/memcached.h DOC "The directory above libmemcached/memcached.h")
find_library(libmemcached_LIBRARY NAMES memcached DOC "The library libmemcached")
mark_as_advanced(libmemcached_INCLUDE_DIR libmemcached_LIBRARY)

if(libmemcached_INCLUDE_DIR)
    set(header "${libmemcached_INCLUDE_DIR}/libmemcached-1.0/configure.h")
    if(EXISTS "${header}")
        file(STRINGS "${header}" line REGEX "^#define LIBMEMCACHED_VERSION_STRING " LIMIT_COUNT 1)
        string(REGEX MATCH "[0-9.]+" libmemcached_VERSION "${line}")
    endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
    libmemcached
    REQUIRED_VARS libmemcached_LIBRARY libmemcached_INCLUDE_DIR
    VERSION_VAR libmemcached_VERSION
    REASON_FAILURE_MESSAGE
        "memo::libmemcached needs libmemcached 1.1.4 (Debian: apt-get install libmemcached-dev libsasl2-dev)"
)

if(libmemcached_FOUND AND NOT TARGET libmemcached::libmemcached)
    add_library(libmemcached::libmemcached UNKNOWN IMPORTED)
    set_target_properties(
        libmemcached::libmemcached
        PROPERTIES
            IMPORTED_LOCATION "${libmemcached_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${libmemcached_INCLUDE_DIR}"
    )
endif()
