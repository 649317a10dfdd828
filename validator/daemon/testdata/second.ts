// A task whose judge is the best miner of subnet 1: an answer is right if it ends in the number that the judge ends in.
// asc second.ts -o second.wasm -O3s --runtime stub --use abort=second/stop --exportStart _initialize (AssemblyScript 0.28.20)

// @ts-ignore: decorator
@external("agora", "ask")
declare function ask(model: usize, modelSize: u32, request: usize, requestSize: u32): u64;

let room: StaticArray<u8> = new StaticArray<u8>(0);
let output: u8[] = [];

function stop(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}

function push(s: string): void {
  for (let i = 0; i < s.length; i++) output.push(<u8>s.charCodeAt(i));
}

function field(s: string): void {
  for (let i = 0; i < 4; i++) output.push(<u8>(s.length >> (8 * i)));
  push(s);
}

function packed(): u64 {
  return ((<u64>output.dataStart) << 32) | (<u64>output.length);
}

export function agora_task_v1(): void {}

export function agora_alloc(n: u32): usize {
  room = new StaticArray<u8>(n);
  return changetype<usize>(room);
}

export function agora_describe(): u64 {
  output = [];
  push('{"name":"second","about":"Sums, judged by another subnet."}');
  return packed();
}

export function agora_item(seed: usize, index: u64): u64 {
  const a = load<u8>(seed, 0) ^ <u8>index, b = load<u8>(seed, 1);
  const request = '{"model":"task","messages":[{"role":"user","content":"What is ' + a.toString() + " + " + b.toString() +
    '?"}],"max_tokens":64,"temperature":0}';
  output = [];
  field("/v1/chat/completions");
  field(request);
  field(request); // the key: what the judge is asked
  return packed();
}

export function agora_score(key: usize, keySize: u32, answer: usize, answerSize: u32): u64 {
  const text = String.UTF8.decodeUnsafe(answer, answerSize);
  const at = text.indexOf('"content":"');
  const said = lastNumber(text.substring(at + 11, text.indexOf('"', at + 11)));
  const judge = new StaticArray<u8>(32);
  judge[31] = 1; // 28 zeros and the number of a subnet
  const reply = ask(changetype<usize>(judge), 32, key, keySize);
  const told = lastNumber(String.UTF8.decodeUnsafe(<usize>(reply >> 32), <u32>reply));
  const right = at >= 0 && said != "" && said == told;
  output = [];
  const bits = reinterpret<u64>(right ? 1.0 : 0.0);
  for (let i = 0; i < 8; i++) output.push(<u8>(bits >> (8 * i)));
  push(said + ", the judge says " + told);
  return packed();
}

// lastNumber is the last run of digits in a text.
function lastNumber(text: string): string {
  let end = text.length;
  while (end > 0 && !digit(text, end - 1)) end--;
  let start = end;
  while (start > 0 && digit(text, start - 1)) start--;
  return text.substring(start, end);
}

function digit(text: string, i: i32): bool {
  const c = text.charCodeAt(i);
  return c >= 48 && c <= 57;
}
