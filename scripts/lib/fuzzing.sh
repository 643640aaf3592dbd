# Whether the fuzz targets can be built here. Sourced by scripts/fuzz, scripts/test and scripts/setup.

fuzz_packages=(clang libclang-rt-dev) # libFuzzer and the sanitizers come with clang's run-time library
fuzz_packages_megabytes=350

# True where clang++ links a libFuzzer target.
fuzzing_is_possible() {
  command -v clang++ >/dev/null &&
    [[ -n "$(find "$(clang++ -print-resource-dir)" -name 'libclang_rt.fuzzer-*.a' -print -quit 2>/dev/null)" ]]
}
