"""Tables and constraints only: no rules, no queries."""
