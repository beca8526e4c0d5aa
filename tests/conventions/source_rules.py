"""Rules about Python source. Each takes {path: text} and gives a sentence for every violation."""

import ast
import re
from collections.abc import Iterator, Mapping

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
POSITIONALS_MAX = 2

Function = ast.FunctionDef | ast.AsyncFunctionDef


def commits(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name every place that calls `.commit(...)`."""
    return tuple(
        path
        for path, text in files.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    )


def long_modules(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name modules of more lines than one can keep in mind."""
    return tuple(
        f"{path} has {lines} lines, more than {MODULE_LINES_MAX}"
        for path, text in files.items()
        if (lines := len(text.splitlines())) > MODULE_LINES_MAX
    )


def long_functions(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name functions that do not fit a screen, docstring included."""
    return tuple(
        f"{path}:{function.lineno} {function.name} has {lines} lines, more than {FUNCTION_LINES_MAX}"
        for path, text in files.items()
        for function in _functions(ast.parse(text))
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > FUNCTION_LINES_MAX
    )


def services_taking_positionals(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name public service functions that take anything but `session` by position.

    A function without a session (one that only makes a statement) may have one natural first argument.
    """
    return tuple(
        f"{path}:{function.lineno} {function.name} must take (session, *, ...)"
        for path, text in files.items()
        for function in _public(ast.parse(text))
        if function.args.vararg or len(_positional(function)) > 1 or _hides_session(function)
    )


def many_positionals(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name public functions with so many positional arguments that a call could mix them up.

    Decorated ones are called by their decorator: views, commands, property setters.
    """
    return tuple(
        f"{path}:{function.lineno} {function.name} takes {count} positional arguments"
        for path, text in files.items()
        for function in _public(ast.parse(text))
        if not function.decorator_list and (count := len(_positional(function))) > POSITIONALS_MAX
    )


def busy_package_inits(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name package files that hold more than a docstring (and, at the top, the version)."""
    return tuple(
        f"{path}:{node.lineno} holds more than a docstring"
        for path, text in files.items()
        if path.endswith("__init__.py")
        for node in ast.parse(text).body
        if not _is_docstring(node) and not _is_version(node)
    )


def tests_without_assertion(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name tests that cannot fail: no assert, no pytest.raises, no call of an assert_ function."""
    return tuple(
        f"{path}:{function.lineno} {function.name} asserts nothing"
        for path, text in files.items()
        for function in _functions(ast.parse(text))
        if function.name.startswith("test_") and not any(_asserts(node) for node in ast.walk(function))
    )


def numbered_names(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name variables such as loan1, which hide what makes them differ."""
    pattern = re.compile(r"(loan|borrower|product|event|payment|repayment|entry|key)_?\d+")
    return tuple(
        f"{path}:{node.lineno} {node.id} does not say what it is"
        for path, text in files.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and pattern.fullmatch(node.id)
    )


def migration_faults(files: Mapping[str, str]) -> tuple[str, ...]:
    """Name migrations that are not NNNN_slug.py in one line from the first to the only head."""
    faults = [
        f"{path} is not named NNNN_slug.py"
        for path in files
        if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", path.rpartition("/")[2])
    ]
    expected_down: str | None = None
    for number, path in enumerate(sorted(files), start=1):
        revision, down = _constant(files[path], "revision"), _constant(files[path], "down_revision")
        if revision != f"{number:04d}" or not path.rpartition("/")[2].startswith(f"{number:04d}_"):
            faults.append(f"{path} should be revision {number:04d}, is {revision}")
        if down != expected_down:
            faults.append(f"{path} comes after {down}, should come after {expected_down}")
        expected_down = revision
    return tuple(faults)


def environment_names(text: str) -> frozenset[str]:
    """Find the environment variables a module reads: upper-case names handed to a call or a subscript."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args:
            source, name = ast.unparse(node.func), node.args[0]
        elif isinstance(node, ast.Subscript):
            source, name = ast.unparse(node.value), node.slice
        else:
            continue
        reads = "environ" in source or "getenv" in source or source.startswith("reader.")
        if reads and isinstance(name, ast.Constant) and re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", str(name.value)):
            found.add(str(name.value))
    return frozenset(found)


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _public(tree: ast.Module) -> Iterator[Function]:
    return (node for node in tree.body if isinstance(node, Function) and not node.name.startswith("_"))


def _positional(function: Function) -> list[ast.arg]:
    return function.args.posonlyargs + function.args.args


def _hides_session(function: Function) -> bool:
    positional = [arg.arg for arg in _positional(function)]
    return positional != ["session"] and any(
        arg.arg == "session" for arg in [*_positional(function), *function.args.kwonlyargs]
    )


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_version(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [
        "__version__"
    ]


def _asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return called in {"pytest.raises", "pytest.warns", "pytest.fail"} or called.rpartition(".")[2].startswith(
        "assert_"
    )


def _constant(text: str, name: str) -> str | None:
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(node, "value", None)
            return value.value if isinstance(value, ast.Constant) else None
    return None
