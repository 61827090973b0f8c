"""The note of a camera's maker within EXIF: when it may be moved.

Sources: exiv2's manual, "Makernote formats"; for Apple, ExifTool's table of maker notes.
"""

from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.exif import Exif, Field

__all__ = ["release_maker_note"]

# Beginnings of those that count offsets from their own beginning, and so may lie anywhere.
_MOVABLE = (b"Apple iOS\0", b"FUJIFILM", b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM\0")


def release_maker_note(exif: Exif) -> list[str]:
    """Let the maker's note lie anywhere; leave it out where that would break it.

    Most makers write offsets into it that count from the beginning of the EXIF block.

    Returns:
        What was left out, in words.
    """
    note = exif.photo.pop(Tag.MakerNote, None)
    if note is None:
        return []
    if note.data.startswith(_MOVABLE):
        exif.photo[Tag.MakerNote] = Field(note.type, note.data)
        return []
    return ["MakerNote cannot be moved, since its offsets count from where it was"]
