// Places of targets and windows around them.
#include "data/task_window.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "core/status.h"

namespace regroup {
namespace {

// Pieces end at white space, so a text may be encoded in parts that begin with a space: as many
// bytes at a time, so that the ids before any byte are found without encoding all again.
constexpr size_t kPartBytes = 2048;

size_t Room(const WindowedSource& source, int64_t length) {
  const size_t taken = source.prompt.size() + 1;  // EOS
  return static_cast<size_t>(length) > taken ? static_cast<size_t>(length) - taken : 0;
}

size_t SpaceFrom(const std::string& text, size_t at) {
  return std::min(text.find(' ', at), text.size());
}

// Prompt, `size` ids of the context from `start`, EOS.
std::vector<int32_t> Joined(const WindowedSource& source, size_t start, size_t size) {
  std::vector<int32_t> ids = source.prompt;
  const auto from = source.context->begin() + static_cast<std::ptrdiff_t>(start);
  ids.insert(ids.end(), from, from + static_cast<std::ptrdiff_t>(size));
  ids.push_back(kEosId);
  return ids;
}

}  // namespace

bool WindowedSource::Fits(int64_t length) const {
  return prompt.size() + context->size() + 1 <= static_cast<size_t>(length);
}

bool WindowedSource::TargetFits(int64_t length) const {
  return found && prompt.size() + (end - begin) + 1 <= static_cast<size_t>(length);
}

std::vector<int32_t> WindowedSource::Leading(int64_t length) const {
  std::vector<int32_t> ids = Joined(*this, 0, std::min(Room(*this, length), context->size()));
  if (ids.size() > static_cast<size_t>(length)) {  // the prompt alone is too long
    ids.resize(static_cast<size_t>(length));
    ids.back() = kEosId;
  }
  return ids;
}

std::vector<int32_t> WindowedSource::Cut(int64_t length, CounterRng& rng) const {
  REGROUP_CHECK(TargetFits(length));
  const size_t size = std::min(Room(*this, length), context->size());
  const size_t first = end > size ? end - size : 0;
  const size_t last = std::min(begin, context->size() - size);
  return Joined(*this, first + static_cast<size_t>(rng.Below(last - first + 1)), size);
}

void ContextIds::Encode(const std::string& context) {
  if (ids_ != nullptr && context == context_) return;
  context_ = context;
  lower_ = absl::AsciiStrToLower(context);
  marks_.clear();
  auto ids = std::make_shared<std::vector<int32_t>>();
  for (size_t begin = 0; begin < context.size();) {
    marks_.emplace_back(begin, ids->size());
    const size_t end = SpaceFrom(context, begin + kPartBytes);
    const auto part = tokenizer_.Encode(std::string_view(context).substr(begin, end - begin));
    ids->insert(ids->end(), part.begin(), part.end());
    begin = end;
  }
  ids_ = std::move(ids);
}

size_t ContextIds::IdsBefore(size_t byte) const {
  auto mark = std::ranges::upper_bound(marks_, byte, {}, &std::pair<size_t, size_t>::first);
  if (mark == marks_.begin()) return 0;
  --mark;
  const auto part = std::string_view(context_).substr(mark->first, byte - mark->first);
  return mark->second + tokenizer_.Encode(part).size();
}

WindowedSource ContextIds::Find(const std::string& prompt, const std::string& context,
                                const std::string& target) {
  Encode(context);
  WindowedSource source{tokenizer_.Encode(prompt), ids_};
  const size_t at = target.empty() ? std::string::npos : lower_.find(absl::AsciiStrToLower(target));
  if (at == std::string::npos) return source;
  const size_t space = context_.rfind(' ', at);
  source.found = true;
  source.begin = IdsBefore(space == std::string::npos ? 0 : space);
  source.end = IdsBefore(SpaceFrom(context_, at + target.size()));
  return source;
}

}  // namespace regroup
