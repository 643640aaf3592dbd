// The machine that reads a pickle: a stack, marks on it, a memo, and one small function per
// operation. Only `pickle.cc` and `pickle_machine.cc` include it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/status.h"
#include "formats/pickle.h"

namespace regroup {

class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, std::span<const std::string_view> globals,
                const std::string& place)
      : bytes_(bytes.substr(0, kLongestPickle)), globals_(globals), place_(place) {}

  absl::StatusOr<Pickle> Run();

 private:
  struct Operation {
    unsigned char code;
    absl::Status (PickleMachine::*run)();
  };
  static const Operation kOperations[];

  absl::Status Damaged(const std::string& message) const;
  absl::Status Unknown(unsigned char code) const;
  absl::StatusOr<std::string_view> Take(uint64_t bytes);
  absl::StatusOr<std::string_view> TakeLine();
  template <class Number>
  absl::StatusOr<Number> TakeNumber();

  absl::Status Push(PickleValue value);
  absl::Status PushObject(PickleValue::Kind kind, std::vector<PickleValue> items);
  absl::StatusOr<PickleValue> Pop();
  absl::StatusOr<std::vector<PickleValue>> PopSome(size_t count);
  absl::StatusOr<std::vector<PickleValue>> PopToMark();

  // Operations, by their names in pickletools.
  absl::Status Step(unsigned char code);
  absl::Status Protocol();
  absl::Status Frame();
  absl::Status None() { return Push({}); }
  absl::Status NewTrue() { return Push({PickleValue::Kind::kBool, 1, {}}); }
  absl::Status NewFalse() { return Push({PickleValue::Kind::kBool, 0, {}}); }
  template <class Number>
  absl::Status BinInt();
  absl::Status Long1();
  absl::Status BinFloat();
  template <class Length>
  absl::Status BinUnicode();
  absl::Status Mark();
  absl::Status EmptyTuple() { return PushObject(PickleValue::Kind::kTuple, {}); }
  absl::Status EmptyList() { return PushObject(PickleValue::Kind::kList, {}); }
  absl::Status EmptyDict() { return PushObject(PickleValue::Kind::kDict, {}); }
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

  absl::Status AddItems(PickleValue::Kind kind, const std::vector<PickleValue>& items);
  absl::Status PushGlobal(std::string_view module, std::string_view name);
  absl::Status Remember(uint64_t index);

  std::string_view bytes_;
  std::span<const std::string_view> globals_;
  const std::string& place_;
  size_t at_ = 0;
  std::vector<PickleValue> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  absl::flat_hash_map<uint64_t, PickleValue> memo_;
  Pickle pickle_;
};

template <class Number>
absl::StatusOr<Number> PickleMachine::TakeNumber() {
  REGROUP_ASSIGN_OR_RETURN(const std::string_view bytes, Take(sizeof(Number)));
  Number number;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

}  // namespace regroup
