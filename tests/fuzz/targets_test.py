"""Every fuzz target: its cases, and 10,000 mutations with a fixed seed, under the sanitizers. Skipped without clang.
The control: two planted faults are found by the same run."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])
BUILD = SOURCE / "build/fuzz"
SKIPPED = 77


def fuzz(*arguments):
    return subprocess.run([SOURCE / "scripts/fuzz", *arguments], capture_output=True, text=True, check=False)


class Fuzz(unittest.TestCase):
    def test_cases_and_mutations_find_nothing(self):
        result = fuzz("--runs", "10000", "--seed", "1")
        print(result.stdout, file=sys.stderr)
        self.assertEqual(0, result.returncode, result.stderr)
        targets = [path for path in (SOURCE / "tests/fuzz").glob("*_fuzz.cc") if not path.name.startswith("control_")]
        self.assertEqual(len(targets), len(re.findall(r" \d{5} .* clean$", result.stdout, re.MULTILINE)))

    def control(self, target):
        """What is said of a target with a planted fault that its seed does not reach."""
        result = fuzz("--runs", "10000", "--seed", "1", target)
        self.assertEqual(1, result.returncode, result.stdout)
        self.assertIn("FOUND", result.stdout)
        self.assertIn("scripts/fuzz --replay", result.stderr)
        self.assertEqual(0, fuzz("--replay", BUILD / "fuzz" / target / "seeds/000", target).returncode)
        found = re.search(r"replay: scripts/fuzz --replay (\S+)", result.stderr)[1]
        self.assertEqual(1, fuzz("--replay", SOURCE / found, target).returncode)
        return result.stderr

    def test_a_read_beyond_the_input_is_found(self):
        self.assertRegex(self.control("control_read"), r"AddressSanitizer: (heap-buffer-overflow|SEGV)")

    def test_an_allocation_that_the_input_claims_is_found(self):
        self.assertIn("out-of-memory (malloc(", self.control("control_claim"))


if __name__ == "__main__":
    if fuzz("--build").returncode == SKIPPED:
        print("skipped: no clang with libFuzzer (scripts/setup --fuzz installs it)")
        sys.exit(SKIPPED)
    unittest.main()
