"""Circuits of scalar expressions, their derivatives, and gradient ascent."""
