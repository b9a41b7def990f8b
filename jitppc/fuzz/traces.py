"""Trace files: cases and what a reference made of them, in Parquet. docs/traces.md describes them.

A file is written under another name and gets its own when it is complete; pages carry checksums.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from jitppc import __version__
from jitppc.errors import UserError

from .cases import CASE, MAX_WORDS, MEMORY_BYTES, OUTCOME, STATE, Batch, Kind
from .differences import UNJUDGED
from .program import keys_of

FORMAT, VERSION = "jitppc trace", 1
KEY = b"jitppc.trace"
GROUP = 4096  # cases in a row group

#: fields of a state as columns: name -> how many doublewords
FIELDS: dict[str, int] = {
    name: int(np.prod(STATE[name].shape, dtype=int))
    for name in STATE.names or ()
    if name != "spare"
}


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError("trace files need pyarrow: pip install 'jitppc[fuzz]'") from error
    return pa, pq


def _schema(pa: Any) -> Any:
    columns = [("rows", pa.string()), ("words", pa.list_(pa.uint32())), ("flags", pa.uint32())]
    for side in ("before", "after"):
        for name, count in FIELDS.items():
            kind = pa.uint64() if count == 1 else pa.list_(pa.uint64(), count)
            columns.append((f"{side}_{name}", kind))
        columns.append((f"{side}_memory", pa.binary(MEMORY_BYTES)))
    columns += [("kind", pa.string()), ("ea", pa.uint64()), ("retired", pa.uint32())]
    return pa.schema(columns)


def _columns(pa: Any, cases: np.ndarray, outcomes: np.ndarray, model: str) -> Any:
    words = [case["words"][: case["count"]] for case in cases]
    made: dict[str, Any] = {
        "rows": pa.array(["+".join(filter(None, keys)) for keys in keys_of(cases, model)]),
        "words": pa.array(words, pa.list_(pa.uint32())),
        "flags": pa.array(cases["flags"]),
    }
    for side, records in (("before", cases), ("after", outcomes)):
        for name, count in FIELDS.items():
            flat = pa.array(np.ascontiguousarray(records["state"][name]).reshape(-1))
            made[f"{side}_{name}"] = (
                flat if count == 1 else pa.FixedSizeListArray.from_arrays(flat, count)
            )
        memory = [piece.tobytes() for piece in records["memory"]]
        made[f"{side}_memory"] = pa.array(memory, pa.binary(MEMORY_BYTES))
    made["kind"] = pa.array([Kind(int(kind)).name for kind in outcomes["kind"]])
    made["ea"], made["retired"] = pa.array(outcomes["ea"]), pa.array(outcomes["retired"])
    return pa.table(made, schema=_schema(pa))


class Recorder(Protocol):
    """Whoever answered: a reference, or a machine."""

    name: str
    fields: tuple[str, ...]

    def identity(self) -> dict[str, str]:
        """Where the answers come from."""


def provenance(
    side: Recorder, model: str, made: Mapping[str, Any]
) -> dict[str, Any]:
    """What a file says about itself: who recorded, of what, when, and how the cases were made."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": model,
        "reference": {"name": side.name, **side.identity()},
        "fields": list(side.fields),
        "recorded": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "recorder": {"jitppc": __version__, "host": platform.machine()},
        "cases": dict(made),
    }


