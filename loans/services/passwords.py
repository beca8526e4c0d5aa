"""Passwords: which ones are accepted, and their argon2id hashes (ADR 31).

A hash takes some 30 ms and 19 MiB on purpose. So it is never made while a database connection is held, and at most
two at once, so that a storm of logins takes neither all memory nor all cores of a worker.
"""

import secrets
import threading
import unicodedata
from dataclasses import dataclass, field

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from loans.core.errors import LendingError

LENGTH_MIN, LENGTH_MAX = 12, 128
HASHED_AT_ONCE_MAX = 2
# OWASP's smallest setting for argon2id.
HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# What is compared where there is nobody: a password that nobody has.
NOBODY = HASHER.hash(secrets.token_hex(32))
_turns = threading.BoundedSemaphore(HASHED_AT_ONCE_MAX)

# Of the commonest passwords (lists of leaks) those that are long enough, and what our own name suggests.
# fmt: off
COMMON = frozenset((
    "000000000000", "012345678910", "0123456789ab", "098765432112", "111111111111", "111222333444",
    "112233445566", "121212121212", "123123123123", "123456123456", "123456789012", "1234567890123",
    "12345678901234", "1234567890ab", "1234567890qw", "123456789abc", "1234qwerasdf", "123qweasdzxc",
    "1q2w3e4r5t6y", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "222222222222", "987654321000", "aaaaaaaaaaaa",
    "abc123abc123", "abcd12345678", "abcdefghijkl", "abcdefghijklm", "adminadminadmin", "administrator",
    "administrator1", "asdfasdfasdf", "asdfghjkl123", "asdfghjkl;'zx", "branch-loans", "branchloans1",
    "branchloans123", "changeme1234", "changemechangeme", "changemenow!", "correcthorsebatterystaple",
    "football1234", "iloveyou1234", "iloveyouforever", "iloveyousomuch", "letmein12345", "letmeinletmein",
    "loanofficer1", "monkeymonkey", "p@ssw0rd1234", "p@ssword1234", "passw0rd1234", "password!123",
    "password0123", "password123!", "password1234", "password12345", "password123456", "password2024",
    "password2025", "password2026", "passwordpassword", "princess1234", "qazwsxedcrfv", "qwer1234qwer",
    "qwerty123456", "qwerty1234567", "qwertyqwerty", "qwertyuiop12", "qwertyuiop123", "qwertyuiop[]",
    "qwertyuiopas", "sunshine1234", "superman1234", "test12341234", "testtesttest", "trustno1trustno1",
    "welcome12345", "welcomewelcome", "whatever1234", "zxcvbnm12345", "zxcvbnmasdfghjkl",
))
# fmt: on


class WeakPassword(LendingError):
    """The new password is too short or too long, the username, or among the commonest."""

    code = "weak_password"
    title = "Weak password"


class WrongPassword(LendingError):
    """The present password is wrong, or too many wrong ones were given in a row."""

    code = "wrong_password"
    title = "Wrong password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A password's hash, and the password itself if it is ours to tell: whoever gets it must then change it."""

    hashed: str = field(repr=False)
    told: str | None = field(default=None, repr=False)


def check(password: str, *, username: str) -> None:
    """Refuse a password that is guessed soon; no rule on the kinds of its characters (NIST SP 800-63B).

    :raises WeakPassword: if it is.
    """
    plain = _normal(password)
    if not LENGTH_MIN <= len(plain) <= LENGTH_MAX:
        raise WeakPassword(f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters", field="new_password")
    if plain.casefold() == username.casefold():
        raise WeakPassword("the password must not be the username", field="new_password")
    if plain.casefold() in COMMON:
        raise WeakPassword("this password is among the commonest: choose another", field="new_password")


def generate() -> Password:
    """Make a first password that nobody guesses."""
    told = secrets.token_urlsafe(18)
    return Password(hashed=hash_of(told), told=told)


def hash_of(password: str) -> str:
    """Hash a password, slowly."""
    with _turns:
        return HASHER.hash(_normal(password))


def is_right(password: str, *, hashed: str | None) -> bool:
    """Compare a password with a hash, or, as slowly, with that of nobody."""
    with _turns:
        try:
            return HASHER.verify(NOBODY if hashed is None else hashed, _normal(password))
        except (VerificationError, InvalidHashError):
            return False


def _normal(password: str) -> str:
    # The same letters typed on another keyboard must come to the same characters.
    return unicodedata.normalize("NFKC", password)
