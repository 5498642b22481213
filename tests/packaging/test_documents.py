"""The READMEs: short, typed, and showing what commands and examples print at present."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers import eshops
from ..helpers.documents import CLI, FLEET, README, RECEIVING, ROOT, TELEMETRY, TESTING, Document
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client

DOCUMENTS = [README, TESTING, CLI, RECEIVING, FLEET, TELEMETRY]
LONGEST = {README: 300, TESTING: 150, CLI: 150, RECEIVING: 150, FLEET: 150, TELEMETRY: 150}
LONGEST_EXAMPLE = 26
CHECKERS = {"mypy": ["mypy", "--strict", "--config-file=", "."], "pyright": ["pyright"]}
NAMES = ["README", "testing", "cli", "receiving", "fleet", "telemetry"]
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)


@each_document
def test_length(document: Document) -> None:
    """A document can be read in one go, and an example fits on a screen."""
    assert len(document.text.splitlines()) <= LONGEST[document]
    assert max((len(code.splitlines()) for code in document.blocks()), default=0) <= LONGEST_EXAMPLE


@each_document
def test_links(document: Document) -> None:
    """Links to files of the project lead somewhere."""
    if not (ROOT / "benchmarks").exists():
        pytest.skip("this is not a checkout")
    links = re.findall(r"\]\(([^)#]+)|src=\"([^\"]+)", document.text)

    for link in filter(lambda link: not link.startswith("https://"), (first or second for first, second in links)):
        assert (document.path.parent / link).exists(), link


@each_document
def test_outputs(document: Document, tmp_path: Path) -> None:
    """What examples and commands print is up to date; else run `python -m tests.helpers.refresh`."""
    if document is TELEMETRY:
        pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is an extra")
    if document.blocks("console"):
        pytest.importorskip("rich", reason="the command line is an extra")

    assert document.refreshed(tmp_path) == document.text


def test_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows the demo's present rows and columns, and loads nothing; else run `python -m tests.helpers.refresh`."""
    pytest.importorskip("rich", reason="the command line is an extra")
    from gwms_async.cli import demo  # noqa: PLC0415

    from ..helpers.picture import PICTURE, draw, words  # noqa: PLC0415

    svg = PICTURE.read_text("utf-8")
    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualIoLoop)
        monkeypatch.setattr(demo, "GwmsClient", virtual_client(loop))
        assert words(svg) == words(draw(runner.run))
    assert not re.search(r"@font-face|@import|href|url\((?!#)", svg)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
def test_types(checker: str, tmp_path: Path) -> None:
    """Every Python example passes type checks in strict mode."""
    if not importlib.util.find_spec(checker):
        pytest.skip(f"{checker} comes with the dependency group lint")
    files = [
        (f"{number}_{name}" if name.startswith("example") else name, code)
        for number, document in enumerate(DOCUMENTS)
        for name, code in document.files().items()
    ]
    files.append(("eshops.py", Path(eshops.__file__).read_text("utf-8")))  # what the guide to the fleet calls yours
    for name, code in files:
        (tmp_path / name).write_text(code, "utf-8")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", *CHECKERS[checker]], cwd=tmp_path, check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout
    assert len(files) == len({name for name, _ in files}) > 0
