"""Tests of the local HealthOmics server; a package, for its conftest has types to import."""
