"""Runs where TensorFlow and Flax are installed: what our torch models saved and answered, in both.

    python -P frameworks_program.py FOLDER

Reads what ``conftest.py`` beside it wrote, and prints as JSON, for ``keras`` and for ``flax``, module by module, the
largest differences from torch and the messages of errors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge.errors import RoFormerEdgeError

FRAMEWORKS = {"keras": "TF", "flax": "Flax"}


def far(found: Any, wanted: Any) -> float:
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    return float(np.abs(found - wanted).max())


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except (ValueError, RoFormerEdgeError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was refused"


class Framework:
    """The checks of one of them; every method is a module of ``roformer_edge.models``."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self._module = lambda module: import_module(f"roformer_edge.models.{name}.{module}")
        self._tensor: Callable[[Any], Any] = (
            import_module("tensorflow").constant if name == "keras" else import_module("jax.numpy").asarray
        )

    def _class(self, architecture: str) -> Any:
        return getattr(self._module("heads"), f"{FRAMEWORKS[self.name]}{architecture}")

    def _stored(self, name: str) -> dict[str, np.ndarray]:
        return dict(np.load(self.folder / f"{name}.npz"))

    def attention(self) -> dict[str, Any]:
        module, stored = self._module("attention"), self._stored("attention")
        angles = self._tensor(stored["sines"]), self._tensor(stored["cosines"])
        masks = [module.additive_mask(self._tensor(stored[name])) for name in ("flat", "square")]
        return {
            "rotation": far(module.rotate(self._tensor(stored["states"]), angles), stored["rotated"]),
            "masks": [far(mask, stored[f"{name} added"]) for mask, name in zip(masks, ("flat", "square"), strict=True)],
        }

    def encoder(self) -> dict[str, Any]:
        stored = self._stored("activations")
        points, table = stored.pop("points"), self._module("encoder").ACTIVATIONS
        assert stored.keys() == table.keys()
        shapes = {}
        for case in sorted((self.folder / "shapes").iterdir()):
            model = self._class("RoFormerForSequenceClassification").from_pretrained(case)
            shapes[case.name] = far(model(**self._stored("inputs")).logits, np.load(case / "logits.npy"))
        functions = {name: far(table[name](self._tensor(points)), values) for name, values in stored.items()}
        return {"activations": functions, "shapes": shapes}

    def heads(self) -> dict[str, Any]:
        found = {}
        for case in sorted((self.folder / "heads").iterdir()):
            if not hasattr(self._module("heads"), f"{FRAMEWORKS[self.name]}{case.name}"):
                continue
            outputs = dict(np.load(case / "outputs.npz"))
            answer = self._class(case.name).from_pretrained(case)(**dict(np.load(case / "inputs.npz")))
            found[case.name] = {name: far(answer[name], values) for name, values in outputs.items()}
        return found

    def losses(self) -> dict[str, Any]:
        module, stored = self._module("losses"), self._stored("losses")
        found = {}
        for name, wanted in stored.items():
            if not name.endswith(" loss"):
                continue
            function, kind, *_ = name.split()
            if not hasattr(module, function):
                continue
            arguments = [self._tensor(stored[key]) for key in sorted(stored) if key.startswith(f"{name} argument")]
            options = [None if kind == "derived" else kind] if function == "sequence_loss" else []
            found[name] = far(getattr(module, function)(*arguments, *options), wanted)
        return found

    def pretrained(self) -> dict[str, Any]:
        source = self.folder / "heads" / "RoFormerForSequenceClassification"
        kind = self._class("RoFormerForSequenceClassification")
        model = kind.from_pretrained(source)
        again = kind.from_pretrained(model.save_pretrained(self.folder / f"{self.name} again"))
        arrays, copies = model.canonical_arrays(), again.canonical_arrays()
        bare = self.folder / "heads" / "RoFormerModel"
        started = kind.from_pretrained(bare, num_labels=5, new_head=True)
        encoder = {name: array for name, array in started.canonical_arrays().items() if name.startswith("roformer.")}
        return {
            "saved": max(far(copies[name], array) for name, array in arrays.items()),
            "names": sorted(arrays) == sorted(copies),
            "encoder kept": max(far(array, arrays[name]) for name, array in encoder.items()),
            "labels": started.config.num_labels,
            "no head": refusal(lambda: kind.from_pretrained(bare, new_head=False)),
            "unknown field": refusal(lambda: kind.from_pretrained(source, hidden_drop=0.3)),
        }

    def generation(self) -> dict[str, Any]:
        case, stored = self.folder / "heads" / "RoFormerForCausalLM", self._stored("generation")
        model = self._class("RoFormerForCausalLM").from_pretrained(case)
        rows = {name: stored[name] for name in ("input_ids", "attention_mask")}
        ways = {"cache": {}, "no cache": {"use_cache": False}}
        found = {
            name: np.asarray(model.generate(**rows, max_new_tokens=6, **options)).tolist()
            for name, options in ways.items()
        }
        stopped = model.generate(**rows, max_new_tokens=6, eos_token_id=int(stored["stop"]), pad_token_id=0)
        drawn = [model.generate(**rows, max_new_tokens=6, do_sample=True, seed=seed) for seed in (1, 1, 2)]
        return {
            **found,
            "stopped": np.asarray(stopped).tolist(),
            "seeds": [bool(np.array_equal(drawn[0], other)) for other in drawn[1:]],
            "both limits": refusal(lambda: model.generate(**rows, max_new_tokens=1, max_length=9)),
            "prefix": refusal(lambda: type(model)(model.config.replace(prefix_lm=True))),
        }


def main(folder: Path) -> None:
    modules = ["attention", "encoder", "heads", "losses", "pretrained"]
    report = {}
    for name in FRAMEWORKS:
        framework = Framework(name, folder)
        report[name] = {module: getattr(framework, module)() for module in modules}
    report["keras"]["generation"] = Framework("keras", folder).generation()
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
