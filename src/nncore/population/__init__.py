"""Populations: many perceptrons of one architecture that are trained side by side.

`network` has the class, `run` the training and `run_state` what is needed to resume it, `state` the
arrays of all members, `history` the losses, `file` model files, and `engine` chooses between
compiled code for all members at once and one after the other.
"""
