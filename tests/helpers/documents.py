"""The READMEs: their examples, run as they stand there, and what these print."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gwms_async
from gwms_async.testing.threaded import emulator_in_thread

ROOT = Path(__file__).parents[2]
PACKAGE = Path(gwms_async.__file__).parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\w+\.\w+)\n")
"""The first line of an example that is a file."""
NOW = 1_767_225_600.0
SECRET = "emulated-webhook-secret-of-enough-bytes-7d03"


class Document:
    """A README and its examples.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text("utf-8")

    def blocks(self, language: str = "python") -> list[str]:
        """List the examples in a language."""
        return [text for found, text in BLOCK.findall(self.text) if found == language]

    def block(self, containing: str) -> str:
        """Find the one Python example that contains a text."""
        (found,) = (block for block in self.blocks() if containing in block)
        return found

    def example(self, containing: str) -> dict[str, Any]:
        """Run the one Python example that contains a text; return the names that it defines."""
        return run_code(self.block(containing))

    def files(self) -> dict[str, str]:
        """Return all Python examples by the names of their files."""
        found: dict[str, str] = {}
        for number, text in enumerate(self.blocks(), 1):
            file = FILE.match(text)
            found[file[1] if file else f"example_{number}.py"] = text
        return found

    def refreshed(self, folder: Path) -> str:
        """Run the commands and the examples whose output is shown, and return the text with their present output.

        A block of text shows what the Python example before it prints. Commands go to an emulator of their own.

        Args:
            folder: Where the commands run; files of the examples are written there.
        """
        printed = io.StringIO()

        def refresh(match: re.Match[str]) -> str:
            language, text = match.groups()
            if (file := FILE.match(text)) and language == "toml":
                (folder / file[1]).write_text(text, "utf-8")
            elif language == "python" and self.text.startswith("\n\n```text\n", match.end()):
                with contextlib.redirect_stdout(printed):
                    run_code(text)
            elif language == "text":
                text = printed.getvalue()
            elif language == "console":
                text = "\n".join(f"$ {line}\n{run(line)}" for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE))
            return f"```{language}\n{text}```"

        with emulator_in_thread(clock=lambda: NOW) as gateway, contextlib.chdir(folder):
            # Only where commands are shown: they are an extra.
            def run(line: str) -> str:
                from .command_line import run  # noqa: PLC0415

                _, *arguments = shlex.split(line)
                variables = {"XDG_CACHE_HOME": str(folder / "cache"), "GWMS_WEBHOOK_SECRET": SECRET}
                return run(gateway, *arguments, **variables).output

            return BLOCK.sub(refresh, self.text)


def run_code(code: str) -> dict[str, Any]:
    """Run an example; return the names that it defines."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # our own README
    return names


def functions(names: dict[str, Any]) -> list[Callable[..., Any]]:
    """List the coroutine functions that an example defines."""
    return [one for one in names.values() if inspect.iscoroutinefunction(one) and one.__module__ == "example"]


README = Document(ROOT / "README.md")
TESTING = Document(PACKAGE / "testing" / "README.md")
CLI = Document(PACKAGE / "cli" / "README.md")
FLEET = Document(PACKAGE / "fleet" / "README.md")
TELEMETRY = Document(PACKAGE / "fleet" / "telemetry.md")
RECEIVING = Document(PACKAGE / "receiving" / "README.md")
