// Collects problems; the same problem found twice (a stage written for several variants) is listed
// once.
#include "recipe/problems.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {
namespace {

constexpr size_t kMostListed = 40;  // as many as a person reads before changing the file

// "a.yaml:12: stages.x" -> ("a.yaml", 12); places without a line come first in their file.
std::pair<std::string, int> FileAndLine(const std::string& place) {
  const std::string mark = place.substr(0, place.find(": "));
  const size_t colon = mark.rfind(':');
  int line = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(mark.substr(colon + 1), &line))
    return {mark, 0};
  return {mark.substr(0, colon), line};
}

}  // namespace

std::string Mark::Text() const { return line == 0 ? file : absl::StrCat(file, ":", line); }

std::string Mark::Folder() const {
  if (file.starts_with("--")) return ".";
  const std::string folder = ParentFolder(file);
  return folder.empty() ? "." : folder;
}

void Problems::Add(const Mark& mark, const std::string& key_path, const std::string& message) {
  Add(Problem{key_path.empty() ? mark.Text() : absl::StrCat(mark.Text(), ": ", key_path), message});
}

void Problems::Add(Problem problem) {
  const bool known = std::any_of(list_.begin(), list_.end(), [&](const Problem& p) {
    return p.place == problem.place && p.message == problem.message;
  });
  if (!known) list_.push_back(std::move(problem));
}

void Problems::Add(const std::string& place, const absl::Status& status) {
  Add(Problem{place, std::string(status.message())});
}

void Problems::Sort() {
  std::stable_sort(list_.begin(), list_.end(), [](const Problem& a, const Problem& b) {
    return FileAndLine(a.place) < FileAndLine(b.place);
  });
}

absl::Status Problems::ToStatus() const {
  if (list_.empty()) return absl::OkStatus();
  std::string text;
  for (size_t i = 0; i < std::min(list_.size(), kMostListed); ++i) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", list_[i].place, ": ", list_[i].message);
  }
  if (list_.size() > kMostListed)
    absl::StrAppend(&text, "\nand ", list_.size() - kMostListed, " more problems");
  return absl::InvalidArgumentError(text);
}

Json Problems::ToJson() const {
  Json json = Json::array();
  for (const Problem& problem : list_) {
    json.push_back({{"place", problem.place}, {"message", problem.message}});
  }
  return json;
}

}  // namespace regroup
