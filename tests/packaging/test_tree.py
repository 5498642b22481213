"""The files: tests mirror modules, names are plain, and nothing is too long or too many."""

from __future__ import annotations

from pathlib import Path

import gwms_async

PACKAGE = Path(gwms_async.__file__).parent
TESTS = Path(__file__).parent.parent
MIRRORED = [
    "",
    "auth",
    "auth/stores",
    "cli",
    "fleet",
    "middleware",
    "receiving",
    "registration",
    "testing",
    "testing/page",
    "transport",
    "wire",
]
"""The folders of the package, each with a folder of the same name in `tests`; other folders of tests are free."""
SPECIAL = {"__init__", "__main__", "_version"}
MAX_ENTRIES = 24
MAX_LINES = 300


def modules_in(folder: str) -> set[str]:
    """Return the names of the modules in a folder of the package."""
    return {path.stem for path in (PACKAGE / folder).glob("*.py")} - SPECIAL


def subjects_in(folder: str) -> set[str]:
    """Return what the test files in a folder are named after: a module, perhaps with an aspect."""
    return {path.stem.removeprefix("test_") for path in (TESTS / folder).glob("test_*.py")}


def is_about(subject: str, module: str) -> bool:
    """Return whether a test file is named after a module."""
    return subject == module or subject.startswith(f"{module}_")


def test_all_folders_are_known() -> None:
    """A new folder of the package is mirrored too."""
    folders = {path.parent.relative_to(PACKAGE).as_posix().replace(".", "") for path in PACKAGE.rglob("*.py")}

    assert folders == set(MIRRORED)


def test_every_module_has_its_tests() -> None:
    """In the mirrored folder, as test_<module>.py or test_<module>_<aspect>.py."""
    missing = [
        f"{folder or '.'}/{module}"
        for folder in MIRRORED
        for module in sorted(modules_in(folder))
        if not any(is_about(subject, module) for subject in subjects_in(folder))
    ]

    assert not missing, "\n".join(missing)


def test_every_test_file_has_its_module() -> None:
    """No test file in a mirrored folder is named after anything else."""
    strays = [
        f"{folder or '.'}/test_{subject}.py"
        for folder in MIRRORED
        for subject in sorted(subjects_in(folder))
        if not any(is_about(subject, module) for module in modules_in(folder))
    ]

    assert not strays, "\n".join(strays)


def test_no_module_has_an_underscore() -> None:
    """What is public is said by `__all__`, not by the names of modules."""
    private = {path.stem for path in PACKAGE.rglob("*.py") if path.stem.startswith("_")}

    assert private == SPECIAL


def test_the_top_is_not_crowded() -> None:
    """The top of the package fits on one screen."""
    entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]

    assert len(entries) <= MAX_ENTRIES


def test_no_file_is_long() -> None:
    """A file can be read in one go."""
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}

    assert not {path: count for path, count in lines.items() if count > MAX_LINES}
