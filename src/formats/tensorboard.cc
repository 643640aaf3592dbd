// Events in protocol buffers' wire form inside TFRecords (tensorflow/core/util/event.proto,
// core/lib/io/record_writer.h).
#include "formats/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {
namespace {

// Fields of Event, Summary, Summary.Value and SessionLog.
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr int kValue = 1, kTag = 1, kSimpleValue = 2, kStatus = 1;
constexpr uint64_t kStart = 1;  // SessionLog.SessionStatus

enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

template <typename T>
void AppendLittleEndian(T value, std::string* out) {
  for (size_t i = 0; i < sizeof(T); ++i) *out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) *out += static_cast<char>((value & 0x7F) | 0x80);
  *out += static_cast<char>(value);
}

void AppendKey(int field, WireType type, std::string* out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | type, out);
}

void AppendNumber(int field, uint64_t value, std::string* out) {
  AppendKey(field, kVarint, out);
  AppendVarint(value, out);
}

void AppendDouble(int field, double value, std::string* out) {
  AppendKey(field, kFixed64, out);
  AppendLittleEndian(std::bit_cast<uint64_t>(value), out);
}

void AppendFloat(int field, float value, std::string* out) {
  AppendKey(field, kFixed32, out);
  AppendLittleEndian(std::bit_cast<uint32_t>(value), out);
}

void AppendBytes(int field, std::string_view bytes, std::string* out) {
  AppendKey(field, kBytes, out);
  AppendVarint(bytes.size(), out);
  *out += bytes;
}

std::string EventAt(double time, int64_t step) {
  std::string event;
  AppendDouble(kWallTime, time, &event);
  AppendNumber(kStep, static_cast<uint64_t>(step), &event);
  return event;
}

std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    table[i] = crc;
  }
  return table;
}

// A record stores its checksums rotated, so that a checksum of stored checksums stays sound.
uint32_t MaskedCrc(std::string_view bytes) { return std::rotr(Crc32c(bytes), 15) + 0xA282EAD8U; }

std::string Host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "host";
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = MakeCrcTable();
  uint32_t crc = ~0U;
  for (const char c : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

absl::StatusOr<EventFile> EventFile::Create(const std::string& folder, int64_t step, double time) {
  const EventFile file(
      JoinPath(folder, absl::StrCat("events.out.tfevents.", static_cast<int64_t>(time), ".", Host(),
                                    ".", ::getpid())));
  std::string version;
  AppendDouble(kWallTime, time, &version);
  AppendBytes(kFileVersion, "brain.Event:2", &version);
  REGROUP_RETURN_IF_ERROR(file.Append(version));
  std::string start = EventAt(time, step + 1);
  std::string session;
  AppendNumber(kStatus, kStart, &session);
  AppendBytes(kSessionLog, session, &start);
  REGROUP_RETURN_IF_ERROR(file.Append(start));
  return file;
}

absl::Status EventFile::Add(int64_t step, double time, const Scalars& values) const {
  std::string summary;
  for (const auto& [tag, number] : values) {
    std::string value;
    AppendBytes(kTag, tag, &value);
    AppendFloat(kSimpleValue, static_cast<float>(number), &value);
    AppendBytes(kValue, value, &summary);
  }
  std::string event = EventAt(time, step);
  AppendBytes(kSummary, summary, &event);
  return Append(event);
}

absl::Status EventFile::Append(const std::string& event) const {
  std::string record;
  AppendLittleEndian(static_cast<uint64_t>(event.size()), &record);
  AppendLittleEndian(MaskedCrc(record), &record);
  record += event;
  AppendLittleEndian(MaskedCrc(event), &record);
  std::ofstream out(path_, std::ios::app | std::ios::binary);
  out.write(record.data(), static_cast<std::streamsize>(record.size()));
  out.flush();
  if (!out) return RunError(path_, "cannot append an event; is the disk full?");
  return absl::OkStatus();
}

}  // namespace regroup
