"""Populations: many perceptrons of one architecture that are trained side by side.

`network` has the class, `run` the training, `state` the arrays of all members, `history` the
record, and `engine` chooses between compiled code for all members at once and one after the other.
"""
