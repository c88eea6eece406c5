"""The compiled kernels and `reference` have the same names and give the same results."""

import ast
import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from calls import (
    ALL_CASES,
    ELEMENTWISE,
    call,
    converted,
    copied,
    flat,
    made,
    outcome,
    overwritten,
    same_bits,
    sizes,
)
from cases import CASES, COARSE
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_as_good_as_numpy, assert_equal_to_rounding

from nncore import kernels, reference

LARGE = [(1, 257, 130), (2, 130, 257), (7, 513, 19), (33, 1, 300), (65, 257, 130), (130, 300, 65)]


# --- names, signatures, docstrings ----------------------------------------------------


def signature(function):
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def test_every_kernel_has_a_case():
    assert {case.kernel for case in CASES} | COARSE == set(kernels.__all__)


def test_no_kernel_has_two_cases():
    assert len({case.kernel for case in CASES} | COARSE) == len(CASES) + len(COARSE)


def test_kernels_are_the_public_functions_of_reference():
    functions = inspect.getmembers(reference, inspect.isfunction)
    assert [name for name, _ in functions] == kernels.__all__ == reference.__all__


@pytest.mark.parametrize("name", kernels.__all__)
def test_signatures_equal_those_of_reference(core, name):
    assert signature(getattr(core, name)) == signature(getattr(reference, name))


@pytest.mark.parametrize("name", kernels.__all__)
def test_kernels_carry_the_docstrings_of_reference(name):
    text = getattr(kernels, name).__doc__
    assert text
    assert text == getattr(reference, name).__doc__


def test_stub_has_the_kernels_from_their_twins():
    tree = ast.parse(Path(kernels.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    twins = [
        n.module for n in tree.body if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"
    ]
    values = {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign)}
    functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    listed = [name for module in twins for name in import_module(module).__all__]
    assert sorted(listed) == kernels.__all__
    assert values | functions == {
        "LEVELS",
        "level",
        "available_levels",
        "rows_are_valid",
    }


# --- the level that is chosen -----------------------------------------------------------


def level_under(setting):
    code = "from nncore import kernels; print(kernels.level)"
    environment = {**os.environ, "NNCORE_SIMD": setting}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("level", kernels.available_levels())
def test_environment_forces_a_level(level):
    assert level_under(level).stdout.strip() == level


def test_without_a_setting_the_best_level_is_taken():
    assert level_under("").stdout.strip() == kernels.available_levels()[0]


def test_unknown_level_is_refused_by_name():
    assert "NNCORE_SIMD must be one of" in level_under("mmx").stderr


# --- the same results -------------------------------------------------------------------


def assert_agrees_with_reference(core, case, arguments, dtype):
    results = outcome(core, case, arguments)
    expected = outcome(reference, case, arguments)
    if dtype == np.float64:
        assert_equal_to_rounding(results, expected, arguments)
    else:
        exact = outcome(reference, case, converted(arguments, np.float64))
        assert_as_good_as_numpy(results, expected, exact, arguments)


@ALL_CASES
@given(n=sizes, i=sizes, o=sizes, seed=st.integers(0, 99))
def test_agrees_with_reference_at_every_size(core, case, dtype, n, i, o, seed):
    assert_agrees_with_reference(core, case, made(case, n, i, o, dtype, seed), dtype)


@ALL_CASES
@pytest.mark.parametrize("size", LARGE, ids=str)
def test_agrees_with_reference_beyond_one_block(core, case, dtype, size):
    assert_agrees_with_reference(core, case, made(case, *size, dtype), dtype)


def test_the_bias_of_linear_forward_is_optional(core, dtype):
    x, w, b = np.ones((3, 4), dtype), np.ones((4, 5), dtype), np.zeros(5, dtype)
    assert same_bits([core.linear_forward(x, w)], [core.linear_forward(x, w, b)])


@ALL_CASES
def test_only_what_is_updated_changes(core, case, dtype):
    arguments = made(case, 6, 5, 7, dtype)
    given_ = copied(arguments)
    call(core, case, given_)
    for k in set(range(len(arguments))) - set(overwritten(case, arguments)):
        assert same_bits(flat(arguments[k]), flat(given_[k]))


@ALL_CASES
def test_results_are_plain_arrays_of_the_dtype_given(core, case, dtype):
    for module in (core, reference):
        for array in outcome(module, case, made(case, 3, 4, 5, dtype)):
            assert array.shape == () or (type(array) is np.ndarray and array.dtype == dtype)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=[c.kernel for c in ELEMENTWISE])
def test_a_single_number_gives_an_array_without_axes(core, case, dtype):
    arguments = [a.reshape(()) for a in made(case, 1, 1, 1, dtype)]
    for module in (core, reference):
        result = call(module, case, arguments)
        assert isinstance(result, np.ndarray)
        assert result.shape == ()
