# The libraries as the distribution's packages have them (scripts/setup installs these), each as a target.
# Included by Dependencies.cmake; cmake/Kit.cmake defines the same targets from sources.

find_package(absl REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)

# Libraries that Debian ships without CMake files: header and library, looked up by name.
function(regroup_find_plain_library target header library package)
  find_path(REGROUP_${target}_INCLUDE ${header})
  find_library(REGROUP_${target}_LIBRARY ${library})
  if(NOT REGROUP_${target}_INCLUDE OR NOT REGROUP_${target}_LIBRARY)
    message(FATAL_ERROR "${header} not found: install ${package}, or run scripts/setup")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${REGROUP_${target}_INCLUDE}"
    INTERFACE_LINK_LIBRARIES "${REGROUP_${target}_LIBRARY}")
endfunction()
regroup_find_plain_library(zstd_plain zstd.h zstd libzstd-dev)
regroup_find_plain_library(xxhash_plain xxhash.h xxhash libxxhash-dev)
regroup_find_plain_library(utf8proc_plain utf8proc.h utf8proc libutf8proc-dev)

find_path(REGROUP_CLI11_INCLUDE CLI/CLI.hpp)
if(NOT REGROUP_CLI11_INCLUDE)
  message(FATAL_ERROR "CLI/CLI.hpp not found: install libcli11-dev, or run scripts/setup")
endif()
add_library(cli11_plain INTERFACE)
target_include_directories(cli11_plain SYSTEM INTERFACE "${REGROUP_CLI11_INCLUDE}")
