"""A second model of docs/lending-rules.md, slow and obvious, written from that page alone.

It shares with loans/core the types of terms and events and the facts of the calendar, and nothing else.
"""
