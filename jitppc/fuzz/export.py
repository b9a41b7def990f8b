"""The ledger for other tools: a record for each row and tier, or finding, as Parquet or JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from jitppc.errors import UserError
from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_row

from .ledger import Ledger


def tables(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    """What is exported: `judged` by row and tier, `ops` by IR operation, `findings`."""
    campaigns = {c["id"]: _campaign(c) for c in ledger.table("campaign")}
    judged = [
        {**campaigns[record["campaign"]], "row": record["row"], "tier": record["tier"],
         "cases": record["cases"]}
        for record in ledger.table("judged")
    ]  # fmt: skip
    findings = []
    for record in ledger.table("finding"):
        campaign = campaigns[record.pop("campaign")]
        findings.append({**campaign, **record, "found": _when(record["found"])})
    return {"judged": judged, "ops": operations(judged), "findings": findings}


def operations(judged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cases by IR operation and tier: every case of a row that has the operation counts."""
    sums: dict[tuple[str, str], int] = {}
    for record in judged:
        for name in ops_of(record["row"]):
            key = name, record["tier"]
            sums[key] = sums.get(key, 0) + record["cases"]
    return [{"op": op, "tier": tier, "cases": n} for (op, tier), n in sorted(sums.items())]


def ops_of(key: str) -> set[str]:
    """Names of the IR operations that a row's body uses."""
    row = rows().get(key)
    if row is None:
        return set()
    return {value.op.name for flags in row.variants() for value in translate_row(row, flags).values}


def _campaign(record: dict[str, Any]) -> dict[str, Any]:
    identity, reference = json.loads(record["identity"]), json.loads(record["reference"])
    return {
        "reference": identity["reference"],
        "program": " ".join(str(v) for v in reference.values()),
        "model": identity["model"],
        "strategies": ",".join(identity["strategies"]),
        "modes": ",".join(identity["modes"]),
        "seed": identity["seed"],
    }


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def write_json(ledger: Ledger, path: Path) -> None:
    """All tables as one JSON object."""
    path.write_text(json.dumps(tables(ledger), indent=1) + "\n", encoding="utf-8")


def write_parquet(ledger: Ledger, path: Path) -> list[Path]:
    """One file for each table: PATH for `judged`, PATH with -ops and -findings in its name."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError("Parquet needs pyarrow: pip install 'jitppc[fuzz]'") from error
    written = []
    for name, records in tables(ledger).items():
        place = path if name == "judged" else path.with_stem(f"{path.stem}-{name}")
        if records:
            pq.write_table(pa.Table.from_pylist(records), place)
            written.append(place)
    return written
