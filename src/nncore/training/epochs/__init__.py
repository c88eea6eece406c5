"""Training by epochs of batches of rows, with validation, early stopping and checkpoints.

A network derives from `model.EpochModel`, and its runs from `run.EpochRun`.
"""
