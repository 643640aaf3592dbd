// Maps entries of files onto at::Tensor and back; the finite scan reads raw exponent bits.
#include "checkpoint/tensor_file.h"

#include <ATen/ATen.h>

#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

at::ScalarType ToScalarType(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return at::kDouble;
    case DType::kF32:
      return at::kFloat;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kI64:
      return at::kLong;
    case DType::kI32:
      return at::kInt;
    case DType::kI16:
      return at::kShort;
    case DType::kI8:
      return at::kChar;
    case DType::kU8:
      return at::kByte;
    case DType::kBool:
      return at::kBool;
  }
  REGROUP_CHECK(false, "unknown dtype");
}

// `bytes` at `data` as a tensor: on the mapping where they are aligned, else a copy.
at::Tensor ToTensor(const std::byte* data, size_t bytes, DType dtype, at::IntArrayRef shape,
                    const std::shared_ptr<const MappedFile>& file) {
  const auto options = at::TensorOptions().dtype(ToScalarType(dtype));
  const bool aligned = reinterpret_cast<uintptr_t>(data) % DTypeBytes(dtype) == 0;
  if (bytes == 0 || !aligned) {
    at::Tensor copy = at::empty(shape, options);
    if (bytes > 0) std::memcpy(copy.mutable_data_ptr(), data, bytes);
    return copy;
  }
  // from_blob wants a mutable pointer; nothing in the house writes to loaded weights (trainers
  // clone).
  return at::from_blob(
      const_cast<std::byte*>(data), shape, [file](void*) {}, options);
}

// True if no word has all exponent bits set.
template <class Word>
bool NoSpecials(const void* data, int64_t count, Word exponent) {
  const auto* words = static_cast<const Word*>(data);
  bool special = false;
  for (int64_t i = 0; i < count; ++i) special |= (words[i] & exponent) == exponent;
  return !special;
}

}  // namespace

StateDict TensorsOf(const SafetensorsFile& file) {
  StateDict tensors;
  for (const TensorEntry& entry : file.entries())
    tensors[entry.name] = ToTensor(entry.data, entry.bytes, entry.dtype, entry.shape, file.file());
  return tensors;
}

StateDict TensorsOf(const TorchFile& file) {
  std::vector<at::Tensor> storages;
  for (const TorchStorage& storage : file.storages()) {
    const size_t bytes = static_cast<size_t>(storage.count) * DTypeBytes(storage.dtype);
    storages.push_back(ToTensor(storage.data, bytes, storage.dtype, storage.count, file.file()));
  }
  StateDict tensors;
  for (const TorchTensor& view : file.tensors()) {
    tensors[view.name] = storages[view.storage].as_strided(view.shape, view.strides, view.offset);
  }
  return tensors;
}

absl::StatusOr<StateDict> ReadTensorFile(const std::string& path) {
  if (path.ends_with(".safetensors")) {
    REGROUP_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
    return TensorsOf(file);
  }
  REGROUP_ASSIGN_OR_RETURN(const TorchFile file, TorchFile::Open(path));
  return TensorsOf(file);
}

absl::Status WriteTensorFile(const std::string& path, const StateDict& tensors) {
  std::vector<at::Tensor> holders;
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    holders.push_back(tensor.detach().cpu().contiguous());
    const at::Tensor& t = holders.back();
    entries.push_back({name, ToDType(t.scalar_type()), t.sizes().vec(),
                       static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()});
  }
  return WriteSafetensors(path, std::move(entries), {{"format", "pt"}});
}

std::string TorchDtypeName(at::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    default:
      return "float32";
  }
}

DType ToDType(at::ScalarType dtype) {
  static const auto* types = new std::map<at::ScalarType, DType>{
      {at::kDouble, DType::kF64},    {at::kFloat, DType::kF32}, {at::kHalf, DType::kF16},
      {at::kBFloat16, DType::kBF16}, {at::kLong, DType::kI64},  {at::kInt, DType::kI32},
      {at::kShort, DType::kI16},     {at::kChar, DType::kI8},   {at::kByte, DType::kU8},
      {at::kBool, DType::kBool}};
  const auto found = types->find(dtype);
  REGROUP_CHECK(found != types->end(), "a dtype that safetensors files of ours never hold");
  return found->second;
}

bool AllFinite(const at::Tensor& tensor) {
  const at::Tensor t = tensor.cpu().contiguous();
  switch (t.scalar_type()) {
    case at::kDouble:
      return NoSpecials<uint64_t>(t.const_data_ptr(), t.numel(), 0x7FF0000000000000U);
    case at::kFloat:
      return NoSpecials<uint32_t>(t.const_data_ptr(), t.numel(), 0x7F800000U);
    case at::kHalf:
      return NoSpecials<uint16_t>(t.const_data_ptr(), t.numel(), 0x7C00U);
    case at::kBFloat16:
      return NoSpecials<uint16_t>(t.const_data_ptr(), t.numel(), 0x7F80U);
    default:
      return true;
  }
}

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  const at::Tensor left = a.cpu().contiguous(), right = b.cpu().contiguous();
  return left.nbytes() == 0 ||
         std::memcmp(left.const_data_ptr(), right.const_data_ptr(), left.nbytes()) == 0;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace regroup
