// Walks the pickle of a state dict by fixed steps: dict, tensor, storage.
#include "formats/torch_state_dict.h"

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

using Kind = PickleValue::Kind;
using Values = std::vector<PickleValue>;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::string_view kTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils._rebuild_parameter";
constexpr size_t kMostDimensions = 8;
constexpr size_t kMostNamed = 20;  // strangers in one error

struct StorageType {
  std::string_view global;
  DType dtype;
};
constexpr std::array<StorageType, 10> kStorageTypes = {{{"torch.DoubleStorage", DType::kF64},
                                                        {"torch.FloatStorage", DType::kF32},
                                                        {"torch.HalfStorage", DType::kF16},
                                                        {"torch.BFloat16Storage", DType::kBF16},
                                                        {"torch.LongStorage", DType::kI64},
                                                        {"torch.IntStorage", DType::kI32},
                                                        {"torch.ShortStorage", DType::kI16},
                                                        {"torch.CharStorage", DType::kI8},
                                                        {"torch.ByteStorage", DType::kU8},
                                                        {"torch.BoolStorage", DType::kBool}}};

bool IsSize(const PickleValue& value) { return value.kind == Kind::kInt && value.number >= 0; }

// One past the last element that the view touches, or false where that leaves 64 bits. `elements`
// is how many elements the view has.
bool Extent(const TorchTensor& tensor, int64_t* end, int64_t* elements) {
  *end = tensor.offset;
  *elements = 1;
  for (const int64_t size : tensor.shape) {
    if (__builtin_mul_overflow(*elements, size, elements)) return false;
  }
  if (*elements == 0) return true;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &reach) ||
        __builtin_add_overflow(*end, reach, end)) {
      return false;
    }
  }
  return !__builtin_add_overflow(*end, 1, end);
}

class StateDictReader {
 public:
  StateDictReader(const Pickle& pickle, const std::string& place)
      : pickle_(pickle), place_(place) {}

