"""Headless Chromium, looking at a file: what its page says of itself, and a picture of it."""

import json
import os
import subprocess
import time
from pathlib import Path

#: Without these, Chromium looks for its maker's hosts at every start.
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars
--disable-dev-shm-usage --virtual-time-budget=20000 --enable-logging=stderr""".split()


class Browser:
    def __init__(self, program: str, directory: Path) -> None:
        self._program, self._directory = program, directory
        self.messages = ""

    def _run(self, page: Path, *flags: str) -> str:
        profile = self._directory / f"profile-{time.monotonic_ns()}"
        command = [self._program, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        environment = os.environ | {"HOME": str(self._directory)}
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120, env=environment
        )
        self.messages = done.stderr
        return done.stdout

    def page(self, page: Path) -> str:
        """The document after its scripts have run."""
        return self._run(page, "--window-size=1200,2000", "--dump-dom")

    def picture(self, page: Path, height: int = 3000) -> Path:
        """A screenshot as PNG."""
        path = self._directory / f"{page.stem}.png"
        self._run(page, f"--window-size=1200,{height}", f"--screenshot={path}")
        return path

    def measure(self, page: Path, expression: str) -> object:
        """The value of an expression over the document, once all is drawn."""
        probe = self._directory / f"probe-{page.name}"
        script = f"""<script>addEventListener('load', () => setTimeout(() => {{
          const out = document.createElement('pre'); out.id = 'answer';
          out.textContent = '@@' + JSON.stringify({expression}) + '@@';
          document.body.append(out); }}, 3000));</script></body>"""
        before, _, after = page.read_text().rpartition("</body>")
        probe.write_text(f"{before}{script}{after}")
        return json.loads(self.page(probe).rpartition("@@")[0].rpartition("@@")[2])
