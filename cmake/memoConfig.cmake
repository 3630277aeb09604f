# find_package(memo 0.1 [COMPONENTS eigen memcached]) gives memo::memo, and with the components memo::eigen and
# memo::memcached.
include(CMakeFindDependencyMacro)

set(memo_module_path "${CMAKE_MODULE_PATH}")
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
find_dependency(cereal 1.3 CONFIG)
find_dependency(xxhash 0.8 MODULE)
find_dependency(Threads)
if("eigen" IN_LIST memo_FIND_COMPONENTS)
    find_dependency(Eigen3 3.4 CONFIG)
    set(memo_eigen_FOUND TRUE)
endif()
if("memcached" IN_LIST memo_FIND_COMPONENTS)
    set(memo_memcached_FOUND TRUE)
endif()
set(CMAKE_MODULE_PATH "${memo_module_path}")
unset(memo_module_path)

include("${CMAKE_CURRENT_LIST_DIR}/memoTargets.cmake")

foreach(component IN LISTS memo_FIND_COMPONENTS)
    if(memo_FIND_REQUIRED_${component} AND NOT memo_${component}_FOUND)
        set(memo_FOUND FALSE)
        set(memo_NOT_FOUND_MESSAGE "memo has no component '${component}'; it has: eigen, memcached")
    endif()
endforeach()