  absl::StatusOr<TorchStateDict> Read() {
    if (pickle_.root.kind != Kind::kDict) {
      return UserError(place_, absl::StrCat("holds ", KindName(pickle_.root.kind), Advice()));
    }
    const Values& items = pickle_.Items(pickle_.root);
    REGROUP_RETURN_IF_ERROR(RefuseStrangers(items));
    std::vector<std::string_view> names;
    for (size_t i = 0; i < items.size(); i += 2) names.push_back(items[i].text);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) return Error(*twice, "stands twice");
    for (size_t i = 0; i < items.size(); i += 2) {
      REGROUP_RETURN_IF_ERROR(ReadTensor(items[i].text, items[i + 1]));
    }
    std::sort(result_.tensors.begin(), result_.tensors.end(),
              [](const TorchTensor& a, const TorchTensor& b) { return a.name < b.name; });
    return std::move(result_);
  }

 private:
  static std::string Advice() {
    return "; expected a state dict (names -> tensors), as torch.save(model.state_dict(), ...) "
           "writes it";
  }

  absl::Status Error(std::string_view name, const std::string& message) const {
    return UserError(
        absl::StrCat(place_, ": ", ToAbsl(name)),
        absl::StrCat(message, "; the file is damaged or was not written by torch.save"));
  }

  // Everything beside tensors, in one error: {"epoch": 3, "model": {...}} is a training checkpoint.
  absl::Status RefuseStrangers(const Values& items) const {
    std::vector<std::string> strangers;
    for (size_t i = 0; i < items.size(); i += 2) {
      const bool named = items[i].kind == Kind::kText;
      if (named && items[i + 1].kind == Kind::kCall) continue;
      const std::string name = named
                                   ? absl::StrCat("\"", ToAbsl(items[i].text.substr(0, 200)), "\"")
                                   : absl::StrCat("the key of ", KindName(items[i].kind));
      strangers.push_back(absl::StrCat(name, " is ", KindName(items[i + 1].kind)));
      if (strangers.size() == kMostNamed) break;
    }
    if (strangers.empty()) return absl::OkStatus();
    return UserError(
        place_,
        absl::StrCat("does not hold tensors only: ", absl::StrJoin(strangers, ", "), Advice()));
  }

  // The arguments of a call of `global`, or nullptr.
  const Values* ArgumentsOf(std::string_view global, const PickleValue& value) const {
    if (value.kind != Kind::kCall) return nullptr;
    const Values& call = pickle_.Items(value);
    return call[0].text == global ? &pickle_.Items(call[1]) : nullptr;
  }

  bool IsEmptyDict(const PickleValue& value) const {
    return value.kind == Kind::kDict && pickle_.Items(value).empty();
  }

  // _rebuild_parameter(tensor, requires_grad, hooks) or the tensor itself.
  absl::Status ReadTensor(std::string_view name, const PickleValue& value) {
    const Values* parameter = ArgumentsOf(kParameter, value);
    if (parameter != nullptr && parameter->size() != 3) {
      return Error(name, "is a parameter of unknown form");
    }
    return ReadView(name, parameter == nullptr ? value : (*parameter)[0]);
  }

  // _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks[, metadata]).
  absl::Status ReadView(std::string_view name, const PickleValue& value) {
    const Values* arguments = ArgumentsOf(kTensor, value);
    if (arguments == nullptr || arguments->size() < 6 || arguments->size() > 7) {
      return Error(name, "is no dense tensor");
    }
    const Values& a = *arguments;
    if (!IsEmptyDict(a[5])) return Error(name, "has hooks, which would be code");
    if (a.size() == 7 && a[6].kind != Kind::kNone && !IsEmptyDict(a[6])) {
      return Error(name, "has metadata (a conjugate or negated view)");
    }
    TorchTensor tensor;
    tensor.name = std::string(name);
    REGROUP_ASSIGN_OR_RETURN(tensor.storage, ReadStorage(name, a[0]));
    if (!IsSize(a[1])) return Error(name, "has no offset");
    tensor.offset = a[1].number;
    if (!ReadSizes(a[2], &tensor.shape) || !ReadSizes(a[3], &tensor.strides) ||
        tensor.shape.size() != tensor.strides.size()) {
      return Error(name, absl::StrCat("has no shape and strides of at most ", kMostDimensions,
                                      " sizes each"));
    }
    REGROUP_RETURN_IF_ERROR(CheckView(tensor));
    result_.tensors.push_back(std::move(tensor));
    return absl::OkStatus();
  }

  bool ReadSizes(const PickleValue& value, std::vector<int64_t>* sizes) const {
    if (value.kind != Kind::kTuple) return false;
    const Values& items = pickle_.Items(value);
    if (items.size() > kMostDimensions || !std::all_of(items.begin(), items.end(), IsSize)) {
      return false;
    }
    for (const PickleValue& item : items) sizes->push_back(item.number);
    return true;
  }

  absl::Status CheckView(const TorchTensor& tensor) const {
    const int64_t count = result_.storages[tensor.storage].count;
    int64_t end = 0, elements = 0;
    if (Extent(tensor, &end, &elements) && end <= count && elements <= count) {
      return absl::OkStatus();
    }
    return Error(tensor.name,
                 absl::StrCat("shape [", absl::StrJoin(tensor.shape, ", "), "], strides [",
                              absl::StrJoin(tensor.strides, ", "), "] and offset ", tensor.offset,
                              " do not fit its storage of ", count, " numbers"));
  }

  // The id ("storage", type, key, device, count); the legacy format adds None (no view of another).
  absl::StatusOr<size_t> ReadStorage(std::string_view name, const PickleValue& value) {
    if (value.kind != Kind::kPersistent) return Error(name, "has no storage");
    const PickleValue id = pickle_.Items(value)[0];
    if (id.kind != Kind::kTuple) return Error(name, "has a storage without a name");
    const Values& parts = pickle_.Items(id);
    const bool shaped =
        (parts.size() == 5 || (parts.size() == 6 && parts[5].kind == Kind::kNone)) &&
        parts[0].text == "storage" && parts[1].kind == Kind::kGlobal &&
        parts[2].kind == Kind::kText && IsSize(parts[4]);
    const auto type =
        std::find_if(kStorageTypes.begin(), kStorageTypes.end(),
                     [&](const StorageType& row) { return shaped && row.global == parts[1].text; });
    if (type == kStorageTypes.end()) return Error(name, "has a storage of unknown form");
    return AddStorage(name, {parts[2].text, type->dtype, parts[4].number, 0});
  }

  absl::StatusOr<size_t> AddStorage(std::string_view name, StorageClaim claim) {
    if (__builtin_mul_overflow(static_cast<uint64_t>(claim.count), DTypeBytes(claim.dtype),
                               &claim.bytes)) {
      return Error(name, absl::StrCat("claims a storage of ", claim.count, " numbers"));
    }
    const auto [found, added] = by_key_.emplace(claim.key, result_.storages.size());
    if (added) result_.storages.push_back(claim);
    const StorageClaim& known = result_.storages[found->second];
    if (known.dtype == claim.dtype && known.count == claim.count) return found->second;
    return Error(name, "shares a storage that another tensor claims with another type or size");
  }

  const Pickle& pickle_;
  const std::string& place_;
  TorchStateDict result_;
  std::map<std::string_view, size_t> by_key_;
};

}  // namespace

std::span<const std::string_view> StateDictGlobals() {
  static const std::vector<std::string_view> globals = [] {
    std::vector<std::string_view> all = {kOrderedDict, kTensor, kParameter};
    for (const StorageType& type : kStorageTypes) all.push_back(type.global);
    return all;
  }();
  return globals;
}

absl::StatusOr<TorchStateDict> ReadStateDict(const Pickle& pickle, const std::string& place) {
  return StateDictReader(pickle, place).Read();
}

}  // namespace regroup
