# cmake -D CASE=FILE -D FLAGS=FILE -P check.cmake
#
# The good twin of CASE must compile; the bad one must not. CMakeLists.txt describes the first lines of CASE.
include("${CMAKE_CURRENT_LIST_DIR}/compiler.cmake")

set(max_lines 15)
set(remark "")
file(STRINGS "${CASE}" head REGEX "^// (expect|lines|foreign)")
foreach(line IN LISTS head)
    if(line MATCHES "^// expect: (.+)$")
        set(sentence "${CMAKE_MATCH_1}")
    elseif(line MATCHES "^// expect (g\\+\\+|clang): (.+)$")
        set(words "${CMAKE_MATCH_2}")
        string(FIND "${compiler}" "/${CMAKE_MATCH_1}" position)
        if(position GREATER -1)
            set(sentence "${words}")
        endif()
    elseif(line MATCHES "^// lines: ([0-9]+), (.+)$")
        set(max_lines "${CMAKE_MATCH_1}")
        string(APPEND remark "lines: ${CMAKE_MATCH_2}. ")
    elseif(line MATCHES "^// foreign: (.+)$")
        string(APPEND remark "foreign: ${CMAKE_MATCH_1}. ")
    endif()
endforeach()
if(NOT sentence)
    message(FATAL_ERROR "${CASE}: the first line must be '// expect: SENTENCE'")
endif()

set(
    command
    "${compiler}" ${flags} ${standard} ${definitions} ${include_directories}
    -include "${precompiled}" -fsyntax-only
)

execute_process(COMMAND ${command} "${CASE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "the good twin must compile\n${output}")
endif()

execute_process(COMMAND ${command} -DMEMO_BAD "${CASE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
    message(FATAL_ERROR "the bad twin must not compile")
endif()
cmake_path(GET CASE STEM name)
check_output("${name}" "${output}" "${sentence}" "${max_lines}" "${remark}")
