"""Events as the flat Parquet files that `whodid import` takes: one column per facet, plain strings, in the order in
which the events happened."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import shop as story
from .shop import Shop

ROWS_PER_FILE = 1_000_000


def write(shop: Shop, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    order = np.argsort(shop.ts_us, kind="stable")
    for number, first in enumerate(range(0, len(order), ROWS_PER_FILE)):
        rows = order[first : first + ROWS_PER_FILE]
        pq.write_table(
            _table(shop, rows, first),
            folder / f"events-{number:04}.parquet",
            compression="zstd",
            compression_level=1,
            row_group_size=ROWS_PER_FILE // 4,
            use_dictionary=["type", "view.name", "view.url_path", "action.name", "geo.country", "device.type",
                            "browser.name"],
            store_schema=False,
        )  # fmt: skip


def _table(shop: Shop, rows: np.ndarray, first: int) -> pa.Table:
    page = _coded(shop.page[rows], story.PAGES)
    action = shop.action[rows]
    return pa.table(
        {
            "timestamp": pa.array(shop.ts_us[rows], pa.timestamp("us", tz="UTC")),
            "type": _coded((action > 0).astype(np.uint8), ["view", "action"]),
            "id": _hex(_scrambled(np.arange(first, first + len(rows), dtype=np.uint64))),
            "usr.id": _numbered(b"u", shop.user[rows]),
            "session.id": _numbered(b"s", shop.session[rows]),
            "view.name": page,
            "view.url_path": page,
            "action.name": _coded(action, story.ACTIONS),
            "geo.country": _coded(shop.country[rows], list(story.COUNTRIES)),
            "device.type": _coded(shop.device[rows], list(story.DEVICES)),
            "browser.name": _coded(shop.browser[rows], list(story.BROWSERS)),
        }
    )


def _coded(codes: np.ndarray, values: list[str | None]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int16)), pa.array(values)).cast(pa.string())


def _numbered(letter: bytes, numbers: np.ndarray) -> pa.Array:
    """`u00000042`: a letter and eight digits, so that peers can have dense integers by parsing."""
    text = np.empty((len(numbers), 9), dtype=np.uint8)
    text[:, 0] = letter[0]
    left = numbers.copy()
    for digit in range(8, 0, -1):
        text[:, digit] = left % 10 + ord("0")
        left //= 10
    return _fixed(text)


def _scrambled(numbers: np.ndarray) -> np.ndarray:
    """A permutation of the 64-bit integers (the finaliser of SplitMix64): ids that look random and never repeat."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _hex(numbers: np.ndarray) -> pa.Array:
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    raw = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    text = np.empty((len(numbers), 16), dtype=np.uint8)
    text[:, 0::2] = digits[raw >> 4]
    text[:, 1::2] = digits[raw & 15]
    return _fixed(text)


def _fixed(text: np.ndarray) -> pa.Array:
    rows, width = text.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))
