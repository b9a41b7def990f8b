"""What campaigns have judged and found, in one SQLite file that many campaigns may share.

Everything about a batch is written in one transaction, so a campaign that is interrupted, or whose
disk fills up, has either all of a batch in the ledger or nothing, and goes on from there.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jitppc.errors import UserError

VERSION = 1
SCHEMA = """
CREATE TABLE about (version INTEGER NOT NULL);
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,     -- JSON: what makes a batch's number mean the same batch
    reference TEXT NOT NULL,           -- JSON: program, version, ... of the reference
    started REAL NOT NULL              -- seconds since 1970
);
CREATE TABLE batch (
    campaign INTEGER NOT NULL REFERENCES campaign,
    number INTEGER NOT NULL,
    cases INTEGER NOT NULL,
    differing INTEGER NOT NULL,        -- of them, those that no waiver explains
    seconds REAL NOT NULL,             -- of one process
    PRIMARY KEY (campaign, number)
) WITHOUT ROWID;
CREATE TABLE judged (
    campaign INTEGER NOT NULL REFERENCES campaign,
    row TEXT NOT NULL,                 -- key of the instruction's row
    tier TEXT NOT NULL,
    cases INTEGER NOT NULL,            -- in which both sides gave an answer
    PRIMARY KEY (campaign, row, tier)
) WITHOUT ROWID;
CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaign,
    batch INTEGER NOT NULL,
    place INTEGER NOT NULL,            -- of the case in its batch
    tier TEXT NOT NULL,
    kind TEXT NOT NULL,                -- differs, died, or hung
    sign TEXT NOT NULL,                -- what differs in which rows: equal ones are counted
    times INTEGER NOT NULL DEFAULT 1,
    found REAL NOT NULL,               -- seconds since 1970
    replay TEXT NOT NULL,              -- JSON of the replay file
    UNIQUE (campaign, tier, sign)
);
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a campaign has done so far."""

    batches: int
    cases: int
    differing: int
    seconds: float
    findings: int


class Ledger:
    """The file; also a context manager. Only one process writes it, others may read."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not create and not path.exists():
            raise UserError(f"there is no ledger {path}")
        with self._explained():
            self._db = sqlite3.connect(path, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
                with self._db:
                    self._db.executescript(SCHEMA)
                    self._db.execute("INSERT INTO about VALUES (?)", (VERSION,))
            version = self._db.execute("SELECT version FROM about").fetchone()[0]
        if version != VERSION:
            raise UserError(f"{path} is a ledger of version {version}; this is version {VERSION}")

    def close(self) -> None:
        """The file is whole and closed."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's complaints in one line."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise UserError(f"ledger {self.path}: {error}") from error

    # --- writing
    def campaign(self, identity: Mapping[str, Any], reference: Mapping[str, str]) -> int:
        """The number of the campaign of this identity, entered if it is new."""
        text = json.dumps(identity, sort_keys=True)
        with self._explained(), self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO campaign (identity, reference, started) VALUES (?, ?, ?)",
                (text, json.dumps(reference, sort_keys=True), time.time()),
            )
            found = self._db.execute("SELECT id FROM campaign WHERE identity = ?", (text,))
            return int(found.fetchone()[0])

    def forget(self, campaign: int) -> None:
        """Nothing is known of the campaign's batches and findings."""
        with self._explained(), self._db:
            self._db.execute("DELETE FROM batch WHERE campaign = ?", (campaign,))
            self._db.execute("DELETE FROM judged WHERE campaign = ?", (campaign,))
            self._db.execute("DELETE FROM finding WHERE campaign = ?", (campaign,))

    def add_batch(
        self,
        campaign: int,
        number: int,
        cases: int,
        differing: int,
        seconds: float,
        judged: Mapping[tuple[str, str], int],
    ) -> None:
        """A batch is done: how many cases by (row, tier) were judged."""
        with self._explained(), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?, ?)",
                (campaign, number, cases, differing, seconds),
            )
            self._db.executemany(
                "INSERT INTO judged VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET cases = cases + excluded.cases",
                [(campaign, row, tier, count) for (row, tier), count in judged.items()],
            )

    def add_finding(
        self, campaign: int, batch: int, place: int, tier: str, kind: str, sign: str, replay: str
    ) -> int | None:
        """The finding's number if it is the first of its sign, else None: then it is counted."""
        with self._explained(), self._db:
            again = self._db.execute(
                "UPDATE finding SET times = times + 1 WHERE campaign = ? AND tier = ? AND sign = ?",
                (campaign, tier, sign),
            )
            if again.rowcount:
                return None
            values = (campaign, batch, place, tier, kind, sign, time.time(), replay)
            new = self._db.execute(
                "INSERT INTO finding (campaign, batch, place, tier, kind, sign, found, replay)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return new.lastrowid

    def count_again(self, campaign: int, tier: str, sign: str, times: int) -> None:
        """The finding of this sign was made so many times more."""
        with self._explained(), self._db:
            self._db.execute(
                "UPDATE finding SET times = times + ?"
                " WHERE campaign = ? AND tier = ? AND sign = ?",
                (times, campaign, tier, sign),
            )

    def replace(self, finding: int, sign: str, replay: str) -> bool:
        """The finding in its smallest form. False when that is one that is known: then it is
        counted there, and is no finding of its own.
        """
        with self._explained(), self._db:
            again = self._db.execute(
                "UPDATE finding SET times = times + (SELECT times FROM finding WHERE id = :id)"
                " WHERE id <> :id AND sign = :sign AND (campaign, tier) ="
                " (SELECT campaign, tier FROM finding WHERE id = :id)",
                {"id": finding, "sign": sign},
            )
            if again.rowcount:
                self._db.execute("DELETE FROM finding WHERE id = ?", (finding,))
                return False
            self._db.execute(
                "UPDATE finding SET sign = ?, replay = ? WHERE id = ?", (sign, replay, finding)
            )
            return True

    # --- reading
    def totals(self, campaign: int) -> Totals:
        """Sums over the campaign's batches."""
        with self._explained():
            batches, cases, differing, seconds = self._db.execute(
                "SELECT count(*), coalesce(sum(cases), 0), coalesce(sum(differing), 0),"
                " coalesce(sum(seconds), 0)"
                " FROM batch WHERE campaign = ?",
                (campaign,),
            ).fetchone()
            findings = self._db.execute(
                "SELECT count(*) FROM finding WHERE campaign = ?", (campaign,)
            ).fetchone()[0]
        return Totals(batches, cases, differing, seconds, findings)

    def done(self, campaign: int) -> set[int]:
        """Numbers of the batches that need not be run again."""
        with self._explained():
            rows = self._db.execute("SELECT number FROM batch WHERE campaign = ?", (campaign,))
            return {int(number) for (number,) in rows}

    def judged(self, campaign: int) -> dict[tuple[str, str], int]:
        """Cases judged so far by (row, tier)."""
        with self._explained():
            rows = self._db.execute(
                "SELECT row, tier, cases FROM judged WHERE campaign = ?", (campaign,)
            )
            return {(row, tier): int(cases) for row, tier, cases in rows}

    def table(self, name: str) -> list[dict[str, Any]]:
        """All records of one of the tables campaign, batch, judged, finding."""
        with self._explained():
            cursor = self._db.execute(f"SELECT * FROM {name}")  # noqa: S608  (a name of ours)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, record, strict=True)) for record in cursor]
