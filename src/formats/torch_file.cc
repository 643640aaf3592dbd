// The two containers of torch.save: finds the pickle and, for each storage that it names, its
// bytes.
#include "formats/torch_file.h"

#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/foreign.h"
#include "formats/pickle.h"
#include "formats/torch_state_dict.h"
#include "formats/zip_index.h"

namespace regroup {
namespace {

using Kind = PickleValue::Kind;

// 0x1950a86a20f9469cfc6c, as a pickle writes it.
constexpr std::string_view kLegacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kLegacyProtocol = 1001;
constexpr size_t kForeignBytes = 64;  // that tell one form of files from another

using Entries = std::map<std::string_view, ZipEntry>;
// The bytes of each storage, in the order of TorchStateDict::storages.
using StorageData = std::vector<const std::byte*>;

struct Content {
  TorchStateDict dict;
  StorageData data;
};

std::string_view TextOf(const ZipEntry& entry) {
  return {reinterpret_cast<const char*>(entry.data), entry.bytes};
}

class ArchiveReader {
 public:
  ArchiveReader(const MappedFile& file, Entries entries)
      : path_(file.path()), entries_(std::move(entries)) {}

  absl::StatusOr<Content> Read() {
    REGROUP_RETURN_IF_ERROR(FindFolder());
    REGROUP_RETURN_IF_ERROR(CheckByteOrder());
    REGROUP_ASSIGN_OR_RETURN(const ZipEntry entry, Find("data.pkl"));
    const std::string place = absl::StrCat(path_, ": data.pkl");
    REGROUP_ASSIGN_OR_RETURN(const Pickle pickle,
                             ReadPickle(TextOf(entry), StateDictGlobals(), place));
    if (pickle.bytes != entry.bytes) return UserError(place, "goes on after its end: damaged");
    Content content;
    REGROUP_ASSIGN_OR_RETURN(content.dict, ReadStateDict(pickle, path_));
    for (const StorageClaim& storage : content.dict.storages) {
      REGROUP_ASSIGN_OR_RETURN(const std::byte* data, FindStorage(storage));
      content.data.push_back(data);
    }
    return content;
  }

 private:
  // torch.save puts everything into one folder, named after the file.
  absl::Status FindFolder() {
    if (!entries_.empty()) {
      const std::string_view first = entries_.begin()->first;
      folder_ = std::string(first.substr(0, first.find('/') + 1));
    }
    if (folder_.empty() || !entries_.contains(folder_ + "data.pkl")) {
      return UserError(path_,
                       "is a zip archive without data.pkl; one that torch.save wrote was "
                       "expected");
    }
    if (!entries_.contains(folder_ + "constants.pkl")) return absl::OkStatus();
    return UserError(path_,
                     "is a TorchScript program; a state dict was expected: save "
                     "model.state_dict() instead");
  }

  absl::StatusOr<ZipEntry> Find(const std::string& name) const {
    const auto found = entries_.find(folder_ + name);
    if (found == entries_.end()) {
      return UserError(path_, absl::StrCat("holds no entry ", name, "; the file is damaged"));
    }
    REGROUP_RETURN_IF_ERROR(CheckZipEntry(path_, found->first, found->second));
    return found->second;
  }

  // Absent before PyTorch 2.1: little-endian.
  absl::Status CheckByteOrder() const {
    if (!entries_.contains(folder_ + "byteorder")) return absl::OkStatus();
    REGROUP_ASSIGN_OR_RETURN(const ZipEntry entry, Find("byteorder"));
    if (TextOf(entry) == "little") return absl::OkStatus();
    return UserError(path_, "its numbers are not little-endian; save it again on such a machine");
  }

  absl::StatusOr<const std::byte*> FindStorage(const StorageClaim& storage) const {
    const std::string name = absl::StrCat("data/", ToAbsl(storage.key));
    REGROUP_ASSIGN_OR_RETURN(const ZipEntry entry, Find(name));
    if (entry.bytes == storage.bytes) return entry.data;
    return UserError(path_, absl::StrCat(name, " has ", entry.bytes, " bytes, its tensors expect ",
                                         storage.bytes, "; the file is damaged"));
  }

  const std::string& path_;
  Entries entries_;
  std::string folder_;  // with its slash
};

// Legacy: pickles of the magic number, the protocol, the machine, the state dict and the storages'
// keys, then each storage as a count of 8 bytes and its numbers.
class LegacyReader {
 public:
  explicit LegacyReader(const MappedFile& file)
      : path_(file.path()), rest_(reinterpret_cast<const char*>(file.data()), file.size()) {}

