// The machine's bytes, stack and memo; its operations stand in pickle.cc.
#include "formats/pickle_machine.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace regroup {
namespace {

using Kind = PickleValue::Kind;
using Values = std::vector<PickleValue>;

}  // namespace

absl::Status PickleMachine::Damaged(const std::string& message) const {
  return UserError(place_, absl::StrCat(message, " (before byte ", at_,
                                        " of its pickle); the file "
                                        "is damaged or was not written by torch.save"));
}

absl::Status PickleMachine::Unknown(unsigned char code) const {
  return Damaged(absl::StrFormat("the operation 0x%02x is none that a state dict needs", code));
}

absl::StatusOr<std::string_view> PickleMachine::Take(uint64_t bytes) {
  if (bytes > bytes_.size() - at_) {
    return Damaged(bytes_.size() == kLongestPickle
                       ? absl::StrCat("its pickle is longer than ", kLongestPickle, " bytes")
                       : "its pickle ends too early");
  }
  at_ += bytes;
  return bytes_.substr(at_ - bytes, bytes);
}

absl::StatusOr<std::string_view> PickleMachine::TakeLine() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) return Damaged("its pickle ends in the middle of a name");
  REGROUP_ASSIGN_OR_RETURN(const std::string_view line, Take(end - at_ + 1));
  return line.substr(0, line.size() - 1);
}

absl::Status PickleMachine::Push(PickleValue value) {
  stack_.push_back(value);
  return absl::OkStatus();
}

absl::Status PickleMachine::PushObject(Kind kind, Values items) {
  pickle_.objects.push_back(std::move(items));
  return Push({kind, static_cast<int64_t>(pickle_.objects.size()) - 1, {}});
}

absl::StatusOr<PickleValue> PickleMachine::Pop() {
  REGROUP_ASSIGN_OR_RETURN(const Values one, PopSome(1));
  return one[0];
}

// The last `count` values above the last mark, in order of pushing.
absl::StatusOr<Values> PickleMachine::PopSome(size_t count) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor < count) return Damaged("an operation lacks its operands");
  const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
  Values values(first, stack_.end());
  stack_.erase(first, stack_.end());
  return values;
}

absl::StatusOr<Values> PickleMachine::PopToMark() {
  if (marks_.empty()) return Damaged("an operation lacks its mark");
  REGROUP_ASSIGN_OR_RETURN(Values values, PopSome(stack_.size() - marks_.back()));
  marks_.pop_back();
  return values;
}

// To the list or dict on top of the stack.
absl::Status PickleMachine::AddItems(Kind kind, const Values& items) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  const bool pairs = kind == Kind::kList || items.size() % 2 == 0;
  if (stack_.size() == floor || stack_.back().kind != kind || !pairs) {
    return Damaged(absl::StrCat("items are added to something that is not ", KindName(kind)));
  }
  Values& all = pickle_.objects[static_cast<size_t>(stack_.back().number)];
  all.insert(all.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status PickleMachine::Remember(uint64_t index) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() == floor) return Damaged("an operation lacks its operands");
  memo_[index] = stack_.back();
  return absl::OkStatus();
}

}  // namespace regroup
