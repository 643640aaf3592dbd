# The rooms of the house, from the bottom up: what each may use, as one table. It feeds the link
# line and, through build/<preset>/rooms.json, the test that reads the includes.
# Included by CMakeLists.txt.
#
# A room is the folder src/<room>: all its .cc files make the static library regroup_<room>.
# Config structs: src/<room>/*_config.cc make regroup_<room>_config, which knows no LibTorch; the
# room links it, and so may rooms without LibTorch (recipe).
# Kernels: src/<room>/*.cu are built where nvcc is. Headers that stand in for missing ones of a
# library: src/<room>/stubs, visible to the room only. Files that the binary writes (Python, style
# sheets): src/<room>/NAME.py or NAME.css becomes the text `extern const char kEmbedded_NAME[]`.

set(REGROUP_ROOMS "")

# regroup_room(<name> [PLAIN] [DEPS rooms] [LIBS libraries] [TEST_DEPS rooms])
# PLAIN: the room and its tests include no LibTorch. TEST_DEPS: rooms that only its tests use.
macro(regroup_room name)
  cmake_parse_arguments(_room "PLAIN" "" "DEPS;LIBS;TEST_DEPS" ${ARGN})
  list(APPEND REGROUP_ROOMS ${name})
  set(REGROUP_${name}_PLAIN ${_room_PLAIN})
  set(REGROUP_${name}_DEPS ${_room_DEPS})
  set(REGROUP_${name}_LIBS ${_room_LIBS})
  set(REGROUP_${name}_TEST_DEPS ${_room_TEST_DEPS})
endmacro()

regroup_room(core PLAIN LIBS regroup_absl nlohmann_json::nlohmann_json xxhash_plain Threads::Threads)
regroup_room(formats PLAIN DEPS core LIBS ZLIB::ZLIB zstd_plain)
regroup_room(text PLAIN DEPS core LIBS sentencepiece_static utf8proc_plain)
regroup_room(metrics PLAIN DEPS core LIBS utf8proc_plain)
regroup_room(data PLAIN DEPS core formats text)
regroup_room(ops DEPS core)
regroup_room(model DEPS core data ops TEST_DEPS formats parallel)
regroup_room(optim DEPS core ops TEST_DEPS formats)
regroup_room(parallel DEPS core ops optim)
regroup_room(checkpoint DEPS core formats text ops model optim parallel)
regroup_room(convert DEPS core ops model TEST_DEPS formats checkpoint)
regroup_room(calibrate DEPS core data ops model optim checkpoint convert TEST_DEPS formats)
regroup_room(decode DEPS core data ops model checkpoint TEST_DEPS formats)
regroup_room(train DEPS core formats text data ops model optim parallel checkpoint)
regroup_room(evaluate DEPS core text data metrics model parallel checkpoint decode train)
# recipe uses of every room below only its config: the headers <room>/*_config.h.
regroup_room(recipe PLAIN DEPS core LIBS yaml-cpp)
regroup_room(report PLAIN DEPS core metrics recipe)
set(_below_pipeline ${REGROUP_ROOMS})
regroup_room(pipeline DEPS ${_below_pipeline})
regroup_room(cli DEPS ${_below_pipeline} pipeline LIBS cli11_plain)

set(error_on_warning -Werror)
if(REGROUP_KIT)
  set(error_on_warning "") # a kit meets compilers that nobody has tried: their new warnings do not stop it
endif()

# g++ 12 warns of these inside its own std::string (GCC bugs 105651, 105329): which of them, and
# where, changes with the optimization level and the processor.
add_library(regroup_warnings INTERFACE)
target_compile_options(regroup_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion ${error_on_warning}>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow>)

# A source file that holds the text of a file, so that the binary needs no file beside it.
function(regroup_embed room file out_source)
  get_filename_component(name "${file}" NAME)
  get_filename_component(stem "${file}" NAME_WE)
  set(symbol "kEmbedded_${stem}")
  file(READ "${file}" content)
  set(source "${CMAKE_BINARY_DIR}/embedded/${stem}.cc")
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/cmake/embedded_text.cc.in" "${source}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  set(${out_source} "${source}" PARENT_SCOPE)
endfunction()

