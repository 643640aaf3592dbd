// Safetensors: what is written is read back, and no damaged header is believed.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "core/files.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

const std::vector<float> kFloats = {1.0F, -2.0F, 3.5F, 0.0F, 5.0F, 6.0F};
const std::vector<int64_t> kInts = {7, -8};

TensorEntry FloatEntry(const std::string& name) {
  return {name, DType::kF32, {2, 3}, reinterpret_cast<const std::byte*>(kFloats.data()), 24};
}
TensorEntry IntEntry(const std::string& name) {
  return {name, DType::kI64, {2}, reinterpret_cast<const std::byte*>(kInts.data()), 16};
}
TensorEntry EmptyEntry(const std::string& name) { return {name, DType::kU8, {0, 5}, nullptr, 0}; }

// A file of `header` and `data_bytes` zeros.
std::string FileOf(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  return content + header + std::string(data_bytes, '\0');
}

// The error of opening such a file ("" if it opens).
std::string ErrorOf(const std::string& header, size_t data_bytes) {
  const TempFolder folder;
  const auto file =
      SafetensorsFile::Open(folder.Write("x.safetensors", FileOf(header, data_bytes)));
  if (file.ok()) return "";
  EXPECT_EQ(ExitCode(file.status()), 2);
  EXPECT_NE(file.status().message().find("x.safetensors"), std::string::npos);
  return std::string(file.status().message());
}

std::string Claim(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Safetensors, ReadsBackWhatItWrote) {
  const TempFolder folder;
  const std::string path = folder.File("m.safetensors");
  ASSERT_TRUE(
      WriteSafetensors(path, {IntEntry("z"), FloatEntry("b"), EmptyEntry("m")}, {{"format", "pt"}})
          .ok());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->entries().size(), 3U);
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  const TensorEntry& floats = file->entries()[0];
  EXPECT_EQ(floats.name, "b");
  EXPECT_EQ(floats.dtype, DType::kF32);
  EXPECT_EQ(floats.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(floats.data, kFloats.data(), 24), 0);
  EXPECT_EQ(file->entries()[1].bytes, 0U);
  EXPECT_EQ(std::memcmp(file->entries()[2].data, kInts.data(), 16), 0);
}

TEST(Safetensors, WritesTheSameBytesInWhateverOrderTensorsCome) {
  const TempFolder folder;
  ASSERT_TRUE(WriteSafetensors(folder.File("1"), {IntEntry("z"), FloatEntry("b")}, {}).ok());
  ASSERT_TRUE(WriteSafetensors(folder.File("2"), {FloatEntry("b"), IntEntry("z")}, {}).ok());
  const std::string content = *ReadFile(folder.File("1"));
  EXPECT_EQ(content, *ReadFile(folder.File("2")));
  uint64_t header = 0;
  std::memcpy(&header, content.data(), 8);
  EXPECT_EQ((8 + header) % 64, 0U) << "data starts aligned";
  EXPECT_EQ(content.substr(8, 5), R"({"b":)");
}

TEST(Safetensors, PutsMetadataFirst) {
  const TempFolder folder;
  ASSERT_TRUE(WriteSafetensors(folder.File("1"), {FloatEntry("A")}, {{"k", "v"}}).ok());
  EXPECT_EQ(ReadFile(folder.File("1"))->substr(8, 16), R"({"__metadata__":)");
}

TEST(Safetensors, NamesTheFileThatCannotBeWritten) {
  const TempFolder folder;
  const absl::Status status = WriteSafetensors(folder.File("no/such/folder"), {}, {});
  EXPECT_EQ(ExitCode(status), 1);
  EXPECT_HAS(std::string(status.message()), "no/such/folder");
}

