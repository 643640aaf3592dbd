// pread and pwrite: the page cache is the operating system's, not ours.
#include "calibrate/row_states.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "core/files.h"

namespace regroup {
namespace {

absl::StatusOr<int> OpenFile(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (file < 0) return WriteError(path, "cannot be opened", errno);
  return file;
}

absl::Status WriteAll(int file, const std::string& path, const char* from, int64_t bytes,
                      int64_t offset) {
  while (bytes > 0) {
    const ssize_t done = ::pwrite(file, from, static_cast<size_t>(bytes), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return WriteError(path, "cannot be written", done < 0 ? errno : ENOSPC);
    from += done, offset += done, bytes -= done;
  }
  return absl::OkStatus();
}

absl::Status ReadAll(int file, const std::string& path, char* to, int64_t bytes, int64_t offset) {
  while (bytes > 0) {
    const ssize_t done = ::pread(file, to, static_cast<size_t>(bytes), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return WriteError(path, "cannot be read", errno);
    if (done == 0) {  // behind the last row that was written in full
      std::fill(to, to + bytes, '\0');
      return absl::OkStatus();
    }
    to += done, offset += done, bytes -= done;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RowStates> RowStates::Create(const std::string& path, int64_t positions,
                                            int64_t width) {
  REGROUP_ASSIGN_OR_RETURN(const int file, OpenFile(path, O_RDWR | O_CREAT | O_TRUNC));
  return RowStates(path, file, positions, width);
}

absl::StatusOr<RowStates> RowStates::Open(const std::string& path, int64_t positions,
                                          int64_t width) {
  REGROUP_ASSIGN_OR_RETURN(const int file, OpenFile(path, O_RDONLY));
  return RowStates(path, file, positions, width);
}

RowStates::RowStates(RowStates&& other) noexcept { *this = std::move(other); }

RowStates& RowStates::operator=(RowStates&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(positions_, other.positions_);
  std::swap(width_, other.width_);
  return *this;
}

RowStates::~RowStates() {
  if (file_ >= 0) ::close(file_);
}

int64_t RowStates::Offset(int64_t row) const {
  return row * positions_ * width_ * static_cast<int64_t>(sizeof(float));
}

absl::Status RowStates::Write(int64_t first, const at::Tensor& x_btd) {
  REGROUP_CHECK(x_btd.size(1) <= positions_ && x_btd.size(2) == width_);
  const at::Tensor x = x_btd.to(at::kCPU, at::kFloat).contiguous();
  for (int64_t row = 0; row < x.size(0); ++row) {
    const at::Tensor one = x[row];
    REGROUP_RETURN_IF_ERROR(WriteAll(file_, path_, static_cast<const char*>(one.const_data_ptr()),
                                     static_cast<int64_t>(one.nbytes()), Offset(first + row)));
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> RowStates::Read(const std::vector<int64_t>& rows,
                                           int64_t positions) const {
  REGROUP_CHECK(positions <= positions_);
  at::Tensor x = at::empty({static_cast<int64_t>(rows.size()), positions, width_}, at::kFloat);
  for (size_t i = 0; i < rows.size(); ++i) {
    const at::Tensor one = x[static_cast<int64_t>(i)];
    REGROUP_RETURN_IF_ERROR(ReadAll(file_, path_, static_cast<char*>(one.mutable_data_ptr()),
                                    static_cast<int64_t>(one.nbytes()), Offset(rows[i])));
  }
  return x;
}

absl::Status RowStates::Publish(const std::string& path) {
  REGROUP_RETURN_IF_ERROR(PublishFile(path_, path));
  path_ = path;
  return absl::OkStatus();
}

void RowStates::Remove() { ::unlink(path_.c_str()); }

}  // namespace regroup
