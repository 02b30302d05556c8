# Two commands do everything from a clean clone: `make demo` and `make test`. They need Python 3.10 or newer, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --constraint envs/hub.txt

.PHONY: demo test android android-check web web-check ports fuzz endurance soak goals check lint types imports faults scale wheels site clean

# deploy the embedded checkpoint to int8, as ONNX and as TFLite, validate both side by side, answer a few sentences; the
# report is out/demo/report/report.html
demo: $(VENV)/.demo
	$(BIN)/roformer-edge demo --out out/demo

# every test, with the PyTorch, TensorFlow and Flax models and the transformers 4.57.6 oracle, a file at a time in each of
# some processes of one thread
JOBS ?= 2
test: $(VENV)/.dev .venv-oracle/.made .venv-frameworks/.made .venv-tflite/.made .venv-ray/.made
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

# spoil bundles, archives, checkpoints, tokenizers, texts and data for a while; prints the table of docs/reliability.md
MINUTES ?= 30
fuzz: $(VENV)/.dev .venv-frameworks/.made
	$(BIN)/python -W ignore -m tests.fuzz --minutes $(MINUTES)

# the long form of tests/endurance: kills, rewriting, 100,000 requests, 2,000 loads
endurance: $(VENV)/.dev
	ENDURANCE=long $(BIN)/python -m pytest -s tests/endurance

# the Android app with the demo bundle, signed, one APK for each processor, in out/android; needs a JDK 24, apt-get and npm,
# and fetches Android's tools and the engine by package name
android: $(VENV)/.demo
	$(BIN)/python android_demo/tools/build.py

# builds the app and tries to fool the check of it; runs its engine class and its DEX on a JVM. Result: android_demo/README.md
android-check: $(VENV)/.dev
	REQUIRE_ANDROID=1 REQUIRE_APK=1 $(BIN)/python -m pytest tests/android

# the page in a browser, with the demo bundle, on 127.0.0.1; needs npm, and fetches the engine by package name
web: $(VENV)/.demo
	$(BIN)/python web_demo/serve.py

# the page in a headless Chromium
web-check: $(VENV)/.dev
	REQUIRE_WEB=1 $(BIN)/python -m pytest tests/web

# the long form of the comparison of the Java core with this package: 20,000 real lines, 20,000 random strings, every code
# point, in three modes; about ten minutes. Result: android_demo/README.md
ports: $(VENV)/.dev
	REQUIRE_ANDROID=1 PORTS=long $(BIN)/python -m pytest -s tests/android/test_tokenizer.py

# 100,000 requests from four threads on each engine, and a pool of two processes beside one; about half an hour on two
# cores with nothing else to do. Result: benchmarks/results/soak.json, and its table in docs/benchmarks.md
soak: $(VENV)/.dev
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.table

# what is wanted beside the peers and how far it is, from the committed results
goals:
	$(PYTHON) -m benchmarks.goals

check: lint types imports test

# break promises of the documentation one at a time, and see tests fail; about ten minutes. Result: docs/faults.md
faults: $(VENV)/.dev .venv-oracle/.made
	$(BIN)/python scripts/faults.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt envs/hub.txt
	$(PIP) --editable roformer_edge_demo/ --editable '.[export,tflite,validate]'
	touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt envs/hub.txt
	$(PIP) --editable roformer_edge_demo/ --editable '.[dev]'
	touch $@ $(VENV)/.demo

.venv-oracle/.made: envs/oracle.txt constraints.txt scripts/make_env.sh
	PYTHON=$(PYTHON) scripts/make_env.sh oracle
	touch $@

# 3: there is no TensorFlow for this Python; its tests are skipped. Anything else is a failure.
.venv-frameworks/.made: envs/frameworks.txt constraints.txt scripts/make_env.sh
	PYTHON=$(PYTHON) scripts/make_env.sh frameworks || test $$? -eq 3
	test ! -f .venv-frameworks/.recipe || touch $@

# 3: there is no tflite-runtime for this Python
.venv-tflite/.made: envs/tflite.txt constraints.txt scripts/make_env.sh
	PYTHON=$(PYTHON) scripts/make_env.sh tflite || test $$? -eq 3
	test ! -f .venv-tflite/.recipe || touch $@

.venv-ray/.made: envs/ray.txt constraints.txt scripts/make_env.sh
	PYTHON=$(PYTHON) scripts/make_env.sh ray
	touch $@

# a thousand to a million texts, in one process and on two workers of Ray of which one is killed; half an hour on two quiet
# cores. Result: benchmarks/results/scale.json
scale: $(VENV)/.demo .venv-ray/.made
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale

# dist/roformer_edge-*.whl, which a device installs, and dist/roformer_edge_demo-*.whl with the embedded checkpoint
wheels: $(VENV)/.made
	rm -rf build dist roformer_edge_demo/build
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist . ./roformer_edge_demo

# the documentation as a site, out/site/index.html, built strictly and without a connection
site: .venv-docs/.made
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

.venv-docs/.made: envs/docs.txt scripts/make_env.sh
	PYTHON=$(PYTHON) scripts/make_env.sh docs
	touch $@

clean:
	rm -rf .venv .venv-oracle .venv-frameworks .venv-tflite .venv-ray .venv-docs .venv-peers .venv-engines .cache out build dist *.egg-info
