// Lines from plain, gzip and zstd files, whole and damaged.
#include "formats/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "support/temp_folder.h"

namespace regroup {
namespace {

std::string Gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

struct Outcome {
  std::vector<std::string> lines;
  absl::Status status;
};

Outcome ReadAll(const std::string& path) {
  Outcome outcome;
  const auto reader = LineReader::Open(path);
  if (!reader.ok()) return {{}, reader.status()};
  while (true) {
    const auto line = (*reader)->Next();
    outcome.status = line.status();
    if (!line.ok() || !line->has_value()) return outcome;
    outcome.lines.push_back(**line);
    EXPECT_EQ((*reader)->line_number(), static_cast<int64_t>(outcome.lines.size()));
  }
}

using Lines = std::vector<std::string>;

// A text of `count` lines that does not compress to nothing.
std::string LongText(int count) {
  std::string text;
  uint32_t x = 1;
  for (int i = 0; i < count; ++i) {
    x = x * 1664525U + 1013904223U;
    text += "line " + std::to_string(i) + " " + std::to_string(x) + "\n";
  }
  return text;
}

TEST(Lines, EndAtNewlinesAndAtTheEndOfTheFile) {
  const TempFolder folder;
  EXPECT_EQ(ReadAll(folder.Write("a", "x\n\ny\r\nz")).lines, (Lines{"x", "", "y", "z"}));
  EXPECT_EQ(ReadAll(folder.Write("b", "x\n")).lines, Lines{"x"});
  EXPECT_EQ(ReadAll(folder.Write("c", "")).lines, Lines{});
  EXPECT_EQ(ReadAll(folder.Write("d", "\n")).lines, Lines{""});
}

TEST(Lines, AreTheSameFromAllCompressions) {
  const TempFolder folder;
  const std::string text = LongText(20000);
  const Outcome plain = ReadAll(folder.Write("a", text));
  ASSERT_EQ(plain.lines.size(), 20000U);
  EXPECT_EQ(ReadAll(folder.Write("a.gz", Gzip(text))).lines, plain.lines);
  EXPECT_EQ(ReadAll(folder.Write("a.zst", Zstd(text))).lines, plain.lines);
}

TEST(Lines, GoOnThroughSeveralMembersAndFrames) {
  const TempFolder folder;
  const std::string gzip = Gzip("a\nb") + Gzip("") + Gzip("c\nd\n");
  EXPECT_EQ(ReadAll(folder.Write("a.gz", gzip)).lines, (Lines{"a", "bc", "d"}));
  const std::string zstd = Zstd("a\nb") + Zstd("") + Zstd("c\nd\n");
  EXPECT_EQ(ReadAll(folder.Write("a.zst", zstd)).lines, (Lines{"a", "bc", "d"}));
}

TEST(Lines, ExpandFarBeyondTheirCompressedSize) {
  const TempFolder folder;
  const std::string zeros(10'000'000, 'x');
  EXPECT_EQ(ReadAll(folder.Write("a.gz", Gzip(zeros))).lines, Lines{zeros});
  EXPECT_EQ(ReadAll(folder.Write("a.zst", Zstd(zeros))).lines, Lines{zeros});
}

TEST(Lines, OfTruncatedStreamsEndInAnErrorWithFileAndLine) {
  const TempFolder folder;
  const std::string text = LongText(300);
  for (const std::string name : {"a.gz", "a.zst"}) {
    const std::string whole = name == "a.gz" ? Gzip(text) : Zstd(text);
    for (size_t size = 0; size < whole.size();
         size += size < 40 || size + 40 > whole.size() ? 1 : 97) {
      const Outcome outcome = ReadAll(folder.Write(name, whole.substr(0, size)));
      ASSERT_FALSE(outcome.status.ok()) << name << " cut at " << size;
      EXPECT_EQ(ExitCode(outcome.status), 2);
      const std::string place = name + ":" + std::to_string(outcome.lines.size() + 1) + ": ";
      EXPECT_NE(outcome.status.message().find(place), std::string::npos) << outcome.status;
    }
  }
}

TEST(Lines, OfDamagedStreamsEndInAnError) {
  const TempFolder folder;
  const std::string text = LongText(300);
  std::string gzip = Gzip(text);
  gzip[gzip.size() / 2] = static_cast<char>(gzip[gzip.size() / 2] ^ 0x55);
  EXPECT_EQ(ExitCode(ReadAll(folder.Write("a.gz", gzip)).status), 2);
  EXPECT_EQ(ExitCode(ReadAll(folder.Write("b.gz", "no gzip at all")).status), 2);
  EXPECT_NE(ReadAll(folder.Write("b.gz", "no gzip at all")).status.message().find("without .gz"),
            std::string::npos);
  EXPECT_NE(ReadAll(folder.Write("b.zst", "no zstd at all")).status.message().find("without .zst"),
            std::string::npos);
  EXPECT_EQ(ExitCode(ReadAll(folder.Write("c.gz", Gzip(text) + "rubbish")).status), 2);
  EXPECT_EQ(ExitCode(ReadAll(folder.Write("a.zst", "no zstd at all")).status), 2);
  EXPECT_EQ(ExitCode(ReadAll(folder.Write("b.zst", Zstd(text) + "rubbish")).status), 2);
}

TEST(Lines, OfMissingFilesAndFoldersAreUserErrors) {
  const TempFolder folder;
  EXPECT_EQ(ExitCode(ReadAll(folder.File("missing")).status), 2);
  EXPECT_EQ(ExitCode(ReadAll(folder.path()).status), 2);
}

TEST(Globs, KeepTheOrderOfPatternsAndSortWithin) {
  const TempFolder folder;
  for (const char* name : {"b1", "b0", "a0", "c[1]"}) folder.Write(name, "");
  const auto files = ExpandGlobs({folder.File("b*"), folder.File("a0"), folder.File("c[1]")});
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(*files,
            (Lines{folder.File("b0"), folder.File("b1"), folder.File("a0"), folder.File("c[1]")}));
}

TEST(Globs, ThatMatchNothingAreUserErrors) {
  const TempFolder folder;
  const auto pattern = ExpandGlobs({folder.File("x*")});
  EXPECT_EQ(ExitCode(pattern.status()), 2);
  EXPECT_NE(pattern.status().message().find("no file matches"), std::string::npos);
  EXPECT_NE(ExpandGlobs({folder.File("x")}).status().message().find("no such file"),
            std::string::npos);
}

TEST(CheckUtf8, NamesTheColumnOfTheFirstByteThatIsNone) {
  for (const char* good : {"", "plain", "\u00e9\u20ac\U0001F600", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(CheckUtf8(good, "x").ok()) << good;
  }
  for (const char* bad : {"ab\xFF", "ab\xC3", "ab\xC0\xAF", "ab\xE0\x80\x80", "ab\xED\xA0\x80",
                          "ab\xF4\x90\x80\x80", "ab\x80"}) {
    const absl::Status status = CheckUtf8(bad, "a.txt:3");
    EXPECT_EQ(ExitCode(status), 2);
    EXPECT_NE(status.message().find("a.txt:3: not valid UTF-8 (column 3)"), absl::string_view::npos)
        << status;
  }
}

TEST(Lines, ALineWithoutEndIsRefusedBeforeItFillsMemory) {
  const TempFolder folder;
  const Outcome outcome = ReadAll(folder.Write("a.zst", Zstd(std::string(size_t{70} << 20, 'x'))));
  EXPECT_THAT(outcome.status.message(),
              ::testing::HasSubstr("a.zst:1: the line is longer than 64 MiB"));
}

}  // namespace
}  // namespace regroup