class TraceWriter:
    """Writes a trace file; a context manager.

    What was added before an exception (Ctrl-C, a reference that ended) is a whole file all the
    same; a file without any case is not left behind.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._pa, pq = _arrow()
        self.path, self.count = path, 0
        self._model = about["model"]
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        schema = _schema(self._pa).with_metadata({KEY: json.dumps(about)})
        try:
            self._writer = pq.ParquetWriter(
                self._temporary, schema, compression="zstd", write_page_checksum=True
            )
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> UserError:
        reason = error.strerror or str(error)
        return UserError(f"cannot write {self.path}: {reason}")

    def add(self, cases: np.ndarray, outcomes: np.ndarray) -> None:
        """Write cases and their outcomes, but for those that say nothing."""
        said = ~np.isin(outcomes["kind"], UNJUDGED)
        cases, outcomes = cases[said], outcomes[said]
        for start in range(0, len(cases), GROUP):
            part = slice(start, start + GROUP)
            table = _columns(self._pa, cases[part], outcomes[part], self._model)
            try:
                self._writer.write_table(table, row_group_size=GROUP)
            except OSError as error:
                raise self._explained(error) from error
        self.count += len(cases)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            self._writer.close()
            if self.count:
                self._temporary.replace(self.path)
        except OSError as error:
            raise self._explained(error) from error
        finally:
            self._temporary.unlink(missing_ok=True)


def open_traces(path: Path) -> TraceFile:
    """The trace file; UserError when it is damaged, or no trace file."""
    return TraceFile(path)


class TraceFile:
    """A trace file as a recording."""

    is_independent = True

    def __init__(self, path: Path) -> None:
        self._pa, pq = _arrow()
        self._path = path
        try:
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
            about = json.loads(self._file.schema_arrow.metadata[KEY])
            if about["format"] != FORMAT:
                raise ValueError("another format")
            self.model, self.about = str(about["model"]), about
            self._identity = {str(k): str(v) for k, v in about["reference"].items()}
            self.name = self._identity.pop("name")
            self.fields = tuple(name for name in about["fields"] if name in FIELDS)
            version = about["version"]
        except FileNotFoundError:
            raise UserError(f"there is no trace file {path}") from None
        except (OSError, ValueError, LookupError, TypeError, self._pa.ArrowException) as error:
            raise UserError(f"{path} is no trace file, or damaged: {_first_line(error)}") from error
        if version != VERSION:
            raise UserError(f"{path} is a trace of version {version}; this is version {VERSION}")
        if self._file.schema_arrow.remove_metadata() != _schema(self._pa):
            raise UserError(f"{path} is damaged: it has other columns than version {VERSION}")
        groups = range(self._file.num_row_groups)
        sizes = [self._file.metadata.row_group(n).num_rows for n in groups]
        self._starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self._group: tuple[int, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the program that recorded, for waivers."""
        words = self._identity.get("version", "").split(".")
        return tuple(int(word) for word in words if word.isdigit())

    def identity(self) -> dict[str, str]:
        return {**self._identity, "file": self._path.name}

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        cases, outcomes = self._slice(start, stop)
        return Batch(cases, self.model), outcomes, None

    def _slice(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        stop = min(stop, len(self))
        first = int(np.searchsorted(self._starts, start, "right")) - 1
        pieces = []
        for number in range(first, len(self._starts) - 1):
            base = int(self._starts[number])
            if base >= stop:
                break
            cases, outcomes = self._load(number)
            part = slice(max(start - base, 0), stop - base)
            pieces.append((cases[part], outcomes[part]))
        if not pieces:
            return np.zeros(0, CASE), np.zeros(0, OUTCOME)
        both = [np.concatenate(side) for side in zip(*pieces, strict=True)]
        return both[0], both[1]

    def _load(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if self._group is None or self._group[0] != number:
            table = self._read(lambda: self._file.read_row_group(number))
            try:
                self._group = (number, *_records(table))
            except (ValueError, LookupError, TypeError, OverflowError) as error:
                raise UserError(f"{self._path} is damaged: {_first_line(error)}") from error
        return self._group[1:]

    def _read(self, read: Any) -> Any:
        try:
            return read()
        except (OSError, self._pa.ArrowException) as error:
            raise UserError(f"{self._path} is damaged: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _records(table: Any) -> tuple[np.ndarray, np.ndarray]:
    """Cases and outcomes of a table of trace columns."""
    count = table.num_rows
    cases, outcomes = np.zeros(count, CASE), np.zeros(count, OUTCOME)
    for n, words in enumerate(table["words"].to_pylist()):
        if not 0 < len(words) <= MAX_WORDS:
            raise ValueError(f"{len(words)} words")
        cases["words"][n, : len(words)], cases["count"][n] = words, len(words)
    cases["flags"] = table["flags"].to_numpy()
    for side, records in (("before", cases), ("after", outcomes)):
        for name, width in FIELDS.items():
            column = table[f"{side}_{name}"].combine_chunks()
            flat = column if width == 1 else column.flatten()
            records["state"][name] = flat.to_numpy().reshape(records["state"][name].shape)
        memory = b"".join(table[f"{side}_memory"].to_pylist())
        records["memory"] = np.frombuffer(memory, np.uint8).reshape(count, MEMORY_BYTES)
    outcomes["kind"] = [Kind[name] for name in table["kind"].to_pylist()]
    outcomes["ea"], outcomes["retired"] = table["ea"].to_numpy(), table["retired"].to_numpy()
    return cases, outcomes
