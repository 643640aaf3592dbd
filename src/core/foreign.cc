// Recognizes files by their first bytes.
#include "core/foreign.h"

#include <array>

namespace regroup {
namespace {

struct Form {
  std::string_view start;  // in small letters where it is text
  const char* sentence;
};
constexpr char kWebPage[] = "it is a web page: the download failed, fetch the file again";
constexpr std::array<Form, 9> kForms = {
    {{"version https://git-lfs",
      "it is a pointer of Git LFS, not the file itself: fetch that with `git lfs pull`"},
     {"<!doctype html", kWebPage},
     {"<html", kWebPage},
     {"<?xml", "it is XML, perhaps a server's error: the download failed, fetch the file again"},
     {"\x1f\x8b",
      "it is packed with gzip: unpack it (gunzip), or let its name end in .gz where lines are "
      "read"},
     {"\x28\xb5\x2f\xfd",
      "it is packed with zstd: unpack it (unzstd), or let its name end in .zst where lines are "
      "read"},
     {"pk\x03\x04",
      "it is a zip archive, as torch.save writes it (pytorch_model.bin): name or unpack it as what "
      "it is"},
     {"\xff\xfe", "it is UTF-16: convert it to UTF-8"},
     {"\xfe\xff", "it is UTF-16: convert it to UTF-8"}}};

bool StartsWith(std::string_view text, std::string_view start) {
  if (text.size() < start.size()) return false;
  for (size_t i = 0; i < start.size(); ++i) {
    const char c =
        text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != start[i]) return false;
  }
  return true;
}

}  // namespace

std::string ForeignContent(std::string_view start) {
  const size_t content = start.find_first_not_of(" \t\r\n");
  const std::string_view text =
      start.substr(content == std::string_view::npos ? start.size() : content);
  for (const Form& form : kForms) {
    if (StartsWith(text, form.start)) return form.sentence;
  }
  return "";
}

}  // namespace regroup
