import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from nanogauge.core.errors import EngineError, SettingsError
from nanogauge.core.settings import Settings
from nanogauge.detection import engines
from nanogauge.detection.engines import make_engine
from nanogauge.detection.engines.onnx import DEFAULT, NO_BUSY_WAITING, PROVIDERS, SHIPPED, OnnxEngine


def test_cpu_and_auto_give_the_same_maps():
    tile = np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)
    maps = [OnnxEngine(n_threads=1, device=device).predict(tile) for device in ("cpu", "auto")]
    assert maps[0].shape == (5, 64, 96)
    assert 0 <= maps[0].min() <= maps[0].max() <= 1
    if PROVIDERS["cuda"] not in onnxruntime.get_available_providers():
        assert np.array_equal(*maps)


def test_a_network_takes_the_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanogauge.detection.engines.onnx.cores", lambda: 3)
    asked = [OnnxEngine(n_threads=n)._session.get_session_options().intra_op_num_threads for n in (None, 1)]
    assert asked == [3, 1]


def test_a_device_that_is_not_there_is_named():
    absent = next(d for d, provider in PROVIDERS.items() if provider not in onnxruntime.get_available_providers())
    with pytest.raises(EngineError, match=f"device '{absent}' is not there; this ONNX Runtime has .*cpu"):
        make_engine("unet", device=absent)
    with pytest.raises(SettingsError, match=r"device must be one of auto, cpu"):
        Settings().replace("segment", device="gpu")


def test_a_missing_or_broken_network_is_named(tmp_path):
    with pytest.raises(EngineError, match="weights are missing"):
        OnnxEngine(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(EngineError, match=r"bad\.onnx: ONNX Runtime cannot load it"):
        OnnxEngine(tmp_path / "bad.onnx")


def test_what_was_loaded_ahead_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_ahead", {})  # whatever a command run in this process may have left
    engines.load_ahead(n_threads=1)
    network, reader = make_engine("unet", n_threads=1), engines.make_reader(n_threads=1)
    assert "sha256" in network.__dict__
    assert engines._ahead == {}
    assert make_engine("unet", n_threads=1) is not network
    assert reader.read(np.full((40, 60), 128, np.uint8)) == []


def test_trouble_while_loading_ahead_is_told_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**options: object) -> OnnxEngine:
        raise EngineError("the weights are missing")

    monkeypatch.setattr("nanogauge.detection.engines.onnx.loaded_engine", missing)
    engines.load_ahead(n_threads=1)
    with pytest.raises(EngineError, match="weights are missing"):
        make_engine("unet", n_threads=1)
    engines.make_reader(n_threads=1)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiles_side_by_side_give_what_each_gives_alone(n_threads: int, n: int) -> None:
    rng = np.random.default_rng(0)
    tiles = [rng.normal(size=(32 * (1 + k), 64)).astype(np.float32) for k in range(n)]
    alone = OnnxEngine(n_threads=1)
    found = list(OnnxEngine(n_threads=n_threads).predict_all(iter(tiles), n))
    assert len(found) == n
    for maps, tile in zip(found, tiles, strict=True):
        assert np.array_equal(maps, alone.predict(tile))


@pytest.mark.parametrize("sizes", [(64,), (64, 64, 64, 64, 64), (64, 64, 96, 96, 96, 32)])
def test_tiles_in_batches_give_what_each_gives_alone(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    export = pytest.importorskip("nanogauge.training.export", reason="needs the extra train: pip install 'nanogauge[train]'")
    network = shutil.copy(DEFAULT, tmp_path / "network.onnx")
    assert OnnxEngine(network, batch=2).batch == 2
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(network))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, str(network))
    assert OnnxEngine(network, batch=2).batch == 1  # the file allows one
    assert export.free_batch(network)
    rng = np.random.default_rng(0)
    tiles = [rng.normal(size=(size, 64)).astype(np.float32) for size in sizes]
    alone, batches = OnnxEngine(n_threads=1), OnnxEngine(network, n_threads=1, batch=2)
    assert (OnnxEngine(network, device="cpu").batch, batches.batch) == (1, 2)
    found = list(batches.predict_all(iter(tiles), len(tiles)))
    assert len(found) == len(tiles)
    for maps, tile in zip(found, tiles, strict=True):
        np.testing.assert_allclose(maps, alone.predict(tile), atol=1e-5)


def test_a_network_written_for_one_tile_stays_as_it_is(tmp_path: Path) -> None:
    export = pytest.importorskip("nanogauge.training.export", reason="needs the extra train: pip install 'nanogauge[train]'")
    network = shutil.copy(SHIPPED["unet-resnet50-cbam"], tmp_path / "network.onnx")
    before = network.read_bytes()
    assert export.free_batch(network) == (network.read_bytes() != before)
    assert (OnnxEngine(network, batch=2).batch == 2) == (network.read_bytes() != before)


def test_eight_bits_say_nearly_what_float_says() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:192, 0:192]
    discs = (np.hypot(y % 64 - 32, x % 64 - 32) < 20).astype(np.float32)
    tile = 2 * discs - 1 + 0.2 * rng.normal(size=discs.shape).astype(np.float32)
    exact, rounded = make_engine("unet", n_threads=1), make_engine("unet-int8", n_threads=1)
    assert rounded.name == f"{exact.name} (int8)"
    assert rounded.sha256 != exact.sha256
    assert (rounded.calibration, rounded.detection) == (exact.calibration, exact.detection)
    apart = np.abs(rounded.predict(tile) - exact.predict(tile))
    assert 0 < apart.mean() < 0.01
    assert (apart[0] > 0.25).mean() < 0.01
    assert SHIPPED["unet-int8"].stat().st_size < 0.6 * DEFAULT.stat().st_size


def test_the_network_does_not_wait_busily() -> None:
    options = OnnxEngine(n_threads=2)._session.get_session_options()
    assert options.get_session_config_entry(NO_BUSY_WAITING[0]) == NO_BUSY_WAITING[1]
