"""Rules about documents and other text. Each takes texts and gives a sentence for every violation."""

import re
from collections.abc import Collection, Iterable, Mapping

DECISION_LINES_MAX = 40
DECISION_PARTS = ("Context", "Decision", "Consequences", "Refused")


def machine_paths(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name lines that point outside the project: a neighbouring folder or one machine's directories."""
    # Written so that the pattern does not match itself.
    outside = re.compile(r"\.\./shared|(?<![\w.:>-])/(?:work|root|home)(?:/|\b(?![-\w]))")
    return tuple(
        f"{path}:{number} {line.strip()[:80]}"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if outside.search(line)
    )


def decision_faults(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name decision records that leave a gap in the numbers, miss a part or run too long."""
    faults = []
    for number, path in enumerate(sorted(files), start=1):
        if not re.fullmatch(rf"{number:04d}-[a-z0-9-]+\.md", path.rpartition("/")[2]):
            faults.append(f"{path} should be numbered {number:04d}")
        if len(files[path].splitlines()) > DECISION_LINES_MAX:
            faults.append(f"{path} is longer than {DECISION_LINES_MAX} lines")
        faults += [f"{path} lacks {part}" for part in DECISION_PARTS if f"## {part}\n" not in files[path]]
    return tuple(faults)


def unknown_decisions(files: Mapping[str, str], *, numbers: Collection[int]) -> tuple[str, ...]:
    """Name citations of decisions (ADR n) that nobody wrote down."""
    return tuple(
        f"{path} cites ADR {cited}"
        for path, text in files.items()
        for cited in re.findall(r"\bADR (\d+)", text)
        if int(cited) not in numbers
    )


def headings(text: str) -> tuple[str, ...]:
    """List the third-level headings of a document, without backticks."""
    return tuple(heading.strip(" `") for heading in re.findall(r"^### (.+)$", text, re.MULTILINE))


def undocumented(names: Iterable[str], *, document: str) -> tuple[str, ...]:
    """Name those that the document does not contain as a whole word."""
    return tuple(
        f"{name} is not described"
        for name in names
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", document)
    )


def requirements(text: str) -> tuple[str, ...]:
    """List the packages that a requirements.in names."""
    return tuple(
        re.split(r"[\s\[<>=!~;]", line, maxsplit=1)[0].lower()
        for line in text.splitlines()
        if line and not line.startswith(("#", "-"))
    )


def unlocked(text: str, *, required: Iterable[str]) -> tuple[str, ...]:
    """Name packages that a locked requirements file lacks, does not pin, or pins without a hash."""
    entries = re.sub(r"\\\n", " ", text).splitlines()
    faults = [
        f"{entry.split()[0]} has no version or no hash"
        for entry in entries
        if entry and not entry.startswith("#") and ("==" not in entry or "--hash=sha256:" not in entry)
    ]
    pinned = {entry.split("==")[0].lower() for entry in entries if "==" in entry}
    return (*faults, *(f"{name} is not locked" for name in required if name not in pinned))


def targets_without_help(makefile: str) -> tuple[str, ...]:
    """Name targets of the Makefile that `make help` cannot explain."""
    return tuple(
        f"make {target} has no ## help"
        for target, rest in re.findall(r"^([a-z][\w-]*):(?!=)(.*)$", makefile, re.MULTILINE)
        if "##" not in rest
    )


def unknown_targets(files: Mapping[str, str], *, makefile: str) -> tuple[str, ...]:
    """Name `make target` mentions in documents for which the Makefile has no target."""
    known = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))
    return tuple(
        f"{path} mentions make {target}"
        for path, text in files.items()
        for target in re.findall(r"(?:`|^\s*|\$ )make ([a-z][a-z-]+)", text, re.MULTILINE)
        if target not in known
    )


def unknown_metrics(files: Mapping[str, str], *, sources: str) -> tuple[str, ...]:
    """Name metrics in documents that no collector makes."""
    named = re.compile(r"`([a-z][a-z0-9_]*)_(?:total|bucket|info)(?:\{[^`]*)?`")
    return tuple(
        f"{path} mentions the metric {name}"
        for path, text in files.items()
        for name in named.findall(text)
        if name not in sources
    )


def repeated_terms(glossary: str) -> tuple[str, ...]:
    """Name terms that the glossary defines twice."""
    terms = [term.casefold() for term in re.findall(r"\*\*(.+?)\*\*", glossary)]
    return tuple(
        f"{term} is defined twice" for term in sorted({term for term in terms if terms.count(term) > 1})
    )


def broken_links(files: Mapping[str, str], *, paths: Collection[str]) -> tuple[str, ...]:
    """Name relative links of documents that lead nowhere."""
    faults = []
    for path, text in files.items():
        folder = path.split("/")[:-1]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            place = list(folder)
            for part in target.rstrip("/").split("/"):
                if part == "..":
                    place.pop()
                elif part != ".":
                    place.append(part)
            if "/".join(place) not in paths:
                faults.append(f"{path} links to {target}")
    return tuple(faults)


def unknown_paths(files: Mapping[str, str], *, paths: Collection[str], example: str) -> tuple[str, ...]:
    """Name paths in backticks that do not exist; those that contain `example` are made up to explain something."""
    named = re.compile(r"`((?:loans|tests|docs|migrations|scripts)/[\w./-]*)`")
    return tuple(
        f"{path} names {name}"
        for path, text in files.items()
        for name in named.findall(text)
        if name.rstrip("/") not in paths and example not in name and "NNNN" not in name
    )
