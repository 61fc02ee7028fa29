"""The examples for deploying: they render, fit the schemas, are linted, and their figures are those of the code.

None of them ran on a cluster, and the Containerfile was never built: there is none, and no registry, here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.source import ROOT
from voicekit_serve import limits
from voicekit_serve.asgi import build_app
from voicekit_serve.site import CallSite

pytestmark = pytest.mark.slow

DEPLOY = ROOT / "examples" / "deploy"
OVERLAYS = ("laptop", "production")
SPARE_S = 30
"""Behind the drain: the farewell, the last messages, the flush."""


def rendered(overlay: str) -> str:
    done = subprocess.run(
        ["kubectl", "kustomize", DEPLOY / "overlays" / overlay], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def objects(overlay: str) -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(rendered(overlay))}


@pytest.mark.needs_debian("kubectl", "kubectl")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_overlay_fits_the_schemas(overlay: str, tmp_path: Path) -> None:
    """Every object of what kustomize renders is valid, strictly."""
    path = tmp_path / "all.yaml"
    path.write_text(rendered(overlay), encoding="utf-8")
    command = shutil.which("kubernetes-validate", path=str(Path(sys.executable).parent)) or "kubernetes-validate"
    done = subprocess.run([command, "--strict", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_containerfile_is_linted() -> None:
    """hadolint has nothing to say."""
    command = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or "hadolint"
    done = subprocess.run([command, DEPLOY / "Containerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.needs_debian("kubectl", "kubectl")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_grace_is_long_enough(overlay: str) -> None:
    """preStop, drain and 30 s more fit into the grace; systemd's limit is as long."""
    pod = objects(overlay)["Deployment"]["spec"]["template"]["spec"]
    (bot,) = pod["containers"]
    drain = float(next(arg for arg in bot["args"] if arg.startswith("--drain=")).partition("=")[2])
    assert pod["terminationGracePeriodSeconds"] >= bot["lifecycle"]["preStop"]["sleep"]["seconds"] + drain + SPARE_S
    unit = (DEPLOY / "voicekit.service").read_text(encoding="utf-8")
    told = float(re.findall(r"--drain (\d+)", unit)[0])
    assert float(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) >= told + SPARE_S


@pytest.mark.needs_debian("kubectl", "kubectl")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ports_and_probes_are_those_of_the_code(overlay: str) -> None:
    """Each probe asks a path that the server has, on the port that it is told to listen on."""
    found = objects(overlay)
    (bot,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    (port,) = bot["ports"]
    (service,) = found["Service"]["spec"]["ports"]
    assert service["targetPort"] == port["name"]
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert f'"--port", "{port["containerPort"]}"' in lines
    assert f"EXPOSE {port['containerPort']}" in lines

    async def answer(call: object) -> None: ...

    site = CallSite(answer, (), public_url="https://bot.example")
    paths = {getattr(route, "path", "") for route in build_app(site).routes}
    probes = [bot[name]["httpGet"] for name in ("readinessProbe", "livenessProbe", "startupProbe")]
    assert {probe["port"] for probe in probes} == {port["name"]}
    annotations = found["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert {probe["path"] for probe in probes} | {annotations["prometheus.io/path"]} <= paths
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


@pytest.mark.needs_debian("kubectl", "kubectl")
def test_it_scales_on_a_metric_that_there_is() -> None:
    """At 60 to 70 % of the calls that a pod takes."""
    found = objects("production")
    (metric,) = found["HorizontalPodAutoscaler"]["spec"]["metrics"]

    async def answer(call: object) -> None: ...

    site = CallSite(answer, (), public_url="https://bot.example")
    assert f"{metric['pods']['metric']['name']} 0" in site.metrics()
    (bot,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    most = int(next(arg for arg in bot["args"] if arg.startswith("--max-calls=")).partition("=")[2])
    assert 0.6 <= int(metric["pods"]["target"]["averageValue"]) / most <= 0.7


def test_proxies_are_more_patient_than_the_pings() -> None:
    """A call on hold is silent but for the server's pings."""
    config = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert all(float(found) > 2 * limits.PING_S for found in re.findall(r"proxy_(?:read|send)_timeout (\d+)s", config))
    assert f"client_max_body_size {limits.BODY_BYTES // 1024}k" in config
