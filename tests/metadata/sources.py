"""Photographs that say much of themselves, written by Pillow, tifffile and ExifTool."""

import base64
import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import (
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag

from keras_colorize.metadata.embedding import add_tiff_metadata, save_options
from keras_colorize.metadata.reading import Metadata, read_metadata
from keras_colorize.photos.profiles import srgb_profile
from tests.conftest import SAMPLE

BRIDGE = SAMPLE / "modern" / "pont_du_gard.jpg"
SIZE = (96, 64)

# An EXIF block written by ExifTool 12.57: big-endian, with non-ASCII text in UTF-8, Orientation 6,
# 600 x 300 dpi, a comment in UTF-16, a place, an uncalibrated color space, interoperability R03 and
# a thumbnail of 4 bytes.
EXIFTOOL = zlib.decompress(
    base64.b64decode(
        "eNrz9WXQYmBg4GDgYuRjYAKyJIG4jZEfzGYD4gWMQgzMQJoRxGOUYmAFsxkYljFKw9nrGDWgaoC6GK3BevmBeBuT"
        "MFQcqKo9k4EFqv5YhyqMzVgDxPsC8vNKFFJKFdwTi1J0FA6vLDm8UsHQ0sCAgcE1INjfD6iUKQKqXgdEux1emZNZ"
        "oXC08fDmlKO7gCKcExgY2IE0i4GRsdEEZrALRIAKLSYyQsQZmZgZJrWB2UJAcZ8FMPWGBgYLGCGu/P8f6F0mCJtR"
        "Echmhrr+AJDNCndxHJBmALnOysDcytBEwdDICsQ2YAj183T2d3FlYHBnKGL4w3CfIRXoDnCYMLAEGRgDPYGwE2QG"
        "1HSgCBM89BiYQL4Fslgh8ozLGCBAG6rWAkobQ+KEkRlb7DDxIGKHSQQ5dpgYYf5gkmFigscIC9QWDygfTP+/8f8m"
        "AEV3ODg="
    )
)
NOTE = b"FUJIFILM" + bytes(range(200))  # which counts offsets from itself

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Test"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:DC="http://purl.org/dc/elements/1.1/"
 xmlns:t="http://ns.adobe.com/tiff/1.0/" xmlns:ps="http://ns.adobe.com/photoshop/1.0/"
 xmlns:own="http://archive.example/ns/" t:Orientation="6" ps:ColorMode="1"
 own:shelf="A&#10;&amp; &lt;B&gt; &quot;7&quot;">
<DC:title><rdf:Alt><rdf:li xml:lang="x-default">Gebäude</rdf:li><rdf:li xml:lang="fr">Édifice
</rdf:li></rdf:Alt></DC:title><DC:format>image/x-raw</DC:format></rdf:Description></rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>""".encode()


def record(dataset: int, text: str, number: int = 2) -> bytes:
    data = text.encode()
    return bytes((0x1C, number, dataset)) + struct.pack(">H", len(data)) + data


IPTC = b"\x1c\x01\x5a\0\3\x1b%G" + b"".join(
    itertools.starmap(
        record,
        [(5, "Brücke"), (25, "Rom"), (25, "Wasser"), (55, "19001200"), (80, "Félix Łódź"),
         (90, "Nîmes"), (116, "© Archiv"), (118, "Kontakt"), (120, "Ein Aquädukt\nam Gardon")],
    )
)  # fmt: skip


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


RESOURCES = resource(0x03ED, bytes(16)) + resource(0x0404, IPTC) + resource(0x040A, b"\1")


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def photo() -> Image.Image:
    with Image.open(BRIDGE) as image:
        return image.convert("RGB").resize(SIZE)


def with_maker_note(block: bytes) -> bytes:
    exif = Image.Exif()
    exif.load(block)
    exif.get_ifd(IFD.Exif)[Tag.MakerNote] = NOTE
    exif[Tag.Artist] = "Felix Lodz"  # Pillow's writer knows ASCII only
    exif[Tag.ImageDescription] = "Pont du Gard"
    return exif.tobytes()[6:]


# ---- sources, written by Pillow and tifffile ----------------------------------------------------


def jpeg(path: Path, exif: bytes = EXIFTOOL, xmp: bytes = XMP) -> None:
    extra = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    extra += segment(0xED, b"Photoshop 3.0\0" + RESOURCES)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    photo().convert("L").save(path, "JPEG", exif=b"Exif\0\0" + exif, extra=extra, icc_profile=icc,
                              dpi=(600, 300), comment="Schön".encode("latin-1"))  # fmt: skip


def png(path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Title", "Titel")
    info.add_itxt("Archivist", "Łukasz")
    info.add_text("exif:Orientation", "6")  # as ImageMagick repeats it
    digits = RESOURCES.hex()
    info.add_text("Raw profile type iptc", f"\niptc\n{len(RESOURCES):8}\n{digits}\n", zip=True)
    photo().save(path, "PNG", pnginfo=info, exif=EXIFTOOL, dpi=(600, 300))


def webp(path: Path) -> None:
    photo().save(path, "WEBP", exif=b"Exif\0\0" + EXIFTOOL, xmp=XMP)


def tiff(path: Path, **options: Any) -> None:
    """From tifffile, which can't write an EXIF directory; Pillow can, in :func:`pillow_tiff`."""
    tifffile.imwrite(
        path,
        np.asarray(photo()).astype(np.uint16) * 257,
        photometric="rgb",
        metadata=None,
        software="Scanner",
        resolution=(600, 300),
        resolutionunit=2,
        extratags=[
            (270, 2, None, "Pont du Gard, été 1900\0".encode(), True),
            (274, 3, 1, 6, True),
            (315, 2, None, "Félix Łódź\0".encode(), True),
            (700, 1, len(XMP), XMP, True),
            (33723, 7, len(IPTC), IPTC, True),
            (34377, 1, len(RESOURCES), RESOURCES, True),
        ],
        **options,
    )


def pillow_tiff(path: Path) -> None:
    exif = Image.Exif()
    exif.load(with_maker_note(EXIFTOOL))
    # Pillow writes the offset that this directory had in the block, where in a TIFF lies anything.
    del exif.get_ifd(IFD.Exif)[IFD.Interop]
    photo().save(path, "TIFF", exif=exif, dpi=(600, 300))


def opened(path: Path) -> Image.Image:
    """As photos.py opens them, by their classes."""
    return {
        ".jpg": JpegImagePlugin.JpegImageFile,
        ".png": PngImagePlugin.PngImageFile,
        ".webp": WebPImagePlugin.WebPImageFile,
        ".tif": TiffImagePlugin.TiffImageFile,
        ".gif": GifImagePlugin.GifImageFile,
    }[path.suffix](path)


def metadata_of(path: Path) -> Metadata:
    with opened(path) as image:
        return read_metadata(image)


def save(path: Path, metadata: Metadata, image: Image.Image | None = None) -> None:
    """Write a colorized copy as the package's callers do."""
    image = photo() if image is None else image
    if path.suffix == ".tif":
        tifffile.imwrite(path, np.asarray(image), photometric="rgb", metadata=None, software=False)
        add_tiff_metadata(path, metadata, srgb_profile())
    else:
        format_ = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[path.suffix]
        image.save(path, format_, **save_options(metadata, format_, srgb_profile()))


SOURCES: dict[str, Callable[[Path], None]] = {
    "jpeg.jpg": jpeg,
    "png.png": png,
    "webp.webp": webp,
    "tifffile.tif": tiff,
    "pillow.tif": pillow_tiff,
}
