# The libraries, LibTorch and SentencePiece, each as a target: from the distribution's packages or from an offline kit.
# Included by CMakeLists.txt; which room links which is said in Rooms.cmake.

find_package(Threads REQUIRED)
set(REGROUP_KIT "" CACHE PATH "Folder of sources that scripts/setup --kit unpacked; empty: the distribution's packages")
if(REGROUP_KIT)
  include(Kit)
else()
  include(Distribution)
endif()

# Abseil's components are named one by one: a missing one is an undefined symbol when linking.
add_library(regroup_absl INTERFACE)
target_link_libraries(regroup_absl INTERFACE
  absl::algorithm_container absl::any_invocable absl::base absl::btree absl::cleanup
  absl::fixed_array absl::flat_hash_map absl::flat_hash_set absl::function_ref absl::hash
  absl::inlined_vector absl::node_hash_map absl::span absl::status absl::statusor
  absl::str_format absl::strings absl::synchronization absl::time)

# SentencePiece: static, hidden, built by scripts/lib/build_sentencepiece. The version in the
# default folder is the one pinned there.
if(DEFINED ENV{XDG_CACHE_HOME})
  set(_cache "$ENV{XDG_CACHE_HOME}/regroup")
else()
  set(_cache "$ENV{HOME}/.cache/regroup")
endif()
set(REGROUP_SENTENCEPIECE "${_cache}/sentencepiece-0.2.0" CACHE PATH
    "Folder with include/ and lib/ of the static SentencePiece")
set(_spm "${REGROUP_SENTENCEPIECE}/lib/libsentencepiece")
if(NOT EXISTS "${_spm}.a")
  message(WARNING "No SentencePiece in ${REGROUP_SENTENCEPIECE}: run scripts/setup. "
                  "The room text and all that uses it will not build.")
endif()
add_library(sentencepiece_static INTERFACE)
target_include_directories(sentencepiece_static SYSTEM INTERFACE
  "$<BUILD_INTERFACE:${REGROUP_SENTENCEPIECE}/include>")
target_link_libraries(sentencepiece_static INTERFACE
  "${_spm}_train.a" "${_spm}.a" Threads::Threads
  "-Wl,--exclude-libs,libsentencepiece.a:libsentencepiece_train.a")

if(REGROUP_LIBTORCH_ROOMS)
  find_package(LibTorch REQUIRED)
  set(CMAKE_BUILD_RPATH "${LibTorch_ROOT_DIR}/lib") # cmake/Install.cmake says what an installed binary has
  set(REGROUP_CUDA_VERSION "") # for --version
  if(LibTorch_HAS_CUDA)
    set(REGROUP_CUDA_VERSION "${LibTorch_CUDA_VERSION}")
    if(REGROUP_CUDA_VERSION STREQUAL "")
      set(REGROUP_CUDA_VERSION "unknown")
    endif()
  endif()
  if(LibTorch_CUDA_KERNELS)
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_RUNTIME_LIBRARY Shared) # as LibTorch has it
    if(NOT DEFINED CMAKE_CUDA_COMPILER)
      set(CMAKE_CUDA_COMPILER "${REGROUP_NVCC}")
    endif()
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
    endif()
    enable_language(CUDA)
    message(STATUS "LibTorch ${LibTorch_VERSION} with CUDA and nvcc: own kernels are built")
  elseif(LibTorch_HAS_CUDA)
    message(STATUS "LibTorch ${LibTorch_VERSION} with CUDA, no fitting nvcc: ATen's kernels only")
  else()
    message(STATUS "LibTorch ${LibTorch_VERSION} on CPU: ${LibTorch_ROOT_DIR}")
  endif()
endif()
