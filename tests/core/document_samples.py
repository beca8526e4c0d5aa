"""The smallest document of terms, and what is refused of one."""

import pytest

from loans.core import term_documents
from loans.core.documents import InvalidDocument

SMALLEST = {"principal": "1000.00", "currency": "KES", "annual_rate": "12.00", "installments": 3}


def faults(document, **options):
    """What is refused, as {pointer: detail}; a place named twice shows as a list."""
    with pytest.raises(InvalidDocument) as refused:
        term_documents.read(document, **options)
    found = {}
    for fault in refused.value.extensions["errors"]:
        found.setdefault(fault["pointer"], []).append(fault["detail"])
    return {pointer: details[0] if len(details) == 1 else details for pointer, details in found.items()}
