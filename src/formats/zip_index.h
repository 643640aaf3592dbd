// Where the entries of a zip archive lie, for archives that store entries as they stand, as
// torch.save does. `torch_file` reads weights through it. Format: PKWARE's APPNOTE.TXT 6.3,
// sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (ends, zip64), 4.5.3 (zip64
// sizes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/files.h"
#include "core/status.h"

namespace regroup {

struct ZipEntry {
  const std::byte* data = nullptr;  // inside the mapping
  uint64_t bytes = 0;
  uint32_t crc32 = 0;  // 0 where the writer counted none
  bool stored = true;  // else `data` is compressed or encrypted
};

// True if the file begins as zip archives do.
bool LooksLikeZip(const MappedFile& file);

// Entries by name; they view the mapping. Every claim is checked against the file's length before
// it is used. UserError: no whole archive, an entry outside the file, a name that stands twice,
// entries that share bytes.
absl::StatusOr<std::map<std::string_view, ZipEntry>> ReadZipIndex(const MappedFile& file);

// UserError if the bytes of `entry` are not those that were written: compressed, encrypted,
// damaged.
absl::Status CheckZipEntry(const std::string& path, std::string_view name, const ZipEntry& entry);

}  // namespace regroup
