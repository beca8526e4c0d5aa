"""Branch Loans: a loan-management service. A loan is a pure fold over dated events."""

__version__ = "0.1.0"
