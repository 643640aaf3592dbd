// Lines of a file, read as it stands, as gzip and as zstd; of what a small file unpacks to, a part
// is read.
#include "formats/lines.h"
#include "fuzz/fuzz.h"

namespace regroup {
namespace {

constexpr size_t kEnough = size_t{1} << 20;  // bytes

// The lines, each with its newline.
std::string ReadLines(const std::string& path) {
  const auto reader = LineReader::Open(path);
  REGROUP_CHECK(reader.ok());
  std::string text;
  for (int64_t number = 1; text.size() < kEnough; ++number) {
    const auto line = (*reader)->Next();
    fuzz::CheckRefusal(line.status());
    if (!line.ok() || !line->has_value()) break;
    REGROUP_CHECK((*reader)->line_number() == number);
    REGROUP_CHECK((*line)->find('\n') == std::string::npos);
    fuzz::CheckRefusal(CheckUtf8(**line, path));
    text += **line + "\n";
  }
  return text;
}

// What plain lines must be: without "\r" before a newline or the end, with a newline at the end.
std::string WithPlainNewlines(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  for (size_t at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at + 1)) {
    text.erase(at, 1);
  }
  return text;
}

}  // namespace
}  // namespace regroup

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  const std::string text(fuzz::Text(data, size));
  REGROUP_CHECK(ReadLines(fuzz::Folder().Write("a.txt", text)) == WithPlainNewlines(text));
  for (const char* name : {"a.gz", "a.zst"}) ReadLines(fuzz::Folder().Write(name, text));
  return 0;
}
