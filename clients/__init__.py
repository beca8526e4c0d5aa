"""What is generated for those who call the API: a Python client and a Postman collection (ADR 36)."""
