"""The app is built and checked, what the check must object to is put in by hand, and its code runs on a JVM.

Needs what ``make android`` fetches, and is run by ``make android-check``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from android_demo.tools import build, check, jdk
from android_demo.tools.fetch import Fetched, fetch, fetch_desktop
from tests.android.conftest import Runner, missing
from tests.android.test_answers import GOLDEN

ROOT = Path(__file__).parents[2]
ABI = "arm64-v8a"


@pytest.fixture(scope="module")
def fetched() -> Fetched:
    if not os.environ.get("REQUIRE_APK"):
        pytest.skip("Android's tools are not fetched in the ordinary tests: run make android-check")
    return fetch(ROOT / ".cache" / "android")


@pytest.fixture(scope="module")
def home(fetched: Fetched) -> Path:
    found = jdk.find_jdk(build.LEAST)
    if found is None:
        missing(f"there is no JDK {build.LEAST} or newer: set JAVA_HOME")
    return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, fetched: Fetched) -> Path:
    return build.demo_bundle(tmp_path_factory.mktemp("demo") / "int8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, fetched: Fetched, home: Path, bundle: Path) -> Path:
    """The folder of a build for one processor."""
    out = tmp_path_factory.mktemp("apk") / "out"
    build.build(fetched, home, {"demo": bundle}, (ABI,), out)
    return out


def objections(fetched: Fetched, home: Path, apk: Path) -> list[str]:
    return list(check.problems(fetched, home, apk))


def test_the_app_as_it_is(fetched: Fetched, home: Path, built: Path):
    apk = built / f"roformer-{ABI}.apk"
    assert objections(fetched, home, apk) == []
    check.check(fetched, home, apk)
    badging = build.run(fetched, fetched.tool("aapt2"), "dump", "badging", apk)
    assert "application-label-zh:'端侧 RoFormer'" in badging
    assert f"native-code: '{ABI}'" in badging


def test_every_processor_has_libraries_for_large_pages(fetched: Fetched):
    for abi in build.ABIS:
        libraries = sorted((fetched.aar / "jni" / abi).glob("*.so"))
        assert len(libraries) == 2
        assert min(check.least_alignment(path.read_bytes()) for path in libraries) >= build.PAGE


def repacked(fetched: Fetched, home: Path, built: Path, folder: Path, **changes: object) -> Path:
    """The same APK packed anew, with changes, and signed with a key of its own."""
    work = built / "work"
    assets = {f"assets/{name}": path for name, path in build.files(work / "assets")}
    libraries = {f"lib/{ABI}/{path.name}": path for path in sorted((fetched.aar / "jni" / ABI).glob("*.so"))}
    parts = {
        "base": work / "base.apk",
        "dex": work / "classes.dex",
        "assets": assets,
        "libraries": libraries,
        **changes,
    }
    unsigned, signed = folder / "unsigned.apk", folder / "signed.apk"
    build.pack(unsigned, **parts)
    build.sign(fetched, home, unsigned, signed, build.make_key(home, folder))
    return signed


def test_a_library_off_its_page(
    fetched: Fetched, home: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(build, "PAGE", 4)
    apk = repacked(fetched, home, built, tmp_path)
    monkeypatch.undo()
    told = objections(fetched, home, apk)
    assert told
    assert all("no multiple of 16384" in problem for problem in told)
    with pytest.raises(SystemExit, match="no multiple of 16384"):
        check.check(fetched, home, apk)


def test_a_changed_asset(fetched: Fetched, home: Path, built: Path, tmp_path: Path):
    sound = built / f"roformer-{ABI}.apk"
    data = bytearray(sound.read_bytes())
    model = (built / "work/assets/bundles/demo/model.onnx").read_bytes()
    at = data.index(model[1000:1200])
    data[at] ^= 1
    # the archive's own checksum would notice too: made right
    changed = tmp_path / "changed.apk"
    changed.write_bytes(data)
    with pytest.raises(Exception, match=r"CRC|signature"):
        check.check(fetched, home, changed)
    # packed and signed anew
    copy = tmp_path / "model.onnx"
    copy.write_bytes(model[:-1] + bytes([model[-1] ^ 1]))
    assets = {f"assets/{name}": path for name, path in build.files(built / "work" / "assets")}
    assets["assets/bundles/demo/model.onnx"] = copy
    told = objections(fetched, home, repacked(fetched, home, built, tmp_path, assets=assets))
    assert [problem.partition(" is not ")[2] for problem in told] == [
        "the file that was packed", "the file that its bundle lists",
    ]  # fmt: skip


def test_a_missing_notice(fetched: Fetched, home: Path, built: Path, tmp_path: Path):
    assets = {f"assets/{name}": path for name, path in build.files(built / "work" / "assets")}
    del assets["assets/licences/onnxruntime-ThirdPartyNotices.txt"]
    told = objections(fetched, home, repacked(fetched, home, built, tmp_path, assets=assets))
    assert any("ThirdPartyNotices.txt is missing" in problem for problem in told)


def other_sources(folder: Path, path: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build from a copy of the sources with one change."""
    copy = Path(shutil.copytree(jdk.DEMO, folder / "android_demo"))
    source = copy / path
    text = source.read_text("utf-8")
    assert text.count(old) == 1
    source.write_text(text.replace(old, new), "utf-8")
    monkeypatch.setattr(jdk, "DEMO", copy)


