// Archives written by hand, with and without zip64, and every claim of theirs made wrong once.
#include "formats/zip_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "support/temp_folder.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;

template <class Number>
void Add(std::string* out, Number number) {
  out->append(reinterpret_cast<const char*>(&number), sizeof number);
}

// One entry as the writer below claims it; tests change claims.
struct Claims {
  std::string name = "model/data.pkl";
  std::string content = "content";
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t bytes = 7;
  uint64_t header = 0;  // offset of the local header
};

std::string LocalHeader(const Claims& claims) {
  std::string out = "PK\x03\x04" + std::string(22, '\0');
  Add(&out, static_cast<uint16_t>(claims.name.size()));
  Add(&out, uint16_t{3});  // an extra field is skipped
  return out + claims.name + "pad" + claims.content;
}

std::string DirectoryEntry(const Claims& claims, bool zip64) {
  std::string out = "PK\x01\x02" + std::string(4, '\0');
  Add(&out, claims.flags);
  Add(&out, claims.method);
  out += std::string(4, '\0');
  Add(&out, claims.crc32);
  const auto word = [zip64](uint64_t n) { return zip64 ? 0xFFFFFFFFU : static_cast<uint32_t>(n); };
  Add(&out, word(claims.bytes));
  Add(&out, word(claims.bytes));
  Add(&out, static_cast<uint16_t>(claims.name.size()));
  Add(&out, static_cast<uint16_t>(zip64 ? 4 + 1 + 4 + 24 : 0));
  out += std::string(10, '\0');
  Add(&out, word(claims.header));
  out += claims.name;
  if (!zip64) return out;
  out += std::string("\x07\x00\x01\x00!", 5);  // somebody else's extra field stands before
  Add(&out, uint16_t{1});
  Add(&out, uint16_t{24});
  for (const uint64_t number : {claims.bytes, claims.bytes, claims.header}) Add(&out, number);
  return out;
}

std::string End(uint64_t entries, uint64_t bytes, uint64_t begin, bool zip64) {
  std::string out;
  if (zip64) {
    out = "PK\x06\x06" + std::string(28, '\0');
    for (const uint64_t number : {entries, bytes, begin}) Add(&out, number);
    out += "PK\x06\x07" + std::string(4, '\0');
    Add(&out, begin + bytes);
    Add(&out, uint32_t{1});
  }
  out += "PK\x05\x06" + std::string(6, '\0');
  Add(&out, static_cast<uint16_t>(zip64 ? 0xFFFF : entries));
  Add(&out, zip64 ? 0xFFFFFFFFU : static_cast<uint32_t>(bytes));
  Add(&out, zip64 ? 0xFFFFFFFFU : static_cast<uint32_t>(begin));
  Add(&out, uint16_t{0});
  return out;
}

std::string Archive(const std::vector<Claims>& entries, bool zip64 = false) {
  std::string files, directory;
  for (const Claims& claims : entries) files += LocalHeader(claims);
  for (const Claims& claims : entries) directory += DirectoryEntry(claims, zip64);
  return files + directory + End(entries.size(), directory.size(), files.size(), zip64);
}

// The error of reading these bytes ("" if they are read).
std::string ErrorOf(const std::string& content) {
  const TempFolder folder;
  const auto file = MappedFile::Open(folder.Write("x.bin", content)).value();
  const auto index = ReadZipIndex(*file);
  if (index.ok()) return "";
  EXPECT_EQ(ExitCode(index.status()), 2);
  return std::string(index.status().message());
}

TEST(ZipIndex, FindsEntriesInBothSizesOfArchive) {
  Claims second = {"model/version", "3\n", 0, 0, 0, 2, 0};
  second.header = LocalHeader(Claims{}).size();
  for (const bool zip64 : {false, true}) {
    const TempFolder folder;
    const auto file =
        MappedFile::Open(folder.Write("x.bin", Archive({Claims{}, second}, zip64))).value();
    EXPECT_TRUE(LooksLikeZip(*file));
    const auto index = ReadZipIndex(*file);
    ASSERT_TRUE(index.ok()) << index.status();
    ASSERT_EQ(index->size(), 2U);
    const ZipEntry& entry = index->at("model/data.pkl");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(entry.data), entry.bytes), "content");
    EXPECT_EQ(index->at("model/version").bytes, 2U);
  }
}

