"""The rules of lending: values in, values out, with no clock, database or framework."""
