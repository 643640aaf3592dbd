# Prints what FindLibTorch would choose, as "cpu|cuda|cuda+kernels <version>
# <folder>", or nothing.
# Run by scripts/lib/libtorch.sh: cmake -P cmake/ProbeLibTorch.cmake
set(LibTorch_PROBE_ONLY TRUE)
include("${CMAKE_CURRENT_LIST_DIR}/FindLibTorch.cmake")
if(LibTorch_ROOT_DIR)
  set(_kind cpu)
  if(LibTorch_HAS_CUDA)
    set(_kind cuda)
    if(LibTorch_CUDA_KERNELS)
      set(_kind cuda+kernels)
    endif()
  endif()
  execute_process(COMMAND "${CMAKE_COMMAND}" -E echo
                          "${_kind} ${LibTorch_VERSION} ${LibTorch_ROOT_DIR}")
endif()
