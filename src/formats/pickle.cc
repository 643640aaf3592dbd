// The operations of a pickle, in the order of their names in the machine.
#include "formats/pickle.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "formats/pickle_machine.h"

namespace regroup {
namespace {

using Kind = PickleValue::Kind;
using Values = std::vector<PickleValue>;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr unsigned char kStop = '.';
constexpr unsigned char kProtocol = 0x80;
constexpr int kOldestProtocol = 2;
constexpr int kNewestProtocol = 5;

}  // namespace

const PickleMachine::Operation PickleMachine::kOperations[] = {
    {kProtocol, &PickleMachine::Protocol},
    {0x95, &PickleMachine::Frame},
    {'N', &PickleMachine::None},
    {0x88, &PickleMachine::NewTrue},
    {0x89, &PickleMachine::NewFalse},
    {'J', &PickleMachine::BinInt<int32_t>},
    {'K', &PickleMachine::BinInt<uint8_t>},
    {'M', &PickleMachine::BinInt<uint16_t>},
    {0x8a, &PickleMachine::Long1},
    {'G', &PickleMachine::BinFloat},
    {'X', &PickleMachine::BinUnicode<uint32_t>},
    {0x8c, &PickleMachine::BinUnicode<uint8_t>},
    {0x8d, &PickleMachine::BinUnicode<uint64_t>},
    {'(', &PickleMachine::Mark},
    {')', &PickleMachine::EmptyTuple},
    {']', &PickleMachine::EmptyList},
    {'}', &PickleMachine::EmptyDict},
    {'t', &PickleMachine::Tuple},
    {0x85, &PickleMachine::ShortTuple<1>},
    {0x86, &PickleMachine::ShortTuple<2>},
    {0x87, &PickleMachine::ShortTuple<3>},
    {'a', &PickleMachine::Append},
    {'e', &PickleMachine::Appends},
    {'s', &PickleMachine::SetItem},
    {'u', &PickleMachine::SetItems},
    {'c', &PickleMachine::Global},
    {0x93, &PickleMachine::StackGlobal},
    {'R', &PickleMachine::Reduce},
    {'b', &PickleMachine::Build},
    {'Q', &PickleMachine::BinPersId},
    {0x94, &PickleMachine::Memoize},
    {'q', &PickleMachine::BinPut<uint8_t>},
    {'r', &PickleMachine::BinPut<uint32_t>},
    {'h', &PickleMachine::BinGet<uint8_t>},
    {'j', &PickleMachine::BinGet<uint32_t>},
};

absl::Status PickleMachine::Protocol() {
  REGROUP_ASSIGN_OR_RETURN(const uint8_t protocol, TakeNumber<uint8_t>());
  if (protocol >= kOldestProtocol && protocol <= kNewestProtocol) return absl::OkStatus();
  return Damaged(absl::StrCat("has pickle protocol ", protocol, "; expected ", kOldestProtocol,
                              " to ", kNewestProtocol));
}

absl::Status PickleMachine::Frame() {
  REGROUP_ASSIGN_OR_RETURN(const uint64_t length, TakeNumber<uint64_t>());
  if (length <= bytes_.size() - at_) return absl::OkStatus();
  return Damaged(absl::StrCat("claims a frame of ", length, " bytes"));
}

template <class Number>
absl::Status PickleMachine::BinInt() {
  REGROUP_ASSIGN_OR_RETURN(const Number number, TakeNumber<Number>());
  return Push({Kind::kInt, static_cast<int64_t>(number), {}});
}

absl::Status PickleMachine::Long1() {
  REGROUP_ASSIGN_OR_RETURN(const uint8_t length, TakeNumber<uint8_t>());
  REGROUP_ASSIGN_OR_RETURN(const std::string_view bytes, Take(length));
  if (length > sizeof(int64_t)) return Push({Kind::kLong, 0, bytes});
  const bool negative = length > 0 && static_cast<unsigned char>(bytes.back()) >= 0x80;
  int64_t number = negative ? -1 : 0;
  std::memcpy(&number, bytes.data(), length);
  return Push({Kind::kInt, number, {}});
}

absl::Status PickleMachine::BinFloat() {
  REGROUP_RETURN_IF_ERROR(Take(sizeof(double)).status());
  return Push({Kind::kFloat, 0, {}});
}

template <class Length>
absl::Status PickleMachine::BinUnicode() {
  REGROUP_ASSIGN_OR_RETURN(const Length length, TakeNumber<Length>());
  REGROUP_ASSIGN_OR_RETURN(const std::string_view text, Take(length));
  return Push({Kind::kText, 0, text});
}

absl::Status PickleMachine::Mark() {
  marks_.push_back(stack_.size());
  return absl::OkStatus();
}

absl::Status PickleMachine::Tuple() {
  REGROUP_ASSIGN_OR_RETURN(Values items, PopToMark());
  return PushObject(Kind::kTuple, std::move(items));
}

template <size_t count>
absl::Status PickleMachine::ShortTuple() {
  REGROUP_ASSIGN_OR_RETURN(Values items, PopSome(count));
  return PushObject(Kind::kTuple, std::move(items));
}

absl::Status PickleMachine::Append() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopSome(1));
  return AddItems(Kind::kList, items);
}

