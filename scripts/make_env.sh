#!/usr/bin/env bash
# Makes an environment that is not the package's own, beside it in the project's root. Quick when it is made already.
#
#   scripts/make_env.sh oracle        .venv-oracle: transformers 4.57.6 on PyTorch, what the tests compare with
#   scripts/make_env.sh peers         .venv-peers: litert-torch, ai-edge-quantizer and optimum-onnx, for one benchmark
#   scripts/make_env.sh engines       .venv-engines: OpenVINO with NNCF, ExecuTorch and torchao, for the same benchmark
#   scripts/make_env.sh frameworks    .venv-frameworks: TensorFlow and Flax, and transformers' own models in both
#   scripts/make_env.sh tflite        .venv-tflite: tflite-runtime 2.14, the last of its name, which old devices have
#   scripts/make_env.sh ray           .venv-ray: Ray Data and pyarrow, for jobs on several workers and their benchmark
#   scripts/make_env.sh docs          .venv-docs: what builds the documentation site
#
# It needs Python 3.10 or newer (PYTHON=... chooses one) and pip. Versions are exact: envs/NAME.txt, constraints.txt.
# The frameworks need Python 3.11 or 3.12, and tflite-runtime 3.10 or 3.11: with another one it says so, makes nothing and
# ends with exit code 3, which is no failure of the installation (exit code 1).
# On Linux pip's usual torch brings gigabytes of CUDA. Where that matters, tell pip of PyTorch's own index of
# processor-only builds with PIP_EXTRA_INDEX_URL: they satisfy the same pin and are preferred.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "make_env: $*" >&2
  exit 1
}

case "${1:-}" in
  oracle | peers | engines | frameworks | tflite | ray | docs) name=$1 ;;
  *) echo "usage: $0 oracle|peers|engines|frameworks|tflite|ray|docs" >&2; exit 2 ;;
esac

folder=.venv-$name
recipe=envs/$name.txt
stamp=$folder/.recipe
python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "$python was not found; set PYTHON to a Python of 3.10 or newer"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  fail "$python is Python $version; set PYTHON to one of 3.10 or newer"

if [ "$name" = frameworks ] && [ "$version" != 3.11 ] && [ "$version" != 3.12 ]; then
  echo "make_env: TensorFlow 2.19 and jax 0.10 exist together for Python 3.11 and 3.12 only, and $python is $version:" >&2
  echo "make_env: $folder is not made, the tests of the TensorFlow and Flax models are skipped." >&2
  echo "make_env: To run them, say PYTHON=python3.12 scripts/make_env.sh frameworks (or python3.11)." >&2
  exit 3
fi

if [ "$name" = tflite ] && [ "$version" != 3.10 ] && [ "$version" != 3.11 ]; then
  echo "make_env: tflite-runtime ended with Python 3.11, and $python is $version: $folder is not made, its tests are" >&2
  echo "make_env: skipped. To run them, say PYTHON=python3.11 scripts/make_env.sh tflite." >&2
  exit 3
fi

# what the environment was made from, or nothing where it was not finished
wanted="python $version"$'\n'"$(cat "$recipe" constraints.txt)"
if [ -x "$folder/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  echo "$folder is up to date"
  exit 0
fi

found=$("$folder/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
if [ "$found" != "$version" ]; then
  "$python" -m venv --clear "$folder" ||
    fail "$python cannot make an environment; its venv module is missing (on Debian: apt install python3-venv)"
fi
rm -f "$stamp"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$recipe" ||
  fail "pip could not install $recipe; its message stands above, and running this again continues"
"$folder/bin/python" -m pip check --disable-pip-version-check >/dev/null ||
  fail "the packages of $folder do not fit together: run $folder/bin/python -m pip check"
printf '%s\n' "$wanted" >"$stamp"
echo "$folder is made"
