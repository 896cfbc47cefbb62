"""Small data sets on disk, laid out and typed as their publishers and the hub do it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ATTRIBUTES = ("Attractive", "Male", "Young", "Bald")
AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
RACES = ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian")


def encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format=form)
    return content.getvalue()


def faces(n: int, size: tuple[int, int] = (40, 32), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *size, 3)).astype(np.uint8)


def svhn_mat(root: Path, n: int = 70) -> dict[str, np.ndarray]:
    from scipy.io import savemat

    truth = {}
    for seed, split in enumerate(("train", "test")):
        random = np.random.default_rng(seed)
        digits = random.integers(0, 10, n)
        pixels = random.integers(0, 256, (32, 32, 3, n)).astype(np.uint8)
        labels = np.where(digits == 0, 10, digits).astype(np.uint8)[:, None]
        savemat(root / f"{split}_32x32.mat", {"X": pixels, "y": labels})
        truth[split] = digits
    return truth


def hub_parquet(root: Path, split: str, images: list[bytes], **columns: object) -> None:
    """columns: values, or (values, names) for the hub's class labels."""
    import datasets

    features: dict[str, object] = {"image": datasets.Image()}
    values: dict[str, object] = {"image": [{"bytes": image, "path": None} for image in images]}
    for name, column in columns.items():
        if isinstance(column, tuple):
            values[name], features[name] = column[0], datasets.ClassLabel(names=list(column[1]))
        else:
            values[name] = column
            features[name] = datasets.Value("bool" if isinstance(column[0], bool) else "int64")
    root.mkdir(parents=True, exist_ok=True)
    table = datasets.Dataset.from_dict(values, features=datasets.Features(features))
    table.to_parquet(str(root / f"{split}-00000-of-00001.parquet"))


