// Files that torch.save wrote (make_formats_golden.py) are read as torch.load reads them, and what
// is no state dict is refused with nothing executed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>

#include "absl/strings/escaping.h"
#include "core/files.h"
#include "core/json.h"
#include "formats/torch_file.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

const char* TorchName(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return "float64";
    case DType::kF32:
      return "float32";
    case DType::kF16:
      return "float16";
    case DType::kBF16:
      return "bfloat16";
    case DType::kI64:
      return "int64";
    case DType::kI32:
      return "int32";
    case DType::kI16:
      return "int16";
    case DType::kI8:
      return "int8";
    case DType::kU8:
      return "uint8";
    case DType::kBool:
      return "bool";
  }
  return "";
}

// Row-major strides: what a reader would assume that knows no views.
std::vector<int64_t> DenseStrides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// The view's bytes in row-major order, as hex.
std::string HexOf(const TorchFile& file, const TorchTensor& view,
                  const std::vector<int64_t>& strides) {
  const TorchStorage& storage = file.storages()[view.storage];
  int64_t count = 1;
  for (const int64_t size : view.shape) count *= size;
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = view.offset, rest = i;
    for (size_t d = view.shape.size(); d-- > 0; rest /= view.shape[d]) {
      at += rest % view.shape[d] * strides[d];
    }
    const size_t width = DTypeBytes(storage.dtype);
    bytes.append(reinterpret_cast<const char*>(storage.data) + static_cast<size_t>(at) * width,
                 width);
  }
  return absl::BytesToHexString(bytes);
}

Json Expected(const std::string& part) {
  return ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, "torch_files.json")).value()[part];
}

TorchFile MustOpen(const std::string& name) {
  auto file = TorchFile::Open(JoinPath(REGROUP_GOLDEN_DIR, name));
  REGROUP_CHECK(file.ok(), std::string(file.status().message()));
  return *std::move(file);
}

TEST(TorchFileGolden, FilesOfTorchSaveAreReadAsTorchLoadReadsThem) {
  const Json read = Expected("read");
  ASSERT_EQ(read.size(), 8U);
  for (const auto& [name, tensors] : read.items()) {
    const TorchFile file = MustOpen(name);
    ASSERT_EQ(file.tensors().size(), tensors.size()) << name;
    for (const TorchTensor& tensor : file.tensors()) {
      const Json& golden = tensors.at(tensor.name);
      EXPECT_EQ(TorchName(file.storages()[tensor.storage].dtype), golden["dtype"]) << tensor.name;
      EXPECT_EQ(Json(tensor.shape), golden["shape"]) << name << " " << tensor.name;
      EXPECT_EQ(HexOf(file, tensor, tensor.strides), golden["bytes"]) << name << " " << tensor.name;
    }
  }
}

// The control: a reader that took every tensor for a dense one would be wrong for these.
TEST(TorchFileGolden, StridesMatter) {
  for (const char* name : {"archive.bin", "legacy.bin"}) {
    const TorchFile file = MustOpen(name);
    const Json golden = Expected("read")[name];
    std::vector<std::string> wrong;
    for (const TorchTensor& tensor : file.tensors()) {
      if (tensor.name == "column") continue;  // its dense reading may leave the storage
      if (HexOf(file, tensor, DenseStrides(tensor.shape)) != golden[tensor.name]["bytes"]) {
        wrong.push_back(tensor.name);
      }
    }
    EXPECT_EQ(wrong, (std::vector<std::string>{"permuted", "transposed"}));
  }
}

TEST(TorchFileGolden, TiedTensorsShareAStorageAndArchivesAreAligned) {
  const TorchFile file = MustOpen("archive.bin");
  std::map<std::string, size_t> storage;
  for (const TorchTensor& tensor : file.tensors()) storage[tensor.name] = tensor.storage;
  for (const char* name : {"tied_again", "transposed", "column"}) {
    EXPECT_EQ(storage[name], storage["tied"]);
  }
  EXPECT_NE(storage["plain"], storage["tied"]);
  for (const TorchStorage& one : file.storages()) {
    EXPECT_EQ((one.data - file.file()->data()) % 64, 0);
  }
}

