"""The files that the conventions look at: paths relative to a root, as text."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NOT_OURS = {
    ".git",
    ".venv",
    ".data",
    "__pycache__",
    "htmlcov",
    "node_modules",
    ".hypothesis",
    "build",
    "dist",
}
# What `make up` keeps in the folder: databases, backups, state, keys.
DATA_OF_THE_STACK = ("postgres_data", "backups", ".deploy", "secrets", "ssl")
BINARY = {".png", ".ico", ".pyc", ".gz", ".db"}


def text_files(root: Path) -> Iterator[Path]:
    """Give every text file that belongs to the project, without what tools leave behind.

    Folders of others are not even entered: in them files come and go while other tests run.
    """
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in NOT_OURS and not name.endswith("_cache") and not name.startswith(DATA_OF_THE_STACK)
        )
        for name in sorted(files):
            path = Path(folder, name)
            # In a linked worktree .git is a file.
            if name == ".git":
                continue
            if path.is_file() and path.suffix not in BINARY and not name.startswith(".coverage"):
                yield path


def sources(root: Path, *folders: str, suffix: str = ".py") -> Mapping[str, str]:
    """Read files with a suffix below some folders (or single files): {path relative to the root: text}."""
    wanted = tuple(root / folder for folder in folders)
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in text_files(root)
        if path.suffix == suffix and any(path.is_relative_to(folder) for folder in wanted)
    }
