"""The pixels of a picture, whatever its file's mode and turn; and the cache, which serves no other picture's."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import files
from fairloop import data
from fairloop.data import cache, digits
from fairloop.data.own_pictures import OwnPicturesSpec, _Table
from fairloop.data.picture_files import Listing, Local, stamps
from fairloop.errors import InputError
from fairloop.spec.run import from_mapping

SIDE = 16


def decoded(content: object, mode: str = "L", size: int = SIDE) -> np.ndarray:
    return cache._decoded(0, content, size, mode)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format=form, **options)
    return content.getvalue()


def ramp(kind: type[np.generic], most: int) -> np.ndarray:
    return np.linspace(0, most, SIDE * SIDE).round().astype(kind).reshape(SIDE, SIDE)


# 16 bits, floats.


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_sixteen_bits_become_eight(form, mode):
    wide = ramp(np.uint16, 65535)
    expected = np.round(wide / 257).astype(np.uint8)
    found = decoded(saved(Image.fromarray(wide), form), mode)
    assert np.array_equal(found, expected if mode == "L" else np.stack([expected] * 3))
    assert len(np.unique(found)) > 200  # before: nearly all white


def test_an_eight_bit_picture_saved_with_sixteen_is_the_same():
    narrow = files.faces(1, (SIDE, SIDE))[0][..., 0]
    assert np.array_equal(decoded(saved(Image.fromarray(narrow.astype(np.uint16) * 257), "PNG")), narrow)


def tiff(pixels: bytes, bits: int, photometric: int, order: str = "<") -> bytes:
    """A TIFF file of SIDE x SIDE grey samples, written by hand."""
    tags = [(256, 3, SIDE), (257, 3, SIDE), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 150),
            (277, 3, 1), (278, 3, SIDE), (279, 4, len(pixels))]  # fmt: skip
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    for tag, kind, value in tags:
        cell = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
        head += struct.pack(f"{order}HHI", tag, kind, 1) + cell
    return (head + bytes(4)).ljust(150, b"\0") + pixels


def test_tiff_says_how_many_bits_and_which_end_is_white():
    wide = ramp(np.uint16, 65535)
    expected = np.round(wide / 257).astype(np.uint8)
    assert np.array_equal(decoded(tiff(wide.tobytes(), 16, 1)), expected)
    assert np.array_equal(decoded(tiff(wide.astype(">u2").tobytes(), 16, 1, ">")), expected)
    assert np.array_equal(decoded(tiff(wide.tobytes(), 16, 0)), 255 - expected)
    twelve = ramp(np.uint16, 4095).reshape(-1, 2).astype(np.uint32)
    packed = (twelve[:, 0] << 12 | twelve[:, 1]).astype(">u4").tobytes()
    packed = b"".join(packed[i + 1 : i + 4] for i in range(0, len(packed), 4))
    assert np.array_equal(decoded(tiff(packed, 12, 1)).ravel(), np.round(twelve.ravel() * 255 / 4095))


@pytest.mark.parametrize(
    ("pixels", "form"),
    [(ramp(np.float32, 1), "TIFF"), (ramp(np.int32, 65535), "TIFF"), (ramp(np.float32, 255), "PPM")],
)
def test_floats_and_32_bits_are_refused(pixels, form):
    with pytest.raises(InputError, match=r"picture 0 .*does not define the value of white; save it with 8 or 16 bits"):
        decoded(saved(Image.fromarray(pixels), form))


# Turns.

TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


def turned(pixels: np.ndarray, orientation: int, form: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if form == "WEBP" else {}
    return saved(Image.fromarray(pixels), form, exif=exif, **lossless)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_pictures_stand_as_their_exif_says(orientation, form):
    pixels = files.faces(1, (SIDE, SIDE))[0]
    expected = np.moveaxis(TURNS[orientation](pixels), -1, 0)
    assert np.array_equal(decoded(turned(pixels, orientation, form), "RGB"), expected)


@pytest.mark.parametrize("orientation", TURNS)
def test_sixteen_bits_and_jpeg_are_turned_too(orientation):
    wide = ramp(np.uint16, 65535)
    expected = TURNS[orientation](np.round(wide / 257).astype(np.uint8))
    assert np.array_equal(decoded(turned(wide, orientation)), expected)
    smooth = np.round(wide / 257).astype(np.uint8)
    found = decoded(turned(smooth, orientation, "JPEG"))
    assert np.abs(found.astype(int) - expected).max() < 16  # JPEG loses a little; a wrong turn much


def test_a_turned_picture_is_squashed_after_its_turn():
    pixels = files.faces(1, (24, 40))[0]
    upright = Image.fromarray(np.rot90(pixels, -1)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    assert np.array_equal(decoded(turned(pixels, 6), "RGB"), np.moveaxis(np.asarray(upright), -1, 0))


def test_digits_are_turned_and_scaled_as_well():
    wide = np.linspace(0, 65535, 28 * 28).round().astype(np.uint16).reshape(28, 28)
    rows = [{"image": {"bytes": turned(wide, 3)}, "label": 1}]
    assert np.array_equal(digits._decode(rows).images[0], np.round(wide / 257).astype(np.uint8)[::-1, ::-1])


def test_every_reader_shows_the_same_pixels(tmp_path):
    """Files that a table names, bytes in parquet, the hub's struct, and folders."""
    random = np.random.default_rng(0)
    wide = random.integers(0, 65536, (60, SIDE, SIDE)).astype(np.uint16)
    pictures = [turned(pixels, 6) for pixels in wide]
    expected = np.stack([np.rot90(np.round(pixels / 257).astype(np.uint8), -1) for pixels in wide])
    rows = {"y": [i % 2 for i in range(60)], "g": ["ab"[i // 2 % 2] for i in range(60)], "part": ["train"] * 60}
    rows["part"][:20] = ["valid", "test"] * 10
    names = [f"{i}.png" for i in range(60)]
    for name, content in zip(names, pictures, strict=True):
        (tmp_path / name).write_bytes(content)
    pd.DataFrame({"image": names, **rows}).to_csv(tmp_path / "t.csv", index=False)
    pq.write_table(pa.table({"image": names, **rows}), tmp_path / "names.parquet")
    pq.write_table(pa.table({"image": pictures, **rows}), tmp_path / "bytes.parquet")
    structs = [{"bytes": content, "path": None} for content in pictures]
    pq.write_table(pa.table({"image": structs, **rows}), tmp_path / "structs.parquet")
    for table in ("t.csv", "names.parquet", "bytes.parquet", "structs.parquet"):
        found = own(tmp_path, tmp_path / table, tmp_path, label="y", groups=["g"], split="part", mode="L")
        assert np.array_equal(found.train.inputs[:][:, 0], expected[20:]), table
    pq.write_table(pa.table({"image": structs[:9], "label": rows["y"][:9]}), tmp_path / "train-0.parquet")
    (tmp_path / "folder" / "train").mkdir(parents=True)
    for name in names[:9]:
        (tmp_path / "folder" / "train" / name).write_bytes((tmp_path / name).read_bytes())
    pd.DataFrame({"file_name": names[:9], "label": 0}).to_csv(tmp_path / "folder/train/metadata.csv", index=False)
    for root in (tmp_path, tmp_path / "folder"):
        found = cache.prepared("x", Local(root, {"train": "train"}), SIDE, "L", tmp_path / "cache")
        assert np.array_equal(found.images, expected[:9])


# Transparency, palettes, CMYK.


def test_transparent_pixels_are_white():
    pixels = files.faces(1, (SIDE, SIDE))[0]
    alpha = np.where(np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 3, 255, 0).astype(np.uint8)
    expected = np.where(alpha[..., None], pixels, 255)
    clear = Image.fromarray(np.dstack([pixels, alpha]))
    assert np.array_equal(decoded(saved(clear, "PNG"), "RGB"), np.moveaxis(expected, -1, 0))
    grey = Image.fromarray(np.dstack([pixels[..., 0], alpha]), "LA")
    assert np.array_equal(decoded(saved(grey, "PNG")), np.where(alpha, pixels[..., 0], 255))
    half = Image.fromarray(np.dstack([pixels, np.full_like(alpha, 128)]))
    blended = np.moveaxis(pixels * (128 / 255) + 255 * (127 / 255), -1, 0)
    assert np.abs(decoded(saved(half, "PNG"), "RGB") - blended).max() <= 1


def test_palettes_and_colours_that_stand_for_nothing():
    indices = np.arange(SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint8) % 4
    palette = np.array([[10, 20, 30], [200, 0, 0], [0, 150, 0], [0, 0, 90]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    plain, clear = palette[indices], np.where(indices[..., None] == 1, 255, palette[indices])
    for form in ("PNG", "GIF"):
        assert np.array_equal(decoded(saved(image, form), "RGB"), np.moveaxis(plain, -1, 0))
        assert np.array_equal(decoded(saved(image, form, transparency=1), "RGB"), np.moveaxis(clear, -1, 0))
    grey = Image.fromarray(palette[indices][..., 0])
    assert np.array_equal(decoded(saved(grey, "PNG", transparency=200)), np.where(indices == 1, 255, np.asarray(grey)))
    wide = ramp(np.uint16, 65535)
    found = decoded(saved(Image.fromarray(wide), "PNG", transparency=int(wide[0, 5])))
    assert found[0, 5] == 255
    assert np.array_equal(found[1:], np.round(wide[1:] / 257))


def test_cmyk_and_single_bits_are_shown_as_pillow_converts_them():
    pixels = np.full((SIDE, SIDE, 3), (200, 100, 50), np.uint8)
    found = decoded(saved(Image.fromarray(pixels).convert("CMYK"), "JPEG", quality=95), "RGB")
    assert np.abs(found.astype(int) - np.array([200, 100, 50])[:, None, None]).max() < 8
    bits = np.eye(SIDE, dtype=bool)
    assert np.array_equal(decoded(saved(Image.fromarray(bits), "PNG")), bits * 255)


# The cache.


def own(root: Path, table: Path, pictures: Path | None, **fields: object) -> data.Population:
    said = {"name": "pictures", "table": table, "root": pictures, "cache": root / "cache", "size": SIDE, **fields}
    return data.load(from_mapping({"data": said}).data, 0)


def two_directories(root: Path, form: str, kind: str) -> tuple[list[Path], np.ndarray]:
    """Two directories whose tables and pictures have the same names, sizes and times; (2, 60, SIDE, SIDE, 3) pixels."""
    both = np.stack([files.faces(60, (SIDE, SIDE), seed) for seed in (0, 1)])
    names = [f"{i}.bmp" for i in range(60)]
    rows = {"y": [i % 2 for i in range(60)], "g": ["ab"[i // 2 % 2] for i in range(60)]}
    image = [{"bytes": None, "path": name} for name in names] if kind == "structs" else names
    places = [root / "one", root / "two"]
    for place, images in zip(places, both, strict=True):
        place.mkdir()
        for name, pixels in zip(names, images, strict=True):
            (place / name).write_bytes(files.encoded(pixels, "BMP"))
        if form == "parquet":
            pq.write_table(pa.table({"image": image, **rows}), place / "t.parquet")
        else:
            frame = pd.DataFrame({"image": names, **rows})
            frame.to_csv(place / "t.csv", index=False) if form == "csv" else frame.to_json(
                place / "t.jsonl", orient="records", lines=True
            )
        for path in (*place.iterdir(), place):
            os.utime(path, ns=(10**18, 10**18))
    return places, both


@pytest.mark.parametrize("shared", [False, True], ids=["own tables", "one table"])
@pytest.mark.parametrize(
    ("form", "kind"), [("parquet", "names"), ("parquet", "structs"), ("csv", "names"), ("jsonl", "names")]
)
def test_the_cache_serves_the_pictures_of_the_directory_that_is_asked_for(tmp_path, monkeypatch, form, kind, shared):
    places, both = two_directories(tmp_path, form, kind)
    for place, images in zip(places, both, strict=True):
        table = (places[0] if shared else place) / f"t.{form}"
        monkeypatch.chdir(place)
        for root in (place, Path()):
            found = own(tmp_path, table, root, label="y", groups=["g"], valid=0.2, test=0.2)
            picture = found.train.inputs.images[7]
            assert np.array_equal(picture, np.moveaxis(images[7], -1, 0)), (place, root)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_picture_that_was_overwritten_in_place_is_decoded_anew(tmp_path, form):
    (place, _), _ = two_directories(tmp_path, form, "names")
    fields = {"label": "y", "groups": ["g"]}
    own(tmp_path, place / f"t.{form}", None, **fields)
    before = place.stat().st_mtime_ns
    (place / "7.bmp").write_bytes(files.encoded(np.full((SIDE, SIDE, 3), 99, np.uint8), "BMP"))
    os.utime(place, ns=(before, before))
    found = own(tmp_path, place / f"t.{form}", None, **fields)
    assert (found.train.inputs.images[7] == 99).all()


def overwrite_celeba(root: Path, pixels: np.ndarray) -> None:
    (root / "img_align_celeba" / "000003.jpg").write_bytes(files.encoded(pixels, "JPEG"))


def overwrite_fairface(root: Path, pixels: np.ndarray) -> None:
    (root / "train" / "60.jpg").write_bytes(files.encoded(pixels, "JPEG"))


@pytest.mark.parametrize("overwrite", [overwrite_celeba, overwrite_fairface])
def test_published_pictures_that_were_overwritten_are_decoded_anew(tmp_path, overwrite):
    name = overwrite.__name__.removeprefix("overwrite_")
    getattr(files, name)(tmp_path / "data")
    fields = {"name": name, "root": tmp_path / "data", "size": 8, "cache": tmp_path / "cache"}
    before = data.load(from_mapping({"data": fields}).data, 0).fingerprint
    overwrite(tmp_path / "data", np.zeros((50, 50, 3), np.uint8))
    assert data.load(from_mapping({"data": fields}).data, 0).fingerprint != before


@settings(max_examples=10, deadline=None)
@given(
    one=st.tuples(st.integers(0, 1), st.sampled_from([8, 9]), st.sampled_from(["RGB", "L"]), st.sampled_from("xy")),
    other=st.tuples(st.integers(0, 1), st.sampled_from([8, 9]), st.sampled_from(["RGB", "L"]), st.sampled_from("xy")),
)
def test_the_cache_holds_what_decoding_anew_gives(tmp_path_factory, one, other):
    """Whatever was prepared before with other parameters: directory, size, mode, column."""
    root = tmp_path_factory.mktemp("cache")
    for seed in (0, 1):
        place = root / str(seed)
        place.mkdir()
        names = {column: [f"{column}{i}.bmp" for i in range(4)] for column in "xy"}
        for name, pixels in zip([*names["x"], *names["y"]], files.faces(8, (9, 9), seed), strict=True):
            (place / name).write_bytes(files.encoded(pixels, "BMP"))
        pq.write_table(pa.table({**names, "label": [0, 1] * 2}), place / "t.parquet")
        for path in place.iterdir():
            os.utime(path, ns=(10**18, 10**18))

    def images(parameters: tuple[int, int, str, str], kept: Path) -> np.ndarray:
        seed, size, mode, column = parameters
        spec = OwnPicturesSpec(table=root / str(seed) / "t.parquet", image=column, label="label", groups=("g",))
        return np.array(cache.prepared("pictures", _Table(spec), size, mode, kept).images)

    images(one, root / "kept")
    found = images(other, root / "kept")
    assert np.array_equal(found, images(other, root / "fresh"))


def test_stamps_tell_names_sizes_and_times_apart(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = stamps(tmp_path, ["a"])
    assert first == stamps(tmp_path, ["a"])
    assert len({first, stamps(tmp_path, ["b"]), stamps(tmp_path, ["a", "a"]), stamps(tmp_path, ["a\0"])}) == 4
    os.utime(tmp_path / "a", ns=(1, 1))
    assert stamps(tmp_path, ["a"]) != first


@pytest.mark.parametrize("cells", [[1, "b"], [b"\xff", b"\xfe"]])
def test_a_table_of_pictures_that_cannot_be_kept_is_refused(tmp_path, cells):
    class Mixed:
        def identity(self) -> dict[str, object]:
            return {}

        def listing(self) -> Listing:
            content = files.encoded(files.faces(1)[0])
            return Listing(pd.DataFrame({"a": cells}), lambda: iter([content, content]))

    with pytest.raises(InputError, match="mixes kinds of values or holds bytes"):
        cache.prepared("x", Mixed(), 8, "RGB", tmp_path)
