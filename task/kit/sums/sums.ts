// A task in AssemblyScript: sums of two numbers of one to three digits. The whole interface is in this file.
//
//   npm install assemblyscript@0.28.20
//   npx asc sums.ts -o sums.wasm -O3s --runtime stub --use abort=sums/stop --exportStart _initialize

// @ts-ignore: decorator
@inline const TEXT = '"content":';

let input: StaticArray<u8> = new StaticArray<u8>(0); // what the host writes
let output: u8[] = []; // what it reads

function stop(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}

function push(s: string): void {
  for (let i = 0; i < s.length; i++) output.push(<u8>s.charCodeAt(i));
}

function word(n: u32): void {
  for (let i = 0; i < 4; i++) output.push(<u8>(n >> (8 * i)));
}

// field writes a length in four bytes and a text.
function field(s: string): void {
  word(s.length);
  push(s);
}

function packed(): u64 {
  return ((<u64>output.dataStart) << 32) | (<u64>output.length);
}

export function agora_task_v1(): void {}

export function agora_alloc(n: u32): usize {
  input = new StaticArray<u8>(n);
  return changetype<usize>(input);
}

export function agora_describe(): u64 {
  output = [];
  push('{"name":"sums","about":"Adds two numbers of one to three digits.","version":"1"}');
  return packed();
}

// mix is splitmix64: enough chance for a sum.
function mix(z: u64): u64 {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

export function agora_item(seed: usize, index: u64): u64 {
  let state = index;
  for (let i: usize = 0; i < 32; i += 8) state = mix(state ^ load<u64>(seed + i));
  const digits = mix(state ^ 1) % 3;
  const limit: u64 = digits == 0 ? 10 : digits == 1 ? 100 : 1000;
  const a = mix(state ^ 2) % limit, b = mix(state ^ 3) % limit;
  output = [];
  field("/v1/chat/completions");
  field('{"model":"task","messages":[{"role":"user","content":"What is ' + a.toString() + " + " + b.toString() +
    '?"}],"max_tokens":64,"temperature":0}');
  field((a + b).toString());
  return packed();
}

export function agora_score(key: usize, keySize: u32, answer: usize, answerSize: u32): u64 {
  const want = String.UTF8.decodeUnsafe(key, keySize);
  const got = lastNumber(content(String.UTF8.decodeUnsafe(answer, answerSize)));
  output = [];
  const score: f64 = got == want ? 1 : 0;
  const bits = reinterpret<u64>(score);
  for (let i = 0; i < 8; i++) output.push(<u8>(bits >> (8 * i)));
  push(got == want ? "right" : got == "" ? "no number in the answer" : got + " is not " + want);
  return packed();
}

// content is the text of the first "content" of a chat completion, as it is spelled in JSON.
function content(answer: string): string {
  let at = answer.indexOf(TEXT);
  if (at < 0) return "";
  at = answer.indexOf('"', at + TEXT.length) + 1;
  let end = at;
  while (end < answer.length && answer.charAt(end) != '"') end += answer.charAt(end) == "\\" ? 2 : 1;
  return answer.substring(at, end);
}

// lastNumber is the last run of digits in a text, at most 8 of them.
function lastNumber(text: string): string {
  let end = text.length;
  while (end > 0 && !digit(text, end - 1)) end--;
  let start = end;
  while (start > 0 && digit(text, start - 1) && end - start < 8) start--;
  return text.substring(start, end);
}

function digit(text: string, i: i32): bool {
  const c = text.charCodeAt(i);
  return c >= 48 && c <= 57;
}
