# Finds LMDB, the database under memo's disk backend.
#
# lmdb::lmdb            its library and the directory of lmdb.h
# lmdb_VERSION          as the header states it
# lmdb_INCLUDE_DIR, lmdb_LIBRARY    set them where they lie elsewhere
find_path(lmdb_INCLUDE_DIR NAMES lmdb.h DOC "The directory of lmdb.h")
find_library(lmdb_LIBRARY NAMES lmdb DOC "The library of LMDB")
mark_as_advanced(lmdb_INCLUDE_DIR lmdb_LIBRARY)

if(lmdb_INCLUDE_DIR)
    set(lmdb_VERSION "")
    foreach(part IN ITEMS MAJOR MINOR PATCH)
        file(
            STRINGS "${lmdb_INCLUDE_DIR}/lmdb.h" line
            REGEX "^#define MDB_VERSION_${part}[ \t]+[0-9]+" LIMIT_COUNT 1
        )
        string(REGEX MATCH "[0-9]+$" number "${line}")
        list(APPEND lmdb_VERSION "${number}")
    endforeach()
    list(JOIN lmdb_VERSION "." lmdb_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
    lmdb
    REQUIRED_VARS lmdb_LIBRARY lmdb_INCLUDE_DIR
    VERSION_VAR lmdb_VERSION
    REASON_FAILURE_MESSAGE
        "memo::disk needs LMDB (Debian: apt-get install liblmdb-dev), set lmdb_INCLUDE_DIR and lmdb_LIBRARY where it lies elsewhere"
)

if(lmdb_FOUND AND NOT TARGET lmdb::lmdb)
    add_library(lmdb::lmdb UNKNOWN IMPORTED)
    set_target_properties(
        lmdb::lmdb
        PROPERTIES
            IMPORTED_LOCATION "${lmdb_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${lmdb_INCLUDE_DIR}"
    )
endif()