  absl::StatusOr<Content> Read() {
    REGROUP_RETURN_IF_ERROR(CheckHead());
    Content content;
    REGROUP_ASSIGN_OR_RETURN(const Pickle pickle, Next());
    REGROUP_ASSIGN_OR_RETURN(content.dict, ReadStateDict(pickle, path_));
    REGROUP_ASSIGN_OR_RETURN(const Pickle keys, Next());
    REGROUP_ASSIGN_OR_RETURN(content.data, ReadStorages(keys, content.dict.storages));
    if (rest_.empty()) return content;
    return Damaged(absl::StrCat("holds ", rest_.size(), " trailing bytes"));
  }

 private:
  absl::Status Damaged(const std::string& message) const {
    return UserError(path_, absl::StrCat(message, "; the file is damaged"));
  }

  absl::StatusOr<Pickle> Next() {
    REGROUP_ASSIGN_OR_RETURN(Pickle pickle, ReadPickle(rest_, StateDictGlobals(), path_));
    rest_.remove_prefix(pickle.bytes);
    return pickle;
  }

  absl::Status CheckHead() {
    const absl::StatusOr<Pickle> magic = Next();
    if (!magic.ok() || magic->root.text != kLegacyMagic || magic->root.kind != Kind::kLong) {
      const std::string foreign = ForeignContent(rest_.substr(0, kForeignBytes));
      return UserError(path_, absl::StrCat("is no file that torch.save wrote (neither a zip "
                                           "archive nor the legacy format)",
                                           foreign.empty() ? "" : ": ", foreign));
    }
    REGROUP_ASSIGN_OR_RETURN(const Pickle protocol, Next());
    if (protocol.root.kind != Kind::kInt || protocol.root.number != kLegacyProtocol) {
      return Damaged(absl::StrCat("has another protocol than ", kLegacyProtocol));
    }
    REGROUP_ASSIGN_OR_RETURN(const Pickle machine, Next());
    return CheckMachine(machine);
  }

  absl::Status CheckMachine(const Pickle& machine) const {
    if (machine.root.kind != Kind::kDict) return Damaged("does not describe its machine");
    const std::vector<PickleValue>& items = machine.Items(machine.root);
    for (size_t i = 0; i < items.size(); i += 2) {
      if (items[i].text != "little_endian") continue;
      if (items[i + 1].kind == Kind::kBool && items[i + 1].number == 1) return absl::OkStatus();
      break;
    }
    return UserError(path_, "its numbers are not little-endian; save it again on such a machine");
  }

  absl::StatusOr<StorageData> ReadStorages(const Pickle& keys,
                                           const std::vector<StorageClaim>& storages) {
    if (keys.root.kind != Kind::kList || keys.Items(keys.root).size() != storages.size()) {
      return Damaged("does not list the storages of its tensors");
    }
    std::map<std::string_view, size_t> unread;
    for (size_t i = 0; i < storages.size(); ++i) unread[storages[i].key] = i;
    StorageData data(storages.size(), nullptr);
    for (const PickleValue& key : keys.Items(keys.root)) {
      const auto found = unread.find(key.text);
      if (found == unread.end()) return Damaged("lists a storage that no tensor has");
      REGROUP_ASSIGN_OR_RETURN(data[found->second], TakeStorage(storages[found->second]));
      unread.erase(found);
    }
    return data;
  }

  absl::StatusOr<const std::byte*> TakeStorage(const StorageClaim& storage) {
    int64_t count = 0;
    if (rest_.size() < sizeof count) return Damaged("was cut off between its storages");
    std::memcpy(&count, rest_.data(), sizeof count);
    rest_.remove_prefix(sizeof count);
    if (count != storage.count || storage.bytes > rest_.size()) {
      return Damaged(absl::StrCat("storage ", ToAbsl(storage.key), " has ", count,
                                  " numbers, its tensors expect ", storage.count, ", the file has ",
                                  rest_.size(), " bytes left"));
    }
    const auto* data = reinterpret_cast<const std::byte*>(rest_.data());
    rest_.remove_prefix(storage.bytes);
    return data;
  }

  const std::string& path_;
  std::string_view rest_;  // not read yet
};

absl::StatusOr<Content> ReadContent(const MappedFile& file) {
  if (!LooksLikeZip(file)) return LegacyReader(file).Read();
  REGROUP_ASSIGN_OR_RETURN(Entries entries, ReadZipIndex(file));
  return ArchiveReader(file, std::move(entries)).Read();
}

}  // namespace

absl::StatusOr<TorchFile> TorchFile::Open(const std::string& path) {
  TorchFile result;
  REGROUP_ASSIGN_OR_RETURN(result.file_, MappedFile::Open(path));
  REGROUP_ASSIGN_OR_RETURN(Content content, ReadContent(*result.file_));
  for (size_t i = 0; i < content.data.size(); ++i) {
    const StorageClaim& claim = content.dict.storages[i];
    result.storages_.push_back({claim.dtype, claim.count, content.data[i]});
  }
  result.tensors_ = std::move(content.dict.tensors);
  return result;
}

}  // namespace regroup
