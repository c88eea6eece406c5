"""Arrays with any strides, byte order, alignment and subclass."""

import tempfile

import numpy as np


class Subclass(np.ndarray):
    """An array of a subclass."""


def strided(array):
    wide = np.zeros([3 * n for n in array.shape], array.dtype)
    view = wide[tuple(slice(1, None, 3) for _ in array.shape)]
    view[...] = array
    return view


def reversed_(array):
    return np.flip(np.flip(array).copy())


def fortran_ordered(array):
    return np.asfortranarray(array)


def unaligned(array):
    room = np.zeros(array.nbytes + 1, np.uint8)
    view = room[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def byte_swapped(array):
    return array.astype(array.dtype.newbyteorder())


def memory_mapped(array):
    with tempfile.TemporaryFile() as file:
        view = np.memmap(file, array.dtype, "w+", shape=array.shape)
    view[...] = array
    return view


def matrix(array):
    return array.view(np.matrix) if array.ndim == 2 else array


def subclass(array):
    return array.copy().view(Subclass)


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def repeated(array):
    """The first row, repeated with a stride of 0."""
    return np.broadcast_to(array[:1], array.shape)


WRITABLE = [
    strided,
    reversed_,
    fortran_ordered,
    unaligned,
    byte_swapped,
    memory_mapped,
    matrix,
    subclass,
]
