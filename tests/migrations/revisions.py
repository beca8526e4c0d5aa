"""The migrations that there are, oldest first. Whoever adds one raises the number, here and nowhere else."""

COUNT = 16

REVISIONS = tuple(f"{number:04}" for number in range(1, COUNT + 1))
NEWEST, BEFORE = REVISIONS[-1], REVISIONS[-2]
NEXT = f"{COUNT + 1:04}"