# Sources of a room, split: <room>_config_sources, <room>_sources (the rest, without main.cc).
function(regroup_glob_room room)
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}/src/${room}")
  file(GLOB config CONFIGURE_DEPENDS "${folder}/*_config.cc")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cc")
  list(REMOVE_ITEM sources ${config} "${folder}/main.cc")
  if(LibTorch_CUDA_KERNELS)
    file(GLOB kernels CONFIGURE_DEPENDS "${folder}/*.cu")
    list(APPEND sources ${kernels})
  endif()
  file(GLOB texts CONFIGURE_DEPENDS "${folder}/*.py" "${folder}/*.css")
  foreach(text IN LISTS texts)
    regroup_embed(${room} "${text}" embedded)
    list(APPEND sources "${embedded}")
  endforeach()
  set(${room}_config_sources "${config}" PARENT_SCOPE)
  set(${room}_sources "${sources}" PARENT_SCOPE)
endfunction()

# With REGROUP_UNITY (preset smoke) all files of a room are compiled as one, which reads the headers once: a third of the
# time. Rooms whose files share names in their anonymous namespaces, which is their right, are listed here; the test of
# the kit finds those that are not listed yet, and goes on with them file by file.
option(REGROUP_UNITY "Compile each room as one file" OFF)
set(REGROUP_NO_UNITY cli formats metrics pipeline report CACHE STRING "Rooms that REGROUP_UNITY leaves as they are")

