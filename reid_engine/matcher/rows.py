"""The table of samples, between pandas and parquet."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

COLUMNS = (
    "sample_id",
    "subject_id",
    "session_id",
    "modality",
    "laterality",
    "view",
    "sex",
    "age",
    "race",
    "ethnicity",
    "acquired",
    "device",
    "file_digest",
    "pixel_digest",
)
"""A gallery's columns, before the cohort's further attributes."""

REQUIRED = ("sample_id", "subject_id", "modality")

FROM_SCAN = "__from_scan__"
"""Stored beside the columns, not shown: which of them the scan itself gave, comma-separated."""


def to_arrow(table: pd.DataFrame) -> pa.Table:
    """Give the columns in the gallery's order, ages as numbers and all else as text or null.

    Raises
    ------
    ValueError
        A required column is missing or has an empty cell, a sample is there twice, or an age is no number.
    """
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        raise ValueError("a column is there twice")
    for name in REQUIRED:
        if name not in names:
            raise ValueError(f"the column {name} is missing")
    others = [name for name in names if name not in COLUMNS]
    columns = {name: _column(table, name) for name in (*COLUMNS, *others)}
    for name in REQUIRED:
        if columns[name].null_count:
            raise ValueError(f"the column {name} has empty cells")
    if len(columns["sample_id"].unique()) < len(table):
        raise ValueError("a sample_id is there twice")
    return pa.table(columns)


def _column(table: pd.DataFrame, name: str) -> pa.Array:
    if name == "age":
        ages = table[name] if name in table else pd.Series(np.full(len(table), np.nan))
        numbers = pd.to_numeric(ages).to_numpy(dtype=np.float64, na_value=np.nan)
        return pa.array(np.where(np.isfinite(numbers), numbers, np.nan), pa.float64(), from_pandas=True)
    if name not in table:
        return pa.nulls(len(table), pa.string())
    return pa.array([_text(value) for value in table[name]], pa.string())


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return None if value is None or pd.isna(value) else str(value)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Give a frame of the shown columns: ``age`` as float with NaN, all else as str or None."""
    shown = [name for name in table.column_names if name != FROM_SCAN]
    return pd.DataFrame({name: _values(table, name) for name in shown})


def _values(table: pa.Table, name: str) -> "pd.Series[Any]":
    column = table.column(name)
    if name == "age":
        ages = column.to_numpy(zero_copy_only=False)
        return pd.Series(np.asarray(ages, dtype=np.float64))
    return pd.Series(column.to_numpy(zero_copy_only=False), dtype=object)


def join(tables: Iterable[pa.Table]) -> pa.Table:
    """Put tables one below the other; a column that one of them lacks is null there."""
    tables = list(tables)
    if not tables:
        return to_arrow(pd.DataFrame({name: [] for name in REQUIRED}))
    return pa.concat_tables(tables, promote_options="default")
