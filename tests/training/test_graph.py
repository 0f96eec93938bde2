import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from nanogauge.core.errors import SettingsError
from nanogauge.detection.engines.onnx import DEFAULT, OnnxEngine
from nanogauge.detection.segment import standardise
from nanogauge.training.synthetic import Scene, render

torch = pytest.importorskip("torch")

from nanogauge.training.export import export_file, export_fp32, quantise  # noqa: E402
from nanogauge.training.graph import fuse_attention, halve, optimise  # noqa: E402
from nanogauge.training.network import build  # noqa: E402
from nanogauge.training.shipped import read_onnx  # noqa: E402

pytestmark = pytest.mark.slow


def as_after_training():
    """A small network with statistics of its own, so that no map is flat."""
    torch.manual_seed(0)
    net = build("unet-tiny-cbam").eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    return net


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    export_fp32(as_after_training(), folder / "fp32.onnx")
    rng = np.random.default_rng(0)
    quantise(folder / "fp32.onnx", folder / "int8.onnx", [rng.normal(size=(96, 96)).astype(np.float32) for _ in range(4)])
    return folder / "int8.onnx"


def run(path, picture):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"grey": picture[None, None]})[0]


def test_the_numbers_stay(int8, tmp_path):
    assert optimise(int8, tmp_path / "fast.onnx") == 4
    onnx.checker.check_model(str(tmp_path / "fast.onnx"))
    for shape in ((32, 32), (96, 160), (224, 64)):
        picture = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        before, after = run(int8, picture), run(tmp_path / "fast.onnx", picture)
        assert before.std() > 1e-3
        # a value on the edge between two levels of 8 bits may fall to either side
        assert np.mean(np.abs(after - before)) < 2e-3
        assert np.max(np.abs(after - before)) < 0.05


def test_a_second_time_changes_nothing(int8, tmp_path):
    optimise(int8, tmp_path / "fast.onnx")
    model = onnx.load(str(tmp_path / "fast.onnx"))
    before = model.SerializeToString()
    assert fuse_attention(model) == 0
    assert model.SerializeToString() == before


def test_a_float_network_is_left_alone(int8, tmp_path):
    path = int8.with_name("fp32.onnx")
    assert optimise(path, tmp_path / "same.onnx") == 0
    picture = np.zeros((32, 32), np.float32)
    assert np.array_equal(run(path, picture), run(tmp_path / "same.onnx", picture))


def test_metadata_are_kept(int8, tmp_path):
    optimise(int8, tmp_path / "fast.onnx")
    assert {p.key for p in onnx.load(str(tmp_path / "fast.onnx")).metadata_props} == {
        p.key for p in onnx.load(str(int8)).metadata_props
    }


def test_half_the_file_says_the_same(tmp_path):
    whole = tmp_path / "whole.onnx"
    export_fp32(as_after_training(), whole, names={"nanogauge": '{"network": "unet-tiny-cbam"}'})
    half = tmp_path / "half.onnx"
    half.write_bytes(whole.read_bytes())
    halve(half)
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    picture = np.random.default_rng(3).normal(size=(96, 64)).astype(np.float32)
    assert np.abs(run(half, picture) - run(whole, picture)).max() < 0.01
    before, after = (read_onnx(path).state_dict() for path in (whole, half))
    for name, value in before.items():
        assert torch.allclose(value, after[name], rtol=1e-3, atol=1e-6), name
    halve(half)
    assert half.stat().st_size < 0.55 * whole.stat().st_size


def test_the_default_network_in_int8_says_nearly_the_same_and_describes_itself_as_before(tmp_path):
    discs = render(Scene(shape=(192, 192), median_diameter_px=30, coverage=0.3), seed=2).pixels
    picture = tmp_path / "discs.png"
    Image.fromarray(discs).save(picture)
    export_file(DEFAULT, tmp_path / "int8.onnx", [picture])
    graph = onnx.load(str(tmp_path / "int8.onnx")).graph
    makers = {o: n.op_type for n in graph.node for o in n.output}
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    in_float = [n for n in convolutions if makers.get(n.input[1]) != "DequantizeLinear"]
    assert len(in_float) == 2 < len(convolutions)  # the first and the last
    before, after = OnnxEngine(DEFAULT, n_threads=1), OnnxEngine(tmp_path / "int8.onnx", n_threads=1)
    assert (after.calibration, after.sees_px, after.n_maps) == (before.calibration, before.sees_px, before.n_maps)
    view = standardise(discs)
    assert np.abs(after.predict(view) - before.predict(view)).mean() < 0.02
    with pytest.raises(SettingsError, match="exported already"):
        export_file(DEFAULT, tmp_path / "none.onnx", [])
