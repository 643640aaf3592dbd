// Lines out of a byte stream, and shell globs.
#include "formats/lines.h"

#include <glob.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/near_path.h"
#include "core/utf8.h"
#include "formats/byte_source.h"

namespace regroup {
namespace {

constexpr size_t kChunk = size_t{1} << 16;
// A longer line is no text but a file of another kind (or a bomb): an error, not an allocation.
constexpr size_t kLongestLine = size_t{64} << 20;

class StreamLineReader : public LineReader {
 public:
  StreamLineReader(std::string path, std::unique_ptr<ByteSource> source)
      : path_(std::move(path)), source_(std::move(source)), chunk_(kChunk) {}

  absl::StatusOr<std::optional<std::string>> Next() override {
    std::string line;
    bool any = false;
    while (true) {
      REGROUP_ASSIGN_OR_RETURN(const bool more, HaveBytes());
      if (!more) break;
      any = true;
      if (TakeUntilNewline(&line)) break;
      if (line.size() > kLongestLine)
        return Error("the line is longer than 64 MiB; is this a file of lines?");
    }
    if (!any) return std::optional<std::string>();
    ++line_number_;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return std::optional<std::string>(std::move(line));
  }

  int64_t line_number() const override { return line_number_; }
  const std::string& path() const override { return path_; }

 private:
  absl::StatusOr<bool> HaveBytes() {
    if (used_ < filled_) return true;
    used_ = filled_ = 0;
    const absl::StatusOr<size_t> count = source_->Read(chunk_.data(), chunk_.size());
    if (absl::IsDataLoss(count.status())) return Error(std::string(count.status().message()));
    if (!count.ok()) return RunError(path_, std::string(count.status().message()));
    filled_ = *count;
    return filled_ > 0;
  }

  // Moves bytes into `line`; true when its newline was met.
  bool TakeUntilNewline(std::string* line) {
    const char* begin = chunk_.data() + used_;
    const void* newline = std::memchr(begin, '\n', filled_ - used_);
    const char* end =
        newline != nullptr ? static_cast<const char*>(newline) : chunk_.data() + filled_;
    line->append(begin, end);
    used_ += static_cast<size_t>(end - begin) + (newline != nullptr ? 1 : 0);
    return newline != nullptr;
  }

  absl::Status Error(const std::string& message) const {
    return UserError(absl::StrCat(path_, ":", line_number_ + 1), message);
  }

  std::string path_;
  std::unique_ptr<ByteSource> source_;
  std::vector<char> chunk_;
  size_t used_ = 0;
  size_t filled_ = 0;
  int64_t line_number_ = 0;
};

absl::Status ExpandOne(const std::string& pattern, std::vector<std::string>* files) {
  if (FileExists(pattern)) {  // also a name that only looks like a pattern
    files->push_back(pattern);
    return absl::OkStatus();
  }
  glob_t found{};
  if (FolderExists(pattern)) {
    return UserError(pattern, "is a folder; name its files, for instance with a pattern such as " +
                                  JoinPath(pattern, "*.jsonl"));
  }
  const int code = ::glob(pattern.c_str(), 0, nullptr, &found);
  for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) files->push_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (code == 0) return absl::OkStatus();
  if (code != GLOB_NOMATCH) return RunError(pattern, "cannot look for files of this pattern");
  const bool is_pattern = pattern.find_first_of("*?[") != std::string::npos;
  return UserError(pattern, is_pattern ? "no file matches this pattern"
                                       : "no such file" + DidYouMeanPath(pattern));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, OpenByteSource(path));
  return std::unique_ptr<LineReader>(std::make_unique<StreamLineReader>(path, std::move(source)));
}

absl::Status CheckUtf8(const std::string& line, const std::string& place) {
  const size_t at = FindNotUtf8(line);
  if (at != std::string::npos) {
    return UserError(place, absl::StrCat("not valid UTF-8 (column ", at + 1,
                                         "); convert the text to UTF-8 first"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ExpandGlobs(const std::vector<std::string>& patterns) {
  std::vector<std::string> files;
  for (const std::string& pattern : patterns) {
    REGROUP_RETURN_IF_ERROR(ExpandOne(pattern, &files));
  }
  return files;
}

}  // namespace regroup
