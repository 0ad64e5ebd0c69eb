"""What is installed is what was pinned: the part of a dependency audit that needs no network.

Known weaknesses of a version are told by a service on the network (`pip-audit -r constraints.txt`), which
runs where there is one; see docs/security.md.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINS = ROOT / "constraints.txt"
HASHES = ROOT / "constraints-hashes.txt"

TAKEN = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0",
    "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
"""Licences that ask for no more than a notice; MPL-2.0 binds changes of its own files."""

OPTIONAL = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}
"""Of the extra `postgres` alone: linked at run time by whoever installs it, never shipped."""

_WORDS = {
    "mit": "MIT", "mit license": "MIT", "bsd license": "BSD-3-Clause", "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause", "apache 2.0": "Apache-2.0", "isc license": "ISC",
    "apache license 2.0": "Apache-2.0", "apache software license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "dual license": "Apache-2.0 OR BSD-3-Clause",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "isc license (iscl)": "ISC",
}  # fmt: skip
"""Licences as people wrote them before there were expressions."""


def pins() -> dict[str, str]:
    written = (line.split("==") for line in PINS.read_text(encoding="utf-8").split())
    return {canonicalize_name(name): version for name, version in written}


def asked() -> list[Requirement]:
    """What the project itself asks for, with every extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return [r for r in map(Requirement, lines) if r.name != project["name"]]


def wanted() -> set[str]:
    """Every package that this leads to on this machine, by the packages' own word."""
    found: set[tuple[str, frozenset[str]]] = set()
    still = asked()
    while still:
        requirement = still.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in found:
            found.add(key)
            still += _asks(distribution(requirement.name), requirement.extras)
    return {name for name, _ in found}


def _asks(package: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for line in package.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def test_every_pin_names_one_exact_version() -> None:
    lines = PINS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"\w[\w.-]*==[\w.]+", line)] == []
    assert len({line.split("==")[0] for line in lines}) == len(lines)


def test_every_pinned_version_is_the_one_that_is_installed() -> None:
    found = {}
    for name in pins():
        try:
            found[name] = distribution(name).version
        except PackageNotFoundError:
            found[name] = "not installed"
    assert found == pins()


def test_what_the_project_leads_to_is_pinned_and_nothing_else_is() -> None:
    assert wanted() == set(pins())


def test_the_project_asks_for_nothing_by_address() -> None:
    assert [requirement.name for requirement in asked() if requirement.url is not None] == []


def test_every_pin_has_the_digest_of_the_file_it_was_tested_with() -> None:
    """A new pin: `.ci/pin-hashes` writes the file anew."""
    lines = HASHES.read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}", line) for line in lines]
    assert {canonicalize_name(m[1]): m[2] for m in found if m is not None} == pins()
    assert all(found)


def licence(package: Distribution) -> str:
    """As an expression, whoever wrote it."""
    said = package.metadata
    lines = [*(said.get_all("License-Expression") or []), *(said.get_all("License") or []), ""]
    written = str(lines[0]).split("\n")[0]
    if not written or len(written) > 60:
        classes = [c.split("::")[-1] for c in said.get_all("Classifier") or [] if "License ::" in c]
        written = str(classes[0]) if classes else "none told"
    return _WORDS.get(written.strip().lower(), written.strip())


def test_every_dependency_has_a_licence_that_may_be_used() -> None:
    refused = {}
    for name in pins():
        said = licence(distribution(name))
        choices = [set(re.split(r"\s+AND\s+", part)) for part in re.split(r"\s+OR\s+", said)]
        if not any(choice <= TAKEN for choice in choices) and OPTIONAL.get(name) != said:
            refused[name] = said
    assert refused == {}


@pytest.mark.slow
def test_no_installed_file_was_changed_since_it_was_installed() -> None:
    """By the digests that every package brings; some six hundred megabytes."""
    changed = []
    for package in distributions():
        for file in package.files or []:
            if file.hash is None or file.suffix == ".pyc":
                continue
            body = Path(str(package.locate_file(file))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, body).digest())
            if digest.rstrip(b"=").decode() != file.hash.value:
                changed.append(str(file))
    assert changed == []
