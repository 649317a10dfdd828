# llama.cpp, as the PyPI wheel xllamacpp builds it, with one thread: processor seconds around each request. It reads one
# JSON command per line and answers with one, so that the other engine can be measured in between.
import http.client, json, os, sys
from concurrent.futures import ThreadPoolExecutor

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_parallel, params.n_ctx, params.kv_unified = int(sys.argv[2]), 4096, True
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.cache_ram_mib, params.warmup = 0, True
server = xllamacpp.Server(params)
host = server.listening_address.split("//")[1].rstrip("/")


def cpu():
    t = os.times()
    return t.user + t.system


def ask(prompt, n, probabilities=0):
    c = http.client.HTTPConnection(host)
    body = dict(prompt=prompt, n_predict=n, temperature=0, ignore_eos=True, cache_prompt=False, n_probs=probabilities)
    c.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(c.getresponse().read())


def cut(texts):
    c = http.client.HTTPConnection(host)
    for text in texts:
        body = dict(content=text, add_special=False, parse_special=False)
        c.request("POST", "/tokenize", json.dumps(body), {"Content-Type": "application/json"})
        yield json.loads(c.getresponse().read())["tokens"]


def timed(prompt, n, together):
    before = cpu()
    if together == 1:
        ask(prompt, n)
    else:
        with ThreadPoolExecutor(together) as pool:
            list(pool.map(lambda _: ask(prompt, n), range(together)))
    return cpu() - before


print("{}", flush=True)
for line in sys.stdin:
    c = json.loads(line)
    if "texts" in c:
        print(json.dumps(dict(texts=list(cut(c["texts"])))), flush=True)
        continue
    if c.get("probabilities"):
        answer = ask(c["prompt"], c["n"], 1).get("completion_probabilities", [])
        print(json.dumps(dict(tokens=[t["id"] for t in answer], logprobs=[t["logprob"] for t in answer])), flush=True)
        continue
    print(json.dumps(dict(seconds=timed(c["prompt"], c["n"], c["together"]))), flush=True)
os._exit(0)
