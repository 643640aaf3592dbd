# Programs that time one room alone: benchmarks/<room>_bench.cc -> bin/<room>_bench, built only when
# its target is asked for. Included by Rooms.cmake.
function(regroup_benchmarks)
  foreach(room IN LISTS REGROUP_ROOMS)
    file(GLOB source CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/benchmarks/${room}_bench.cc")
    if(source AND TARGET regroup_${room})
      add_executable(${room}_bench EXCLUDE_FROM_ALL ${source})
      target_link_libraries(${room}_bench PRIVATE regroup_${room} regroup_warnings)
    endif()
  endforeach()
endfunction()
