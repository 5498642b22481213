"""How long `gwms --help` takes, against importing the package: medians of 20 alternating runs.

Run it: ``python benchmarks/start.py`` (`README.md` tells how to read what it prints)
"""

import subprocess
import sys
import time
from statistics import median

RUNS, LIMIT = 20, 1.4
COMMANDS = {
    "gwms --help": ["-m", "gwms_async.cli", "--help"],
    "import gwms_async": ["-c", "import gwms_async"],
    "import GwmsClient": ["-c", "from gwms_async import GwmsClient"],
}


def main() -> int:
    """Measure, print, and give the exit code: 1 above the limit."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            taken[name].append(time.perf_counter() - began)
    medians = {name: median(times) for name, times in taken.items()}
    for name, seconds in medians.items():
        print(f"{name:<20} {seconds * 1000:7.1f} ms  {medians['gwms --help'] / seconds:5.2f} x")
    return int(medians["gwms --help"] > LIMIT * medians["import gwms_async"])


if __name__ == "__main__":
    sys.exit(main())
