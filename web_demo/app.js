// The page: loads the bundle, compares the engine with the recorded answers, and answers.

import * as ort from "./ort/ort.wasm.min.mjs";
import { openBundle } from "./bundle.js";
import { Tokenizer } from "./tokenizer.js";

const SHOWN = 5;
const element = (id) => document.getElementById(id);
const times = [];
let classify = null;

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

// options of the manifest, "a.b": value, as the engine's nested object
function extraOf(session) {
  const extra = {};
  for (const [name, value] of Object.entries(session)) {
    if (name !== "optimization.disable_specified_optimizers") throw new Error(`the bundle sets the session option ${name}, which this page does not know`);
    extra.optimization = { disable_specified_optimizers: value };
  }
  return extra;
}

async function load() {
  const start = performance.now();
  const { manifest, files, digest } = await openBundle("./bundle", ["model", "vocabulary", "words", "unicode", "selftest"]);
  const tokenizer = new Tokenizer(manifest.tokenizer, files);
  const session = await ort.InferenceSession.create(files.model, { executionProviders: ["wasm"], extra: extraOf(manifest.session) });

  async function logits(text) {
    const ids = tokenizer.encode(text);
    if (ids.length > manifest.max_length) throw new Error(`the text has ${ids.length} tokens, and the model takes ${manifest.max_length} at most`);
    const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
    const feeds = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)), token_type_ids: tensor(ids.map(() => 0)) };
    const taken = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]]));
    return { ids, values: Array.from((await session.run(taken)).logits.data) };
  }

  const test = JSON.parse(new TextDecoder().decode(files.selftest));
  let worst = 0;
  for (const each of test.cases.filter((recorded) => recorded.pair === null)) {
    const found = await logits(each.text);
    if (JSON.stringify(found.ids) !== JSON.stringify(each.ids)) throw new Error("self-test: a text gives other token ids than recorded");
    worst = Math.max(worst, ...found.values.map((value, at) => Math.abs(value - each.outputs.logits[at])));
  }
  if (!(worst <= test.tolerance)) throw new Error(`self-test: the outputs differ by ${worst}, and ${test.tolerance} is allowed`);

  classify = async (text) => {
    const { ids, values } = await logits(text);
    const largest = Math.max(...values);
    const shares = values.map((value) => Math.exp(value - largest));
    const sum = shares.reduce((total, share) => total + share, 0);
    const answers = shares.map((share, at) => ({ label: manifest.labels[at], score: share / sum }));
    return { ids, answers: answers.sort((one, other) => other.score - one.score) };
  };
  element("facts").textContent = `onnxruntime-web ${ort.env.versions.web} · wasm, 1 thread · ${manifest.recipe.name} · ${digest.slice(0, 12)}\n`
    + `self-test passed: largest difference ${worst.toPrecision(2)}\nopened in ${Math.round(performance.now() - start)} ms`;
}

function show(answers) {
  element("bars").replaceChildren(...answers.slice(0, SHOWN).map(({ label, score }) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const share = document.createElement("span");
    const meter = document.createElement("meter");
    name.textContent = label;
    share.textContent = `${(100 * score).toFixed(1)} %`;
    meter.value = score;
    row.append(name, share, meter);
    return row;
  }));
}

async function answer() {
  const text = element("text").value;
  try {
    const start = performance.now();
    const found = await classify(text);
    times.push(performance.now() - start);
    show(found.answers);
    const median = [...times].sort((one, other) => one - other)[times.length >> 1];
    element("told").textContent = `${times.at(-1).toFixed(1)} ms (median ${median.toFixed(1)} of ${times.length})`;
  } catch (error) {
    element("told").textContent = error.message;
  }
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  answer();
});
for (const button of document.querySelectorAll(".sentence")) {
  button.addEventListener("click", () => {
    element("text").value = button.textContent;
    answer();
  });
}

try {
  await load();
  element("answer").disabled = false;
  element("told").textContent = "";
} catch (error) {
  element("told").textContent = error.message;
}

// the test's own way in: every sentence of a file, and the answers sent back
const asked = new URLSearchParams(location.search).get("sentences");
if (asked) {
  const report = { error: classify ? null : element("told").textContent, answers: [] };
  if (classify) {
    element("text").value = "把客厅的灯打开";
    await answer();
    for (const text of await (await fetch(asked)).json()) {
      const { ids, answers } = await classify(text);
      report.answers.push({ ids, label: answers[0].label });
    }
  }
  report.facts = element("facts").textContent;
  await fetch("./report", { method: "POST", body: JSON.stringify(report) });
}
