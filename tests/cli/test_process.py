"""The command line as a process: signals, pipes and exit status."""

import os
import signal
import subprocess
import sys
import time

import pytest
from processes import NNCORE, POSIX, read_until, start
from texts import prose

import _nncore_command
from nncore import CharRNN, cli
from nncore.files import atomic


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(prose(200_000))
    return path


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    CharRNN(hidden_size=8, rng=0).build("abc\n").save(path)
    return path


def interrupt(process):
    """Ctrl-C; returns exit status, seconds until the end, and the rest of stderr."""
    begin = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    return process.returncode, time.perf_counter() - begin, err.decode()


@POSIX
@pytest.mark.parametrize("network", [[], ["--min-char-rnn", "--hidden-size", "512"]], ids=len)
def test_ctrl_c_ends_training_at_once_and_saves_what_there_is(network, text, tmp_path):
    saved = tmp_path / "m.safetensors"
    options = (*network, "--epochs", "1000000", "--save", saved, "--seed", "1")
    for _ in range(3):  # other work on the machine may delay one of them
        with start("char-rnn", "train", text, *options) as process:
            read_until(process.stderr, b"loss=")
            time.sleep(0.2)
            status, seconds, err = interrupt(process)
        if seconds < 0.2:
            break
    assert status == 130
    assert seconds < 0.5  # 0.2 on an idle machine, saving and the end of Python included
    assert err.splitlines()[-2:] == [f"model: {saved}", "nncore: ended by Ctrl-C"]
    assert "Traceback" not in err
    network = CharRNN.load(saved)
    assert network.history.iterations > 0
    assert len(network.sample(10)) == 10


# Signals come at the beginning of every writing of a file.
FULL = "nncore: error: standard output: No space left on device\n"
SIGNALLED = """
import os, signal, sys
from nncore import cli
from nncore.files import atomic

write = atomic.write_atomically

def signalled(*args):
    for number in {numbers}:
        os.kill(os.getpid(), number)
    write(*args)

atomic.write_atomically = signalled
sys.exit(cli.main(sys.argv[1:]))
"""


@POSIX
@pytest.mark.parametrize("numbers", [[15], [2], [15, 15], [15, 2, 2]], ids=str)
@pytest.mark.parametrize("options", [("--save",), ("--checkpoint",)], ids=str)
def test_a_signal_while_the_command_saves_ends_it_when_all_is_saved(
    options, numbers, text, tmp_path
):
    saved, script = tmp_path / "m.safetensors", SIGNALLED.format(numbers=numbers)
    train = ("char-rnn", "train", text, "--iterations", "20", "--hidden-size", "8", "--quiet")
    command = [sys.executable, "-c", script, *map(str, train), *options, str(saved)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "nncore: ended by Ctrl-C"
    assert CharRNN.load(saved).history.iterations == 20
    assert sorted(os.listdir(tmp_path)) == [saved.name, text.name]


@POSIX
@pytest.mark.parametrize("where", ["check_target", "sample"])
def test_a_sigterm_before_and_after_training_is_status_130(where, text, tmp_path, monkeypatch):
    def terminated(*args):
        os.kill(os.getpid(), signal.SIGTERM)

    saved, before = tmp_path / "m.safetensors", signal.getsignal(signal.SIGTERM)
    owner = {"check_target": atomic, "sample": CharRNN}[where]
    monkeypatch.setattr(owner, where, terminated)
    options = ("--iterations", "5", "--batch-size", "2", "--save", str(saved))
    assert cli.main(["char-rnn", "train", str(text), *options]) == 130
    assert saved.exists() == (where == "sample")
    assert signal.getsignal(signal.SIGTERM) is before


@POSIX
def test_ctrl_c_ends_a_long_sample(model):
    for _ in range(3):
        with start("char-rnn", "sample", model, "--length", 10**9) as process:
            read_until(process.stdout, b"a")
            status, seconds, err = interrupt(process)
        if seconds < 0.2:
            break
    assert (status, err) == (130, "nncore: ended by Ctrl-C\n")
    assert seconds < 0.5


@POSIX
def test_a_closed_pipe_ends_a_sample_silently(model):
    with start("char-rnn", "sample", model, "--length", 10**9) as process:
        read_until(process.stdout, b"a")
        process.stdout.close()
        err = process.stderr.read()
        status = process.wait(timeout=30)
    assert (status, err) == (1, b"")


@POSIX
def test_nncore_info_into_head_says_nothing_on_stderr():
    done = subprocess.run(
        f"'{sys.executable}' -m nncore --help | head -c 1",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert done.stdout == b"u"
    assert b"Traceback" not in done.stderr


@POSIX
@pytest.mark.parametrize("command", ["info", "gates", "rgb predict 0,0,0", "char-rnn sample {m}"])
def test_a_closed_stdout_is_one_line_and_status_1(command, model):
    words = command.format(m=model)
    done = shell(f"{words} >&-")
    assert (done.returncode, done.stderr) == (1, "nncore: error: standard output is closed\n")


@POSIX
def test_nothing_is_written_elsewhere_when_stderr_is_closed(text, tmp_path):
    saved = tmp_path / "m.safetensors"
    done = shell(f"char-rnn train '{text}' --iterations 3 --hidden-size 4 --save '{saved}' 2>&-")
    assert done.returncode == 0
    assert done.stdout.startswith("Trained 1 layer of 4 gru units for 3 updates in ")
    assert saved.exists()
    done = shell("rgb predict 0,0,0 --model missing 2>&-")
    assert (done.returncode, done.stdout) == (1, "")


@POSIX
@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("rgb ask", "standard input is closed"),
        ("char-rnn train -", "standard input (-) is closed"),
        ("char-rnn evaluate {m} -", "standard input (-) is closed"),
    ],
)
def test_a_closed_stdin_is_one_line_and_status_1(command, error, model):
    done = shell(f"{command.format(m=model)} <&-")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"nncore: error: {error}\n")


@POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["info", "char-rnn sample {m}"])
def test_a_full_disk_at_stdout_is_one_line_and_status_1(command, unbuffered, model, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = shell(f"{command.format(m=model)} >/dev/full")
    assert (done.returncode, done.stderr) == (1, FULL)


@POSIX
@pytest.mark.parametrize(
    "encoding", ["ascii", "ascii:surrogateescape", "latin-1", "utf-8", "ascii:replace"]
)
def test_characters_that_stdout_cannot_encode_are_escaped(encoding, tmp_path):
    CharRNN(hidden_size=4, rng=0).build("漢").save(tmp_path / "m")
    done = subprocess.run(
        [*NNCORE, "char-rnn", "sample", str(tmp_path / "m"), "--length", "2"],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=True,
    )
    shown = {"utf-8": "漢".encode(), "ascii:replace": b"?"}.get(encoding, rb"\u6f22")
    assert done.stdout == 2 * shown + b"\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of files that are any bytes")
def test_a_name_that_stdout_cannot_encode_does_not_end_a_command(tmp_path):
    saved = os.fsencode(tmp_path) + b"/\xff.m"
    done = subprocess.run(
        [*NNCORE, "rgb", "train", "--epochs", "1", "--save", saved],
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.endswith(rb"\udcff.m" + b"\n")
    assert os.path.exists(saved)


def shell(words):
    """nncore with redirections."""
    command = f"'{sys.executable}' -m nncore {words}"
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False)


def test_text_comes_through_a_pipe(tmp_path):
    saved = tmp_path / "m.safetensors"
    options = ("--hidden-size", "4", "--iterations", "3", "--quiet", "--save", str(saved))
    command = [*NNCORE, "char-rnn", "train", "-", *options]
    done = subprocess.run(command, input="añb\r\n".encode() * 500, capture_output=True, check=True)
    assert done.stderr.decode().strip() == f"model: {saved}"
    assert CharRNN.load(saved).vocabulary.characters == "\n\rabñ"


def test_python_m_nncore_is_the_command():
    done = subprocess.run([*NNCORE, "info"], capture_output=True, text=True, check=True)
    assert "level" in done.stdout
    wrong = subprocess.run([*NNCORE, "nonsense"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("nncore: error: ")


def test_a_failure_in_a_process_has_status_1_and_no_traceback(tmp_path):
    command = [*NNCORE, "char-rnn", "evaluate", str(tmp_path / "missing"), "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


SCRIPT = [sys.executable, "-c", "import _nncore_command as c; raise SystemExit(c.main())"]


@pytest.mark.parametrize("command", [NNCORE, SCRIPT], ids=["module", "script"])
def test_an_unknown_level_is_one_line_and_status_1(command):
    done = subprocess.run(
        [*command, "info"],
        env=os.environ | {"NNCORE_SIMD": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "NNCORE_SIMD must be one of " in done.stderr
    assert done.stderr.count("\n") == 1


def importing(monkeypatch, error):
    """Let the import of the command line fail with this error."""

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "nncore.cli":
                raise error

    for name in [name for name in sys.modules if name.startswith("nncore.cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])


def test_ctrl_c_while_the_command_loads_is_status_130(monkeypatch):
    importing(monkeypatch, KeyboardInterrupt())
    assert _nncore_command.main() == 130


def test_an_nncore_that_will_not_load_says_nothing_to_a_closed_stderr(monkeypatch, capsys):
    importing(monkeypatch, ImportError("no level", name="nncore"))
    monkeypatch.setattr(sys, "stderr", None)
    assert _nncore_command.main() == 1
    assert capsys.readouterr().out == ""


def test_an_nncore_that_will_not_load_is_one_line_and_status_1(monkeypatch, capsys):
    importing(monkeypatch, ImportError("no level", name="nncore"))
    assert _nncore_command.main() == 1
    assert capsys.readouterr().err == "nncore: error: no level\n"


def test_a_missing_third_party_module_is_reported_as_such(monkeypatch):
    importing(monkeypatch, ModuleNotFoundError("no tqdm", name="tqdm"))
    with pytest.raises(ModuleNotFoundError, match="no tqdm"):
        _nncore_command.main()