TEST(TorchFileGolden, WhatIsNoStateDictIsRefusedByNameAndNothingIsExecuted) {
  const TempFolder folder;
  ASSERT_EQ(::chdir(folder.path().c_str()), 0);  // where the command would leave its file
  const Json refused = Expected("refused");
  EXPECT_EQ(refused.size(), 29U);
  for (const auto& [name, word] : refused.items()) {
    const auto file = TorchFile::Open(JoinPath(REGROUP_GOLDEN_DIR, name));
    ASSERT_FALSE(file.ok()) << name;
    EXPECT_EQ(ExitCode(file.status()), 2) << name;
    EXPECT_NE(file.status().message().find(word.get<std::string>()), absl::string_view::npos)
        << name << ": " << file.status().message();
  }
  EXPECT_EQ(ListFolder(folder.path()).value().size(), 0U);
}

TEST(TorchFileGolden, EveryPrefixOfAFileIsRefused) {
  const TempFolder folder;
  for (const char* name : {"archive_without_checksums.bin", "legacy.bin", "parameters_4.bin",
                           "legacy_parameters.bin", "refused/command.bin"}) {
    const std::string content = ReadFile(JoinPath(REGROUP_GOLDEN_DIR, name)).value();
    const std::string path = folder.Write("cut.bin", content);
    for (size_t size = content.size(); size-- > 0;) {
      std::filesystem::resize_file(path, size);
      const auto cut = TorchFile::Open(path);
      ASSERT_FALSE(cut.ok()) << name << " at " << size;
      ASSERT_EQ(ExitCode(cut.status()), 2) << name << " at " << size;
    }
    const auto longer = TorchFile::Open(folder.Write("longer.bin", content + "x"));
    EXPECT_FALSE(longer.ok()) << name;
  }
}

// What was read stays inside the file, whatever it claims.
void ExpectInside(const TorchFile& file) {
  const std::byte* begin = file.file()->data();
  const std::byte* end = begin + file.file()->size();
  for (const TorchStorage& storage : file.storages()) {
    ASSERT_GE(storage.data, begin);
    ASSERT_LE(storage.data + static_cast<size_t>(storage.count) * DTypeBytes(storage.dtype), end);
  }
  for (const TorchTensor& tensor : file.tensors()) {
    const std::string hex = HexOf(file, tensor, tensor.strides);  // reads every element
    ASSERT_EQ(hex.size() % 2, 0U);
  }
}

TEST(TorchFileGolden, DamagedFilesAreRefusedOrReadWithinTheirBounds) {
  const TempFolder folder;
  std::mt19937 draw(7);
  int refused = 0, read = 0;
  for (const char* name :
       {"archive_without_checksums.bin", "legacy.bin", "legacy_parameters.bin"}) {
    const std::string content = ReadFile(JoinPath(REGROUP_GOLDEN_DIR, name)).value();
    for (int round = 0; round < 600; ++round) {
      std::string damaged = content;
      for (uint64_t flips = 1 + draw() % 3; flips > 0; --flips) {
        damaged[draw() % damaged.size()] = static_cast<char>(draw());
      }
      const auto file = TorchFile::Open(folder.Write("damaged.bin", damaged));
      if (file.ok()) {
        ExpectInside(*file);
        ++read;
      } else {
        ASSERT_EQ(ExitCode(file.status()), 2);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(read, 200) << "changed numbers are still numbers";
}

TEST(TorchFileGolden, AChangedNumberInAnArchiveIsFoundByItsChecksum) {
  const TempFolder folder;
  std::string content = ReadFile(JoinPath(REGROUP_GOLDEN_DIR, "archive.bin")).value();
  const TorchFile file = MustOpen("archive.bin");
  const auto at = static_cast<size_t>(file.storages()[0].data - file.file()->data());
  content[at] = static_cast<char>(content[at] ^ 1);
  const auto changed = TorchFile::Open(folder.Write("changed.bin", content));
  ASSERT_FALSE(changed.ok());
  EXPECT_NE(changed.status().message().find("does not match its checksum"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace regroup
