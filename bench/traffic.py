"""Clients with connections that stay open, each with one request after another, as fast as they are answered."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from loans import clock

LENGTH = b"content-length:"


@dataclass(slots=True)
class Answers:
    """What clients got: the seconds that each answer took, statuses, what was created, and the time of it all."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    locations: list[str] = field(default_factory=list)
    elapsed: float = 0.0

    def note(self, status: int, *, seconds: float, location: str | None) -> None:
        """This will note an answer."""
        self.seconds.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if location is not None:
            self.locations.append(location)


def send(port: int, requests: Iterator[bytes], *, clients: int, seconds: float) -> Answers:
    """This will have clients send requests until the time is over or there are no more."""
    answers = Answers()
    started = clock.monotonic()
    asyncio.run(_all(port, requests, answers, clients=clients, until=started + seconds))
    answers.elapsed = clock.monotonic() - started
    return answers


async def _all(port: int, requests: Iterator[bytes], answers: Answers, *, clients: int, until: float) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(_one(port, requests, answers, until=until))


async def _one(port: int, requests: Iterator[bytes], answers: Answers, *, until: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while clock.monotonic() < until and (raw := next(requests, None)) is not None:
            started = clock.monotonic()
            writer.write(raw)
            status, location, is_kept = await _answer(reader)
            answers.note(status, seconds=clock.monotonic() - started, location=location)
            if not is_kept:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str | None, bool]:
    """Read one answer to its end: its status, its Location, and whether the connection stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    await reader.readexactly(int(headers[b"content-length"]))
    location = headers.get(b"location")
    is_kept = headers.get(b"connection", b"").lower() != b"close"
    return int(lines[0].split()[1]), location and location.decode("ascii"), is_kept
