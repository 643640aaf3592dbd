# The offline kit: one file with the sources of every library but LibTorch, and CMake and Ninja. What it holds is
# kit-contents.txt. Sourced by scripts/offline_kit, which packs it, and by the scripts that build from it.

kit_contents="$repo/scripts/lib/kit-contents.txt"
kit_choice="$repo/build/kit" # one line: the folder into which this checkout's kit was unpacked
kit_megabytes=400            # unpacked

# The folder that `scripts/setup --kit` chose for this checkout; nothing where the distribution's packages are used.
chosen_kit() { if [[ -f "$kit_choice" ]]; then cat "$kit_choice"; fi; }

# The kit's CMake and Ninja go before all others.
use_tools_of_kit() { # folder
  PATH="$1/tools/bin:$PATH"
  export PATH
}

# Lines "name version licence from file sha256 licence-texts...".
kit_lines() { grep -v '^#' "$kit_contents"; }

# The contents as sha256sum -c reads them.
kit_sums() { kit_lines | awk '{ print $6 "  sources/" $5 }' | LC_ALL=C sort -k2; }

# What the machine itself must have.
check_kit_machine() {
  local command major
  for command in c++ cc python3 tar sha256sum; do
    if ! command -v "$command" >/dev/null; then
      fail "$command is not on this machine, and a kit does not hold it: install it, or load the module that has it"
    fi
  done
  major="$(c++ -dumpversion | cut -d. -f1)"
  if ! c++ --version | grep -qi clang && ((major < 11)); then
    fail "c++ is GCC $major, regroup needs GCC 11 or later: put a newer one first in PATH, as c++ and cc"
  fi
}

# A kit, whole, and made for this state of the repository.
check_kit_file() { # file
  if [[ ! -f "$1" ]]; then
    fail "$1: there is no such file. scripts/offline_kit makes a kit on a machine with a network"
  fi
  if ! tar -tf "$1" regroup-kit/SHA256SUMS >/dev/null 2>&1; then
    fail "$1 is not a kit, or only a part of one: it holds no regroup-kit/SHA256SUMS. scripts/offline_kit makes one"
  fi
  check_kit_sums "$1" <(tar -xOf "$1" regroup-kit/SHA256SUMS)
}

check_kit_sums() { # kit sums
  if ! diff -q <(kit_sums) "$2" >/dev/null; then
    fail "$1 is a kit for another state of this repository: its versions are not those in" \
      "scripts/lib/kit-contents.txt. Make one from this checkout with scripts/offline_kit, then scripts/setup --kit"
  fi
}

kit_folder() { echo "$cache/kit/$(sha256sum "$1" | cut -c1-12)"; } # file

unpack_kit() { # file folder
  local aside name version licence from file rest
  mkdir -p "$cache/kit"
  aside="$(mktemp -d "$cache/kit/.unpack.XXXXXX")"
  say "unpacking $1 into $2"
  if ! tar -xf "$1" -C "$aside" --strip-components=1 || ! (cd "$aside" && sha256sum --quiet -c SHA256SUMS >&2); then
    rm -rf "$aside"
    fail "$1 is damaged, see above: copy it again, or make it anew with scripts/offline_kit"
  fi
  while read -r name version licence from file rest; do
    if [[ "$from" == pip:wheel ]]; then
      python3 -m zipfile -e "$aside/sources/$file" "$aside/tools"
    else
      # Python knows bz2 and xz, also where tar has no programs for them.
      python3 -W ignore -m tarfile -e "$aside/sources/$file" "$aside/unpacked"
      mv "$aside"/unpacked/* "$aside/$name"
    fi
  done < <(kit_lines)
  rmdir "$aside/unpacked"
  gather_tools "$aside/tools"
  chmod 755 "$aside"
  rm -rf "$2"
  mv "$aside" "$2"
}

# The wheels' programs in tools/bin. Python's unzip loses the executable bit; CMake looks for its modules beside the
# place that a link leads to.
gather_tools() { # tools
  mkdir "$1/bin"
  mv "$1"/ninja-*.data/scripts/ninja "$1/bin/"
  ln -s ../cmake/data/bin/cmake ../cmake/data/bin/ctest "$1/bin/"
  chmod +x "$1/bin/ninja" "$1"/cmake/data/bin/*
}

# build_sentencepiece takes its archive from here before it asks the network.
put_sentencepiece_archive() { # kit folder
  mkdir -p "$cache/download"
  cp "$1"/sources/sentencepiece-*.tar.gz "$cache/download/"
}

if [[ -n "$(chosen_kit)" ]]; then use_tools_of_kit "$(chosen_kit)"; fi
