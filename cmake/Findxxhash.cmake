# Finds the header of xxHash; memo compiles it inline and links nothing.
#
# xxhash::xxhash        the include directory of xxhash.h
# xxhash_VERSION        as the header states it
# xxhash_INCLUDE_DIR    set it where the header lies elsewhere
find_path(xxhash_INCLUDE_DIR NAMES xxhash.h DOC "The directory of xxhash.h")
mark_as_advanced(xxhash_INCLUDE_DIR)

if(xxhash_INCLUDE_DIR)
    set(xxhash_VERSION "")
    foreach(part IN ITEMS MAJOR MINOR RELEASE)
        file(
            STRINGS "${xxhash_INCLUDE_DIR}/xxhash.h" line
            REGEX "^#define XXH_VERSION_${part} +[0-9]+" LIMIT_COUNT 1
        )
        string(REGEX MATCH "[0-9]+$" number "${line}")
        list(APPEND xxhash_VERSION "${number}")
    endforeach()
    list(JOIN xxhash_VERSION "." xxhash_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
    xxhash
    REQUIRED_VARS xxhash_INCLUDE_DIR
    VERSION_VAR xxhash_VERSION
    REASON_FAILURE_MESSAGE
        "memo needs the header xxhash.h (Debian: apt-get install libxxhash-dev), set xxhash_INCLUDE_DIR where it lies elsewhere"
)

if(xxhash_FOUND AND NOT TARGET xxhash::xxhash)
    add_library(xxhash::xxhash INTERFACE IMPORTED)
    target_include_directories(xxhash::xxhash INTERFACE "${xxhash_INCLUDE_DIR}")
endif()
