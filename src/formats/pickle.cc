// The machine behind a pickle: a stack, marks on it, a memo, and one small function per operation.
#include "formats/pickle.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace regroup {
namespace {

using Kind = PickleValue::Kind;
using Values = std::vector<PickleValue>;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr unsigned char kStop = '.';
constexpr unsigned char kProtocol = 0x80;
constexpr int kOldestProtocol = 2;
constexpr int kNewestProtocol = 5;

class Machine {
 public:
  Machine(std::string_view bytes, std::span<const std::string_view> globals,
          const std::string& place)
      : bytes_(bytes.substr(0, kLongestPickle)), globals_(globals), place_(place) {}

  absl::StatusOr<Pickle> Run();

 private:
  struct Operation {
    unsigned char code;
    absl::Status (Machine::*run)();
  };
  static const Operation kOperations[];

  absl::Status Damaged(const std::string& message) const;
  absl::Status Unknown(unsigned char code) const;
  absl::StatusOr<std::string_view> Take(uint64_t bytes);
  absl::StatusOr<std::string_view> TakeLine();
  template <class Number>
  absl::StatusOr<Number> TakeNumber();

  absl::Status Push(PickleValue value);
  absl::Status PushObject(Kind kind, Values items);
  absl::StatusOr<PickleValue> Pop();
  absl::StatusOr<Values> PopSome(size_t count);
  absl::StatusOr<Values> PopToMark();

  // Operations, by their names in pickletools.
  absl::Status Step(unsigned char code);
  absl::Status Protocol();
  absl::Status Frame();
  absl::Status None() { return Push({}); }
  absl::Status NewTrue() { return Push({Kind::kBool, 1, {}}); }
  absl::Status NewFalse() { return Push({Kind::kBool, 0, {}}); }
  template <class Number>
  absl::Status BinInt();
  absl::Status Long1();
  absl::Status BinFloat();
  template <class Length>
  absl::Status BinUnicode();
  absl::Status Mark();
  absl::Status EmptyTuple() { return PushObject(Kind::kTuple, {}); }
  absl::Status EmptyList() { return PushObject(Kind::kList, {}); }
  absl::Status EmptyDict() { return PushObject(Kind::kDict, {}); }
  absl::Status Tuple();
  template <size_t count>
  absl::Status ShortTuple();
  absl::Status Append();
  absl::Status Appends();
  absl::Status SetItem();
  absl::Status SetItems();
  absl::Status Global();
  absl::Status StackGlobal();
  absl::Status Reduce();
  absl::Status Build();
  absl::Status BinPersId();
  absl::Status Memoize() { return Remember(memo_.size()); }
  template <class Number>
  absl::Status BinPut();
  template <class Number>
  absl::Status BinGet();

  absl::Status AddItems(Kind kind, const Values& items);
  absl::Status PushGlobal(std::string_view module, std::string_view name);
  absl::Status Remember(uint64_t index);

  std::string_view bytes_;
  std::span<const std::string_view> globals_;
  const std::string& place_;
  size_t at_ = 0;
  Values stack_;
  std::vector<size_t> marks_;  // heights of the stack
  absl::flat_hash_map<uint64_t, PickleValue> memo_;
  Pickle pickle_;
};

const Machine::Operation Machine::kOperations[] = {
    {kProtocol, &Machine::Protocol},
    {0x95, &Machine::Frame},
    {'N', &Machine::None},
    {0x88, &Machine::NewTrue},
    {0x89, &Machine::NewFalse},
    {'J', &Machine::BinInt<int32_t>},
    {'K', &Machine::BinInt<uint8_t>},
    {'M', &Machine::BinInt<uint16_t>},
    {0x8a, &Machine::Long1},
    {'G', &Machine::BinFloat},
    {'X', &Machine::BinUnicode<uint32_t>},
    {0x8c, &Machine::BinUnicode<uint8_t>},
    {0x8d, &Machine::BinUnicode<uint64_t>},
    {'(', &Machine::Mark},
    {')', &Machine::EmptyTuple},
    {']', &Machine::EmptyList},
    {'}', &Machine::EmptyDict},
    {'t', &Machine::Tuple},
    {0x85, &Machine::ShortTuple<1>},
    {0x86, &Machine::ShortTuple<2>},
    {0x87, &Machine::ShortTuple<3>},
    {'a', &Machine::Append},
    {'e', &Machine::Appends},
    {'s', &Machine::SetItem},
    {'u', &Machine::SetItems},
    {'c', &Machine::Global},
    {0x93, &Machine::StackGlobal},
    {'R', &Machine::Reduce},
    {'b', &Machine::Build},
    {'Q', &Machine::BinPersId},
    {0x94, &Machine::Memoize},
    {'q', &Machine::BinPut<uint8_t>},
    {'r', &Machine::BinPut<uint32_t>},
    {'h', &Machine::BinGet<uint8_t>},
    {'j', &Machine::BinGet<uint32_t>},
};

absl::Status Machine::Damaged(const std::string& message) const {
  return UserError(place_, absl::StrCat(message, " (before byte ", at_,
                                        " of its pickle); the file "
                                        "is damaged or was not written by torch.save"));
}

absl::Status Machine::Unknown(unsigned char code) const {
  return Damaged(absl::StrFormat("the operation 0x%02x is none that a state dict needs", code));
}

absl::StatusOr<std::string_view> Machine::Take(uint64_t bytes) {
  if (bytes > bytes_.size() - at_) {
    return Damaged(bytes_.size() == kLongestPickle
                       ? absl::StrCat("its pickle is longer than ", kLongestPickle, " bytes")
                       : "its pickle ends too early");
  }
  at_ += bytes;
  return bytes_.substr(at_ - bytes, bytes);
}

absl::StatusOr<std::string_view> Machine::TakeLine() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) return Damaged("its pickle ends in the middle of a name");
  REGROUP_ASSIGN_OR_RETURN(const std::string_view line, Take(end - at_ + 1));
  return line.substr(0, line.size() - 1);
}

