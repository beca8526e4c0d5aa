"""Tell people how a deployment ended, by one message to the webhook NOTIFY_URL (Slack and Mattermost read it).

python3 ci/notify.py --environment staging --outcome deployed --what ada/branchloans-staging:a1b2c3d --link https://...

A message that cannot be sent is a warning: it says nothing about the deployment.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 10
SENTENCES = {
    "deployed": "{environment}: {what} is serving.",
    "refused": "{environment}: {what} was refused; the version before it kept serving.",
    "rolled-back": "{environment}: {what} failed its smoke test and was rolled back; the version before it serves.",
    "reverted": "{environment}: rolled back by hand; the version before serves.",
    "broken": "{environment}: BROKEN. {what} failed and so did the way back: someone has to look now.",
    "unknown": "{environment}: the connection was lost while {what} was deployed: look at the host (make history).",
    "failed": "{environment}: the deployment of {what} stopped before anything was switched.",
}


def sentence(*, environment: str, outcome: str, what: str, link: str) -> str:
    """Put the end of a deployment into one sentence; an outcome nobody knows is a failure."""
    text = SENTENCES.get(outcome, SENTENCES["failed"]).format(
        environment=environment, what=what or "the rollback"
    )
    return f"{text} {link}".strip()


def send(text: str, *, url: str) -> str:
    """Post the sentence and return what went wrong, or nothing."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        return "NOTIFY_URL must begin with https://"
    request = urllib.request.Request(  # noqa: S310 - the scheme was just checked
        url, data=json.dumps({"text": text}).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - likewise
            return ""
    except urllib.error.HTTPError as error:
        return f"the webhook answered {error.code}"
    except OSError as error:
        # The URL holds a token, so it is not repeated here.
        return f"the webhook cannot be reached ({type(error).__name__})"


def main() -> None:
    """Say it here, and to the webhook if there is one."""
    parser = argparse.ArgumentParser(description="Tell people how a deployment ended.")
    parser.add_argument("--environment", required=True)
    parser.add_argument("--outcome", required=True, help=", ".join(SENTENCES))
    parser.add_argument("--what", default="", help="the image")
    parser.add_argument("--link", default="", help="where the details are")
    given = parser.parse_args()
    text = sentence(environment=given.environment, outcome=given.outcome, what=given.what, link=given.link)
    print(text)
    url = os.environ.get("NOTIFY_URL", "").strip()
    if not url:
        print("Nobody else was told: NOTIFY_URL is not set.")
        return
    fault = send(text, url=url)
    if fault:
        print(f"::warning::Nobody else was told: {fault}", file=sys.stderr)


if __name__ == "__main__":
    main()
