# cmake --install BUILD --prefix X: bin/regroup and share/regroup with what it reads (src/cli/share.cc finds it there),
# its licence and NOTICE. X can be moved. LibTorch stays where it is; with REGROUP_BUNDLE_LIBTORCH its libraries come
# along in lib/regroup. Included by CMakeLists.txt; docs/install.md describes it.
include(GNUInstallDirs)

option(REGROUP_BUNDLE_LIBTORCH "Install LibTorch's libraries beside the binary (CPU LibTorch, about 450 MB)" OFF)

if(REGROUP_BUNDLE_LIBTORCH AND LibTorch_HAS_CUDA)
  message(FATAL_ERROR "REGROUP_BUNDLE_LIBTORCH copies a LibTorch for CPU; ${LibTorch_ROOT_DIR} is one with CUDA, which "
                      "finds CUDA's libraries beside its own folder. Leave the option off")
elseif(REGROUP_BUNDLE_LIBTORCH)
  install(DIRECTORY "${LibTorch_ROOT_DIR}/lib/" DESTINATION "${CMAKE_INSTALL_LIBDIR}/regroup"
    FILES_MATCHING PATTERN "libtorch.so" PATTERN "libtorch_cpu.so" PATTERN "libc10.so" PATTERN "libgomp*.so*"
    PATTERN "libshm*" EXCLUDE PATTERN "cmake" EXCLUDE PATTERN "pkgconfig" EXCLUDE)
endif()

# One run path for the build folder and for X: libraries that came along go before those that stayed.
set_target_properties(regroup PROPERTIES
  BUILD_WITH_INSTALL_RPATH ON
  INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/regroup;${LibTorch_ROOT_DIR}/lib")
install(TARGETS regroup RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY configs recipes DESTINATION "${CMAKE_INSTALL_DATADIR}/regroup")
install(DIRECTORY data/sample DESTINATION "${CMAKE_INSTALL_DATADIR}/regroup/data")
install(FILES LICENSE NOTICE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/regroup")
