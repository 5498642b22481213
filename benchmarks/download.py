"""How much the README's two commands download: the wheels of a fresh resolution, for this machine and Python.

    uv run benchmarks/download.py

The exit code is 1 if it is more than the limit.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 36 * 2**20
COMMAND = "uv pip compile --quiet --no-header --group dev --format pylock.toml pyproject.toml"


def sizes() -> dict[str, int]:
    """Return the size in bytes of each package that `uv run` installs; where several wheels fit, of the largest."""
    lock = subprocess.run(COMMAND.split(), cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {
        package["name"]: max(file["size"] for file in package.get("wheels") or [package["sdist"]])
        for package in tomllib.loads(lock)["packages"]
    }


if __name__ == "__main__":
    found = sizes()
    for name, size in sorted(found.items(), key=lambda item: -item[1])[:10]:
        print(f"{size / 2**20:6.1f} MiB  {name}")
    total = sum(found.values())
    print(f"{total / 2**20:6.1f} MiB  {len(found)} packages, uv itself not counted")
    sys.exit(total > LIMIT)
