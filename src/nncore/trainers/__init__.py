"""Trainers: small problems from their data to the trained result, one a module."""
