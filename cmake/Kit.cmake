# The libraries from the sources of an offline kit, that `scripts/setup --kit` unpacked into REGROUP_KIT: static,
# with hidden symbols (LibTorch has some of the same names), and only the parts that regroup links are compiled.
# Included by Dependencies.cmake instead of Distribution.cmake; both define the same targets.

enable_language(C)

# A library with CMake files of its own, as its authors build it.
function(regroup_kit_subproject name)
  if(NOT EXISTS "${REGROUP_KIT}/${name}/CMakeLists.txt")
    message(FATAL_ERROR "No ${name} in ${REGROUP_KIT}: run scripts/setup --kit with the kit's file again")
  endif()
  add_subdirectory("${REGROUP_KIT}/${name}" "${CMAKE_BINARY_DIR}/kit/${name}" EXCLUDE_FROM_ALL SYSTEM)
endfunction()

# A C library that is no more than its sources: <name>_plain from the files that the patterns in ARGN match.
function(regroup_kit_sources name include)
  list(TRANSFORM ARGN PREPEND "${REGROUP_KIT}/${name}/")
  file(GLOB sources ${ARGN})
  if(NOT sources)
    message(FATAL_ERROR "No ${name} in ${REGROUP_KIT}: run scripts/setup --kit with the kit's file again")
  endif()
  add_library(${name}_plain STATIC EXCLUDE_FROM_ALL ${sources})
  target_include_directories(${name}_plain SYSTEM PUBLIC "${REGROUP_KIT}/${name}/${include}")
endfunction()

function(regroup_kit_libraries)
  set(CMAKE_C_FLAGS "${CMAKE_C_FLAGS} -w")
  set(CMAKE_CXX_FLAGS "${CMAKE_CXX_FLAGS} -w")
  set(CMAKE_C_VISIBILITY_PRESET hidden)
  set(CMAKE_CXX_VISIBILITY_PRESET hidden)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW) # the options below hold against each project's defaults
  set(CMAKE_WARN_DEPRECATED OFF)
  set(BUILD_SHARED_LIBS OFF)
  set(BUILD_TESTING OFF)

  set(ABSL_PROPAGATE_CXX_STD ON)
  set(JSON_BuildTests OFF)
  set(YAML_CPP_BUILD_TESTS OFF)
  set(YAML_CPP_BUILD_TOOLS OFF)
  set(YAML_CPP_BUILD_CONTRIB OFF)
  foreach(name IN ITEMS abseil nlohmann-json yaml-cpp googletest)
    regroup_kit_subproject(${name})
  endforeach()

  regroup_kit_sources(zlib . *.c)
  target_compile_definitions(zlib_plain PRIVATE HAVE_UNISTD_H HAVE_STDARG_H)
  add_library(ZLIB::ZLIB ALIAS zlib_plain)
  regroup_kit_sources(zstd lib lib/common/*.c lib/compress/*.c lib/decompress/*.c)
  target_compile_definitions(zstd_plain PRIVATE ZSTD_DISABLE_ASM ZSTDLIB_VISIBILITY= ZSTDERRORLIB_VISIBILITY=)
  regroup_kit_sources(xxhash . xxhash.c)
  regroup_kit_sources(utf8proc . utf8proc.c)
  target_compile_definitions(utf8proc_plain PUBLIC UTF8PROC_STATIC)

  add_library(cli11_plain INTERFACE)
  target_include_directories(cli11_plain SYSTEM INTERFACE "${REGROUP_KIT}/cli11/include")
endfunction()

regroup_kit_libraries()
