"""Trainers of small problems, from the data to the trained result."""