TEST(ZipIndex, EveryPrefixIsRefused) {
  for (const bool zip64 : {false, true}) {
    const std::string content = Archive({Claims{}}, zip64);
    for (size_t size = 0; size < content.size(); ++size) {
      ASSERT_NE(ErrorOf(content.substr(0, size)), "") << size;
    }
    EXPECT_NE(ErrorOf(content + "x"), "");
  }
}

TEST(ZipIndex, ClaimsBeyondTheFileAreRefused) {
  for (const bool zip64 : {false, true}) {
    for (const uint64_t bytes : {8ULL, 0xFFFFFFF0ULL, 0xFFFFFFFFFFFFFFF0ULL}) {
      Claims huge;
      huge.bytes = zip64 ? bytes : bytes & 0xFFFFFFFE;
      EXPECT_THAT(ErrorOf(Archive({huge}, zip64)), HasSubstr("more than the file holds"));
    }
    Claims far;
    far.header = 0xFFFFFFF0;
    EXPECT_THAT(ErrorOf(Archive({far}, zip64)), HasSubstr("as the directory says"));
  }
  Claims missing;
  missing.bytes = 0xFFFFFFFF;
  EXPECT_THAT(ErrorOf(Archive({missing})), HasSubstr("has no zip64 sizes"));
}

TEST(ZipIndex, ACountOfEntriesThatTheDirectoryCannotHoldIsRefused) {
  const std::string entry = DirectoryEntry(Claims{}, true), file = LocalHeader(Claims{});
  EXPECT_EQ(ErrorOf(file + entry + End(1, entry.size(), file.size(), true)), "");
  EXPECT_THAT(ErrorOf(file + entry + End(uint64_t{1} << 40, entry.size(), file.size(), true)),
              HasSubstr("where the file has no room for it"));
  EXPECT_THAT(ErrorOf(file + entry + End(0, entry.size(), file.size(), true)),
              HasSubstr("directory is too long"));
}

TEST(ZipIndex, CompressedAndEncryptedEntriesAreMarked) {
  Claims packed, secret;
  packed.method = 8;
  secret.flags = 1;
  for (const Claims& claims : {packed, secret}) {
    const TempFolder folder;
    const auto file = MappedFile::Open(folder.Write("x.bin", Archive({claims}))).value();
    const auto index = ReadZipIndex(*file).value();
    EXPECT_THAT(std::string(CheckZipEntry("x", "e", index.at("model/data.pkl")).message()),
                HasSubstr("compressed or encrypted"));
  }
}

TEST(ZipIndex, DoubleAndOverlappingEntriesAreRefused) {
  Claims again;
  again.header = LocalHeader(Claims{}).size();
  EXPECT_THAT(ErrorOf(Archive({Claims{}, again})), HasSubstr("stands twice"));
  Claims inside;
  inside.name = "model/data/00";  // points at the first entry's header
  EXPECT_THAT(ErrorOf(Archive({Claims{}, inside})), HasSubstr("share the bytes"));
}

TEST(ZipIndex, ChecksumsAreCheckedWhereThereAreAny) {
  const std::string content = "content";
  ZipEntry entry = {reinterpret_cast<const std::byte*>(content.data()), content.size(), 0, true};
  EXPECT_TRUE(CheckZipEntry("x", "e", entry).ok());
  entry.crc32 = static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(content.data()),
                                              static_cast<uInt>(content.size())));
  EXPECT_TRUE(CheckZipEntry("x", "e", entry).ok());
  entry.crc32 ^= 1;
  EXPECT_EQ(ExitCode(CheckZipEntry("x", "e", entry)), 2);
}

}  // namespace
}  // namespace regroup
