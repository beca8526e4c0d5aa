"""Make .venv and put the locked dependencies into it; where they are there already, this costs milliseconds.

Only the standard library, and nothing newer than Python 3.8: an older Python must be able to read this file in
order to say that it is too old.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed"
REQUIREMENTS = ROOT / "requirements-dev.txt"
MINIMUM = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
DISK_BYTES_MIN = 1_000_000_000
FETCHING = re.compile(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")


def main() -> None:
    """Bring .venv up to date, or say in one sentence what is missing for that."""
    use_new_enough_python()
    wanted = fingerprint()
    if is_installed(wanted):
        return
    refuse_full_disk()
    # Without its stamp, an environment that is half made is made again by the next run.
    if STAMP.exists():
        STAMP.unlink()
    make_venv()
    install()
    STAMP.write_text(wanted, encoding="ascii")


def use_new_enough_python() -> None:
    """Go on with a newer Python if there is one and this one is too old."""
    if sys.version_info >= MINIMUM:
        return
    for name in NEWER_NAMES:
        path = shutil.which(name)
        # A version manager may offer a name behind which there is nothing.
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, *sys.argv])  # noqa: S606 - the same program, by a path that was just found
    sys.exit(
        f"Branch Loans needs Python 3.11 or newer; this is {platform.python_version()} ({sys.executable}): "
        "install one, or name it with `make PYTHON=/path/to/python3.11 run`."
    )


def fingerprint() -> str:
    """Tell what the environment must have been made from: the lock file, the Python and the place."""
    # A virtual environment survives neither another Python nor being moved.
    place = repr((sys.version_info[:2], str(VENV))).encode()
    return hashlib.sha256(REQUIREMENTS.read_bytes() + place).hexdigest()


def is_installed(wanted: str) -> bool:
    """Tell whether an earlier run came to its end with the same result."""
    try:
        # The link may point at a Python that has gone.
        return STAMP.read_text(encoding="ascii") == wanted and os.access(str(VENV_PYTHON), os.X_OK)
    except OSError:
        return False


def refuse_full_disk() -> None:
    """Stop if the dependencies and a first database would not fit."""
    free = shutil.disk_usage(str(ROOT)).free
    if free < DISK_BYTES_MIN:
        sys.exit(
            f"The first start needs 1 GB of disk and {ROOT} has {free // 1_000_000} MB: "
            "make room there and try again."
        )


def make_venv() -> None:
    """Make the environment, anew if there is one that cannot install."""
    if is_usable():
        return
    say(f"Making .venv with Python {platform.python_version()}")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    if "ensurepip" in made.stdout:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        sys.exit(f"This Python cannot make a virtual environment: install {package} and try again.")
    if made.returncode != 0:
        sys.exit(f"The virtual environment could not be made: {last_line(made.stdout)}")


def is_usable() -> bool:
    """Tell whether the environment there is has this Python and a pip that starts."""
    check = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.call([str(VENV_PYTHON), "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def install() -> None:
    """Install every locked dependency, checking its hash."""
    total = len(re.findall(r"^[A-Za-z0-9._-]+==", REQUIREMENTS.read_text(encoding="ascii"), re.MULTILINE))
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--require-hashes"]
    pip = subprocess.Popen(
        [str(VENV_PYTHON), "-m", "pip", "install", *options, "-r", str(REQUIREMENTS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    errors = []
    fetched = 0
    for line in pip.stdout or ():
        if line.startswith("ERROR:"):
            errors.append(line)
        fetching = FETCHING.match(line)
        if fetching:
            fetched += 1
            progress(f"Fetching dependency {fetched} of {total} ({fetching.group(1)})")
        elif line.startswith("Installing collected packages"):
            progress("Unpacking")
    failed = pip.wait() != 0
    progress("")
    if failed:
        sys.exit(
            f"The dependencies could not be installed: {last_line(''.join(errors))} "
            "Check the network and the disk, then run the same command again."
        )
    say(f"Installed {total} dependencies into .venv")


def last_line(text: str) -> str:
    """Give the last line of what a program said, which is where its reason stands."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it gave no reason."


def say(text: str) -> None:
    """Write a line for the person who waits."""
    print(text, flush=True)


def progress(text: str) -> None:
    """Write over the same line again and again; only a terminal can show that."""
    if sys.stdout.isatty():
        print("\r\033[K" + text, end="", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: run the same command again to go on.")
