# Fuzz targets: tests/fuzz/<name>_fuzz.cc -> bin/<name>_fuzz, linked with libFuzzer and the rooms that read what
# comes from outside. Only in the preset fuzz, where `fuzz_targets` builds them all. Included by Rooms.cmake.

# Every mapping of a file becomes a copy of its exact size (tests/fuzz/exact_mapping.cc): the sanitizer then sees
# reads past its end, which a page's rest would hide.
set(REGROUP_FUZZ_WRAPS "LINKER:--wrap=mmap,--wrap=munmap")

function(regroup_fuzz_targets)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "Fuzz targets need clang with libFuzzer: scripts/setup --fuzz installs it, "
                        "scripts/fuzz uses it")
  endif()
  add_library(regroup_fuzz_support OBJECT "${CMAKE_SOURCE_DIR}/tests/fuzz/exact_mapping.cc")
  target_link_libraries(regroup_fuzz_support PRIVATE regroup_warnings)
  add_custom_target(fuzz_targets)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cc")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL "${source}")
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
    target_link_libraries(${name} PRIVATE
      regroup_formats regroup_recipe regroup_fuzz_support regroup_warnings)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer "${REGROUP_FUZZ_WRAPS}")
    add_dependencies(fuzz_targets ${name})
  endforeach()
endfunction()
