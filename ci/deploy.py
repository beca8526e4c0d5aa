"""Deploy an image to an environment's host, try it from outside, and go back by itself if it does not work.

python3 ci/deploy.py --environment staging --image ada/branchloans-staging@sha256:...
python3 ci/deploy.py --environment staging --rollback

The work is `make deploy` and `make rollback` on the host: over ssh with --host, else here. `make deploy` migrates,
starts the new image beside the old one, switches when it is healthy, and keeps the old one if it is not.
POSTGRES_USER, POSTGRES_DB, DB_VOLUME_PATH, POSTGRES_PASSWORD and the repository's variables come as environment
variables. The outcome goes to $GITHUB_OUTPUT.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import environments

ROOT = Path(__file__).resolve().parent.parent
# A name that moves, such as latest, cannot be deployed: nobody could say later what had been running.
IMAGE = re.compile(
    r"[a-z0-9]{4,30}/branchloans(?:-(?P<environment>development|staging|production))?"
    r"(?:@sha256:[0-9a-f]{64}|:[0-9a-f]{40}|:v\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)"
)
HOST = re.compile(r"(?:[a-z_][a-z0-9_-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*")
SETTING = re.compile(r"[A-Za-z0-9_./:@%+=-]*")
SSH = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10")
SSH_FAILED = 255
GOOD = {"deployed", "reverted"}


class RefusedError(Exception):
    """What was asked for cannot be deployed; nothing was touched."""


class ConnectionLostError(Exception):
    """The host did not answer, or no longer; what runs there is not known."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where the environment runs: the project's folder, here or behind ssh."""

    folder: str
    address: str = ""

    def run(self, *command: str, stdin: str | None = None) -> bool:
        """Run a command in the project's folder there and tell whether it succeeded.

        :raises ConnectionLostError: if ssh itself failed, so that nobody knows what became of the command.
        """
        there = f"cd {shlex.quote(self.folder)} && {shlex.join(command)}"
        line = (*SSH, self.address, there) if self.address else ("sh", "-c", there)
        source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin.encode()}
        code = subprocess.run(line, check=False, **source).returncode
        if self.address and code == SSH_FAILED:
            raise ConnectionLostError
        return code == 0


def check_host(address: str) -> None:
    """Let an address pass that ssh cannot take for an option; none means here.

    :raises RefusedError: if it is no address.
    """
    if address and not HOST.fullmatch(address):
        raise RefusedError(f"{address!r} is no host: it should read user@host.")


def check_image(image: str, *, environment: str) -> None:
    """Let an image pass that can be named later and was built for this environment, or for a release.

    :raises RefusedError: if it is another one.
    """
    match = IMAGE.fullmatch(image)
    if not match:
        raise RefusedError(
            f"{image!r} cannot be deployed: name it by digest, commit or version, for example "
            f"user/branchloans-{environment}@sha256:... or user/branchloans:v1.2.3."
        )
    if match["environment"] not in {None, environment}:
        raise RefusedError(f"{image} was built for {match['environment']}, not for {environment}.")


def settings_for(environment: str, *, variables: Mapping[str, str]) -> str:
    """Write what the pipeline knows of the environment as lines for `docker compose --env-file`; no password.

    :raises RefusedError: if a value could break out of its line.
    """
    values = environments.values_for(environment, variables=variables)
    names = ("POSTGRES_USER", "POSTGRES_DB", "DB_VOLUME_PATH")
    values |= {name: variables[name] for name in names if variables.get(name)}
    for name, value in values.items():
        if not SETTING.fullmatch(value):
            raise RefusedError(f"{name} holds a character that a settings file cannot.")
    return "".join(f"{name}={value}\n" for name, value in values.items())


def send_settings(host: Host, *, environment: str, settings: str, password: str) -> bool:
    """Put the settings on the host, and the database's password where none is there yet.

    A password that is there is left alone: the database was made with it, and changing it is a procedure of its own.
    """
    folder = f"secrets/{environment}"
    replace = (
        'umask 077 && mkdir -p "$0" && cat >"$0/settings.part" && mv "$0/settings.part" "$0/settings.env"'
    )
    if not host.run("sh", "-c", replace, folder, stdin=settings):
        return False
    if not password:
        return True
    keep = 'umask 077 && if [ -s "$0" ]; then cat >/dev/null; else cat >"$0"; fi'
    return host.run("sh", "-c", keep, f"{folder}/postgres_password", stdin=password)


def deploy(host: Host, *, environment: str, image: str, url: str) -> str:
    """Deploy and try from outside; return the outcome, as ci/notify.py knows it."""
    say(f"Deploying {image} to {environment}")
    if not host.run("make", "deploy", f"ENV={environment}", f"IMAGE={image}"):
        return "refused"
    say(f"Trying {url} from outside")
    if smoke(url):
        return "deployed"
    say("It does not work from outside: rolling back")
    return "rolled-back" if revert(host, environment=environment, url=url) else "broken"


def carry_out(given: argparse.Namespace, *, host: Host, settings: str) -> str:
    """Do what the command line asks for; return the outcome."""
    if given.rollback:
        return "reverted" if revert(host, environment=given.environment, url=given.url) else "broken"
    password = os.environ.get("POSTGRES_PASSWORD", "")
    if not send_settings(host, environment=given.environment, settings=settings, password=password):
        return "failed"
    return deploy(host, environment=given.environment, image=given.image, url=given.url)


def revert(host: Host, *, environment: str, url: str) -> bool:
    """Switch back to the version before and tell whether that one works from outside."""
    return host.run("make", "rollback", f"ENV={environment}") and smoke(url)


def smoke(url: str) -> bool:
    """Run the smoke test against the public address."""
    return subprocess.run([str(ROOT / "deploy" / "smoke.sh"), url], cwd=ROOT, check=False).returncode == 0


def say(text: str) -> None:
    """Write a line for the person who waits."""
    print(f"==> {text}", flush=True)


def main() -> None:
    """Do it, write the outcome down, and fail unless the environment now serves what was asked for."""
    given = arguments()
    host = Host(folder=given.folder, address=given.host)
    try:
        check_host(given.host)
        if given.image:
            check_image(given.image, environment=given.environment)
        settings = settings_for(given.environment, variables=os.environ)
    except (RefusedError, environments.MalformedVariableError) as refusal:
        sys.exit(str(refusal))
    try:
        outcome = carry_out(given, host=host, settings=settings)
    except ConnectionLostError:
        outcome = "unknown"
    say(f"Outcome: {outcome}")
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"outcome={outcome}\n")
    sys.exit(outcome not in GOOD)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Deploy an image, or go back to the one before.")
    parser.add_argument("--environment", required=True, choices=sorted(environments.DEFAULTS))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--image", help="by digest, commit or version")
    what.add_argument("--rollback", action="store_true", help="go back to the version before")
    parser.add_argument("--host", default="", help="user@host; here if there is none")
    parser.add_argument("--folder", default=str(ROOT), help="where the project lies on the host")
    parser.add_argument("--url", default="https://branchloans.com", help="what the smoke test is sent to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
