"""Debian's package records and packages for an ordinary user: apt with folders of its own, dpkg-deb -x.

Called by scripts/fetch_data. Nothing here needs root or changes the system's package state.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

APT_HELPER = "/usr/lib/apt/apt-helper"
RECORD_KINDS = (("Packages",), ("Translations", "en"), ("Translations", "de"))


class FetchError(Exception):
    """Something the user can act on; the message says what to do."""


class Apt:
    """apt-get with its lists, cache and lock settings in `folder`; downloads are kept there."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        for tool in ("apt-get", "apt-cache", "dpkg-deb", APT_HELPER):
            if not shutil.which(tool):
                raise FetchError(f"{tool} is missing: the data sets are made from Debian packages, so this "
                                 "script runs on Debian and its relatives; data/sample/ needs no fetching")
        for part in ("lists/partial", "cache/archives/partial", "debs", "unpacked"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    def _options(self):
        settings = {
            "Dir::State::lists": self.folder / "lists",
            "Dir::Cache": self.folder / "cache",
            "Debug::NoLocking": "true",
            "Acquire::Languages": "en,de",
            "Acquire::Retries": "3",
            "APT::Sandbox::User": "root",  # as root: do not switch to _apt, which cannot read our folder
        }
        return [item for key, value in settings.items() for item in ("-o", f"{key}={value}")]

    def _run(self, what, command, cwd=None):
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        if done.returncode != 0:
            tail = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise FetchError(f"{what} failed ({' '.join(map(str, command[:1]))} exit {done.returncode}):\n{tail}\n"
                             "check the network and the apt sources, then run the same command again: "
                             "what was fetched is kept")
        return done.stdout

    def update(self):
        """Fetches the package records and their English and German descriptions.

        apt-get ends with 0 although sources did not answer, so what came is looked at.
        """
        self._updated.unlink(missing_ok=True)
        self._run("fetching package records", ["apt-get", *self._options(), "update"])
        for kind in RECORD_KINDS:
            if not self.index_files(*kind):
                raise FetchError(f"apt fetched no {' '.join(kind)} of Debian's main part: check the network and that "
                                 "apt has a Debian package source (sources.list(5)), then run the same command again")
        self._updated.touch()

    @property
    def _updated(self):
        return self.folder / "lists-are-complete"

    def has_records(self):
        """Whether update() ended once; an interrupted one does not count."""
        return self._updated.exists()

    def real_package(self, name):
        """`postgresql-doc` -> `postgresql-doc-15`: the package that a versionless one stands for."""
        depends = self._run(f"looking up {name}", ["apt-cache", *self._options(), "depends", "--important", name])
        match = re.search(rf"Depends: ({re.escape(name)}-\S+)", depends)
        return match.group(1) if match else name

    def index_files(self, kind, language=None):
        """{path: what it is} of index files: kind Packages or Translations; only Debian's own free part (main)."""
        wanted = "$(CREATED_BY)|$(ORIGIN)|$(COMPONENT)|$(LANGUAGE)|$(CODENAME)|$(FILENAME)"
        listing = self._run("listing package records", ["apt-get", *self._options(), "indextargets", "--format", wanted])
        files = {}
        for line in listing.splitlines():
            created, origin, component, lang, codename, name = line.split("|", 5)
            right_language = language is None or lang == language
            if created == kind and origin == "Debian" and component == "main" and right_language:
                size = os.path.getsize(name)
                files[name] = f"{codename} {component} {kind}{'-' + language if language else ''} ({size} bytes as stored)"
        return dict(sorted(files.items()))

    def records(self, kind, language=None):
        """Yields control records (dicts of field -> text) of all index files of a kind."""
        for name in self.index_files(kind, language):
            text = self._run(f"reading {name}", [APT_HELPER, "cat-file", name])
            for block in text.split("\n\n"):
                if block.strip():
                    yield parse_control(block)

    def fetch(self, package, ask=True):
        """Downloads and unpacks a package; returns (folder, version). A half-done step is done again.

        With ask = False an unpacked package is taken as it is, without asking apt for a newer one.
        """
        if ask or not any(path.is_dir() for path in self._unpacked(package)):
            self._run(f"downloading {package}", ["apt-get", *self._options(), "download", package],
                      cwd=self.folder / "debs")
            deb = max((self.folder / "debs").glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
            self._unpack(deb)
        folder = max(self._unpacked(package), key=lambda path: path.stat().st_mtime)
        return folder, unquote(folder.name).split("_")[1]

    def _unpacked(self, package):
        return [path for path in (self.folder / "unpacked").glob(f"{package}_*") if path.suffix != ".partial"]

    def _unpack(self, deb):
        folder = self.folder / "unpacked" / deb.stem
        partial = folder.with_name(deb.stem + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        self._run(f"unpacking {deb.name}", ["dpkg-deb", "-x", deb, partial])
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        os.utime(folder)  # the newest unpacked one is the one in use


def parse_control(block):
    """Fields of one control record; continuation lines keep their newline and lose one leading space."""
    fields, key = {}, None
    for line in block.split("\n"):
        if line[:1] in (" ", "\t") and key:
            fields[key] += "\n" + line[1:]
        elif ":" in line:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    return fields


def licence_of(copyright_text):
    """The licence of `Files: *` in a machine-readable copyright file, else None."""
    match = re.search(r"^Files: \*\n(?:(?!^$).*\n)*?License:[ \t]*(\S.*)$", copyright_text, re.M)
    return match.group(1).strip() if match else None


def progress(message):
    """One line on stderr, so that stdout stays free."""
    print(f"fetch_data: {message}", file=sys.stderr, flush=True)
