# cmake -D CASE=FILE -D FLAGS=FILE -P check.cmake
#
# The good twin of CASE must compile; the bad one must not, and its first error must contain the sentence that the first
# line of CASE names. FLAGS is the file written by CMakeLists.txt.
include("${FLAGS}")

file(STRINGS "${CASE}" first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expect: (.+)$")
    message(FATAL_ERROR "${CASE}: the first line must be '// expect: SENTENCE'")
endif()
set(sentence "${CMAKE_MATCH_1}")

separate_arguments(flags UNIX_COMMAND "${flags}")
list(REMOVE_ITEM include_directories ${implicit_directories})
list(TRANSFORM include_directories PREPEND -I)
list(TRANSFORM definitions PREPEND -D)
set(
    command
    "${compiler}" ${flags} ${standard} ${definitions} ${include_directories}
    -include "${precompiled}" -fsyntax-only
)
set(ENV{LC_ALL} C)

execute_process(COMMAND ${command} "${CASE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "the good twin must compile\n${output}")
endif()

execute_process(COMMAND ${command} -DMEMO_BAD "${CASE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
    message(FATAL_ERROR "the bad twin must not compile")
endif()
if(NOT output MATCHES "error: ([^\n]*)")
    message(FATAL_ERROR "the bad twin failed without an error\n${output}")
endif()
set(first_error "${CMAKE_MATCH_1}")
string(FIND "${first_error}" "${sentence}" position)
if(position EQUAL -1)
    message(FATAL_ERROR "the first error does not say '${sentence}':\n${first_error}\n\n${output}")
endif()
message(STATUS "${first_error}")
