"""Generate text: greedy, with beams, drawn at random, and piece by piece. Train a small language model first.

python examples/finetuning/shipped_data.py
python examples/finetuning/torch_causal_lm.py --data .cache/requests --epochs 30
python examples/06_generate.py [CHECKPOINT] [PROMPT]
"""

import sys

import roformer_edge

checkpoint = sys.argv[1] if sys.argv[1:] else ".cache/examples/torch-causal-lm"
prompt = sys.argv[2] if sys.argv[2:] else "把客厅的"

options = roformer_edge.DeployOptions(task="text-generation", recipe="int8-dynamic", overwrite=True)
made = roformer_edge.deploy_checkpoint(checkpoint, "out/examples/writer", options)

write = roformer_edge.load(made.bundle)
print("greedy: ", write(prompt, max_new_tokens=20).text)
print("beams:  ", write(prompt, max_new_tokens=20, num_beams=4, no_repeat_ngram_size=2).text)
for seed in range(3):
    print("drawn:  ", write(prompt, max_new_tokens=20, do_sample=True, top_p=0.9, seed=seed).text)

print("stream: ", end="")
for piece in write.stream(prompt, max_new_tokens=20):
    print(piece, end="|", flush=True)
print()
