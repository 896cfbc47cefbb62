"""The accepted formats of pictures, the errors that Pillow raises for others, and the pixels of a picture."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

Mode = Literal["RGB", "L"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Pillow reads further formats. Some of them start other programs."""

PILLOW_RAISES = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    SyntaxError,
    ArithmeticError,
    EOFError,
    NotImplementedError,
    struct.error,
    zlib.error,
    MemoryError,
)
"""The errors of its many decoders for damaged files."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # TIFF's names


def shown(image: Image.Image, mode: Mode) -> Image.Image:
    """The picture as a viewer shows it, with 8 bits a channel: rotated according to its EXIF data, on a white
    background.

    Grey values of 16 bits are scaled, 65535 to 255; Pillow itself takes the high byte of 16-bit colours. CMYK and
    palettes become `mode` as Pillow converts them. An animation gives its first frame.

    Raises ValueError for floats and 32-bit numbers, because the file does not define the value of white.
    """
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    eight = _eight_bits(image)
    return _over_white(eight).convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    white = _white(image)
    wide = np.asarray(image).astype(np.int64)
    narrow = (wide * 255 + white // 2) // white
    if _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        narrow = 255 - narrow
    narrow[wide == image.info.get("transparency", -1)] = 255
    return Image.fromarray(narrow.astype(np.uint8))


def _white(image: Image.Image) -> int:
    """The number that means white in a grey picture of more than 8 bits."""
    if image.mode.startswith("I;16"):
        return 2**12 - 1 if _tag(image, _BITS_PER_SAMPLE, 16) == 12 else 2**16 - 1
    if image.mode == "I" and image.format in ("PNG", "PPM"):  # neither has more than 16 bits
        return 2**16 - 1
    kind = "floats" if image.mode == "F" else "32-bit numbers"
    raise ValueError(f"it holds {kind}, and does not define the value of white; save it with 8 or 16 bits")


def _tag(image: Image.Image, tag: int, default: int) -> int:
    """The value of a tag of a TIFF file, a whole number."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _over_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if "transparency" not in image.info and not {"A", "a"} & set(image.getbands()):
        return image
    coloured = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
