"""How much each row of a batch takes, so that rows are not copied before it is known what that takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_FIXED = 8  # of numbers and times; of truths less

type Sizes = npt.NDArray[np.int64]


def row_bytes(rows: pa.RecordBatch) -> Sizes:
    """Return about how many bytes each row takes: `[n]`, one number a row."""
    found: Sizes = np.zeros(rows.num_rows, np.int64)
    for column in rows.columns:
        found += _bytes(column)
    return found


def _bytes(column: pa.Array) -> Sizes | int:
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        return np.asarray(pc.fill_null(pc.binary_length(column), 0), np.int64)
    if not pa.types.is_list(column.type):
        return _FIXED
    of, inner = np.asarray(pc.list_parent_indices(column)), _bytes(pc.list_flatten(column))
    found: Sizes = np.bincount(of, weights=np.broadcast_to(inner, of.shape), minlength=len(column)).astype(np.int64)
    return found