TEST(Safetensors, RefusesEveryTruncation) {
  const TempFolder folder;
  const std::string path = folder.File("m.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {IntEntry("z"), FloatEntry("b")}, {{"format", "pt"}}).ok());
  const std::string content = *ReadFile(path);
  for (size_t size = 0; size < content.size(); ++size) {
    const auto cut = SafetensorsFile::Open(folder.Write("cut", content.substr(0, size)));
    ASSERT_FALSE(cut.ok()) << "at " << size;
    EXPECT_EQ(ExitCode(cut.status()), 2);
  }
}

TEST(Safetensors, SurvivesAnyByteOfTheHeaderFlipped) {
  const TempFolder folder;
  const std::string path = folder.File("m.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {IntEntry("z"), FloatEntry("b")}, {}).ok());
  const std::string content = *ReadFile(path);
  for (size_t at = 0; at < content.size() - 40; ++at) {
    for (const int bits : {0x01, 0x10, 0x80, 0xFF}) {
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ bits);
      const auto file = SafetensorsFile::Open(folder.Write("damaged", damaged));
      if (!file.ok()) continue;  // a changed name is still a valid file
      for (const TensorEntry& entry : file->entries()) {
        const std::byte* end = file->file()->data() + file->file()->size();
        ASSERT_LE(entry.data + entry.bytes, end);
      }
    }
  }
}

TEST(Safetensors, RefusesClaimsThatDoNotFitTheFile) {
  EXPECT_EQ(ErrorOf(Claim("F32", "[1]", "[0,4]"), 4), "");  // the control: this one is right
  EXPECT_HAS(ErrorOf(Claim("F32", "[2]", "[0,8]"), 4), "a: data_offsets [0,8] do not fit");
  EXPECT_HAS(ErrorOf(Claim("F32", "[2]", "[0,4]"), 4), "does not take 4 bytes");
  EXPECT_HAS(ErrorOf(Claim("F32", "[1]", "[4,0]"), 4), "do not fit");
  EXPECT_HAS(ErrorOf(Claim("F32", "[1]", "[0,4]"), 5), "1 trailing bytes");
  EXPECT_HAS(ErrorOf(Claim("F32", "[1]", "[1,5]"), 5), "leaves unused bytes before it");
  EXPECT_HAS(ErrorOf(Claim("F8_E4M3", "[4]", "[0,4]"), 4), "has dtype \"F8_E4M3\"");
}

TEST(Safetensors, RefusesNegativeHugeAndFractionalShapes) {
  EXPECT_HAS(ErrorOf(Claim("F32", "[-1]", "[0,4]"), 4), "holds something that is no size");
  EXPECT_HAS(ErrorOf(Claim("F32", "[1.0]", "[0,4]"), 4), "no size");
  EXPECT_HAS(ErrorOf(Claim("F32", "[18446744073709551615]", "[0,4]"), 4), "no size");
  EXPECT_HAS(ErrorOf(Claim("F32", "[1e99]", "[0,4]"), 4), "no size");
  // 2^62 x 4 bytes = 2^64: wraps to 0 in 64 bits.
  EXPECT_HAS(ErrorOf(Claim("F32", "[4611686018427387904]", "[0,0]"), 0), "does not take 0 bytes");
  EXPECT_HAS(ErrorOf(Claim("U8", "[4294967296,4294967296]", "[0,0]"), 0), "does not take 0 bytes");
}

TEST(Safetensors, RefusesSharedAndOverlappingBytes) {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  EXPECT_EQ(ErrorOf(two("[4,8]", "[0,4]"), 8), "");
  EXPECT_HAS(ErrorOf(two("[0,4]", "[0,4]"), 4), "b: shares bytes with another tensor");
  EXPECT_HAS(ErrorOf(two("[0,4]", "[2,6]"), 6), "shares bytes");
  EXPECT_HAS(ErrorOf(two("[0,4]", "[5,9]"), 9), "leaves unused bytes");
}

TEST(Safetensors, RefusesHeadersThatAreNoTables) {
  EXPECT_HAS(ErrorOf("[]", 0), "no JSON object");
  EXPECT_HAS(ErrorOf("{", 0), "not valid JSON");
  EXPECT_HAS(ErrorOf(R"({"a":3})", 0), "expected an object");
  EXPECT_HAS(ErrorOf(R"({"a":{"shape":[0],"data_offsets":[0,0]}})", 0), "\"dtype\" is missing");
  EXPECT_HAS(ErrorOf(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", 0), "\"shape\" is missing");
  EXPECT_HAS(ErrorOf(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}})", 0), "[begin, end]");
  EXPECT_HAS(ErrorOf(R"({"__metadata__":{"a":1}})", 0), "no text");
  EXPECT_HAS(ErrorOf(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                     R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                     0),
             "stands twice");
  EXPECT_HAS(ErrorOf(std::string(100000, '['), 0), "nested deeper than 100");
}

TEST(Safetensors, RefusesAHeaderLengthBeyondTheFile) {
  const TempFolder folder;
  const std::string huge(8, '\xFF');
  const auto file = SafetensorsFile::Open(folder.Write("x", huge + "{}"));
  ASSERT_FALSE(file.ok());
  EXPECT_HAS(std::string(file.status().message()), "claims a header of 18446744073709551615");
}

}  // namespace
}  // namespace regroup
