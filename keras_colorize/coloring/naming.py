"""The names of results: different from one another, and few of them moved by what is added."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_colorize.files import fit_name

__all__ = ["Claim", "distinct_names"]


@dataclass(frozen=True)
class Claim:
    """A file that a result is to be named for.

    Attributes:
        relative: its path below what was searched.
        suffix: the ending of the result; ``None``: the file's own.
        is_there: whether the file exists. One that doesn't takes no name from those that do.
    """

    relative: Path
    suffix: str | None
    is_there: bool = True

    @property
    def wanted(self) -> Path:
        """The result's path where nothing else claims it: the file's, with the result's ending."""
        if self.suffix is None:
            return self.relative
        return self.relative.with_name(fit_name(self.relative.stem, self.suffix))

    @property
    def full(self) -> Path:
        """The result's path where another does: with the file's own ending as well."""
        if self.suffix is None:
            return self.relative
        return self.relative.with_name(fit_name(self.relative.name, self.suffix))


def distinct_names(
    claims: Sequence[Claim], all_files: Callable[[Path], Iterable[Path]] = lambda path: [path]
) -> list[Path]:
    """A path for each result, all different, also where case is not told apart.

    A file whose ending stays has its own name, whatever else is there. One whose ending changes has
    its name with the new ending (``z.bmp``: ``z.png``), unless a file of another name claims that
    too (``z.png`` or ``z.gif``): then both endings (``z.bmp.png``), in whichever order they come.
    Files of one name, out of several folders, are numbered in their order: ``z.png``, ``z_2.png``.

    Args:
        claims: of all files that are colored together, whether in this call or another.
        all_files: all that can come to lie beside a result, of its path; none of them has the name
            of another one.

    Returns:
        In the order of the claims.
    """
    rivals: defaultdict[str, set[str]] = defaultdict(set)
    for claim in claims:
        if claim.is_there:
            rivals[_fold(claim.wanted)].add(_fold(claim.relative))
    names = _Names(all_files)
    taken: dict[int, Path] = {}
    # Own names first, that they don't depend on what else there is.
    for index in sorted(range(len(claims)), key=lambda i: _rank(claims[i])):
        claim = claims[index]
        alone = rivals[_fold(claim.wanted)] <= {_fold(claim.relative)}
        taken[index] = names.take(claim.wanted if alone else claim.full)
    return [taken[index] for index in range(len(claims))]


def _rank(claim: Claim) -> int:
    return (0 if claim.suffix is None else 1) if claim.is_there else 2


class _Names:
    """Names that are taken, in any case: two that differ in that alone may be one file.

    Those of all pictures that may come to lie beside a result are taken with it, whether they are
    asked for or not: so the result has the same name with them and without.
    """

    def __init__(self, all_files: Callable[[Path], Iterable[Path]]) -> None:
        self._all_files = all_files
        self._taken: set[str] = set()
        self._numbers: defaultdict[str, int] = defaultdict(lambda: 1)  # the last that was tried

    def take(self, first: Path) -> Path:
        """The path, or the first called name_2, name_3 … that is free."""
        candidate, key = first, _fold(first)
        while not self._taken.isdisjoint(names := set(map(_fold, self._all_files(candidate)))):
            self._numbers[key] += 1
            ending = f"_{self._numbers[key]}{first.suffix}"
            candidate = first.with_name(fit_name(first.stem, ending))
        self._taken |= names
        return candidate


def _fold(path: Path) -> str:
    return os.fspath(path).casefold()
