# cmake -D HEADER=memo/memo.hpp -D FLAG=-fno-rtti -D FLAGS=FILE -P check_flag.cmake
#
# With FLAG the header must not compile, and the compiler's first error must name FLAG; what it prints after that is short.
include("${FLAGS}")

separate_arguments(flags UNIX_COMMAND "${flags}")
list(REMOVE_ITEM include_directories ${implicit_directories})
list(TRANSFORM include_directories PREPEND -I)
set(ENV{LC_ALL} C)
execute_process(
    COMMAND "${compiler}" ${flags} ${standard} ${include_directories} "${FLAG}" -fsyntax-only -x c++ -include "${HEADER}" /dev/null
    RESULT_VARIABLE result
    ERROR_VARIABLE output
)
if(result EQUAL 0)
    message(FATAL_ERROR "${HEADER} must not compile with ${FLAG}")
endif()
if(NOT output MATCHES "error: ([^\n]*)")
    message(FATAL_ERROR "failed without an error\n${output}")
endif()
set(first_error "${CMAKE_MATCH_1}")
string(REPLACE "c++17" "c++20" named "${FLAG}")
string(FIND "${first_error}" "${named}" position)
if(position EQUAL -1)
    message(FATAL_ERROR "the first error does not name ${named}:\n${output}")
endif()
string(REGEX MATCHALL "\n" lines "${output}")
list(LENGTH lines count)
if(count GREATER 12)
    message(FATAL_ERROR "${count} lines:\n${output}")
endif()
message(STATUS "${first_error}")
