"""What the guide shows about PyTorch networks."""

import doctest
import re

import pytest
from checkout import ROOT

pytest.importorskip("torch", reason="PyTorch is not installed")
GUIDE = ROOT / "docs" / "guide.md"


@pytest.mark.skipif(not GUIDE.exists(), reason="needs the checkout")
def test_the_session_of_the_guide_has_these_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (session,) = re.findall(r"^```pycon\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    example = doctest.DocTestParser().get_doctest(session, {}, "guide", str(GUIDE), 0)
    result = doctest.DocTestRunner().run(example)
    assert result.attempted == 9
    assert not result.failed
    assert (tmp_path / "net.pt").exists()