def test_a_permission(fetched: Fetched, home: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = '<uses-permission android:name="android.permission.INTERNET" />\n  <application'
    other_sources(tmp_path, "app/src/main/AndroidManifest.xml", "<application", asked, monkeypatch)
    base, _ = build.link_resources(fetched, tmp_path)
    told = objections(fetched, home, repacked(fetched, home, built, tmp_path, base=base))
    assert told == ["it asks for the permission android.permission.INTERNET; it must ask for none"]


SETTING = 'Os.setenv("ORT_DISABLE_TELEMETRY", "1", true)'
APP = "app/src/main/java/edge/roformer/app/RoFormerApp.java"
TELEMETRY = {
    "left on": (APP, SETTING, SETTING.replace('"1"', '"0"')),
    "another variable": (APP, SETTING, 'Os.setenv("ORT_TELEMETRY", "1", true)'),
    "too late": (APP, SETTING, f"super.attachBaseContext(base); {SETTING}"),
    "not the application's class": ("app/src/main/AndroidManifest.xml", 'android:name=".RoFormerApp"', ""),
    "an engine that starts anyway": (
        "engine-ort/src/main/java/edge/roformer/ort/OnnxEngine.java",
        '!"1".equals(System.getenv(TELEMETRY))', "getClass() == null"),
}  # fmt: skip


@pytest.mark.parametrize("case", TELEMETRY)
def test_telemetry(
    case: str, fetched: Fetched, home: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, old, new = TELEMETRY[case]
    other_sources(tmp_path, path, old, new, monkeypatch)
    if case == "too late":
        source = jdk.DEMO / APP
        text = source.read_text("utf-8")
        source.write_text(text.replace("    super.attachBaseContext(base);\n  }", "  }"), "utf-8")
    base, generated = build.link_resources(fetched, tmp_path)
    dex = build.translate(fetched, home, build.compiled(fetched, home, generated, tmp_path), tmp_path)
    told = objections(fetched, home, repacked(fetched, home, built, tmp_path, base=base, dex=dex))
    assert len(told) == 1
    assert "telemetry is not switched off" in told[0] or "without a look at ORT_DISABLE_TELEMETRY" in told[0]


@pytest.fixture(scope="module")
def desktop(fetched: Fetched) -> Path:
    """The engine's classes for a JVM, with its libraries."""
    return fetch_desktop(fetched)


def labels(java: Runner, classpath: list[Path], bundle: Path) -> tuple[list[str], list[str]]:
    """Labels of the golden sentences, and what the app's engine class gave."""
    cases = [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]
    lines = "".join(json.dumps({"text": case["text"]}) + "\n" for case in cases)
    command = jdk.command(java.jdk, classpath, "run", "jar", bundle, "test")
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [case["int8_label"] for case in cases], [answer[0]["label"] for answer in answers]


def test_the_engine_class_on_a_jvm(java: Runner, fetched: Fetched, built: Path, desktop: Path, bundle: Path):
    classpath = [built / "work" / "engine-ort", *java.classpath, desktop]
    expected, found = labels(java, classpath, bundle)
    assert found == expected
    # it does not start where telemetry may be on
    command = jdk.command(java.jdk, classpath, "run", "jar", bundle)
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    told = subprocess.run(command, input="", capture_output=True, text=True, check=False, env=environment)
    assert told.returncode == 1
    assert told.stderr.startswith("error: the engine's telemetry is not switched off")


def test_the_dex_translated_back(
    java: Runner, fetched: Fetched, built: Path, desktop: Path, bundle: Path, tmp_path: Path
):
    jar = tmp_path / "translated.jar"
    folders = [built / "work" / name for name in ("core", "engine-ort", "app")]
    program = fetched.root / "usr/lib/python3/dist-packages"
    command = ["python3", "-O", "-m", "enjarify.main", "-o", jar, built / "work" / "classes.dex"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(program)}
    )
    assert jar.exists(), done.stdout + done.stderr
    with zipfile.ZipFile(jar) as archive:
        translated = {name for name in archive.namelist() if name.startswith("edge/")}
    ours = {path.relative_to(folder).as_posix() for folder in folders for path in folder.rglob("*.class")}
    assert translated == ours
    # the desktop's own classes of the engine come first, the core and the engine class from the DEX alone
    expected, found = labels(java, [desktop, jar, java.classpath[1]], bundle)
    assert found == expected
