"""What is accepted as a picture, and what Pillow raises for what is none."""

from __future__ import annotations

import struct
import zlib

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Pillow knows more, some of which start other programs."""

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
"""For damaged files it raises whatever its many decoders do."""
