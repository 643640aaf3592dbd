// The index of a zip archive: entries inside the file and apart; their checksums are taken too.
#include "formats/zip_index.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  const auto file = MappedFile::Open(fuzz::Folder().Write("archive.bin", fuzz::Text(data, size)));
  REGROUP_CHECK(file.ok());
  LooksLikeZip(**file);
  const auto entries = ReadZipIndex(**file);
  fuzz::CheckRefusal(entries.status());
  if (!entries.ok()) return 0;
  std::vector<fuzz::Span> spans;
  for (const auto& [name, entry] : *entries) {
    spans.emplace_back(entry.data, entry.bytes);
    fuzz::CheckRefusal(CheckZipEntry((*file)->path(), name, entry));
  }
  fuzz::CheckSpans(**file, std::move(spans), /*apart=*/true);
  return 0;
}