function(regroup_set_unity room target)
  if(REGROUP_UNITY AND NOT room IN_LIST REGROUP_NO_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
endfunction()

# A library of the room's own code, or an INTERFACE target while there are no sources.
function(regroup_add_library target out_scope)
  if("${ARGN}" STREQUAL "")
    add_library(${target} INTERFACE)
    set(${out_scope} INTERFACE PARENT_SCOPE)
  else()
    add_library(${target} STATIC ${ARGN})
    target_link_libraries(${target} PRIVATE regroup_warnings)
    set(${out_scope} PUBLIC PARENT_SCOPE)
  endif()
endfunction()

# regroup_<room>_config: no LibTorch, whatever the room is. Below it: core and the config targets of the
# rooms that this room may use.
function(regroup_add_config_library room)
  regroup_add_library(regroup_${room}_config scope ${${room}_config_sources})
  regroup_set_unity(${room} regroup_${room}_config)
  target_include_directories(regroup_${room}_config ${scope} "${CMAKE_CURRENT_SOURCE_DIR}/src")
  if(NOT room STREQUAL core)
    target_link_libraries(regroup_${room}_config ${scope} regroup_core)
  else()
    target_link_libraries(regroup_core_config ${scope} ${REGROUP_core_LIBS})
  endif()
  foreach(below IN LISTS REGROUP_${room}_DEPS)
    target_link_libraries(regroup_${room}_config ${scope} regroup_${below}_config)
  endforeach()
endfunction()

function(regroup_add_room room)
  regroup_add_library(regroup_${room} scope ${${room}_sources})
  regroup_set_unity(${room} regroup_${room})
  target_include_directories(regroup_${room} ${scope} "${CMAKE_CURRENT_SOURCE_DIR}/src")
  target_link_libraries(regroup_${room} ${scope} regroup_${room}_config ${REGROUP_${room}_LIBS})
  foreach(below IN LISTS REGROUP_${room}_DEPS)
    target_link_libraries(regroup_${room} ${scope} regroup_${below})
  endforeach()
  if(room STREQUAL recipe)
    foreach(below IN LISTS REGROUP_ROOMS)
      if(NOT below MATCHES "^(recipe|report|pipeline|cli)$")
        target_link_libraries(regroup_recipe ${scope} regroup_${below}_config)
      endif()
    endforeach()
  endif()
  if(NOT REGROUP_${room}_PLAIN)
    regroup_use_libtorch(regroup_${room} ${scope})
  endif()
  if(scope STREQUAL PUBLIC AND IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/src/${room}/stubs")
    target_include_directories(regroup_${room} SYSTEM PRIVATE
      "${CMAKE_CURRENT_SOURCE_DIR}/src/${room}/stubs")
  endif()
endfunction()

# ATen/ATen.h is precompiled once, in regroup_aten_pch, and reused: a file then costs 1.3 s less of
# headers instead of 5.6. Reuse needs the same flags everywhere, so set flags globally, not per room.
function(regroup_add_aten_pch)
  set(source "${CMAKE_BINARY_DIR}/aten_pch.cc")
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "// Gives the precompiled header a target of its own.\n")
  endif()
  add_library(regroup_aten_pch OBJECT "${source}")
  target_link_libraries(regroup_aten_pch PRIVATE LibTorch::LibTorch regroup_warnings)
  target_precompile_headers(regroup_aten_pch PRIVATE <ATen/ATen.h>)
endfunction()

function(regroup_use_libtorch target scope)
  target_link_libraries(${target} ${scope} LibTorch::LibTorch)
  if(LibTorch_CUDA_KERNELS)
    target_compile_definitions(${target} ${scope} REGROUP_CUDA_KERNELS)
  endif()
  if(NOT scope STREQUAL INTERFACE)
    target_precompile_headers(${target} REUSE_FROM regroup_aten_pch)
  endif()
endfunction()

function(regroup_add_binary)
  set(main "${CMAKE_CURRENT_SOURCE_DIR}/src/cli/main.cc")
  file(GLOB found CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/cli/main.cc")
  if(NOT found)
    return()
  endif()
  set_source_files_properties("${CMAKE_CURRENT_SOURCE_DIR}/src/cli/version.cc" PROPERTIES
    COMPILE_DEFINITIONS "REGROUP_VERSION=\"${PROJECT_VERSION}\";REGROUP_BUILD_TYPE=\"${CMAKE_BUILD_TYPE}\";\
REGROUP_CUDA_VERSION=\"${REGROUP_CUDA_VERSION}\"")
  add_executable(regroup "${main}")
  target_link_libraries(regroup PRIVATE regroup_cli regroup_warnings)
  list(TRANSFORM REGROUP_ROOMS PREPEND regroup_ OUTPUT_VARIABLE libraries)
  regroup_add_commit(regroup ${libraries})
  target_precompile_headers(regroup REUSE_FROM regroup_aten_pch)
endfunction()

# rooms.json: [{"room", "deps", "plain"}], read by tests/architecture.
function(regroup_write_table)
  set(rows "")
  foreach(room IN LISTS REGROUP_ROOMS)
    list(TRANSFORM REGROUP_${room}_DEPS REPLACE "(.+)" "\"\\1\"" OUTPUT_VARIABLE deps)
    list(JOIN deps ", " deps)
    string(TOLOWER "${REGROUP_${room}_PLAIN}" plain)
    list(APPEND rows "  {\"room\": \"${room}\", \"plain\": ${plain}, \"deps\": [${deps}]}")
  endforeach()
  list(JOIN rows ",\n" rows)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/rooms.json" CONTENT "[\n${rows}\n]\n")
endfunction()

function(regroup_rooms)
  regroup_write_table()
  if(REGROUP_LIBTORCH_ROOMS)
    regroup_add_aten_pch()
  endif()
  foreach(room IN LISTS REGROUP_ROOMS)
    regroup_glob_room(${room})
    regroup_add_config_library(${room})
    if(REGROUP_${room}_PLAIN OR REGROUP_LIBTORCH_ROOMS)
      regroup_add_room(${room})
    endif()
  endforeach()
  if(REGROUP_LIBTORCH_ROOMS)
    regroup_add_binary()
  endif()
endfunction()

include(Commit)
include(Tests)
include(Benchmarks)
include(Fuzz)
