# The commit that a binary is built from: <build>/commit.cc with `kCommit`, "30efa1189abc", with "-dirty" behind it
# where the working tree differs, "unknown" without git. It is written anew when the rooms or HEAD have changed, so
# that nothing else is rebuilt and a build of nothing runs nothing.
# Included by Rooms.cmake; as a script (cmake -DSOURCE= -DOUT= -P) it writes the file.

function(regroup_read_commit source out)
  set(${out} unknown PARENT_SCOPE)
  find_program(REGROUP_GIT git)
  if(NOT REGROUP_GIT OR NOT EXISTS "${source}/.git")
    return()
  endif()
  execute_process(COMMAND ${REGROUP_GIT} -C "${source}" describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE code ERROR_QUIET)
  if(code EQUAL 0)
    set(${out} "${text}" PARENT_SCOPE)
  endif()
endfunction()

# What changes when HEAD does: the log of HEAD, which every commit and checkout appends to.
function(regroup_head_file source out)
  set(${out} "" PARENT_SCOPE)
  find_program(REGROUP_GIT git)
  if(REGROUP_GIT AND EXISTS "${source}/.git")
    execute_process(COMMAND ${REGROUP_GIT} -C "${source}" rev-parse --path-format=absolute --git-path logs/HEAD
      OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(path AND EXISTS "${path}")
      set(${out} "${path}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

# Adds commit.cc to `target`; it is made after the libraries in ARGN.
function(regroup_add_commit target)
  regroup_head_file("${CMAKE_SOURCE_DIR}" head)
  set(file "${CMAKE_BINARY_DIR}/commit.cc")
  add_custom_command(OUTPUT "${file}"
    COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${CMAKE_SOURCE_DIR}" "-DOUT=${file}" -P "${CMAKE_SOURCE_DIR}/cmake/Commit.cmake"
    DEPENDS ${ARGN} ${head} "${CMAKE_SOURCE_DIR}/cmake/Commit.cmake"
    COMMENT "Reading the commit" VERBATIM)
  target_sources(${target} PRIVATE "${file}")
  set_source_files_properties("${file}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  regroup_read_commit("${SOURCE}" commit)
  file(WRITE "${OUT}" "// Made by cmake/Commit.cmake.
namespace regroup {
extern const char kCommit[];
const char kCommit[] = \"${commit}\";
}  // namespace regroup
")
endif()