absl::Status PickleMachine::Appends() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopToMark());
  return AddItems(Kind::kList, items);
}

absl::Status PickleMachine::SetItem() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopSome(2));
  return AddItems(Kind::kDict, items);
}

absl::Status PickleMachine::SetItems() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopToMark());
  return AddItems(Kind::kDict, items);
}

absl::Status PickleMachine::PushGlobal(std::string_view module, std::string_view name) {
  const std::string full = absl::StrCat(ToAbsl(module), ".", ToAbsl(name));
  const auto known = std::find(globals_.begin(), globals_.end(), full);
  if (known != globals_.end()) return Push({Kind::kGlobal, 0, *known});
  return UserError(place_, absl::StrCat("names ", full.substr(0, 200),
                                        ", which is not part of a state dict of dense tensors; "
                                        "regroup executes nothing in a file. Take weights from a "
                                        "source that you trust, as model.safetensors or as "
                                        "torch.save(model.state_dict(), ...) writes them"));
}

absl::Status PickleMachine::Global() {
  REGROUP_ASSIGN_OR_RETURN(const std::string_view module, TakeLine());
  REGROUP_ASSIGN_OR_RETURN(const std::string_view name, TakeLine());
  return PushGlobal(module, name);
}

absl::Status PickleMachine::StackGlobal() {
  REGROUP_ASSIGN_OR_RETURN(const Values names, PopSome(2));
  if (names[0].kind == Kind::kText && names[1].kind == Kind::kText) {
    return PushGlobal(names[0].text, names[1].text);
  }
  return Damaged("a global's name is no text");
}

// Nothing is called: the call is kept as data, but for the empty OrderedDict.
absl::Status PickleMachine::Reduce() {
  REGROUP_ASSIGN_OR_RETURN(Values call, PopSome(2));
  if (call[0].kind != Kind::kGlobal || call[1].kind != Kind::kTuple) {
    return Damaged("something is called that is no name with a tuple of arguments");
  }
  const bool empty = pickle_.Items(call[1]).empty();
  if (empty && call[0].text == kOrderedDict) return PushObject(Kind::kDict, {});
  return PushObject(Kind::kCall, std::move(call));
}

// Attributes of the object below them; an OrderedDict of torch has `_metadata`.
absl::Status PickleMachine::Build() {
  REGROUP_ASSIGN_OR_RETURN(const Values pair, PopSome(2));
  if (pair[0].kind == Kind::kDict && pair[1].kind == Kind::kDict) return Push(pair[0]);
  return Damaged("attributes are set on something that is not a dict");
}

absl::Status PickleMachine::BinPersId() {
  REGROUP_ASSIGN_OR_RETURN(Values id, PopSome(1));
  return PushObject(Kind::kPersistent, std::move(id));
}

template <class Number>
absl::Status PickleMachine::BinPut() {
  REGROUP_ASSIGN_OR_RETURN(const Number index, TakeNumber<Number>());
  return Remember(index);
}

template <class Number>
absl::Status PickleMachine::BinGet() {
  REGROUP_ASSIGN_OR_RETURN(const Number index, TakeNumber<Number>());
  const auto found = memo_.find(index);
  if (found == memo_.end()) return Damaged(absl::StrCat("its memo holds no ", index));
  return Push(found->second);
}

absl::Status PickleMachine::Step(unsigned char code) {
  for (const Operation& operation : kOperations) {
    if (operation.code == code) return (this->*operation.run)();
  }
  return Unknown(code);
}

absl::StatusOr<Pickle> PickleMachine::Run() {
  if (bytes_.empty() || static_cast<unsigned char>(bytes_[0]) != kProtocol) {
    return Damaged("holds no pickle of protocol 2 to 5");
  }
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const uint8_t code, TakeNumber<uint8_t>());
    if (code == kStop) break;
    REGROUP_RETURN_IF_ERROR(Step(code));
  }
  REGROUP_ASSIGN_OR_RETURN(pickle_.root, Pop());
  if (!stack_.empty() || !marks_.empty()) return Damaged("its pickle leaves values behind");
  pickle_.bytes = at_;
  return std::move(pickle_);
}

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
    case Kind::kLong:
      return "an integer";
    case Kind::kFloat:
      return "a float";
    case Kind::kText:
      return "a text";
    case Kind::kGlobal:
      return "a name";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dict";
    case Kind::kCall:
      return "an object";
    case Kind::kPersistent:
      return "a storage";
  }
  REGROUP_CHECK(false, "unknown kind");
}

const Values& Pickle::Items(const PickleValue& value) const {
  REGROUP_CHECK(value.kind >= Kind::kTuple);
  return objects[static_cast<size_t>(value.number)];
}

absl::StatusOr<Pickle> ReadPickle(std::string_view bytes, std::span<const std::string_view> globals,
                                  const std::string& place) {
  return PickleMachine(bytes, globals, place).Run();
}

}  // namespace regroup
