"""What the tests with vendors' clients share."""
