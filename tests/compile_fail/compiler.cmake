# What check.cmake and check_flag.cmake share. FLAGS is the file written by CMakeLists.txt.
include("${FLAGS}")

separate_arguments(flags UNIX_COMMAND "${flags}")
list(REMOVE_ITEM include_directories ${implicit_directories})
list(TRANSFORM include_directories PREPEND -isystem)
list(TRANSFORM include_directories REPLACE "^-isystem(.*/include)$" "-I\\1") # memo's own is no system's
list(TRANSFORM definitions PREPEND -D)
set(ENV{LC_ALL} C)

# Requires that the first error contains a sentence, and that the compiler prints few lines in all; records both for table.cmake.
# A remark says why a case is an exception.
function(check_output name output sentence max_lines remark)
    if(NOT output MATCHES "error: ([^\n]*)")
        message(FATAL_ERROR "failed without an error\n${output}")
    endif()
    set(first_error "${CMAKE_MATCH_1}")
    string(FIND "${first_error}" "${sentence}" position)
    if(position EQUAL -1)
        message(FATAL_ERROR "the first error does not say '${sentence}':\n${first_error}\n\n${output}")
    endif()
    # Programs have no precompiled header above memo's.
    string(REGEX REPLACE "[^\n]*(cmake_pch|<command-line>|<built-in>)[^\n]*\n" "" seen "${output}")
    string(REGEX REPLACE "[^\n]" "" line_ends "${seen}")
    string(LENGTH "${line_ends}" lines)
    string(REPLACE ";" "," row "${lines}|${first_error}|${remark}")
    file(WRITE "${results}/${name}" "${row}")
    if(lines GREATER max_lines)
        message(FATAL_ERROR "${lines} lines:\n${output}")
    endif()
    message(STATUS "${lines} lines: ${first_error}")
endfunction()
