"""Where decisions lie, and how they are found: by a photograph's content, not by its name."""

from collections import defaultdict
from pathlib import Path

from keras_colorize.coloring.decisions import Decisions
from keras_colorize.errors import ConfigError, PhotoError
from keras_colorize.files import fit_name

__all__ = ["REFERENCES", "DecisionsFolder", "decisions_path", "find_reference", "has_decisions"]

#: Folder of color photographs that others follow, in that of the results.
REFERENCES = "references"

_ENDING = ".colors.json"


class DecisionsFolder:
    """The decisions in a folder and below it, found by the photographs that they are about.

    Args:
        folder: where ``*.colors.json`` lie.

    Raises:
        ConfigError: there is no such folder, no decisions in it, or a file cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._of_photo: dict[str, dict[Path, Decisions]] = defaultdict(dict)
        self._asked_for: set[str] = set()
        for path in sorted(self._folder.rglob("*" + _ENDING)):
            if not path.name.startswith("."):  # half-written, of a process that was killed
                decisions = Decisions.load(path)
                self._of_photo[decisions.photo][path] = decisions
        if not self._of_photo:
            raise ConfigError(
                f"expected a folder with decisions of the studio (NAME{_ENDING}). "
                f"Received: {folder}"
            )

    def find(self, photo: str, result: Path) -> Decisions | None:
        """What was decided about a photograph.

        Args:
            photo: SHA-256 of its file.
            result: path of its result within the output folder, which tells copies apart about
                which different things were decided.

        Raises:
            PhotoError: it doesn't tell them apart.
        """
        found = self._of_photo.get(photo, {})
        self._asked_for.add(photo)
        if len(set(found.values())) > 1:
            named = [path for path in _names(self._folder, result, photo) if path in found]
            if not named:
                raise PhotoError(
                    f"different decisions about this photograph: {', '.join(map(str, found))}; "
                    "leave one of them"
                )
            return found[named[0]]
        return next(iter(found.values()), None)

    def describe_unused(self) -> str | None:
        """How many decisions are about none of the photographs that were asked for, in words.

        Returns:
            ``None`` where each was found.
        """
        photos = self._of_photo.keys() - self._asked_for
        unused = [path for photo in photos for path in self._of_photo[photo]]
        if not unused:
            return None
        there = sum(map(len, self._of_photo.values()))
        return (
            f"{len(unused)} of {there} decisions in {self._folder} match no photograph, the first "
            f"{min(unused)}: they are about the very bytes of a file (SHA-256); one that was "
            "changed since is another, about which to decide anew in the studio"
        )


def find_reference(folder: Path, digest: str) -> Path:
    """The file of a reference, by its SHA-256, in the folder of results and decisions.

    Raises:
        PhotoError: it isn't there.
    """
    path = next((folder / REFERENCES).glob(f"{digest}.*"), None)
    if path is None:
        raise PhotoError(
            f"its reference is missing: expected {digest[:12]}… in {folder / REFERENCES}; "
            "copy it there, or leave it out in the studio"
        )
    return path


def decisions_path(folder: Path, result: Path, photo: str) -> Path:
    """Where the decisions about a photograph lie, or belong.

    That is beside its result. Where those about another photograph lie there, they stay, and its
    own have the beginning of its SHA-256 in their name.

    Args:
        folder: of the results.
        result: path of the photograph's within it.
        photo: SHA-256 of the photograph's file.

    Raises:
        ConfigError: what lies there cannot be read.
    """
    own, beside = _names(folder, result, photo)
    # What the result was called before another photograph claimed the name: y.png of y.bmp.
    former = _name(folder, result.with_name(Path(result.stem).stem + result.suffix), _ENDING)
    for path in (own, beside, former):
        if path.exists() and Decisions.load(path).photo == photo:
            return path
    return own if beside.exists() else beside


def has_decisions(folder: Path, result: Path) -> bool:
    """Whether decisions lie beside a result, be they about which photograph they may."""
    return _name(folder, result, _ENDING).exists()


def _names(folder: Path, result: Path, photo: str) -> tuple[Path, Path]:
    """That of a photograph alone, and that which it may share with others of the same name."""
    own = _name(folder, result, f".{photo[:12]}{_ENDING}")
    return own, _name(folder, result, _ENDING)


def _name(folder: Path, result: Path, ending: str) -> Path:
    return folder / result.with_name(fit_name(result.name, ending))
