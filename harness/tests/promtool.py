"""What Prometheus' own promtool says about census --openmetrics and the alert in the README.

    make test-openmetrics

Not part of `make test`: it needs the package that harness/tests/real/fetch unpacks.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from conftest import Run
from test_census_truth import holding, namespace_of

from linger.lab.programs import ROOT

README = ROOT / "harness" / "census" / "README.md"


def promtool(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_metrics(run: Run) -> None:
    with holding("doubled") as holder:
        for words in ([], ["--age"], ["--all"], ["--no-owners"], ["--state", "CLOSE_WAIT"]):
            host = [] if "--all" in words else namespace_of(holder)
            text = run("census", "--openmetrics", *host, *words).stdout
            done = promtool("check", "metrics", text=text)
            assert (done.returncode, done.stdout) == (0, ""), done.stdout
    wrong = promtool("check", "metrics", text=text.replace(" gauge", " counter"))
    assert wrong.returncode and "_total" in wrong.stdout  # it does look


def test_the_alert(tmp_path: Path) -> None:
    """It fires for a leak, but not for a plateau or a rise that falls again."""
    found = re.search(r"```yaml\n(groups:.*?)```", README.read_text(), re.S)
    assert found
    (tmp_path / "alert.yml").write_text(found[1])
    assert promtool("check", "rules", str(tmp_path / "alert.yml")).returncode == 0
    series = 'linger_census_process_descriptors{host="local",process="shop",unit="",state="CLOSE_WAIT",port="%d"}'
    shapes = {1: "0+1x180", 2: "500x180", 3: "0+10x60 600-10x59 0x60"}  # a leak, a plateau, a peak
    inputs = "".join(
        f"      - series: '{series % port}'\n        values: '{values}'\n"
        for port, values in shapes.items()
    )
    labels = "{host: local, process: shop, state: CLOSE_WAIT, port: '1'}"
    (tmp_path / "test.yml").write_text(
        f"rule_files: [{tmp_path}/alert.yml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n"
        f"    input_series:\n{inputs}    alert_rule_test:\n      - eval_time: 179m\n"
        f"        alertname: CloseWaitGrows\n        exp_alerts:\n          - exp_labels: {labels}\n"
        "            exp_annotations: {summary: shop keeps connections that its peers have closed}\n"
    )
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout
