// Reading (every claim checked against the file's length) and writing of safetensors.
// Called by `checkpoint` for models and optimizer state.
#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/foreign.h"
#include "core/json.h"

namespace regroup {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr size_t kPrefixBytes = 8;                // the header's length stands in front of it
constexpr uint64_t kLongestHeader = 100'000'000;  // as in the reference implementation
constexpr size_t kForeignBytes = 64;              // that tell one form of files from another
constexpr size_t kDataAlignment = 64;
constexpr const char* kMetadataKey = "__metadata__";

struct DTypeRow {
  DType dtype;
  const char* name;
  size_t bytes;
};
constexpr std::array<DTypeRow, 10> kDTypes = {{{DType::kF64, "F64", 8},
                                               {DType::kF32, "F32", 4},
                                               {DType::kF16, "F16", 2},
                                               {DType::kBF16, "BF16", 2},
                                               {DType::kI64, "I64", 8},
                                               {DType::kI32, "I32", 4},
                                               {DType::kI16, "I16", 2},
                                               {DType::kI8, "I8", 1},
                                               {DType::kU8, "U8", 1},
                                               {DType::kBool, "BOOL", 1}}};

const DTypeRow& RowOf(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  REGROUP_CHECK(false, "unknown dtype");
}

// Bytes of a tensor, or false where the product leaves 64 bits.
bool CountBytes(const std::vector<int64_t>& shape, DType dtype, uint64_t* bytes) {
  *bytes = DTypeBytes(dtype);
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(*bytes, static_cast<uint64_t>(size), bytes)) return false;
  }
  return true;
}

// What the header says of one tensor, before it is believed.
struct Claim {
  TensorEntry entry;
  uint64_t begin = 0;
  uint64_t end = 0;
};

class HeaderReader {
 public:
  HeaderReader(std::string path, uint64_t data_bytes)
      : path_(std::move(path)), data_bytes_(data_bytes) {}

  absl::StatusOr<Claim> ReadClaim(const std::string& name, const Json& json) const {
    Claim claim;
    claim.entry.name = name;
    if (!json.is_object()) return Error(name, "expected an object with dtype, shape, data_offsets");
    REGROUP_RETURN_IF_ERROR(ReadDType(json, &claim));
    REGROUP_RETURN_IF_ERROR(ReadShape(json, &claim));
    REGROUP_RETURN_IF_ERROR(ReadOffsets(json, &claim));
    return claim;
  }

  absl::Status Error(const std::string& tensor, const std::string& message) const {
    return UserError(
        absl::StrCat(path_, ": ", tensor),
        absl::StrCat(message, "; the file is damaged or was not written as safetensors"));
  }

 private:
  absl::Status ReadDType(const Json& json, Claim* claim) const {
    const auto found = json.find("dtype");
    if (found == json.end() || !found->is_string()) {
      return Error(claim->entry.name, "\"dtype\" is missing or no text");
    }
    const std::string text = found->get<std::string>();
    std::vector<std::string> names;
    for (const DTypeRow& row : kDTypes) {
      if (text == row.name) {
        claim->entry.dtype = row.dtype;
        return absl::OkStatus();
      }
      names.push_back(row.name);
    }
    return UserError(absl::StrCat(path_, ": ", claim->entry.name),
                     absl::StrCat("has dtype \"", text, "\"; regroup reads ",
                                  absl::StrJoin(names, ", "), ": convert the tensor first"));
  }

  absl::Status ReadShape(const Json& json, Claim* claim) const {
    const auto found = json.find("shape");
    if (found == json.end() || !found->is_array()) {
      return Error(claim->entry.name, "\"shape\" is missing or no list");
    }
    for (const Json& size : *found) {
      if (!IsSize(size)) {
        return Error(claim->entry.name,
                     absl::StrCat("shape ", DumpJson(*found), " holds something that is no size"));
      }
      claim->entry.shape.push_back(size.get<int64_t>());
    }
    return absl::OkStatus();
  }

  absl::Status ReadOffsets(const Json& json, Claim* claim) const {
    const auto found = json.find("data_offsets");
    const std::string& name = claim->entry.name;
    if (found == json.end() || !found->is_array() || found->size() != 2 || !IsSize((*found)[0]) ||
        !IsSize((*found)[1])) {
      return Error(name, "\"data_offsets\" is missing or not [begin, end]");
    }
    claim->begin = (*found)[0].get<uint64_t>();
    claim->end = (*found)[1].get<uint64_t>();
    if (claim->begin > claim->end || claim->end > data_bytes_) {
      return Error(name, absl::StrCat("data_offsets ", DumpJson(*found), " do not fit the ",
                                      data_bytes_, " bytes of data that the file holds"));
    }
    uint64_t bytes = 0;
    if (!CountBytes(claim->entry.shape, claim->entry.dtype, &bytes) ||
        bytes != claim->end - claim->begin) {
      return Error(name, absl::StrCat("shape [", absl::StrJoin(claim->entry.shape, ", "), "] of ",
                                      DTypeName(claim->entry.dtype), " does not take ",
                                      claim->end - claim->begin, " bytes as data_offsets say"));
    }
    claim->entry.bytes = bytes;
    return absl::OkStatus();
  }

  static bool IsSize(const Json& json) {
    return json.is_number_unsigned() &&
           json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  }

  std::string path_;
  uint64_t data_bytes_;
};

// Every byte of the data belongs to exactly one tensor.
absl::Status CheckCover(const HeaderReader& reader, const std::vector<Claim>& claims,
                        uint64_t data_bytes, const std::string& path) {
  std::vector<const Claim*> order;
  for (const Claim& claim : claims) order.push_back(&claim);
  std::sort(order.begin(), order.end(), [](const Claim* a, const Claim* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t covered = 0;
  for (const Claim* claim : order) {
    if (claim->begin != covered) {
      const char* kind = claim->begin < covered ? "shares bytes with another tensor"
                                                : "leaves unused bytes before it";
      return reader.Error(claim->entry.name,
                          absl::StrCat(kind, ": it begins at ", claim->begin,
                                       ", the data before it ends at ", covered));
    }
    covered = claim->end;
  }
  if (covered == data_bytes) return absl::OkStatus();
  return UserError(path,
                   absl::StrCat("holds ", data_bytes - covered,
                                " trailing bytes that belong to no tensor; the file is damaged"));
}

absl::Status ReadMetadata(const Json& json, const std::string& path,
                          std::map<std::string, std::string>* metadata) {
  if (!json.is_object()) return UserError(path, "__metadata__ is no object of texts");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      return UserError(path, absl::StrCat("__metadata__: \"", key, "\" is no text"));
    }
    (*metadata)[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

// A file whose first bytes claim an impossible header was cut off, or is of another form.
absl::Status NoHeader(const MappedFile& file, uint64_t claimed) {
  const std::string foreign = ForeignContent(
      {reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), kForeignBytes)});
  if (!foreign.empty())
    return UserError(file.path(), absl::StrCat("is no safetensors file: ", foreign));
  return UserError(file.path(),
                   absl::StrCat("claims a header of ", claimed, " bytes, the file has ",
                                file.size(), "; it was cut off or is no safetensors file"));
}

absl::StatusOr<uint64_t> HeaderBytes(const MappedFile& file) {
  if (file.size() < kPrefixBytes) {
    return UserError(file.path(),
                     absl::StrCat("has ", file.size(), " bytes, too few for a safetensors file"));
  }
  uint64_t bytes = 0;
  std::memcpy(&bytes, file.data(), kPrefixBytes);
  if (bytes > kLongestHeader || bytes > file.size() - kPrefixBytes) return NoHeader(file, bytes);
  return bytes;
}

Json HeaderOf(const std::vector<TensorEntry>& entries,
              const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = Json(metadata);
  uint64_t offset = 0;
  for (const TensorEntry& entry : entries) {
    uint64_t bytes = 0;
    REGROUP_CHECK(CountBytes(entry.shape, entry.dtype, &bytes) && bytes == entry.bytes, entry.name);
    REGROUP_CHECK(entry.name != kMetadataKey && !header.contains(entry.name), entry.name);
    header[entry.name] = Json{{"dtype", DTypeName(entry.dtype)},
                              {"shape", entry.shape},
                              {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  return header;
}

bool WriteAll(std::FILE* out, const std::string& prefix, const std::vector<TensorEntry>& entries) {
  if (std::fwrite(prefix.data(), 1, prefix.size(), out) != prefix.size()) return false;
  for (const TensorEntry& entry : entries) {
    if (entry.bytes > 0 && std::fwrite(entry.data, 1, entry.bytes, out) != entry.bytes)
      return false;
  }
  return true;
}

}  // namespace

const char* DTypeName(DType dtype) { return RowOf(dtype).name; }
size_t DTypeBytes(DType dtype) { return RowOf(dtype).bytes; }

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  SafetensorsFile result;
  REGROUP_ASSIGN_OR_RETURN(result.file_, MappedFile::Open(path));
  const MappedFile& file = *result.file_;
  REGROUP_ASSIGN_OR_RETURN(const uint64_t header_bytes, HeaderBytes(file));
  const std::byte* data = file.data() + kPrefixBytes + header_bytes;
  const uint64_t data_bytes = file.size() - kPrefixBytes - header_bytes;
  const std::string text(reinterpret_cast<const char*>(file.data()) + kPrefixBytes, header_bytes);
  REGROUP_ASSIGN_OR_RETURN(const Json header, ParseJson(text, absl::StrCat(path, ": header")));
  if (!header.is_object()) return UserError(path, "the header is no JSON object");

  const HeaderReader reader(path, data_bytes);
  std::vector<Claim> claims;
  for (const auto& [name, json] : header.items()) {
    if (name == kMetadataKey) {
      REGROUP_RETURN_IF_ERROR(ReadMetadata(json, path, &result.metadata_));
      continue;
    }
    REGROUP_ASSIGN_OR_RETURN(Claim claim, reader.ReadClaim(name, json));
    claim.entry.data = data + claim.begin;
    claims.push_back(std::move(claim));
  }
  REGROUP_RETURN_IF_ERROR(CheckCover(reader, claims, data_bytes, path));
  for (Claim& claim : claims) result.entries_.push_back(std::move(claim.entry));
  std::sort(result.entries_.begin(), result.entries_.end(),
            [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  return result;
}

absl::Status WriteSafetensors(const std::string& path, std::vector<TensorEntry> entries,
                              const std::map<std::string, std::string>& metadata) {
  std::sort(entries.begin(), entries.end(),
            [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  std::string header = DumpJson(HeaderOf(entries, metadata));
  while ((kPrefixBytes + header.size()) % kDataAlignment != 0) header += ' ';
  const uint64_t header_bytes = header.size();
  std::string prefix(kPrefixBytes, '\0');
  std::memcpy(prefix.data(), &header_bytes, kPrefixBytes);
  prefix += header;

  std::FILE* out = std::fopen(path.c_str(), "wbe");
  if (out == nullptr) {
    return RunError(path, absl::StrCat("cannot create the file: ", std::strerror(errno)));
  }
  const bool written = WriteAll(out, prefix, entries);
  const int write_error = errno;
  if (std::fclose(out) != 0 || !written) {
    return RunError(path, absl::StrCat("cannot write the file: ",
                                       std::strerror(written ? errno : write_error)));
  }
  return absl::OkStatus();
}

}  // namespace regroup
