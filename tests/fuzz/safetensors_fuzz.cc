// A safetensors file: an accepted one has tensors inside the file and apart, and is the same after
// writing it anew.
#include "formats/safetensors.h"
#include "fuzz/fuzz.h"

namespace regroup {
namespace {

void CheckEntries(const SafetensorsFile& file) {
  std::vector<fuzz::Span> spans;
  for (const TensorEntry& entry : file.entries()) {
    unsigned __int128 bytes = DTypeBytes(entry.dtype);
    for (const int64_t size : entry.shape) {
      REGROUP_CHECK(size >= 0);
      bytes = bytes > file.file()->size() ? bytes : bytes * static_cast<uint64_t>(size);
    }
    const bool empty = std::count(entry.shape.begin(), entry.shape.end(), 0) > 0;
    REGROUP_CHECK(empty ? entry.bytes == 0 : bytes == entry.bytes, entry.name);
    spans.emplace_back(entry.data, entry.bytes);
  }
  fuzz::CheckSpans(*file.file(), std::move(spans), /*apart=*/true);
}

void CheckWriting(const SafetensorsFile& file) {
  const std::string path = fuzz::Folder().File("again.safetensors");
  REGROUP_CHECK(WriteSafetensors(path, file.entries(), file.metadata()).ok());
  const auto again = SafetensorsFile::Open(path);
  REGROUP_CHECK(again.ok(), again.status().ToString());
  REGROUP_CHECK(again->metadata() == file.metadata());
  REGROUP_CHECK(again->entries().size() == file.entries().size());
  for (size_t i = 0; i < file.entries().size(); ++i) {
    const TensorEntry &a = file.entries()[i], &b = again->entries()[i];
    REGROUP_CHECK(a.name == b.name && a.dtype == b.dtype && a.shape == b.shape);
    REGROUP_CHECK(std::equal(a.data, a.data + a.bytes, b.data, b.data + b.bytes));
  }
}

}  // namespace
}  // namespace regroup

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  const auto file =
      SafetensorsFile::Open(fuzz::Folder().Write("model.safetensors", fuzz::Text(data, size)));
  fuzz::CheckRefusal(file.status());
  if (!file.ok()) return 0;
  CheckEntries(*file);
  CheckWriting(*file);
  return 0;
}
