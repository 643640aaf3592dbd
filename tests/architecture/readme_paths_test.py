"""Every path that a README or a page under docs/ names exists."""

import os
import pathlib
import re
import tempfile
import unittest

# Code spans and link targets that begin like a path of the repository.
TOP = r"(?:src|configs|recipes|data|tests|scripts|cmake|docs|benchmarks|\.ci)"
NAMED = re.compile(rf"(?<![\w./-])({TOP}/[\w./-]*[\w/]|CMakeLists\.txt|CMakePresets\.json)")
MADE_LATER = ("data/full",)  # what scripts/fetch_data writes


def documents(root):
    yield from (p for p in [root / "README.md", root / "src" / "README.md"] if p.exists())
    yield from sorted((root / "tests").rglob("README.md"))
    yield from sorted((root / "docs").glob("*.md"))


def named_paths(document):
    """Paths from the root; in src/README.md also from src, such as core/random.h."""
    text = document.read_text()
    names = set(NAMED.findall(text))
    if document.parent.name == "src":
        names.update(re.findall(r"`([a-z]+/\w+\.(?:h|cc))`", text))
    return sorted(names)


def missing_paths(root):
    for document in documents(root):
        for name in named_paths(document):
            here = [root / name, document.parent / name]
            if not name.startswith(MADE_LATER) and not any(path.exists() for path in here):
                yield f"{document.relative_to(root)}: {name}"


class ReadmePaths(unittest.TestCase):
    def test_named_paths_exist(self):
        root = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])
        self.assertTrue((root / "README.md").exists())
        self.assertEqual([], list(missing_paths(root)))

    def test_a_path_that_is_not_there_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src" / "core").mkdir(parents=True)
            (root / "README.md").write_text("`src/core` and [a page](docs/none.md), `runs/x`")
            (root / "src" / "README.md").write_text("`core/none.h`")
            self.assertEqual(["README.md: docs/none.md", "src/README.md: core/none.h"],
                             list(missing_paths(root)))


if __name__ == "__main__":
    unittest.main()