template <class Number>
absl::StatusOr<Number> Machine::TakeNumber() {
  REGROUP_ASSIGN_OR_RETURN(const std::string_view bytes, Take(sizeof(Number)));
  Number number;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

absl::Status Machine::Push(PickleValue value) {
  stack_.push_back(value);
  return absl::OkStatus();
}

absl::Status Machine::PushObject(Kind kind, Values items) {
  pickle_.objects.push_back(std::move(items));
  return Push({kind, static_cast<int64_t>(pickle_.objects.size()) - 1, {}});
}

absl::StatusOr<PickleValue> Machine::Pop() {
  REGROUP_ASSIGN_OR_RETURN(const Values one, PopSome(1));
  return one[0];
}

// The last `count` values above the last mark, in order of pushing.
absl::StatusOr<Values> Machine::PopSome(size_t count) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor < count) return Damaged("an operation lacks its operands");
  const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
  Values values(first, stack_.end());
  stack_.erase(first, stack_.end());
  return values;
}

absl::StatusOr<Values> Machine::PopToMark() {
  if (marks_.empty()) return Damaged("an operation lacks its mark");
  REGROUP_ASSIGN_OR_RETURN(Values values, PopSome(stack_.size() - marks_.back()));
  marks_.pop_back();
  return values;
}

absl::Status Machine::Protocol() {
  REGROUP_ASSIGN_OR_RETURN(const uint8_t protocol, TakeNumber<uint8_t>());
  if (protocol >= kOldestProtocol && protocol <= kNewestProtocol) return absl::OkStatus();
  return Damaged(absl::StrCat("has pickle protocol ", protocol, "; expected ", kOldestProtocol,
                              " to ", kNewestProtocol));
}

absl::Status Machine::Frame() {
  REGROUP_ASSIGN_OR_RETURN(const uint64_t length, TakeNumber<uint64_t>());
  if (length <= bytes_.size() - at_) return absl::OkStatus();
  return Damaged(absl::StrCat("claims a frame of ", length, " bytes"));
}

template <class Number>
absl::Status Machine::BinInt() {
  REGROUP_ASSIGN_OR_RETURN(const Number number, TakeNumber<Number>());
  return Push({Kind::kInt, static_cast<int64_t>(number), {}});
}

absl::Status Machine::Long1() {
  REGROUP_ASSIGN_OR_RETURN(const uint8_t length, TakeNumber<uint8_t>());
  REGROUP_ASSIGN_OR_RETURN(const std::string_view bytes, Take(length));
  if (length > sizeof(int64_t)) return Push({Kind::kLong, 0, bytes});
  const bool negative = length > 0 && static_cast<unsigned char>(bytes.back()) >= 0x80;
  int64_t number = negative ? -1 : 0;
  std::memcpy(&number, bytes.data(), length);
  return Push({Kind::kInt, number, {}});
}

absl::Status Machine::BinFloat() {
  REGROUP_RETURN_IF_ERROR(Take(sizeof(double)).status());
  return Push({Kind::kFloat, 0, {}});
}

template <class Length>
absl::Status Machine::BinUnicode() {
  REGROUP_ASSIGN_OR_RETURN(const Length length, TakeNumber<Length>());
  REGROUP_ASSIGN_OR_RETURN(const std::string_view text, Take(length));
  return Push({Kind::kText, 0, text});
}

absl::Status Machine::Mark() {
  marks_.push_back(stack_.size());
  return absl::OkStatus();
}

