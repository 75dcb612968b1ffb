"""The behaviour of the operations: a module for each resource, a function for each operation."""
