# How this project builds its own programs: decision 68.

# memo_link(TARGET [BACKEND...]): links memo, and disk or memcached, by the compiled libraries, as far as there is one.
function(memo_link target)
    set(libraries memo::memo memo::compiled)
    foreach(backend IN LISTS ARGN)
        list(APPEND libraries memo::${backend} $<TARGET_NAME_IF_EXISTS:memo::compiled_${backend}>)
    endforeach()
    if(MEMO_TESTS_HEADER_ONLY)
        list(FILTER libraries EXCLUDE REGEX "compiled")
    endif()
    get_target_property(type ${target} TYPE)
    set(scope PRIVATE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        set(scope INTERFACE)
    endif()
    target_link_libraries(${target} ${scope} ${libraries})
endfunction()

# memo_quick: whether tests that nobody waits for when they run are at -O0, which takes half of the time to compile.
set(memo_quick OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT MEMO_TESTS_HEADER_ONLY)
    set(memo_quick ON)
endif()
