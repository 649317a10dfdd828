"""Serves a GGUF file with llama.cpp's own server on a free port, says where, and ends with its standard input."""
import sys

import xllamacpp

p = xllamacpp.CommonParams()
p.model.path, p.model_alias = sys.argv[1], {sys.argv[2]}
p.port, p.n_parallel, p.n_ctx, p.warmup = 0, 4, 8192, False
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1  # threads that wait for each other cost more than they give
p.verbosity = -1
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
