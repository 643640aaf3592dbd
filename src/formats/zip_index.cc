// From the end of the archive to its directory to the entries, each step inside checked bounds.
#include "formats/zip_index.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"

namespace regroup {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kZip64End = 0x06064b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint64_t kDirectoryHeaderBytes = 46;
constexpr uint64_t kEndBytes = 22;
constexpr uint64_t kZip64EndBytes = 56;
constexpr uint64_t kZip64LocatorBytes = 20;
constexpr uint64_t kLongestComment = 0xFFFF;
constexpr uint32_t kSeeZip64 = 0xFFFFFFFF;  // the true number stands in the zip64 field
constexpr uint16_t kZip64Field = 1;
constexpr uint16_t kEncrypted = 1;

// Where the directory lies.
struct Directory {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t begin = 0;
};

// What the directory says of one entry.
struct Claim {
  std::string_view name;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t packed = 0;
  uint64_t bytes = 0;
  uint64_t header = 0;  // of its local header
};

class ZipReader {
 public:
  explicit ZipReader(const MappedFile& file) : file_(file) {}

  absl::StatusOr<std::map<std::string_view, ZipEntry>> Read() {
    REGROUP_ASSIGN_OR_RETURN(directory_, FindDirectory());
    std::map<std::string_view, ZipEntry> entries;
    uint64_t at = directory_.begin;
    for (uint64_t i = 0; i < directory_.entries; ++i) {
      REGROUP_ASSIGN_OR_RETURN(const Claim claim, ReadClaim(&at));
      REGROUP_ASSIGN_OR_RETURN(const ZipEntry entry, Locate(claim));
      if (!entries.emplace(claim.name, entry).second) {
        return Damaged(absl::StrCat("the entry ", ToAbsl(claim.name), " stands twice"));
      }
    }
    if (at != directory_.begin + directory_.bytes) return Damaged("its directory is too long");
    REGROUP_RETURN_IF_ERROR(CheckApart());
    return entries;
  }

 private:
  absl::Status Damaged(const std::string& message) const {
    return UserError(file_.path(),
                     absl::StrCat(message, "; the archive was cut off or is damaged"));
  }

  bool Fits(uint64_t begin, uint64_t bytes, uint64_t end) const {
    return begin <= end && bytes <= end - begin;
  }

  // Little-endian; the caller has checked that it fits.
  template <class Number>
  Number At(uint64_t offset) const {
    Number number;
    std::memcpy(&number, file_.data() + offset, sizeof number);
    return number;
  }

  // The end record is the last thing in the file but for a comment, whose length it holds.
  absl::StatusOr<uint64_t> FindEnd() const {
    const uint64_t size = file_.size();
    for (uint64_t comment = 0; comment <= kLongestComment && comment + kEndBytes <= size;
         ++comment) {
      const uint64_t at = size - kEndBytes - comment;
      if (At<uint32_t>(at) == kEnd && At<uint16_t>(at + 20) == comment) return at;
    }
    return Damaged("has no directory of a zip archive at its end");
  }

  absl::StatusOr<Directory> FindDirectory() const {
    REGROUP_ASSIGN_OR_RETURN(const uint64_t end, FindEnd());
    Directory found = {At<uint16_t>(end + 10), At<uint32_t>(end + 12), At<uint32_t>(end + 16)};
    uint64_t limit = end;
    const bool zip64 =
        end >= kZip64LocatorBytes && At<uint32_t>(end - kZip64LocatorBytes) == kZip64Locator;
    if (zip64) {
      limit = At<uint64_t>(end - kZip64LocatorBytes + 8);
      if (!Fits(limit, kZip64EndBytes, end - kZip64LocatorBytes) ||
          At<uint32_t>(limit) != kZip64End) {
        return Damaged("its zip64 end record is not where the archive says");
      }
      found = {At<uint64_t>(limit + 32), At<uint64_t>(limit + 40), At<uint64_t>(limit + 48)};
    }
    const bool fits = Fits(found.begin, found.bytes, limit) &&
                      found.entries <= found.bytes / kDirectoryHeaderBytes;
    if (!fits || found.begin + found.bytes != limit) {
      return Damaged(absl::StrCat("claims a directory of ", found.bytes, " bytes for ",
                                  found.entries, " entries at byte ", found.begin,
                                  ", where the file has no room for it"));
    }
    return found;
  }

