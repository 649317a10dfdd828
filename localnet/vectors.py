"""Serves all-MiniLM-L6-v2, or its first layer, with llama.cpp's own server on a free port, says where, and ends with its standard input."""
import importlib.util
import json
import os
import struct
import sys
import tempfile
import zipfile

import gguf
import numpy
import xllamacpp

NAMES = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}


def name_of(tensor, layers):
    """The tensor's name in a GGUF file, None where it is not of these layers."""
    if tensor in NAMES:
        return NAMES[tensor]
    stem, kind = tensor.rsplit(".", 1)
    if stem in NAMES:
        return f"{NAMES[stem]}.{kind}"
    if stem.startswith("encoder.layer."):
        layer, part = stem.removeprefix("encoder.layer.").split(".", 1)
        if int(layer) < layers:
            return f"blk.{layer}.{NAMES[part]}.{kind}"
    return None


def write(path, layers):
    """Writes the package's weights, with the first so many layers, as a GGUF file."""
    package = importlib.util.find_spec("all_minilm_l6_v2").origin  # importing it prints
    pack = zipfile.ZipFile(os.path.join(os.path.dirname(package), "model.zip"))
    config, words = json.loads(pack.read("config.json")), json.loads(pack.read("tokenizer.json"))["model"]["vocab"]
    words = sorted(words, key=words.get)
    w = gguf.GGUFWriter(path, "bert")
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_block_count(layers)
    w.add_head_count(config["num_attention_heads"])
    w.add_layer_norm_eps(config["layer_norm_eps"])
    w.add_causal_attention(False)
    w.add_pooling_type(gguf.PoolingType.MEAN)
    w.add_tokenizer_model("bert")
    w.add_tokenizer_pre("default")
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    w.add_token_list([t if t in special else t[2:] if t.startswith("##") else "\u2581" + t for t in words])
    w.add_token_types([3 if t in special else 1 for t in words])
    w.add_token_type_count(config["type_vocab_size"])
    w.add_unk_token_id(words.index("[UNK]"))
    w.add_sep_token_id(words.index("[SEP]"))
    w.add_pad_token_id(words.index("[PAD]"))
    w.add_bos_token_id(words.index("[CLS]"))
    w.add_eos_token_id(words.index("[SEP]"))
    w.add_mask_token_id(words.index("[MASK]"))
    raw = pack.read("model.safetensors")
    size = struct.unpack("<Q", raw[:8])[0]
    for name, t in json.loads(raw[8:8 + size]).items():
        to = None if name == "__metadata__" else name_of(name, layers)
        if to is None:
            continue
        begin, end = t["data_offsets"]
        data = numpy.frombuffer(raw[8 + size + begin:8 + size + end], dtype=numpy.float32).reshape(t["shape"])
        small = data.ndim == 1 or to in ("position_embd.weight", "token_types.weight")
        w.add_tensor(to, data if small else data.astype(numpy.float16))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.gguf")
    write(path, 6 if sys.argv[1] == "all-MiniLM-L6-v2" else 1)
    p = xllamacpp.CommonParams()
    p.model.path, p.model_alias, p.embedding = path, {sys.argv[1]}, True
    p.port, p.n_parallel, p.n_ctx, p.n_batch, p.n_ubatch, p.warmup = 0, 4, 2048, 512, 512, False
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.verbosity = -1
    server = xllamacpp.Server(p)
    print(server.listening_address, flush=True)
    sys.stdin.read()
