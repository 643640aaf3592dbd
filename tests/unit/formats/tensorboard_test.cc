// Event files: checksums of known strings, records in their form, one file a start.
#include "formats/tensorboard.h"

#include <gtest/gtest.h>

#include <string>

#include "core/files.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, EqualsThePublishedOnes) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
}

TEST(EventFile, HoldsAVersionAStartAndScalars) {
  const TempFolder folder;
  const auto file = EventFile::Create(folder.path(), 7, 1.0);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Add(8, 1.5, {{"train/loss", 0.25}}).ok());
  const std::string bytes = ReadFile(file->path()).value();
  EXPECT_NE(file->path().find("/events.out.tfevents."), std::string::npos);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x18\0\0\0\0\0\0\0", 8))
      << "9 bytes of time, 15 of version";
  EXPECT_EQ(bytes.substr(12 + 9, 15), std::string("\x1A\x0D") + "brain.Event:2");
  const std::string value =
      std::string("\x0A\x0Atrain/loss\x15", 13) + std::string("\0\0\x80\x3E", 4);
  EXPECT_NE(bytes.find(std::string("\x10\x08\x2A\x13\x0A\x11", 6) + value), std::string::npos)
      << "step 8, a summary of one value: tag and 0.25";
}

TEST(EventFile, AFolderThatIsNotThereIsNamed) {
  const auto file = EventFile::Create("/nowhere/at/all", 0, 1.0);
  EXPECT_NE(file.status().message().find("/nowhere/at/all/events"), std::string::npos);
}

}  // namespace
}  // namespace regroup