absl::Status Machine::Tuple() {
  REGROUP_ASSIGN_OR_RETURN(Values items, PopToMark());
  return PushObject(Kind::kTuple, std::move(items));
}

template <size_t count>
absl::Status Machine::ShortTuple() {
  REGROUP_ASSIGN_OR_RETURN(Values items, PopSome(count));
  return PushObject(Kind::kTuple, std::move(items));
}

// To the list or dict on top of the stack.
absl::Status Machine::AddItems(Kind kind, const Values& items) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  const bool pairs = kind == Kind::kList || items.size() % 2 == 0;
  if (stack_.size() == floor || stack_.back().kind != kind || !pairs) {
    return Damaged(absl::StrCat("items are added to something that is not ", KindName(kind)));
  }
  Values& all = pickle_.objects[static_cast<size_t>(stack_.back().number)];
  all.insert(all.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status Machine::Append() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopSome(1));
  return AddItems(Kind::kList, items);
}

absl::Status Machine::Appends() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopToMark());
  return AddItems(Kind::kList, items);
}

absl::Status Machine::SetItem() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopSome(2));
  return AddItems(Kind::kDict, items);
}

absl::Status Machine::SetItems() {
  REGROUP_ASSIGN_OR_RETURN(const Values items, PopToMark());
  return AddItems(Kind::kDict, items);
}

absl::Status Machine::PushGlobal(std::string_view module, std::string_view name) {
  const std::string full = absl::StrCat(ToAbsl(module), ".", ToAbsl(name));
  const auto known = std::find(globals_.begin(), globals_.end(), full);
  if (known != globals_.end()) return Push({Kind::kGlobal, 0, *known});
  return UserError(place_, absl::StrCat("names ", full.substr(0, 200),
                                        ", which is not part of a state dict of dense tensors; "
                                        "regroup executes nothing in a file. Take weights from a "
                                        "source that you trust, as model.safetensors or as "
                                        "torch.save(model.state_dict(), ...) writes them"));
}

absl::Status Machine::Global() {
  REGROUP_ASSIGN_OR_RETURN(const std::string_view module, TakeLine());
  REGROUP_ASSIGN_OR_RETURN(const std::string_view name, TakeLine());
  return PushGlobal(module, name);
}

absl::Status Machine::StackGlobal() {
  REGROUP_ASSIGN_OR_RETURN(const Values names, PopSome(2));
  if (names[0].kind == Kind::kText && names[1].kind == Kind::kText) {
    return PushGlobal(names[0].text, names[1].text);
  }
  return Damaged("a global's name is no text");
}

// Nothing is called: the call is kept as data, but for the empty OrderedDict.
absl::Status Machine::Reduce() {
  REGROUP_ASSIGN_OR_RETURN(Values call, PopSome(2));
  if (call[0].kind != Kind::kGlobal || call[1].kind != Kind::kTuple) {
    return Damaged("something is called that is no name with a tuple of arguments");
  }
  const bool empty = pickle_.Items(call[1]).empty();
  if (empty && call[0].text == kOrderedDict) return PushObject(Kind::kDict, {});
  return PushObject(Kind::kCall, std::move(call));
}

// Attributes of the object below them; an OrderedDict of torch has `_metadata`.
absl::Status Machine::Build() {
  REGROUP_ASSIGN_OR_RETURN(const Values pair, PopSome(2));
  if (pair[0].kind == Kind::kDict && pair[1].kind == Kind::kDict) return Push(pair[0]);
  return Damaged("attributes are set on something that is not a dict");
}

absl::Status Machine::BinPersId() {
  REGROUP_ASSIGN_OR_RETURN(Values id, PopSome(1));
  return PushObject(Kind::kPersistent, std::move(id));
}

absl::Status Machine::Remember(uint64_t index) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() == floor) return Damaged("an operation lacks its operands");
  memo_[index] = stack_.back();
  return absl::OkStatus();
}

template <class Number>
absl::Status Machine::BinPut() {
  REGROUP_ASSIGN_OR_RETURN(const Number index, TakeNumber<Number>());
  return Remember(index);
}

template <class Number>
absl::Status Machine::BinGet() {
  REGROUP_ASSIGN_OR_RETURN(const Number index, TakeNumber<Number>());
  const auto found = memo_.find(index);
  if (found == memo_.end()) return Damaged(absl::StrCat("its memo holds no ", index));
  return Push(found->second);
}

absl::Status Machine::Step(unsigned char code) {
  for (const Operation& operation : kOperations) {
    if (operation.code == code) return (this->*operation.run)();
  }
  return Unknown(code);
}

absl::StatusOr<Pickle> Machine::Run() {
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

}  // namespace

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
  return Machine(bytes, globals, place).Run();
}

}  // namespace regroup
