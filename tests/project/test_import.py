"""The time and the side effects of `import nncore`, in new processes."""

import os
import subprocess
import sys

import pytest
from builds import NOT_SANITIZED
from processes import python

from nncore import kernels


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_heavy_modules_stay_out():
    heavy = ("tqdm", "safetensors", "matplotlib", "sklearn", "argparse", "pydoc_data")
    loaded = python("import sys, nncore; print(*{name.partition('.')[0] for name in sys.modules})")
    assert not set(heavy) & set(loaded.split())
    assert "nncore" in loaded.split()


def test_training_and_sampling_need_no_other_package():
    python(
        "import sys\n"
        "for name in ('tqdm', 'safetensors', 'matplotlib', 'sklearn'): sys.modules[name] = None\n"
        "import nncore\n"
        "model = nncore.CharRNN(hidden_size=4, rng=0)\n"
        "model.fit('abc' * 1000, iterations=3)\n"
        "model.sample(5)\n"
    )


THREADS = (
    "import os, threading; print(threading.active_count(), len(os.listdir('/proc/self/task')))"
)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc")
def test_no_threads_are_started():
    alone = python("import numpy;" + THREADS)
    assert python("import numpy, nncore;" + THREADS) == alone
    # numpy.linalg may start BLAS threads, which are not nncore's: min-char-rnn draws no matrix.
    work = "m = nncore.CharRNN.min_char_rnn(rng=0); m.fit('abc' * 500, iterations=3);"
    assert python("import numpy, nncore;" + work + THREADS) == alone


def test_random_numbers_environment_and_floating_point_stay_as_they_are():
    python(
        "import os, numpy as np\n"
        "before = np.random.get_state()[1].tolist(), dict(os.environ), np.geterr()\n"
        "import nncore\n"
        "assert before == (np.random.get_state()[1].tolist(), dict(os.environ), np.geterr())\n"
    )


@NOT_SANITIZED
def test_the_import_costs_less_than_half_of_that_of_numpy(tmp_path):
    """It takes 0.25 to 0.3 of NumPy's time, which says how fast and how busy the machine is."""
    code = (
        "from time import perf_counter as now; start = now(); import numpy; between = now();"
        "import nncore; print(between - start, now() - between)"
    )
    # Bytecode exists after the first run, also if it is not stored beside the sources.
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    runs = [[float(seconds) for seconds in python(code, **kept).split()] for _ in range(8)]
    numpy, nncore = map(min, zip(*runs, strict=True))
    print(f"import nncore: {1000 * nncore:.1f} ms, import numpy: {1000 * numpy:.1f} ms")
    assert nncore < 0.5 * numpy


@pytest.mark.parametrize("level", kernels.available_levels())
def test_every_level_of_this_processor_can_be_forced(level):
    code = "import nncore; print(nncore.kernels.level); nncore.show_config()"
    lines = python(code, NNCORE_SIMD=level).splitlines()
    assert lines[0] == level
    assert any(line.split() == ["level", level, "(forced", "by", "NNCORE_SIMD)"] for line in lines)


def test_an_unknown_level_is_an_import_error_that_names_the_known_ones():
    done = run("import nncore", NNCORE_SIMD="nonsense")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    known = ", ".join(kernels.available_levels())
    assert last == f"ImportError: NNCORE_SIMD must be one of {known}, got 'nonsense'"


def test_an_empty_level_setting_is_ignored():
    assert (
        python("import nncore; print(nncore.kernels.level)", NNCORE_SIMD="").strip()
        == (kernels.available_levels()[0])
    )
