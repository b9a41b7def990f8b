"""Recordings by name: what can be compared with but not asked."""

from __future__ import annotations

from pathlib import Path

from .reference import Recording


def open_recording(name: str, model: str) -> Recording | None:
    """The recording of this name: `vectors`, or a trace file; None for a reference of another kind.

    Raises UserError when a file is damaged, ReferenceFailure when there is none of the model.
    """
    if name == "vectors":
        from .references.vectors import VectorsRecording

        return VectorsRecording(model)
    if Path(name).suffix == ".parquet" or Path(name).is_file():
        from .traces import open_traces

        return open_traces(Path(name))
    return None
