"""Training by epochs of batches of rows, with validation, early stopping and checkpoints.

A network derives from `model.EpochModel` and its runs from `run.EpochRun`; `file` saves and loads
it. A row is what a batch consists of: for a recurrent network, a sequence.
"""
