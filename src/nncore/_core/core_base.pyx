include "core.pxi"
