# cmake -D HEADER=memo/memo.hpp -D FLAG=-fno-rtti -D FLAGS=FILE -P check_flag.cmake
#
# With FLAG the header must not compile, and the compiler's first error must name FLAG; what it prints after that is short.
include("${CMAKE_CURRENT_LIST_DIR}/compiler.cmake")

execute_process(
    COMMAND "${compiler}" ${flags} ${standard} ${include_directories} "${FLAG}" -fsyntax-only -x c++ -include "${HEADER}" /dev/null
    RESULT_VARIABLE result
    ERROR_VARIABLE output
)
if(result EQUAL 0)
    message(FATAL_ERROR "${HEADER} must not compile with ${FLAG}")
endif()
string(REPLACE "c++17" "c++20" named "${FLAG}")
string(REPLACE "/" "_" name "${HEADER}_with_${FLAG}")
check_output("${name}" "${output}" "${named}" 15 "")
