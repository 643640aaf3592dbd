# Test binaries: one per room and kind, each registered as one ctest test, because every start of
# LibTorch costs 0.3 s. Included by Rooms.cmake.
#
#   tests/unit/<room>/*.cc    -> <room>_test          label unit
#   tests/golden/<room>/*.cc  -> <room>_golden_test   label golden
#   tests/e2e/*_test.cc       -> e2e_<name>_test      label e2e, runs the real binary
#   tests/{unit,golden,e2e,architecture,fuzz}/**/*_test.{py,sh}   scripts, label of their folder
# *_slow_test, *_peers_test and *_gpu_test make a binary of their own with that label; *_kit_test.py gets its label too.
# Environment of every test: REGROUP_BINARY, REGROUP_SOURCE_DIR, REGROUP_BUILD_DIR.

set(REGROUP_TEST_ENVIRONMENT
  "REGROUP_SOURCE_DIR=${CMAKE_SOURCE_DIR}"
  "REGROUP_BUILD_DIR=${CMAKE_BINARY_DIR}"
  "REGROUP_BINARY=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/regroup"
  "PYTHONDONTWRITEBYTECODE=1")

function(regroup_register_test name label timeout)
  set_tests_properties(${name} PROPERTIES
    LABELS "${label}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
    ENVIRONMENT "${REGROUP_TEST_ENVIRONMENT}")
endfunction()

# What goes before the command of a test that needs the Python environment or a GPU: it skips the
# test where that is missing. Such a test finds the environment in REGROUP_PEERS_PYTHON.
function(regroup_need labels out)
  set(${out} "" PARENT_SCOPE)
  foreach(label IN LISTS labels)
    if(label MATCHES "^(peers|gpu)$")
      set(${out} "${CMAKE_SOURCE_DIR}/scripts/lib/run_if_present" ${label} PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

function(regroup_add_test_binary name label folder)  # sources in ARGN
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  target_link_libraries(${name} PRIVATE regroup_warnings GTest::gtest_main GTest::gmock)
  target_compile_definitions(${name} PRIVATE
    "REGROUP_SOURCE_DIR=\"${CMAKE_SOURCE_DIR}\"" "REGROUP_GOLDEN_DIR=\"${folder}\""
    "REGROUP_BINARY=\"${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/regroup\"")
  regroup_need("${label}" need)
  add_test(NAME ${name} COMMAND ${need} $<TARGET_FILE:${name}>)
  set(timeout 600)
  if(label MATCHES "e2e|slow|peers")
    set(timeout 2400)
  endif()
  regroup_register_test(${name} "${label}" ${timeout})
endfunction()

# One binary from the files in ARGN, linked with the room and the rooms its tests may use.
function(regroup_add_room_test room name label folder)
  regroup_add_test_binary(${name} "${label}" "${folder}" ${ARGN})
  target_link_libraries(${name} PRIVATE regroup_${room})
  foreach(extra IN LISTS REGROUP_${room}_TEST_DEPS)
    target_link_libraries(${name} PRIVATE regroup_${extra})
  endforeach()
  if(NOT REGROUP_${room}_PLAIN)
    regroup_use_libtorch(${name} PRIVATE)
  endif()
endfunction()

# Binaries of one room and kind (unit or golden), the special suffixes apart.
function(regroup_add_room_tests room kind)
  set(folder "${CMAKE_SOURCE_DIR}/tests/${kind}/${room}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cc")
  set(stem "${room}")
  if(kind STREQUAL golden)
    set(stem "${room}_golden")
  endif()
  foreach(special IN ITEMS slow peers gpu)
    set(chosen ${sources})
    list(FILTER chosen INCLUDE REGEX "_${special}_test\\.cc$")
    list(FILTER sources EXCLUDE REGEX "_${special}_test\\.cc$")
    if(chosen)
      regroup_add_room_test(${room} ${stem}_${special}_test "${kind};${special}" "${folder}"
                            ${chosen})
    endif()
  endforeach()
  if(sources)
    regroup_add_room_test(${room} ${stem}_test ${kind} "${folder}" ${sources})
  endif()
endfunction()

function(regroup_labels_of file kind out)
  set(labels ${kind})
  if(file MATCHES "_(slow|peers|gpu|kit)_test\\.[a-z]+$")
    list(APPEND labels ${CMAKE_MATCH_1})
  endif()
  set(${out} "${labels}" PARENT_SCOPE)
endfunction()

function(regroup_add_e2e_tests)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/e2e/*_test.cc")
  foreach(source IN LISTS sources)
    get_filename_component(stem "${source}" NAME_WE)
    regroup_labels_of("${source}" e2e labels)
    regroup_add_test_binary(e2e_${stem} "${labels}" "${CMAKE_SOURCE_DIR}/tests/e2e" ${source})
    target_link_libraries(e2e_${stem} PRIVATE regroup_core regroup_formats)
    if(TARGET regroup)
      add_dependencies(e2e_${stem} regroup)
    endif()
  endforeach()
endfunction()

function(regroup_add_script_tests)
  foreach(kind IN ITEMS unit golden e2e architecture fuzz)
    file(GLOB_RECURSE scripts CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${kind}/*_test.py"
         "${CMAKE_SOURCE_DIR}/tests/${kind}/*_test.sh")
    foreach(script IN LISTS scripts)
      get_filename_component(stem "${script}" NAME_WE)
      regroup_labels_of("${script}" ${kind} labels)
      set(interpreter python3)
      if(script MATCHES "\\.sh$")
        set(interpreter bash)
      endif()
      regroup_need("${labels}" need)
      add_test(NAME ${kind}_${stem} COMMAND ${need} ${interpreter} "${script}")
      regroup_register_test(${kind}_${stem} "${labels}" 2400)
    endforeach()
  endforeach()
endfunction()

function(regroup_tests)
  foreach(room IN LISTS REGROUP_ROOMS)
    if(TARGET regroup_${room})
      regroup_add_room_tests(${room} unit)
      regroup_add_room_tests(${room} golden)
    endif()
  endforeach()
  if(REGROUP_LIBTORCH_ROOMS)
    regroup_add_e2e_tests()
    regroup_add_script_tests()
  endif()
endfunction()
