"""The dashboards as code, one module each."""
