// The files that the `metrics` command scores, one reader for each kind: text lines, .jsonl rows,
// SQuAD's JSON. Used by metric_files.cc, which brings both sides together.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace regroup {

enum class FileKind { kText, kRows, kJson };

// Rows of a predictions file: one text each, an id where the file has ids.
struct Predictions {
  FileKind kind = FileKind::kText;
  std::string path;
  std::vector<std::string> ids;
  std::vector<std::string> texts;
};

// Rows of the references: one or more texts each.
struct References {
  FileKind kind = FileKind::kText;
  std::string path;
  std::vector<std::string> ids;
  std::vector<std::vector<std::string>> texts;
};

// By the ending of the file's name. Errors (user's) name file and line, or the place in the JSON.
absl::StatusOr<Predictions> ReadPredictions(const std::string& path);

// Several files are text lines: line i of each is a reference of segment i.
absl::StatusOr<References> ReadReferences(const std::vector<std::string>& paths);

// "path:line" of the line with this index from 0.
std::string LinePlace(const std::string& path, size_t index);

}  // namespace regroup
