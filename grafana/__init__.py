"""Grafana: what it is provisioned with, and the source of its dashboards (`python -m grafana.build`)."""
