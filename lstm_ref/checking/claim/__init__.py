"""The claimed gradient, evaluated."""
