"""Ids of features without one, made of the content: the same row has the same id in every load."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_array

_CROCKFORD = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
_KEYS = ("onemap content 1", "onemap content 2")  # two 64-bit hashes: the chance that two of 10⁹ rows meet is 10⁻²¹
_CHARACTERS = 13  # 65 bits in base 32


def content_ids(layer_id: str, columns: list[pa.Array]) -> pa.Array:
    """Make ids like ``roads-01J9ZQ4T7M3K…``: the layer and 26 characters, as long as a ULID.

    Parameters
    ----------
    layer_id
        The prefix of the ids.
    columns
        Columns of one length; null differs from the empty text.

    Returns
    -------
    pa.Array
        Texts, equal for equal rows. Empty for no rows.
    """
    joined = pc.binary_join_element_wise(*(pc.fill_null(pc.cast(c, pa.string()), "\0") for c in columns), "\x1f")
    rows = np.asarray(joined.to_numpy(zero_copy_only=False), dtype=object)
    halves = [_base32(hash_array(rows, hash_key=key, categorize=False)) for key in _KEYS]
    digits = np.ascontiguousarray(np.concatenate(halves, axis=1))
    text = pa.array(digits.view(f"S{2 * _CHARACTERS}").ravel().astype(str), pa.string())
    return pc.binary_join_element_wise(f"{layer_id}-", text, "")


def _base32(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    shifts = np.arange((_CHARACTERS - 1) * 5, -1, -5, dtype=np.uint64)
    digits = (hashes[:, None] >> shifts[None, :]) & np.uint64(31)
    letters: npt.NDArray[np.uint8] = _CROCKFORD[digits.astype(np.intp)]
    return letters
