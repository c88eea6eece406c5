"""The compiled kernels, as Python calls them: one source, built once for each level."""
include "arrays.pxi"
include "layers.pxi"
include "training.pxi"
