# What every script shares: where things are, and how to speak. Sourced, never run.
# All of it goes to stderr: stdout belongs to the program.

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/regroup"
preset="${REGROUP_PRESET:-release}"
build_dir="$repo/build/$preset"

# libgomp's threads spin for milliseconds at every barrier. Where another program wants the processor too,
# that makes training steps three times as long; this shorter spin costs a few percent on a machine of its own
# (docs/ci.md has the figures).
if [[ -z "${OMP_WAIT_POLICY:-}${GOMP_SPINCOUNT:-}" ]]; then export GOMP_SPINCOUNT=2000; fi

say() { echo "$(basename "$0"): $*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Debian's python3: its version is the one for which the wheels' tags fit.
system_python() {
  if [[ -x /usr/bin/python3 ]]; then echo /usr/bin/python3; else command -v python3; fi
}

# The folder, or the nearest parent of it that exists: where its disk space comes from.
existing_parent() {
  local dir="$1"
  while [[ ! -d "$dir" ]]; do dir="$(dirname "$dir")"; done
  echo "$dir"
}

free_megabytes() { df --output=avail -m "$(existing_parent "$1")" | tail -n 1 | tr -d ' '; }

# Runs a command whose output matters only when it fails.
run_logged() {
  local log
  log="$(mktemp)"
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