  absl::StatusOr<Claim> ReadClaim(uint64_t* at) const {
    const uint64_t end = directory_.begin + directory_.bytes;
    if (!Fits(*at, kDirectoryHeaderBytes, end) || At<uint32_t>(*at) != kDirectoryHeader) {
      return Damaged(absl::StrCat("its directory is broken at byte ", *at));
    }
    const uint64_t name = *at + kDirectoryHeaderBytes;
    const uint16_t name_bytes = At<uint16_t>(*at + 28), extra_bytes = At<uint16_t>(*at + 30);
    const uint64_t rest = uint64_t{name_bytes} + extra_bytes + At<uint16_t>(*at + 32);
    if (!Fits(name, rest, end)) {
      return Damaged(absl::StrCat("its directory is broken at byte ", *at));
    }
    Claim claim = {{reinterpret_cast<const char*>(file_.data()) + name, name_bytes},
                   At<uint16_t>(*at + 8),
                   At<uint16_t>(*at + 10),
                   At<uint32_t>(*at + 16),
                   At<uint32_t>(*at + 20),
                   At<uint32_t>(*at + 24),
                   At<uint32_t>(*at + 42)};
    REGROUP_RETURN_IF_ERROR(ReadZip64(name + name_bytes, extra_bytes, &claim));
    *at = name + rest;
    return claim;
  }

  // Numbers too large for 32 bits stand in an extra field, only these, in this order.
  absl::Status ReadZip64(uint64_t at, uint64_t bytes, Claim* claim) const {
    std::vector<uint64_t*> wanted;
    for (uint64_t* number : {&claim->bytes, &claim->packed, &claim->header}) {
      if (*number == kSeeZip64) wanted.push_back(number);
    }
    const uint64_t end = at + bytes;
    while (!wanted.empty() && Fits(at, 4, end)) {
      const uint16_t id = At<uint16_t>(at), length = At<uint16_t>(at + 2);
      at += 4;
      if (!Fits(at, length, end)) break;
      if (id != kZip64Field) {
        at += length;
        continue;
      }
      if (length < 8 * wanted.size()) break;
      for (size_t i = 0; i < wanted.size(); ++i) *wanted[i] = At<uint64_t>(at + 8 * i);
      return absl::OkStatus();
    }
    if (wanted.empty()) return absl::OkStatus();
    return Damaged(absl::StrCat("the entry ", ToAbsl(claim->name), " has no zip64 sizes"));
  }

  absl::StatusOr<ZipEntry> Locate(const Claim& claim) {
    const std::string entry = absl::StrCat("the entry ", ToAbsl(claim.name));
    const uint64_t limit = directory_.begin;
    if (!Fits(claim.header, kLocalHeaderBytes, limit) ||
        At<uint32_t>(claim.header) != kLocalHeader) {
      return Damaged(
          absl::StrCat(entry, " is not at byte ", claim.header, " as the directory says"));
    }
    const uint64_t begin = claim.header + kLocalHeaderBytes + At<uint16_t>(claim.header + 26) +
                           At<uint16_t>(claim.header + 28);
    if (!Fits(begin, claim.packed, limit)) {
      return Damaged(absl::StrCat(entry, " claims ", claim.packed, " bytes at byte ", begin,
                                  ", more than the file holds"));
    }
    spans_.push_back({claim.header, begin + claim.packed});
    const bool stored =
        claim.method == 0 && claim.packed == claim.bytes && (claim.flags & kEncrypted) == 0;
    return ZipEntry{file_.data() + begin, claim.packed, claim.crc32, stored};
  }

  absl::Status CheckApart() {
    std::sort(spans_.begin(), spans_.end());
    for (size_t i = 1; i < spans_.size(); ++i) {
      if (spans_[i].first < spans_[i - 1].second) {
        return Damaged(absl::StrCat("two entries share the bytes at ", spans_[i].first));
      }
    }
    return absl::OkStatus();
  }

  const MappedFile& file_;
  Directory directory_;
  std::vector<std::pair<uint64_t, uint64_t>> spans_;  // of the entries with their headers
};

}  // namespace

bool LooksLikeZip(const MappedFile& file) {
  uint32_t first = 0;
  if (file.size() < sizeof first) return false;
  std::memcpy(&first, file.data(), sizeof first);
  return first == kLocalHeader;
}

absl::StatusOr<std::map<std::string_view, ZipEntry>> ReadZipIndex(const MappedFile& file) {
  return ZipReader(file).Read();
}

absl::Status CheckZipEntry(const std::string& path, std::string_view name, const ZipEntry& entry) {
  if (!entry.stored) {
    return UserError(path, absl::StrCat("the entry ", ToAbsl(name),
                                        " is compressed or encrypted; torch.save stores entries as "
                                        "they stand: write the file with it again"));
  }
  if (entry.crc32 == 0) return absl::OkStatus();
  const uLong found =
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(entry.data), entry.bytes);
  if (found == entry.crc32) return absl::OkStatus();
  return UserError(path, absl::StrCat("the entry ", ToAbsl(name),
                                      " does not match its checksum; the file is damaged"));
}

}  // namespace regroup
