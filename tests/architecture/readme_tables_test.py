"""The tables of the READMEs say what is so: commands as in --help, rooms as in the CMake table."""

import os
import pathlib
import re
import subprocess
import unittest

import includes

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \|", re.MULTILINE)


def section(text, heading):
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


class Tables(unittest.TestCase):
    def test_commands_are_those_of_help(self):
        help_text = subprocess.run([os.environ["REGROUP_BINARY"], "--help"], check=True,
                                   capture_output=True, text=True).stdout
        rows = ROW.findall(section((SOURCE / "README.md").read_text(), "Commands"))
        self.assertGreater(len(rows), 5)
        offered = re.findall(r"^  ([a-z]+) {2,}\S", help_text, re.MULTILINE)
        self.assertEqual([name for name, _ in rows], offered)
        for name, does in rows:
            self.assertRegex(help_text, rf"(?m)^  {name} +{re.escape(does)}")

    def test_rooms_are_those_of_the_table(self):
        table = includes.read_table(os.environ["REGROUP_BUILD_DIR"])
        rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \|$", (SOURCE / "src/README.md").read_text(),
                          re.MULTILINE)
        self.assertEqual([(r["room"], "no" if r["plain"] else "yes") for r in table], rows)


if __name__ == "__main__":
    unittest.main()
