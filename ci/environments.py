"""Say which environment a branch is built for, and with which values.

python3 ci/environments.py staging            lines of KEY=value, as $GITHUB_OUTPUT wants them
python3 ci/environments.py --environment staging

A repository variable such as APP_CPU_LIMIT_STAGING, handed in as an environment variable, wins over the value here.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping

ENVIRONMENT_OF_BRANCH = {
    "development": "development",
    "main": "development",
    "staging": "staging",
    "production": "production",
    "master": "production",
}

DEFAULTS = {
    "development": {
        "HEALTHCHECK_INTERVAL": "30s",
        "HEALTHCHECK_TIMEOUT": "5s",
        "HEALTHCHECK_RETRIES": "3",
        "APP_CPU_LIMIT": "1",
        "APP_MEMORY_LIMIT": "512m",
        "DB_CPU_LIMIT": "1",
        "DB_MEMORY_LIMIT": "512m",
    },
    "staging": {
        "HEALTHCHECK_INTERVAL": "20s",
        "HEALTHCHECK_TIMEOUT": "4s",
        "HEALTHCHECK_RETRIES": "4",
        "APP_CPU_LIMIT": "2",
        "APP_MEMORY_LIMIT": "1g",
        "DB_CPU_LIMIT": "2",
        "DB_MEMORY_LIMIT": "1g",
    },
    "production": {
        "HEALTHCHECK_INTERVAL": "15s",
        "HEALTHCHECK_TIMEOUT": "3s",
        "HEALTHCHECK_RETRIES": "5",
        "APP_CPU_LIMIT": "4",
        "APP_MEMORY_LIMIT": "2g",
        "DB_CPU_LIMIT": "4",
        "DB_MEMORY_LIMIT": "2g",
    },
}

SHAPES = {
    "HEALTHCHECK_INTERVAL": r"[1-9]\d*(s|m)",
    "HEALTHCHECK_TIMEOUT": r"[1-9]\d*(s|m)",
    "HEALTHCHECK_RETRIES": r"[1-9]\d*",
    "APP_CPU_LIMIT": r"\d+(\.\d+)?",
    "APP_MEMORY_LIMIT": r"[1-9]\d*[kmg]",
    "DB_CPU_LIMIT": r"\d+(\.\d+)?",
    "DB_MEMORY_LIMIT": r"[1-9]\d*[kmg]",
}


class UnknownBranchError(Exception):
    """No environment is built from this branch."""


class MalformedVariableError(Exception):
    """A repository variable holds something that Docker would not understand."""


def environment_of(branch: str) -> str:
    """Give the environment that a branch is built for.

    :raises UnknownBranchError: if none is.
    """
    try:
        return ENVIRONMENT_OF_BRANCH[branch]
    except KeyError:
        known = ", ".join(sorted(ENVIRONMENT_OF_BRANCH))
        raise UnknownBranchError(
            f"No environment is built from the branch {branch!r}: {known} are."
        ) from None


def values_for(environment: str, *, variables: Mapping[str, str]) -> dict[str, str]:
    """Give the build and resource values of an environment.

    `variables` are the repository's: NAME_ENVIRONMENT wins over the value here where it is set and not empty.
    :raises MalformedVariableError: if one of them has another form than Docker expects.
    """
    values = {}
    for name, default in DEFAULTS[environment].items():
        variable = f"{name}_{environment.upper()}"
        value = variables.get(variable, "").strip() or default
        if not re.fullmatch(SHAPES[name], value):
            raise MalformedVariableError(f"{variable} is {value!r}; it should look like {default!r}.")
        values[name] = value
    return values


def main() -> None:
    """Print the environment and its values, or say in one sentence why not."""
    parser = argparse.ArgumentParser(description="Say which environment a branch is built for, and how.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("branch", nargs="?", help="a branch, for example staging")
    which.add_argument("--environment", choices=sorted(DEFAULTS), help="an environment, whatever the branch")
    given = parser.parse_args()
    try:
        environment = given.environment or environment_of(given.branch)
        values = values_for(environment, variables=os.environ)
    except (UnknownBranchError, MalformedVariableError) as refusal:
        sys.exit(str(refusal))
    # Every environment runs Flask in production mode; ENVIRONMENT is what tells them apart.
    for name, value in {"ENVIRONMENT": environment, "FLASK_ENV": "production", **values}.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    main()
