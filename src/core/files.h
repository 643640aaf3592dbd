// Files: whole reads, atomic writes and folder publication, mapping, hashes. Used by every room
// that touches disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace regroup {

bool FileExists(const std::string& path);
bool FolderExists(const std::string& path);
// Names in a folder, sorted.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path);
absl::Status MakeFolders(const std::string& path);
absl::StatusOr<std::string> ReadFile(const std::string& path);
// The same for what is small by its nature (configs, vocabularies): UserError for a file of more
// than `most` bytes, a pipe and a device, which are not read.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, uint64_t most);
std::string JoinPath(const std::string& folder,
                     const std::string& name);  // name absolute: name itself
std::string ParentFolder(const std::string& path);
std::string BaseName(const std::string& path);

// What writing at `path` failed with, by errno: a place where nothing can be written (no such
// folder, a file in the way, no permission) is a UserError, a full disk and the like a RunError.
absl::Status WriteError(const std::string& path, const std::string& what, int error);

// Writes to a neighbour file of a new name, syncs, renames: readers see the old content or the new,
// never a part. A link's file is replaced, not the link; a device or a pipe is written to as it is.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content);

// A file that was written aside, synced and renamed into place: after a power cut the target is the
// old content or the new.
absl::Status PublishFile(const std::string& aside, const std::string& target);

// Makes a folder of a new name beside `target` (target + kAsideMark + ...), fills it by `fill(that
// folder)` and syncs every file. Returns its name; it is removed again if something fails.
inline constexpr char kAsideMark[] = ".partial";
absl::StatusOr<std::string> FillFolderAside(
    const std::string& target, const std::function<absl::Status(const std::string&)>& fill);
// The same, renamed into place. `target` must be absent or an empty folder; a link to an empty
// folder is followed.
absl::Status PublishFolder(const std::string& target,
                           const std::function<absl::Status(const std::string&)>& fill);

// A read-only mapping of a whole file; the memory lives as long as the object.
class MappedFile {
 public:
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size);
  std::string path_;
  const std::byte* data_;
  size_t size_;
};

// The memory of a mapped file, or any other, is not needed soon: the system may take it back. It
// reads as before.
void AdviseNotNeeded(const void* data, size_t bytes);

// XXH3 of 128 bits as 32 hex digits: finds damage and identifies content; not a defence against
// forgery.
std::string HashBytes(std::string_view content);
absl::StatusOr<std::string> HashFile(const std::string& path);

}  // namespace regroup
