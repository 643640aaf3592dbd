// Where `generate` writes: stdout, or a file that a killed run left half written. Used by
// generate_file.cc.
#pragma once

#include <cstdint>
#include <fstream>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Lines in row order. Open() counts what is there already; Append() takes the rows behind that.
class GeneratedRows {
 public:
  // To `out` if `path` is "". Else to the file: whole lines stay, a torn last line is cut off.
  // `settings` are compared with those of the run that began the file (path + ".run.json"); a
  // difference is a UserError.
  static absl::StatusOr<GeneratedRows> Open(const std::string& path, const Json& settings,
                                            std::ostream& out);

  size_t finished() const { return ids_.size(); }
  // The row that line `index` (< finished()) holds must have this id.
  absl::Status CheckId(size_t index, const Json& id) const;
  void Append(const Json& line);
  absl::Status Flush();

 private:
  GeneratedRows(std::string path, std::ostream* out) : path_(std::move(path)), out_(out) {}
  absl::Status ReadFinished();

  std::string path_;
  std::ostream* out_;  // null: file_
  std::ofstream file_;
  std::vector<Json> ids_;  // of the lines found in the file
};

}  // namespace regroup
