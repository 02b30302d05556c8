"""What is spoilt in the formats of TensorFlow and Flax, a row each; for the environment that has them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.fuzz.mutation import Mutator
from tests.fuzz.outcome import Attempt
from tests.fuzz.weights import CONFIG, arrays, open_whole, spoil_head

# the word that PyTorch, and the one that TensorFlow and Flax have for the same
_WORDS = (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"), (".weight", ".kernel"))


@cache
def _variables() -> dict[str, object]:
    """The weights under paths of Keras, with kernels ``[in, out]``."""
    found = {}
    for name, array in arrays().items():
        if name.endswith("embeddings.weight"):
            found[name.replace(".", "/")] = array
            continue
        path = next((name.replace(old, new) for old, new in _WORDS if name.endswith(old)), name)
        found[path.replace(".", "/")] = array.T.copy() if path.endswith(".kernel") else array
    return found


@cache
def _files() -> dict[str, bytes]:
    import h5py
    import tensorflow
    from flax.serialization import msgpack_serialize
    from flax.traverse_util import unflatten_dict

    folder = Path(mkdtemp(prefix="roformer-edge-fuzz-"))
    with h5py.File(folder / "tf_model.h5", "w") as file:
        for path, array in _variables().items():
            file[f"{path}:0"] = array
    tree = unflatten_dict({tuple(path.split("/")): array for path, array in _variables().items()})
    (folder / "flax_model.msgpack").write_bytes(msgpack_serialize(tree))
    with tensorflow.Graph().as_default(), tensorflow.compat.v1.Session() as session:
        for path, array in _variables().items():
            tensorflow.compat.v1.get_variable(path, initializer=array)
        session.run(tensorflow.compat.v1.global_variables_initializer())
        tensorflow.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _spoilt(*files: str) -> Attempt:
    """Alter the first of these files; the others lie beside it as they are."""

    def attempt(seed: int, folder: Path) -> str:
        CONFIG.save_pretrained(folder)
        for file in files:
            (folder / file).write_bytes(_files()[file])
        (folder / files[0]).write_bytes(spoil_head(Mutator(seed), _files()[files[0]]))
        return open_whole(folder)

    return attempt


TARGETS = {
    "tf_model.h5": _spoilt("tf_model.h5"),
    "flax_model.msgpack": _spoilt("flax_model.msgpack"),
    "TensorFlow 1 index": _spoilt("model.ckpt.index", "model.ckpt.data-00000-of-00001"),
    "TensorFlow 1 data": _spoilt("model.ckpt.data-00000-of-00001", "model.ckpt.index"),
}