def celeba(root: Path, n: int = 60, seed: int = 0) -> np.ndarray:
    """(n, 4) attributes in {0, 1}; every stratum of (Attractive, Male) is in every partition."""
    (root / "img_align_celeba").mkdir(parents=True)
    random = np.random.default_rng(seed)
    has = random.integers(0, 2, (n, len(ATTRIBUTES)))
    has[:, 0], has[:, 1] = np.arange(n) % 2, np.arange(n) // 2 % 2
    names = [f"{i + 1:06d}.jpg" for i in range(n)]
    for name, pixels in zip(names, faces(n, (218, 178)), strict=True):
        (root / "img_align_celeba" / name).write_bytes(encoded(pixels, "JPEG"))
    lines = [
        f"{name}  {' '.join(f'{2 * value - 1:2d}' for value in row)}" for name, row in zip(names, has, strict=True)
    ]
    (root / "list_attr_celeba.txt").write_text("\n".join([str(n), " ".join(ATTRIBUTES) + " ", *lines]) + "\n")
    partition = [0] * (n // 2) + [1] * (n // 4) + [2] * (n - n // 2 - n // 4)
    (root / "list_eval_partition.txt").write_text(
        "".join(f"{name} {part}\n" for name, part in zip(names, partition, strict=True))
    )
    return has


def fairface(root: Path, train: int = 168, valid: int = 56) -> None:
    """Every one of the 28 strata in the validation rows, in the test rows, and in what is left to train on."""
    for split, n in (("train", train), ("val", valid)):
        (root / split).mkdir(parents=True)
        lines = ["file,age,gender,race,service_test"]
        for i, pixels in enumerate(faces(n, (56, 56))):
            race, old, woman = RACES[i % 7], i // 7 % 2, i // 14 % 2
            age = AGES[4 + i % 5] if old else AGES[i % 4]
            lines.append(f"{split}/{i + 1}.jpg,{age},{'Female' if woman else 'Male'},{race},True")
            (root / split / f"{i + 1}.jpg").write_bytes(encoded(pixels, "JPEG"))
        (root / f"fairface_label_{split}.csv").write_text("\n".join(lines) + "\n")


def own_pictures(root: Path, n: int = 60, table: str = "people.csv") -> np.ndarray:
    images = faces(n)
    shapes, places = ["circle", "square"], ["north, far", "south", "=cmd|' /C calc'!A0"]
    columns = {
        "shape": [shapes[i % 2] for i in range(n)],
        "place": [places[i % 3] for i in range(n)],
        "sex": ["f" if i % 4 < 2 else "m" for i in range(n)],
        "old": [i // 3 % 2 for i in range(n)],
        "tall": [i // 5 % 2 for i in range(n)],
        "part": [("train", "valid", "test")[(i // 12) % 3] for i in range(n)],
    }
    if table.endswith(".parquet"):
        columns = {"picture": [encoded(pixels) for pixels in images], **columns}
        pq.write_table(pa.table(columns), root / table)
        return images
    (root / "pictures").mkdir()
    for i, pixels in enumerate(images):
        (root / "pictures" / f"{i}.png").write_bytes(encoded(pixels))
    import pandas as pd

    frame = pd.DataFrame({"file": [f"pictures/{i}.png" for i in range(n)], **columns})
    frame.to_csv(root / table, index=False)
    return images


def adult(root: Path, n: int = 240, *, packed: bool = False) -> None:
    random = np.random.default_rng(0)
    for split, people, end in (("data", n, ""), ("test", n // 2, ".")):
        lines = ["|1x3 Cross validator"] if split == "test" else []
        for i in range(people):
            sex, rich = ("Male", "Female")[i % 2], (">50K", "<=50K")[i // 2 % 2]
            work = ("Private", "State-gov", "?")[random.integers(3)]
            race = ("White", "Black")[random.integers(2)]
            lines.append(
                f"{random.integers(17, 90)}, {work}, {random.integers(1e5)}, Bachelors, {random.integers(1, 16)}, "
                f"Never-married, Sales, Not-in-family, {race}, {sex}, {random.integers(2) * 5000}, 0, "
                f"{random.integers(1, 99)}, United-States, {rich}{end}"
            )
        content = ("\n".join(lines) + "\n").encode()
        if packed:
            (root / f"adult.{split}.gz").write_bytes(gzip.compress(content))
        else:
            (root / f"adult.{split}").write_bytes(content)


def compas(root: Path, n: int = 160) -> None:
    import pandas as pd

    random = np.random.default_rng(0)
    races = ["African-American", "Caucasian", "Hispanic", "Asian", "Native American", "Other"]
    pd.DataFrame(
        {
            "id": np.arange(n),
            "sex": random.choice(["Male", "Female"], n),
            "age": random.integers(18, 80, n),
            "race": [races[i % 6] for i in range(n)],
            "juv_fel_count": 0,
            "juv_misd_count": random.integers(0, 3, n),
            "juv_other_count": 0,
            "priors_count": random.integers(0, 20, n),
            "days_b_screening_arrest": [None if i == 5 else (99 if i == 6 else -1) for i in range(n)],
            "c_charge_degree": ["O" if i == 7 else "F" for i in range(n)],
            "is_recid": [-1 if i == 8 else i % 2 for i in range(n)],
            "score_text": ["N/A" if i == 9 else "Low" for i in range(n)],
            "two_year_recid": random.integers(0, 2, n),
        }
    ).to_csv(root / "compas-scores-two-years.csv", index=False)


def german(root: Path, n: int = 120) -> None:
    random = np.random.default_rng(0)
    lines = []
    for i in range(n):
        words = ["A11", random.integers(4, 72), "A34", "A43", random.integers(250, 9000), "A65", "A75", 4]
        words += [("A91", "A92", "A93", "A94")[i % 4], "A101", 4, "A121", random.integers(19, 75), "A143", "A152"]
        words += [2, "A173", 1, "A192", "A201", 1 + random.integers(2)]
        lines.append(" ".join(map(str, words)))
    (root / "german.data").write_text("\n".join(lines) + "\n")


def law_school(root: Path, n: int = 160) -> None:
    random = np.random.default_rng(0)
    lines = ["decile1b,decile3,lsat,ugpa,zfygpa,zgpa,fulltime,fam_inc,male,tier,race,pass_bar"]
    for i in range(n):
        race, male, passed = ("White", "Non-White")[i % 2], i // 2 % 2, i // 4 % 2
        lines.append(
            f"{random.integers(1, 11)}.0,{random.integers(1, 11)}.0,{random.integers(22, 97) / 2},"
            f"{random.integers(20, 41) / 10},{random.normal():.2f},{random.normal():.2f},{random.integers(1, 3)}.0,"
            f"{random.integers(1, 6)}.0,{male}.0,{random.integers(1, 7)}.0,{race},{passed}.0"
        )
    (root / "law_school_clean.csv").write_text("\n".join(lines) + "\n")


CREDIT = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", *(f"PAY_{i}" for i in (0, 2, 3, 4, 5, 6))]
CREDIT += [f"{what}_AMT{i}" for what in ("BILL", "PAY") for i in range(1, 7)]


def credit_rows(n: int = 160) -> list[list[int]]:
    """ID, the 23 features and the default of each client; all codes occur, the ones without a meaning, too."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(n):
        head = [10_000 * random.integers(1, 80), 1 + i % 2, i % 7, i % 4, random.integers(21, 75)]
        months = [*random.integers(-2, 9, 6), *random.integers(-500, 90_000, 6), *random.integers(0, 9_000, 6)]
        rows.append([i + 1, *map(int, head), *map(int, months), i // 2 % 2])
    return rows


def credit_default(root: Path, n: int = 160) -> None:
    """As UCI's server gives it."""
    lines = [["ID", *(f"X{i}" for i in range(1, 24)), "Y"], *credit_rows(n)]
    (root / "data.csv").write_text("\n".join(",".join(map(str, line)) for line in lines) + "\n")


# fmt: off
ACS = {  # of the 286 columns of 2018 those of the tasks and some others; None: not asked of everybody
    "ST": [6], "PUMA": [101, 3725], "PWGTP": [0, 1, 55], "AGEP": range(96), "CIT": range(1, 6),
    "COW": [None, *range(1, 10)], "ESP": [None, *range(1, 9)], "FER": [None, 1, 2], "GCL": [None, 1, 2],
    "JWMNP": [None, 5, 20, 21, 90], "JWTR": [None, 1, 10, 12], "MAR": range(1, 6), "MIG": [None, 1, 2, 3],
    "MIL": [None, 1, 2, 3, 4], "RELP": range(18), "SCHL": [None, *range(1, 25)], "SEX": [1, 2], "DEAR": [1, 2],
    "DEYE": [1, 2], "DREM": [None, 1, 2], "WKHP": [None, 0, 1, 40, 99], "ANC": range(1, 5), "DIS": [1, 2],
    "ESR": [None, *range(1, 7)], "NATIVITY": [1, 2], "OCCP": [None, 10, 4700, 9830], "POBP": [6, 303, 554],
    "PINCP": [None, -900, 0, 100, 101, 30000, 30001, 50000, 50001, 250000], "POVPIP": [None, 0, 250, 501],
    "POWPUMA": [None, 1, 3700], "PUBCOV": [1, 2], "RAC1P": range(1, 10),
}
# fmt: on


def acs_people(n: int = 600, state: int = 6, seed: int = 0) -> list[dict[str, object]]:
    random = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        row: dict[str, object] = {"RT": "P", "SERIALNO": f"2018HU{i:07d}", "SPORDER": "01"}
        row |= {name: values[random.integers(len(values))] for name, values in ACS.items()}
        rows.append(row | {"ST": state, "NAICSP": "5411"})
    return rows


def acs(root: Path, states: tuple[int, ...] = (6,)) -> None:
    for state in states:
        rows = acs_people(600, state)
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
        (root / f"psam_p{state:02d}.csv").write_text("\n".join([",".join(rows[0]), *lines]) + "\n")


SENTENCES = ("she works at the clinic and helps people", "he draws houses, bridges and roads", "they teach in a school")


def own_texts(root: Path, n: int = 90) -> None:
    lines = ["text,praised,who,part"]
    lines += [
        f'"{SENTENCES[i % 3]}, number {i}",{"yn"[i % 2]},{"ab"[i // 2 % 2]},{("train", "dev", "test")[i % 3]}'
        for i in range(n)
    ]
    (root / "texts.csv").write_text("\n".join(lines) + "\n")


def bias_in_bios(root: Path, n: int = 60) -> None:
    """The hub's columns and splits: `test` and `dev`, and no `validation`."""
    (root / "data").mkdir()
    for place, split in enumerate(("train", "test", "dev")):
        numbers = np.arange(n) + place
        table = {
            "hard_text": [f"{SENTENCES[k % 3]}, number {k}" for k in numbers],
            "profession": pa.array(numbers % 28, pa.int64()),
            "gender": pa.array(numbers // 28 % 2, pa.int64()),
        }
        pq.write_table(pa.table(table), root / "data" / f"{split}-00000-of-00001-0ab1.parquet")


IDENTITIES = ("male", "female", "LGBTQ", "christian", "muslim", "other_religions", "black", "white")


def civil_comments(root: Path, n: int = 96) -> None:
    """The columns of WILDS that matter: scores of annotators, empty where nobody was asked; identities overlap."""
    header = ["id", "comment_text", "split", "toxicity", *IDENTITIES]
    lines = [",".join(header)]
    for i in range(n):
        scores = {"male": (i % 3 == 0) * 0.8, "female": (i % 4 == 0) * 0.5, "black": 0.4}
        identities = [str(scores.get(name, 0.0)) if i % 7 else "" for name in IDENTITIES]
        split = ("train", "val", "test")[i // 2 % 3]
        lines.append(
            f'{i},"{SENTENCES[i % 3]}, number {i}",{split},{0.5 if i % 5 < 2 else 0.4999},{",".join(identities)}'
        )
    (root / "all_data_with_identities.csv").write_text("\n".join(lines) + "\n")
