# Finds LibTorch (the C++ part of a PyTorch wheel or of the libtorch archive) without TorchConfig,
# which stops where a CUDA wheel has no CUDA toolkit beside it and adds paths that do not exist.
# Called by CMakeLists.txt through find_package(LibTorch).
#
# Looks, in this order, at: REGROUP_LIBTORCH (CMake variable, then environment), Torch_DIR (same),
# what `scripts/setup --cuda` chose, an installed Python torch that is new enough, the cache that
# scripts/setup fills.
# A folder that was named and does not fit is an error; one that was only found is passed over.
#
# Sets LibTorch_FOUND, LibTorch_ROOT_DIR, LibTorch_VERSION, LibTorch_HAS_CUDA (the wheel),
# LibTorch_CUDA_KERNELS (own .cu files can be built: CUDA wheel, and nvcc of its major version),
# and the target LibTorch::LibTorch.

set(_libtorch_minimum_cpu 2.13.0)
set(_libtorch_minimum_cuda 2.11.0)

# The folder with include/ and lib/ for what the user or Python named: itself, <dir>/torch or, for
# a Torch_DIR, three levels up from share/cmake/Torch.
function(_libtorch_root_of dir out)
  set(${out} "" PARENT_SCOPE)
  foreach(candidate IN ITEMS "${dir}" "${dir}/torch" "${dir}/../../..")
    if(EXISTS "${candidate}/lib/libtorch_cpu.so")
      get_filename_component(root "${candidate}" ABSOLUTE)
      set(${out} "${root}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

function(_libtorch_version_of root out)
  set(text "")
  foreach(header IN ITEMS torch/headeronly/version.h
                          torch/csrc/api/include/torch/version.h)
    if(EXISTS "${root}/include/${header}")
      file(READ "${root}/include/${header}" more)
      string(APPEND text "${more}")
    endif()
  endforeach()
  set(version "")
  foreach(part IN ITEMS MAJOR MINOR PATCH)
    if(NOT text MATCHES "#define TORCH_VERSION_${part} +([0-9]+)")
      set(${out} "" PARENT_SCOPE)
      return()
    endif()
    list(APPEND version ${CMAKE_MATCH_1})
  endforeach()
  list(JOIN version "." version)
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Empty when `root` can be used, else the sentence that says why not.
function(_libtorch_refusal root out)
  _libtorch_version_of("${root}" version)
  if(EXISTS "${root}/lib/libtorch_cuda.so")
    set(kind "with CUDA")
    set(minimum ${_libtorch_minimum_cuda})
  else()
    set(kind "on CPU")
    set(minimum ${_libtorch_minimum_cpu})
  endif()
  if(version STREQUAL "")
    set(${out} "LibTorch in ${root} has no readable version header" PARENT_SCOPE)
  elseif(version VERSION_LESS minimum)
    set(${out} "LibTorch ${version} in ${root} is too old: regroup needs ${minimum} or later \
${kind}. Run scripts/setup, which fetches one, or name a newer one with -DREGROUP_LIBTORCH=<folder>"
        PARENT_SCOPE)
  else()
    set(${out} "" PARENT_SCOPE)
  endif()
endfunction()

function(_libtorch_python_folder out)
  set(${out} "" PARENT_SCOPE)
  find_program(REGROUP_PYTHON3 python3)
  if(REGROUP_PYTHON3)
    execute_process(
      COMMAND ${REGROUP_PYTHON3} -c "import importlib.util as u; s = u.find_spec('torch'); \
print(s.submodule_search_locations[0] if s and s.submodule_search_locations else '')"
      OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    set(${out} "${folder}" PARENT_SCOPE)
  endif()
endfunction()

function(_libtorch_cache out)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(${out} "$ENV{XDG_CACHE_HOME}/regroup/libtorch" PARENT_SCOPE)
  else()
    set(${out} "$ENV{HOME}/.cache/regroup/libtorch" PARENT_SCOPE)
  endif()
endfunction()

# The newest first; of one version, CUDA before CPU ("+cu130" sorts after "+cpu").
function(_libtorch_cached_folders out)
  _libtorch_cache(cache)
  file(GLOB folders "${cache}/*/torch")
  list(SORT folders COMPARE NATURAL ORDER DESCENDING)
  set(${out} "${folders}" PARENT_SCOPE)
endfunction()

# scripts/setup --cuda writes its folder into the file "chosen": it goes before a CPU torch of
# Python's.
function(_libtorch_chosen_folder out)
  set(${out} "" PARENT_SCOPE)
  _libtorch_cache(cache)
  if(EXISTS "${cache}/chosen")
    file(STRINGS "${cache}/chosen" folder LIMIT_COUNT 1)
    set(${out} "${folder}" PARENT_SCOPE)
  endif()
endfunction()

# Sets LibTorch_ROOT_DIR for the caller, or stops with the sentence of the named folder.
macro(_libtorch_choose_root)
  set(LibTorch_ROOT_DIR "")
  set(_libtorch_passed_over "")
  foreach(_named IN ITEMS "${REGROUP_LIBTORCH}" "$ENV{REGROUP_LIBTORCH}" "${Torch_DIR}"
                          "$ENV{Torch_DIR}")
    if(_named AND NOT _named MATCHES "-NOTFOUND$" AND NOT LibTorch_ROOT_DIR)
      _libtorch_root_of("${_named}" LibTorch_ROOT_DIR)
      if(NOT LibTorch_ROOT_DIR)
        message(FATAL_ERROR "No LibTorch in ${_named}: expected lib/libtorch_cpu.so there or in "
                            "its folder torch/ (named by REGROUP_LIBTORCH or Torch_DIR)")
      endif()
      _libtorch_refusal("${LibTorch_ROOT_DIR}" _refusal)
      if(_refusal)
        message(FATAL_ERROR "${_refusal}")
      endif()
    endif()
  endforeach()
  if(NOT LibTorch_ROOT_DIR)
    _libtorch_chosen_folder(_chosen)
    _libtorch_python_folder(_python)
    _libtorch_cached_folders(_cached)
    foreach(_found IN LISTS _chosen _python _cached)
      _libtorch_root_of("${_found}" _root)
      if(_root AND NOT LibTorch_ROOT_DIR)
        _libtorch_refusal("${_root}" _refusal)
        if(_refusal)
          list(APPEND _libtorch_passed_over "${_refusal}")
        else()
          set(LibTorch_ROOT_DIR "${_root}")
        endif()
      endif()
    endforeach()
  endif()
endmacro()

# The compile definitions that the wheel's own targets export (USE_DISTRIBUTED, USE_C10D_GLOO, ...).
function(_libtorch_definitions root out)
  set(definitions "")
  set(targets "${root}/share/cmake/Caffe2/Caffe2Targets.cmake")
  if(EXISTS "${targets}")
    file(STRINGS "${targets}" lines REGEX "INTERFACE_COMPILE_DEFINITIONS")
    foreach(line IN LISTS lines)
      string(REGEX MATCHALL "[A-Z][A-Z0-9_]+(=[A-Za-z0-9_]+)?" names "${line}")
      list(REMOVE_ITEM names INTERFACE_COMPILE_DEFINITIONS)
      if(NOT line MATCHES "\\$<")
        list(APPEND definitions ${names})
      endif()
    endforeach()
    list(REMOVE_DUPLICATES definitions)
  endif()
  set(${out} "${definitions}" PARENT_SCOPE)
endfunction()

# Own CUDA kernels need nvcc of the wheel's major version; without it ATen's kernels still work.
macro(_libtorch_check_cuda)
  set(LibTorch_HAS_CUDA FALSE)
  set(LibTorch_CUDA_KERNELS FALSE)
  if(EXISTS "${LibTorch_ROOT_DIR}/lib/libtorch_cuda.so")
    set(LibTorch_HAS_CUDA TRUE)
    _libtorch_cuda_version("${LibTorch_ROOT_DIR}" LibTorch_CUDA_VERSION)
    find_program(REGROUP_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
    if(REGROUP_NVCC)
      execute_process(COMMAND ${REGROUP_NVCC} --version OUTPUT_VARIABLE _nvcc ERROR_QUIET)
      if(_nvcc MATCHES "release ([0-9]+)\\.([0-9]+)")
        set(_nvcc_major ${CMAKE_MATCH_1})
        if(LibTorch_CUDA_VERSION STREQUAL "" OR LibTorch_CUDA_VERSION MATCHES "^${_nvcc_major}\\.")
          set(LibTorch_CUDA_KERNELS TRUE)
        endif()
      endif()
    endif()
  endif()
endmacro()

# "13.0" from the wheel's version.py (cuda: Optional[str] = '13.0'), empty where it does not say.
function(_libtorch_cuda_version root out)
  set(${out} "" PARENT_SCOPE)
  if(EXISTS "${root}/version.py")
    file(STRINGS "${root}/version.py" line REGEX "^cuda")
    if(line MATCHES "'([0-9.]+)'")
      set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

function(_libtorch_add_target)
  set(lib "${LibTorch_ROOT_DIR}/lib")
  set(libraries "${lib}/libtorch.so" "${lib}/libtorch_cpu.so")
  if(LibTorch_HAS_CUDA)
    list(APPEND libraries "${lib}/libtorch_cuda.so" "${lib}/libc10_cuda.so")
  endif()
  list(APPEND libraries "${lib}/libc10.so")
  list(JOIN libraries "," joined)
  _libtorch_definitions("${LibTorch_ROOT_DIR}" definitions)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
    "${LibTorch_ROOT_DIR}/include;${LibTorch_ROOT_DIR}/include/torch/csrc/api/include"
    INTERFACE_INCLUDE_DIRECTORIES
    "${LibTorch_ROOT_DIR}/include;${LibTorch_ROOT_DIR}/include/torch/csrc/api/include"
    INTERFACE_COMPILE_DEFINITIONS "${definitions}"
    INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp>")
  # Without -fopenmp the templates of at::parallel_for run on one thread. libgomp comes from the
  # wheel where it has one under the plain name (first in the run path).
  # libtorch_cuda registers its kernels when it is loaded: --no-as-needed keeps it. The pip
  # packages of CUDA are found at run time through the wheel's own RPATH.
  target_link_libraries(LibTorch::LibTorch INTERFACE
    "-Wl,--push-state,--no-as-needed,${joined},--pop-state")
  target_link_options(LibTorch::LibTorch INTERFACE
    -fopenmp "-Wl,--allow-shlib-undefined")
endfunction()

_libtorch_choose_root()
if(LibTorch_ROOT_DIR)
  _libtorch_version_of("${LibTorch_ROOT_DIR}" LibTorch_VERSION)
  _libtorch_check_cuda()
endif()

if(LibTorch_PROBE_ONLY)
  return()
endif()

list(JOIN _libtorch_passed_over "\n  " _passed_text)
if(_passed_text)
  string(PREPEND _passed_text "\n  ")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_ROOT_DIR VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "Run scripts/setup, which fetches it, or name its folder with \
-DREGROUP_LIBTORCH=<folder>.${_passed_text}")
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  _libtorch_add_target()
endif()
