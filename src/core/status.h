// Errors of the house: absl::Status for what a user, a file or a recipe can cause, REGROUP_CHECK
// for what only we can cause. Every room includes this header.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace regroup {

// Debian's Abseil has a string_view of its own; these two cross the border.
inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view ToStd(absl::string_view s) { return {s.data(), s.size()}; }

// The user, a recipe or an input file is at fault: exit code 2, nothing was changed.
// `place` is what a person can open ("a.jsonl:12", "recipe.yaml:3: stages.x.steps",
// "model.safetensors: lm_head.weight"); `message` says what was found, what was expected and what
// to do.
absl::Status UserError(const std::string& place, const std::string& message);

// Something failed while running (disk, memory, kernel): exit code 1.
absl::Status RunError(const std::string& place, const std::string& message);

// Exit code of a command that ended with `status`: 0 done, 1 failed while running, 2 user at fault.
int ExitCode(const absl::Status& status);

// The candidate nearest to `word` by edit distance, or "" when none is near enough to suggest.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

// " (did you mean \"x\"?)" or "".
std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates);

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);
}  // namespace internal

}  // namespace regroup

// A broken promise between our own functions: prints place and message, then aborts.
#define REGROUP_CHECK(condition, ...)                                  \
  do {                                                                 \
    if (!(condition)) {                                                \
      ::regroup::internal::CheckFailed(__FILE__, __LINE__, #condition, \
                                       ::std::string{__VA_ARGS__});    \
    }                                                                  \
  } while (false)

#define REGROUP_RETURN_IF_ERROR(expression)            \
  do {                                                 \
    ::absl::Status regroup_status_ = (expression);     \
    if (!regroup_status_.ok()) return regroup_status_; \
  } while (false)

#define REGROUP_CONCAT_INNER_(a, b) a##b
#define REGROUP_CONCAT_(a, b) REGROUP_CONCAT_INNER_(a, b)
#define REGROUP_ASSIGN_OR_RETURN(declaration, expression) \
  REGROUP_ASSIGN_OR_RETURN_IMPL_(REGROUP_CONCAT_(regroup_or_, __LINE__), declaration, expression)
#define REGROUP_ASSIGN_OR_RETURN_IMPL_(holder, declaration, expression) \
  auto holder = (expression);                                           \
  if (!holder.ok()) return holder.status();                             \
  declaration = std::move(holder).value()
